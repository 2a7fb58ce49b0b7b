"""Losses by hand: two frames of two values, two centroids."""

import math

import pytest
import torch
from torch import nn

from pretrain.objectives.frames.codebook import Codebook
from pretrain.objectives.frames.heads import (
    CentroidRegression,
    CosineClassification,
    DistanceClassification,
    PosteriorMatch,
    Target,
    posterior,
)

CODEBOOK = Codebook(
    mean=torch.zeros(2),
    std=torch.ones(2),
    centroids=torch.tensor([[0.0, 0.0], [2.0, 0.0]]),
    shares=torch.tensor([0.75, 0.25]),
    kept_variance=0.5,
)
FRAMES = torch.tensor([[[0.5, 1.0], [3.0, 0.0]]])
TARGET = Target(
    values=FRAMES, counted=torch.ones(1, 2, 1, dtype=torch.bool), codes=torch.tensor([[0, 1]])
)
STATES = torch.tensor([[[1.0, 1.0], [1.0, 0.0]]])


def identity() -> nn.Linear:
    """f(state) = state."""
    linear = nn.Linear(2, 2)
    linear.weight.data.copy_(torch.eye(2))
    linear.bias.data.zero_()
    return linear


def test_regression_of_frames_is_the_mean_square_over_values() -> None:
    answers = CentroidRegression(identity(), CODEBOOK, to_frame=True)(STATES, TARGET)
    assert answers.loss.tolist() == [[0.125, 2.0]]
    assert answers.chosen is not None
    assert answers.chosen.tolist() == [[0, 0]]  # (1, 1) and (1, 0) are as near to both


def test_regression_of_centroids_asks_for_the_nearest_one() -> None:
    head = CentroidRegression(identity(), CODEBOOK, to_frame=False)
    assert head(STATES, TARGET).loss.tolist() == [[1.0, 0.5]]
    # Frames that are 0 in 3 of 4 cases and else 2: variance 4 * 3 / 16, of the other value 0.
    assert head.uninformed == pytest.approx(0.375)


def test_distances_are_logits_over_tau() -> None:
    head = DistanceClassification(identity(), CODEBOOK, tau=2.0)
    states = torch.tensor([[[0.0, 0.0], [1.5, 0.0]]])
    loss = head(states, TARGET).loss
    first = math.log(1 + math.exp(-4 / 2))
    second = math.log(1 + math.exp(-(2.25 - 0.25) / 2))
    assert loss.tolist() == [[pytest.approx(first), pytest.approx(second)]]
    entropy = -0.75 * math.log(0.75) - 0.25 * math.log(0.25)
    assert head.uninformed == pytest.approx(entropy)


def test_the_posterior_costs_nothing_where_the_answer_is_the_frame() -> None:
    head = PosteriorMatch(identity(), CODEBOOK, tau=3.0, own_tau=3.0, uninformed=1.0)
    assert head(FRAMES, TARGET).loss.abs().max() < 1e-6
    far = head(FRAMES + 1.0, TARGET).loss
    wanted = posterior(FRAMES, CODEBOOK.centroids, 3.0)
    said = posterior(FRAMES + 1.0, CODEBOOK.centroids, 3.0)
    torch.testing.assert_close(far, (wanted * (wanted / said).log()).sum(-1))


def test_cosines_are_those_of_torchaudios_hubert() -> None:
    from torchaudio.models.wav2vec2.components import _compute_logits

    torch.manual_seed(0)
    project, embeddings = nn.Linear(6, 4), nn.Parameter(torch.rand(5, 4))
    states, codes = torch.randn(1, 7, 6), torch.randint(5, (1, 7))
    target = Target(values=states, counted=torch.ones(1, 7, 1, dtype=torch.bool), codes=codes)
    head = CosineClassification(project, embeddings, 0.1, uninformed=1.0)
    # torchaudio puts the right code first, and itself among the others at -inf.
    theirs = _compute_logits(project(states)[0], codes[0], embeddings)
    loss = nn.functional.cross_entropy(theirs, torch.zeros(7, dtype=torch.long), reduction="none")
    torch.testing.assert_close(head(states, target).loss[0], loss)
