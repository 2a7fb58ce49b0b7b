"""What the report reads of MFSN: one run folder and its variants."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from mfsn.experiment.results import DEV as DEV
from mfsn.experiment.results import OPTIMISTIC as OPTIMISTIC
from mfsn.roles import HEADS

LEVELS = ("early", "middle", "last")
"""Levels of the SEC encoder, from low to high."""

PAPERS_HEAD = next(iter(HEADS))
"""The pooling of runs that do not say theirs."""

SEARCHED = "mfsn"
"""The variant that every other one is compared with."""

TEC_ALONE = "tec"
"""Co-attention on the TEC encoder alone."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One network of a comparison."""

    name: str
    label: str
    streams: tuple[str, ...]
    """Roles of its encoders."""

    sec: str
    """Role of its SEC encoder; empty for none."""

    search: bool
    parameters: Mapping[str, int] | int | None
    """Trained parameters, in whatever detail the run gives them."""


@dataclass(frozen=True, kw_only=True)
class MfsnRun:
    """One run folder of MFSN."""

    folder: Path
    record: Mapping[str, Any]
    """run.json."""

    variants: tuple[Variant, ...]
    tables: Mapping[str, pd.DataFrame]
    """CSV files by name without ending; a missing one is empty."""

    @property
    def corpus(self) -> Mapping[str, Any]:
        return dict(self.record.get("corpus") or {})

    @property
    def protocol(self) -> str:
        return str(self.record.get("protocol") or "")

    @property
    def pooling(self) -> str:
        """How its head pools frames; runs that say nothing have the paper's."""
        head = (self.record.get("settings") or {}).get("head") or {}
        return str(head.get("pooling") or PAPERS_HEAD)

    @property
    def encoders(self) -> Mapping[str, Mapping[str, Any]]:
        return {str(role): dict(e) for role, e in (self.record.get("encoders") or {}).items()}

    @property
    def faults(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.record.get("faults") or ())


@dataclass(frozen=True, kw_only=True)
class FinetuneRun:
    """One run folder of CTC fine-tuning."""

    folder: Path
    record: Mapping[str, Any]
    """run.json."""
