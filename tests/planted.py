"""A study's table with effects that are known because they were put there."""

import numpy as np
import pandas as pd

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
