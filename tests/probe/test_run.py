"""The probe's command from end to end on a small made-up corpus."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pretrain.data.tables.utterances import save_table
from pretrain.engine.arithmetic import precision
from pretrain.engine.arithmetic.precision import Rates
from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import save_encoder, weights_hash
from pretrain.shared.random_streams import generator
from probe.command_line import parse_arguments
from probe.corpora.published import IncompleteCorpusError, IncompleteCorpusWarning
from probe.corpora.read import read_probe_corpus
from probe.results import read_results
from probe.run import run

pytestmark = pytest.mark.slow

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)
SCRIPT = Path(__file__).resolve().parents[2] / "probe" / "run.py"


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    lines = ["path,speaker,session,emotion,valence,arousal,dominance,text,split"]
    for number in range(12):
        samples = generator("run", number).normal(0, 0.05, 12_000)
        samples *= 1 + np.sin(np.arange(12_000) / (200 if number % 2 else 20))
        soundfile.write(tmp_path / f"{number}.wav", samples, 16_000)
        emotion = "angry" if number % 2 else "sad"
        lines.append(f"{number}.wav,s{number // 4},p{number // 4},{emotion},{number % 3 + 1},,,,")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    return manifest


@pytest.fixture
def encoder(tmp_path: Path) -> Path:
    folder = tmp_path / "encoder"
    folder.mkdir()
    save_encoder(folder, build_encoder(SIZES, seed=1))
    initial = build_encoder(SIZES, seed=2)
    save_encoder(folder, initial, initial=True)
    description = {
        "kind": "pretrain", "status": "finished", "name": "quantized-g2v2", "seed": 0, "row": {},
        "mode": "quantized", "comparison": {"lr": 1},
        "hashes": {"initial_weights": weights_hash(initial)},
    }  # fmt: skip
    (folder / "run.json").write_text(json.dumps(description))
    return folder


def test_results_hold_every_row_beside_the_baselines(
    corpus: Path,
    encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    out = tmp_path / "out"
    run(
        parse_arguments(
            ["--encoder", str(encoder), "--corpus", f"mine={corpus}", "--out", str(out)]
        )
    )
    results = read_results(out)
    rows = {entry["name"]: entry["group"] for entry in results.run["rows"]}
    assert rows == {
        "constant": "baseline", "log-mel": "baseline", "untrained": "baseline",
        "quantized-g2v2": "row",
    }  # fmt: skip
    scores = results.scores
    assert set(scores["row"]) == set(rows)
    of_emotion = {"ua", "wa", "macro_f1", "mse_valence", "ccc_valence"}
    assert set(scores["metric"]) == of_emotion | {"speaker_ua", "speaker_wa"}
    assert set(results.predictions["task"]) == {"emotion", "valence"}
    own = scores[scores["row"] == "quantized-g2v2"]
    assert set(own["layer"]) == {"selected", "0", "1", "2"}
    assert results.run["corpora"][0]["overlap"] == {
        "speakers": 0, "sessions": 0, "audio": 0, "sentences": None,
    }  # fmt: skip
    assert len(results.predictions) == 4 * 2 * 12
    printed = capsys.readouterr().out
    assert "0 speakers, 0 sessions, sentences unknown: no text column" in printed
    assert [line for line in printed.splitlines() if line.startswith("quantized-g2v2 ")]


def test_results_keep_their_precision_on_another_machine(
    corpus: Path,
    encoder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    arguments = ["--encoder", str(encoder), "--corpus", f"mine={corpus}", "--no-attributes"]
    arguments += ["--no-fingerprints", "--out", str(tmp_path / "out")]
    for bf16, options, expected, said in (
        (
            200.0,
            [],
            True,
            "precision of the probe: bf16 (its products run at 2 times the speed of fp32 here)",
        ),
        (1.0, [], True, "WARNING: precision bf16 is kept, but fp32 would be faster by far"),
        (200.0, ["--precision", "fp32"], False, "precision of the probe: fp32 (as asked for)"),
    ):
        rates = Rates(highest=100.0, medium=100.0, bf16=bf16)
        monkeypatch.setattr(precision, "measure", lambda widths, rates=rates: rates)
        run(parse_arguments([*arguments, *options]))
        assert read_results(tmp_path / "out").run["inputs"]["bf16"] is expected
        output = capsys.readouterr().out
        assert said in output or "Already there" in output
    kept = {path.name.split("-")[2] for path in (tmp_path / "runs" / "features").glob("*-cpu-*")}
    assert kept == {"bf16", "fp32"}


def test_what_a_row_has_heard_is_told_in_its_results(
    corpus: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    spec, out = f"mine={corpus}", tmp_path / "out"
    planted = read_probe_corpus(spec)[:5].assign(source="heard")
    save_table(planted, encoder / "utterances.csv")
    run(parse_arguments(["--encoder", str(encoder), "--corpus", spec, "--out", str(out)]))
    (entry,) = read_results(out).run["contamination"]
    assert (entry["corpus"], entry["pretrained_on"]) == ("mine", "heard")
    assert entry["rows"] == [["quantized-g2v2", 0]]
    assert (entry["by_hash"], entry["num_utterances"]) == (5, 12)
    assert entry["checked_by"].startswith("audio hash and fingerprint")


def test_an_incomplete_corpus_needs_the_flag(
    encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    corpus = tmp_path / "emodb"
    corpus.mkdir()
    soundfile.write(corpus / "03a01Fa.wav", generator("run").normal(0, 0.05, 12_000), 16_000)
    arguments = ["--encoder", str(encoder), "--corpus", f"emodb={corpus}"]
    arguments += ["--out", str(tmp_path / "out")]
    with pytest.raises(IncompleteCorpusError, match="speaker 03: 1 instead of 49"):
        run(parse_arguments(arguments))
    with (
        pytest.warns(IncompleteCorpusWarning, match="speaker 03: 1 instead of 49"),
        pytest.raises(ValueError, match="at least 3 speakers"),  # the next thing that is wrong
    ):
        run(parse_arguments([*arguments, "--allow-incomplete"]))


def test_the_command_refuses_wrong_input_in_words(tmp_path: Path) -> None:
    command = [
        sys.executable,
        str(SCRIPT),
        "--encoder",
        "none",
        "--corpus",
        "emodb=x",
        "--out",
        "o",
    ]
    for extra, message in (
        ([], "does not exist"),
        (["--protocol", "sesion"], "official, emobox=DIR, but is 'sesion'"),
    ):
        done = subprocess.run([*command, *extra], cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode != 0
        assert message in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize("name", ["encoder.safetensors", "initial.safetensors"])
def test_an_encoder_that_cannot_be_loaded_is_found_before_the_baselines(
    name: str, corpus: Path, encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed before it was found")

    monkeypatch.setattr("probe.rows.all_rows.evaluate_row", never)
    (encoder / name).write_bytes((encoder / name).read_bytes()[:-8])
    arguments = ["--encoder", str(encoder), "--corpus", f"mine={corpus}"]
    arguments += ["--out", str(tmp_path / "out"), "--features", str(tmp_path / "features")]
    with pytest.raises(ValueError, match=rf"{name}` is damaged"):
        run(parse_arguments(arguments))
