"""Utterances of the synthetic corpus whose words contradict the voice: whom does a network follow?

The label is the voice's, so whoever follows the voice is right. Beside the networks stand the best
listeners: those who hear words only, or the voice only, are a floor of fusion, and who hears both
is its ceiling.
"""

from collections.abc import Mapping

import pandas as pd

from mfsn.experiment.results import contradicts
from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.table5 import COLOURS, GREY
from reports.table_data import Cell, Column, Line, Table
from reports.uncertainty.intervals import interval
from reports.words import percent

LISTENERS = {
    "words": "hears the words only",
    "voice": "hears the voice only",
    "both": "hears both: the ceiling",
}


def with_words(grid: MfsnGrid, variant: str) -> pd.DataFrame:
    """Returns the predictions of one variant with `word_emotion` and `contradicted`, whether the
    words express another emotion than the label; empty where the words are not known."""
    words, own = grid.table("words"), grid.predictions(variant)
    if words.empty or own.empty:
        return pd.DataFrame()
    frame = own.merge(words.drop_duplicates("id"), on="id", how="inner", validate="many_to_one")
    return frame.assign(contradicted=contradicts(frame["word_emotion"], frame["target"]))


def contradicted_table(grid: MfsnGrid, flags: Mapping[str, str]) -> Table | None:
    """Returns one line per network and listener, or None where the words are not known.

    :param flags: Variant -> words of warning on its encoders and networks.
    """
    lines = []
    for variant in grid.variants:
        frame = with_words(grid, variant.name)
        if frame.empty or not frame["contradicted"].any():
            continue
        against, others = frame[frame["contradicted"]], frame[~frame["contradicted"]]
        to_words = against.assign(target=against["word_emotion"])
        answer = against["prediction"]
        neither = (answer != against["target"]) & (answer != against["word_emotion"])
        cells = {
            "network": Cell(text=variant.label, flag=flags.get(variant.name, "")),
            "ua": _share(frame, "ua"),
            "right": _share(against, "wa"),
            "follows": _share(to_words, "wa"),
            "neither": Cell(text=percent(float(neither.mean()))),
            "others": _share(others, "wa"),
        }
        lines.append(Line(part="networks", cells=cells, colour=COLOURS.get(variant.name, GREY)))
    return _table(grid, [*lines, *_listeners(grid)]) if lines else None


def _share(frame: pd.DataFrame, metric: str) -> Cell:
    sure = interval(frame, metric)
    return Cell(text=percent(sure.value), low=percent(sure.low), high=percent(sure.high))


def _listeners(grid: MfsnGrid) -> list[Line]:
    oracle = grid.first.record.get("oracle") or {}
    lines = []
    for name, ua in (oracle.get("ua") or {}).items():
        shares = oracle["contradicted"][name]
        neither = 1 - shares["right"] - shares["follows_words"]
        cells = {
            "network": Cell(text=LISTENERS.get(name, name)),
            "ua": Cell(text=percent(ua)),
            "right": Cell(text=percent(shares["right"])),
            "follows": Cell(text=percent(shares["follows_words"])),
            "neither": Cell(text=percent(max(neither, 0.0))),
        }
        lines.append(Line(part="best possible listeners", cells=cells))
    return lines


def _table(grid: MfsnGrid, lines: list[Line]) -> Table:
    group = "words contradict the voice"
    return Table(
        name=f"contradicted-{grid.slug}",
        title=f"Words against voice on {grid.title}",
        columns=[
            Column(key="network", title="network", text=True),
            Column(key="ua", title="UA, %", group="all", limits_beside=True),
            Column(key="right", title="right: the voice, %", group=group, limits_beside=True),
            Column(key="follows", title="the words, %", group=group, limits_beside=True),
            Column(key="neither", title="neither, %", group=group),
            Column(key="others", title="right, %", group="the others", limits_beside=True),
        ],
        lines=lines,
        notes=[
            "The label is the voice's. Contradicted: the words express another emotion, and not "
            "neutral; their voices are strongly expressed, so that who hears both can tell. 95 %: "
            "interval, speakers as the units, seeds crossed with them.",
            "Every network hears spectrogram and MFCC too, whatever its streams are. The listeners "
            "know how the corpus is made, by simulation; they have got used to every voice.",
        ],
    )
