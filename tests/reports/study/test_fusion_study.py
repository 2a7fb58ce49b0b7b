"""Studies of fusion in the report: verdicts, whom networks follow, and the page."""

from pathlib import Path

import pytest

from reports.assemble import build
from reports.collect import collect
from reports.study.fusion_questions import FusionOutcome, fusion_outcome, fusion_sentence
from reports.study.fusion_section import fusion_study_section
from reports.study.fusion_tables import network_table, trace_table
from reports.uncertainty.planned import DIFFERS, EQUAL
from tests.reports.fusion_studies import make_fusion_study

FUSES = {"content mfsn": 0.9, "content tec": 0.6, "coattention mfsn": 0.6}


def asked(folder: Path) -> FusionOutcome:
    (run,) = collect([str(folder)]).fusion_studies
    return fusion_outcome(run)


def test_a_fusion_that_gains_differs_and_one_that_does_not_is_no_gain(tmp_path: Path) -> None:
    found = asked(make_fusion_study(tmp_path / "study", FUSES))
    verdicts = {one.name: one.verdict for one in found.findings}
    assert verdicts["content mfsn - content tec"] == DIFFERS
    assert verdicts["content mfsn - coattention mfsn"] == DIFFERS
    same = asked(make_fusion_study(tmp_path / "same", {}))
    assert not any(one.verdict == DIFFERS for one in same.findings)
    assert {one.verdict for one in same.findings} >= {EQUAL}
    assert fusion_sentence(found).startswith("content mfsn - content tec: differs by +")
    assert "The best single stream is content tec" in fusion_sentence(found)


def test_ua_and_shares_are_those_of_the_counts(tmp_path: Path) -> None:
    found = asked(make_fusion_study(tmp_path / "study", FUSES))
    counts = found.run.counts
    own = counts[counts["name"] == "content mfsn"]
    recalls = own.groupby(["seed", "emotion"])[["right", "utterances"]].sum()
    by_seed = (recalls["right"] / recalls["utterances"]).groupby("seed").mean()
    scores = found.scores["content mfsn"]
    assert scores.ua.value == pytest.approx(by_seed.mean(), abs=2e-3)
    against = own[own["contradicted"] == 1]
    assert scores.right is not None
    assert scores.follows_words is not None
    assert scores.right.value == pytest.approx(
        against["right"].sum() / against["utterances"].sum(), abs=2e-3
    )
    assert scores.follows_words.value == pytest.approx(
        against["follows_words"].sum() / against["utterances"].sum(), abs=2e-3
    )
    others = own[own["contradicted"] == 0]
    assert scores.others.value == pytest.approx(
        others["right"].sum() / others["utterances"].sum(), abs=2e-3
    )


def test_floor_and_ceiling_stand_beside_the_networks(tmp_path: Path) -> None:
    table = network_table(asked(make_fusion_study(tmp_path / "study", FUSES)))
    listeners = [line for line in table.lines if line.part == "best possible listeners"]
    assert [line.cells["ua"].text for line in listeners] == ["58.8", "91.4"]
    assert [line.part for line in table.lines[:6:5]] == ["Co-attention", "content head"]


def test_the_trace_is_the_mean_over_folds(tmp_path: Path) -> None:
    table = trace_table(asked(make_fusion_study(tmp_path / "study", {})))
    assert table is not None
    cells = table.lines[0].cells
    assert cells["words-TEC states"].text == "25.0"
    assert cells["emotion-last layer"].text == "45.0"
    assert cells["words-last layer"].text == ""


def test_the_page_names_an_encoder_of_text_that_is_none(tmp_path: Path) -> None:
    entry = {"name": "q", "mode": "quantized", "finetuned": False}
    deaf = {"name": "d", "mode": "ctc", "finetuned": True, "cer": 0.7, "constant_cer": 0.6}
    for tec, words in ((entry, "never fine-tuned"), (deaf, "it does not read")):
        folder = make_fusion_study(tmp_path / words, {}, encoders={"tec": tec})
        (run,) = collect([str(folder)]).fusion_studies
        section = fusion_study_section(run, lambda drawing: drawing)  # type: ignore[arg-type, return-value]
        assert words in section.encoders[0]


def test_the_page_is_made_from_the_folder_alone(tmp_path: Path) -> None:
    folder = make_fusion_study(tmp_path / "study", FUSES)
    page = build([str(folder)], tmp_path / "out", command="x").read_text(encoding="utf-8")
    assert "Where it is lost" in page
    assert "mode continuous" in page
    assert "Synthetic" in page or "synthetic" in page
    assert (tmp_path / "out" / "figures" / "study-fusion.png").is_file()


def test_a_changed_file_is_refused_by_name(tmp_path: Path) -> None:
    folder = make_fusion_study(tmp_path / "study", {})
    with (folder / "counts.csv").open("a") as file:
        file.write("content,tec,0,s0,angry,0,1,1,1\n")
    with pytest.raises(ValueError, match=r"counts\.csv is gone or was changed"):
        collect([str(folder)])
