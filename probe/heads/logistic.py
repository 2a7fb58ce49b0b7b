"""Multinomial logistic regression of all folds, layers and strengths in one tensor program.

Minimises mean_n -log softmax(x_n W + b)[y_n] + strength / 2 |W|^2 with a free intercept b, x
standardised as in `probe.heads.rotation`. All problems share one L-BFGS loop (Nocedal and Wright,
algorithm 7.4); each has its own history, step length and end. On the principal axes the Hessian
is bounded by the diagonal variance / 2 + strength (Boehning 1992), which is the preconditioner:
its first step never overshoots. A line search costs no product with the features, because the
logits are linear in the step.

Shapes: P problems, one per (fold, layer); N most utterances of a problem; R axes and the
intercept; K strengths; C classes.
"""

from collections import deque
from dataclasses import dataclass, replace

import torch
from einops import rearrange
from torch import Tensor

from probe.heads.rotation import LinearHeads, Rotated, heads_on_features

GRADIENT_TOLERANCE = 1e-5
"""A problem is solved when the preconditioned norm of its gradient, sqrt(g' H^-1 g) with H the
bound above, in units of the mean loss in nats, is at most this."""

MAX_ITERATIONS = 1000

_MEMORY = 10
_ABSENT = -1e30


@dataclass(frozen=True, kw_only=True)
class LogisticFit:
    """What was fitted to P problems with K strengths each."""

    heads: LinearHeads

    unsolved: int
    """Problems (of P x K) that did not reach the tolerance."""

    iterations: int


@dataclass(frozen=True, kw_only=True)
class _Problems:
    """What does not change while solving; tensors lose solved problems now and then."""

    inputs: Tensor
    """(P, N, R) coordinates and a last column of ones; zero at padding."""

    weights: Tensor
    """(P, N) 1 / number of utterances, 0 at padding."""

    one_hot: Tensor
    """(P, N, 1, C), zero at padding."""

    absent: Tensor
    """(P, 1, 1, C) 0, or a very negative logit for a class missing in the training set."""

    penalty: Tensor
    """(P, R, K, 1), 0 for the intercept."""

    bound: Tensor
    """(P, R, K, 1) diagonal upper bound of the Hessian."""

    def keep(self, problems: Tensor, strengths: Tensor) -> "_Problems":
        """Returns the problems at the given places of the axes P and K."""
        by_problem = {
            name: getattr(self, name)[problems]
            for name in ("inputs", "weights", "one_hot", "absent")
        }
        by_both = {
            name: getattr(self, name)[problems][:, :, strengths] for name in ("penalty", "bound")
        }
        return replace(self, **by_problem, **by_both)

    def logits(self, parameters_PRKC: Tensor) -> Tensor:
        """(P, R, K, C) -> (P, N, K, C)"""
        product = self.inputs @ parameters_PRKC.flatten(2)
        return rearrange(product, "p n (k c) -> p n k c", k=parameters_PRKC.shape[2])

    def loss(self, logits_PNKC: Tensor, squares_PK: Tensor) -> Tensor:
        """Returns the (P, K) objective; `squares_PK` is the penalised part, sum of s |W|^2."""
        picked = (logits_PNKC * self.one_hot).sum(-1)
        nats_PNK = torch.logsumexp(logits_PNKC + self.absent, dim=-1) - picked
        return torch.einsum("pn,pnk->pk", self.weights, nats_PNK) + squares_PK / 2

    def gradient(self, logits_PNKC: Tensor, parameters_PRKC: Tensor) -> Tensor:
        residual = torch.softmax(logits_PNKC + self.absent, dim=-1).sub_(self.one_hot)
        residual.mul_(self.weights[:, :, None, None])
        product = self.inputs.mT @ residual.flatten(2)
        summed = rearrange(product, "p r (k c) -> p r k c", k=residual.shape[2])
        return summed.addcmul_(self.penalty, parameters_PRKC)


def fit_logistic(
    rotated: Rotated,
    classes_PN: Tensor,
    num_classes: int,
    strengths_PK: Tensor,
    *,
    tolerance: float = GRADIENT_TOLERANCE,
    max_iterations: int = MAX_ITERATIONS,
) -> LogisticFit:
    """Solves P x K problems.

    Args:
        rotated: The P training sets.
        classes_PN: (P, N) int64 in [0, C); what stands at padding is ignored. A class that a
            training set lacks gets the logit -1e30 there: it is never predicted.
        num_classes: C.
        strengths_PK: (P, K) penalties, > 0.
        tolerance: See `GRADIENT_TOLERANCE`.
        max_iterations: Steps after which the rest is given up as unsolved.
    """
    problems = _problems(rotated, classes_PN, num_classes, strengths_PK.double())
    num_problems, num_strengths = strengths_PK.shape
    num_axes = problems.inputs.shape[2]
    solution = torch.zeros(num_problems, num_axes, num_strengths, num_classes, dtype=torch.float64)
    unsolved, iterations = _solve(problems, solution, tolerance, max_iterations)
    weight, bias = solution[:, :-1], solution[:, -1] + problems.absent[:, 0]
    return LogisticFit(
        heads=heads_on_features(rotated, weight, bias), unsolved=unsolved, iterations=iterations
    )


def _problems(
    rotated: Rotated, classes_PN: Tensor, num_classes: int, strengths_PK: Tensor
) -> _Problems:
    valid = rotated.valid.double()
    weights = valid / valid.sum(1, keepdim=True)
    one_hot = torch.nn.functional.one_hot(
        classes_PN.masked_fill(~rotated.valid, 0), num_classes
    ).double() * valid[:, :, None]  # fmt: skip
    absent = torch.where(one_hot.sum(1) > 0, 0.0, _ABSENT)[:, None, None]
    penalty = strengths_PK[:, None].expand(-1, rotated.variances.shape[1], -1)
    bound = rotated.variances[:, :, None] / 2 + penalty
    return _Problems(
        inputs=torch.cat([rotated.coordinates, valid[:, :, None]], dim=2),
        weights=weights,
        one_hot=one_hot[:, :, None],
        absent=absent.double(),
        penalty=torch.cat([penalty, torch.zeros_like(penalty[:, :1])], dim=1)[..., None],
        bound=torch.cat([bound, torch.full_like(bound[:, :1], 0.5)], dim=1)[..., None],
    )


def _dot(left_PRKC: Tensor, right_PRKC: Tensor) -> Tensor:
    """Returns the (P, K) inner products over axes and classes."""
    return (left_PRKC * right_PRKC).sum(1).sum(-1)


def _solve(
    problems: _Problems, solution: Tensor, tolerance: float, max_iterations: int
) -> tuple[int, int]:
    """Fills `solution` (P, R, K, C), which starts at zero; returns (unsolved, iterations)."""
    places_P, places_K = torch.arange(solution.shape[0]), torch.arange(solution.shape[2])
    parameters = solution.clone()
    logits = problems.logits(parameters)
    squares = torch.zeros(logits.shape[0], logits.shape[2], dtype=torch.float64)
    loss, gradient = problems.loss(logits, squares), problems.gradient(logits, parameters)
    history: deque[tuple[Tensor, Tensor, Tensor]] = deque(maxlen=_MEMORY)
    for iteration in range(max_iterations + 1):
        active = _dot(gradient / problems.bound, gradient).sqrt() > tolerance  # (P, K)
        if not active.any() or iteration == max_iterations:
            break
        kept_P, kept_K = active.any(1), active.any(0)
        if kept_P.sum() * kept_K.sum() < 0.75 * active.numel():
            solution[places_P[:, None], :, places_K] = parameters.transpose(1, 2)
            places_P, places_K = places_P[kept_P], places_K[kept_K]
            problems = problems.keep(kept_P, kept_K)
            parameters, gradient, logits = (
                tensor[kept_P][:, :, kept_K] for tensor in (parameters, gradient, logits)
            )
            loss, squares, active = (
                tensor[kept_P][:, kept_K] for tensor in (loss, squares, active)
            )
            history = deque(
                (
                    (s[kept_P][:, :, kept_K], y[kept_P][:, :, kept_K], rho[kept_P][:, kept_K])
                    for s, y, rho in history
                ),
                maxlen=_MEMORY,
            )
        direction = _direction(history, gradient, problems.bound)
        direction.mul_(active[:, None, :, None])
        slope = _dot(direction, gradient)
        moved = problems.logits(direction)
        cross = _dot(problems.penalty * direction, parameters)
        square = _dot(problems.penalty * direction, direction)
        step = torch.ones_like(loss)
        for _ in range(30):
            trial = torch.addcmul(logits, moved, step[:, None, :, None])
            new_squares = squares + 2 * step * cross + step.square() * square
            new_loss = problems.loss(trial, new_squares)
            # The slack is what rounding leaves of a mean of a few hundred losses.
            too_far = new_loss > loss + 1e-4 * step * slope + 1e-13
            if not too_far.any():
                break
            step = torch.where(too_far, step / 2, step)
        logits, loss, squares = trial, new_loss, new_squares
        change = direction.mul_(step[:, None, :, None])
        parameters = parameters + change
        new_gradient = problems.gradient(logits, parameters)
        difference = new_gradient - gradient
        gradient = new_gradient
        curvature = _dot(change, difference)
        rho = torch.where(curvature > 0, 1 / curvature.clamp(min=1e-300), 0.0)
        history.append((change, difference, rho))
    solution[places_P[:, None], :, places_K] = parameters.transpose(1, 2)
    return int(active.sum()), iteration


def _direction(
    history: deque[tuple[Tensor, Tensor, Tensor]], gradient: Tensor, bound: Tensor
) -> Tensor:
    """Returns minus the inverse Hessian's estimate times the gradient: the two-loop recursion."""
    direction = gradient.clone()
    alphas = []
    for change, difference, rho in reversed(history):
        alpha = rho * _dot(change, direction)
        alphas.append(alpha)
        direction.addcmul_(difference, -alpha[:, None, :, None])
    direction.div_(bound)
    if history:
        change, difference, rho = history[-1]
        length = _dot(difference / bound, difference) * rho
        scale = torch.where(length > 0, 1 / length.clamp(min=1e-300), 1.0)
        direction.mul_(scale[:, None, :, None])
    for (change, difference, rho), alpha in zip(history, reversed(alphas), strict=True):
        beta = rho * _dot(difference, direction)
        direction.addcmul_(change, (alpha - beta)[:, None, :, None])
    return direction.neg_()
