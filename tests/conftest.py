"""What any test may ask for: a tiny made-up corpus, tiny settings, and real speech."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.config.files import SettingsTree, read_tree
from pretrain.shared.random_streams import generator

PROJECT = Path(__file__).resolve().parent.parent

TINY = PROJECT / "configs" / "size" / "tiny.toml"

RealSpeech = Callable[[str], Path]
"""Gives the folder of a corpus by its name."""


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    """Marks what needs real recordings, so that `-m "not real_speech"` leaves it out."""
    for item in items:
        if "real_speech" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.real_speech)


@pytest.fixture
def real_speech() -> RealSpeech:
    """Gives folders of real corpora in $SPEECH_DATA; skips the test where there is none."""

    def folder_of(corpus: str) -> Path:
        given = os.environ.get("SPEECH_DATA")
        if not given:
            pytest.skip(f"SPEECH_DATA is not set: give the folder that holds {corpus}/")
        folder = Path(given) / corpus
        if not folder.is_dir():
            pytest.skip(f"SPEECH_DATA has no folder {corpus}: {given}")
        return folder

    return folder_of


@pytest.fixture(scope="session")
def noise_corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A corpus spec: 14 utterances of modulated noise, 0.6 to 2.4 s, 16 kHz, with a manifest."""
    folder = tmp_path_factory.mktemp("noise")
    rows = ["path,speaker"]
    for index in range(14):
        rng = generator("noise corpus", index)
        num_samples = int(rng.integers(9_600, 38_400))
        envelope = 0.2 + np.abs(np.sin(np.arange(num_samples) / rng.uniform(800, 3000)))
        waveform = np.cumsum(rng.standard_normal(num_samples)) % 1.0 * envelope - 0.5
        soundfile.write(folder / f"{index:02d}.wav", 0.3 * waveform, 16_000)
        rows.append(f"{index:02d}.wav,s{index % 4}")
    (folder / "manifest.csv").write_text("\n".join(rows) + "\n")
    return f"noise={folder}"


@pytest.fixture
def tiny_tree(noise_corpus: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SettingsTree:
    """Settings of a tiny run on the noise corpus; `mode` is left to the test."""
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    overrides = ["training.updates=6", "training.checkpoint_every=3", "training.precision=fp32"]
    return read_tree([TINY], overrides, noise_corpus)
