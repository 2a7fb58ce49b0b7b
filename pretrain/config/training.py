"""Settings of how a run is trained and watched, whatever its objective."""

from typing import Annotated, Literal

from pretrain.shared.checked_settings import settings, within


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


@settings
class HealthSettings:
    """When a metric beyond its limit counts as a collapse."""

    warmup_fraction: Annotated[float, within("[0, 1)")] = 0.1
    """Share of all updates after which collapses are looked for."""

    patience: Annotated[int, within("[1, 1e9]")] = 10
    """Updates in a row for which a metric must be beyond its limit."""

    stop_on_collapse: bool = False
    """Stops the run at the first finding instead of only reporting it."""

    max_skipped_updates: Annotated[int, within("[1, 1e9]")] = 20
    """So many updates in a row with a non-finite loss or gradient stop the run."""
