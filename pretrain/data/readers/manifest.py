"""Any manifest, CSV or TSV: one row per utterance, which is a file or a stretch of one.

One column, `path`, must be there; all others are optional.
"""

import os
from collections.abc import Mapping
from itertools import islice
from pathlib import Path

import numpy as np
import pandas as pd

from pretrain.data.audio.sound_file import AudioError, AudioFile
from pretrain.data.readers.column_names import settle_columns
from pretrain.data.readers.reader import make_listing, path_ids
from pretrain.data.scan.other_names import find_files
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.data.tables.columns import ROOT
from pretrain.data.tables.delimited import TableError, numbers, read_delimited, refuse_first
from pretrain.data.tables.utterances import LABEL_COLUMNS, STRIPPED_STRINGS

TEXT_COLUMNS = ("id", "speaker", "session", "emotion", "text", "split")

UNKNOWN_RATE = 16_000

MOST_FOLDERS = 1000
"""Are looked into for a file that is not where the table says."""

MOST_SLIPPED = 0.5
"""A slip of the unit touches nearly every row; a few wrong times are set aside by the scan."""


def list_manifest(
    path: Path, source: str, columns: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """Lists the rows of a manifest; relative paths are relative to the manifest's folder, or
    to `columns["root"]`.

    Valence, arousal and dominance stay on the corpus's own scale. `offset` and `frames` (at the
    file's own rate) or `start` and `end` (in seconds) choose a stretch of a file. `columns` says
    what the manifest calls them, see `pretrain.data.tables.columns`. Raises `TableError` naming
    line and column.
    """
    manifest = Path(os.path.abspath(path.expanduser()))
    columns = dict(columns or {})
    root = Path(os.path.abspath(Path(columns.pop(ROOT, "") or manifest.parent).expanduser()))
    if not root.is_dir():
        raise TableError(f"{ROOT}={root} must be the folder that paths are in, but there is none.")
    raw = settle_columns(_read(manifest), columns, manifest)
    if raw.empty:
        raise TableError(f"The manifest {manifest} must have at least one row, but has none.")
    names = raw["path"].map(str.strip)
    own = columns.get("path", "path")
    rule = f"`{own}` must not be empty; there must be a `{own}` in each row."
    refuse_first(names == "", manifest, rule)
    files = [os.path.normpath(os.path.join(root, name)) for name in names]
    _check_root(files, root)
    known: dict[str, object] = {"path": pd.Series(files, index=raw.index)}
    for column in TEXT_COLUMNS:
        if column in raw.columns:
            strip = column in STRIPPED_STRINGS
            known[column] = raw[column].map(str.strip) if strip else raw[column]
    for column in LABEL_COLUMNS:
        if column in raw.columns:
            known[column] = numbers(raw[column], column=column, path=manifest)
    known |= _stretches(raw, files, manifest)
    listing = make_listing(pd.DataFrame(known))
    _check_texts(listing, manifest)
    if "id" in raw.columns:
        _check_ids(listing["id"], manifest)
        listing["id"] = [f"{source}/{name}" for name in listing["id"]]
    else:
        _check_segments(listing, manifest)
        ids = pd.Series(path_ids(files, folder=root, source=source), listing.index)
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


def _check_root(files: list[str], root: Path) -> None:
    """Refuses a table none of whose files is there, and says where they are if that is below."""
    if any(map(os.path.lexists, files)):  # as nearly always at the first
        return
    found = find_files(files)
    # What is known of single names, and a single slip, the scan says better.
    if found.hints or len(files) == 1 or any(map(os.path.lexists, found.paths)):
        return
    folders = (Path(place) for place, *_ in islice(os.walk(root), MOST_FOLDERS))
    below = (one for one in folders if (one / os.path.relpath(files[0], root)).is_file())
    folder = next(below, None)
    raise TableError(
        f"None of the {len(files)} files that the manifest names is there, the first is {files[0]}"
        + (f"; but it is in {folder}" if folder else "")
        + f". Where they are not in the manifest's own folder, give --columns "
        f"{ROOT}={folder or 'FOLDER'}, with what else it says."
    )


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


def _stretches(raw: pd.DataFrame, files: list[str], manifest: Path) -> dict[str, pd.Series]:
    """Returns `offset` and `frames`, at the file's own rate, as far as the table says something.

    `raw` are texts: `offset` and `frames` in frames, or `start` and `end` in seconds or as
    `0 days 00:00:01.250000`. An empty end is the file's end, an empty start its beginning. `files`
    has the file of each row. Raises `TableError`, with the line, when a value is no number or time,
    is negative, or ends before it begins, or when most times lie behind the end of their file as
    if they were in milliseconds.
    """
    in_frames = [column for column in ("offset", "frames") if column in raw]
    in_times = [column for column in ("start", "end") if column in raw]
    if in_frames and in_times:
        raise TableError(
            f"{manifest} must say stretches in frames (`offset`, `frames`) or in times (`start`, "
            f"`end`), but has the columns {', '.join(map(repr, in_frames + in_times))}. Leave one "
            f"kind out, for example by --columns {','.join(f'{name}=' for name in in_times)}."
        )
    if not in_times:
        return {column: _frames(raw[column], column, manifest) for column in in_frames}
    start, end = (_seconds(raw, name, manifest) for name in ("start", "end"))
    start = start.fillna(0.0)
    refuse_first(
        (start < 0) | (end <= start),
        manifest,
        f"`end` must come after `start`, and that not < 0, but {' and '.join(in_times)} are "
        f"{' and '.join(['{!r}'] * len(in_times))} instead. Times are in seconds from the "
        "beginning of the file; leave `end` empty for the file's end.",
        *(raw[name] for name in in_times),
    )
    known = {file: _rate_and_frames(file) for file in set(files)}
    rate = pd.Series([known[file][0] for file in files], index=raw.index)
    total = pd.Series([known[file][1] for file in files], index=raw.index)
    _check_unit(start, end, total / rate, manifest)
    return {
        "offset": (start * rate).round().astype("int64"),
        "frames": ((end - start) * rate).round().fillna(0.0).astype("int64"),
    }


def _frames(column_values: pd.Series, column: str, manifest: Path) -> pd.Series:
    values = numbers(column_values, column=column, path=manifest).fillna(0.0)
    refuse_first(
        (values < 0) | (values % 1 != 0),
        manifest,
        f"`{column}` must be a whole number of frames, at least 0, but is {{!r}} instead. For "
        "times in seconds there are the columns `start` and `end`.",
        column_values,
    )
    return values.astype("int64")


def _seconds(raw: pd.DataFrame, name: str, manifest: Path) -> pd.Series:
    """Returns a column of times in seconds, NaN where there is none."""
    if name not in raw:
        return pd.Series(float("nan"), index=raw.index)
    text = raw[name].map(str.strip)
    known = ~text.isin(["", "NaT"])
    numeric = pd.to_numeric(text.where(known), errors="coerce")
    parsed = pd.to_timedelta(text.where(known & numeric.isna()), errors="coerce")
    seconds = numeric.fillna(parsed.dt.total_seconds()).astype("float64")
    refuse_first(
        known & ~np.isfinite(seconds),
        manifest,
        f"`{name}` must be a time, but is {{!r}} instead. Write seconds, or "
        "0 days 00:00:01.250000.",
        text,
    )
    # pandas reads -0 days 00:00:01 as one second after the beginning.
    return seconds.mask(text.str.startswith("-") & (seconds > 0), -seconds)


def _check_unit(start: pd.Series, end: pd.Series, length: pd.Series, manifest: Path) -> None:
    """Refuses times of which most would lie in their files as milliseconds, but do not now."""
    last = end.fillna(start)
    known = length.notna() & (last > 0)
    slipped = known & (last > length + 1) & (last / 1000 <= length + 1)
    if slipped.sum() > MOST_SLIPPED * known.sum():
        refuse_first(
            slipped,
            manifest,
            "`start` and `end` must be in seconds, but this row ends at {:g} s and its file at "
            f"{{:.3f}} s; so it is in {slipped.sum()} of {known.sum()} rows. Divide by 1000 if "
            "these are milliseconds.",
            last,
            length,
        )


def _rate_and_frames(file: str) -> tuple[int, float]:
    """Returns rate in Hz and frames of a file; any rate and NaN where the scan will say what is
    wrong with it."""
    try:
        with AudioFile(find_files([file]).paths[0]) as audio:
            return audio.sample_rate, float(audio.said_frames or "nan")
    except AudioError:
        return UNKNOWN_RATE, float("nan")
