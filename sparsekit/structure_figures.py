"""Figures of the networks built from graphs: how well they do, and how that goes with one property of their graph."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from sparsekit.ceilings import CHANCE_MARGIN
from sparsekit.pictures import (
    Picture,
    baseline_lines,
    card,
    drawn,
    label_panel,
    percent_axis,
    small_multiples,
)
from sparsekit.registry import UnknownName, unknown
from sparsekit.statistics import correlate
from sparsekit.style import (
    INK,
    QUIET,
    VARIANTS,
    Look,
    family,
    look,
    number,
    ordered,
    percent,
    readable,
    words_of,
)
from sparsekit.task_figures import Baselines, accuracy_floor, reference


@drawn
def structure_accuracies(
    structure: pd.DataFrame, baselines: Baselines, chance_margin: float = CHANCE_MARGIN
) -> Picture:
    """Test accuracy of every graph-structured network, by variant and graph generator.

    Parameters
    ----------
    structure : DataFrame
        One row per network: variant, generator, test_accuracy.
    chance_margin : float
        A network counts as at chance where its accuracy is at most the majority's plus this.
    """
    lines, variants = reference(baselines), ordered(structure["variant"], VARIANTS)
    chance = lines.get("majority", 0.5) + chance_margin
    # Beside one another in rows where there is room, else upright.
    crowded = len(structure.drop_duplicates(["variant", "generator"])) > 9
    figure, ((axes,),) = card(
        360 + 110 * crowded,
        "Test accuracy of graph-structured networks",
        note="A point per network; bar: median. Dotted: classifiers without memory.",
    )
    rng, at, ticks, words, stuck, medians = np.random.default_rng(0), 0.0, [], [], {}, {}
    axes.set_ylim(accuracy_floor(structure["test_accuracy"], lines.values()), 1.02)
    for name in variants:
        own, (variant, colour, *_) = structure[structure["variant"] == name], look(VARIANTS, name)
        stuck[variant] = float((own["test_accuracy"] <= chance).mean())
        medians[variant] = own["test_accuracy"].median()
        middle = at + (own["generator"].nunique() - 1) / 2
        for generator in dict.fromkeys(own["generator"]):
            values, shape = own.loc[own["generator"] == generator, "test_accuracy"], family(generator)
            x = at + rng.uniform(-0.26, 0.26, len(values))
            axes.scatter(x, values, s=16, alpha=0.55, linewidth=0.8, edgecolor=colour, **_filled(shape, colour))
            axes.hlines(values.median(), at - 0.36, at + 0.36, color=INK, linewidth=2, zorder=4)
            ticks.append((at, shape.label if crowded else shape.label.replace("–", "–\n")))
            words.append(f"{variant}, {shape.label}: median {percent(values.median())}, n = {len(values)}")
            at += 1
        text = f"{percent(stuck[variant], 0)} at chance" if stuck[variant] else "none at chance"
        head = {"xycoords": ("data", "axes fraction"), "ha": "center", "va": "bottom"}
        axes.annotate(f"{variant}\n", (middle, 1.03), weight="bold", color=readable(colour), size=10, **head)
        axes.annotate(text, (middle, 1.03), size=9, color=QUIET, **head)
        at += 0.3
    axes.set_xticks(*zip(*ticks, strict=True), rotation=90 * crowded)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, at - 0.75)
    axes.set_ylabel("test accuracy")
    percent_axis(axes.yaxis)
    baseline_lines(axes, lines, 220)
    worst, best, least = max(stuck, key=stuck.get), max(medians, key=medians.get), min(medians, key=medians.get)
    reading = f"Medians run from {percent(medians[least])} ({least}) to {percent(medians[best])} ({best})"
    if len(medians) == 1:
        reading = f"The median {worst} network reaches {percent(medians[worst])}"
    elif medians[least] == medians[best]:
        reading = f"The median network of every variant reaches {percent(medians[best])}"
    reading += "; none stayed at chance."
    if stuck[worst]:
        reading = reading.replace("none stayed", f"{percent(stuck[worst], 0)} of the {worst} networks stayed")
    chances = ", ".join(f"{v} {percent(s, 0)}" for v, s in stuck.items())
    return Picture(
        figure,
        f"Points: test accuracy of {len(structure)} networks. {'; '.join(words)}. At chance: {chances}.",
        reading,
    )


def _filled(shape: Look, colour: str) -> dict:
    """Circles filled, other markers open, so that families differ without colour too."""
    return {"marker": shape.marker, "facecolor": colour if shape.marker == "o" else "none"}


@drawn
def scatter(
    structure: pd.DataFrame,
    property: str,
    variants: list[str] | None = None,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> Picture:
    """One graph property against test accuracy, a panel per variant, the graph's family marked.

    Parameters
    ----------
    structure : DataFrame
        One row per network: variant, generator, test_accuracy, properties.
    property : str
        Name of the column to draw.
    variants : list of str, optional
        Those to draw; all of the table's by default.
    tables : mapping of variant to DataFrame, optional
        Coefficients by :func:`sparsekit.statistics.correlate`; computed here, for this property alone, where not given.

    Raises
    ------
    UnknownName
        Where the table has no such column.
    """
    if property not in structure:
        raise UnknownName(unknown("property", property, structure.select_dtypes("number").columns))
    variants = ordered(variants or structure["variant"], VARIANTS)
    families = {g: family(g) for g in dict.fromkeys(structure["generator"])}
    key = [
        Line2D([], [], color=INK, linestyle="", marker=f.marker, markersize=5.5, label=f.label)
        for f in families.values()
    ]
    for handle in key:
        handle.set_markerfacecolor(INK if handle.get_marker() == "o" else "none")
    figure, panels = small_multiples(
        variants, 220 if len(variants) > 1 else 290, f"Test accuracy against {words_of(property)}", key=key
    )
    words, sizes = [], []
    for name, axes in panels.items():
        own, (variant, colour, *_) = structure[structure["variant"] == name], look(VARIANTS, name)
        table = tables[name] if tables else correlate(own, "test_accuracy", [property])
        r, low, high = table.loc[property, ["pearson", "pearson_low", "pearson_high"]]
        for generator, shape in families.items():
            some = own[own["generator"] == generator]
            axes.scatter(
                some[property], some["test_accuracy"], s=20, alpha=0.6, linewidth=0.9, edgecolor=colour,
                **_filled(shape, colour),
            )  # fmt: skip
        span = f" ({number(low)} to {number(high)})" if np.isfinite(low) else ""
        text = f"{number(r)}{span}" if np.isfinite(r) else "cannot be computed"
        axes.set_title(f"{variant}\n", color=readable(colour))
        found = f"r = {text}" if np.isfinite(r) else f"r {text}"
        axes.annotate(found, (0, 1.03), xycoords="axes fraction", va="bottom", color=QUIET)
        words.append(f"{variant} {text}")
        sizes.append(f"{variant} {len(own)}")
        axes.set_ylim(accuracy_floor(structure["test_accuracy"]), 1.02)
        percent_axis(axes.yaxis)
        if (structure[property] % 1 == 0).all():  # no half nodes
            axes.xaxis.get_major_locator().set_params(integer=True)
        label_panel(axes, words_of(property), "test accuracy")
    told = f"Pearson's r between {words_of(property)} and test accuracy: {'; '.join(words)}"
    return Picture(
        figure,
        f"Scatter plots of test accuracy against {words_of(property)}. {told}. Networks: {', '.join(sizes)}.",
        told + ".",
    )
