"""A folder is replaced as a whole or stays as it was."""

import os
from pathlib import Path

import pytest

from pretrain.shared.atomic_files import WriteError, replaced_folder


def test_a_folder_is_new_or_replaced_and_nothing_stays_beside_it(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with replaced_folder(tmp_path / "below" / "out") as beside:
            (beside / f"{content}.txt").write_text(content)
    assert [path.name for path in (tmp_path / "below").iterdir()] == ["out"]
    assert [path.name for path in (tmp_path / "below" / "out").iterdir()] == ["second.txt"]


@pytest.mark.parametrize("failing", ["while it is written", "when it gets its name"])
def test_what_fails_leaves_the_folder_as_it_was(
    failing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    with replaced_folder(out) as beside:
        (beside / "first.txt").write_text("first")
    replace = os.replace

    def refuse(source: Path, target: Path) -> None:
        if target == out and not source.name.endswith("-old"):
            raise OSError(28, "No space left on device")
        replace(source, target)

    def write_again() -> None:
        with replaced_folder(out):
            if failing == "while it is written":
                raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("pretrain.shared.atomic_files.os.replace", refuse)
        with pytest.raises(WriteError, match="No space left"):
            write_again()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert (out / "first.txt").read_text() == "first"
