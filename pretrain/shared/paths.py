"""Where the project is, where generated things go, and names of files."""

import os
from pathlib import Path
from urllib.parse import quote

PROJECT = Path(__file__).resolve().parents[2]
"""The folder of the packages and configs."""


def runs_folder() -> Path:
    """Returns the absolute folder of all that is generated: `$RUNS`, or `runs` where one is."""
    return Path(os.environ.get("RUNS") or "runs").absolute()


def corpora_folder() -> Path:
    """Returns the folder of synthetic corpora, scan results and lists of unusable files."""
    return runs_folder() / "corpora"


def file_name(text: str) -> str:
    """Returns a name for a file or folder of what a person, a corpus or a fold is called: another
    one for any other text; never `.`, `..`, hidden, or a path."""
    return quote(text, safe=" ").replace(".", "%2E")
