"""The emotion head: who weighs what, and padding."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from mfsn.model.coattention import CoAttentionHead
from mfsn.model.head_settings import HeadSettings
from mfsn.model.poolings.acoustic_attention import StreamAttention
from tests.mfsn.batches import DIM, HEAD, NUM_CLASSES, make_batch


def make_head(num_streams: int, seed: int = 1, settings: HeadSettings = HEAD) -> CoAttentionHead:
    return CoAttentionHead(
        num_streams=num_streams, dim=DIM, num_classes=NUM_CLASSES, settings=settings, seed=seed
    )


def make_attention(frame_weights: Any) -> StreamAttention:
    """Scores of three frames: 2, -1, 4; the sum of states goes through as it is."""
    settings = replace(
        HEAD, spectrogram_dim=1, mfcc_dim=1, stream_dim=2, frame_weights=frame_weights
    )
    attention = StreamAttention(2, 3, settings)
    with torch.no_grad():
        attention.score.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, -1.0], [2.0, 2.0]]))
        attention.score.bias.zero_()
        attention.linear.weight.copy_(torch.eye(2))
        attention.linear.bias.zero_()
    return attention


STATES = torch.tensor([[[1.0, 2.0], [3.0, 5.0], [7.0, -11.0]]])


def test_frames_are_weighted_by_the_relu_of_their_scores() -> None:
    attention = make_attention("relu")
    acoustic = torch.tensor([[1.0, 1.0]])
    # 2 (1, 2) + 0 (3, 5) + 4 (7, -11) = (30, -40)
    everything = attention(acoustic, STATES, torch.tensor([[True, True, True]]))
    assert everything.tolist() == [[30.0, 0.0]]
    shorter = attention(acoustic, STATES, torch.tensor([[True, True, False]]))
    assert shorter.tolist() == [[2.0, 4.0]]


def test_softmax_weights_are_shared_by_the_valid_frames() -> None:
    attention = make_attention("softmax")
    got = attention(torch.tensor([[1.0, 1.0]]), STATES, torch.tensor([[True, True, False]]))
    first = 1 / (1 + torch.tensor(-3.0).exp())
    torch.testing.assert_close(
        got[0], torch.stack([first + 3 * (1 - first), 2 * first + 5 * (1 - first)])
    )


def test_public_sizes_give_the_public_numbers_of_weights() -> None:
    with torch.device("meta"):
        head = CoAttentionHead(
            num_streams=1, dim=768, num_classes=4, settings=HeadSettings(), seed=1, num_frames=149
        )

    def size(module: nn.Module) -> int:
        return sum(weight.numel() for weight in module.parameters())

    assert size(head.spectrogram.linear) == 9216 * 128 + 128
    assert size(head.mfcc.linear) == 153_600 * 128 + 128
    assert isinstance(attention := head.streams[0], StreamAttention)
    assert size(attention.score) == 256 * 149 + 149
    assert size(attention.linear) == 768 * 128 + 128
    assert size(head.classifier) == 384 * 128 + 128 + 128 * 128 + 128 + 128 * 4 + 4


def test_two_streams_double_the_branches_and_split_them_evenly() -> None:
    head = make_head(2)
    assert head.spectrogram.linear.out_features == 2 * HEAD.spectrogram_dim
    assert head.mfcc.linear.out_features == 2 * HEAD.mfcc_dim
    batch = make_batch([150, 60])
    seen = head.spectrogram(batch.spectrogram, batch.num_spectral_frames)
    heard = head.mfcc(batch.mfcc, batch.num_spectral_frames)
    parts = [seen, heard]
    for number, (attention, states) in enumerate(zip(head.streams, batch.sec, strict=False)):
        own = slice(6 * number, 6 * number + 6)
        acoustic = torch.cat([seen[:, own], heard[:, own]], dim=1)
        parts.append(attention(acoustic, states, batch.valid))
    expected = head.classifier(torch.cat(parts, dim=1))
    logits = head(
        batch.spectrogram, batch.mfcc, batch.num_spectral_frames, batch.sec[:2], batch.valid
    )
    torch.testing.assert_close(logits, expected)


def test_initial_weights_depend_on_the_seed_only() -> None:
    torch.manual_seed(0)
    one = make_head(2, seed=1).state_dict()
    torch.manual_seed(1)
    same, other = make_head(2, seed=1).state_dict(), make_head(2, seed=2).state_dict()
    assert all(torch.equal(weight, same[name]) for name, weight in one.items())
    assert not any(torch.equal(weight, other[name]) for name, weight in one.items())


def test_what_the_one_stream_head_has_in_common_with_the_other_starts_alike() -> None:
    one, two = make_head(1).state_dict(), make_head(2).state_dict()
    shared = [name for name in one if one[name].shape == two[name].shape]
    equal = [name for name in shared if torch.equal(one[name], two[name])]
    assert {name for name in one if ".features." in name or ".layers." in name} <= set(equal)
    assert {name for name in one if name.startswith("streams.0.")} <= set(equal)


@pytest.mark.parametrize(
    ("values", "key"),
    [
        ({"image_height": 0}, "image_height"),
        ({"dropout": 1.0}, "dropout"),
        ({"channels": (1, 1, 0, 1, 1)}, "channels"),
    ],
)
def test_wrong_settings_are_refused(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        HeadSettings(**values)
