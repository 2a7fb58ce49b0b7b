"""A run folder of MFSN: who may write into it, and its self-description."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mfsn.corpus import EmotionCorpus
from mfsn.results import (
    FINISHED,
    FORMAT,
    KIND,
    RUNNING,
    STOPPED,
    ResultsError,
    merge,
    read_run,
    write_json,
    write_table,
)
from mfsn.tasks import Task, lock


def as_read(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns plain values as they come back from a file: tuples are lists."""
    read: dict[str, Any] = json.loads(json.dumps(values))
    return read


class RunFolder:
    """The folder given by --out; several processes may have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path / ".lock"

    def open(self, inputs: Mapping[str, Any], description: Mapping[str, Any]) -> bool:
        """Makes the folder, or checks that it holds a run of the same inputs.

        Args:
            inputs: Everything that a number depends on, by name, in plain values.
            description: The rest of run.json; kept as it is in a folder that has one.

        Returns:
            Whether the run is already finished.

        Raises:
            ResultsError: The folder holds something else, or a run of other inputs.
        """
        if self.path.exists() and not self.path.is_dir():
            raise ResultsError(f"`--out` must be a folder, but {self.path} is a file instead.")
        is_new = not (self.path / "run.json").is_file()
        files = self.path.iterdir() if self.path.is_dir() else ()
        foreign = [file.name for file in files if not file.name.startswith(".")]
        if is_new and foreign:
            raise ResultsError(
                f"{self.path} holds something else than a run of MFSN ({foreign[0]}): choose "
                "another --out."
            )
        with lock(self._lock, wait=True):
            if not (self.path / "run.json").is_file():
                self._write({**description, "status": RUNNING, "inputs": dict(inputs)})
                return False
            run = read_run(self.path)
            self._check_same(run.get("inputs", {}), as_read(inputs))
            if run["status"] == STOPPED:
                self._write({**run, "status": RUNNING})
            return bool(run["status"] == FINISHED)

    def finish(
        self,
        tasks: Sequence[Task],
        corpus: EmotionCorpus,
        summary: Callable[[list[dict[str, Any]]], dict[str, Any]],
    ) -> None:
        """Joins the tables of all tasks; one process does it, later ones find it done.

        Args:
            tasks: All of them, finished.
            corpus: With its folds.
            summary: From the tasks' results to further entries of run.json.
        """
        with lock(self._lock, wait=True):
            run = read_run(self.path)
            if run["status"] != FINISHED:
                results = merge(
                    self.path, [(task.names, task.folder) for task in tasks], corpus.folds
                )
                known = corpus.table[["id", "speaker", "session", "audio_hash"]]
                write_table(self.path / "utterances.csv", known)
                self._write({**run, **summary(results), "status": FINISHED})

    def stop(self) -> None:
        """Notes that the run was interrupted."""
        with lock(self._lock, wait=True):
            run = read_run(self.path)
            if run["status"] == RUNNING:
                self._write({**run, "status": STOPPED})

    def _write(self, run: Mapping[str, Any]) -> None:
        write_json(self.path / "run.json", {"kind": KIND, "format": FORMAT, **run})

    def _check_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        unequal = [
            f"  {key}: {before.get(key, 'absent')!r} in the folder, {now.get(key, 'absent')!r} now"
            for key in sorted({*before, *now})
            if before.get(key, "absent") != now.get(key, "absent")
        ]
        if unequal:
            raise ResultsError(
                f"{self.path} holds a run of other settings. Choose another --out, or set these "
                "back:\n" + "\n".join(unequal)
            )
