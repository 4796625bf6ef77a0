"""RQ4 under control: what size and interface widths leave of a correlation, and which properties tell the same."""

import functools
import warnings
from collections.abc import Callable, Iterable, Sequence

import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.stats
from scipy.spatial.distance import squareform

from sparsekit.analysis.correlation import COEFFICIENTS, known_properties, ranks_in, variants_of, with_q_values
from sparsekit.analysis.intervals import FEWEST_ROWS, ROUNDING, bootstrapped, resampled, varies
from sparsekit.analysis.prediction import SIZES
from sparsekit.analysis.tables import (
    columns_of,
    complete,
    fraction,
    given_graphs,
    graph_ids,
    networks_of,
    one_per_graph,
)

DETERMINED = 1e-7
"""A property whose variance the controls leave this share of, or less, is determined by them."""


def partial(
    table: pd.DataFrame,
    controls: Sequence[str] = SIZES,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Partial correlations of each property of `tables.GRAPHS` with the target, given the controls.

    The correlation of what a linear fit on the controls leaves of both; Spearman's is the same of ranks. A control may
    be "generator", for the family; a property that is a control itself is given the others. Each graph counts once, its
    accuracy the mean over its seeds; intervals are BCa bootstrap intervals over graphs, everything fitted again in each
    resample. The p value is that of the property's coefficient in a regression on it and the controls, with HC3
    standard errors, so that like the interval it does not take accuracies as equally spread whatever the graph
    (MacKinnon and White, J. Econometrics 1985).

    Index (variant, property); columns of `correlations`, p_value with n - 2 - rank of the controls degrees of freedom.
    nan for a property that is constant or determined by the controls; no interval from fewer than five degrees.
    """
    fraction("confidence", confidence)
    return _by_property(_partial, one_per_graph, table, controls, target, properties, confidence, resamples, seed)


def _by_property(
    row: Callable, rows_of: Callable, table: pd.DataFrame, controls: Sequence[str], target: str, properties, *options
) -> pd.DataFrame:
    """A row of each variant and property, from its values, target and controls and the rows that have all of them."""
    variants, names, found = variants_of(table, [target, *controls]), known_properties(table, properties), {}
    for variant in variants:
        rows = rows_of(table, variant)
        for name in names:
            values = columns_of(rows, [name, target, *(c for c in controls if c != name)], drop_first=True)
            known = np.isfinite(values).all(axis=1)
            found[variant, name] = row(values[known], rows[known], *options)
    return with_q_values(pd.DataFrame.from_dict(found, orient="index").rename_axis(["variant", "property"]))


def _basis(given: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the controls about their means."""
    deviation = given.std(axis=0)
    varying = deviation > ROUNDING * np.abs(given).max(axis=0, initial=0)
    centred = (given - given.mean(axis=0))[:, varying] / deviation[varying]
    if not centred.size:
        return np.empty((len(given), 0))
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, sizes > 1e-9 * sizes[0]]


def _partial(values: np.ndarray, rows: pd.DataFrame, confidence: float, resamples: int, seed: int) -> dict[str, float]:
    (x, y), given, n = values[:, :2].T, values[:, 2:], len(values)
    counts = resampled(n, resamples, seed)
    row = dict.fromkeys(COEFFICIENTS, np.nan) | {"n": n}
    basis = _basis(given) if n else given
    freedom = n - 2 - basis.shape[1]
    if freedom < 1:
        return row
    for name in ("pearson", "spearman"):
        of = functools.partial(_partial_r, values, ranked=name == "spearman")
        row[name] = float(of(np.ones((1, n), dtype=int))[0])
        if np.isnan(row[name]):
            return row
        if freedom >= FEWEST_ROWS:
            row |= bootstrapped(name, row[name], of, counts, confidence)
    design = np.column_stack([np.ones_like(x), (x - x.mean()) / x.std(), basis])
    leverage = (np.linalg.qr(design)[0] ** 2).sum(axis=1)
    # Where a graph alone decides some coefficient, that has no robust error.
    return row | {"p_value": float(_robust(y, design).pvalues[1]) if 1 - leverage.max() > 1e-9 else np.nan}


def _robust(y: np.ndarray, design: np.ndarray):
    """Least squares with HC3 standard errors."""
    from statsmodels.regression.linear_model import OLS  # slow to load, as all of statsmodels

    return OLS(y, design).fit(cov_type="HC3", use_t=True)


def _partial_r(columns: np.ndarray, counts: np.ndarray, ranked: bool) -> np.ndarray:
    """Correlation of the first two columns given the others in each resample, nan where there is nothing left."""
    if ranked:
        values = np.stack([ranks_in(column, counts) for column in columns.T], axis=-1)
    else:
        values = np.broadcast_to(columns - columns.mean(axis=0), (len(counts), *columns.shape))
    shares = (counts / counts.sum(axis=1, keepdims=True))[..., None]
    rounding = ROUNDING * np.abs(values).max(axis=1, keepdims=True)
    values = values - (shares * values).sum(axis=1, keepdims=True)
    scale = np.sqrt((shares * values**2).sum(axis=1, keepdims=True))
    values = np.where(scale <= rounding, 0, values / np.where(scale <= rounding, 1, scale))
    products = (shares * values).swapaxes(1, 2) @ values
    both, across, given = products[:, :2, :2], products[:, :2, 2:], products[:, 2:, 2:]
    left = both - across @ np.linalg.pinv(given, rcond=1e-9, hermitian=True) @ across.swapaxes(1, 2)
    xx, yy, xy = left[:, 0, 0], left[:, 1, 1], left[:, 0, 1]
    nothing = np.minimum(xx, yy) <= DETERMINED
    return np.where(nothing, np.nan, xy / np.sqrt(np.where(nothing, 1, xx * yy))).clip(-1, 1)


def mixed(
    table: pd.DataFrame,
    controls: Sequence[str] = SIZES,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """How much accuracy changes with a property, given the controls as in `partial`, with a random effect per graph.

    One linear mixed model of the networks of `tables.GRAPHS` for each variant and property, accuracy ~ property +
    controls + (1 | graph), by restricted maximum likelihood. Where it cannot be fitted (one seed a graph, no
    convergence, no variance left between graphs) least squares on graph means stands in, with HC3 standard errors.

    Index (variant, property); coefficient (accuracy per standard deviation of the property), low, high, p_value,
    q_value, model ("mixed", "means" or "" where the controls determine the property), graphs, networks.
    """
    fraction("confidence", confidence)
    return _by_property(_mixed, networks_of, table, controls, target, properties, confidence)


def _mixed(values: np.ndarray, networks: pd.DataFrame, confidence: float) -> dict[str, float | str]:
    groups = graph_ids(networks)
    first = np.unique(groups, return_index=True)[1]
    (x, y), graphs = values[:, :2].T, len(first)
    row = dict.fromkeys(("coefficient", "low", "high", "p_value"), np.nan)
    row |= {"model": "", "graphs": graphs, "networks": len(networks)}
    if graphs < FEWEST_ROWS:
        return row
    basis, spread = _basis(values[:, 2:]), y.std()
    x = (x - x.mean()) / (x[first].std(ddof=1) or 1)
    rest = x - basis @ (basis.T @ x)
    if graphs - 2 - basis.shape[1] < 1 or spread == 0 or rest @ rest <= DETERMINED * (x @ x):
        return row
    design = np.column_stack([np.ones_like(x), x, basis])
    fit, row["model"] = _random_intercepts(y / spread, design, groups) if graphs < len(y) else None, "mixed"
    if fit is None:
        means = [np.bincount(groups, column) / np.bincount(groups) for column in (y / spread, *design.T)]
        fit, row["model"] = _robust(means[0], np.column_stack(means[1:])), "means"
    low, high = fit.conf_int(1 - confidence)[1]
    row |= {"coefficient": fit.params[1] * spread, "low": low * spread, "high": high * spread}
    return row | {"p_value": float(fit.pvalues[1])}


def _random_intercepts(y: np.ndarray, design: np.ndarray, groups: np.ndarray):
    """The fitted mixed model; None where it did not converge or leaves no variance between groups."""
    from statsmodels.regression.mixed_linear_model import MixedLM
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            fit = MixedLM(y, design, groups=groups).fit(reml=True, method="bfgs")
        except (ConvergenceWarning, np.linalg.LinAlgError):
            return None
    return fit if fit.converged and np.isfinite(fit.bse).all() and fit.cov_re[0, 0] > 1e-6 else None


def collinearity(table: pd.DataFrame, properties: Iterable[str] | None = None, threshold: float = 0.3) -> pd.DataFrame:
    """Which properties tell the same: variance inflation, and clusters named by one of their members.

    Clusters are joined by average linkage as long as 1 - |Spearman's correlation| is at most ``threshold`` on average;
    0.3 is |r| = 0.7, the usual limit (Dormann et al., *Collinearity*, Ecography 2013). A cluster bears the name of the
    member that correlates most with the others. Each graph of a variant counts once.

    Index ``property``; vif (inf where the others determine it, nan where it is constant), cluster (name; its own where
    it is constant).
    """
    fraction("threshold", threshold)
    variants_of(table)
    names = known_properties(table, properties)
    values = complete(given_graphs(table).drop_duplicates(["variant", "generator", "graph"]), names)
    found = pd.DataFrame({"vif": np.nan, "cluster": names}, index=pd.Index(names, name="property"))
    if len(values) < 3:
        return found
    kept = varies(values)
    names, values = found.index[kept], values[:, kept]
    found.loc[names, "vif"] = _inflation(values)
    if len(names) > 1:
        alike = np.abs(np.corrcoef(scipy.stats.rankdata(values, axis=0), rowvar=False))
        distances = squareform((1 - alike).clip(0) * (1 - np.eye(len(names))), checks=False)
        tree = scipy.cluster.hierarchy.linkage(distances, "average")
        labels = scipy.cluster.hierarchy.fcluster(tree, threshold, "distance")
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            middle = members[alike[np.ix_(members, members)].sum(axis=0).round(9).argmax()]
            found.loc[names[members], "cluster"] = names[middle]
    return found


def _inflation(values: np.ndarray) -> np.ndarray:
    """1 / (1 - R²) of each column from all others; statsmodels's warns where they determine it, as often they do."""
    scaled, left = (values - values.mean(axis=0)) / values.std(axis=0), np.empty(values.shape[1])
    for i, column in enumerate(scaled.T):
        others = np.delete(scaled, i, axis=1)
        left[i] = np.mean((column - others @ np.linalg.lstsq(others, column)[0]) ** 2)
    return np.where(left > DETERMINED, 1 / left.clip(DETERMINED), np.inf)
