"""Durations as people say them."""


def in_words(seconds: float) -> str:
    """Returns seconds below two minutes, minutes below two hours, hours below two days, and days
    from there on."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86400:
        return f"{seconds / 3600:.1f} h"
    days = seconds / 86400
    return f"{days:.1f} days" if days < 100 else f"{days:,.0f} days"


def per_step(seconds: float) -> str:
    """Returns the duration of something short that is done often, with two digits or more."""
    return f"{seconds:.2g} s" if seconds < 10 else in_words(seconds)
