"""IEMOCAP: ten actors in five dialogue sessions, English, ratings and classes by listeners.

Busso et al., "IEMOCAP: Interactive emotional dyadic motion capture database", Language Resources
and Evaluation 42, 2008. Read in the layout of `IEMOCAP_full_release`:

    Session1/dialog/EmoEvaluation/Ses01F_impro01.txt    labels
    Session1/dialog/transcriptions/Ses01F_impro01.txt   texts
    Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M003.wav

An utterance's id says three things: the first F or M is who wore the markers in this dialogue, the
one before the number is *who speaks* (here the man, M), impro or script is how it was elicited.

Counts: 10,039 utterances by label as commonly listed; classes, speakers and sessions of the
four-class set as counted from the lists of the Co-attention code.
"""

import math
import re
from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from pretrain.data.readers.folder import audio_files, existing_folder
from pretrain.data.readers.reader import GENDER_WORDS, Genders, Reader, make_listing
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.data.tables.utterances import LABEL_COLUMNS
from pretrain.shared.errors import InputError
from probe.corpora.published import MAY_BE_INCOMPLETE, count_lines, settle, shown

ALL, IMPROVISED, SCRIPTED = "all", "improvised", "scripted"
OPTIONS = {
    ALL: "all utterances; those outside the four classes have ratings but no class",
    IMPROVISED: "only improvised dialogues",
    SCRIPTED: "only scripted dialogues",
}

CLASSES = {"ang": "angry", "hap": "happy", "exc": "happy", "sad": "sad", "neu": "neutral"}
"""The four classes of the literature: excited is counted as happy."""

PUBLISHED_LABELS = {
    "ang": 1103, "dis": 2, "exc": 1041, "fea": 40, "fru": 1849, "hap": 595, "neu": 1708,
    "oth": 3, "sad": 1084, "sur": 107, "xxx": 2507,
}  # fmt: skip
"""Of all utterances; xxx is no agreement among the listeners."""

PUBLISHED_SPEAKERS = {
    "1F": 528, "1M": 557, "2F": 481, "2M": 542, "3F": 522,
    "3M": 629, "4F": 528, "4M": 503, "5F": 590, "5M": 651,
}  # fmt: skip
GENDERS = Genders(
    by_speaker={speaker: GENDER_WORDS[speaker[-1].lower()] for speaker in PUBLISHED_SPEAKERS},
    source="the speakers' letters",
)
PUBLISHED_SESSIONS = {"1": 1085, "2": 1023, "3": 1151, "4": 1031, "5": 1241}
"""Of the four-class set, 5,531 utterances."""

SCALE = (1.0, 5.0)

ID = re.compile(r"Ses0(?P<session>[1-5])[FM]_(?P<style>impro|script)\w*_(?P<letter>[FM])\d+")
NUMBER = r"([-+.\deE]+)"
LINE = re.compile(
    rf"\[{NUMBER}\s*-\s*{NUMBER}\]\s+(\S+)\s+(\S+)\s+\[{NUMBER},\s*{NUMBER},\s*{NUMBER}\]"
)
TEXT = re.compile(r"(\S+)\s+\[[\d.]+\s*-\s*[\d.]+\]:\s*(.*)")


def list_iemocap(path: Path, source: str, options: Collection[str] = ()) -> pd.DataFrame:
    """Lists the four-class set, or what the options say, with texts and ratings.

    Ratings are the corpus's own means over listeners, order valence, activation, dominance. A few
    lie outside of the scale of 1 to 5 (up to 5.5, down to 0.5, so they are no means): they are kept
    as published, so that errors compare with those of others, and are counted in a warning.

    Two columns more than other corpora: `label` (the corpus's own) and `style`. Refuses counts that
    differ from the published ones, by label, speaker and session, and labels without audio.
    """
    if IMPROVISED in options and SCRIPTED in options:
        raise InputError(f"{source}: choose {IMPROVISED} or {SCRIPTED}; without, both are read.")
    root = _root(existing_folder(path, what=f"The corpus {source}"), source)
    audio = _audio(root)
    everything = pd.DataFrame(_rows(root, source, audio))
    if everything.empty:
        raise InputError(f"{root}/Session*/dialog/EmoEvaluation must hold labels, but holds none.")
    if len(twice := everything["id"][everything["id"].duplicated()]):
        raise InputError(
            f"Every utterance of {source} must be labelled once, but not {twice.iloc[0]}."
        )
    mute = everything["id"][everything["path"] == ""].tolist()
    heard = everything[everything["path"] != ""]
    four = heard[heard["emotion"] != ""]
    lines = [f"{len(mute)} labelled utterances have no audio: {shown(mute)}"] if mute else []
    lines += count_lines(heard, {"label": PUBLISHED_LABELS}, source=source)
    published = {"speaker": PUBLISHED_SPEAKERS, "session": PUBLISHED_SESSIONS}
    lines += count_lines(four, published, source=f"the four-class set of {source}")
    settle(lines, source=source, path=path, options=options)
    chosen = heard if ALL in options else four
    for style in (IMPROVISED, SCRIPTED):
        if style in options:
            chosen = chosen[chosen["style"] == style]
    if chosen.empty:
        raise InputError(f"{source} in {root} has no utterance of the kind that was asked for.")
    unlabelled = sorted(set(audio) - set(everything["id"].str.removeprefix(f"{source}/")))
    if unlabelled:
        warn_of_corpus(
            f"{source}: {len(unlabelled)} audio files have no label: {shown(unlabelled)}"
        )
    outside = [
        f"{name} {value:g} ({utterance})"
        for name in LABEL_COLUMNS
        for utterance, value in zip(chosen["id"], chosen[name], strict=True)
        if not SCALE[0] <= value <= SCALE[1]
    ]
    if outside:
        warn_of_corpus(
            f"{source}: {len(outside)} ratings lie outside of {SCALE[0]:g} to {SCALE[1]:g} and are "
            f"kept as published: {shown(outside)}"
        )
    if silent := chosen["id"][chosen["text"] == ""].tolist():
        warn_of_corpus(f"{source}: {len(silent)} utterances have no transcript: {shown(silent)}")
    return make_listing(chosen.reset_index(drop=True))


def _root(folder: Path, source: str) -> Path:
    for root in (folder, folder / "IEMOCAP_full_release"):
        if any((root / f"Session{number}").is_dir() for number in range(1, 6)):
            return root
    raise InputError(
        f"{folder} must be IEMOCAP_full_release, with the folders Session1 to Session5, but has "
        f"none of them. Any other copy of {source} can be read with a manifest."
    )


def _audio(root: Path) -> dict[str, str]:
    """Returns the path of every cut utterance by its id."""
    folders = (f for f in sorted(root.glob("Session[1-5]/sentences/wav")) if any(f.iterdir()))
    return {Path(file).stem: file for folder in folders for file in audio_files(folder)}


def _rows(root: Path, source: str, audio: dict[str, str]) -> Iterator[dict[str, object]]:
    # Only files in this folder: those in folders below are the single listeners'.
    for file in sorted(root.glob("Session[1-5]/dialog/EmoEvaluation/[!.]*.txt")):
        texts = _texts(file.parent.parent / "transcriptions" / file.name)
        for number, line in enumerate(file.read_text("utf-8", "replace").split("\n"), start=1):
            if not line.startswith("["):
                continue
            match = LINE.fullmatch(line.strip())
            utterance = ID.fullmatch(match[3]) if match else None
            if match is None or utterance is None or match[4] not in PUBLISHED_LABELS:
                raise InputError(
                    f"{file}, line {number}: must be `[start - end] utterance label [V, A, D]` "
                    f"with a label of {', '.join(PUBLISHED_LABELS)}, but is {line!r} instead."
                )
            session = f"Session{utterance['session']}"
            if not match[3].startswith(f"{file.stem}_") or file.parts[-4] != session:
                raise InputError(f"{file}, line {number}: {match[3]} is not of this dialogue.")
            yield {
                "id": f"{source}/{match[3]}",
                "path": audio.get(match[3], ""),
                "speaker": utterance["session"] + utterance["letter"],
                "session": utterance["session"],
                "emotion": CLASSES.get(match[4], ""),
                "label": match[4],
                "style": IMPROVISED if utterance["style"] == "impro" else SCRIPTED,
                "text": texts.get(match[3], ""),
                **{
                    name: _rating(match[place], f"{file}, line {number}: {name}")
                    for place, name in enumerate(LABEL_COLUMNS, start=5)
                },
            }


def _rating(text: str, where: str) -> float:
    with suppress(ValueError):
        if math.isfinite(value := float(text)):
            return value
    raise InputError(f"{where} must be a number, but is {text!r} instead.")


def _texts(file: Path) -> dict[str, str]:
    lines = file.read_text("utf-8", "replace").split("\n") if file.is_file() else []
    matches = (TEXT.fullmatch(line.strip()) for line in lines)
    return {match[1]: match[2].strip() for match in matches if match}


READER = Reader(
    list_files=list_iemocap,
    options=OPTIONS | MAY_BE_INCOMPLETE,
    sample_rate=16_000,
    genders=lambda path: GENDERS,
)
