"""The study that is kept with the project: README says what its files say; its page is whole."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from reports.assemble import build
from reports.collect import collect
from reports.study.questions import Outcome, outcome, sentence, signed
from reports.study.section import study_section
from tests.conftest import PROJECT

KEPT = PROJECT / "reports" / "results" / "quantization"
README = (PROJECT / "README.md").read_text(encoding="utf-8")


def asked(folder: Path) -> Outcome:
    (run,) = collect([str(folder)]).studies
    return outcome(run)


@pytest.fixture(scope="module")
def found() -> Outcome:
    return asked(KEPT)


@pytest.mark.slow
def test_readme_says_what_came_out(found: Outcome) -> None:
    own = README.partition("**Table 4**")[0]
    lines = re.findall(r"^\| (.+?) \| ([+-]\d[^|]*\]) \| (.+?) \|$", own, flags=re.MULTILINE)
    said = [(size, verdict.partition(" (")[0]) for _, size, verdict in lines]
    expected = []
    for one in found.findings:
        verdict = {"equal": f"equal within {100 * one.margin:.1f}"}.get(one.verdict, one.verdict)
        expected.append((f"{signed(one.value)} [{signed(one.low)}, {signed(one.high)}]", verdict))
    plain = [(size.replace("+", ""), verdict.replace(" points", "")) for size, verdict in said]
    assert plain == [(size.replace("+", ""), verdict) for size, verdict in expected]


@pytest.mark.slow
def test_the_page_is_made_from_the_kept_files_alone(tmp_path: Path) -> None:
    page = build([str(KEPT)], tmp_path / "out", command="x").read_text(encoding="utf-8")
    assert sentence(asked(KEPT)) in page
    assert {file.name for file in (tmp_path / "out" / "figures").glob("*.png")} >= {
        "study-quantization.png"
    }


def without_slope(tmp_path: Path) -> Path:
    folder = tmp_path / "study"
    shutil.copytree(KEPT, folder)
    record: dict[str, Any] = json.loads((folder / "run.json").read_text())
    record["study"]["primary"] = None
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.mark.slow
def test_without_a_slope_the_first_contrast_is_the_primary_question(tmp_path: Path) -> None:
    found = asked(without_slope(tmp_path))
    assert found.primary is found.findings[0]
    assert found.primary.name == "V - C4"
    assert "between V and C4, UA" in sentence(found)
    (run,) = collect([str(tmp_path / "study")]).studies
    section = study_section(run, lambda drawing: drawing)  # type: ignore[arg-type, return-value]
    assert len(section.sentences) == len(run.study.contrasts)
    assert not any("slope" in note for note in section.tables[0].notes)


def test_no_verdict_is_drawn_from_the_control(found: Outcome) -> None:
    assert not found.gates["shuffled"].learned
    limit = found.gates["shuffled"].high
    assert all(gate.limit == limit for gate in found.gates.values())
    assert all(gate.learned == (gate.explained > limit) for name, gate in found.gates.items()
               if name != "shuffled")  # fmt: skip
