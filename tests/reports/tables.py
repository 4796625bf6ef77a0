"""Tables whose figures and answers are known, as the studies make them."""

import numpy as np
import pandas as pd

from sparsekit.graphs.properties import NAMES


def base(accuracies, variant="lstm"):
    rows = [
        {"variant": variant, "seed": s, "epoch": e, "test_accuracy": a - 0.3 * (e == 1)}
        for s, a in enumerate(accuracies)
        for e in (1, 2)
    ]
    return pd.DataFrame(rows)


def pruning(curves, variant="lstm", target="both", base_accuracy=1.0):
    rows = [
        {"variant": variant, "seed": s, "target": target, "percent": p, "accuracy": a, "base_accuracy": base_accuracy}
        for s, curve in enumerate(curves)
        for p, a in curve.items()
    ]
    return pd.DataFrame(rows)


def recovery(curves, percent=90.0, variant="lstm", target="both"):
    """Accuracy at once and after each epoch of 100 steps, a curve a seed."""
    rows = [
        {"seed": s, "step": 100 * e, "epoch": float(e), "accuracy": a, "base_accuracy": 1.0}
        for s, curve in enumerate(curves)
        for e, a in enumerate(curve)
    ]
    return pd.DataFrame(rows).assign(variant=variant, target=target, percent=percent)


def structure(graphs=40, slope=0.5, noise=0.02, variant="gru", seeds=1):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(size=(graphs, len(NAMES))), columns=list(NAMES))
    accuracy = 0.5 + slope * table["source_nodes"] * 0.9 + noise * rng.normal(size=graphs)
    table = table.assign(variant=variant, generator="watts_strogatz", graph=range(graphs), test_accuracy=accuracy)
    return pd.concat([table.assign(seed=s) for s in range(seeds)], ignore_index=True)
