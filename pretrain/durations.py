"""Durations as people say them."""


def in_words(seconds: float) -> str:
    """Returns seconds below two minutes, minutes below two hours, hours from there on."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
