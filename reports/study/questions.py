"""The questions that a study registered, asked of what it found."""

from dataclasses import dataclass, replace

from reports.study.gate import Gate, gates
from reports.study.read import BASELINES, StudyRun
from reports.uncertainty.planned import (
    DIFFERS,
    EQUAL,
    NOT_LEARNED,
    UNDECIDED,
    Finding,
    Resolution,
    decide,
    finding,
    resolution,
    slope_weights,
)

POINTS = 100.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a study says."""

    run: StudyRun
    gates: dict[str, Gate]
    scores: dict[str, Finding]
    """UA of each row and baseline, over the seeds that it has."""

    primary: Finding | None
    """The change of UA along the registered slope, from the row that keeps least to the one that
    keeps most, or the first contrast where no slope is registered; None before a seed has all its
    rows."""

    contrasts: list[Finding]
    resolutions: list[Resolution]
    """Of the primary question, if it could be asked, then of the contrasts."""

    @property
    def findings(self) -> list[Finding]:
        return [*([self.primary] if self.primary else []), *self.contrasts]


def outcome(run: StudyRun) -> Outcome:
    """Asks all questions together."""
    study, known = run.study, gates(run)
    alpha, margin = study.decision.alpha, study.decision.equivalence_margin / POINTS
    there = set(run.names)
    asked = []
    rows = study.primary.rows if study.primary else study.contrasts[0].rows
    has_primary = set(rows) <= there and bool(run.seeds_of(rows))
    if study.primary and has_primary:
        x = {name: run.kept_variance(name) for name in rows}
        span = max(x.values()) - min(x.values())
        weights = {name: weight * span for name, weight in slope_weights(x).items()}
        low, high = min(x, key=x.__getitem__), max(x, key=x.__getitem__)
        asked.append((f"slope, {low} to {high}", weights))
    asked += [
        (one.name, {one.first: 1.0, one.second: -1.0})
        for one in study.contrasts
        if set(one.rows) <= there and run.seeds_of(one.rows)
    ]
    found = [
        replace(
            finding(name, weights, run.values(list(weights)), alpha),
            not_learned=tuple(
                row for row in weights if row not in BASELINES and not known[row].learned
            ),
        )
        for name, weights in asked
    ]
    decided = decide(found, [margin] * len(found), alpha) if found else []
    return Outcome(
        run=run,
        gates=known,
        scores={name: finding(name, {name: 1.0}, run.values([name]), alpha) for name in run.names},
        primary=decided[0] if has_primary else None,
        contrasts=decided[1:] if has_primary else decided,
        resolutions=[resolution(one.squares, alpha=alpha) for one in decided],
    )


def signed(value: float) -> str:
    """Returns UA as signed points."""
    return f"{round(POINTS * value, 1) + 0.0:+.1f}"  # + 0.0: no minus before a zero


def in_words(one: Finding) -> str:
    """Returns the verdict on one question in a clause."""
    size = f"{signed(one.value)} points [{signed(one.low)}, {signed(one.high)}]"
    words = {
        DIFFERS: f"differs by {size}",
        EQUAL: f"equal within {POINTS * one.margin:.1f} points ({size})",
        UNDECIDED: f"undecided: {size}; equal within {POINTS * one.margin:.1f} points at best",
        NOT_LEARNED: f"not asked, since {', '.join(one.not_learned)} has not learned",
    }
    return words[one.verdict]


def sentence(found: Outcome) -> str:
    """Returns the study's answer in one sentence."""
    one, study = found.primary, found.run.study
    if one is None:
        return "No seed of the study has all the rows of its primary question yet."
    heads = {
        DIFFERS: "Yes, as far as this study sees",
        EQUAL: "No",
        UNDECIDED: "Undecided",
        NOT_LEARNED: "Not answered",
    }
    seeds = f"{one.num_seeds} seed{'' if one.num_seeds == 1 else 's'}"
    along = (
        "from the coarsest centroids to the frames themselves"
        if study.primary
        else f"between {study.contrasts[0].first} and {study.contrasts[0].second}"
    )
    found_words = in_words(one).removeprefix("undecided: ")
    verb = {EQUAL: "is ", UNDECIDED: "differs by ", NOT_LEARNED: "is "}.get(one.verdict, "")
    return (
        f"{heads[one.verdict]}: {along}, UA {verb}{found_words} "
        f"({one.num_speakers} speakers, {seeds})."
    )
