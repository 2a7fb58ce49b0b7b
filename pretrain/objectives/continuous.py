"""The continuous mode (paper, section 3; data2vec): regress the EMA teacher's states.

Shapes: B batch, T frames, M masked frames, D model dim, K top layers.
"""

from collections.abc import Sequence
from typing import Annotated

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.model.encoder import Encoder, seeded_weights
from pretrain.model.masked_frames import find_masked_frames
from pretrain.model.teacher import Teacher
from pretrain.objectives.annealing import between
from pretrain.objectives.feature_statistics import variance
from pretrain.objectives.known_rows import CONTINUOUS_RULES, continuous_row
from pretrain.objectives.objective import ObjectiveKind, ObjectiveOutput
from pretrain.objectives.presentation import Presentation
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.errors import InputError


@settings
class ContinuousSettings:
    """Settings of the continuous mode."""

    top_k: Annotated[int, within("[1, 1000]")] = 4
    """K, the last layers whose mean is the target (paper, Table 4: 1 or 4)."""

    target: str = "ffn"
    """`ffn`: the FFN outputs before residual and norm (data2vec's). `block`: the blocks' outputs.
    Not specified by the paper."""

    loss: str = "mse"
    """`mse` (paper) or `smooth_l1`."""

    smooth_l1_beta: Annotated[float, within("(0, 1e6]")] = 1.0
    """Error at which `smooth_l1` turns from square to absolute. Not specified by the paper."""

    decay_start: Annotated[float, within("[0, 1]")] = 0.999
    """EMA decay at the first update (data2vec's). Not specified by the paper."""

    decay_end: Annotated[float, within("[0, 1]")] = 0.9999
    """EMA decay from `decay_fraction` on (data2vec's). Not specified by the paper. At 0.999 over
    300 updates the teacher is still 74 % random: short runs need less."""

    decay_fraction: Annotated[float, within("(0, 1]")] = 0.075
    """Fraction of all updates over which the decay rises linearly (data2vec: 30k of 400k). Not
    specified by the paper."""

    def __post_init__(self) -> None:
        if self.target not in ("ffn", "block"):
            raise ValueError(f"`target` must be 'ffn' or 'block', but is {self.target!r} instead.")
        if self.loss not in ("mse", "smooth_l1"):
            raise ValueError(f"`loss` must be 'mse' or 'smooth_l1', but is {self.loss!r} instead.")

    def row(self) -> dict[str, int]:
        """Returns what tells a continuous row from another in Table 4."""
        return {"top_k": self.top_k}

    def presentation(self) -> Presentation:
        """Returns how such a row is shown."""
        return continuous_row(self.top_k)


class ContinuousObjective(nn.Module):
    """Predicts at masked frames what the teacher makes of the unmasked utterance."""

    def __init__(self, encoder: Encoder, settings: ContinuousSettings, seed: int) -> None:
        super().__init__()
        if settings.top_k > encoder.settings.num_layers:
            raise InputError(
                f"`top_k` must be at most the encoder's `num_layers` "
                f"({encoder.settings.num_layers}), but is {settings.top_k} instead."
            )
        self.encoder = encoder
        self.settings = settings
        self.collapse_rules = CONTINUOUS_RULES
        self.bar_metric = "target_variance"
        self.teacher = Teacher(encoder.context)
        with seeded_weights(seed, "continuous"):
            self.predict = nn.Linear(encoder.settings.model_dim, encoder.settings.model_dim)

    def forward(self, batch: Batch, progress: float) -> ObjectiveOutput:
        """Computes one shard, see `Objective`."""
        settings = self.settings
        masked = find_masked_frames(batch.mask)
        features = self.encoder.features(batch.waveforms, batch.num_samples)
        taught = self.teacher(
            features.projected, features.valid, return_ffn=settings.target == "ffn"
        )
        states = taught.ffn if settings.target == "ffn" else taught.layers[1:]
        all_targets = normalized_mean(states[-settings.top_k :], features.valid)
        targets = masked.take(all_targets)
        del taught, states
        context = self.encoder.context(
            self.encoder.masked(features.projected, batch.mask), features.valid
        )
        predictions = self.predict(masked.take(context.layers[-1])).float()

        per_frame = self._loss(predictions, targets).sum(dim=-1) / targets.shape[-1] ** 0.5
        loss = torch.where(masked.valid, per_frame, 0.0).sum()
        num_targets = batch.mask.sum()
        with torch.no_grad():
            typical = masked.mean(targets).expand_as(targets)
            uninformed = masked.mean(self._loss(typical, targets).sum(dim=-1)) / (
                targets.shape[-1] ** 0.5
            )
            metrics: dict[str, Tensor] = {
                "explained": 1.0 - loss / num_targets / uninformed.clamp(min=1e-12),
                "loss_regression": loss / num_targets,
                "position_share": position_share(all_targets, features.valid),
                "target_variance": variance(targets, masked.valid),
                "prediction_variance": variance(predictions, masked.valid),
                "teacher_decay": torch.tensor(self._decay(progress), device=loss.device),
                "conv_variance": variance(features.normalized, features.valid),
            }
        return ObjectiveOutput(
            loss_sum=loss,
            num_targets=num_targets,
            metrics={name: value.detach() for name, value in metrics.items()},
        )

    def after_update(self, progress: float) -> None:
        """Moves the teacher."""
        self.teacher.follow(self.encoder.context, self._decay(progress))

    def _decay(self, progress: float) -> float:
        s = self.settings
        return between(s.decay_start, s.decay_end, s.decay_fraction, progress)

    def _loss(self, predictions: Tensor, targets: Tensor) -> Tensor:
        if self.settings.loss == "mse":
            return (predictions - targets).square()
        beta = self.settings.smooth_l1_beta
        return F.smooth_l1_loss(predictions, targets, beta=beta, reduction="none")


@torch.no_grad()
def normalized_mean(states: Sequence[Tensor], valid: Tensor) -> Tensor:
    """Returns the mean of `states` (each (B, T, D)), each instance-normalised: every channel of
    every utterance has mean 0 and variance 1 over its `valid` (B, T) frames. In fp32."""
    weight = (valid / valid.sum(dim=1, keepdim=True))[:, :, None].float()
    total = torch.zeros((), device=valid.device)
    for state in states:
        state = state.float()
        state = state - (state * weight).sum(dim=1, keepdim=True)
        power = (state.square() * weight).sum(dim=1, keepdim=True)
        total = total + state * torch.rsqrt(power + 1e-5)
    return total / len(states)


@torch.no_grad()
def position_share(targets: Tensor, valid: Tensor) -> Tensor:
    """Returns () the share of the power of `targets` (B, T, D) that utterances have in common at
    equal frames: what can be told from the position alone. 0 for a single utterance.

    Instance normalisation makes full-sized targets of whatever varies over time. When the conv
    stack says nothing that is the distance to the utterance's edges, and the loss falls as if
    something were learned.
    """
    if len(targets) < 2:
        return torch.zeros((), device=targets.device)
    others, others_valid = targets.roll(1, dims=0), valid.roll(1, dims=0)
    both = (valid & others_valid)[:, :, None]
    common = torch.where(both, targets * others, 0.0).sum()
    power = torch.where(both, (targets.square() + others.square()) / 2, 0.0).sum()
    return common / power.clamp(min=1e-12)


def build(
    encoder: Encoder, settings: ContinuousSettings, seed: int, utterances: pd.DataFrame
) -> ContinuousObjective:
    """Returns the objective, see `ObjectiveKind`."""
    return ContinuousObjective(encoder, settings, seed)


OBJECTIVE = ObjectiveKind(settings_class=ContinuousSettings, build=build)
