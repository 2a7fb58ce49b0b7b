"""Every operation against a case computed by hand, its reverse, and what lies beyond the end."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from mfsn.model.operations import OPERATIONS
from mfsn.model.operations.concat_fc import ConcatFC
from mfsn.model.operations.operation import Reverse
from mfsn.model.operations.supplement import ChannelSupplement, GatedSupplement

Set = Callable[[nn.Module], None]

X = torch.tensor([[[1.0, 0.0], [0.0, 2.0]]])
Y = torch.tensor([[[3.0, 1.0], [1.0, -1.0]]])
VALID = torch.ones(1, 2, dtype=torch.bool)


def sigmoid(value: float) -> float:
    return 1.0 / (1.0 + math.exp(-value))


def set_concat_fc(operation: nn.Module) -> None:
    """ReLU of (x0 - y1, 2 y0 + 1); LayerNorm with weights (2, 3) and offsets (0.5, -0.5)."""
    assert isinstance(operation, ConcatFC)
    with torch.no_grad():
        operation.linear.weight.copy_(torch.tensor([[1.0, 0, 0, -1.0], [0, 0, 2.0, 0]]))
        operation.linear.bias.copy_(torch.tensor([0.0, 1.0]))
        operation.norm.weight.copy_(torch.tensor([2.0, 3.0]))
        operation.norm.bias.copy_(torch.tensor([0.5, -0.5]))


def set_gated(operation: nn.Module) -> None:
    """Gate sigmoid(x0 + y1, 1), value (y1, y0 - 1)."""
    assert isinstance(operation, GatedSupplement)
    with torch.no_grad():
        operation.gate.weight.copy_(torch.tensor([[1.0, 0, 0, 1.0], [0, 0, 0, 0]]))
        operation.gate.bias.copy_(torch.tensor([0.0, 1.0]))
        operation.value.weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        operation.value.bias.copy_(torch.tensor([0.0, -1.0]))


def set_channel(operation: nn.Module) -> None:
    """Left neighbour + 2 self + 4 right neighbour."""
    assert isinstance(operation, ChannelSupplement)
    with torch.no_grad():
        operation.conv.weight.copy_(torch.tensor([[[1.0, 2.0, 4.0]]]))


def attended(query: tuple[float, float]) -> list[float]:
    """Attention of one query over the two rows of Y."""
    scores = [(query[0] * key[0] + query[1] * key[1]) / math.sqrt(2) for key in ((3, 1), (1, -1))]
    first = math.exp(scores[0]) / (math.exp(scores[0]) + math.exp(scores[1]))
    return [3 * first + (1 - first), first - (1 - first)]


def normalized(first: float, second: float) -> list[float]:
    """LayerNorm of two numbers with the weights of `set_concat_fc`."""
    half = (first - second) / 2
    unit = half / math.sqrt(half * half + 1e-5)
    return [2 * unit + 0.5, -3 * unit - 0.5]


CHANNEL_GATES = sigmoid(2 * 2 + 4 * 0), sigmoid(2 + 2 * 0)
"""The mean of Y over frames is (2, 0)."""

CASES = [
    ("zero", "gated", None, [[0.0, 0.0], [0.0, 0.0]]),
    ("sum", "gated", None, [[4.0, 1.0], [1.0, 1.0]]),
    ("attention", "gated", None, [attended((1.0, 0.0)), attended((0.0, 2.0))]),
    # Frame 1: ReLU(1 - 1, 7) = (0, 7). Frame 2: ReLU(0 + 1, 3) = (1, 3).
    ("concat_fc", "gated", set_concat_fc, [normalized(0, 7), normalized(1, 3)]),
    # Frame 1: gate (sigmoid 2, sigmoid 1), value (1, 2). Frame 2: (sigmoid -1, sigmoid 1), (-1, 0).
    (
        "ism",
        "gated",
        set_gated,
        [[1 + sigmoid(2), 2 * sigmoid(1)], [-sigmoid(-1), 2.0]],
    ),
    (
        "ism",
        "channel",
        set_channel,
        [[1 + 3 * CHANNEL_GATES[0], CHANNEL_GATES[1]], [CHANNEL_GATES[0], 2 - CHANNEL_GATES[1]]],
    ),
]


@pytest.mark.parametrize(("name", "ism", "set_weights", "expected"), CASES)
def test_operation_matches_the_case_computed_by_hand(
    name: str, ism: str, set_weights: Set | None, expected: list[list[float]]
) -> None:
    operation = OPERATIONS[name].make(2, ism)
    if set_weights is not None:
        set_weights(operation)
    torch.testing.assert_close(operation(X, Y, VALID), torch.tensor([expected]))


@pytest.mark.parametrize(
    ("name", "ism", "set_weights", "expected"),
    [case for case in CASES if case[0] not in ("zero", "sum")],
)
def test_reverse_exchanges_text_and_speech(
    name: str, ism: str, set_weights: Set | None, expected: list[list[float]]
) -> None:
    operation = OPERATIONS[f"{name}_reverse"].make(2, ism)
    assert isinstance(operation, Reverse)
    if set_weights is not None:
        set_weights(operation.operation)
    torch.testing.assert_close(operation(Y, X, VALID), torch.tensor([expected]))
    assert not torch.allclose(operation(X, Y, VALID), torch.tensor([expected]))


def test_there_are_five_operations_and_three_reverses() -> None:
    assert len(OPERATIONS) == 8
    assert sum(name.endswith("_reverse") for name in OPERATIONS) == 3


def padded(rows: Tensor, value: float, num_frames: int) -> Tensor:
    beyond = torch.full((1, num_frames - rows.shape[1], rows.shape[2]), value)
    return torch.cat([rows, beyond], dim=1)


@pytest.mark.parametrize("ism", ["gated", "channel"])
@pytest.mark.parametrize("name", OPERATIONS)
def test_what_lies_beyond_the_end_changes_nothing_and_comes_out_zero(name: str, ism: str) -> None:
    torch.manual_seed(3)
    x, y = torch.randn(1, 5, 6), torch.randn(1, 5, 6)
    operation = OPERATIONS[name].make(6, ism)
    alone = operation(x, y, torch.ones(1, 5, dtype=torch.bool))
    valid = torch.arange(9)[None] < 5
    for value in (0.0, 50.0, -1e4):
        beside = operation(padded(x, value, 9), padded(y, value, 9), valid)
        torch.testing.assert_close(beside[:, :5], alone)
        assert not beside[:, 5:].any()
