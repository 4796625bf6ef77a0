"""Figures of where the weights survive: by gate and layer, the units left dead, the radius of the recurrent weights."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from sparsekit.analysis.survival import dead_shares, first_dead, gate_shares, layer_shares, mean_radii
from sparsekit.figures import marks
from sparsekit.figures.axis import Axis, percent_pruned
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import FAINT, INK, SEQUENTIAL, TARGETS, VARIANTS, Look
from sparsekit.figures.words import counted, label, listed, number, percent, reach, shown_over, weights_of
from sparsekit.variants import GATES, MATRICES

MATRIX_LOOKS = {MATRICES["ih"]: TARGETS["i2h"], MATRICES["hh"]: TARGETS["h2h"]}
STAGES = {
    "base": Look("before pruning", FAINT, "o", "-"),
    "pruned": Look("at once after pruning", TARGETS["i2h"].colour, "s", "-"),
    "recovered": Look("after recovery", INK, "D", "-"),
}
PRUNED = "weights of the target pruned (%)"


def survival_map(survival: pd.DataFrame, target: str = "both") -> Picture:
    """Which gates keep their weights: share that survives, per matrix and gate, over the percentages pruned.

    Of rows of `survival.survivors` with columns variant, seed, target, percent; only the target's matrices are drawn.
    """
    shares, seeds = gate_shares(survival, target), counted(survival["seed"].nunique(), "seed")
    text, columns = [_short(100 * share) for share in shares["share"]], [f"{p:g}" for p in shares["percent"]]
    cells = shares.rename(columns={"matrix": "panel", "variant": "group", "share": "value", "lean": "colour"})
    cells = cells.assign(row=_gates(shares), column=columns, text=text)
    note = "Number: share that survives (%). Blue: more than the average of the pruned weights; orange: fewer.\n"
    return marks.heatmap(
        cells,
        f"Where weights survive, {weights_of(target)} pruned",
        panels=MATRIX_LOOKS,
        groups=VARIANTS,
        x_label=PRUNED,
        note=f"{note}Mean over layers and {seeds}.",
        reading=_leanings(shares),
    )


def _short(value: float) -> str:
    """A percentage in at most four characters."""
    return "<0.1" if 0 < value < 0.1 else f"{value:.0f}" if value >= 10 else f"{value:.2g}"


def _leanings(shares: pd.DataFrame) -> str:
    """Which gate keeps most beyond the average, and which least, at the highest percentage that leaves many weights."""
    partly = shares[shares["percent"] < 100].dropna(subset=["ratio"])
    partly = partly[partly["percent"] == partly["percent"].max()]
    if len(partly) < 2:
        return "There is no gate to compare with another."
    most, least = (
        f"{gate_name(row['variant'], row['gate'])}, {row['matrix']} ({percent(row['share'])}, "
        f"{number(row['ratio'], 1)} times the average)"
        for row in (partly.loc[partly["ratio"].idxmax()], partly.loc[partly["ratio"].idxmin()])
    )
    amount = partly["percent"].iloc[0]
    return f"With {amount:g} % pruned, most beyond the average is left of {most}, and least of {least}."


def survival_by_layer(survival: pd.DataFrame, percentage: float, target: str = "both") -> Picture:
    """Share of weights that survive at one percentage, a panel per layer, a row per gate, a mark per matrix.

    The table is that of `survival_map`.
    """
    means, fair = layer_shares(survival, percentage, target), 1 - percentage / 100
    least, most = (
        f"{percent(row['mean'])} ({gate_name(row['variant'], row['gate'])}, layer {row['layer'] + 1}, {row['matrix']})"
        for row in (means.loc[means["mean"].idxmin()], means.loc[means["mean"].idxmax()])
    )
    return marks.forest(
        _by_layer(means, "matrix"),
        f"Where weights survive, layer by layer, {percentage:g} % of {weights_of(target)} pruned",
        Axis("share that survives", percent, limits=_from_zero(means, fair)),
        looks=MATRIX_LOOKS,
        panels={},
        groups=VARIANTS,
        zero=fair,
        note=f"{shown_over(means['n'].max(), interval='lines')} Upright: what is left of all, {percent(fair)}.",
        reading=f"Where {percentage:g} % are pruned, between {least} and {most} stay.",
    )


def dead_units(dead: pd.DataFrame, target: str = "both") -> Picture:
    """Share of hidden units on no path from input to readout, over the percentage pruned, a line per layer.

    Of rows of `survival.dead_units` with columns variant, seed, target, percent.
    """
    means, first = dead_shares(dead, target), first_dead(dead, target)
    shades = zip(layers := sorted(means["layer"].unique()), np.linspace(0.35, 0.95, len(layers)), strict=True)
    looks = {
        f"layer {n + 1}": Look(f"layer {n + 1}", to_hex(SEQUENTIAL(shade)), "os^Dv"[n % 5], "-") for n, shade in shades
    }
    left_out = set(dead.loc[dead["target"] == target, "percent"]) - set(means["percent"])
    died = [f"{label(v)} at {p:g} %" for v, p in first.items() if p > 0]
    none = [label(v) for v, p in first.items() if np.isnan(p)]
    parts = [(died, "the first units die in"), (none, "no unit dies in")]
    told = "; ".join(f"{words} {listed(names)}" for names, words in parts if names)
    series = [f"layer {n + 1}" for n in means["layer"]]
    top = 1.03 * max(0.1, means["mean"].max(), means["high"].fillna(0).max())
    return marks.lines(
        means.rename(columns={"variant": "panel", "percent": "x"}).assign(series=series),
        f"Dead hidden units, {weights_of(target)} pruned",
        percent_pruned(means["percent"], label=PRUNED),
        Axis("dead units", percent, limits=(-0.03 * top, top)),
        looks=looks,
        note=f"Dead: on no path from input to readout. {shown_over(means['n'].max())}"
        + ("\nNot drawn: percentages at which all are dead." if left_out else ""),
        reading=f"{told[0].upper()}{told[1:]}.",
    )


def spectral_radii(radii: pd.DataFrame, percentage: float, target: str = "both") -> Picture:
    """Spectral radius of the hidden-to-hidden weights before, at once after pruning, and after recovery.

    Of rows of `survival.spectral_radius` with columns variant, seed, network ("base", "pruned", "recovered"), and, but
    for base networks, target and percent.
    """
    means = mean_radii(radii, percentage, target)
    over_all = means.groupby(["variant", "network"], sort=False)["mean"].mean()
    told = [f"{STAGES[s].label} {reach(own.droplevel(1))}" for s, own in over_all.groupby(level=1, sort=False)]
    return marks.forest(
        _by_layer(means, "network"),
        f"Spectral radius with {percentage:g} % of {weights_of(target)} pruned",
        Axis("spectral radius", number, limits=_from_zero(means, 1)),
        looks=STAGES,
        panels={},
        groups=VARIANTS,
        zero=1,
        note=f"Of each gate's hidden-to-hidden weights. {shown_over(means['n'].max(), interval='lines')}",
        reading=f"Mean radius over gates and layers: {'; '.join(told)}.",
    )


def gate_name(variant: str, gate: str) -> str:
    """A variant and its gate, in words."""
    return f"{label(variant)} {GATES[variant][gate]} {gate.strip('-')}".strip()


def _gates(table: pd.DataFrame) -> list[str]:
    pairs = zip(table["variant"], table["gate"], strict=True)
    return [f"{GATES[variant][gate]} {gate}" if gate != "-" else "all" for variant, gate in pairs]


def _by_layer(means: pd.DataFrame, series: str) -> pd.DataFrame:
    """The columns of a forest with a panel per layer, a group per variant and a row per gate."""
    panels = [f"layer {layer + 1}" for layer in means["layer"]]
    return means.rename(columns={"variant": "group", series: "series"}).assign(panel=panels, row=_gates(means))


def _from_zero(means: pd.DataFrame, line: float) -> tuple[float, float]:
    return 0.0, 1.05 * max(line, means["mean"].max(), means["high"].fillna(0).max())
