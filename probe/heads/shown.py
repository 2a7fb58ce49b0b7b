"""How the report speaks of a head's scores: what a head declares of itself. No torch.

It stands in run.json of the results, so that no report has to know a head by its name.
"""

from collections.abc import Mapping
from typing import Any

from pretrain.objectives.presentation import Declared, Words
from pretrain.shared.json_files import made_of


class HeadShown(Declared):
    """What of a head's scores is said beside them."""

    scores_from: Words = "at the layer that the dev part chose"
    """Where they come from, after "mean over seeds"."""

    hears_frames: bool = False
    """Whether it hears frames, log-mel ones of the baseline, too, rather than their statistics."""

    weighs_layers: bool = False
    """Whether `selection` has a line for each layer, whose `strength` is its learned weight."""


PLAIN = HeadShown()
SUPERB = HeadShown(
    scores_from="from a learned mixture of all layers", hears_frames=True, weighs_layers=True
)
FINETUNE = HeadShown(scores_from="from the last layer of the fine-tuned encoder")


def shown_in(record: Mapping[str, Any], head: str) -> HeadShown:
    """Returns what a run.json says of its head; of runs that say nothing, by the head's name.

    Raises:
        JsonError: What it says is damaged.
    """
    if isinstance(said := record.get("head_shown"), Mapping):
        return made_of(HeadShown, said, "run.json", "head_shown")
    return {"superb": SUPERB, "finetune": FINETUNE}.get(head, PLAIN)
