"""What the tests of Table 4's command share: a corpus to pre-train on, one to probe, two rows."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from pretrain.shared.random_streams import generator
from tests.conftest import PROJECT, TINY

SCRIPT = PROJECT / "probe" / "table4.py"


def make_corpus(folder: Path, *, draw: str = "table4") -> str:
    """Twelve utterances of three speakers, two classes, with valence; returns its spec."""
    folder.mkdir(parents=True)
    lines = ["path,speaker,session,emotion,valence"]
    for number in range(12):
        samples = generator(draw, number).normal(0, 0.05, 12_000)
        samples *= 1 + np.sin(np.arange(12_000) / (200 if number % 2 else 20))
        soundfile.write(folder / f"{number}.wav", samples, 16_000)
        emotion = "angry" if number % 2 else "sad"
        lines.append(f"{number}.wav,s{number // 4},p{number // 4},{emotion},{number % 3 + 1}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return f"{folder.name}={folder / 'manifest.csv'}"


def make_rows(folder: Path) -> Path:
    """Two rows, as in configs/table4."""
    folder.mkdir()
    for name in ("quantized-g2v2", "continuous-k1"):
        text = (PROJECT / "configs" / "table4" / f"{name}.toml").read_text(encoding="utf-8")
        (folder / f"{name}.toml").write_text(text)
    return folder


def command(place: Path, corpus: str, pretrain_on: str, *more: str) -> list[str]:
    """A command over the rows in `place`, of six updates each."""
    return [
        "--runs", str(place / "table"), "--rows", str(place / "rows"), "--config", str(TINY),
        "--set", "training.updates=6", "--set", "training.checkpoint_every=3",
        "--set", "training.precision=fp32", "--pretrain-on", pretrain_on, "--corpus", corpus,
        "--features", str(place / "features"), "--precision", "fp32", *more,
    ]  # fmt: skip


def start(place: Path, arguments: list[str], script: Path = SCRIPT) -> "subprocess.Popen[str]":
    """Starts a command with one thread: sums over several come out otherwise in the last digit."""
    environment = {**os.environ, "RUNS": str(place / "runs"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(script), *arguments],
        cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def run_to_end(
    place: Path, arguments: list[str], script: Path = SCRIPT, seconds: float = 300
) -> "subprocess.CompletedProcess[str]":
    process = start(place, arguments, script)
    out, error = process.communicate(timeout=seconds)
    return subprocess.CompletedProcess(arguments, process.returncode, out, error)
