"""The scores of a results folder as a plain table for the terminal: rows by UA, MSE and CCC.

The interval of a score is a t interval on the jackknife values of its speakers, seeds averaged: it
says how far the score would move with other speakers. The report counts seeds, too, and tests
differences.

Shapes: C speakers, K classes, N utterances.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import t as student

from pretrain.objectives.known_rows import presentation_in
from probe.heads.linear import SELECTED
from probe.metrics import DIMENSIONS, ccc, mse
from probe.results import ProbeResults
from probe.rows.comparable import BASELINE, ROW

Values = npt.NDArray[np.float64]

LEVEL = 0.95
BLOCKS = (
    ("%", ("ua", "wa")),
    ("MSE", tuple(f"mse_{name}" for name in DIMENSIONS)),
    ("CCC", tuple(f"ccc_{name}" for name in DIMENSIONS)),
)
"""Unit and metrics of the columns that stand side by side."""


def text_tables(results: ProbeResults) -> str:
    """Returns one block per corpus and kind of metric, fit for a terminal."""
    chosen = results.scores[results.scores["layer"] == SELECTED]
    lines: list[str] = []
    for (corpus, protocol, head), scores in chosen.groupby(
        ["corpus", "protocol", "head"], sort=False
    ):
        predictions = results.predictions[results.predictions["corpus"] == corpus]
        names = [name for name in _in_order(results) if (scores["row"] == name).any()]
        speakers = sorted(set(predictions["speaker"]) - {""})
        known = len(speakers) > 1
        lines += [
            "",
            f"{corpus}, protocol {protocol}, {head} head, means over seeds"
            + (f" [95 % interval, {len(speakers)} speakers]" if known else ""),
        ]
        for unit, metrics in BLOCKS:
            there = [metric for metric in metrics if (scores["metric"] == metric).any()]
            if not there:
                continue
            titles = [_title(metric, unit) for metric in there]
            table = [["row", "seeds", *titles]]
            for name in names:
                own = scores[scores["row"] == name]
                cells = [_cell(own, predictions, name, metric) for metric in there]
                table.append([name, _seeds(results, name), *cells])
            lines += ["", *_aligned(table)]
    return "\n".join(lines)


def _in_order(results: ProbeResults) -> list[str]:
    """Returns the names of rows in the order of Table 4, baselines last."""

    def place(row: Mapping[str, Any]) -> tuple[int, tuple[int, str, float]]:
        return {ROW: 0, BASELINE: 2}.get(row["group"], 1), presentation_in(row).place

    rows = sorted(results.run["rows"], key=place)
    return list(dict.fromkeys(str(row["name"]) for row in rows))


def _seeds(results: ProbeResults, name: str) -> str:
    rows = [row for row in results.run["rows"] if row["name"] == name]
    has_seeds = any(row["group"] != BASELINE or row.get("encoder_run") for row in rows)
    return str(len({row["seed"] for row in rows})) if has_seeds else "none"


def _title(metric: str, unit: str) -> str:
    return f"{metric.upper()}, %" if unit == "%" else f"{unit} {metric.partition('_')[2]}"


def _cell(scores: pd.DataFrame, predictions: pd.DataFrame, name: str, metric: str) -> str:
    values = scores["value"][scores["metric"] == metric].dropna()
    if values.empty:
        return ""
    value = float(values.mean())
    low, high = interval(predictions, name, metric, value)
    scale, digits = (100, 1) if metric in ("ua", "wa") else (1, 3)
    text = f"{scale * value:.{digits}f}"
    return text if low != low else f"{text} [{scale * low:.{digits}f}, {scale * high:.{digits}f}]"


def interval(
    predictions: pd.DataFrame, name: str, metric: str, value: float
) -> tuple[float, float]:
    """Returns the 95 % limits of a row's score, or NaN where speakers are unknown or alone.

    Args:
        predictions: Of one corpus, as in predictions.csv.
        name: The row.
        metric: ua, wa, mse_valence, ccc_valence, ...
        value: The score. An error is positive, so its limits are symmetric in its logarithm.
    """
    task = metric.partition("_")[2] or "emotion"
    own = predictions[(predictions["row"] == name) & (predictions["task"] == task)]
    speakers = sorted(set(own["speaker"]))
    if len(speakers) < 2 or "" in speakers:
        return np.nan, np.nan
    by_seed = [
        np.array(list(_jackknife(part, speakers, metric))) for _, part in own.groupby("seed")
    ]
    values = np.mean(by_seed, axis=0)
    count = len(speakers)
    width = student.ppf((1 + LEVEL) / 2, count - 1) * values.std(ddof=1) / np.sqrt(count)
    if metric.startswith("mse"):
        factor = float(np.exp(min(width / value, 50.0))) if value > 0 else 1.0
        return value / factor, value * factor
    lowest = -1.0 if metric.startswith("ccc") else 0.0
    return max(value - width, lowest), min(value + width, 1.0)


def _jackknife(part: pd.DataFrame, speakers: list[str], metric: str) -> Iterator[float]:
    """Yields C x metric - (C - 1) x metric without the speaker, for each."""
    speaker = np.searchsorted(np.array(speakers), part["speaker"].to_numpy(str))
    count = len(speakers)
    if metric in ("ua", "wa"):
        without, pooled = _of_classes(part, speaker, count, metric)
    else:
        score = mse if metric.startswith("mse") else ccc
        without, pooled = _of_numbers(part, speaker, count, score)
    yield from (count * pooled - (count - 1) * value for value in without)


def _of_classes(
    part: pd.DataFrame, speaker: npt.NDArray[np.intp], count: int, metric: str
) -> tuple[list[float], float]:
    """Returns the metric without each speaker, and with all, from counts of each class."""
    classes, target = np.unique(part["target"].to_numpy(str), return_inverse=True)
    right = (part["target"] == part["prediction"]).to_numpy(np.float64)
    total_CK, hit_CK = np.zeros((count, len(classes))), np.zeros((count, len(classes)))
    np.add.at(total_CK, (speaker, target), 1)
    np.add.at(hit_CK, (speaker, target), right)

    def score(total_K: Values, hit_K: Values) -> float:
        if metric == "wa":
            return float(hit_K.sum() / total_K.sum())
        there = total_K > 0
        return float((hit_K[there] / total_K[there]).mean())

    totals, hits = total_CK.sum(0), hit_CK.sum(0)
    without = [score(totals - a, hits - b) for a, b in zip(total_CK, hit_CK, strict=True)]
    return without, score(totals, hits)


def _of_numbers(
    part: pd.DataFrame,
    speaker: npt.NDArray[np.intp],
    count: int,
    score: Callable[[Values, Values], float],
) -> tuple[list[float], float]:
    target, prediction = (part[key].to_numpy(np.float64) for key in ("target", "prediction"))
    without = [score(target[speaker != c], prediction[speaker != c]) for c in range(count)]
    return without, score(target, prediction)


def _aligned(table: list[list[str]]) -> list[str]:
    """Returns the lines: names flush left, the rest flush right."""
    widths = [max(len(cells[place]) for cells in table) for place in range(len(table[0]))]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()
        for cells in table
    ]
