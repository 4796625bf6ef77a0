"""Figures of sparse weights beside dense ones: from which sparsity on they take less time and fewer bytes."""

from typing import Any

import numpy as np
import pandas as pd

from sparsekit.analysis.inference import one_setting, shares_of_dense, smaller_from
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.axis import Axis
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import FORMS, INK, Look, look
from sparsekit.figures.words import counted, label, listed, number, percent, span
from sparsekit.pruning import cost as costs

TASKS = {
    "product": Look("hidden-to-hidden product", INK, "o", "-"),
    "sequence": Look("whole layer over a sequence", INK, "o", "-"),
}
NEVER = 1.1  # the sparsity that stands for none
ROUNDED = np.floor, np.round, np.ceil  # an interval's ends, outwards


def layer_time(times: pd.DataFrame, setting: pd.DataFrame) -> Picture:
    """Time of a whole layer against sparsity, a panel per batch and size: dense, sparse, and what bounds it.

    Of what `analysis.inference.layer_times` returns; `setting` is the table that it was made of.
    """
    variant, machine = one_setting(setting, ("variant", "machine"))
    panels = {
        f"{batch}, {hidden}": Look(f"{hidden:g} units, batch {batch:g}", INK, "o", "-")
        for batch, hidden in sorted(set(zip(times["batch"], times["hidden"], strict=True)))
    }
    rows = times.assign(
        panel=[f"{batch}, {hidden}" for batch, hidden in zip(times["batch"], times["hidden"], strict=True)],
        series=times["kernel"],
        x=times["sparsity"],
        mean=1e6 * times["seconds"],
        low=1e6 * times["low"],
        high=1e6 * times["high"],
    )
    return marks.lines(
        rows,
        "How long a layer takes by the sparsity of its weights",
        Axis("sparsity", percent, limits=(0, 1), ticks=(0, 0.5, 0.8, 1)),
        Axis("microseconds", "{:,.0f}".format, "log", ticks=_decades(rows["mean"])),
        looks=LAYERS,
        panels=panels,
        note=f"{label(variant)}, 20 steps, one thread of {machine}. Means over processes and their intervals.",
        reading=_gain(times),
    )


LAYERS = FORMS | {
    "dense": FORMS["dense"]._replace(label="torch, fastest dense way"),
    "csr": FORMS["csr"]._replace(label="torch, CSR in a loop"),
}


def _decades(values: pd.Series) -> list[float]:
    return [10.0**k for k in range(int(np.floor(np.log10(values.min()))), int(np.ceil(np.log10(values.max()))) + 1)]


def _gain(times: pd.DataFrame) -> str:
    """How the compiled layer stands to the dense ways at the sparsity nearest 90 %, from the least to the most."""
    at = times["sparsity"].iloc[(times["sparsity"] - 0.9).abs().argsort(kind="stable").iloc[0]]
    wide = times[times["sparsity"] == at].pivot(index=["batch", "hidden"], columns="kernel", values="seconds")
    told = []
    for other, name in (("dense", "torch's fastest dense way"), ("compiled_dense", "the same call with dense weights")):
        ratios = (wide[other] / wide["compiled"]).sort_values()
        ends = [f"{_times(r)} ({n:g} units, batch {b:g})" for (b, n), r in ratios.iloc[[0, -1]].items()]
        told.append(f"{' to '.join(dict.fromkeys(ends))} as fast as {name}")
    return f"At {percent(at)} sparsity a compiled sparse layer is {listed(told)}."


OVER = "Median over repeats and its interval; never: not up to {}."


def break_even_line(table: pd.DataFrame, own_size: int | None = None) -> Picture:
    """The sparsity from which on sparse kernels are faster than dense, a panel a task and batch, a row a hidden size.

    Of what :func:`sparsekit.pruning.cost.break_evens` or `break_even` returns, of one variant and machine. The hidden
    size of the networks in question is marked, and read first.

    Raises
    ------
    TableError
        Where there are several variants or machines.
    """
    table = table.reset_index().sort_values("hidden", kind="stable")
    require(table, [*costs.SETTING, "kernel", "sparsity", "low", "high", "lowest", "highest"])
    highest, several = percent(table["highest"].max()), table["batch"].nunique() > 1
    table["told"] = _panels(table, several)
    rows = table.assign(
        panel=table["told"],
        series=table["kernel"],
        mean=table["sparsity"].clip(upper=NEVER),
        low=table["low"].replace(np.inf, np.nan),
        high=table["high"].clip(upper=NEVER),
        row=[f"{size:g} units" + (", this study" if size == own_size else "") for size in table["hidden"]],
    )
    variant, machine = one_setting(table, ("variant", "machine"))
    batch = "" if several else f", {counted(table['batch'].iloc[0], 'sequence')} at a time"
    return marks.forest(
        rows,
        "Sparsity from which on sparse weights are faster than dense ones",
        Axis("break-even sparsity", _or_never, limits=(0, NEVER), ticks=(0, 0.25, 0.5, 0.75, NEVER)),
        looks=FORMS,
        panels={name: Look(name, INK, "o", "-") for name in sorted(set(table["told"]))},
        zero=None,
        columns=2,
        note=f"{label(variant)}{batch}, one thread of {machine}.\n{OVER.format(highest)}",
        reading=f"{_at_own_size(table, own_size, highest)} {_earliest(table, highest, own_size)}".strip(),
    )


def _panels(table: pd.DataFrame, several: bool) -> list[str]:
    """What tells the panels apart: the task, the batch, or both."""
    tasks, batches = [look(TASKS, task).label for task in table["task"]], [f"batch {b:g}" for b in table["batch"]]
    if not several or len(set(tasks)) == 1:
        return batches if several else tasks
    return [f"{task}, {batch}" for task, batch in zip(tasks, batches, strict=True)]


def _earliest(table: pd.DataFrame, highest: str, own_size: int | None) -> str:
    """Where sparse weights pay first, where that has not been said of the own size, and what never does."""
    if np.isinf(table["sparsity"]).all():
        return f"No sparse kernel was faster here than the dense one, at any sparsity up to {highest}."
    first = table.loc[table["sparsity"].idxmin()]
    told = f"Sparse weights pay earliest for {first['hidden']:g} units ({_which(table, first, ', ')}): {_where(first)}"
    never = [name for name, own in table.groupby("kernel", sort=False) if np.isinf(own["sparsity"]).all()]
    lost = f"{listed(look(FORMS, name).label for name in never)} never does, up to {highest}." if never else ""
    if first["hidden"] == own_size:
        return lost and f"Of all sizes it pays earliest there; {lost}"
    return f"{told}; {lost}" if never else f"{told}."


def _which(table: pd.DataFrame, row: Any, between: str) -> str:
    """A kernel, and where there are several tasks or batches which of them it is."""
    return between.join([row["told"]] * (table["told"].nunique() > 1) + [_kernel(row)])


def _kernel(row: Any) -> str:
    return look(FORMS, row["kernel"]).label


def _at_own_size(table: pd.DataFrame, size: int | None, highest: str) -> str:
    if size is None:
        return ""
    own, units = table[table["hidden"] == size], f"At {counted(size, 'hidden unit')}, the size of this study,"
    if own.empty:
        return f"{units} nothing was timed: `inference_sizes` says what is."
    if np.isinf(own["sparsity"]).all():
        kernels = listed(look(FORMS, kernel).label for kernel in own["kernel"].unique())
        return f"{units} {kernels} weights were never faster here than dense ones, up to {highest} sparsity."
    pays = own[np.isfinite(own["sparsity"])]
    told = [f"{_which(table, row, ': ')} {_where(row)}" for _, row in pays.iterrows()]
    return f"{units} sparse weights are faster than dense ones: {listed(told)}."


def bytes_by_form(table: pd.DataFrame) -> Picture:
    """Bytes of one weight matrix in each form, as a share of the dense bytes, against sparsity.

    Of what :func:`sparsekit.pruning.cost.storage_by_sparsity` returns.

    Raises
    ------
    TableError
        Where a column is missing; it names it.
    """
    shares = shares_of_dense(table)
    told = [f"{look(FORMS, form).label} from {percent(at)} sparsity" for form, at in smaller_from(shares).items()]
    dense = table.loc[table["form"] == "dense", "bytes"].iloc[0]
    rows = shares.rename_axis(index="x", columns="series").stack().rename("mean").reset_index()
    return marks.lines(
        rows,
        "Bytes that keep a weight matrix, by form",
        Axis("sparsity", percent, limits=(0, 1)),
        Axis("share of the dense bytes", percent, limits=(0, 1.05 * rows["mean"].max())),
        looks=FORMS,
        note=f"{f'{dense / 1e6:.3g} MB' if dense >= 1e6 else f'{dense / 1e3:.3g} kB'} when dense.",
        reading=f"A sparse form takes fewer bytes: {listed(told)}.",
    )


def _times(ratio: float) -> str:
    return f"{number(ratio, 2 if ratio < 10 else 0)} times"


def _or_never(sparsity: float) -> str:
    return "never" if sparsity > 1 else percent(sparsity)


def _where(row: Any) -> str:
    """From which sparsity on, with its interval, in words: to 5 points, as it lies between two sparsities tried."""
    low, at, high = (rule(20 * end) / 20 for rule, end in zip(ROUNDED, (row.low, row.sparsity, row.high), strict=True))
    if row.sparsity == 0:
        return "at any sparsity"
    start = "" if np.isinf(at) else "from at most " if row.sparsity <= row.lowest else "from about "
    return start + span(at, *((low, high) if np.isfinite(low) else (np.nan, np.nan)), _or_never)
