"""What a network costs to keep and to run, dense and sparse, and where sparse is cheaper.

Weights, bytes and multiply-adds are counted; latency is measured by `pruning.latency`, and compared here.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.tables import TableError, fraction, indexed, require
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask

INDEX = 4  # bytes of an index in CSR
SETTING = ["machine", "variant", "task", "hidden", "batch"]


def storage(rows: int, columns: int, kept: int, itemsize: int = 4) -> dict[str, int]:
    """Bytes of one matrix of which `kept` weights exist.

    "dense": every entry. "bitmask": the weights that exist, and one bit an entry. "csr": those weights, for each a
    32-bit column, and 32-bit row pointers.

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
    sparsities = pd.Index([percent / 100 for percent in range(101)], name="sparsity")
    sizes = [storage(rows, columns, round(rows * columns * (1 - sparsity)), itemsize) for sparsity in sparsities]
    return pd.DataFrame(sizes, sparsities).rename_axis(columns="form").stack().rename("bytes").reset_index()


def weights(network: Classifier) -> pd.DataFrame:
    """Weights and bytes of every parameter of a network, one row each: all, kept, and bytes dense, bitmask, csr.

    Only what a mask covers has sparse forms; embedding, biases and readout stay dense in each.
    """
    masks, rows = network.masks(), {}
    for name, weight in network.named_parameters():
        kept, forms = weight.numel(), dict.fromkeys(("dense", "bitmask", "csr"), weight.nbytes)
        if name in masks:
            kept = int(masks[name].sum())
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

    `sparsity` is a number or an array; without it, what the network has. Blalock, Gonzalez Ortiz, Frankle & Guttag,
    *What is the state of neural network pruning?*, 2020, ask for this ratio and for that of multiply-adds.
    """
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return parameters / (parameters - _removed(network, sparsity))


def multiply_add_ratio(network: Classifier, sparsity=None, steps: int = 1):
    """Multiply-adds of the dense network, by those left at a sparsity of its recurrent weights.

    The theoretical speedup: what a machine would gain to which zeros cost nothing.
    """
    full = multiply_adds(network, steps, kept=False)
    return full / (full - steps * _removed(network, sparsity))


def _removed(network: Classifier, sparsity):
    mask = Mask.of(network)
    return (mask.sparsity if sparsity is None else sparsity) * sum(m.numel() for m in mask.values())


def speedups(table: pd.DataFrame, against: str = "dense") -> pd.DataFrame:
    """How many times as fast as a dense kernel each other was, each repeat for itself.

    Of a table as :func:`sparsekit.pruning.latency.measure` returns it: its columns, with speedup in place of seconds.
    """
    require(table, [*SETTING, "kernel", "sparsity", "repeat", "seconds"])
    if against not in set(table["kernel"]):
        raise TableError(f"column 'kernel' has no {against!r} to compare with")
    wide = table.pivot(index=[*SETTING, "sparsity", "repeat"], columns="kernel", values="seconds")
    ratios = wide.rdiv(wide[against], axis=0).drop(columns=against)
    long = ratios.stack().dropna().rename("speedup").reset_index()
    return long[[*SETTING, "kernel", "sparsity", "repeat", "speedup"]]


def break_even(table: pd.DataFrame, confidence: float = 0.95, against: str = "dense") -> pd.DataFrame:
    """The sparsity from which on a sparse kernel is faster than the dense one, at every higher sparsity tried.

    Each repeat has its own, where the sparse kernel's time, straight between two sparsities tried, meets the dense
    one's. A repeat in which the sparse kernel is slower at the highest sparsity has none: it counts as infinite, so the
    median and its interval are right although its true value is unknown.

    `table` is as :func:`sparsekit.pruning.latency.measure` returns it; repeats are independent where each is a process.
    The interval is of the median and assumes no distribution (order statistics; W. J. Conover, *Practical Nonparametric
    Statistics*, 1999).

    Index: machine, variant, task, hidden, batch, kernel. Columns: sparsity (median over repeats; inf for never), low,
    high (nan where there are too few repeats), never (share of the repeats that have none), lowest, highest (tried): a
    break-even at the lowest may lie lower.
    """
    fraction("confidence", confidence)
    ratios, rows = speedups(table, against), {}
    for setting, own in ratios.groupby([*SETTING, "kernel"], sort=False):
        slowdowns = 1 / own.pivot(index="repeat", columns="sparsity", values="speedup")
        found = np.array([_crossing(row.index.to_numpy(), row.to_numpy()) for _, row in slowdowns.iterrows()])
        interval = scipy.stats.quantile_test(found, p=0.5).confidence_interval(confidence)
        rows[setting] = np.median(found), *interval, np.isinf(found).mean()
    found = indexed(rows, [*SETTING, "kernel"], ["sparsity", "low", "high", "never"])
    return found.assign(lowest=ratios["sparsity"].min(), highest=ratios["sparsity"].max())


def break_evens(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """`break_even` of each sparse kernel with torch's fastest dense way; of the compiled layer with itself, dense, too.

    The last is kernel "compiled_itself": what leaving zeros out buys, apart from what one call buys.
    """
    by_torch = break_even(table[table["kernel"] != "compiled_dense"], confidence)
    own = table[table["kernel"].isin(["compiled", "compiled_dense"])]
    if own.empty:
        return by_torch
    itself = break_even(own, confidence, against="compiled_dense")
    return pd.concat([by_torch, itself.rename(index={"compiled": "compiled_itself"}, level="kernel")])


def _crossing(sparsities: np.ndarray, slowdowns: np.ndarray) -> float:
    """Where the time of sparse by dense, at ascending sparsities, falls below 1 for good."""
    slower = np.flatnonzero(slowdowns >= 1)
    if not len(slower):
        return sparsities[0]
    pair = slice(slower[-1], slower[-1] + 2)
    return np.interp(-1, -slowdowns[pair], sparsities[pair]) if len(sparsities[pair]) == 2 else np.inf


def training_multiply_adds(
    kept: Iterable[tuple[int, int]], entries: int, characters: float, dense_gradients: int = 0
) -> float:
    """Multiply-adds that the recurrent weights of one network take in training.

    A step takes three for each weight that exists and each character: one forward, two on the way back. A dense
    gradient besides takes one forward and one on the way back for each weight that exists, and one for each entry
    (Evci and others, *Rigging the lottery*, 2020, appendix H).

    Parameters
    ----------
    kept : iterable of (int, int)
        Steps, and how many weights exist during these.
    entries : int
        Of the recurrent matrices.
    characters : float
        Of a batch, in the mean.
    dense_gradients : int
        How many were taken; the weights that exist count as in the last steps.

    >>> training_multiply_adds([(10, 25)], entries=100, characters=2, dense_gradients=1)
    1800.0
    """
    steps = list(kept)
    trained = 3 * sum(count * weights for count, weights in steps)
    return float(characters * (trained + dense_gradients * (2 * steps[-1][1] + entries)))
