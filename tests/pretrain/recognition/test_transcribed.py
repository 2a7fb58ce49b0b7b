"""Which transcribed utterances are trained on, which are decoded, and which are left out."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pretrain.data.readers.read import read_corpus
from pretrain.data.tables.utterances import TableError
from pretrain.recognition.transcribed import TranscribedParts, part_of, split_transcribed


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


@pytest.mark.parametrize(
    ("split", "part"),
    [
        ("train-clean-100", "train"), ("Train-other-500", "train"), ("training", "train"),
        ("pretrain", "train"), ("dev-other", "dev"), ("val", "dev"), ("devel", "dev"),
        ("validation_1", "dev"), ("test-clean", "test"), ("testing", "test"), ("eval92", "test"),
        ("validated", ""), ("other", ""), ("contest", ""), ("trainable", ""),
    ],
)  # fmt: skip
def test_the_part_is_told_by_the_first_word_of_the_split(split: str, part: str) -> None:
    assert part_of(split) == part


def test_librispeechs_test_and_dev_splits_are_never_trained_on(tmp_path: Path) -> None:
    splits = ("train-clean-100", "train-other-500", "dev-clean", "dev-other", "test-clean",
              "test-other")  # fmt: skip
    for number, split_name in enumerate(splits, start=1):
        chapter = tmp_path / split_name / f"{number}" / "7"
        chapter.mkdir(parents=True)
        noise = 0.1 * np.random.default_rng(number).standard_normal(16_000)
        soundfile.write(chapter / f"{number}-7-0000.flac", noise, 16_000)
        (chapter / f"{number}-7.trans.txt").write_text(f"{number}-7-0000 SO IT WAS\n")
    parts = split(read_corpus(f"librispeech={tmp_path}"))
    for part in ("train", "dev", "test"):
        own = getattr(parts, part)
        assert sorted(own["split"]) == [name for name in splits if name.startswith(part)]
    assert parts.dev_is == "the corpus's dev split"


def test_splits_that_tell_no_part_are_named() -> None:
    rows: list[dict[str, object]] = [{}, {"split": "validated"}, {"split": "fold3"}, {"split": ""}]
    with pytest.raises(TableError, match=r"`split` must .* but is 'fold3', 'validated' instead"):
        split(make_table(rows))


def test_utterances_of_unknown_speakers_are_never_held_out_beside_known_ones() -> None:
    rows: list[dict[str, object]] = [{"speaker": ""} for _ in range(15)]
    rows += [{"speaker": f"s{n}"} for n in (1, 1, 1, 2, 2)]
    for seed in range(10):
        parts = split(make_table(rows), seed)
        assert "" not in set(parts.dev["speaker"])
        assert set(parts.dev["speaker"]).isdisjoint(parts.train["speaker"])
        assert "(15 utterances of unknown speakers are trained on)" in parts.dev_is


def test_the_only_known_speaker_may_be_held_out_beside_unknown_ones() -> None:
    rows: list[dict[str, object]] = [{"speaker": ""} for _ in range(4)]
    rows.append({"speaker": "s1"})
    parts = split(make_table(rows))
    assert list(parts.dev["speaker"]) == ["s1"]
    assert len(parts.train) == 4
