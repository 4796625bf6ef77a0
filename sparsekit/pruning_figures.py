"""Figures of RQ1 and RQ2: what pruning does to accuracy, and how much of it is safe."""

from collections.abc import Mapping
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from sparsekit.conditions import chosen, single
from sparsekit.panels import base_band, finish, margin_key, mean_line, shown_over, weights_of
from sparsekit.pictures import (
    Picture,
    card,
    drawn,
    label_panel,
    reported_mark,
    reported_point,
    sample,
    small_multiples,
)
from sparsekit.pruning_statistics import censoring
from sparsekit.style import FAINT, INK, QUIET, RULE, TARGETS, VARIANTS, counted, listed, look, number, ordered, percent
from sparsekit.task_figures import Baselines, accuracy_floor, reference, seed_lines


@drawn
def accuracy_by_percentage(
    pruning: pd.DataFrame, baselines: Baselines, margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """RQ1: accuracy at once after pruning against the percentage pruned, a panel per variant, a line per target.

    Parameters
    ----------
    pruning : DataFrame
        Long table of variant, seed, target, percent, base_accuracy, accuracy.
    margin : float
        The accuracy margin under the base network's that is shaded.
    """
    single(pruning)
    lines, variants = reference(baselines), ordered(pruning["variant"], VARIANTS)
    targets = ordered(pruning["target"], TARGETS)
    figure, panels = small_multiples(
        variants,
        205 if len(variants) > 1 else 280,
        "Accuracy at once after pruning",
        key=[*(sample(look(TARGETS, target)) for target in targets), margin_key(margin)],
        note=f"{shown_over(pruning, confidence, 'thin')} Dotted: no memory.",
    )
    floor, words, falls, intact = accuracy_floor(pruning["accuracy"], lines.values()), [], [], []
    for name, axes in panels.items():
        of_variant, variant = pruning[pruning["variant"] == name], look(VARIANTS, name).label
        base = base_band(axes, of_variant, margin, floor)
        for target in targets:
            own, one = of_variant[of_variant["target"] == target], look(TARGETS, target)
            if own.empty:
                continue
            seed_lines(axes, own, "percent", "accuracy", color=one.colour)
            mean = mean_line(axes, own, "percent", one, confidence)
            fallen = mean[mean < base - margin]
            told = "never below the margin"
            if len(fallen):
                told = f"first below the margin with {percent(fallen.iloc[0])} at {fallen.index[0]:g} %"
            words.append(f"{variant}, {one.label}: base {percent(base)}, {told}")
            if target == targets[0]:
                (falls if len(fallen) else intact).append(
                    f"{variant} at {fallen.index[0]:g} %" if len(fallen) else variant
                )
        axes.set_xlim(min(pruning["percent"].min(), 10) - 3, 103)
        axes.set_xticks(range(20, 101, 20))
        finish(axes, "weights pruned (%)", lines)
    scope = "both kinds of weights" if targets[0] == "both" else f"{look(TARGETS, targets[0]).label} weights"
    drop = f"more than {100 * margin:g} points below the base"
    reading = f"With {scope} pruned, the mean accuracy never falls {drop}"
    if falls:
        reading = f"With {scope} pruned, the mean accuracy first falls {drop} for {listed(falls)}"
        reading += f", and never for {listed(intact)}" if intact else ""
    return Picture(
        figure, f"Lines: test accuracy against percentage of weights pruned. {'; '.join(words)}.", reading + "."
    )


@drawn
def safe_percentages(table: pd.DataFrame, reported: Mapping[tuple[str, str], float] | None = None) -> Picture:
    """RQ2: the highest safe percentage of each variant and target, with its interval, beside the reported one.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.statistics.safe_percentage` returns it: index (variant, target); values, mean, low, high,
        below, at_least, next.
    reported : mapping of (variant, target) to percent, optional
    """
    single(table.reset_index())
    reported = reported or {}
    variants = ordered(table.index.get_level_values(0), VARIANTS)
    targets = ordered(table.index.get_level_values(1), TARGETS)
    key = [sample(look(TARGETS, t), linestyle="-", markersize=6) for t in targets]
    key.append(Line2D([], [], color=FAINT, marker="o", linestyle="", markersize=3.5, label="one seed"))
    if reported:
        key.append(reported_mark())
    step = 22
    figure, ((axes,),) = card(
        132 + len(variants) * (step * len(targets) + 14), "How much can be pruned before accuracy drops", key=key
    )
    y, ticks, words, apart = 0.0, [], [], []
    for name in variants:
        first = y
        for target in targets:
            if (name, target) not in table.index:
                continue
            row, (label, colour, marker, _) = table.loc[(name, target)], look(TARGETS, target)
            if np.isfinite(row["low"]):
                axes.hlines(y, row["low"], row["high"], color=colour, linewidth=2.2)
            axes.scatter(row["values"], np.full(len(row["values"]), y + 0.3), s=10, color=FAINT, linewidth=0, zorder=2)
            axes.scatter(row["mean"], y, s=48, marker=marker, color=colour, edgecolor="white", linewidth=0.8, zorder=4)
            span = f" ({row['low']:.0f} to {row['high']:.0f})" if np.isfinite(row["low"]) else ""
            words.append(f"{look(VARIANTS, name).label}, {label}: {_held(row)}{span}")
            if (name, target) in reported:
                said = reported[name, target]
                reported_point(axes, said, y)
                words[-1] += f", reported {said:g} %"
                if not censoring(row):
                    apart.append(row["mean"] - said)
            y += 1
        ticks.append(((first + y - 1) / 2, look(VARIANTS, name).label))
        y += 14 / step
        if name != variants[-1]:
            axes.axhline(y - (1 + 14 / step) / 2, color=RULE, linewidth=0.8)
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=10)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(y - 14 / step - 0.3, -0.7)
    axes.set_xlim(-3, 103)
    axes.set_xticks(range(0, 101, 10))
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_xlabel("highest percentage up to which accuracy stays within the margin")
    best, worst = table["mean"].idxmax(), table["mean"].idxmin()
    most, least = (
        f"{look(VARIANTS, v).label}, {look(TARGETS, t).label} ({_held(table.loc[(v, t)])})" for v, t in (best, worst)
    )
    reading = f"Most can go from {most} and least from {least}"
    if len(table) == 1:
        reading = f"The safe percentage of {most[: most.rindex(' (')]} is {_held(table.iloc[0])}"
    elif table["mean"].nunique() == 1:
        reading = f"Every variant and target has the same safe percentage, {_held(table.iloc[0])}"
    if apart:
        reading += f"; from the reported percentages this run is {np.mean(np.abs(apart)):.0f} points away on average"
    return Picture(figure, f"Dots: highest safe pruning percentage. {'; '.join(words)}.", reading + ".")


def _held(row: pd.Series) -> str:
    bounds = censoring(row)
    return (
        bounds if 1 in (row["below"], row["at_least"]) else f"{row['mean']:.0f} %" + (f", {bounds}" if bounds else "")
    )


MARKS = {
    "kept": {"marker": "o", "color": "#0072B2"},
    "no drop": {"marker": "o", "color": "#0072B2", "markerfacecolor": "white"},
    "cannot tell": {"marker": "D", "color": QUIET, "markerfacecolor": "white"},
    "dropped": {"marker": "X", "color": "#D55E00"},
}


@drawn
def tolerances(table: pd.DataFrame, margin: float = 0.02, target: str = "both", confidence: float = 0.95) -> Picture:
    """Change of accuracy against the base of the same seed, its intervals, and the verdict beside the margin.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.statistics.tolerance` returns it, of one score, scope, schedule and recovery.
    margin, confidence : float
        Those of the table.

    Raises
    ------
    TableError
        Where the table has no rows of the target, or holds several conditions.
    """
    own = single(chosen(table.reset_index(), target=target))
    variants, points, floor = ordered(own["variant"], VARIANTS), f"{100 * margin:g} points", -5.5 * margin
    found = [verdict for verdict in MARKS if verdict in set(own["verdict"])]
    figure, panels = small_multiples(
        variants,
        190 if len(variants) > 1 else 260,
        f"Is accuracy kept within {points} of the base? {weights_of(target).capitalize()} pruned",
        key=[Line2D([], [], linestyle="", markersize=6, label=verdict, **MARKS[verdict]) for verdict in found],
        note=f"Accuracy less the base's, {counted(int(own['n'].max()), 'seed')}. Thin: {100 * confidence:g} % interval,"
        f" thick: {200 * confidence - 100:g} %, which decides. Triangles: below the axis.",
    )
    words = []
    for name, axes in panels.items():
        rows = own[own["variant"] == name].sort_values("percent")
        axes.axhspan(-margin, margin, color=RULE, linewidth=0, zorder=0)
        axes.axhline(0, color=QUIET, linewidth=0.8, zorder=0.6)
        for _, row in rows.iterrows():
            x, mark = row["percent"], MARKS[row["verdict"]]
            for ends, width in ((("low", "high"), 0.9), (("decide_low", "decide_high"), 2.6)):
                axes.vlines(x, *row[list(ends)].clip(floor, 3 * margin), color=mark["color"], linewidth=width)
            lost = row["difference"] < floor
            style = mark | ({"marker": "v"} if lost else {})
            axes.plot(x, max(row["difference"], floor), markersize=5.5, linestyle="", zorder=4, **style)
        told = [_run(list(run)) for _, run in groupby(rows.to_dict("records"), key=lambda row: row["verdict"])]
        words.append(f"{look(VARIANTS, name).label}: {', '.join(told)}")
        axes.set_ylim(floor - 0.5 * margin, 3 * margin)
        ticks = np.array([-4, -2, 0, 2]) * margin
        axes.set_yticks(ticks, [number(100 * tick, int(margin < 0.005), sign=True) for tick in ticks])
        axes.set_xlim(min(own["percent"].min(), 10) - 5, 105)
        axes.set_xticks(range(20, 101, 20))
        label_panel(axes, "weights pruned (%)", "change (points)")
    counts = own["verdict"].value_counts()
    verdicts = [f"{counts[verdict]} {verdict}" for verdict in found]
    return Picture(
        figure,
        f"Dots with intervals: change of accuracy against percentage pruned. {'; '.join(words)}.",
        f"Of {counted(len(own), 'condition')}, with a margin of {points}: {listed(verdicts)}.",
    )


def _run(rows: list[dict]) -> str:
    """Neighbouring percentages with the same verdict, in words."""
    first, last = (f"{rows[at]['percent']:g}" for at in (0, -1))
    changes = [100 * row["difference"] for row in rows]
    low, high = (number(end, 1, sign=True) for end in (min(changes), max(changes)))
    at, change = (a if a == b else f"{a} to {b}" for a, b in ((first, last), (low, high)))
    return f"{at} % {rows[0]['verdict']} ({change} points)"
