"""The first sentence on encoders of others: each against every baseline that measures the sound."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from reports.answer import answer
from reports.collect import collect
from reports.read.scores import Grid, grids
from reports.uncertainty.evidence import Difference, Evidence
from reports.uncertainty.intervals import (
    BETTER,
    CANNOT_BE_DECIDED,
    NO_DIFFERENCE,
    WORSE,
    Comparison,
)
from reports.uncertainty.questions import AGAINST_ACOUSTIC, AGAINST_LOG_MEL, Question
from tests.reports.conftest import make_probe

NAMES = ("hubert-base", "wavlm-base")
RELEASED = {"group": "released", "mode": "", "num_parameters": 94_381_936}


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    changes = {name: dict(RELEASED) for name in NAMES}
    folder = make_probe(tmp_path / "p", names=NAMES, layers=("selected",), changes=changes)
    (found,) = grids(collect([str(folder)]).probe)
    return found


def said(grid: Grid, verdicts: Mapping[tuple[str, str], str]) -> str:
    """The sentence when (encoder, baseline) came out as given."""
    differences = [
        Difference(
            question=Question(
                kind=AGAINST_LOG_MEL if second == "log-mel" else AGAINST_ACOUSTIC,
                first=first,
                second=second,
            ),
            metric="ua",
            comparison=Comparison(
                difference=0.1, low=0.0, high=0.2, p_value=0.1, p_speakers=0.1, smallest_p=0.01,
                adjusted_p=0.1, effect_size=1.0, verdict=verdict, num_speakers=8, num_seeds=0,
                lower_is_better=False,
            ),
        )
        for (first, second), verdict in verdicts.items()
    ]  # fmt: skip
    evidence = Evidence(intervals={}, splits={}, differences=differences, faults=())
    return answer([(grid, evidence, {})])


def all_of(first: str, second: str) -> dict[tuple[str, str], str]:
    """Verdicts of the two encoders, against log-mel and mfcc alike."""
    chosen = dict(zip(NAMES, (first, second), strict=True))
    return {(name, base): chosen[name] for name in NAMES for base in ("log-mel", "mfcc")}


def test_an_encoder_beats_the_baselines_when_it_is_better_than_each(grid: Grid) -> None:
    sentence = said(grid, all_of(BETTER, NO_DIFFERENCE))
    assert sentence.startswith("An encoder beats the baselines on synthetic speech: the UA of hube")
    assert "higher than that of each of log-mel (" in sentence
    assert "and mfcc" in sentence
    assert said(grid, all_of(BETTER, BETTER)).startswith("Encoders beat the baselines")


def test_better_than_one_of_two_baselines_is_not_enough(grid: Grid) -> None:
    verdicts = all_of(BETTER, NO_DIFFERENCE) | {("hubert-base", "mfcc"): NO_DIFFERENCE}
    sentence = said(grid, verdicts)
    assert sentence.startswith("No encoder is shown to beat the baselines on synthetic speech: ")
    assert "none of 2 has a significantly higher UA" in sentence


def test_worse_than_each_is_said_by_name(grid: Grid) -> None:
    assert "significantly below each: wavlm-base" in said(grid, all_of(NO_DIFFERENCE, WORSE))


def test_too_few_speakers_decide_nothing(grid: Grid) -> None:
    sentence = said(grid, all_of(CANNOT_BE_DECIDED, CANNOT_BE_DECIDED))
    assert sentence.startswith("Cannot be decided on synthetic speech: 8 speakers are too few")
    assert "log-mel" in sentence


def test_the_highest_number_is_named_as_a_number(grid: Grid) -> None:
    first = max(NAMES, key=lambda name: grid.value(name, "ua") or 0.0)
    level = f"{100 * (grid.value(first, 'ua') or 0.0):.1f}\u00a0%"
    for verdict in (BETTER, NO_DIFFERENCE, CANNOT_BE_DECIDED):
        assert said(grid, all_of(verdict, verdict)).endswith(
            f"the highest number is {first}'s, {level}."
        )


def test_without_tests_nothing_is_claimed(grid: Grid) -> None:
    assert said(grid, {}).startswith("Not compared with baselines on synthetic speech: ")
