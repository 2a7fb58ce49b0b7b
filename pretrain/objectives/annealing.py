"""Values that move with the fraction of all updates done, so that short runs move them too."""


def between(start: float, end: float, fraction: float, progress: float) -> float:
    """Returns the value at `progress`: linear from `start` to `end` over the first `fraction` of
    all updates, then `end`."""
    return start + (end - start) * min(progress / fraction, 1.0)


def geometric_between(start: float, end: float, fraction: float, progress: float) -> float:
    """Like `between`, but multiplying by an equal factor in every update."""
    return float(start * (end / start) ** min(progress / fraction, 1.0))
