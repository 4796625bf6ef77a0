"""RQ5 beyond the graphs at hand: which properties the prediction rests on, and whether it carries over to a family."""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sparsekit.control import collinearity
from sparsekit.correlation import known_properties, variants_of
from sparsekit.cross_validation import (
    chosen_model,
    enough,
    features_of,
    fold_models,
    graph_rows,
    indexed,
    resampled,
    with_interval,
)
from sparsekit.prediction import r_squared
from sparsekit.seeds import derive
from sparsekit.tables import fraction, numbers, remembered


@remembered
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

    Permutation importance (Breiman, *Random Forests*, Machine Learning 2001) of the models of
    :func:`sparsekit.cross_validation.nested_prediction`. Properties that tell the same
    (:func:`sparsekit.control.collinearity`) are shuffled together, or each would stand in for the others.

    Returns
    -------
    DataFrame
        Index (variant, cluster); members (tuple), fall, low, high (bootstrap over graphs). nan from fewer than ten
        graphs or a constant accuracy.
    """
    fraction("confidence", confidence)
    variants, names, rows = variants_of(table, [target]), known_properties(table, properties), {}
    clusters = collinearity(table, names, threshold)["cluster"]
    members = {c: tuple(clusters.index[clusters == c]) for c in dict.fromkeys(clusters)}
    for variant in variants:
        graphs, accuracy = graph_rows(table, variant, target)
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
        counts = resampled(len(accuracy), resamples, seed)
        whole = r_squared(errors, accuracy, counts)
        for cluster, of in worse.items():
            fall = whole - r_squared(of, accuracy, counts)
            rows[variant, cluster] |= with_interval(("fall", "low", "high"), fall, confidence)
    return indexed(rows, ["variant", "cluster"], ["members", "fall", "low", "high"])


@remembered
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

    Returns
    -------
    DataFrame
        Index (variant, trained_on, tested_on); r2, low, high (bootstrap over the tested graphs), graphs (tested). nan
        where either family has fewer than ten graphs.
    """
    fraction("confidence", confidence)
    variants, names, rows = variants_of(table, [target]), known_properties(table, properties), {}
    for variant in variants:
        graphs, _ = graph_rows(table, variant, target)
        families = {
            g: (features_of(of, names), numbers(of, target)) for g, of in graphs.groupby("generator", sort=False)
        }
        for source, (seen, known) in families.items():
            model = chosen_model(seen, known, derive("transfer", seed)) if enough(known) else None
            for tested, (unseen, accuracy) in families.items():
                rows[variant, source, tested] = {"graphs": len(accuracy)}
                if model is None or not enough(accuracy):
                    continue
                if tested == source:
                    predicted = np.empty(len(accuracy))
                    for of_fold, held_out in fold_models(unseen, accuracy, folds, 1, seed):
                        predicted[held_out] = of_fold.predict(unseen[held_out])
                else:
                    predicted = model.predict(unseen)
                scores = r_squared((accuracy - predicted) ** 2, accuracy, resampled(len(accuracy), resamples, seed))
                rows[variant, source, tested] |= with_interval(("r2", "low", "high"), scores, confidence)
    return indexed(rows, ["variant", "trained_on", "tested_on"], ["r2", "low", "high", "graphs"])
