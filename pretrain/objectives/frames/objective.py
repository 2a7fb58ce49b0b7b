"""The mode `frames`: predict at masked frames what they sound like, in a fixed target space.

Rows differ in one thing at a time: the frame itself (V), its centroid under the same loss (C), the
index of that centroid under cross entropy with the same head (I) or HuBERT's (H), the posterior
over centroids (P). Not specified by the paper.

Shapes: B batch, M masked frames, D values of a frame, k centroids.
"""

from dataclasses import replace

import pandas as pd
import torch
from torch import Tensor, nn

from pretrain.data.batch import Batch
from pretrain.model.encoder import Encoder, seeded_weights
from pretrain.model.masked_frames import find_masked_frames
from pretrain.model.quantizer import centre_statistics
from pretrain.objectives.feature_statistics import variance
from pretrain.objectives.frames.codebook import (
    Codebook,
    Space,
    corpus_codebook,
    corpus_moments,
    posterior_divergence,
    space_of,
)
from pretrain.objectives.frames.heads import (
    CentroidRegression,
    CosineClassification,
    DistanceClassification,
    FrameHead,
    PosteriorMatch,
    Regression,
)
from pretrain.objectives.frames.logmel import LogMel
from pretrain.objectives.frames.prosody import NUM_VALUES, Prosody
from pretrain.objectives.frames.settings import FramesSettings
from pretrain.objectives.frames.states import EncoderStates
from pretrain.objectives.frames.targets import FrameTargets, ProsodyTargets, prosody_values
from pretrain.objectives.known_rows import CONV_RULE
from pretrain.objectives.objective import ObjectiveKind, ObjectiveOutput
from pretrain.objectives.presentation import CollapseRule


class FramesObjective(nn.Module):
    """Predicts the target of masked frames from the last layer."""

    def __init__(
        self, encoder: Encoder, targets: FrameTargets | ProsodyTargets, head: FrameHead
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.targets = targets
        self.head = head
        self.collapse_rules: tuple[CollapseRule, ...] = (CONV_RULE,)
        self.bar_metric = "explained"

    def forward(self, batch: Batch, progress: float) -> ObjectiveOutput:
        """Computes one shard, see `Objective`."""
        masked = find_masked_frames(batch.mask)
        features = self.encoder.features(batch.waveforms, batch.num_samples)
        context = self.encoder.context(
            self.encoder.masked(features.projected, batch.mask), features.valid
        )
        target = self.targets(batch, masked)
        answers = self.head(masked.take(context.layers[-1]), target)
        loss = torch.where(masked.valid, answers.loss, 0.0).sum()
        num_targets = batch.mask.sum()
        with torch.no_grad():
            metrics: dict[str, Tensor] = {
                "explained": 1.0 - loss / num_targets / self.head.uninformed,
                "prediction_variance": variance(answers.predictions, masked.valid),
                "conv_variance": variance(features.normalized, features.valid),
            }
            if target.codes is not None:
                assert answers.chosen is not None
                hits = masked.valid & (answers.chosen == target.codes)
                perplexity, used = centre_statistics(target.codes, masked.valid)
                metrics |= {
                    "accuracy": hits.sum() / num_targets,
                    "centre_perplexity": perplexity,
                    "centres_used": used,
                }
        return ObjectiveOutput(
            loss_sum=loss,
            num_targets=num_targets,
            metrics={name: value.detach() for name, value in metrics.items()},
        )

    def after_update(self, progress: float) -> None:
        """Nothing moves but what the optimizer moved."""

    def fixed_targets(self) -> dict[str, Tensor]:
        """Returns what was computed of the corpus, see `HasFixedTargets`."""
        kept = dict(self.targets.named_buffers(recurse=False))
        if isinstance(states := getattr(self.targets, "frames", None), EncoderStates):
            kept["encoder"] = torch.tensor(list(bytes.fromhex(states.digest)), dtype=torch.uint8)
        return kept


def build(
    encoder: Encoder, settings: FramesSettings, seed: int, utterances: pd.DataFrame
) -> FramesObjective:
    """Returns the objective, see `ObjectiveKind`."""
    dim, epsilon = encoder.settings.model_dim, encoder.settings.normalize_epsilon
    if settings.space == "prosody":
        prosody = Prosody()
        space = Space(
            name="prosody", values=lambda waveforms, _: prosody_values(prosody, waveforms)
        )
        mean, std, shares = corpus_moments(utterances, seed, replace(space, epsilon=epsilon))
        head = Regression(_linear(dim, NUM_VALUES, seed), shares)
        return FramesObjective(encoder, ProsodyTargets(mean, std), head)
    frames: LogMel | EncoderStates = LogMel()
    space = space_of("logmel", frames)
    if settings.space == "encoder":
        frames = states = EncoderStates(settings.encoder, settings.layer)
        space = space_of(f"encoder-{states.digest[:16]}-{settings.layer}", states)
    space = replace(space, epsilon=epsilon)
    codebook = corpus_codebook(utterances, seed, settings.num_centroids, space)
    kept = 1.0 if settings.target == "value" else codebook.kept_variance
    targets = FrameTargets(frames, codebook, kept, shuffled=settings.shuffled)
    uninformed = (
        posterior_divergence(utterances, seed, codebook, settings.posterior_tau, space)
        if settings.target == "posterior"
        else 0.0
    )
    return FramesObjective(encoder, targets, _head(codebook, settings, dim, seed, uninformed))


def _head(
    codebook: Codebook, settings: FramesSettings, dim: int, seed: int, divergence: float
) -> FrameHead:
    """`divergence` is the uninformed loss of the target `posterior`."""
    if settings.head == "cosine":
        with seeded_weights(seed, "frames-cosine"):
            project = nn.Linear(dim, settings.cosine_dim)
            embeddings = nn.Parameter(torch.empty(settings.num_centroids, settings.cosine_dim))
            nn.init.uniform_(embeddings)  # fairseq's HuBERT
        return CosineClassification(
            project, embeddings, settings.cosine_temperature, codebook.entropy()
        )
    predict = _linear(dim, len(codebook.mean), seed)
    if settings.head == "linear":
        return CentroidRegression(predict, codebook, to_frame=settings.target == "value")
    if settings.target == "index":
        return DistanceClassification(predict, codebook, settings.tau)
    return PosteriorMatch(predict, codebook, settings.tau, settings.posterior_tau, divergence)


def _linear(dim: int, num_values: int, seed: int) -> nn.Linear:
    """Returns f, of the same weights for every row of a seed and space."""
    with seeded_weights(seed, "frames"):
        return nn.Linear(dim, num_values)


OBJECTIVE = ObjectiveKind(settings_class=FramesSettings, build=build)
