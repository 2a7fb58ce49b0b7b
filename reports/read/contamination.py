"""Whether encoders had heard the tested recordings in training: notes and marks for the tables.

The probe and MFSN count it, as `probe/contamination/` says; here it is only told. What was not
checked is said to be unknown, never to be clean.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MARK = "contaminated"
"""On every row whose training held recordings that it is tested on."""


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A tested corpus against one corpus that encoders were trained on."""

    trained_on: str
    stage: str
    """"pre-training" or "CTC fine-tuning"."""

    num_utterances: int
    """Of the tested corpus."""

    by_hash: int | None
    """Of these, how many were trained on as the same recording; None where nothing is known."""

    near: int | None
    """How many more as a changed copy; None where only hashes were compared."""

    checked_by: str
    names: tuple[str, ...]
    """Rows, or roles of MFSN's encoders."""

    @property
    def found(self) -> int:
        return (self.by_hash or 0) + (self.near or 0)


def heard_in(
    records: Iterable[Mapping[str, Any]], corpus: str, names: Sequence[str]
) -> list[Heard]:
    """Returns what run.json files say of a tested corpus; equal findings are told once.

    :param records: run.json of all runs behind one table.
    :param names: Rows or roles in the table; others are left out.
    """
    found: dict[tuple[Any, ...], list[str]] = {}
    for record in records:
        for entry in record.get("contamination") or ():
            if entry.get("corpus") != corpus:
                continue
            key = (
                str(entry.get("pretrained_on")),
                str(entry.get("stage") or "pre-training"),
                int(entry.get("num_utterances") or 0),
                entry.get("by_hash"),
                entry.get("near_duplicates"),
                str(entry.get("checked_by") or ""),
            )
            named = found.setdefault(key, [])
            named += [str(row[0]) for row in entry.get("rows") or () if str(row[0]) in names]
    return [
        Heard(
            trained_on=key[0],
            stage=key[1],
            num_utterances=key[2],
            by_hash=key[3],
            near=key[4],
            checked_by=key[5],
            names=tuple(dict.fromkeys(named)),
        )
        for key, named in found.items()
        if named
    ]


def notes(heard: Sequence[Heard], names: Sequence[str]) -> list[str]:
    """Returns one note per corpus that was trained on, and one for rows of which nothing is known.

    :param names: All trained rows or roles of the table.
    """
    said = [_words(one, names) for one in heard]
    unchecked = [name for name in names if not any(name in one.names for one in heard)]
    if unchecked:
        said.append(
            "Contamination was not checked, so nobody knows whether these had heard the tested "
            f"recordings in training: {', '.join(unchecked)}."
        )
    return said


def alarms(heard: Sequence[Heard]) -> list[str]:
    """Returns a sentence for each finding; empty when nothing was found."""
    return [
        f"Contamination: {one.found:,} of {one.num_utterances:,} tested utterances were heard in "
        f"the {one.stage} on {one.trained_on} ({one.by_hash:,} as the same recording"
        + (f", {one.near:,} as a changed copy" if one.near else "")
        + f"). The scores of {', '.join(one.names)} are not those of unheard speech."
        for one in heard
        if one.found
    ]


def with_marks(flags: Mapping[str, str], heard: Sequence[Heard]) -> dict[str, str]:
    """Returns row name -> words of warning, with the mark on contaminated rows."""
    marked = dict(flags)
    for one in heard:
        for name in one.names if one.found else ():
            words = [word for word in marked.get(name, "").split(", ") if word and word != MARK]
            marked[name] = ", ".join([*words, MARK])
    return marked


def _words(one: Heard, names: Sequence[str]) -> str:
    who = "all rows" if set(one.names) == set(names) else ", ".join(one.names)
    if one.by_hash is None:
        return (
            f"Whether the {one.stage} of {who} held the tested recordings is unknown: "
            f"{one.checked_by}."
        )
    checked = f"checked by {one.checked_by}"
    if one.found:
        return f"{alarms([one])[0]} These are marked; {checked}."
    return (
        f"Contamination, none found: no tested utterance is in {one.trained_on}, the corpus of "
        f"the {one.stage} of {who}; {checked}."
    )
