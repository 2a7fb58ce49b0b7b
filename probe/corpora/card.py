"""A corpus card: what a corpus holds, what is missing, what is odd; as text, and as a page with
plots that needs no other file. (Only the page needs matplotlib.)"""

import base64
import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pretrain.data.audio.waveforms import MAX_WHOLE_SECONDS
from pretrain.data.readers.column_names import unread
from pretrain.data.readers.read import MAX_BAD_SHARE
from pretrain.data.readers.reader import Reader, reader_of
from pretrain.data.scan.quarantine import CorpusWarning, unusable_of
from pretrain.data.tables.columns import take_columns
from pretrain.data.tables.delimited import header_of
from pretrain.data.tables.describe import hours_of
from pretrain.data.tables.utterances import LABEL_COLUMNS
from pretrain.shared.atomic_files import replace_text
from probe.corpora.options import NORMS, allow_incomplete, manifest_of, split_options
from probe.corpora.published import INCOMPLETE, IncompleteCorpusWarning
from probe.corpora.read import columns_of, read_with_extras
from probe.corpora.registry import READERS

MAX_VALUES = 12
"""Columns that only this corpus has are counted if they have at most so many values."""

TOLD_ELSEWHERE = ("exactly the same audio more than once", "cannot be used; the list with reasons")
"""Of the warnings; the card has sections of its own for them."""

FILE_NAME = "corpora.html"
TEMPLATE = "card.html.jinja"

COLOUR = "#0072b2"
"""Blue of the colour-blind safe palette by Okabe and Ito."""

NO_MATHEMATICS: Any = {"text.parse_math": False}
"""Names of classes and speakers are the corpus's own: a "$" in one of them is a dollar sign."""


@dataclass(frozen=True, kw_only=True)
class Card:
    """What was found out about one corpus."""

    spec: str
    name: str
    error: str = ""
    """Why it cannot be read at all; then there is nothing else."""

    table: pd.DataFrame = field(default_factory=pd.DataFrame)
    """The usable utterances, with `seconds`."""

    facts: dict[str, str] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    """Title to table, ready to be shown."""

    incomplete: list[str] = field(default_factory=list)
    """In what it differs from the published corpus."""

    duplicates: list[str] = field(default_factory=list)
    unusable: list[str] = field(default_factory=list)
    """Path and reason."""

    too_many_unusable: bool = False
    notes: list[str] = field(default_factory=list)

    def lists(self) -> dict[str, list[str]]:
        """Returns the findings by title."""
        return {
            "Not as published": self.incomplete,
            "Duplicates (by audio hash)": self.duplicates,
            "Unusable files": self.unusable,
            "Notes": self.notes,
        }

    def text(self) -> str:
        """Returns the card for a terminal."""
        if self.error:
            return f"== {self.spec}\nCannot be read: {self.error}\n"
        width = max(map(len, self.facts))
        lines = [f"== {self.spec}"]
        lines += [f"{key:{width}}  {value}" for key, value in self.facts.items()]
        for title, table in self.tables.items():
            lines += ["", title, table.to_string()]
        for title, found in self.lists().items():
            lines += ["", f"{title}: {len(found) or 'none'}"]
            lines += [f"  {line}" for text in found for line in text.splitlines()]
        return "\n".join(lines) + "\n"


def make_card(spec: str) -> Card:
    """Reads the corpus, incomplete or not, and says what it holds."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            table, extras = read_with_extras(allow_incomplete(spec), max_bad_share=1.0)
            bad = unusable_of(str(table["source"].iloc[0]))
        except ValueError as error:
            return Card(spec=spec, name=spec, error=str(error))
    incomplete: list[str] = []
    notes: list[str] = []
    for warning in caught:
        message = str(warning.message)
        if issubclass(warning.category, IncompleteCorpusWarning):
            incomplete += message.splitlines()
        elif issubclass(warning.category, CorpusWarning):
            notes += [] if any(part in message for part in TOLD_ELSEWHERE) else [message]
    table = table.assign(seconds=table["frames"] / table["sample_rate"])
    name = str(table["source"].iloc[0])
    manifest = manifest_of(spec)
    reader = reader_of(name, READERS) if name in READERS and not manifest else None
    known = not incomplete if reader and INCOMPLETE in reader.options else None
    facts = _facts(table, len(bad), known)
    if manifest:
        names = unread(header_of(manifest), columns_of(manifest, take_columns(spec)[1]))
        facts |= {"columns not read": ", ".join(names)} if names else {}
    return Card(
        spec=spec,
        name=name,
        table=table,
        facts=facts,
        tables=_tables(table, extras, has_norms=NORMS in split_options(spec)[1]),
        incomplete=incomplete,
        duplicates=_duplicates(table),
        unusable=[f"{row.path}: {row.reason}" for row in bad.itertuples()],
        too_many_unusable=len(bad) > MAX_BAD_SHARE * (len(bad) + len(table)),
        notes=notes + _odd(table, reader),
    )


def write_page(cards: Sequence[Card], folder: Path, *, command: str) -> Path:
    """Writes the page into `folder`, which is made if need be, and returns its path."""
    import matplotlib

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
    from matplotlib.figure import Figure

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


def _facts(table: pd.DataFrame, num_bad: int, complete: bool | None) -> dict[str, str]:
    seconds = table["seconds"]
    rates = table["sample_rate"].value_counts().sort_index()
    texts = table.loc[table["text"] != "", "text"]
    spoken = f"{texts.nunique()} different, {len(table) - len(texts)} utterances without"
    counts = {True: "as published", False: "NOT as published, see below", None: "none to compare"}
    return {
        "utterances": f"{len(table)} usable, {num_bad} not",
        "counts": counts[complete],
        "hours": f"{hours_of(table):.2f}",
        "seconds": f"shortest {seconds.min():.2f}, median {seconds.median():.2f}, "
        f"longest {seconds.max():.2f}",
        "sample rate": ", ".join(f"{rate} Hz ({count})" for rate, count in rates.items()),
        "speakers": _named(table["speaker"]),
        "sessions": _named(table["session"]),
        "texts": spoken if len(texts) else "none",
    }


def _named(values: pd.Series) -> str:
    without = int((values == "").sum())
    if without == len(values):
        return "none"
    known = f"{values[values != ''].nunique()}"
    return f"{known}, {without} utterances without" if without else known


def _tables(
    table: pd.DataFrame, extras: pd.DataFrame, *, has_norms: bool
) -> dict[str, pd.DataFrame]:
    tables: dict[str, pd.DataFrame] = {}
    labelled = table[table["emotion"] != ""]
    if len(labelled):
        groups = labelled.groupby("emotion")
        tables["Emotions"] = pd.DataFrame(
            {
                "utterances": groups.size(),
                "percent": (100 * groups.size() / len(labelled)).round(1),
                "hours": (groups["seconds"].sum() / 3600).round(2),
                "speakers": groups["speaker"].agg(lambda names: names[names != ""].nunique()),
            }
        )
    for column in ("speaker", "session", "split"):
        if table[column].nunique() > 1:
            emotion = table["emotion"].replace("", "no emotion")
            crossed = pd.crosstab(table[column].replace("", "none"), emotion)
            tables[f"Emotions by {column}"] = crossed.assign(all=crossed.sum(axis=1))
    rated = [name for name in LABEL_COLUMNS if table[name].notna().any()]
    if rated:
        described = table[rated].describe().T[["count", "min", "mean", "std", "max"]].round(3)
        title = "Category norms" if has_norms else "Ratings"
        tables[title] = described.astype({"count": int})
    for column in map(str, extras.columns):
        values = extras[column].astype(str).replace("", "none")
        if 1 < values.nunique() <= MAX_VALUES:
            tables[f"{column} (of this corpus only)"] = values.value_counts().to_frame("utterances")
    return tables


def _duplicates(table: pd.DataFrame) -> list[str]:
    same = table[table["audio_hash"].duplicated(keep=False)]
    lines = []
    for _, group in same.groupby("audio_hash", sort=False):
        speakers = sorted(set(group["speaker"]))
        across = f" (speakers {', '.join(speakers)})" if len(speakers) > 1 else ""
        lines.append(" = ".join(group["id"]) + across)
    return lines


def _odd(table: pd.DataFrame, reader: Reader | None) -> list[str]:
    """Returns what is too long, and in what audio differs from the published one, where that need
    not be wrong."""
    notes = []
    long = table[table["seconds"] > MAX_WHOLE_SECONDS]
    if len(long):
        notes.append(
            f"{len(long)} utterances are above {MAX_WHOLE_SECONDS:g} s: probes refuse them, and "
            f"pre-training hears one crop of each per epoch; the first is {long['id'].iloc[0]}."
        )
    if reader and reader.sample_rate:
        other = int((table["sample_rate"] != reader.sample_rate).sum())
        if other:
            notes.append(f"{other} files are not at the published {reader.sample_rate} Hz.")
    if reader and reader.seconds:
        least, most = reader.seconds
        # Published to a tenth of a second.
        outside = table[(table["seconds"] < least - 0.05) | (table["seconds"] > most + 0.05)]
        if len(outside):
            notes.append(
                f"{len(outside)} utterances are not {least} to {most} s long, as published; the "
                f"first is {outside['id'].iloc[0]}."
            )
    return notes
