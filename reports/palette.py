"""One colour per row in every figure, between those that its family declares.

Within a family the darker row has more centres, a larger K, or whatever its objective orders rows
by. Baselines are grey.
"""

from collections.abc import Iterable
from itertools import cycle

from reports.read.records import Row

GREYS = {"untrained": "#4d4d4d", "log-mel": "#7d7d7d", "constant": "#a8a8a8"}
LINES: dict[str, str | tuple[float, tuple[float, ...]]] = {
    "untrained": (0, (6, 2)),
    "log-mel": (0, (1, 1.2)),
    "constant": (0, (4, 1.5, 1, 1.5)),
}
"""Line styles of the baselines, so that they are told apart without colour."""

MORE_LINES = ((0, (9, 1)), (0, (1, 3)), (0, (3, 1, 1, 1, 1, 1)), (0, (5, 5)))
"""Those of the other baselines, by turns."""


def baseline_lines(rows: Iterable[Row]) -> dict[str, str | tuple[float, tuple[float, ...]]]:
    """Returns the name of every baseline -> its line style."""
    names = dict.fromkeys(row.name for row in rows if row.group == "baseline")
    others = zip((name for name in names if name not in LINES), cycle(MORE_LINES), strict=False)
    return {**LINES, **dict(others)}


def colours(rows: Iterable[Row]) -> dict[str, str]:
    """Returns row name -> "#rrggbb"."""
    unique: dict[str, Row] = {}
    for row in rows:
        unique.setdefault(row.name, row)
    found = {n: GREYS.get(n, "#666666") for n, row in unique.items() if row.group == "baseline"}
    families: dict[str, list[Row]] = {}
    for row in sorted(unique.values(), key=lambda row: (row.presentation.order, row.name)):
        if row.group != "baseline":
            families.setdefault(row.family.label, []).append(row)
    for members in families.values():
        for index, row in enumerate(members):
            share = index / (len(members) - 1) if len(members) > 1 else 0.6
            found[row.name] = _between(members[0].family.colours, share)
    return found


def readable(colour: str) -> str:
    """Darkens a light colour so that words in it can be read on white."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    bright = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    factor = min(1.0, 0.46 / max(bright, 1e-6))
    return "#" + "".join(f"{round(channel * factor):02x}" for channel in (red, green, blue))


def _between(stops: tuple[str, ...], share: float) -> str:
    place = share * (len(stops) - 1)
    low = min(int(place), max(len(stops) - 2, 0))
    part = place - low
    ends = stops[low], stops[min(low + 1, len(stops) - 1)]
    channels = ((int(ends[0][i : i + 2], 16), int(ends[1][i : i + 2], 16)) for i in (1, 3, 5))
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in channels)
