"""What the tables of pruned networks say of accuracy at each operating point."""

import numpy as np
import pandas as pd

from sparsekit.analysis.conditions import chosen, per_condition, single
from sparsekit.analysis.intervals import mean_interval, named, over_seeds
from sparsekit.analysis.recovery import mean_base
from sparsekit.analysis.tables import COST, PRUNING, TableError, require


def operating_points(pruning: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """How much smaller and cheaper pruned networks are, and how accurate, one row per condition.

    Of `tables.PRUNING` and `tables.COST`, with the accuracy at once or that of `conditions.after_recovery`. Reported
    as Blalock, Gonzalez Ortiz, Frankle and Guttag ask (*What is the state of neural network pruning?*, MLSys 2020):
    ratios dense over pruned, at every percentage up to collapse, means and deviations over seeds, and every value.

    Index (variant, target, percent) and what is `conditions.varying`; n (seeds), compression (of weights) and
    multiply_add_ratio (means; infinite where nothing is left), base_accuracy, accuracy (means), sd, low, high (Student
    t over seeds), values (list, accuracy by seed).
    """
    require(pruning, [*PRUNING, *COST])

    def summary(seeds: pd.DataFrame) -> dict:
        return {
            "n": len(seeds),
            "compression": float((seeds["weights_dense"] / seeds["weights"]).mean()),
            "multiply_add_ratio": float((seeds["multiply_adds_dense"] / seeds["multiply_adds"]).mean()),
            "base_accuracy": float(seeds["base_accuracy"].mean()),
            "sd": float(seeds["accuracy"].std()),
            **named("accuracy low high", mean_interval(seeds["accuracy"], confidence, low=0, high=1)),
            "values": seeds["accuracy"].tolist(),
        }

    columns = "n compression multiply_add_ratio base_accuracy accuracy sd low high values"
    return per_condition(pruning, summary, columns)


def margin_ends(pruning: pd.DataFrame, by: str, margin: float, x: str = "percent") -> pd.DataFrame:
    """Where the mean accuracy over seeds leaves the margin under the mean accuracy of the base.

    Parameters
    ----------
    by, x : str
        The column whose values are told apart, and that of the amounts, such as "target" and "percent".

    Returns
    -------
    DataFrame
        Index (variant, by); held (largest amount such that there and at every smaller one the mean is within the
        margin; nan where the smallest is not), fell (smallest one at which it is below; nan where none is).
    """
    means = pruning.groupby(["variant", by, x])["accuracy"].mean().reset_index()
    kept = means["accuracy"] >= means["variant"].map(mean_base(pruning)) - margin
    held = kept.groupby([means["variant"], means[by]]).cummin()
    ends = means.assign(held=means[x].where(held), fell=means[x].where(~kept))
    return ends.groupby(["variant", by]).agg({"held": "max", "fell": "min"})


FEWEST = 1000  # weights for each one left: beyond this compression single weights are left, which say nothing


def beside_random(pruning: pd.DataFrame, score: str, scope: str) -> pd.DataFrame:
    """Networks pruned by one score in one scope, and at random globally and by layer, with their compression.

    Parameters
    ----------
    pruning : DataFrame
        `tables.PRUNING`, score, scope, weights, weights_dense; of one target, schedule and recovery.

    Returns
    -------
    DataFrame
        Rows with more than one weight in 1,000 left; with rule ("score scope"), and compression: weights before over
        weights left, mean over the seeds of a variant, rule and percentage.

    Raises
    ------
    TableError
        Where the table has no such score or scope, no such row, or several targets, schedules or recoveries.
    """
    require(pruning, ["weights", "weights_dense", "score", "scope"])
    single(pruning.drop(columns=["score", "scope"]))
    chosen(pruning, score=score, scope=scope)
    own = pruning.assign(rule=pruning["score"] + " " + pruning["scope"])
    own = own[own["rule"].isin([f"{score} {scope}", "random global", "random layer"])]
    own = own[own["weights_dense"] <= FEWEST * own["weights"]]
    if own.empty:
        raise TableError(f"no network pruned by {score}, {scope}, has more than one weight in {FEWEST:,} left")
    ratio = (own["weights_dense"] / own["weights"]).groupby([own["variant"], own["rule"], own["percent"]])
    return own.assign(compression=ratio.transform("mean"))


def from_unpruned(pruning: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Mean accuracy with its interval by variant, target and percentage, that of the unpruned networks at 0 %."""
    unpruned = pruning.drop_duplicates(["variant", "target", "seed"])
    unpruned = unpruned.assign(percent=0.0, accuracy=unpruned["base_accuracy"])
    both = pd.concat([unpruned, pruning[pruning["percent"] > 0]], ignore_index=True)
    return over_seeds(both, ["variant", "target", "percent"], "accuracy", confidence, low=0, high=1)


def mean_accuracy(rows: pd.DataFrame, by: str) -> pd.Series:
    """Mean accuracy over seeds at each value of a column, such as percent or step."""
    return rows.groupby(by)["accuracy"].mean()


def score_histogram(scores: np.ndarray, threshold: float, bars: int = 48) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many weights have which score, and how many of those lie below the threshold.

    Edges (bars + 1), the last of them above all but one weight in a thousand, and both counts (bars).
    """
    edges = np.linspace(0, float(np.quantile(scores, 0.999)) or 1.0, bars + 1)
    return edges, *(np.histogram(of, edges)[0] for of in (scores, scores[scores < threshold]))
