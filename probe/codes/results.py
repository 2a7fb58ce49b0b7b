"""The results folder of `probe/code_knowledge.py`: what it writes and reports read. No torch."""

import json
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

import pandas as pd

KIND = "codes"
FORMAT = 1

_KEY = ("row", "seed", "corpus")

COLUMNS = {
    "usage": (*_KEY, "group", "entry", "frames"),
    "groups": (*_KEY, "group", "entries", "used", "dead", "perplexity", "bits", "drawn_bits"),
    "codes": (
        *_KEY, "frames", "codebooks", "entries", "nominal_bits", "centres", "centres_used",
        "perplexity", "bits", "seen_once", "held_out_bits", "rate_bits", "drawn_bits",
    ),
    "information": (
        *_KEY, "label", "shuffled_over", "frames", "label_bits", "bits", "shuffled_bits",
        "excess_bits", "p_value",
    ),
    "blocks": (*_KEY, "label", "block", "excess_bits"),
}  # fmt: skip
"""Columns of the CSV files, by the name of the file."""


class CodesResultsError(ValueError):
    """A folder is no place for these results; the message names it."""


@dataclass(kw_only=True)
class CodesResults:
    """Everything that one call found: run.json, and lines of the CSV files by their name."""

    run: dict[str, Any] = field(default_factory=dict)
    lines: dict[str, list[dict[str, object]]] = field(
        default_factory=lambda: {name: [] for name in COLUMNS}
    )


def check_codes_folder(folder: Path) -> None:
    """Raises `CodesResultsError` if writing to `folder` would replace anything but such results."""
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    try:
        kind = json.loads((folder / "run.json").read_text(encoding="utf-8")).get("kind")
    except (OSError, ValueError, AttributeError):
        kind = None
    if kind != KIND:
        raise CodesResultsError(
            f"`--out` must be a new folder or one of {KIND} results, but {folder} holds something "
            "else instead: choose another."
        )


def write_codes(folder: Path, results: CodesResults) -> None:
    """Writes all files beside `folder`, then puts them in its place in one step."""
    check_codes_folder(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        beside.chmod(0o755)
        for name, columns in COLUMNS.items():
            frame = pd.DataFrame(results.lines[name], columns=list(columns))
            frame.to_csv(beside / f"{name}.csv", index=False, lineterminator="\n")
        run = {"kind": KIND, "format": FORMAT, **results.run}
        text = json.dumps(run, indent=2, ensure_ascii=False, allow_nan=False)
        (beside / "run.json").write_text(text + "\n", encoding="utf-8")
        if folder.exists():
            old = beside.with_name(beside.name + "-old")
            os.replace(folder, old)
            os.replace(beside, folder)
            rmtree(old)
        else:
            os.replace(beside, folder)
    finally:
        rmtree(beside, ignore_errors=True)
