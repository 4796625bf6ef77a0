"""What panels of accuracy share: the base with its margin, lines of means with their intervals, and their words."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.patches import Patch

from sparsekit.figures.card import baseline_lines, label_panel, percent_axis
from sparsekit.figures.style import QUIET, RULE, TARGETS, Look, look
from sparsekit.figures.task import curve


def weights_of(target: str) -> str:
    """The weights that a target means, in words.

    >>> weights_of("both"), weights_of("h2h")
    ('weights', 'hidden-to-hidden weights')
    """
    return "weights" if target == "both" else f"{look(TARGETS, target).label} weights"


def shown_over(rows: pd.DataFrame, confidence: float, each: str = "", interval: str = "bands") -> str:
    """What marks and intervals are, for a note under the title; ``each`` says how single seeds are drawn."""
    seeds = rows["seed"].nunique()
    each = f", {each}: each seed" if each else ""
    return f"Mean over {seeds} seeds, {interval} {100 * confidence:g} % intervals{each}." if seeds > 1 else "One seed."


def margin_key(margin: float) -> Patch:
    """Key entry of the band under the base accuracy."""
    return Patch(facecolor=RULE, edgecolor="none", label=f"within {100 * margin:g} points of the base")


def base_band(axes, rows: pd.DataFrame, margin: float, floor: float) -> float:
    """Draw the base accuracy, mean over seeds, with the margin under it, above ``floor``; returns it."""
    base = float(rows.groupby("seed")["base_accuracy"].first().mean())
    axes.axhspan(base - margin, base, color=RULE, linewidth=0, zorder=0)
    axes.axhline(base, color=QUIET, linewidth=0.8, zorder=0.6)
    axes.set_ylim(floor, 1.02)
    return base


def mean_line(axes, rows: pd.DataFrame, x: str, one: Look, confidence: float, size: float = 4) -> pd.Series:
    """Draw the mean accuracy over seeds against ``x`` with its interval; returns the means by ``x``."""
    mean = curve(rows, x, "accuracy", confidence)
    axes.fill_between(mean.index, mean["low"], mean["high"], color=one.colour, alpha=0.1, linewidth=0)
    axes.plot(
        mean.index,
        mean["mean"],
        color=one.colour,
        marker=one.marker,
        linestyle=one.line,
        markersize=size,
        linewidth=0.8 + size / 4,
    )
    return mean["mean"]


def finish(axes, x: str, lines: Mapping[str, float]) -> None:
    """Name a panel's axes and draw what needs no memory."""
    baseline_lines(axes, lines, 150, labels=label_panel(axes, x, "test accuracy"))
    percent_axis(axes.yaxis)


def held_up_to(means: pd.Series, least: float, none: float) -> float:
    """Largest index up to which means stay at ``least`` or above; ``none`` where the first is below.

    >>> held_up_to(pd.Series({10: 0.99, 20: 0.98, 30: 0.5, 40: 0.98}), 0.97, 0)
    20.0
    """
    held = means.index[(means >= least).cummin()]
    return float(held.max()) if len(held) else none


def span(values: list[float], unit: str) -> str:
    """The range of some numbers.

    >>> span([2, 8], "×"), span([20, 20], " %")
    ('2× to 8×', '20 %')
    """
    low, high = np.min(values), np.max(values)
    return f"{low:.3g}{unit}" + (f" to {high:.3g}{unit}" if high > low else "")
