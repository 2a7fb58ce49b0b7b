"""The probe that says where a network loses something, on made-up features."""

from types import SimpleNamespace

import numpy as np
import torch

from mfsn.model.coattention import CoAttentionHead
from mfsn.study.trace import ACOUSTIC, LAST, POOLED, max_and_mean, probed, watched
from tests.mfsn.batches import DIM, HEAD, NUM_CLASSES, make_batch


def test_maximum_and_mean_are_over_valid_frames() -> None:
    states = torch.tensor([[[1.0, -2.0], [3.0, -4.0], [99.0, 99.0]]])
    got = max_and_mean(states, torch.tensor([[True, True, False]]))
    assert got.tolist() == [[3.0, -2.0, 2.0, -3.0]]


def test_the_probe_tells_what_is_there_and_nothing_else() -> None:
    draws = np.random.default_rng(0)
    answers = [draws.integers(0, 4, 400) for _ in range(3)]
    noise = [draws.normal(size=(400, 5)) for _ in range(3)]
    told = [
        np.concatenate([np.eye(4)[answer], x], axis=1)
        for answer, x in zip(answers, noise, strict=True)
    ]
    assert probed(told, answers) == 1.0
    assert abs(probed(noise, answers) - 0.25) < 0.08


def test_test_answers_choose_nothing() -> None:
    draws = np.random.default_rng(0)
    answers = [draws.integers(0, 2, 60) for _ in range(3)]
    inputs = [draws.normal(size=(60, 30)) for _ in range(3)]
    other = [*answers[:2], 1 - answers[2]]
    assert probed(inputs, answers) + probed(inputs, other) == 1.0


def test_what_passes_the_head_is_seen_and_nothing_stays_behind() -> None:
    head = CoAttentionHead(num_streams=2, dim=DIM, num_classes=NUM_CLASSES, settings=HEAD, seed=1)
    network = torch.nn.Module()
    network.head = head
    batch = make_batch([150, 60])

    def run() -> torch.Tensor:
        logits: torch.Tensor = head(
            batch.spectrogram, batch.mfcc, batch.num_spectral_frames, batch.sec[:2], batch.valid
        )
        return logits

    with watched(network) as seen:
        logits = run()
    torch.testing.assert_close(head.classifier[-1](seen[LAST][0]), logits)
    assert [x.shape[1] for x in seen[POOLED]] == [HEAD.stream_dim] * 2
    assert [x.shape[1] for x in seen[ACOUSTIC]] == [2 * HEAD.spectrogram_dim, 2 * HEAD.mfcc_dim]
    assert all(got is given for got, given in zip(seen["streams"], batch.sec, strict=False))
    before = SimpleNamespace(**{key: list(value) for key, value in seen.items()})
    run()
    assert len(seen[POOLED]) == len(vars(before)[POOLED])
