"""What the tables of pruned networks say: how much is safe to remove (RQ2), and accuracy at each operating point."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from sparsekit.conditions import grouped, indexed, within
from sparsekit.intervals import mean_interval
from sparsekit.tables import fraction, require


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
        Index (variant, target) and what varies of score, scope, schedule, recovery; values (list, percent per seed in
        order of seeds), mean, low, high (within 0 … 100), below (share of seeds that failed at the smallest percentage
        tested), at_least (share of those that held at the largest, short of 100), next (list, the next percentage
        tested per seed; 100 where there is none).
    """
    fraction("margin", margin)
    require(pruning, ["variant", "seed", "target", "percent", "base_accuracy", "accuracy"])
    rows = {}
    for condition, group in grouped(pruning, "variant", "target", row=("seed", "percent")):
        values, following, ends = zip(*(_safe(one_seed, margin) for _, one_seed in group.groupby("seed")), strict=True)
        row = {"values": list(values), "next": list(following)}
        row |= dict(zip(("mean", "low", "high"), widened(mean_interval(values, confidence), row), strict=True))
        rows[condition] = row | {name: ends.count(name) / len(ends) for name in ("below", "at_least")}
    columns = ["values", "mean", "low", "high", "below", "at_least", "next"]
    return indexed(pruning, ["variant", "target"], rows, columns)


def _safe(one_seed: pd.DataFrame, margin: float) -> tuple[float, float, str]:
    """Highest percentage that held, the next one tested, and at which end of the grid that leaves it open."""
    ordered = one_seed.sort_values("percent")
    # A nan accuracy is not within any margin.
    fails = (~within(ordered, margin)).cummax()
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


def operating_points(pruning: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """How much smaller and cheaper pruned networks are, and how accurate, one row per condition.

    Reported as Blalock, Gonzalez Ortiz, Frankle and Guttag ask (*What is the state of neural network pruning?*, MLSys
    2020): ratio of sizes and ratio of multiply-adds, both dense over pruned, at every percentage up to collapse, means
    with deviations over seeds, and every single value. Random pruning is a condition beside the others.

    Parameters
    ----------
    pruning : DataFrame
        Columns variant, seed, target, percent, base_accuracy, accuracy, weights, weights_dense, multiply_adds,
        multiply_adds_dense. Accuracy at once after pruning, or that of
        :func:`sparsekit.conditions.after_recovery`.

    Returns
    -------
    DataFrame
        Index (variant, target, percent) and what varies of score, scope, schedule, recovery; n (seeds), compression
        and multiply_add_ratio (means over seeds; infinite where nothing is left), base_accuracy, accuracy (means), sd,
        low, high (Student t over seeds), values (list, accuracy by seed).
    """
    names = ["weights", "weights_dense", "multiply_adds", "multiply_adds_dense"]
    require(pruning, ["variant", "seed", "target", "percent", "base_accuracy", "accuracy", *names])
    rows = {}
    for condition, seeds in grouped(pruning, "variant", "target", "percent"):
        accuracy, low, high = mean_interval(seeds["accuracy"], confidence, low=0, high=1)
        rows[condition] = {
            "n": len(seeds),
            "compression": float((seeds["weights_dense"] / seeds["weights"]).mean()),
            "multiply_add_ratio": float((seeds["multiply_adds_dense"] / seeds["multiply_adds"]).mean()),
            "base_accuracy": float(seeds["base_accuracy"].mean()),
            "accuracy": accuracy,
            "sd": float(seeds["accuracy"].std()),
            "low": low,
            "high": high,
            "values": seeds["accuracy"].tolist(),
        }
    columns = ["n", "compression", "multiply_add_ratio", "base_accuracy", "accuracy", "sd", "low", "high", "values"]
    return indexed(pruning, ["variant", "target", "percent"], rows, columns)
