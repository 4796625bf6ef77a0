"""RQ4 under control: what size and interface widths leave of a correlation, and which properties tell the same."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import scipy.cluster.hierarchy
import scipy.stats
from scipy.spatial.distance import squareform

from sparsekit.analysis.correlation import COEFFICIENTS, known_properties, ranks_in, variants_of, with_q_values
from sparsekit.analysis.intervals import FEWEST_ROWS, ROUNDING, bca, resampled
from sparsekit.analysis.prediction import SIZES
from sparsekit.analysis.tables import fraction, given_graphs, numbers, one_per_graph

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
    """Partial correlations of each property with the target, given the controls.

    The correlation of what a linear fit on the controls leaves of both; Spearman's is the same of ranks. A property
    that is a control itself is given the others. Each graph counts once, its accuracy the mean over its seeds;
    intervals are BCa bootstrap intervals over graphs, everything fitted again in each resample. The p value is that of
    the property's coefficient in a regression on it and the controls, with HC3 standard errors, so that like the
    interval it does not take accuracies as equally spread whatever the graph (MacKinnon and White, J. Econometrics
    1985).

    Parameters
    ----------
    table : DataFrame
        `tables.GRAPHS` with the properties and controls.
    controls : sequence of str
        Columns; "generator" controls for the family.

    Returns
    -------
    DataFrame
        Index (variant, property); the columns of :func:`sparsekit.analysis.correlation.correlations`, p_value with
        n - 2 - (rank of the controls) degrees of freedom. nan for a property that is constant or that the controls
        determine; no interval from fewer than five degrees of freedom.
    """
    fraction("confidence", confidence)
    variants, names, rows = variants_of(table, [target, *controls]), known_properties(table, properties), {}
    for variant in variants:
        graphs = one_per_graph(table, variant)
        for name in names:
            x, y, given = _complete(graphs, name, target, controls)
            rows[variant, name] = _partial(x, y, given, resampled(len(x), resamples, seed), confidence)
    return with_q_values(pd.DataFrame.from_dict(rows, orient="index").rename_axis(["variant", "property"]))


def _complete(
    rows: pd.DataFrame, name: str, target: str, controls: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The property, the target and the controls without the property, of the rows that have all of them."""
    columns = [numbers(rows, name), numbers(rows, target)]
    for control in controls:
        if control == "generator":
            columns += list(pd.get_dummies(rows[control], drop_first=True).to_numpy(dtype=float).T)
        elif control != name:
            columns.append(numbers(rows, control))
    values = np.column_stack(columns)
    values = values[np.isfinite(values).all(axis=1)]
    return values[:, 0], values[:, 1], values[:, 2:]


def _basis(given: np.ndarray) -> np.ndarray:
    """Orthonormal columns that span the controls about their means."""
    deviation = given.std(axis=0)
    varying = deviation > ROUNDING * np.abs(given).max(axis=0, initial=0)
    centred = (given - given.mean(axis=0))[:, varying] / deviation[varying]
    if not centred.size:
        return np.empty((len(given), 0))
    left, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    return left[:, sizes > 1e-9 * sizes[0]]


def _partial(
    x: np.ndarray, y: np.ndarray, given: np.ndarray, counts: np.ndarray, confidence: float
) -> dict[str, float]:
    row = dict.fromkeys(COEFFICIENTS, np.nan) | {"n": len(x)}
    basis = _basis(given) if len(x) else given
    freedom = len(x) - 2 - basis.shape[1]
    if freedom < 1:
        return row
    columns, n = np.column_stack([x, y, given]), len(x)
    for name in ("pearson", "spearman"):
        once, drawn, left_out = (
            _partial_r(columns, of, ranked=name == "spearman")
            for of in (np.ones((1, n), dtype=int), counts, 1 - np.eye(n, dtype=int))
        )
        row[name] = float(once[0])
        if np.isnan(row[name]):
            return row
        if freedom >= FEWEST_ROWS:
            row[f"{name}_low"], row[f"{name}_high"] = bca(row[name], drawn, left_out, confidence)
    return row | {"p_value": _robust_p(x, y, basis)}


def _robust_p(x: np.ndarray, y: np.ndarray, basis: np.ndarray) -> float:
    """Two-sided p of the coefficient of x beside the controls; nan where a graph alone decides some coefficient."""
    design = np.column_stack([np.ones_like(x), (x - x.mean()) / x.std(), basis])
    leverage = (np.linalg.qr(design)[0] ** 2).sum(axis=1)
    return float(_robust(y, design).pvalues[1]) if 1 - leverage.max() > 1e-9 else np.nan


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
    """How much accuracy changes with a property, given the controls, from networks with a random effect per graph.

    One linear mixed model for each variant and property, accuracy ~ property + controls + (1 | graph), by restricted
    maximum likelihood. Where it cannot be fitted (one seed a graph, no convergence, no variance left between graphs)
    least squares on graph means stands in, with HC3 standard errors (MacKinnon and White, J. Econometrics 1985).

    Parameters
    ----------
    table : DataFrame
        `tables.GRAPHS` with the properties and controls.

    Returns
    -------
    DataFrame
        Index (variant, property); coefficient (accuracy per standard deviation of the property), low, high, p_value,
        q_value, model ("mixed", "means" or "" where the controls determine the property), graphs, networks.
    """
    fraction("confidence", confidence)
    variants, names, rows = variants_of(table, [target, *controls]), known_properties(table, properties), {}
    table = given_graphs(table)
    for variant in variants:
        networks = table[table["variant"] == variant]
        for name in names:
            needed = [name, target, *(c for c in controls if c not in ("generator", name))]
            known = np.isfinite([numbers(networks, column) for column in needed]).all(axis=0)
            rows[variant, name] = _mixed(networks[known], name, target, controls, confidence)
    return with_q_values(pd.DataFrame.from_dict(rows, orient="index").rename_axis(["variant", "property"]))


def _mixed(
    networks: pd.DataFrame, name: str, target: str, controls: Sequence[str], confidence: float
) -> dict[str, float | str]:
    groups = networks.groupby(["generator", "graph"], sort=False).ngroup().to_numpy()
    graphs = len(np.unique(groups))
    row = dict.fromkeys(("coefficient", "low", "high", "p_value"), np.nan)
    row |= {"model": "", "graphs": graphs, "networks": len(networks)}
    if graphs < FEWEST_ROWS:
        return row
    x, y, given = _complete(networks, name, target, controls)
    first = np.unique(groups, return_index=True)[1]
    basis, deviation, spread = _basis(given), x[first].std(ddof=1), y.std()
    x = (x - x.mean()) / (deviation or 1)
    rest = x - basis @ (basis.T @ x)
    if graphs - 2 - basis.shape[1] < 1 or spread == 0 or rest @ rest <= DETERMINED * (x @ x):
        return row
    design = np.column_stack([np.ones_like(x), x, basis])
    fit, row["model"] = _random_intercepts(y / spread, design, groups), "mixed"
    if fit is None:
        means = [np.bincount(groups, column) / np.bincount(groups) for column in (y / spread, *design.T)]
        fit = _robust(means[0], np.column_stack(means[1:]))
        row["model"] = "means"
    low, high = fit.conf_int(1 - confidence)[1]
    row |= {"coefficient": fit.params[1] * spread, "low": low * spread, "high": high * spread}
    return row | {"p_value": float(fit.pvalues[1])}


def _random_intercepts(y: np.ndarray, design: np.ndarray, groups: np.ndarray):
    """The fitted mixed model; None where it did not converge or leaves no variance between groups."""
    if len(y) == len(np.unique(groups)):
        return None
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
    member that correlates most with the others.

    Parameters
    ----------
    table : DataFrame
        variant, generator, graph, properties; each graph of a variant counts once.

    Returns
    -------
    DataFrame
        Index ``property``; vif (inf where the others determine it; nan where constant), cluster (name). A constant
        property is a cluster of its own.
    """
    fraction("threshold", threshold)
    variants_of(table)
    names = known_properties(table, properties)
    rows = given_graphs(table).drop_duplicates(["variant", "generator", "graph"])
    values = np.column_stack([numbers(rows, name) for name in names])
    values = values[np.isfinite(values).all(axis=1)]
    found = pd.DataFrame({"vif": np.nan, "cluster": names}, index=pd.Index(names, name="property"))
    if len(values) < 3:
        return found
    varying = np.flatnonzero(values.std(axis=0) > ROUNDING * np.abs(values).max(axis=0))
    kept, values = [names[i] for i in varying], values[:, varying]
    found.loc[kept, "vif"] = _inflation(values)
    if len(kept) > 1:
        alike = np.abs(np.corrcoef(scipy.stats.rankdata(values, axis=0), rowvar=False))
        distances = squareform((1 - alike).clip(0) * (1 - np.eye(len(kept))), checks=False)
        tree = scipy.cluster.hierarchy.linkage(distances, "average")
        labels = scipy.cluster.hierarchy.fcluster(tree, threshold, "distance")
        for label in np.unique(labels):
            members = np.flatnonzero(labels == label)
            middle = members[alike[np.ix_(members, members)].sum(axis=0).round(9).argmax()]
            found.loc[[kept[i] for i in members], "cluster"] = kept[middle]
    return found


def _inflation(values: np.ndarray) -> list[float]:
    """1 / (1 - R²) of each column from all others; statsmodels's warns where they determine it, as often they do."""
    scaled, found = (values - values.mean(axis=0)) / values.std(axis=0), []
    for i, column in enumerate(scaled.T):
        others = np.delete(scaled, i, axis=1)
        unexplained = np.mean((column - others @ np.linalg.lstsq(others, column)[0]) ** 2)
        found.append(1 / unexplained if unexplained > DETERMINED else np.inf)
    return found
