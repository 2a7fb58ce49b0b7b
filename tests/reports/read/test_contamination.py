"""What was heard in training is told beside every table that it touches, and so is what was not."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from reports import assemble as building
from reports.assemble import build
from reports.figures.drawing import Drawing, SavedFigure
from reports.read.contamination import MARK, heard_in, notes, with_marks
from tests.reports.conftest import make_probe
from tests.reports.mfsn_folders import make_mfsn

TWO = ("quantized-g2v2", "continuous-k4")


def entry(**changes: Any) -> dict[str, Any]:
    return {
        "corpus": "emodb",
        "pretrained_on": "speech",
        "stage": "pre-training",
        "rows": [[name, 0] for name in TWO],
        "num_utterances": 480,
        "by_hash": 0,
        "near_duplicates": 0,
        "examples": [],
        "checked_by": "audio hash and fingerprint",
        **changes,
    }


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    def stub(drawing: Drawing, folder: Path) -> SavedFigure:
        folder.mkdir(parents=True, exist_ok=True)
        svg = folder / f"{drawing.name}.svg"
        svg.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
        return SavedFigure(drawing=drawing, png=svg.with_suffix(".png"), svg=svg)

    monkeypatch.setattr(building, "save", stub)


def page_of(folder: Path, entries: list[dict[str, Any]], out: Path) -> str:
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "contamination": entries}))
    return build([str(folder)], out, command="made by a test").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_a_contaminated_row_is_marked_and_told_of_above_its_table(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "probe", corpora=("emodb",), names=TWO)
    found = entry(rows=[[TWO[0], 0]], by_hash=3, near_duplicates=2)
    page = page_of(folder, [found, entry(rows=[[TWO[1], 0]], corpus="other")], tmp_path / "out")
    assert re.search(
        r'class="alarm">\s*<ul>\s*<li>Contamination: 5 of 480 tested utterances were heard', page
    )
    assert "(3 as the same recording, 2 as a changed copy)" in page
    assert page.count(f'class="flag">{MARK}') >= 1
    assert "not checked, so nobody knows whether these had heard the tested recordings in " in page
    assert f"training: {TWO[1]}." in page
    (table,) = (tmp_path / "out" / "tables").glob("table4-*.md")
    (line,) = [line for line in table.read_text().splitlines() if MARK in line and "|" in line]
    assert "G=2 V=2" in line


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_a_clean_check_is_told_without_alarm(tmp_path: Path) -> None:
    folder = make_probe(tmp_path / "probe", corpora=("emodb",), names=TWO)
    page = page_of(folder, [entry()], tmp_path / "out")
    assert "Contamination, none found: no tested utterance is in speech" in page
    assert "of the pre-training of all rows" in page
    assert MARK not in page


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_mfsn_tells_it_of_its_encoders(tmp_path: Path) -> None:
    folder = make_mfsn(tmp_path / "mfsn", seeds=(0,), per_speaker=8, corpus="emodb")
    roles = list(json.loads((folder / "run.json").read_text())["encoders"])
    found = entry(rows=[[roles[0], None]], stage="CTC fine-tuning", near_duplicates=7)
    page = page_of(folder, [found], tmp_path / "out")
    assert "7 of 480 tested utterances were heard in the CTC fine-tuning on speech" in page
    assert f"The scores of {roles[0]} are not those of unheard speech." in page


def test_what_nobody_knows_is_called_unknown() -> None:
    unknown = entry(by_hash=None, near_duplicates=None, checked_by="no list")
    heard = heard_in([{"contamination": [unknown]}], "emodb", TWO)
    (note,) = notes(heard, TWO)
    assert "is unknown: no list." in note
    assert with_marks({}, heard) == {}


def test_the_same_finding_in_two_runs_is_told_once_and_marks_add_up() -> None:
    record = {"contamination": [entry(by_hash=1)]}
    heard = heard_in([record, record], "emodb", TWO)
    assert len(heard) == 1
    assert heard[0].names == TWO
    marked = with_marks({TWO[0]: "collapsed"}, [*heard, *heard])
    assert marked == {TWO[0]: f"collapsed, {MARK}", TWO[1]: MARK}
