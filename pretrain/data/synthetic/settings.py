"""What can be set about the synthetic corpus besides its size, seed and part."""

from typing import Annotated

from pretrain.shared.checked_settings import settings, within


@settings
class SyntheticSettings:
    """How words, voice and labels of an utterance hang together. Not specified by the paper."""

    contradicted_share: Annotated[float, within("[0, 1]")] = 0.3
    """Share of the utterances whose words express another emotion than voice and label.

    Their voice is strongly expressed, so that who hears both can tell.
    """

    neutral_words_share: Annotated[float, within("[0, 1]")] = 0.2
    """Share of the other angry, happy and sad utterances whose words are neutral."""

    rater_noise: Annotated[float, within("[0, 100]")] = 0.5
    """Standard deviation of one rater, on the scale 1 to 5."""
