"""Scores of utterances from those of their segments."""

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mfsn.data.fold_data import SegmentBatch
from mfsn.search.predict import Scores, predict, predict_each, score
from tests.mfsn.made_up_segments import NUM_CLASSES, MadeUpSegments, TinyNetwork


def test_an_utterance_scores_the_mean_log_softmax_of_its_segments() -> None:
    data = MadeUpSegments(2)  # utterance 0 has one segment, utterance 1 two
    of_segment = torch.log(
        torch.tensor([[0.5, 0.25, 0.25], [0.9, 0.05, 0.05], [0.01, 0.495, 0.495]])
    )
    calls: list[int] = []

    def network(batch: SegmentBatch) -> Tensor:
        first = len(calls)
        calls.extend(batch.utterance.tolist())
        # Logits may be off by a constant per segment.
        return of_segment[first : first + len(batch.labels)] + 7.0

    scores = predict(network, nn.Identity(), data, np.array([0, 1]), "cpu")
    assert calls == [0, 1, 1]
    expected = [np.log([0.5, 0.25, 0.25]), np.log([0.9 * 0.01, 0.05 * 0.495, 0.05 * 0.495]) / 2]
    assert scores == pytest.approx(np.array(expected), abs=1e-5)
    # The mean of the probabilities would say class 0.
    assert scores[1].argmax() == 1


def test_scores_come_in_the_order_of_the_rows() -> None:
    data, network, rows = MadeUpSegments(6), TinyNetwork(), np.array([4, 1, 3])
    scores = predict(network, nn.Identity(), data, rows, "cpu")
    for place, row in enumerate(rows):
        alone = predict(network, nn.Identity(), data, np.array([row]), "cpu")
        assert scores[place] == pytest.approx(alone[0], abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
def test_scores_do_not_depend_on_the_batch_size(batch_size: int) -> None:
    data, network, rows = MadeUpSegments(11), TinyNetwork(), np.arange(11)
    straight = predict(network, nn.Identity(), data, rows, "cpu", batch_size=7)
    other = predict(network, nn.Identity(), data, rows, "cpu", batch_size=batch_size)
    assert other == pytest.approx(straight, abs=1e-5)


def test_a_network_is_scored_without_dropout_and_left_in_its_mode() -> None:
    data, rows = MadeUpSegments(5), np.arange(5)
    network = TinyNetwork(dropout=0.9).train()
    first = predict(network, nn.Identity(), data, rows, "cpu")
    assert np.array_equal(first, predict(network, nn.Identity(), data, rows, "cpu"))
    assert network.training


def test_several_networks_share_one_pass_over_the_data() -> None:
    data, rows = MadeUpSegments(7), np.arange(7)
    networks = [TinyNetwork(seed) for seed in range(3)]
    together = predict_each(networks, nn.Identity(), data, rows, "cpu")
    for network, scores in zip(networks, together, strict=True):
        assert np.array_equal(scores, predict(network, nn.Identity(), data, rows, "cpu"))
        assert scores.shape == (7, NUM_CLASSES)


def test_scores_are_judged_by_hand_computed_numbers() -> None:
    scores = np.log(np.array([[0.7, 0.3], [0.6, 0.4], [0.8, 0.2]]))
    result = score(scores, np.array([0, 0, 1]))
    assert (result.ua, result.wa) == pytest.approx((0.5, 2 / 3))
    assert result.loss == pytest.approx(-np.log(0.7 * 0.6 * 0.2) / 3)


def test_ties_of_ua_and_wa_go_to_the_lower_loss() -> None:
    better = Scores(ua=0.1 + 0.2, wa=0.5, loss=0.9)
    worse = Scores(ua=0.3, wa=0.5, loss=1.0)
    assert better.rank() > worse.rank()
    assert Scores(ua=0.31, wa=0.5, loss=9.0).rank() > better.rank()


def test_one_answer_to_utterances_of_several_classes_is_known_as_such() -> None:
    scores = np.log(np.array([[0.2, 0.8], [0.4, 0.6]]))
    assert score(scores, np.array([0, 1])).only_answer == 1
    assert score(scores, np.array([1, 1])).only_answer is None  # rightly so
    assert score(scores[:, ::-1] * [[1], [0.1]], np.array([0, 1])).only_answer == 0
    assert score(np.log(np.array([[0.2, 0.8], [0.6, 0.4]])), np.array([0, 1])).only_answer is None
