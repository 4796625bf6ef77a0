"""Figures of RQ5: how well graph properties predict accuracy, and how much one split can mislead."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from sparsekit.correlation_figures import Reported
from sparsekit.pictures import Picture, card, drawn, reported_mark, reported_point, small_multiples
from sparsekit.style import (
    FAINT,
    INK,
    QUIET,
    RULE,
    SEQUENTIAL,
    VARIANTS,
    look,
    number,
    ordered,
    readable,
    text_on,
    words_of,
)

FROM_WHITE = LinearSegmentedColormap.from_list("from_white", ["#ffffff", *SEQUENTIAL(np.linspace(0, 0.8, 5))])


@drawn
def prediction_splits(
    distributions: Mapping[str, pd.DataFrame],
    single: Reported,
    reported: Reported | None = None,
) -> Picture:
    """R² of the published single split beside the R² of many splits.

    Parameters
    ----------
    distributions : mapping of variant to DataFrame
        R² of every split, a column per model (:func:`sparsekit.statistics.split_distribution`).
    single : mapping of variant to mapping of model to R²
        The published split on this run's networks (:func:`sparsekit.statistics.published_prediction`).
    reported : mapping of variant to mapping of model to R², optional
    """
    variants, reported = ordered(distributions, VARIANTS), reported or {}
    rows = list(distributions[variants[0]].columns)
    key = [
        Line2D([], [], color=QUIET, linewidth=6, solid_capstyle="butt", label="many splits"),
        Line2D([], [], color=QUIET, marker="v", linestyle="", markersize=6, label="published split"),
    ]
    if reported:
        key.append(reported_mark())
    figure, panels = small_multiples(
        variants,
        50 + 40 * len(rows),
        "How well graph properties predict test accuracy (R²)",
        columns=4,
        key=key,
        note="Many splits: median, quartiles, and 5 to 95 %. An arrow at the edge: beyond −1.",
    )
    words, spans = [], []
    for name, axes in panels.items():
        table, (variant, colour, *_) = distributions[name], look(VARIANTS, name)
        axes.axvline(0, color=FAINT, linewidth=0.9)
        for y, model in enumerate(rows):
            told = []
            values = table[model].dropna()
            if len(values):
                low, high = _box(axes, values, y, colour)
                spans.append(high - low)
                span = f"5 to 95 %: {number(low)} to {number(high)}"
                told.append(f"median of {len(values)} splits {number(np.median(values))} ({span})")
            once = single.get(name, {}).get(model, np.nan)
            if np.isfinite(once):
                _point(axes, once, y - 0.3, colour, "v", 34)
                told.append(f"published split {number(once)}")
            if model in reported.get(name, {}):
                reported_point(axes, reported[name][model], y - 0.3)
                told.append(f"reported {number(reported[name][model])}")
            if told:
                words.append(f"{variant}, {words_of(model)}: {', '.join(told)}")
            if y:
                axes.axhline(y - 0.5, color=RULE, linewidth=0.8, zorder=0)
        axes.set_xlim(-1.06, 1.06)
        axes.set_xticks([-1, 0, 1], ["−1", "0", "1"])
        axes.set_ylim(len(rows) - 0.45, -0.55)
        axes.set_yticks(range(len(rows)), [words_of(r) for r in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("R²")
    reading = "Too few networks to split, so no R² over splits."
    if spans:
        median = np.median(spans)
        moved = number(median, 2 if median < 10 else 0)
        reading = f"Between the 5th and 95th percentile of the splits R² moves by {moved} in the median."
    return Picture(figure, f"Intervals of R². {'; '.join(words) or 'None could be computed'}.", reading)


def _box(axes: Axes, values: pd.Series, y: float, colour: str) -> tuple[float, float]:
    """Draw median, quartiles and the 5 % to 95 % range; returns the range."""
    q05, q25, q50, q75, q95 = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
    axes.plot(np.clip([q05, q95], -1, 1), [y, y], color=colour, linewidth=1.2)
    axes.plot(np.clip([q25, q75], -1, 1), [y, y], color=colour, linewidth=7, alpha=0.45, solid_capstyle="butt")
    if q50 >= -1:
        axes.vlines(q50, y - 0.14, y + 0.14, color=colour, linewidth=2)
    if q05 < -1:
        _point(axes, q05, y, colour, "o", 26)
    return float(q05), float(q95)


def _point(axes: Axes, x: float, y: float, colour: str, marker: str, size: float) -> None:
    """A point; an arrow at the left edge where it lies beyond."""
    axes.scatter(max(x, -1.03), y, marker=marker if x >= -1 else "<", s=size, color=colour, linewidth=0, zorder=4)


@drawn
def importances(
    tables: Mapping[str, pd.DataFrame], r_squared: Mapping[str, Mapping[str, float]] | None = None
) -> Picture:
    """The random forest's feature importances for each feature set, per variant.

    Parameters
    ----------
    tables : mapping of variant to DataFrame
        Feature set × property, importances that sum to 1; nan where a set leaves the property out.
    r_squared : mapping of variant to mapping of feature set to R², optional
        Printed under each set; taken from ``table.attrs["r2"]`` where not given.
    """
    variants = ordered(tables, VARIANTS)
    sets, properties = list(tables[variants[0]].index), list(tables[variants[0]].columns)
    scores = r_squared or {v: tables[v].attrs.get("r2", {}) for v in variants}
    figure, ((axes,),) = card(
        138 + 21 * len(properties),
        "What the random forest looks at",
        note="Importance in percent, each column sums to 100; blank: the set leaves the property out.",
    )
    largest = max([float(np.nanmax(t)) for t in tables.values() if t.notna().any(axis=None)], default=1.0)
    width, words, tops, centres = len(sets) + 0.5, [], [], []
    for v, name in enumerate(variants):
        table, (variant, colour, *_) = tables[name], look(VARIANTS, name)
        for s, feature_set in enumerate(sets):
            centres.append(v * width + s)
            _column(axes, table.loc[feature_set], centres[-1], largest)
            row, r2 = table.loc[feature_set].dropna(), scores.get(name, {}).get(feature_set, np.nan)
            if np.isfinite(r2):
                # Without the leading zero four columns a variant fit side by side.
                text = number(r2, 2).replace("0.", ".", 1)
                axes.text(centres[-1], len(properties), text, ha="center", va="center", size=9)
            if row.empty:
                continue
            top = f"{words_of(row.idxmax())} {100 * row.max():.0f} %"
            words.append(
                f"{variant}, {words_of(feature_set)}: {top}, R² {number(r2) if np.isfinite(r2) else 'unknown'}"
            )
            if s == 0:
                tops.append(f"{variant} {top}")
        axes.annotate(
            variant,
            (v * width + (len(sets) - 1) / 2, 1),
            (0, 16),
            xycoords=("data", "axes fraction"),
            textcoords="offset points",
            ha="center",
            va="bottom",
            weight="bold",
            size=10,
            color=readable(colour),
        )
    letters = [chr(ord("a") + s) for s in range(len(sets))]
    axes.set_xticks(centres, letters * len(variants))
    axes.xaxis.tick_top()
    axes.set_yticks(range(len(properties) + 1), [*(words_of(p) for p in properties), "R² of the forest"])
    axes.tick_params(length=0, labelcolor=INK, pad=2)
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.5, centres[-1] + 0.5)
    axes.set_ylim(len(properties) + 0.5, -0.5)
    axes.set_xlabel(";  ".join(f"{a}: {words_of(f)}" for a, f in zip(letters, sets, strict=True)))
    axes.xaxis.set_label_position("bottom")
    if not words:
        reading = "Too few networks to test a forest on."
        return Picture(figure, f"Empty heat map of feature importances. {reading}", reading)
    return Picture(
        figure,
        f"Heat map of feature importances, the largest of each set: {'; '.join(words)}.",
        f"With {words_of(sets[0])} features the forest looks most at: {'; '.join(tops)}.",
    )


def _column(axes: Axes, row: pd.Series, x: float, largest: float) -> None:
    """One feature set's importances, from top to bottom."""
    for y, value in enumerate(row):
        if np.isfinite(value):
            face = to_hex(FROM_WHITE(value / largest))
            axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=face, linewidth=0))
            axes.text(x, y, f"{100 * value:.0f}", ha="center", va="center", size=9, color=text_on(face))
