"""Bits per frame of the rows whose targets are centres: measured, or else what they could be."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log2

from reports.codes.runs import Codes
from reports.read.scores import Grid

NOMINAL = (
    "nominal bits per frame, G log2 V, the most that a code could take, since no run of "
    "probe/code_knowledge.py measured all of these rows on this corpus"
)
MEASURED = (
    "bits per frame: entropy of the joint code of this corpus's frames, bias-corrected, mean over "
    "seeds"
)


@dataclass(frozen=True, kw_only=True)
class BitsPerFrame:
    """The place of every such row on the axis."""

    of: Mapping[str, float]
    """Row name -> bits."""

    measured: bool
    """False for nominal bits, of all rows alike."""

    folders: tuple[str, ...]
    """Of the code runs that were used."""

    @property
    def words(self) -> str:
        return MEASURED if self.measured else NOMINAL


def bits_per_frame(grid: Grid, codes: Codes | None) -> BitsPerFrame:
    """Returns measured bits where every row with centres and each of its seeds has them, from the
    same weights as were probed; else nominal ones."""
    rows = [row for row in grid.rows if row.group == "row" and row.presentation.centres]
    measured: dict[str, list[float]] = {}
    for row in rows:
        value = None
        if codes is not None:
            table = codes.codes
            chosen = table[
                (table["row"] == row.name)
                & (table["seed"] == row.seed)
                & (table["corpus"] == grid.corpus)
                # Without a hash nobody knows which weights were measured.
                & (table["final_weights"] != "")
                & (table["final_weights"] == row.hashes.get("final_weights", ""))
            ]
            if len(chosen):
                value = float(chosen["bits"].iloc[-1])
        if value is None:
            nominal = {row.name: log2(row.presentation.centres or 1) for row in rows}
            return BitsPerFrame(of=nominal, measured=False, folders=())
        measured.setdefault(row.name, []).append(value)
    return BitsPerFrame(
        of={name: sum(values) / len(values) for name, values in measured.items()},
        measured=bool(rows),
        folders=codes.folders if codes is not None else (),
    )
