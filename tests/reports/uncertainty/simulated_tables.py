"""Speaker sums of simulated tables, many at once, with the metric that they scatter around.

Shapes: R tables, S seeds, C speakers, K classes, M sums.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

SHARES = np.array([0.45, 0.30, 0.15, 0.10])
"""Of the classes: the rarest has 2 to 4 utterances of a speaker."""

RECALL_LOGITS = np.array([1.0, 0.5, 0.0, -0.5])

MIN_UTTERANCES, MAX_UTTERANCES = 20, 40
"""Of a speaker."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """SDs of the effects on a row: in logits for classes, in units of the scale for numbers."""

    speakers: float = 0.6
    """The same for every row."""

    interaction: float = 0.3
    """Of speaker and row (for classes: of speaker, row and class), for all seeds alike."""

    seeds: float = 0.15
    residual: float = 0.3
    """Of one seed on one speaker."""


CLASSES = Spread()
NUMBERS = Spread(speakers=0.2, interaction=0.15, seeds=0.1, residual=0.1)

UTTERANCE_SD, UTTERANCE_SEED_SD = 0.5, 0.3
"""Of the prediction of one utterance: for all seeds of a row alike, and for each seed."""


def class_rows(
    rng: np.random.Generator,
    size: tuple[int, int, int],
    shifts: tuple[float, ...] = (0.0,),
    spread: Spread = CLASSES,
) -> list[tuple[Array, Array]]:
    """Returns for every row (R, S, C, 3 K) sums and (3 K,) their mean over the population.

    :param size: R, S, C.
    :param shifts: What is added to a row's logits; one per row.
    """
    num_tables, num_seeds, num_speakers = size
    lengths = rng.integers(MIN_UTTERANCES, MAX_UTTERANCES, (num_tables, num_speakers))
    target_RCK = rng.multinomial(lengths, SHARES)
    target = np.broadcast_to(
        target_RCK[:, None], (num_tables, num_seeds, num_speakers, len(SHARES))
    )
    speaker = rng.normal(0, spread.speakers, (num_tables, 1, num_speakers, 1))
    variances = (spread.speakers, spread.interaction, spread.seeds, spread.residual)
    total_sd = float(np.sqrt(np.square(variances).sum()))
    rows = []
    for shift in shifts:
        logits = (
            RECALL_LOGITS
            + shift
            + speaker
            + rng.normal(0, spread.interaction, (num_tables, 1, num_speakers, len(SHARES)))
            + rng.normal(0, spread.seeds, (num_tables, num_seeds, 1, 1))
            + rng.normal(0, spread.residual, (num_tables, num_seeds, num_speakers, 1))
        )
        hit = rng.binomial(target, 1 / (1 + np.exp(-logits))).astype(np.float64)
        recall = _mean_logistic(RECALL_LOGITS + shift, total_sd)
        rows.append((_class_sums(target, hit), _class_sums(SHARES, SHARES * recall)))
    return rows


def _class_sums(target: npt.NDArray[np.generic], hit: Array) -> Array:
    """A wrong answer is always the next class."""
    targets = target.astype(np.float64)
    predicted = hit + np.roll(targets - hit, 1, axis=-1)
    return np.concatenate([targets, predicted, hit], axis=-1)


def _mean_logistic(mean: Array, sd: float) -> Array:
    """Returns the mean of 1 / (1 + exp(-x)) for normal x, by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(41)
    mean_K: Array = (weights / weights.sum()) @ (1 / (1 + np.exp(-(mean + sd * nodes[:, None]))))
    return mean_K


def number_rows(
    rng: np.random.Generator,
    size: tuple[int, int, int],
    shifts: tuple[float, ...] = (0.0,),
    spread: Spread = NUMBERS,
) -> list[tuple[Array, Array]]:
    """Returns for every row (R, S, C, 5) sums and (5,) their mean over the population.

    The target is normal with SD 1; the prediction is half of it, plus effects of speaker, seed and
    both, plus noise of the utterance.
    """
    num_tables, num_seeds, num_speakers = size
    lengths = rng.integers(MIN_UTTERANCES, MAX_UTTERANCES, (num_tables, 1, num_speakers, 1))
    valid = np.arange(MAX_UTTERANCES) < lengths
    target = rng.normal(0, 1, (num_tables, 1, num_speakers, MAX_UTTERANCES))
    speaker = rng.normal(0, spread.speakers, (num_tables, 1, num_speakers, 1))
    noise = (num_tables, num_seeds, num_speakers, MAX_UTTERANCES)
    variances = (
        spread.speakers, spread.interaction, spread.seeds, spread.residual,
        UTTERANCE_SD, UTTERANCE_SEED_SD,
    )  # fmt: skip
    rows = []
    for shift in shifts:
        prediction = (
            0.5 * target
            + shift
            + speaker
            + rng.normal(0, spread.interaction, (num_tables, 1, num_speakers, 1))
            + rng.normal(0, spread.seeds, (num_tables, num_seeds, 1, 1))
            + rng.normal(0, spread.residual, (num_tables, num_seeds, num_speakers, 1))
            + rng.normal(0, UTTERANCE_SD, target.shape)
            + rng.normal(0, UTTERANCE_SEED_SD, noise)
        )
        terms = (
            np.ones(noise), np.broadcast_to(target, noise), prediction,
            target * prediction, (target - prediction) ** 2,
        )  # fmt: skip
        sums = np.stack([np.where(valid, term, 0.0).sum(-1) for term in terms], axis=-1)
        error = 0.25 + shift**2 + float(np.square(variances).sum())
        rows.append((sums, np.array([1.0, 0.0, shift, 0.5, error])))
    return rows
