"""What is refused among the settings of an experiment, in words."""

import pytest

from mfsn.search.settings import read_settings
from pretrain.config.files import SettingsError


@pytest.mark.parametrize(
    ("override", "remedy"),
    [
        ("fusion.ism=x", "should be 'gated' or 'channel', but is 'x' instead"),
        ("head.frame_weights=mean", "should be 'relu' or 'softmax', but is 'mean' instead"),
    ],
)
def test_a_choice_that_there_is_not_is_refused_with_those_that_there_are(
    override: str, remedy: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        read_settings([], [override])
    assert f"`{override.partition('=')[0]}`" in str(caught.value)
    assert remedy in str(caught.value)
