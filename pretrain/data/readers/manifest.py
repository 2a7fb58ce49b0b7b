"""Any manifest, CSV or TSV: one row per utterance, one column `path`, all others optional."""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from pretrain.data.readers.column_names import settle_columns
from pretrain.data.readers.reader import make_listing, path_ids
from pretrain.data.readers.stretches import stretches
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.data.tables.delimited import TableError, numbers, read_delimited, refuse_first
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
    own = columns.get("path", "path")
    rule = f"`{own}` must not be empty; there must be a `{own}` in each row."
    refuse_first(names == "", manifest, rule)
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
        refuse_first(
            ~listing[column].map(str.isprintable).astype(bool),
            manifest,
            f"`{column}` must have no line breaks or other control characters, but is {{!r}} "
            "instead.",
            listing[column],
        )
    broken = listing["text"].str.contains("[\r\n]")
    if broken.any():
        lines = [str(line) for line in listing.index[broken.to_numpy(dtype=bool)]]
        warn_of_corpus(
            f"{manifest}: {len(lines)} cells of `text` go over several lines (rows that begin in "
            f"line {', '.join(lines[:5])}{', ...' if len(lines) > 5 else ''}). If they should not, "
            "a quotation mark is at the wrong place."
        )


def _check_ids(ids: pd.Series, manifest: Path) -> None:
    again = ids.duplicated(keep="first")
    first = ids.index.to_series().groupby(ids).transform("min")
    other = first.map(lambda line: f" and was used in line {line} already").where(again, "")
    rule = "`id` must be unique and not empty, but is {!r}{}."
    refuse_first(again | (ids == ""), manifest, rule, ids, other)


def _check_segments(listing: pd.DataFrame, manifest: Path) -> None:
    place = ["path", "offset"]
    refuse_first(
        listing.duplicated(place, keep="first"),
        manifest,
        "names the same file as line {} ({}). Every row must be an utterance of its own: remove "
        "one, or give both an `offset` or an `id`.",
        listing.index.to_series().groupby([listing[name] for name in place]).transform("min"),
        listing["path"],
    )
