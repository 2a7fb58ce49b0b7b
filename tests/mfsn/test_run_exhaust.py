"""The command `exhaust`, beside the search that it judges."""

import json
from pathlib import Path

import pytest

from mfsn.experiment.results import COLUMNS, read_table
from mfsn.run import main
from tests.mfsn.commands import command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runs")]


def test_all_structures_are_trained_and_the_found_one_is_marked_in_every_fold(
    searched: Path, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "all"
    # The settings of the search itself may differ.
    more = ("--fold", "s1", "--search", str(searched), "--set", "search.alpha_lr=1.0")
    assert main(command(place, "exhaust", out, *more)) == 0
    table = read_table(out / "exhaustive.csv")
    assert tuple(table.columns) == COLUMNS["exhaustive"]
    assert len(table) == 24
    assert not table.duplicated(["level", "operations"]).any()
    found = table[table["found"] == "True"]
    genotype = searched / "tasks" / "mfsn" / "seed-0" / "s1" / "genotype.json"
    assert found["operations"].tolist() == [
        "+".join(json.loads(genotype.read_text())["operations"])
    ]
    assert main(command(place, "exhaust", out, "--fold", "s1", *more[4:])) == 1
    assert "found, seed and fold 0/s1" in capsys.readouterr().err
    assert main(command(place, "exhaust", out, "--fold", "s2", *more)) == 0
    table = read_table(out / "exhaustive.csv")
    assert table[table["found"] == "True"]["fold"].tolist() == ["s1", "s2"]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("fit.max_epochs=1", "its settings.fit.max_epochs (2) is not the one given here (1)"),
        ("fusion.num_cells=2", "its settings.fusion.num_cells (1)"),
        ("faults.test_selection=true", "`faults.test_selection` must be false for exhaust"),
    ],
)
def test_a_search_under_other_settings_cannot_be_judged(
    setting: str,
    message: str,
    searched: Path,
    place: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ("--fold", "s1", "--search", str(searched), "--set", setting)
    assert main(command(place, "exhaust", tmp_path / "all", *more)) == 1
    assert message in capsys.readouterr().err
    assert not (tmp_path / "all").exists()


def test_exhaust_offers_no_optimistic_scores(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(command(place, "exhaust", tmp_path / "all", "--optimistic"))
    assert "--optimistic" in capsys.readouterr().err
