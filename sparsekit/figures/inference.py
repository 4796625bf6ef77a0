"""Figures of how fast sparse weights run, and from which sparsity on they are faster than dense ones."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from sparsekit.analysis.inference import one_setting, quartiles, shares_of_dense, smaller_from
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.marks import Axis
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import INK, SEQUENTIAL, Look, look
from sparsekit.figures.words import counted, label, listed, number, percent, span
from sparsekit.pruning import cost as costs
from sparsekit.registry import UnknownName, unknown

TASKS = {
    "product": Look("hidden-to-hidden product", INK, "o", "-"),
    "sequence": Look("whole layer over a sequence", INK, "o", "-"),
}
FORMS = {
    "dense": Look("dense", INK, "o", "-"),
    "csr": Look("CSR", "#0072B2", "s", "-"),
    "csr_int64": Look("CSR, 64-bit indices", "#D17A00", "o", (0, (5, 1.5))),
    "bsr": Look("BSR, 2 × 2", "#008F68", "^", (0, (4, 1.2, 1, 1.2))),
    "bitmask": Look("bitmask", "#BF5F93", "D", (0, (1.5, 1.2))),
}
TIMES = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50)
NEVER = 1.1  # the sparsity that stands for none
ROUNDED = np.floor, np.round, np.ceil  # an interval's ends, outwards


def latency_ratio(table: pd.DataFrame, kernel: str = "csr") -> Picture:
    """How many times as fast as dense a sparse kernel is, against sparsity: a panel a task, a line a hidden size.

    Of what :func:`sparsekit.pruning.latency.measure` returns, of one variant, batch and machine: a `TableError` says
    where there are several, or no sparsity below 1; an `UnknownName` where there are no rows of the kernel.
    """
    ratios = costs.speedups(table)
    if kernel not in set(ratios["kernel"]):
        raise UnknownName(unknown("kernel of this table", kernel, sorted(set(ratios["kernel"]))))
    # A density of 0 has no place on an axis of logarithms.
    ratios = ratios[(ratios["kernel"] == kernel) & (ratios["sparsity"] < 1)]
    note = f"{_setting(ratios)}.\nMedians over {counted(ratios['repeat'].nunique(), 'repeat')}, bands: quartiles."
    rows, label = quartiles(ratios), look(FORMS, kernel).label
    depth, sizes = -np.log10(1 - rows["sparsity"]).round(9), sorted(rows["hidden"].unique())
    shades = zip(sizes, SEQUENTIAL(np.linspace(0.12, 0.92, len(sizes))), strict=True)
    ticks = {t: f"{t:g} ×" for t in TIMES if rows["low"].min() <= t <= rows["high"].max()}
    return marks.lines(
        rows.assign(panel=rows["task"], series=rows["hidden"], x=depth),
        f"How fast {label} weights run beside dense ones",
        Axis("sparsity (density on a log scale)", _sparsity, ticks=range(int(depth.max()) + 1)),
        Axis(f"dense time / {label} time", _times, "log", ticks=ticks),
        looks={size: Look(f"{size:g} units", to_hex(shade), "o", "-") for size, shade in shades},
        panels=TASKS,
        baselines={"as fast\nas dense": 1},
        note=note,
        reading=_at_highest(rows, label),
    )


def _at_highest(rows: pd.DataFrame, label: str) -> str:
    last = rows[rows["sparsity"] == rows["sparsity"].max()].sort_values("mean")
    told = [f"{_times(row.mean)} ({row.hidden:g} units, {look(TASKS, row.task).label})" for row in last.itertuples()]
    told = f"between {told[0]} and {told[-1]}" if len(told) > 1 else told[0]
    return f"At {percent(last['sparsity'].iloc[0])} sparsity {label} weights are {told} as fast as dense ones."


def break_even_line(table: pd.DataFrame, own_size: int | None = None) -> Picture:
    """The sparsity from which on sparse kernels are faster than dense, a panel a task and a row a hidden size.

    Of what :func:`sparsekit.pruning.cost.break_even` returns, of one variant, batch and machine: a `TableError` says
    where there are several. The hidden size of the networks in question is marked, and read first.
    """
    table = table.reset_index().sort_values("hidden", kind="stable")
    require(table, [*costs.SETTING, "kernel", "sparsity", "low", "high", "lowest", "highest"])
    highest = percent(table["highest"].max())
    ends = table[["sparsity", "high"]].clip(upper=NEVER).set_axis(["mean", "high"], axis="columns")
    rows = table.assign(
        panel=table["task"],
        series=table["kernel"],
        low=table["low"].replace(np.inf, np.nan),
        **ends,
        row=[f"{size:g} units" + (", this study" if size == own_size else "") for size in table["hidden"]],
    )
    return marks.forest(
        rows,
        "Sparsity from which on sparse weights are faster than dense ones",
        Axis("break-even sparsity", _or_never, limits=(0, NEVER), ticks=(0, 0.25, 0.5, 0.75, NEVER)),
        looks=FORMS,
        panels=TASKS,
        zero=None,
        note=f"{_setting(table)}.\nMedian over repeats in one process and its interval; never: not up to {highest}.",
        reading=f"{_at_own_size(table, own_size, highest)} {_earliest(table, highest)}",
    )


def _earliest(table: pd.DataFrame, highest: str) -> str:
    """Where sparse weights pay first, and where they never do."""
    if np.isinf(table["sparsity"]).all():
        return f"No sparse kernel was faster here than the dense one, at any sparsity up to {highest}."
    names = {
        f"{row.hidden:g} units ({look(TASKS, row.task).label}, {look(FORMS, row.kernel).label})": row
        for row in table.itertuples()
    }
    first, never = min(names, key=lambda name: names[name].sparsity), [n for n in names if np.isinf(names[n].sparsity)]
    told = f"Sparse weights pay earliest for {first}: {_where(names[first])} on"
    return told + (f"; up to {highest} they never do with {listed(never)}." if never else ".")


def _at_own_size(table: pd.DataFrame, size: int | None, highest: str) -> str:
    if size is None:
        return ""
    own, units = table[table["hidden"] == size], f"At {counted(size, 'hidden unit')}, the size of this study,"
    if own.empty:
        return f"{units} nothing was timed: `inference_sizes` says what is."
    if np.isinf(own["sparsity"]).all():
        kernels = listed(look(FORMS, kernel).label for kernel in own["kernel"].unique())
        return f"{units} torch's {kernels} weights were never faster here than dense ones, up to {highest} sparsity."
    told = [f"{look(TASKS, r.task).label} ({look(FORMS, r.kernel).label}) {_where(r)}" for r in own.itertuples()]
    return f"{units} sparse weights are faster than dense ones: {listed(told)}."


def bytes_by_form(table: pd.DataFrame) -> Picture:
    """Bytes of one weight matrix in each form, as a share of the dense bytes, against sparsity.

    Of what :func:`sparsekit.pruning.cost.storage_by_sparsity` returns; a `TableError` says what is missing.
    """
    shares = shares_of_dense(table)
    told = [f"{look(FORMS, form).label} from {percent(at)} sparsity" for form, at in smaller_from(shares).items()]
    dense = table.loc[table["form"] == "dense", "bytes"].iloc[0]
    rows = shares.rename_axis(index="x", columns="series").stack().rename("mean").reset_index()
    return marks.lines(
        rows.assign(panel=""),
        "Bytes that keep a weight matrix, by form",
        Axis("sparsity", percent, limits=(0, 1)),
        Axis("share of the dense bytes", percent, limits=(0, 1.05 * rows["mean"].max())),
        looks=FORMS,
        panels={},
        note=f"{f'{dense / 1e6:.3g} MB' if dense >= 1e6 else f'{dense / 1e3:.3g} kB'} when dense.",
        reading=f"A sparse form takes fewer bytes: {listed(told)}.",
    )


def _setting(table: pd.DataFrame) -> str:
    """The one variant, batch and machine of a table, in words."""
    variant, batch, machine = one_setting(table)
    return f"{label(variant)}, {counted(batch, 'sequence')} at a time, one thread of {machine}"


def _times(ratio: float) -> str:
    return f"{number(ratio, 2 if ratio < 10 else 0)} times"


def _sparsity(depth: float) -> str:
    """A place on an axis of densities: 0 at none, 1 at 90 %, 2 at 99 %."""
    return percent(1 - 10.0**-depth)


def _or_never(sparsity: float) -> str:
    return "never" if sparsity > 1 else percent(sparsity)


def _where(row: Any) -> str:
    """From which sparsity on, with its interval, in words: to 5 points, as it lies between two sparsities tried."""
    low, at, high = (rule(20 * end) / 20 for rule, end in zip(ROUNDED, (row.low, row.sparsity, row.high), strict=True))
    start = "" if np.isinf(at) else "from at most " if row.sparsity <= row.lowest else "from about "
    return start + span(at, *((low, high) if np.isfinite(low) else (np.nan, np.nan)), _or_never)
