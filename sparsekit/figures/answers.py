"""The one figure beside each answer, drawn from the answer's own table.

As drawings of an HTML page: letters stay letters, and colours are the page's own, light or dark.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from sparsekit.figures.axis import ACCURACY, NUMBER, Axis
from sparsekit.figures.card import narrow
from sparsekit.figures.marks import forest, lines
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import INK, TARGETS, VARIANTS, Look, ordered
from sparsekit.figures.words import controls_in_words, percent, words_of

BESIDE = 480  # CSS pixels of a figure that stands beside a sentence
EVERY = {"all": Look("all networks", INK, "P", "-")}
PERCENT = Axis("% of weights pruned")
ROWS = 5  # properties that fit beside a sentence


def accuracy(table: pd.DataFrame) -> Picture:
    """RQ1: mean accuracy at once after pruning by percentage, of each variant, with chance."""
    own = _first(table).rename(columns={"variant": "series", "percent": "x"})
    # Four intervals at one percentage would hide each other.
    order = {name: k for k, name in enumerate(ordered(own["series"], VARIANTS))}
    own["x"] += 0.9 * (own["series"].map(order) - (len(order) - 1) / 2)
    ticks = [float(p) for p in sorted(_first(table)["percent"].unique())]
    x = PERCENT._replace(ticks=ticks if len(ticks) < 9 else None)
    chance = table["chance"].iloc[0]
    title = "Accuracy at once after pruning"
    options = {"looks": VARIANTS, "baselines": {"chance": chance}, "whiskers": True}
    picture = lines(own, title, x, ACCURACY, **options)
    half, low, high = _first(table)[["half", "half_low", "half_high"]].iloc[0]
    middle = (_first(table).query("percent == 0")["mean"].mean() + chance) / 2
    (axes,) = picture.figure.axes
    axes.hlines(middle, low, high, color=INK, linewidth=1.6, zorder=4)
    axes.scatter(half, middle, s=42, marker=EVERY["all"].marker, color=INK, linewidth=0, zorder=5)
    place = {"transform": axes.get_yaxis_transform(), "ha": "left", "va": "bottom", "color": INK, "size": 9}
    axes.text(0.02, middle, f"half of all networks: {half:.0f} %", **place)
    picture.alt += f" Half of all networks are halfway to chance at {half:.0f} % ({low:.0f} to {high:.0f} %)."
    return picture


def thresholds(table: pd.DataFrame) -> Picture:
    """RQ2: at which percentage half of the networks have dropped, by weights and variant, with the thesis's figure."""
    own = table.rename(columns={"target": "row", "variant": "series", "percent": "mean"})
    looks = VARIANTS if own["series"].nunique() < 3 else VARIANTS | EVERY
    own = own[own["series"].isin(list(looks))]
    rows = {name: one._replace(label=one.label.replace("-to-", "-\nto-")) for name, one in TARGETS.items()}
    x = Axis("% of weights pruned when half have dropped")
    return forest(own, "When half of all networks have dropped", x, looks=looks, rows=rows, zero=None)


def back(table: pd.DataFrame) -> Picture | None:
    """RQ3: the share of networks that had dropped that one epoch of retraining brings back, by percentage."""
    own = _first(table).rename(columns={"variant": "series", "percent": "x", "share": "mean"})
    own = own[own["dropped"] > 0]
    if own.empty:
        return None
    # Of a variant few networks had dropped: their interval says nothing that the one of all does not.
    own.loc[own["series"] != "all", ["low", "high"]] = np.nan
    x = PERCENT._replace(ticks=[float(p) for p in sorted(own["x"].unique())])
    y = Axis("back after one epoch", lambda share: percent(share, 0), limits=(-0.06, 1.06))
    return lines(
        own,
        "Share of dropped networks that is back",
        x,
        y,
        looks=VARIANTS | EVERY,
        whiskers=True,
        apart=0.016,
    )


def properties(table: pd.DataFrame) -> Picture:
    """RQ4: the properties that accuracy goes with most, given size and widths, with simultaneous intervals."""
    own = table[~table["control"].astype(bool)]
    told = own.groupby("property")["told"].sum()
    strongest = own.assign(r=own["r"].abs()).groupby("property")["r"].max()
    names = (
        pd.DataFrame({"told": told, "r": strongest}).dropna().sort_values(["told", "r"], ascending=False).index[:ROWS]
    )
    own = own.rename(columns={"property": "row", "variant": "series", "r": "mean"})
    rows = {name: Look(words_of(name).replace(", ", ",\n"), INK, "o", "-") for name in names}
    held = table.loc[table["control"].astype(bool), "property"].unique()
    given = f", given {controls_in_words(held)}" * bool(len(held))
    x = Axis(f"correlation with accuracy{given}", NUMBER.form, limits=(-1, 1))
    return forest(own[own["row"].isin(names)], "Properties that accuracy goes with", x, looks=VARIANTS, rows=rows)


def predictions(table: pd.DataFrame) -> Picture:
    """RQ5: R² on unseen graphs of all properties, of size alone and of shuffled accuracies, under the noise ceiling."""
    own = table.rename(columns={"features": "row", "variant": "series", "r2": "mean"})
    names = {"all": "all\nproperties", "shuffled": "shuffled\naccuracies", "noise ceiling": "noise\nceiling"}
    rows = {
        name: Look(names.get(name, words_of(name).replace(" and ", "\nand ")), INK, "o", "-")
        for name in own["row"].unique()
    }
    low = max(-1.0, float(np.nanmin(own[["mean", "low"]].to_numpy())) - 0.05)
    x = Axis("R² on graphs that no model has seen", NUMBER.form, limits=(low, 1.0))
    return forest(own, "How well accuracy is predicted", x, looks=VARIANTS, rows=rows)


FIGURES: dict[str, Callable[[pd.DataFrame], Picture | None]] = {
    "RQ1": accuracy, "RQ2": thresholds, "RQ3": back, "RQ4": properties, "RQ5": predictions,
}  # fmt: skip
CAPTIONS = {
    "RQ1": "Test accuracy at once after pruning, before any retraining; mean over seeds with its interval.",
    "RQ2": "Percentage at which half of the networks have dropped, with its interval, by which weights are pruned.",
    "RQ3": "Of the networks that had dropped, the share back after one epoch, with its interval for all together.",
    "RQ4": "The properties that accuracy goes with most clearly; intervals hold for all of a variant at once.",
    "RQ5": "R² on unseen graphs, with the middle 90 % of cuts; shuffled: median and 95 %; ceiling: what seeds leave.",
}


ESTIMATES = {"RQ1": "mean", "RQ2": "percent", "RQ3": "share", "RQ4": "r", "RQ5": "r2"}
"""The column of each question's table that holds what was estimated."""


def figure(question: str, table: pd.DataFrame) -> Picture | None:
    """The figure of one answer, from its table, as narrow as a sentence has room for; None if nothing is known."""
    own = table[~table["control"].astype(bool)] if "control" in table else table
    if own.empty or own[ESTIMATES[question]].isna().all():
        return None
    with narrow(BESIDE):
        picture = FIGURES[question](table)
    if picture:
        picture.reading = CAPTIONS[question]  # the finding is the sentence
    return picture


def _first(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the target that the sentence is about."""
    return table[table["target"] == ordered(table["target"], TARGETS)[0]].copy()
