"""Durations are said as people say them."""

from pretrain.shared.durations import in_words, per_step


def test_durations_are_said_as_people_say_them() -> None:
    assert [in_words(s) for s in (59.6, 600, 9000)] == ["60 s", "10 min", "2.5 h"]
    assert [in_words(86400 * d) for d in (1.5, 9.72, 1234)] == ["36.0 h", "9.7 days", "1,234 days"]
    assert [per_step(s) for s in (0.0123, 2.13, 38.4)] == ["0.012 s", "2.1 s", "38 s"]
