"""Durations are said as people say them."""

from pretrain.durations import in_words


def test_durations_are_said_as_people_say_them() -> None:
    assert [in_words(s) for s in (59.6, 600, 9000)] == ["60 s", "10 min", "2.5 h"]
