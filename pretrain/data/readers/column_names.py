"""What a manifest's columns are called, and what to say of those that nobody reads.

A column that is passed over in silence may be the one that says what is tested (`Split`).
"""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from pretrain.data.readers.registry import did_you_mean
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.data.tables.columns import KNOWN_COLUMNS
from pretrain.data.tables.delimited import TableError
from pretrain.shared.normalized_text import bare

HARMLESS = ("id", "gender")
"""A look-alike of these changes nothing that is trained or tested on, so it is only told."""

ALIASES = {
    "path": ("file", "filename", "filepath", "wav", "wavpath", "audio", "audiopath", "audiofile"),
    "speaker": ("spkrid", "spkid", "spk", "speakerid", "clientid", "actor", "actorid", "subject"),
    "session": ("sessionid", "sess", "dialogueid", "dialogid"),
    "emotion": ("emoclass", "label", "emo", "emotionlabel", "class"),
    "text": ("transcript", "transcription", "sentence", "transcripts"),
    "split": ("splitset", "datasplit", "partition", "subset"),
    "start": ("starttime", "startsec", "startseconds", "begin", "onset"),
    "end": ("endtime", "endsec", "endseconds", "stop"),
    "valence": ("emoval", "val"),
    "arousal": ("emoact", "emoaro", "activation", "aro", "act"),
    "dominance": ("emodom", "dom"),
}
"""Known name -> what other corpora call it, without case and punctuation."""

LIKE = 0.8
"""Of difflib: emotoin is like emotion, duration is not."""


def settle_columns(raw: pd.DataFrame, columns: Mapping[str, str], path: Path) -> pd.DataFrame:
    """Returns the table of `read_delimited` with its columns under the names that are known here.

    `columns` are known name -> the table's own, see `pretrain.data.tables.columns`. Raises
    `TableError` when the table lacks a column that was named, has none for `path`, or has one that
    only can mean a known one but is called otherwise.
    """
    names = list(map(str, raw.columns))
    for known, own in columns.items():
        if own and own not in names:
            raise TableError(
                f"{path} must have a column {own!r}, as {known}={own} of --columns says, but has "
                f"{_listed(names)} instead.{did_you_mean(own, names)} Where corpora have columns "
                f"of their own, write them as NAME[{known}={own}]=FILE.csv."
            )
    settled = raw.drop(columns=[known for known in columns if known in names])
    settled = settled.assign(**{known: raw[own] for known, own in columns.items() if own})
    # Own names that are used up, and known names that the user said not to be there.
    meant = {
        name: known
        for name in unread(names, columns)
        if (known := meaning(name)) and known not in settled.columns and columns.get(known) != ""
    }
    if "path" not in settled.columns:
        hints = [f"{known}={name}" for name, known in meant.items()] or ["path=NAME"]
        raise TableError(
            f"The manifest {path} must have a column `path`, but its columns are "
            f"{_listed(names)} instead. The first line must name the columns, separated by "
            "commas (or tabs); where they are called otherwise, give --columns "
            f"{','.join(hints)}."
        )
    # These names leave no doubt; or doubt about who is tested, which is worse than an error.
    refused = {
        name: known
        for name, known in meant.items()
        if known == "split" or (bare(name) == known and known not in HARMLESS)
    }
    if refused:
        raise TableError(
            f"The manifest {path} has "
            + ", ".join(f"a column {name!r} but none `{known}`" for name, known in refused.items())
            + ": it would not be read. Rename it, or give --columns "
            + ",".join(f"{known}={name}" for name, known in refused.items())
            + f" (or {next(iter(refused.values()))}= where it means something else)."
        )
    if meant:
        warn_of_corpus(
            f"{path} has columns that are not read: "
            + "; ".join(
                f"{name!r} (did you mean `{known}`? then give --columns {known}={name})"
                for name, known in meant.items()
            )
        )
    return settled


def unread(names: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """Returns the names of columns that nobody reads."""
    used = {*KNOWN_COLUMNS, *columns.values(), ""} - (columns.keys() - set(columns.values()))
    return [name for name in names if name not in used]


def meaning(name: str) -> str:
    """Returns the known column that this one seems to be, or the empty string."""
    letters = bare(name)
    if letters in KNOWN_COLUMNS:
        return letters
    alias = next((known for known, others in ALIASES.items() if letters in others), "")
    near = difflib.get_close_matches(letters, KNOWN_COLUMNS, n=1, cutoff=LIKE)
    return alias or (near[0] if near else "")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(map(repr, list(names)[:12]))
