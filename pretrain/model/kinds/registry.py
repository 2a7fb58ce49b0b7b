"""What kinds of encoder a folder can hold, and the one reader of what it says. No torch.

A kind is a module with a `KIND` and one line in `KINDS`; it serves the probe, MFSN and fine-tuning
heads alike, through `pretrain.model.frozen`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from pretrain.shared.errors import InputError

if TYPE_CHECKING:
    from pretrain.model.encode import SoundEncoder

RUN = "run"
"""The kind of our own run folders, the only one whose rows can be compared under control."""

KINDS: dict[str, str] = {
    RUN: "pretrain.model.kinds.run_folder",
    "released": "pretrain.model.kinds.released",
}
"""Kinds by name, each with the module whose `KIND` it is. The first that knows a folder reads it;
a module is imported only when it is asked."""


class EncoderFolderError(InputError):
    """A folder that cannot serve as an encoder; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Described:
    """What the folder of an encoder says of it."""

    name: str
    made_by: str = ""
    """pretrain, finetune, or who else; empty if the folder does not say."""

    mode: str = ""
    """The targets that it was trained on, as objectives are called; empty if not known."""

    finetuned: bool | None = None
    """Whether it was fine-tuned on transcripts; None if not known."""

    num_parameters: int | None = None
    """Of the encoder, without a head; None if not known."""

    record: dict[str, Any] = field(default_factory=dict)
    """run.json, where it is a run of ours."""


class EncoderKind(Protocol):
    """A kind of encoder folder."""

    weights: Sequence[str]
    """Patterns of the files with weights, of which the first that there are count; errors name the
    first."""

    settings: Sequence[str]
    """Other files that its numbers depend on, if they are there."""

    words: str
    """What such a folder is, for errors: "a released model in the format of ..."."""

    def is_in(self, folder: Path) -> bool:
        """Tells whether `folder` is one of this kind, complete or not."""
        ...

    def describe(self, folder: Path) -> Described:
        """Reads what it says; raises ValueError when that is damaged or not finished."""
        ...

    def load(self, folder: Path, *, initial: bool = False) -> "SoundEncoder":
        """Loads it in eval mode, on the CPU; with `initial` as it was before training.

        Raises ValueError when it cannot be, with the remedy.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class EncoderFolder:
    """The folder of an encoder, read."""

    path: Path
    """Resolved."""

    kind: str
    """Of `KINDS`."""

    described: Described
    files: tuple[Path, ...]
    """All that its numbers depend on, weights first."""

    def digest(self) -> str:
        """Returns a hash of these files."""
        digest = blake2b(digest_size=16)
        for path in self.files:
            with path.open("rb") as file:
                while block := file.read(1 << 22):
                    digest.update(block)
        return digest.hexdigest()


def find_kind(folder: Path, *, called: str = "An encoder") -> tuple[str, EncoderKind]:
    """Returns name and kind of what is in `folder`.

    Raises:
        EncoderFolderError: There is no such folder, or it is of no kind.
    """
    if not folder.is_dir():
        raise EncoderFolderError(
            f"{called} must be the folder of an encoder, but {folder} does not exist."
        )
    for name in KINDS:
        kind = _kind(name)
        if kind.is_in(folder):
            return name, kind
    raise _without_weights(folder, called)


def read_encoder_folder(folder: Path, *, called: str = "An encoder") -> EncoderFolder:
    """Reads what a folder says of its encoder; no weights.

    Args:
        folder: Of any kind.
        called: What errors call it, for example the option that it was given to.

    Raises:
        EncoderFolderError: It is missing, of no kind, damaged, without weights, or its training is
            not finished.
    """
    folder = folder.resolve()
    name, kind = find_kind(folder, called=called)
    try:
        described = kind.describe(folder)
    except ValueError as error:
        raise EncoderFolderError(f"{called}: {error}") from error
    patterns = (sorted(folder.glob(pattern)) for pattern in kind.weights)
    weights = next((files for files in patterns if files), None)
    if weights is None:
        raise _without_weights(folder, called)
    settings = [folder / name for name in kind.settings if (folder / name).is_file()]
    return EncoderFolder(path=folder, kind=name, described=described, files=(*weights, *settings))


def _kind(name: str) -> EncoderKind:
    return cast(EncoderKind, import_module(KINDS[name]).KIND)


def _without_weights(folder: Path, called: str) -> EncoderFolderError:
    kinds = [_kind(name) for name in KINDS]
    files = " or ".join(kind.weights[0].replace("*", "") for kind in kinds)
    words = ", or ".join(kind.words for kind in kinds)
    return EncoderFolderError(f"{called} {folder} has no {files}: it must be {words}.")
