"""What heads that are trained by gradients share: losses, and predictions from outputs, refused
where the training diverged.

Shapes: B utterances, C outputs.
"""

import numpy as np
import numpy.typing as npt
import torch.nn.functional as F
from torch import Tensor

from pretrain.shared.errors import InputError
from probe.corpora.targets import Task
from probe.heads.linear import Part

Values = npt.NDArray[np.float64]


class DivergedError(InputError):
    """A head's outputs are not finite; the message names head, task, fold and the remedy."""


def losses_of(task: Task, values: Tensor, targets: Tensor) -> Tensor:
    """Returns (B,) losses of the outputs (B, C): cross-entropy, or squared errors."""
    if not task.classes:
        return (values[:, 0] - targets).square()
    return F.cross_entropy(values, targets.long(), reduction="none")


def scale_of(task: Task, part: Part) -> tuple[float, float]:
    """Returns mean and deviation of the training part's numbers; classes are left as they are."""
    if task.classes:
        return 0.0, 1.0
    targets = task.targets[part.train]
    return float(targets.mean()), float(targets.std()) or 1.0


def answers(task: Task, outputs: Tensor, scale: tuple[float, float]) -> Values:
    """Returns (B,) places of classes, or numbers on the corpus's scale, of outputs (B, C).

    NaN where an output is not finite: the largest of such outputs means nothing.
    """
    own = outputs.double().cpu()
    mean, deviation = scale
    found = own.argmax(1).double() if task.classes else own[:, 0] * deviation + mean
    return np.asarray(found.masked_fill(~own.isfinite().all(1), float("nan")).numpy())


def check_finite(prediction: Values, *, head: str, task: Task, fold: str, setting: str) -> None:
    """Raises `DivergedError` if an answer is not finite; `setting` is the rate to lower."""
    if not np.isfinite(prediction).all():
        raise DivergedError(
            f"The {head} head diverged: its outputs for {task.name} in fold {fold} are not finite. "
            f"Lower the setting `{setting}`."
        )
