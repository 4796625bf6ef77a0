"""Figures of RQ5 under control: prediction beside baselines and noise ceiling, what it rests on, and other families."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle

from sparsekit.correlation import by_variant
from sparsekit.cross_validation import ALL
from sparsekit.pictures import Picture, drawn, label_panel, small_multiples
from sparsekit.prediction import SIZES
from sparsekit.style import (
    DIVERGING,
    FAINT,
    INK,
    QUIET,
    RULE,
    VARIANTS,
    family,
    listed,
    look,
    number,
    ordered,
    text_on,
    words_of,
)
from sparsekit.tables import require


@drawn
def nested_scores(table: pd.DataFrame, ceilings: pd.DataFrame | None = None, against: str | None = None) -> Picture:
    """RQ5: out-of-fold R² of all properties and of each baseline, below the noise ceiling.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.cross_validation.nested_prediction` returns it.
    ceilings : DataFrame, optional
        As :func:`sparsekit.ceilings.intraclass` returns it.
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
        As :func:`sparsekit.generalisation.cluster_importance` returns it.
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
        As :func:`sparsekit.generalisation.transfer` returns it.
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
