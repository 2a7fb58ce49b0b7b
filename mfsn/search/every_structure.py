"""Trains every structure on its own, so that a search can be judged against the truth."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from shutil import rmtree
from typing import Any

from torch import nn

from mfsn.model.genotype import Genotype
from mfsn.search.fit import fit
from mfsn.search.predict import NetworkFunction, Scores
from mfsn.search.training import OnRow, Training
from mfsn.search.training_state import copy_of_trained_state, restore

Row = dict[str, Any]


def train_every_structure(
    make_network: Callable[[Genotype], nn.Module],
    structures: Iterable[Genotype],
    training: Training,
    *,
    evaluate: Callable[[NetworkFunction], Scores] | None = None,
    found: Genotype | None = None,
    done: Sequence[Row] = (),
    on_structure: OnRow | None = None,
) -> list[Row]:
    """Trains each of `structures` from scratch, all from the same initial weights, in the same
    order of segments, and from the same streams.

    Args:
        make_network: Builds a structure with its initial weights.
        training: The structure in training has a checkpoint of its own in its folder, until its
            row is written down.
        evaluate: Scores the finished network on the test part. Nothing is chosen by it.
        found: The structure that a search chose in this fold, to be marked.
        done: Rows of an earlier, interrupted call; their structures are not trained again.
        on_structure: Called with every new row, to write it down.

    Returns:
        A row of exhaustive.csv per structure, without the fold's name: seed, level, layer,
        operations, dev_ua, dev_wa, dev_loss, test_ua, test_wa, seconds, found
    """
    streams, checkpoint = training.streams, training.checkpoint
    initial = copy_of_trained_state(streams)
    known = {(int(row["level"]), str(row["operations"])): row for row in done}
    rows = []
    for genotype in structures:
        operations = "+".join(genotype.operations)
        if row := known.get((genotype.level, operations)):
            rows.append(row)
            continue
        started = time.perf_counter()
        restore(streams, initial)
        network = make_network(genotype)
        place = None if checkpoint is None else checkpoint / f"{genotype.level}-{operations}"
        result = fit(network, replace(training, checkpoint=place))
        seconds = time.perf_counter() - started
        test = None if evaluate is None else evaluate(network)
        row = {
            "seed": training.seed,
            "level": genotype.level,
            "layer": genotype.layer,
            "operations": operations,
            "dev_ua": result.dev_ua,
            "dev_wa": result.dev_wa,
            "dev_loss": result.dev_loss,
            "test_ua": None if test is None else test.ua,
            "test_wa": None if test is None else test.wa,
            "seconds": seconds,
            "found": found is not None and is_same(genotype, found),
        }
        rows.append(row)
        if on_structure is not None:
            on_structure(row)
        if place is not None:
            rmtree(place, ignore_errors=True)
    return rows


def is_same(one: Genotype, other: Genotype) -> bool:
    """Whether two genotypes are the same structure of the search space."""
    return (one.level, one.operations) == (other.level, other.operations)
