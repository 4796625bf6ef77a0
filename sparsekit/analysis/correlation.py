"""RQ4: how accuracy goes with each property of a graph, with bootstrap intervals over graphs."""

from collections.abc import Iterable, Mapping
from functools import cache, partial

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.intervals import FEWEST_ROWS, ROUNDING, bootstrapped, resampled, varies
from sparsekit.analysis.tables import TableError, complete, fraction, one_per_graph, require
from sparsekit.graphs.properties import PROPERTIES

DISCOVERY = 0.05
"""The false-discovery rate at which a q value counts as a discovery."""

COEFFICIENTS = ("pearson", "pearson_low", "pearson_high", "spearman", "spearman_low", "spearman_high", "p_value")


def correlate(
    table: pd.DataFrame,
    target: str = "test_acc",
    properties: Iterable[str] | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Pearson's and Spearman's correlation of each property with a target, one row of ``table`` a network.

    The properties are columns, by default every registered graph property that the table has. Intervals are BCa
    bootstrap intervals over rows; resamples in which a column is constant do not count. A property that is constant, or
    has fewer than three values beside a target, gets nan; from fewer than five it gets nan intervals. Rows that lack a
    value are left out, property by property.

    Index ``property``; `COEFFICIENTS` (p_value of Pearson's, two-sided), n (rows).
    """
    fraction("confidence", confidence)
    names, rows = known_properties(table, properties), {}
    require(table, [target])
    # Properties see the same resamples, so differences between them are not the bootstrap's.
    counts = cache(partial(resampled, resamples=resamples, seed=seed))
    for name in names:
        x, y = complete(table, [name, target]).T
        rows[name] = _correlation(x, y, counts(len(x)), confidence)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("property")


def correlations(
    table: pd.DataFrame, target: str = "test_accuracy", properties: Iterable[str] | None = None, **options
) -> pd.DataFrame:
    """`correlate` with its options for every variant of `tables.GRAPHS`: index (variant, property), q_value beside.

    Each graph counts once, its accuracy the mean over its seeds, so that resampling rows resamples whole graphs.
    """
    variants, names = variants_of(table, [target]), known_properties(table, properties)
    found = {variant: correlate(one_per_graph(table, variant), target, names, **options) for variant in variants}
    return with_q_values(pd.concat(found, names=["variant"]))


def variants_of(table: pd.DataFrame, columns: Iterable[str] = ()) -> list[str]:
    """The variants of a study, once its table has rows and says variant, generator and graph, and these columns."""
    require(table, ["variant", "generator", "graph", *columns])
    if not len(table):
        raise TableError("the table has no rows")
    return list(dict.fromkeys(table["variant"]))


def known_properties(table: pd.DataFrame, properties: Iterable[str] | None = None) -> list[str]:
    """The properties asked for, or every registered one that the table has."""
    names = [name for name in PROPERTIES if name in table] if properties is None else list(properties)
    if not names:
        raise TableError("the table has no column that is a graph property; name the properties to correlate")
    require(table, names)
    return names


def with_q_values(table: pd.DataFrame) -> pd.DataFrame:
    """The table with q_value beside its p_value, over all its rows; nan where there was no test.

    It is the smallest false-discovery rate at which a test counts as a discovery, of tests that are independent or
    positively dependent (Benjamini and Hochberg, *Controlling the False Discovery Rate*, JRSS B 1995).
    """
    tested = table["p_value"].dropna()
    q_values = pd.Series(scipy.stats.false_discovery_control(tested), tested.index)
    table.insert(table.columns.get_loc("p_value") + 1, "q_value", q_values)
    return table


def by_variant(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A table with index (variant, …), taken apart into one table per variant."""
    return {variant: rows.droplevel("variant") for variant, rows in table.groupby(level="variant", sort=False)}


def _correlation(x: np.ndarray, y: np.ndarray, counts: np.ndarray, confidence: float) -> dict[str, float]:
    row = dict.fromkeys(COEFFICIENTS, np.nan) | {"n": len(x)}
    if len(x) < 3 or not varies(x) or not varies(y):
        return row
    pearson, spearman = scipy.stats.pearsonr(x, y), scipy.stats.spearmanr(x, y)
    row |= {
        "pearson": float(pearson.statistic),
        "spearman": float(spearman.statistic),
        "p_value": float(pearson.pvalue),
    }
    if len(x) >= FEWEST_ROWS:
        for name, of in (("pearson", pearson_of), ("spearman", spearman_of)):
            row |= bootstrapped(name, row[name], partial(of, x, y), counts, confidence)
    return row


def pearson_of(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Pearson's r in each resample; ``counts[i, j]`` says how often row j stands in resample i, x and y may too."""
    total = counts.sum(axis=1, keepdims=True)
    # Centred once on all rows already, so that squares do not cancel digits away.
    x, y = (np.broadcast_to(v - v.mean(axis=-1, keepdims=True), counts.shape) for v in (x, y))
    x, y = (v - (counts * v).sum(axis=1, keepdims=True) / total for v in (x, y))
    xx, yy, xy = ((counts * product).sum(axis=1) for product in (x * x, y * y, x * y))
    scale = np.sqrt(xx * yy)
    nothing = scale <= ROUNDING * scale.max()
    return np.where(nothing, np.nan, xy / np.where(nothing, 1, scale)).clip(-1, 1)


def spearman_of(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Spearman's in each resample, ranks taken anew."""
    return pearson_of(ranks_in(x, counts), ranks_in(y, counts), counts)


def ranks_in(values: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean rank of each row within each resample: rows below it, and half of those that tie with it."""
    order = np.argsort(values, kind="stable")
    starts, group = np.unique(values[order], return_index=True, return_inverse=True)[1:]
    ties = np.add.reduceat(counts[:, order], starts, axis=1)
    ranks = np.empty(counts.shape)
    ranks[:, order] = (ties.cumsum(axis=1) - ties / 2)[:, group]
    return ranks


def strongest(
    table: pd.DataFrame, target: str, properties: Iterable[str], permutations: int = 999, seed: int = 0
) -> tuple[str, float, float]:
    """The property with the largest |r| (Pearson) with a target, r, and p: how often chance finds as large a one.

    The target is permuted over the rows; each time the largest |r| of all properties stands against ours, so that
    looking at many properties is paid for and their dependence kept (Westfall and Young, *Resampling-Based Multiple
    Testing*, 1993). p counts the data itself as one permutation (Phipson and Smyth, 2010). Rows that lack a value, and
    properties that are constant, are left out. ``("", nan, nan)`` where nothing or fewer than five rows are left.
    """
    columns = [target, *properties]
    require(table, columns)
    values = complete(table, columns)
    kept = np.flatnonzero(varies(values)) if len(values) >= FEWEST_ROWS else np.empty(0, dtype=int)
    if 0 not in kept or len(kept) < 2:
        return "", np.nan, np.nan
    values = values[:, kept] - values[:, kept].mean(axis=0)
    values /= np.linalg.norm(values, axis=0)
    y, x = values[:, 0], values[:, 1:]
    r = y @ x
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(len(y)), (permutations, 1)), axis=1)
    largest, best = np.abs(y[orders] @ x).max(axis=1), int(np.abs(r).argmax())
    p = (1 + np.sum(largest >= abs(r[best]) - ROUNDING)) / (1 + permutations)
    return columns[kept[1 + best]], float(r[best].clip(-1, 1)), float(p)


def found(table: pd.DataFrame, method: str = "pearson") -> pd.Series:
    """Whether each coefficient is a discovery, where the table has q values for it; else if its interval excludes 0."""
    if method == "pearson" and "q_value" in table:
        return table["q_value"] <= DISCOVERY
    return (table[f"{method}_low"] > 0) | (table[f"{method}_high"] < 0)


def inside_reported(tables: Mapping[str, pd.DataFrame], reported: Mapping[str, Mapping[str, float]], method: str):
    """How many reported coefficients lie within this run's interval, and how many have one: (inside, all)."""
    end = [f"{method}_low", f"{method}_high"]
    rows = [
        rows.assign(said=pd.Series(dict(reported.get(variant, {})), dtype=float)) for variant, rows in tables.items()
    ]
    known = pd.concat(rows).dropna(subset=["said", *end])
    return int(known["said"].between(known[end[0]], known[end[1]]).sum()), len(known)
