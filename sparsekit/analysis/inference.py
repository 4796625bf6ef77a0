"""How the time and the bytes of sparse weights compare with those of dense ones."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sparsekit.analysis.intervals import mean_interval, named
from sparsekit.analysis.tables import RACE, TableError, require


def one_setting(table: pd.DataFrame, names: Sequence[str] = ("variant", "batch", "machine")) -> list:
    """The one value of each of these columns.

    Raises
    ------
    TableError
        Where a column has several, or none.
    """
    values = [table[name].unique().tolist() for name in names]
    for name, found in zip(names, values, strict=True):
        if len(found) != 1:
            raise TableError(f"column {name!r} holds {', '.join(map(str, found)) or 'nothing'}: a figure shows one")
    return [found for (found,) in values]


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


def race_points(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Accuracy over seeds and time over processes of networks made smaller in one way and by one amount.

    Parameters
    ----------
    table : DataFrame
        As `experiments.inference.race` returns it.

    Returns
    -------
    DataFrame
        Columns variant, made, percent, engine; mean, low, high (accuracy, Student t over seeds, cut off at 0 and 1);
        seconds, seconds_low, seconds_high (geometric mean over processes of the seeds' means, Student t of logarithms,
        of all but the dense network relative to that one's in the same process: what slows a process down as a whole
        is no difference between networks); bytes, multiply_adds, chance (means over seeds).
    """
    require(table, RACE)
    rows, by = [], ["variant", "engine", "process"]
    dense = np.log(table[table["made"] == "dense"].groupby(by)["seconds"].mean())
    for place, own in table.groupby(["variant", "made", "percent", "engine"], sort=False):
        seeds, beside = own.drop_duplicates("seed"), dense[place[0], place[3]]
        beside = 0.0 if place[1] == "dense" else beside - beside.mean()
        logs = mean_interval(np.log(own.groupby("process")["seconds"].mean()) - beside, confidence)
        rows.append(
            dict(zip(["variant", "made", "percent", "engine"], place, strict=True))
            | named("mean low high", mean_interval(seeds["accuracy"], confidence, low=0, high=1))
            | named("seconds seconds_low seconds_high", np.exp(logs))
            | seeds[["bytes", "multiply_adds", "chance"]].mean().to_dict()
        )
    return pd.DataFrame(rows)


def fastest_kept(points: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Of each way to make networks smaller the fastest whose mean accuracy is within a margin of the dense network's.

    Of what `race_points` returns, of one engine. A description of these networks: it is chosen by the accuracies shown.

    Returns
    -------
    DataFrame
        Index (variant, made); percent, mean, and how many times less than the dense network: seconds, bytes,
        multiply_adds. No row where none is within the margin, nor of a variant whose dense network is not above chance
        by more than the margin: one that has learned nothing has nothing to lose.
    """
    measures, rows = ["seconds", "bytes", "multiply_adds"], []
    for variant, own in points.groupby("variant", sort=False):
        (dense,) = own[own["made"] == "dense"].to_dict("records")
        if dense["mean"] - margin <= dense["chance"]:
            continue
        kept = own[(own["made"] != "dense") & (own["mean"] >= dense["mean"] - margin)]
        for made, some in kept.groupby("made", sort=False):
            best = some.loc[some["seconds"].idxmin()]
            times = {name: dense[name] / best[name] for name in measures}
            rows.append({"variant": variant, "made": made, "percent": best["percent"], "mean": best["mean"]} | times)
    columns = ["variant", "made", "percent", "mean", *measures]
    return pd.DataFrame(rows, columns=columns).set_index(["variant", "made"])


def layer_times(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Time of whole layers by sparsity and kernel, and of the compiled one what it cannot go below.

    Parameters
    ----------
    table : DataFrame
        As `experiments.inference.layers` returns it: a repeat is a process. The floors need rows at sparsity 1.

    Returns
    -------
    DataFrame
        Columns hidden, batch, kernel, sparsity; seconds, low, high (geometric mean and Student t over processes). As
        further kernels "floor_adds": time without any weight, and of what dense weights take beyond it the share that
        is left of the multiply-adds; and "floor_bytes": the share that is left of the bytes.
    """
    require(table, ["task", "hidden", "batch", "kernel", "sparsity", "repeat", "seconds", "bytes"])
    own, rows = table[table["task"] == "sequence"], []
    for place, some in own.groupby(["hidden", "batch", "kernel", "sparsity"], sort=False):
        interval = np.exp(mean_interval(np.log(some["seconds"]), confidence))
        rows.append((*place, *interval, some["bytes"].iloc[0]))
    found = pd.DataFrame(rows, columns=["hidden", "batch", "kernel", "sparsity", "seconds", "low", "high", "bytes"])
    floors = []
    for (hidden, batch), some in found.groupby(["hidden", "batch"], sort=False):
        dense, sparse = (some[some["kernel"] == name] for name in ("compiled_dense", "compiled"))
        rest = sparse.loc[sparse["sparsity"] == 1, "seconds"].min()
        weights = dense["seconds"].median() - rest
        left = {"floor_adds": 1 - sparse["sparsity"], "floor_bytes": sparse["bytes"] / dense["bytes"].max()}
        for kernel, share in left.items():
            floor = rest + share.to_numpy() * weights
            floors.append(sparse[["sparsity"]].assign(hidden=hidden, batch=batch, kernel=kernel, seconds=floor))
    found = pd.concat([found, *floors], ignore_index=True).drop(columns="bytes")
    return found[found["sparsity"] < 1].dropna(subset=["seconds"]).reset_index(drop=True)
