"""The transcribed part of a corpus: what is trained on, what is decoded, what is left out."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pretrain.data.audio.waveforms import check_whole, num_samples_16k
from pretrain.data.frames import SAMPLE_RATE_HZ, num_frames_of
from pretrain.data.tables.utterances import TableError
from pretrain.data.vocabulary import frames_needed
from pretrain.shared.normalized_text import transcript
from pretrain.shared.random_streams import generator

PART_NAMES = {
    "train": ("train", "training", "pretrain"),
    "dev": ("dev", "devel", "development", "val", "valid", "validation"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""Part -> the word that its splits begin with; more may follow, as in LibriSpeech's `dev-other`."""


@dataclass(frozen=True, kw_only=True)
class TranscribedParts:
    """Utterance tables with normalised `text` and the column `num_samples` (16 kHz)."""

    train: pd.DataFrame
    dev: pd.DataFrame
    test: pd.DataFrame
    left_out: Mapping[str, int]
    """Utterances that are in no part, by reason."""

    dev_is: str
    """Where the dev part comes from, in words."""


def split_transcribed(
    table: pd.DataFrame, *, min_seconds: float, max_seconds: float, dev_share: float, seed: int
) -> TranscribedParts:
    """Splits by the column `split` (an empty one is trained on, see `part_of`); without a dev part
    there, speakers of the rest are held out.

    Left out are utterances without transcript, those shorter than `min_seconds`, and for training
    those longer than `max_seconds` (a crop has no transcript) or too short for their transcript
    (CTC needs a frame per character and one between equal neighbours).

    Raises `TableError` when a split's name tells no part, or nothing is left to train or decode,
    and `ValueError` when an utterance of the dev part is too long to be decoded as a whole.
    """
    num_samples = [
        num_samples_16k(int(frames), int(rate))
        for frames, rate in zip(table["frames"], table["sample_rate"], strict=True)
    ]
    table = table.assign(num_samples=num_samples, text=table["text"].map(transcript))
    without_text = table["text"] == ""
    too_short = ~without_text & (table["num_samples"] < min_seconds * SAMPLE_RATE_HZ)
    left_out = {"no transcript": int(without_text.sum()), "too short": int(too_short.sum())}
    table = table[~without_text & ~too_short]

    part = _parts(table["split"])
    is_test, is_dev = part == "test", part == "dev"
    dev_is = "the corpus's dev split"
    if not is_dev.any():
        is_dev = ~is_test & _held_out(table[~is_test], dev_share, seed).reindex(
            table.index, fill_value=False
        )
        unknown = int((table.loc[~is_test, "speaker"] == "").sum())
        dev_is = "held-out speakers of the training part"
        if unknown == int((~is_test).sum()):
            dev_is = "held-out utterances of the training part, speakers unknown"
        elif unknown:
            dev_is += f" ({unknown} utterances of unknown speakers are trained on)"
    train = table[~is_test & ~is_dev]
    frames = train["num_samples"].map(lambda count: int(num_frames_of(int(count))))
    too_long = train["num_samples"] > round(max_seconds * SAMPLE_RATE_HZ)
    too_dense = ~too_long & (frames < train["text"].map(frames_needed))
    # The same recording under two names must not be trained on and decoded.
    is_heard = (
        ~too_long & ~too_dense & train["audio_hash"].isin(table["audio_hash"][is_dev | is_test])
    )
    left_out["too long to train on"] = int(too_long.sum())
    left_out["fewer frames than characters"] = int(too_dense.sum())
    left_out["recordings of the dev or test part"] = int(is_heard.sum())
    parts = TranscribedParts(
        train=train[~too_long & ~too_dense & ~is_heard].reset_index(drop=True),
        dev=table[is_dev].reset_index(drop=True),
        test=table[is_test].reset_index(drop=True),
        left_out=left_out,
        dev_is=dev_is,
    )
    if parts.train.empty or parts.dev.empty:
        counts = ", ".join(f"{number} {reason}" for reason, number in left_out.items())
        raise TableError(
            f"A corpus to fine-tune on must have transcribed utterances to train on and to decode, "
            f"but has {len(parts.train)} and {len(parts.dev)} (left out: {counts}). Its manifest "
            f"needs a column `text` (--columns text=NAME where it is called otherwise), and two "
            f"speakers or a `dev` split."
        )
    check_whole(parts.dev)
    return parts


def part_of(split: str) -> str:
    """Returns train, dev or test for the name of a split, or "" where it tells none of them."""
    for part, names in PART_NAMES.items():
        # A letter more makes another word: Common Voice's `validated` is no dev split.
        if re.match(rf"({'|'.join(names)})(?![a-z])", split.lower()):
            return part
    return ""


def _parts(splits: "pd.Series[str]") -> "pd.Series[str]":
    """Returns the part of every row; raises `TableError` that names what tells none."""
    parts = {split: part_of(split or "train") for split in set(splits)}
    if unknown := sorted(split for split, part in parts.items() if not part):
        names = "; ".join(f"{part}: {', '.join(PART_NAMES[part])}" for part in PART_NAMES)
        raise TableError(
            "`split` must tell whether an utterance is to train on, to decode or to test on, but "
            f"is {', '.join(map(repr, unknown))} instead. Its name must begin with a word of "
            f"these, or be empty, which is to train on: {names}."
        )
    return splits.map(parts)


def _held_out(table: pd.DataFrame, share: float, seed: int) -> "pd.Series[bool]":
    """Tells which rows are held out: whole speakers in a seeded order, until `share` of the
    utterances is reached; single utterances where no speaker is known. Where only some are known,
    the rest is never held out: its speakers may be any."""
    known = table["speaker"] != ""
    groups = table["speaker"].where(known) if known.any() else table["id"]
    order = sorted(set(groups.dropna()))
    generator(seed, "finetune", "dev").shuffle(order)
    counts = groups.value_counts()
    sizes = np.cumsum([int(counts[group]) for group in order])
    num_groups = int(np.searchsorted(sizes, share * len(table))) + 1
    most = len(order) - (not groups.isna().any())  # something must be left to train on
    return groups.isin(order[: min(num_groups, most)])
