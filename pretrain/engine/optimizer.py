"""AdamW and its learning-rate schedule, the same for every objective."""

from typing import Annotated, Literal

from torch import nn
from torch.optim import AdamW, Optimizer

from pretrain.shared.checked_settings import settings, within

CONV_STACK = "encoder.conv."
"""Beginning of the names of the conv stack's parameters in every objective."""


@settings
class OptimizerSettings:
    """AdamW with warm-up and linear decay. Not specified by the paper; wav2vec 2.0's values."""

    lr: Annotated[float, within("(0, 1e38]")] = 5e-4
    """Peak learning rate, one for all rows (from an equal sweep over the modes)."""

    conv_lr_scale: Annotated[float, within("(0, 1000]")] = 0.1
    """Factor on the rate of the conv stack, the same in every mode. Not specified by the paper.
    AdamW does not see the scale of a gradient, so that wav2vec 2.0's `conv_gradient_scale` hardly
    slows the conv stack down; this does. At 1 and small batches the continuous mode's conv stack
    goes constant within 100 updates, at 0.1 it does not."""

    beta1: Annotated[float, within("[0, 1)")] = 0.9
    beta2: Annotated[float, within("[0, 1)")] = 0.98
    eps: Annotated[float, within("(0, 1]")] = 1e-6
    weight_decay: Annotated[float, within("[0, 1)")] = 0.01

    warmup_fraction: Annotated[float, within("[0, 1)")] = 0.08
    """Share of all updates in which the rate climbs linearly."""

    decay: Literal["linear", "constant"] = "linear"
    """What follows the warm-up: linear decay to 0, or none."""

    max_gradient_norm: Annotated[float, within("(0, 1e38]")] = 1.0
    """Gradients (per masked frame) are clipped to this global norm."""


def make_optimizer(module: nn.Module, settings: OptimizerSettings) -> AdamW:
    """Returns AdamW over the parameters that take gradients; set rates with `set_rate`."""
    trained = [(name, p) for name, p in module.named_parameters() if p.requires_grad]
    conv = [p for name, p in trained if name.startswith(CONV_STACK)]
    others = [p for name, p in trained if not name.startswith(CONV_STACK)]
    groups = [
        {"params": others, "lr_scale": 1.0},
        {"params": conv, "lr_scale": settings.conv_lr_scale},
    ]
    betas = (settings.beta1, settings.beta2)
    return AdamW(
        [group for group in groups if group["params"]],
        lr=settings.lr,
        betas=betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def set_rate(optimizer: Optimizer, rate: float) -> None:
    """Sets the rate of every group to its share of `rate`."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["lr_scale"]


def learning_rate(update: int, num_updates: int, settings: OptimizerSettings) -> float:
    """Returns the rate of update `update` (counted from 0) of `num_updates`."""
    num_warmup = max(1, round(settings.warmup_fraction * num_updates))
    if update < num_warmup:
        return settings.lr * (update + 1) / num_warmup
    if settings.decay == "constant":
        return settings.lr
    return settings.lr * (num_updates - update) / max(1, num_updates - num_warmup)
