"""A study of fusion as it was registered: which heads, on what, and what is asked. No torch."""

from typing import Annotated

from pydantic import Field, model_validator

from mfsn.roles import CONTINUOUS, QUANTIZED, TEC, Head
from probe.study.study_file import Contrast, Decision, Name, Part, RegisteredFile, Seeds

NETWORKS = (TEC, QUANTIZED, CONTINUOUS, "both", "mfsn")
"""The rows of an ablation."""


class Networks(Part):
    """What is trained: every network of the ablation with each of these heads."""

    heads: Annotated[list[Head], Field(min_length=1)]
    """Poolings of the head."""

    seeds: Seeds


class Training(Part):
    """With which settings, beside the head's pooling."""

    config: list[Name] = []
    set: list[Name] = []


class Testing(Part):
    """On what."""

    corpus: Name
    """Its name, as in `--corpus NAME=PATH`."""

    protocol: Name
    folds: list[Name] = []
    """Only these; empty: all."""


class FusionStudy(RegisteredFile):
    """A whole study file. A network is named by head and row, as in "content mfsn"."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]
    question: Annotated[str, Field(min_length=1, max_length=300)]
    networks: Networks
    training: Training
    testing: Testing
    contrasts: Annotated[list[Contrast], Field(min_length=1)]
    """The first is the primary question."""

    decision: Decision

    @model_validator(mode="after")
    def check_names(self) -> "FusionStudy":
        for name in (name for one in self.contrasts for name in one.rows):
            if name not in self.names:
                raise ValueError(f"{name!r} is none of {', '.join(self.names)}")
        return self

    @property
    def names(self) -> list[str]:
        """Of all networks."""
        return [f"{head} {network}" for head in self.networks.heads for network in NETWORKS]
