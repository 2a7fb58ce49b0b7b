"""Who is a woman and who is a man, as corpora say it.

It is no column of the utterance table: nothing but the probe of genders needs it.
"""

from dataclasses import dataclass
from pathlib import Path

from pretrain.data.tables.delimited import read_delimited
from pretrain.shared.errors import InputError
from pretrain.shared.normalized_text import canonical

FEMALE, MALE = "female", "male"

WORDS = {
    **dict.fromkeys(("f", "female", "woman", "w"), FEMALE),
    **dict.fromkeys(("m", "male", "man"), MALE),
}
"""What corpora call them, in lower case; any other word is no gender that is probed."""


@dataclass(frozen=True, kw_only=True)
class Genders:
    """Who is a woman and who is a man."""

    by_speaker: dict[str, str]
    """`female` or `male`; a speaker of whom it is not known is missing."""

    source: str
    """Where it is said, in words; empty where it is said nowhere."""


def unknown_genders(path: Path) -> Genders:
    """Returns nobody's gender: that of a corpus, at whatever path, that does not say it."""
    return Genders(by_speaker={}, source="")


def genders_in_table(path: Path, *, speaker: str, gender: str, source: str) -> Genders:
    """Returns the genders that a CSV file says in its column `gender` of those in `speaker`.

    `source` is that of the result, unless the file lacks a column or has no gender. Raises
    `ValueError` when one speaker has two genders.
    """
    frame = read_delimited(path, encoding_errors="surrogateescape")
    said: dict[str, str] = {}
    if {speaker, gender} <= set(frame.columns):
        for own, own_word in zip(frame[speaker], frame[gender], strict=True):
            name, word = canonical(own), own_word.strip().lower()
            if not name or word not in WORDS:
                continue
            if said.setdefault(name, WORDS[word]) != WORDS[word]:
                raise InputError(
                    f"{path}: `{gender}` must be the same in all rows of a speaker, but {name!r} "
                    "is both female and male instead. Give both their own names, or leave it empty."
                )
    return Genders(by_speaker=said, source=source if said else "")
