"""The search against the truth: where the found structure stands among all that were trained."""

from dataclasses import dataclass

import pandas as pd

from reports.fusion.read.comparable_runs import MfsnGrid, structure_words
from reports.fusion.searches import number_first
from reports.fusion.table5 import signed
from reports.table_data import Cell, Column, Line, Table
from reports.words import percent


@dataclass(frozen=True, kw_only=True)
class StructureCheck:
    """All structures of one fold and seed, trained one by one. UA are fractions."""

    seed: str
    fold: str
    structures: pd.DataFrame
    """level, operations, dev_ua, dev_wa, test_ua, found (bool); best test score first."""

    @property
    def size(self) -> int:
        return len(self.structures)

    @property
    def best(self) -> pd.Series:
        """The best structure by the test part: known only in hindsight."""
        return self.structures.iloc[0]

    @property
    def best_by_dev(self) -> pd.Series:
        """What exhaustive training would choose without test labels: UA + WA on the dev part."""
        frame = self.structures.assign(both=_by_dev(self.structures)).sort_index()
        if "dev_loss" not in frame:
            frame["dev_loss"] = 0.0
        # Equals by the dev loss, as in a training; never by the test score, which orders the lines.
        return frame.sort_values(["both", "dev_loss"], ascending=[False, True], kind="stable").iloc[
            0
        ]

    @property
    def mean(self) -> float:
        """Expected test UA of a structure drawn at random."""
        return float(self.structures["test_ua"].mean())

    @property
    def found(self) -> pd.Series | None:
        """The structure that the search chose, or None when no search was given."""
        chosen = self.structures[self.structures["found"]]
        return chosen.iloc[0] if len(chosen) else None

    def places(self, *, by_dev: bool = False) -> tuple[int, int] | None:
        """Returns the first and the last of the places that the found structure shares with those
        of equal score, 1 the best; None when no search was given."""
        if self.found is None:
            return None
        scores = _by_dev(self.structures) if by_dev else self.structures["test_ua"]
        own = scores[self.structures["found"]].iloc[0]
        better = int((scores > own + 1e-12).sum())
        return 1 + better, better + int(((scores - own).abs() <= 1e-12).sum())


def checks(grid: MfsnGrid) -> list[StructureCheck]:
    """Returns the exhaustive checks, by seed and then by fold."""
    frame = grid.table("exhaustive")
    if frame.empty:
        return []
    frame = frame.assign(found=frame["found"].str.lower().isin(["true", "1"]))
    found = []
    order = grid.folds(frame)
    for seed in sorted(set(frame["seed"]), key=number_first):
        for fold in order:
            part = frame[(frame["seed"] == seed) & (frame["fold"] == fold)]
            part = part.dropna(subset=["test_ua", "dev_ua", "dev_wa"])
            if len(part):
                best_first = part.sort_values("test_ua", ascending=False, kind="stable")
                found.append(StructureCheck(seed=seed, fold=fold, structures=best_first))
    return found


def exhaustive_table(grid: MfsnGrid, found: list[StructureCheck]) -> Table:
    """Returns one line per fold and seed."""
    hindsight, honest = "best by the test part (hindsight)", "best by the dev part"
    searched = "found by the search"
    titles = [
        ("seed", "seed", "", False),
        ("fold", "fold", "", True),
        ("size", "of", "", False),
        ("structure", "structure", searched, True),
        ("rank", "rank, test", searched, False),
        ("rank_dev", "rank, dev", searched, False),
        ("ua", "UA, %", searched, False),
        ("best", "structure", hindsight, True),
        ("best_ua", "UA, %", hindsight, False),
        ("regret", "regret", hindsight, False),
        ("dev_best", "structure", honest, True),
        ("dev_best_ua", "UA, %", honest, False),
        ("dev_regret", "regret", honest, False),
        ("mean", "UA, %", "random", False),
        ("mean_regret", "regret", "random", False),
    ]
    lines = []
    for check in found:
        chosen = check.found
        ua = None if chosen is None else float(chosen["test_ua"])
        best, dev = float(check.best["test_ua"]), float(check.best_by_dev["test_ua"])
        texts = {
            "seed": check.seed,
            "fold": check.fold,
            "size": str(check.size),
            "structure": "" if chosen is None else _words(chosen),
            "rank": places_words(check.places()),
            "rank_dev": places_words(check.places(by_dev=True)),
            "ua": percent(ua),
            "best": _words(check.best),
            "best_ua": percent(best),
            "regret": "" if ua is None else percent(best - ua),
            "dev_best": _words(check.best_by_dev),
            "dev_best_ua": percent(dev),
            "dev_regret": "" if ua is None else signed(dev - ua),
            "mean": percent(check.mean),
            "mean_regret": percent(best - check.mean),
        }
        lines.append(
            Line(part="Folds", cells={key: Cell(text=text) for key, text in texts.items()})
        )
    return Table(
        name=f"exhaustive-{grid.slug}",
        title=f"Exhaustive check on {grid.title}",
        columns=[Column(key=k, title=t, group=g, text=x) for k, t, g, x in titles],
        lines=lines,
        notes=[
            "Every structure is trained from scratch; UA is of the test part of the fold, in "
            "percent, the found structure's too (not of the weights that the search shared). "
            "Regret: points of UA lost against the structure named; below 0 the found one is "
            "better. Random: the mean over all structures, what no search at all gets.",
            "Rank: 1 is the best; 2-5 means that four structures of equal score share these "
            "places. The best by the dev part: highest UA + WA there, then the lower dev loss.",
            "The best of many structures on a few dozen test utterances is the best by chance, "
            "too: the regret in hindsight is an upper limit.",
        ],
    )


def exhaustive_sentences(found: list[StructureCheck]) -> list[str]:
    """Returns how the search did against all structures, over the folds."""
    judged = [check for check in found if check.found is not None]
    if not judged:
        return []
    size = max(check.size for check in judged)
    places = [check.places() for check in judged]
    shared = any(place is not None and place[0] < place[1] for place in places)
    middle = _mean([sum(place) / 2 for place in places if place is not None])
    regrets = [float(c.best["test_ua"] - c.found["test_ua"]) for c in judged if c.found is not None]
    random = [float(check.best["test_ua"]) - check.mean for check in judged]
    by_dev = [float(check.best["test_ua"] - check.best_by_dev["test_ua"]) for check in judged]
    number = len(judged)
    return [
        f"Exhaustive check ({number} {'fold' if number == 1 else 'folds and seeds'}): the found "
        f"structure ranks {', '.join(map(places_words, places))} of {size} by test UA"
        + (" (structures of equal UA share their places)" if shared else "")
        + (f", {middle:.1f} in the mean" if shared or number > 1 else "")
        + f" ({(size + 1) / 2:.1f} is chance); mean regret against the best in "
        f"hindsight {percent(_mean(regrets))} points of UA, against {percent(_mean(random))} for "
        f"a structure drawn at random and {percent(_mean(by_dev))} for the best by the dev part "
        "among all trained."
    ]


def places_words(places: tuple[int, int] | None) -> str:
    """Returns "2", or "2-5" where four structures share these places; nothing for None."""
    if places is None:
        return ""
    first, last = places
    return str(first) if first == last else f"{first}-{last}"


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _by_dev(structures: pd.DataFrame) -> pd.Series:
    total: pd.Series = structures["dev_ua"] + structures["dev_wa"]
    return total


def _words(structure: pd.Series) -> str:
    return structure_words(str(structure["level"]), str(structure["operations"]))
