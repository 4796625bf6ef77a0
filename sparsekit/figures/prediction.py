"""Figures of RQ5: how well graph properties predict accuracy, and how much one split can mislead."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from sparsekit.analysis.correlation import by_variant
from sparsekit.analysis.cross_validation import ALL
from sparsekit.analysis.prediction import SIZES
from sparsekit.analysis.tables import require
from sparsekit.figures.card import Picture, card, drawn, label_panel, reported_mark, reported_point, small_multiples
from sparsekit.figures.correlation import Reported
from sparsekit.figures.style import (
    DIVERGING,
    FAINT,
    INK,
    QUIET,
    RULE,
    SEQUENTIAL,
    VARIANTS,
    family,
    listed,
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
        R² of every split, a column per model (:func:`sparsekit.analysis.prediction.split_distribution`).
    single : mapping of variant to mapping of model to R²
        The published split on this run's networks (:func:`sparsekit.analysis.prediction.published_prediction`).
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


@drawn
def nested_scores(table: pd.DataFrame, ceilings: pd.DataFrame | None = None, against: str | None = None) -> Picture:
    """RQ5: out-of-fold R² of all properties and of each baseline, below the noise ceiling.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.analysis.cross_validation.nested_prediction` returns it.
    ceilings : DataFrame, optional
        As :func:`sparsekit.analysis.structure.intraclass` returns it.
    against : str, optional
        The baseline that the reading compares with; by default the one that knows most of size and widths.
    """
    require(table, ["r2", "low", "high", "gain", "gain_low", "gain_high"])
    tables = by_variant(table)
    variants = ordered(tables, VARIANTS)
    rows = list(tables[variants[0]].index)
    against = against or strongest_baseline(rows)
    key = [Line2D([], [], color=QUIET, marker="o", markersize=5, label="out-of-fold R², with its interval")]
    if ceilings is not None:
        key.append(Patch(facecolor=RULE, edgecolor=FAINT, label="noise ceiling, with its interval"))
    left = max(-0.6, min(-0.15, float(np.nan_to_num(table["low"].min()))) - 0.05)
    arrows = f" What reaches the left edge lies beyond {number(left)}." if (table["low"] < left).any() else ""
    figure, panels = small_multiples(
        variants,
        62 + 25 * len(rows),
        "How well accuracy is predicted for unseen graphs (R²)",
        key=key,
        note="Dotted: no better than the mean." + arrows,
    )
    words, gains = [], []
    for name, axes in panels.items():
        own, (variant, colour, *_) = tables[name], look(VARIANTS, name)
        ceiling, ceiling_low, ceiling_high = _ceiling(ceilings, name)
        if np.isfinite(ceiling):
            axes.axvspan(ceiling_low, ceiling_high, color=RULE, linewidth=0, zorder=0)
            axes.axvline(ceiling, color=QUIET, linewidth=1.2)
            span = f"{number(ceiling_low)} to {number(ceiling_high)}"
            words.append(f"{variant}, noise ceiling: {number(ceiling)} ({span})")
        axes.axvline(0, color=FAINT, linewidth=0.9, linestyle=(0, (1, 2)))
        for y, features in enumerate(rows):
            row, tone = own.loc[features], colour if features == ALL else QUIET
            if not np.isfinite(row["r2"]):
                continue
            axes.hlines(y, max(row["low"], left), max(row["high"], left), color=tone, linewidth=2)
            inside = row["r2"] >= left
            axes.scatter(max(row["r2"], left), y, s=30, marker="o" if inside else "<", color=tone, zorder=3)
            words.append(f"{variant}, {_words(features)}: {_span(row, 'r2', 'low', 'high')}")
        if against in own.index and np.isfinite(own.loc[against, "gain"]):
            gains.append(f"{_span(own.loc[against], 'gain', 'gain_low', 'gain_high', True)} for {variant}")
        axes.set_xlim(left - 0.03, 1.02)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [_words(r) for r in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        label_panel(axes, "R²", "")
    reading = "Too few graphs to predict any from the others."
    if gains:
        reading = f"To {_words(against)} all properties add an R² of {listed(gains)}."
    return Picture(figure, f"Points with intervals: R². {'; '.join(words) or 'None could be computed'}.", reading)


def strongest_baseline(names: Iterable[str]) -> str:
    """The baseline that knows most of size and interface widths among those of a table."""
    known = ("size_and_widths", "size", "widths", "log_parameters", "mean")
    return next((name for name in known if name in names), "")


def _words(features: str) -> str:
    return "all properties" if features == ALL else words_of(features)


def _span(row: pd.Series, value: str, low: str, high: str, sign: bool = False) -> str:
    return f"{number(row[value], sign=sign)} ({number(row[low])} to {number(row[high])})"


def _ceiling(ceilings: pd.DataFrame | None, variant: str) -> tuple[float, float, float]:
    if ceilings is None or variant not in ceilings.index:
        return np.nan, np.nan, np.nan
    return tuple(ceilings.loc[variant, ["ceiling", "ceiling_low", "ceiling_high"]].astype(float))


@drawn
def cluster_importances(table: pd.DataFrame) -> Picture:
    """RQ5: how much R² falls where a cluster of properties is shuffled among held-out graphs.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.analysis.cross_validation.cluster_importance` returns it.
    """
    require(table, ["members", "fall", "low", "high"])
    tables = by_variant(table)
    variants = ordered(tables, VARIANTS)
    order = table.groupby(level="cluster", sort=False)["fall"].max().sort_values(ascending=False, kind="stable").index
    figure, panels = small_multiples(
        variants,
        62 + 25 * len(order),
        "What the prediction rests on",
        columns=4,
        note="Fall of out-of-fold R² with a cluster of properties shuffled, with intervals. "
        "+n: so many more properties tell the same.",
    )
    members = tables[variants[0]]["members"]
    labels = [words_of(c) + (f" +{len(members[c]) - 1}" if len(members[c]) > 1 else "") for c in order]
    words, tops = [], []
    for name, axes in panels.items():
        own, (variant, colour, *_) = tables[name].loc[order], look(VARIANTS, name)
        axes.axvline(0, color=FAINT, linewidth=0.9, linestyle=(0, (1, 2)))
        axes.hlines(range(len(order)), own["low"], own["high"], color=colour, linewidth=2)
        axes.scatter(own["fall"], range(len(order)), s=30, color=colour, zorder=3)
        known = own.dropna(subset=["fall"])
        words += [f"{variant}, {words_of(c)}: {_span(row, 'fall', 'low', 'high')}" for c, row in known.iterrows()]
        clear = known[known["low"] > 0]
        if len(known):
            tops.append(
                f"{variant}: {listed(_with_sizes(c, members[c]) for c in clear.index) if len(clear) else 'none'}"
            )
        axes.set_ylim(len(order) - 0.5, -0.5)
        axes.set_yticks(range(len(order)), labels)
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("fall of R²")
    reading = "Too few graphs to tell what a prediction rests on."
    if tops:
        reading = f"Clusters whose shuffling clearly costs R²: {'; '.join(tops).rstrip('.')}."
    return Picture(figure, f"Points with intervals: fall of R². {'; '.join(words) or 'None'}.", reading)


def _with_sizes(cluster: str, members: Iterable[str]) -> str:
    """A cluster with the sizes and widths that it holds: they, not structure, may be what counts."""
    sizes = [words_of(name) for name in SIZES if name in members and name != cluster]
    return words_of(cluster) + (f" (with {listed(sizes)})" if sizes else "")


@drawn
def transfer_map(table: pd.DataFrame) -> Picture:
    """RQ5: R² on each family of graphs by the model of each family.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.analysis.cross_validation.transfer` returns it.
    """
    require(table, ["r2", "low", "high"])
    tables = by_variant(table)
    variants = ordered(tables, VARIANTS)
    families = list(dict.fromkeys(table.index.get_level_values("trained_on")))
    labels = [family(f).label for f in families]
    figure, panels = small_multiples(
        variants,
        110 + 34 * len(families),
        "R² on one family of graphs by the model of another",
        note="On the diagonal out of fold. Bold: the interval lies above zero. Below zero the mean predicts better.",
    )
    words, carried, pairs = [], 0, 0
    for name, axes in panels.items():
        for y, source in enumerate(families):
            for x, tested in enumerate(families):
                row = tables[name].reindex([(source, tested)]).iloc[0]
                value, strong = row["r2"], row["low"] > 0
                face = to_hex(DIVERGING((np.clip(value, -1, 1) + 1) / 2)) if np.isfinite(value) else "#ffffff"
                axes.add_patch(Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=face, linewidth=0))
                text = number(value, 2 if value > -10 else 0) if np.isfinite(value) else "–"
                weight = "bold" if strong else "normal"
                axes.text(x, y, text, ha="center", va="center", size=9, color=text_on(face), weight=weight)
                if np.isfinite(value):
                    said = f"{family(source).label} to {family(tested).label}" if x != y else f"within {labels[x]}"
                    words.append(f"{look(VARIANTS, name).label}, {said}: {_span(row, 'r2', 'low', 'high')}")
                    pairs += x != y
                    carried += bool(x != y and strong)
        axes.set_xticks(range(len(families)), labels, rotation=30, ha="right", rotation_mode="anchor")
        axes.set_yticks(range(len(families)), labels)
        axes.tick_params(length=0, labelcolor=INK)
        axes.spines[:].set_visible(False)
        axes.set_xlim(-0.5, len(families) - 0.5)
        axes.set_ylim(len(families) - 0.5, -0.5)
        label_panel(axes, "tested on", "trained on")
    reading = "One family alone, or too few graphs of each: nothing to carry over."
    if pairs:
        reading = f"A model carries over to another family, its R² clearly above zero, in {carried} of {pairs} cases."
    return Picture(figure, f"Heat map of R². {'; '.join(words) or 'None could be computed'}.", reading)
