"""Jobs are shared by processes, wait for what they need, and fail without taking others along."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

import pytest

from pretrain.shared.processes.job_queue import Board, Job, work_off
from pretrain.shared.processes.locks import lock


@dataclass(eq=False)
class Made:
    """A job that leaves a file."""

    name: str
    folder: Path
    needs: Sequence[Job] = ()
    lock_files: Sequence[Path] = ()
    does: Callable[[], None] = lambda: None
    computed: list[str] = field(default_factory=list)

    @property
    def is_finished(self) -> bool:
        return (self.folder / self.name).is_file()

    def compute(self) -> None:
        self.does()
        self.computed.append(self.name)
        (self.folder / self.name).touch()


@pytest.fixture
def board(tmp_path: Path) -> Board:
    return Board(folder=tmp_path / "board", call="1")


def work(jobs: Sequence[Job], board: Board) -> None:
    work_off(jobs, board, str, seconds_between_looks=0.01)


def test_a_job_waits_for_what_it_needs_and_is_computed_once(tmp_path: Path, board: Board) -> None:
    computed: list[str] = []
    first = Made("first", tmp_path, computed=computed)
    second = Made("second", tmp_path, needs=[first], computed=computed)
    work([second, first], board)
    work([second, first], board)
    assert computed == ["first", "second"]


def test_what_another_process_works_on_is_passed_over_and_waited_for(
    tmp_path: Path, board: Board
) -> None:
    computed: list[str] = []
    jobs = [Made(name, tmp_path, computed=computed) for name in ("a", "b")]
    held = lock(board.lock_file("a"), wait=False)
    assert held.__enter__()
    # The other process dies without having finished: its lock goes, and the job is taken over.
    Timer(0.3, held.__exit__, (None, None, None)).start()
    work(jobs, board)
    assert computed == ["b", "a"]


def test_jobs_with_a_lock_in_common_are_not_computed_at_once(tmp_path: Path, board: Board) -> None:
    shared = board.lock_file("features")
    computed: list[str] = []
    jobs = [
        Made("a", tmp_path, lock_files=[shared], computed=computed),
        Made("b", tmp_path, computed=computed),
    ]
    held = lock(shared, wait=False)
    assert held.__enter__()
    Timer(0.3, held.__exit__, (None, None, None)).start()
    work(jobs, board)
    assert computed == ["b", "a"]


def test_a_failed_job_is_tried_once_and_only_what_needs_it_is_left_out(
    tmp_path: Path, board: Board
) -> None:
    def fail() -> None:
        computed.append("broken")
        raise ValueError("its corpus is gone")

    computed: list[str] = []
    broken = Made("broken", tmp_path, does=fail, computed=computed)
    jobs = [broken, Made("on it", tmp_path, needs=[broken]), Made("other", tmp_path)]
    work(jobs, board)
    work(jobs, board)
    assert computed == ["broken"]
    assert board.failures() == {"broken": "its corpus is gone"}
    assert [job.is_finished for job in jobs] == [False, False, True]
    # A later call tries it again.
    work(jobs, Board(folder=board.folder, call="2"))
    assert computed == ["broken", "broken"]


def test_an_interrupted_job_is_free_again_and_the_board_forgets_it(
    tmp_path: Path, board: Board
) -> None:
    def interrupt() -> None:
        assert board.at_work() == ["a"]
        raise KeyboardInterrupt

    job = Made("a", tmp_path, does=interrupt)
    with pytest.raises(KeyboardInterrupt):
        work([job], board)
    assert board.at_work() == []
    assert board.failures() == {}
    job.does = lambda: None
    work([job], board)
    assert job.is_finished


def test_failures_that_are_just_being_noted_are_not_read(board: Board, tmp_path: Path) -> None:
    board.note_failure(Made("a", tmp_path), "no audio")
    folder = board.folder / "failed-1"
    (folder / ".b.123").write_text("")  # on its way to being `b`
    (folder / "c").symlink_to(folder / "gone")  # there when the folder was listed, then gone
    assert board.failures() == {"a": "no audio"}
