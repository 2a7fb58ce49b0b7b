"""Poolings beside the paper's, against hand-computed cases; the paper's is in test_coattention."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from mfsn.model.coattention import CoAttentionHead
from mfsn.model.head_settings import HeadSettings
from mfsn.model.network import SingleStream
from mfsn.model.poolings import POOLINGS
from mfsn.model.poolings.content import ContentAttention
from mfsn.model.poolings.max_mean import MaxMean
from tests.mfsn.batches import DIM, HEAD, NUM_CLASSES, make_batch, row, with_beyond

TWO = replace(HEAD, stream_dim=2)
STATES = torch.tensor([[[1.0, 2.0], [3.0, 5.0], [7.0, -11.0]]])
NOTHING = torch.empty(1, 0)


def valid(*frames: bool) -> Tensor:
    return torch.tensor([frames])


def as_it_is(linear: torch.nn.Linear) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.eye(2))
        linear.bias.zero_()


def test_max_mean_is_maximum_and_mean_of_valid_values() -> None:
    pooling = MaxMean(2, 3, TWO)
    as_it_is(pooling.linear)
    everything = pooling(NOTHING, STATES, valid(True, True, True))
    torch.testing.assert_close(everything, torch.tensor([[7.0, 5.0, 11 / 3, 7 / 3]]))
    shorter = pooling(NOTHING, STATES, valid(True, True, False))
    torch.testing.assert_close(shorter, torch.tensor([[3.0, 5.0, 2.0, 3.5]]))


def test_content_weighs_each_value_by_its_own_key() -> None:
    pooling = ContentAttention(2, 3, TWO)
    as_it_is(pooling.value)
    with torch.no_grad():
        pooling.key.weight.copy_(torch.tensor([[1.0, -1.0], [0.0, 0.0]]))
        pooling.key.bias.copy_(torch.tensor([0.0, 50.0]))
        pooling.score.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 3.0]]))
        pooling.score.bias.zero_()
    # keys of the first value: tanh(-1), tanh(-2), tanh(18) = 1; those of the second are equal
    scores = 2 * torch.tanh(torch.tensor([-1.0, -2.0, 18.0]))
    first = (scores.softmax(dim=0) * torch.tensor([1.0, 3.0, 7.0])).sum()
    got = pooling(NOTHING, STATES, valid(True, True, True))
    torch.testing.assert_close(got, torch.stack([first, torch.tensor(7 / 3)])[None])
    alone = pooling(NOTHING, STATES, valid(False, True, False))
    torch.testing.assert_close(alone, torch.tensor([[3.0, 5.0]]))


@pytest.mark.parametrize("pooling", ["content", "max_mean"])
def test_the_place_of_a_frame_does_not_count(pooling: str) -> None:
    module = POOLINGS[pooling](2, 3, TWO)
    turned = module(NOTHING, STATES.flip(1), valid(True, True, True))
    torch.testing.assert_close(module(NOTHING, STATES, valid(True, True, True)), turned)


@pytest.mark.parametrize("pooling", list(POOLINGS))
def test_padding_changes_nothing(pooling: Any) -> None:
    head = replace(HEAD, pooling=pooling)
    network = SingleStream(which="tec", dim=DIM, num_classes=NUM_CLASSES, head=head, seed=1).eval()
    batch = make_batch([150, 60, 1])
    expected = network(batch)
    torch.testing.assert_close(network(with_beyond(batch, 1e4)), expected)
    for number in range(3):
        alone = network(row(batch, number))
        torch.testing.assert_close(alone[0], expected[number], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", list(POOLINGS))
def test_every_weight_of_the_head_is_trained(pooling: Any) -> None:
    head = CoAttentionHead(
        num_streams=2,
        dim=DIM,
        num_classes=NUM_CLASSES,
        settings=replace(HEAD, pooling=pooling, frame_weights="softmax"),
        seed=1,
    )
    batch = make_batch([150, 60, 90, 120])
    logits = head(
        batch.spectrogram, batch.mfcc, batch.num_spectral_frames, batch.sec[:2], batch.valid
    )
    torch.autograd.backward(torch.nn.functional.cross_entropy(logits, batch.labels))
    for name, parameter in head.streams.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_only_a_pooling_that_is_not_the_papers_is_written_down() -> None:
    assert "pooling" not in HeadSettings().tree()
    assert HeadSettings(pooling="content").tree()["pooling"] == "content"
