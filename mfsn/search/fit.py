"""Trains one network of fixed structure, chosen by its dev part."""

from dataclasses import dataclass
from typing import Any

from torch import nn

from mfsn.data.fold_data import in_batches, shuffled
from mfsn.search.epochs import (
    Epochs,
    LossMeter,
    epoch_noise,
    fingerprint_of,
    make_weight_optimizer,
    run_epochs,
    segment_loss,
    step,
)
from mfsn.search.training import Training
from mfsn.search.training_state import TrainingState


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
        Epochs(
            train=train, candidates=lambda: [network], describe=dict, trajectory=lambda epoch: []
        ),
        training,
        selection=fold.dev,
        fingerprint=fingerprint_of(fold, settings, seed),
    )
    history = state.history
    return FitResult(
        best_epoch=history.best_epoch,
        dev_ua=history.best["ua"],
        dev_wa=history.best["wa"],
        dev_loss=history.best["loss"],
        epochs=history.epochs,
        observed=history.observed,
    )
