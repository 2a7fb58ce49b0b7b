"""The tables of a study of fusion: contrasts, networks beside the oracle, and where it is lost."""

import pandas as pd

from mfsn.roles import HEADS
from reports.fusion.contradicted import LISTENERS
from reports.study.fusion_questions import FusionOutcome
from reports.study.questions import POINTS
from reports.study.tables import findings_table
from reports.table_data import Cell, Column, Line, Table
from reports.uncertainty.planned import Finding

NETWORKS = {
    "tec": "TEC alone",
    "sec-quantized": "SEC quantized alone",
    "sec-continuous": "SEC continuous alone",
    "both": "both, without search",
    "mfsn": "both, with search (MFSN)",
}


def head_words(head: str) -> str:
    """Returns a head's name."""
    return HEADS.get(head, head)


def questions_table(found: FusionOutcome) -> Table:
    """Returns every registered question with its verdict."""
    study = found.run.study
    return findings_table(
        study.name,
        found.findings,
        {one.name: one.isolates for one in study.contrasts},
        study.decision,
        found.findings[0] if found.findings else None,
        [
            "UA of pooled test folds, at the epoch that the dev part chose. Intervals: 95 %, for "
            "other speakers and other seeds of the heads; the encoders are the same in all."
        ],
    )


def network_table(found: FusionOutcome) -> Table:
    """Returns every network with its scores, and the best listeners as floor and ceiling."""
    lines = [
        Line(
            part=head_words(name.split()[0]),
            cells={
                "network": Cell(text=NETWORKS[name.split()[1]]),
                "ua": _limits(scores.ua),
                "right": _limits(scores.right),
                "follows": _limits(scores.follows_words),
                "others": _limits(scores.others),
            },
        )
        for name, scores in found.scores.items()
    ]
    oracle = found.run.record.get("oracle") or {}
    for listener, ua in (oracle.get("ua") or {}).items():
        shares = oracle["contradicted"][listener]
        cells = {
            "network": Cell(text=LISTENERS.get(listener, listener)),
            "ua": Cell(text=f"{POINTS * ua:.1f}"),
            "right": Cell(text=f"{POINTS * shares['right']:.1f}"),
            "follows": Cell(text=f"{POINTS * shares['follows_words']:.1f}"),
        }
        lines.append(Line(part="best possible listeners", cells=cells))
    group = "words contradict the voice"
    return Table(
        name=f"study-{found.run.study.name}-networks",
        title=f"Networks: {found.run.study.name}",
        columns=[
            Column(key="network", title="network", text=True),
            Column(key="ua", title="UA, %", limits_beside=True),
            Column(key="right", title="right: the voice, %", group=group, limits_beside=True),
            Column(key="follows", title="the words, %", group=group, limits_beside=True),
            Column(key="others", title="right, %", group="the others", limits_beside=True),
        ],
        lines=lines,
        notes=[
            "The label is the voice's, so who is right on contradicted utterances follows the "
            "voice. Who hears the words only is the floor of fusion, who hears both its ceiling. "
            "Every network hears spectrogram and MFCC beside its streams."
        ],
    )


def trace_table(found: FusionOutcome) -> Table | None:
    """Returns what a linear probe tells at every place of every network, mean over folds."""
    trace = found.run.trace
    if trace.empty:
        return None
    places = list(dict.fromkeys(trace["place"]))
    kinds = [knows for knows in ("words", "emotion") if knows in set(trace["knows"])]
    asked = set(zip(trace["place"], trace["knows"], strict=True))
    means = trace.groupby(["head", "network", "place", "knows"])["ua"].mean()
    lines = [
        Line(
            part=head_words(head),
            cells={
                "network": Cell(text=NETWORKS[network]),
                **{
                    f"{knows}-{place}": Cell(text=_percent(means, head, network, place, knows))
                    for knows in kinds
                    for place in places
                },
            },
        )
        for head, network in (name.split() for name in found.run.names)
    ]
    titles = {"words": "what the words express", "emotion": "the emotion, which is the voice's"}
    seeds = ", ".join(map(str, sorted(set(trace["seed"]))))
    return Table(
        name=f"study-{found.run.study.name}-trace",
        title=f"Where it is lost: {found.run.study.name}",
        columns=[
            Column(key="network", title="network", text=True),
            *(
                Column(key=f"{knows}-{place}", title=place, group=titles[knows])
                for knows in kinds
                for place in places
                if (place, knows) in asked
            ),
        ],
        lines=lines,
        notes=[
            "UA in percent of a linear probe (ridge) on the features at that place, fitted on the "
            "training part, its strength chosen on the dev part, scored on unheard speakers; mean "
            f"over the folds, seed {seeds}. 25 % is chance.",
            "States count by maximum and mean over frames; text and speech at the head are what "
            "fusion hands on; both states: side by side; true words: what the words express, given "
            "beside the states, so that words read without a fault could be used; in windows: a "
            "small network with the pooling of the window head, trained for that alone.",
        ],
    )


def _percent(means: "pd.Series[float]", *key: str) -> str:
    return f"{POINTS * float(means[key]):.1f}" if key in means.index else ""


def _limits(one: Finding | None) -> Cell:
    if one is None:
        return Cell(text="")
    texts = (f"{POINTS * value:.1f}" for value in (one.value, one.low, one.high))
    text, low, high = texts
    return Cell(text=text, low=low, high=high)
