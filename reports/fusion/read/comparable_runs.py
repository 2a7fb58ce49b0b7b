"""Runs of MFSN on the same utterances, folds, encoders and settings: what one table compares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from mfsn.roles import HEADS
from reports.fusion.read.runs import DEV, MfsnRun, Variant
from reports.read.scores import corpus_words, protocol_words

ORDER = ("tec", "sec-quantized", "sec-continuous", "sec", "both", "derived", "mfsn")
"""Lines of Table 5, from the top; unknown variants come before the searched one."""


@dataclass(frozen=True, kw_only=True)
class MfsnGrid:
    """Runs on the same utterances, folds, encoders and settings: one table."""

    runs: tuple[MfsnRun, ...]
    slug: str
    """Safe part of file names, unique in the report."""

    marked: bool
    """Whether the title names the folder, because another comparison has the same one."""

    @property
    def first(self) -> MfsnRun:
        return self.runs[0]

    @property
    def corpus(self) -> str:
        return corpus_words(str(self.first.corpus.get("name", "unnamed corpus")), self.synthetic)

    @property
    def synthetic(self) -> bool:
        return bool(self.first.corpus.get("synthetic"))

    @property
    def title(self) -> str:
        words = f"{self.corpus}, {protocol_words(self.first.protocol)}"
        words += f", {self.folds_words}" if self.is_partial else ""
        words += f", {self.head}"
        return words + (f" ({self.first.folder.name})" if self.marked else "")

    @property
    def head(self) -> str:
        """The head's name: all runs of one table have the same."""
        return HEADS.get(self.first.pooling, self.first.pooling)

    @property
    def num_folds(self) -> int:
        """Folds that were run: all runs of one table have the same."""
        return len(self.first.record.get("folds") or ())

    @property
    def num_protocol_folds(self) -> int | None:
        """Folds that the protocol has on this corpus; None where the run does not say it."""
        named = self.first.record.get("protocol_folds")
        number = len(named) if isinstance(named, list) else self.first.corpus.get("num_folds")
        # The folds of networks that are tested on another corpus are not those of that corpus.
        return number if isinstance(number, int) and number >= self.num_folds else None

    @property
    def is_partial(self) -> bool:
        """Whether folds are missing, so that no number is one of the corpus."""
        total = self.num_protocol_folds
        return total is not None and 0 < self.num_folds < total

    @property
    def folds_words(self) -> str:
        """As in "2 of 18 folds"."""
        total = self.num_protocol_folds
        of = f" of {total}" if self.is_partial else ""
        return f"{self.num_folds}{of} fold{'' if (total or self.num_folds) == 1 else 's'}"

    @property
    def were(self) -> str:
        return "was" if self.num_folds == 1 else "were"

    @property
    def folders(self) -> tuple[str, ...]:
        return tuple(str(run.folder) for run in self.runs)

    @property
    def variants(self) -> list[Variant]:
        """The variants of all runs, in the order of Table 5."""
        found = {variant.name: variant for run in self.runs for variant in run.variants}
        names = sorted(found, key=lambda name: (_place(name), name))
        return [found[name] for name in names]

    @property
    def encoders(self) -> dict[str, Mapping[str, Any]]:
        return {role: entry for run in self.runs for role, entry in run.encoders.items()}

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(str(name) for name in self.first.record.get("operations") or ())

    @property
    def notes(self) -> list[str]:
        """What the runs themselves say has to be known of their numbers, each with its folder."""
        return [
            f"{run.folder.name}: {note}"
            for run in self.runs
            for note in run.record.get("notes") or ()
        ]

    def setting(self, part: str, key: str) -> Any:
        """Returns a setting of the runs that search; all of them share it. None without it."""
        for run in self.runs:
            if any(variant.search for variant in run.variants):
                return ((run.record.get("settings") or {}).get(part) or {}).get(key)
        return None

    def table(self, name: str) -> pd.DataFrame:
        """Returns one CSV file of all runs together; empty when none has it."""
        parts = [run.tables[name] for run in self.runs if not run.tables[name].empty]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def predictions(self, variant: str, selection: str = DEV) -> pd.DataFrame:
        """Returns the tested utterances of one variant, all seeds and folds."""
        frame = self.table("predictions")
        if frame.empty:
            return frame
        return frame[(frame["variant"] == variant) & (frame["selection"] == selection)]

    def scores(self, variant: str, metric: str, selection: str = DEV) -> pd.Series:
        """Returns seed -> score, pooled over folds."""
        frame = self.table("scores")
        if frame.empty:
            return pd.Series(dtype=float)
        chosen = frame[
            (frame["variant"] == variant)
            & (frame["metric"] == metric)
            & (frame["selection"] == selection)
        ]
        return chosen.set_index("seed")["value"].dropna()

    def mean(self, variant: str, metric: str, selection: str = DEV) -> float | None:
        """Returns the mean over seeds, or None without a score."""
        values = self.scores(variant, metric, selection)
        return float(values.mean()) if len(values) else None

    def folds(self, frame: pd.DataFrame) -> list[str]:
        """Returns the folds in `frame`, in the order of run.json."""
        have = set(frame["fold"]) if not frame.empty else set()
        order = [str(fold) for run in self.runs for fold in run.record.get("folds") or []]
        return [fold for fold in dict.fromkeys([*order, *sorted(have)]) if fold in have]


def structure_words(level: str, operations: str | Sequence[str]) -> str:
    """Returns a structure in words: "middle: attention_reverse + sum"."""
    names = operations.split("+") if isinstance(operations, str) else operations
    return f"{level}: {' + '.join(names)}"


def _place(name: str) -> float:
    return ORDER.index(name) if name in ORDER else len(ORDER) - 1.5
