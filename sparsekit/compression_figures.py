"""Figures of pruning as a trade: accuracy against size, and which score, scope and schedule trades best."""

import numpy as np
import pandas as pd

from sparsekit.conditions import chosen, single
from sparsekit.looks import SCHEDULES, SCOPES, SCORES, look
from sparsekit.panels import base_band, finish, held_up_to, margin_key, mean_line, shown_over, span, weights_of
from sparsekit.pictures import Picture, card, drawn, label_panel, percent_axis, sample, small_multiples
from sparsekit.style import VARIANTS, Look, counted, listed, ordered, percent, readable
from sparsekit.style import look as named
from sparsekit.tables import TableError, require
from sparsekit.task_figures import Baselines, accuracy_floor, curve, reference, seed_lines

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
        As :func:`sparsekit.statistics.after_recovery` returns it, with a column schedule; of one score, scope and
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
