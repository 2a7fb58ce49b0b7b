"""The baselines of a table: those that every table has, and acoustic ones that were asked for."""

from collections.abc import Sequence

from probe.features.acoustic import make_acoustic
from probe.features.baselines import CONSTANT, LOG_MEL, UNTRAINED
from probe.heads.settings import Head
from probe.rows.comparable import BASELINE, ROW, EncoderRun


def with_baselines(
    runs: Sequence[EncoderRun], head: Head, acoustic: Sequence[str] = ()
) -> list[EncoderRun]:
    """Adds the baselines for every seed; `untrained` starts from the rows' initial weights.

    There is nothing to train in log-mel: a head that trains the encoder has no such baseline, and
    one that hears frames has no `acoustic` ones.
    """
    controlled = [run for run in runs if run.group == ROW]
    names = [CONSTANT] if head.kind.needs_encoder else [CONSTANT, LOG_MEL]
    if head.kind.hears_statistics:
        names += acoustic
    baselines = []
    for seed in sorted({run.seed for run in controlled or runs}):
        for name in names:
            baselines.append(EncoderRun(name=name, group=BASELINE, seed=seed))
        first = next((run for run in controlled if run.seed == seed), None)
        if first is not None:
            hashes = {"initial_weights": first.hashes.get("initial_weights", "")}
            baselines.append(
                EncoderRun(
                    name=UNTRAINED, group=BASELINE, seed=seed, folder=first.folder, hashes=hashes
                )
            )
    return [*baselines, *runs]


def keys_of(acoustic: Sequence[str], head: Head) -> dict[str, list[list[str]]]:
    """Returns acoustic baselines with their keys, to stand among the inputs of results; nothing
    where there are none, so that results of tables without them are known again.

    Raises:
        ValueError: A library that one needs is not installed.
    """
    if not acoustic or not head.kind.hears_statistics:
        return {}
    return {"acoustic": [[name, make_acoustic(name).key] for name in acoustic]}
