"""What a network costs to keep and to run, dense and sparse, and where sparse is cheaper.

Weights, bytes and multiply-adds are counted; latency is measured by `pruning.latency`, and compared here.

The ratios are those that D. Blalock, J. J. Gonzalez Ortiz, J. Frankle and J. Guttag ask for in *What is the State of
Neural Network Pruning?* (2020): original size by new size, original multiply-adds by new ones.
"""

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.tables import TableError, fraction, require
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask

INDEX = 4  # bytes of an index in CSR
SETTING = ["machine", "variant", "task", "hidden", "batch"]


def storage(rows: int, columns: int, kept: int, itemsize: int = 4) -> dict[str, int]:
    """Bytes of one matrix of which `kept` weights exist.

    "dense": every entry. "bitmask": the weights that exist, and one bit an entry. "csr": those weights, for each a
    32-bit column, and 32-bit row pointers.

    Examples
    --------
    >>> storage(200, 50, 2000)
    {'dense': 40000, 'bitmask': 9250, 'csr': 16804}
    """
    return {
        "dense": rows * columns * itemsize,
        "bitmask": kept * itemsize + -(-rows * columns // 8),
        "csr": kept * (itemsize + INDEX) + (rows + 1) * INDEX,
    }


def break_even_sparsity(rows: int, columns: int, itemsize: int = 4) -> dict[str, float]:
    """Sparsity above which each sparse form of a matrix takes fewer bytes than the dense one.

    >>> break_even_sparsity(200, 50)
    {'bitmask': 0.03125, 'csr': 0.51005}
    """
    entries = rows * columns
    pointers = (rows + 1) * INDEX / entries
    return {"bitmask": 1 / 8 / itemsize, "csr": 1 - (itemsize - pointers) / (itemsize + INDEX)}


def storage_by_sparsity(rows: int, columns: int, itemsize: int = 4) -> pd.DataFrame:
    """Bytes of one matrix in each form, at every whole percentage: columns sparsity, form, bytes."""
    return pd.DataFrame(
        [
            {"sparsity": percent / 100, "form": form, "bytes": size}
            for percent in range(101)
            for form, size in storage(rows, columns, round(rows * columns * (1 - percent / 100)), itemsize).items()
        ]
    )


def weights(network: Classifier) -> pd.DataFrame:
    """Weights and bytes of every parameter of a network, one row each.

    Returns
    -------
    DataFrame
        Index name; columns all, kept (weights and biases that exist), dense, bitmask, csr (bytes). Only what a mask
        covers has sparse forms; embedding, biases and readout stay dense in each.
    """
    masks, rows = network.masks(), {}
    for name, weight in network.named_parameters():
        kept = int(masks[name].sum()) if name in masks else weight.numel()
        size = weight.numel() * weight.element_size()
        forms = dict.fromkeys(("dense", "bitmask", "csr"), size)
        if name in masks:
            forms = storage(*weight.shape, kept, weight.element_size())
        rows[name] = {"all": weight.numel(), "kept": kept} | forms
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def multiply_adds(network: Classifier, steps: int = 1, kept: bool = True) -> int:
    """Multiply-adds that one sequence takes: those of the recurrent weights at each step, of the readout once.

    Counts the weights that exist or, without `kept`, all entries. An embedding is a look-up; what gates do element by
    element is left out, as the field does.
    """
    recurrent = sum(int(mask.sum()) if kept else mask.numel() for mask in network.masks().values())
    return steps * recurrent + network.readout.weight.numel()


def compression_ratio(network: Classifier, sparsity=None):
    """Weights and biases of the dense network, by those left at a sparsity of its recurrent weights.

    `sparsity` is a number or an array; without it, what the network has.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return parameters / (parameters - _removed(network, sparsity))


def multiply_add_ratio(network: Classifier, sparsity=None, steps: int = 1):
    """Multiply-adds of the dense network, by those left at a sparsity of its recurrent weights.

    Blalock et al. call it the theoretical speedup: it is what a machine would gain to which zeros cost nothing.
    """
    full = multiply_adds(network, steps, kept=False)
    return full / (full - steps * _removed(network, sparsity))


def _removed(network: Classifier, sparsity):
    mask = Mask.of(network)
    return (mask.sparsity if sparsity is None else sparsity) * sum(m.numel() for m in mask.values())


def speedups(table: pd.DataFrame) -> pd.DataFrame:
    """How many times as fast as dense each sparse kernel was, each repeat for itself.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.pruning.latency.measure` returns it.

    Returns
    -------
    DataFrame
        Columns machine, variant, task, hidden, batch, kernel, sparsity, repeat, speedup.
    """
    require(table, [*SETTING, "kernel", "sparsity", "repeat", "seconds"])
    if "dense" not in set(table["kernel"]):
        raise TableError("column 'kernel' has no 'dense' to compare with")
    wide = table.pivot(index=[*SETTING, "sparsity", "repeat"], columns="kernel", values="seconds")
    ratios = wide.rdiv(wide["dense"], axis=0).drop(columns="dense")
    long = ratios.stack().rename("speedup").reset_index()
    return long[[*SETTING, "kernel", "sparsity", "repeat", "speedup"]]


def break_even(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """The sparsity from which on a sparse kernel is faster than the dense one, at every higher sparsity tried.

    Each repeat has its own, where the sparse kernel's time, straight between two sparsities tried, meets the dense
    one's. A repeat in which the sparse kernel is slower at the highest sparsity has none: it counts as infinite, so the
    median and its interval are right although its true value is unknown.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.pruning.latency.measure` returns it.
    confidence : float
        Of the interval of the median, which assumes no distribution (order statistics; W. J. Conover, *Practical
        Nonparametric Statistics*, 1999).

    Returns
    -------
    DataFrame
        Index machine, variant, task, hidden, batch, kernel; columns sparsity (median over repeats; inf for never), low,
        high (nan where there are too few repeats), never (share of the repeats that have none), lowest, highest
        (tried): a break-even at the lowest may lie lower.
    """
    fraction("confidence", confidence)
    ratios = speedups(table)
    tried = np.sort(ratios["sparsity"].unique())
    rows = {}
    for setting, own in ratios.groupby([*SETTING, "kernel"], sort=False):
        slowdowns = 1 / own.pivot(index="repeat", columns="sparsity", values="speedup")
        found = np.array([_crossing(row.index.to_numpy(), row.to_numpy()) for _, row in slowdowns.iterrows()])
        interval = scipy.stats.quantile_test(found, p=0.5).confidence_interval(confidence)
        rows[setting] = {
            "sparsity": float(np.median(found)),
            "low": float(interval.low),
            "high": float(interval.high),
            "never": float(np.isinf(found).mean()),
            "lowest": tried[0],
            "highest": tried[-1],
        }
    table = pd.DataFrame.from_dict(rows, orient="index")
    table.index = pd.MultiIndex.from_tuples(rows, names=[*SETTING, "kernel"])
    return table


def _crossing(sparsities: np.ndarray, slowdowns: np.ndarray) -> float:
    """Where the time of sparse by dense, at ascending sparsities, falls below 1 for good."""
    slower = np.flatnonzero(slowdowns >= 1)
    if not len(slower):
        return float(sparsities[0])
    last = slower[-1]
    if last == len(sparsities) - 1:
        return np.inf
    return float(np.interp(-1, -slowdowns[last : last + 2], sparsities[last : last + 2]))
