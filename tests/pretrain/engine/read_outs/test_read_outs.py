"""Held-out speakers: who they are, that nobody trains on them, and what is read out."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.config.files import read_tree
from pretrain.config.settings import ResolvedSettings, resolve, use_mode
from pretrain.data.held_out import (
    HeldOutSettings,
    held_out_utterances,
    without_held_out,
)
from pretrain.engine.pretrain_run import pretrain
from pretrain.engine.read_outs.held_out import summary
from pretrain.engine.read_outs.linear_read_out import read_off
from pretrain.shared.random_streams import generator
from tests.conftest import TINY


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Sixteen utterances of eight speakers."""
    folder = tmp_path_factory.mktemp("speakers")
    lines = ["path,speaker"]
    for number in range(16):
        samples = generator("held out", number).normal(0, 0.05, 16_000)
        samples *= 1 + np.sin(np.arange(16_000) / (30 + 20 * number))
        soundfile.write(folder / f"{number}.wav", samples, 16_000)
        lines.append(f"{number}.wav,s{number % 8}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return f"speakers={folder}"


def settings(corpus: str, mode: str, *more: str) -> ResolvedSettings:
    overrides = ["training.updates=4", "training.checkpoint_every=2", "training.precision=fp32"]
    tree = read_tree([TINY], [*overrides, *more], corpus)
    use_mode(tree, mode)
    return resolve(tree)


def table(num: int = 12) -> pd.DataFrame:
    rows = [(f"u{n:02d}", f"s{n % 6}", f"h{n}") for n in range(num)]
    return pd.DataFrame(rows, columns=["id", "speaker", "audio_hash"])


def test_whole_speakers_are_held_out_whatever_the_order_of_rows() -> None:
    held = HeldOutSettings(speakers=4, per_speaker=1)
    out, left = held_out_utterances(table(), held), without_held_out(table(), held)
    assert out["speaker"].nunique() == len(out) == 4
    assert set(left["speaker"]) == {f"s{n}" for n in range(6)} - set(out["speaker"])
    turned = table().iloc[::-1].reset_index(drop=True)
    pd.testing.assert_frame_equal(held_out_utterances(turned, held), out)


def test_utterances_are_held_out_where_nobody_is_named() -> None:
    nobody = table().assign(speaker="")
    held = HeldOutSettings(speakers=5)
    out, left = held_out_utterances(nobody, held), without_held_out(nobody, held)
    assert len(out) == 5
    assert set(out["id"]) | set(left["id"]) == set(nobody["id"])


def test_faults_are_named() -> None:
    with pytest.raises(ValueError, match=r"`held_out\.speakers` must leave somebody"):
        without_held_out(table(), HeldOutSettings(speakers=6))
    with pytest.raises(ValueError, match="`speakers` must be 0 or at least 4"):
        HeldOutSettings(speakers=2)


def test_what_is_linear_in_states_is_read_off_and_noise_is_not() -> None:
    draw = np.random.default_rng(0)
    states = draw.normal(size=(400, 6))
    speakers = np.repeat(np.arange(8), 50)
    centroids = np.array([[-1.0, 0.0], [1.0, 0.0]])
    frames = states @ draw.normal(size=(6, 2))
    known = read_off(states, frames, centroids, speakers)
    assert known.errors.sum() / known.powers.sum() < 1e-4
    assert known.hits.mean() > 0.98
    noise = read_off(draw.normal(size=(400, 6)), frames, centroids, speakers)
    assert 0.95 < noise.errors.sum() / noise.powers.sum() < 1.2


def test_a_summary_weighs_utterances_by_their_frames() -> None:
    lines = pd.DataFrame(
        {
            "id": ["a", "b"], "speaker": ["s", "t"], "masked_frames": [1, 3], "loss": [4.0, 8.0],
            "explained": [0.0, 0.4], "logmel_error": [1.0, 2.0], "logmel_power": [2.0, 4.0],
            "nearest_right": [1, 1],
        }
    )  # fmt: skip
    assert summary(lines) == {
        "loss": 7.0, "explained": pytest.approx(0.3), "r2_logmel": 0.5, "nearest_64": 0.5,
    }  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["frames", "quantized", "continuous"])
def test_reading_out_changes_nothing_of_a_training(
    corpus: str, mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    hashes, records = [], []
    for every in (1, 1000):
        folder = tmp_path / f"{every}"
        more = ["held_out.speakers=4", "held_out.per_speaker=1", f"held_out.every={every}"]
        assert pretrain(settings(corpus, mode, *more), folder, resume=False)
        record = json.loads((folder / "run.json").read_text())
        hashes.append(
            {k: v for k, v in record["hashes"].items() if k not in ("settings", "comparison")}
        )
        records.append(record)
    assert hashes[0] == hashes[1]
    assert [one["update"] for one in records[0]["held_out"]["read_outs"]] == [1, 2, 3, 4]
    assert records[0]["held_out"]["read_outs"][-1] == records[1]["held_out"]["read_outs"][-1]
    heard = pd.read_csv(tmp_path / "1" / "held_out.csv")
    assert len(heard) == heard["speaker"].nunique() == 4
    assert records[0]["corpus"]["speakers"] == 4
    assert ("targets" in hashes[0]) == (mode == "frames")
    assert (tmp_path / "1" / "targets.safetensors").is_file() == (mode == "frames")


def test_runs_without_it_are_as_before(corpus: str) -> None:
    assert "held_out" not in settings(corpus, "continuous").tree()
    with_it = settings(corpus, "continuous", "held_out.speakers=4")
    assert with_it.compared()["held_out.speakers"] == 4
