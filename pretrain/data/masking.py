"""Which frames of an utterance are masked (paper, section 3; wav2vec 2.0's spans)."""

from typing import Annotated

import numpy as np
import numpy.typing as npt

from pretrain.shared.checked_settings import settings, within
from pretrain.shared.errors import InputError

BoolArray = npt.NDArray[np.bool_]


@settings
class MaskSettings:
    """Span masking, drawn per utterance over its valid frames."""

    probability: Annotated[float, within("(0, 1)")] = 0.65
    """Paper: "mask rate 65 %". Read as wav2vec 2.0's: `probability * T / span` spans that may
    overlap, which masks about 49 % of the frames."""

    span: Annotated[int, within("[1, 10000]")] = 10
    """Frames per span. Not specified by the paper."""

    min_spans: Annotated[int, within("[1, 10000]")] = 2
    """Fewest spans per utterance (wav2vec 2.0's). Not specified by the paper."""

    exact_share: bool = False
    """Reads the paper's rate literally: spans are placed, then frames are added or dropped at
    random until round(probability * T) are masked. Not specified by the paper."""


def draw_mask(num_frames: int, settings: MaskSettings, rng: np.random.Generator) -> BoolArray:
    """Returns a (T,) mask of an utterance of T = `num_frames` valid frames.

    Spans start at different frames and may overlap. At least one frame stays unmasked when T > 1.
    """
    if num_frames < 2:
        raise InputError(
            f"`num_frames` must be at least 2 to be masked, but is {num_frames} instead."
        )
    span = min(settings.span, num_frames - 1)
    expected = settings.probability * num_frames / span
    num_starts = num_frames - span + 1
    num_spans = min(max(int(expected + rng.random()), settings.min_spans), num_starts)
    starts = rng.choice(num_starts, size=num_spans, replace=False)
    mask = np.zeros(num_frames, dtype=bool)
    mask[(starts[:, None] + np.arange(span)).ravel()] = True
    if settings.exact_share:
        surplus = int(mask.sum()) - max(1, round(settings.probability * num_frames))
        candidates = np.flatnonzero(mask if surplus > 0 else ~mask)
        mask[rng.choice(candidates, size=abs(surplus), replace=False)] = surplus < 0
    if mask.all():
        mask[rng.integers(num_frames)] = False
    return mask
