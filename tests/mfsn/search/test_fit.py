"""Training of one network: the best epoch, early stopping, exact resume, no look at the test."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfsn.data.fold_data import FoldData, SegmentBatch, halves_of, labels_of
from mfsn.search.epochs import TrainingDivergedError
from mfsn.search.fit import FitResult
from mfsn.search.predict import NetworkFunction, Scores, predict, score
from mfsn.search.settings import FitSettings
from tests.mfsn.made_up_segments import (
    FAST,
    NUM_CLASSES,
    MadeUpSegments,
    TinyNetwork,
    TrainedStreams,
    assert_same_state,
    files_under,
    fitted,
    make_fold,
    state_of,
    without_seconds,
)


class Scripted(nn.Module):
    """A network whose dev scores are given by the number of the epoch."""

    steps: Tensor

    def __init__(self, right_by_epoch: list[int], steps_per_epoch: int) -> None:
        super().__init__()
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.weight = nn.Parameter(torch.zeros(()))
        self._right = right_by_epoch
        self._per_epoch = steps_per_epoch

    def forward(self, batch: SegmentBatch) -> Tensor:
        if self.training:
            self.steps += 1
        epoch = max(0, int(self.steps) - 1) // self._per_epoch
        right = (batch.utterance % 8 < self._right[epoch]).long()
        answers = (batch.labels + 1 - right) % NUM_CLASSES
        return nn.functional.one_hot(answers, NUM_CLASSES).float() + 0.0 * self.weight


def scripted_fit(right_by_epoch: list[int], patience: int) -> tuple[Scripted, FitResult]:
    fold = make_fold()
    num_steps = -(-len(fold.data.segments_of(fold.train)) // FAST.batch_size)
    network = Scripted(right_by_epoch, num_steps)
    settings = replace(FAST, patience=patience, max_epochs=len(right_by_epoch))
    return network, fitted(network, nn.Identity(), fold, settings, seed=0)


def test_the_best_epoch_is_restored() -> None:
    network, result = scripted_fit([1, 5, 7, 3, 4], patience=10)
    assert [row["dev_wa"] for row in result.epochs] == [1 / 8, 5 / 8, 7 / 8, 3 / 8, 4 / 8]
    assert result.best_epoch == 3
    steps_per_epoch = network._per_epoch
    assert int(network.steps) == 3 * steps_per_epoch
    assert result.dev_wa == 7 / 8
    assert not network.training


def test_training_stops_when_the_patience_is_out() -> None:
    _, result = scripted_fit([5, 4, 3, 7, 1, 1, 8, 8], patience=3)
    # Epoch 4 is within the patience, epoch 7 is the third after it and the best.
    assert [row["epoch"] for row in result.epochs] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert result.best_epoch == 7
    _, result = scripted_fit([5, 4, 3, 7, 1, 1, 8, 8], patience=2)
    assert [row["epoch"] for row in result.epochs] == [1, 2, 3]
    assert result.best_epoch == 1


def test_of_equal_epochs_the_first_is_kept() -> None:
    _, result = scripted_fit([2, 6, 6, 6], patience=10)
    assert result.best_epoch == 2


def test_what_is_kept_scores_as_recorded() -> None:
    fold, network, streams = make_fold(48, hint=0.7), TinyNetwork(), TrainedStreams()
    result = fitted(network, streams, fold, replace(FAST, max_epochs=12), seed=1)
    scores = predict(network, streams, fold.data, fold.dev, "cpu", batch_size=FAST.batch_size)
    assert score(scores, labels_of(fold.data, fold.dev)) == Scores(
        ua=result.dev_ua, wa=result.dev_wa, loss=result.dev_loss
    )
    assert result.epochs[0]["dev_loss"] > result.dev_loss
    assert result.epochs[0]["train_loss"] > result.epochs[-1]["train_loss"]


def test_the_streams_are_trained_but_for_what_is_frozen() -> None:
    streams = TrainedStreams()
    fitted(TinyNetwork(), streams, make_fold(), FAST, seed=0)
    assert not torch.equal(streams.scale, torch.ones_like(streams.scale))
    assert torch.equal(streams.frozen, torch.ones_like(streams.frozen))


class Interrupting(TinyNetwork):
    """Sends a signal in the middle of an epoch."""

    def __init__(self, at_step: int, number: int) -> None:
        super().__init__()
        self._left = at_step
        self._number = number

    def forward(self, batch: SegmentBatch) -> Tensor:
        if self.training:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._number)
        return super().forward(batch)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_stopped_and_resumed_equals_the_straight_one(
    number: int, tmp_path: Path
) -> None:
    settings = replace(FAST, max_gradient_norm=1.0)
    straight, straight_streams = TinyNetwork(), TrainedStreams()
    expected = fitted(straight, straight_streams, make_fold(), settings, seed=3)

    for at_step in (4, 1):  # in the third epoch of two steps; at once in the one after
        with pytest.raises(KeyboardInterrupt):
            fitted(
                Interrupting(at_step, number),
                TrainedStreams(),
                make_fold(),
                settings,
                seed=3,
                checkpoint=tmp_path,
            )
    torch.manual_seed(99)
    network, streams = TinyNetwork(seed=77), TrainedStreams()  # the weights come from the file
    result = fitted(network, streams, make_fold(), settings, seed=3, checkpoint=tmp_path)

    assert_same_state(state_of(network, streams), state_of(straight, straight_streams))
    assert without_seconds(result.epochs) == without_seconds(expected.epochs)
    assert result.best_epoch == expected.best_epoch
    assert files_under(tmp_path) == [f"update-{len(expected.epochs):08d}"]


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first = TinyNetwork()
    expected = fitted(first, nn.Identity(), make_fold(), FAST, seed=0, checkpoint=tmp_path)
    again = TinyNetwork(seed=5)
    result = fitted(again, nn.Identity(), make_fold(), FAST, seed=0, checkpoint=tmp_path)
    assert_same_state(state_of(again), state_of(first))
    assert result == expected


def test_a_checkpoint_of_other_settings_or_parts_is_refused(tmp_path: Path) -> None:
    fold = make_fold()
    fitted(TinyNetwork(), nn.Identity(), fold, FAST, seed=0, checkpoint=tmp_path)
    with pytest.raises(ValueError, match=r"other settings.*remove"):
        fitted(TinyNetwork(), nn.Identity(), fold, FAST, seed=1, checkpoint=tmp_path)
    other = replace(fold, dev=fold.dev[1:])
    with pytest.raises(ValueError, match=r"other settings, or for other parts"):
        fitted(TinyNetwork(), nn.Identity(), other, FAST, seed=0, checkpoint=tmp_path)


def test_only_training_and_dev_part_are_read() -> None:
    fold = make_fold()
    assert isinstance(fold.data, MadeUpSegments)
    fitted(TinyNetwork(), nn.Identity(), fold, FAST, seed=0)
    assert fold.data.seen == {*fold.train.tolist(), *fold.dev.tolist()}


def test_who_watches_the_test_part_changes_nothing(tmp_path: Path) -> None:
    """The optimistic scorer: it even draws random numbers and switches modes."""
    fold, test_rows = make_fold(), np.arange(16, 24)
    alone, watched = TinyNetwork(), TinyNetwork()
    expected = fitted(alone, nn.Identity(), fold, FAST, seed=0)

    def watch(epoch: int, network: NetworkFunction) -> float:
        torch.rand(epoch)
        scores = predict(network, nn.Identity(), fold.data, test_rows, "cpu")
        watched.train()
        return score(scores, labels_of(fold.data, test_rows)).ua

    result = fitted(watched, nn.Identity(), fold, FAST, seed=0, on_epoch=watch, checkpoint=tmp_path)
    assert_same_state(state_of(watched), state_of(alone))
    assert without_seconds(result.epochs) == without_seconds(expected.epochs)
    assert list(result.observed) == ["1", "2", "3", "4", "5"]
    # What was seen is still there after a resume.
    again = fitted(TinyNetwork(), nn.Identity(), fold, FAST, seed=0, checkpoint=tmp_path)
    assert again.observed == result.observed


def test_the_global_generator_neither_matters_nor_moves() -> None:
    networks = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        before = torch.get_rng_state()
        networks.append(TinyNetwork())
        fitted(networks[-1], nn.Identity(), make_fold(), FAST, seed=0)
        assert torch.equal(torch.get_rng_state(), before)
    assert_same_state(state_of(networks[0]), state_of(networks[1]))


def test_the_seed_changes_order_and_dropout() -> None:
    networks = [TinyNetwork(), TinyNetwork()]
    for seed, network in enumerate(networks):
        fitted(network, nn.Identity(), make_fold(), FAST, seed=seed)
    assert not torch.equal(networks[0].hidden.weight, networks[1].hidden.weight)


def test_a_loss_that_is_not_finite_names_the_epoch_and_the_remedy() -> None:
    class Diverging(TinyNetwork):
        calls = 0

        def forward(self, batch: SegmentBatch) -> Tensor:
            self.calls += self.training
            return super().forward(batch) * (float("nan") if self.calls > 3 else 1.0)

    with pytest.raises(
        TrainingDivergedError, match=r"epoch 2, batch 2: the training loss is nan\. Lower `fit\.lr`"
    ):
        fitted(Diverging(), nn.Identity(), make_fold(), FAST, seed=0)


def test_the_rate_of_the_encoder_is_its_own() -> None:
    streams = TrainedStreams()
    fitted(TinyNetwork(), streams, make_fold(), replace(FAST, sec_lr=1e-9), seed=0)
    assert torch.allclose(streams.scale, torch.ones_like(streams.scale), atol=1e-5)


def test_bf16_trains() -> None:
    result = fitted(
        TinyNetwork(), nn.Identity(), make_fold(), replace(FAST, precision="bf16"), seed=0
    )
    assert result.epochs[-1]["train_loss"] < result.epochs[0]["train_loss"]


@pytest.mark.parametrize(
    ("field", "value"), [("lr", 0.0), ("patience", 0), ("batch_size", 0), ("weight_decay", -1.0)]
)
def test_impossible_settings_are_named(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"`{field}` must"):
        FitSettings(**{field: value})  # type: ignore[arg-type]


def test_a_fold_without_dev_part_is_refused() -> None:
    with pytest.raises(ValueError, match="`dev` must have at least one utterance"):
        FoldData(data=MadeUpSegments(3), train=np.arange(3), dev=np.arange(0))


def test_the_dev_part_is_halved_by_utterance_and_class() -> None:
    rows = np.arange(30, 51)
    labels = rows % 3
    one, other = halves_of(rows, labels, seed=0)
    assert sorted([*one, *other]) == rows.tolist()
    for label in range(3):
        assert abs(int((one % 3 == label).sum()) - int((other % 3 == label).sum())) <= 1
    mixed = np.random.default_rng(0).permutation(len(rows))
    again = halves_of(rows[mixed], labels[mixed], seed=0)
    assert np.array_equal(again[0], one)
    assert not np.array_equal(halves_of(rows, labels, seed=1)[0], one)


def test_the_history_is_plain_json() -> None:
    result = fitted(TinyNetwork(), nn.Identity(), make_fold(), FAST, seed=0)
    assert json.loads(json.dumps(result.epochs)) == result.epochs
