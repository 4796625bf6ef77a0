"""A study's table with effects that are known because they were put there."""

import numpy as np
import pandas as pd

from sparsekit.analysis.masks import SHOWN
from sparsekit.analysis.structure import CAUSES
from sparsekit.graphs import properties

NAMES = ["nodes", "edges", "source_nodes", "sink_nodes", "diameter", "density", "closeness_mean", "degree_var"]


def study(
    graphs=60, seeds=3, effect=0.0, size=0.0, between=0.02, within=0.02, variants=("gru", "lstm"), family=0.0, seed=0
):
    """Accuracy rises by ``effect`` per s.d. of closeness_mean and by ``size`` per s.d. of nodes, in units of 0.02.

    density goes with nodes, and diameter with closeness_mean, but neither has an effect of its own; the other
    properties are noise. ``family`` is what the second family is better by.
    """
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"nodes": rng.integers(10, 51, graphs)})
    table["edges"] = 2 * table["nodes"] + rng.integers(0, 20, graphs)
    table["parameters"] = 50 * table["nodes"] ** 2 + 7 * table["edges"]
    for name in ("source_nodes", "sink_nodes"):
        table[name] = rng.integers(1, 12, graphs)
    z = (table["nodes"] - table["nodes"].mean()) / table["nodes"].std()
    table["closeness_mean"] = rng.normal(size=graphs)
    table["diameter"] = -0.9 * table["closeness_mean"] + 0.44 * rng.normal(size=graphs)
    table["density"] = 0.9 * z + 0.44 * rng.normal(size=graphs)
    table["degree_var"] = rng.normal(size=graphs)
    table["generator"] = np.where(np.arange(graphs) % 2, "watts_strogatz", "barabasi_albert")
    table["graph"] = np.arange(graphs)
    mean = 0.75 + 0.02 * (effect * table["closeness_mean"] + size * z) + family * (np.arange(graphs) % 2)
    parts = []
    for variant in variants:
        of_graph = mean + between * rng.normal(size=graphs)
        for k in range(seeds):
            accuracy = of_graph + within * rng.normal(size=graphs)
            parts.append(table.assign(variant=variant, seed=k, test_accuracy=accuracy))
    return pd.concat(parts, ignore_index=True)


def independent(rows, seed=0, effect=1.0):
    """A table whose accuracy follows source_nodes; the other properties are noise."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(rows, len(properties.NAMES))), columns=list(properties.NAMES))
    table["test_acc"] = effect * table.source_nodes + rng.normal(size=rows)
    return table


def pruned_by(differences, percent=50.0, base=0.9, **columns):
    """One pruned network per seed, its accuracy that far from the base's."""
    table = pd.DataFrame({"seed": range(len(differences)), "accuracy": base + np.asarray(differences, float)})
    return table.assign(variant="gru", target="both", percent=percent, base_accuracy=base, **columns)


def with_nulls(graphs=12, seeds=2, gain=0.05, variants=("gru", "lstm"), nulls=("rewired",), noise=0.01, seed=0):
    """Networks of two families; graphs are better than their null models by ``gain`` in the last variant alone."""
    rng, rows = np.random.default_rng(seed), []
    for variant in variants:
        for k in range(graphs):
            level = 0.8 + 0.03 * rng.normal()
            for null in ("none", *nulls):
                for s in range(seeds):
                    accuracy = level - gain * (null != "none") * (variant == variants[-1]) + noise * rng.normal()
                    name = k // 2 if null == "none" else f"{k // 2} {null}"
                    own = {"variant": variant, "generator": ("barabasi_albert", "erdos_renyi")[k % 2], "graph": name}
                    rows.append(own | {"original": k // 2, "seed": s, "null": null, "test_accuracy": accuracy})
    return pd.DataFrame(rows)


def layouts(table):
    """The same, as if null models were graphs with published rows."""
    return table.assign(gate_masks=np.where(table["null"] == "none", "blocks", "rows"), wrong=0.2, lost=0.5)


def separate(count=30, seed=0):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({name: rng.normal(5, 1, count) for name in CAUSES})
    table["edges"] = 3 * table["nodes"] + 0.01 * rng.normal(size=count)
    table["depth"] = 7.0
    table["recurrent_parameters"] = rng.uniform(980, 1020, count)
    own = {"variant": "gru", "generator": "mixed", "graph": range(count), "null": "none"}
    return table.assign(**own, family=np.where(np.arange(count) % 2, "erdos_renyi", "hierarchical"))


def masks(differences, variant="gru", percent=80.0):
    """Masks of two layers whose clustering is 0.5 and exceeds the rewired by these differences, one a seed."""
    rows = []
    for seed, difference in enumerate(differences):
        for layer in range(2):
            own = {"variant": variant, "seed": seed, "target": "h2h", "percent": percent, "layer": layer}
            for kind, less in (("pruned", 0.0), ("rewired", difference + (layer - 0.5) / 50), ("random", 0.1)):
                rows.append(own | {"kind": kind} | dict.fromkeys(SHOWN, 0.5 - less))
    return pd.DataFrame(rows)


def training(accuracies, percent=80.0, variant="gru"):
    """Recovery of one network a seed, from a mapping of protocol to accuracies at the end."""
    own = {"variant": variant, "target": "both", "percent": percent, "base_accuracy": 0.9}
    own |= {"score": "magnitude", "scope": "global", "schedule": "one_shot"}
    rows = [
        own | {"seed": seed, "recovery": protocol, "step": step, "accuracy": accuracy if step else 0.5}
        for protocol, values in accuracies.items()
        for seed, accuracy in enumerate(values)
        for step in (0, 10 if protocol == "retrain" else 30)
    ]
    return pd.DataFrame(rows)


def way(accuracies, recovery="retrain", seed=0, variant="gru", percent=80.0):
    """One network's recovery, measured at steps 0, 9 and 99."""
    rows = pd.DataFrame({"step": [0, 9, 99], "epoch": [0, 0.09, 1], "accuracy": accuracies, "base_accuracy": 0.95})
    return rows.assign(
        variant=variant, seed=seed, target="both", percent=percent, recovery=recovery, schedule="one_shot"
    )


def ways(ahead_by, **ends):
    """Surviving weights that end at 0.9, and other protocols that end so far ahead of them, one value a seed."""
    parts = [way([0.5, 0.7, 0.9], seed=seed, **ends) for seed in range(len(next(iter(ahead_by.values()))))]
    for name, values in ahead_by.items():
        parts += [way([0.5, 0.7, 0.9 + value], name, seed, **ends) for seed, value in enumerate(values)]
    return pd.concat(parts, ignore_index=True).sample(frac=1, random_state=0)


RUNGS = ("as it is", "same initial weights", "same degrees", "same degrees and scales")


def ladder(
    graphs=10, nulls=5, seeds=2, effect=None, by_density=0.0, flat=False, noise=0.01, strings=0, bimodal=0.0, seed=0
):
    """A ladder whose graphs are better than the null models of a rung by its effect, or not at all.

    With strings, accuracies are whole numbers of them, so that many tie; a share `bimodal` of networks stays at 0.5.
    """
    rng, rows, effect = np.random.default_rng(seed), [], effect or {}
    for k in range(graphs):
        density = 0.2 if flat else rng.uniform(0.1, 0.3)
        level = 0.8 + by_density * (density - 0.2) + 0.02 * rng.normal()
        for rung in ("", *RUNGS):
            for member in range(nulls if rung else 1):
                for s in range(seeds):
                    accuracy = level - effect.get(rung, 0.0) * bool(rung) + noise * rng.normal()
                    accuracy = 0.5 if rng.random() < bimodal else accuracy
                    accuracy = round(accuracy * strings) / strings if strings else accuracy
                    own = {"rung": rung, "member": member, "seed": s, "test_accuracy": accuracy, "density": density}
                    own["matched"] = member > 0 if rung == RUNGS[-1] else None
                    rows.append(own | {"graph": k, "radius": 0.5 + 0.1 * rng.normal(), "activity": 0.3})
    return pd.DataFrame(rows).assign(variant="gru", generator="barabasi_albert")
