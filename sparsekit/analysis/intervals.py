"""Intervals of means, shares and other statistics over seeds or networks."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.tables import fraction, require

FEWEST_ROWS = 5
"""Fewer rows give no interval worth drawing, so it is nan."""

ROUNDING = 1e-12
"""A relative difference that is rounding, and decides nothing."""

Interval = tuple[float, float, float]
"""An estimate, and the low and high end of its interval."""

End = float | None
"""Where an interval is cut off, such as at 0 and 1 for accuracies."""


def mean_interval(values: Sequence[float], confidence: float = 0.95, low: End = None, high: End = None) -> Interval:
    """Mean, and its Student t interval, cut off at ``low`` and ``high``; all nan for no value, and where one is nan.

    Examples
    --------
    >>> mean_interval([0.5])
    (0.5, nan, nan)
    >>> [round(x, 3) for x in mean_interval([0.9, 1.0, 1.0], high=1.0)]
    [0.967, 0.823, 1.0]
    """
    return prediction_interval(values, confidence, low, high, np.inf)


def prediction_interval(
    values: Sequence[float], confidence: float = 0.95, low: End = None, high: End = None, further: float = 1
) -> Interval:
    """Mean, and where the mean of so many ``further`` values of the same kind would lie, cut off at ``low``, ``high``.

    mean ± t · s · √(1/n + 1/further), s the deviation of these n values, t Student's (Hahn and Meeker, *Statistical
    Intervals*, 1991). It does not shrink to nothing as n grows.

    Examples
    --------
    >>> [round(x, 3) for x in prediction_interval([0.7, 0.8, 0.9], high=1.0)]
    [0.8, 0.303, 1.0]
    """
    fraction("confidence", confidence)
    values = np.asarray(values, dtype=float)
    mean = float(values.mean()) if len(values) else np.nan
    if len(values) < 2:
        return mean, np.nan, np.nan
    error = values.std(ddof=1) * np.sqrt(1 / len(values) + 1 / further)
    half = scipy.stats.t.ppf((1 + confidence) / 2, len(values) - 1) * error
    return mean, *(float(end) for end in np.clip([mean - half, mean + half], low, high))


def deviation_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Sample standard deviation, and its χ² interval, which takes values as normal; all nan for fewer than two.

    Examples
    --------
    >>> [round(x, 3) for x in deviation_interval([0.7, 0.8, 0.9])]
    [0.1, 0.052, 0.628]
    """
    fraction("confidence", confidence)
    freedom = len(values) - 1
    if freedom < 1:
        return np.nan, np.nan, np.nan
    deviation = float(np.std(values, ddof=1))
    tails = scipy.stats.chi2.ppf([(1 + confidence) / 2, (1 - confidence) / 2], freedom)
    return deviation, *(float(end) for end in deviation * np.sqrt(freedom / tails))


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """A share, and its Wilson score interval; all nan for ``n = 0``."""
    if n == 0:
        return np.nan, np.nan, np.nan
    interval = scipy.stats.binomtest(int(successes), int(n)).proportion_ci(confidence, method="wilson")
    return successes / n, float(interval.low), float(interval.high)


def varies(values: np.ndarray) -> np.ndarray:
    """Whether a column, along the first axis, differs by more than rounding."""
    return np.ptp(values, axis=0) > ROUNDING * np.abs(values).max(axis=0)


def named(names: str, values: Iterable[float]) -> dict[str, float]:
    """Values as columns of a row, such as those of an interval as "mean low high"."""
    return dict(zip(names.split(), values, strict=True))


def without_zero(rows: pd.DataFrame) -> pd.Series:
    """Which intervals, from low to high, leave out zero.

    >>> without_zero(pd.DataFrame({"low": [-1, 0.1, np.nan], "high": [1, 0.3, np.nan]})).tolist()
    [False, True, False]
    """
    return (rows["low"] > 0) | (rows["high"] < 0)


def over_seeds(
    table: pd.DataFrame, by: Sequence[str], value: str, confidence: float = 0.95, low: End = None, high: End = None
) -> pd.DataFrame:
    """Mean of a column over the seeds of each group, and its `mean_interval`: ``by``, mean, low, high, n."""
    require(table, [*by, value])
    rows = [
        (*name, *mean_interval(group, confidence, low, high), len(group))
        for name, group in table.groupby(list(by), sort=False)[value]
    ]
    return pd.DataFrame(rows, columns=[*by, "mean", "low", "high", "n"])
