"""One colour per row in every figure: blues for quantized rows, oranges for continuous ones.

Blue against orange is told apart with every common colour blindness; within a family the darker
row has more centres (or a larger K). Baselines are grey.
"""

import math
from collections.abc import Iterable

from reports.read.records import Row, num_centres

BLUES = ("#7dbbe8", "#3d8ecb", "#1b62a5", "#0a2f5c")
ORANGES = ("#f2973f", "#a94400")
PURPLES = ("#b08ac9", "#6a3d9a")
GREYS = {"untrained": "#4d4d4d", "log-mel": "#7d7d7d", "constant": "#a8a8a8"}
LINES: dict[str, str | tuple[float, tuple[float, ...]]] = {
    "untrained": (0, (6, 2)),
    "log-mel": (0, (1, 1.2)),
    "constant": (0, (4, 1.5, 1, 1.5)),
}
"""Line styles of the baselines, so that they are told apart without colour."""


def colours(rows: Iterable[Row]) -> dict[str, str]:
    """Returns row name -> "#rrggbb"."""
    unique: dict[str, Row] = {}
    for row in rows:
        unique.setdefault(row.name, row)
    families: dict[str, list[Row]] = {"quantized": [], "continuous": [], "other": []}
    found: dict[str, str] = {}
    for name, row in unique.items():
        if row.group == "baseline":
            found[name] = GREYS.get(name, "#666666")
        elif row.group == "uncontrolled" or row.mode not in families:
            families["other"].append(row)
        else:
            families[row.mode].append(row)
    for family, stops in (("quantized", BLUES), ("continuous", ORANGES), ("other", PURPLES)):
        members = sorted(families[family], key=_size)
        for index, row in enumerate(members):
            share = index / (len(members) - 1) if len(members) > 1 else 0.6
            found[row.name] = _between(stops, share)
    return found


def readable(colour: str) -> str:
    """Darkens a light colour so that words in it can be read on white."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    bright = (0.299 * red + 0.587 * green + 0.114 * blue) / 255
    factor = min(1.0, 0.46 / max(bright, 1e-6))
    return "#" + "".join(f"{round(channel * factor):02x}" for channel in (red, green, blue))


def _size(row: Row) -> tuple[float, str]:
    size = num_centres(row.setting) or row.setting.get("top_k") or 0
    return math.log2(float(size) + 1), row.name


def _between(stops: tuple[str, ...], share: float) -> str:
    place = share * (len(stops) - 1)
    low = min(int(place), len(stops) - 2)
    part = place - low
    channels = (
        (int(stops[low][i : i + 2], 16), int(stops[low + 1][i : i + 2], 16)) for i in (1, 3, 5)
    )
    return "#" + "".join(f"{round(a + part * (b - a)):02x}" for a, b in channels)
