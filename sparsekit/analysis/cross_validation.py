"""RQ5 under control: how well accuracy is predicted for graphs that no model has seen, beside baselines and chance.

Each graph is one row, its accuracy the mean over its seeds, so folds never part the seeds of a graph.
"""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pandas as pd

from sparsekit.analysis.control import collinearity
from sparsekit.analysis.correlation import known_properties, variants_of
from sparsekit.analysis.intervals import ROUNDING, named, resampled
from sparsekit.analysis.prediction import SIZES
from sparsekit.analysis.tables import columns_of, fraction, indexed, numbers, one_per_graph
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

ALPHAS = tuple(10.0 ** np.arange(-2, 4))
LEAF = 3
TREES = 60

FEWEST_GRAPHS = 10


def nested_prediction(
    table: pd.DataFrame,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    baselines: Mapping[str, tuple[str, ...]] = BASELINES,
    folds: int = 5,
    repeats: int = 3,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """Out-of-fold R² of all properties and of each baseline, and what the properties add to it.

    Nested cross-validation (Varma and Simon, *Bias in Error Estimation*, BMC Bioinformatics 2006): within the training
    folds, ridge regression, its strength chosen by leaving one out and judged by three inner folds, competes with a
    random forest, judged on graphs out of its trees' bags. R² is taken over all graphs of `tables.GRAPHS` at once,
    squared errors averaged over repeats of cutting them into folds. Intervals are percentile bootstrap intervals over
    graphs, the same resamples for every row; they take the fitted models as they are. A baseline whose columns the
    table lacks is left out.

    Index (variant, features), "all" last; r2, low, high, gain, gain_low, gain_high (R² of all properties minus this
    row's; nan for "all"), graphs. All nan from fewer than ten graphs or a constant accuracy.
    """
    fraction("confidence", confidence)
    studied, names, rows = _variants(table, target), known_properties(table, properties), {}
    sets = {name: columns for name, columns in baselines.items() if set(columns) <= set(table)} | {ALL: names}
    for variant, graphs, accuracy in studied:
        rows |= {(variant, name): {"graphs": len(accuracy)} for name in sets}
        if not enough(accuracy):
            continue
        counts, scores = _resamples(accuracy, resamples, seed), {}
        for name, columns in sets.items():
            errors = _errors(features_of(graphs, columns), accuracy, folds, repeats, seed)
            scores[name] = r_squared(errors, accuracy, counts)
        for name, score in scores.items():
            rows[variant, name] |= _percentiles("r2 low high", score, confidence)
            if name != ALL:
                rows[variant, name] |= _percentiles("gain gain_low gain_high", scores[ALL] - score, confidence)
    columns = ["r2", "low", "high", "gain", "gain_low", "gain_high", "graphs"]
    return indexed(rows, ["variant", "features"], columns)


def permutation_test(
    table: pd.DataFrame,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    folds: int = 5,
    repeats: int = 5,
    permutations: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """Whether all properties together predict anything: out-of-fold R² beside that of accuracies dealt out anew.

    Accuracies are permuted over graphs and everything fitted again (Ojala and Garriga, *Permutation Tests for Studying
    Classifier Performance*, JMLR 2010), by ridge regression alone, which fits all permutations at once.

    Index ``variant``; r2, null_median, null_high (95 % of the permuted lie below), p_value, graphs.
    """
    from sklearn.linear_model import RidgeCV

    studied, names, rows = _variants(table, target), known_properties(table, properties), {}
    for variant, graphs, accuracy in studied:
        rows[variant] = {"graphs": len(accuracy)}
        if not enough(accuracy):
            continue
        rng, features = np.random.default_rng(derive("permutations", seed)), features_of(graphs, names)
        dealt = np.column_stack([accuracy, *(rng.permutation(accuracy) for _ in range(permutations))])
        errors = np.zeros_like(dealt)
        for k in range(repeats):
            for seen, held_out in cut(len(accuracy), folds, k, seed).split(features):
                model = _prepared(RidgeCV(ALPHAS, alpha_per_target=True)).fit(features[seen], dealt[seen])
                errors[held_out] += (dealt[held_out] - model.predict(features[held_out])) ** 2 / repeats
        scores = 1 - errors.sum(axis=0) / ((accuracy - accuracy.mean()) ** 2).sum()
        r2, null = scores[0], scores[1:]
        rows[variant] |= {"r2": r2, "null_median": np.median(null), "null_high": np.quantile(null, 0.95)}
        rows[variant]["p_value"] = (1 + (null >= r2).sum()) / (1 + permutations)
    return indexed(rows, ["variant"], ["r2", "null_median", "null_high", "p_value", "graphs"])


def graph_rows(table: pd.DataFrame, variant: str, target: str) -> tuple[pd.DataFrame, np.ndarray]:
    """A variant's graphs that have an accuracy, one row each, and that accuracy, shape (graphs,)."""
    rows = one_per_graph(table, variant)
    rows = rows[np.isfinite(numbers(rows, target))]
    return rows, numbers(rows, target)


def _variants(table: pd.DataFrame, target: str) -> list[tuple]:
    return [(variant, *graph_rows(table, variant, target)) for variant in variants_of(table, [target])]


def enough(accuracy: np.ndarray) -> bool:
    """Whether there are graphs enough for folds within folds, and anything to predict."""
    return len(accuracy) >= FEWEST_GRAPHS and np.ptp(accuracy) > 0


def features_of(graphs: pd.DataFrame, columns: Iterable[str]) -> np.ndarray:
    """Shape (graphs, features); what is missing stays nan, for the model to fill in from what it is trained on."""
    if "parameters" in columns:
        graphs = graphs.assign(parameters=np.log(numbers(graphs, "parameters")))
    return columns_of(graphs, columns)


def _prepared(model):
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), model)


def chosen_model(features: np.ndarray, accuracy: np.ndarray, state: int):
    """The model that does best within these graphs, fitted to all of them."""
    from sklearn.dummy import DummyRegressor
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict

    if not features.shape[1]:
        return DummyRegressor().fit(features, accuracy)
    state %= 2**32
    ridge = _prepared(RidgeCV(ALPHAS))
    trees = RandomForestRegressor(TREES, min_samples_leaf=LEAF, oob_score=True, random_state=state)
    forest = _prepared(trees).fit(features, accuracy)
    # Each tree has seen 63 % of the graphs, each ridge 67 %: both are judged on the others, and forests fitted once.
    by_ridge = cross_val_predict(ridge, features, accuracy, cv=KFold(3, shuffle=True, random_state=state))
    errors = [np.mean((accuracy - of) ** 2) for of in (forest[-1].oob_prediction_, by_ridge)]
    return forest if errors[0] < errors[1] else ridge.fit(features, accuracy)


def fold_models(features: np.ndarray, accuracy: np.ndarray, folds: int, repeats: int, seed: int) -> Iterator[tuple]:
    """Each fold's model, and the graphs that it has not seen."""
    for k in range(repeats):
        for fold, (seen, held_out) in enumerate(cut(len(accuracy), folds, k, seed).split(features)):
            yield chosen_model(features[seen], accuracy[seen], derive("model", seed, k, fold)), held_out


def cut(n: int, folds: int, repeat: int, seed: int):
    """The folds of one repeat, a scikit-learn splitter; no more than there are graphs."""
    from sklearn.model_selection import KFold

    return KFold(min(folds, n), shuffle=True, random_state=derive("folds", seed, repeat) % 2**32)


def _errors(features: np.ndarray, accuracy: np.ndarray, folds: int, repeats: int, seed: int) -> np.ndarray:
    """Squared errors out of fold, means over repeats."""
    errors = np.zeros_like(accuracy)
    for model, held_out in fold_models(features, accuracy, folds, repeats, seed):
        errors[held_out] += (accuracy[held_out] - model.predict(features[held_out])) ** 2 / repeats
    return errors


def _resamples(accuracy: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """How often each graph stands in all of them, and in each resample."""
    n = len(accuracy)
    return np.concatenate([np.ones((1, n), dtype=int), resampled(n, resamples, derive("resamples", seed))])


def r_squared(errors: np.ndarray, accuracy: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """R² in each resample; ``counts[i, j]`` says how often row j stands in resample i."""
    total = counts.sum(axis=1)
    centred = accuracy - accuracy.mean()
    spread = counts @ centred**2 - (counts @ centred) ** 2 / total
    nothing = spread <= ROUNDING * spread.max()
    return np.where(nothing, np.nan, 1 - (counts @ errors) / np.where(nothing, 1, spread))


def _percentiles(names: str, scores: np.ndarray, confidence: float) -> dict[str, float]:
    """The first score, of all graphs, and the interval that the others, of resamples, give it."""
    ends = np.nanquantile(scores[1:], [(1 - confidence) / 2, (1 + confidence) / 2])
    return named(names, map(float, (scores[0], *ends)))


def cluster_importance(
    table: pd.DataFrame,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    threshold: float = 0.3,
    folds: int = 5,
    repeats: int = 2,
    shuffles: int = 5,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """How much out-of-fold R² falls when a cluster of properties is shuffled among the held-out graphs.

    Permutation importance (Breiman, *Random Forests*, Machine Learning 2001) of the models of `nested_prediction`.
    Properties that tell the same (`control.collinearity`) are shuffled together, or each would stand in for the others.

    Index (variant, cluster); members (tuple), fall, low, high (as of `nested_prediction`).
    """
    fraction("confidence", confidence)
    studied, names, rows = _variants(table, target), known_properties(table, properties), {}
    clusters = collinearity(table, names, threshold)["cluster"]
    members = {c: tuple(clusters.index[clusters == c]) for c in dict.fromkeys(clusters)}
    for variant, graphs, accuracy in studied:
        rows |= {(variant, c): {"members": of} for c, of in members.items()}
        if not enough(accuracy):
            continue
        features, rng = features_of(graphs, names), np.random.default_rng(derive("shuffles", seed))
        errors, worse = np.zeros_like(accuracy), {c: np.zeros_like(accuracy) for c in members}
        for model, held_out in fold_models(features, accuracy, folds, repeats, seed):
            errors[held_out] += (accuracy[held_out] - model.predict(features[held_out])) ** 2 / repeats
            orders = np.concatenate([rng.permutation(held_out) for _ in range(shuffles)])
            for cluster, of in members.items():
                columns = [names.index(name) for name in of]
                shuffled = features[np.tile(held_out, shuffles)]
                shuffled[:, columns] = features[np.ix_(orders, columns)]
                wrong = accuracy[held_out] - model.predict(shuffled).reshape(shuffles, -1)
                worse[cluster][held_out] += (wrong**2).mean(axis=0) / repeats
        counts = _resamples(accuracy, resamples, seed)
        whole = r_squared(errors, accuracy, counts)
        for cluster, of in worse.items():
            fall = whole - r_squared(of, accuracy, counts)
            rows[variant, cluster] |= _percentiles("fall low high", fall, confidence)
    return indexed(rows, ["variant", "cluster"], ["members", "fall", "low", "high"])


def transfer(
    table: pd.DataFrame,
    target: str = "test_accuracy",
    properties: Iterable[str] | None = None,
    folds: int = 5,
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> pd.DataFrame:
    """R² on one family of graphs by the model of another, trained on all properties; within a family, out of fold.

    Negative where the mean of the tested family would have been the better prediction.

    Index (variant, trained_on, tested_on); r2, low, high (bootstrap over the tested graphs), graphs (tested). nan where
    either family has fewer than ten graphs.
    """
    fraction("confidence", confidence)
    studied, names, rows = _variants(table, target), known_properties(table, properties), {}
    for variant, graphs, _ in studied:
        by_family = graphs.groupby("generator", sort=False)
        families = {g: (features_of(of, names), numbers(of, target)) for g, of in by_family}
        for source, (seen, known) in families.items():
            model = chosen_model(seen, known, derive("transfer", seed)) if enough(known) else None
            for tested, (unseen, accuracy) in families.items():
                rows[variant, source, tested] = {"graphs": len(accuracy)}
                if model is None or not enough(accuracy):
                    continue
                own = tested == source
                errors = _errors(unseen, accuracy, folds, 1, seed) if own else (accuracy - model.predict(unseen)) ** 2
                scores = r_squared(errors, accuracy, _resamples(accuracy, resamples, seed))
                rows[variant, source, tested] |= _percentiles("r2 low high", scores, confidence)
    return indexed(rows, ["variant", "trained_on", "tested_on"], ["r2", "low", "high", "graphs"])
