"""Corpus cards as one self-contained HTML page with plots."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from matplotlib.figure import Figure

from pretrain.data.tables.utterances import LABEL_COLUMNS
from pretrain.shared.atomic_files import replace_text
from probe.corpora.card import Card

FILE_NAME = "corpora.html"
TEMPLATE = "card.html.jinja"

COLOUR = "#0072b2"
"""Blue of the colour-blind safe palette by Okabe and Ito."""

NO_MATHEMATICS: Any = {"text.parse_math": False}
"""Names of classes and speakers are the corpus's own: a "$" in one of them is a dollar sign."""


def write_page(cards: Sequence[Card], folder: Path, *, command: str) -> Path:
    """Writes the page into `folder`, which is made if need be, and returns its path."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["plots"] = _plots
    with matplotlib.rc_context(NO_MATHEMATICS):
        page = environment.get_template(TEMPLATE).render(cards=cards, command=command)
    place = folder / FILE_NAME
    replace_text(place, page.encode("utf-8", errors="backslashreplace").decode("utf-8"))
    return place


def _plots(card: Card) -> str:
    """Returns lengths, classes, classes by speaker and V/A/D as one PNG in a data URL."""
    crossed = card.tables.get("Emotions by speaker")
    names = ["seconds"]
    names += ["emotion"] if "Emotions" in card.tables else []
    names += ["speakers"] if crossed is not None else []
    names += [name for name in LABEL_COLUMNS if card.table[name].notna().any()]
    num_rows = (len(names) + 1) // 2
    height = 2.8 * num_rows + (0.05 * len(crossed) if crossed is not None else 0.0)
    figure = Figure(figsize=(11, height), layout="constrained")
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(num_rows, min(2, len(names)), place)
        if name == "emotion":
            counts = card.tables["Emotions"]["utterances"]
            axes.barh(counts.index.astype(str), counts, color=COLOUR)
            axes.invert_yaxis()
            axes.set(xlabel="utterances", title="Utterances per emotion")
        elif name == "speakers":
            assert crossed is not None
            by_speaker = crossed.drop(columns="all")
            drawn = axes.imshow(by_speaker.T, aspect="auto", cmap="Blues", vmin=0)
            axes.set_yticks(range(by_speaker.shape[1]), by_speaker.columns)
            every = max(1, len(by_speaker) // 12)
            axes.set_xticks(
                range(0, len(by_speaker), every), by_speaker.index[::every], rotation=90
            )
            axes.set(xlabel="speaker", title="Utterances per emotion and speaker")
            figure.colorbar(drawn, ax=axes)
        else:
            axes.hist(np.asarray(card.table[name].dropna()), bins=40, color=COLOUR)
            unit = "s" if name == "seconds" else "the corpus's own scale"
            what = "Length" if name == "seconds" else name.capitalize()
            axes.set(xlabel=unit, ylabel="utterances", title=f"{what} of utterances")
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=110)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
