"""What a training is given, of whichever network, and how it reports."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mfsn.data.fold_data import FoldData
from mfsn.search.predict import NetworkFunction
from mfsn.search.training_settings import FitSettings

OnEpoch = Callable[[int, NetworkFunction], Any]
"""Called after every epoch with its number (from 1) and the network as the dev part would choose
it, in evaluation mode. It may score what training must not see: neither weights nor random numbers
nor the choice depend on it. What it returns (plain values) is kept by epoch in `observed`, through
a resume too."""

OnRow = Callable[[dict[str, Any]], None]
"""Called with every new row of a table, to show it or to write it down."""


@dataclass(frozen=True, kw_only=True)
class Training:
    """Everything but the network that `fit`, `search` and `train_every_structure` depend on."""

    streams: nn.Module
    """Fills a batch with the encoders' states; what takes gradients in it is trained too."""

    fold: FoldData
    """Training part and dev part."""

    settings: FitSettings
    seed: int
    """Of order, levels and dropout."""

    checkpoint: Path | None = None
    """A folder of this training alone; the same call continues what is there."""

    device: torch.device | str = "cpu"
    on_epoch: OnEpoch | None = None
    on_row: OnRow | None = None
    """Gets the rows of epochs.csv."""
