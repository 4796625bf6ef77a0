"""Figures of where the weights survive: by gate and layer, the units left dead, the radius of the recurrent weights."""

import itertools

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from sparsekit.analysis.intervals import mean_interval
from sparsekit.analysis.tables import TableError, require
from sparsekit.figures.card import Picture, card, drawn, label_panel, percent_axis, sample, small_multiples
from sparsekit.figures.style import (
    DIVERGING,
    FAINT,
    INK,
    QUIET,
    RULE,
    SEQUENTIAL,
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
    text_on,
)
from sparsekit.figures.task import curve
from sparsekit.registry import UnknownName, unknown
from sparsekit.variants import GATES, MATRICES

GATE_WORDS = {
    "-": "", "r": "reset r", "z": "update z", "n": "new n", "i": "input i", "f": "forget f", "g": "cell g",
    "o": "output o",
}  # fmt: skip
MATRIX_LOOKS = {MATRICES["ih"]: TARGETS["i2h"], MATRICES["hh"]: TARGETS["h2h"]}


@drawn
def survival_map(survival: pd.DataFrame, target: str = "both") -> Picture:
    """Which gates keep their weights: share that survives, per matrix and gate, over the percentages pruned.

    Parameters
    ----------
    survival : DataFrame
        Rows of `survival.survivors` with columns variant, seed, target, percent.
    target : str
        Which weights were pruned; only its matrices are drawn.
    """
    own = of_target(survival, ["percent", "matrix", "gate", "weights", "survivors"], target)
    shares = _share(own, ["variant", "percent", "matrix", "gate"])
    fair = _share(own, ["variant", "percent"])
    rows, amounts = gates_of(own), sorted(own["percent"].unique())
    matrices = [m for m in MATRIX_LOOKS if m in set(own["matrix"])]
    scale = mpl.colors.Normalize(-1, 1)
    figure, grid = card(
        138 + 23 * len(rows),
        f"Where weights survive, {scope(target)} pruned",
        1,
        len(matrices),
        sharey=True,
        note="Number: share that survives (%). Blue: more than the average of the pruned weights; orange: fewer.\n"
        f"Mean over layers and {counted(own['seed'].nunique(), 'seed')}.",
    )
    words = []
    for axes, matrix in zip(grid.flat, matrices, strict=True):
        axes.set_title(matrix, color=readable(MATRIX_LOOKS[matrix].colour))
        for y, (variant, gate) in enumerate(rows):
            told = []
            for x, amount in enumerate(amounts):
                share = shares.get((variant, amount, matrix, gate), np.nan)
                if np.isnan(share):
                    continue
                expected = fair[variant, amount]
                # What the published rule leaves of 100 % is one weight, which leans nowhere.
                lean = np.log2(max(share, 1e-9) / expected) if amount < 100 and expected > 0 else 0.0
                face = DIVERGING(scale(lean))
                axes.add_patch(Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, facecolor=face, linewidth=0))
                axes.text(x, y, _short(100 * share), ha="center", va="center", size=9, color=text_on(face))
                told.append(f"{percent(share)} at {amount:g} %")
            words.append(f"{gate_name(variant, gate)}, {matrix}: {', '.join(told)}")
        axes.set_xticks(range(len(amounts)), [f"{a:g}" for a in amounts])
        axes.tick_params(axis="x", length=0, labelcolor=INK)
        axes.set_xlim(-0.55, len(amounts) - 0.45)
        axes.set_xlabel("weights of the target pruned (%)")
        gate_rows(axes, rows, first=axes is grid[0, 0])
    return Picture(figure, f"Table of surviving shares. {'; '.join(words)}.", _leanings(shares, fair))


def _short(value: float) -> str:
    """A percentage in at most four characters."""
    return "<0.1" if 0 < value < 0.1 else f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _leanings(shares: dict[tuple, float], fair: dict[tuple, float]) -> str:
    """Which gate keeps most beyond the average, and which least, at the highest percentage that leaves many weights."""
    partly = [amount for _, amount in fair if amount < 100]
    ratios = {key: share / fair[key[:2]] for key, share in shares.items() if partly and key[1] == max(partly)}
    if len(ratios) < 2:
        return "There is no gate to compare with another."
    most, least = max(ratios, key=ratios.get), min(ratios, key=ratios.get)
    told = [
        f"{gate_name(k[0], k[3])}, {k[2]} ({percent(shares[k])}, {number(ratios[k], 1)} times the average)"
        for k in (most, least)
    ]
    return f"With {most[1]:g} % pruned, most beyond the average is left of {told[0]}, and least of {told[1]}."


@drawn
def dead_units(dead: pd.DataFrame, target: str = "both") -> Picture:
    """Share of hidden units on no path from input to readout, over the percentage pruned, a line per layer.

    Parameters
    ----------
    dead : DataFrame
        Rows of `survival.dead_units` with columns variant, seed, target, percent.
    """
    own = of_target(dead, ["percent", "layer", "gate", "units", "dead"], target).query("gate == 'all'")
    own = own.assign(share=own["dead"] / own["units"])
    some_live = own.groupby("percent")["share"].transform("min") < 1
    shown = own[some_live] if some_live.any() else own
    variants, layers = ordered(own["variant"], VARIANTS), sorted(own["layer"].unique())
    looks = {
        layer: Look(f"layer {layer + 1}", mpl.colors.to_hex(SEQUENTIAL(shade)), "os^Dv"[k % 5], "-")
        for k, (layer, shade) in enumerate(zip(layers, np.linspace(0.35, 0.95, len(layers)), strict=True))
    }
    figure, panels = small_multiples(
        variants,
        165,
        f"Dead hidden units, {scope(target)} pruned",
        key=[sample(one) for one in looks.values()],
        note=f"Dead: on no path from input to readout. {over_seeds(own, 'Line', 'band')}"
        + ("" if len(shown) == len(own) else "\nNot drawn: percentages at which all are dead."),
    )
    words, first, top = [], {}, max(0.1, shown["share"].max())
    for variant, axes in panels.items():
        name, of_variant = look(VARIANTS, variant).label, shown[shown["variant"] == variant]
        for layer, (label, colour, marker, line) in looks.items():
            mean = curve(of_variant[of_variant["layer"] == layer], "percent", "share", 0.95)
            axes.fill_between(mean.index, mean["low"], mean["high"], color=colour, alpha=0.12, linewidth=0)
            top = np.nanmax([top, *mean["high"]])
            axes.plot(mean.index, mean["mean"], color=colour, marker=marker, linestyle=line, markersize=4)
            words.append(f"{name}, {label}: {', '.join(f'{percent(v)} at {p:g} %' for p, v in mean['mean'].items())}")
        any_dead = own.loc[(own["variant"] == variant) & (own["dead"] > 0), "percent"]
        first[name] = any_dead.min() if len(any_dead) else None
        axes.set_xlim(min(own["percent"].min(), 10) - 3, 103)
        label_panel(axes, "weights of the target pruned (%)", "dead units")
        percent_axis(axes.yaxis)
    axes.set_ylim(-0.03 * top, 1.03 * top)  # of all panels, which share it
    told = [f"{name} at {p:g} %" for name, p in first.items() if p is not None]
    none = [name for name, p in first.items() if p is None]
    parts = [(told, "the first units die in"), (none, "no unit dies in")]
    reading = "; ".join(f"{words} {listed(names)}" for names, words in parts if names)
    return Picture(
        figure,
        f"Lines: share of dead hidden units against percentage pruned. {'; '.join(words)}.",
        f"{reading[0].upper()}{reading[1:]}.",
    )


def of_target(table: pd.DataFrame, columns: list[str], target: str) -> pd.DataFrame:
    """A target's rows, and of a table with matrices those of the matrices that it means."""
    require(table, ["variant", "seed", "target", *columns])
    label, own = look(TARGETS, target).label, table[table["target"] == target]
    if own.empty:
        raise UnknownName(unknown("target of this table", target, ordered(table["target"], TARGETS)))
    return own[own["matrix"] == label] if "matrix" in own and target != "both" else own


def over_seeds(table: pd.DataFrame, mark: str, interval: str) -> str:
    """What a mark and its interval stand for, in words."""
    seeds = table["seed"].nunique()
    return f"{mark}: mean over {seeds} seeds, {interval}: 95 % interval." if seeds > 1 else "One seed."


def _share(table: pd.DataFrame, by: list[str]) -> dict[tuple, float]:
    sums = table.groupby(by)[["survivors", "weights"]].sum()
    return (sums["survivors"] / sums["weights"]).to_dict()


def scope(target: str) -> str:
    """Which weights a target means, in words."""
    return "all recurrent weights" if target == "both" else f"{look(TARGETS, target).label} weights"


def gates_of(table: pd.DataFrame) -> list[tuple[str, str]]:
    """Each variant of a table with each of its gates, in the fixed order."""
    return [(variant, gate) for variant in ordered(table["variant"], VARIANTS) for gate in GATES[variant]]


def gate_name(variant: str, gate: str) -> str:
    """A variant and its gate, in words."""
    return f"{look(VARIANTS, variant).label} {GATE_WORDS[gate]}".strip()


def gate_rows(axes, rows: list[tuple[str, str]], first: bool) -> None:
    """Gates beside each row, the variant once beside its rows, a line between variants."""
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [GATE_WORDS[gate] or "all" for _, gate in rows])
    axes.tick_params(axis="y", length=0, labelcolor=QUIET)
    axes.spines["left"].set_visible(False)
    for y, (variant, _) in enumerate(rows):
        if y and rows[y - 1][0] != variant:
            axes.axhline(y - 0.5, color=FAINT, linewidth=0.8)
        if first and (not y or rows[y - 1][0] != variant):
            axes.annotate(
                look(VARIANTS, variant).label,
                (0, y),
                (-122, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                weight="bold",
                color=readable(look(VARIANTS, variant).colour),
                va="center",
                annotation_clip=False,
            )


STAGES = {
    "base": Look("before pruning", FAINT, "o", "-"),
    "pruned": Look("at once after pruning", TARGETS["i2h"].colour, "s", "-"),
    "recovered": Look("after recovery", INK, "D", "-"),
}


@drawn
def survival_by_layer(survival: pd.DataFrame, percentage: float, target: str = "both") -> Picture:
    """Share of weights that survive at one percentage, a panel per layer, a row per gate, a mark per matrix.

    Parameters
    ----------
    survival : DataFrame
        As for `survival_map`, with layer and share.
    percentage : float
        The percentage pruned.
    """
    own = _at(of_target(survival, ["percent", "layer", "matrix", "gate", "share"], target), percentage)
    fair = 1 - percentage / 100
    figure, panels, means = _layers(
        own.rename(columns={"matrix": "mark"}),
        "share",
        MATRIX_LOOKS,
        f"Where weights survive, layer by layer, {percentage:g} % of {scope(target)} pruned",
        f"Dotted: what is left of all, {percent(fair)}.",
    )
    for axes in panels:
        axes.axvline(fair, color=QUIET, linewidth=1, linestyle=(0, (1, 2)), zorder=0.8)
        axes.set_xlabel("share that survives")
        percent_axis(axes.xaxis)
    names = [f"{gate_name(v, gate)}, layer {layer + 1}, {matrix}" for v, gate, layer, matrix in means]
    words = [f"{name}: {percent(mean)}" for name, mean in zip(names, means.values(), strict=True)]
    (least, where_least), (most, where_most) = (pick(zip(means.values(), names, strict=True)) for pick in (min, max))
    reading = f"Where {percentage:g} % are pruned, between {percent(least)} ({where_least}) and {percent(most)} "
    return Picture(
        figure, f"Dots: share of weights that survive. {'; '.join(words)}.", f"{reading}({where_most}) stay."
    )


@drawn
def spectral_radii(radii: pd.DataFrame, percentage: float, target: str = "both") -> Picture:
    """Spectral radius of the hidden-to-hidden weights before, at once after pruning, and after recovery.

    Parameters
    ----------
    radii : DataFrame
        Rows of `survival.spectral_radius` with columns variant, seed, network ("base", "pruned", "recovered"), and,
        but for base networks, target and percent.
    """
    require(radii, ["variant", "seed", "network", "target", "percent", "layer", "gate", "spectral_radius"])
    pruned = _at(of_target(radii[radii["network"] != "base"], ["network", "percent"], target), percentage)
    before = radii[radii["network"] == "base"].drop_duplicates(["variant", "seed", "layer", "gate"])
    figure, panels, means = _layers(
        pd.concat([before, pruned]).rename(columns={"network": "mark"}),
        "spectral_radius",
        STAGES,
        f"Spectral radius of the hidden-to-hidden weights, {percentage:g} % of {scope(target)} pruned",
        "Dotted: 1.",
    )
    for axes in panels:
        axes.axvline(1, color=QUIET, linewidth=1, linestyle=(0, (1, 2)), zorder=0.8)
        axes.set_xlabel("spectral radius")
    table = pd.Series(means).rename_axis(["variant", "gate", "layer", "stage"])
    words = [
        f"{gate_name(variant, gate)}, layer {layer + 1}: "
        + ", ".join(f"{number(v)} {STAGES[stage].label}" for (*_, stage), v in own.items())
        for (variant, gate, layer), own in table.groupby(level=[0, 1, 2], sort=False)
    ]
    reading = [
        f"{look(VARIANTS, variant).label} "
        + ", ".join(f"{number(v)} {STAGES[stage].label}" for (_, stage), v in own.items())
        for variant, own in table.groupby(level=[0, 3], sort=False).mean().groupby(level=0, sort=False)
    ]
    return Picture(
        figure,
        f"Dots: spectral radius of each gate's hidden-to-hidden weights. {'; '.join(words)}.",
        f"Mean radius over gates and layers: {'; '.join(reading)}.",
    )


def _at(table: pd.DataFrame, percentage: float) -> pd.DataFrame:
    found = table[table["percent"] == percentage]
    if found.empty:
        amounts = ", ".join(f"{a:g}" for a in sorted(table["percent"].unique()))
        raise TableError(f"no rows with {percentage:g} % pruned: this table has {amounts}")
    return found


def _layers(own: pd.DataFrame, value: str, looks: dict[str, Look], title: str, note: str):
    """A panel per layer, a row per gate, and for each mark the mean over seeds with its interval.

    Returns the figure, its panels, and the means by variant, gate, layer and mark.
    """
    rows, layers, marks = gates_of(own), sorted(own["layer"].unique()), [m for m in looks if m in set(own["mark"])]
    figure, ((*panels,),) = card(
        138 + 27 * len(rows),
        title,
        1,
        len(layers),
        key=[sample(looks[mark], linestyle="-") for mark in marks],
        note=f"{over_seeds(own, 'Mark', 'line')} {note}",
        sharex=True,
        sharey=True,
    )
    values, means = own.groupby(["variant", "gate", "layer", "mark"])[value], {}
    for axes, layer in zip(panels, layers, strict=True):
        for (y, (variant, gate)), (k, mark) in itertools.product(enumerate(rows), enumerate(marks)):
            if (key := (variant, gate, layer, mark)) not in values.groups:
                continue
            means[key], *ends = mean_interval(values.get_group(key).to_numpy(), low=0)
            one, at = looks[mark], y + 0.24 * (k - (len(marks) - 1) / 2)
            axes.hlines(at, *ends, color=one.colour, linewidth=1.6)
            drawn_as = {"marker": one.marker, "color": one.colour, "edgecolor": "white", "linewidth": 0.6}
            axes.scatter(means[key], at, s=26, zorder=3, clip_on=False, **drawn_as)
        axes.set_title(f"layer {layer + 1}")
        axes.grid(axis="x", color=RULE, linewidth=0.8)
        gate_rows(axes, rows, first=axes is panels[0])
    panels[0].set_xlim(left=0)
    return figure, panels, means
