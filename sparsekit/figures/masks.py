"""Figures of pruned networks as graphs: what tells their masks from random ones, and what a mask alone is worth."""

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from sparsekit.analysis.masks import mask_differences, mask_effects
from sparsekit.figures.card import Picture, card, drawn, small_multiples
from sparsekit.figures.panels import weights_of
from sparsekit.figures.style import (
    FAINT,
    INK,
    PROTOCOLS,
    QUIET,
    RULE,
    VARIANTS,
    Look,
    counted,
    family,
    listed,
    look,
    number,
    ordered,
    readable,
    words_of,
)
from sparsekit.figures.style import look as named
from sparsekit.figures.style import percent as percent_of

AGAINST = {"rewired": Look("rewired: the same degrees", INK, "o", "-"), "random": Look("random", QUIET, "s", "-")}
UNTOLD = "Nothing was asked for: "


@drawn
def mask_properties(
    masks: pd.DataFrame, generated: pd.DataFrame | None = None, percent: float | None = None, confidence: float = 0.95
) -> Picture:
    """Properties of pruned hidden-to-hidden masks less those of null models of equal density, a panel per property.

    Parameters
    ----------
    masks : DataFrame
        As ``studies.mask_graphs`` returns it; of several targets the last one counts, hidden-to-hidden alone if pruned.
    generated : DataFrame, optional
        As :func:`sparsekit.analysis.masks.generated` returns it, drawn beneath for comparison.
    percent : float, optional
        The percentage pruned; the first of the table by default.
    """
    if masks.empty:
        return _untold(
            "Masks of pruned networks as graphs",
            "no hidden-to-hidden weights are pruned at a percentage of `compare_at`; give `targets` both or h2h, and "
            "`compare_at` between 0 and 100.",
        )
    percent = masks["percent"].iloc[0] if percent is None else percent
    target = masks["target"].iloc[-1]
    own = masks[(masks["percent"] == percent) & (masks["target"] == target)]
    seeds = own["seed"].nunique()
    table = mask_differences(own, confidence=confidence)
    if generated is not None and len(generated):
        table = pd.concat([table, mask_differences(generated, confidence=confidence)])
    rows = [*ordered(own["variant"], VARIANTS), *(k for k in dict.fromkeys(table.index.get_level_values(0)))]
    rows = list(dict.fromkeys(rows))
    properties = list(dict.fromkeys(table.index.get_level_values("property")))
    pruned = f"{percent:g} % of the {weights_of(target)} pruned"
    figure, grid = card(
        150 + 2 * (62 + 25 * len(rows)),
        f"What tells a mask from chance, {pruned}",
        -(-len(properties) // 3),
        3,
        sharey=True,
        key=[Line2D([], [], color=a.colour, marker=a.marker, markersize=5, label=a.label) for a in AGAINST.values()],
        note="Mask less null model of equal density, in units of the property; "
        f"over {counted(seeds, 'seed')}, means over layers.",
    )
    words, clear = [], []
    for axes, name in zip(grid.flat, properties, strict=False):
        axes.axvline(0, color=FAINT, linewidth=0.9)
        for (against, one), shift in zip(AGAINST.items(), (-0.17, 0.17), strict=True):
            of = table.xs((against, name), level=("against", "property")).reindex(rows)
            at = np.arange(len(rows)) + shift
            axes.hlines(at, of["low"], of["high"], color=one.colour, linewidth=1.6)
            axes.scatter(of["difference"], at, s=20, marker=one.marker, color=one.colour, zorder=3)
            for row, values in of.iterrows():
                if against == "random":
                    words.append(f"{_label(row)} {words_of(name)} {_span(values[['difference']])}")
                if row in VARIANTS and (values["low"] > 0 or values["high"] < 0):
                    clear.append(
                        f"{_label(row)} {words_of(name)} {number(values['difference'], sign=True)} ({against})"
                    )
        axes.set_title(words_of(name))
        axes.grid(axis="x", color=RULE, linewidth=0.8)
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.locator_params(axis="x", nbins=4)
    for label, name in zip(grid[0, 0].set_yticks(range(len(rows)), map(_label, rows)), rows, strict=True):
        label.label1.set_color(_colour(name))
    for axes in grid[1:, 0]:
        for label, name in zip(axes.get_yticklabels(), rows, strict=True):
            label.set_color(_colour(name))
    # Rewiring keeps all degrees: what follows from them alone cannot differ, and is no test.
    tested = int(table.loc[ordered(own["variant"], VARIANTS)][["low", "high"]].any(axis=1).sum())
    reading = (
        f"Of {tested} differences, pruned masks less null models, intervals leave out zero in {len(clear)}, where "
    )
    reading += f"chance alone gives about {number((1 - confidence) * tested, 1)}"
    return Picture(
        figure,
        f"Points with intervals: properties of masks less those of null models, {pruned}. "
        f"Less random: {', '.join(words)}.",
        f"{reading}{': ' + listed(clear) if clear else ''}."
        if seeds > 1
        else "One seed has no interval: whether masks differ from chance cannot be told.",
    )


@drawn
def mask_training(training: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """Accuracy less that of fresh weights in the pruned mask: a panel per variant, a row per percentage and start.

    Parameters
    ----------
    training : DataFrame
        As ``studies.mask_training`` returns it.
    """
    table = mask_effects(training, confidence)
    if table.empty:
        return _untold(
            "Networks trained from scratch on masks",
            'no network was trained afresh in its pruned mask; give `protocols` ["reinitialise", "rewired_mask", '
            '"random_mask"].',
        )
    variants = ordered(table.index.get_level_values("variant"), VARIANTS)
    starts = ordered(table.index.get_level_values("recovery"), PROTOCOLS)
    percents = sorted(table.index.get_level_values("percent").unique())
    rows = [(percent, start) for percent in percents for start in starts]
    seeds = int(table["seeds"].max())
    figure, panels = small_multiples(
        variants,
        64 + 25 * len(rows),
        "What the pruned mask is worth without its weights",
        note="Test accuracy, in points, less that of fresh weights in the pruned mask, paired by seed.\n"
        f"Large points: mean, with its interval; small: each of {counted(seeds, 'seed')}. Left of the line the pruned "
        "mask is better.",
    )
    words, told = [], []
    for name, axes in panels.items():
        variant, colour, *_ = look(VARIANTS, name)
        axes.axvline(0, color=FAINT, linewidth=0.9)
        for y, (percent, start) in enumerate(rows):
            if (name, percent, start) not in table.index:
                continue
            row = table.loc[(name, percent, start)]
            axes.hlines(y, 100 * row["low"], 100 * row["high"], color=colour, linewidth=1.8)
            axes.scatter(100 * np.array(row["values"]), np.full(len(row["values"]), y + 0.28), s=9, color=FAINT)
            axes.scatter(100 * row["difference"], y, s=34, color=colour, zorder=3)
            found = _span(100 * row[["difference", "low", "high"]].astype(float), 1)
            words.append(f"{variant}, {percent:g} % pruned, {_start(start)}: {found} points")
            if start.endswith("_mask") and (row["low"] > 0 or row["high"] < 0):
                told.append(f"{variant} less {_start(start)} at {percent:g} %: {_span(-_points(row), 1)}")
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks(range(len(rows)), [f"{percent:g} %, {_start(start)}" for percent, start in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", color=RULE, linewidth=0.8)
        if axes.get_subplotspec().is_last_row():
            axes.set_xlabel("points of accuracy")
    masks = [start for start in starts if start.endswith("_mask")]
    tested = int(table.index.get_level_values("recovery").isin(masks).sum())
    afresh = table["afresh"].groupby(level="variant")
    reached = [
        f"{look(VARIANTS, v).label} {listed(dict.fromkeys(percent_of(a) for a in afresh.get_group(v)))}"
        for v in variants
    ]
    reading = f"Fresh weights in the pruned mask reach {'; '.join(reached)}"
    if masks:
        others = listed(f"a {_start(mask)}" for mask in masks)
        reading += f"; in {len(told)} of {tested} comparisons with {others} the interval leaves out zero"
        reading += f": {'; '.join(told)}" if told else ""
    return Picture(figure, f"Points with intervals: differences of accuracy. {'; '.join(words)}.", reading + ".")


def _points(row: pd.Series) -> pd.Series:
    """In points; the ends change places where the sign does."""
    return 100 * row[["difference", "high", "low"]].astype(float).set_axis(["difference", "low", "high"])


def _untold(title: str, why: str) -> Picture:
    figure, ((axes,),) = card(96, title)
    axes.axis("off")
    axes.text(0, 0.5, "Nothing to draw.", color=QUIET, va="center")
    return Picture(figure, f"No figure. {UNTOLD}{why}", UNTOLD + why)


def _start(name: str) -> str:
    return named(PROTOCOLS, name).label


def _label(name: str) -> str:
    return look(VARIANTS, name).label if name in VARIANTS else family(name).label


def _colour(name: str) -> str:
    return readable(look(VARIANTS, name).colour) if name in VARIANTS else INK


def _span(row: pd.Series, digits: int = 2) -> str:
    if not np.isfinite(row["difference"]):
        return "undefined"
    low, high = row.get("low", np.nan), row.get("high", np.nan)
    ends = f" ({number(low, digits)} to {number(high, digits)})" if np.isfinite(low) else ""
    return number(row["difference"], digits, sign=True) + ends
