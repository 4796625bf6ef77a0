"""Figures of pruned networks as graphs: what tells their masks from random ones, and what a mask alone is worth."""

import numpy as np
import pandas as pd

from sparsekit.analysis.conditions import chosen
from sparsekit.analysis.intervals import without_zero
from sparsekit.analysis.masks import mask_differences, mask_effects
from sparsekit.figures import marks
from sparsekit.figures.axis import NUMBER, POINTS
from sparsekit.figures.card import nothing
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import GENERATORS, NULLS, PROTOCOLS, VARIANTS, look, ordered
from sparsekit.figures.words import each, label, listed, number, percent, shown_over, span, weights_of

ROWS = {**VARIANTS, **GENERATORS}
UNTOLD = "Nothing was asked for: no"


def mask_properties(
    masks: pd.DataFrame, generated: pd.DataFrame | None = None, amount: float | None = None, confidence: float = 0.95
) -> Picture:
    """Properties of pruned hidden-to-hidden masks less those of null models of equal density, a panel per property.

    Parameters
    ----------
    masks : DataFrame
        `tables.MASKS`, target, percent; of several targets the last one counts, hidden-to-hidden alone if pruned.
    generated : DataFrame, optional
        As `analysis.masks.generated` returns it, drawn beneath for comparison.
    amount : float, optional
        The percentage pruned; the first of the table by default.
    """
    if masks.empty:
        why = "hidden-to-hidden weights are pruned at a percentage of `compare_at`; give `targets` both or h2h, and"
        return nothing("Masks of pruned networks as graphs", f"{UNTOLD} {why} `compare_at` between 0 and 100.")
    target, amount = masks["target"].iloc[-1], masks["percent"].iloc[0] if amount is None else amount
    own = chosen(masks, target=target, percent=amount)
    tables = [own] if generated is None else [own, generated]
    table = pd.concat([mask_differences(of, confidence=confidence).reset_index() for of in tables])
    table = table.rename(columns={"variant": "row", "against": "series", "difference": "mean"})
    table["panel"] = table["property"].map(label)
    return marks.forest(
        table,
        f"What tells a mask from chance, {amount:g} % of {weights_of(target)} pruned",
        NUMBER,
        looks=NULLS,
        panels={},
        rows=ROWS,
        columns=3,
        own_axes=True,
        note="Mask less null model of equal density, in units of the property, means over layers.\n"
        + shown_over(own["seed"].nunique(), confidence, "lines"),
        reading=_against_chance(table[table["row"].isin(VARIANTS)], confidence),
    )


def _against_chance(table: pd.DataFrame, confidence: float) -> str:
    """In how many properties masks differ from chance, and in which most clearly."""
    if table["seeds"].max() == 1:
        return "One seed has no interval: whether masks differ from chance cannot be told."
    # Rewiring keeps all degrees: what follows from them alone cannot differ, and is no test.
    tested = int(table[["low", "high"]].any(axis=1).sum())
    clear = table[without_zero(table)]
    width = (clear["mean"] / (clear["high"] - clear["low"]).clip(lower=1e-12)).abs()
    told = [
        f"{label(row.row)} {row.panel} {number(row.mean, _digits(row.mean), sign=True)} ({row.series})"
        for row in clear.loc[width.sort_values(ascending=False, kind="stable").index[:3]].itertuples()
    ]
    reading = f"Of {tested} differences, pruned masks less null models, intervals leave out zero in {len(clear)}, where"
    reading += f" chance alone gives about {number((1 - confidence) * tested, 1)}"
    return f"{reading}; most clearly {listed(told)}." if told else f"{reading}."


def _digits(value: float) -> int:
    """So many that a difference which is told does not read as 0."""
    return max(2, 1 - int(np.floor(np.log10(abs(value))))) if value else 2


def mask_training(training: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """Accuracy less that of fresh weights in the pruned mask: a panel per variant, a row per percentage and start.

    Of the table that `analysis.masks.mask_effects` takes.
    """
    title = "What the pruned mask is worth without its weights"
    table = mask_effects(training, confidence).reset_index().sort_values("percent", kind="stable")
    if table.empty:
        why = 'network was trained afresh in its pruned mask; give `protocols` ["reinitialise", "rewired_mask",'
        return nothing(title, f'{UNTOLD} {why} "random_mask"].')
    table = table.rename(columns={"variant": "panel", "recovery": "row", "difference": "mean"})
    table["group"] = table["percent"].map("{:g} %".format)
    return marks.forest(
        table,
        title,
        POINTS,
        rows=PROTOCOLS,
        columns=2,
        dots=table.explode("values").astype({"values": float}).rename(columns={"values": "value"}),
        note="Less that of fresh weights in the pruned mask, paired by seed. Left of the line that mask is better.\n"
        + shown_over(table["seeds"].max(), confidence, "lines", "small dots"),
        reading=_worth(table),
    )


def _worth(table: pd.DataFrame) -> str:
    """What fresh weights reach in the pruned mask, and how much more than in other masks."""
    reached = table["afresh"].map(percent).groupby(table["panel"]).unique().map(listed)
    reading = f"Fresh weights in the pruned mask reach {'; '.join(each(reached))}"
    others = table[table["row"].str.endswith("_mask")]
    if len(others):
        more = [
            f"{label(row.panel)} less {look(PROTOCOLS, row.row).label} at {row.group}: "
            f"{span(-row.mean, -row.high, -row.low, POINTS.form)}"
            for row in others[without_zero(others)].itertuples()
        ]
        masks = listed(f"a {look(PROTOCOLS, name).label}" for name in ordered(others["row"], PROTOCOLS))
        reading += f"; in {len(more)} of {len(others)} comparisons with {masks} the interval leaves out zero"
        reading += f": {'; '.join(more)}" if more else ""
    return f"{reading}."
