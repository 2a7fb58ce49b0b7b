"""The faults of the public Co-attention code, each of which can be put back for a comparison."""

from dataclasses import fields

from pretrain.shared.checked_settings import settings


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
