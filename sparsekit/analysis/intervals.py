"""Intervals of means, shares and other statistics over seeds or networks."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.tables import fraction, require

FEWEST_ROWS = 5
"""A bootstrap over fewer rows gives no interval worth drawing, so it is nan."""

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


def wilson(successes: int, n: int, confidence: float = 0.95) -> Interval:
    """A share, and its Wilson score interval; all nan for ``n = 0``."""
    if n == 0:
        return np.nan, np.nan, np.nan
    interval = scipy.stats.binomtest(int(successes), int(n)).proportion_ci(confidence, method="wilson")
    return successes / n, float(interval.low), float(interval.high)


def resampled(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of n rows stands in each resample, shape (resamples, n): drawn with replacement."""
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples) if n else np.empty((resamples, 0))


def bca(estimate: float, resampled: np.ndarray, left_out: np.ndarray, confidence: float) -> tuple[float, float]:
    """BCa interval of an estimate, from its values in resamples and with each row left out; nan where none is finite.

    Efron, *Better Bootstrap Confidence Intervals*, JASA 1987.
    """
    resampled, left_out = (values[np.isfinite(values)] for values in (resampled, left_out))
    if not len(resampled) or not len(left_out):
        return np.nan, np.nan
    tie = np.abs(resampled - estimate) <= ROUNDING
    below = np.mean((resampled < estimate) & ~tie) + tie.mean() / 2
    # Where no resample lies beyond the estimate its bias has no finite value: take half a resample as beyond.
    bias = scipy.stats.norm.ppf(np.clip(below, 0.5 / len(resampled), 1 - 0.5 / len(resampled)))
    pull = left_out.mean() - left_out
    spread = (pull**2).sum() ** 1.5
    acceleration = (pull**3).sum() / (6 * spread) if spread > 0 else 0.0
    z = bias + scipy.stats.norm.ppf([(1 - confidence) / 2, (1 + confidence) / 2])
    low, high = np.quantile(resampled, scipy.stats.norm.cdf(bias + z / (1 - acceleration * z)))
    return float(low), float(high)


def bootstrapped(
    name: str, estimate: float, of: Callable[[np.ndarray], np.ndarray], counts: np.ndarray, confidence: float
) -> dict[str, float]:
    """The BCa interval of a coefficient, as columns of its name; ``of`` gives it for each row of counts."""
    ends = bca(estimate, of(counts), of(1 - np.eye(counts.shape[1], dtype=int)), confidence)
    return named(f"{name}_low {name}_high", ends)


def varies(values: np.ndarray) -> np.ndarray:
    """Whether a column, along the first axis, differs by more than rounding."""
    return np.ptp(values, axis=0) > ROUNDING * np.abs(values).max(axis=0)


def named(names: str, values: Iterable[float]) -> dict[str, float]:
    """Values as columns of a row, such as those of an interval as "mean low high"."""
    return dict(zip(names.split(), values, strict=True))


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
