"""LibriSpeech's layout: [SPLIT/]SPEAKER/CHAPTER/SPEAKER-CHAPTER-UTTERANCE.flac and *.trans.txt.

Panayotov et al., "LibriSpeech: an ASR corpus based on public domain audio books", ICASSP 2015.
"""

import re
from collections.abc import Collection
from functools import cache
from pathlib import Path

import pandas as pd

from pretrain.data.readers.folder import audio_files, existing_folder
from pretrain.data.readers.reader import Reader, make_listing
from pretrain.data.scan.quarantine import warn_of_corpus
from pretrain.shared.errors import InputError

NAME = re.compile(r"(\d+)-(\d+)-(\d+)")


def list_librispeech(path: Path, source: str, options: Collection[str] = ()) -> pd.DataFrame:
    """Lists a LibriSpeech folder: the root of several splits, or one split such as `dev-clean`.

    `split` is the folder above the speakers, `text` comes from the chapter's `.trans.txt`. There
    are no options. Raises `ValueError` when no file follows the layout; warns of files that do not,
    and of missing texts.
    """
    folder = existing_folder(path, what=f"The corpus {source}")
    rows: list[dict[str, object]] = []
    others: list[str] = []
    texts_of = cache(_transcripts)
    for name in audio_files(folder):
        file = Path(name)
        match = NAME.fullmatch(file.stem)
        chapter = file.parent
        if match is None or (chapter.parent.name, chapter.name) != match.group(1, 2):
            others.append(name)
            continue
        rows.append(
            {
                "id": f"{source}/{file.stem}",
                "path": name,
                "speaker": match.group(1),
                "text": texts_of(chapter).get(file.stem, ""),
                "split": chapter.parent.parent.name,
            }
        )
    if not rows:
        raise InputError(
            f"{folder} must have LibriSpeech's layout (train-clean-100/19/198/19-198-0000.flac), "
            f"but no file in it has; the first is {others[0]}. "
            "For any folder of audio, write folder=PATH."
        )
    if others:
        warn_of_corpus(
            f"{len(others)} files in {folder} do not follow LibriSpeech's layout and are left out; "
            f"the first is {others[0]}."
        )
    silent = [row for row in rows if not row["text"]]
    if silent:
        warn_of_corpus(
            f"{len(silent)} of {len(rows)} utterances in {folder} have no transcript; "
            f"the first is {silent[0]['path']}."
        )
    return make_listing(pd.DataFrame(rows))


def _transcripts(chapter: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for file in sorted(chapter.glob("*.trans.txt")):
        # Not splitlines, which takes some characters of texts for ends of lines.
        for line in file.read_text(encoding="utf-8").split("\n"):
            name, _, text = line.partition(" ")
            texts[name] = text.strip()
    return texts


READER = Reader(list_files=list_librispeech, sample_rate=16_000)
