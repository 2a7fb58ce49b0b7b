"""AdamW and its learning-rate schedule, the same for every objective."""

from typing import Literal

from torch import nn
from torch.optim import AdamW

from pretrain.settings_class import settings


@settings
class OptimizerSettings:
    """AdamW with warm-up and linear decay. Not specified by the paper; wav2vec 2.0's values."""

    lr: float = 5e-4
    """Peak learning rate, one for all rows (from an equal sweep over the modes)."""

    beta1: float = 0.9
    beta2: float = 0.98
    eps: float = 1e-6
    weight_decay: float = 0.01

    warmup_fraction: float = 0.08
    """Share of all updates in which the rate climbs linearly."""

    decay: Literal["linear", "constant"] = "linear"
    """What follows the warm-up: linear decay to 0, or none."""

    max_gradient_norm: float = 1.0
    """Gradients (per masked frame) are clipped to this global norm."""

    def __post_init__(self) -> None:
        for name in ("lr", "eps", "max_gradient_norm"):
            if getattr(self, name) <= 0.0:
                raise ValueError(f"`{name}` must be above 0, but is {getattr(self, name)} instead.")
        for name in ("beta1", "beta2", "weight_decay", "warmup_fraction"):
            if not 0.0 <= getattr(self, name) < 1.0:
                raise ValueError(
                    f"`{name}` must be in [0, 1), but is {getattr(self, name)} instead."
                )


def make_optimizer(module: nn.Module, settings: OptimizerSettings) -> AdamW:
    """Returns AdamW over the parameters that take gradients."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    betas = (settings.beta1, settings.beta2)
    return AdamW(
        parameters,
        lr=settings.lr,
        betas=betas,
        eps=settings.eps,
        weight_decay=settings.weight_decay,
        fused=True,
    )


def learning_rate(update: int, num_updates: int, settings: OptimizerSettings) -> float:
    """Returns the rate of update `update` (counted from 0) of `num_updates`."""
    num_warmup = max(1, round(settings.warmup_fraction * num_updates))
    if update < num_warmup:
        return settings.lr * (update + 1) / num_warmup
    if settings.decay == "constant":
        return settings.lr
    return settings.lr * (num_updates - update) / max(1, num_updates - num_warmup)
