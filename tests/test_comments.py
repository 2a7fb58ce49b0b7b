"""What comments, docstrings and settings name of the project exists."""

import re
from itertools import chain

import pytest

from tests.conftest import PROJECT

FOLDERS = ("pretrain", "probe", "mfsn", "reports", "tests", "benchmarks", "configs", "docs")

PATH = re.compile(rf"(?<![\w/.])(?:{'|'.join(FOLDERS)})/[\w/.-]+\.(?:py|md|toml|jinja)\b")

NAME = re.compile(r"`(\w+\.py)`")


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_that_are_named_exist(folder: str) -> None:
    known = {path.name for name in FOLDERS for path in (PROJECT / name).rglob("*.py")}
    files = chain.from_iterable(
        (PROJECT / folder).rglob(f"*.{ending}") for ending in ("py", "toml", "jinja", "md")
    )
    for file in files:
        text = file.read_text(encoding="utf-8")
        for path in PATH.findall(text):
            there = PROJECT / path, file.parent / path  # tests/README.md names its own
            assert any(place.is_file() for place in there), f"{file} names {path}"
        for name in NAME.findall(text):
            assert name in known, f"{file} names {name}"
