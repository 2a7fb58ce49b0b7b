"""What the searches found: the structure of every fold, its weights, how often what won."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from reports.fusion.read.comparable_runs import MfsnGrid, structure_words
from reports.fusion.read.runs import LEVELS, SEARCHED
from reports.table_data import Cell, Column, Line, Table
from reports.words import percent

ZERO = "zero"
"""The operation that drops the TEC stream."""

OF_SEARCH, OF_RETRAINING = "search", "retraining"
"""Groups of columns."""

RETRAINED = (
    "What each search found was trained anew from initial weights (`search.after` = 'retrain'), "
    "and those networks were tested; the search's own weights were not."
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """One finished search."""

    seed: str
    fold: str
    level: str
    layer: str
    operations: tuple[str, ...]
    """One per Fusion Cell."""

    epoch: int
    """The search's epoch that was kept, from 1."""

    dev_ua: float
    """Of the structure at that epoch, with the weights of the search."""

    trained_epoch: int | None = None
    """The epoch of the retraining whose weights were tested; None where the search's were."""

    trained_dev_ua: float | None = None

    @property
    def words(self) -> str:
        return structure_words(self.level, self.operations)


def searches(grid: MfsnGrid) -> list[Found]:
    """Returns the structures of all finished searches, by seed and then by fold."""
    frame = grid.table("structures")
    if frame.empty:
        return []
    frame = frame[frame["variant"] == SEARCHED]
    order = {fold: place for place, fold in enumerate(grid.folds(frame))}
    trained = grid.setting("search", "after") == "retrain" and "trained_epoch" in frame
    found = [
        Found(
            seed=str(line["seed"]),
            fold=str(line["fold"]),
            level=str(line["level"]),
            layer=str(line.get("layer", "")),
            operations=tuple(str(line["operations"]).split("+")),
            epoch=int(line["epoch"]),
            dev_ua=float(line.get("dev_ua", float("nan"))),
            trained_epoch=_whole(line["trained_epoch"]) if trained else None,
            trained_dev_ua=float(line.get("trained_dev_ua", float("nan"))) if trained else None,
        )
        for _, line in frame.iterrows()
    ]
    return sorted(found, key=lambda one: (number_first(one.seed), order[one.fold]))


def _whole(value: float) -> int | None:
    return None if value != value else int(value)


def number_first(text: str) -> tuple[float, str]:
    """Sorts "2" before "10"."""
    return (float(text), "") if text.isdigit() else (float("inf"), text)


def kept_weights(grid: MfsnGrid, found: list[Found]) -> pd.DataFrame:
    """Returns seed, fold, cell, operation and weight at each search's kept epoch."""
    alpha = grid.table("alpha")
    if alpha.empty or not found:
        return pd.DataFrame(columns=["seed", "fold", "cell", "operation", "weight"])
    kept = pd.DataFrame(
        [{"seed": one.seed, "fold": one.fold, "epoch": float(one.epoch)} for one in found]
    )
    alpha = alpha[alpha["variant"] == SEARCHED]
    merged = alpha.merge(kept, on=["seed", "fold", "epoch"])
    return merged[["seed", "fold", "cell", "operation", "weight"]]


def most_frequent(found: list[Found]) -> tuple[Found, int]:
    """Returns the structure that most searches found, and how many did; ties by the dev score."""
    counts = Counter((one.level, one.operations) for one in found)
    score = pd.Series([one.dev_ua for one in found]).fillna(0.0).tolist()
    best = max(
        range(len(found)),
        key=lambda i: (counts[found[i].level, found[i].operations], score[i], -i),
    )
    return found[best], counts[found[best].level, found[best].operations]


def search_table(grid: MfsnGrid, found: list[Found]) -> Table:
    """Returns the structure of every search as numbers."""
    weights = kept_weights(grid, found)
    columns = [
        Column(key="seed", title="seed"),
        Column(key="fold", title="fold", text=True),
        Column(key="level", title="level", text=True),
        Column(key="layer", title="layer"),
        Column(key="operations", title="operations", text=True),
        Column(key="weight", title="weight"),
        Column(key="epoch", title="kept epoch", group=OF_SEARCH),
        Column(key="dev_ua", title="dev UA, %", group=OF_SEARCH),
    ]
    retrained = any(one.trained_epoch is not None for one in found)
    if retrained:
        columns += [
            Column(key="trained_epoch", title="kept epoch", group=OF_RETRAINING),
            Column(key="trained_dev_ua", title="dev UA, %", group=OF_RETRAINING),
        ]
    lines = []
    for one in found:
        part = weights[(weights["seed"] == one.seed) & (weights["fold"] == one.fold)]
        won = []
        for cell, operation in zip(sorted(set(part["cell"])), one.operations, strict=False):
            own = part[(part["cell"] == cell) & (part["operation"] == operation)]["weight"]
            won.append(f"{own.iloc[0]:.2f}" if len(own) else "")
        texts = {
            "seed": one.seed,
            "fold": one.fold,
            "level": one.level,
            "layer": one.layer,
            "operations": " + ".join(one.operations),
            "weight": " + ".join(won),
            "epoch": str(one.epoch),
            "dev_ua": percent(one.dev_ua),
            "trained_epoch": "" if one.trained_epoch is None else str(one.trained_epoch),
            "trained_dev_ua": percent(one.trained_dev_ua),
        }
        lines.append(
            Line(part="Searches", cells={key: Cell(text=text) for key, text in texts.items()})
        )
    return Table(
        name=f"searches-{grid.slug}",
        title=f"What each search found on {grid.title}",
        columns=columns,
        lines=lines,
        notes=[
            "Weight: softmax of alpha of the operation that won, at the kept epoch; "
            f"{1 / max(1, len(grid.operations)):.3f} is what every operation starts from.",
            *([RETRAINED] if retrained else []),
        ],
    )


def search_sentences(grid: MfsnGrid, found: list[Found]) -> list[str]:
    """Returns what won, how often, and how clearly."""
    if not found:
        return []
    first, times = most_frequent(found)
    levels = Counter(one.level for one in found)
    operations = Counter(name for one in found for name in one.operations)
    different = len({(one.level, one.operations) for one in found})
    shown = [f"{name} {levels[name]}" for name in LEVELS if levels[name]]
    ranked = [f"{name} {count}" for name, count in operations.most_common(3)]
    number = len(found)
    if number == 1:
        sentences = [f"1 search found {first.words}."]
    else:
        sentences = [
            f"{number} searches found {different} different "
            f"{'structure' if different == 1 else 'structures'}"
            + (f"; most often {first.words} ({times} of {number})" if times > 1 else "")
            + f". Levels: {', '.join(shown)}. Operations: {', '.join(ranked)}"
            + ("." if len(operations) <= 3 else " and others.")
        ]
    weights = kept_weights(grid, found)
    if len(weights):
        leading = weights.groupby(["seed", "fold", "cell"])["weight"].max()
        even = 1 / weights.groupby(["seed", "fold", "cell"])["weight"].size().max()
        middle = f"{leading.median():.2f}"
        spread = f"range {leading.min():.2f} to {leading.max():.2f}; "
        text = (
            f"Weight of the leading operation at the kept epoch: "
            f"{middle if len(leading) == 1 else f'median {middle}'} "
            f"({spread if len(leading) > 1 else ''}{even:.3f} is no choice at all)."
        )
        if leading.median() < 1.5 * even:
            text += " The search has hardly decided between the operations."
        sentences.append(text)
    if any(one.trained_epoch is not None for one in found):
        sentences.append(RETRAINED)
    dropped = sum(ZERO in one.operations for one in found)
    if dropped:
        sentences.append(
            f"Zero won in {dropped} of {number} searches: there the TEC stream is dropped at that "
            "cell."
        )
    return sentences
