"""The Choice Cell and the Fusion Cells: the weighted sum, what is detached, who wins."""

import math
from typing import Any

import pytest
import torch

from mfsn.model.fusion_cells import (
    ChoiceCell,
    DerivedCell,
    FusionCell,
    FusionSettings,
    argmax_operations,
)
from mfsn.model.operations import OPERATIONS


def states(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


VALID = torch.arange(5) < torch.tensor([[5], [3]])
X, Y = states(2, 5, 4, seed=1), states(2, 5, 4, seed=2)


def test_the_choice_cell_detaches_the_level_it_hands_on() -> None:
    levels = [states(1, 2, 3, seed=level).requires_grad_() for level in range(3)]
    for level in range(3):
        chosen = ChoiceCell()(levels, level)
        assert torch.equal(chosen, levels[level])
        assert not chosen.requires_grad


def test_a_fusion_cell_sums_the_operations_by_softmax_of_alpha() -> None:
    cell = FusionCell(4, FusionSettings(), cell=0, seed=5)
    alpha = [0.0, 1.0, -1.0, 0.5, 2.0, 0.0, 0.3, -0.2]
    with torch.no_grad():
        cell.alpha.copy_(torch.tensor(alpha))
    total = sum(math.exp(value) for value in alpha)
    expected = torch.zeros_like(X)
    for value, name in zip(alpha, OPERATIONS, strict=True):
        expected += math.exp(value) / total * cell.operations[name](X, Y, VALID)
    torch.testing.assert_close(cell(X, Y, VALID), expected)


def test_every_operation_and_alpha_receive_gradient() -> None:
    cell = FusionCell(4, FusionSettings(), cell=0, seed=5)
    cell(X, Y, VALID).square().sum().backward()
    for name, parameter in cell.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_initial_alpha_is_small_and_depends_on_seed_and_cell() -> None:
    def alpha(seed: int, cell: int) -> torch.Tensor:
        return FusionCell(4, FusionSettings(), cell=cell, seed=seed).alpha.detach()

    assert torch.equal(alpha(1, 0), alpha(1, 0))
    assert not torch.equal(alpha(1, 0), alpha(2, 0))
    assert not torch.equal(alpha(1, 0), alpha(1, 1))
    assert 0 < alpha(1, 0).abs().max() < 5e-3


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_derived_cell_starts_with_the_weights_of_the_fusion_cell(name: str) -> None:
    settings = FusionSettings()
    torch.manual_seed(0)
    cell = FusionCell(4, settings, cell=1, seed=5)
    torch.manual_seed(1)
    derived = DerivedCell(name, 4, settings, cell=1, seed=5)
    assert torch.equal(derived(X, Y, VALID), cell.operations[name](X, Y, VALID))


def test_reversed_operations_have_weights_of_their_own() -> None:
    cell = FusionCell(4, FusionSettings(), cell=0, seed=5)
    ahead = cell.operations["concat_fc"](X, Y, VALID)
    assert not torch.allclose(ahead, cell.operations["concat_fc_reverse"](Y, X, VALID))


def test_zero_is_passed_over_where_it_may_not_win() -> None:
    weights = torch.tensor([[0.4, 0.1, 0.3, 0.2, 0, 0, 0, 0], [0.1, 0, 0, 0, 0, 0, 0.9, 0]])
    assert argmax_operations(weights) == ("zero", "ism")
    assert argmax_operations(weights, zero_may_win=False) == ("attention", "ism")


@pytest.mark.parametrize(
    ("values", "key"),
    [({"num_cells": 0}, "num_cells"), ({"alpha_init": -1.0}, "alpha_init")],
)
def test_wrong_settings_are_refused(values: dict[str, Any], key: str) -> None:
    with pytest.raises(ValueError, match=f"`{key}` must be"):
        FusionSettings(**values)
