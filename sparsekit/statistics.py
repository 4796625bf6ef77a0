"""What the tables of a study say: intervals, the answers to RQ2 and RQ3, and the strongest of many correlations.

Correlation and prediction have modules of their own and can be called from here.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence

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
from sparsekit.tables import TableError, fraction, numbers, one_per_graph, require

__all__ = [
    "FEATURE_SETS",
    "TableError",
    "bootstrap_interval",
    "censoring",
    "correlate",
    "cross_validated",
    "importances",
    "mean_interval",
    "one_per_graph",
    "prediction_interval",
    "published_prediction",
    "regain",
    "safe_percentage",
    "split_distribution",
    "strongest",
    "widened",
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
    return _student(values, 0, confidence, low, high)


def prediction_interval(
    values: Sequence[float],
    confidence: float = 0.95,
    low: float | None = None,
    high: float | None = None,
    further: int = 1,
) -> tuple[float, float, float]:
    """Mean, and where the mean of so many ``further`` values of the same kind would lie, cut off at ``low``, ``high``.

    Student t, with the spread s of these n values: mean ± t · s · √(1/n + 1/further) (Hahn and Meeker, *Statistical
    Intervals*, 1991). Unlike the interval of the mean it does not shrink to nothing as n grows. One value has none.

    Examples
    --------
    >>> [round(x, 3) for x in prediction_interval([0.7, 0.8, 0.9], high=1.0)]
    [0.8, 0.303, 1.0]
    """
    return _student(values, 1 / further, confidence, low, high)


def _student(
    values: Sequence[float], further: float, confidence: float, low: float | None, high: float | None
) -> tuple[float, float, float]:
    fraction("confidence", confidence)
    values = np.asarray(values, dtype=float)
    if not len(values):
        return np.nan, np.nan, np.nan
    mean = float(values.mean())
    if len(values) == 1:
        return mean, np.nan, np.nan
    error = values.std(ddof=1) * np.sqrt(1 / len(values) + further)
    half = scipy.stats.t.ppf((1 + confidence) / 2, len(values) - 1) * error
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

    A seed's safe percentage is the highest tested one such that there and at every smaller one the accuracy at once
    after pruning is no more than ``margin`` below that seed's base accuracy; 0 where the smallest fails already.

    Only some percentages are tested: accuracy may hold up to just below the next. The interval, Student t over seeds,
    is therefore widened at either end by the distance to the next tested percentage, mean over seeds. A 0 where the
    smallest fails means "below it", and the largest tested percentage, unless it is 100, "at least".

    Parameters
    ----------
    pruning : DataFrame
        Columns variant, seed, target, percent, base_accuracy, accuracy.
    margin : float
        In accuracy, a fraction.

    Returns
    -------
    DataFrame
        Index (variant, target); values (list, percent per seed in order of seeds), mean, low, high (within 0 … 100),
        below (share of seeds that failed at the smallest percentage tested), at_least (share of those that held at
        the largest, short of 100), next (list, the next percentage tested per seed; 100 where there is none).
    """
    fraction("margin", margin)
    require(pruning, ["variant", "seed", "target", "percent", "base_accuracy", "accuracy"])
    rows = {}
    for condition, group in pruning.groupby(["variant", "target"], sort=False):
        values, following, ends = zip(*(_safe(one_seed, margin) for _, one_seed in group.groupby("seed")), strict=True)
        row = {"values": list(values), "next": list(following)}
        row |= dict(zip(("mean", "low", "high"), widened(mean_interval(values, confidence), row), strict=True))
        rows[condition] = row | {name: ends.count(name) / len(ends) for name in ("below", "at_least")}
    return _by(["variant", "target"], rows, ["values", "mean", "low", "high", "below", "at_least", "next"])


def _safe(one_seed: pd.DataFrame, margin: float) -> tuple[float, float, str]:
    """Highest percentage that held, the next one tested, and at which end of the grid that leaves it open."""
    ordered = one_seed.sort_values("percent")
    # A nan accuracy is not within any margin.
    fails = (~_within(ordered, margin)).cummax()
    held, failed = ordered.percent[~fails], ordered.percent[fails]
    value = float(held.max()) if len(held) else 0.0
    following = float(failed.min()) if len(failed) else 100.0
    return value, following, "" if value == 100 else "below" if not len(held) else "" if len(failed) else "at_least"


def widened(interval: tuple[float, float, float], row: Mapping) -> tuple[float, float, float]:
    """An interval of safe percentages, each end further out by the mean distance to the next one tested."""
    mean, low, high = interval
    distance = np.mean(np.subtract(row["next"], row["values"]))
    return mean, *(float(end) for end in np.clip([low - distance, high + distance], 0, 100))


def censoring(row: Mapping) -> str:
    """What the ends of the tested percentages leave open in a row of :func:`safe_percentage`, in words; mostly ``""``.

    >>> censoring({"values": [0.0, 0.0], "next": [40.0, 40.0], "below": 1.0, "at_least": 0.0})
    'below 40 % in each seed'
    """
    seeds = len(row["values"])
    words = {"below": f"below {min(row['next']):g} %", "at_least": f"at least {max(row['values']):g} %"}
    told = []
    for name, bound in words.items():
        count = round(row[name] * seeds)
        if count:
            told.append(
                bound if seeds == 1 else f"{bound} in {'each seed' if count == seeds else f'{count} of {seeds} seeds'}"
            )
    return ", ".join(told)


def strongest(
    table: pd.DataFrame, target: str, properties: Iterable[str], permutations: int = 999, seed: int = 0
) -> tuple[str, float, float]:
    """The property with the largest |r| (Pearson) with a target, and how often chance finds as large a one among all.

    The target is permuted over the rows; each time the largest |r| of all properties stands against ours, so that
    looking at many properties is paid for and their dependence kept (Westfall and Young, *Resampling-Based Multiple
    Testing*, 1993). p counts the data itself as one permutation (Phipson and Smyth, 2010). Rows that lack a value, and
    properties that are constant, are left out.

    Returns
    -------
    name : str
        Empty, with nan for both numbers, where nothing varies or fewer than five rows are left.
    r, p : float
    """
    names = list(properties)
    require(table, [target, *names])
    values = np.column_stack([numbers(table, name) for name in (target, *names)])
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < FEWEST_ROWS:
        return "", np.nan, np.nan
    varies = np.ptp(values, axis=0) > ROUNDING * np.abs(values).max(axis=0)
    if not varies[0] or not varies[1:].any():
        return "", np.nan, np.nan
    values, names = values[:, varies], [name for name, kept in zip(names, varies[1:], strict=True) if kept]
    values = values - values.mean(axis=0)
    values /= np.linalg.norm(values, axis=0)
    y, x = values[:, 0], values[:, 1:]
    r = y @ x
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(len(y)), (permutations, 1)), axis=1)
    largest, best = np.abs(y[orders] @ x).max(axis=1), int(np.abs(r).argmax())
    p = (1 + np.sum(largest >= abs(r[best]) - ROUNDING)) / (1 + permutations)
    return names[best], float(r[best].clip(-1, 1)), float(p)


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
