"""What can be set about the synthetic corpus besides its size, seed and part."""

from pretrain.settings_class import settings


@settings
class SyntheticSettings:
    """How words, voice and labels of an utterance hang together. Not specified by the paper."""

    contradicted_share: float = 0.3
    """Share of the utterances whose words express another emotion than voice and label.

    Their voice is strongly expressed, so that who hears both can tell.
    """

    neutral_words_share: float = 0.2
    """Share of the other angry, happy and sad utterances whose words are neutral."""

    rater_noise: float = 0.5
    """Standard deviation of one rater, on the scale 1 to 5."""

    def __post_init__(self) -> None:
        for name in ("contradicted_share", "neutral_words_share"):
            share = getattr(self, name)
            if not 0 <= share <= 1:
                raise ValueError(f"`{name}` must be in 0..1, but is {share} instead.")
        if self.rater_noise < 0:
            raise ValueError(f"`rater_noise` must not be negative, but is {self.rater_noise}.")
