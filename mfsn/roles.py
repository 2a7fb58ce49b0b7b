"""What the encoders of a command are for. Reports share it: no torch."""

TEC, SEC = "tec", "sec"
QUANTIZED, CONTINUOUS = "sec-quantized", "sec-continuous"
"""Roles of encoders. `sec` is the only SEC encoder of a command; an ablation has two."""

TEC_CONTENT = "textual-related emotional content"
SEC_CONTENT = "speech-related emotional content"
"""What the letters stand for (paper, section 1)."""
