"""RQ4: how accuracy goes with each property of a graph, alone and given others, by one test of all."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.intervals import FEWEST_ROWS, ROUNDING
from sparsekit.analysis.tables import TableError, columns_of, fraction, one_per_graph, require
from sparsekit.graphs.properties import PROPERTIES

METHODS = {"pearson": lambda values: values, "spearman": lambda values: scipy.stats.rankdata(values, axis=0)}
"""Coefficients by name, with what they correlate: the values, or their ranks."""

DETERMINED = 1e-7
"""What the controls leave this share of the variance of, or less, is determined by them."""


def correlate(
    table: pd.DataFrame,
    target: str = "test_acc",
    properties: Iterable[str] | None = None,
    controls: Sequence[str] = (),
    confidence: float = 0.95,
    permutations: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """Correlation of each property with a target, alone or given controls, tested as one of all; a row a network.

    The properties are columns, by default every registered one that the table has. Given controls, it is the
    correlation of what a linear fit on them leaves of both; a control may be "generator", for the family. p is the
    share of draws of signs in which any coefficient lies as many standard errors from zero, the target's residuals
    given the signs at random (Westfall and Young, *Resampling-Based Multiple Testing*, 1993; the data count as one:
    Phipson and Smyth, 2010). Each row keeps the size of its residual, so that accuracies may vary more at some values
    of a property, which a permutation takes for a correlation: the wild bootstrap (Wu, Annals of Statistics 1986;
    Davidson and Flachaire, *The Wild Bootstrap, Tamed at Last*, J. Econometrics 2008). Intervals are simultaneous and
    of the same draws, as many as `permutations`: they leave out zero exactly where p is at most 1 - ``confidence``.
    Properties that are controls themselves are a family of their own, each given the other controls.

    Index ``property``; of pearson and spearman the coefficient, _low, _high and _p, and n (rows that have all values).
    nan for a property that is constant or determined by the controls; no test from fewer than five rows more than
    controls.
    """
    fraction("confidence", confidence)
    require(table, [target, *controls])
    names = known_properties(table, properties)
    found = pd.DataFrame(index=pd.Index(names, name="property"))
    signs = np.where(np.random.default_rng(seed).random((permutations, len(table))) < 0.5, -1, 1)
    for family in ([n for n in names if n not in controls], [n for n in names if n in controls]):
        for method, of in METHODS.items():
            rows = _tested(table, target, family, controls, of, signs, confidence)
            found.loc[family, [method, f"{method}_low", f"{method}_high", f"{method}_p", "n"]] = rows
    return found.astype({"n": int})


def correlations(
    table: pd.DataFrame,
    controls: Sequence[str] = (),
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    **options,
) -> pd.DataFrame:
    """`correlate` with its options for every variant of `tables.GRAPHS`: index (variant, property).

    Each graph counts once, its accuracy the mean over its seeds. The properties of one variant are one family.
    """
    variants, names = variants_of(table, [target, *controls]), known_properties(table, properties)
    found = {v: correlate(one_per_graph(table, v), target, names, controls, **options) for v in variants}
    return pd.concat(found, names=["variant"])


def _tested(table, target: str, family: list[str], controls, of, signs: np.ndarray, confidence: float) -> np.ndarray:
    """Coefficient, low, high, p and rows of each property of a family, shape (properties, 5)."""
    columns, alike = columns_of(table, family), {}
    r, error, n = np.full((3, len(family)), np.nan)
    largest = np.zeros(len(signs))
    for k, name in enumerate(family):
        given = tuple(c for c in controls if c != name)
        known = np.isfinite(columns_of(table, [name, target, *given])).all(axis=1)
        n[k] = known.sum()
        alike.setdefault((given, known.tobytes()), []).append(k)
    for (given, known), own in alike.items():
        known = np.frombuffer(known, dtype=bool)
        values = of(columns_of(table[known], [target, *given], drop_first=True))
        basis = _basis(values[:, 1:])
        freedom = len(values) - 2 - basis.shape[1]
        if freedom < 1:
            continue
        y, x = _left(values[:, :1], basis), _left(of(columns[known][:, own]), basis)
        r[own] = (x.T @ y)[:, 0].clip(-1, 1)
        own, x = np.array(own)[np.isfinite(r[own])], x[:, np.isfinite(r[own])]
        if freedom < FEWEST_ROWS - 2 or not len(own):
            continue
        # A row has one sign in all properties: they stay as alike as they are.
        chance = x.T @ _left(y * signs[:, known].T, basis, fewest=0)
        error[own] = _error(r[own], freedom)
        largest = np.maximum(largest, (np.abs(chance) / _error(chance, freedom)).max(axis=0))
    t, largest = r / error, largest * (1 + 1e-9)  # what differs by rounding is as large
    p = (1 + (largest[:, None] >= np.abs(t)).sum(axis=0)) / (1 + len(signs))
    beyond = int((1 - confidence) * (1 + len(signs)) * (1 + 1e-9)) - 1  # as many maxima may reach a p that is told
    reach = np.sort(largest)[::-1][beyond] if beyond >= 0 else np.inf
    ends = (((t + sign * reach) * error).clip(-1, 1) for sign in (-1, 1))
    return np.column_stack([r, *ends, np.where(np.isnan(error), np.nan, p), n])


def _error(r: np.ndarray, freedom: int) -> np.ndarray:
    """Standard errors of coefficients."""
    return np.sqrt((1 - r**2).clip(ROUNDING**2) / freedom)


def _basis(given: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the controls about their means."""
    deviation = given.std(axis=0) if len(given) else np.zeros(given.shape[1])
    varying = deviation > ROUNDING * np.abs(given).max(axis=0, initial=0)
    centred = (given - given.mean(axis=0))[:, varying] / deviation[varying] if varying.any() else given[:, :0]
    if not centred.size:
        return centred
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, sizes > 1e-9 * sizes[0]]


def _left(columns: np.ndarray, basis: np.ndarray, fewest: float = DETERMINED) -> np.ndarray:
    """What a fit on the mean and the basis leaves of columns, each of length 1; nan where no more than rounding."""
    centred = columns - columns.mean(axis=0)
    rest = centred - basis @ (basis.T @ centred)
    length, whole = (np.linalg.norm(of, axis=0) for of in (rest, centred))
    nothing = (length**2 <= fewest * whole**2) | (whole <= ROUNDING * np.abs(columns).max(axis=0, initial=0))
    return rest / np.where(nothing, np.nan, length)


def residuals(table: pd.DataFrame, names: Sequence[str], controls: Sequence[str]) -> pd.DataFrame:
    """What a linear fit on the mean and the controls leaves of columns, in their own units."""
    values, given = table[list(names)].astype(float), columns_of(table, controls, drop_first=True)
    design = np.column_stack([np.ones(len(values)), given])
    return values - design @ np.linalg.lstsq(design, values.to_numpy(), rcond=None)[0]


def fitted_line(points: np.ndarray) -> np.ndarray:
    """The ends of the least-squares line through points (n, 2), shape (2, 2): x, y; empty where x does not vary."""
    known = points[np.isfinite(points).all(axis=1)]
    if not len(known) or np.ptp(known[:, 0]) <= 1e-9:
        return np.empty((2, 0))
    slope, start = np.polyfit(*known.T, 1)
    ends = np.array([known[:, 0].min(), known[:, 0].max()])
    return np.array([ends, start + slope * ends])


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


def by_variant(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """A table with index (variant, …), taken apart into one table per variant."""
    return {variant: rows.droplevel("variant") for variant, rows in table.groupby(level="variant", sort=False)}


def found(table: pd.DataFrame, method: str = "pearson") -> pd.Series:
    """Whether each coefficient's interval leaves out zero."""
    return (table[f"{method}_low"] > 0) | (table[f"{method}_high"] < 0)
