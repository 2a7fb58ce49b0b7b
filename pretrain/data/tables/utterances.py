"""The utterance table: one schema for every corpus, one row per utterance, names in one form.

Names of people and classes that differ in Unicode form or kind of space are one. Case and spelling
may make two people of one, so they are only told. Ids stay as they are: draws are keyed by them.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from pretrain.data.tables.delimited import MISSING, NUM_SHOWN, numbers, read_delimited, write_csv
from pretrain.data.tables.delimited import TableError as TableError
from pretrain.shared.normalized_text import canonical, likeness

STRING_COLUMNS = (
    "id", "path", "speaker", "session", "emotion", "text", "split", "source", "audio_hash",
)  # fmt: skip
"""`id` is unique; a missing speaker, session, emotion, text or split is the empty string."""

INTEGER_COLUMNS = ("offset", "frames", "sample_rate")
"""First frame in the file and number of frames, both at the file's own `sample_rate` in Hz."""

LABEL_COLUMNS = ("valence", "arousal", "dominance")
"""On the corpus's own scale; missing values are NaN."""

COLUMNS = (
    "id", "path", "offset", "frames", "sample_rate", "speaker", "session", "emotion",
    "valence", "arousal", "dominance", "text", "split", "source", "audio_hash",
)  # fmt: skip

LABEL_LIMIT = 100.0
"""No scale in use goes beyond -100..100, so a larger value is a slip (a lost decimal point)."""

REQUIRED_STRINGS = ("id", "path", "source", "audio_hash")
STRIPPED_STRINGS = ("id", "speaker", "session", "emotion", "split", "source")


IDENTITIES = ("speaker", "session", "emotion", "split")

NO_TEXT = frozenset(("nan", "NaN", "NAN", "<NA>", "<na>"))
"""The same of transcripts, where somebody may well have said "none" or "null"."""

UNKNOWN = {"speaker": "an unknown speaker", "session": "no session", "emotion": "no label"}
"""What a missing value means. Not of `split`: an empty one is trained on, so it is refused."""


def validate_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns `frame` with the columns in order, their exact types and a new index 0..N-1.

    Raises `TableError`, naming column, row and value, when something is missing or wrong.
    """
    missing = [column for column in COLUMNS if column not in frame.columns]
    unknown = [str(column) for column in frame.columns if column not in COLUMNS]
    if missing or unknown:
        raise TableError(
            f"An utterance table must have the columns {', '.join(COLUMNS)}; "
            f"missing: {', '.join(missing) or 'none'}, unknown: {', '.join(unknown) or 'none'}."
        )
    if frame.empty:
        raise TableError("An utterance table must have at least one row, but is empty instead.")
    table = frame.loc[:, list(COLUMNS)].reset_index(drop=True)
    for column in STRING_COLUMNS:
        _check(table, column, table[column].map(lambda value: isinstance(value, str)), "be a text")
        table[column] = table[column].astype("str")
    _check(table, "text", table["text"].map(_is_unicode), "be valid Unicode")
    for column in REQUIRED_STRINGS:
        _check(table, column, table[column] != "", "not be empty")
    for column in STRIPPED_STRINGS:
        _check(table, column, table[column].map(str.isprintable), "have no control characters")
        stripped = table[column].map(str.strip) == table[column]
        _check(table, column, stripped, "have no spaces at its ends")
    _check(table, "path", table["path"].map(os.path.isabs), "be absolute")
    _check(table, "id", ~table["id"].duplicated(keep="first"), "be unique")
    for column in INTEGER_COLUMNS:
        _check(table, column, table[column].map(_is_whole), "be a whole number")
        table[column] = table[column].astype("int64")
        least = 0 if column == "offset" else 1
        _check(table, column, table[column] >= least, f"be at least {least}")
    for column in LABEL_COLUMNS:
        _check(table, column, table[column].map(_is_number), "be a number, or NaN where unknown")
        table[column] = table[column].astype("float64")
        in_range = table[column].isna() | (table[column].abs() <= LABEL_LIMIT)
        _check(table, column, in_range, f"be between {-LABEL_LIMIT:g} and {LABEL_LIMIT:g}")
    return table


def table_hash(frame: pd.DataFrame) -> str:
    """Returns a hash of ids, audio and labels, in any row order; paths do not matter."""
    columns = ("id", "audio_hash", "speaker", "session", "emotion", "text", "split")
    ordered = frame.sort_values("id")
    digest = hashlib.blake2b(digest_size=16)
    for column in columns:
        values = [str(value) for value in ordered[column]]
        # The lengths keep ["ab", "c"] and ["a", "bc"] apart.
        digest.update(f"{column}:{','.join(str(len(value)) for value in values)};".encode())
        digest.update("".join(values).encode("utf-8", "surrogateescape"))
    for column in LABEL_COLUMNS:
        labels = ordered[column].to_numpy(dtype="<f8") + 0.0  # -0.0 becomes 0.0
        digest.update(column.encode())
        digest.update(np.where(np.isnan(labels), np.nan, labels).tobytes())
    return digest.hexdigest()


def save_table(frame: pd.DataFrame, path: Path) -> None:
    """Writes a validated table as CSV, complete or not at all."""
    write_csv(validate_table(frame), path)


def load_table(path: Path) -> pd.DataFrame:
    """Reads what `save_table` wrote; raises `TableError` when the file is not such a table."""
    try:
        frame = read_delimited(path, encoding_errors="surrogateescape")
    except (OSError, ValueError) as error:
        raise TableError(f"The utterance table {path} cannot be read: {error}") from error
    for column in (*INTEGER_COLUMNS, *LABEL_COLUMNS):
        if column in frame.columns:
            frame[column] = numbers(frame[column], column=column, path=path)
    try:
        return validate_table(frame)
    except TableError as error:
        raise TableError(f"{path}: {error}") from error


def canonical_identities(listing: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Returns the listing with canonical speakers, sessions, classes and splits, what says nothing
    empty; and sentences: what was merged, what counts as unknown, and which names of one column
    differ only in case, spaces or number form and are kept apart."""
    listing = listing.copy()
    notes: list[str] = []
    for column in IDENTITIES:
        counts = Counter(name for name in listing[column] if isinstance(name, str) and name)
        forms = {name: canonical(name) for name in counts}
        # They print alike, so their characters are spelled out.
        if merged := _alike(forms, {name: ascii(name) for name in forms}, " = "):
            notes.append(
                f"`{column}` has names that differ only in Unicode form or kind of space. Each of "
                f"these is one: {merged}."
            )
        if column in UNKNOWN:
            unknown = {name: counts[name] for name, form in forms.items() if form in MISSING}
            notes += _unknown(column, UNKNOWN[column], unknown)
            forms |= dict.fromkeys(unknown, "")
            totals: Counter[str] = Counter()
            for name, form in forms.items():
                totals[form] += counts[name] if form else 0
            del totals[""]
            looks = {name: likeness(name) for name in totals}
            told = {name: f"{name!r} ({count})" for name, count in totals.items()}
            if alike := _alike(looks, told, " and "):
                notes.append(
                    f"`{column}` has names that differ only in case, spaces or number form: "
                    f"{alike}. They are kept apart; write them alike if they are the same."
                )
        if any(name != form for name, form in forms.items()):
            listing[column] = listing[column].map(lambda name, forms=forms: forms.get(name, name))
    no_text = listing["text"].isin(NO_TEXT)
    if no_text.any():
        notes += _unknown("text", "no transcript", Counter(listing.loc[no_text, "text"]))
        listing["text"] = listing["text"].mask(no_text, "")
    return listing, notes


def _unknown(column: str, meaning: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    shown = ", ".join(f"{name!r} ({count})" for name, count in sorted(counts.items()))
    return [
        f"`{column}` counts as {meaning} where it is {shown}. Write another word where that is a "
        "name."
    ]


def _alike(keys: Mapping[str, str], told: Mapping[str, str], between: str) -> str:
    """Returns what is told of the names that share their key with others, "" if none does."""
    by_key: dict[str, list[str]] = {}
    for name in sorted(keys):
        by_key.setdefault(keys[name], []).append(told[name])
    groups = [between.join(by_key[key]) for key in sorted(by_key) if len(by_key[key]) > 1]
    more = [f"and {len(groups) - NUM_SHOWN} more"] if len(groups) > NUM_SHOWN else []
    return "; ".join([*groups[:NUM_SHOWN], *more])


def _check(table: pd.DataFrame, column: str, good: pd.Series, rule: str) -> None:
    if good.all():
        return
    row = good.index[~good.astype(bool)][0]
    value = table.at[row, column]
    value = value.item() if isinstance(value, np.generic) else value
    raise TableError(
        f"`{column}` must {rule}, but is {value!r} instead "
        f"(row {row}, id {table.at[row, 'id']!r}; {int((~good.astype(bool)).sum())} such rows)."
    )


def _is_unicode(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _is_whole(value: object) -> bool:
    return isinstance(value, (int, np.integer)) or (
        isinstance(value, (float, np.floating)) and bool(np.isfinite(value)) and value == int(value)
    )


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
