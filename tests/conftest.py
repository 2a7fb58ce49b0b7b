"""A tiny made-up corpus and tiny settings for whatever trains in a test."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.config.files import SettingsTree, read_tree
from pretrain.shared.random_streams import generator

PROJECT = Path(__file__).resolve().parent.parent

TINY = PROJECT / "configs" / "size" / "tiny.toml"


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
