"""JSON and TOML are read strictly, and every fault is one sentence that names the file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pretrain.config.files import SettingsError, SettingsTree
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.shared.json_files import (
    FILES,
    JsonError,
    Schema,
    changed_files,
    digests_of,
    finite,
    made_of,
    read_object,
)

DEEP = 100_000


class Wanted(Schema):
    format: int
    hashes: dict[str, str | None] | None = None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not valid JSON"),
        (b"{", "is not valid JSON"),
        (b"[]", "must hold a JSON object, but holds [] instead"),
        (b"null", "but holds None instead"),
        (b"5", "but holds 5 instead"),
        (b'"' + b"x" * 1000 + b'"', "xxx... instead"),
        (b"{}", "`format` is missing"),
        (b'{"format": "1"}', "`format`: Input should be a valid integer, but is '1' instead"),
        (b'{"format": 1.5}', "`format`"),
        (b'{"format": true}', "`format`"),
        (b'{"format": null}', "`format`"),
        (b'{"format": 1, "hashes": {"corpus": 5}}', "`hashes.corpus`"),
        (b'{"format": 1, "hashes": []}', "`hashes`"),
        (b'{"format": 1, "format": 2}', "has the key `format` twice"),
        (b'{"format": 1, "x": NaN}', "numbers must be finite, but one is nan"),
        (b'{"format": 1, "x": [-Infinity]}', "numbers must be finite"),
        (b'{"format": 1, "x": 1e999}', "numbers must be finite"),
        (b'{"format": 1' + b"0" * 30 + b"}", "must fit into 64 bits"),
        (b'{"format": 1' + b"0" * 9000 + b"}", "is not valid JSON"),
        (b'{"format": "\xff"}', "is not UTF-8 text"),
        (b"[" * DEEP, "is nested deeper than 64 levels"),
        (b'{"x": ' * DEEP + b"1" + b"}" * DEEP, "is nested deeper than 64 levels"),
        (b'{"x": ' * 65 + b"1" + b"}" * 65, "is nested deeper than 64 levels"),
    ],
)
def test_every_fault_is_a_sentence_with_the_file(
    content: bytes, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "run.json"
    file.write_bytes(content)
    with pytest.raises(JsonError) as caught:
        read_object(file, Wanted)
    said = str(caught.value)
    assert said.startswith(str(file))
    assert message in said
    assert "\n" not in said
    assert len(said) < 400


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.json", tmp_path):
        with pytest.raises(JsonError, match=rf"{path} cannot be read"):
            read_object(path)


def test_what_is_right_comes_back_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text('{"format": 1, "of a later version": [1, 2.5, "\\u00e9", null], "x": 1e-300}')
    wanted = {"format": 1, "of a later version": [1, 2.5, "\u00e9", None], "x": 1e-300}
    assert read_object(file, Wanted) == wanted
    file.write_text('{"format": 1, "scores": [NaN, Infinity]}')
    undefined, infinite = read_object(file, Wanted, allow_nan=True)["scores"]
    assert undefined != undefined
    assert infinite == float("inf")


def test_settings_are_built_with_every_fault_named() -> None:
    with pytest.raises(JsonError) as caught:
        made_of(EncoderSettings, {"model_dim": "big", "self": 1}, "encoder.json", "settings")
    assert "`settings.model_dim`" in str(caught.value)
    assert "unknown key `settings.self`" in str(caught.value)
    with pytest.raises(JsonError, match="`model_dim` must be at least 1, but is 0"):
        made_of(EncoderSettings, {"model_dim": 0}, "encoder.json", "settings")


def test_files_beside_a_record_are_known_by_their_digests(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(name)
    record: dict[str, Any] = {FILES: digests_of(tmp_path, ["a.csv", "b.csv"])}
    assert changed_files(tmp_path, record) == []
    (tmp_path / "a.csv").write_text("A.csv")
    (tmp_path / "b.csv").unlink()
    assert changed_files(tmp_path, record) == ["a.csv", "b.csv"]
    assert changed_files(tmp_path, record, only=("b.csv",)) == ["b.csv"]
    assert changed_files(tmp_path, {}) == []
    assert changed_files(tmp_path, {FILES: {"../a.csv": ""}}) == ["../a.csv"]


def test_what_json_cannot_hold_becomes_null() -> None:
    value = {"a": [1.0, float("nan")], "b": {"c": float("inf"), "d": (True, "x", None)}}
    assert finite(value) == {"a": [1.0, None], "b": {"c": None, "d": [True, "x", None]}}


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * DEEP,
        "a = " + "[" * 80 + "]" * 80,
        "a = " + "{b = " * DEEP,
        ".".join("a" * DEEP) + " = 1",
        "[" + ".".join("a" * DEEP) + "]",
        "[" + " . ".join(["'a b'"] * 200) + "]",
    ],
)
def test_toml_that_is_nested_too_deep_is_a_sentence(text: str, tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text)
    override = text if "=" in text else f"a{text[1:-1]}=1"
    readers: list[Callable[[], None]] = [
        lambda: SettingsTree().add_file(file),
        lambda: SettingsTree().add_override(override),
    ]
    for read in readers:
        with pytest.raises(SettingsError, match="nested deeper than 64 levels") as caught:
            read()
        assert len(str(caught.value)) < 400


def test_a_number_of_thousands_of_digits_in_toml_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("a = 1" + "0" * 9000)
    with pytest.raises(SettingsError, match=r"settings\.toml: not valid TOML"):
        SettingsTree().add_file(file)
