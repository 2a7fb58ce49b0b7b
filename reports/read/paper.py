"""The published numbers: Table 4 of "MFSN: Multi-perspective Fusion Search Network For
Pre-training Knowledge in Speech Emotion Recognition" (arXiv 2306.09361 v3), as data.

V, A and D are mean squared errors (lower is better); UA and WA are percent (higher is better).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

PAPER = "arXiv 2306.09361 v3, Table 4"

SESSION = "IEMOCAP, leave one session out"
SPEAKER = "IEMOCAP, leave one speaker out"
SAVEE = "SAVEE, 10-fold"

METRICS = ("mse_valence", "mse_arousal", "mse_dominance", "ua", "wa")
SAVEE_METRICS = ("ua", "wa")


@dataclass(frozen=True, kw_only=True)
class PaperRow:
    """One row of the paper's Table 4."""

    mode: str
    """"quantized" or "continuous"."""

    row: Mapping[str, int]
    """The target's own setting: codebooks, entries and centres, or top_k."""

    scores: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Set-up (`SESSION`, `SPEAKER`, `SAVEE`) -> metric -> value as printed."""


def _scores(
    session: tuple[float, ...], speaker: tuple[float, ...], savee: tuple[float, ...]
) -> Mapping[str, Mapping[str, float]]:
    return {
        SESSION: dict(zip(METRICS, session, strict=True)),
        SPEAKER: dict(zip(METRICS, speaker, strict=True)),
        SAVEE: dict(zip(SAVEE_METRICS, savee, strict=True)),
    }


def _quantized(codebooks: int, entries: int, scores: Mapping[str, Mapping[str, float]]) -> PaperRow:
    row = {"codebooks": codebooks, "entries": entries, "centres": entries**codebooks}
    return PaperRow(mode="quantized", row=row, scores=scores)


TABLE_4: tuple[PaperRow, ...] = (
    _quantized(
        2,
        2,
        _scores((1.02, 0.54, 0.71, 60.3, 59.6), (1.07, 0.60, 0.71, 62.4, 61.9), (37.1, 43.5)),
    ),
    _quantized(
        2,
        8,
        _scores((1.13, 0.49, 0.68, 60.6, 60.3), (1.06, 0.44, 0.64, 63.8, 63.3), (42.9, 47.9)),
    ),
    _quantized(
        2,
        12,
        _scores((1.01, 0.47, 0.65, 60.6, 60.2), (0.95, 0.40, 0.57, 63.2, 62.3), (45.8, 49.2)),
    ),
    _quantized(
        4,
        8,
        _scores((0.72, 0.28, 0.46, 60.3, 60.2), (0.70, 0.28, 0.45, 62.6, 62.6), (47.3, 51.3)),
    ),
    PaperRow(
        mode="continuous",
        row={"top_k": 1},
        scores=_scores(
            (0.71, 0.28, 0.45, 60.5, 60.3), (0.68, 0.28, 0.44, 62.5, 62.6), (59.1, 61.3)
        ),
    ),
    PaperRow(
        mode="continuous",
        row={"top_k": 4},
        scores=_scores(
            (0.70, 0.28, 0.45, 60.6, 60.6), (0.68, 0.28, 0.44, 62.8, 62.5), (60.6, 63.1)
        ),
    ),
)

CONSTANT: Mapping[str, Mapping[str, float]] = {
    SESSION: {"mse_valence": 0.906, "mse_arousal": 0.572, "mse_dominance": 0.686},
    SPEAKER: {"mse_valence": 0.905, "mse_arousal": 0.576, "mse_dominance": 0.683},
}
"""The training mean as the prediction on IEMOCAP's 5,531 utterances: computed from the corpus's
labels, not printed in the paper."""


def setups_for(protocol: str, *, with_dimensions: bool) -> tuple[str, ...]:
    """Returns the paper's set-ups to print beside a table of ours, nearest first.

    :param protocol: Our split: "session", "speaker" or "random10".
    :param with_dimensions: Whether our corpus has valence, arousal and dominance; when it has
        not, it is an acted corpus like SAVEE, which is then printed too.
    """
    if protocol == "random10":
        return (SAVEE,)
    iemocap = SPEAKER if protocol == "speaker" else SESSION
    return (iemocap,) if with_dimensions else (iemocap, SAVEE)


def paper_row(mode: str, row: Mapping[str, object]) -> PaperRow | None:
    """Returns the paper's row with this mode and setting, or None when it has none."""
    for published in TABLE_4:
        keys = ("top_k",) if "top_k" in published.row else ("codebooks", "entries")
        if published.mode == mode and all(row.get(key) == published.row[key] for key in keys):
            return published
    return None
