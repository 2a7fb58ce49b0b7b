import pytest
import torch
from torch import nn

from pretrain.config.training import OptimizerSettings
from pretrain.engine.optimizer import learning_rate, make_optimizer


def test_the_rate_climbs_to_its_peak_and_falls_to_zero() -> None:
    settings = OptimizerSettings(lr=1.0, warmup_fraction=0.1)
    rates = [learning_rate(update, 100, settings) for update in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert rates[9] == rates[10] == 1.0
    assert rates[55] == pytest.approx(0.5)
    assert rates[99] == pytest.approx(1 / 90)
    assert sorted(rates[10:], reverse=True) == rates[10:]


def test_the_rate_can_stay() -> None:
    settings = OptimizerSettings(lr=2.0, decay="constant")
    assert learning_rate(99, 100, settings) == 2.0


def test_the_schedule_of_a_single_update_is_its_peak() -> None:
    assert learning_rate(0, 1, OptimizerSettings(lr=3.0)) == 3.0


def test_frozen_parameters_are_left_out() -> None:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    optimizer = make_optimizer(module, OptimizerSettings())
    assert optimizer.param_groups[0]["params"] == [module.weight]


def test_adamw_steps_as_its_formula_says() -> None:
    """First step of Adam: lr x sign of the gradient, beside decoupled weight decay."""
    module = nn.Linear(1, 1, bias=False)
    nn.init.constant_(module.weight, 2.0)
    settings = OptimizerSettings(lr=0.1, weight_decay=0.5, eps=1e-12)
    optimizer = make_optimizer(module, settings)
    module.weight.grad = torch.tensor([[3.0]])
    optimizer.step()
    assert float(module.weight) == pytest.approx(2.0 * (1 - 0.1 * 0.5) - 0.1, rel=1e-6)
