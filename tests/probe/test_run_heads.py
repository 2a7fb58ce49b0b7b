"""The probe's command with the other two heads, from end to end."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.weights import save_encoder, weights_hash
from pretrain.shared.random_streams import generator
from probe.command_line import parse_arguments
from probe.results import read_results
from probe.run import run

pytestmark = pytest.mark.slow

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=2, num_heads=2, position_groups=2
)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    lines = ["path,speaker,session,emotion,valence,arousal,dominance,text,split"]
    for number in range(12):
        samples = generator("run", number).normal(0, 0.05, 6_000)
        samples *= 1 + np.sin(np.arange(6_000) / (200 if number % 2 else 20))
        soundfile.write(tmp_path / f"{number}.wav", samples, 16_000)
        emotion = "angry" if number % 2 else "sad"
        lines.append(f"{number}.wav,s{number // 4},p{number // 4},{emotion},{number % 3 + 1},,,,")
    manifest = tmp_path / "manifest.csv"
    manifest.write_text("\n".join(lines) + "\n")
    encoder = tmp_path / "encoder"
    encoder.mkdir()
    save_encoder(encoder, build_encoder(SIZES, seed=1))
    initial = build_encoder(SIZES, seed=2)
    save_encoder(encoder, initial, initial=True)
    description = {
        "kind": "pretrain", "status": "finished", "name": "quantized-g2v2", "seed": 0, "row": {},
        "mode": "quantized", "comparison": {"lr": 1},
        "hashes": {"initial_weights": weights_hash(initial)},
    }  # fmt: skip
    (encoder / "run.json").write_text(json.dumps(description))
    return ["--encoder", str(encoder), "--corpus", f"mine={manifest}"]


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ("superb", {"constant", "log-mel", "untrained", "quantized-g2v2"}),
        ("finetune", {"constant", "untrained", "quantized-g2v2"}),
    ],
)
def test_results_of_the_other_heads_have_the_same_layout(
    command: list[str], head: str, rows: set[str], tmp_path: Path
) -> None:
    extra = ["--head", head, "--set", f"{head}.epochs=2", "--out", str(tmp_path / head)]
    run(parse_arguments([*command, *extra]))
    results = read_results(tmp_path / head)
    assert results.run["head"] == head
    assert results.run["inputs"]["head"]["settings"]["epochs"] == 2
    assert set(results.scores["row"]) == set(results.predictions["row"]) == rows
    assert set(results.scores["head"]) == {head}
    assert set(results.scores["layer"]) == {"selected"}
    assert set(results.scores["metric"]) == {"ua", "wa", "macro_f1", "mse_valence", "ccc_valence"}
    assert set(results.selection["row"]) == rows - {"constant"}


def test_the_constant_predictor_is_the_same_under_every_head(
    command: list[str], tmp_path: Path
) -> None:
    found = []
    for head, extra in (("linear", []), ("superb", ["--set", "superb.epochs=1"])):
        out = tmp_path / head
        run(parse_arguments([*command, "--head", head, *extra, "--out", str(out)]))
        scores = read_results(out).scores
        found.append(scores[scores["row"] == "constant"].set_index("metric")["value"])
    shared = found[1].index
    pd.testing.assert_series_equal(found[0].loc[shared], found[1])


def test_a_wrong_head_or_setting_stops_the_command_in_words(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for extra, message in (
        (["--head", "ridge"], "must be one of linear, svm, superb, finetune, but is 'ridge'"),
        (["--head", "superb", "--set", "superb.epoch=2"], "did you mean `superb.epochs`"),
    ):
        with pytest.raises(SystemExit):
            parse_arguments([*command, *extra, "--out", str(tmp_path / "out")])
        assert message in capsys.readouterr().err
