"""The command from end to end on a small made-up corpus."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from pretrain.data.loader import normalize_waveform, pad_waveforms
from pretrain.data.vocabulary import Vocabulary
from pretrain.engine.checkpoint import save_checkpoint
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import save_encoder
from pretrain.objectives.ctc import CtcHead
from pretrain.objectives.quantized import QuantizedObjective, QuantizedSettings
from pretrain.recognition.recognizer import Recognizer
from pretrain.shared.random_streams import generator
from probe.code_knowledge import parse_arguments, run
from probe.codes import alignment, frames
from probe.codes.frames import CodesError, frame_codes, load_quantizer
from probe.codes.results import COLUMNS, CodesResultsError
from probe.corpora.read import read_probe_corpus
from probe.rows.comparable import read_encoder_run

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=1, num_heads=2, position_groups=2
)
SETTINGS = QuantizedSettings(num_codebooks=2, num_entries=4, code_dim=8)


def make_row(folder: Path, mode: str = "quantized") -> Path:
    """Writes a run folder as a finished pre-training leaves it."""
    encoder = build_encoder(SIZES, seed=1)
    save_encoder(folder, encoder)
    tensors = QuantizedObjective(encoder, SETTINGS, seed=1).state_dict()
    save_checkpoint(folder / "checkpoints", 3, {"objective": tensors}, {}, keep=2)
    record = {
        "kind": "pretrain", "status": "finished", "name": f"{mode}-row", "seed": 0, "mode": mode,
        "row": SETTINGS.row(), "comparison": {"lr": 1}, "hashes": {"initial_weights": "x"},
        "settings": {"quantized": {"num_codebooks": 2, "num_entries": 4, "code_dim": 8}},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def row(tmp_path: Path) -> Path:
    (tmp_path / "row").mkdir()
    return make_row(tmp_path / "row")


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    lines = ["path,speaker,session,emotion,text"]
    for number in range(12):
        samples = generator("codes", number).normal(0, 0.05, 9_000 + 400 * number)
        samples *= 1 + np.sin(np.arange(len(samples)) / (200 if number % 2 else 20))
        soundfile.write(tmp_path / f"{number}.wav", samples, 16_000)
        emotion = "angry" if number % 2 else "sad"
        text = "A B" if number else "Z"
        lines.append(f"{number}.wav,s{number // 4},p,{emotion},{text}")
    (tmp_path / "manifest.csv").write_text("\n".join(lines) + "\n")
    return f"mine={tmp_path / 'manifest.csv'}"


def arguments(row: Path, corpus: str, tmp_path: Path, *more: str) -> list[str]:
    folders = ["--out", str(tmp_path / "out"), "--features", str(tmp_path / "features")]
    return ["--encoder", str(row), "--corpus", corpus, *folders, *more]


@pytest.fixture
def ctc(tmp_path: Path) -> Path:
    """The folder of a finished recognizer."""
    folder = tmp_path / "ctc"
    folder.mkdir()
    encoder = build_encoder(SIZES, seed=2)
    save_encoder(folder, encoder)
    Recognizer(encoder, CtcHead(16, 4), Vocabulary((" ", "A", "B"))).save_head(folder)
    record = {"status": "finished", "name": "reader", "finetuned_on": "x", "cer": 0.5}
    (folder / "run.json").write_text(json.dumps(record))
    return folder


def never(*_: object) -> None:
    raise AssertionError("computed again, or too early")


@pytest.mark.slow
def test_results_hold_use_rates_and_information_with_characters(
    row: Path, corpus: str, ctc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(parse_arguments(arguments(row, corpus, tmp_path, "--ctc", str(ctc))))
    tables = {name: pd.read_csv(tmp_path / "out" / f"{name}.csv") for name in COLUMNS}
    record = json.loads((tmp_path / "out" / "run.json").read_text())
    assert record["kind"] == "codes"
    assert record["aligner"]["dev_cer"] == 0.5
    assert record["corpora"][0]["aligned"] == {"utterances": 11, "left_out": 1}
    assert any("1 of 12 utterances" in note for note in record["corpora"][0]["notes"])
    (codes,) = tables["codes"].to_dict("records")
    assert codes["centres"] == 16
    assert codes["nominal_bits"] == 4.0
    assert 0.0 <= codes["bits"] <= 4.05
    used = tables["usage"].groupby("group")["frames"].sum()
    assert used.tolist() == [codes["frames"]] * 2
    assert len(tables["usage"]) == 8
    assert set(tables["information"]["label"]) == {"emotion", "speaker", "character"}
    assert len(tables["blocks"]) == 9
    assert set(tables["information"]["units"]) == {"speakers"}
    assert codes["held_out_over"] == "speakers"
    # A second call aligns nothing anew.
    monkeypatch.setattr(alignment, "align_table", never)
    run(parse_arguments(arguments(row, corpus, tmp_path, "--ctc", str(ctc))))
    again = pd.read_csv(tmp_path / "out" / "information.csv")
    pd.testing.assert_frame_equal(again, tables["information"])


def test_a_wrong_aligner_or_a_name_given_twice_is_found_before_anything_is_aligned(
    row: Path, corpus: str, ctc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alignment, "align_table", never)
    more = ("--ctc", str(ctc))
    with pytest.raises(CodesError, match="needs a name of its own"):
        run(parse_arguments(arguments(row, corpus, tmp_path, *more, "--corpus", corpus)))
    (ctc / "run.json").write_text('{"status": "stopped"}')
    with pytest.raises(CodesError, match="has the status 'stopped' instead: finish it"):
        run(parse_arguments(arguments(row, corpus, tmp_path, *more)))
    (ctc / "run.json").unlink()
    with pytest.raises(CodesError, match=r"run\.json of .*ctc cannot be read"):
        run(parse_arguments(arguments(row, corpus, tmp_path, *more)))


def test_codes_are_those_of_the_quantizer_and_kept(
    row: Path, corpus: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = read_probe_corpus(corpus)
    loaded = load_quantizer(read_encoder_run(row))
    codes = frame_codes(table, loaded, "row", tmp_path / "features")
    samples, _ = soundfile.read(table["path"].iloc[3], dtype="float32")
    waveforms, num_samples = pad_waveforms([normalize_waveform(samples)])
    with torch.no_grad():
        features = loaded.encoder.features(waveforms, num_samples)
        count = int(features.num_frames[0])
        logits = loaded.quantizer.to_logits(features.normalized[0, :count]).view(count, 2, 4)
    start = int(codes.lengths[:3].sum())
    assert codes.lengths[3] == count
    assert np.array_equal(codes.codes[start : start + count], logits.argmax(dim=-1).numpy())
    # Another order of the table reads the same file.
    monkeypatch.setattr(frames, "_compute", never)
    again = frame_codes(table.iloc[::-1], loaded, "row", tmp_path / "features")
    assert np.array_equal(again.lengths, codes.lengths[::-1])
    assert np.array_equal(again.codes[-codes.lengths[0] :], codes.codes[: codes.lengths[0]])
    assert len(list((tmp_path / "features").iterdir())) == 1


def test_a_row_without_usable_checkpoint_is_refused_in_words(row: Path) -> None:
    described = read_encoder_run(row)
    file = row / "checkpoints" / "update-00000003" / "objective.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CodesError, match="is damaged"):
        load_quantizer(described)
    file.write_bytes(whole)
    save_encoder(row, build_encoder(SIZES, seed=5))
    with pytest.raises(CodesError, match="of other weights than its encoder"):
        load_quantizer(described)
    shutil.rmtree(row / "checkpoints")
    with pytest.raises(CodesError, match="has no checkpoint left"):
        load_quantizer(described)


def test_rows_without_codes_and_foreign_folders_are_refused(
    row: Path, corpus: str, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = make_row(tmp_path / "other", mode="continuous")
    with pytest.raises(CodesError, match="at least one quantized run"):
        run(parse_arguments(arguments(other, corpus, tmp_path)))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("mine")
    with pytest.raises(CodesResultsError, match="choose another"):
        run(parse_arguments(arguments(row, corpus, tmp_path)))
