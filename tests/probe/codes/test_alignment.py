"""The best path against all paths."""

import itertools

import numpy as np
import pytest

from pretrain.data.vocabulary import collapse
from pretrain.shared.random_streams import generator
from probe.codes.alignment import align


@pytest.mark.parametrize("targets", [[1], [1, 2], [1, 1], [2, 1, 2]])
def test_the_path_is_the_likeliest_of_all_that_write_the_transcript(targets: list[int]) -> None:
    for trial in range(5):
        log_probs = np.log(generator("align", trial).dirichlet([1.0, 1.0, 1.0], 6))
        best = max(
            (path for path in itertools.product(range(3), repeat=6) if collapse(path) == targets),
            key=lambda path: sum(log_probs[frame, step] for frame, step in enumerate(path)),
        )
        assert align(log_probs, targets).tolist() == list(best)


def test_a_transcript_that_just_fits_is_written() -> None:
    log_probs = np.log(np.full((3, 2), 0.5))
    assert align(log_probs, [1, 1]).tolist() == [1, 0, 1]
