"""Figures of the seeds within graphs: which networks learn at all, and the ceiling that noise sets to prediction."""

import numpy as np
import pandas as pd
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D

from sparsekit.ceilings import ALL
from sparsekit.pictures import Picture, card, drawn, percent_axis
from sparsekit.style import FAINT, INK, QUIET, RULE, VARIANTS, family, listed, look, number, ordered, percent, readable
from sparsekit.tables import require


@drawn
def trainability_bars(table: pd.DataFrame) -> Picture:
    """The share of networks that never left chance level, by variant and family.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.ceilings.trainability` returns it.
    """
    require(table, ["networks", "at_chance", "share", "low", "high"])
    variants = ordered(table.index.get_level_values("variant"), VARIANTS)
    bars = [(v, g) for v in variants for g in table.loc[v].index if g != ALL or len(table.loc[v]) != 2]
    figure, ((axes,),) = card(
        98 + 24 * len(bars) + 12 * len(variants),
        "Networks that never left chance",
        note="Bars: share; lines: its interval.",
    )
    y, ticks, words, whole = 0.0, [], [], []
    for variant in variants:
        label, colour, *_ = look(VARIANTS, variant)
        axes.text(
            -0.2,
            y,
            label,
            transform=axes.get_yaxis_transform(),
            weight="bold",
            color=readable(colour),
            ha="right",
            va="center",
        )
        for generator in [g for v, g in bars if v == variant]:
            row = table.loc[(variant, generator)]
            name = "all families" if generator == ALL else family(generator).label
            axes.barh(y, row["share"], 0.66, color=_tint(colour, 0.85 if generator == ALL else 0.4), linewidth=0)
            axes.hlines(y, row["low"], row["high"], color=INK, linewidth=1.2)
            axes.vlines([row["low"], row["high"]], y - 0.12, y + 0.12, color=INK, linewidth=1.2)
            count = f"{row['at_chance']:.0f} of {row['networks']:.0f}"
            axes.annotate(
                count,
                (max(row["high"], row["share"]), y),
                (6, 0),
                textcoords="offset points",
                va="center",
                size=9,
                color=QUIET,
            )
            ticks.append((y, name))
            words.append(f"{label}, {name}: {percent(row['share'])} ({percent(row['low'])} to {percent(row['high'])})")
            y += 1
        total = table.loc[(variant, ALL)]
        whole.append(f"{percent(total['share'])} of the {label} networks")
        y += 0.5
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(y - 1, -0.6)
    axes.set_xlim(0, min(1.0, table["high"].max() * 1.05 + 0.02) + 0.12)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    percent_axis(axes.xaxis)
    axes.set_xlabel("share of networks at chance level")
    return Picture(
        figure, f"Bars: networks at chance level. {'; '.join(words)}.", f"{listed(whole)} never left chance level."
    )


def _tint(colour: str, share: float) -> np.ndarray:
    """The colour thinned with white, and not to be seen through."""
    return share * np.array(to_rgb(colour)) + 1 - share


@drawn
def noise_ceilings(table: pd.DataFrame) -> Picture:
    """How alike the seeds of a graph are, and the highest R² that this leaves to any property of graphs.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.ceilings.intraclass` returns it.
    """
    require(table, ["icc", "icc_low", "icc_high", "ceiling", "ceiling_low", "ceiling_high", "between_sd", "within_sd"])
    variants = ordered(table.index, VARIANTS)
    key = [
        Line2D([], [], color=QUIET, marker="o", markerfacecolor="white", markersize=6, label="one network (ICC)"),
        Line2D([], [], color=QUIET, marker="o", markersize=6, label="mean over the seeds: the noise ceiling of R²"),
    ]
    figure, ((axes,),) = card(
        118 + 46 * len(variants), "How much of accuracy is the graph's, how much the seed's", key=key
    )
    words, ceilings = [], []
    for y, name in enumerate(variants):
        row, (label, colour, marker, _) = table.loc[name], look(VARIANTS, name)
        if not np.isfinite(row["icc"]):
            axes.text(
                0.02, y, "cannot tell: it takes two graphs, two seeds each, not all alike", color=QUIET, va="center"
            )
            words.append(f"{label}: cannot tell")
            continue
        for of, shift, face in (("icc", -0.17, "white"), ("ceiling", 0.17, colour)):
            axes.hlines(y + shift, max(row[f"{of}_low"], -0.1), row[f"{of}_high"], color=colour, linewidth=2)
            axes.scatter(row[of], y + shift, s=40, marker=marker, color=face, edgecolor=colour, linewidth=1.4, zorder=3)
        spans = [
            f"{number(row[o])} ({number(row[f'{o}_low'])} to {number(row[f'{o}_high'])})" for o in ("icc", "ceiling")
        ]
        words.append(
            f"{label}: ICC {spans[0]}, ceiling {spans[1]} with {row['seeds']:.3g} seeds a graph, standard deviation "
            f"between graphs {number(row['between_sd'], 3)}, within {number(row['within_sd'], 3)}"
        )
        ceilings.append(f"{number(row['ceiling'])} of the variance of {label} accuracies")
    axes.axvline(0, color=FAINT, linewidth=0.9)
    axes.set_yticks(range(len(variants)), [look(VARIANTS, v).label for v in variants])
    for tick, name in zip(axes.get_yticklabels(), variants, strict=True):
        tick.set(color=readable(look(VARIANTS, name).colour), weight="bold")
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(len(variants) - 0.5, -0.5)
    axes.set_xlim(-0.12, 1.02)
    axes.grid(axis="x", color=RULE, linewidth=0.8)
    axes.set_xlabel("share of variance between graphs")
    reading = "Without two graphs of two seeds each, not all alike, graph and seed cannot be told apart."
    if ceilings:
        reading = f"Properties of graphs can explain at most {listed(ceilings)}, means over seeds; the rest is seeds."
    return Picture(figure, f"Points with intervals: intraclass correlation. {'; '.join(words)}.", reading)
