"""One corpus, protocol and head with all that is known of it, for the parts of its section."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from reports.codes.runs import Codes
from reports.figures.drawing import Drawing
from reports.read.published import Published
from reports.read.records import PretrainRun, ProbeRun
from reports.read.scores import Grid
from reports.table_data import Table
from reports.uncertainty.evidence import Evidence
from reports.uncertainty.held_out import Explained


@dataclass(frozen=True, kw_only=True)
class Probed:
    """Everything that a table or figure of a section may show."""

    grid: Grid
    evidence: Evidence
    flags: Mapping[str, str]
    """Row name -> words of warning."""

    notes: Sequence[str]
    """What has to stand under the scores: what is known of contamination."""

    probe: Sequence[ProbeRun]
    pretrain: Sequence[PretrainRun]
    """All that were read; those of the grid's rows count."""

    held_out: Mapping[str, Explained]
    """Row name -> what it explains of held-out speech, for rows that held some out."""

    codes: Codes | None

    published: Sequence[Published]
    """What others published, on this corpus or another."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Tables or figures of a section, where there is something to show."""

    make: Callable[[Probed], Table | Drawing | Sequence[Table | Drawing] | None]
    fold: str = ""
    """Words of what the page folds it under; neighbours with the same ones share it."""
