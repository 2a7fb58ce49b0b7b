"""What the emotion head receives: lengths of segments, spectrogram and MFCC, and whose faults."""

from dataclasses import fields
from typing import Annotated

from pretrain.data.frames import RECEPTIVE_FIELD_SAMPLES, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from pretrain.shared.checked_settings import settings, within

HOP_SAMPLES = 160
"""10 ms between frames of spectrogram and MFCC (Co-attention's public code): two per frame of the
encoders."""


@settings
class InputSettings:
    """Segments and their spectral inputs. Where nothing else is said, the values are those of the
    public code of Co-attention (Zou et al. 2022), which the paper builds on without giving any."""

    segment_seconds: Annotated[float, within("(0, 3600]")] = 3.0
    """Longest segment (paper, section 3): 48,000 samples, 149 frames of the encoders, 300 of the
    spectrogram. Segments do not overlap."""

    min_tail_seconds: Annotated[float, within("(0, 3600]")] = 0.5
    """A shorter remainder at the end of a longer utterance is left out. Not specified by the
    paper; it is the shortest utterance that our encoders are pre-trained on, and a shorter piece
    says little but counts as much as a full one."""

    pre_emphasis: Annotated[float, within("[0, 1)")] = 0.97
    """Coefficient of the pre-emphasis before spectrogram and MFCC."""

    num_bins: Annotated[int, within("[1, 65536]")] = 200
    """Lowest bins of the spectrogram that are kept: 0 to 4 kHz."""

    fft_samples: Annotated[int, within("[1, 65536]")] = 800
    """Length of the Fourier transform of the spectrogram."""

    window_samples: Annotated[int, within("[1, 65536]")] = 640
    """Length of its Hamming window: 40 ms."""

    floor_db: Annotated[float, within("[-1000, 0)")] = -80.0
    """Lowest level of the spectrogram, relative to the utterance's maximum."""

    num_mfcc: Annotated[int, within("[1, 4096]")] = 40
    """Mel-frequency cepstral coefficients."""

    mfcc_fft_samples: Annotated[int, within("[2, 65536]")] = 2048
    """Length of the Fourier transform of the MFCC and of its Hann window."""

    num_mels: Annotated[int, within("[1, 4096]")] = 128
    """Mel bands of the MFCC, on the HTK scale, each of unit area."""

    def __post_init__(self) -> None:
        samples = self.segment_seconds * SAMPLE_RATE_HZ
        if samples < SAMPLES_PER_FRAME * 2 or samples % SAMPLES_PER_FRAME:
            raise ValueError(
                f"`segment_seconds` must be a multiple of {SAMPLES_PER_FRAME / SAMPLE_RATE_HZ} "
                f"and at least twice that, but is {self.segment_seconds} instead."
            )
        shortest = RECEPTIVE_FIELD_SAMPLES / SAMPLE_RATE_HZ
        if not shortest <= self.min_tail_seconds <= self.segment_seconds:
            raise ValueError(
                f"`min_tail_seconds` must be between {shortest} (one frame of the encoders) and "
                f"`segment_seconds`, but is {self.min_tail_seconds} instead."
            )
        if not 1 <= self.window_samples <= self.fft_samples:
            raise ValueError(
                f"`window_samples` must be between 1 and `fft_samples`, but they are "
                f"{self.window_samples} and {self.fft_samples}."
            )
        for name, most in (
            ("num_bins", self.fft_samples // 2 + 1),
            ("num_mfcc", self.num_mels),
            ("num_mels", self.mfcc_fft_samples // 2),
        ):
            if not 1 <= getattr(self, name) <= most:
                raise ValueError(
                    f"`{name}` must be between 1 and {most}, but is {getattr(self, name)} instead."
                )

    @property
    def segment_samples(self) -> int:
        """S of a full segment at 16 kHz."""
        return round(self.segment_seconds * SAMPLE_RATE_HZ)

    @property
    def min_tail_samples(self) -> int:
        """Samples of the shortest remainder that is kept."""
        return round(self.min_tail_seconds * SAMPLE_RATE_HZ)

    @property
    def num_frames(self) -> int:
        """T of the encoders' states; the last of them is never valid."""
        return self.segment_samples // SAMPLES_PER_FRAME

    @property
    def num_spectral_frames(self) -> int:
        """Frames of spectrogram and MFCC of a full segment."""
        return self.segment_samples // HOP_SAMPLES


@settings
class FaultSettings:
    """Named faults of `Vincent-ZHQ/CA-MSER`, none of which we have by default.

    One more is inherent in the protocol `speaker`, so it has no switch: the partner of a dialogue
    (same session, same conversation) stays in the training part. The protocol `session` is free of
    it, and the overlap of every corpus is printed.
    """

    test_selection: bool = False
    """The epoch is chosen on the test part. Only as a number of its own, marked optimistic."""

    front_padded_waveform: bool = False
    """The encoders' waveform is padded at the front, spectrogram and MFCC at the end. As there,
    the padding is normalised along with the speech, and all of it counts as valid."""

    loud_padding: bool = False
    """The spectrogram is padded with 0 dB, which is the utterance's maximum, and the padding of
    spectrogram and MFCC counts as valid, also where the normalisation is fitted."""

    tiny_tails: bool = False
    """Every remainder at the end of an utterance is a segment, however short, and counts as much
    as any other."""

    emphasised_encoders: bool = False
    """The encoders hear the pre-emphasised waveform, which they were not pre-trained on."""

    def active(self) -> tuple[str, ...]:
        """The names of the faults that are switched on, in the order above."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))
