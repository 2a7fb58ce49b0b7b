"""The encoder of Whisper, which hears 30 s of log-mel bands, silence included, and knows no mask.

What is longer is heard in windows that overlap by two seconds, of which the outer second on either
side is left out.

Shapes: S samples, T frames, D model dim, L layers.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from pretrain.data.frames import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from pretrain.model.kinds.released import LoadedModel, ReleasedError
from pretrain.model.kinds.row_by_row import ReleasedModel, check_bands, in_fp32_on_cpus

MARGIN_FRAMES = 50
"""One second: the least context of a frame on either side, but at the ends of the utterance."""


class WhisperEncoder(ReleasedModel):
    """One utterance at a time, in windows of the length that the model was made for. Its bands are
    scaled by the loudest one."""

    samples_per_frame = SAMPLES_PER_FRAME  # mel bands of 10 ms, and a stride of 2

    def __init__(self, loaded: LoadedModel) -> None:
        super().__init__(loaded)
        import transformers

        config = self.model.config
        self._window = int(config.max_source_positions)
        """Frames."""

        if self._window * SAMPLES_PER_FRAME % SAMPLE_RATE_HZ or self._window <= 2 * MARGIN_FRAMES:
            raise ReleasedError(
                f"`{loaded.folder}` must have `max_source_positions` of whole seconds, 50 frames "
                f"each, three or more, but has {self._window} instead. Choose another encoder."
            )
        said = {"feature_size": config.num_mel_bins, **(loaded.preprocessor or {})}
        said["chunk_length"] = self._window * SAMPLES_PER_FRAME // SAMPLE_RATE_HZ
        made: Any = transformers.WhisperFeatureExtractor
        self._extractor = made(**said)
        check_bands(
            loaded,
            {
                "sampling_rate": (self._extractor.sampling_rate, SAMPLE_RATE_HZ),
                "hop_length": (self._extractor.hop_length, SAMPLES_PER_FRAME // 2),
                "feature_size": (self._extractor.feature_size, config.num_mel_bins),
            },
        )

    def states(self, waveform: Tensor) -> Sequence[Tensor]:
        num_frames = -(-len(waveform) // SAMPLES_PER_FRAME)
        pieces = [
            [state[:, taken] for state in self._window_states(waveform, start)]
            for start, taken in windows(num_frames, self._window)
        ]
        return [torch.cat(states, dim=1) for states in zip(*pieces, strict=True)]

    def num_frames(self, num_samples: Tensor) -> Tensor:
        return -(-num_samples // SAMPLES_PER_FRAME)

    def input_layers(self) -> list[nn.Module]:
        return [self.model.conv1, self.model.conv2, self.model.embed_positions]

    def _window_states(self, waveform: Tensor, start: int) -> tuple[Tensor, ...]:
        heard = waveform[start * SAMPLES_PER_FRAME :][: self._window * SAMPLES_PER_FRAME]
        inputs = self._extractor(
            heard.cpu().numpy(), sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt"
        )
        with in_fp32_on_cpus(waveform):
            output = self.model(
                inputs["input_features"].to(waveform.device).float(), output_hidden_states=True
            )
        states: tuple[Tensor, ...] = output.hidden_states
        return states


def windows(num_frames: int, size: int) -> Iterator[tuple[int, slice]]:
    """Yields windows of `size` frames that together give `num_frames`: where each begins, and which
    of its frames are taken."""
    start = 0
    while start + size < num_frames:
        yield start, slice(MARGIN_FRAMES if start else 0, size - MARGIN_FRAMES)
        start += size - 2 * MARGIN_FRAMES
    yield start, slice(MARGIN_FRAMES if start else 0, num_frames - start)
