"""Support vector machines on every layer of one row on one corpus.

Fitted, chosen and tested as the linear heads are (`probe.heads.linear`): the dev part chooses C for
each layer, and the layer. Features are standardised on what is fitted, to a squared length of about
1, so that a C means the same for every number of features. Categories: one machine for each pair
(libsvm), errors weighted by the inverse frequency of their class, as suits UA. Dimensions: epsilon
regression of standardised ratings.

Not specified by the paper. C is chosen on a logarithmic grid, as for the baselines of the
Interspeech challenges (Schuller et al. 2009, 2016), which are linear machines too.

Shapes: L layers, N utterances, n rows fitted, m predicted, D channels, P problems, K strengths.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Literal

import numpy as np
import torch
from sklearn.svm import SVC, SVR
from threadpoolctl import threadpool_limits
from torch import Tensor

from pretrain.shared.checked_settings import settings
from probe.corpora.targets import Task
from probe.features.pooling import MEAN, Pooling
from probe.features.row_source import RowSource
from probe.heads.linear import Evaluation, Part, evaluate
from probe.heads.rotation import standardisation
from probe.heads.settings import ProbeHead
from probe.heads.solve import Predictions, Problem, Values

Kernel = Literal["linear", "rbf"]

STRENGTHS = tuple(10.0**exponent for exponent in range(-3, 2))
"""Candidates for 1 / C, for features of squared length 1, from the weakest penalty on."""

EPSILON = 0.1
"""Half the width of the tube in which errors of a dimension count nothing, in deviations of the
ratings that are fitted; libsvm's default."""


@settings
class SvmSettings:
    """What the machines are and hear; their 1 / C are `STRENGTHS`."""

    kernel: Kernel = "linear"
    """`linear`, or `rbf`: exp(-|x - y|^2), the width 1 for features of squared length 1."""

    pooling: Pooling = MEAN
    """`mean` over time, or `mean_std`: standard deviation too. Not specified by the paper."""


def solve_svm(
    features_LND: Tensor,
    problems: Sequence[Problem],
    tasks: Sequence[Task],
    strengths: dict[str, Values],
    *,
    kernel: Kernel,
) -> Predictions:
    """Fits every problem at K values of C, 1 / `strengths`, as `probe.heads.solve.solve` does.

    libsvm needs no random numbers and one thread for a machine: nothing depends on the machine's
    cores but the time. Kernel matrices of n x n float64 are kept, one for each core.
    """

    def solve_one(place: int) -> list[Values]:
        problem = problems[place]
        fitted, predicted = _kernels(features_LND[problem.layer], problem, kernel)
        return [
            _answers(task, task.targets[problem.fitted], fitted, predicted, penalties)
            for task in tasks
            for penalties in [strengths[task.name][place]]
        ]

    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1), ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            found = list(pool.map(solve_one, range(len(problems))))
    finally:
        torch.set_num_threads(num_threads)
    values = {task.name: [answers[i] for answers in found] for i, task in enumerate(tasks)}
    return Predictions(values=values, unsolved=0)


def _kernels(features_ND: Tensor, problem: Problem, kernel: Kernel) -> tuple[Values, Values]:
    """Returns the kernel between fitted rows (n, n), and of predicted with fitted ones (m, n)."""
    fitted = features_ND[torch.from_numpy(problem.fitted)].double()
    mean, scale = standardisation(fitted)
    predicted = features_ND[torch.from_numpy(problem.predicted)].double()
    known, new = (fitted - mean) * scale, (predicted - mean) * scale
    within, between = known @ known.T, new @ known.T
    if kernel == "rbf":
        lengths, new_lengths = known.square().sum(1), new.square().sum(1)
        within = (2 * within - lengths[:, None] - lengths).exp()
        between = (2 * between - new_lengths[:, None] - lengths).exp()
    return within.numpy(), between.numpy()


def _answers(
    task: Task, targets: Values, fitted: Values, predicted: Values, strengths_K: Values
) -> Values:
    """(n,) targets, (n, n), (m, n), (K,) -> (m, K) places of classes, or numbers."""
    columns = []
    for strength in strengths_K:
        if len(np.unique(targets)) == 1:  # nothing to tell apart
            columns.append(np.full(len(predicted), targets[0]))
        elif task.classes:
            machine = SVC(C=1 / strength, kernel="precomputed", class_weight="balanced")
            columns.append(machine.fit(fitted, targets.astype(int)).predict(predicted))
        else:
            mean, deviation = targets.mean(), targets.std()
            machine = SVR(C=1 / strength, kernel="precomputed", epsilon=EPSILON)
            machine.fit(fitted, (targets - mean) / deviation)
            columns.append(machine.predict(predicted) * deviation + mean)
    return np.stack(columns, axis=1).astype(np.float64)


def evaluate_svm(
    source: RowSource, tasks: Sequence[Task], parts: Sequence[Part], settings: SvmSettings
) -> Evaluation:
    """Probes every layer of a row."""
    solver = partial(solve_svm, kernel=settings.kernel)
    features = source.features(settings.pooling)
    return evaluate(source.table, features, tasks, parts, strengths=STRENGTHS, solver=solver)


HEAD = ProbeHead(settings_class=SvmSettings, evaluate=evaluate_svm)
