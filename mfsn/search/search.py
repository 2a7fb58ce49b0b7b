"""Searches the structure of MFSN: weights and architecture weights alpha in one training process.

Paper, section 2; DARTS for the relaxation; what the paper leaves open is a setting. In every
mini-batch the Choice Cell's level is drawn uniformly; after every epoch the leading operations
are scored on the dev part as a structure of their own, at each of the three levels.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle
from typing import Any

import torch
from torch import nn

from mfsn.data.fold_data import IntArray, halves_of, in_batches, labels_of, shuffled
from mfsn.model.fusion_cells import LEVELS
from mfsn.model.genotype import Genotype
from mfsn.model.network import Supernet
from mfsn.model.operations import OPERATIONS
from mfsn.search.epochs import (
    LossMeter,
    Training,
    epoch_noise,
    fingerprint_of,
    make_weight_optimizer,
    run_epochs,
    segment_loss,
    step,
)
from mfsn.search.fit import FitResult, fit, kept_in
from mfsn.search.settings import SearchSettings
from mfsn.search.training_state import TrainingState, copy_of_trained_state, restore
from pretrain.shared.random_streams import generator


@dataclass(frozen=True, kw_only=True)
class SearchResult(FitResult):
    """What a search gave; supernet and streams have the weights of `best_epoch`, or, after a
    retraining, the streams those of its best epoch. Its epochs have `entropy` and `leading` too;
    `observed` is of the retraining, if there was one."""

    genotype: Genotype

    network: nn.Module
    """The derived network, in evaluation mode."""

    alphas: list[dict[str, Any]]
    """epoch (0: as initialized), cell, operation, weight"""

    levels: list[dict[str, Any]]
    """level, layer, dev_ua, dev_wa of the three levels at the kept epoch"""

    retrained: FitResult | None
    """The retraining under `after` = 'retrain'; the dev scores above are the search's."""


def search(
    supernet: Supernet,
    training: Training,
    search_settings: SearchSettings,
    *,
    layers: Sequence[int],
    make_network: Callable[[Genotype], nn.Module] | None = None,
) -> SearchResult:
    """Finds a structure and its weights; raises what `mfsn.search.fit.fit` raises.

    Args:
        layers: Which layers of the SEC encoder the levels early, middle and last are.
        make_network: Builds a structure with initial weights; needed for `after` = 'retrain' only.
    """
    streams, fold, settings = training.streams, training.fold, training.settings
    seed = training.seed
    supernet.to(training.device)
    streams.to(training.device)
    initial_streams = copy_of_trained_state(streams)
    weights = make_weight_optimizer(supernet.weight_parameters(), streams, settings)
    alphas = supernet.alpha_parameters()
    alpha = torch.optim.SGD(
        alphas, lr=search_settings.alpha_lr, momentum=search_settings.alpha_momentum
    )
    bilevel, retrains = search_settings.method == "bilevel", search_settings.after == "retrain"
    optimizers = {"optimizer": weights, "alpha_optimizer": alpha}
    state = TrainingState(network=supernet, streams=streams, optimizers=optimizers)
    segments = fold.data.segments_of(fold.train)
    selection = fold.dev
    if bilevel:
        alpha_rows, selection = halves_of(fold.dev, labels_of(fold.data, fold.dev), seed)
        alpha_segments = fold.data.segments_of(alpha_rows)

    def step_alpha_alone(chosen: IntArray, level: int) -> None:
        """One first-order step of alpha on dev segments; nothing else gets a gradient."""
        loss = segment_loss(partial(supernet, level=level), fold.data.batch(chosen), training)
        gradients = torch.autograd.grad(loss, alphas)
        for parameter, gradient in zip(alphas, gradients, strict=True):
            parameter.grad = gradient
        alpha.step()

    def train(epoch: int, meter: LossMeter) -> None:
        order = shuffled(segments, seed, "order", epoch)
        if bilevel:
            alpha_order = shuffled(alpha_segments, seed, "alpha order", epoch)
            held_out = cycle(list(in_batches(alpha_order, settings.batch_size)))
        with epoch_noise(seed, epoch, training.device):
            for number, chosen in enumerate(in_batches(order, settings.batch_size)):
                if bilevel:
                    level = drawn_level(seed, epoch, number, "alpha level")
                    step_alpha_alone(next(held_out), level)
                network = partial(supernet, level=drawn_level(seed, epoch, number))
                loss = segment_loss(network, fold.data.batch(chosen), training)
                meter.add(loss, len(chosen))
                supernet.zero_grad(set_to_none=True)
                streams.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                step(weights, settings.max_gradient_norm)
                if not bilevel:
                    alpha.step()
                meter.stop_if_asked()

    def leading() -> tuple[str, ...]:
        return supernet.leading(search_settings.zero_may_win)

    def structure(level: int) -> Genotype:
        return Genotype(level=level, layer=layers[level], operations=leading())

    run_epochs(
        state,
        training if not retrains else replace(training, on_epoch=None),
        train=train,
        candidates=lambda: [
            partial(supernet.forward_structure, genotype=structure(level))
            for level in range(len(LEVELS))
        ],
        selection=selection,
        fingerprint=fingerprint_of(fold, settings, search_settings, seed),
        describe=lambda: {"entropy": supernet.entropy(), "leading": "+".join(leading())},
        trajectory=lambda epoch: _weights_at(supernet, epoch),
    )
    history = state.history
    # The supernet has the weights of the best epoch again, alpha among them.
    genotype = structure(history.best["choice"])
    network: nn.Module = supernet.derive(genotype).eval()
    retrained = None
    if retrains:
        assert make_network is not None, "`after` = 'retrain' needs `make_network`"
        restore(streams, initial_streams)
        network = make_network(genotype)
        place = training.checkpoint and training.checkpoint / "retrain"
        retrained = fit(network, replace(training, checkpoint=place))
    kept = kept_in(history)
    if retrained is not None:
        kept["observed"] = retrained.observed
    return SearchResult(
        **kept,
        genotype=genotype,
        network=network,
        alphas=history.trajectory,
        levels=[
            {"level": level, "layer": layers[level], "dev_ua": at["ua"], "dev_wa": at["wa"]}
            for level, at in enumerate(history.best["candidates"])
        ],
        retrained=retrained,
    )


def drawn_level(seed: int, epoch: int, number: int, purpose: str = "level") -> int:
    """Returns the level that the Choice Cell hands on in mini-batch `number` of `epoch`: each of
    the three with equal probability (paper, section 2)."""
    return int(generator(seed, "mfsn", purpose, epoch, number).integers(len(LEVELS)))


def _weights_at(supernet: Supernet, epoch: int) -> list[dict[str, Any]]:
    """Returns the rows of alpha.csv after `epoch`."""
    weights = supernet.weights_of_operations().cpu()
    return [
        {"epoch": epoch, "cell": cell, "operation": operation, "weight": float(weight)}
        for cell, row in enumerate(weights)
        for operation, weight in zip(OPERATIONS, row, strict=True)
    ]
