"""Small corpora of noise with a manifest."""

from collections.abc import Callable
from pathlib import Path

import soundfile

from pretrain.shared.random_streams import generator

NUM_SPEAKERS = 6
PER_SPEAKER = 4


def write_manifest(folder: Path, column: str, value: Callable[[int], str]) -> Path:
    """Writes 6 speakers x 4 utterances, angry or sad, with one more column by utterance number."""
    lines = [f"path,speaker,emotion,{column}"]
    for number in range(NUM_SPEAKERS * PER_SPEAKER):
        samples = generator("made-up", number).normal(0, 0.05, 12_000)
        soundfile.write(folder / f"{number}.wav", samples, 16_000)
        emotion = ("angry", "sad")[number % 2]
        lines.append(f"{number}.wav,s{number // PER_SPEAKER},{emotion},{value(number)}")
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest
