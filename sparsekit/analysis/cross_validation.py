"""RQ5 under control: how well accuracy is predicted for graphs that no model has seen, beside baselines and chance.

Each graph is one row, its accuracy the mean over its seeds, so folds never part the seeds of a graph.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist

from sparsekit.analysis.control import collinearity
from sparsekit.analysis.correlation import known_properties, variants_of
from sparsekit.analysis.intervals import ROUNDING, named
from sparsekit.analysis.prediction import FEWEST_TESTED, SIZES
from sparsekit.analysis.tables import columns_of, indexed, numbers, one_per_graph
from sparsekit.seeds import derive

ALL = "all"
"""All properties, in the index of `nested_prediction`."""

BASELINES: dict[str, tuple[str, ...]] = {
    "mean": (),
    "log_parameters": ("parameters",),
    "widths": ("source_nodes", "sink_nodes"),
    "size": ("nodes", "edges"),
    "size_and_widths": SIZES,
    "family": ("generator",),
}
"""What all properties must beat: columns by name. ``parameters`` enters as its logarithm, ``generator`` as a label."""

ALPHAS = tuple(10.0 ** np.arange(0, 3.5, 0.5))
"""Strengths of `Ridge`, beside a mean squared feature of 1: weaker ones fit noise where graphs are few."""

OVER_CUTS = (0.05, 0.95)
"""The quantiles over cuts into folds between which `nested_prediction` and `cluster_importance` tell R²."""


def _lines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return one @ other.T


def _gaussian(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    # Two rows of standardised features lie apart by twice their number, on average.
    return np.exp(-cdist(one, other, "sqeuclidean") / max(2 * np.any(other, axis=0).sum(), 1))


KERNELS = {"lines": _lines, "gaussian": _gaussian}


class Ridge:
    """Ridge regression on lines or on Gaussian kernels, which of them and how strong chosen by leaving one out.

    Fitted to all columns of ``targets`` (rows, targets) at once, each with its own choice. Missing features are filled
    in with the mean of what it is fitted to.
    """

    def __init__(
        self,
        features: np.ndarray,
        targets: np.ndarray,
        kernels: Iterable[str] = tuple(KERNELS),
        alphas: Iterable[float] = ALPHAS,
    ):
        known = np.isfinite(features)
        self.middle = np.where(known, features, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        spread = np.where(known, features - self.middle, 0).std(axis=0)
        self.spread = np.where(spread > ROUNDING * np.abs(self.middle), spread, np.inf)
        self.seen, self.mean, self.parts = self._scaled(features), targets.mean(axis=0), []
        centred, least = targets - self.mean, np.full(targets.shape[1], np.inf)
        for name in kernels:
            products = KERNELS[name](self.seen, self.seen)
            column, whole = products.mean(axis=0), products.mean()
            products = products - column - column[:, None] + whole
            if (size := np.trace(products) / len(products)) <= ROUNDING:
                continue  # nothing to predict from: the mean it is
            values, vectors = np.linalg.eigh(products / size)
            values, turned, weights = values.clip(0), vectors.T @ centred, np.zeros_like(centred)
            for alpha in alphas:
                kept = values / (values + alpha)
                left = centred - vectors @ (kept[:, None] * turned)
                leverage = 1 / len(centred) + vectors**2 @ kept
                error = ((left / (1 - leverage)[:, None]) ** 2).mean(axis=0)
                better = error < least
                least[better] = error[better]
                for _, earlier, *_ in self.parts:
                    earlier[:, better] = 0
                weights[:, better] = vectors @ (turned[:, better] / (values + alpha)[:, None])
            self.parts.append((name, weights, column, whole, size))

    def predict(self, features: np.ndarray) -> np.ndarray:
        """Shape (rows, targets)."""
        scaled, found = self._scaled(features), np.tile(self.mean, (len(features), 1))
        for name, weights, column, whole, size in self.parts:
            products = KERNELS[name](scaled, self.seen)
            found += (products - column - products.mean(axis=1, keepdims=True) + whole) / size @ weights
        return found

    def _scaled(self, features: np.ndarray) -> np.ndarray:
        return np.where(np.isfinite(features), features - self.middle, 0) / self.spread


def nested_prediction(
    table: pd.DataFrame,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    baselines: Mapping[str, tuple[str, ...]] = BASELINES,
    folds: int = 5,
    repeats: int = 20,
    permutations: int = 199,
    seed: int = 0,
) -> pd.DataFrame:
    """Out-of-fold R² of all properties and of each baseline, and how often chance predicts as well as the properties.

    Nested cross-validation (Varma and Simon, *Bias in Error Estimation*, BMC Bioinformatics 2006) by `Ridge`, repeated
    over cuts into folds. R² is taken over all graphs of `tables.GRAPHS` at once and averaged over cuts; the mean of
    the other folds is told like any baseline, and scores below zero. p is the share of permutations of accuracies over
    the graphs of each family whose R², everything fitted and chosen again, is as high (Ojala and Garriga, *Permutation
    Tests for Studying Classifier Performance*, JMLR 2010): that families differ makes no discovery. A baseline whose
    columns the table lacks is left out.

    Index (variant, features), "all" last; r2, gain (R² of all properties minus this row's; nan for "all"), both with
    _low and _high, which hold the middle 90 % of cuts; of "all" p_value, null_median and null_high (95 % of the
    permuted lie below); graphs. All nan from fewer than ten graphs or a constant accuracy.
    """
    studied, names, rows = _variants(table, target), known_properties(table, properties), {}
    sets = {name: columns for name, columns in baselines.items() if set(columns) <= set(table)} | {ALL: names}
    for variant, graphs, accuracy in studied:
        rows |= {(variant, name): {"graphs": len(accuracy)} for name in sets}
        if not enough(accuracy):
            continue
        dealt, scores = dealt_out(graphs, accuracy, permutations, seed), {}
        for name, columns in sets.items():
            targets = dealt if name == ALL else accuracy[:, None]
            scores[name] = r_squared(features_of(graphs, columns), targets, folds, repeats, seed)
        for name, score in scores.items():
            rows[variant, name] |= _over_cuts("r2", score[:, 0])
            if name != ALL:
                rows[variant, name] |= _over_cuts("gain", scores[ALL][:, 0] - score[:, 0])
        r2, *null = scores[ALL].mean(axis=0)
        rows[variant, ALL] |= {"p_value": _share(np.array(null) >= r2 - ROUNDING)}
        rows[variant, ALL] |= {"null_median": np.median(null), "null_high": np.quantile(null, 0.95)}
    ends = [f"{of}{end}" for of in ("r2", "gain") for end in ("", "_low", "_high")]
    return indexed(rows, ["variant", "features"], [*ends, "p_value", "null_median", "null_high", "graphs"])


def graph_rows(table: pd.DataFrame, variant: str, target: str) -> tuple[pd.DataFrame, np.ndarray]:
    """A variant's graphs that have an accuracy, one row each, and that accuracy, shape (graphs,)."""
    rows = one_per_graph(table, variant)
    rows = rows[np.isfinite(numbers(rows, target))]
    return rows, numbers(rows, target)


def _variants(table: pd.DataFrame, target: str) -> list[tuple]:
    return [(variant, *graph_rows(table, variant, target)) for variant in variants_of(table, [target])]


def enough(accuracy: np.ndarray) -> bool:
    """Whether there are graphs enough for folds within folds, and anything to predict."""
    return len(accuracy) >= FEWEST_TESTED and np.ptp(accuracy) > 0


def features_of(graphs: pd.DataFrame, columns: Iterable[str]) -> np.ndarray:
    """Shape (graphs, features); what is missing stays nan, for the model to fill in from what it is trained on."""
    if "parameters" in columns:
        graphs = graphs.assign(parameters=np.log(numbers(graphs, "parameters")))
    return columns_of(graphs, columns)


def dealt_out(graphs: pd.DataFrame, accuracy: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """Accuracy, and beside it accuracies permuted within each family of graphs, shape (graphs, 1 + permutations)."""
    found = np.tile(accuracy[:, None], 1 + permutations)
    rng = np.random.default_rng(derive("permutations", seed))
    for own in _places(graphs).values():
        found[own, 1:] = rng.permuted(found[own, 1:], axis=0)
    return found


def _places(graphs: pd.DataFrame) -> dict[str, np.ndarray]:
    """Where the graphs of each family stand."""
    return graphs.groupby("generator", sort=False).indices


def cuts(n: int, folds: int, repeats: int, seed: int) -> Iterator[list[np.ndarray]]:
    """The folds of each repeat: rows to predict, no more folds than rows."""
    for k in range(repeats):
        yield np.array_split(np.random.default_rng(derive("folds", seed, k)).permutation(n), min(folds, n))


def fold_models(features: np.ndarray, targets: np.ndarray, folds: list[np.ndarray]) -> Iterator[tuple]:
    """Each fold's model, and the graphs that it has not seen."""
    for held_out in folds:
        seen = np.delete(np.arange(len(features)), held_out)
        yield Ridge(features[seen], targets[seen]), held_out


def r_squared(features: np.ndarray, targets: np.ndarray, folds: int, repeats: int, seed: int) -> np.ndarray:
    """Out-of-fold R² of each cut and target, shape (repeats, targets)."""
    errors = np.zeros((repeats, targets.shape[1]))
    for error, cut in zip(errors, cuts(len(features), folds, repeats, seed), strict=True):
        for model, held_out in fold_models(features, targets, cut):
            error += ((targets[held_out] - model.predict(features[held_out])) ** 2).sum(axis=0)
    return 1 - errors / ((targets - targets.mean(axis=0)) ** 2).sum(axis=0)


def _over_cuts(name: str, scores: np.ndarray) -> dict[str, float]:
    return named(f"{name} {name}_low {name}_high", map(float, (scores.mean(), *np.quantile(scores, OVER_CUTS))))


def _share(as_far: np.ndarray) -> float:
    """The p value of a permutation test, the data counted as one permutation."""
    return float((1 + as_far.sum()) / (1 + len(as_far)))


def under_ceiling(scores: pd.DataFrame, noise: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """R² of what must be beaten, of all properties, of shuffled accuracies, and of the noise ceiling, by variant.

    Of what `nested_prediction` and `structure.intraclass` return: columns variant, features, r2, low, high, p, graphs.
    """
    rows = []
    for variant in scores.index.get_level_values("variant").unique():
        every, beaten = scores.loc[(variant, ALL)], scores.loc[(variant, baseline)]
        for features, values in {
            "noise ceiling": noise.loc[variant, ["ceiling", "ceiling_low", "ceiling_high"]],
            ALL: every[["r2", "r2_low", "r2_high"]],
            baseline: beaten[["r2", "r2_low", "r2_high"]],
            "shuffled": every[["null_median", "null_median", "null_high"]],
        }.items():
            p = every["p_value"] if features == ALL else np.nan
            rows.append((variant, features, *map(float, values), p, every["graphs"]))
    return pd.DataFrame(rows, columns=["variant", "features", "r2", "low", "high", "p", "graphs"])


def cluster_importance(
    table: pd.DataFrame,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    threshold: float = 0.3,
    folds: int = 5,
    repeats: int = 20,
    shuffles: int = 5,
    seed: int = 0,
) -> pd.DataFrame:
    """How much out-of-fold R² falls when a cluster of properties is shuffled among the held-out graphs.

    Permutation importance (Breiman, *Random Forests*, Machine Learning 2001) of the models of `nested_prediction`.
    Properties that tell the same (`control.collinearity`) are shuffled together, or each would stand in for the others.

    Index (variant, cluster); members (tuple), fall with _low and _high (as of `nested_prediction`).
    """
    studied, names, rows = _variants(table, target), known_properties(table, properties), {}
    clusters = collinearity(table, names, threshold)["cluster"]
    members = {c: tuple(clusters.index[clusters == c]) for c in dict.fromkeys(clusters)}
    for variant, graphs, accuracy in studied:
        rows |= {(variant, c): {"members": of} for c, of in members.items()}
        if not enough(accuracy):
            continue
        features, rng = features_of(graphs, names), np.random.default_rng(derive("shuffles", seed))
        worse, spread = np.zeros((repeats, len(members))), ((accuracy - accuracy.mean()) ** 2).sum()
        for lost, cut in zip(worse, cuts(len(accuracy), folds, repeats, seed), strict=True):
            for model, held_out in fold_models(features, accuracy[:, None], cut):
                orders = np.concatenate([rng.permutation(held_out) for _ in range(shuffles)])
                shuffled = np.tile(features[held_out], (1 + len(members), shuffles, 1))
                for of, changed in zip(members.values(), shuffled[1:], strict=True):
                    columns = [names.index(name) for name in of]
                    changed[:, columns] = features[np.ix_(orders, columns)]
                told = model.predict(shuffled.reshape(-1, len(names))).reshape(1 + len(members), shuffles, -1)
                errors = ((accuracy[held_out] - told) ** 2).mean(axis=1).sum(axis=1)
                lost += (errors[1:] - errors[0]) / spread
        for cluster, fall in zip(members, worse.T, strict=True):
            rows[variant, cluster] |= _over_cuts("fall", fall)
    return indexed(rows, ["variant", "cluster"], ["members", "fall", "fall_low", "fall_high"])


def transfer(
    table: pd.DataFrame,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    folds: int = 5,
    repeats: int = 20,
    permutations: int = 199,
    seed: int = 0,
) -> pd.DataFrame:
    """Error on one family of graphs of the model of another, trained on all properties; within a family, out of fold.

    p is the share of permutations of the tested family's accuracies that are predicted with as small an error; within a
    family the model is fitted to each. A small p beside an error above ``mean_rmse`` says that the order of graphs
    carries over, and their level does not.

    Index (variant, trained_on, tested_on); rmse and mean_rmse (of the mean of the tested family, out of fold), both in
    accuracy, p_value, graphs (tested). nan where either family has fewer than ten graphs.
    """
    studied, names, rows = _variants(table, target), known_properties(table, properties), {}
    for variant, graphs, accuracy in studied:
        dealt = dealt_out(graphs, accuracy, permutations, seed)
        families = {g: (features_of(graphs.iloc[k], names), dealt[k]) for g, k in _places(graphs).items()}
        for tested, (unseen, truth) in families.items():
            spread = np.var(truth[:, 0])
            for source, (seen, known) in families.items():
                rows[variant, source, tested] = {"graphs": len(truth)}
                if not enough(known[:, 0]) or not enough(truth[:, 0]):
                    continue
                if source == tested:
                    errors = spread * (1 - r_squared(unseen, truth, folds, repeats, seed).mean(axis=0))
                else:
                    errors = ((truth - Ridge(seen, known[:, :1]).predict(unseen)) ** 2).mean(axis=0)
                by_mean = spread * (1 - r_squared(unseen[:, :0], truth[:, :1], folds, repeats, seed).mean())
                rows[variant, source, tested] |= named("rmse mean_rmse", np.sqrt([errors[0], by_mean]))
                rows[variant, source, tested] |= {"p_value": _share(errors[1:] <= errors[0] + ROUNDING)}
    return indexed(rows, ["variant", "trained_on", "tested_on"], ["rmse", "mean_rmse", "p_value", "graphs"])
