"""Fits, chooses and tests the linear heads of one row on one corpus.

Per fold: heads of every layer and strength are fitted on the training part; the dev part chooses
for each layer its strength and for each task its layer; the heads of the chosen strengths are
fitted again on training and dev part together (with few speakers each one counts); their
predictions on the test part are pooled over folds. Test labels enter nothing but the scores.

Shapes: N utterances, L layers, D channels, F folds, P = F x L problems, K strengths, C outputs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch

from pretrain.shared.checked_settings import settings
from probe.corpora.targets import Task
from probe.features.pooling import MEAN, Pooling
from probe.features.row_source import RowSource
from probe.folds.protocols import PARTS
from probe.heads.settings import ProbeHead
from probe.heads.solve import Problem, Solver, solve
from probe.metrics import mse, score_task, ua

FloatArray = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.intp]
Values = npt.NDArray[np.float64]

STRENGTHS = tuple(10.0**exponent for exponent in range(-6, 1))
"""Candidates for the L2 penalty of both heads, for features of squared length 1. Not specified by
the paper."""

SELECTED = "selected"
"""Name of the layer that each fold's dev part chose, beside the numbers of the layers."""


@settings
class LinearSettings:
    """What the linear head hears; its strengths are `STRENGTHS`."""

    pooling: Pooling = MEAN
    """`mean` over time, or `mean_std`: standard deviation too. Not specified by the paper."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Who is who in one fold, as row numbers of the table."""

    fold: str
    train: IndexArray
    dev: IndexArray
    test: IndexArray


@dataclass(kw_only=True)
class Evaluation:
    """What one row earns on one corpus."""

    scores: list[dict[str, object]] = field(default_factory=list)
    """layer, metric, value"""

    predictions: list[pd.DataFrame] = field(default_factory=list)
    """task, fold, id, speaker, session, target, prediction"""

    selection: list[dict[str, object]] = field(default_factory=list)
    """task, fold, layer, strength, dev_score: UA for classes, MSE for a dimension"""

    warnings: list[str] = field(default_factory=list)

    def add(self, other: "Evaluation") -> None:
        """Adds what the same row earns otherwise."""
        self.scores += other.scores
        self.predictions += other.predictions
        self.selection += other.selection
        self.warnings += other.warnings

    def score(self, task: Task, layer: str, rows: IndexArray, prediction: Values) -> None:
        """Adds the scores of pooled predictions for the utterances `rows`."""
        names = task.names(task.targets[rows]), task.names(prediction)
        for metric, value in score_task(task.name, *names).items():
            self.scores.append({"layer": layer, "metric": metric, "value": value})


def parts_of(table: pd.DataFrame, folds: pd.DataFrame) -> list[Part]:
    """Returns the folds by row numbers of the table, rows in order of id."""
    place = pd.Series(np.arange(len(table)), index=table["id"])
    parts = []
    for fold, frame in folds.groupby("fold", sort=True):
        rows = {
            name: place.loc[frame["id"][frame["part"] == name].sort_values()].to_numpy(np.intp)
            for name in PARTS
        }
        parts.append(Part(fold=str(fold), train=rows["train"], dev=rows["dev"], test=rows["test"]))
    return parts


def missing_classes(tasks: Sequence[Task], parts: Sequence[Part]) -> list[str]:
    """Returns a sentence for every fold whose training part lacks a class or has no labels."""
    sentences = []
    for task in tasks:
        for part in parts:
            present = set(task.targets[part.train[task.labelled[part.train]]])
            if not present:
                sentences.append(
                    f"fold {part.fold}: the training part has no label of {task.name}."
                )
                continue
            lacking = [name for code, name in enumerate(task.classes) if code not in present]
            if lacking:
                sentences.append(
                    f"fold {part.fold}: the training part has no utterance of "
                    f"{', '.join(lacking)}; what was fitted on it never predicts that."
                )
    return sentences


def evaluate(
    table: pd.DataFrame,
    features_NLD: FloatArray,
    tasks: Sequence[Task],
    parts: Sequence[Part],
    *,
    strengths: Sequence[float] = STRENGTHS,
    solver: Solver = solve,
) -> Evaluation:
    """Probes (N, L, D) features; the order of the utterances does not matter. `strengths` ascend,
    `solver` is what fits them."""
    result = Evaluation()
    features = torch.from_numpy(np.ascontiguousarray(features_NLD.transpose(1, 0, 2)))
    for group in _same_labelled(tasks):
        if usable := usable_parts(parts, group, result):
            _evaluate_group(table, features, group, usable, strengths, solver, result)
    return result


def evaluate_linear(
    source: RowSource, tasks: Sequence[Task], parts: Sequence[Part], settings: LinearSettings
) -> Evaluation:
    """Probes every layer of a row."""
    return evaluate(source.table, source.features(settings.pooling), tasks, parts)


HEAD = ProbeHead(settings_class=LinearSettings, evaluate=evaluate_linear, tells_layers_apart=True)


def evaluate_constant(
    table: pd.DataFrame, tasks: Sequence[Task], parts: Sequence[Part]
) -> Evaluation:
    """Predicts the mean, or the majority class (ties: first by name), of train and dev part."""
    result = Evaluation()
    for task in tasks:
        outputs = []
        for part in (labelled_part(part, task.labelled) for part in parts):
            known = task.targets[np.concatenate([part.train, part.dev])]
            if not len(known) or not len(part.test):
                continue
            answer = np.bincount(known.astype(int)).argmax() if task.classes else known.mean()
            outputs.append((part, np.full(len(part.test), answer, dtype=np.float64)))
        pool(table, task, outputs, result)
    return result


def _same_labelled(tasks: Sequence[Task]) -> list[list[Task]]:
    """Groups tasks that label the same utterances: they share the rotated features."""
    groups: dict[bytes, list[Task]] = {}
    for task in tasks:
        groups.setdefault(task.labelled.tobytes(), []).append(task)
    return list(groups.values())


def labelled_part(part: Part, labelled: npt.NDArray[np.bool_]) -> Part:
    """Returns the fold without the utterances that have no label."""
    return Part(
        fold=part.fold,
        train=part.train[labelled[part.train]],
        dev=part.dev[labelled[part.dev]],
        test=part.test[labelled[part.test]],
    )


def usable_parts(parts: Sequence[Part], tasks: Sequence[Task], result: Evaluation) -> list[Part]:
    """Returns the labelled part of the folds that can be trained and tested on; the result gets a
    warning of every other one. The tasks label the same utterances."""
    usable = []
    for part in (labelled_part(part, tasks[0].labelled) for part in parts):
        if len(part.train) and len(part.dev) and len(part.test):
            usable.append(part)
        else:
            names = ", ".join(task.name for task in tasks)
            result.warnings.append(f"fold {part.fold}: a part has no labels for {names}; left out.")
    return usable


def _evaluate_group(
    table: pd.DataFrame,
    features_LND: torch.Tensor,
    tasks: Sequence[Task],
    parts: Sequence[Part],
    strengths: Sequence[float],
    solver: Solver,
    result: Evaluation,
) -> None:
    """Evaluates tasks that label the same utterances."""
    num_layers = features_LND.shape[0]
    grid = np.array(strengths, dtype=np.float64)
    shape = (len(parts), num_layers, len(grid))

    first = [
        Problem(layer=layer, fitted=part.train, predicted=part.dev)
        for part in parts
        for layer in range(num_layers)
    ]
    same = np.broadcast_to(grid, (len(first), len(grid))).copy()
    on_dev = solver(features_LND, first, tasks, {task.name: same for task in tasks})
    choices = {
        task.name: _choose(_dev_scores(task, first, on_dev.values[task.name]).reshape(shape), task)
        for task in tasks
    }

    second = [
        Problem(layer=layer, fitted=np.concatenate([part.train, part.dev]), predicted=part.test)
        for part in parts
        for layer in range(num_layers)
    ]
    chosen = {name: grid[choice.strength].reshape(-1, 1) for name, choice in choices.items()}
    on_test = solver(features_LND, second, tasks, chosen)

    if unsolved := on_dev.unsolved + on_test.unsolved:
        result.warnings.append(
            f"{unsolved} logistic regressions did not reach the gradient tolerance."
        )
    for task in tasks:
        choice, values = choices[task.name], on_test.values[task.name]
        by_layer = [
            [(part, values[fold * num_layers + layer][:, 0]) for fold, part in enumerate(parts)]
            for layer in range(num_layers)
        ]
        pool(
            table,
            task,
            [by_layer[choice.layer[fold]][fold] for fold in range(len(parts))],
            result,
        )
        for layer, outputs in enumerate(by_layer):
            rows = np.concatenate([part.test for part, _ in outputs])
            result.score(task, str(layer), rows, np.concatenate([out for _, out in outputs]))
        for fold, part in enumerate(parts):
            layer = int(choice.layer[fold])
            result.selection.append(
                {
                    "task": task.name,
                    "fold": part.fold,
                    "layer": layer,
                    "strength": float(grid[choice.strength[fold, layer]]),
                    "dev_score": float(choice.dev_score[fold, layer]),
                }
            )


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """What the dev parts chose."""

    strength: IndexArray
    """(F, L) place of the strength of each layer."""

    layer: IndexArray
    """(F,)"""

    dev_score: Values
    """(F, L) at that strength."""


def _dev_scores(task: Task, problems: Sequence[Problem], values: Sequence[Values]) -> Values:
    """Returns (P, K): UA for emotion, MSE for a dimension."""
    score = ua if task.classes else mse
    return np.array(
        [
            [score(task.targets[problem.predicted], column) for column in predictions.T]
            for problem, predictions in zip(problems, values, strict=True)
        ]
    )


def _choose(scores_FLK: Values, task: Task) -> _Choice:
    """Takes the best strength of every layer, then the best layer. Ties: the strongest penalty,
    the lowest layer."""
    losses = -scores_FLK if task.classes else scores_FLK
    num_strengths = losses.shape[2]
    strength = num_strengths - 1 - losses[:, :, ::-1].argmin(2)
    best = np.take_along_axis(losses, strength[..., None], 2)[..., 0]
    return _Choice(
        strength=strength,
        layer=best.argmin(1),
        dev_score=np.take_along_axis(scores_FLK, strength[..., None], 2)[..., 0],
    )


def pool(
    table: pd.DataFrame,
    task: Task,
    outputs: Sequence[tuple[Part, Values]],
    result: Evaluation,
) -> None:
    """Adds predictions, and their scores pooled over folds, of the selected layers."""
    if not outputs:
        return
    for part, prediction in outputs:
        frame = table.iloc[part.test][["id", "speaker", "session"]].reset_index(drop=True)
        frame.insert(0, "task", task.name)
        frame.insert(1, "fold", part.fold)
        frame["target"] = task.names(task.targets[part.test])
        frame["prediction"] = task.names(prediction)
        result.predictions.append(frame)
    rows = np.concatenate([part.test for part, _ in outputs])
    result.score(task, SELECTED, rows, np.concatenate([output for _, output in outputs]))
