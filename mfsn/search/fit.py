"""Trains networks of fixed structure, one or all of them, each chosen by its dev part."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from shutil import rmtree
from typing import Any

from torch import nn

from mfsn.data.fold_data import in_batches, shuffled
from mfsn.model.genotype import Genotype
from mfsn.search.epochs import (
    LossMeter,
    OnRow,
    Row,
    Training,
    epoch_noise,
    fingerprint_of,
    make_weight_optimizer,
    run_epochs,
    segment_loss,
    step,
)
from mfsn.search.predict import NetworkFunction, Scores
from mfsn.search.training_state import History, TrainingState, copy_of_trained_state, restore


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """What a training gave; the network and the streams have the weights of `best_epoch`."""

    best_epoch: int
    """Counted from 1."""

    dev_ua: float
    dev_wa: float
    dev_loss: float

    epochs: list[dict[str, Any]]
    """epoch, train_loss, dev_ua, dev_wa, dev_loss, seconds"""

    observed: dict[str, Any]
    """What `on_epoch` returned, by epoch."""


def kept_in(history: History) -> dict[str, Any]:
    """Returns the fields of a `FitResult`."""
    scores = {f"dev_{name}": history.best[name] for name in ("ua", "wa", "loss")}
    return {
        "best_epoch": history.best_epoch,
        **scores,
        "epochs": history.epochs,
        "observed": history.observed,
    }


def fit(network: nn.Module, training: Training) -> FitResult:
    """Trains `network` (SegmentBatch -> logits) and what of the streams takes gradients.

    Cross entropy on segments, AdamW at a constant rate; the best epoch has the largest UA + WA on
    the dev part, ties go to the lower dev loss (the public Co-attention code's rule, but on a dev
    part that is not the test part).

    Raises:
        KeyboardInterrupt: A signal came; the last complete epoch is in the checkpoint.
        TrainingDivergedError: A loss is not finite.
        ValueError: The checkpoint belongs to other settings.
    """
    streams, fold, settings = training.streams, training.fold, training.settings
    seed = training.seed
    network.to(training.device)
    streams.to(training.device)
    optimizer = make_weight_optimizer(list(network.parameters()), streams, settings)
    state = TrainingState(network=network, streams=streams, optimizers={"optimizer": optimizer})
    segments = fold.data.segments_of(fold.train)

    def train(epoch: int, meter: LossMeter) -> None:
        order = shuffled(segments, seed, "order", epoch)
        with epoch_noise(seed, epoch, training.device):
            for chosen in in_batches(order, settings.batch_size):
                loss = segment_loss(network, fold.data.batch(chosen), training)
                meter.add(loss, len(chosen))
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                step(optimizer, settings.max_gradient_norm)
                meter.stop_if_asked()

    run_epochs(
        state,
        training,
        train=train,
        candidates=lambda: [network],
        selection=fold.dev,
        fingerprint=fingerprint_of(fold, settings, seed),
    )
    return FitResult(**kept_in(state.history))


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
        training: The structure in training has a checkpoint of its own in its folder, until its
            row is written down.
        evaluate: Scores the finished network on the test part. Nothing is chosen by it.
        found: The structure that a search chose in this fold, to be marked.
        done: Rows of an earlier, interrupted call; their structures are not trained again.
        on_structure: Called with every new row, to write it down.

    Returns a row of exhaustive.csv per structure, without the fold's name.
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
            "found": found is not None and replace(found, layer=genotype.layer) == genotype,
        }
        rows.append(row)
        if on_structure is not None:
            on_structure(row)
        if place is not None:
            rmtree(place, ignore_errors=True)
    return rows
