"""RQ5 as published: accuracy predicted from the properties of the graph, on one split, and on many like it."""

import warnings
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from sparsekit.analysis.tables import TableError, complete, indexed, require
from sparsekit.graphs.properties import NAMES
from sparsekit.registry import UnknownName, unknown

PUBLISHED_SPLIT = 7
"""The random state of the published split. The published forests' own states are not known; they get the same."""

MODELS = ("bayesian_ridge", "random_forest", "adaboost")
"""The published models, by name."""

SIZES = ("nodes", "edges", "source_nodes", "sink_nodes")

FEATURE_SETS: dict[str, tuple[str, ...]] = {
    "all": NAMES,
    "only_nodes_and_edges": SIZES,
    "without_nodes_and_edges": tuple(name for name in NAMES if name not in SIZES),
    "only_variances": tuple(name for name in NAMES if name.endswith("_var")),
}
"""The four published sets of features (arXiv 2407.20601, appendix B)."""


def published_prediction(table: pd.DataFrame, target: str = "test_acc") -> dict[str, float]:
    """R² of the three published models, by name, on the one published split (arXiv 2407.20601, chapter 6.4).

    The 23 properties are scaled to 0 … 1 over all rows; ``train_test_split(test_size=0.1, random_state=7)``.
    With so few test networks this is mostly luck: see `split_distribution`. nan where fewer than two would be tested.
    A TableError names a property or target that is missing or not numeric.
    """
    from sklearn.preprocessing import minmax_scale

    features, accuracy = _columns(table, target, NAMES)
    return _split_scores(minmax_scale(features), accuracy, _models(), PUBLISHED_SPLIT)


def split_distribution(
    table: pd.DataFrame, target: str = "test_acc", splits: int = 100, seed: int = 0, models: Iterable[str] = MODELS
) -> pd.DataFrame:
    """R² of the published models over many random 90/10 splits: index ``split``, a column per model."""
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler

    features, accuracy = _columns(table, target, NAMES)
    known, chosen = _models(), {}
    for name in models:
        if name not in known:
            raise UnknownName(unknown("model", name, known))
        # Scaled by what a model is fitted to; the thesis scaled all rows, test ones too.
        chosen[name] = make_pipeline(MinMaxScaler(), known[name])
    states = np.random.default_rng(seed).integers(2**32, size=splits)
    rows = [_split_scores(features, accuracy, chosen, int(state)) for state in states]
    return pd.DataFrame(rows, columns=list(chosen)).rename_axis("split")


def importances(table: pd.DataFrame, target: str = "test_acc") -> pd.DataFrame:
    """Feature importances of the random forest on the published split, for the four published feature sets.

    Index ``feature_set``, a column per property (nan where the set lacks it); each row adds up to 1. ``attrs["r2"]`` is
    a dict of each set's R² on the split's test networks. All nan from a table too small to test on.
    """
    from sklearn.preprocessing import minmax_scale

    rows, scores = {}, {}
    for name, properties in FEATURE_SETS.items():
        features, accuracy = _columns(table, target, properties)
        rows[name], scores[name] = {}, np.nan
        if split := _split(minmax_scale(features), accuracy, PUBLISHED_SPLIT):
            seen, unseen, known, hidden = split
            forest = _models()["random_forest"].fit(seen, known)
            rows[name] = dict(zip(properties, forest.feature_importances_, strict=True))
            scores[name] = float(forest.score(unseen, hidden))
    found = indexed(rows, ["feature_set"], NAMES).astype(float)
    found.attrs["r2"] = scores
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


def _split_scores(features: np.ndarray, accuracy: np.ndarray, models: dict, state: int) -> dict[str, float]:
    from sklearn.base import clone

    split = _split(features, accuracy, state)
    if split is None or np.ptp(split[3]) == 0:
        return dict.fromkeys(models, np.nan)
    seen, unseen, known, hidden = split
    return {name: float(clone(model).fit(seen, known).score(unseen, hidden)) for name, model in models.items()}


def quantiles(distributions: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Median, quartiles and the 5 % to 95 % range of the R² of many splits, a row a variant and model.

    The columns are panel (the variant), row (the model), mean (the median), low, high, inner_low, inner_high.
    """
    columns = {0.5: "mean", 0.05: "low", 0.95: "high", 0.25: "inner_low", 0.75: "inner_high"}
    tables = {v: table.quantile(list(columns)).T.rename(columns=columns) for v, table in distributions.items()}
    return pd.concat(tables, names=["panel", "row"]).reset_index()


def ranked_clusters(table: pd.DataFrame) -> pd.DataFrame:
    """`cross_validation.cluster_importance` with the clusters that cost most in any variant first."""
    order = table.groupby(level="cluster", sort=False)["fall"].max().sort_values(ascending=False, kind="stable").index
    return table.reset_index().sort_values("cluster", key=lambda names: names.map(order.get_loc), kind="stable")
