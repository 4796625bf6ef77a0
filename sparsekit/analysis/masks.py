"""Masks of pruned networks as graphs: how they differ from null models, and what they are worth without their weights.

Differences are taken network by network and graph by graph, then averaged over layers: the seed is the sample.
"""

from collections.abc import Iterable

import pandas as pd

from sparsekit.analysis.conditions import at_the_end, beside
from sparsekit.analysis.intervals import mean_interval, named
from sparsekit.analysis.tables import MASKS, fraction, indexed, require
from sparsekit.graphs import directed, families, nulls
from sparsekit.seeds import derive

SHOWN = (
    "degree_inequality",
    "degree_assortativity",
    "average_clustering",
    "reciprocity",
    "self_loops",
    "spectral_radius",
)
"""Directed properties that tell masks apart and are quick to measure."""

NULLS = ("rewired", "random")


def generated(
    generators: Iterable[str], nodes: int, count: int = 10, seed: int = 0, names: Iterable[str] = SHOWN
) -> pd.DataFrame:
    """Graphs of each generator, of as many nodes as a layer has units, and null models of each, to stand beside masks.

    A row each as of `tables.MASKS`: variant (the generator), seed (the graph's number), layer, kind ("generated",
    "rewired", "random"), properties.
    """
    names, rows = tuple(names), []
    for generator in generators:
        for k in range(count):
            graph = families.sample(generator, derive("beside masks", seed, k), nodes, nodes)
            made = {"generated": graph} | {kind: nulls.NULLS[kind](graph, derive(kind, seed, k)) for kind in NULLS}
            for kind, of in made.items():
                own = {"variant": generator, "seed": k, "layer": 0, "kind": kind}
                rows.append(own | directed.measure_directed(of, names))
    return pd.DataFrame(rows)


def mask_differences(table: pd.DataFrame, names: Iterable[str] = SHOWN, confidence: float = 0.95) -> pd.DataFrame:
    """Each property of masks minus that of their null models, in pairs, with a Student t interval over seeds.

    Of `tables.MASKS`, of one target and percentage, or what `generated` returns. A pair of which either value is
    undefined does not count.

    Index (variant, against, property); value (mean of the masks), difference, low, high (nan for one seed), seeds.
    """
    fraction("confidence", confidence)
    names, rows = list(names), {}
    require(table, [*MASKS, *names] if len(table) else [])
    for variant, own in table.groupby("variant", sort=False) if len(table) else ():
        kinds = {kind: of.set_index(["seed", "layer"])[names] for kind, of in own.groupby("kind", sort=False)}
        (itself,) = (of for kind, of in kinds.items() if kind not in NULLS)
        for against in NULLS:
            differences = (itself - kinds[against]).groupby(level="seed").mean()
            for name in names:
                known = differences[name].dropna()
                rows[variant, against, name] = {"value": itself[name].mean(), "seeds": len(known)}
                rows[variant, against, name] |= named("difference low high", mean_interval(known, confidence))
    return indexed(rows, ["variant", "against", "property"], ["value", "difference", "low", "high", "seeds"])


def mask_effects(training: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """What mask and weights are each worth: last accuracy minus that of fresh weights in the pruned mask, by seed.

    Of `tables.RECOVERY` of the protocols that start from a mask; empty without fresh weights in pruned masks.

    Index (variant, percent, recovery); accuracy and afresh (means, of it and of fresh weights in the pruned mask),
    difference, low, high (Student t over seeds; nan for one seed), seeds, values (a difference each).
    """
    fraction("confidence", confidence)
    rows = {}
    require(training, ["variant", "seed", "percent", "recovery", "step", "accuracy"])
    last = at_the_end(training).drop(columns="step")  # which differs: fresh weights train for longer
    if (last["recovery"] == "reinitialise").any():
        pairs = beside(last, recovery="reinitialise")
        for key, own in pairs.groupby(["variant", "percent", "recovery"], sort=False):
            values = (own["accuracy"] - own["base_accuracy"]).tolist()
            rows[key] = named("accuracy afresh", own[["accuracy", "base_accuracy"]].mean())
            rows[key] |= named("difference low high", mean_interval(values, confidence, low=-1, high=1))
            rows[key] |= {"seeds": len(values), "values": values}
    columns = ["accuracy", "afresh", "difference", "low", "high", "seeds", "values"]
    return indexed(rows, ["variant", "percent", "recovery"], columns)
