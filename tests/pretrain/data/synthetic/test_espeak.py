"""The real library, asked for little; voices as in the corpus."""

import time

import numpy as np
import pytest
from numpy.typing import NDArray

from pretrain.data.synthetic.espeak import ESPEAK_RATE_HZ, Request, speak
from pretrain.data.synthetic.prosody import rule_table, to_request

TEXT = "My sister is talking about the garden today."


def spoken(activation: float, voice: str = "en-us+f1") -> NDArray[np.float64]:
    request = to_request(TEXT, rule_table(np.array([activation, 0.0, 0.0])))
    (samples,) = speak(voice, [request])
    return np.frombuffer(samples, dtype="<i2").astype(np.float64)


def median_pitch_hz(samples: NDArray[np.float64]) -> float:
    """By autocorrelation of the loud frames, 75 to 400 Hz."""
    size = 1024
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    loud = frames[frames.std(axis=1) > 0.5 * samples.std()]
    pitches = []
    for frame in loud:
        centred = frame - frame.mean()
        correlation = np.correlate(centred, centred, "full")[size - 1 :]
        low, high = ESPEAK_RATE_HZ // 400, ESPEAK_RATE_HZ // 75
        pitches.append(ESPEAK_RATE_HZ / (low + int(correlation[low:high].argmax())))
    return float(np.median(pitches))


@pytest.mark.parametrize("voice", ["en-us+f1", "en+m1"])
def test_high_activation_is_heard_as_louder_faster_and_higher(voice: str) -> None:
    calm, excited = spoken(-60, voice), spoken(60, voice)
    # By the rules: volume 30 -> 70, rate 70 -> 130 %, pitch 82 -> 118 %.
    assert excited.std() > 1.6 * calm.std()
    assert len(calm) > 1.5 * len(excited)
    assert 1.2 < median_pitch_hz(excited) / median_pitch_hz(calm) < 1.7


@pytest.mark.slow
def test_fresh_processes_repeat_each_other_and_the_beginning_does_not_depend_on_the_rest() -> None:
    requests = [to_request(text, rule_table(np.zeros(3))) for text in (TEXT, "Yes.", TEXT)]
    breathy = "en-gb-scotland+f2"
    first = list(speak(breathy, requests))
    time.sleep(1.1)  # espeak-ng would start the noise of this voice from the clock's seconds
    assert list(speak(breathy, requests)) == first
    assert list(speak(breathy, requests[:2])) == first[:2]


def test_an_unknown_voice_is_refused() -> None:
    request = Request(text="Yes.", rate=200, volume=50, pitch=50, range=50, word_gap=4)
    with pytest.raises(RuntimeError, match="voice 'no-such-voice'"):
        list(speak("no-such-voice", [request]))


def test_a_reader_that_stops_early_does_not_hang() -> None:
    requests = [to_request(TEXT, rule_table(np.zeros(3)))] * 30
    reader = speak("en+m3", requests)
    assert next(reader)
    reader.close()
