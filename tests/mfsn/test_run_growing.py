"""Seeds and folds are added to a run folder, and its tables then hold all of them."""

from pathlib import Path

import pytest

from mfsn.experiment.results import read_run, read_table
from mfsn.run import main
from tests.mfsn.commands import command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runs")]


def test_added_seeds_and_folds_make_the_run_that_one_command_makes(
    searched: Path, place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "grown"
    assert main(command(place, "search", out, "--fold", "s1")) == 0
    first = out / "tasks" / "mfsn" / "seed-0" / "s1" / "result.json"
    before = first.stat().st_mtime_ns
    assert main(command(place, "search", out, "--fold", "s1", "--seed", "1")) == 0
    run = read_run(out)
    assert (run["seeds"], run["folds"], run["status"]) == ([0, 1], ["s1"], "finished")
    assert set(read_table(out / "folds.csv")["fold"]) == {"s1"}
    assert main(command(place, "search", out)) == 0
    run = read_run(out)
    assert (run["folds"], run["inputs"]["folds"]) == (["s0", "s1", "s2"],) * 2
    assert len(run["grown_by"]) == 2
    assert first.stat().st_mtime_ns == before
    for name in ("scores", "predictions", "folds", "alpha", "structures"):
        assert (out / f"{name}.csv").read_bytes() == (searched / f"{name}.csv").read_bytes(), name
    # Part of what is there is finished, too.
    assert main(command(place, "search", out, "--fold", "s2")) == 0
    assert read_run(out)["folds"] == ["s0", "s1", "s2"]
