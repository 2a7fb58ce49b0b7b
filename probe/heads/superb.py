"""The superb head: trains, chooses and tests it for one row on one corpus, all folds side by side.

Per fold: a network is trained on the training part, the dev part chooses the epoch (UA for
emotion, MSE for a dimension; ties: the earliest), and that epoch's network predicts the test part.
Test labels enter nothing but the scores. Dimensions are standardised by the training part.

Shapes: P folds, B utterances of a batch, L layers, C outputs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import tqdm

from pretrain.shared.random_streams import generator
from probe.corpora.targets import Task
from probe.features.frame_states import Frames
from probe.heads.answers import answers, check_finite
from probe.heads.fold_networks import (
    FoldAdam,
    Parameters,
    fold_batch,
    initial_parameters,
    outputs,
)
from probe.heads.linear import Evaluation, Part, labelled_part, pool
from probe.heads.settings import SUPERB, SuperbSettings
from probe.metrics import mse, ua

IndexArray = npt.NDArray[np.intp]
Values = npt.NDArray[np.float64]

MAX_BATCH_BYTES = {"cpu": 64 * 2**20, "cuda": 4 * 2**30}
"""Folds are trained together as long as their frames of one batch fit in this, by the type of the
device. On a CPU side by side takes as long as one after the other (benchmarks/superb_folds.py), so
only memory counts there. What a GPU gains is not measured."""


@dataclass(frozen=True, kw_only=True)
class FoldResult:
    """What one fold's network learned."""

    prediction: Values
    """Of the test part: numbers on the corpus's scale, or places of classes."""

    layer_weights: Values
    """(L,) learned shares of the layers, of sum 1."""

    epoch: int
    """The chosen one, from 1."""

    dev_score: float
    """UA for emotion, MSE otherwise."""


def evaluate_superb(
    frames: Frames,
    table: pd.DataFrame,
    tasks: Sequence[Task],
    parts: Sequence[Part],
    settings: SuperbSettings,
    *,
    device: torch.device | None = None,
    max_batch_bytes: int | None = None,
) -> Evaluation:
    """Trains and tests the head; there are no numbered layers, only `selected`.

    `selection` gets a line per layer, with the layer's learned weight as its `strength`.

    Args:
        frames: Of all utterances, in order of the table.
        table: The utterances.
        tasks: What to predict; each has a network of its own.
        parts: The folds.
        settings: Of the head.
        device: Where to compute.
        max_batch_bytes: Decides how many folds are trained at once; no number depends on it
            beyond rounding. None: as the device has it.

    Raises:
        DivergedError: A network's outputs are not finite.
    """
    device = device or torch.device("cpu")
    most_bytes = max_batch_bytes or MAX_BATCH_BYTES.get(device.type, MAX_BATCH_BYTES["cpu"])
    result = Evaluation()
    for task in tasks:
        kept = [labelled_part(part, task.labelled) for part in parts]
        usable = [part for part in kept if len(part.train) and len(part.dev) and len(part.test)]
        for part in kept:
            if part not in usable:
                result.warnings.append(
                    f"fold {part.fold}: a part has no labels for {task.name}; left out."
                )
        learned = list(_train_in_groups(frames, task, usable, settings, device, most_bytes))
        if not learned:
            continue
        pairs = list(zip(usable, learned, strict=True))
        pool(table, task, [(part, fold.prediction) for part, fold in pairs], result)
        for part, fold in pairs:
            for layer, weight in enumerate(fold.layer_weights):
                result.selection.append(
                    {
                        "task": task.name,
                        "fold": part.fold,
                        "layer": layer,
                        "strength": float(weight),
                        "dev_score": fold.dev_score,
                    }
                )
        if last := sum(fold.epoch == settings.epochs for fold in learned):
            result.warnings.append(
                f"superb head, {task.name}: the last of {settings.epochs} epochs was the best by "
                f"the dev part in {last} of {len(learned)} folds; more epochs may score better."
            )
    return result


def _train_in_groups(
    frames: Frames,
    task: Task,
    parts: Sequence[Part],
    settings: SuperbSettings,
    device: torch.device,
    max_batch_bytes: int,
) -> Iterator[FoldResult]:
    mean_frames = float(frames.num_frames.mean())
    bytes_of_fold = 4 * settings.batch_size * mean_frames * frames.num_layers * frames.dim
    at_once = max(1, int(max_batch_bytes // bytes_of_fold))
    for start in range(0, len(parts), at_once):
        yield from train_folds(frames, task, parts[start : start + at_once], settings, device)


def train_folds(
    frames: Frames,
    task: Task,
    parts: Sequence[Part],
    settings: SuperbSettings,
    device: torch.device | None = None,
) -> list[FoldResult]:
    """Trains the networks of some folds side by side; all rows of the parts must be labelled."""
    device = device or torch.device("cpu")
    names = [part.fold for part in parts]
    num_outputs = max(len(task.classes), 1)
    initial = initial_parameters(
        names, frames.num_layers, frames.dim, settings.hidden_dim, num_outputs, settings.seed
    )
    adam = FoldAdam({name: value.to(device) for name, value in initial.items()}, settings.lr)
    best = {name: value.clone() for name, value in adam.parameters.items()}
    scales = [scale_of(task, part) for part in parts]
    best_score, best_epoch = np.full(len(parts), np.inf), np.zeros(len(parts), dtype=int)
    num_steps = [-(-len(part.train) // settings.batch_size) for part in parts]
    score = (lambda *pair: -ua(*pair)) if task.classes else mse
    with tqdm(
        total=settings.epochs * max(num_steps),
        desc=f"superb head, {task.name}, {len(parts)} folds at once",
        unit="step",
    ) as progress:
        for epoch in range(1, settings.epochs + 1):
            orders = [
                part.train[_order(settings.seed, task, part, epoch).permutation(len(part.train))]
                for part in parts
            ]
            for step in range(max(num_steps)):
                active = [place for place, count in enumerate(num_steps) if step < count]
                chosen = slice(step * settings.batch_size, (step + 1) * settings.batch_size)
                rows = [orders[place][chosen] for place in active]
                _update(adam, frames, task, active, rows, scales, device)
                progress.update()
            on_dev = predict(
                frames, adam.parameters, task, [part.dev for part in parts], scales, settings
            )
            for place, (part, prediction) in enumerate(zip(parts, on_dev, strict=True)):
                _check(prediction, task, part)
                loss = score(task.targets[part.dev], prediction)
                if loss < best_score[place]:
                    best_score[place], best_epoch[place] = loss, epoch
                    for name, value in adam.parameters.items():
                        best[name][place] = value[place]
    on_test = predict(frames, best, task, [part.test for part in parts], scales, settings)
    for part, prediction in zip(parts, on_test, strict=True):
        _check(prediction, task, part)
    weights = best["mix"].double().softmax(1).cpu().numpy()
    return [
        FoldResult(
            prediction=on_test[place],
            layer_weights=weights[place],
            epoch=int(best_epoch[place]),
            dev_score=float(-best_score[place] if task.classes else best_score[place]),
        )
        for place in range(len(parts))
    ]


def predict(
    frames: Frames,
    parameters: Parameters,
    task: Task,
    rows: Sequence[IndexArray],
    scales: Sequence[tuple[float, float]],
    settings: SuperbSettings,
) -> list[Values]:
    """Returns every fold's predictions for its rows, in their order; NaN where it diverged."""
    device = parameters["mix"].device
    found: list[list[Values]] = [[] for _ in rows]
    for start in range(0, max(map(len, rows)), settings.batch_size):
        active = [place for place, fold in enumerate(rows) if start < len(fold)]
        chosen = [rows[place][start : start + settings.batch_size] for place in active]
        with torch.inference_mode():
            batch = fold_batch(frames, chosen, device)
            values = outputs({name: p[active] for name, p in parameters.items()}, batch).cpu()
        for slot, (place, fold) in enumerate(zip(active, chosen, strict=True)):
            found[place].append(answers(task, values[slot, : len(fold)], scales[place]))
    return [np.concatenate(pieces) for pieces in found]


def _check(prediction: Values, task: Task, part: Part) -> None:
    check_finite(prediction, head=SUPERB, task=task, fold=part.fold, setting="superb.lr")


def _update(
    adam: FoldAdam,
    frames: Frames,
    task: Task,
    active: Sequence[int],
    rows: Sequence[IndexArray],
    scales: Sequence[tuple[float, float]],
    device: torch.device,
) -> None:
    """Takes one step of every active fold on the mean loss of its own batch."""
    places = torch.tensor(active, device=device)
    parameters = {
        name: value[places].detach().requires_grad_() for name, value in adam.parameters.items()
    }
    values = outputs(parameters, fold_batch(frames, rows, device))
    targets = torch.zeros(values.shape[:2])
    weights = torch.zeros(values.shape[:2])
    for slot, (place, fold) in enumerate(zip(active, rows, strict=True)):
        mean, deviation = scales[place]
        targets[slot, : len(fold)] = torch.from_numpy((task.targets[fold] - mean) / deviation)
        weights[slot, : len(fold)] = 1.0 / len(fold)
    targets, weights = targets.to(device), weights.to(device)
    losses = losses_of(task, values, targets)
    # The sum of the folds' means: no fold's gradient reaches another fold's parameters.
    gradients = torch.autograd.grad((losses * weights).sum(), list(parameters.values()))
    adam.step(dict(zip(parameters, gradients, strict=True)), places)


def losses_of(task: Task, values: Tensor, targets: Tensor) -> Tensor:
    """Returns (P, B) losses of the outputs (P, B, C): cross-entropy, or squared errors."""
    if not task.classes:
        return (values[..., 0] - targets).square()
    return F.cross_entropy(values.mT, targets.long(), reduction="none")


def scale_of(task: Task, part: Part) -> tuple[float, float]:
    """Returns mean and deviation of the training part's numbers; classes are left as they are."""
    if task.classes:
        return 0.0, 1.0
    targets = task.targets[part.train]
    return float(targets.mean()), float(targets.std()) or 1.0


def _order(seed: int, task: Task, part: Part, epoch: int) -> np.random.Generator:
    return generator(seed, "superb order", task.name, part.fold, epoch)
