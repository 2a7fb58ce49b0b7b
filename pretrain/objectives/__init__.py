"""What an encoder can be pre-trained for. A new objective is one file and one line here."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pretrain.objectives.objective import ObjectiveKind

OBJECTIVES: dict[str, str] = {
    "quantized": "pretrain.objectives.quantized",
    "continuous": "pretrain.objectives.continuous",
    "frames": "pretrain.objectives.frames.objective",
    "online_codes": "pretrain.objectives.online_codes",
}
"""Name -> the module whose `OBJECTIVE` it is. Imported when it is asked for: it needs torch."""


def objective_kind(name: str) -> "ObjectiveKind":
    """Returns the kind of objective with a name of `OBJECTIVES`."""
    kind: ObjectiveKind = import_module(OBJECTIVES[name]).OBJECTIVE
    return kind
