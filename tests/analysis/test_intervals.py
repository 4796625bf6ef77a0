"""Intervals: beside scipy's, of little, and how often they hold what they should."""

import numpy as np
import pytest
import scipy.stats

from sparsekit.analysis import intervals


def test_mean_interval_is_students():
    values = [0.91, 0.95, 0.97, 0.99]
    mean, low, high = intervals.mean_interval(values, 0.9)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (mean, low, high) == pytest.approx((np.mean(values), expected.low, expected.high))
    assert intervals.mean_interval(values, 0.99, low=0.9, high=1)[1:] == (0.9, 1.0)


def test_mean_interval_of_little():
    assert intervals.mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)
    assert np.isnan(intervals.mean_interval([])).all()
    assert np.isnan(intervals.mean_interval([1.0, np.nan])).all()
    with pytest.raises(ValueError, match="confidence 95"):
        intervals.mean_interval([1, 2], confidence=95)


def test_intervals_of_a_mean_cover():
    rng = np.random.default_rng(5)
    student = 0
    for _ in range(200):
        values = rng.normal(size=25)
        student += np.prod(intervals.mean_interval(values, 0.9)[1:]) < 0
    # 4 standard errors of a share of 200.
    assert abs(student / 200 - 0.9) < 0.085


def test_wilson():
    share, low, high = intervals.wilson(3, 10)
    z = scipy.stats.norm.ppf(0.975)
    middle, half = (0.3 + z**2 / 20) / (1 + z**2 / 10), z / (1 + z**2 / 10) * np.sqrt(0.021 + z**2 / 400)
    assert (share, low, high) == pytest.approx((0.3, middle - half, middle + half))
    assert np.isnan(intervals.wilson(0, 0)).all()


@pytest.mark.parametrize(("n", "further"), [(3, 1), (20, 1), (20, 10)])
def test_prediction_intervals_cover_what_comes_next(n, further):
    rng, inside, runs = np.random.default_rng(n), 0, 400
    for _ in range(runs):
        _, low, high = intervals.prediction_interval(rng.normal(size=n), 0.9, further=further)
        inside += low <= rng.normal(size=further).mean() <= high
    # 4 standard errors of a share of 400.
    assert abs(inside / runs - 0.9) < 0.06
    assert np.isnan(intervals.prediction_interval([0.5])[1:]).all()
    assert intervals.prediction_interval([0.2, 0.9], low=0, high=1)[1:] == (0, 1)
