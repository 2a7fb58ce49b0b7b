"""Fine-tuning at tiny size: it learns, leaves what it was given alone, and repeats."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from pretrain.model.encoder import Encoder, build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.frozen import FrozenEncoder
from pretrain.model.weights import weights_hash
from pretrain.shared.random_streams import generator
from probe.corpora.targets import Task
from probe.features.row_source import RowSource
from probe.heads.finetune import FinetunedNetwork, FinetuneSettings, evaluate_finetuned
from probe.heads.linear import Evaluation, Part

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)
SETTINGS = FinetuneSettings(
    encoder_lr=3e-3, head_lr=3e-2, batch_size=6, epochs=20, max_seconds=0.25, freeze_conv=False
)
NUM = 18


@pytest.fixture
def table(tmp_path: Path) -> pd.DataFrame:
    """Even utterances are low tones, odd ones are noise, of unequal lengths."""
    rows = []
    for number in range(NUM):
        samples = generator("fine-tuning", number).normal(0, 0.1, 3000 + 200 * number)
        if number % 2 == 0:
            samples = np.cumsum(samples) / 10
        path = tmp_path / f"{number:02d}.wav"
        soundfile.write(path, samples, 16_000, subtype="FLOAT")
        rows.append(
            {
                "id": f"u{number:02d}",
                "path": str(path),
                "offset": 0,
                "frames": len(samples),
                "sample_rate": 16_000,
                "speaker": f"s{number % 3}",
                "session": "",
            }
        )
    return pd.DataFrame(rows)


def tasks() -> list[Task]:
    labelled, classes = np.ones(NUM, dtype=bool), np.arange(NUM, dtype=np.float64) % 2
    return [
        Task(name="emotion", labelled=labelled, targets=classes, classes=("noise", "tone")),
        Task(name="valence", labelled=labelled, targets=1 + 3 * classes),
    ]


def make_parts() -> list[Part]:
    speaker = np.arange(NUM) // 2 % 3
    return [
        Part(
            fold=f"s{fold}",
            train=np.flatnonzero((speaker != fold) & (speaker != (fold + 1) % 3)),
            dev=np.flatnonzero(speaker == (fold + 1) % 3),
            test=np.flatnonzero(speaker == fold),
        )
        for fold in range(2)
    ]


def source_of(table: pd.DataFrame, encoder: Encoder | None = None) -> RowSource:
    frozen = FrozenEncoder(encoder or build_encoder(SIZES, seed=1), name="e")
    return RowSource(frozen=frozen, table=table, folder=Path(), device=frozen.device)


def fine_tuned(table: pd.DataFrame, settings: FinetuneSettings = SETTINGS) -> Evaluation:
    return evaluate_finetuned(source_of(table), tasks(), make_parts(), settings)


@pytest.mark.slow
def test_it_learns_and_says_how_long_it_takes(
    table: pd.DataFrame, capsys: pytest.CaptureFixture[str]
) -> None:
    result = fine_tuned(table)
    assert "Fine-tuning e: 4 trainings of 20 epochs on cpu, about" in capsys.readouterr().out
    scores = {str(line["metric"]): float(str(line["value"])) for line in result.scores}
    assert scores["ua"] == 1.0
    assert scores["mse_valence"] < 1.0  # the constant predictor's is 2.25
    assert {line["layer"] for line in result.scores} == {"selected"}
    assert len(result.selection) == 4


@pytest.mark.slow
def test_it_repeats_and_leaves_the_encoder_as_it_was(table: pd.DataFrame) -> None:
    settings = FinetuneSettings(batch_size=4, epochs=1, max_seconds=0.25)
    encoder = build_encoder(SIZES, seed=1).eval()
    before = weights_hash(encoder)
    first = evaluate_finetuned(source_of(table, encoder), tasks(), make_parts(), settings)
    assert weights_hash(encoder) == before
    for one, other in zip(first.predictions, fine_tuned(table, settings).predictions, strict=True):
        pd.testing.assert_frame_equal(one, other)


def test_the_conv_stack_is_trained_only_if_asked() -> None:
    waveforms, num_samples = torch.randn(2, 3200), torch.tensor([3200, 2000])
    for freeze in (True, False):
        network = FinetunedNetwork(build_encoder(SIZES, seed=1), 2, freeze_conv=freeze)
        assert isinstance(network.encoder, Encoder)
        network(waveforms, num_samples).sum().backward()
        conv = [p.grad for p in network.encoder.conv.parameters()]
        assert all((gradient is None) == freeze for gradient in conv)
        assert network.encoder.projection.weight.grad is not None


def test_padding_changes_no_output() -> None:
    network = FinetunedNetwork(build_encoder(SIZES, seed=1), 2, freeze_conv=True)
    waveforms = torch.randn(2, 6400)
    waveforms[0, 3200:] = 0
    with torch.no_grad():
        both = network(waveforms, torch.tensor([3200, 6400]))
        alone = network(waveforms[:1, :3200], torch.tensor([3200]))
    torch.testing.assert_close(both[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("place", [0, 1])
def test_a_network_that_diverged_is_refused_and_not_scored(table: pd.DataFrame, place: int) -> None:
    settings = dataclasses.replace(SETTINGS, encoder_lr=1e30, head_lr=1e30, epochs=2)
    task = tasks()[place]
    message = r"The finetune head diverged: .*fold s0 .*`finetune\.encoder_lr`"
    with pytest.raises(ValueError, match=message):
        evaluate_finetuned(source_of(table), [task], make_parts(), settings)
