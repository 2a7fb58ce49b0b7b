"""Acoustic baselines in the report: what is asked of them, said of them, and how they are drawn."""

from pathlib import Path

from reports.palette import baseline_lines
from reports.uncertainty.evidence import evidence
from reports.uncertainty.questions import questions
from tests.reports.conftest import make_probe
from tests.reports.uncertainty.test_evidence import TWO, answer, one_grid, said


def test_rows_are_held_against_acoustic_baselines_as_against_log_mel(tmp_path: Path) -> None:
    """Questions, sentences and lines of figures have each of them, before the constant one."""
    added = ("mfcc", "egemaps")
    of_baseline = {"group": "baseline", "encoder_run": "", "mode": "", "row": {}, "hashes": {}}
    folder = make_probe(
        tmp_path / "p", names=(*TWO, *added), changes={name: of_baseline for name in added}
    )
    grid = one_grid(folder)
    pairs = [(x.first, x.second) for x in questions(grid)]
    for baseline in ("log-mel", *added):
        assert [one for one, other in pairs if other == baseline] == list(TWO)
    assert not [other for _, other in pairs if other == "constant"]
    assert grid.names[-4:] == ["log-mel", "egemaps", "mfcc", "constant"]
    words = {x.words for x in questions(grid)}
    assert "Is an encoder needed? Each row against mfcc statistics" in words
    assert len(evidence(grid).of("ua", "acoustic")) == 4
    lines = baseline_lines(grid.rows)
    assert len({str(lines[name]) for name in ("untrained", "log-mel", "constant", *added)}) == 5
    # So few questions can be decided by eight speakers.
    one = make_probe(tmp_path / "one", names=(TWO[1], "mfcc"), changes={"mfcc": of_baseline})
    answer(one, TWO[1], right=True)
    assert "rows against mfcc statistics (" in said(one)[0]
