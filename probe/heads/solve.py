"""Fits the heads of many (fold, layer) problems in chunks and predicts held-out utterances.

The chunks go to one thread per core, each computing alone: small eigenvalue problems and thin
matrix products gain little from cores that wait for each other, and lose much on a busy machine.
Chunks do not depend on the number of cores, so neither do the numbers.

Shapes: N utterances, L layers, D channels, P problems, K strengths, C outputs.
"""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from probe.corpora.targets import Task
from probe.heads.logistic import fit_logistic
from probe.heads.ridge import fit_ridge
from probe.heads.rotation import Rotated, rotate

IndexArray = npt.NDArray[np.intp]
Values = npt.NDArray[np.float64]

MAX_CHUNK_BYTES = 96 * 2**20
"""Problems are solved together as long as what the solver holds fits in this."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One fold and layer."""

    layer: int
    fitted: IndexArray
    """Rows that the head is fitted on (and the features standardised with)."""

    predicted: IndexArray
    """Rows that it predicts."""


@dataclass(frozen=True, kw_only=True)
class Predictions:
    """What P problems with K strengths each predict of n utterances."""

    values: dict[str, list[Values]]
    """For every task, for each of P problems: (n, K) numbers, or places of classes."""

    unsolved: int
    """Logistic problems, of all P x K, that did not reach the gradient tolerance."""


class Solver(Protocol):
    """What fits problems and predicts with them: `solve`, or that of another head."""

    def __call__(
        self,
        features_LND: Tensor,
        problems: Sequence[Problem],
        tasks: Sequence[Task],
        strengths: dict[str, Values],
    ) -> Predictions:
        """See `solve`."""
        ...


def solve(
    features_LND: Tensor,
    problems: Sequence[Problem],
    tasks: Sequence[Task],
    strengths: dict[str, Values],
) -> Predictions:
    """Fits every problem at K strengths for every task and predicts its rows.

    Args:
        features_LND: Features of all utterances.
        problems: P problems; all their fitted rows must be labelled in every task.
        tasks: What to predict.
        strengths: (P, K) penalties of each task by its name.
    """
    most_outputs = max(max(len(task.classes), 1) * strengths[task.name].shape[1] for task in tasks)
    values: dict[str, list[Values]] = {task.name: [] for task in tasks}
    unsolved = 0

    def solve_chunk(chunk: slice) -> list[tuple[list[Values], int]]:
        members = problems[chunk]
        rotated = rotate([features_LND[p.layer][torch.from_numpy(p.fitted)] for p in members])
        held_out = [features_LND[p.layer][torch.from_numpy(p.predicted)] for p in members]
        return [
            _fit_task(rotated, members, task, strengths[task.name][chunk], held_out)
            for task in tasks
        ]

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            chunks = _chunks(problems, features_LND.shape[2], most_outputs)
            for results in pool.map(solve_chunk, chunks):
                for task, (outputs, failed) in zip(tasks, results, strict=True):
                    values[task.name] += outputs
                    unsolved += failed
    finally:
        torch.set_num_threads(num_threads)
    return Predictions(values=values, unsolved=unsolved)


def _fit_task(
    rotated: Rotated,
    members: Sequence[Problem],
    task: Task,
    strengths_PK: Values,
    held_out: Sequence[Tensor],
) -> tuple[list[Values], int]:
    strengths = torch.from_numpy(strengths_PK)
    targets_PN = torch.zeros(rotated.valid.shape, dtype=torch.float64)
    for row, member in zip(targets_PN, members, strict=True):
        row[: len(member.fitted)] = torch.from_numpy(task.targets[member.fitted])
    if task.classes:
        fit = fit_logistic(rotated, targets_PN.long(), len(task.classes), strengths)
        outputs = [fit.heads(place, features) for place, features in enumerate(held_out)]
        return [output.argmax(2).double().numpy() for output in outputs], fit.unsolved
    heads = fit_ridge(rotated, targets_PN[..., None], strengths)
    outputs = [heads(place, features) for place, features in enumerate(held_out)]
    return [output[..., 0].numpy() for output in outputs], 0


def _chunks(problems: Sequence[Problem], num_channels: int, num_outputs: int) -> Iterator[slice]:
    """Cuts the problems into runs that fit in `MAX_CHUNK_BYTES`."""
    start, used = 0, 0
    for place, problem in enumerate(problems):
        rows = len(problem.fitted)
        axes = min(rows, num_channels)
        # Coordinates twice (with and without ones) and basis; history, parameters and logits.
        numbers = 2 * rows * axes + num_channels * axes + num_outputs * (26 * axes + 6 * rows)
        if used and used + 8 * numbers > MAX_CHUNK_BYTES:
            yield slice(start, place)
            start, used = place, 0
        used += 8 * numbers
    yield slice(start, len(problems))
