"""The quantized mode (paper, section 3; wav2vec 2.0): tell the masked frame's code from others'.

Shapes: B batch, T frames, M masked frames, K negatives, G codebooks, V entries.
"""

from typing import Annotated

import pandas as pd
import torch
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.model.encoder import Encoder, seeded_weights
from pretrain.model.masked_frames import find_masked_frames
from pretrain.model.negatives import any_negatives, differing_negatives, draw_uniforms
from pretrain.model.quantizer import GumbelQuantizer, centre_statistics, draw_gumbel_noise
from pretrain.objectives.annealing import geometric_between
from pretrain.objectives.contrastive import (
    bce_per_frame,
    contrastive_logits,
    infonce_per_frame,
    uninformed_bce,
    uninformed_infonce,
)
from pretrain.objectives.feature_statistics import mean_square, variance
from pretrain.objectives.known_rows import quantized_row, quantized_rules
from pretrain.objectives.objective import ObjectiveKind, ObjectiveOutput
from pretrain.objectives.presentation import Presentation
from pretrain.shared.checked_settings import settings, within

LOSSES = {"bce": bce_per_frame, "infonce": infonce_per_frame}
UNINFORMED = {"bce": uninformed_bce, "infonce": uninformed_infonce}
NEGATIVES = {"differing": differing_negatives, "any": any_negatives}


@settings
class QuantizedSettings:
    """Settings of the quantized mode. `num_entries` ** `num_codebooks` centres (Table 4)."""

    num_codebooks: Annotated[int, within("[1, 1024]")] = 2
    """G (paper, Table 4: 2 or 4)."""

    num_entries: Annotated[int, within("[1, 65536]")] = 8
    """V, code words in each codebook (paper, Table 4: 2, 8 or 12)."""

    code_dim: Annotated[int, within("[1, 65536]")] = 256
    """Dim of a frame's code, `code_dim / num_codebooks` per codebook, and of the space in which
    predictions meet targets (wav2vec 2.0's). Not specified by the paper."""

    loss: str = "bce"
    """`bce`, the paper's word, or `infonce`, wav2vec 2.0's."""

    num_negatives: Annotated[int, within("[1, 10000]")] = 100
    """Negatives per masked frame (wav2vec 2.0's). Not specified by the paper."""

    negatives: str = "differing"
    """`differing`: drawn among frames with another centre. `any`: among all frames, those with the
    same centre then ignored (wav2vec 2.0's). Not specified by the paper."""

    logit_temperature: Annotated[float, within("(0, 1e6]")] = 0.1
    """Divides the cosines (wav2vec 2.0's). Not specified by the paper."""

    temperature_start: Annotated[float, within("(0, 1e6]")] = 2.0
    """Gumbel temperature at the first update (wav2vec 2.0's). Not specified by the paper."""

    temperature_end: Annotated[float, within("(0, 1e6]")] = 0.5
    """Gumbel temperature from `temperature_fraction` on (wav2vec 2.0's). Not specified by the
    paper."""

    temperature_fraction: Annotated[float, within("(0, 1]")] = 0.7
    """Fraction of all updates over which the temperature falls geometrically (wav2vec 2.0 reaches
    its end at 277k of 400k). Not specified by the paper."""

    bce_diversity_weight: Annotated[float, within("[0, 1e9]")] = 10.0
    """Weight of the diversity term beside `bce`, whose loss starts some 15 times larger: at 0.1
    every row collapses to one centre, at 1 some do, 10 to 1000 hold. Not specified by the paper."""

    infonce_diversity_weight: Annotated[float, within("[0, 1e9]")] = 0.1
    """Weight of the diversity term beside `infonce` (wav2vec 2.0's). Not specified by the
    paper."""

    feature_penalty_weight: Annotated[float, within("[0, 1e9]")] = 10.0
    """Weight of the mean square of the conv stack's output (wav2vec 2.0's). Not specified by the
    paper."""

    def __post_init__(self) -> None:
        if self.code_dim % self.num_codebooks:
            raise ValueError(
                f"`code_dim` must be divisible by `num_codebooks`, but they are {self.code_dim} "
                f"and {self.num_codebooks}."
            )
        if self.num_entries**self.num_codebooks >= 2**63:
            raise ValueError(
                "`num_entries` ** `num_codebooks` must be less than 2^63, but they are "
                f"{self.num_entries} and {self.num_codebooks}."
            )
        for name, choices in (("loss", LOSSES), ("negatives", NEGATIVES)):
            if getattr(self, name) not in choices:
                raise ValueError(
                    f"`{name}` must be one of {sorted(choices)}, but is {getattr(self, name)!r} "
                    "instead."
                )

    @property
    def diversity_weight(self) -> float:
        """The one of the chosen `loss`."""
        return self.bce_diversity_weight if self.loss == "bce" else self.infonce_diversity_weight

    @property
    def num_centres(self) -> int:
        """V^G."""
        return int(self.num_entries**self.num_codebooks)

    def row(self) -> dict[str, int]:
        """Returns what tells a quantized row from another in Table 4."""
        return {
            "codebooks": self.num_codebooks,
            "entries": self.num_entries,
            "centres": self.num_centres,
        }

    def presentation(self) -> Presentation:
        """Returns how such a row is shown."""
        return quantized_row(self.num_codebooks, self.num_entries)


class QuantizedObjective(nn.Module):
    """Contrasts predictions at masked frames with the quantized, unmasked conv features."""

    def __init__(self, encoder: Encoder, settings: QuantizedSettings, seed: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.settings = settings
        weight = f"{settings.loss}_diversity_weight"
        self.collapse_rules = quantized_rules(settings.num_centres, weight)
        self.bar_metric = "centre_perplexity"
        conv_dim, model_dim = encoder.settings.conv_dim, encoder.settings.model_dim
        with seeded_weights(seed, "quantized"):
            self.quantizer = GumbelQuantizer(
                conv_dim, settings.num_codebooks, settings.num_entries, settings.code_dim
            )
            self.project_targets = nn.Linear(settings.code_dim, settings.code_dim)
            self.project_predictions = nn.Linear(model_dim, settings.code_dim)

    def forward(self, batch: Batch, progress: float) -> ObjectiveOutput:
        """Computes one shard, see `Objective`."""
        settings = self.settings
        masked = find_masked_frames(batch.mask)
        noise = draw_gumbel_noise(batch.draws, masked, settings.num_codebooks, settings.num_entries)
        uniforms = draw_uniforms(batch.draws, masked, settings.num_negatives)
        temperature = geometric_between(
            settings.temperature_start,
            settings.temperature_end,
            settings.temperature_fraction,
            progress,
        )

        features = self.encoder.features(batch.waveforms, batch.num_samples)
        context = self.encoder.context(
            self.encoder.masked(features.projected, batch.mask), features.valid
        )
        predictions = self.project_predictions(masked.take(context.layers[-1]))
        quantized = self.quantizer(masked.take(features.normalized), masked, noise, temperature)
        targets = self.project_targets(quantized.vectors)

        negatives = NEGATIVES[settings.negatives](uniforms, quantized.centres, masked)
        positive, negative = contrastive_logits(
            predictions, targets, negatives, settings.logit_temperature
        )
        # wav2vec 2.0 keeps frames without a usable negative, at a loss of 0 in its InfoNCE.
        contributes = negatives.usable.any(dim=-1)
        per_frame = LOSSES[settings.loss](positive, negative, contributes)  # (B, M)

        num_targets = batch.mask.sum()
        contrastive = per_frame.sum()
        diversity = num_targets * (1.0 - quantized.perplexity.mean() / settings.num_entries)
        feature_penalty = num_targets * mean_square(features.conv, features.valid)
        loss = (
            contrastive
            + settings.diversity_weight * diversity
            + settings.feature_penalty_weight * feature_penalty
        )
        with torch.no_grad():
            hits = contributes & (positive > negative.amax(dim=-1))
            centre_perplexity, centres_used = centre_statistics(
                quantized.likeliest_centres, masked.valid
            )
            uninformed = contributes.sum() * UNINFORMED[settings.loss](settings.num_negatives)
            metrics: dict[str, Tensor] = {
                "explained": 1.0 - contrastive / uninformed.clamp(min=1.0),
                "loss_contrastive": contrastive / num_targets,
                "loss_diversity": diversity / num_targets,
                "loss_feature_penalty": feature_penalty / num_targets,
                "accuracy": hits.sum() / num_targets,
                "code_perplexity": quantized.perplexity.mean(),
                "code_bits": quantized.bits,
                "centre_perplexity": centre_perplexity,
                "centres_used": centres_used,
                "frames_without_negatives": 1.0 - contributes.sum() / num_targets,
                "temperature": torch.tensor(temperature, device=loss.device),
                "conv_variance": variance(features.normalized, features.valid),
            }
        return ObjectiveOutput(
            loss_sum=loss,
            num_targets=num_targets,
            metrics={name: value.detach() for name, value in metrics.items()},
        )

    def after_update(self, progress: float) -> None:
        """Nothing moves but what the optimizer moved."""


def build(
    encoder: Encoder, settings: QuantizedSettings, seed: int, utterances: pd.DataFrame
) -> QuantizedObjective:
    """Returns the objective, see `ObjectiveKind`."""
    return QuantizedObjective(encoder, settings, seed)


OBJECTIVE = ObjectiveKind(settings_class=QuantizedSettings, build=build)
