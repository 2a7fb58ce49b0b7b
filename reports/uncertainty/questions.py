"""What is tested, stated before any number is seen."""

from dataclasses import dataclass
from itertools import combinations

from reports.read.records import families
from reports.read.scores import Grid

AGAINST_UNTRAINED = "untrained"
AGAINST_LOG_MEL = "log-mel"
AGAINST_ACOUSTIC = "acoustic"
FAMILIES = "families"

KINDS = {
    AGAINST_UNTRAINED: "Does pre-training help? Each row against the untrained encoder",
    AGAINST_LOG_MEL: "Is an encoder needed? Each row against log-mel statistics",
    AGAINST_ACOUSTIC: "Is an encoder needed? Each row against {} statistics",
    FAMILIES: "{} or {}? Each {} row against each {} one",
}
"""Kind of question -> its words; those between two families name both twice."""

SAID_ELSEWHERE = (AGAINST_UNTRAINED, AGAINST_LOG_MEL, "constant")
"""Baselines of every table, which no question of `AGAINST_ACOUSTIC` names."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """How does the first row differ from the second?"""

    kind: str
    first: str
    second: str
    families: tuple[str, str] = ("", "")
    """Of the two, where families are compared."""

    @property
    def words(self) -> str:
        """The question of all pairs of its kind."""
        if self.kind == AGAINST_ACOUSTIC:
            return KINDS[self.kind].format(self.second)
        first, second = self.families
        return KINDS[self.kind].format(first.capitalize(), second, first, second)


def questions(grid: Grid) -> list[Question]:
    """Returns the questions of one grid, whatever its scores are.

    An uncontrolled row is compared with statistics of the sound only: the untrained encoder and the
    other rows differ from it in more than pre-training.
    """
    rows = {row.name: row for row in grid.rows if row.group != "baseline"}
    controlled = [name for name, row in rows.items() if row.group == "row"]
    baselines = dict.fromkeys(row.name for row in grid.rows if row.group == "baseline")
    asked = []
    if AGAINST_UNTRAINED in baselines:
        asked += [(AGAINST_UNTRAINED, name, AGAINST_UNTRAINED) for name in controlled]
    if AGAINST_LOG_MEL in baselines:
        asked += [(AGAINST_LOG_MEL, name, AGAINST_LOG_MEL) for name in rows]
    for baseline in baselines:
        if baseline not in SAID_ELSEWHERE:
            asked += [(AGAINST_ACOUSTIC, name, baseline) for name in rows]
    found = [Question(kind=kind, first=first, second=second) for kind, first, second in asked]
    family = {name: rows[name].presentation.family.label for name in controlled}
    for pair in family_pairs(grid):
        found += [
            Question(kind=FAMILIES, first=first, second=second, families=pair)
            for first in controlled
            if family[first] == pair[0]
            for second in controlled
            if family[second] == pair[1]
        ]
    return found


def family_pairs(grid: Grid) -> list[tuple[str, str]]:
    """Returns every two families of the grid's controlled rows, in the order of Table 4."""
    return list(combinations([family.label for family in families(grid.rows)], 2))
