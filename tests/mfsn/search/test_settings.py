"""What is refused among the settings of an experiment, in words."""

import pytest

from mfsn.search.settings import read_settings, settings_of
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


def test_the_papers_head_is_not_written_down_and_another_one_is() -> None:
    assert "pooling" not in read_settings([], []).tree()["head"]
    content = read_settings([], ["head.pooling=content"])
    assert content.tree()["head"]["pooling"] == "content"
    assert settings_of(content.tree(), "run.json") == content
    assert settings_of(read_settings([], []).tree(), "run.json").head.pooling == "coattention"
    with pytest.raises(ValueError, match=r"head\.pooling"):
        read_settings([], ["head.pooling=louder"])
