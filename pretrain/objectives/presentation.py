"""What an objective declares of its rows for whoever shows them. No torch.

Pre-training writes it to run.json, the probe and MFSN carry it along, and the report reads it from
there: nothing but the objective's own file has to know how its rows are called and coloured.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

VERSION = 1
"""Of `Presentation` in run.json; one of another version is not read."""

KINDS = ("quantized", "continuous", "other")
"""Kinds of families, in the order of tables."""

COLLAPSED = "collapsed"
"""Flag of a row whose scores say nothing about its target, however high they are."""

NOT_LEARNED = "not learned"
"""Flag of a row that has not learned its task."""

Colour = Annotated[str, Field(pattern=r"^#[0-9a-f]{6}$")]
Words = Annotated[str, Field(max_length=200)]


class Declared(BaseModel):
    """Plain values that are built by keyword, never change, and may have gained further keys."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Family(Declared):
    """Rows that are compared with other families, and share a colour."""

    kind: Literal["quantized", "continuous", "other"]
    label: Annotated[str, Field(min_length=1, max_length=40)]
    """What tables and sentences call it ("LABEL targets"); rows with the same label are one family,
    and every two families are a question of the report."""

    colours: Annotated[tuple[Colour, ...], Field(min_length=1)]
    """From the lightest to the darkest of its rows: "#rrggbb"."""


class Panel(Declared):
    """One metric of `ObjectiveOutput.metrics` over the updates."""

    heading: Words
    metric: Words
    counts: bool = False
    """Whether it counts centres: drawn on a logarithmic axis, beside the `centres` of the row."""


class Curves(Declared):
    """A figure of the report's part on training; one of a name is drawn for all that declare it."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,60}$")]
    """Of its files."""

    title: Words
    caption: Annotated[str, Field(max_length=1000)]
    panels: tuple[Panel, ...]


class CollapseRule(Declared):
    """A metric that tells a collapse when it stays below (or above) a limit after warm-up."""

    metric: str
    limit: float
    of_start: bool = False
    """Whether the limit is a share of what the metric was over the first twentieth of the run."""

    collapsed_below: bool = True
    meaning: str
    """What has collapsed and what to try, in a sentence for the log and the report."""

    finding: str = ""
    """What has collapsed, in a clause of the report; its metric and limit where empty."""

    flag: Words = COLLAPSED
    """Words of warning beside the row's name. One that is `COLLAPSED` is no row's better."""

    def is_beyond(self, value: float) -> bool:
        """Whether `value` is on the wrong side of the limit; a NaN never is."""
        return value < self.limit if self.collapsed_below else value > self.limit


class Presentation(Declared):
    """How one row is shown."""

    version: int = VERSION
    family: Family
    label: Annotated[str, Field(max_length=60)] = ""
    """What tells it from the objective's other rows ("G=2 V=8"); its name where empty."""

    order: float = 0.0
    """Place within the family, ascending; the last one has the darkest colour."""

    centres: int | None = None
    """How many different targets there are; None where they are not counted."""

    loss: Words = ""
    """The loss in words, over its curves."""

    curves: tuple[Curves, ...] = ()

    control: bool = False
    """Whether nothing can be learned: what such a row explains is chance, and the others' gate."""

    learned: tuple[CollapseRule, ...] = ()
    """What beside `explained` tells that the row has not learned its task (`NOT_LEARNED`)."""

    @property
    def place(self) -> tuple[int, str, float]:
        """Sorts rows as Table 4 does."""
        return KINDS.index(self.family.kind), self.family.label, self.order
