"""The rules of the house that a reader relies on: arrows, names, sizes, safety."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import PROJECT

PACKAGES = ("pretrain", "probe", "mfsn", "reports")

MAY_IMPORT = {
    "pretrain": ("pretrain",),
    "probe": ("probe", "pretrain"),
    "mfsn": ("mfsn", "probe", "pretrain"),
    "reports": (
        "reports",
        "probe.results",
        "probe.metrics",
        "probe.heads.shown",
        "probe.codes.results",
        "probe.study.study_file",
        "mfsn.experiment.results",
        "mfsn.roles",
        "mfsn.study.study_columns",
        "mfsn.study.study_file",
        "pretrain.shared.command_line",
        "pretrain.shared.errors",
        "pretrain.shared.json_files",
        "pretrain.shared.run_record",
        "pretrain.shared.toml_files",
        "pretrain.objectives.known_rows",
        "pretrain.objectives.presentation",
    ),
}
"""Whom of the project each package may import: dependencies point one way."""

WITHIN_MFSN = {
    "data": ("data",),
    "model": ("model", "data"),
    "search": ("search", "model", "data"),
    "experiment": ("experiment", "search", "model", "data", "command_line"),
    "study": ("study", "experiment", "search", "model", "data", "command_line"),
    "command_line": ("command_line",),
}
"""Whom of MFSN each of its folders may import; all know the roles of encoders."""

LAYERS = (
    "shared", "data", "model", "objectives", "config", "engine", "recognition", "exports",
)  # fmt: skip
"""The folders of pretrain: each may import those before it, and no other. `shared` imports nothing
of the project; the commands stand above all."""

WITHIN_REPORTS = (
    "table_data", "read", "words", "palette", "uncertainty", "figures", "tables", "codes",
    "fusion", "study", "collect", "again", "probed", "answer", "summary", "section", "page",
    "assemble", "run",
)  # fmt: skip
"""Folders and files of reports: each may import those before it, and no other."""

FOR_SETTINGS = ("__post_init__", "check_name", "check", "check_names")
"""Functions whose ValueError is turned into a sentence that names where the key was set."""


def sources(package: str) -> list[Path]:
    return sorted((PROJECT / package).rglob("*.py"))


def imports_of(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports relatively"
            yield node.module or ""


def within(module: str, parents: tuple[str, ...]) -> bool:
    return any(module == parent or module.startswith(parent + ".") for parent in parents)


@pytest.mark.parametrize("package", PACKAGES)
def test_dependencies_point_one_way(package: str) -> None:
    for path in sources(package):
        for module in imports_of(path):
            if within(module, (*PACKAGES, "tests", "benchmarks")):
                assert within(module, MAY_IMPORT[package]), f"{path} imports {module}"


@pytest.mark.parametrize("folder", WITHIN_MFSN)
def test_the_folders_of_mfsn_point_one_way(folder: str) -> None:
    place = PROJECT / "mfsn" / folder
    allowed = tuple(f"mfsn.{name}" for name in (*WITHIN_MFSN[folder], "roles"))
    for path in sources(f"mfsn/{folder}") if place.is_dir() else [place.with_suffix(".py")]:
        for module in imports_of(path):
            if within(module, ("mfsn",)):
                assert within(module, allowed), f"{path} imports {module}"


def test_no_two_modules_of_mfsn_import_each_other() -> None:
    """Nor do more of them in a circle."""
    of: dict[str, set[str]] = {}
    for path in sources("mfsn"):
        name = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        of[name] = {module for module in imports_of(path) if within(module, ("mfsn",))}
    while leaves := {name for name, modules in of.items() if not modules & of.keys()}:
        of = {name: modules for name, modules in of.items() if name not in leaves}
    assert not of, f"in a circle, or before one: {sorted(of)}"


@pytest.mark.parametrize("folder", LAYERS)
def test_the_folders_of_pretrain_make_no_circle(folder: str) -> None:
    allowed = tuple(f"pretrain.{one}" for one in LAYERS[: LAYERS.index(folder) + 1])
    for path in sources(f"pretrain/{folder}"):
        for module in imports_of(path):
            if within(module, PACKAGES):
                assert within(module, allowed), f"{path} imports {module}"


def test_every_folder_of_pretrain_has_its_place() -> None:
    assert {path.parent.name for path in (PROJECT / "pretrain").glob("*/__init__.py")} == {*LAYERS}


def test_folders_and_files_of_reports_import_those_before_them() -> None:
    assert {path.stem for path in (PROJECT / "reports").glob("*.py")} | {
        path.parent.name for path in (PROJECT / "reports").glob("*/__init__.py")
    } == {"__init__", *WITHIN_REPORTS}
    for path in sources("reports"):
        if path.name == "__init__.py":
            continue
        own = path.relative_to(PROJECT / "reports").parts[0].removesuffix(".py")
        allowed = tuple(f"reports.{one}" for one in before_or_at(own))
        for module in imports_of(path):
            if within(module, ("reports",)):
                # `from reports import page` names the package alone.
                assert module == "reports" or within(module, allowed), f"{path} imports {module}"


def before_or_at(name: str) -> tuple[str, ...]:
    """Returns what a folder or file of reports may import of them."""
    return WITHIN_REPORTS[: WITHIN_REPORTS.index(name) + 1]


@pytest.mark.parametrize("package", PACKAGES)
def test_errors_for_users_have_their_own_class(package: str) -> None:
    """Of other errors users get a traceback. (`espeak.py` imports nothing of the project.)"""
    for path in sources(package):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        settings = {
            node
            for function in ast.walk(tree)
            if isinstance(function, ast.FunctionDef) and function.name in FOR_SETTINGS
            for node in ast.walk(function)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and path.name != "errors.py":
                bases = {ast.unparse(base) for base in node.bases}
                assert not bases & {"ValueError", "RuntimeError"}, f"{path}: {node.name}"
            if isinstance(node, ast.Raise) and node not in settings and path.name != "espeak.py":
                raised = ast.unparse(node.exc).partition("(")[0] if node.exc else ""
                assert raised not in ("ValueError", "RuntimeError"), f"{path}, {node.lineno}"


def test_reports_run_without_torch() -> None:
    """Of pretrain they load what reads and writes files, of mfsn what its results are."""
    code = (
        "import sys, reports.assemble, reports.run, probe.results, probe.metrics;"
        "assert not {'torch', 'fairseq2'} & set(sys.modules);"
        "assert {name for name in sys.modules if name.startswith('mfsn.')}"
        " == {'mfsn.roles', 'mfsn.experiment', 'mfsn.experiment.results', 'mfsn.study',"
        " 'mfsn.study.study_columns', 'mfsn.study.study_file'};"
        "assert {name for name in sys.modules if name.startswith('pretrain.')}"
        " == {'pretrain.data', 'pretrain.data.tables', 'pretrain.data.tables.delimited',"
        " 'pretrain.shared', *('pretrain.shared.' + name for name in ('atomic_files',"
        " 'command_line', 'concordance', 'errors', 'json_files', 'processes',"
        " 'processes.stopping', 'processes.terminal', 'run_record', 'toml_files')),"
        " 'pretrain.objectives',"
        " 'pretrain.objectives.known_rows', 'pretrain.objectives.presentation'}"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr


def test_one_file_each_reads_json_and_toml() -> None:
    """Others' readers have no schema and no limits. (`espeak.py` reads what its own parent wrote,
    and imports nothing of the project.)"""
    for package in PACKAGES:
        for path in sources(package):
            called = {
                ast.unparse(node.func)
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Call)
            }
            if path.name not in ("json_files.py", "espeak.py"):
                assert not called & {"json.loads", "json.load", "loads", "from_json"}, path
            if path.name != "toml_files.py":
                assert not called & {"tomllib.loads", "tomllib.load"}, path


def test_one_file_imports_fairseq2() -> None:
    importers = [
        str(path.relative_to(PROJECT))
        for package in PACKAGES
        for path in sources(package)
        if any(within(module, ("fairseq2",)) for module in imports_of(path))
    ]
    assert importers == ["pretrain/model/fairseq2_parts.py"]


def test_every_imported_library_is_declared() -> None:
    """One that is merely there, because a neighbour needed it once, is missing elsewhere."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    required = [*project["dependencies"], *extras["released"], *extras["opensmile"]]
    declared = {name_of(requirement) for requirement in required}
    for folders, allowed in (
        (PACKAGES, declared),
        (("tests", "benchmarks"), declared | {name_of(name) for name in extras["dev"]}),
    ):
        own = {*PACKAGES, "tests", "benchmarks", *sys.stdlib_module_names}
        imported = {
            module.partition(".")[0]: path
            for folder in folders
            for path in sources(folder)
            for module in imports_of(path)
        }
        for module, path in imported.items():
            assert module in own | allowed, f"{path} imports {module}"


def name_of(requirement: str) -> str:
    name = re.split(r"[<>=!~ \[;]", requirement)[0].replace("-", "_").lower()
    return {"scikit_learn": "sklearn"}.get(name, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_file_shadows_a_module_when_run_as_a_script(package: str) -> None:
    """`python pretrain/run.py` puts `pretrain/` first on sys.path."""
    for path in (PROJECT / package).iterdir():
        name = path.stem
        if (path.suffix != ".py" and not (path / "__init__.py").is_file()) or name == "__init__":
            continue
        if package == "reports" and name == "statistics":
            continue  # named by the plan of the house; nothing that reports imports needs the other
        assert name not in sys.stdlib_module_names, path
        if name not in ("run",):
            found = find_spec(name)
            assert found is None or PROJECT in Path(str(found.origin)).parents, path


@pytest.mark.parametrize("package", [*PACKAGES, "tests", "benchmarks"])
def test_files_stay_small(package: str) -> None:
    for path in sources(package):
        num_lines = len(path.read_text(encoding="utf-8").splitlines())
        assert num_lines <= (120 if path.name == "run.py" else 350), f"{path}: {num_lines} lines"


@pytest.mark.parametrize("package", PACKAGES)
def test_nothing_loads_code_or_pickles(package: str) -> None:
    for path in sources(package):
        assert not set(imports_of(path)) & {"pickle", "dill", "joblib", "shelve", "marshal"}, path
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in ("eval", "exec", "torch.load", "torch.save"), (
                    f"{path}: {called}"
                )


@pytest.mark.parametrize("package", [*PACKAGES, "tests", "benchmarks"])
def test_sources_are_ascii(package: str) -> None:
    for path in sources(package):
        assert path.read_bytes().isascii(), path


@pytest.mark.parametrize(
    "command",
    [
        "pretrain/run.py",
        "pretrain/grid.py",
        "pretrain/finetune.py",
        "pretrain/export.py",
        "probe/run.py",
        "probe/check_corpora.py",
        "probe/table4.py",
        "probe/code_knowledge.py",
        "mfsn/run.py",
        "reports/run.py",
    ],
)
def test_help_needs_no_heavy_import_and_works_from_anywhere(command: str, tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['x', '--help']\n"
        f"sys.path[0] = '{(PROJECT / command).parent}'\n"
        f"try: runpy.run_path({str(PROJECT / command)!r}, run_name='__main__')\n"
        "except SystemExit as e: assert not e.code\n"
        "assert 'torch' not in sys.modules"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert result.returncode == 0, result.stderr
    assert "DIR" in result.stdout
