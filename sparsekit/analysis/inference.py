"""How the time and the bytes of sparse weights compare with those of dense ones."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sparsekit.analysis.tables import TableError, require


def one_setting(table: pd.DataFrame, names: Sequence[str] = ("variant", "batch", "machine")) -> list:
    """The one value of each of these columns; a `TableError` where a column has several, or none."""
    values = [table[name].unique().tolist() for name in names]
    for name, found in zip(names, values, strict=True):
        if len(found) != 1:
            raise TableError(f"column {name!r} holds {', '.join(map(str, found)) or 'nothing'}: a figure shows one")
    return [found for (found,) in values]


def quartiles(ratios: pd.DataFrame) -> pd.DataFrame:
    """Median and quartiles over repeats of what `pruning.cost.speedups` returns, of one kernel.

    Returns
    -------
    DataFrame
        Columns task, hidden, sparsity, low, mean (the median), high.
    """
    table = ratios.groupby(["task", "hidden", "sparsity"])["speedup"].quantile([0.25, 0.5, 0.75]).unstack()
    return table.set_axis(["low", "mean", "high"], axis="columns").reset_index()


def shares_of_dense(table: pd.DataFrame) -> pd.DataFrame:
    """Bytes of each form by those of the dense one, a row per sparsity and a column per form.

    Parameters
    ----------
    table : DataFrame
        As `pruning.cost.storage_by_sparsity` returns it.
    """
    require(table, ["sparsity", "form", "bytes"])
    wide = table.pivot(index="sparsity", columns="form", values="bytes")
    require(wide, ["dense"])
    return wide.div(wide["dense"], axis=0)


def smaller_from(shares: pd.DataFrame) -> dict[str, float]:
    """The sparsity above which each sparse form takes fewer bytes than the dense one, straight between two rows.

    >>> smaller_from(pd.DataFrame({"dense": 1.0, "csr": [2.0, 1.5, 0.5]}, index=[0, 0.5, 1]))
    {'csr': 0.75}
    """
    return {form: float(np.interp(-1, -shares[form], shares.index)) for form in shares if form != "dense"}


def median_times(seconds: pd.DataFrame) -> pd.DataFrame:
    """Median microseconds over repeats: a row per sparsity, a column per kernel."""
    return seconds.groupby(["kernel", "sparsity"])["seconds"].median().unstack("kernel") * 1e6
