"""The paper's setting: the SEC encoder is trained along with fusion and head."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mfsn.experiment.results import read_run, read_table
from mfsn.run import main
from tests.mfsn.commands import command

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("runs")]


def test_a_trained_sec_encoder_is_kept_and_gives_the_same_answers_again(
    place: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trained"
    more = ("--fold", "s1", "--set", "train_sec_encoder=true", "--set", "fit.sec_lr=1e-2")
    assert main(command(place, "search", out, *more, "--set", "search.after=retrain")) == 0
    run = read_run(out)
    assert run["trained_parts"] == ["head", "fusion", "sec encoder"]
    kept = load_file(out / "tasks" / "mfsn" / "seed-0" / "s1" / "network.safetensors")
    given = load_file(place / "continuous" / "encoder.safetensors")
    start = "streams.sec."
    streams = {
        name.removeprefix(start): tensor for name, tensor in kept.items() if name.startswith(start)
    }
    assert streams.keys() == given.keys()
    assert any(not torch.equal(streams[name], given[name]) for name in given)
    # What is trained counts: the encoder's weights and those of fusion and head.
    num_trained = sum(tensor.numel() for tensor in streams.values())
    assert run["variants"][0]["parameters"] > num_trained
    corpus = f"mine={place / 'corpus' / 'manifest.csv'}"
    again = tmp_path / "again"
    assert main(["evaluate", "--run", str(out), "--corpus", corpus, "--out", str(again)]) == 0
    first, second = (read_table(path / "predictions.csv") for path in (out, again))
    assert first.equals(second)
    tested = [
        {key: read_run(path)["tasks"][0][key] for key in ("test_ua", "test_wa")}
        for path in (out, again)
    ]
    assert tested[0] == tested[1]
