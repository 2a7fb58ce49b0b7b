"""Any folder of audio files, at any depth; nothing is known but the sound."""

import os
from pathlib import Path

import pandas as pd

from pretrain.data.audio import SUFFIXES
from pretrain.data.readers.assemble import make_listing, path_ids


def existing_folder(path: Path, *, what: str) -> Path:
    """Returns the absolute `path`; raises `ValueError` when it is not a folder."""
    folder = Path(os.path.abspath(path.expanduser()))
    if folder.is_dir():
        return folder
    if folder.exists():
        raise ValueError(f"{what} must be a folder, but {folder} is a file instead.")
    near = next((parent for parent in folder.parents if parent.is_dir()), folder)
    raise ValueError(
        f"{what} must be a folder, but {folder} does not exist (the nearest that does is {near})."
    )


def audio_files(folder: Path) -> list[str]:
    """Returns the absolute paths of the audio files below `folder`, sorted, hidden ones left out.

    Raises `ValueError` when there are none.
    """
    found: list[str] = []
    num_others = 0
    for here, folders, names in os.walk(folder, followlinks=True):
        # A link to a folder above would never end.
        above = os.path.realpath(here)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and not (above + os.sep).startswith(os.path.realpath(os.path.join(here, name)) + os.sep)
        )
        for name in names:
            # macOS leaves files like ._a.wav that are no audio.
            if not name.startswith(".") and name.lower().endswith(SUFFIXES):
                found.append(os.path.join(here, name))
            else:
                num_others += 1
    if not found:
        raise ValueError(
            f"{folder} must hold audio files ({', '.join(SUFFIXES)}), at any depth, "
            f"but holds none ({num_others} other files)."
        )
    return sorted(found)


def list_folder(path: Path, source: str) -> pd.DataFrame:
    """Lists every audio file below `path`, without speakers or labels."""
    folder = existing_folder(path, what=f"The corpus {source}")
    files = audio_files(folder)
    ids = path_ids(files, folder=folder, source=source)
    return make_listing(pd.DataFrame({"id": ids, "path": files}))
