"""Figures of RQ1 and RQ2: what pruning does to accuracy, and how much of it is safe."""

from collections.abc import Mapping
from itertools import groupby

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from sparsekit.analysis.conditions import chosen, single
from sparsekit.analysis.pruning import censoring
from sparsekit.analysis.tables import TableError, require
from sparsekit.figures.card import (
    Picture,
    card,
    drawn,
    label_panel,
    percent_axis,
    reported_mark,
    reported_point,
    sample,
    small_multiples,
)
from sparsekit.figures.panels import base_band, finish, held_up_to, margin_key, mean_line, shown_over, span, weights_of
from sparsekit.figures.style import (
    FAINT,
    INK,
    QUIET,
    RULE,
    SCHEDULES,
    SCOPES,
    SCORES,
    TARGETS,
    VARIANTS,
    Look,
    counted,
    listed,
    look,
    number,
    ordered,
    percent,
    readable,
)
from sparsekit.figures.style import look as named
from sparsekit.figures.task import Baselines, accuracy_floor, curve, reference, seed_lines


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
        As `analysis.pruning.safe_percentage` returns it: index (variant, target); values, mean, low, high,
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
        As `analysis.pruning.tolerance` returns it, of one score, scope, schedule and recovery.
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


MOST = 1000  # a compression beyond this leaves single weights: it would stretch the axis and say nothing


def _line(score: str, scope: str) -> Look:
    """Look of a score in a scope; scopes of random pruning differ by marker and line."""
    one = look(SCORES, score)._replace(label=f"{look(SCORES, score).label} ({look(SCOPES, scope).label})")
    return one if score != "random" or scope == "global" else one._replace(marker="X", line=(0, (4, 1.2, 1, 1.2)))


@drawn
def accuracy_by_compression(
    pruning: pd.DataFrame,
    baselines: Baselines,
    target: str = "both",
    score: str = "magnitude",
    scope: str = "global",
    margin: float = 0.02,
    confidence: float = 0.95,
) -> Picture:
    """Accuracy against compression, a panel per variant, one score in one scope beside the random controls.

    Parameters
    ----------
    pruning : DataFrame
        Columns variant, seed, target, percent, score, scope, base_accuracy, accuracy, weights, weights_dense; of one
        schedule and recovery. Networks with fewer than one weight in 1,000 left are not drawn.

    Raises
    ------
    TableError
        Where the table has no such target, score or scope, or holds several schedules or recoveries.
    """
    require(pruning, ["weights", "weights_dense", "score", "scope"])
    own = chosen(pruning, target=target)
    single(own.drop(columns=["score", "scope"]))
    chosen(own, score=score, scope=scope)
    own = own[own["weights_dense"] <= MOST * own["weights"]]
    # Seeds prune to almost the same size: a point is a percentage, at the mean of its seeds.
    by = ["variant", "score", "scope", "percent"]
    ratio = own["weights_dense"] / own["weights"]
    own = own.assign(compression=ratio.groupby([own[name] for name in by]).transform("mean"))
    held = {(score, scope): [], ("random", "global"): [], ("random", "layer"): []}
    held = {pair: [] for pair in held if len(own[(own["score"] == pair[0]) & (own["scope"] == pair[1])])}
    if not held:
        raise TableError(f"no network pruned by {score}, {scope}, has more than one weight in {MOST:,} left")
    lines, variants = reference(baselines), ordered(own["variant"], VARIANTS)
    figure, panels = small_multiples(
        variants,
        205 if len(variants) > 1 else 280,
        f"Accuracy at once after pruning against compression{_named(target)}",
        key=[*(sample(_line(*pair)) for pair in held), margin_key(margin)],
        note=f"{shown_over(own, confidence, 'small')} Dotted: no memory.",
    )
    floor, words = accuracy_floor(own["accuracy"], lines.values()), []
    ticks = 2.0 ** np.arange(0, np.ceil(np.log2(own["compression"].max())) + 1)
    for name, axes in panels.items():
        of_variant, told = own[own["variant"] == name], []
        base = base_band(axes, of_variant, margin, floor)
        for pair in held:
            one, rows = _line(*pair), of_variant[(of_variant["score"] == pair[0]) & (of_variant["scope"] == pair[1])]
            if rows.empty:
                continue
            means = mean_line(axes, rows, "compression", one, confidence)
            axes.scatter(rows["compression"], rows["accuracy"], s=5, color=one.colour, alpha=0.5, linewidth=0)
            held[pair].append(held_up_to(means, base - margin, 1))
            told.append(f"{one.label} within the margin up to {held[pair][-1]:.3g}×, {_end(means, '×')}")
        words.append(f"{named(VARIANTS, name).label}, base {percent(base)}: {', '.join(told)}")
        axes.set_xscale("log", base=2)
        every = -(-len(ticks) // 5)
        axes.set_xticks(ticks, [f"{tick:g}×" if i % every == 0 else "" for i, tick in enumerate(ticks)])
        axes.set_xlim(0.93, own["compression"].max() * 1.2)
        finish(axes, "weights, dense / pruned", lines)
    spans = [f"{_line(*pair).label} {span(most, '×')}" for pair, most in held.items()]
    return Picture(
        figure,
        f"Lines: test accuracy at once after pruning against compression. {'; '.join(words)}.",
        f"Highest tested compression with mean accuracy within {100 * margin:g} points of the base, "
        f"{_over(variants)}: {listed(spans)}.",
    )


def _named(target: str) -> str:
    return "" if target == "both" else f", {weights_of(target)}"


def _end(means: pd.Series, unit: str) -> str:
    return f"{percent(means.iloc[-1])} at {means.index[-1]:.3g}{unit}"


def _over(variants: list[str]) -> str:
    return f"over {counted(len(variants), 'variant')}"


@drawn
def scores_and_scopes(
    pruning: pd.DataFrame, target: str = "both", margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """Accuracy by score, a row of panels per variant, a column per scope, a group of marks per percentage.

    Parameters
    ----------
    pruning : DataFrame
        Columns variant, seed, target, percent, score, scope, base_accuracy, accuracy; of one schedule and recovery, at
        the percentages that are compared.

    Raises
    ------
    TableError
        Where the table has no rows of the target, or holds several schedules or recoveries.
    """
    require(pruning, ["score", "scope"])
    own = chosen(pruning, target=target)
    single(own.drop(columns=["score", "scope"]))
    variants, scopes, scores = (
        ordered(own[name], table) for name, table in (("variant", VARIANTS), ("scope", SCOPES), ("score", SCORES))
    )
    places = {amount: place for place, amount in enumerate(sorted(own["percent"].unique()))}
    figure, grid = card(
        115 + 112 * len(variants),
        f"Accuracy at once after pruning, by score and scope{_named(target)}",
        len(variants),
        len(scopes),
        key=[*(sample(look(SCORES, score), linestyle="-") for score in scores), margin_key(margin)],
        note=shown_over(own, confidence, interval="bars"),
        sharex=True,
        sharey=True,
    )
    floor, words, best = accuracy_floor(own["accuracy"]), [], []
    for name, row in zip(variants, grid, strict=True):
        of_variant, label, told, pairs = own[own["variant"] == name], named(VARIANTS, name).label, [], {}
        for scope, axes in zip(scopes, row, strict=True):
            base = base_band(axes, of_variant, margin, floor)
            rows = of_variant[of_variant["scope"] == scope]
            averages = {}
            for k, score in enumerate(scores):
                of_score = rows[rows["score"] == score]
                if of_score.empty:
                    continue
                one, mean = look(SCORES, score), curve(of_score, "percent", "accuracy", confidence)
                at = mean.index.map(places).to_numpy() + 0.6 * ((k + 0.5) / len(scores) - 0.5)
                axes.vlines(at, mean["low"], mean["high"], color=one.colour, linewidth=1.5)
                axes.plot(at, mean["mean"], color=one.colour, marker=one.marker, linestyle="", markersize=5)
                averages[one.label] = pairs[_line(score, scope).label] = mean["mean"].mean()
            ends = dict.fromkeys(pick(averages, key=averages.get) for pick in (max, min) if averages)
            told.append(f"{look(SCOPES, scope).label} {' to '.join(f'{s} {percent(averages[s])}' for s in ends)}")
            axes.set_xticks(range(len(places)), [f"{amount:g} %" for amount in places])
            axes.tick_params(axis="x", length=0)
            axes.set_xlim(-0.5, len(places) - 0.5)
            label_panel(axes, "weights pruned", label)
            percent_axis(axes.yaxis)
            if name == variants[0]:
                axes.set_title(look(SCOPES, scope).label)
        row[0].yaxis.label.set(color=readable(named(VARIANTS, name).colour), weight="bold")
        words.append(f"{label}, base {percent(base)}: {', '.join(told)}")
        top = max(pairs, key=pairs.get)
        best.append(f"{label}: {top}, {percent(pairs[top])}")
    amounts = listed(f"{amount:g} %" for amount in places)
    return Picture(
        figure,
        f"Marks: test accuracy with {amounts} of {weights_of(target)} pruned. Mean over the percentages, "
        f"best and worst score of each scope: {'; '.join(words)}.",
        f"Highest mean accuracy at {amounts}: {'; '.join(best)}.",
    )


@drawn
def accuracy_by_schedule(
    recovered: pd.DataFrame, baselines: Baselines, target: str = "both", margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """Accuracy at the end of retraining against percentage, a panel per variant, a line per schedule.

    Parameters
    ----------
    recovered : DataFrame
        As `analysis.conditions.after_recovery` returns it, with a column schedule; of one score, scope and
        recovery.

    Raises
    ------
    TableError
        Where the table has no rows of the target, or holds several scores, scopes or recoveries.
    """
    require(recovered, ["schedule"])
    own = chosen(recovered, target=target)
    single(own.drop(columns="schedule"))
    lines, variants = reference(baselines), ordered(own["variant"], VARIANTS)
    held = {name: [] for name in ordered(own["schedule"], SCHEDULES)}
    figure, panels = small_multiples(
        variants,
        205 if len(variants) > 1 else 280,
        f"Accuracy after retraining, by pruning schedule{_named(target)}",
        key=[*(sample(look(SCHEDULES, name)) for name in held), margin_key(margin)],
        note=f"{shown_over(own, confidence, 'thin')} Dotted: no memory.",
    )
    floor, words = accuracy_floor(own["accuracy"], lines.values()), []
    for name, axes in panels.items():
        of_variant, told = own[own["variant"] == name], []
        base = base_band(axes, of_variant, margin, floor)
        for schedule in held:
            one, rows = look(SCHEDULES, schedule), of_variant[of_variant["schedule"] == schedule]
            if rows.empty:
                continue
            means = mean_line(axes, rows, "percent", one, confidence)
            seed_lines(axes, rows, "percent", "accuracy", color=one.colour)
            held[schedule].append(held_up_to(means, base - margin, 0))
            told.append(f"{one.label} within the margin up to {held[schedule][-1]:g} %, {_end(means, ' %')}")
        words.append(f"{named(VARIANTS, name).label}, base {percent(base)}: {', '.join(told)}")
        axes.set_xlim(min(own["percent"].min(), 10) - 3, 103)
        axes.set_xticks(range(20, 101, 20))
        finish(axes, "weights pruned (%)", lines)
    spans = [f"{look(SCHEDULES, name).label} {span(most, ' %')}" for name, most in held.items()]
    return Picture(
        figure,
        f"Lines: test accuracy after retraining against percentage of {weights_of(target)} pruned. {'; '.join(words)}.",
        f"Highest tested percentage with mean accuracy within {100 * margin:g} points of the base after retraining, "
        f"{_over(variants)}: {listed(spans)}.",
    )
