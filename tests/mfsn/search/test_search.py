"""The search on the real supernet: joint and bi-level, exact resume, what it may look at."""

import json
import os
import signal
from collections import Counter
from dataclasses import replace
from itertools import product
from math import log
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfsn.data.fold_data import FoldData, SegmentBatch, halves_of, labels_of
from mfsn.model.fusion_cells import FusionSettings
from mfsn.model.genotype import Genotype
from mfsn.model.head_settings import HeadSettings
from mfsn.model.network import DerivedNetwork, Supernet
from mfsn.model.operations import OPERATIONS
from mfsn.search.epochs import OnEpoch, Training
from mfsn.search.predict import NetworkFunction, Scores, predict, score
from mfsn.search.search import SearchResult, drawn_level, search
from mfsn.search.settings import SearchSettings
from tests.mfsn.made_up_segments import (
    DIM,
    FAST,
    NUM_CLASSES,
    MadeUpSegments,
    TrainedStreams,
    assert_same_state,
    fitted,
    make_fold,
    state_of,
    without_seconds,
)

HEAD = HeadSettings(
    image_height=63,
    image_width=63,
    channels=(2, 2, 2, 2, 2),
    pooled=1,
    spectrogram_dim=4,
    lstm_dim=2,
    lstm_layers=1,
    mfcc_pool=30,
    mfcc_dim=4,
    stream_dim=4,
    hidden_dim=8,
)
SETTINGS = replace(FAST, max_epochs=3)
METHODS = ("joint", "bilevel")
LAYERS = (1, 2, 4)


def make_supernet(seed: int = 0, num_cells: int = 1) -> Supernet:
    return Supernet(
        tec_dim=DIM,
        sec_dim=DIM,
        num_classes=NUM_CLASSES,
        head=HEAD,
        fusion=FusionSettings(num_cells=num_cells),
        seed=seed,
    )


def make_derived(genotype: Genotype) -> DerivedNetwork:
    return DerivedNetwork(
        genotype,
        tec_dim=DIM,
        sec_dim=DIM,
        num_classes=NUM_CLASSES,
        head=HEAD,
        fusion=FusionSettings(num_cells=len(genotype.operations)),
        seed=0,
    )


def run(
    method: str,
    *,
    supernet: Supernet | None = None,
    streams: nn.Module | None = None,
    fold: FoldData | None = None,
    checkpoint: Path | None = None,
    on_epoch: OnEpoch | None = None,
    lr: float = SETTINGS.lr,
    **search_settings: object,
) -> SearchResult:
    settings = SearchSettings(method=method, **{"alpha_lr": 0.5, **search_settings})  # type: ignore[arg-type]
    return search(
        supernet or make_supernet(),
        Training(
            streams=streams or nn.Identity(),
            fold=fold or make_fold(),
            settings=replace(SETTINGS, lr=lr),
            seed=3,
            checkpoint=checkpoint,
            on_epoch=on_epoch,
        ),
        settings,
        layers=LAYERS,
        make_network=make_derived,
    )


def plain(result: SearchResult) -> dict[str, object]:
    return {
        **{name: value for name, value in vars(result).items() if name != "network"},
        "epochs": without_seconds(result.epochs),
    }


def test_levels_are_drawn_uniformly_and_reproducibly() -> None:
    draws = [drawn_level(0, epoch, step) for epoch, step in product(range(1, 31), range(100))]
    counts = Counter(draws)
    # Standard deviation of a count of 3,000 at one third: 26.
    assert all(abs(counts[level] - 1000) < 4 * 26 for level in range(3))
    assert sum(counts.values()) == 3000
    assert draws == [
        drawn_level(0, epoch, step) for epoch, step in product(range(1, 31), range(100))
    ]
    assert draws[:100] != draws[100:200]
    assert draws[:100] != [drawn_level(1, 1, step) for step in range(100)]


def test_every_mini_batch_gets_the_level_drawn_for_it() -> None:
    class Watched(Supernet):
        def forward(self, batch: SegmentBatch, level: int) -> Tensor:
            levels.append(level)
            return super().forward(batch, level)

    levels: list[int] = []
    watched = make_supernet()
    watched.__class__ = Watched
    run("joint", supernet=watched)
    num_steps = len(levels) // 3
    expected = [drawn_level(3, epoch, step) for epoch in (1, 2, 3) for step in range(num_steps)]
    assert levels == expected


class InterruptingStreams(TrainedStreams):
    """Sends a signal in the middle of an epoch."""

    def __init__(self, at_step: int) -> None:
        super().__init__()
        self._left = at_step

    def forward(self, batch: SegmentBatch) -> SegmentBatch:
        if self.training:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGTERM)
        return super().forward(batch)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "momentum"), [("joint", 0.9), ("bilevel", 0.0)])
def test_a_search_stopped_and_resumed_equals_the_straight_one(
    method: str, momentum: float, tmp_path: Path
) -> None:
    straight, straight_streams = make_supernet(num_cells=2), TrainedStreams()
    expected = run(method, supernet=straight, streams=straight_streams, alpha_momentum=momentum)
    for at_step in (5, 2):
        with pytest.raises(KeyboardInterrupt):
            run(
                method,
                supernet=make_supernet(num_cells=2),
                streams=InterruptingStreams(at_step),
                checkpoint=tmp_path,
                alpha_momentum=momentum,
            )
    supernet, streams = make_supernet(seed=50, num_cells=2), TrainedStreams()
    result = run(
        method, supernet=supernet, streams=streams, checkpoint=tmp_path, alpha_momentum=momentum
    )
    assert_same_state(state_of(supernet, streams), state_of(straight, straight_streams))
    assert_same_state(state_of(result.network), state_of(expected.network))
    # The trajectory of alpha holds the initial weights of the first run, so all of it must agree.
    assert plain(result) == plain(expected)


@pytest.mark.parametrize("method", METHODS)
def test_what_was_found_scores_as_recorded(method: str) -> None:
    fold, streams = make_fold(), TrainedStreams()
    result = run(method, fold=fold, streams=streams)
    rows = fold.dev
    if method == "bilevel":
        _, rows = halves_of(rows, labels_of(fold.data, rows), 3)
    scores = predict(result.network, streams, fold.data, rows, "cpu", batch_size=8)
    found = score(scores, labels_of(fold.data, rows))
    assert (found.ua, found.wa) == (result.dev_ua, result.dev_wa)
    assert found.loss == pytest.approx(result.dev_loss, abs=1e-6)
    best = result.epochs[result.best_epoch - 1]
    assert (best["dev_ua"], best["dev_loss"]) == (result.dev_ua, result.dev_loss)
    assert "+".join(result.genotype.operations) == best["leading"]
    assert result.genotype.layer == LAYERS[result.genotype.level]


def test_the_level_is_the_best_of_the_three_at_the_kept_epoch() -> None:
    result = run("joint")
    assert [(row["level"], row["layer"]) for row in result.levels] == [(0, 1), (1, 2), (2, 4)]
    chosen = result.levels[result.genotype.level]
    assert chosen["dev_ua"] == result.dev_ua
    assert chosen["dev_ua"] + chosen["dev_wa"] == max(
        row["dev_ua"] + row["dev_wa"] for row in result.levels
    )


@pytest.mark.parametrize("method", METHODS)
def test_alpha_moves_and_its_trajectory_is_complete(method: str) -> None:
    result = run(method, supernet=make_supernet(num_cells=2))
    assert len(result.alphas) == (SETTINGS.max_epochs + 1) * 2 * len(OPERATIONS)
    for epoch, cell in product(range(SETTINGS.max_epochs + 1), range(2)):
        rows = [row for row in result.alphas if (row["epoch"], row["cell"]) == (epoch, cell)]
        assert [row["operation"] for row in rows] == list(OPERATIONS)
        assert sum(row["weight"] for row in rows) == pytest.approx(1.0, abs=1e-5)
    first, last = (
        np.array([row["weight"] for row in result.alphas if row["epoch"] == epoch])
        for epoch in (0, SETTINGS.max_epochs)
    )
    assert first == pytest.approx(np.full(16, 1 / 8), abs=1e-3)
    assert np.abs(last - first).max() > 1e-3
    assert all(0.0 < row["entropy"] < log(8) for row in result.epochs)


@pytest.mark.slow
def test_alpha_learns_from_the_dev_half_only_under_bilevel() -> None:
    """Other dev data for alpha change the trajectory; for the joint method they do not."""
    fold = make_fold()
    labels = labels_of(fold.data, fold.dev)
    half, selection = halves_of(fold.dev, labels, 3)
    assert not set(half) & set(selection)
    trajectories: dict[str, list[list[dict[str, object]]]] = {name: [] for name in METHODS}
    for method, shift in product(METHODS, (0.0, 5.0)):
        shifted = make_fold()
        assert isinstance(shifted.data, MadeUpSegments)
        shifted.data.states[:, shifted.data.segments_of(half)] += shift
        trajectories[method].append(run(method, fold=shifted).alphas)
    assert trajectories["joint"][0] == trajectories["joint"][1]
    assert trajectories["bilevel"][0] != trajectories["bilevel"][1]


@pytest.mark.slow
def test_alpha_does_not_learn_from_the_training_part_under_bilevel() -> None:
    """With the weights all but fixed, other training data move alpha under `joint` only."""
    for method in METHODS:
        trajectories = []
        for shift in (0.0, 5.0):
            fold = make_fold()
            assert isinstance(fold.data, MadeUpSegments)
            fold.data.states[:, fold.data.segments_of(fold.train)] += shift
            trajectories.append(run(method, fold=fold, lr=1e-30).alphas)
        assert (trajectories[0] == trajectories[1]) is (method == "bilevel")


def test_the_weights_do_not_learn_from_the_dev_part_under_bilevel() -> None:
    """With alpha all but fixed, what alpha is stepped on does not matter to the weights."""
    supernets = []
    for shift in (0.0, 5.0):
        fold = make_fold()
        assert isinstance(fold.data, MadeUpSegments)
        half, _ = halves_of(fold.dev, labels_of(fold.data, fold.dev), 3)
        fold.data.states[:, fold.data.segments_of(half)] += shift
        supernets.append(make_supernet())
        run("bilevel", fold=fold, supernet=supernets[-1], alpha_lr=1e-30)
    assert_same_state(state_of(supernets[0]), state_of(supernets[1]))


@pytest.mark.parametrize("method", METHODS)
def test_no_test_utterance_is_read_by_a_search(method: str) -> None:
    fold = make_fold()
    assert isinstance(fold.data, MadeUpSegments)
    run(method, fold=fold)
    assert fold.data.seen == {*fold.train.tolist(), *fold.dev.tolist()}


def test_the_optimistic_scorer_does_not_change_a_search() -> None:
    fold, test_rows = make_fold(), np.arange(16, 24)
    alone, watched = make_supernet(), make_supernet()
    expected = run("joint", supernet=alone, fold=fold)

    def watch(epoch: int, network: NetworkFunction) -> dict[str, float]:
        torch.rand(3)
        scores = predict(network, nn.Identity(), fold.data, test_rows, "cpu")
        return vars(score(scores, labels_of(fold.data, test_rows)))

    result = run("joint", supernet=watched, fold=fold, on_epoch=watch)
    assert_same_state(state_of(watched), state_of(alone))
    assert {**plain(result), "observed": {}} == {**plain(expected), "observed": {}}
    assert [Scores(**json.loads(json.dumps(seen))) for seen in result.observed.values()]
    assert list(result.observed) == ["1", "2", "3"]


def test_zero_wins_only_where_it_may() -> None:
    for may in (True, False):
        supernet = make_supernet()
        with torch.no_grad():
            supernet.alpha_parameters()[0][list(OPERATIONS).index("zero")] = 9.0
        result = run("joint", supernet=supernet, zero_may_win=may)
        assert (result.genotype.operations == ("zero",)) is may


@pytest.mark.slow
def test_retraining_starts_from_initial_weights_and_streams() -> None:
    fold, streams = make_fold(), TrainedStreams()
    result = run("joint", fold=fold, streams=streams, after="retrain")
    assert result.retrained is not None
    kept = run("joint", fold=make_fold(), streams=TrainedStreams())
    assert result.genotype == kept.genotype
    assert plain(kept)["epochs"] == plain(result)["epochs"]

    network, fresh = make_derived(result.genotype), TrainedStreams()
    fitted(network, fresh, fold, SETTINGS, seed=3)
    assert_same_state(state_of(result.network, streams), state_of(network, fresh))
