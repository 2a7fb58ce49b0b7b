"""How long an utterance may be that an encoder takes as a whole."""

import pandas as pd

from pretrain.shared.errors import InputError

MAX_WHOLE_SECONDS = 120.0
"""An encoder's memory grows with the square of the length: two minutes take some GB, twenty minutes
would take hundreds. Pre-training cuts crops, and MFSN segments, from any length."""


def check_whole(table: pd.DataFrame) -> None:
    """Raises `ValueError`, naming the longest, when utterances of a table are too long."""
    seconds = table["frames"] / table["sample_rate"]
    num_long = int((seconds > MAX_WHOLE_SECONDS).sum())
    if not num_long:
        return
    longest = table.iloc[int(seconds.to_numpy().argmax())]
    others = f" ({num_long - 1} more are above the limit)" if num_long > 1 else ""
    raise InputError(
        f"{longest['source']}: an utterance must be at most {MAX_WHOLE_SECONDS:g} s long where an "
        f"encoder takes it as a whole, but {longest['id']} is {seconds.max():.0f} s long "
        f"instead{others}; the file is {longest['path']}. Cut it: in a manifest give each part a "
        "row with its first frame, `offset`, and their number, `frames`; in an audformat table "
        "`start` and `end`."
    )
