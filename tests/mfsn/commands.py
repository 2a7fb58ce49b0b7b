"""What the tests of whole commands share: a small corpus, tiny encoders, and how to start."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import save_encoder
from pretrain.shared.random_streams import generator
from tests.conftest import PROJECT

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)
TINY = str(PROJECT / "configs" / "mfsn" / "tiny.toml")


def make_corpus(folder: Path, speakers: range, *, draw: str = "mfsn") -> str:
    """Six utterances of each speaker, two classes, one of them longer than a segment."""
    folder.mkdir()
    lines = ["path,speaker,session,emotion"]
    for speaker in speakers:
        for number in range(6):
            num_samples = 12_000 if number else 60_000
            samples = generator(draw, speaker, number).normal(0, 0.05, num_samples)
            samples *= 1 + np.sin(np.arange(num_samples) / (200 if number % 2 else 20))
            name = f"{speaker}-{number}.wav"
            soundfile.write(folder / name, samples, 16_000)
            lines.append(f"{name},s{speaker},p{speaker},{'angry' if number % 2 else 'sad'}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return f"mine={folder / 'manifest.csv'}"


def make_place(folder: Path) -> None:
    """Puts a corpus of three speakers and three encoders into the folder."""
    make_corpus(folder / "corpus", range(3))
    for seed, name in enumerate(("tec", "quantized", "continuous")):
        (folder / name).mkdir()
        save_encoder(folder / name, build_encoder(SIZES, seed=seed))
        run = {"kind": "pretrain", "status": "finished", "name": name, "mode": name}
        (folder / name / "run.json").write_text(json.dumps(run))


def command(place: Path, action: str, out: Path, *more: str) -> list[str]:
    encoders = ["--sec", str(place / "continuous")]
    if action == "ablate":
        encoders = ["--sec-quantized", str(place / "quantized"), "--sec-continuous"]
        encoders.append(str(place / "continuous"))
    return [
        action, "--tec", str(place / "tec"), *encoders, "--out", str(out), "--config", TINY,
        "--corpus", f"mine={place / 'corpus' / 'manifest.csv'}", *more,
    ]  # fmt: skip


def start_script(place: Path, arguments: list[str], **more: str) -> "subprocess.Popen[str]":
    environment = {**os.environ, "RUNS": str(place / "runs"), "OMP_NUM_THREADS": "1", **more}
    return subprocess.Popen(
        [sys.executable, str(PROJECT / "mfsn" / "run.py"), *arguments],
        cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip


def run_script(
    place: Path, arguments: list[str], **more: str
) -> "subprocess.CompletedProcess[str]":
    process = start_script(place, arguments, **more)
    out, error = process.communicate(timeout=300)
    return subprocess.CompletedProcess(arguments, process.returncode, out, error)


def wait_for(condition: Any, process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.05)
