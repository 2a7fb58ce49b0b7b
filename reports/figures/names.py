"""Names from files, shortened so that they fit a figure and still differ."""

from collections.abc import Sequence


def shorten(name: str, limit: int) -> str:
    """Leaves out the middle of a long name: both ends tell names apart."""
    if len(name) <= limit:
        return name
    tail = (limit - 1) // 2
    return f"{name[: limit - 1 - tail]}\u2026{name[-tail:]}"


def without_prefix(names: Sequence[str]) -> tuple[str, list[str]]:
    """Returns what all names begin with, up to a dash or underscore, and the rest of each."""
    same = 0
    for letters in zip(*names, strict=False):
        if len(set(letters)) > 1 or len(names) < 2:
            break
        same += 1
    end = max(names[0][:same].rfind(mark) for mark in "-_ ") + 1 if names else 0
    return names[0][:end] if end else "", [name[end:] for name in names]
