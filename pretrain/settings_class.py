"""The one way to declare settings: a frozen, keyword-only, strictly typed dataclass."""

from typing import TypeVar, cast, dataclass_transform

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

T = TypeVar("T")


@dataclass_transform(kw_only_default=True, frozen_default=True)
def settings(cls: type[T]) -> type[T]:
    """Makes `cls` a settings class.

    Its fields are checked for type when it is built, an unknown field is an error, and a
    `ValueError` raised in its `__post_init__` is reported with the field's place in the file.
    """
    make = dataclass(
        frozen=True,
        kw_only=True,
        config=ConfigDict(extra="forbid", strict=True, allow_inf_nan=False),
    )
    return cast(type[T], make(cls))
