"""The published numbers: Tables 1 and 5 of "MFSN: Multi-perspective Fusion Search Network For
Pre-training Knowledge in Speech Emotion Recognition" (arXiv 2306.09361 v3), as data.

UA and WA in percent as printed.
"""

from dataclasses import dataclass

from reports.read.paper import SAVEE, SESSION, SPEAKER

TABLE_1_SOURCE = "arXiv 2306.09361 v3, Table 1"
TABLE_5_SOURCE = "arXiv 2306.09361 v3, Table 5"

NOT_KNOWN = "as cited, not checked"
ON_TEST = "test part (its public code)"
NOT_STATED = "not stated; likely as Co-attention"
"""What is known of the rule by which a published system chose its epoch."""


@dataclass(frozen=True, kw_only=True)
class Published:
    """One published system on one set-up."""

    system: str
    ua: float | None
    wa: float
    selection: str = NOT_KNOWN


def _system(system: str, ua: float | None, wa: float, selection: str = NOT_KNOWN) -> Published:
    return Published(system=system, ua=ua, wa=wa, selection=selection)


TABLE_1: dict[str, tuple[Published, ...]] = {
    SESSION: (
        _system("IS09-classification", 63.8, 68.1),
        _system("CME", 73.5, 72.7),
        _system("Co-attention", 71.1, 69.8, ON_TEST),
        _system("Prosody2Vec", 73.3, 72.4),
        _system("MFSN", 74.0, 71.9, NOT_STATED),
    ),
    SPEAKER: (
        _system("CNN TF Att.pooling", 68.1, 71.8),
        _system("HNSD", 72.5, 70.5),
        _system("Co-attention", 72.7, 71.6, ON_TEST),
        _system("Prosody2Vec", 73.9, 72.7),
        _system("MFSN", 74.6, 73.2, NOT_STATED),
    ),
    SAVEE: (
        _system("DCNN", None, 82.1),
        _system("TSP+INCA", 83.4, 84.8),
        _system("CPAC", 83.7, 85.6),
        _system("TIM-Net", 77.3, 79.4),
        _system("MFSN", 86.0, 86.3, NOT_STATED),
    ),
}
"""Set-up -> systems, from the top. Selection rules: Co-attention's is read in its public code
(CA-MSER), whose validation speakers are the test speakers; MFSN reports "in alignment" with it."""

TABLE_5: dict[str, tuple[float, float]] = {
    "sec-quantized": (70.6, 69.6),
    "sec-continuous": (72.9, 71.8),
    "both": (73.1, 71.7),
    "mfsn": (74.0, 71.9),
}
"""Our variant of the same construction -> UA, WA on IEMOCAP, leave one session out: wav2vec2 as
SEC; data2vec as SEC; data2vec with wav2vec2 as TEC, without search; the same with search."""
