"""A whole study of fusion: heads side by side, its folder, and a file that must not change."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mfsn.command_line import parse
from mfsn.run import main
from mfsn.study.run_study import ablation
from mfsn.study.study_file import NETWORKS, FusionStudy
from probe.study.study_file import read_registered
from reports.collect import collect
from reports.study.fusion_questions import fusion_outcome
from tests.conftest import PROJECT
from tests.mfsn.commands import TINY

STUDY = f"""
name = "small"
question = "Does it run?"
[networks]
heads = ["coattention", "content"]
seeds = [0]
[training]
config = ["{TINY}"]
set = ["fit.max_epochs=1"]
[testing]
corpus = "mine"
protocol = "speaker"
[[contrasts]]
first = "content mfsn"
second = "content tec"
isolates = "speech"
[decision]
equivalence_margin = 3.0
"""


def arguments(place: Path, file: Path, out: Path) -> list[str]:
    return [
        "study", "--study", str(file), "--tec", str(place / "tec"),
        "--sec-quantized", str(place / "quantized"), "--sec-continuous", str(place / "continuous"),
        "--corpus", f"mine={place / 'corpus' / 'manifest.csv'}", "--out", str(out),
        "--no-fingerprints",
    ]  # fmt: skip


@pytest.mark.usefixtures("runs")
def test_a_study_is_run_kept_reported_and_not_changed(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "small.toml", tmp_path / "out"
    file.write_text(STUDY)
    assert main(arguments(place, file, out)) == 0
    pooling = {
        head: json.loads((out / head / "run.json").read_text())["settings"]["head"].get("pooling")
        for head in ("coattention", "content")
    }
    assert pooling == {"coattention": None, "content": "content"}
    counts = pd.read_csv(out / "study" / "counts.csv")
    tested = pd.read_csv(out / "content" / "predictions.csv")
    assert counts["utterances"].sum() == 2 * len(tested)
    right = (tested["target"] == tested["prediction"]).groupby(tested["variant"]).sum()
    own = counts[counts["head"] == "content"].groupby("network")["right"].sum()
    assert own.to_dict() == right.to_dict()
    assert (counts["contradicted"] == 0).all()
    traced = pd.read_csv(out / "study" / "trace.csv")
    assert set(traced["network"]) == set(NETWORKS)
    assert traced["ua"].between(0, 1).all()
    (run,) = collect([str(out / "study")]).fusion_studies
    assert [one.name for one in fusion_outcome(run).findings] == ["content mfsn - content tec"]

    assert main(arguments(place, file, out)) == 0
    assert "Already finished" in capsys.readouterr().out
    file.write_text(STUDY.replace("3.0", "5.0"))
    assert main(arguments(place, file, out)) == 1
    assert "has changed since this study was started" in capsys.readouterr().err


def test_an_unknown_network_is_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(STUDY.replace('"content tec"', '"max_mean tec"'))
    with pytest.raises(ValueError, match="'max_mean tec' is none of"):
        read_registered(file, FusionStudy)


def test_a_study_asks_for_what_its_file_says() -> None:
    file = PROJECT / "configs" / "study" / "fusion.toml"
    study = read_registered(file, FusionStudy)
    request = parse(arguments(Path("p"), file, Path("o")))
    asked = parse(ablation(study, request, "content", [0, 1]))
    assert asked.seeds == (0, 1)
    assert asked.folds == tuple(study.testing.folds)
    assert asked.protocol == study.testing.protocol
    assert asked.overrides[-1] == "head.pooling=content"
    assert not asked.fingerprints
    assert asked.encoders == request.encoders


def test_another_corpus_than_the_study_says_is_refused(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "small.toml"
    file.write_text(STUDY.replace('"mine"', '"emodb"'))
    assert main(arguments(place, file, tmp_path / "out")) == 2
    assert "--corpus must be emodb" in capsys.readouterr().err
