import numpy as np
import torch

from pretrain.model.masked_frames import find_masked_frames
from pretrain.model.negatives import any_negatives, differing_negatives, draw_uniforms
from pretrain.shared.random_streams import Draws

# Rows of 8, 5 and 3 masked frames; the last row has one centre only.
MASK = torch.tensor([[1] * 8, [0, 1, 1, 0, 1, 1, 1, 0], [1, 0, 0, 0, 1, 0, 0, 1]]).bool()
CENTRES = torch.tensor(
    [[5, 1, 5, 2, 2, 5, 9, 1], [3, 3, 4, 3, 3, 0, 0, 0], [6, 6, 6, 0, 0, 0, 0, 0]]
)
COUNTS = (8, 5, 3)


def uniforms(num_negatives: int, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.random((3, 8, num_negatives), dtype=np.float32))


def test_negatives_are_other_masked_frames_with_another_centre() -> None:
    masked = find_masked_frames(MASK)
    drawn = differing_negatives(uniforms(400), CENTRES, masked)
    for row, count in enumerate(COUNTS):
        for frame in range(8):
            centre = CENTRES[row, frame]
            allowed = {j for j in range(count) if CENTRES[row, j] != centre}
            usable = drawn.usable[row, frame]
            if frame >= count or not allowed:
                assert not bool(usable.any())
            else:
                assert bool(usable.all())
                assert set(drawn.index[row, frame].tolist()) == allowed


def test_negatives_are_drawn_uniformly() -> None:
    masked = find_masked_frames(MASK)
    drawn = differing_negatives(uniforms(20_000), CENTRES, masked)
    counts = np.bincount(drawn.index[0, 2].numpy(), minlength=8)
    # Centre 5 stands at 0, 2 and 5: five candidates with 4000 each, standard deviation 57.
    assert counts[[0, 2, 5]].tolist() == [0, 0, 0]
    assert np.abs(counts[[1, 3, 4, 6, 7]] - 4000).max() < 300


def test_the_largest_uniform_stays_in_range() -> None:
    masked = find_masked_frames(MASK)
    largest = torch.full((3, 8, 1), float(np.nextafter(np.float32(1), np.float32(0))))
    for draw in (differing_negatives, any_negatives):
        index = draw(largest, CENTRES, masked).index
        assert int(index.min()) >= 0
        assert all(int(index[row, :count].max()) < count for row, count in enumerate(COUNTS))


def test_any_other_frame_may_be_drawn_but_identical_centres_are_not_usable() -> None:
    masked = find_masked_frames(MASK)
    drawn = any_negatives(uniforms(400), CENTRES, masked)
    for row, count in enumerate(COUNTS):
        for frame in range(count):
            index, usable = drawn.index[row, frame], drawn.usable[row, frame]
            assert set(index.tolist()) == set(range(count)) - {frame}
            assert torch.equal(usable, CENTRES[row, index] != CENTRES[row, frame])
        assert not bool(drawn.usable[row, count:].any())


def test_a_single_masked_frame_has_no_negative() -> None:
    masked = find_masked_frames(torch.tensor([[False, True, False]]))
    for draw in (differing_negatives, any_negatives):
        drawn = draw(torch.full((1, 1, 4), 0.5), torch.tensor([[2]]), masked)
        assert not bool(drawn.usable.any())
        assert drawn.index.tolist() == [[[0, 0, 0, 0]]]


def test_uniforms_are_an_utterances_own_whatever_the_batch() -> None:
    draws = [Draws(seed=0, update=1, slot=i, utterance_id=f"u{i}") for i in range(3)]
    both = draw_uniforms(draws, find_masked_frames(MASK), 100)
    alone = draw_uniforms(draws[1:2], find_masked_frames(MASK[1:2]), 100)
    assert torch.equal(both[1, :5], alone[0])
    assert not torch.equal(both[0, :5], alone[0])


def test_masked_frames_keep_their_order_and_their_values() -> None:
    masked = find_masked_frames(MASK)
    assert masked.counts == list(COUNTS)
    assert masked.valid.sum(dim=1).tolist() == list(COUNTS)
    x = torch.randn(3, 8, 2)
    for row, count in enumerate(COUNTS):
        assert torch.equal(masked.take(x)[row, :count], x[row, MASK[row]])
    torch.testing.assert_close(masked.mean(masked.take(x)), x[MASK].mean(dim=0))
