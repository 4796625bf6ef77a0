"""Where the weights survive pruning: shares by gate and layer, dead units, spectral radii, as means over seeds."""

from itertools import chain

import numpy as np
import pandas as pd

from sparsekit.analysis.conditions import chosen
from sparsekit.analysis.intervals import over_seeds
from sparsekit.analysis.tables import SPECTRAL_RADII, require
from sparsekit.variants import GATES, MATRICES, TARGETS, VARIANTS

STAGES = ("base", "pruned", "recovered")


def of_target(table: pd.DataFrame, columns: list[str], target: str) -> pd.DataFrame:
    """A target's rows, and of a table with matrices those of the matrices that it means."""
    require(table, ["variant", "seed", "target", *columns])
    own = chosen(table, target=target)
    return own[own["matrix"].isin([MATRICES[m] for m in TARGETS[target]])] if "matrix" in own else own


def gate_shares(survival: pd.DataFrame, target: str) -> pd.DataFrame:
    """Share that survives of each gate of each matrix of `tables.SURVIVORS`, over layers and seeds.

    The columns are variant, gate, matrix, percent, share; ratio, to the average of the variant's pruned weights at that
    percentage; lean, its binary logarithm, which is 0 where all are pruned: what the published rule leaves of 100 % is
    one weight, which leans nowhere.
    """
    own = of_target(survival, ["percent", "matrix", "gate", "weights", "survivors"], target)
    each, of_all = (
        own.groupby(by)[["survivors", "weights"]].sum().pipe(lambda sums: sums["survivors"] / sums["weights"])
        for by in (["variant", "gate", "matrix", "percent"], ["variant", "percent"])
    )
    table = each.rename("share").reset_index().merge(of_all.rename("average").reset_index())
    ratio = table["share"] / table["average"].where(table["average"] > 0)
    leans = (table["percent"] < 100) & (table["average"] > 0)
    lean = np.where(leans, np.log2(ratio.fillna(1).clip(lower=1e-9)), 0.0)
    return _in_order(table.assign(ratio=ratio, lean=lean).drop(columns="average"))


def layer_shares(survival: pd.DataFrame, percentage: float, target: str, confidence: float = 0.95) -> pd.DataFrame:
    """Mean share that survives at one percentage: variant, gate, layer, matrix, mean, low, high, n."""
    by = ["variant", "gate", "layer", "matrix"]
    own = chosen(of_target(survival, ["percent", *by, "share"], target), percent=percentage)
    return _in_order(over_seeds(own, by, "share", confidence, low=0))


def dead_shares(dead: pd.DataFrame, target: str, confidence: float = 0.95) -> pd.DataFrame:
    """Mean share of `tables.DEAD_UNITS`: variant, layer, percent, mean, low, high, n.

    Percentages at which all units of all networks are dead are left out, unless there are no others.
    """
    own = of_target(dead, ["percent", "layer", "gate", "units", "dead"], target).query("gate == 'all'")
    own = own.assign(share=own["dead"] / own["units"])
    some_live = own.groupby("percent")["share"].transform("min") < 1
    own = (own[some_live] if some_live.any() else own).sort_values("layer", kind="stable")
    return over_seeds(own, ["variant", "layer", "percent"], "share", confidence, low=0, high=1)


def first_dead(dead: pd.DataFrame, target: str) -> dict[str, float]:
    """The lowest percentage pruned at which a unit of a variant is dead; nan where none ever is."""
    own = of_target(dead, ["percent", "gate", "dead"], target).query("gate == 'all'")
    first = own[own["dead"] > 0].groupby("variant")["percent"].min()
    return {variant: first.get(variant, np.nan) for variant in VARIANTS if variant in set(own["variant"])}


def mean_radii(radii: pd.DataFrame, percentage: float, target: str, confidence: float = 0.95) -> pd.DataFrame:
    """Mean of `tables.SPECTRAL_RADII` at each stage: variant, gate, layer, network, mean, low, high, n."""
    require(radii, SPECTRAL_RADII)
    is_base = radii["network"] == "base"
    pruned = chosen(of_target(radii[~is_base], ["network", "percent"], target), percent=percentage)
    before = radii[is_base].drop_duplicates(["variant", "seed", "layer", "gate"])
    by = ["variant", "gate", "layer", "network"]
    return _in_order(over_seeds(pd.concat([before, pruned]), by, "spectral_radius", confidence, low=0))


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sorted by variant, gate, layer or matrix, and percentage or stage."""
    places = {"variant": VARIANTS, "gate": chain(*GATES.values()), "matrix": MATRICES.values(), "network": STAGES}
    order = {name: list(values) for name, values in places.items()}
    by = [name for name in ("layer", "variant", "gate", "matrix", "network", "percent") if name in table]
    return table.sort_values(
        by, key=lambda own: own.map(order[own.name].index) if own.name in order else own, ignore_index=True
    )
