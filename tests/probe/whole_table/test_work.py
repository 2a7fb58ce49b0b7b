"""What the joined results say of the code behind them."""

from typing import Any

import pytest

from probe.heads.linear import Evaluation
from probe.whole_table.cell_store import Kept
from probe.whole_table.work import provenance_of

GIT = {"commit": "a", "dirty": False}
PACKAGES = {"torch": "2"}


def kept(git: dict[str, Any], packages: dict[str, str]) -> Kept:
    return Kept(evaluation=Evaluation(), git=git, packages=packages)


def test_cells_of_the_joining_code_make_results_of_its_commit() -> None:
    inputs = {"rows": [], "git": GIT, "packages": PACKAGES}
    found = provenance_of([kept(GIT, PACKAGES)] * 3, inputs)
    assert found["inputs"] == inputs
    assert found["git"] == GIT
    assert found["cells_made_by"] == [{"git": GIT, "packages": PACKAGES}]


@pytest.mark.parametrize(
    "other", [({"commit": "b", "dirty": False}, PACKAGES), (GIT, {"torch": "1"})]
)
def test_cells_of_other_code_make_results_of_no_commit(
    other: tuple[dict[str, Any], dict[str, str]],
) -> None:
    inputs = {"rows": [], "git": GIT, "packages": PACKAGES}
    for cells in ([kept(*other)], [kept(GIT, PACKAGES), kept(*other)]):
        found = provenance_of(cells, inputs)
        # `can_reuse` compares them with inputs whose git is clean.
        assert found["inputs"] != inputs
        assert found["git"]["dirty"]
        assert {"git": other[0], "packages": other[1]} in found["cells_made_by"]
    assert GIT["dirty"] is False
