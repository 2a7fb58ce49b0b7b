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


def single(role: str) -> Variant:
    """Co-attention on one encoder alone."""
    labels = {
        TEC: "TEC only (Co-attention)",
        SEC: "SEC only (Co-attention)",
        QUANTIZED: "SEC quantized, no TEC (Co-attention)",
        CONTINUOUS: "SEC continuous, no TEC (Co-attention)",
    }
    if role == TEC:
        return Variant(name=TEC, label=labels[TEC], tec=TEC)
    return Variant(name=role, label=labels[role], sec=role)


def both(sec: str = SEC) -> Variant:
    """Dual stream without search: TEC and the last level of SEC straight to the head."""
    return Variant(name=BOTH, label="TEC and SEC, without search", tec=TEC, sec=sec)


def searched(sec: str = SEC) -> Variant:
    """Dual stream with search: MFSN."""
    return Variant(
        name=MFSN, label="TEC and SEC, with search (MFSN)", tec=TEC, sec=sec, search=True
    )


def derived(sec: str = SEC) -> Variant:
    """A given structure, trained from scratch."""
    return Variant(name=DERIVED, label="a given structure, from scratch", tec=TEC, sec=sec)


def exhausted(sec: str = SEC) -> Variant:
    """Every structure of the search space, trained from scratch."""
    return Variant(name=EXHAUST, label="every structure, from scratch", tec=TEC, sec=sec)


def ablation() -> list[Variant]:
    """Returns the rows of the paper's Table 5, and TEC alone beside."""
    return [
        single(TEC),
        single(QUANTIZED),
        single(CONTINUOUS),
        both(CONTINUOUS),
        searched(CONTINUOUS),
    ]


def of_train(name: str) -> Variant:
    """Returns the variant of `train --variant NAME`: tec, sec or both."""
    return both() if name == BOTH else single(name)
