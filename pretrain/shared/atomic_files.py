"""Files that are complete or absent: written to the side, then renamed. No torch.

A disk that is full or has turned read-only is told in one sentence, with what to do.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from shutil import rmtree

from safetensors import SafetensorError

from pretrain.shared.errors import UserError


class WriteError(UserError, OSError):
    """A file that cannot be written; the message names it and the remedy."""

    def __init__(self, path: Path, reason: str, number: int | None = None) -> None:
        super().__init__(number, reason, str(path))
        self._message = (
            f"{path} cannot be written ({reason}). What was there is as it was. Make room, or make "
            "the disk writable, and give the same command again: it goes on from what is finished."
        )

    def __str__(self) -> str:
        return self._message


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Inside, `path` is written: what the system refuses is a `WriteError`. The system itself often
    does not say which file it was."""
    try:
        yield
    except WriteError:
        raise
    except OSError as error:
        raise WriteError(path, error.strerror or str(error), error.errno) from error
    except SafetensorError as error:
        raise WriteError(path, str(error)) from error


@contextmanager
def replaced(path: Path, *, durably: bool = False) -> Iterator[Path]:
    """Yields a path beside `path` to write to, and renames that to `path` at the end.

    When writing fails, `path` stays as it was, and a `WriteError` is raised. With `durably` both
    content and name outlast a power cut behind this.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield beside
            if durably:
                sync(beside)
            os.replace(beside, path)
            if durably:
                sync(path.parent)
        finally:
            with suppress(OSError):
                beside.unlink(missing_ok=True)


@contextmanager
def replaced_folder(folder: Path) -> Iterator[Path]:
    """Yields a folder beside `folder` to write to, and puts that in its place at the end.

    When something fails, `folder` stays as it was; what the disk refuses is a `WriteError`.
    """
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
        old = beside.with_name(beside.name + "-old")
        try:
            beside.chmod(0o755)
            yield beside
            if folder.exists():
                os.replace(folder, old)
            try:
                os.replace(beside, folder)
            except BaseException:
                if old.exists():
                    os.replace(old, folder)
                raise
            rmtree(old, ignore_errors=True)
        finally:
            rmtree(beside, ignore_errors=True)


def replace_text(path: Path, text: str) -> None:
    """Replaces the text file `path` in one step, durably."""
    with replaced(path, durably=True) as beside:
        beside.write_text(text, encoding="utf-8")


def sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, have reached the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
