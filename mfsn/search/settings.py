"""All settings of an experiment with MFSN."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mfsn.data.faults import FaultSettings
from mfsn.data.head_inputs import InputSettings
from mfsn.model.coattention import HeadSettings
from mfsn.model.fusion_cells import FusionSettings
from mfsn.search.training_settings import FitSettings, SearchSettings
from pretrain.config.files import SettingsTree, read_tree
from pretrain.shared.checked_settings import settings


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
        return dataclasses.asdict(self)


def read_settings(files: Sequence[Path], overrides: Sequence[str]) -> MfsnSettings:
    """Reads the settings of a command: --config files, then --set.

    Raises `SettingsError` that lists every fault with its place.
    """
    return read_tree(files, overrides).build(MfsnSettings)


def settings_of(values: dict[str, Any], source: str) -> MfsnSettings:
    """Rebuilds the settings that a run folder holds; `source` names it in errors."""
    tree = SettingsTree()
    for name, value in values.items():
        tree.put(name, value, source)
    return tree.build(MfsnSettings)
