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
from mfsn.model.poolings.windows import Windows
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


def test_windows_are_maximum_and_mean_of_neighbours_together() -> None:
    pooling = Windows(2, 3, replace(TWO, window_frames=3))
    assert pooling.convolution.bias is not None
    with torch.no_grad():
        pooling.convolution.bias.zero_()
        # the first value adds a frame's first number to the one before, the second value takes the
        # second number of the frame behind
        pooling.convolution.weight.zero_()
        pooling.convolution.weight[0, 0, :2] = 1.0
        pooling.convolution.weight[1, 1, 2] = 1.0
    everything = pooling(NOTHING, STATES, valid(True, True, True))
    torch.testing.assert_close(everything, torch.tensor([[10.0, 5.0, 15 / 3, 5 / 3]]))
    shorter = pooling(NOTHING, STATES, valid(True, True, False))
    torch.testing.assert_close(shorter, torch.tensor([[4.0, 5.0, 5 / 2, 5 / 2]]))


def test_windows_tell_an_order_that_frames_do_not() -> None:
    one_way = valid(True, True, True)
    for pooling, tells in (("max_mean", False), ("windows", True)):
        module = POOLINGS[pooling](2, 3, replace(TWO, stream_dim=8, window_frames=3))
        got, turned = (module(NOTHING, x, one_way) for x in (STATES, STATES.flip(1)))
        assert torch.allclose(got, turned) is not tells


def test_windows_of_one_frame_are_max_mean() -> None:
    windows, frames = Windows(2, 3, replace(TWO, window_frames=1)), MaxMean(2, 3, TWO)
    assert windows.convolution.bias is not None
    with torch.no_grad():
        frames.linear.weight.copy_(windows.convolution.weight[:, :, 0])
        frames.linear.bias.copy_(windows.convolution.bias)
    shown = NOTHING, STATES, valid(True, True, False)
    torch.testing.assert_close(windows(*shown), frames(*shown))


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
    assert "window_frames" not in HeadSettings().tree()
    assert "window_frames" not in HeadSettings(pooling="content").tree()
    assert HeadSettings(pooling="content").tree()["pooling"] == "content"
    assert HeadSettings(pooling="windows").tree()["window_frames"] == 9
