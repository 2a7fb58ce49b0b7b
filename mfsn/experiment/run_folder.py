"""A run folder of MFSN: who may write into it, and its self-description."""

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree
from typing import Any, TextIO

from mfsn.data.corpus import EmotionCorpus
from mfsn.experiment.known_answer import words_of
from mfsn.experiment.results import (
    COLUMNS,
    FAILED,
    FINISHED,
    FORMAT,
    KEY,
    KIND,
    RUNNING,
    STOPPED,
    UTTERANCES,
    FusionRunError,
    merge,
    read_run,
    write_json,
    write_table,
)
from mfsn.experiment.tasks import list_tasks
from mfsn.model.variants import Variant
from pretrain.shared.json_files import FILES, digests_of, parse_object
from pretrain.shared.processes.locks import lock
from pretrain.shared.run_record import has_record

GROWING = ("seeds", "folds")
"""Inputs to which a later command may add."""

OPERATION_NAMES = "operations"
"""An input of what searches or tries all structures. Folders of before say it beside the inputs."""

FOUND = "found"
"""What a search found, by seed and fold: it grows with them, but where both know, it must agree."""


def as_read(values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns plain values as they come back from a file: tuples are lists."""
    return parse_object(json.dumps(values), "the inputs")


def visible_files(folder: Path) -> list[str]:
    """Returns the names of all files of a folder, if it is one, but the hidden ones."""
    files = folder.iterdir() if folder.is_dir() else ()
    return [file.name for file in files if not file.name.startswith(".")]


class FusionRunFolder:
    """The folder given by --out; several processes may have it open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = path / ".lock"
        self._at_work: TextIO | None = None

    def joined(self, key: str, wanted: Sequence[Any], order: Sequence[Any] = ()) -> list[Any]:
        """Returns `wanted` and what the folder has of the input `key` already, one of `GROWING`;
        with an `order` only what is in it, and so ordered."""
        run = read_run(self.path) if has_record(self.path) else {}
        known = run.get("inputs", {}).get(key, [])
        if order:
            return [value for value in order if value in wanted or value in known]
        return sorted({*wanted, *known})

    def open(self, inputs: Mapping[str, Any], description: Mapping[str, Any]) -> bool:
        """Makes the folder, or checks that it holds a run of the same inputs; seeds and folds are
        added to those that it has.

        Unless the run is finished, this process counts as at work on it from here on.

        The `inputs` are everything that a number depends on, in plain values; the `description` is
        the rest of run.json, and is kept as it is in a folder that has one. Returns whether the run
        is already finished. Raises `FusionRunError` when the folder holds something else, or a run
        of other inputs.
        """
        if self.path.exists() and not self.path.is_dir():
            raise FusionRunError(f"`--out` must be a folder, but {self.path} is a file instead.")
        if not has_record(self.path) and (foreign := visible_files(self.path)):
            raise FusionRunError(
                f"{self.path} holds something else than a run of MFSN ({foreign[0]}): choose "
                "another --out."
            )
        with lock(self._lock, wait=True):
            if has_record(self.path):
                run = read_run(self.path)
                before, now = run.get("inputs", {}), as_read(inputs)
                if OPERATION_NAMES in now:
                    before = {OPERATION_NAMES: run.get(OPERATION_NAMES), **before}
                self._check_same(before, now)
                grown = _grown(before, now)
                if grown == before and run["status"] == FINISHED:
                    return True
                if grown != before:
                    command = description.get("command", "")
                    run["grown_by"] = [*run.get("grown_by", []), command]
                    run.update({key: grown[key] for key in GROWING if key in grown})
                self._write({**run, "inputs": grown, "status": RUNNING})
            else:
                self._write({**description, "status": RUNNING, "inputs": dict(inputs)})
            # Held to the end of the process, however it ends.
            self._at_work = (self.path / ".at-work").open("w")
            fcntl.flock(self._at_work, fcntl.LOCK_SH)
        return False

    def complete(self, key: str, compute: Callable[[], Any]) -> None:
        """Adds an entry that takes long to compute to run.json, unless it is there; after `open`.

        When an error or a signal ends this, run.json says so, as `at_work` does.
        """
        try:
            # Several commands may come at once: one computes, the others wait for what it found.
            with lock(self.path / f".{key}", wait=True):
                if key not in read_run(self.path):
                    entry = {key: compute()}
                    with lock(self._lock, wait=True):
                        self._write({**read_run(self.path), **entry})
        except BaseException as error:
            if self._at_work is not None:
                self._leave_after(error)
            raise

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Inside, this process computes what `open` found unfinished. When an error or a signal
        ends it, run.json says so, unless other processes go on."""
        try:
            yield
        except BaseException as error:
            self._leave_after(error)
            raise
        self._leave(None)

    def _leave_after(self, error: BaseException) -> None:
        with suppress(OSError):  # the disk may be what ended it
            self._leave(STOPPED if isinstance(error, KeyboardInterrupt) else FAILED)

    def _leave(self, status: str | None) -> None:
        """Ends this process's work; the last one to leave writes the status."""
        assert self._at_work is not None, "`open` comes first"
        with lock(self._lock, wait=True):
            try:
                if status is not None:
                    fcntl.flock(self._at_work, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            else:
                run = read_run(self.path)
                if status is not None and run["status"] == RUNNING:
                    self._write({**run, "status": status})
            finally:
                self._at_work.close()
                self._at_work = None

    def finish(self, variants: Mapping[str, Variant], corpus: EmotionCorpus) -> bool:
        """Joins the tables of all tasks; one process does it, later ones find it done. Returns
        whether all tasks are finished, those too that other commands have added."""
        with lock(self._lock, wait=True):
            run = read_run(self.path)
            tasks = list_tasks(self.path, list(variants), run["seeds"], run["folds"])
            if not all(task.is_finished for task in tasks):
                return False
            if run["status"] != FINISHED:
                folds = corpus.folds[corpus.folds["fold"].isin(run["folds"])]
                results = merge(self.path, [(task.names, task.folder) for task in tasks], folds)
                write_table(self.path / "utterances.csv", corpus.table[list(UTTERANCES)])
                if (words := words_of(corpus)) is not None:
                    write_table(self.path / "words.csv", words)
                written = [f"{name}.csv" for name in (*COLUMNS, "utterances", "words")]
                there = [name for name in written if (self.path / name).is_file()]
                parameters = {result["variant"]: result.get("parameters", 0) for result in results}
                run |= {
                    "variants": [
                        {**variant.described(), "parameters": parameters[name]}
                        for name, variant in variants.items()
                    ],
                    "constant_networks": [
                        {key: result[key] for key in (*KEY, "constant_answer")}
                        for result in results
                        if result.get("constant_answer")
                    ],
                    "seconds": round(sum(result["seconds"] for result in results), 1),
                    "tasks": results,
                    FILES: digests_of(self.path, there),
                    "status": FINISHED,
                }
                self._write(run)
                for task in tasks:
                    # Left by a process that was killed just behind its result.
                    rmtree(task.checkpoints, ignore_errors=True)
        return True

    def _write(self, run: Mapping[str, Any]) -> None:
        write_json(self.path / "run.json", {"kind": KIND, "format": FORMAT, **run})

    def _check_same(self, before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
        unequal = [
            f"  {key}: {before.get(key, 'absent')!r} in the folder, {now.get(key, 'absent')!r} now"
            for key in sorted({*before, *now} - {*GROWING, FOUND})
            if before.get(key, "absent") != now.get(key, "absent")
        ]
        there, here = before.get(FOUND, {}), now.get(FOUND, {})
        both = [place for place in _places(before) if place in _places(now)]
        for place in both:
            if there.get(place) != here.get(place):
                unequal.append(
                    f"  {FOUND}, seed and fold {place}: {there.get(place)!r} in the folder, "
                    f"{here.get(place)!r} now"
                )
        if bool(there) != bool(here) and not both:
            unequal.append(f"  {FOUND}: with --search on one side only")
        if unequal:
            raise FusionRunError(
                f"{self.path} holds a run of other settings. Choose another --out, or set these "
                "back:\n" + "\n".join(unequal)
            )


def _places(inputs: Mapping[str, Any]) -> list[str]:
    return [
        f"{seed}/{fold}" for seed in inputs.get("seeds", ()) for fold in inputs.get("folds", ())
    ]


def _grown(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the inputs of the folder with the seeds and folds of both."""
    grown = dict(before)
    for key in GROWING:
        if key in before:
            # As `joined` has ordered them; but another process may have added some meanwhile.
            others = [value for value in before[key] if value not in now[key]]
            is_known = all(value in before[key] for value in now[key])
            union = sorted([*now[key], *others]) if key == "seeds" else [*now[key], *others]
            grown[key] = before[key] if is_known else union
    if FOUND in before:
        grown[FOUND] = {**now[FOUND], **before[FOUND]}
    return grown
