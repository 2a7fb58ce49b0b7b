from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pretrain.data.sampler import PlanError, UpdatePlan

LENGTHS = np.random.Generator(np.random.Philox(key=1)).integers(8_000, 80_000, size=101)


def plan(num_shards: int = 3, seed: int = 0, max_samples: int = 200_000) -> UpdatePlan:
    return UpdatePlan(LENGTHS, max_samples=max_samples, num_shards=num_shards, seed=seed)


def test_the_plan_is_a_pure_function_whatever_was_asked_before() -> None:
    fresh = [plan().update(update) for update in (40, 3, 17)]
    used = plan()
    assert [used.update(update) for update in (40, 3, 17)] == fresh


def test_every_epoch_visits_every_utterance_once() -> None:
    stream = chain.from_iterable(
        shard.rows for shards in plan(num_shards=1).updates(0, 400) for shard in shards
    )
    visits = np.array(list(stream))[: 5 * len(LENGTHS)].reshape(5, -1)
    for epoch in visits:
        assert sorted(epoch) == list(range(len(LENGTHS)))
    assert not (visits[0] == visits[1]).all()


@given(
    seed=st.integers(0, 10_000),
    update=st.integers(0, 200),
    max_samples=st.integers(80_000, 900_000),
)
@settings(max_examples=40, deadline=None)
def test_shards_keep_the_budget_and_slots_count_through(
    seed: int, update: int, max_samples: int
) -> None:
    shards = plan(seed=seed, max_samples=max_samples).update(update)
    slot = 0
    for shard in shards:
        lengths = LENGTHS[list(shard.rows)]
        assert len(shard.rows) * lengths.max() <= max_samples
        assert shard.first_slot == slot
        slot += len(shard.rows)


def test_bucketing_wastes_little_on_padding() -> None:
    padded = valid = 0
    for shards in plan().updates(0, 60):
        for shard in shards:
            lengths = LENGTHS[list(shard.rows)]
            padded += len(lengths) * int(lengths.max())
            valid += int(lengths.sum())
    assert valid / padded > 0.9


def test_seeds_give_other_orders() -> None:
    assert plan(seed=0).update(0) != plan(seed=1).update(0)


def test_a_budget_below_the_longest_crop_is_refused_with_the_remedy() -> None:
    with pytest.raises(PlanError, match=r"Raise `data\.shard_seconds`"):
        plan(max_samples=1_000)


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(PlanError, match="no utterance"):
        UpdatePlan(np.array([], dtype=np.int64), max_samples=1, num_shards=1, seed=0)
