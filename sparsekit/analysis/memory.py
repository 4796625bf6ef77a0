"""What networks remember, as means over seeds."""

from collections.abc import Sequence

import pandas as pd

from sparsekit.analysis.intervals import over_seeds


def accuracies(table: pd.DataFrame, by: Sequence[str], confidence: float = 0.95) -> pd.DataFrame:
    """Mean accuracy over the seeds of each group: its columns, mean, low, high, n; of one seed, its own interval."""
    means = over_seeds(table, by, "accuracy", confidence, low=0, high=1)
    own = table.groupby(list(by), sort=False)[["low", "high"]].first().reset_index()
    return means.assign(**{end: means[end].where(means["n"] > 1, own[end]) for end in ("low", "high")})
