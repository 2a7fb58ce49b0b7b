"""Any folder of audio files, at any depth; nothing is known but the sound."""

import os
from collections import Counter, deque
from collections.abc import Collection
from pathlib import Path

import pandas as pd

from pretrain.data.readers.reader import Reader, make_listing, path_ids
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.shared.errors import InputError

SUFFIXES = (
    ".wav", ".wave", ".bwf", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3",
    ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".sph", ".nist", ".voc", ".sf", ".ircam",
    ".avr", ".paf", ".pvf", ".svx", ".8svx",
)  # fmt: skip
"""Endings, in lower case, of the files that count as audio: libsndfile decodes them."""

CONVERTED_FIRST = (
    ".m4a", ".m4b", ".mp4", ".aac", ".alac", ".wma", ".asf", ".amr", ".awb", ".3gp", ".3g2",
    ".webm", ".weba", ".mka", ".mkv", ".mov", ".avi", ".ac3", ".eac3", ".ape", ".wv", ".tta",
    ".spx", ".ra", ".rm", ".shn", ".dsf", ".dff", ".mpc", ".mp2", ".qcp", ".dts", ".gsm",
)  # fmt: skip
"""Endings of files with sound that cannot be decoded here."""


def existing_folder(path: Path, *, what: str) -> Path:
    """Returns the absolute `path`; raises `ValueError` when it is not a folder."""
    folder = Path(os.path.abspath(path.expanduser()))
    if folder.is_dir():
        return folder
    if folder.exists():
        raise InputError(f"{what} must be a folder, but {folder} is a file instead.")
    near = next((parent for parent in folder.parents if parent.is_dir()), folder)
    raise InputError(
        f"{what} must be a folder, but {folder} does not exist (the nearest that does is {near})."
    )


def audio_files(folder: Path) -> list[str]:
    """Returns the absolute paths of the audio files below `folder`, sorted, hidden ones left out.

    Links are followed, but every folder and file counts once, under the path with the fewest links.
    Warns of what is reachable twice and of sound that cannot be decoded. Raises `ValueError` when
    there is no audio file.
    """
    walk = _Walk()
    walk.go(str(folder))
    if walk.passed_over:
        counts = ", ".join(
            f"{number} {ending}" for ending, number in sorted(walk.passed_over.items())
        )
        warn_of_corpus(
            f"{sum(walk.passed_over.values())} files in {folder} hold sound that cannot be decoded "
            f"here and are passed over ({counts}). Convert them first, for example with ffmpeg, to "
            "FLAC."
        )
    if walk.again:
        warn_of_corpus(
            f"{len(walk.again)} folders or files in {folder} are reachable by more than one path, "
            f"through links, and were read once; the first is {walk.again[0]}."
        )
    if not walk.found:
        raise InputError(
            f"{folder} must hold audio files ({', '.join(SUFFIXES)}), at any depth, "
            f"but holds none ({walk.num_others} other files)."
        )
    return sorted(walk.found)


class _Walk:
    """What is below a folder. Links wait until all that is reachable without them was seen."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.again: list[str] = []
        """Links to what was seen already."""
        self.passed_over: Counter[str] = Counter()
        self.num_others = 0
        self._seen: set[str] = set()
        """Real paths, of folders and of files."""
        self._links: deque[str] = deque()

    def go(self, folder: str) -> None:
        self._walk(folder)
        while self._links:
            link = self._links.popleft()
            real = os.path.realpath(link)
            if real in self._seen:
                self.again.append(link)
            elif os.path.isdir(real):
                self._walk(link)
            else:
                self._add(link, real)

    def _walk(self, top: str) -> None:
        for here, folders, names in os.walk(top):
            real = os.path.realpath(here)
            if real in self._seen:
                folders.clear()
                self.again.append(here)
                continue
            self._seen.add(real)
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            paths = [os.path.join(here, name) for name in folders]
            self._links += filter(os.path.islink, paths)
            for name in sorted(names):
                path = os.path.join(here, name)
                ending = ending_of(name)
                # macOS leaves files like ._a.wav that are no audio.
                if name.startswith(".") or ending not in SUFFIXES:
                    self.num_others += 1
                    if ending in CONVERTED_FIRST and not name.startswith("."):
                        self.passed_over[ending] += 1
                elif os.path.islink(path):
                    self._links.append(path)
                else:
                    self._add(path, os.path.join(real, name))

    def _add(self, path: str, real: str) -> None:
        self._seen.add(real)
        self.found.append(path)


def ending_of(name: str) -> str:
    """Returns the ending in lower case, with its point, "" where there is none."""
    stem, point, ending = name.rpartition(".")
    return f".{ending.lower()}" if point and stem else ""


def list_folder(path: Path, source: str, options: Collection[str] = ()) -> pd.DataFrame:
    """Lists every audio file below `path`, without speakers or labels; there are no options."""
    folder = existing_folder(path, what=f"The corpus {source}")
    files = audio_files(folder)
    ids = path_ids(files, folder=folder, source=source)
    return make_listing(pd.DataFrame({"id": ids, "path": files}))


READER = Reader(list_files=list_folder)
