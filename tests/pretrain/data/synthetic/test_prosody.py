import numpy as np
import pytest

from pretrain.data.synthetic.prosody import PARAMETERS, rule_table, to_request


@pytest.mark.parametrize(
    ("point", "expected"),
    [
        # By hand: 0.3*50 - 0.1*30 - 0.1*20; 4 + 0.04*50; 0.5*50 - 0.2*30; 50 + 0.33*50; -0.2*50
        ((50, -30, 20), (10.0, 6.0, 19.0, 66.5, -10.0)),
        ((0, 0, 0), (0.0, 4.0, 0.0, 50.0, 0.0)),
        # 0.3*-40 + 0.1*60 + 0.1*70; 4 - 1.6; -20 + 12; 50 - 13.2; 8
        ((-40, 60, -70), (1.0, 2.4, -8.0, 36.8, 8.0)),
    ],
)
def test_the_rules_give_the_values_computed_by_hand(
    point: tuple[int, int, int], expected: tuple[float, ...]
) -> None:
    assert PARAMETERS[:2] == ("pitch_percent", "range_semitones")
    np.testing.assert_allclose(rule_table(np.array(point, dtype=float)), expected)


def test_rules_work_on_many_points_at_once() -> None:
    points = np.array([[[50.0, -30.0, 20.0], [0.0, 0.0, 0.0]]])
    assert rule_table(points).shape == (1, 2, 5)
    np.testing.assert_allclose(rule_table(points)[0, 0], rule_table(points[0, 0]))


def test_a_neutral_utterance_is_spoken_with_the_settings_of_the_voice() -> None:
    request = to_request("Hello.", rule_table(np.zeros(3)))
    assert (request.pitch, request.range, request.rate) == (50, 50, 200)
    assert (request.volume, request.word_gap) == (30, 4)


def test_percentages_become_settings_of_espeak() -> None:
    request = to_request("Hello.", np.array([41.4214, 6.0, 19.0, 66.5, -50.0]))
    # half an octave is half of the 50 steps that double the pitch; 6 of 4 semitones is 3/2 of 50
    assert (request.pitch, request.range, request.rate) == (75, 75, 238)
    assert (request.volume, request.word_gap) == (40, 2)  # 66.5 of 50 times 30


def test_settings_stay_within_the_limits_of_espeak() -> None:
    low = to_request("Hello.", np.array([-200.0, -9.0, -200.0, -50.0, -200.0]))
    high = to_request("Hello.", np.array([900.0, 90.0, 900.0, 500.0, 9000.0]))
    assert (low.pitch, low.range, low.rate, low.volume, low.word_gap) == (0, 0, 110, 10, 0)
    assert (high.pitch, high.range, high.rate, high.volume) == (100, 100, 450, 50)
