"""Tensors on disk: computed once, by one process, and read or mapped by all others.

A file is named after everything that its numbers depend on. It is complete or absent (written to
the side, then renamed); what is damaged counts as absent, and is computed again.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from shutil import rmtree
from typing import Self

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from pretrain.shared.atomic_files import replaced
from pretrain.shared.processes.locks import lock

Tensors = dict[str, Tensor]

SAVE_EVERY_SECONDS = 20.0
"""What is computed is kept at least this often, so that Ctrl-C loses little."""


@dataclass(frozen=True, kw_only=True)
class TensorFile:
    """A safetensors file with what tells whether it can be used."""

    path: Path

    of: str = ""
    """Hash of what the tensors are of, in their order; empty where the name of the file says it."""

    names: Collection[str] = ()
    """Tensors that it must have."""

    fits: Callable[[Tensors], bool] = bool
    """Whether the tensors go together."""

    is_mapped: bool = False
    """Whether it may be larger than the memory. What is read is then a mapping, which processes
    share, and cut files are noticed, but not single bits."""

    def read(self) -> Tensors | None:
        """Returns what `write` wrote, or None where it is absent, damaged or of something else."""
        try:
            with safe_open(self.path, framework="pt") as file:
                said = file.metadata() or {}
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        except (OSError, SafetensorError):
            return None
        if self.of and said.get("ids") != self.of:
            return None
        if not set(self.names) <= set(tensors) or not self.fits(tensors):
            return None
        if self.is_mapped:
            return tensors
        # What former versions kept has no digest.
        if said.get("digest") not in (None, _digest(tensors)):
            return None
        return {name: tensor.clone() for name, tensor in tensors.items()}

    def write(self, tensors: Mapping[str, Tensor]) -> None:
        """Raises `WriteError`, and leaves what was there, when the disk refuses."""
        whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
        said = {"ids": self.of} if self.of else {}
        if not self.is_mapped:
            said["digest"] = _digest(whole)
        with replaced(self.path) as beside:
            save_file(whole, beside, said)

    def read_or_make(self, make: Callable[[], Tensors], *, waiting: str) -> Tensors:
        """Reads the file, or makes it; who comes meanwhile waits, and reads what was made.

        Args:
            make: Computes what `write` is to keep, if it takes long by `Parts`.
            waiting: Said where another process is at it.
        """
        if (found := self.read()) is not None:
            return found
        with self.making(waiting=waiting):
            if (found := self.read()) is not None:
                return found
            made = make()
            self.write(made)
            rmtree(self.parts, ignore_errors=True)
            found = self.read() if self.is_mapped else made
        assert found is not None, f"{self.path} cannot be read back"
        return found

    @contextmanager
    def making(self, *, waiting: str) -> Iterator[None]:
        """Inside, this process alone makes the file. Look first whether it is there by now."""
        lock_file = self.path.with_name(f".{self.path.stem}.lock")
        with lock(lock_file, wait=True, said_when_waiting=waiting):
            try:
                yield
            finally:
                lock_file.unlink(missing_ok=True)

    @property
    def parts(self) -> Path:
        """The folder of what an interrupted call has left."""
        return self.path.with_suffix(".parts")


class Parts:
    """Rows of a file's tensors while they are computed, in order.

    They are kept now and then, and when an error or a signal leaves the block; the next call goes
    on behind them.
    """

    def __init__(self, file: TensorFile, num_rows: int) -> None:
        self.rows: Tensors = {}
        """(`num_rows`, ...) each, in the widest type of its pieces."""

        self.num_done = 0
        self._file = file
        self._num_rows = num_rows
        while (part := self._part(self.num_done).read()) is not None:
            self._put(part)
        self._num_kept, self._kept_at = self.num_done, time.monotonic()

    def add(self, rows: Tensors) -> None:
        """Takes the next rows: (B, ...) tensors of the same B."""
        self._put(rows)
        if time.monotonic() - self._kept_at > SAVE_EVERY_SECONDS:
            self._keep()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            self._keep()

    def _part(self, start: int) -> TensorFile:
        """The part that begins with row `start`."""
        return replace(self._file, path=self._file.parts / f"{start:08d}.safetensors", fits=bool)

    def _put(self, rows: Tensors) -> None:
        stop = self.num_done + len(next(iter(rows.values())))
        for name, values in rows.items():
            if name not in self.rows:
                shape = (self._num_rows, *values.shape[1:])
                self.rows[name] = torch.empty(shape, dtype=values.dtype)
            wider = torch.promote_types(self.rows[name].dtype, values.dtype)
            self.rows[name] = self.rows[name].to(wider)
            self.rows[name][self.num_done : stop] = values
        self.num_done = stop

    def _keep(self) -> None:
        if self.num_done > self._num_kept:
            new = {name: v[self._num_kept : self.num_done] for name, v in self.rows.items()}
            self._part(self._num_kept).write(new)
        self._num_kept, self._kept_at = self.num_done, time.monotonic()


def _digest(tensors: Mapping[str, Tensor]) -> str:
    digest = blake2b(digest_size=16)
    for name in sorted(tensors):
        digest.update(tensors[name].reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
