"""Fine-tuning on transcripts with CTC (paper, section 4: the textual encoder; wav2vec 2.0).

Shapes: B batch, T frames, D model dim, C classes (blank and characters), U characters.
"""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Annotated

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.data.frames import num_frames_of
from pretrain.data.vocabulary import BLANK, Vocabulary, collapse
from pretrain.model.encoder import Encoder, seeded_weights
from pretrain.objectives.feature_statistics import variance
from pretrain.objectives.objective import ObjectiveOutput
from pretrain.objectives.presentation import CollapseRule
from pretrain.shared.checked_settings import settings, within


@settings
class CtcSettings:
    """Settings of the CTC head and of what is trained below it. Not specified by the paper."""

    train_conv: bool = False
    """Trains the conv stack too, at `optimizer.conv_lr_scale`. wav2vec 2.0 leaves it frozen."""

    mask: bool = False
    """Masks spans of the input frames as drawn by the table `mask` (wav2vec 2.0 does, with 0.65 of
    the frames on 10 h and less)."""

    dropout: Annotated[float, within("[0, 1)")] = 0.0
    """Dropout before the head (wav2vec 2.0 has none on 10 h and less, else 0.1)."""

    blank_prior: bool = False
    """Starts the head at the shares of blanks and characters in the transcripts (bias their
    logarithm, weights a tenth), so that the first updates need not find them."""


class CtcHead(nn.Module):
    """Logits of every frame's class from the last layer's states."""

    def __init__(self, model_dim: int, num_classes: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(model_dim, num_classes)

    def forward(self, states: Tensor) -> Tensor:
        """Returns log-probabilities (B, T, C) of `states` (B, T, D), in fp32."""
        logits: Tensor = self.linear(self.dropout(states))
        return logits.float().log_softmax(dim=-1)


class CtcObjective(nn.Module):
    """Minus the log-probability of the transcript, summed over all ways to lay it over frames."""

    def __init__(
        self,
        encoder: Encoder,
        settings: CtcSettings,
        vocabulary: Vocabulary,
        transcripts: Mapping[str, str],
        frame_classes: Tensor,
        seed: int,
    ) -> None:
        """`transcripts` holds the normalised text of every training utterance by its id;
        `frame_classes` (C,) is `class_shares` of the training part."""
        super().__init__()
        self.encoder = encoder
        self.settings = settings
        self.collapse_rules = COLLAPSE_RULES
        self.bar_metric = "written"
        self._targets = {
            key: torch.tensor(vocabulary.encode(text)) for key, text in transcripts.items()
        }
        with seeded_weights(seed, "ctc"):
            self.head = CtcHead(
                encoder.settings.model_dim, vocabulary.num_classes, settings.dropout
            )
        self._uninformed = frame_classes.log()
        if settings.blank_prior:
            with torch.no_grad():
                self.head.linear.bias.copy_(self._uninformed)
                self.head.linear.weight.mul_(0.1)
        encoder.conv.requires_grad_(settings.train_conv)
        # Unused where nothing is masked, and what has no gradient is nothing to train.
        encoder.mask_embedding.requires_grad_(settings.mask)

    def forward(self, batch: Batch, progress: float) -> ObjectiveOutput:
        """Computes one shard, see `Objective`. Targets are the transcripts' characters."""
        features = self.encoder.features(batch.waveforms, batch.num_samples)
        projected = features.projected
        if self.settings.mask:
            projected = self.encoder.masked(projected, batch.mask)
        context = self.encoder.context(projected, features.valid)
        log_probs = self.head(context.layers[-1])

        targets = [self._targets[draws.utterance_id] for draws in batch.draws]
        # On the CPU, since CUDA's CTC has no deterministic gradient; it is small.
        log_probs, num_frames = log_probs.cpu(), features.num_frames.cpu()
        loss = ctc_loss(log_probs, num_frames, targets)
        num_targets = torch.tensor(sum(len(target) for target in targets))
        with torch.no_grad():
            uninformed = ctc_loss(
                self._uninformed.expand(*log_probs.shape[:2], -1), num_frames, targets
            )
            best = log_probs.argmax(dim=-1)
            written = [
                collapse(row[:count].tolist()) for row, count in zip(best, num_frames, strict=True)
            ]
            frames = features.valid.cpu()
            metrics: dict[str, Tensor] = {
                "explained": 1.0 - loss / uninformed,
                "written": torch.tensor(sum(map(len, written))) / num_targets,
                "blank_share": (best == BLANK)[frames].float().mean(),
                "conv_variance": variance(features.normalized, features.valid),
            }
        device = batch.waveforms.device
        return ObjectiveOutput(
            loss_sum=loss.to(device),
            num_targets=num_targets.to(device),
            metrics={name: value.detach().to(device) for name, value in metrics.items()},
        )

    def after_update(self, progress: float) -> None:
        """Nothing moves but what the optimizer moved."""


def greedy(log_probs: Tensor, num_frames: Tensor, vocabulary: Vocabulary) -> list[str]:
    """Returns the text of every row of `log_probs` (B, T, C): its best path, collapsed."""
    paths = log_probs.argmax(dim=-1).tolist()
    counts = num_frames.tolist()
    return [
        vocabulary.decode(collapse(path[:count])) for path, count in zip(paths, counts, strict=True)
    ]


def ctc_loss(log_probs: Tensor, num_frames: Tensor, targets: list[Tensor]) -> Tensor:
    """Returns () minus the log-probability of all B `targets` (U,), summed.

    `log_probs` (B, T, C), of which `num_frames` (B,) are valid, on the CPU.
    """
    lengths = torch.tensor([len(target) for target in targets])
    return F.ctc_loss(
        log_probs.transpose(0, 1), torch.cat(targets), num_frames, lengths, BLANK, reduction="sum"
    )


def class_shares(
    vocabulary: Vocabulary, transcripts: Mapping[str, str], num_samples: Mapping[str, int]
) -> Tensor:
    """Returns (C,) the share of frames of every class, were every character one frame long and
    all others blank: the one answer for all frames to which `explained` compares."""
    counts = Counter(index for text in transcripts.values() for index in vocabulary.encode(text))
    num_frames = sum(int(num_frames_of(num_samples[key])) for key in transcripts)
    num_characters = sum(counts.values())
    assert num_frames >= num_characters > 0
    counts[BLANK] = max(num_frames - num_characters, 1)
    shares = torch.tensor([float(counts[index]) for index in range(vocabulary.num_classes)])
    assert math.isfinite(float(shares.sum()))
    return shares / shares.sum()


COLLAPSE_RULES: tuple[CollapseRule, ...] = (
    CollapseRule(
        metric="written",
        limit=0.02,
        meaning="Next to nothing is written: the model still answers blanks. Give it more updates, "
        "raise `optimizer.lr`, or set `ctc.train_conv=true`.",
    ),
    CollapseRule(
        metric="conv_variance",
        limit=1e-4,
        meaning="The conv stack gives the same output for every frame. Lower "
        "`optimizer.conv_lr_scale` or the learning rate.",
    ),
)
