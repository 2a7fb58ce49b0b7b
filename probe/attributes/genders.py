"""The gender of a corpus's speakers, where the corpus or its publication says it.

It is no column of the utterance table: nothing but the probe of genders needs it. Where it comes
from, by corpus:

- `emodb`: men 03, 10, 11, 12, 15 and women 08, 09, 13, 14, 16 (Burkhardt et al. 2005);
- `ravdess`: actors with odd numbers are men (Livingstone and Russo 2018);
- `iemocap`: the letter of the speaker's name, F or M (Busso et al. 2008);
- `savee`: four men (Haq and Jackson 2010), so there is nothing to tell apart;
- `cremad`: column `Sex` of the corpus's own `VideoDemographics.csv`;
- `synthetic`: the voices' genders;
- manifests: columns `speaker` and `gender`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from pretrain.data.readers.spec import SYNTHETIC
from pretrain.data.synthetic.speakers import all_speakers
from pretrain.data.tables.columns import take_columns
from pretrain.data.tables.delimited import read_delimited
from pretrain.data.tables.identities import canonical
from pretrain.shared.errors import InputError
from probe.corpora.options import manifest_of, split_options

FEMALE, MALE = "female", "male"

WORDS = {
    **dict.fromkeys(("f", "female", "woman", "w"), FEMALE),
    **dict.fromkeys(("m", "male", "man"), MALE),
}
"""What manifests call them, in lower case; any other word is no gender that is probed."""

EMODB = {
    **dict.fromkeys(("03", "10", "11", "12", "15"), MALE),
    **dict.fromkeys(("08", "09", "13", "14", "16"), FEMALE),
}
RAVDESS = {f"{actor:02d}": MALE if actor % 2 else FEMALE for actor in range(1, 25)}
IEMOCAP = {
    f"{session}{letter}": WORDS[letter.lower()] for session in range(1, 6) for letter in "FM"
}
SAVEE = dict.fromkeys(("DC", "JE", "JK", "KL"), MALE)

PUBLISHED = {
    "emodb": (EMODB, "the published list of speakers"),
    "ravdess": (RAVDESS, "the numbers of the actors"),
    "iemocap": (IEMOCAP, "the speakers' letters"),
    "savee": (SAVEE, "the published list of speakers"),
}
"""Corpus -> gender by speaker, and where it is said."""

DEMOGRAPHICS = "VideoDemographics.csv"


@dataclass(frozen=True, kw_only=True)
class Genders:
    """Who is a woman and who is a man."""

    by_speaker: dict[str, str]
    """`female` or `male`; a speaker of whom it is not known is missing."""

    source: str
    """Where it is said, in words; empty where it is said nowhere."""


def find_genders(table: pd.DataFrame, spec: str) -> Genders:
    """Returns the gender of the table's speakers.

    Args:
        table: As `probe.corpora.read_probe_corpus(spec)` gave it, whole or in part.
        spec: As given to `--corpus`.

    Raises:
        ValueError: A manifest gives two genders to one speaker.
    """
    plain, columns = take_columns(split_options(spec)[0])
    name, _, place = plain.strip().partition("=")
    path = Path(place.strip()).expanduser()
    found: dict[str, str] = {}
    source = ""
    if name.split(":")[0] == SYNTHETIC:
        found, source = {s.name: s.gender for s in all_speakers()}, "the voices' genders"
    elif (manifest := manifest_of(spec)) is not None:
        if manifest.is_file():
            own = [columns.get(column, column) for column in ("speaker", "gender")]
            found = _of_columns(manifest, *own)
            source = f"the manifest's column `{own[1]}`" if found else ""
    elif name in PUBLISHED:
        found, source = PUBLISHED[name]
    elif name == "cremad":
        places = (path / DEMOGRAPHICS, path.parent / DEMOGRAPHICS)
        if (demographics := next((p for p in places if p.is_file()), None)) is not None:
            found, source = _of_columns(demographics, "ActorID", "Sex"), DEMOGRAPHICS
    speakers = sorted(set(table["speaker"].astype(str)) - {""})
    return Genders(
        by_speaker={speaker: found[speaker] for speaker in speakers if speaker in found},
        source=source,
    )


def _of_columns(path: Path, speaker: str, gender: str) -> dict[str, str]:
    """Returns the genders that a CSV file says, nothing if it lacks one of the columns."""
    frame = read_delimited(path, encoding_errors="surrogateescape")
    if not {speaker, gender} <= set(frame.columns):
        return {}
    said: dict[str, str] = {}
    for name, word in _pairs(frame[speaker], frame[gender]):
        if not name or word not in WORDS:
            continue
        if said.setdefault(name, WORDS[word]) != WORDS[word]:
            raise InputError(
                f"{path}: `{gender}` must be the same in all rows of a speaker, but {name!r} is "
                "both female and male instead. Give both their own names, or leave it empty."
            )
    return said


def _pairs(names: Iterable[str], words: Iterable[str]) -> Iterable[tuple[str, str]]:
    for name, word in zip(names, words, strict=True):
        yield canonical(name), word.strip().lower()
