"""Figures of networks in pairs: graphs beside their null models, published mask rows beside whole masks."""

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from sparsekit.graph_pairs import NULLS, mean_differences
from sparsekit.pictures import Picture, card, drawn
from sparsekit.style import (
    FAINT,
    INK,
    QUIET,
    RULE,
    VARIANTS,
    counted,
    family,
    listed,
    look,
    number,
    ordered,
    readable,
)
from sparsekit.tables import require


@drawn
def null_differences(differences: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """How much better graphs do than their null models, by variant and null model.

    Parameters
    ----------
    differences : DataFrame
        As :func:`sparsekit.graph_pairs.null_differences` returns it.
    """
    require(differences, ["against"])
    title = "Accuracy of graphs minus that of their null models"
    if differences.empty:
        return _nothing(
            title, 'No null model was asked for; null_models = ["rewired", "random"] trains two beside each graph.'
        )
    kinds = dict.fromkeys(differences["against"])
    names = {kind: f"{kind}: {NULLS[kind]}" if kind in NULLS else kind.replace("_", " ") for kind in kinds}
    return _forest(differences, confidence, title, names, "graph", "null")


@drawn
def gate_row_differences(differences: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """What the published, repeated mask rows cost in accuracy, by variant.

    Parameters
    ----------
    differences : DataFrame
        As :func:`sparsekit.graph_pairs.gate_row_differences` returns it.
    """
    title = "Accuracy under published mask rows minus that under whole masks"
    if differences.empty:
        return _nothing(title, "Nothing to compare: no network of this run has two layouts of masks.")
    return _forest(differences, confidence, title, {"blocks": "rows minus blocks"}, "rows", "blocks")


def _nothing(title: str, text: str) -> Picture:
    figure, ((axes,),) = card(74, title, note=text)
    axes.remove()
    return Picture(figure, text, text)


def _forest(
    differences: pd.DataFrame, confidence: float, title: str, names: dict[str, str], one: str, other: str
) -> Picture:
    """A point a graph, the mean over graphs with its interval; beside it, how many networks stayed at chance level."""
    means = mean_differences(differences, confidence)
    variants, kinds = ordered(differences["variant"], VARIANTS), list(names)
    bars = [(v, k) for v in variants for k in kinds if (v, k) in means.index]
    families = {g: family(g) for g in dict.fromkeys(differences["generator"])}
    key = [
        Line2D([], [], color=QUIET, linestyle="", marker=f.marker, markersize=5, markerfacecolor="none", label=f.label)
        for f in families.values()
    ]
    key.append(Line2D([], [], color=INK, marker="o", markersize=6, label=f"mean, {100 * confidence:g} % interval"))
    figure, ((axes,),) = card(
        150 + 30 * len(bars) + 12 * len(variants),
        title,
        key=key,
        note="A small mark: one graph, mean over its pairs of networks of which both left chance level.",
    )
    rng, y, ticks, words, clear, reach = np.random.default_rng(0), 0.0, [], [], [], []
    for variant in variants:
        label, colour, *_ = look(VARIANTS, variant)
        for kind in [k for v, k in bars if v == variant]:
            row, own = means.loc[(variant, kind)], differences[differences["variant"] == variant]
            own = own[own["against"] == kind]
            for generator, shape in families.items():
                values = 100 * own.loc[own["generator"] == generator, "difference"].dropna()
                heights = y + rng.uniform(-0.24, 0.24, len(values))
                axes.scatter(values, heights, s=17, marker=shape.marker, facecolor="none", edgecolor=colour, alpha=0.6)
            told = "no pair of which both left chance level"
            if row["graphs"]:
                if np.isfinite(row["low"]):
                    axes.hlines(y, 100 * row["low"], 100 * row["high"], color=INK, linewidth=2.2, zorder=4)
                    clear.append(bool(row["low"] > 0 or row["high"] < 0))
                axes.scatter(100 * row["mean"], y, s=46, color=INK, zorder=5)
                told = f"{_points(row['mean'])}{_span(row)} over {counted(int(row['graphs']), 'graph')}"
                reach.append(f"{label}{'' if len(kinds) == 1 else f', {kind}'} {_points(row['mean'])}{_span(row)}")
            else:
                middle = {"xycoords": axes.get_yaxis_transform(), "ha": "center", "va": "center"}
                axes.annotate(told, (0.5, y), color=QUIET, **middle)
            stuck = f"{row['stuck']:.0f} | {row['stuck_other']:.0f} of {row['pairs']:.0f}"
            axes.annotate(stuck, (1.02, y), xycoords=axes.get_yaxis_transform(), va="center", color=QUIET, size=9)
            ticks.append((y, f"{label}\n{names[kind]}"))
            words.append(
                f"{label}, {names[kind]}: {told}; at chance level {row['stuck']:.0f} of {row['pairs']:.0f} "
                f"({one}) and {row['stuck_other']:.0f} ({other})"
            )
            y += 1
        y += 0.4
    head = {"xycoords": ("axes fraction", "axes fraction"), "va": "bottom", "size": 9, "color": QUIET}
    axes.annotate(f"at chance\n{one} | {other}", (1.02, 1.0), **head)
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.tick_params(axis="y", length=0)
    for tick, (variant, _) in zip(axes.get_yticklabels(), bars, strict=True):
        tick.set(color=readable(look(VARIANTS, variant).colour), linespacing=1.25)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(y - 0.8, -0.6)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.margins(x=0.08)
    if reach:
        axes.axvline(0, color=FAINT, linewidth=0.9, zorder=0.5)
    else:
        axes.set_xticks([])
    axes.set_xlabel(f"test accuracy, {one} minus {other}, percentage points")
    reading = "In no pair did both networks leave chance level, so nothing can be compared."
    if reach:
        reading = f"{title}, in percentage points, mean over graphs: {listed(reach)}."
    if len(clear) == 1:
        reading += f" The interval {'leaves out' if clear[0] else 'holds'} zero."
    elif clear:
        reading += (
            f" {sum(clear)} of {counted(len(clear), 'interval')} {'leaves' if sum(clear) == 1 else 'leave'} out zero; "
            f"by chance alone about {number((1 - confidence) * len(clear), 1)} would."
        )
    return Picture(figure, f"Points with intervals: {title.lower()}. {'; '.join(words)}.", reading)


def _points(share: float) -> str:
    return number(100 * share, 1, sign=True)


def _span(row: pd.Series) -> str:
    if not np.isfinite(row["low"]):
        return " (no interval)"
    return f" ({number(100 * row['low'], 1, sign=True)} to {number(100 * row['high'], 1, sign=True)})"
