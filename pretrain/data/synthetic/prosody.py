"""Prosody from emotion dimensions, by Schroeder's published rules.

M. Schroeder, "Dimensional emotion representation as a basis for speech synthesis with non-extreme
emotions", Affective Dialogue Systems 2004; coefficients as implemented in MARY TTS
(`emotion-to-mary.xsl`). With activation A, evaluation E, power P in -100..100:

    pitch             0.3 A + 0.1 E - 0.1 P     % of the voice's own
    pitch range       4 + 0.04 A                semitones
    rate              0.5 A + 0.2 E             % of the normal one
    volume            50 + 0.33 A               0 to 100
    pause duration    -0.2 A                    % (here: of the gap between words)

Left out, since espeak-ng has no such control: pitch dynamics, range dynamics, accent prominence,
accent slope, number of pauses, and the durations of vowels, nasals and liquids, and of plosives
and fricatives.
"""

import numpy as np

from pretrain.data.synthetic.emotions import Array
from pretrain.data.synthetic.espeak import Request

PARAMETERS = ("pitch_percent", "range_semitones", "rate_percent", "volume", "pause_percent")

CONSTANTS = np.array([0.0, 4.0, 0.0, 50.0, 0.0])
COEFFICIENTS = np.array(
    [
        [0.30, 0.1, -0.1],
        [0.04, 0.0, 0.0],
        [0.50, 0.2, 0.0],
        [0.33, 0.0, 0.0],
        [-0.2, 0.0, 0.0],
    ]
)
"""Rows as in `PARAMETERS`, columns activation, evaluation, power."""

NOISE = np.array([9.0, 1.6, 16.0, 12.0, 15.0])
"""Standard deviations of what differs from utterance to utterance, in the units of `PARAMETERS`."""
STRONG_NOISE = 0.35
"""Share of that noise which strongly expressed utterances have."""

NORMAL_WORDS_PER_MINUTE = 200
NORMAL_WORD_GAP = 4
NORMAL_VOLUME = 30


def rule_table(points: Array) -> Array:
    """Maps points (..., 3), activation / evaluation / power, to prosody (..., 5)."""
    prosody: Array = CONSTANTS + points @ COEFFICIENTS.T
    return prosody


def noise_scale(*, strong: bool) -> Array:
    """Returns the standard deviations (5,) of an utterance's prosody around the rules."""
    return NOISE * STRONG_NOISE if strong else NOISE


def to_request(text: str, prosody: Array) -> Request:
    """Translates one utterance's prosody (5,) to the settings of espeak-ng, within its limits.

    The normal volume is 30 and the highest 50, where the loudest voice is still clear of clipping;
    in between it is proportional.
    """
    pitch_percent, range_semitones, rate_percent, volume, pause_percent = map(float, prosody)
    # espeak-ng's pitch table doubles the voice's pitch from setting 50 to 100.
    octaves = float(np.log2(max(1 + pitch_percent / 100, 0.5)))
    return Request(
        text=text,
        rate=bounded(NORMAL_WORDS_PER_MINUTE * (1 + rate_percent / 100), 110, 450),
        volume=bounded(NORMAL_VOLUME * volume / CONSTANTS[3], 10, 50),
        pitch=bounded(50 + 50 * octaves, 0, 100),
        range=bounded(50 * range_semitones / CONSTANTS[1], 0, 100),
        word_gap=bounded(NORMAL_WORD_GAP * (1 + pause_percent / 100), 0, 20),
    )


def bounded(value: float, lowest: int, highest: int) -> int:
    """Rounds to a whole number within both limits."""
    return min(max(round(value), lowest), highest)
