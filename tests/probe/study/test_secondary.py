"""Pitch, energy and speakers: on states of which the truth is known."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.data.loader import normalize_waveform, pad_waveforms
from pretrain.objectives.frames.prosody import Prosody
from pretrain.shared.errors import InputError
from pretrain.shared.random_streams import generator
from probe.study import secondary
from probe.study.secondary import Secondary, refuse_heard

SPEAKERS, UTTERANCES = 8, 6


def spoken(folder: Path, *, speakers: int = SPEAKERS) -> str:
    """Buzzes of a speaker's own pitch that glide and swell, in noise."""
    folder.mkdir()
    lines = ["path,speaker"]
    for speaker in range(speakers):
        for number in range(UTTERANCES):
            rng = generator("secondary", speaker, number)
            time = np.arange(16_000) / 16_000
            f0 = (100 + 15 * speaker) * np.exp(rng.uniform(-0.2, 0.2) * time)
            phase = 2 * np.pi * np.cumsum(f0) / 16_000
            buzz = sum(np.sin(k * phase) / k for k in range(1, 9))
            swell = np.interp(time, [0, 0.5, 1], rng.uniform(0.2, 1.0, 3))
            sound = 0.1 * swell * buzz + rng.normal(0, 0.002, 16_000)
            name = f"{speaker}-{number}.wav"
            soundfile.write(folder / name, sound, 16_000)
            lines.append(f"{name},s{speaker}")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n")
    return f"spoken={folder}"


def shares(found: pd.DataFrame) -> dict[str, float]:
    sums = found.groupby("endpoint")[["whole", "part"]].sum()
    return {str(name): float(value) for name, value in (sums["part"] / sums["whole"]).items()}


@pytest.mark.slow
def test_states_that_hold_the_answer_tell_it_and_noise_does_not(tmp_path: Path) -> None:
    corpus = Secondary(spoken(tmp_path / "spoken"), tmp_path / "kept")
    prosody = Prosody()
    draws = generator("secondary states")

    def knowing(sound: np.ndarray) -> list[np.ndarray]:
        values, _ = prosody(pad_waveforms([normalize_waveform(sound)])[0])
        told = values[0].double().numpy()
        noise = draws.normal(size=told.shape)
        none = draws.normal(size=(len(told), 5))
        return [none, np.concatenate([told @ np.array([[2.0, 1], [1, -1], [0, 3]]), noise], 1)]

    def knowing_nothing(sound: np.ndarray) -> list[np.ndarray]:
        return [draws.normal(size=(len(sound) // 320, 5))]

    wise = shares(secondary._measure(corpus.table, knowing, "wise"))
    assert wise["f0"] > 0.99
    assert wise["energy"] > 0.95
    dull = shares(secondary._measure(corpus.table, knowing_nothing, "dull"))
    assert abs(dull["f0"]) < 0.05
    assert abs(dull["energy"]) < 0.05
    assert dull["speaker"] < 0.5


def test_speakers_are_named_from_other_utterances_at_the_layer_that_knows_them() -> None:
    draws = np.random.default_rng(0)
    means = draws.normal(0, 3.0, (SPEAKERS, 6))
    pooled = {
        f"s{k}": np.stack([draws.normal(size=(10, 6)), mean + draws.normal(0, 0.3, (10, 6))])
        for k, mean in enumerate(means)
    }
    lines = secondary._who(pooled)
    assert lines == [("speaker", f"s{k}", 5, 5) for k in range(SPEAKERS)]


def test_regression_is_that_of_least_squares() -> None:
    rng = np.random.default_rng(0)
    x, noise = rng.normal(2.0, 3.0, (500, 4)), rng.normal(0, 0.5, 500)
    y = x @ np.array([1.0, -2.0, 0.5, 0.0]) + 3.0 + noise
    fit = secondary._fit(secondary._products(x[None], y)[0])
    plain = np.linalg.lstsq(np.c_[np.ones(500), x], y, rcond=None)[0]
    assert fit.weights[:-1] == pytest.approx(plain, rel=0.02, abs=0.02)
    error, power = secondary._error_and_power(fit, secondary._products(x[None], y)[0])
    residual = y - np.c_[np.ones(500), x] @ fit.weights[:-1]
    assert error == pytest.approx(np.square(residual).sum())
    assert power == pytest.approx(np.square(y - y.mean()).sum())


@pytest.mark.slow
def test_results_are_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus = Secondary(spoken(tmp_path / "spoken"), tmp_path / "kept")
    first = corpus.of_log_mel()
    monkeypatch.setattr(secondary, "_measure", None)
    pd.testing.assert_frame_equal(first, corpus.of_log_mel())
    assert shares(first)["speaker"] > 0.5
    assert corpus.describe()["speakers"] == SPEAKERS


@pytest.mark.slow
def test_too_few_speakers_and_recordings_that_were_heard_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"at least 8 speakers .* but has 3 instead"):
        Secondary(spoken(tmp_path / "few", speakers=3), tmp_path / "kept")
    corpus = Secondary(spoken(tmp_path / "spoken"), tmp_path / "kept")
    run = tmp_path / "run"
    run.mkdir()
    corpus.table.iloc[5:6].to_csv(run / "utterances.csv", index=False)
    with pytest.raises(InputError, match="but 1 of its recordings are in"):
        refuse_heard(corpus.table, run, "spoken")
