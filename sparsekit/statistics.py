"""What the tables of a study say: every statistic of the kit, and the strongest of many correlations.

Each has a module by its subject and can be called from here.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd

from sparsekit.causes import causes
from sparsekit.ceilings import intraclass, learned, trainability
from sparsekit.conditions import after_recovery, beside, chosen, one_condition
from sparsekit.control import collinearity, mixed, partial
from sparsekit.correlation import FEWEST_ROWS, ROUNDING, by_variant, correlate, correlations
from sparsekit.cross_validation import nested_prediction, permutation_test
from sparsekit.equivalence import equivalence, tolerance, tolerated
from sparsekit.generalisation import cluster_importance, transfer
from sparsekit.graph_pairs import gate_row_differences, mean_differences, null_differences
from sparsekit.intervals import bootstrap_interval, mean_interval, prediction_interval, wilson
from sparsekit.mask_graphs import generated, mask_differences, mask_effects
from sparsekit.prediction import (
    FEATURE_SETS,
    importances,
    published_prediction,
    split_distribution,
)
from sparsekit.pruning_statistics import censoring, operating_points, safe_percentage, widened
from sparsekit.recovery_statistics import area_under_recovery, kaplan_meier, regain, steps_to_regain
from sparsekit.structure_columns import controls, graph_properties, only_learned, prediction_baselines
from sparsekit.tables import TableError, given_graphs, numbers, one_per_graph, require

__all__ = [
    "FEATURE_SETS",
    "TableError",
    "after_recovery",
    "area_under_recovery",
    "beside",
    "bootstrap_interval",
    "by_variant",
    "causes",
    "censoring",
    "chosen",
    "cluster_importance",
    "collinearity",
    "controls",
    "correlate",
    "correlations",
    "equivalence",
    "gate_row_differences",
    "generated",
    "given_graphs",
    "graph_properties",
    "importances",
    "intraclass",
    "kaplan_meier",
    "learned",
    "mask_differences",
    "mask_effects",
    "mean_differences",
    "mean_interval",
    "mixed",
    "nested_prediction",
    "null_differences",
    "one_condition",
    "one_per_graph",
    "only_learned",
    "operating_points",
    "partial",
    "permutation_test",
    "prediction_baselines",
    "prediction_interval",
    "published_prediction",
    "regain",
    "safe_percentage",
    "split_distribution",
    "steps_to_regain",
    "strongest",
    "tolerance",
    "tolerated",
    "trainability",
    "transfer",
    "widened",
    "wilson",
]


def strongest(
    table: pd.DataFrame, target: str, properties: Iterable[str], permutations: int = 999, seed: int = 0
) -> tuple[str, float, float]:
    """The property with the largest |r| (Pearson) with a target, and how often chance finds as large a one among all.

    The target is permuted over the rows; each time the largest |r| of all properties stands against ours, so that
    looking at many properties is paid for and their dependence kept (Westfall and Young, *Resampling-Based Multiple
    Testing*, 1993). p counts the data itself as one permutation (Phipson and Smyth, 2010). Rows that lack a value, and
    properties that are constant, are left out.

    Returns
    -------
    name : str
        Empty, with nan for both numbers, where nothing varies or fewer than five rows are left.
    r, p : float
    """
    names = list(properties)
    require(table, [target, *names])
    values = np.column_stack([numbers(table, name) for name in (target, *names)])
    values = values[np.isfinite(values).all(axis=1)]
    if len(values) < FEWEST_ROWS:
        return "", np.nan, np.nan
    varies = np.ptp(values, axis=0) > ROUNDING * np.abs(values).max(axis=0)
    if not varies[0] or not varies[1:].any():
        return "", np.nan, np.nan
    values, names = values[:, varies], [name for name, kept in zip(names, varies[1:], strict=True) if kept]
    values = values - values.mean(axis=0)
    values /= np.linalg.norm(values, axis=0)
    y, x = values[:, 0], values[:, 1:]
    r = y @ x
    orders = np.random.default_rng(seed).permuted(np.tile(np.arange(len(y)), (permutations, 1)), axis=1)
    largest, best = np.abs(y[orders] @ x).max(axis=1), int(np.abs(r).argmax())
    p = (1 + np.sum(largest >= abs(r[best]) - ROUNDING)) / (1 + permutations)
    return names[best], float(r[best].clip(-1, 1)), float(p)
