"""The one way to declare settings: a frozen, keyword-only, strictly typed dataclass."""

import re
from typing import TypeVar, cast, dataclass_transform

from pydantic import AfterValidator, ConfigDict, ValidationInfo
from pydantic.dataclasses import dataclass

T = TypeVar("T")

INTERVAL = re.compile(r"([\[(])([^,]+), ([^,]+)([\])])")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def settings(cls: type[T]) -> type[T]:
    """Makes `cls` a settings class.

    Its fields are checked for type when it is built, an unknown field is an error, and a
    `ValueError` raised in its `__post_init__` is reported with the field's place in the file.
    Numbers are declared as `Annotated[int, within("[1, 100]")]`.
    """
    make = dataclass(
        frozen=True,
        kw_only=True,
        config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False),
    )
    return cast(type[T], make(cls))


def within(interval: str) -> AfterValidator:
    """Returns what keeps a number of a settings class within an interval.

    Every number has one: what is absurd is refused before memory or time is spent on it.

    Args:
        interval: As in mathematics: `[1, 100]`; a round bracket leaves its end out.
    """
    match = INTERVAL.fullmatch(interval)
    assert match is not None, interval
    low, high = float(match[2]), float(match[3])
    is_low_out, is_high_out = match[1] == "(", match[4] == ")"

    def check(value: float, info: ValidationInfo) -> float:
        too_low = value < low or (is_low_out and value == low)
        too_high = value > high or (is_high_out and value == high)
        if not (too_low or too_high):
            return value
        if (low, high) == (0.0, 1.0):
            wanted = f"in {interval}"
        elif too_low:
            wanted = f"{'above' if is_low_out else 'at least'} {match[2]}"
        else:
            wanted = f"{'below' if is_high_out else 'at most'} {match[3]}"
        raise ValueError(f"`{info.field_name}` must be {wanted}, but is {value} instead.")

    return AfterValidator(check)
