"""The transcribed part of a corpus: what is trained on, what is decoded, what is left out."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pretrain.data.audio import num_samples_16k
from pretrain.data.table import TableError
from pretrain.draws import generator
from pretrain.model.encoder_settings import SAMPLE_RATE_HZ, num_frames_of
from pretrain.text import frames_needed, normalize_text

DEV_NAMES = ("dev", "validation", "valid")
TEST_NAMES = ("test",)


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
    """Splits by the column `split`; without a dev part there, speakers of the rest are held out.

    Left out are utterances without transcript, those shorter than `min_seconds`, and for training
    those longer than `max_seconds` (a crop has no transcript) or too short for their transcript
    (CTC needs a frame per character and one between equal neighbours).
    """
    num_samples = [
        num_samples_16k(int(frames), int(rate))
        for frames, rate in zip(table["frames"], table["sample_rate"], strict=True)
    ]
    table = table.assign(num_samples=num_samples, text=table["text"].map(normalize_text))
    without_text = table["text"] == ""
    too_short = ~without_text & (table["num_samples"] < min_seconds * SAMPLE_RATE_HZ)
    left_out = {"no transcript": int(without_text.sum()), "too short": int(too_short.sum())}
    table = table[~without_text & ~too_short]

    split = table["split"].str.lower()
    is_test, is_dev = split.isin(TEST_NAMES), split.isin(DEV_NAMES)
    dev_is = "the corpus's dev split"
    if not is_dev.any():
        is_dev = ~is_test & _held_out(table[~is_test], dev_share, seed).reindex(
            table.index, fill_value=False
        )
        dev_is = "held-out speakers of the training part"
        if not set(table.loc[is_dev, "speaker"]) - {""}:
            dev_is = "held-out utterances of the training part, speakers unknown"
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
            f"needs a column `text`, and two speakers or a `dev` split."
        )
    return parts


def _held_out(table: pd.DataFrame, share: float, seed: int) -> "pd.Series[bool]":
    """Tells which rows are held out: whole speakers in a seeded order, until `share` of the
    utterances is reached; single utterances where no speaker is known."""
    known = (table["speaker"] != "").any()
    groups = table["speaker"] if known else table["id"]
    order = sorted(set(groups))
    generator(seed, "finetune", "dev").shuffle(order)
    counts = groups.value_counts()
    sizes = np.cumsum([int(counts[group]) for group in order])
    num_groups = int(np.searchsorted(sizes, share * len(table))) + 1
    return groups.isin(order[: min(num_groups, len(order) - 1)])
