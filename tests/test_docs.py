"""What docs/ says of files, names, registries and ways through the code is so. No torch."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import PROJECT

PAGES = sorted((PROJECT / "docs").glob("*.md"))
EXTEND = (PROJECT / "docs" / "extend.md").read_text(encoding="utf-8")
ARCHITECTURE = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")

OWN = ("pretrain", "probe", "mfsn", "reports")
FOLDERS = "pretrain|probe|mfsn|reports|tests|benchmarks|configs|docs"

# Names in capitals stand for something, as in probe/PROTOCOL-HEAD, which is below a folder of runs.
QUOTED_PATH = re.compile(rf"`((?:{FOLDERS})/(?![A-Z]+-)[\w/.-]*)`")
DOTTED_NAME = re.compile(rf"`((?:{'|'.join(OWN)})(?:\.\w+)+)`")
COMMAND = re.compile(rf"python ((?:{FOLDERS})/[\w/]+\.py)")
REGISTRY = re.compile(r"`([A-Z]+)` of `([\w/]+\.py)`")
NEW_MODULE = re.compile(r"[Nn]ew\s+file,\s+module\s+`([\w.]+)`")
CODE = re.compile(r"```python\n(.*?)```", flags=re.DOTALL)
PLACE = re.compile(r"The lines?, in `([\w/]+\.py)`")
LINES_TO_ADD = re.compile(r"```diff\n(.*?)```", flags=re.DOTALL)

PROVEN = (
    ("test_add_objective.py", "ADDED"),
    ("test_add_corpus.py", "WITH_LABELS"),
    ("test_add_corpus.py", "WITHOUT_LABELS"),
    ("test_add_encoder_kind.py", "BANK"),
    ("test_add_head.py", "CENTROID"),
    ("test_add_baseline.py", "CROSSINGS"),
    ("test_add_figure.py", "ADDED"),
    ("test_add_operation.py", "PRODUCT"),
)
"""Tests that add an example, and what they call it, in the order of the page."""

ORDER_IN_PROBE = {
    "metrics": (), "results": (), "features": (), "corpora": ("metrics",), "folds": ("corpora",),
    "heads": ("corpora", "folds", "features", "metrics"),
    "attributes": ("heads", "corpora", "metrics"),
    "contamination": ("rows",),
    "rows": (
        "attributes", "contamination", "heads", "folds", "features", "corpora", "metrics",
        "results",
    ),
    "codes": ("rows", "folds", "features", "corpora", "results"),
    "command_line": ("corpora", "folds", "features", "heads"),
    "whole_table": (
        "rows", "contamination", "heads", "folds", "features", "corpora", "results", "command_line",
    ),
    "study": ("whole_table", "rows", "results"),
}  # fmt: skip
"""Whom of the probe each of its folders and files may import, as docs/architecture.md says."""


def module_file(name: str) -> Path | None:
    place = PROJECT.joinpath(*name.split("."))
    found = [place.with_suffix(".py"), place / "__init__.py"]
    return next((file for file in found if file.is_file()), None)


def names_in(file: Path) -> set[str]:
    """Returns what a module defines or imports at its top."""
    names: set[str] = set()
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {
                name.id
                for target in targets
                for name in ast.walk(target)
                if isinstance(name, ast.Name)
            }
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def exists(dotted: str) -> bool:
    """Tells whether this is a module of the project, or a name in one."""
    parent, _, name = dotted.rpartition(".")
    file = module_file(parent)
    return module_file(dotted) is not None or (file is not None and name in names_in(file))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
def test_every_path_and_module_that_a_page_names_exists(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for path in (*QUOTED_PATH.findall(text), *COMMAND.findall(text)):
        assert (PROJECT / path).exists(), path
    new = set(NEW_MODULE.findall(text))
    for name in set(DOTTED_NAME.findall(text)) - new:
        assert exists(name), name
    assert not [name for name in new if exists(name)]


def test_examples_of_extending_are_those_that_tests_add() -> None:
    proven = []
    for file, name in PROVEN:
        tree = ast.parse((PROJECT / "tests" / "extension" / file).read_text(encoding="utf-8"))
        (value,) = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == name
        ]
        proven.append(ast.dump(ast.parse(ast.literal_eval(value))))
    shown = [ast.dump(ast.parse(code)) for code in CODE.findall(EXTEND)]
    assert shown == proven


def test_every_import_of_the_examples_is_there() -> None:
    for code in CODE.findall(EXTEND):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.Import):
                assert all(find_spec(alias.name.partition(".")[0]) for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                module = str(node.module)
                if module.partition(".")[0] in OWN:
                    for alias in node.names:
                        assert exists(f"{module}.{alias.name}"), f"{module}: {alias.name}"
                else:
                    assert find_spec(module.partition(".")[0]), module


def test_every_registry_that_is_named_is_there() -> None:
    named = REGISTRY.findall(EXTEND)
    assert len(named) >= 7
    for name, path in named:
        assert name in names_in(PROJECT / path), f"{name} of {path}"


def test_lines_beside_those_to_add_stand_in_the_file_and_name_the_new_module() -> None:
    paths, blocks = PLACE.findall(EXTEND), LINES_TO_ADD.findall(EXTEND)
    new = NEW_MODULE.findall(EXTEND)
    assert len(blocks) == len(PROVEN)
    for path, block, module in zip(paths, blocks, new, strict=True):
        rest = (PROJECT / path).read_text(encoding="utf-8")
        for line in block.splitlines():
            if line.startswith(" "):
                _, found, rest = rest.partition(f"\n{line[1:]}\n")
                assert found, f"{path} has no line {line[1:]!r} here"
                rest = f"\n{rest}"
        by_name = f'"{module}' in block
        assert by_name or f"from {module} import" in EXTEND, module


def test_ways_name_each_file_once_and_are_as_long_as_said() -> None:
    said = re.findall(r"^\| a \w+ \| (\d+) \| (\d+) \|", ARCHITECTURE, flags=re.MULTILINE)
    ways = ARCHITECTURE.split("\n### ")[1:]
    assert len(ways) == len(said) == 3
    for way, (num_files, num_returns) in zip(ways, said, strict=True):
        assert f"{num_files} files, {num_returns} returns." in way
        files = re.findall(r"^(\d+)\. `([^`]+)`:", way, flags=re.MULTILINE)
        assert [int(number) for number, _ in files] == list(range(1, int(num_files) + 1))
        assert len({path for _, path in files}) == len(files)
        named = 0
        returns = []
        for line in way.splitlines():
            if match := re.match(r"(\d+)\. ", line):
                named = int(match[1])
            if match := re.match(r"- return (\d+), to (\d+): ", line):
                returns.append(int(match[1]))
                assert int(match[2]) <= named, line
        assert returns == list(range(1, int(num_returns) + 1))


def test_names_of_a_step_stand_in_its_file() -> None:
    for way in ARCHITECTURE.split("\n### ")[1:]:
        steps = re.split(r"\n(?=\d+\. |- return )", way)
        files = dict(re.findall(r"^(\d+)\. `([^`]+)`:", way, flags=re.MULTILINE))
        for step in steps[1:]:
            number = re.match(r"(\d+)\. ", step) or re.match(r"- return \d+, to (\d+)", step)
            assert number is not None, step
            text = (PROJECT / files[number[1]]).read_text(encoding="utf-8")
            for name in re.findall(r"`([A-Za-z_.]+)`", step.partition("\n\n")[0]):
                assert name.rpartition(".")[2] in text, step


def test_folders_that_are_described_are_all_that_there_are() -> None:
    described = set(re.findall(r"^\| `([\w/]+)` \|", ARCHITECTURE, flags=re.MULTILINE))
    there = {
        str(file.parent.relative_to(PROJECT))
        for package in OWN
        for file in (PROJECT / package).rglob("*.py")
    }
    assert there <= described
    assert all((PROJECT / folder).is_dir() for folder in described)


def test_folders_of_the_probe_import_as_the_page_says() -> None:
    for file in (PROJECT / "probe").rglob("*.py"):
        part = file.relative_to(PROJECT / "probe").with_suffix("").parts[0]
        if part not in ORDER_IN_PROBE:
            continue  # a command, above all
        allowed = {part, *ORDER_IN_PROBE[part]}
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("probe."):
                assert str(node.module).split(".")[1] in allowed, f"{file}: {node.module}"
