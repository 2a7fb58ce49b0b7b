"""A small encoder and small batches, unequal in length and in masked frames."""

from collections.abc import Sequence

import torch

from pretrain.data.batch import Batch
from pretrain.data.frames import num_frames_of
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.shared.random_streams import Draws, generator

SETTINGS = EncoderSettings(
    conv_dim=24,
    model_dim=32,
    ffn_dim=64,
    num_layers=3,
    num_heads=4,
    position_kernel=16,
    position_groups=4,
    conv_gradient_scale=1.0,
)

LENGTHS = (16_000, 9_000, 12_345)


def make_batch(
    lengths: Sequence[int] = LENGTHS,
    *,
    names: Sequence[str] | None = None,
    num_masked: int | None = None,
    width: int | None = None,
) -> Batch:
    """Rows depend on their name, length and place in `names` only, not on their batch mates."""
    names = names or [f"utterance-{i}" for i in range(len(lengths))]
    num_samples = torch.tensor(list(lengths))
    width = width or -(-max(lengths) // 320) * 320
    waveforms = torch.zeros(len(lengths), width)
    mask = torch.zeros(len(lengths), width // 320, dtype=torch.bool)
    for row, (name, length) in enumerate(zip(names, lengths, strict=True)):
        rng = generator("test", name)
        waveforms[row, :length] = torch.from_numpy(rng.standard_normal(length, dtype="float32"))
        num_frames = int(num_frames_of(length))
        count = num_masked or int(num_frames * rng.uniform(0.3, 0.7))
        mask[row, torch.from_numpy(rng.permutation(num_frames)[:count].copy())] = True
    draws = tuple(Draws(seed=3, update=5, slot=0, utterance_id=name) for name in names)
    return Batch(
        waveforms=waveforms,
        num_samples=num_samples,
        crop_starts=torch.zeros_like(num_samples),
        mask=mask,
        draws=draws,
    )
