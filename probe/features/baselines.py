"""What a pre-trained encoder has to beat.

- `constant`: the training mean, or the majority class: no features at all (`probe.heads.linear`)
- `log-mel`: the log-mel spectrogram as one layer, pooled over time as the encoders are
- `untrained`: the encoder at the weights from which every row started
"""

from torch import Tensor
from torchaudio.transforms import MelSpectrogram

from pretrain.data.frames import SAMPLE_RATE_HZ
from pretrain.data.loader import normalize_waveform
from probe.features.moments import mean_and_deviation

CONSTANT = "constant"
LOG_MEL = "log-mel"
UNTRAINED = "untrained"

NUM_MELS = 80
WINDOW_SAMPLES = 400
HOP_SAMPLES = 160


class LogMelFeatures:
    """Mean and standard deviation over valid frames of 80 log-mel bands (25 ms, 10 ms).

    It hears the same normalised waveform as the encoders do, so it does not know an utterance's
    overall level either.
    """

    name = LOG_MEL
    key = "log-mel-80-400-160"
    prepare = staticmethod(normalize_waveform)

    def __init__(self) -> None:
        self._mel = MelSpectrogram(
            SAMPLE_RATE_HZ,
            n_fft=WINDOW_SAMPLES,
            hop_length=HOP_SAMPLES,
            n_mels=NUM_MELS,
            center=False,
        )

    def __call__(self, waveforms: Tensor, num_samples: Tensor) -> Tensor:
        """(B, S), (B,) -> (B, 1, 160)"""
        num_frames = (num_samples - WINDOW_SAMPLES) // HOP_SAMPLES + 1
        logs = self.logs(waveforms)  # (B, 80, T)
        return mean_and_deviation(logs.transpose(1, 2), num_frames)[:, None]

    def logs(self, waveforms: Tensor) -> Tensor:
        """(B, S) -> (B, 80, T), frames beyond an utterance's end included."""
        logs: Tensor = self._mel(waveforms).clamp(min=1e-6).log()
        return logs
