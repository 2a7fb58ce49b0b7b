"""Which networks are compared, as in the paper's Table 5 and beyond it, and how they are built."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from mfsn.model.fusion_cells import FusionSettings
from mfsn.model.genotype import Genotype, all_structures
from mfsn.model.head_settings import HeadSettings
from mfsn.model.network import DerivedNetwork, DualStream, SingleStream, Supernet
from mfsn.roles import CONTINUOUS, HEADS, QUANTIZED, SEC, TEC


@dataclass(frozen=True, kw_only=True)
class Variant:
    """One row of the ablation."""

    name: str
    label: str
    """For tables."""

    tec: str = ""
    """Role of its TEC encoder; empty: no such stream."""

    sec: str = ""
    """Role of its SEC encoder; empty: no such stream."""

    search: bool = False
    """Whether its structure is searched."""

    @property
    def streams(self) -> tuple[str, ...]:
        """Roles of its encoders."""
        return tuple(role for role in (self.tec, self.sec) if role)

    def described(self) -> dict[str, Any]:
        """Returns the entry of `variants` in run.json."""
        return {
            "name": self.name,
            "label": self.label,
            "streams": list(self.streams),
            "sec": self.sec,
            "search": self.search,
        }


MFSN, BOTH, DERIVED, EXHAUST = "mfsn", "both", "derived", "exhaust"

LABELS = {
    TEC: "TEC only",
    SEC: "SEC only",
    QUANTIZED: "SEC quantized, no TEC",
    CONTINUOUS: "SEC continuous, no TEC",
    BOTH: "TEC and SEC, without search",
    MFSN: "TEC and SEC, with search (MFSN)",
    DERIVED: "a given structure, from scratch",
    EXHAUST: "every structure, from scratch",
}
"""Names of all variants. A role of an encoder stands for the head on it alone, `both` for two
streams straight to the head."""

ABLATION = (TEC, QUANTIZED, CONTINUOUS, BOTH, MFSN)
"""The rows of the paper's Table 5, and TEC alone beside."""


def make_variant(name: str, sec: str = SEC, pooling: str = "coattention") -> Variant:
    """Returns the variant `name`; where it has two streams, its SEC encoder has the role `sec`.
    The label of one stream names the head, by its `pooling`."""
    alone = name if name in (TEC, SEC, QUANTIZED, CONTINUOUS) else ""
    return Variant(
        name=name,
        label=LABELS[name] + (f" ({HEADS[pooling]})" if alone else ""),
        tec=TEC if alone in ("", TEC) else "",
        sec="" if alone == TEC else alone or sec,
        search=name == MFSN,
    )


@dataclass(frozen=True, kw_only=True)
class Networks:
    """Builds the networks of a command, of what they have in common."""

    num_classes: int
    dims: Mapping[str, int]
    """Dimensions of the encoders' states, by role."""

    head: HeadSettings
    fusion: FusionSettings

    def make(self, variant: Variant, seed: int, genotype: Genotype | None = None) -> nn.Module:
        """Returns a variant's network with the initial weights of `seed`: the supernet where a
        structure is searched and none is given."""
        common: dict[str, Any] = {"num_classes": self.num_classes, "head": self.head, "seed": seed}
        dims = [self.dims[role] for role in variant.streams]
        if len(dims) == 1:
            return SingleStream(which="tec" if variant.tec else "sec", dim=dims[0], **common)
        common |= {"tec_dim": dims[0], "sec_dim": dims[1]}
        if variant.name == BOTH:
            return DualStream(**common)
        if variant.search and genotype is None:
            return Supernet(fusion=self.fusion, **common)
        assert genotype is not None, variant
        return DerivedNetwork(genotype, fusion=self.fusion, **common)

    def check(self, variants: Iterable[Variant], genotype: Genotype | None) -> None:
        """Builds every network once; raises the ValueError of sizes that do not fit together, or of
        more structures than can be trained."""
        for variant in variants:
            if variant.name == EXHAUST:
                genotype = all_structures(self.fusion.num_cells)[0]
            self.make(variant, 0, genotype)
