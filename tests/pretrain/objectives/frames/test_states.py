"""The target space `encoder`: states of a trained encoder, their centroids and indices."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from pretrain.data.frames import num_frames_of
from pretrain.data.loader import DataSettings, usable_utterances
from pretrain.data.readers.read import read_corpus
from pretrain.model.encoder import build_encoder
from pretrain.model.masked_frames import find_masked_frames
from pretrain.model.weights import save_encoder
from pretrain.objectives.frames.objective import FramesObjective, build
from pretrain.objectives.frames.settings import FramesSettings
from pretrain.objectives.frames.states import EncoderStates
from pretrain.objectives.frames.targets import FrameTargets
from pretrain.shared.errors import InputError
from tests.pretrain.model.small import SETTINGS, make_batch

LAYER = 2


@pytest.fixture
def table(noise_corpus: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pd.DataFrame:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    return usable_utterances(read_corpus(noise_corpus), DataSettings())


def trained(folder: Path, seed: int) -> str:
    folder.mkdir()
    save_encoder(folder, build_encoder(SETTINGS, seed=seed))
    record = {"kind": "pretrain", "status": "finished", "name": "V", "seed": 0, "mode": "frames"}
    (folder / "run.json").write_text(json.dumps(record))
    return str(folder)


def made(table: pd.DataFrame, settings: FramesSettings) -> FramesObjective:
    return build(build_encoder(SETTINGS, seed=0), settings, 0, table)


def test_frames_are_the_standardised_states_of_the_layer(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    folder = trained(tmp_path / "a", seed=3)
    settings = FramesSettings(space="encoder", encoder=folder, layer=LAYER, num_centroids=4)
    objective = made(table, settings)
    targets = objective.targets
    assert isinstance(targets, FrameTargets)
    batch = make_batch()
    masked = find_masked_frames(batch.mask)
    with torch.no_grad():
        encoder = build_encoder(SETTINGS, seed=3).eval()
        features = encoder.features(batch.waveforms, batch.num_samples)
        states = encoder.context(features.projected, features.valid).layers[LAYER]
    expected = masked.take((states - targets.mean) / targets.std)
    found = targets(batch, masked)
    valid = masked.valid
    torch.testing.assert_close(found.values[valid], expected[valid], rtol=1e-4, atol=1e-4)
    assert objective(batch, 0.0).loss_sum.requires_grad
    # The teacher is no part of what is trained or kept.
    assert not any("frames" in name for name in objective.state_dict())
    assert sum(p.numel() for p in objective.parameters()) == (
        sum(p.numel() for p in objective.encoder.parameters())
        + sum(p.numel() for p in objective.head.parameters())
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"target": "centroid"},
        {"target": "index", "head": "distance"},
        {"target": "index", "head": "cosine"},
        {"target": "posterior", "head": "distance"},
    ],
)
def test_every_target_can_be_asked_of_states(
    table: pd.DataFrame, tmp_path: Path, changes: dict[str, Any]
) -> None:
    folder = trained(tmp_path / "a", seed=3)
    plain = FramesSettings(space="encoder", encoder=folder, layer=0, num_centroids=4)
    output = made(table, replace(plain, **changes))(make_batch(), 0.0)
    assert torch.isfinite(output.loss_sum)
    assert output.metrics["explained"] < 1


@pytest.mark.slow
def test_another_teacher_has_another_codebook_and_another_hash(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    kept = []
    for seed in (3, 4):
        folder = trained(tmp_path / str(seed), seed=seed)
        settings = FramesSettings(space="encoder", encoder=folder, layer=1, num_centroids=4)
        kept.append(made(table, settings).fixed_targets())
    assert not torch.equal(kept[0]["encoder"], kept[1]["encoder"])
    assert not torch.equal(kept[0]["centroids"], kept[1]["centroids"])


def test_an_encoder_without_such_a_layer_or_at_all_is_refused_by_name(tmp_path: Path) -> None:
    folder = trained(tmp_path / "a", seed=3)
    with pytest.raises(InputError, match=r"`frames\.layer` must be at most \d+, .* is 9 instead"):
        EncoderStates(folder, 9)
    with pytest.raises(InputError, match=r"`frames\.encoder` must be the folder of an encoder"):
        EncoderStates(str(tmp_path / "none"), 0)
    with pytest.raises(ValueError, match="`encoder` must be the folder of a trained encoder"):
        FramesSettings(space="encoder")
    with pytest.raises(ValueError, match="only there"):
        FramesSettings(encoder=folder)


def test_padding_changes_no_state(tmp_path: Path) -> None:
    states = EncoderStates(trained(tmp_path / "a", seed=3), LAYER)
    batch = make_batch()
    together = states(batch.waveforms, batch.num_samples)
    for row, length in enumerate(batch.num_samples.tolist()):
        samples = -(-length // 320) * 320
        alone = states(batch.waveforms[row : row + 1, :samples], batch.num_samples[row : row + 1])
        count = num_frames_of(length)
        torch.testing.assert_close(together[row, :count], alone[0, :count], rtol=1e-4, atol=1e-5)
