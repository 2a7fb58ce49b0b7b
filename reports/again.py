"""What to type to make a report again: every run's own command, and one script with all of them."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.collect import Collection

SCRIPT = "again.sh"

_PROGRAM = re.compile(r"(?:pretrain|probe|mfsn|reports)/\w+\.py")
_LAUNCHER = re.compile(r"python|accelerate launch|torchrun(?: --nnodes \d+)? --nproc_per_node \d+")
_ON_CPU = "ACCELERATE_USE_CPU=true"

_HEAD = """\
#!/bin/sh
# Makes every run of this report again, and then the report. What is finished stays as it is: move
# a folder away to compute it anew. Start it in the folder in which the commands were given,
# usually the root of the project.
set -e
if ! [ -f reports/run.py ]; then
    echo "Start this in the root of the project: there is no reports/run.py here." >&2
    exit 2
fi
if [ -x .venv/bin/python ]; then PATH="$PWD/.venv/bin:$PATH"; fi
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """How one run was made."""

    kind: str
    folder: str
    text: str
    """As run.json has it; empty where it has none."""

    commit: str
    dirty: bool


def commands(collection: Collection) -> list[Command]:
    """Returns the commands of all runs, in an order in which they can be given."""
    found: list[Command] = []
    for runs in (
        collection.pretrain,
        collection.finetune,
        collection.probe,
        collection.codes,
        collection.mfsn,
        collection.studies,
        collection.fusion_studies,
    ):
        for run in runs:
            # Later commands may have added seeds and folds.
            grown = run.record.get("grown_by") or []
            for text in dict.fromkeys([run.record.get("command"), *grown]):
                found.append(_command(run.folder, run.record, text))
    return found


def _command(folder: Path, record: Mapping[str, Any], text: object) -> Command:
    git = record.get("git") or {}
    return Command(
        kind=str(record.get("kind")),
        folder=str(folder),
        text=str(text or ""),
        commit=str(git.get("commit") or "unknown")[:12],
        dirty=bool(git.get("dirty")),
    )


def left_out(found: Sequence[Command]) -> list[str]:
    """Returns the folders whose commands the script cannot give."""
    return list(dict.fromkeys(one.folder for one in found if _safe(one.text) is None))


def script(found: Sequence[Command], report: str) -> str:
    """Returns a shell script that gives every command once, `report` last.

    Commands come from files that may come from anywhere, so that only calls of this project's
    programs are taken, with every word of them quoted anew.
    """
    lines = [_HEAD]
    given: set[str] = set()
    for one in found:
        line = _safe(one.text)
        changes = ", with uncommitted changes" if one.dirty else ""
        about = f"# {one.kind} {one.folder}, commit {one.commit}{changes}"
        about = re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+", " ", about)
        if line is None:
            lines.append(f"{about}: left out, its command is not recorded or not of this project.")
        elif line not in given:
            given.add(line)
            lines += [about, line]
    line = _safe(report)
    return "\n".join([*lines, *([line] if line else []), ""])


def _safe(text: str) -> str | None:
    """Returns a command fit for a shell, or None for what is no call of a program of ours."""
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    prefix = ""
    if words[:1] == [_ON_CPU]:
        prefix, words = f"{_ON_CPU} ", words[1:]
    place = next((i for i, word in enumerate(words) if _PROGRAM.fullmatch(word)), 0)
    if not _LAUNCHER.fullmatch(" ".join(words[:place])) or any("\n" in word for word in words):
        return None
    return prefix + shlex.join(words)
