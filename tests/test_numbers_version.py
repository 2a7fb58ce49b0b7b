"""No stage computes other numbers under the version of the former ones, and only numbers count."""

import itertools
import json
from pathlib import Path

import pytest

from pretrain.shared import numbers_version
from pretrain.shared.numbers_version import NUMBERS_VERSION, kept_as, raised, versions_of
from tests import golden_stages
from tests.golden_stages import STAGES, are_close, kept


def check(stage: str, found: list[float], golden: dict[str, list[float]]) -> None:
    version = str(NUMBERS_VERSION[stage])
    assert version in golden, (
        f"The version of {stage!r} was raised to {version}: keep the golden values beside it with "
        "`python -m tests.golden_stages`."
    )
    assert are_close(found, golden[version]), (
        f"The numbers of {stage!r} have changed: raise its version in "
        "pretrain/shared/numbers_version.py, then `python -m tests.golden_stages`. Whatever was "
        f"kept under version {version} would be mixed with the new ones."
    )


def test_every_stage_has_golden_values() -> None:
    assert set(STAGES) == set(NUMBERS_VERSION) == set(kept())


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_the_numbers_of_a_stage_are_those_of_its_version(stage: str) -> None:
    check(stage, STAGES[stage](), kept()[stage])


@pytest.mark.parametrize("stage", sorted(STAGES))
def test_another_version_means_other_numbers(stage: str) -> None:
    golden = list(kept()[stage].values())
    for former, later in itertools.pairwise(golden):
        assert not are_close(former, later), f"{stage}: a version was raised for nothing"


def test_changed_numbers_under_the_same_version_are_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    golden = kept()["metrics"]
    found = [1.02 * value for value in STAGES["metrics"]()]
    with pytest.raises(AssertionError, match="The numbers of 'metrics' have changed: raise its"):
        check("metrics", found, golden)
    monkeypatch.setitem(NUMBERS_VERSION, "metrics", 99)
    with pytest.raises(AssertionError, match="was raised to 99: keep the golden values"):
        check("metrics", found, golden)


def test_golden_values_are_added_and_never_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    known = kept()
    monkeypatch.setattr(golden_stages, "FILE", tmp_path / "golden.json")
    golden_stages.FILE.write_text(json.dumps(known))
    monkeypatch.setitem(STAGES, "metrics", lambda: [7.0])
    golden_stages.main()
    assert kept() == known
    monkeypatch.setitem(NUMBERS_VERSION, "metrics", NUMBERS_VERSION["metrics"] + 1)
    golden_stages.main()
    assert list(kept()["metrics"].values()) == [*known["metrics"].values(), [7.0]]


def test_file_names_tell_versions_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers_version, "NUMBERS_VERSION", {"one": 1, "two": 2})
    assert kept_as("one", "two") == "2"
    assert kept_as("one") == kept_as("a head of somebody's own") == "1"
    assert versions_of("one", "two", "new") == {"one": 1, "two": 2, "new": 1}
    assert raised("one", "two") == {"numbers.two": 2}
