"""All settings of an experiment with MFSN."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from mfsn.data.head_inputs import FaultSettings, InputSettings
from mfsn.model.fusion_cells import FusionSettings
from mfsn.model.head_settings import HeadSettings
from pretrain.config.files import SettingsTree, read_tree
from pretrain.shared.checked_settings import settings, within


@settings
class FitSettings:
    """How the weights are trained. The defaults are those of the public Co-attention code, with
    which the paper says to be in alignment."""

    lr: Annotated[float, within("(0, 1e38]")] = 1e-5
    """Rate of AdamW for fusion and emotion head, constant (the public Co-attention code's)."""

    sec_lr: Annotated[float, within("(0, 1e38]")] = 1e-5
    """Rate for the SEC encoder where it is trained (the public Co-attention code's for its
    encoder). Without effect on cached states."""

    weight_decay: Annotated[float, within("[0, 1e9]")] = 0.01
    """AdamW's (torch's default, as in the public Co-attention code)."""

    batch_size: Annotated[int, within("[1, 65536]")] = 64
    """Segments in a batch (the public Co-attention code's)."""

    max_epochs: Annotated[int, within("[1, 1e6]")] = 100
    """Most passes over the training part (the public Co-attention code's)."""

    patience: Annotated[int, within("[1, 1e6]")] = 8
    """Training ends when that many epochs in a row brought no better epoch (the public
    Co-attention code's)."""

    max_gradient_norm: Annotated[float, within("[0, 1e38]")] = 0.0
    """Gradients of the weights are clipped to this global norm; 0 leaves them as they are, as the
    public Co-attention code does. Not specified by the paper."""

    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Precision of the matrix products in training; parameters, losses and what is scored are
    fp32. `auto` is bf16 where that is at least 1.5 times as fast, measured at the first start of a
    run, and is kept by it. Not specified by the paper."""

    deterministic: bool = True
    """Only deterministic kernels, so that a resumed training equals the straight one."""


@settings
class SearchSettings:
    """How the architecture weights alpha are found (paper, section 2: differentiable search)."""

    method: Literal["joint", "bilevel"] = "joint"
    """`joint`: alpha and weights step together on the training loss ("a single training process",
    paper). `bilevel`: alpha steps on one half of the dev part, first order, as in DARTS; the other
    half selects. Which one is not specified by the paper."""

    alpha_lr: Annotated[float, within("(0, 1e38]")] = 0.05
    """Rate of SGD for alpha. The paper's number has lost its exponent ("5"); to be swept over 5,
    0.5, 0.05, 0.005."""

    alpha_momentum: Annotated[float, within("[0, 1)")] = 0.0
    """Momentum of that SGD. Not specified by the paper."""

    zero_may_win: bool = True
    """Whether the operation `zero`, which drops the TEC stream, may be chosen. Not specified by
    the paper; DARTS forbids it."""

    after: Literal["keep", "retrain"] = "keep"
    """`keep`: the found structure keeps the weights it had in the search. `retrain`: it is trained
    from scratch. Not specified by the paper ("a single training process")."""


@settings
class MfsnSettings:
    """Everything that a network's numbers depend on but encoders, corpus, protocol and seed."""

    train_sec_encoder: bool = True
    """Whether the SEC encoder is trained along with fusion and head, as in the paper. False keeps
    both encoders frozen and computes their states only once, which is what a CPU can do."""

    inputs: InputSettings = dataclasses.field(default_factory=InputSettings)
    faults: FaultSettings = dataclasses.field(default_factory=FaultSettings)
    head: HeadSettings = dataclasses.field(default_factory=HeadSettings)
    fusion: FusionSettings = dataclasses.field(default_factory=FusionSettings)
    fit: FitSettings = dataclasses.field(default_factory=FitSettings)
    search: SearchSettings = dataclasses.field(default_factory=SearchSettings)

    def __post_init__(self) -> None:
        if self.inputs.segment_seconds != 3.0 or self.inputs.num_mfcc != 40:
            raise ValueError(
                "`inputs.segment_seconds` must be 3.0 and `inputs.num_mfcc` must be 40, which the "
                f"emotion head is made for, but they are {self.inputs.segment_seconds} and "
                f"{self.inputs.num_mfcc} instead."
            )

    def tree(self) -> dict[str, Any]:
        """Returns the settings as nested tables of plain values."""
        return {**dataclasses.asdict(self), "head": self.head.tree()}


def read_settings(files: Sequence[Path], overrides: Sequence[str]) -> MfsnSettings:
    """Reads the settings of a command: --config files, then --set. Raises `SettingsError` that
    lists every fault with its place."""
    return read_tree(files, overrides).build(MfsnSettings)


def settings_of(values: dict[str, Any], source: str) -> MfsnSettings:
    """Rebuilds the settings that a run folder holds; `source` names it in errors."""
    tree = SettingsTree()
    for name, value in values.items():
        tree.put(name, value, source)
    return tree.build(MfsnSettings)
