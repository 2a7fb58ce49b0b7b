import math

import numpy as np
import pytest
import torch
from torch import Tensor

from pretrain.model.masked_frames import MaskedFrames, find_masked_frames
from pretrain.model.quantizer import GumbelQuantizer, centre_statistics, draw_gumbel_noise
from pretrain.shared.random_streams import Draws


def all_valid(rows: int, frames: int) -> MaskedFrames:
    return find_masked_frames(torch.ones(rows, frames, dtype=torch.bool))


def by_hand() -> GumbelQuantizer:
    """G = 2, V = 2, E = 4 over 4 inputs; the input is the logits."""
    quantizer = GumbelQuantizer(4, 2, 2, 4)
    with torch.no_grad():
        quantizer.to_logits.weight.copy_(torch.eye(4))
        quantizer.codebooks.copy_(
            torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, 8.0]]])
        )
    return quantizer


def test_the_largest_entry_of_every_codebook_is_taken() -> None:
    x = torch.tensor([[[1.0, 0.0, 0.0, 1.0], [0.0, 1.0, 1.0, 0.0]]])
    out = by_hand()(x, all_valid(1, 2), torch.zeros(1, 2, 2, 2), 1.0)
    assert out.vectors.tolist() == [[[1.0, 2.0, 7.0, 8.0], [3.0, 4.0, 5.0, 6.0]]]
    assert out.centres.tolist() == [[2, 1]]


def test_noise_changes_the_drawn_centre_but_not_the_likeliest() -> None:
    x = torch.tensor([[[1.0, 0.0, 1.0, 0.0]]])
    noise = torch.tensor([[[[0.0, 1.5], [0.0, 0.5]]]])
    out = by_hand()(x, all_valid(1, 1), noise, 1.0)
    assert out.centres.tolist() == [[1]]
    assert out.likeliest_centres.tolist() == [[0]]


def test_perplexity_is_that_of_the_average_softmax() -> None:
    # Softmax of (log 3, 0) is (3/4, 1/4); with (0, 0) the average is (5/8, 3/8).
    x = torch.tensor([[[math.log(3), 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]])
    out = by_hand()(x, all_valid(1, 2), torch.randn(1, 2, 2, 2), 0.7)
    expected = math.exp(-(5 / 8 * math.log(5 / 8) + 3 / 8 * math.log(3 / 8)))
    assert out.perplexity.tolist() == pytest.approx([expected, 2.0], rel=1e-5)


def test_gradient_is_that_of_the_tempered_softmax() -> None:
    quantizer = by_hand()
    x = torch.tensor([[[0.3, 0.1, -0.2, 0.4]]], requires_grad=True)
    noise = torch.tensor([[[[0.1, -0.3], [0.2, 0.0]]]])
    upstream = torch.tensor([1.0, -2.0, 0.5, 3.0])
    out = quantizer(x, all_valid(1, 1), noise, 0.5)
    (ours,) = torch.autograd.grad((out.vectors[0, 0] * upstream).sum(), x)
    soft = ((x.view(2, 2) + noise[0, 0]) / 0.5).softmax(-1)
    vectors = (soft[:, :, None] * quantizer.codebooks).sum(1).flatten()
    (theirs,) = torch.autograd.grad((vectors * upstream).sum(), x)
    torch.testing.assert_close(ours, theirs)


def test_padding_has_no_part_in_perplexity() -> None:
    torch.manual_seed(0)
    quantizer = GumbelQuantizer(6, 2, 5, 4)
    mask = torch.tensor([[True, True, True, True], [True, False, False, False]])
    masked = find_masked_frames(mask)
    x = torch.randn(2, 4, 6)
    changed = x.clone()
    changed[1, 1:] = 100.0
    noise = torch.zeros(2, 4, 2, 5)
    a, b = (quantizer(value, masked, noise, 1.0).perplexity for value in (x, changed))
    assert torch.equal(a, b)
    together = torch.cat([x[0], x[1, :1]])[None]
    alone = quantizer(together, all_valid(1, 5), torch.zeros(1, 5, 2, 5), 1.0).perplexity
    torch.testing.assert_close(a, alone)


def test_noise_is_standard_gumbel_per_utterance_whatever_the_batch() -> None:
    draws = [Draws(seed=0, update=1, slot=i, utterance_id=f"u{i}") for i in range(2)]
    mask = torch.zeros(2, 300, dtype=torch.bool)
    mask[0, :300] = True
    mask[1, 100:180] = True
    both = draw_gumbel_noise(draws, find_masked_frames(mask), 2, 50)
    alone = draw_gumbel_noise(draws[1:], find_masked_frames(mask[1:]), 2, 50)
    assert torch.equal(both[1, :80], alone[0])
    assert bool((both[1, 80:] == 0).all())
    values = both[0].flatten().numpy()
    assert np.mean(values) == pytest.approx(0.5772, abs=0.03)
    assert np.var(values) == pytest.approx(math.pi**2 / 6, rel=0.05)


def statistics(centres: list[list[int]], valid: list[list[bool]]) -> tuple[float, float]:
    pair: tuple[Tensor, Tensor] = centre_statistics(torch.tensor(centres), torch.tensor(valid))
    return float(pair[0]), float(pair[1])


def test_centres_are_counted_without_padding() -> None:
    yes, no = True, False
    centres = [[7, 7, 0], [10**12, 7, 3]]
    # 7 three times, 0 once, 10^12 once: the 3 is padding.
    perplexity, used = statistics(centres, [[yes, yes, yes], [yes, yes, no]])
    shares = [0.6, 0.2, 0.2]
    assert used == 3
    assert perplexity == pytest.approx(math.exp(-sum(p * math.log(p) for p in shares)), rel=1e-5)
    assert statistics([[4, 4, 9]], [[yes, yes, no]]) == (1.0, 1.0)
