"""Figures with a panel per layer and a row per gate: surviving weights, and the radius of the recurrent ones."""

import itertools

import pandas as pd

from sparsekit.pictures import Picture, card, drawn, percent_axis, sample
from sparsekit.statistics import mean_interval
from sparsekit.style import FAINT, INK, QUIET, RULE, TARGETS, VARIANTS, Look, look, number, percent
from sparsekit.survival_figures import MATRIX_LOOKS, gate_name, gate_rows, gates_of, of_target, over_seeds, scope
from sparsekit.tables import TableError, require

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
