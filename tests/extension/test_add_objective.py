"""One more objective is one file and one line, and the report shows it as what it says it is."""

import json
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.config.files import SettingsTree
from pretrain.config.settings import resolve
from pretrain.engine.pretrain_run import pretrain
from pretrain.objectives import OBJECTIVES
from pretrain.shared.random_streams import generator
from probe.command_line import parse_arguments
from probe.results import read_results
from probe.rows.text_table import text_tables
from probe.run import run
from reports import assemble as building
from reports.assemble import build
from reports.figures.drawing import Drawing, SavedFigure, save
from tests.conftest import PROJECT

ADDED = '''
"""Predicts how loud the masked frames are."""

from typing import Annotated

import pandas as pd
import torch
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.model.encoder import Encoder, seeded_weights
from pretrain.model.masked_frames import find_masked_frames
from pretrain.objectives.feature_statistics import variance
from pretrain.objectives.objective import ObjectiveKind, ObjectiveOutput
from pretrain.objectives.presentation import CollapseRule, Curves, Family, Panel, Presentation
from pretrain.shared.checked_settings import settings, within


@settings
class EnergySettings:
    floor: Annotated[float, within("(0, 1]")] = 0.001

    def row(self) -> dict[str, float]:
        return {"floor": self.floor}

    def presentation(self) -> Presentation:
        return Presentation(
            family=Family(kind="other", label="loudness", colours=("#2e8b57",)),
            label=f"floor={self.floor:g}",
            loss="squared error of the log-energy",
            curves=(
                Curves(
                    name="energy-error",
                    title="How wrong the energy is",
                    caption="Root of the mean squared error.",
                    panels=(Panel(heading="Error", metric="error"),),
                ),
            ),
        )


class EnergyObjective(nn.Module):
    def __init__(
        self, encoder: Encoder, settings: EnergySettings, seed: int, num_utterances: int
    ) -> None:
        super().__init__()
        assert num_utterances > 0
        self.encoder = encoder
        self.settings = settings
        self.bar_metric = "error"
        self.collapse_rules = (
            CollapseRule(
                metric="error", limit=1e6, collapsed_below=False, meaning="It diverges.",
                finding="the predicted energy diverges",
            ),
        )
        with seeded_weights(seed, "log-energy"):
            self.predict = nn.Linear(encoder.settings.model_dim, 1)

    def forward(self, batch: Batch, progress: float) -> ObjectiveOutput:
        masked = find_masked_frames(batch.mask)
        assert (batch.crop_starts >= 0).all()
        features = self.encoder.features(batch.waveforms, batch.num_samples)
        context = self.encoder.context(
            self.encoder.masked(features.projected, batch.mask), features.valid
        )
        power = batch.waveforms.unflatten(1, (-1, 320)).square().mean(dim=-1, keepdim=True)
        targets = masked.take((power + self.settings.floor).log())
        errors = (self.predict(masked.take(context.layers[-1])).float() - targets).square()
        loss = torch.where(masked.valid, errors[:, :, 0], 0.0).sum()
        num_targets = batch.mask.sum()
        spread = masked.mean((targets - masked.mean(targets)).square()).sum()
        metrics: dict[str, Tensor] = {
            "explained": 1.0 - loss / num_targets / spread,
            "error": (loss / num_targets).sqrt(),
            "conv_variance": variance(features.normalized, features.valid),
        }
        return ObjectiveOutput(
            loss_sum=loss,
            num_targets=num_targets,
            metrics={name: value.detach() for name, value in metrics.items()},
        )

    def after_update(self, progress: float) -> None:
        pass


def build(
    encoder: Encoder, settings: EnergySettings, seed: int, utterances: pd.DataFrame
) -> EnergyObjective:
    return EnergyObjective(encoder, settings, seed, len(utterances))


OBJECTIVE = ObjectiveKind(settings_class=EnergySettings, build=build)
'''


@pytest.fixture
def runs(
    tiny_tree: SettingsTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> dict[str, Path]:
    """The added objective beside a row of each family of the paper, trained."""
    (tmp_path / "added_objective.py").write_text(ADDED)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(OBJECTIVES, "log-energy", "added_objective")
    tiny_tree.put("training.updates", 3, "test")
    folders = {}
    for row in ("quantized-g2v2", "continuous-k1", "log-energy"):
        tree = deepcopy(tiny_tree)
        if row == "log-energy":
            tree.put("mode", row, "test")
            tree.put("log-energy.floor", 0.01, "test")
            tree.put("name", "loud", "test")
        else:
            tree.add_file(PROJECT / "configs" / "table4" / f"{row}.toml")
        folders[row] = tmp_path / "encoders" / row
        assert pretrain(resolve(tree), folders[row], resume=False)
    return folders


def labelled_corpus(folder: Path) -> str:
    folder.mkdir()
    lines = ["path,speaker,session,emotion,valence,arousal,dominance,text,split"]
    for number in range(12):
        samples = generator("run", number).normal(0, 0.05, 6_000)
        samples *= 1 + np.sin(np.arange(6_000) / (200 if number % 2 else 20))
        soundfile.write(folder / f"{number}.wav", samples, 16_000)
        emotion = "angry" if number % 2 else "sad"
        lines.append(f"{number}.wav,s{number // 4},p{number // 4},{emotion},{number % 3 + 1},,,,")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return f"mine={folder / 'manifest.csv'}"


@pytest.mark.slow
def test_an_added_objective_is_trained_probed_and_reported_under_its_own_name(
    runs: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    described = {row: json.loads((at / "run.json").read_text()) for row, at in runs.items()}
    assert len({one["hashes"]["comparison"] for one in described.values()}) == 1
    added = described["log-energy"]
    assert added["row"] == {"floor": 0.01}
    assert added["presentation"]["family"]["label"] == "loudness"
    assert added["collapse_rules"][0]["limit"] == 1e6

    encoders = [word for at in runs.values() for word in ("--encoder", str(at))]
    probe = tmp_path / "probe"
    corpus = labelled_corpus(tmp_path / "corpus")
    run(parse_arguments([*encoders, "--corpus", corpus, "--out", str(probe)]))
    assert text_tables(read_results(probe)).index("continuous-k1") < text_tables(
        read_results(probe)
    ).index("loud ")

    def roughly(drawing: Drawing, folder: Path) -> SavedFigure:
        return save(drawing, folder, dots_per_inch=20)

    monkeypatch.setattr(building, "save", roughly)
    given = [str(path) for path in (*runs.values(), probe)]
    out = tmp_path / "report"
    page = build(given, out, command="x").read_text()
    table = (out / "tables" / "table4-mine-speaker-linear.csv").read_text()
    assert "log-energy (loudness),floor=0.01," in table
    assert '<i class="key" style="background:#2e8b57"></i>log-energy (loudness)' in page
    assert "1 with loudness targets" in page
    for first, second in (
        ("quantized", "continuous"), ("quantized", "loudness"), ("continuous", "loudness"),
    ):  # fmt: skip
        asked = f"{first.capitalize()} or {second}? Each {first} row against each {second} one"
        assert asked in (out / "tables" / "differences-ua-mine-speaker-linear.csv").read_text()
        assert f"mine ({first} against {second})" in page
    assert "How wrong the energy is" in page
    assert (out / "figures" / "energy-error.svg").is_file()
    assert "Coloured lines: continuous and loudness rows." in page
    assert added["presentation"]["version"] == 1
