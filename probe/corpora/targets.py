"""What can be predicted in a corpus: emotion, and the dimensions that have labels."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from pretrain.shared.errors import InputError
from probe.metrics import DIMENSIONS

EMOTION = "emotion"


@dataclass(frozen=True, kw_only=True)
class Task:
    """Labels of one kind for N utterances."""

    name: str
    """`emotion`, `valence`, `arousal`, `dominance`, or an attribute of `probe.attributes`."""

    labelled: npt.NDArray[np.bool_]
    """(N,) False where the label is missing; such utterances are left out of this task."""

    targets: npt.NDArray[np.float64]
    """(N,) numbers on the corpus's own scale, or places in `classes`. NaN without label."""

    classes: tuple[str, ...] = ()
    """Names of the C classes in order; empty for a dimension."""

    def names(self, values: npt.NDArray[np.float64]) -> npt.NDArray[np.object_]:
        """Returns predictions or targets as they stand in a table: class names, or numbers."""
        if not self.classes:
            return values.astype(object)
        return np.array([self.classes[int(value)] for value in values], dtype=object)


def find_tasks(table: pd.DataFrame) -> tuple[Task, ...]:
    """Returns emotion if at least two classes occur, and every dimension with varying labels.

    Raises:
        ValueError: The corpus has nothing to predict.
    """
    tasks = []
    emotion = table["emotion"].astype(str)
    classes = tuple(sorted(set(emotion) - {""}))
    codes = emotion.map({name: float(code) for code, name in enumerate(classes)})
    for name, values in {EMOTION: codes, **{name: table[name] for name in DIMENSIONS}}.items():
        targets = np.asarray(values, dtype=np.float64)
        labelled = np.isfinite(targets)
        if labelled.any() and np.ptp(targets[labelled]) > 0:
            own = classes if name == EMOTION else ()
            tasks.append(Task(name=name, labelled=labelled, targets=targets, classes=own))
    if not tasks:
        raise InputError(
            "The corpus has nothing to predict: it needs at least two classes in the column "
            "`emotion`, or numbers in `valence`, `arousal` or `dominance`. Where a manifest calls "
            "them otherwise, give --columns, as in emotion=label."
        )
    return tuple(tasks)
