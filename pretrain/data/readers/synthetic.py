"""The embedded synthetic corpus, made when it is first asked for."""

import math
from contextlib import suppress
from pathlib import Path

from pretrain.data.readers.registry import did_you_mean
from pretrain.data.synthetic.speakers import PARTS
from pretrain.shared.errors import InputError
from pretrain.shared.paths import corpora_folder

DEFAULTS = {"hours": "0.5", "seed": "0", "part": "pretrain"}


def make_synthetic(options: dict[str, str]) -> Path:
    """Makes the corpus that the options of a spec describe and returns its folder."""
    for key in options:
        if key not in DEFAULTS:
            raise InputError(
                f"The synthetic corpus has no option {key!r}.{did_you_mean(key, DEFAULTS)} It has "
                f"{', '.join(f'{name} (default {v})' for name, v in DEFAULTS.items())}."
            )
    chosen = DEFAULTS | options
    hours, seed, part = _number("hours", chosen), _number("seed", chosen), chosen["part"]
    if seed < 0 or seed % 1 or seed >= 2**53:
        raise InputError(
            f"`seed` must be a whole number in 0 .. 2^53 - 1, but is {chosen['seed']}."
        )
    if part not in PARTS:
        raise InputError(f"`part` must be one of {', '.join(PARTS)}, but is {part!r} instead.")
    folder = corpora_folder() / f"synthetic-{part}-{hours:g}h-seed{int(seed)}"
    # Imported here: other corpora do not need the speech synthesizer.
    from pretrain.data.synthetic.corpus import make_synthetic_corpus

    make_synthetic_corpus(folder, hours=hours, seed=int(seed), part=part)
    return folder


def _number(key: str, chosen: dict[str, str]) -> float:
    with suppress(ValueError):
        if math.isfinite(value := float(chosen[key])):
            return value
    raise InputError(f"`{key}` of the synthetic corpus must be a number, but is {chosen[key]!r}.")
