"""Pairs: networks beside those of another condition of the same seed."""

import pandas as pd

from sparsekit.conditions import beside
from sparsekit.intervals import mean_interval


def ahead(networks: pd.DataFrame, value: str, confidence: float = 0.95, **reference) -> pd.DataFrame:
    """By how much networks are ahead of those of another condition, paired by seed; below 0 they are behind.

    Parameters
    ----------
    networks : DataFrame
        A row each: variant, seed, target, percent, the value, and the reference's column.
    value : str
        The column that is compared, such as "accuracy" or "area".
    **reference
        Column and value of the condition that all others are compared with, such as ``recovery="retrain"``.

    Returns
    -------
    DataFrame
        Index (variant, target, percent) and the reference's column; n (pairs), ahead (their mean) with its Student t
        interval low, high. No row where there is no other condition.
    """
    by = ["variant", "target", "percent", *reference]
    pairs = beside(networks.assign(accuracy=networks[value]), **reference)
    rows = []
    for condition, pair in pairs.groupby(by, sort=False):
        mean, low, high = mean_interval(pair["accuracy"] - pair["base_accuracy"], confidence)
        rows.append((*condition, len(pair), mean, low, high))
    return pd.DataFrame(rows, columns=[*by, "n", "ahead", "low", "high"]).set_index(by)


def at_the_end(recovery: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table of recovery at each network's last measured step."""
    whose = [name for name in recovery if name not in ("step", "epoch", "accuracy", "base_accuracy")]
    return recovery.sort_values("step").drop_duplicates(whose, keep="last").sort_index()
