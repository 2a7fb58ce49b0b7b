"""Scores of all probe runs, regrouped into the sets that one table compares."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from pretrain.shared.errors import InputError
from probe.heads.shown import HeadShown, shown_in
from reports.read.fairness import Check, check_rows
from reports.read.records import ProbeRun, Row, row_order

SELECTED = "selected"
MSE = ("mse_valence", "mse_arousal", "mse_dominance")
CCC = ("ccc_valence", "ccc_arousal", "ccc_dominance")
ATTRIBUTES = ("speaker_ua", "gender_ua")
"""What else a layer knows. In curves by layer only: never in Table 4, its marks or its tests."""

SPEAKER_DEPENDENT = "(speaker-dependent)"

NORMS = "category norms"
"""Source of labels that no listener gave: every title says so."""

_KEY = ["row", "seed", "layer", "metric"]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """All rows that were scored on one corpus under one protocol with one head."""

    corpus: str
    protocol: str
    head: str
    synthetic: bool
    label_source: str
    description: str
    """What the corpus holds, in words."""

    notes: tuple[str, ...]
    """What the probe said of the corpus, such as utterances that it left out."""

    rows: tuple[Row, ...]
    """Sorted as in Table 4; one entry per row and seed."""

    scores: pd.DataFrame
    """Columns row, seed, layer, metric, value."""

    predictions: pd.DataFrame
    head_shown: HeadShown
    """What the head says of its scores."""

    folders: tuple[str, ...]
    commands: tuple[str, ...]
    checks: tuple[Check, ...]
    slug: str
    """Safe part of file names, unique in the report."""

    num_shared_speakers: int = 0
    """Speakers who are in two parts of a fold."""

    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Metric of `ATTRIBUTES` -> what run.json says of the attribute: chance, folds."""

    def chance(self, metric: str) -> float | None:
        """Returns what any constant answer gets in an attribute's metric, a fraction."""
        value = self.attributes.get(metric, {}).get("chance")
        return float(value) if isinstance(value, int | float) else None

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(row.name for row in self.rows))

    @property
    def has_own_rows(self) -> bool:
        """Whether rows that were pre-trained here stand in it, which only their target tells
        apart: without them it is no table of targets."""
        return any(row.group == "row" for row in self.rows)

    @property
    def table_words(self) -> str:
        """What its table of scores is called."""
        return "Table 4" if self.has_own_rows else "Scores"

    @property
    def has_dimensions(self) -> bool:
        return bool(self.scores["metric"].isin(MSE + CCC).any())

    @property
    def title(self) -> str:
        corpus = corpus_words(self.corpus, self.synthetic)
        if self.label_source == NORMS and self.has_dimensions:
            corpus += " (V, A, D: category norms)"
        words = protocol_words(self.protocol)
        if self.speaker_dependent and SPEAKER_DEPENDENT not in words:
            words += f" {SPEAKER_DEPENDENT}"
        return f"{corpus}, {words}, {self.head} head"

    @property
    def speaker_dependent(self) -> bool:
        """Whether speakers of the test part were trained on, by protocol or as published."""
        return self.protocol == "random10" or self.num_shared_speakers > 0

    def row(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    def seeds(self, name: str) -> int:
        """Returns how many seeds a row has; 0 for a baseline without an encoder."""
        return len({row.seed for row in self.rows if row.name == name and row.has_seed})

    def value(self, name: str, metric: str, layer: str = SELECTED) -> float | None:
        """Returns the mean over seeds, or None when there is no such score."""
        scores = self.scores
        chosen = scores[
            (scores["row"] == name) & (scores["metric"] == metric) & (scores["layer"] == layer)
        ]["value"].dropna()
        return float(chosen.mean()) if len(chosen) else None

    def layers(self) -> list[str]:
        """Returns the numbered layers in order, without "selected"."""
        return sorted({x for x in self.scores["layer"] if x.isdigit()}, key=int)

    def average(self, name: str, metrics: Sequence[str]) -> float | None:
        """Returns the mean of several metrics, or None when one is missing."""
        values = [self.value(name, metric) for metric in metrics]
        found = [value for value in values if value is not None]
        return sum(found) / len(found) if len(found) == len(values) else None


def grids(runs: Sequence[ProbeRun]) -> list[Grid]:
    """Regroups the scores of all probe runs.

    :raises UnfairComparisonError: When the rows of one grid may not be compared.
    :raises ValueError: When two runs give unequal scores for the same row and seed.
    """
    keys: dict[tuple[str, str, str], None] = {}
    for run in runs:
        for values in run.scores[["corpus", "protocol", "head"]].drop_duplicates().to_numpy():
            keys[(str(values[0]), str(values[1]), str(values[2]))] = None
    found: dict[str, Grid] = {}
    for key in keys:
        name = slug("-".join(key))
        while name in found:
            name += "-again"
        found[name] = _grid(key, runs, name)
    return list(found.values())


def corpus_words(name: str, synthetic: bool) -> str:
    """Returns a corpus's name, never without the word synthetic where it is due."""
    if not synthetic:
        return name
    return "synthetic speech" if name == "synthetic" else f"{name} (synthetic speech)"


def protocol_words(protocol: str) -> str:
    """Returns a protocol in words."""
    return {
        "session": "leave one session out",
        "speaker": "leave one speaker out",
        "random10": f"10-fold over utterances {SPEAKER_DEPENDENT}",
        "official": "the corpus's own parts",
        "emobox": "EmoBox's folds",
    }.get(protocol, protocol)


def _count(info: Mapping[str, Any], what: str) -> int:
    """Returns how many speakers (or others) are in two parts of a fold; 0 where nobody knows."""
    overlap = info.get("overlap")
    value = overlap.get(what) if isinstance(overlap, Mapping) else None
    return value if isinstance(value, int) else 0


def slug(text: str) -> str:
    """Returns a safe file name: nothing but letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.").lower() or "unnamed"


def _grid(key: tuple[str, str, str], runs: Sequence[ProbeRun], name: str) -> Grid:
    corpus, protocol, head = key
    rows: list[Row] = []
    scores, predictions = [], []
    members = []
    for run in runs:
        part = _of(run.scores, key)
        part = part[part["row"].isin([row.name for row in run.rows])]
        if part.empty:
            continue
        members.append(run)
        scores.append(part)
        rows += [row for row in run.rows if row.name in set(part["row"])]
        if not run.predictions.empty:
            predictions.append(_of(run.predictions, key))
    merged = pd.concat(scores, ignore_index=True)[[*_KEY, "value"]]
    merged["value"] = pd.to_numeric(merged["value"], errors="coerce")
    checks = check_rows(rows)
    _refuse_contradictions(merged, key)
    info = next((run.corpora[corpus] for run in members if corpus in run.corpora), {})
    return Grid(
        corpus=corpus,
        protocol=protocol,
        head=head,
        synthetic=bool(info.get("synthetic")),
        label_source=str(info.get("label_source") or "none"),
        description=_described(info, predictions),
        notes=tuple(str(note) for note in info.get("notes") or ()),
        num_shared_speakers=_count(info, "speakers"),
        rows=tuple(sorted(rows, key=row_order)),
        scores=merged.drop_duplicates(_KEY),
        predictions=pd.concat(predictions, ignore_index=True).drop_duplicates(
            ["row", "seed", "task", "id"]
        )
        if predictions
        else pd.DataFrame(),
        head_shown=shown_in(members[0].record, head),
        folders=tuple(str(run.folder) for run in members),
        commands=tuple(str(run.record.get("command") or "") for run in members),
        checks=tuple(checks),
        slug=name,
        attributes={
            f"{attribute.get('name')}_ua": attribute for attribute in info.get("attributes") or []
        },
    )


def _described(info: Mapping[str, Any], predictions: Sequence[pd.DataFrame]) -> str:
    """Says in words what a corpus holds: nothing of speakers or sessions that have no names."""
    words = []
    for key, column in (("num_utterances", ""), ("speakers", "speaker"), ("sessions", "session")):
        number = info.get(key)
        if number == 1 and column:
            # Older probes counted "no name" as one.
            known = [frame[column] for frame in predictions if column in frame]
            number = 0 if known and all((names == "").all() for names in known) else number
        if isinstance(number, int) and number:
            thing = key.removeprefix("num_")
            words.append(f"{number:,} {thing if number != 1 else thing.removesuffix('s')}")
    if isinstance(info.get("hours"), int | float):
        words.append(f"{info['hours']:.2f} hours")
    return ", ".join(words)


def _of(frame: pd.DataFrame, key: tuple[str, str, str]) -> pd.DataFrame:
    corpus, protocol, head = key
    chosen = (frame["corpus"] == corpus) & (frame["protocol"] == protocol)
    return frame[chosen & (frame["head"] == head)]


def _refuse_contradictions(scores: pd.DataFrame, key: tuple[str, str, str]) -> None:
    spread = scores.groupby(_KEY, dropna=False)["value"].agg(["min", "max"])
    unequal = spread[(spread["max"] - spread["min"]).abs() > 1e-4 * spread["max"].abs() + 1e-9]
    if len(unequal):
        name, seed, layer, metric = unequal.index[0]
        raise InputError(
            f"A row must have one score, but {name} (seed {seed}) on {', '.join(key)} has "
            f"{len(unequal)} unequal ones (first: {metric}, layer {layer}, "
            f"{unequal['min'].iloc[0]:.6g} and {unequal['max'].iloc[0]:.6g}) instead. "
            "Two of the given probe runs name different encoders alike: give one of them."
        )
