"""Networks that are sparse from the start: how accurate beside those pruned after training, and how masks move.

Whatever is compared is paired by seed; variants are averaged within a seed first, for the seed is the sample.
"""

import pandas as pd

from sparsekit.analysis import conditions
from sparsekit.analysis.intervals import over_seeds
from sparsekit.analysis.tables import COST, SPARSE, require

REFERENCE = "pruned"
"""The method that all others are compared with: trained dense, pruned by magnitude, trained further."""


def points(table: pd.DataFrame, budget: str, confidence: float = 0.95) -> pd.DataFrame:
    """Accuracy of each method at each compression, of `tables.SPARSE`, at an equal budget.

    Columns variant, method, compression; mean, low, high (Student t over seeds), n.
    """
    own = _at(table, budget)
    return over_seeds(own, ["variant", "method", "compression"], "accuracy", confidence, low=0, high=1)


def ahead(table: pd.DataFrame, budget: str, confidence: float = 0.95) -> pd.DataFrame:
    """By how much each method is ahead of pruning after training, paired by seed; below 0 it is behind.

    Of `tables.SPARSE`. Columns variant, method, compression; ahead (mean), low, high (Student t over seeds), n.
    """
    found = conditions.ahead(_at(table, budget), "accuracy", confidence, method=REFERENCE).reset_index()
    return found.assign(compression=(100 / (100 - found["percent"])).round(6)).drop(columns=["target", "percent"])


def ahead_in_all(
    table: pd.DataFrame, budget: str, confidence: float = 0.95, by: tuple[str, ...] = ("method",)
) -> pd.DataFrame:
    """`ahead`, over all compressions, by what is named: columns ``by``, mean, low, high (over seeds), n."""
    pairs = conditions.beside(_at(table, budget), method=REFERENCE)
    pairs["ahead"] = pairs["accuracy"] - pairs["base_accuracy"]
    seeds = pairs.groupby([*by, "seed"], sort=False)["ahead"].mean().reset_index()
    return over_seeds(seeds, by, "ahead", confidence, low=-1, high=1)


def spent(table: pd.DataFrame, budget: str) -> pd.DataFrame:
    """What a training costs, in multiply-adds of the network that is pruned after it: a row a method.

    Columns are compressions; means over variants and seeds.
    """
    return _at(table, budget).pivot_table("spent", "method", "compression", sort=False)


def sizes(table: pd.DataFrame) -> pd.DataFrame:
    """How much smaller the sparse networks are, and how much cheaper a step: dense by sparse, a row a compression.

    Columns "compression ratio" and "multiply-add ratio", means over networks that are sparse from the start.
    """
    require(table, [*SPARSE, *COST])
    own = table[~table["method"].isin([REFERENCE, "small_dense"]) & (table["budget"] == "steps")]
    ratios = {
        "compression ratio": own["weights_dense"] / own["weights"],
        "multiply-add ratio": own["multiply_adds_dense"] / own["multiply_adds"],
    }
    return pd.DataFrame(ratios).groupby(own["compression"]).mean()


def moved(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """How far masks move and how many weights they try, of what ``experiments.sparse.movements`` returns.

    Columns method, compression, measure ("distance", "ever_alive"); mean, low, high (over seeds), n.
    """
    require(table, ["seed", "method", "compression", "distance", "ever_alive"])
    long = table.melt(["variant", "seed", "method", "compression"], ["distance", "ever_alive"], "measure")
    keys = ["measure", "compression", "method"]
    seeds = long.groupby([*keys, "seed"], sort=False)["value"].mean().reset_index()
    return over_seeds(seeds, keys, "value", confidence, low=0, high=1)


def against_nulls(table: pd.DataFrame, compression: float, confidence: float = 0.95) -> pd.DataFrame:
    """Properties of masks less those of their null models, on the way through training, at one compression.

    Of what ``experiments.sparse.structures`` returns. Columns property, method, share (of training); mean, low, high
    (over seeds), n. Variants, layers and gates are averaged; what is undefined does not count.
    """
    seeds = _against(table, compression)
    return over_seeds(seeds.dropna(), ["property", "method", "share"], "difference", confidence, low=-1, high=1)


def drifts(table: pd.DataFrame, compression: float, confidence: float = 0.95) -> pd.DataFrame:
    """By how much a mask's property less that of its null model grows from first to last, paired by seed.

    Columns property, method; mean, low, high (over seeds), n.
    """
    seeds = _against(table, compression).sort_values("share")
    ends = seeds.groupby(["property", "method", "seed"], sort=False)["difference"].agg(["first", "last"])
    grown = (ends["last"] - ends["first"]).rename("drift").reset_index().dropna()
    return over_seeds(grown, ["property", "method"], "drift", confidence, low=-2, high=2)


def _against(table: pd.DataFrame, compression: float) -> pd.DataFrame:
    require(table, ["seed", "method", "compression", "share", "property", "value", "null"])
    own = conditions.chosen(table, compression=compression)
    own = own.assign(difference=own["value"] - own["null"])
    return own.groupby(["property", "method", "share", "seed"], sort=False)["difference"].mean().reset_index()


def _at(table: pd.DataFrame, budget: str) -> pd.DataFrame:
    require(table, SPARSE)
    return conditions.chosen(table, budget=budget)
