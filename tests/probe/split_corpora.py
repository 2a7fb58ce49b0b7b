"""Random corpora to divide: speakers nested in sessions or not, copies, gaps, tiny groups."""

import json
from pathlib import Path

import pandas as pd
from hypothesis import strategies as st

from pretrain.shared.normalized_text import sentence_key
from pretrain.shared.random_streams import generator

SENTENCES = ("", "Kids are talking.", "kids are TALKING", "Dogs sit")
SPLITS = ("train", "dev", "test", "Validation", "eval-2")
NAMES = ("a", "b", "c", "d", "e", "f", "g", "h")


@st.composite
def corpora(draw: st.DrawFn) -> pd.DataFrame:
    """An utterance table, as far as splits look at it, in random order.

    Hypothesis draws what kind of corpus it is, a generator the single values: drawn one by one
    they would be so much alike that most corpora were refused.
    """
    count = draw(st.integers(1, 36) | st.integers(12, 36))
    num_speakers = draw(st.integers(1, 8) | st.integers(4, 8))
    random = generator("corpora", draw(st.integers(0, 10**6)))
    speakers = [NAMES[place] for place in random.integers(0, num_speakers, count)]
    sessions = [f"p{NAMES.index(speaker) // 2}" for speaker in speakers]
    if not draw(st.booleans() | st.just(True)):
        sessions = [f"p{place}" for place in random.integers(0, 3, count)]
    for column in (speakers, sessions):
        for place in random.integers(0, count, draw(st.sampled_from((0, 0, 0, 2)))):
            column[place] = ""
    splits = draw(st.sampled_from((SPLITS, ("train", "test"), ("train", "test", ""))))
    num_recordings = draw(st.sampled_from((5, 40, 100_000)))
    table = pd.DataFrame(
        {
            "id": [f"mine/x{number}" for number in range(count)],
            "source": "mine",
            "speaker": speakers,
            "session": sessions,
            "emotion": random.choice(["angry", "sad", ""], count),
            "split": random.choice(splits, count),
            "text": random.choice(SENTENCES, count),
            "audio_hash": [f"h{number}" for number in random.integers(0, num_recordings, count)],
        }
    )
    if draw(st.booleans()):  # parts of whole speakers, as most corpora have them
        part = {name: str(random.choice(splits)) for name in (*NAMES, "")}
        table["split"] = table["speaker"].map(part)
    return table.iloc[random.permutation(count)].reset_index(drop=True)


def write_emobox(folder: Path, folds: dict[int, dict[str, list[str]]], name: str = "mine") -> Path:
    """Writes lists {fold: {train, valid, test: names of files}} in EmoBox's layout."""
    for number, parts in folds.items():
        where = folder / "data" / name / f"fold_{number}"
        where.mkdir(parents=True, exist_ok=True)
        for part, files in parts.items():
            lines = [
                json.dumps({"key": f"{name}-{file}", "wav": f"downloads/{name}/{file}.wav"})
                for file in files
            ]
            path = where / f"{name}_{part}_fold_{number}.jsonl"
            path.write_text("".join(f"{line}\n" for line in lines))
    return folder


def in_two_parts(table: pd.DataFrame, folds: pd.DataFrame, column: str) -> int | None:
    """Counts different values by brute force, without anything of `probe.folds.leaks` but what a
    sentence is; None where the corpus has no value."""
    values = dict(zip(table["id"], table[column], strict=True))
    if not any(sentence_key(value) if column == "text" else value for value in values.values()):
        return None
    found: set[str] = set()
    for fold in set(folds["fold"]):
        by_part: dict[str, set[str]] = {}
        for row in folds[folds["fold"] == fold].itertuples():
            value = values[row.id]
            by_part.setdefault(str(row.part), set()).add(
                sentence_key(value) if column == "text" else value
            )
        everything = set().union(*by_part.values()) - {""}
        found |= {x for x in everything if sum(x in part for part in by_part.values()) > 1}
    return len(found)
