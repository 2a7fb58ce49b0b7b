"""Same weights, mask, noise and negatives must give the losses of the reference implementations.

Shapes: B batch, T frames, M masked frames, K negatives, G codebooks, V entries.
"""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pretrain.data.batch import Batch
from pretrain.data.frames import num_frames_of
from pretrain.model.encoder import build_encoder
from pretrain.model.masked_frames import MaskedFrames, find_masked_frames
from pretrain.model.negatives import Negatives
from pretrain.model.quantizer import draw_gumbel_noise
from pretrain.objectives import quantized
from pretrain.objectives.objective import ObjectiveOutput
from pretrain.objectives.quantized import QuantizedObjective, QuantizedSettings
from tests.pretrain.model.small import SETTINGS, make_batch
from tests.pretrain.objectives.references import build_fairseq2, build_transformers, fairseq2_state

INFONCE = QuantizedSettings(
    loss="infonce",
    num_codebooks=2,
    num_entries=3,
    code_dim=16,
    num_negatives=20,
    temperature_start=1.0,
    temperature_end=1.0,
)


def hard_softmax(logits: Tensor, noise: Tensor, tau: float) -> Tensor:
    soft = ((logits + noise) / tau).softmax(dim=-1)
    hard = torch.zeros_like(soft).scatter_(-1, soft.argmax(dim=-1, keepdim=True), 1.0)
    return hard + (soft - soft.detach())


def run_ours(
    objective: QuantizedObjective, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> tuple[ObjectiveOutput, Negatives]:
    """Returns our result and the negatives that were drawn for it."""
    kind = objective.settings.negatives
    draw = quantized.NEGATIVES[kind]
    drawn: list[Negatives] = []

    def record(uniforms: Tensor, centres: Tensor, masked: MaskedFrames) -> Negatives:
        drawn.append(draw(uniforms, centres, masked))
        return drawn[-1]

    monkeypatch.setitem(quantized.NEGATIVES, kind, record)
    return objective(batch, 0.0), drawn[0]


@pytest.fixture(params=["any", "differing"])
def objective(request: pytest.FixtureRequest) -> QuantizedObjective:
    settings = replace(INFONCE, negatives=request.param)
    return QuantizedObjective(build_encoder(SETTINGS, seed=0), settings, seed=0)


@pytest.mark.parametrize("lengths", [(16_000, 16_000, 16_000), (16_000, 9_000, 12_345)])
def test_losses_and_gradients_equal_fairseq2s(
    objective: QuantizedObjective, lengths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    from fairseq2.models.wav2vec2 import vector_quantizer
    from fairseq2.models.wav2vec2.masker import Wav2Vec2Masker
    from fairseq2.nn import BatchLayout

    batch = make_batch(lengths, num_masked=14)
    masked = find_masked_frames(batch.mask)
    ours, negatives = run_ours(objective, batch, monkeypatch)
    theirs = build_fairseq2(objective)
    assert sum(p.numel() for p in theirs.parameters()) == sum(
        p.numel() for p in objective.parameters()
    )
    mask = batch.mask[:, : num_frames_of(batch.waveforms.shape[1])]
    noise = draw_gumbel_noise(batch.draws, masked, 2, 3)

    class OurMask(Wav2Vec2Masker):
        def __init__(self, embedding: Tensor) -> None:
            super().__init__()
            self.temporal_mask_embed = embedding

        def forward(self, seqs: Tensor, seqs_layout: Any) -> tuple[Tensor, Tensor]:
            return torch.where(mask[:, :, None], self.temporal_mask_embed, seqs), mask

    def our_negatives(targets: Tensor) -> Tensor:
        rows = torch.arange(len(lengths))[:, None, None]
        return targets[rows, negatives.index]

    def our_noise(logits: Tensor, tau: float, hard: bool) -> Tensor:
        return hard_softmax(logits, noise.reshape(logits.shape), tau)

    monkeypatch.setattr(theirs, "masker", OurMask(theirs.masker.temporal_mask_embed))
    monkeypatch.setattr(theirs, "_sample_distractors", our_negatives)
    monkeypatch.setattr(vector_quantizer, "gumbel_softmax", our_noise)
    # It compiles in every forward, which needs a C++ compiler and changes no number.
    monkeypatch.setattr(torch, "compile", lambda **options: lambda function: function)
    layout = BatchLayout.of(batch.waveforms, list(lengths))
    loss, _ = theirs(batch.waveforms, layout)

    num_targets = float(ours.num_targets)
    assert num_targets == 14 * len(lengths)
    expected = {"loss_contrastive": loss.contrastive, "loss_diversity": loss.diversity}
    padded = len(set(lengths)) > 1
    if not padded:  # its penalty averages over padding too
        expected["loss_feature_penalty"] = loss.features_penalty
    for name, value in expected.items():
        relative = float(ours.metrics[name]) * num_targets / float(value.detach()) - 1.0
        print(f"fairseq2 {objective.settings.negatives} {lengths} {name}: {relative:.1e}")
        assert abs(relative) < 1e-5
    if padded:
        return
    torch.testing.assert_close(ours.loss_sum, loss.aggregate, rtol=1e-5, atol=0)
    ours.loss_sum.backward()  # type: ignore[no-untyped-call]
    loss.aggregate.backward()
    named = dict(theirs.named_parameters())
    gradients = {name: p.grad for name, p in named.items()}
    with torch.no_grad():  # the same walk over names, for gradients
        for parameter in objective.parameters():
            assert parameter.grad is not None
            parameter.copy_(parameter.grad)
    for name, ours_gradient in fairseq2_state(objective):
        if name == "quantizer.num_updates":
            continue
        gradient = gradients[name]
        assert gradient is not None
        # The keys' bias shifts all logits of a query alike: its true gradient is 0.
        scale = gradient.abs().max().clamp(min=1e-5)
        assert float((ours_gradient - gradient).abs().max() / scale) < 1e-4, name


@pytest.mark.parametrize("lengths", [(16_000, 16_000), (16_000, 9_000, 12_345)])
def test_losses_equal_those_of_transformers(
    objective: QuantizedObjective, lengths: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = make_batch(lengths)
    masked = find_masked_frames(batch.mask)
    assert len(set(masked.counts)) > 1
    ours, negatives = run_ours(objective, batch, monkeypatch)
    theirs = build_transformers(objective)

    num_frames = num_frames_of(batch.waveforms.shape[1])
    mask = batch.mask[:, :num_frames]
    num_rows, num_negatives = len(lengths), objective.settings.num_negatives
    noise = torch.zeros(num_rows, num_frames, 2, 3)
    noise[mask] = draw_gumbel_noise(batch.draws, masked, 2, 3)[masked.valid]
    # Theirs count frames over the whole batch.
    frames = masked.index[:, :, None].expand(-1, -1, num_negatives).gather(1, negatives.index)
    frames = frames + num_frames * torch.arange(num_rows)[:, None, None]
    drawn = torch.zeros(num_rows, num_frames, num_negatives, dtype=torch.int64)
    drawn[mask] = frames[masked.valid]

    def our_noise(logits: Tensor, tau: float, hard: bool) -> Tensor:
        return hard_softmax(logits, noise.reshape(logits.shape), tau)

    monkeypatch.setattr(torch.nn.functional, "gumbel_softmax", our_noise)
    theirs.quantizer.temperature = 1.0
    positions = torch.arange(batch.waveforms.shape[1])
    out = theirs(
        batch.waveforms,
        attention_mask=(positions < batch.num_samples[:, None]).long(),
        mask_time_indices=mask,
        sampled_negative_indices=drawn,
    )
    for name, value in (
        ("loss_contrastive", out.contrastive_loss),
        ("loss_diversity", out.diversity_loss),
    ):
        relative = float(ours.metrics[name] * ours.num_targets) / float(value.detach()) - 1.0
        print(f"transformers {objective.settings.negatives} {lengths} {name}: {relative:.1e}")
        assert abs(relative) < 1e-5
