"""What is tested, stated before any number is seen."""

from dataclasses import dataclass

from reports.read.scores import Grid

AGAINST_UNTRAINED = "untrained"
AGAINST_LOG_MEL = "log-mel"
FAMILIES = "families"

KINDS = {
    AGAINST_UNTRAINED: "Does pre-training help? Each row against the untrained encoder",
    AGAINST_LOG_MEL: "Is an encoder needed? Each row against log-mel statistics",
    FAMILIES: "Quantized or continuous? Each quantized row against each continuous one",
}
"""Kind of question -> its words."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """How does the first row differ from the second?"""

    kind: str
    first: str
    second: str


def questions(grid: Grid) -> list[Question]:
    """Returns the questions of one grid, whatever its scores are.

    An uncontrolled row is compared with log-mel only: the untrained encoder and the other rows
    differ from it in more than pre-training.
    """
    rows = {row.name: row for row in grid.rows if row.group != "baseline"}
    controlled = [name for name, row in rows.items() if row.group == "row"]
    baselines = {row.name for row in grid.rows if row.group == "baseline"}
    asked = []
    if AGAINST_UNTRAINED in baselines:
        asked += [(AGAINST_UNTRAINED, name, AGAINST_UNTRAINED) for name in controlled]
    if AGAINST_LOG_MEL in baselines:
        asked += [(AGAINST_LOG_MEL, name, AGAINST_LOG_MEL) for name in rows]
    asked += [
        (FAMILIES, quantized, continuous)
        for quantized in controlled
        if rows[quantized].mode == "quantized"
        for continuous in controlled
        if rows[continuous].mode == "continuous"
    ]
    return [Question(kind=kind, first=first, second=second) for kind, first, second in asked]
