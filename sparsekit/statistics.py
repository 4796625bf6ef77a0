"""What the tables of a study say: intervals, and the answers to RQ2 and RQ3.

Correlation and prediction have modules of their own and can be called from here.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.correlation import FEWEST_ROWS, ROUNDING, correlate
from sparsekit.prediction import (
    FEATURE_SETS,
    cross_validated,
    importances,
    published_prediction,
    split_distribution,
)
from sparsekit.tables import TableError, fraction, one_per_graph, require

__all__ = [
    "FEATURE_SETS",
    "TableError",
    "bootstrap_interval",
    "correlate",
    "cross_validated",
    "importances",
    "mean_interval",
    "one_per_graph",
    "published_prediction",
    "regain",
    "safe_percentage",
    "split_distribution",
    "wilson",
]


def mean_interval(
    values: Sequence[float], confidence: float = 0.95, low: float | None = None, high: float | None = None
) -> tuple[float, float, float]:
    """Mean, and its Student t interval, cut off at ``low`` and ``high``.

    One value has no interval (nan, nan), no value has no mean either. A nan among the values makes all three nan.

    Examples
    --------
    >>> mean_interval([0.5])
    (0.5, nan, nan)
    >>> [round(x, 3) for x in mean_interval([0.9, 1.0, 1.0], high=1.0)]
    [0.967, 0.823, 1.0]
    """
    fraction("confidence", confidence)
    values = np.asarray(values, dtype=float)
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) == 1:
        return mean, np.nan, np.nan
    half = scipy.stats.t.ppf((1 + confidence) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return mean, *(float(end) for end in np.clip([mean - half, mean + half], low, high))


def bootstrap_interval(
    values: Sequence[float],
    statistic: Callable = np.mean,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float, float]:
    """A statistic, and its BCa bootstrap interval (scipy.stats.bootstrap); nan, nan from fewer than five values.

    ``statistic`` takes an array and ``axis``, as numpy's mean and median do.
    """
    values = np.asarray(values, dtype=float)
    if not len(values):
        return np.nan, np.nan, np.nan
    estimate = float(statistic(values, axis=-1))
    if len(values) < FEWEST_ROWS or not np.isfinite(values).all():
        return estimate, np.nan, np.nan
    if np.ptp(values) == 0:
        return estimate, estimate, estimate
    interval = scipy.stats.bootstrap(
        (values,), statistic, n_resamples=resamples, confidence_level=confidence, rng=np.random.default_rng(seed)
    ).confidence_interval
    return estimate, float(interval.low), float(interval.high)


def wilson(successes: int, n: int, confidence: float = 0.95) -> tuple[float, float, float]:
    """A share, and its Wilson score interval; all nan for ``n = 0``.

    Examples
    --------
    >>> [round(x, 3) for x in wilson(0, 5)]
    [0.0, 0.0, 0.434]
    """
    if n == 0:
        return np.nan, np.nan, np.nan
    interval = scipy.stats.binomtest(int(successes), int(n)).proportion_ci(confidence, method="wilson")
    return successes / n, float(interval.low), float(interval.high)


def safe_percentage(pruning: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """RQ2: how much can go before accuracy drops, per variant and target.

    A seed's safe percentage is the highest one such that there and at every smaller one the accuracy at once after
    pruning is no more than ``margin`` below that seed's base accuracy; 0 where the smallest fails already.

    Parameters
    ----------
    pruning : DataFrame
        Columns variant, seed, target, percent, base_accuracy, accuracy.
    margin : float
        In accuracy, a fraction.

    Returns
    -------
    DataFrame
        Index (variant, target); values (list, percent per seed in order of seeds), mean, low, high (Student t over
        seeds, within 0 … 100).
    """
    fraction("margin", margin)
    require(pruning, ["variant", "seed", "target", "percent", "base_accuracy", "accuracy"])
    rows = {}
    for condition, group in pruning.groupby(["variant", "target"], sort=False):
        values = [_safe(one_seed, margin) for _, one_seed in group.groupby("seed")]
        mean, low, high = mean_interval(values, confidence, 0, 100)
        rows[condition] = {"values": values, "mean": mean, "low": low, "high": high}
    return _by(["variant", "target"], rows, ["values", "mean", "low", "high"])


def _safe(one_seed: pd.DataFrame, margin: float) -> float:
    ordered = one_seed.sort_values("percent")
    # A nan accuracy is not within any margin.
    fails = ~_within(ordered, margin)
    held = ordered.percent[~fails.cummax()]
    return float(held.max()) if len(held) else 0.0


def regain(recovery: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """RQ3: how much retraining regains the accuracy, per variant, target and percentage.

    Only networks that had dropped count: accuracy at step 0 more than ``margin`` below their base. Such a network has
    regained its accuracy at the first measured step, and at the first whole epoch, at which it is within the margin.

    Parameters
    ----------
    recovery : DataFrame
        Columns variant, seed, target, percent, step, epoch, accuracy, base_accuracy.
    margin : float
        In accuracy, a fraction.

    Returns
    -------
    DataFrame
        Index (variant, target, percent); dropped (share of seeds that had dropped), never (share of those that were
        not back at any measured step; nan where none had dropped), steps and epochs (lists over the dropped seeds, nan
        for never), and the mean over those that came back with its Student t interval: step, step_low, step_high,
        epoch, epoch_low, epoch_high.
    """
    fraction("margin", margin)
    require(recovery, ["variant", "seed", "target", "percent", "step", "epoch", "accuracy", "base_accuracy"])
    rows = {}
    for condition, group in recovery.groupby(["variant", "target", "percent"], sort=False):
        seeds = [one_seed.sort_values("step") for _, one_seed in group.groupby("seed")]
        if any(one_seed.step.iloc[0] != 0 for one_seed in seeds):
            raise TableError(f"{', '.join(map(str, condition))}: no accuracy at step 0, at once after pruning")
        back = [_back(one_seed, margin) for one_seed in seeds if not _within(one_seed, margin).iloc[0]]
        row = {
            "dropped": len(back) / len(seeds),
            "never": float(np.isnan([s for s, _ in back]).mean()) if back else np.nan,
        }
        for name, values in (("step", [s for s, _ in back]), ("epoch", [e for _, e in back])):
            row[f"{name}s"] = values
            interval = mean_interval([v for v in values if np.isfinite(v)], confidence, low=0)
            row |= dict(zip((name, f"{name}_low", f"{name}_high"), interval, strict=True))
        rows[condition] = row
    columns = [
        "dropped",
        "never",
        "steps",
        "step",
        "step_low",
        "step_high",
        "epochs",
        "epoch",
        "epoch_low",
        "epoch_high",
    ]
    return _by(["variant", "target", "percent"], rows, columns)


def _back(one_seed: pd.DataFrame, margin: float) -> tuple[float, float]:
    back = one_seed[_within(one_seed, margin) & (one_seed.step > 0)]
    whole = back.epoch[np.isclose(back.epoch, back.epoch.round(), atol=1e-6)]
    return tuple(float(found.iloc[0]) if len(found) else np.nan for found in (back.step, whole))


def _within(rows: pd.DataFrame, margin: float) -> pd.Series:
    # A whole number of strings can lie exactly on the margin; rounding must not decide then.
    return rows.accuracy >= rows.base_accuracy - margin - ROUNDING


def _by(index: list[str], rows: dict[tuple, dict], columns: list[str]) -> pd.DataFrame:
    keys = (
        pd.MultiIndex.from_tuples(list(rows), names=index)
        if rows
        else pd.MultiIndex.from_arrays([[] for _ in index], names=index)
    )
    return pd.DataFrame(list(rows.values()), index=keys, columns=columns)
