import math

import pytest

from pretrain.config.training import HealthSettings
from pretrain.engine.health import HealthMonitor, TrainingHalted
from pretrain.objectives.presentation import CollapseRule

RULE = CollapseRule(metric="perplexity", limit=1.5, meaning="All codes are one.")


def monitor(stop: bool = False) -> HealthMonitor:
    settings = HealthSettings(patience=3, stop_on_collapse=stop, max_skipped_updates=2)
    return HealthMonitor((RULE,), settings)


def test_a_collapse_is_reported_once_after_its_patience() -> None:
    health = monitor()
    said = [health.observe(u, 0.5, {"perplexity": 1.1}) for u in range(6)]
    assert [bool(lines) for lines in said] == [False, False, True, False, False, False]
    assert said[2] == ["perplexity = 1.1: All codes are one."]
    assert [finding["update"] for finding in health.findings] == [2]


def test_a_healthy_run_and_a_recovering_one_are_left_in_peace() -> None:
    health = monitor()
    for update, value in enumerate([1.0, 1.0, 4.0, 1.0, 1.0, 4.0, 5.0]):
        assert not health.observe(update, 0.5, {"perplexity": value})
    assert not health.findings


def test_nothing_is_judged_during_the_warmup() -> None:
    health = monitor()
    assert not any(health.observe(u, 0.05, {"perplexity": 1.0}) for u in range(20))


def test_a_rule_can_look_upwards() -> None:
    rule = CollapseRule(metric="share", limit=0.5, collapsed_below=False, meaning="Too many.")
    health = HealthMonitor((rule,), HealthSettings(patience=1))
    assert not health.observe(0, 0.5, {"share": 0.4})
    assert health.observe(1, 0.5, {"share": 0.6})


def test_a_metric_that_is_not_a_number_is_neither_a_strike_nor_a_recovery() -> None:
    health = monitor()
    for update, value in enumerate([1.0, math.nan, 1.0, math.nan]):
        assert not health.observe(update, 0.5, {"perplexity": value})
    assert health.observe(4, 0.5, {"perplexity": 1.0})
    rule = CollapseRule(metric="share", limit=0.5, collapsed_below=False, meaning="Too many.")
    assert not HealthMonitor((rule,), HealthSettings(patience=1)).observe(
        0, 0.5, {"share": math.nan}
    )


@pytest.mark.parametrize(
    ("skipped", "in_a_row", "all_finite", "expected"),
    [
        (0, 0, False, "a parameter is not finite"),
        (11, 0, True, "11 of 20 updates were left out"),
        (2, 2, True, "loss or gradient was not finite in the last 2 updates"),
    ],
)
def test_what_is_no_model_at_the_end_is_named(
    skipped: int, in_a_row: int, all_finite: bool, expected: str
) -> None:
    health = monitor()
    health.skipped_in_a_row = in_a_row
    with pytest.raises(TrainingHalted, match=f"Update 19: {expected}.*no finished encoder"):
        health.check_end(20, skipped, all_finite)
    (finding,) = health.findings
    assert finding["metric"] == "loss"
    assert expected[2:] in finding["meaning"]


def test_a_single_update_left_out_at_the_end_spoils_nothing() -> None:
    health = monitor()
    health.skipped_in_a_row = 1
    health.check_end(20, 3, True)
    assert not health.findings


def test_a_run_can_be_stopped_by_a_collapse() -> None:
    health = monitor(stop=True)
    health.observe(0, 0.5, {"perplexity": 1.0})
    health.observe(1, 0.5, {"perplexity": 1.0})
    with pytest.raises(TrainingHalted, match=r"Update 2: .*All codes are one"):
        health.observe(2, 0.5, {"perplexity": 1.0})


def test_updates_that_are_not_finite_are_left_out_and_too_many_stop_the_run() -> None:
    health = monitor()
    assert not health.observe_step(0, (math.nan, 1.0))
    assert health.observe_step(1, (1.0, 1.0))
    assert not health.observe_step(2, (1.0, math.inf))
    with pytest.raises(TrainingHalted, match=r"Lower `optimizer\.lr`"):
        health.observe_step(3, (math.nan, math.nan))


def test_its_state_survives_a_checkpoint() -> None:
    before, after = monitor(), monitor()
    before.observe(0, 0.5, {"perplexity": 1.0})
    before.observe(1, 0.5, {"perplexity": 1.0})
    after.load_state_dict(before.state_dict())
    assert after.observe(2, 0.5, {"perplexity": 1.0})
