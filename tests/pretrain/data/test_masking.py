import numpy as np
import pytest

from pretrain.data.masking import MaskSettings, draw_mask
from pretrain.shared.random_streams import generator


def test_spans_at_the_default_rate_mask_about_half_of_the_frames() -> None:
    """The share of wav2vec 2.0's masks at probability 0.65: 49 to 50 % for T = 99 .. 999."""
    shares = [
        draw_mask(num_frames, MaskSettings(), generator("share", num_frames, draw)).mean()
        for num_frames in (99, 249, 999)
        for draw in range(300)
    ]
    assert 0.475 < np.mean(shares) < 0.515


def test_masked_frames_come_in_spans() -> None:
    settings = MaskSettings(probability=0.1, span=7, min_spans=1)
    for draw in range(50):
        mask = draw_mask(200, settings, generator("spans", draw))
        edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
        assert (edges[1::2] - edges[::2] >= 7).all()


@pytest.mark.parametrize("num_frames", [2, 3, 9, 10, 11, 12, 24])
def test_short_utterances_keep_a_masked_and_an_unmasked_frame(num_frames: int) -> None:
    for draw in range(100):
        mask = draw_mask(num_frames, MaskSettings(), generator("short", num_frames, draw))
        assert mask.shape == (num_frames,)
        assert 0 < mask.sum() < num_frames


def test_the_exact_share_is_met_to_the_frame() -> None:
    settings = MaskSettings(exact_share=True)
    for num_frames in (20, 99, 250):
        mask = draw_mask(num_frames, settings, generator("exact", num_frames))
        assert mask.sum() == round(0.65 * num_frames)


def test_every_frame_can_be_masked() -> None:
    total = sum(draw_mask(30, MaskSettings(), generator("all", d)).astype(int) for d in range(400))
    assert np.asarray(total).min() > 0


def test_a_single_frame_cannot_be_masked() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        draw_mask(1, MaskSettings(), generator("one"))
