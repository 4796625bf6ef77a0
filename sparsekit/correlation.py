"""RQ4: how accuracy goes with each property of a graph, with bootstrap intervals over networks."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.properties import PROPERTIES
from sparsekit.tables import TableError, fraction, numbers, remembered, require

FEWEST_ROWS = 5
"""A bootstrap over fewer rows gives no interval worth drawing: nan stands in its place."""

ROUNDING = 1e-12


@remembered
def correlate(
    table: pd.DataFrame,
    target: str = "test_acc",
    properties: Iterable[str] | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Pearson's and Spearman's correlation of each property with a target, one row of ``table`` a network.

    Intervals are BCa bootstrap intervals over rows (Efron, *Better Bootstrap Confidence Intervals*, JASA 1987);
    resamples in which a column is constant have no correlation and do not count. A property that is constant, or has
    fewer than three values beside a target, gets nan; from fewer than five it gets nan intervals. Rows that lack a
    value are left out, property by property; ``n`` says how many stayed.

    Parameters
    ----------
    properties : iterable of str, optional
        Columns; by default every registered graph property that the table has.

    Returns
    -------
    DataFrame
        Index ``property``; pearson, pearson_low, pearson_high, spearman, spearman_low, spearman_high, p_value
        (of Pearson's, two-sided), n.

    Raises
    ------
    TableError
        Where a column is missing or not numeric.
    """
    fraction("confidence", confidence)
    names = [name for name in PROPERTIES if name in table] if properties is None else list(properties)
    if not names:
        raise TableError("the table has no column that is a graph property; name the properties to correlate")
    require(table, [target, *names])
    y, counts, rows = numbers(table, target), {}, {}
    for name in names:
        x = numbers(table, name)
        known = np.isfinite(x) & np.isfinite(y)
        n = int(known.sum())
        if n not in counts:
            # Properties see the same resamples, so differences between them are not the bootstrap's.
            counts[n] = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), resamples) if n else None
        rows[name] = _correlation(x[known], y[known], counts[n], confidence)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("property")


def _correlation(x: np.ndarray, y: np.ndarray, counts: np.ndarray | None, confidence: float) -> dict[str, float]:
    row = dict.fromkeys(
        ("pearson", "pearson_low", "pearson_high", "spearman", "spearman_low", "spearman_high", "p_value"), np.nan
    )
    row["n"] = len(x)
    if len(x) < 3 or _constant(x) or _constant(y):
        return row
    pearson = scipy.stats.pearsonr(x, y)
    row["pearson"], row["p_value"] = float(pearson.statistic), float(pearson.pvalue)
    row["spearman"] = float(scipy.stats.spearmanr(x, y).statistic)
    if len(x) >= FEWEST_ROWS:
        left_out = 1 - np.eye(len(x), dtype=int)
        ends = {}
        for name, correlation in (("pearson", _pearson), ("spearman", _spearman)):
            ends[name] = _bca(row[name], correlation(x, y, counts), correlation(x, y, left_out), confidence)
            row[f"{name}_low"], row[f"{name}_high"] = ends[name]
    return row


def _constant(values: np.ndarray) -> bool:
    return np.ptp(values) <= ROUNDING * np.abs(values).max()


def _pearson(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pearson's r in each resample; ``counts[i, j]`` says how often row j stands in resample i, x and y may too."""
    total = counts.sum(axis=1, keepdims=True)
    # Centred once on all rows already, so that squares do not cancel digits away.
    x, y = (np.broadcast_to(v - v.mean(axis=-1, keepdims=True), counts.shape) for v in (x, y))
    x, y = (v - (counts * v).sum(axis=1, keepdims=True) / total for v in (x, y))
    xx, yy, xy = ((counts * product).sum(axis=1) for product in (x * x, y * y, x * y))
    scale = np.sqrt(xx * yy)
    nothing = scale <= ROUNDING * scale.max()
    return np.where(nothing, np.nan, xy / np.where(nothing, 1, scale)).clip(-1, 1)


def _spearman(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return _pearson(_ranks(x, counts), _ranks(y, counts), counts)


def _ranks(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean rank of each row within each resample: rows below it, and half of those that tie with it."""
    order = np.argsort(values, kind="stable")
    starts, group = np.unique(values[order], return_index=True, return_inverse=True)[1:]
    ties = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.empty(counts.shape)
    ranks[:, order] = (ties.cumsum(axis=1) - ties / 2)[:, group]
    return ranks


def _bca(estimate: float, resampled: np.ndarray, left_out: np.ndarray, confidence: float) -> tuple[float, float]:
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
