"""The results folder of `probe/code_knowledge.py`: what it writes and reports read. No torch."""

from pathlib import Path
from typing import Any

import pandas as pd

from pretrain.shared.errors import InputError
from pretrain.shared.json_files import JsonError, Schema
from pretrain.shared.run_record import read_record
from probe.results import replace_folder

KIND = "codes"
FORMAT = 1

_KEY = ("row", "seed", "corpus")

COLUMNS = {
    "usage": (*_KEY, "group", "entry", "frames"),
    "groups": (*_KEY, "group", "entries", "used", "dead", "perplexity", "bits", "drawn_bits"),
    "codes": (
        *_KEY, "frames", "codebooks", "entries", "nominal_bits", "centres", "centres_used",
        "perplexity", "bits", "seen_once", "held_out_bits", "held_out_over", "rate_bits",
        "drawn_bits",
    ),
    "information": (
        *_KEY, "label", "shuffled_over", "units", "frames", "label_bits", "bits",
        "shuffled_bits", "excess_bits", "p_value",
    ),
    "blocks": (*_KEY, "label", "block", "excess_bits"),
}  # fmt: skip
"""Columns of the CSV files, by the name of the file. `held_out_over`: "speakers", or "utterances"
where speakers are not known. `units`: what the blocks are, "speakers" or "groups of speakers"."""

TYPES = {
    column: str
    if column in ("row", "corpus", "label", "shuffled_over", "units", "held_out_over")
    else "int64"
    if column in ("seed", "group", "entry", "block", "frames")
    else "float64"
    for columns in COLUMNS.values()
    for column in columns
}
"""Types of the columns for who reads them."""


class CodesResultsError(InputError):
    """A folder is no place for these results; the message names it."""


Lines = dict[str, list[dict[str, object]]]
"""Of the CSV files, by their name. A line may hold more than its columns."""


def check_codes_folder(folder: Path) -> None:
    """Raises `CodesResultsError` if writing to `folder` would replace anything but such results."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        kind = read_record(folder, Schema, allow_nan=False).get("kind")
    except JsonError:
        kind = None
    if kind != KIND:
        raise CodesResultsError(
            f"`--out` must be a new folder or one of {KIND} results, but {folder} holds something "
            "else instead: choose another."
        )


def write_codes(folder: Path, run: dict[str, Any], lines: Lines) -> None:
    """Writes run.json and CSV files beside `folder`, then puts them in its place in one step."""
    check_codes_folder(folder)
    tables = {
        name: pd.DataFrame(lines[name], columns=list(columns)) for name, columns in COLUMNS.items()
    }
    replace_folder(folder, tables, {"kind": KIND, "format": FORMAT, **run})
