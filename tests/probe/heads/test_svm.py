"""Support vector machines: separable data, missing classes, constant channels, other libraries."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import torch
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR

from pretrain.shared.random_streams import generator
from probe.corpora.targets import Task, find_tasks
from probe.folds.protocols import make_folds
from probe.heads.linear import Evaluation, evaluate, parts_of
from probe.heads.settings import make_head
from probe.heads.solve import Problem, Values
from probe.heads.svm import EPSILON, STRENGTHS, Kernel, solve_svm
from tests.probe.heads.test_linear import made_up, predictions_of

KERNELS: tuple[Kernel, ...] = ("linear", "rbf")


def task_of(targets: Sequence[float], classes: tuple[str, ...] = ()) -> Task:
    values = np.array(targets)
    return Task(name="t", labelled=np.ones(len(values), bool), targets=values, classes=classes)


def answers_of(
    features: Values, task: Task, fitted: int, strengths: tuple[float, ...], kernel: Kernel
) -> Values:
    """(N, D), the first `fitted` rows of which are fitted -> (m, K) of the others."""
    rows = np.arange(len(features))
    problem = Problem(layer=0, fitted=rows[:fitted], predicted=rows[fitted:])
    found = solve_svm(
        torch.from_numpy(features)[None], [problem], [task], {"t": np.array([strengths])},
        kernel=kernel,
    )  # fmt: skip
    assert found.unsolved == 0
    return found.values["t"][0]


@pytest.mark.parametrize("kernel", KERNELS)
def test_separable_classes_are_told_apart(kernel: Kernel) -> None:
    places = np.array([[0.0, 0.0], [9.0, 0.0], [0.0, 9.0]])
    classes = np.arange(36) % 3
    features = places[classes] + generator("svm").normal(0, 0.5, (36, 2))
    task = task_of(classes.tolist(), ("a", "b", "c"))
    found = answers_of(features, task, 24, (1e-3, 0.1), kernel)
    np.testing.assert_array_equal(found, np.stack([classes[24:]] * 2, axis=1))


@pytest.mark.parametrize("kernel", KERNELS)
def test_machines_are_those_of_scikit_learn_on_standardised_features(kernel: Kernel) -> None:
    draw = generator("svm", 1)
    features = draw.normal(0, 1, (60, 5)) * np.array([1e-4, 1.0, 50.0, 3.0, 0.2]) + 7
    classes = draw.integers(0, 3, 60)
    features[:, 2] += 40 * classes
    scaler = StandardScaler().fit(features[:40])
    scaled = scaler.transform(features) / np.sqrt(5)
    gamma = {"gamma": 1.0} if kernel == "rbf" else {}
    own = SVC(C=10.0, kernel=kernel, class_weight="balanced", **gamma)
    own.fit(scaled[:40], classes[:40])
    found = answers_of(features, task_of(classes.tolist(), ("a", "b", "c")), 40, (0.1,), kernel)
    np.testing.assert_array_equal(found[:, 0], own.predict(scaled[40:]))

    ratings = classes + draw.normal(0, 0.1, 60)
    mean, deviation = ratings[:40].mean(), ratings[:40].std()
    regression = SVR(C=10.0, kernel=kernel, epsilon=EPSILON, **gamma)
    regression.fit(scaled[:40], (ratings[:40] - mean) / deviation)
    expected = regression.predict(scaled[40:]) * deviation + mean
    told = answers_of(features, task_of(ratings.tolist()), 40, (0.1,), kernel)
    np.testing.assert_allclose(told[:, 0], expected, atol=2e-3)


def test_a_rare_class_weighs_as_much_as_a_frequent_one() -> None:
    """Two classes overlap: without weights the frequent one is always answered."""
    draw = generator("svm", 2)
    classes = np.array([0] * 57 + [1] * 3 + [0] * 20 + [1] * 20)
    features = draw.normal(0, 1, (100, 1)) + classes[:, None]
    found = answers_of(features, task_of(classes.tolist(), ("a", "b")), 60, (1.0,), "linear")
    assert (found[20:] == 1).mean() > 0.5


@pytest.mark.parametrize("kernel", KERNELS)
def test_constant_channels_are_ignored_whatever_they_are_in_the_test_part(kernel: Kernel) -> None:
    classes = np.arange(30) % 2
    features = generator("svm", 3).normal(0, 0.1, (30, 3)).astype(np.float32)
    features[:, 0] += classes
    ratings, told = task_of((classes + features[:, 1]).tolist()), []
    for later in (1e6, -5e8):
        constant = np.full((30, 1), 1e6, dtype=np.float32)
        constant[20:] = later
        told.append(answers_of(np.hstack([features, constant]), ratings, 20, (0.1,), kernel))
    assert np.isfinite(told[0]).all()
    assert np.ptp(told[0]) > 0.5
    np.testing.assert_array_equal(told[0], told[1])


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_class_that_training_lacks_is_never_answered_and_one_alone_always(kernel: Kernel) -> None:
    features = np.arange(12.0)[:, None]
    without = task_of([0, 0, 0, 2, 2, 2, 1, 1, 1, 0, 2, 1], ("a", "b", "c"))
    assert set(answers_of(features, without, 6, (0.1,), kernel)[:, 0]) <= {0, 2}
    alone = task_of([2] * 6 + [0, 1, 2, 0, 1, 2], ("a", "b", "c"))
    assert set(answers_of(features, alone, 6, (0.1, 1.0), kernel).ravel()) == {2}
    same = task_of([3.5] * 6 + [1.0] * 6)
    assert set(answers_of(features, same, 6, (0.1,), kernel).ravel()) == {3.5}


def probed(table: pd.DataFrame, features: npt.NDArray[np.float32]) -> Evaluation:
    parts = parts_of(table, make_folds(table, "speaker"))
    head = make_head("svm")

    class Source:
        def __init__(self) -> None:
            self.table = table

        def features(self, pooling: str) -> npt.NDArray[np.float32]:
            assert pooling == "mean"
            return features

    return head.kind.evaluate(Source(), find_tasks(table), parts, head.settings)  # type: ignore[arg-type]


def test_layer_and_c_are_chosen_on_dev_and_twice_gives_the_same() -> None:
    table, features = made_up()
    result = probed(table, features)
    chosen = pd.DataFrame(result.selection)
    informed = chosen["task"].isin(["emotion", "valence"])
    assert (chosen[informed]["layer"] == 1).all()
    assert set(chosen["strength"]) <= set(STRENGTHS)
    scores = pd.DataFrame(result.scores).set_index(["layer", "metric"])["value"]
    assert scores["selected", "ua"] > 0.9 > scores["0", "ua"]
    assert scores["1", "mse_valence"] < 0.3 < scores["0", "mse_valence"]
    again = probed(table, features)
    pd.testing.assert_frame_equal(predictions_of(result), predictions_of(again))


def test_test_labels_enter_nothing_but_the_scores() -> None:
    table, features = made_up()
    parts = parts_of(table, make_folds(table, "speaker"))[:1]
    changed = table.copy()
    rows = parts[0].test
    changed.loc[rows, "valence"] = 9.0
    told = []
    for one in (table, changed):
        (valence,) = [task for task in find_tasks(one) if task.name == "valence"]
        found = evaluate(
            one, features, [valence], parts, strengths=STRENGTHS,
            solver=lambda *problem: solve_svm(*problem, kernel="rbf"),
        )  # fmt: skip
        told.append(predictions_of(found)["prediction"].tolist())
    assert told[0] == told[1]


def test_settings_that_cannot_be_are_refused_by_name() -> None:
    assert make_head("svm", ["svm.pooling=mean_std"]).label == "svm-mean_std"
    with pytest.raises(ValueError, match="kernel"):
        make_head("svm", ["svm.kernel=poly"])
