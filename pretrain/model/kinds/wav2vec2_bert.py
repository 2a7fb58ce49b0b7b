"""Wav2Vec2-BERT (w2v-BERT 2.0), which hears mel bands: 80 of every 10 ms, two frames at a time.

Its folders are read with the feature extractor of SeamlessM4T, whatever their files say.

Shapes: S samples, T frames, D model dim, L layers.
"""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.model.kinds.released import LoadedModel
from pretrain.model.kinds.row_by_row import ReleasedModel, check_bands, in_fp32_on_cpus

WINDOW_SAMPLES, HOP_SAMPLES = 400, 160
"""Of SeamlessM4T's mel bands, 25 and 10 ms."""


class Wav2Vec2Bert(ReleasedModel):
    """One utterance at a time: its convolutions see what padding leaves in the masked frames. Each
    band is normalised over the utterance."""

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        import transformers

        made: Any = transformers.SeamlessM4TFeatureExtractor
        self._extractor = made(**(loaded.preprocessor or {}))
        bands = self._extractor.num_mel_bins
        wanted = int(self.model.config.feature_projection_input_dim)
        check_bands(
            loaded,
            {
                "sampling_rate": (self._extractor.sampling_rate, SAMPLE_RATE_HZ),
                "num_mel_bins * stride": (bands * self._extractor.stride, wanted),
            },
        )
        self.samples_per_frame = HOP_SAMPLES * self._extractor.stride

    def states(self, waveform: Tensor) -> Sequence[Tensor]:
        heard = F.pad(waveform, (0, max(0, self._shortest - len(waveform)))).cpu().numpy()
        inputs = self._extractor(heard, sampling_rate=SAMPLE_RATE_HZ)
        features = torch.as_tensor(inputs["input_features"][0], device=waveform.device)[None]
        with in_fp32_on_cpus(waveform):
            # Of an odd number of mel frames, the last is half padding and no frame.
            count = int(self.num_frames(torch.tensor(len(waveform))))
            output = self.model(features[:, :count].float(), output_hidden_states=True)
        states: tuple[Tensor, ...] = output.hidden_states
        return states

    def num_frames(self, num_samples: Tensor) -> Tensor:
        bands = (num_samples - WINDOW_SAMPLES) // HOP_SAMPLES + 1
        frames: Tensor = bands // self._extractor.stride
        return frames.clamp(min=1)

    def input_layers(self) -> list[nn.Module]:
        return [self.model.feature_projection]

    @property
    def _shortest(self) -> int:
        """Samples of one frame."""
        return WINDOW_SAMPLES + HOP_SAMPLES * (int(self._extractor.stride) - 1)
