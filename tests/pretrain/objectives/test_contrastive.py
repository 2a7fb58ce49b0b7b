import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pretrain.model.negatives import Negatives
from pretrain.objectives.contrastive import (
    bce_per_frame,
    contrastive_logits,
    infonce_per_frame,
    uninformed_bce,
    uninformed_infonce,
)

INFINITY = math.inf
POSITIVE = torch.tensor([[2.0, -1.0]])
NEGATIVE = torch.tensor([[[0.5, -0.5, -INFINITY], [-INFINITY, -INFINITY, -INFINITY]]])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_bce_is_the_sum_over_the_positive_and_the_usable_negatives() -> None:
    loss = bce_per_frame(POSITIVE, NEGATIVE, torch.tensor([[True, True]]))
    expected = [softplus(-2.0) + softplus(0.5) + softplus(-0.5), softplus(1.0)]
    assert loss[0].tolist() == pytest.approx(expected)


def test_infonce_is_the_cross_entropy_of_the_positive() -> None:
    loss = infonce_per_frame(POSITIVE, NEGATIVE, torch.tensor([[True, True]]))
    total = math.exp(2.0) + math.exp(0.5) + math.exp(-0.5)
    assert loss[0].tolist() == pytest.approx([-math.log(math.exp(2.0) / total), 0.0])


@pytest.mark.parametrize("per_frame", [bce_per_frame, infonce_per_frame])
def test_frames_that_do_not_contribute_have_no_loss_and_no_gradient(
    per_frame: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> None:
    positive = POSITIVE.clone().requires_grad_()
    negative = NEGATIVE.clone().requires_grad_()
    loss = per_frame(positive, negative, torch.tensor([[True, False]]))
    assert loss[0, 1].item() == 0.0
    loss.sum().backward()  # type: ignore[no-untyped-call]
    assert positive.grad is not None
    assert negative.grad is not None
    assert bool(positive.grad[0, 0] != 0)
    assert float(positive.grad[0, 1]) == 0.0
    assert bool(torch.isfinite(negative.grad).all())
    assert negative.grad[0, 1].tolist() == [0.0, 0.0, 0.0]
    assert float(negative.grad[0, 0, 2]) == 0.0


def test_logits_are_cosines_over_the_temperature() -> None:
    torch.manual_seed(0)
    predictions, targets = torch.randn(2, 4, 8), torch.randn(2, 4, 8)
    index = torch.randint(4, (2, 4, 3))
    usable = torch.rand(2, 4, 3) < 0.8
    positive, negative = contrastive_logits(
        predictions, targets, Negatives(index=index, usable=usable), 0.1
    )
    for row in range(2):
        for frame in range(4):
            cosine = torch.cosine_similarity(predictions[row, frame][None], targets[row]) / 0.1
            torch.testing.assert_close(positive[row, frame], cosine[frame])
            expected = cosine[index[row, frame]].masked_fill(~usable[row, frame], -INFINITY)
            torch.testing.assert_close(negative[row, frame], expected)


@pytest.mark.parametrize("num_negatives", [1, 5, 100])
def test_the_uninformed_losses_are_the_least_with_equal_logits(num_negatives: int) -> None:
    logits = torch.linspace(-8.0, 4.0, 2401)[None]  # (B, M)
    negative = logits[:, :, None].expand(-1, -1, num_negatives)
    contributes = torch.ones_like(logits, dtype=torch.bool)
    bce = bce_per_frame(logits, negative, contributes).min()
    assert float(bce) == pytest.approx(uninformed_bce(num_negatives), rel=1e-4)
    infonce = infonce_per_frame(logits, negative, contributes).min()
    assert float(infonce) == pytest.approx(uninformed_infonce(num_negatives), rel=1e-4)
