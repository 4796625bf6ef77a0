"""The columns of the tables that studies return, by which docstrings name a table, and checks of a table.

A statistic asks for the columns that it needs and lets further ones be.
"""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from sparsekit.registry import unknown

PRUNED = ("variant", "seed", "target", "percent")
"""One pruned network of a condition: percent of the target's weights are gone."""

CONDITION = ("score", "scope", "schedule", "recovery")
"""What else may tell pruned networks apart, `sparsekit.analysis.conditions`; a table may lack these columns."""

PRUNING = (*PRUNED, "base_accuracy", "accuracy")
"""A row a pruned network: accuracy (a fraction) at once after pruning, and of its base network."""

COST = ("weights", "weights_dense", "multiply_adds", "multiply_adds_dense")
"""What a table of pruning has beside: weights, and multiply-adds of a step, left and before."""

SPARSE = (*PRUNED, "budget", "method", "compression", "accuracy", "spent")
"""A row a network at the end of its training, by what is equal (budget) and what makes it sparse (method).

Spent are its training's multiply-adds, by those of the network that is pruned after training.
"""

RECOVERY = (*PRUNING, "step")
"""A row a pruned network and measured optimizer step of retraining; step 0 is at once after pruning."""

BASE = ("variant", "seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy")
"""A row a base network and epoch of its training."""

SURVIVORS = (*PRUNED, "layer", "matrix", "gate", "weights", "survivors", "share")
"""A row a gate of a matrix of a pruned network: how many of its weights exist."""

DEAD_UNITS = (*PRUNED, "layer", "gate", "units", "no_input", "no_output", "dead")
"""A row a gate of a layer of a pruned network, numbers of hidden units; gate "all" counts those true in every gate."""

SPECTRAL_RADII = (*PRUNED, "network", "layer", "gate", "spectral_radius")
"""A row a gate of a layer; network is "base" (without target and percent), "pruned" or "recovered"."""

PROBES = ("variant", "seed", "network", "n", "accuracy", "low", "high")
"""What the tables of memory share: accuracy over n strings with its Wilson interval, of a network by name."""

GRAPHS = ("variant", "generator", "graph", "seed", "test_accuracy")
"""A row a graph-structured network, with the graph's properties and the network's measures as further columns.

With null models also null ("none", or the model's name) and original (the graph that it was made from).
"""

LADDER = ("variant", "generator", "graph", "seed", "rung", "member", "test_accuracy", "density", "radius", "activity")
LADDER += ("matched",)
"""A row a network of the ladder of controls: a graph's own (rung ""), or a member of a rung's ensemble of null models.

radius is the largest spectral radius of a gate's hidden-to-hidden weights, and activity the root mean square of hidden
states over training strings, both before training; matched says whether they are the graph's, None where not asked.
"""

RACE = ("made", "variant", "percent", "seed", "engine", "process", "accuracy", "chance", "bytes", "multiply_adds")
RACE += ("seconds",)
"""A row a network, engine and process: how it was made smaller (made) and by how much, its accuracy, and its time."""

MASKS = ("variant", "seed", "layer", "kind")
"""A row a mask or null model of it (kind), with its directed properties as further columns."""

EVERY = "all"
"""The variant under which networks of all variants count together."""


class TableError(ValueError):
    """A table that lacks what is asked of it; its text says what it has."""


def require(table: pd.DataFrame, names: Iterable[str]) -> None:
    """Accept a table with all these columns.

    Raises
    ------
    TableError
        Where one is missing; it names it, and the nearest.
    """
    for name in names:
        if name not in table:
            raise TableError(unknown("column", name, table.columns))


def numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """One column as floats, shape (rows,), nan for what is missing or infinite.

    Raises
    ------
    TableError
        Where one is no number.
    """
    try:
        values = table[name].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise TableError(f"column {name!r} is not numeric: it holds {table[name].dtype} values") from None
    return np.where(np.isfinite(values), values, np.nan)


def columns_of(table: pd.DataFrame, names: Iterable[str], drop_first: bool = False) -> np.ndarray:
    """Columns as `numbers`, shape (rows, columns); "generator" is a label, a column of 0 and 1 a family."""
    found = [np.empty((len(table), 0))]
    for name in names:
        label = name == "generator"
        values = pd.get_dummies(table[name], drop_first=drop_first) if label else numbers(table, name)[:, None]
        found.append(np.asarray(values, dtype=float))
    return np.concatenate(found, axis=1)


def complete(table: pd.DataFrame, names: Iterable[str]) -> np.ndarray:
    """Columns as `columns_of`, of the rows that have a value in all of them."""
    values = columns_of(table, names)
    return values[np.isfinite(values).all(axis=1)]


def fraction(name: str, value: float) -> None:
    """Accept a number between 0 and 1, ends excluded.

    Raises
    ------
    ValueError
        For anything else; it names it.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name} {value!r}: give a fraction between 0 and 1, such as 0.95 for 95 %")


def given_graphs(table: pd.DataFrame) -> pd.DataFrame:
    """The networks of a study's graphs themselves, without those of their null models (column ``null``)."""
    return table[table["null"] == "none"] if "null" in table else table


def networks_of(table: pd.DataFrame, variant: str) -> pd.DataFrame:
    """A variant's `given_graphs`."""
    return given_graphs(table[table["variant"] == variant])


def one_per_graph(table: pd.DataFrame, variant: str) -> pd.DataFrame:
    """A variant's graphs without null models, a row each, means over seeds: more seeds are no more graphs."""
    graphs = networks_of(table, variant).groupby(["generator", "graph"], sort=False)
    return graphs.mean(numeric_only=True).reset_index()


def graph_ids(networks: pd.DataFrame) -> np.ndarray:
    """The number of each network's graph, from 0."""
    return networks.groupby(["generator", "graph"], sort=False).ngroup().to_numpy()


def indexed(rows: dict, names: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Rows by key under an index of these names, with these columns whether filled or not."""
    keys = pd.MultiIndex.from_tuples(list(rows), names=names) if len(names) > 1 else pd.Index(list(rows), name=names[0])
    return pd.DataFrame(list(rows.values()), index=keys, columns=list(columns))
