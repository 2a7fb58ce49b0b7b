"""Small made-up corpora and encoders for the tests of the data side."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import soundfile
import torch

from pretrain.model.encoder import build_encoder
from pretrain.model.encoder_settings import EncoderSettings
from pretrain.model.frozen import FrozenEncoder
from pretrain.shared.random_streams import generator

CPU = torch.device("cpu")

SIZES = EncoderSettings(
    conv_dim=8, model_dim=16, ffn_dim=16, num_layers=4, num_heads=2, position_groups=2
)


def speech(number: int, num_samples: int) -> npt.NDArray[np.float32]:
    """Noise with a slow envelope, within -1..1."""
    noise = generator("speech", number).normal(0, 0.1, num_samples)
    envelope = 0.3 + np.abs(np.sin(np.arange(num_samples) / 2000))
    return np.clip(noise * envelope, -0.99, 0.99).astype(np.float32)


def corpus(
    folder: Path, lengths: Sequence[int], *, scale: Sequence[float] | None = None
) -> pd.DataFrame:
    """Utterances of these numbers of samples at 16 kHz; in the table they are in reverse order of
    id, so that rows and places by id differ."""
    folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for number, length in enumerate(lengths):
        path = folder / f"{number}.wav"
        factor = 1.0 if scale is None else scale[number]
        soundfile.write(path, speech(number, length) * factor, 16_000, subtype="FLOAT")
        rows.append({"id": f"u{number}", "path": str(path), "frames": length})
        rows[-1] |= {
            "offset": 0, "sample_rate": 16_000, "speaker": "s", "session": "",
            "emotion": ("calm", "angry")[number % 2],
            "valence": np.nan, "arousal": np.nan, "dominance": np.nan, "text": "", "split": "",
            "source": "folder", "audio_hash": f"h{number}-{length}-{factor}",
        }  # fmt: skip
    return pd.DataFrame(rows[::-1])


def encoder(seed: int) -> FrozenEncoder:
    return FrozenEncoder(build_encoder(SIZES, seed=seed), name=f"e{seed}", device=CPU)
