"""The hash of a cell's code covers all sources that make its numbers."""

import ast
from collections.abc import Iterator
from pathlib import Path

from probe.whole_table.cell_store import CODE
from tests.conftest import PROJECT

COVERED_OTHERWISE = {
    "probe.rows.comparable": "describes runs; the weights are hashed",
    "probe.folds.protocols": "makes folds; these are hashed",
    "probe.attributes.genders": "finds labels of attributes; these are hashed",
    "pretrain.data.batch": "batches of pre-training",
    "pretrain.data.sampler": "batches of pre-training",
    "pretrain.config.files": "reads settings; the head's are hashed",
    "pretrain.config.settings": "reads settings; the head's are hashed",
    "pretrain.shared.checked_settings": "checks settings; the head's are hashed",
    "pretrain.shared.durations": "makes no numbers",
    "pretrain.shared.kept_tensors": "makes no numbers",
    "pretrain.shared.locks": "makes no numbers",
    "pretrain.shared.atomic_files": "makes no numbers",
    "pretrain.shared.json_files": "reads what is checked against hashes, or refuses it",
    "pretrain.shared.run_record": "checks the form of run.json",
}
"""What the covered files import, why it needs no cover; what it imports needs none either."""


def covered() -> set[Path]:
    return {path for pattern in CODE for path in PROJECT.glob(pattern)}


def test_every_pattern_names_a_file() -> None:
    for pattern in CODE:
        assert list(PROJECT.glob(pattern)), pattern


def test_whatever_makes_the_numbers_is_covered() -> None:
    needed = set()
    for path in covered():
        for name in imports_of(path):
            if name.partition(".")[0] in ("probe", "pretrain"):
                needed.add(name)
    assert needed
    uncovered = {name for name in needed if file_of(name) not in covered()}
    excused = {name for name in uncovered if excuse_of(name)}
    assert uncovered == excused, f"{uncovered - excused}: neither in CODE nor excused here"
    # No excuse outlives what it excused.
    assert {excuse_of(name) for name in excused} == set(COVERED_OTHERWISE)


def imports_of(path: Path) -> Iterator[str]:
    """Returns the modules that a file imports, in its functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if file_of(inner).is_file() else str(node.module)


def file_of(module: str) -> Path:
    return PROJECT / (module.replace(".", "/") + ".py")


def excuse_of(module: str) -> str:
    """Returns the key of `COVERED_OTHERWISE` that the module is, or is in."""
    for name in COVERED_OTHERWISE:
        if module == name or module.startswith(name + "."):
            return name
    return ""
