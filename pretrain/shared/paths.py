"""Where the project is, and where generated things go."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
"""The folder of the packages and configs."""


def runs_folder() -> Path:
    """Returns the absolute folder of all that is generated: `$RUNS`, or `runs` where one is."""
    return Path(os.environ.get("RUNS") or "runs").absolute()


def corpora_folder() -> Path:
    """Returns the folder of synthetic corpora, scan results and lists of unusable files."""
    return runs_folder() / "corpora"
