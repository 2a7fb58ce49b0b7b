"""Any manifest, CSV or TSV: one row per utterance, one column `path`, all others optional."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pretrain.data.readers.column_names import settle_columns
from pretrain.data.readers.reader import make_listing, path_ids
from pretrain.data.readers.stretches import stretches
from pretrain.data.scan.quarantine import CorpusWarning
from pretrain.data.tables.delimited import TableError, numbers, read_delimited
from pretrain.data.tables.utterances import LABEL_COLUMNS, STRIPPED_STRINGS

TEXT_COLUMNS = ("id", "speaker", "session", "emotion", "text", "split")


def list_manifest(
    path: Path, source: str, columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Lists the rows of a manifest; relative paths are relative to the manifest's folder.

    Valence, arousal and dominance stay on the corpus's own scale. `offset` and `frames` (at the
    file's own rate) or `start` and `end` (in seconds) choose a stretch of a file. `columns` says
    what the manifest calls them, see `pretrain.data.tables.columns`. Raises `TableError` naming
    line and column.
    """
    manifest = Path(os.path.abspath(path.expanduser()))
    columns = columns or {}
    raw = settle_columns(_read(manifest), columns, manifest)
    if raw.empty:
        raise TableError(f"The manifest {manifest} must have at least one row, but has none.")
    names = raw["path"].map(str.strip)
    if (names == "").any():
        line, own = raw.index[int((names == "").to_numpy().argmax())], columns.get("path", "path")
        raise TableError(
            f"{manifest}, line {line}: `{own}` must not be empty; there must be a `{own}` in each "
            "row."
        )
    files = [os.path.normpath(os.path.join(manifest.parent, name)) for name in names]
    known: dict[str, object] = {"path": pd.Series(files, index=raw.index)}
    for column in TEXT_COLUMNS:
        if column in raw.columns:
            strip = column in STRIPPED_STRINGS
            known[column] = raw[column].map(str.strip) if strip else raw[column]
    for column in LABEL_COLUMNS:
        if column in raw.columns:
            known[column] = numbers(raw[column], column=column, path=manifest)
    known |= stretches(raw, files, manifest)
    listing = make_listing(pd.DataFrame(known))
    _check_texts(listing, manifest)
    if "id" in raw.columns:
        _check_ids(listing["id"], manifest)
        listing["id"] = [f"{source}/{name}" for name in listing["id"]]
    else:
        _check_segments(listing, manifest)
        ids = pd.Series(path_ids(files, folder=manifest.parent, source=source), listing.index)
        part = listing["path"].duplicated(keep=False)
        listing["id"] = ids.mask(part, ids + "@" + listing["offset"].astype(str))
    return listing.reset_index(drop=True)


def _read(manifest: Path) -> pd.DataFrame:
    if not manifest.is_file():
        state = "is a folder" if manifest.is_dir() else "does not exist"
        raise TableError(f"The manifest must be a CSV file, but {manifest} {state}.")
    try:
        return read_delimited(manifest)
    except OSError as error:
        raise TableError(f"The manifest {manifest} cannot be read: {error}") from error


def _check_texts(listing: pd.DataFrame, manifest: Path) -> None:
    """Refuses line breaks and the like in names, and warns of them in transcripts."""
    for column in (name for name in TEXT_COLUMNS if name in STRIPPED_STRINGS):
        wrong = ~listing[column].map(str.isprintable).to_numpy(dtype=bool)
        if wrong.any():
            row = int(wrong.argmax())
            raise TableError(
                f"{manifest}, line {listing.index[row]}: `{column}` must have no line breaks or "
                f"other control characters, but is {listing[column].iloc[row]!r} instead."
            )
    broken = listing["text"].str.contains("[\r\n]")
    if broken.any():
        lines = [str(line) for line in listing.index[broken.to_numpy(dtype=bool)]]
        warnings.warn(
            f"{manifest}: {len(lines)} cells of `text` go over several lines (rows that begin in "
            f"line {', '.join(lines[:5])}{', ...' if len(lines) > 5 else ''}). If they should not, "
            "a quotation mark is at the wrong place.",
            CorpusWarning,
            stacklevel=2,
        )


def _check_ids(ids: pd.Series, manifest: Path) -> None:
    wrong = ids.duplicated(keep="first") | (ids == "")
    if not wrong.any():
        return
    row = int(wrong.to_numpy().argmax())
    first = int((ids == ids.iloc[row]).to_numpy().argmax())
    other = f" and was used in line {ids.index[first]} already" if first != row else ""
    raise TableError(
        f"{manifest}, line {ids.index[row]}: `id` must be unique and not empty, "
        f"but is {ids.iloc[row]!r}{other}."
    )


def _check_segments(listing: pd.DataFrame, manifest: Path) -> None:
    again = listing.duplicated(["path", "offset"], keep="first")
    if not again.any():
        return
    row = int(again.to_numpy().argmax())
    same = (listing["path"] == listing["path"].iloc[row]) & (
        listing["offset"] == listing["offset"].iloc[row]
    )
    first = listing.index[int(same.to_numpy().argmax())]
    raise TableError(
        f"{manifest}, line {listing.index[row]}: names the same file as line {first} "
        f"({listing['path'].iloc[row]}). Every row must be an utterance of its own: remove one, "
        "or give both an `offset` or an `id`."
    )
