"""What networks remember, as means over seeds."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sparsekit.analysis.intervals import ROUNDING, over_seeds


def accuracies(table: pd.DataFrame, by: Sequence[str], confidence: float = 0.95) -> pd.DataFrame:
    """Mean accuracy over the seeds of each group: its columns, mean, low, high, n; of one seed, its own interval."""
    means = over_seeds(table, by, "accuracy", confidence, low=0, high=1)
    own = table.groupby(list(by), sort=False)[["low", "high"]].first().reset_index()
    return means.assign(**{end: means[end].where(means["n"] > 1, own[end]) for end in ("low", "high")})


def needed(accuracy: pd.Series, margin: float) -> int:
    """The first number of last characters from which on accuracy, by characters seen, stays within a margin of its end.

    >>> needed(pd.Series({1: 0.5, 2: 0.98, 4: 0.8, 8: 0.98, 16: 0.99}), 0.02)
    8
    """
    # Rounding must not decide where a whole number of strings lies exactly on the margin.
    far = np.flatnonzero((accuracy - accuracy.iloc[-1]).abs() > margin + ROUNDING)
    return int(accuracy.index[far[-1] + 1 if len(far) else 0])


def by_place(violations: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy over seeds by the place of the first violation, the places numbered from 1; valid strings at −1.

    Columns variant, network, place, characters (such as "5–8", or "valid"), mean, low, high, n, and strings (how many
    there are, median over networks).
    """
    table = violations.assign(first=violations["first"].fillna(0))
    means = accuracies(table, ["variant", "network", "first"])
    sizes = table.drop_duplicates(["first", "variant", "seed", "network"]).groupby("first")["n"].median()
    width, first = (violations["last"] - violations["first"]).max() + 1, means["first"]
    place = ((first - violations["first"].min()) / width + 1).where(first > 0, -1)
    characters = [f"{k:g}" + (f"–{k + width - 1:g}" if width > 1 else "") if k else "valid" for k in first]
    return means.assign(place=place, characters=characters, strings=first.map(sizes))
