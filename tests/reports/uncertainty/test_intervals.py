"""Intervals, comparisons and verdicts against numbers computed by hand, and against scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from probe import metrics
from reports.uncertainty.crossed import standard_error
from reports.uncertainty.intervals import VarianceSplit, compare, decide, holm, interval, split_of
from reports.uncertainty.sign_flips import exchanges, sign_flip_p, smallest_p
from reports.uncertainty.speaker_sums import METRICS, metric_named, speaker_sums


def variance_split(table: pd.DataFrame, metric: str) -> VarianceSplit:
    chosen = metric_named(metric)
    (sums,) = speaker_sums(chosen, [table])
    return split_of(chosen, sums)


def hits(shares: list[list[int]], out_of: int = 4) -> pd.DataFrame:
    """A table with so many right answers (of `out_of`) for each seed and speaker."""
    lines = [
        (f"{speaker}-{index}", f"s{speaker}", seed, "x", "x" if index < right else "y")
        for seed, of_speakers in enumerate(shares)
        for speaker, right in enumerate(of_speakers)
        for index in range(out_of)
    ]
    return pd.DataFrame(lines, columns=["id", "speaker", "seed", "target", "prediction"])


def made_up(seed: int, num_speakers: int = 7, num_seeds: int = 2) -> pd.DataFrame:
    """A table of 4 uneven classes and of speakers of uneven length; numbers stand for classes."""
    rng, frames = np.random.default_rng(seed), []
    target = np.random.default_rng(99).choice(4, 30 * num_speakers, p=[0.5, 0.3, 0.15, 0.05])
    speaker = np.random.default_rng(98).integers(0, num_speakers, len(target))
    for number in range(num_seeds):
        wrong = rng.random(len(target)) < 0.4 + 0.05 * speaker
        frame = pd.DataFrame({"id": np.arange(len(target)).astype(str), "target": target})
        frame["prediction"] = np.where(wrong, rng.integers(0, 4, len(target)), target)
        frames.append(frame.assign(speaker=speaker.astype(str), seed=number))
    return pd.concat(frames).astype({"target": str, "prediction": str})


@pytest.mark.parametrize("name", ["ua", "wa", "macro_f1", "mse", "ccc"])
def test_sums_over_speakers_give_the_metrics_of_the_probe(name: str) -> None:
    table = made_up(0)
    (sums,) = speaker_sums(METRICS[name], [table])
    values = METRICS[name].score(sums.values.sum(-2))
    for seed, frame in table.groupby("seed"):
        kind = object if METRICS[name].of_classes else float
        columns = frame["target"].astype(kind), frame["prediction"].astype(kind)
        expected = getattr(metrics, name)(*columns)
        assert values[int(str(seed))] == pytest.approx(expected, rel=1e-12)
    assert interval(table, name).value == pytest.approx(values.mean())


def test_an_interval_over_speakers_of_equal_length_is_the_t_interval_of_their_values() -> None:
    found = interval(hits([[1, 2, 3, 4]]), "wa")
    # Values .25, .5, .75, 1: mean .625, variance .3125 / 3; t of 3 degrees of freedom is 3.1824.
    half = 3.182446305 * np.sqrt(0.3125 / 3 / 4)
    assert found.value == 0.625
    assert (found.low, found.high) == pytest.approx((0.625 - half, min(1.0, 0.625 + half)))
    assert (found.num_speakers, found.num_seeds) == (4, 1)


def test_unequal_speakers_count_by_their_utterances() -> None:
    table = hits([[2, 4, 1]]).drop(index=[4, 5])  # s1 keeps two of four right answers
    # 5 of 10. Without s0: 3 of 6, without s1: 3 of 8, without s2: 4 of 6.
    contributions = np.array([3 * 0.5 - 2 * share for share in (3 / 6, 3 / 8, 4 / 6)])
    half = stats.t.ppf(0.975, 2) * contributions.std(ddof=1) / np.sqrt(3)
    found = interval(table, "wa", level=0.95)
    assert found.low == max(0.0, 0.5 - half)
    assert interval(table, "wa", level=0.2).high == pytest.approx(
        0.5 + stats.t.ppf(0.6, 2) * contributions.std(ddof=1) / np.sqrt(3)
    )


def test_an_error_has_limits_that_are_symmetric_in_its_logarithm() -> None:
    table = hits([[0, 0, 0]], out_of=1).assign(target="0", prediction=["1", "-2", "3"])
    found = interval(table, "mse_valence")
    half = stats.t.ppf(0.975, 2) * np.std([1, 4, 9], ddof=1) / np.sqrt(3)
    mean = 14 / 3
    assert (found.low, found.high) == pytest.approx(
        (mean * np.exp(-half / mean), mean * np.exp(half / mean))
    )


def test_variance_is_split_between_speakers_seeds_and_the_rest() -> None:
    # Seed means .375 and .75, speaker means .375 and .75; what is left is +-.125.
    split = variance_split(hits([[1, 2], [2, 4]]), "wa")
    ms_speakers, ms_seeds, ms_rest = 2 * 2 * 0.1875**2, 2 * 2 * 0.1875**2, 4 * 0.0625**2
    assert split.residual == pytest.approx(ms_rest)
    assert split.speakers == pytest.approx((ms_speakers - ms_rest) / 2)
    assert split.seeds == pytest.approx((ms_seeds - ms_rest) / 2)
    found = interval(hits([[1, 2], [2, 4]]), "wa")
    variance = ms_speakers + ms_seeds - ms_rest
    freedom = variance**2 / (ms_speakers**2 + ms_seeds**2 + ms_rest**2)
    half = stats.t.ppf(0.975, freedom) * np.sqrt(variance / 4)
    assert (found.low, found.high) == (max(0.0, 0.5625 - half), min(1.0, 0.5625 + half))
    assert np.isnan(variance_split(hits([[1, 2, 3]]), "wa").seeds)


def test_permutation_test_counts_the_exchanges_by_hand_and_as_scipy_does() -> None:
    ours, theirs = hits([[4, 3, 4, 2, 4, 3, 1]]), hits([[2, 2, 1, 3, 2, 3, 0]])
    gains = np.array([2, 1, 3, -1, 2, 0, 1]) / 28
    expected = stats.permutation_test((gains,), np.sum, permutation_type="samples").pvalue
    found = compare(ours, theirs, "wa")
    assert found.p_speakers == pytest.approx(float(expected))
    # By hand: of 2^6 signs of 2 1 3 1 2 1, a sum of 8 or more has at most 1 lost: none, or one 1.
    assert found.p_speakers == pytest.approx(2 * (1 + 3) / 2**6)


@pytest.mark.parametrize("name", ["ua", "macro_f1", "ccc"])
def test_p_is_exact_for_every_metric(name: str) -> None:
    """Over all exchanges of two rows, p is at most alpha for a share of at most alpha."""
    ours, theirs = (
        sums.values for sums in speaker_sums(METRICS[name], [made_up(1, 6), made_up(2, 6)])
    )
    swap = exchanges(6)[:, None, :, None]
    p = sign_flip_p(
        ours + swap * (theirs - ours), theirs + swap * (ours - theirs), METRICS[name].score
    )
    assert sorted(p) == pytest.approx(np.arange(1, 33) / 32)


def test_beyond_sixteen_speakers_exchanges_are_drawn() -> None:
    ours, theirs = hits([[3, 2] * 12]), hits([[2, 2, 1, 3] * 6])
    found = compare(ours, theirs, "wa")
    gains = np.array([1, 0, 2, -1] * 6) / 96
    expected = stats.permutation_test(
        (gains,), np.sum, permutation_type="samples", rng=np.random.default_rng(0)
    ).pvalue
    assert found.p_speakers == pytest.approx(float(expected), abs=0.01)
    assert found == compare(ours, theirs, "wa")
    assert compare(hits([[4] * 24]), hits([[0] * 24]), "wa").p_speakers == 1 / 20_001
    assert smallest_p(24) == 1 / 20_001


def test_effect_size_is_the_difference_over_the_spread_of_speakers() -> None:
    found = compare(hits([[4, 3, 4]]), hits([[2, 2, 1]]), "wa")
    gains = np.array([0.5, 0.25, 0.75])
    assert found.difference == pytest.approx(0.5)
    assert found.effect_size == pytest.approx(0.5 / gains.std(ddof=1))
    assert found.high - 0.5 == pytest.approx(stats.t.ppf(0.975, 2) * gains.std(ddof=1) / 3**0.5)


def test_holm_matches_hand_computed_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([float("nan")])


def test_verdicts_are_words() -> None:
    high, low = hits([[4, 3, 4, 3, 4, 3, 4, 3]]), hits([[1, 0, 1, 1, 0, 1, 1, 0]])
    assert compare(high, low, "wa").verdict == "better"
    assert compare(low, high, "wa").verdict == "worse"
    assert compare(high, high, "wa").verdict == "no significant difference"
    near, far = (high.assign(target="1", prediction=number) for number in ("2", "4"))
    assert compare(near, far, "mse").verdict == "better"
    four = compare(hits([[4, 3, 4, 3]]), hits([[1, 0, 1, 0]]), "wa")
    assert (four.verdict, four.smallest_p) == ("cannot be decided", 0.125)


def test_a_table_is_judged_as_a_whole() -> None:
    high, low = hits([[4, 3, 4, 3, 4, 3]]), hits([[1, 0, 1, 1, 0, 1]])
    found = compare(high, low, "wa")
    assert (found.p_value, found.verdict) == (2 / 64, "better")
    # Two such tests need .025 of one of them, and 6 speakers give no less than .031.
    both = decide([found, found])
    assert [one.verdict for one in both] == ["cannot be decided"] * 2
    assert [one.adjusted_p for one in both] == [4 / 64] * 2


def test_one_seed_stands_for_all_only_where_a_row_has_none() -> None:
    ours, constant = made_up(1), made_up(2, num_seeds=1)
    found = compare(ours, constant.drop(columns="seed"), "ua")
    twice = pd.concat([constant, constant.assign(seed=1)])
    assert found == compare(ours, twice, "ua")
    with pytest.raises(ValueError, match="the same seeds"):
        compare(ours, constant, "ua")


def test_order_of_lines_and_names_of_classes_change_nothing() -> None:
    ours, theirs = made_up(1), made_up(2)
    mixed = ours.sample(frac=1, random_state=0)
    assert compare(mixed, theirs, "ua") == compare(ours, theirs, "ua")
    assert interval(mixed, "macro_f1") == interval(ours, "macro_f1")


def test_one_speaker_gives_a_value_but_no_limits() -> None:
    found = interval(hits([[3]]), "wa")
    assert found.value == 0.75
    assert np.isnan(found.low)
    assert found.method == "no interval: 1 speaker"
    assert compare(hits([[3]]), hits([[0]]), "wa").verdict == "cannot be decided"


def test_constant_predictions_have_a_concordance_of_zero_without_doubt() -> None:
    found = interval(made_up(1).assign(prediction="1.3"), "ccc")
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)


def test_tables_that_do_not_match_are_refused() -> None:
    table = made_up(1)
    with pytest.raises(ValueError, match="same utterances, but 1 are in one only"):
        compare(table, table[table["id"] != "3"], "ua")
    with pytest.raises(ValueError, match="same speaker and target"):
        compare(table, table.assign(target="0"), "ua")
    with pytest.raises(ValueError, match="twice"):
        compare(pd.concat([table, table]), table, "ua")
    with pytest.raises(ValueError, match="Every seed of a row"):
        interval(table.iloc[:-1], "ua")
    with pytest.raises(ValueError, match="`speaker` must be known"):
        interval(table.assign(speaker=None), "ua")
    with pytest.raises(ValueError, match="`metric` must be one of ua"):
        metric_named("rmse")
    with pytest.raises(ValueError, match="`level` must be"):
        interval(table, "ua", level=95)
    with pytest.raises(ValueError, match="must be finite"):
        interval(table.assign(prediction="inf"), "mse")


def test_degrees_of_freedom_never_fall_below_the_scarcer_factor() -> None:
    """Satterthwaite's formula with a subtracted mean square can fall far below them."""
    generator = np.random.default_rng(0)
    for num_seeds in (2, 3, 5):
        values = 0.1 * generator.standard_normal((2000, num_seeds, 10))
        values += 0.1 * generator.standard_normal((2000, num_seeds, 1))
        _, freedom = standard_error(values)
        assert freedom.min() >= num_seeds - 1
        assert freedom.max() <= 9 + num_seeds
