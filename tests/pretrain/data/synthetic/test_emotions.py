import numpy as np
import pytest

from pretrain.data.synthetic.emotions import (
    EMOTIONS,
    NORMS,
    nearest_emotion,
    rater_ceiling,
    ratings,
    sample_points,
)
from pretrain.shared.random_streams import generator


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("strong", [False, True])
def test_points_lie_in_the_region_of_their_norm(emotion: str, strong: bool) -> None:
    points = sample_points(emotion, strong=strong, count=400, generator=generator("points"))
    assert points.shape == (400, 3)
    assert np.abs(points).max() <= 100
    norms = np.array([NORMS[name] for name in EMOTIONS])
    distance = np.linalg.norm(points[:, None] - norms, axis=-1)
    assert (distance.argmin(axis=1) == EMOTIONS.index(emotion)).all()


def test_the_nearest_norm_names_the_region() -> None:
    points = np.array([[55.0, -50, 20], [55, 70, 50], [-30, -60, -30], [5, 5, -5]])
    assert [EMOTIONS[i] for i in nearest_emotion(points)] == ["angry", "happy", "sad", "neutral"]


def test_strong_points_lie_further_out_and_closer_together() -> None:
    weak, strong = (
        sample_points("angry", strong=strong, count=500, generator=generator("points"))
        for strong in (False, True)
    )
    assert np.linalg.norm(strong, axis=1).mean() > np.linalg.norm(weak, axis=1).mean() + 10
    assert strong.std(axis=0).max() < weak.std(axis=0).min()


def test_raters_scatter_around_the_point_and_stay_on_the_scale() -> None:
    point = np.array([50.0, -100.0, 0.0])
    exact = ratings(point, noise=0.0, generator=generator("raters"))
    np.testing.assert_allclose(exact, [[4.0, 1.0, 3.0]] * 3)
    many = np.stack([ratings(point, noise=0.5, generator=generator(i)) for i in range(300)])
    assert many.min() >= 1
    assert many.max() <= 5
    assert many[:, :, 2].mean() == pytest.approx(3.0, abs=0.06)
    assert many[:, :, 2].std() == pytest.approx(0.5, abs=0.05)


def test_the_ceiling_is_one_for_raters_who_agree_and_falls_with_their_noise() -> None:
    truth = generator("truth").standard_normal(4000)
    assert rater_ceiling(np.stack([truth] * 3, axis=1)) == pytest.approx(1.0)
    noise = generator("noise").standard_normal((4000, 3))
    # CCC of one rater (variance 2) and the mean of two (variance 1.5) with covariance 1: 2 / 3.5
    assert rater_ceiling(truth[:, None] + noise) == pytest.approx(2 / 3.5, abs=0.03)
