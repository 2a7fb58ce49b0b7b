"""AdamW and its learning-rate schedule, the same for every objective."""

from torch import nn
from torch.optim import AdamW, Optimizer

from pretrain.config.training import OptimizerSettings

CONV_STACK = "encoder.conv."
"""Beginning of the names of the conv stack's parameters in every objective."""


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
