"""Baselines without learning that `--baseline` knows. Nothing heavy is imported here.

To add one: write a module with a `make_source` (see `AcousticEntry`; `probe/features/mfcc.py` is
an example) and give it a line in `ACOUSTIC`.
"""

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, cast

from pretrain.shared.errors import CommandLineError

if TYPE_CHECKING:
    from probe.features.utterance_features import FeatureSource


class AcousticEntry(NamedTuple):
    """A baseline that `--baseline` knows."""

    module: str
    """Has a `make_source(name)`, which returns the `FeatureSource` of this baseline. Its features
    are (B, 1, D), all of them heard by every head whatever the pooling; NaN where one is not
    defined. The module is imported only when this baseline is asked for."""

    words: str
    """For --help."""


OPENSMILE = "probe.features.opensmile_functionals"

ACOUSTIC: dict[str, AcousticEntry] = {
    "mfcc": AcousticEntry(
        "probe.features.mfcc", "mean and deviation of 20 MFCC and of their deltas"
    ),
    "egemaps": AcousticEntry(OPENSMILE, "eGeMAPSv02, 88 functionals"),
    "compare": AcousticEntry(OPENSMILE, "ComParE 2016, 6373 functionals"),
    "is09": AcousticEntry(OPENSMILE, "IS09 emotion, 384 functionals"),
}
"""Baselines by name. None is part of a table that does not ask for it."""


def acoustic_in_words() -> str:
    """Returns all of them with what they are, for --help."""
    return "; ".join(f"{name}: {entry.words}" for name, entry in ACOUSTIC.items())


def known_baselines(names: Iterable[str]) -> list[str]:
    """Returns the names as they were given, each once.

    Raises:
        CommandLineError: There is no such baseline.
    """
    wanted = list(dict.fromkeys(names))
    for name in wanted:
        if name not in ACOUSTIC:
            raise CommandLineError(
                f"`--baseline` must be one of {', '.join(ACOUSTIC)}, but is {name!r} instead; "
                "constant and log-mel stand in every table, and untrained beside rows of our own, "
                "without being asked for."
            )
    return wanted


def make_acoustic(name: str) -> "FeatureSource":
    """Returns what computes a baseline's features.

    Raises:
        ValueError: A library that it needs is not installed.
    """
    return cast("FeatureSource", import_module(ACOUSTIC[name].module).make_source(name))
