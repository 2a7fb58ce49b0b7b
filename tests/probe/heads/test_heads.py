"""The batched solvers against one plain reference per problem."""

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import logsumexp

from pretrain.shared.random_streams import generator
from probe.heads.logistic import fit_logistic
from probe.heads.ridge import fit_ridge
from probe.heads.rotation import rotate

Array = npt.NDArray[np.float64]

STRENGTHS = (1e-3, 1e-1, 1.0)


def training_sets(num_channels: int) -> list[Array]:
    """Three sets of different sizes with correlated, offset channels and a constant one."""
    sets = []
    for number, rows in enumerate((24, 30, 17)):
        draw = generator("heads", number, num_channels)
        mixing = draw.standard_normal((num_channels, num_channels))
        features = draw.standard_normal((rows, num_channels)) @ mixing + 10
        features[:, 0] = 3.7
        sets.append(features)
    return sets


def standardised(features: Array) -> tuple[Array, Array, Array]:
    mean, deviation = features.mean(0), features.std(0)
    deviation[0] = np.inf
    scale = 1 / (deviation * np.sqrt(features.shape[1]))
    return (features - mean) * scale, mean, scale


def padded(values: list[Array]) -> torch.Tensor:
    result = torch.full((len(values), max(map(len, values))), 5.0, dtype=torch.float64)
    for row, value in zip(result, values, strict=True):
        row[: len(value)] = torch.from_numpy(value)
    return result


@pytest.mark.parametrize("num_channels", [6, 40])
def test_batched_ridge_equals_the_normal_equations_of_every_problem(num_channels: int) -> None:
    sets = training_sets(num_channels)
    targets = [generator("targets", len(x)).normal(3, 1, len(x)) for x in sets]
    strengths = torch.tensor(STRENGTHS, dtype=torch.float64).expand(len(sets), -1)
    heads = fit_ridge(
        rotate([torch.from_numpy(x) for x in sets]), padded(targets)[..., None], strengths
    )
    new = generator("new").normal(10, 5, (8, num_channels))
    for problem, (features, target) in enumerate(zip(sets, targets, strict=True)):
        inputs, mean, scale = standardised(features)
        predicted = heads(problem, torch.from_numpy(new))[..., 0].numpy()
        for place, strength in enumerate(STRENGTHS):
            gram = inputs.T @ inputs / len(inputs) + strength * np.eye(num_channels)
            weight = np.linalg.solve(gram, inputs.T @ (target - target.mean()) / len(inputs))
            expected = ((new - mean) * scale) @ weight + target.mean()
            np.testing.assert_allclose(predicted[:, place], expected, rtol=1e-8)


def reference_logistic(inputs: Array, classes: Array, num_classes: int, strength: float) -> Array:
    """Returns (D + 1, C) weights and intercepts by scipy's BFGS."""
    with_ones = np.c_[inputs, np.ones(len(inputs))]
    one_hot = np.eye(num_classes)[classes.astype(int)]

    def objective(flat: Array) -> tuple[float, Array]:
        weight = flat.reshape(-1, num_classes)
        logits = with_ones @ weight
        nats = logsumexp(logits, axis=1) - (logits * one_hot).sum(1)
        penalised = weight.copy()
        penalised[-1] = 0
        probability = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
        gradient = with_ones.T @ (probability - one_hot) / len(inputs) + strength * penalised
        return nats.mean() + strength / 2 * (penalised**2).sum(), gradient.ravel()

    start = np.zeros(with_ones.shape[1] * num_classes)
    found = minimize(objective, start, jac=True, method="L-BFGS-B", tol=1e-15,
                     options={"maxiter": 5000, "maxfun": 10000, "gtol": 1e-9})  # fmt: skip
    weight: Array = found.x.reshape(-1, num_classes)
    return weight


@pytest.mark.parametrize("num_channels", [6, 40])
def test_batched_logistic_equals_scipy_on_every_problem(num_channels: int) -> None:
    sets = training_sets(num_channels)
    classes = [generator("classes", len(x)).integers(0, 4, len(x)).astype(float) for x in sets]
    strengths = torch.tensor(STRENGTHS, dtype=torch.float64).expand(len(sets), -1)
    fit = fit_logistic(
        rotate([torch.from_numpy(x) for x in sets]),
        padded(classes).long(),
        4,
        strengths,
        tolerance=1e-8,
    )
    assert fit.unsolved == 0
    for problem, (features, target) in enumerate(zip(sets, classes, strict=True)):
        inputs, *_ = standardised(features)
        logits = fit.heads(problem, torch.from_numpy(features)).numpy()
        for place, strength in enumerate(STRENGTHS):
            weight = reference_logistic(inputs, target, 4, strength)
            expected = np.c_[inputs, np.ones(len(inputs))] @ weight
            np.testing.assert_allclose(logits[:, place], expected, atol=1e-4)


def test_problems_do_not_disturb_each_other() -> None:
    sets = training_sets(6)
    classes = [generator("classes", len(x)).integers(0, 3, len(x)).astype(float) for x in sets]
    strengths = torch.tensor([[1e-5, 1.0]] * 3)
    together = fit_logistic(
        rotate([torch.from_numpy(x) for x in sets]),
        padded(classes).long(),
        3,
        strengths,
        tolerance=1e-9,
    )
    alone = fit_logistic(
        rotate([torch.from_numpy(sets[1])]),
        padded(classes[1:2]).long(),
        3,
        strengths[:1, :1],
        tolerance=1e-9,
    )
    torch.testing.assert_close(
        together.heads.weight[1:2, :, :1], alone.heads.weight, rtol=1e-4, atol=1e-6
    )


def test_a_class_missing_in_training_is_never_predicted() -> None:
    features = torch.from_numpy(training_sets(6)[0])
    classes = torch.arange(len(features))[None] % 2 * 2
    fit = fit_logistic(rotate([features]), classes, 4, torch.tensor([[1e-4]]))
    assert fit.unsolved == 0
    predicted = fit.heads(0, features * 3).argmax(2)
    assert set(predicted.flatten().tolist()) <= {0, 2}


def test_training_on_one_class_predicts_it() -> None:
    features = torch.from_numpy(training_sets(6)[0])
    fit = fit_logistic(
        rotate([features]), torch.ones(1, len(features)).long(), 3, torch.tensor([[1e-4]])
    )
    assert fit.unsolved == 0
    assert (fit.heads(0, features).argmax(2) == 1).all()


def test_unreached_tolerance_is_counted() -> None:
    features = torch.from_numpy(training_sets(6)[0])
    classes = torch.arange(len(features))[None] % 3
    fit = fit_logistic(
        rotate([features]), classes, 3, torch.tensor([[1e-6, 1e-5]]), max_iterations=2
    )
    assert fit.unsolved == 2
