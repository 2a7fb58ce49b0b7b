"""Which transcribed utterances are trained on, which are decoded, and which are left out."""

import pandas as pd
import pytest

from pretrain.data.table import TableError
from pretrain.data.transcribed import TranscribedParts, split_transcribed


def make_table(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Rows are 1 s long and say "a b" unless they say otherwise."""
    defaults = {"frames": 16_000, "sample_rate": 16_000, "text": "a b", "split": "train"}
    filled = [
        {**defaults, "id": f"u{i}", "speaker": f"s{i % 5}", "audio_hash": f"h{i}", **row}
        for i, row in enumerate(rows)
    ]
    return pd.DataFrame(filled)


def split(table: pd.DataFrame, seed: int = 0) -> TranscribedParts:
    return split_transcribed(table, min_seconds=0.3, max_seconds=5.0, dev_share=0.2, seed=seed)


def test_the_dev_split_is_decoded_and_the_test_split_is_kept_apart() -> None:
    parts = split(make_table([{}, {"split": "dev"}, {"split": "test"}, {"split": "Dev"}]))
    assert list(parts.train["id"]) == ["u0"]
    assert list(parts.dev["id"]) == ["u1", "u3"]
    assert list(parts.test["id"]) == ["u2"]
    assert set(parts.train["text"]) == {"A B"}


def test_without_a_dev_split_whole_speakers_are_held_out() -> None:
    parts = split(make_table([{} for _ in range(20)] + [{"split": "test"}]))
    held_out = set(parts.dev["speaker"])
    assert len(held_out) == 1
    assert len(parts.dev) == 4
    assert held_out.isdisjoint(parts.train["speaker"])
    assert "speakers" in parts.dev_is
    by_seed = {tuple(sorted(set(split(make_table([{}] * 20), seed).dev["speaker"])))
               for seed in range(10)}  # fmt: skip
    assert len(by_seed) > 1


def test_without_speakers_utterances_are_held_out_and_it_says_so() -> None:
    parts = split(make_table([{"speaker": ""} for _ in range(20)]))
    assert len(parts.dev) == 4
    assert "speakers unknown" in parts.dev_is


def test_what_cannot_be_trained_on_is_counted() -> None:
    rows: list[dict[str, object]] = [
        {},
        {"text": " "},
        {"frames": 4_000},
        {"frames": 160_000},
        {"text": "a" * 40},
        {"text": "a" * 25},
        {"audio_hash": "same"},
        {"split": "dev"},
        {"split": "dev", "audio_hash": "same"},
        {"split": "dev", "frames": 160_000},
    ]
    parts = split(make_table(rows))
    # 1 s has 49 frames: 25 equal characters need 49, 40 need 79.
    assert list(parts.train["id"]) == ["u0", "u5"]
    assert list(parts.dev["id"]) == ["u7", "u8", "u9"]
    assert parts.left_out == {
        "no transcript": 1,
        "too short": 1,
        "too long to train on": 1,
        "fewer frames than characters": 1,
        "recordings of the dev or test part": 1,
    }


def test_a_corpus_without_transcripts_is_refused() -> None:
    with pytest.raises(TableError, match=r"2 no transcript.*a column `text`"):
        split(make_table([{"text": ""}, {"text": ""}]))
