"""The CTC objective against all paths counted by hand, and what it trains."""

import itertools
import math

import pytest
import torch

from pretrain.data.frames import num_frames_of
from pretrain.data.vocabulary import Vocabulary, collapse
from pretrain.model.encoder import build_encoder
from pretrain.objectives.ctc import (
    CtcObjective,
    CtcSettings,
    class_shares,
    ctc_loss,
    greedy,
)
from tests.pretrain.model.small import LENGTHS, SETTINGS, make_batch

VOCABULARY = Vocabulary((" ", "A", "B"))
TEXTS = {"utterance-0": "AB BA", "utterance-1": "BB", "utterance-2": "A"}
SHARES = torch.tensor([0.7, 0.1, 0.1, 0.1])


def make_objective(**changes: object) -> CtcObjective:
    settings = CtcSettings(**changes)  # type: ignore[arg-type]
    return CtcObjective(build_encoder(SETTINGS, 0), settings, VOCABULARY, TEXTS, SHARES, seed=0)


def test_the_loss_is_that_of_all_paths_together() -> None:
    torch.manual_seed(0)
    log_probs = torch.randn(2, 5, 3).log_softmax(dim=-1)
    num_frames, targets = torch.tensor([5, 3]), [torch.tensor([1, 1]), torch.tensor([2])]
    expected = 0.0
    for row, count, target in zip(log_probs, num_frames.tolist(), targets, strict=True):
        paths = itertools.product(range(3), repeat=count)
        matching = [path for path in paths if collapse(path) == target.tolist()]
        total = sum(
            math.exp(sum(float(row[t, index]) for t, index in enumerate(path))) for path in matching
        )
        expected -= math.log(total)
    assert float(ctc_loss(log_probs, num_frames, targets)) == pytest.approx(expected, rel=1e-5)


def test_greedy_decoding_takes_the_best_path_of_the_valid_frames() -> None:
    path = torch.tensor([[2, 2, 0, 2, 1, 3, 3], [0, 3, 1, 1, 2, 2, 2]])
    log_probs = torch.nn.functional.one_hot(path, 4).float()
    assert greedy(log_probs, torch.tensor([7, 4]), VOCABULARY) == ["AA B", "B"]


def test_targets_are_characters_and_shards_add_up() -> None:
    objective = make_objective().eval()
    names = list(TEXTS)
    together = objective(make_batch(), 0.0)
    alone = [
        objective(make_batch([length], names=[name]), 0.0)
        for name, length in zip(names, LENGTHS, strict=True)
    ]
    assert int(together.num_targets) == 8
    assert int(sum(output.num_targets for output in alone)) == 8
    total = sum(output.loss_sum.item() for output in alone)
    assert together.loss_sum.item() == pytest.approx(total, rel=1e-4)


def test_the_uninformed_answer_explains_nothing() -> None:
    objective = make_objective(blank_prior=True)
    with torch.no_grad():
        objective.head.linear.weight.zero_()
    assert float(objective(make_batch(), 0.0).metrics["explained"]) == pytest.approx(0.0, abs=1e-5)


def test_class_shares_give_every_character_one_frame() -> None:
    shares = class_shares(VOCABULARY, {"x": "AB A"}, {"x": 16_000})
    num_frames = num_frames_of(16_000)
    expected = torch.tensor([num_frames - 4.0, 1.0, 2.0, 1.0]) / num_frames
    torch.testing.assert_close(shares, expected)


@pytest.mark.parametrize("train_conv", [False, True])
def test_the_conv_stack_is_frozen_unless_asked_for(train_conv: bool) -> None:
    objective = make_objective(train_conv=train_conv)
    objective(make_batch(), 0.0).loss_sum.backward()
    conv = objective.encoder.conv.weights
    assert all((weight.grad is not None) == train_conv for weight in conv)
    trained = [(n, p) for n, p in objective.named_parameters() if p.requires_grad]
    assert [name for name, p in trained if p.grad is None] == []
    assert any(name == "encoder.projection.weight" for name, _ in trained)


def test_masks_are_used_only_when_asked_for() -> None:
    few, many = make_batch(num_masked=1), make_batch(num_masked=20)
    plain, masking = make_objective(), make_objective(mask=True)
    assert torch.equal(plain(few, 0.0).loss_sum, plain(many, 0.0).loss_sum)
    assert not torch.equal(masking(few, 0.0).loss_sum, masking(many, 0.0).loss_sum)
    masking(many, 0.0).loss_sum.backward()
    assert masking.encoder.mask_embedding.grad is not None
    assert not plain.encoder.mask_embedding.requires_grad


def test_the_head_depends_on_the_seed_and_not_on_the_encoder() -> None:
    one, other = make_objective(), make_objective(train_conv=True)
    assert torch.equal(one.head.linear.weight, other.head.linear.weight)


@pytest.mark.slow
def test_it_learns_to_write_three_utterances() -> None:
    texts = {"utterance-0": "A", "utterance-1": "B", "utterance-2": "A"}
    objective = CtcObjective(
        build_encoder(SETTINGS, 0), CtcSettings(), VOCABULARY, texts, SHARES, seed=0
    )
    batch = make_batch()
    optimizer = torch.optim.Adam([p for p in objective.parameters() if p.requires_grad], lr=3e-3)
    for _ in range(100):
        optimizer.zero_grad()
        objective(batch, 0.0).loss_sum.backward()
        optimizer.step()
    states = objective.encoder.eval()(batch.waveforms, batch.num_samples)
    written = greedy(objective.head(states.layers[-1]), states.num_frames, VOCABULARY)
    assert written == ["A", "B", "A"]
