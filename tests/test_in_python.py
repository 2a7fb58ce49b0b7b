"""Encoders and the probe in Python, and the example of the docs."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

import pretrain
import probe
from pretrain.data.loader import normalize_waveform, pad_waveforms
from pretrain.model.frozen import load_frozen
from pretrain.shared.errors import InputError
from tests.conftest import PROJECT
from tests.extension.tiny_probe import SIZES, write_row
from tests.probe.made_up import write_manifest

EXAMPLE = PROJECT / "docs" / "examples" / "features.py"


def test_layers_are_arrays_of_valid_frames_and_lists_are_taken_one_by_one(tmp_path: Path) -> None:
    row = write_row(tmp_path / "row")
    encoder = pretrain.load_encoder(str(row))
    assert (encoder.name, encoder.mode) == ("quantized-g2v2", "quantized")
    sounds = [np.random.default_rng(n).normal(0, 0.1, n).astype(np.float32) for n in (8_000, 5_001)]
    together = encoder.layers(sounds, 16_000)
    frozen = load_frozen(row)
    for sound, layers in zip(sounds, together, strict=True):
        assert len(layers) == encoder.num_layers + 1 == SIZES.num_layers + 1
        output = frozen(*pad_waveforms([normalize_waveform(sound)]))
        for one, own, alone in zip(
            layers, output.layers, encoder.layers(sound, 16_000), strict=True
        ):
            assert one.dtype == np.float32
            assert one.shape[1] == encoder.dim
            np.testing.assert_array_equal(one, alone)
            np.testing.assert_allclose(one, own[0, : len(one)].numpy(), atol=1e-6)
            assert len(one) == int(output.num_frames[0])


def test_what_is_no_encoder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="load_encoder must be the folder of an encoder"):
        pretrain.load_encoder(tmp_path / "none")


@pytest.mark.slow
def test_a_table_is_probed_as_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    row = write_row(tmp_path / "row")
    (tmp_path / "audio").mkdir()
    manifest = write_manifest(tmp_path / "audio", "text", lambda number: "")
    table = pd.read_csv(manifest, dtype=str, keep_default_na=False)
    table["path"] = [str(manifest.parent / path) for path in table["path"]]
    by_frame = probe.evaluate(row, table)
    by_file = probe.evaluate([row], manifest, out=tmp_path / "kept")
    assert capsys.readouterr().out == ""
    assert set(by_frame["row"]) == {"constant", "log-mel", "untrained", "quantized-g2v2"}
    same = ["row", "layer", "metric", "value"]
    pd.testing.assert_frame_equal(by_frame[same], by_file[same])
    assert (tmp_path / "kept" / "scores.csv").is_file()
    with pytest.raises(InputError, match="cannot do what it was asked"):
        probe.evaluate(row, manifest, protocol="nobody")


@pytest.mark.slow
def test_the_example_runs(tmp_path: Path) -> None:
    row = write_row(tmp_path / "row")
    (tmp_path / "audio").mkdir()
    manifest = write_manifest(tmp_path / "audio", "text", lambda number: "")
    soundfile.write(tmp_path / "speech.wav", np.sin(np.arange(44_100) / 9), 44_100)
    words = [str(row), str(tmp_path / "speech.wav"), str(manifest)]
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), *words],
        capture_output=True, text=True, cwd=PROJECT,
        env={"RUNS": str(tmp_path / "runs"), "PYTHONPATH": str(PROJECT), "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "layer 2: 49 frames of 16" in done.stdout
    assert "quantized-g2v2" in done.stdout
