"""Figures of how fast sparse weights run, and from which sparsity on they are faster than dense ones."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from sparsekit.analysis.tables import TableError, require
from sparsekit.figures.card import Picture, card, drawn, label_panel, percent_axis, sample, spread
from sparsekit.figures.style import (
    INK,
    QUIET,
    RULE,
    SEQUENTIAL,
    VARIANTS,
    Look,
    counted,
    listed,
    look,
    number,
    percent,
    readable,
)
from sparsekit.pruning import cost as costs
from sparsekit.registry import UnknownName, unknown

TASKS = {"product": "hidden-to-hidden product", "sequence": "whole layer over a sequence"}
NEVER = 1.1  # height of what never breaks even


@drawn
def latency_ratio(table: pd.DataFrame, kernel: str = "csr") -> Picture:
    """How many times as fast as dense a sparse kernel is, against sparsity: a panel a task, a line a hidden size.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.pruning.latency.measure` returns it, of one variant, batch and machine.
    kernel : str

    Raises
    ------
    UnknownName
        Where the table has no rows of the kernel.
    TableError
        Where it has several of these, or no sparsity below 1.
    """
    ratios = costs.speedups(table)
    if kernel not in set(ratios["kernel"]):
        raise UnknownName(unknown("kernel of this table", kernel, sorted(set(ratios["kernel"]))))
    # A density of 0 has no place on an axis of logarithms.
    ratios = ratios[(ratios["kernel"] == kernel) & (ratios["sparsity"] < 1)]
    setting, tasks, label = _setting(ratios), _tasks(ratios), form_look(kernel).label
    sizes, tried = sorted(ratios["hidden"].unique()), np.sort(ratios["sparsity"].unique())
    shades = dict(zip(sizes, map(mpl.colors.to_hex, SEQUENTIAL(np.linspace(0.12, 0.92, len(sizes)))), strict=True))
    figure, grid = card(
        360,
        f"How fast {label} weights run beside dense ones",
        1,
        len(tasks),
        key=[Line2D([], [], color=shades[s], linewidth=4, label=f"{s:g} units", solid_capstyle="butt") for s in sizes],
        note=f"{setting}.\nMedians over {counted(ratios['repeat'].nunique(), 'repeat')}, bands: quartiles.",
        sharex=True,
        sharey=True,
    )
    words, last = [], {}
    for task, axes in zip(tasks, grid.flat, strict=True):
        axes.axhline(1, color=QUIET, linewidth=1, linestyle=(0, (1, 2)), zorder=0.5)
        for size in sizes:
            own = ratios[(ratios["task"] == task) & (ratios["hidden"] == size)]
            quartiles = own.groupby("sparsity")["speedup"].quantile([0.25, 0.5, 0.75]).unstack()
            x, median = _depth(quartiles.index), quartiles[0.5]
            axes.fill_between(x, quartiles[0.25], quartiles[0.75], color=shades[size], alpha=0.18, linewidth=0)
            axes.plot(x, median, color=shades[size], marker="o", markersize=3.2, linewidth=1.6)
            last[f"{TASKS[task]}, {size:g} units"] = median.iloc[-1]
            words.append(f"{TASKS[task]}, {size:g} units: {_times(median.iloc[0])} to {_times(median.iloc[-1])}")
        axes.set_title(TASKS[task], color=INK)
        if label_panel(axes, "sparsity (density on a log scale)", f"dense time / {label} time"):
            axes.annotate("as fast\nas dense", (1.02, 1), xycoords=("axes fraction", "data"), color=QUIET, va="center")
    axes = grid[0, 0]
    shown = _apart(_depth(tried), 0.13)
    axes.set_xticks(_depth(tried[shown]), [f"{100 * s:.4g} %" for s in tried[shown]])
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5), numticks=12))
    axes.yaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda v, _: f"{v:g} ×"))
    most, least = max(last, key=last.get), min(last, key=last.get)
    reading = f"At {percent(tried[-1])} sparsity {label} weights are {_times(last[most])} as fast as dense ({most})"
    if least != most:
        reading = reading.replace(" weights are", f" weights are between {_times(last[least])} ({least}) and")
    alt = f"Lines: dense time by {label} time, from {percent(tried[0])} to {percent(tried[-1])} sparsity."
    return Picture(figure, f"{alt} {'; '.join(words)}.", reading + ".")


@drawn
def break_even_line(table: pd.DataFrame, own_size: int | None = None) -> Picture:
    """The sparsity from which on sparse kernels are faster than dense, against hidden size: a panel a task.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.pruning.cost.break_even` returns it, of one variant, batch and machine.
    own_size : int, optional
        Hidden units of the networks in question: marked, and read first.

    Raises
    ------
    TableError
        Where it has several of these, or lacks a column.
    """
    table = table.reset_index()
    require(table, [*costs.SETTING, "kernel", "sparsity", "low", "high", "lowest", "highest"])
    setting, tasks, kernels = _setting(table), _tasks(table), list(dict.fromkeys(table["kernel"]))
    sizes, highest = np.sort(table["hidden"].unique()), table["highest"].max()
    key = [sample(form_look(kernel)) for kernel in kernels]
    key.append(Line2D([], [], marker=r"$\uparrow$", color=QUIET, linestyle="", markersize=8, label="never"))
    figure, grid = card(
        350,
        "Sparsity from which on sparse weights are faster than dense ones",
        1,
        len(tasks),
        key=key,
        note=f"{setting}.\nBars: interval of the median over repeats. Never: not up to {percent(highest)}.",
        sharex=True,
        sharey=True,
    )
    for task, axes in zip(tasks, grid.flat, strict=True):
        axes.axhspan(1.03, NEVER + 0.07, color=RULE, linewidth=0, zorder=0)
        for n, kernel in enumerate(kernels):
            own = table[(table["task"] == task) & (table["kernel"] == kernel)].sort_values("hidden")
            # Kernels stand a little apart, so that one does not hide another.
            x = own["hidden"].to_numpy(float) * 1.06 ** (n - (len(kernels) - 1) / 2)
            low, y, high = (own[name].clip(upper=NEVER).to_numpy(float) for name in ("low", "sparsity", "high"))
            ever, colour = np.isfinite(own["sparsity"].to_numpy()), form_look(kernel).colour
            axes.vlines(x, low, high, color=colour, linewidth=2)
            axes.plot(x[ever], y[ever], color=colour, marker=form_look(kernel).marker, linestyle=form_look(kernel).line)
            axes.plot(x[~ever], y[~ever], color=colour, marker=r"$\uparrow$", linestyle="", markersize=10)
        if own_size in sizes:
            axes.axvline(own_size, color=QUIET, linewidth=1, linestyle=(0, (1, 2)), zorder=0.5)
            axes.annotate("this study", (own_size, 0.02), (4, 0), textcoords="offset points", color=QUIET, size=9)
        axes.set_title(TASKS[task], color=INK)
        label_panel(axes, "hidden units (log scale)", "break-even sparsity")
    axes = grid[0, 0]
    axes.set_xscale("log")
    axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    shown = sizes[_apart(np.log(sizes), 0.1)]
    axes.set_xticks(shown, [f"{size:g}" for size in shown])
    axes.set_xlim(sizes[0] / 1.3, sizes[-1] * 1.3)
    axes.set_ylim(-0.03, NEVER + 0.07)
    axes.set_yticks(np.linspace(0, 1, 6))
    percent_axis(axes.yaxis)
    told = {f"{TASKS[r.task]}, {form_look(r.kernel).label}, {r.hidden:g} units": r for r in table.itertuples()}
    words = "; ".join(f"{condition}: {_where(row)}" for condition, row in told.items())
    never = [
        f"{listed(f'{size:g}' for size in own['hidden'])} units ({TASKS[task]}, {form_look(kernel).label})"
        for (task, kernel), own in table[np.isinf(table["sparsity"])].groupby(["task", "kernel"], sort=False)
    ]
    reading = f"No sparse kernel is faster than the dense one, at any sparsity up to {percent(highest)}"
    if np.isfinite(table["sparsity"]).any():
        first = min(told, key=lambda condition: told[condition].sparsity)
        reading = f"Sparse weights pay earliest for {first}: from {_where(told[first])} on"
        if never:
            reading += f"; up to {percent(highest)} they never do with {listed(never)}"
    if own_size is not None:
        reading = f"{_at_own_size(table[table['hidden'] == own_size], own_size, highest)}. {reading}"
    return Picture(figure, f"Points: break-even sparsity by hidden size. {words}.", reading + ".")


def _setting(table: pd.DataFrame) -> str:
    """The one variant, batch and machine of a table, in words."""
    found = []
    for name in ("variant", "batch", "machine"):
        values = table[name].unique().tolist()
        if len(values) != 1:
            raise TableError(f"column {name!r} holds {', '.join(map(str, values)) or 'nothing'}: a figure shows one")
        found.append(values[0])
    variant, batch, machine = found
    return f"{look(VARIANTS, variant).label}, {counted(batch, 'sequence')} at a time, one thread of {machine}"


def _tasks(table: pd.DataFrame) -> list[str]:
    return [task for task in TASKS if task in set(table["task"])]


def _depth(sparsities) -> np.ndarray:
    """Place on an axis of densities: 0 at none, 1 at 90 %, 2 at 99 %."""
    return -np.log10(1 - np.asarray(sparsities, float))


def _apart(places: np.ndarray, share: float) -> list[int]:
    """Which of ascending places to label: the last, and before it those that are a share of the axis away."""
    kept, gap = [len(places) - 1], share * max(np.ptp(places), 1e-9)
    for k in range(len(places) - 2, -1, -1):
        if places[kept[-1]] - places[k] >= gap:
            kept.append(k)
    return kept[::-1]


def _times(ratio: float) -> str:
    return f"{number(ratio, 2 if ratio < 10 else 0)} times"


def _where(row) -> str:
    """A break-even sparsity with its interval, in words."""
    low, high = (f"{percent(end)}" if np.isfinite(end) else "never" for end in (row.low, row.high))
    span = "" if np.isnan(row.low) else f" ({low} to {high})"
    if np.isinf(row.sparsity):
        return f"never up to {percent(row.highest)}{span if np.isfinite(row.low) else ''}"
    return f"{'at most ' * (row.sparsity <= row.lowest)}{percent(row.sparsity)}{span}"


def _at_own_size(rows: pd.DataFrame, size: int, highest: float) -> str:
    """What the break-even rows of one hidden size say, in words."""
    units = f"At {counted(size, 'hidden unit')}, the size of this study,"
    if rows.empty:
        return f"{units} nothing was timed: `inference_sizes` says what is"
    if np.isinf(rows["sparsity"]).all():
        return f"{units} sparse weights are never faster than dense ones, up to {percent(highest)} sparsity"
    told = [
        f"{TASKS[row.task]} ({form_look(row.kernel).label}) {'from ' * bool(np.isfinite(row.sparsity))}{_where(row)}"
        for row in rows.itertuples()
    ]
    return f"{units} sparse weights are faster than dense ones: {listed(told)}"


FORMS = {
    "dense": Look("dense", INK, "o", "-"),
    "csr": Look("CSR", "#0072B2", "s", "-"),
    "csr_int64": Look("CSR, 64-bit indices", "#D17A00", "o", (0, (5, 1.5))),
    "bsr": Look("BSR, 2 × 2", "#008F68", "^", (0, (4, 1.2, 1, 1.2))),
    "bitmask": Look("bitmask", "#BF5F93", "D", (0, (1.5, 1.2))),
}


@drawn
def bytes_by_form(table: pd.DataFrame) -> Picture:
    """Bytes of one weight matrix in each form, as a share of the dense bytes, against sparsity.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.pruning.cost.storage_by_sparsity` returns it.

    Raises
    ------
    TableError
        Where a column or the dense form is missing.
    """
    require(table, ["sparsity", "form", "bytes"])
    wide = table.pivot(index="sparsity", columns="form", values="bytes")
    require(wide, ["dense"])
    shares = wide.div(wide["dense"], axis=0)
    figure, ((axes,),) = card(
        310,
        "Bytes that keep a weight matrix, by form",
        note=f"{_size(wide['dense'].iloc[0])} when dense. Dots: from here on the sparse form is smaller.",
    )
    words, points = [], []
    for form in shares:
        label, colour, marker, line = form_look(form)
        axes.plot(shares.index, shares[form], color=colour, linestyle=line)
        if form == "dense":
            continue
        start = float(np.interp(-1, -shares[form], shares.index))
        axes.plot(start, 1, marker=marker, color=colour, markersize=7, linestyle="", markeredgecolor="white")
        points.append(f"{label} from {percent(start)} sparsity")
        at = shares[form].loc[shares.index >= 0.9].iloc[0]
        words.append(f"{label}: smaller from {percent(start)} sparsity, {percent(at)} of dense at 90 %")
    axes.set_xlim(0, 1)
    axes.set_ylim(0, min(2.1, 1.05 * shares.max().max()))
    ends = shares.iloc[(np.abs(shares.index - 0.25)).argmin()]
    for form, y in zip(map(form_look, ends.index), spread(ends, 0.16), strict=True):
        axes.text(0.26, y + 0.03, form.label, color=readable(form.colour), weight="bold", va="bottom")
    axes.set_xlabel("sparsity")
    axes.set_ylabel("share of the dense bytes")
    percent_axis(axes.xaxis)
    percent_axis(axes.yaxis)
    return Picture(
        figure, f"Lines: bytes by form. {'; '.join(words)}.", f"A sparse form takes fewer bytes: {listed(points)}."
    )


def form_look(name: str) -> Look:
    """Look of a form of weights; one registered later gets ink and its own name."""
    return FORMS.get(name, Look(name, INK, "v", ":"))


def _size(count: float) -> str:
    return f"{count / 1e6:.3g} MB" if count >= 1e6 else f"{count / 1e3:.3g} kB"
