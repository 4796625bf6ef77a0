"""Graph networks in pairs that differ in one thing: what that thing is worth in accuracy, graph by graph."""

import numpy as np
import pandas as pd

from sparsekit.ceilings import CHANCE_MARGIN
from sparsekit.intervals import mean_interval
from sparsekit.tables import fraction, numbers, require

PAIR = ["variant", "generator", "original", "seed"]
NULLS = {"rewired": "same degrees", "shuffled": "other labels", "random": "same density"}
"""What a null model has of its graph, or has not, by its name."""


def null_differences(structure: pd.DataFrame, chance: float, margin: float = CHANCE_MARGIN) -> pd.DataFrame:
    """Accuracy of each graph's networks minus that of its null models', networks of equal seed in pairs.

    The graph is the sample, so its pairs are averaged. Only pairs of which both left chance level have a difference;
    how many did not is counted, an outcome of its own.

    Parameters
    ----------
    structure : DataFrame
        As ``studies.structure`` returns it; variant, generator, original, seed, null, test_accuracy are used.
    chance : float
        Accuracy of always naming the larger class.

    Returns
    -------
    DataFrame
        One row a variant, null model and graph: variant, against (the null model), generator, original, difference
        (nan where no pair has one), pairs, stuck and stuck_other (networks at chance level). Without null models it is
        empty.
    """
    require(structure, ["null"])
    own = structure["null"] == "none"
    return _differences(structure[own], structure[~own], "null", chance, margin)


def gate_row_differences(layouts: pd.DataFrame, chance: float, margin: float = CHANCE_MARGIN) -> pd.DataFrame:
    """Accuracy under the published mask rows minus that under whole masks in each gate, as `null_differences`.

    Parameters
    ----------
    layouts : DataFrame
        As ``studies.gate_rows`` returns it.
    """
    require(layouts, ["gate_masks"])
    published = layouts["gate_masks"] == "rows"
    return _differences(layouts[published], layouts[~published], "gate_masks", chance, margin)


def _differences(ones: pd.DataFrame, others: pd.DataFrame, against: str, chance: float, margin: float) -> pd.DataFrame:
    fraction("chance", chance)
    fraction("margin", margin)
    target = "test_accuracy"
    require(ones, [*PAIR, target])
    others = others[[*PAIR, against, target]].rename(columns={against: "against", target: "other"})
    pairs = others.merge(ones[[*PAIR, target]], on=PAIR, validate="many_to_one")
    one, other = numbers(pairs, target), numbers(pairs, "other")
    # A network without an accuracy has not left chance level either.
    stuck, stuck_other = ~(one > chance + margin), ~(other > chance + margin)
    difference = np.where(stuck | stuck_other, np.nan, one - other)
    pairs = pairs.assign(difference=difference, stuck=stuck, stuck_other=stuck_other)
    graphs = pairs.groupby(["variant", "against", "generator", "original"], sort=False)
    counts = {"pairs": ("seed", "size"), "stuck": ("stuck", "sum"), "stuck_other": ("stuck_other", "sum")}
    return graphs.agg(difference=("difference", "mean"), **counts).reset_index()


def mean_differences(differences: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Mean over graphs of `null_differences` or `gate_row_differences`, with its Student t interval.

    Returns
    -------
    DataFrame
        Index (variant, against); graphs (those with a difference), mean, low, high (nan for a single graph), above and
        below (graphs whose difference is positive, negative), pairs, stuck, stuck_other (counts of networks).
    """
    fraction("confidence", confidence)
    require(differences, ["variant", "against", "difference", "pairs", "stuck", "stuck_other"])
    rows = {}
    for name, graphs in differences.groupby(["variant", "against"], sort=False):
        known = graphs["difference"].dropna()
        mean, low, high = mean_interval(known, confidence, low=-1, high=1)
        rows[name] = {"graphs": len(known), "mean": mean, "low": low, "high": high}
        rows[name] |= {"above": int((known > 0).sum()), "below": int((known < 0).sum())}
        rows[name] |= graphs[["pairs", "stuck", "stuck_other"]].sum().to_dict()
    columns = ["graphs", "mean", "low", "high", "above", "below", "pairs", "stuck", "stuck_other"]
    index = pd.MultiIndex.from_tuples(list(rows), names=["variant", "against"])
    return pd.DataFrame(list(rows.values()), index=index, columns=columns)
