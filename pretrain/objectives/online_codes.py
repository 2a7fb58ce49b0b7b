"""Codes of a moving teacher, clustered online (DinoSR): the quantized twin of the continuous mode.

At masked frames a linear head for each of the teacher's last K layers names the nearest word of
that layer's codebook; words are moving averages of the states that were nearest to them. DinoSR
moves them in every forward pass, here it is once an update, so that shards and processes do not
matter. Exploratory: target and target's encoder move, so a row differs from the continuous one in
loss and in quantization. Not specified by the paper.

Shapes: B batch, T frames, M masked frames, N masked frames of all rows, D model dim, K layers,
V words of a codebook.
"""

from typing import Annotated

import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.model.encoder import Encoder, seeded_weights
from pretrain.model.masked_frames import find_masked_frames
from pretrain.model.quantizer import centre_statistics
from pretrain.model.teacher import Teacher
from pretrain.objectives.annealing import between
from pretrain.objectives.continuous import normalized_mean
from pretrain.objectives.feature_statistics import variance
from pretrain.objectives.frames.heads import squared_distances
from pretrain.objectives.known_rows import CONV_RULE
from pretrain.objectives.objective import ObjectiveKind, ObjectiveOutput
from pretrain.objectives.presentation import CollapseRule, Family, Presentation
from pretrain.shared.checked_settings import settings, within
from pretrain.shared.errors import InputError

ONLINE = Family(kind="quantized", label="online codes", colours=("#9cc1a0", "#2f6b3c"))

ONE_WORD = CollapseRule(
    metric="centre_perplexity",
    limit=1.5,
    meaning="Nearly all masked frames are nearest to one word. Raise `decay_start` or lower the "
    "learning rate.",
    finding="the codebook has collapsed to one live word",
)


@settings
class OnlineCodesSettings:
    """Settings of the mode `online_codes`; none of them is specified by the paper."""

    top_k: Annotated[int, within("[1, 1000]")] = 4
    """K, the teacher's last layers, each with a codebook and a head (DinoSR: 8 of 12). Not
    specified by the paper."""

    num_codes: Annotated[int, within("[2, 65536]")] = 256
    """V, words of a codebook (DinoSR's). Not specified by the paper."""

    code_decay: Annotated[float, within("[0, 1]")] = 0.9
    """Share that a word keeps of itself in an update in which it was the nearest of some frame
    (DinoSR's); others stay as they are. Not specified by the paper."""

    decay_start: Annotated[float, within("[0, 1]")] = 0.999
    """The teacher's decay at the first update, as in the continuous mode. Not specified by the
    paper."""

    decay_end: Annotated[float, within("[0, 1]")] = 0.9999
    """The teacher's decay from `decay_fraction` on. Not specified by the paper."""

    decay_fraction: Annotated[float, within("(0, 1]")] = 0.075
    """Fraction of all updates over which the decay rises linearly. Not specified by the paper."""

    def row(self) -> dict[str, int]:
        """Returns what tells a row from the mode's others."""
        return {"top_k": self.top_k, "codes": self.num_codes}

    def presentation(self) -> Presentation:
        """Returns how such a row is shown."""
        return Presentation(
            family=ONLINE,
            label=f"K={self.top_k} V={self.num_codes}, exploratory",
            order=self.num_codes,
            centres=self.num_codes,
            loss="cross entropy of the teacher's codes",
        )


class OnlineCodebooks(nn.Module):
    """One codebook for each of K layers. A word is `sums / counts`."""

    def __init__(self, num_layers: int, num_codes: int, dim: int) -> None:
        """Draws the first words, of mean 0 and variance 1 as the states that they stand for."""
        super().__init__()
        self.register_buffer("sums", torch.randn(num_layers, num_codes, dim))
        self.register_buffer("counts", torch.ones(num_layers, num_codes))
        self.sums: Tensor
        self.counts: Tensor
        # Of the shards of this update and process. No buffers: those are sent to all processes.
        self._seen_sums: Tensor | None = None
        self._seen_counts: Tensor | None = None

    def nearest(self, states: Tensor) -> Tensor:
        """(K, N, D) -> (K, N) int64, the nearest word of each layer's codebook."""
        words = self.sums / self.counts[..., None]
        pairs = zip(states, words, strict=True)
        return torch.stack([squared_distances(x, e).argmin(dim=-1) for x, e in pairs])

    def see(self, states: Tensor, codes: Tensor) -> None:
        """Remembers (K, N, D) states and their (K, N) codes until `move`."""
        if self._seen_sums is None or self._seen_counts is None:
            self._seen_sums = torch.zeros_like(self.sums, dtype=torch.float64)
            self._seen_counts = torch.zeros_like(self.counts, dtype=torch.float64)
        for layer, (x, code) in enumerate(zip(states.double(), codes, strict=True)):
            self._seen_sums[layer].index_add_(0, code, x)
            self._seen_counts[layer].index_add_(0, code, torch.ones_like(x[:, 0]))

    def move(self, decay: float) -> None:
        """Moves the words towards what all shards and processes of the update have seen."""
        sums, counts = self._seen_sums, self._seen_counts
        self._seen_sums = self._seen_counts = None
        assert sums is not None
        assert counts is not None
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(sums)
            torch.distributed.all_reduce(counts)
        rate = (1.0 - decay) * (counts > 0).double()
        self.counts.copy_(torch.lerp(self.counts.double(), counts, rate))
        self.sums.copy_(torch.lerp(self.sums.double(), sums, rate[..., None]))


class OnlineCodesObjective(nn.Module):
    """Names at masked frames the words that the teacher's states are nearest to."""

    def __init__(self, encoder: Encoder, settings: OnlineCodesSettings, seed: int) -> None:
        super().__init__()
        num_layers, dim = encoder.settings.num_layers, encoder.settings.model_dim
        if settings.top_k > num_layers:
            raise InputError(
                f"`top_k` must be at most the encoder's `num_layers` ({num_layers}), but is "
                f"{settings.top_k} instead."
            )
        self.encoder = encoder
        self.settings = settings
        self.collapse_rules: tuple[CollapseRule, ...] = (ONE_WORD, CONV_RULE)
        self.bar_metric = "centre_perplexity"
        self.teacher = Teacher(encoder.context)
        with seeded_weights(seed, "online-codes"):
            self.codebooks = OnlineCodebooks(settings.top_k, settings.num_codes, dim)
            self.heads = nn.ModuleList(
                nn.Linear(dim, settings.num_codes) for _ in range(settings.top_k)
            )

    def forward(self, batch: Batch, progress: float) -> ObjectiveOutput:
        """Computes one shard, see `Objective`."""
        masked = find_masked_frames(batch.mask)
        features = self.encoder.features(batch.waveforms, batch.num_samples)
        taught = self.teacher(features.projected, features.valid, return_ffn=True)
        with torch.no_grad(), torch.autocast(batch.waveforms.device.type, enabled=False):
            states = torch.stack(
                [
                    masked.take(normalized_mean([state], features.valid))[masked.valid]
                    for state in taught.ffn[-self.settings.top_k :]
                ]
            ).float()
            codes = self.codebooks.nearest(states)
            shares = self.codebooks.counts / self.codebooks.counts.sum(dim=-1, keepdim=True)
            uninformed = -shares.log().gather(1, codes).sum() / self.settings.top_k
            if self.training:
                self.codebooks.see(states, codes)
        context = self.encoder.context(
            self.encoder.masked(features.projected, batch.mask), features.valid
        )
        seen = masked.take(context.layers[-1])[masked.valid]
        losses = [
            F.cross_entropy(head(seen).float(), code, reduction="sum")
            for head, code in zip(self.heads, codes, strict=True)
        ]
        loss = torch.stack(losses).sum() / self.settings.top_k
        with torch.no_grad():
            perplexity, used = centre_statistics(
                codes[-1][None], torch.ones_like(codes[-1:]).bool()
            )
            metrics: dict[str, Tensor] = {
                "explained": 1.0 - loss / uninformed.clamp(min=1e-12),
                "centre_perplexity": perplexity,
                "centres_used": used,
                "teacher_decay": torch.tensor(self._decay(progress), device=loss.device),
                "conv_variance": variance(features.normalized, features.valid),
            }
        return ObjectiveOutput(
            loss_sum=loss,
            num_targets=batch.mask.sum(),
            metrics={name: value.detach() for name, value in metrics.items()},
        )

    @torch.no_grad()
    def after_update(self, progress: float) -> None:
        """Moves the words, then the teacher."""
        self.codebooks.move(self.settings.code_decay)
        self.teacher.follow(self.encoder.context, self._decay(progress))

    def _decay(self, progress: float) -> float:
        s = self.settings
        return between(s.decay_start, s.decay_end, s.decay_fraction, progress)


def build(
    encoder: Encoder, settings: OnlineCodesSettings, seed: int, utterances: pd.DataFrame
) -> OnlineCodesObjective:
    """Returns the objective, see `ObjectiveKind`."""
    return OnlineCodesObjective(encoder, settings, seed)


OBJECTIVE = ObjectiveKind(settings_class=OnlineCodesSettings, build=build)
