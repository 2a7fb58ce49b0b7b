"""One line on how far Table 4 is, with the time left."""

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from pretrain.engine.run_folder import RunFolder
from pretrain.shared.durations import in_words
from pretrain.shared.json_files import JsonError, read_object
from pretrain.shared.processes.job_queue import Job
from probe.whole_table.cell_store import CellRecord
from probe.whole_table.plan import CellJob, TablePlan
from probe.whole_table.rows import PretrainedRow

Kind = tuple[str, str]
"""What jobs of about equal length have in common, roughly and exactly."""


def seconds_left(
    known: Mapping[Kind, Sequence[float]], left: Iterable[tuple[Kind, float]], num_jobs: int
) -> float | None:
    """Returns how long the jobs that are left will take, or None where nothing like one of them
    has been finished.

    Args:
        known: Seconds of finished jobs by kind.
        left: Kind of each unfinished job, and the share of it that is left.
        num_jobs: Processes that share them.
    """
    each = []
    for kind, share in left:
        usual = _usual(known, kind)
        if usual is None:
            return None
        each.append(share * usual)
    return max([sum(each) / num_jobs, *each], default=0.0)


def _usual(known: Mapping[Kind, Sequence[float]], kind: Kind) -> float | None:
    """Returns the mean seconds of a kind, or else of what is roughly alike."""
    alike = known.get(kind) or [
        seconds for other, times in known.items() if other[0] == kind[0] for seconds in times
    ]
    return sum(alike) / len(alike) if alike else None


@dataclass(kw_only=True)
class TableProgress:
    """Follows the jobs of a plan by the files that they leave."""

    plan: TablePlan
    num_jobs: int
    _done: set[str] = field(default_factory=set)
    """Names of finished jobs."""

    _seconds: dict[str, float] = field(default_factory=dict)
    """Of finished jobs, by name."""

    _first_seen: dict[str, tuple[float, float]] = field(default_factory=dict)
    """When a job was first seen at work, and the share of it that was done then."""

    def line(self, at_work: Sequence[str]) -> str:
        """Returns how much is finished, the time left, and what is at work."""
        jobs = self.plan.jobs
        # What is finished stays so; to look at hundreds of files twice a second would take a core.
        self._done |= {job.name for job in jobs if job.name not in self._done and job.is_finished}
        done = self._done
        finished = [job for job in jobs if job.name in done]
        known: dict[Kind, list[float]] = {}
        for job in finished:
            if (seconds := self._seconds_of(job)) is not None:
                known.setdefault(_kind(job), []).append(seconds)
        left: list[tuple[Kind, float]] = []
        shares: dict[str, float] = {}
        for job in jobs:
            if job.name in done:
                continue
            share = self._share_done(job, known) if job.name in at_work else 0.0
            shares[job.name] = share
            left.append((_kind(job), 1 - share))
        seconds = seconds_left(known, left, self.num_jobs)
        remaining = f", about {in_words(seconds)} left" if left and seconds is not None else ""
        shown = {row.name for row in self.plan.rows}  # the others' are guesses
        now = "; ".join(
            name + (f" {shares[name]:.0%}" if name in shown and shares.get(name) else "")
            for name in at_work
        )
        return f"[{len(finished)}/{len(jobs)}{remaining}] {now}".rstrip()

    def _seconds_of(self, job: Job) -> float | None:
        """Returns how long a finished job took, if it says so."""
        if job.name not in self._seconds:
            self._seconds[job.name] = 0.0
            if isinstance(job, PretrainedRow):
                content = RunFolder(job.folder, option="--runs").description() or {}
                self._seconds[job.name] = float(content.get("train_seconds", 0))
            elif isinstance(job, CellJob):
                # A damaged cell is refused when the table is joined, in words.
                with suppress(JsonError):
                    content = read_object(job.cell.path, CellRecord, allow_nan=True)
                    self._seconds[job.name] = float(content["seconds"])
        return self._seconds[job.name] or None

    def _share_done(self, job: Job, known: dict[Kind, list[float]]) -> float:
        """Returns which share of a job at work is done: of a cell by the usual time, of a
        pre-training by its updates. Where none is finished, what it has taken so far says how long
        one takes."""
        now = time.monotonic()
        if not isinstance(job, PretrainedRow):
            since, _ = self._first_seen.setdefault(job.name, (now, 0.0))
            usual = _usual(known, _kind(job))
            return min(0.9, (now - since) / usual) if usual else 0.0
        if (share := job.progress()) is None:
            return 0.0
        since, share_then = self._first_seen.setdefault(job.name, (now, share))
        if share > share_then and not any(kind[0] == _kind(job)[0] for kind in known):
            known[_kind(job)] = [(now - since) / (share - share_then)]
        return share


def _kind(job: Job) -> Kind:
    if isinstance(job, PretrainedRow):
        return "pre-training", job.settings.run.mode
    assert isinstance(job, CellJob)
    cell = job.cell
    what = "encoder" if cell.weights else cell.run.name
    return f"{cell.setting.head.name}, {what}", cell.setting.corpus.name
