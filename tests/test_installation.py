"""`make` takes Python 3.11 and 3.12, names the remedy for others, and shows that it is alive."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.conftest import PROJECT

pytestmark = pytest.mark.slow

STUB = """#!/bin/sh
case "$*" in
*version_info*)
    exec {python} -c 'import sys; sys.version_info = {version}; exec(sys.argv[1])' "$2" ;;
*ensurepip*) exit {no_venv} ;;
"-m venv "*) mkdir -p "$3/bin" && cp "{folder}/in-venv" "$3/bin/python" ;;
esac
"""

IN_VENV = """#!/bin/sh
case "$*" in
*"-m pip"*) echo "$@"; echo Collecting torch; sleep 0.4; echo Downloading torch; exit {status} ;;
*) exec {python} -c 'import sys; sys.executable = "'"$0"'"; {code}' "$@" ;;
esac
"""
"""Is the environment's Python; its pip only says something."""


class Machine:
    """A folder that stands for a machine's PATH, with interpreters that only know their version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "bin"
        self.path.mkdir()

    def add(self, name: str, version: tuple[int, int], *, has_venv: bool = True) -> None:
        self._write(
            self.path / name,
            STUB.format(
                python=sys.executable,
                version=(*version, 0),
                no_venv=0 if has_venv else 1,
                folder=self.folder,
            ),
        )

    def pip_ends_with(self, status: int) -> None:
        code = 'import runpy; del sys.argv[0]; runpy.run_path(sys.argv[0], run_name="__main__")'
        text = IN_VENV.format(python=sys.executable, code=code, status=status)
        self._write(self.folder / "in-venv", text)

    def make(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Installs into a folder of its own."""
        venv = self.folder / "venv"
        return subprocess.run(
            ["make", "--no-print-directory", f"{venv}/installed", f"VENV={venv}", *arguments],
            cwd=PROJECT,
            env={
                **os.environ,
                "PATH": f"{self.path}:/usr/bin:/bin",
                "SECONDS_BETWEEN_LINES": "0.1",
            },
            capture_output=True,
            text=True,
        )

    @staticmethod
    def _write(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    made.pip_ends_with(0)
    for name in ("python3.11", "python3.12"):  # whatever the real machine has
        made.add(name, (2, 7))
    return made


@pytest.mark.parametrize("minor", [11, 12])
def test_the_python_that_is_there_installs_and_shows_progress(minor: int, machine: Machine) -> None:
    machine.add("python3", (3, minor))
    result = machine.make()
    assert result.returncode == 0, result.stderr
    assert (machine.folder / "venv" / "installed").is_file()
    assert re.search(r"\d s, \d\.\d GB installed: Collecting torch", result.stdout)
    log = (machine.folder / "venv" / "pip.log").read_text()
    assert "-c constraints.txt -e .[dev,tracking]" in log
    assert "Downloading torch" in log


def test_another_version_is_refused_with_the_one_that_is_there(machine: Machine) -> None:
    machine.add("python3", (3, 13))
    machine.add("python3.11", (3, 11))
    result = machine.make()
    assert result.returncode != 0
    assert "Python 3.11 or 3.12 is needed, but python3 is 3.13" in result.stderr
    assert "make PYTHON=python3.11" in result.stderr
    assert not (machine.folder / "venv").exists()


def test_where_none_is_there_it_says_where_to_get_one(machine: Machine) -> None:
    machine.add("python3", (3, 9))
    said = machine.make().stderr
    assert "but python3 is 3.9. Install one of them" in said
    assert "but python4 does not run. Install one of them" in machine.make("PYTHON=python4").stderr


def test_a_python_without_venv_is_told_from_one_that_is_too_old(machine: Machine) -> None:
    machine.add("python3", (3, 12), has_venv=False)
    result = machine.make()
    assert result.returncode != 0
    assert "apt install python3.12-venv" in result.stderr


def test_a_failed_installation_says_so_and_is_not_taken_for_done(machine: Machine) -> None:
    machine.add("python3", (3, 11))
    machine.pip_ends_with(3)
    result = machine.make()
    assert result.returncode != 0
    assert "Downloading torch" in result.stderr
    assert "pip ended with status 3; all it said is in" in result.stderr
    assert not (machine.folder / "venv" / "installed").exists()


def test_the_package_accepts_the_same_versions() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["requires-python"] == ">=3.11,<3.13"
