"""Which networks are compared: the rows of the paper's Table 5, and a structure given by hand."""

from dataclasses import dataclass
from typing import Any

from mfsn.roles import CONTINUOUS, QUANTIZED, SEC, TEC


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
    TEC: "TEC only (Co-attention)",
    SEC: "SEC only (Co-attention)",
    QUANTIZED: "SEC quantized, no TEC (Co-attention)",
    CONTINUOUS: "SEC continuous, no TEC (Co-attention)",
    BOTH: "TEC and SEC, without search",
    MFSN: "TEC and SEC, with search (MFSN)",
    DERIVED: "a given structure, from scratch",
    EXHAUST: "every structure, from scratch",
}
"""Names of all variants. A role of an encoder stands for Co-attention on it alone, `both` for two
streams straight to the head."""

ABLATION = (TEC, QUANTIZED, CONTINUOUS, BOTH, MFSN)
"""The rows of the paper's Table 5, and TEC alone beside."""


def make_variant(name: str, sec: str = SEC) -> Variant:
    """Returns the variant `name`; where it has two streams, its SEC encoder has the role `sec`."""
    alone = name if name in (TEC, SEC, QUANTIZED, CONTINUOUS) else ""
    return Variant(
        name=name,
        label=LABELS[name],
        tec=TEC if alone in ("", TEC) else "",
        sec="" if alone == TEC else alone or sec,
        search=name == MFSN,
    )
