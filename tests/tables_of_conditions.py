"""Synthetic tables of scores, scopes, schedules and protocols, for the tests of their figures."""

import itertools

import numpy as np
import pandas as pd

from tests.tables_of_figures import BASE, SAFE, VARIANTS

DENSE = {"rnn_tanh": 17_500, "rnn_relu": 17_500, "gru": 52_500, "lstm": 70_000}


BY_SCORE = {"magnitude": 0, "sensitivity": 5, "activity": -12, "random": -52}


BY_SCOPE = {"global": 0, "layer": -4, "matrix": -2, "gate": -7}


BY_SCHEDULE = {"one_shot": 5, "iterative": 13, "gradual": 10}


# Accuracy at step 0, and steps that recovery takes.
BY_PROTOCOL = {
    "retrain": (0.6, 40),
    "rewind": (0.52, 120),
    "reinitialise": (0.5, 500),
    "random_mask": (0.5, 900),
    "rewired_mask": (0.5, 800),
    "dense": (0.5, 350),
}


STEPS = (0, 5, 20, 80, 200, *(586 * epoch for epoch in range(1, 6)))


def conditions(variants=VARIANTS, seeds=3, percentages=range(10, 101, 10), **columns):
    """One row per combination, with the weights left."""
    grid = {"variant": variants, "seed": range(seeds), "target": ("both",), "percent": percentages} | columns
    table = pd.DataFrame(itertools.product(*grid.values()), columns=list(grid)).astype({"percent": float})
    dense = table["variant"].map(DENSE)
    left = (dense * (1 - table["percent"] / 100)).round().clip(lower=1)
    return table.assign(
        base_accuracy=table["variant"].map(BASE),
        weights=left,
        weights_dense=dense,
        multiply_adds=20 * left,
        multiply_adds_dense=20 * dense,
    )


def accuracies(table, shift, seed=0):
    rng = np.random.default_rng(seed)
    edge = table["variant"].map(SAFE) + shift + rng.normal(0, 2.5, len(table))
    base = table["base_accuracy"]
    accuracy = 0.5 + (base - 0.5) / (1 + np.exp((table["percent"] - edge) / 3)) + rng.normal(0, 0.002, len(table))
    return table.assign(accuracy=accuracy.clip(0, 1))


def pruning(scopes=tuple(BY_SCOPE), **options):
    table = conditions(score=tuple(BY_SCORE), scope=scopes, **options)
    return accuracies(table, table["score"].map(BY_SCORE) + table["scope"].map(BY_SCOPE))


def scheduled(**options):
    table = conditions(schedule=tuple(BY_SCHEDULE), **options)
    return accuracies(table, table["schedule"].map(BY_SCHEDULE))


def recovery(protocols=tuple(BY_PROTOCOL), percentages=(90,), noise=0.004, **options):
    rng, parts = np.random.default_rng(4), []
    table = conditions(percentages=percentages, recovery=protocols, **options)
    for row in table.to_dict("records"):
        start, pace = BY_PROTOCOL[row["recovery"]]
        pace *= rng.lognormal(0, 0.5) * {"rnn_tanh": 1.5, "rnn_relu": 1, "gru": 0.7, "lstm": 1.2}[row["variant"]]
        top = row["base_accuracy"] - {"random_mask": 0.02}.get(row["recovery"], 0)
        steps = np.array(STEPS)
        accuracy = top + (start - top) * np.exp(-steps / pace) + rng.normal(0, noise, len(steps))
        parts.append(pd.DataFrame({"step": steps, "epoch": steps / 586, "accuracy": accuracy.clip(0, 1)}).assign(**row))
    return pd.concat(parts, ignore_index=True).drop(columns=[n for n in table if "weights" in n or "multiply" in n])
