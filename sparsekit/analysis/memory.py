"""What networks remember, as means over seeds."""

from collections.abc import Sequence

import pandas as pd

from sparsekit.analysis.intervals import over_seeds


def accuracies(table: pd.DataFrame, by: Sequence[str], confidence: float = 0.95) -> pd.DataFrame:
    """Mean accuracy over the seeds of each group: its columns, mean, low, high, n; of one seed, its own interval."""
    means = over_seeds(table, by, "accuracy", confidence, low=0, high=1)
    own = table.groupby(list(by), sort=False)[["low", "high"]].first().reset_index()
    return means.assign(**{end: means[end].where(means["n"] > 1, own[end]) for end in ("low", "high")})


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


def across(told: pd.DataFrame, whole: pd.DataFrame, enough: int) -> tuple[pd.DataFrame, list[str]]:
    """How many pairs are told apart across the most characters for which every network has enough of them.

    Parameters
    ----------
    told, whole : DataFrame
        Pairs told apart by characters seen, and accuracy beside the majority's; columns variant, seed.
    enough : int
        Pairs, at least; where there never are as many, the most that there are.

    Returns
    -------
    DataFrame
        variant, seen, pairs, mean over the seeds that are above chance.
    list
        Variants with seeds at chance: whose interval on whole strings reaches down to the majority's share.
    """
    chance = whole["low"] <= whole["majority"]
    kept = told.merge(whole.loc[~chance, ["variant", "seed"]], on=["variant", "seed"])
    pairs = told.groupby("seen")["n"].min()
    seen = pairs.index[pairs >= min(enough, pairs.max())].max()
    means = kept[kept["seen"] == seen].groupby("variant", sort=False).agg(pairs=("n", "min"), mean=("accuracy", "mean"))
    return means.reset_index().assign(seen=seen), sorted(set(whole.loc[chance, "variant"]))
