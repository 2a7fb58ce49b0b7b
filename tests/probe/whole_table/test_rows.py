"""Rows that cannot be made, or not for one table, are refused before anything is computed."""

import json
from pathlib import Path

import pytest

from pretrain.config.files import SettingsError
from pretrain.engine.run_folder import RunFolderError
from probe.rows.comparable import EncoderError
from probe.whole_table.plan import make_heads
from probe.whole_table.rows import PretrainedRow, RowError, check_finished, last_lines, plan_rows
from tests.conftest import TINY
from tests.probe.table4_places import make_rows


def plan(place: Path, corpus: str = "synthetic", seeds: tuple[int, ...] = (0,)) -> list[str]:
    rows = plan_rows(
        place / "rows", (), seeds, place / "runs", config=[TINY], overrides=(), corpus=corpus,
        logs=place / "logs",
    )  # fmt: skip
    return [row.name for row in rows]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_rows(tmp_path / "rows")
    return tmp_path


@pytest.mark.parametrize("name", ["untrained", "constant", "log-mel", "egemaps"])
def test_no_row_is_called_as_a_baseline(name: str, place: Path) -> None:
    file = place / "rows" / "quantized-g2v2.toml"
    file.write_text(f'name = "{name}"\nmode = "quantized"\n')
    with pytest.raises(SettingsError, match=f"as baselines, but is {name}"):
        plan(place)


@pytest.mark.parametrize(
    ("corpus", "message"),
    [
        ("folder=nowhere", "nowhere does not exist"),
        ("mine=nowhere.csv", "nowhere.csv does not exist"),
        ("mine=nowhere", "is not known, and nowhere does not exist"),
        ("libirspeech", "Did you mean 'librispeech'"),
    ],
)
def test_a_corpus_that_is_not_there_is_found_before_pre_training(
    corpus: str, message: str, place: Path
) -> None:
    with pytest.raises(ValueError, match=message):
        plan(place, corpus)
    assert len(plan(place, f"folder={place}")) == 2


def test_unequal_encoders_of_different_seeds_are_refused(place: Path) -> None:
    def finished(seed: int, content: str) -> PretrainedRow:
        folder = place / f"row-seed{seed}"
        folder.mkdir(exist_ok=True)
        for name in ("encoder.json", "encoder.safetensors"):
            (folder / name).touch()
        description = {
            "kind": "pretrain", "status": "finished", "name": "row", "seed": seed,
            "comparison": {"corpus": content}, "hashes": {"corpus": content},
        }  # fmt: skip
        (folder / "run.json").write_text(json.dumps(description))
        (one, *_) = plan_rows(
            place / "rows", (), [seed], place / "runs", config=[TINY], overrides=(),
            corpus="synthetic", logs=place,
        )  # fmt: skip
        return PretrainedRow(
            row="row", seed=seed, folder=folder, settings=one.settings, arguments=(), log=place
        )

    check_finished([finished(0, "a"), finished(1, "a")])
    with pytest.raises(EncoderError, match="cannot stand in one table"):
        check_finished([finished(0, "a"), finished(1, "b")])


def test_a_folder_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RowError, match="folder of TOML files"):
        plan(tmp_path)


def test_messages_name_the_options_of_this_command(place: Path) -> None:
    assert plan(place)
    (place / "runs" / "quantized-g2v2-seed0").mkdir(parents=True)
    stranger = place / "runs" / "quantized-g2v2-seed0" / "thesis.txt"
    stranger.touch()
    with pytest.raises(RunFolderError, match="Choose another --runs"):
        plan(place)
    stranger.rename(stranger.with_name("run.json"))
    with pytest.raises(RunFolderError, match="Choose another --runs"):
        plan(place)
    stranger.with_name("run.json").unlink()
    (place / "rows" / "a.toml").write_text('name = "a"\n')
    with pytest.raises(SettingsError, match=r"but is None instead\. Set it in the file"):
        plan(place)
    (place / "rows" / "a.toml").unlink()
    with pytest.raises(SettingsError, match=r"^--pretrain-on 7: `data.corpus`"):
        plan(place, corpus=7)  # type: ignore[arg-type]


def test_a_pre_training_that_fails_names_the_options_of_this_command(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.write_text("error: the corpus changed. Restore what it was, or choose another --out.\n")
    assert last_lines(log).endswith("or choose another --runs.")


@pytest.mark.parametrize(
    "override", ["superb.epochs=0", "superb.epoch=3", "superb.lr=0x1", "superb.lr=1\n2"]
)
def test_settings_of_heads_are_blamed_on_their_option(override: str) -> None:
    with pytest.raises(ValueError, match=r"^--head-set ['s]"):
        make_heads(["superb"], [override])
