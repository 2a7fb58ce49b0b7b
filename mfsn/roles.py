"""What the encoders of a command are for, and what heads are called. Reports share it: no torch."""

from typing import Literal

TEC, SEC = "tec", "sec"
QUANTIZED, CONTINUOUS = "sec-quantized", "sec-continuous"
"""Roles of encoders. `sec` is the only SEC encoder of a command; an ablation has two."""

TEC_CONTENT = "textual-related emotional content"
SEC_CONTENT = "speech-related emotional content"
"""What the letters stand for (paper, section 1)."""

Head = Literal["coattention", "content", "max_mean", "windows"]
"""Poolings of the emotion head (`head.pooling`); the first is the paper's."""

HEADS: dict[str, str] = {
    "coattention": "Co-attention",
    "content": "content head",
    "max_mean": "max-mean head",
    "windows": "window head",
}
"""Words for them."""
