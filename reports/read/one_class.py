"""Networks and heads that give one answer to every test utterance: they tell nothing apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True, kw_only=True)
class OneClass:
    """How many networks of one name answer one class throughout."""

    name: str
    number: int
    of: int


def one_class(predictions: pd.DataFrame, name: str, unit: Sequence[str]) -> list[OneClass]:
    """Counts them, by name; those with none are left out.

    :param predictions: Columns target and prediction, and those named here.
    :param name: The column of the name.
    :param unit: The columns that, with the name, tell networks apart. One that is tested on a
        single class cannot show anything else, and does not count.
    """
    if predictions.empty:
        return []
    groups = predictions.groupby([name, *unit], dropna=False, sort=False)
    answers = groups[["target", "prediction"]].nunique()
    judged = answers[answers["target"] > 1]
    found = []
    for value, part in judged.groupby(level=0, sort=False):
        number = int((part["prediction"] == 1).sum())
        if number:
            found.append(OneClass(name=str(value), number=number, of=len(part)))
    return found
