"""What any number of processes share, each taking the next free unit whose needs are met.

`take_next` is enough where a failure may end the process. With a `Board`, the processes of a call
also know what has failed and what is at work, and wait for each other.

Who works on a unit holds locks of the operating system, which end with the process, however it
ends. Whether it is finished is for the unit itself to say, by a file that it writes last.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from shutil import rmtree
from typing import Protocol, TypeVar

from pretrain.shared.atomic_files import replace_text
from pretrain.shared.paths import file_name
from pretrain.shared.processes.locks import lock

SECONDS_BETWEEN_LOOKS = 1.0
"""How often a process that finds nothing to do looks again."""


class Unit(Protocol):
    """What one process works on at a time."""

    @property
    def name(self) -> str:
        """Unlike any other job's."""

    @property
    def needs(self) -> Sequence["Unit"]:
        """What must be finished before this one can begin."""

    @property
    def is_finished(self) -> bool: ...

    @property
    def lock_files(self) -> Sequence[Path]:
        """What its computing must have to itself."""


class Job(Unit, Protocol):
    """A unit that knows how it is computed. Its board has a lock for it, beside its own."""

    def compute(self) -> None:
        """Raises an exception, or is finished after it."""


UnitT = TypeVar("UnitT", bound=Unit)


def take_next(
    units: Sequence[UnitT],
    compute: Callable[[UnitT], None],
    *,
    lock_files: Callable[[UnitT], Sequence[Path]] = lambda unit: unit.lock_files,
    is_left_out: Callable[[UnitT], bool] = lambda unit: False,
) -> UnitT | None:
    """Computes the first unit that is not finished, needs nothing more and has free locks.

    `compute` is called while the locks are held, and what it raises is raised here. So is
    `is_left_out` asked: another process may just have failed. Returns the unit, or None where none
    was free.
    """
    for unit in units:
        if not all(need.is_finished for need in unit.needs):
            continue
        with ExitStack() as held:
            is_mine = all(held.enter_context(lock(f, wait=False)) for f in lock_files(unit))
            if is_mine and not unit.is_finished and not is_left_out(unit):
                compute(unit)
                return unit
    return None


@dataclass(frozen=True, kw_only=True)
class Board:
    """A folder by which the processes of several calls know of each other."""

    folder: Path
    call: str
    """Unlike any other call's: a failed job is not tried again within one."""

    def lock_file(self, name: str) -> Path:
        return self.folder / "locks" / file_name(name)

    @contextmanager
    def held(self) -> Iterator[int]:
        """Inside, other calls see that this one is at work, and leave alone what is its own.

        Yields a file descriptor; processes that inherit it count as this call for as long as they
        live, even if this process is killed.
        """
        path = self._call_file(self.call)
        with lock(self._calls, wait=True):
            file = path.open("w")
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield file.fileno()
        finally:
            path.unlink(missing_ok=True)
            file.close()

    def forget_ended_calls(self, logs: Path) -> None:
        """Takes away what calls have left that were killed, and the logs in which they, and those
        that failed, have said why."""
        if not self.folder.is_dir():
            return
        with lock(self._calls, wait=True):
            left: dict[str, list[Path]] = {}
            for path in (*self.folder.glob("failed-*"), *self.folder.glob("now-*")):
                left.setdefault(path.name.partition("-")[2], []).append(path)
            for path in logs.glob("worker-*.txt"):
                left.setdefault(path.stem.partition("-")[2].rpartition("-")[0], []).append(path)
            for call, paths in left.items():
                with lock(self._call_file(call), wait=False) as has_ended:
                    if has_ended and call != self.call:
                        for path in (*paths, self._call_file(call)):
                            if path.is_dir():
                                rmtree(path, ignore_errors=True)
                            else:
                                path.unlink(missing_ok=True)

    @property
    def _calls(self) -> Path:
        return self.folder / "locks" / "calls"

    def _call_file(self, call: str) -> Path:
        return self.folder / "locks" / f"call-{file_name(call)}"

    def failures(self) -> dict[str, str]:
        """Returns the jobs that failed in this call, and why."""
        lines = [text.partition("\n") for text in self._texts("failed")]
        return {name: message.strip() for name, _, message in lines}

    def clear(self) -> None:
        """Takes away what this call has left; the locks stay, others may hold them."""
        for name in ("failed", "now"):
            rmtree(self.folder / f"{name}-{self.call}", ignore_errors=True)

    def note_failure(self, job: Job, message: str) -> None:
        path = self.folder / f"failed-{self.call}" / file_name(job.name)
        replace_text(path, f"{job.name}\n{message}\n")

    @contextmanager
    def saying(self, text: str) -> Iterator[None]:
        """Inside, the board says that this process works on `text`."""
        path = self.folder / f"now-{self.call}" / str(os.getpid())
        replace_text(path, text)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)

    def at_work(self) -> list[str]:
        """Returns what the processes of this call work on."""
        return self._texts("now")

    def _texts(self, kind: str) -> list[str]:
        texts = []
        # A name with a dot is still being written, and gone in a moment.
        for path in sorted((self.folder / f"{kind}-{self.call}").glob("[!.]*")):
            with suppress(FileNotFoundError):
                texts.append(path.read_text(encoding="utf-8"))
        return texts


def work_off(
    jobs: Sequence[Job],
    board: Board,
    explain: Callable[[Exception], str],
    *,
    seconds_between_looks: float = SECONDS_BETWEEN_LOOKS,
) -> None:
    """Computes what nobody else works on, and waits for the others, until all is finished or
    cannot be.

    `jobs` are all of them, those of other processes too, in order of preference; `explain` turns
    an error into words for users.
    """

    def compute(job: Job) -> None:
        with board.saying(job.name):
            try:
                job.compute()
            except Exception as error:
                board.note_failure(job, explain(error))

    left = list(jobs)
    while True:
        failed = board.failures()
        left = [
            job
            for job in left
            if not (job.name in failed or any(need.name in failed for need in job.needs))
            and not job.is_finished
        ]
        if not left:
            return
        taken = take_next(
            left,
            compute,
            lock_files=lambda job: (board.lock_file(job.name), *job.lock_files),
            is_left_out=lambda job: job.name in board.failures(),
        )
        if taken is None:
            time.sleep(seconds_between_looks)
