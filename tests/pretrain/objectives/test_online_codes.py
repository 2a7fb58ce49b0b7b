"""DinoSR's online codes: the published rule by hand, one update for all shards, what is learned."""

import pytest
import torch
import torch.nn.functional as F

from pretrain.model.encoder import build_encoder
from pretrain.objectives.continuous import normalized_mean
from pretrain.objectives.online_codes import (
    OnlineCodebooks,
    OnlineCodesObjective,
    OnlineCodesSettings,
)
from pretrain.shared.errors import InputError
from tests.pretrain.model.small import SETTINGS, make_batch

SMALL = OnlineCodesSettings(top_k=2, num_codes=8)


def books(words: list[list[float]]) -> OnlineCodebooks:
    made = OnlineCodebooks(1, len(words), len(words[0]))
    made.sums.copy_(torch.tensor([words]))
    return made


def made(settings: OnlineCodesSettings = SMALL) -> OnlineCodesObjective:
    """With a teacher that differs from the student."""
    objective = OnlineCodesObjective(build_encoder(SETTINGS, seed=0), settings, seed=0)
    objective.teacher.follow(build_encoder(SETTINGS, seed=1).context, 0.5)
    return objective


def test_words_move_by_the_published_rule_and_unused_ones_stay() -> None:
    # s <- 0.9 s + 0.1 sum, n <- 0.9 n + 0.1 count, e = s / n; the word at (5, 5) is nobody's.
    one = books([[1.0, 0.0], [-1.0, 0.0], [5.0, 5.0]])
    states = torch.tensor([[[2.0, 0.0], [0.0, 1.0], [-3.0, 0.0]]])
    codes = one.nearest(states)
    assert codes.tolist() == [[0, 0, 1]]
    one.see(states, codes)
    one.move(0.9)
    assert one.counts[0].tolist() == pytest.approx([0.9 + 0.2, 0.9 + 0.1, 1.0])
    expected = [[0.9 + 0.2, 0.1], [-0.9 - 0.3, 0.0], [5.0, 5.0]]
    torch.testing.assert_close(one.sums[0], torch.tensor(expected))
    words = one.sums[0] / one.counts[0, :, None]
    assert words[0].tolist() == pytest.approx([1.0, 0.1 / 1.1])
    assert words[2].tolist() == [5.0, 5.0]


def test_shards_move_words_once_in_any_grouping() -> None:
    draws = torch.Generator().manual_seed(0)
    states = torch.randn(1, 40, 2, generator=draws)
    words = torch.randn(6, 2, generator=draws).tolist()
    whole, parts = books(words), books(words)
    whole.see(states, whole.nearest(states))
    for part in (states[:, 25:], states[:, :25]):
        parts.see(part, parts.nearest(part))
    whole.move(0.9)
    parts.move(0.9)
    torch.testing.assert_close(whole.sums, parts.sums)
    torch.testing.assert_close(whole.counts, parts.counts)


def test_the_loss_is_the_mean_over_layers_of_the_cross_entropy_of_codes() -> None:
    objective, batch = made(), make_batch()
    output = objective(batch, 0.0)
    encoder = objective.encoder
    with torch.no_grad():
        features = encoder.features(batch.waveforms, batch.num_samples)
        taught = objective.teacher(features.projected, features.valid, return_ffn=True)
        masked = encoder.masked(features.projected, batch.mask)
        states = encoder.context(masked, features.valid).layers[-1][batch.mask]
        total = torch.zeros(())
        for layer, head in zip((-2, -1), objective.heads, strict=True):
            target = normalized_mean([taught.ffn[layer]], features.valid)[batch.mask]
            words = objective.codebooks.sums[layer] / objective.codebooks.counts[layer, :, None]
            codes = torch.cdist(target, words).argmin(dim=-1)
            total = total + F.cross_entropy(head(states), codes, reduction="sum")
    torch.testing.assert_close(output.loss_sum.detach(), total / 2, rtol=1e-4, atol=1e-3)
    assert output.num_targets == batch.mask.sum()


@pytest.mark.slow
def test_an_easy_batch_is_learned_and_words_follow_the_teacher_only_in_training() -> None:
    objective, batch = made(), make_batch()
    before = objective.codebooks.sums.clone()
    objective.eval()
    with torch.no_grad():
        objective(batch, 0.0)
    objective.train()
    first = objective(batch, 0.0)
    torch.testing.assert_close(objective.codebooks.sums, before, rtol=0, atol=0)
    optimizer = torch.optim.Adam([p for p in objective.parameters() if p.requires_grad], lr=3e-3)
    output = first
    for _ in range(60):
        optimizer.zero_grad()
        (output.loss_sum / output.num_targets).backward()
        optimizer.step()
        objective.after_update(0.0)
        output = objective(batch, 0.0)
    assert not torch.equal(objective.codebooks.sums, before)
    assert output.metrics["explained"] > first.metrics["explained"] + 0.2


def test_more_layers_than_there_are_cannot_be_asked_for() -> None:
    with pytest.raises(InputError, match="`top_k` must be at most"):
        made(OnlineCodesSettings(top_k=9))
