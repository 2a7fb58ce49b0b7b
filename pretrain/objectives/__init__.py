"""What an encoder can be pre-trained for. A new objective is one file and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pretrain.objectives.continuous import ContinuousObjective, ContinuousSettings
from pretrain.objectives.objective import Objective
from pretrain.objectives.quantized import QuantizedObjective, QuantizedSettings


@dataclass(frozen=True, kw_only=True)
class ObjectiveKind:
    """How to configure and build one kind of objective."""

    settings_class: type[Any]

    build: Callable[..., Objective]
    """Called with (encoder, settings, seed)."""


OBJECTIVES: dict[str, ObjectiveKind] = {
    "quantized": ObjectiveKind(settings_class=QuantizedSettings, build=QuantizedObjective),
    "continuous": ObjectiveKind(settings_class=ContinuousSettings, build=ContinuousObjective),
}
