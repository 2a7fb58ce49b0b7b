"""What a frame is: log-mel bands where the encoder hears it, and prosody."""

import numpy as np
import pytest
import torch

from pretrain.objectives.frames.logmel import FLOOR, NUM_BANDS, LogMel
from pretrain.objectives.frames.prosody import Prosody
from pretrain.shared.random_streams import generator


def noise(num_samples: int) -> torch.Tensor:
    return torch.from_numpy(generator("space").normal(0, 1, num_samples).astype(np.float32))[None]


def test_frames_of_a_crop_are_those_of_the_whole_utterance_cut_out() -> None:
    whole, log_mel = noise(32_000), LogMel()
    all_frames = log_mel(whole)
    assert all_frames.shape == (1, 100, NUM_BANDS)
    start = 37 * 320
    of_crop = log_mel(whole[:, start : start + 6_400])
    # The last frame hears beyond the crop; no frame of a batch that is valid does.
    torch.testing.assert_close(of_crop[:, :19], all_frames[:, 37:56])


def test_a_frame_hears_its_receptive_field_only() -> None:
    waveform = torch.zeros(1, 3_200)
    waveform[0, 5 * 320 + 200] = 1.0  # the middle of frame 5, and the end of what frame 4 hears
    silent = LogMel()(torch.zeros(1, 3_200))
    heard = (LogMel()(waveform) != silent).any(dim=-1)[0].nonzero().flatten().tolist()
    assert heard == [5]


def test_silence_is_finite_and_no_band_is_empty() -> None:
    silent = LogMel()(torch.zeros(1, 3_200))
    assert torch.equal(silent, torch.full_like(silent, FLOOR).log())
    assert (LogMel().filters.sum(0) > 0).all()


def test_autocast_does_not_round_frames() -> None:
    waveform = noise(3_200)
    with torch.autocast("cpu", torch.bfloat16):
        rounded = LogMel()(waveform)
    assert torch.equal(rounded, LogMel()(waveform))


@pytest.mark.parametrize("f0", [90.0, 200.0, 350.0])
def test_f0_of_a_voice_is_found_and_noise_has_none(f0: float) -> None:
    time = torch.arange(16_000) / 16_000
    voice = sum(torch.sin(2 * torch.pi * f0 * k * time) / k for k in range(1, 6))
    values, voiced = Prosody()(torch.as_tensor(voice)[None])
    inside = slice(2, -3)
    assert voiced[0, inside].all()
    torch.testing.assert_close(
        values[0, inside, 0].exp(), torch.full((45,), f0), rtol=0.02, atol=0.0
    )
    _, of_noise = Prosody()(noise(16_000))
    assert of_noise.float().mean() < 0.1
    _, of_silence = Prosody()(torch.zeros(1, 16_000))
    assert not of_silence.any()


def test_energy_is_the_mean_square() -> None:
    waveform = noise(16_000)
    louder, quieter = (Prosody()(scale * waveform)[0][0, 5:40, 1] for scale in (2.0, 1.0))
    torch.testing.assert_close(louder - quieter, torch.full((35,), float(np.log(4))))
