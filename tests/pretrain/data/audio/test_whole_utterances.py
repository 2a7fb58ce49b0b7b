"""Utterances that are too long for an encoder are refused by name before anything is computed."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.data.audio.waveforms import check_whole
from pretrain.data.readers.read import read_corpus
from pretrain.recognition.transcribed import TranscribedParts, split_transcribed
from probe.corpora.card import make_card
from probe.features.batches import lengths_16k
from probe.rows.all_rows import check_corpora
from probe.rows.all_rows import read_corpus as read_probe_corpus
from tests.pretrain.data.voices import voice

SAID = (
    r"mine: an utterance must be at most 120 s long .* mine/long is 130 s long .*long\.flac.*offset"
)


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Short utterances and one of 130 s."""
    monkeypatch.setenv("RUNS", str(tmp_path / "runs"))
    rows = ["path,speaker,emotion,text,split"]
    for number in range(6):
        soundfile.write(tmp_path / f"{number}.wav", voice(number, 1.0), 16_000)
        rows.append(
            f"{number}.wav,s{number % 3},{('calm', 'glad')[number % 2]},word {number},train"
        )
    soundfile.write(tmp_path / "long.flac", np.tile(voice(9, 1.0), 130), 16_000)
    rows.append("long.flac,s0,calm,many words,dev")
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return f"mine={tmp_path}"


def test_a_probe_refuses_them_by_name(corpus: str) -> None:
    read = read_probe_corpus(corpus, "speaker", with_attributes=False)
    with pytest.raises(ValueError, match=SAID):
        check_corpora([read])
    with pytest.raises(ValueError, match=SAID):
        lengths_16k(read.table)


def split(table: pd.DataFrame) -> TranscribedParts:
    return split_transcribed(table, min_seconds=0.5, max_seconds=15.0, dev_share=0.3, seed=0)


def test_fine_tuning_refuses_them_where_they_would_be_decoded(corpus: str) -> None:
    table = read_corpus(corpus)
    with pytest.raises(ValueError, match=SAID):
        split(table)
    # What is too long to be trained on is left out, and counted, as ever.
    dev = (
        table["split"].mask(table["speaker"] == "s1", "dev").mask(table["speaker"] != "s1", "train")
    )
    parts = split(table.assign(split=dev))
    assert parts.left_out["too long to train on"] == 1


def test_a_card_says_it(corpus: str) -> None:
    (note,) = make_card(corpus).notes
    assert "1 utterances are above 120 s: probes refuse them" in note
    assert "mine/long" in note


def test_two_minutes_are_let_pass() -> None:
    row = {
        "id": "a",
        "source": "x",
        "path": "/a.wav",
        "frames": 120 * 16_000,
        "sample_rate": 16_000,
    }
    check_whole(pd.DataFrame([row]))
    with pytest.raises(ValueError, match="1 more are above the limit"):
        check_whole(pd.DataFrame([row | {"frames": 120 * 16_000 + 1}] * 2))
