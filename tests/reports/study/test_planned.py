"""Planned comparisons on tables of which the truth is known."""

import numpy as np
import pytest

from reports.uncertainty.planned import (
    DIFFERS,
    EQUAL,
    NOT_LEARNED,
    UNDECIDED,
    decide,
    finding,
    resolution,
    slope_weights,
)

SEEDS, SPEAKERS = 3, 34


def values(effect: float, noise: float, seed: int) -> dict[str, np.ndarray]:
    draw = np.random.default_rng(seed)
    speakers = draw.normal(0.5, 0.1, (1, SPEAKERS))
    first, second = (speakers + draw.normal(0, noise, (SEEDS, SPEAKERS)) for _ in range(2))
    return {"a": first + effect, "b": second}


def test_a_slope_is_that_of_least_squares() -> None:
    x = {"a": 0.2, "b": 0.5, "c": 1.0}
    y = {"a": 1.0, "b": 3.0, "c": 4.0}
    slope = sum(weight * y[name] for name, weight in slope_weights(x).items())
    assert slope == pytest.approx(np.polyfit(list(x.values()), list(y.values()), 1)[0])


def test_the_margin_is_where_two_one_sided_tests_hold_at_5_percent() -> None:
    one = finding("a - b", {"a": 1.0, "b": -1.0}, values(0.02, 0.05, 0))
    at_90 = finding("a - b", {"a": 1.0, "b": -1.0}, values(0.02, 0.05, 0), alpha=0.10)
    assert one.margin == pytest.approx(max(abs(at_90.low), abs(at_90.high)))
    assert one.low < at_90.low < one.value < at_90.high < one.high


def test_verdicts_say_what_tests_allow() -> None:
    difference = {"a": 1.0, "b": -1.0}
    large = finding("large", difference, values(0.2, 0.05, 1))
    none = finding("none", difference, values(0.0, 0.02, 2))
    vague = finding("vague", difference, values(0.0, 0.3, 3))
    margins = [0.03, 0.03, 0.03]
    assert [x.verdict for x in decide([large, none, vague], margins)] == [DIFFERS, EQUAL, UNDECIDED]
    assert [x.verdict for x in decide([none], [None])] == [UNDECIDED]


def test_rows_that_have_not_learned_get_no_verdict_and_cost_no_other() -> None:
    from dataclasses import replace

    large = finding("large", {"a": 1.0, "b": -1.0}, values(0.2, 0.05, 1))
    ill = replace(large, not_learned=("a",))
    kept, left_out = decide([large, ill], [0.03, 0.03])
    assert (kept.verdict, left_out.verdict) == (DIFFERS, NOT_LEARNED)
    assert kept.adjusted_p == large.p_value


def test_simulated_resolution_agrees_with_studies_of_known_truth() -> None:
    difference = {"a": 1.0, "b": -1.0}
    seen = resolution(finding("x", difference, values(0.0, 0.05, 4)).squares, studies=1000)
    assert 0.02 < seen.false_positives < 0.08
    assert seen.coverage == 1 - seen.false_positives
    found = [
        finding("x", difference, values(seen.detectable, 0.05, seed)).p_value <= 0.05
        for seed in range(10, 210)
    ]
    assert 0.65 < np.mean(found) < 0.95
