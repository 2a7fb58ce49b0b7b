"""What is known to be wrong with the encoders behind MFSN, from their own runs and from what MFSN
wrote down of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from reports.fusion.read.comparable_runs import MfsnGrid
from reports.fusion.read.runs import TEC_ALONE, FinetuneRun, Variant
from reports.read.folders import read_pretrain_folder
from reports.read.health import COLLAPSED, NOT_LEARNED, Finding, findings
from reports.read.records import PretrainRun
from reports.words import percent

Run = TypeVar("Run", PretrainRun, FinetuneRun)

MODES = {"sec-quantized": "quantized", "sec-continuous": "continuous"}
"""Role -> the targets that its name promises."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """One thing that is wrong with the encoder in one role."""

    role: str
    flag: str
    """A few words for the tables."""

    text: str
    """A sentence."""


def role_words(role: str) -> str:
    """Returns a role as tables and sentences name it: "TEC", "SEC-quantized"."""
    return role.upper() if role in ("tec", "sec") else role.replace("sec", "SEC")


def doubts(
    grid: MfsnGrid, pretrain: Sequence[PretrainRun], finetune: Sequence[FinetuneRun]
) -> list[Doubt]:
    """Returns everything that a reader has to know of the encoders.

    :param pretrain: Runs that were given to the report; others are read from the encoders' own
        folders, as far as these still hold the same weights.
    """
    found: list[Doubt] = []
    for role, entry in grid.encoders.items():
        tuned = _of_weights(finetune, entry)
        named = f"{role_words(role)} ({entry.get('name') or role})"
        found += _of_targets(role, named, entry)
        if role == TEC_ALONE:
            found += _of_text(role, named, entry, tuned)
        found += _of_health(role, named, entry, pretrain, tuned)
    return list(dict.fromkeys(found))


def flags_of(found: Sequence[Doubt], roles: Sequence[str]) -> str:
    """Returns the words of warning for what has these encoders; empty without any."""
    return ", ".join(
        dict.fromkeys(f"{role_words(x.role)}: {x.flag}" for x in found if x.role in roles)
    )


def variant_flags(grid: MfsnGrid, found: Sequence[Doubt]) -> dict[str, str]:
    """Returns variant -> words of warning."""
    return {v.name: words for v in grid.variants if (words := flags_of(found, _roles(v)))}


def _roles(variant: Variant) -> list[str]:
    return [*variant.streams, *([variant.sec] if variant.sec else [])]


def _of_targets(role: str, named: str, entry: Mapping[str, Any]) -> Iterator[Doubt]:
    mode, wanted = str(entry.get("mode") or ""), MODES.get(role)
    if wanted and not mode:
        text = f"{named} does not say what its targets were: it was taken for {wanted}."
        yield Doubt(role=role, flag="targets unknown", text=text)
    elif wanted and mode != wanted:
        text = f"{named} was pre-trained with {mode} targets, not with {wanted} ones."
        yield Doubt(role=role, flag=f"{mode} targets", text=text)


def _of_text(
    role: str, named: str, entry: Mapping[str, Any], tuned: FinetuneRun | None
) -> Iterator[Doubt]:
    # Older runs say it by naming the corpus only, and nothing of released models.
    known = None if entry.get("released") else bool(entry.get("finetuned_on"))
    if entry.get("finetuned", known) is False:
        text = (
            f"{named} was never fine-tuned on transcripts: it is no encoder of text, and what is "
            "said of TEC is not shown by it."
        )
        yield Doubt(role=role, flag="not fine-tuned", text=text)
        return
    record = {**(tuned.record if tuned else {}), **entry}
    rate, constant = record.get("cer"), record.get("constant_cer")
    if not isinstance(rate, int | float):
        return
    if isinstance(constant, int | float) and rate >= constant:
        beside = f", no better than the best constant answer's {percent(constant)} %"
    elif rate >= 1.0:
        beside = ", as if it answered nothing"
    else:
        return
    text = f"{named} has a CER of {percent(rate)} %{beside}: it does not read, and brings no text."
    yield Doubt(role=role, flag="does not read", text=text)


def _of_health(
    role: str,
    named: str,
    entry: Mapping[str, Any],
    pretrain: Sequence[PretrainRun],
    tuned: FinetuneRun | None,
) -> Iterator[Doubt]:
    run = _of_weights(pretrain, entry) or _in_folder(entry)
    beginning = ""
    if run is None and tuned is not None:
        start = dict(tuned.record.get("encoder") or {})
        run = _of_weights(pretrain, start) or _in_folder(start)
        beginning = " began with an encoder that"
    for finding in findings([run]) if run else _written(role, entry):
        text = f"{named}{beginning} {_HEALTH.get(finding.flag, f'was not healthy: {finding.text}')}"
        yield Doubt(role=role, flag=finding.flag, text=f"{text} (see its pre-training).")


_HEALTH = {
    COLLAPSED: "collapsed, so that it says nothing about its targets",
    NOT_LEARNED: "had hardly begun to learn its targets, so that it says little about them",
}


def _written(role: str, entry: Mapping[str, Any]) -> list[Finding]:
    """Returns what MFSN wrote down of an encoder whose run is not at hand."""
    return [
        Finding(
            row=role,
            seed=None,
            folder=str(entry.get("folder") or ""),
            text=f"update {one.get('update')}: {one.get('meaning') or one.get('metric')}",
            flag="see health",
        )
        for one in entry.get("health") or ()
        if isinstance(one, Mapping)
    ]


def _of_weights(runs: Sequence[Run], entry: Mapping[str, Any]) -> Run | None:
    """Returns the run that made an encoder, told by its weights."""
    weights = (entry.get("hashes") or {}).get("final_weights")
    return next((run for run in runs if weights and _weights(run.record) == weights), None)


def _weights(record: Mapping[str, Any]) -> object:
    return (record.get("hashes") or {}).get("final_weights")


def _in_folder(entry: Mapping[str, Any]) -> PretrainRun | None:
    folder = str(entry.get("folder") or "")
    run = read_pretrain_folder(Path(folder)) if folder else None
    return run if run and _of_weights([run], entry) else None
