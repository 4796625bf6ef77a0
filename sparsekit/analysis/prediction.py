"""RQ5 as published: accuracy predicted from the properties of the graph, on one split, and on many like it."""

import warnings
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from sparsekit.analysis.tables import TableError, complete, indexed, require
from sparsekit.graphs.properties import NAMES
from sparsekit.registry import check_name

PUBLISHED_SPLIT = 7
"""The random state of the published split. Forests and AdaBoost get it too, as their own are not known: states
explain what is reported but for AdaBoost on RNN-ReLU, which may be another version of the library's."""

MODELS = ("bayesian_ridge", "random_forest", "adaboost")
"""The published models, by name."""

FEWEST_TESTED = 10
"""R² over fewer networks than these is a matter of which they are, and is not told."""

SIZES = ("nodes", "edges", "source_nodes", "sink_nodes")

FEATURE_SETS: dict[str, tuple[str, ...]] = {
    "all": NAMES,
    "only_nodes_and_edges": SIZES,
    "without_nodes_and_edges": tuple(name for name in NAMES if name not in SIZES),
    "only_variances": tuple(name for name in NAMES if name.endswith("_var")),
}
"""The four published sets of features (arXiv 2407.20601, appendix B)."""


def published_prediction(
    table: pd.DataFrame, target: str = "test_acc", properties: Sequence[str] = NAMES
) -> pd.DataFrame:
    """Scores of the three published models on the one published split (arXiv 2407.20601, chapter 6.4).

    The 23 properties are scaled to 0 … 1 over all rows; ``train_test_split(test_size=0.1, random_state=7)``.
    With few test networks this is mostly luck: see `split_distribution`.

    Index ``model``, "mean" (of the networks trained on) last; r2 (nan on fewer than ten tested networks or a constant
    accuracy), rmse (in accuracy; nan where fewer than two would be tested), tested.

    Raises
    ------
    TableError
        Where a property or the target is missing or not numeric; it names it.
    """
    from sklearn.preprocessing import minmax_scale

    features, accuracy = _columns(table, target, properties)
    return _scores(minmax_scale(features), accuracy, _models(), PUBLISHED_SPLIT)


def split_distribution(
    table: pd.DataFrame,
    target: str = "test_acc",
    splits: int = 100,
    seed: int = 0,
    models: Iterable[str] = MODELS,
    properties: Sequence[str] = NAMES,
) -> pd.DataFrame:
    """`published_prediction` over many random 90/10 splits, its columns as index (split, model)."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    features, accuracy = _columns(table, target, properties)
    known, chosen = _models(), {}
    for name in models:
        check_name("model", name, known)
        # Scaled by what a model is fitted to; the thesis scaled all rows, test ones too.
        chosen[name] = make_pipeline(MinMaxScaler(), known[name])
    states = np.random.default_rng(seed).integers(2**32, size=splits)
    return pd.concat({k: _scores(features, accuracy, chosen, int(s)) for k, s in enumerate(states)}, names=["split"])


def importances(table: pd.DataFrame, target: str = "test_acc", properties: Sequence[str] = NAMES) -> pd.DataFrame:
    """Feature importances of the random forest on the published split, for the four published feature sets.

    Of properties that are not the published ones, a set has those that it names, and "all" all of them; an empty set is
    left out.

    Index ``feature_set``, a column per property (nan where the set lacks it); each row adds up to 1.
    ``attrs["scores"]`` has a dict of r2, rmse and tested of each set, as of `published_prediction`. All nan from a
    table too small to test on.
    """
    from sklearn.preprocessing import minmax_scale

    rows, scores, given = {}, {}, list(properties)
    sets = {name: [p for p in own if p in given] for name, own in FEATURE_SETS.items()} | {"all": given}
    for name, properties in sets.items():
        if not properties:
            continue
        features, accuracy = _columns(table, target, properties)
        forest = {"random_forest": _models()["random_forest"]}
        scores[name] = _scores(minmax_scale(features), accuracy, forest, PUBLISHED_SPLIT).iloc[0]
        split = _split(minmax_scale(features), accuracy, PUBLISHED_SPLIT)
        weights = forest["random_forest"].fit(split[0], split[2]).feature_importances_ if split else ()
        rows[name] = dict(zip(properties, weights, strict=False))
    found = indexed(rows, ["feature_set"], given).astype(float)
    found.attrs["scores"] = {name: score.to_dict() for name, score in scores.items()}
    return found


def _models() -> dict:
    from sklearn.ensemble import AdaBoostRegressor, RandomForestRegressor
    from sklearn.linear_model import BayesianRidge

    forest, boost = (of(random_state=PUBLISHED_SPLIT) for of in (RandomForestRegressor, AdaBoostRegressor))
    return dict(zip(MODELS, (BayesianRidge(), forest, boost), strict=True))


def _columns(table: pd.DataFrame, target: str, properties: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features, shape (rows, properties), and the target, of the rows that have all of them."""
    require(table, [target, *properties])
    if not len(table):
        raise TableError("the table has no rows")
    values = complete(table, [target, *properties])
    if not len(values):
        raise TableError(f"no row has a value in all of {target}, {', '.join(properties)}")
    if lacking := len(table) - len(values):
        warnings.warn(f"{lacking} of {len(table)} rows lack a value and are left out", stacklevel=3)
    return values[:, 1:], values[:, 0]


def _split(features: np.ndarray, accuracy: np.ndarray, state: int) -> list[np.ndarray] | None:
    from sklearn.model_selection import train_test_split

    # R² needs two networks to test on, and a tenth of ten is one.
    return train_test_split(features, accuracy, test_size=0.1, random_state=state) if len(accuracy) > 10 else None


def _scores(features: np.ndarray, accuracy: np.ndarray, models: dict, state: int) -> pd.DataFrame:
    from sklearn.base import clone
    from sklearn.dummy import DummyRegressor

    found = pd.DataFrame(np.nan, pd.Index([*models, "mean"], name="model"), ["r2", "rmse", "tested"])
    split = _split(features, accuracy, state)
    found["tested"] = len(split[3]) if split else 0
    for name, model in (models | {"mean": DummyRegressor()}).items() if split else ():
        seen, unseen, known, hidden = split
        fitted = clone(model).fit(seen, known)
        found.loc[name, "rmse"] = np.sqrt(np.mean((hidden - fitted.predict(unseen)) ** 2))
        if len(hidden) >= FEWEST_TESTED and np.ptp(hidden) > 0:
            found.loc[name, "r2"] = fitted.score(unseen, hidden)
    return found


def spread(splits: pd.DataFrame, score: str) -> pd.DataFrame:
    """Median, quartiles and the 5 % to 95 % range of a score over `split_distribution`, a row a model.

    ``mean`` (the median), low, high, inner_low, inner_high, splits (those that have the score).
    """
    columns = {0.5: "mean", 0.05: "low", 0.95: "high", 0.25: "inner_low", 0.75: "inner_high"}
    own = splits[score].groupby(level="model", sort=False)
    return own.quantile(list(columns)).unstack().rename(columns=columns).assign(splits=own.count())


def ranked_clusters(table: pd.DataFrame) -> pd.DataFrame:
    """`cross_validation.cluster_importance` with the clusters that cost most in any variant first."""
    order = table.groupby(level="cluster", sort=False)["fall"].max().sort_values(ascending=False, kind="stable").index
    return table.reset_index().sort_values("cluster", key=lambda names: names.map(order.get_loc), kind="stable")
