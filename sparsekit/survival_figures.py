"""Figures of where the weights survive: by gate and layer, the units left dead, the radius of the recurrent weights."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.patches import Rectangle

from sparsekit.pictures import Picture, card, drawn, label_panel, percent_axis, sample, small_multiples
from sparsekit.registry import UnknownName, unknown
from sparsekit.style import (
    DIVERGING,
    FAINT,
    INK,
    QUIET,
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
from sparsekit.survival import GATE_LETTERS, MATRICES
from sparsekit.tables import require
from sparsekit.task_figures import curve

GATE_WORDS = {
    "-": "", "r": "reset r", "z": "update z", "n": "new n", "i": "input i", "f": "forget f", "g": "cell g",
    "o": "output o",
}  # fmt: skip
MATRIX_LOOKS = {MATRICES["weight_ih"]: TARGETS["i2h"], MATRICES["weight_hh"]: TARGETS["h2h"]}


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
    return [(variant, gate) for variant in ordered(table["variant"], VARIANTS) for gate in GATE_LETTERS[variant]]


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
