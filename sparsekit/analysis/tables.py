"""Columns of a results table, checked before anything is computed from them."""

import copy
import functools
import inspect
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from sparsekit.registry import unknown


class TableError(ValueError):
    """A table that lacks what is asked of it; its text says what it has."""


def require(table: pd.DataFrame, names: Iterable[str]) -> None:
    """Accept a table with all these columns; otherwise a TableError names the missing one and its nearest."""
    for name in names:
        if name not in table:
            raise TableError(unknown("column", name, table.columns))


def numbers(table: pd.DataFrame, name: str) -> np.ndarray:
    """One column as floats, shape (rows,); what is missing or infinite becomes nan.

    Raises
    ------
    TableError
        Where a value is no number.
    """
    try:
        values = table[name].to_numpy(dtype=float, na_value=np.nan)
    except (TypeError, ValueError):
        raise TableError(f"column {name!r} is not numeric: it holds {table[name].dtype} values") from None
    return np.where(np.isfinite(values), values, np.nan)


def fraction(name: str, value: float) -> None:
    """Accept a number between 0 and 1, ends excluded; otherwise a ValueError names it."""
    if not 0 < value < 1:
        raise ValueError(f"{name} {value!r}: give a fraction between 0 and 1, such as 0.95 for 95 %")


def given_graphs(table: pd.DataFrame) -> pd.DataFrame:
    """The networks of a study's graphs themselves, without those of their null models (column ``null``)."""
    return table[table["null"] == "none"] if "null" in table else table


def one_per_graph(table: pd.DataFrame, variant: str) -> pd.DataFrame:
    """A variant's graphs, one row each, accuracies averaged over the seeds: more seeds are no more graphs.

    Null models of graphs are no graphs of the study.
    """
    table = given_graphs(table)
    rows = table[table["variant"] == variant]
    return rows.groupby(["generator", "graph"], sort=False).mean(numeric_only=True).reset_index()


def remembered(function: Callable) -> Callable:
    """Compute a slow function of a table once a process: a notebook, its answer and its scorecard all ask for it.

    The table counts by its content, arguments by their values; every caller gets a copy of its own.
    """
    results: dict[tuple, object] = {}
    signature = inspect.signature(function)

    @functools.wraps(function)
    def once(table: pd.DataFrame, *arguments, **options):
        given = signature.bind(table, *arguments, **options)
        given.apply_defaults()
        others = tuple(repr(value) for value in list(given.arguments.values())[1:])
        key = (tuple(table.columns), pd.util.hash_pandas_object(table).to_numpy().tobytes(), *others)
        if key not in results:
            results[key] = function(table, *arguments, **options)
        return copy.deepcopy(results[key])

    return once
