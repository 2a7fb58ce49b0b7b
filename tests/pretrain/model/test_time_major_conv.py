import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.data.frames import CONV_STRIDES, num_frames_of
from pretrain.model.time_major_conv import TimeMajorConv


def reference(conv: TimeMajorConv, waveforms: Tensor) -> Tensor:
    x = waveforms[:, None]
    for weight, norm, stride in zip(conv.weights, conv.norms, CONV_STRIDES, strict=True):
        x = F.conv1d(x, weight, stride=stride)
        x = F.gelu(norm(x.transpose(1, 2))).transpose(1, 2)
    return x.transpose(1, 2)


def whole(waveforms: Tensor) -> Tensor:
    return torch.full((waveforms.shape[0],), waveforms.shape[1])


def make(conv_dim: int) -> TimeMajorConv:
    torch.manual_seed(0)
    conv = TimeMajorConv(conv_dim).double()
    for norm in conv.norms:
        assert isinstance(norm, nn.LayerNorm)
        nn.init.uniform_(norm.weight, 0.5, 1.5)
        nn.init.normal_(norm.bias)
    return conv


@pytest.mark.parametrize("conv_dim", [1, 12])
@pytest.mark.parametrize("num_samples", [3200, 3000, 720])
def test_output_equals_stacked_conv1d(conv_dim: int, num_samples: int) -> None:
    conv = make(conv_dim)
    waveforms = torch.randn(3, num_samples, dtype=torch.float64)
    num_frames = num_frames_of(num_samples)
    ours, theirs = conv(waveforms, whole(waveforms)), reference(conv, waveforms)
    assert ours.shape == (3, -(-num_samples // 320), conv_dim)
    assert theirs.shape[1] == num_frames < ours.shape[1]
    torch.testing.assert_close(ours[:, :num_frames], theirs, rtol=1e-10, atol=1e-10)


def test_gradients_equal_those_of_stacked_conv1d() -> None:
    conv = make(12)
    waveforms = torch.randn(2, 3200, dtype=torch.float64)
    num_frames = num_frames_of(3200)
    upstream = torch.randn(2, num_frames, 12, dtype=torch.float64)
    parameters = list(conv.parameters())
    ours = torch.autograd.grad(
        (conv(waveforms, whole(waveforms))[:, :num_frames] * upstream).sum(), parameters
    )
    theirs = torch.autograd.grad((reference(conv, waveforms) * upstream).sum(), parameters)
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


def test_gradient_reaches_the_waveform() -> None:
    conv = make(4)
    waveforms = torch.randn(2, 1600, dtype=torch.float64, requires_grad=True)
    valid = slice(0, num_frames_of(1600))
    (ours,) = torch.autograd.grad(
        conv(waveforms, whole(waveforms))[:, valid].square().sum(), waveforms
    )
    (theirs,) = torch.autograd.grad(reference(conv, waveforms).square().sum(), waveforms)
    torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


def test_autocast_runs_the_whole_stack_in_bfloat16() -> None:
    conv = make(12).float()
    waveforms = torch.randn(2, 3200)
    with torch.autocast("cpu", torch.bfloat16):
        out = conv(waveforms, whole(waveforms))
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), conv(waveforms, whole(waveforms)), rtol=0.1, atol=0.1)


def test_utterances_of_unequal_length_do_not_mix() -> None:
    conv = make(6)
    lengths = [3200, 721, 2000]
    waveforms = torch.randn(3, 4160, dtype=torch.float64)
    out = conv(waveforms, torch.tensor(lengths))
    assert out.shape == (3, 13, 6)
    for row, length in enumerate(lengths):
        alone = reference(conv, waveforms[row : row + 1, :length])[0]
        torch.testing.assert_close(out[row, : alone.shape[0]], alone, rtol=1e-10, atol=1e-10)


def test_gradients_of_unequal_utterances_are_those_of_each_alone() -> None:
    conv = make(6)
    lengths = [3200, 721, 2000]
    waveforms = torch.randn(3, 3200, dtype=torch.float64)
    out = conv(waveforms, torch.tensor(lengths))
    valid = torch.arange(10) < num_frames_of(torch.tensor(lengths))[:, None]
    ours = torch.autograd.grad(out[valid].square().sum(), list(conv.parameters()))
    rows = zip(waveforms, lengths, strict=True)
    loss = sum(reference(conv, row[None, :length]).square().sum() for row, length in rows)
    assert isinstance(loss, Tensor)
    theirs = torch.autograd.grad(loss, list(conv.parameters()))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("correlation", [0.0, 0.8, 1.0])
def test_initial_taps_are_correlated_as_asked_at_kaiming_variance(correlation: float) -> None:
    torch.manual_seed(0)
    first, *others = TimeMajorConv(64, tap_correlation=correlation).weights
    assert float(first.detach().var()) == pytest.approx(2 / 10, rel=0.2)
    assert float(torch.corrcoef(first.detach()[:, 0].T)[0, 1]) == pytest.approx(0.0, abs=0.4)
    for weight in others:
        kernel = weight.shape[2]
        assert float(weight.detach().var()) == pytest.approx(2 / (64 * kernel), rel=0.1)
        measured = torch.corrcoef(weight.detach().flatten(0, 1).T)
        between = measured[~torch.eye(kernel, dtype=torch.bool)]
        assert between.tolist() == pytest.approx([correlation] * len(between), abs=0.06)


def test_correlated_taps_make_neighbouring_frames_alike() -> None:
    """The reason for them: what surrounds a masked frame tells something about it."""
    time = torch.arange(48_000) / 16_000
    vowel = torch.sin(2 * torch.pi * 130 * time) + torch.sin(2 * torch.pi * 1130 * time + 1)
    fricative = torch.randn(48_000, generator=torch.Generator().manual_seed(0))
    which = (time * 4).long() % 2 == 0
    waveforms = torch.where(which, vowel, fricative)[None]

    def likeness(correlation: float) -> float:
        torch.manual_seed(0)
        conv = TimeMajorConv(64, tap_correlation=correlation)
        with torch.no_grad():
            frames = conv(waveforms, whole(waveforms))[0, : num_frames_of(48_000)]
        frames = frames - frames.mean(dim=0)
        return float(torch.cosine_similarity(frames[:-3], frames[3:]).mean())

    assert likeness(0.8) > likeness(0.0) + 0.15
