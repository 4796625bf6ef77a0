"""The ladder of controls: how an advantage shrinks from rung to rung, and what is left of published claims."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.analysis import ladder as analysis
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.axis import POINTS
from sparsekit.figures.card import nothing
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import FAINT, INK, QUIET, VARIANTS, Look, look
from sparsekit.figures.words import counted, label, number, percent, span

ADVANTAGE = POINTS._replace(label="test accuracy, graph minus null models, percentage points")
RUNGS = [Look("", colour, marker, "-") for colour, marker in ((FAINT, "o"), (QUIET, "s"), (INK, "D"))]


def _span(row: pd.Series) -> str:
    return span(row["mean"], row.low, row.high, POINTS.form, " (no interval)")


def _p(value: float) -> str:
    return f"p = {number(value, 3)}" if value >= 0.001 else "p < 0.001" if np.isfinite(value) else ""


def ladder(placed: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """How a graph's advantage over its null models shrinks from rung to rung, by variant and family.

    Of what `analysis.ladder.places` returns; `analysis.ladder.beyond_density` is added.
    """
    title = "What is left of an advantage"
    require(placed, ["rung", "difference", "ranks"])
    if placed.empty:
        return nothing(title, "No ladder was asked for; `ensemble = 20` trains so many null models for each rung.")
    placed = pd.concat([placed, analysis.beyond_density(placed)], ignore_index=True)
    table = analysis.summary(placed, confidence).reset_index()
    text = [_place(r) for r in table.itertuples()]
    names = {(v, g): f"{label(v)}, {label(g)}" for v, g in zip(table["variant"], table["generator"], strict=True)}
    groups = {name: look(VARIANTS, v)._replace(label=name) for (v, _), name in names.items()}
    table, dots = (
        t.assign(group=[names[of] for of in zip(t["variant"], t["generator"], strict=True)], row=t["rung"])
        for t in (table, placed.dropna(subset="difference").rename(columns={"difference": "value"}))
    )
    return marks.forest(
        table.assign(text=text),
        title,
        ADVANTAGE,
        groups=groups,
        dots=dots,
        note=f"Mean over graphs, {100 * confidence:g} % interval; dots: graphs.\n"
        "Right: the share of null models that a graph is above, ties by half; p, of all these places at once.",
        reading=_shrinks(table),
    )


def _place(row: Any) -> str:
    above = f"{percent(row.place, 0)}, {_p(row.p)}" if np.isfinite(row.p) else ""
    return f"{above}, {row.unmatched} unmatched" if row.unmatched else above


def _shrinks(table: pd.DataFrame) -> str:
    rungs = table[table["rung"] != analysis.DENSITY].groupby("group", sort=False)
    ends = [(name, own.iloc[0], own.iloc[-1]) for name, own in rungs]
    first, last = [one for _, one, _ in ends], [one for *_, one in ends]
    clear = [sum(bool(row["low"] > 0 or row["high"] < 0) for row in rows) for rows in (first, last)]
    names = first[0]["rung"], last[0]["rung"]
    told = f"No advantage over null models can be told from zero, {names[0]} or with {names[1]}"
    if any(clear):
        told = f"Of {counted(len(ends), 'difference')} to null models {clear[0] or 'none'} can be told from zero "
        told += f"{names[0]}, and {clear[1] or 'none'} with {names[1]}"
    spans = [f"{name} {_span(row)} points, {_p(row['p'])}" for name, _, row in ends]
    return f"{told}: {'; '.join(spans)}." if len(ends) <= 4 else f"{told}."


def scales(placed: pd.DataFrame) -> list[Styler]:
    """Both scales before training, of graphs and of null models, and how many of these could not be matched.

    Of what `analysis.ladder.places` returns: a table with a row a variant, family and rung; none where there is none.
    """
    table = analysis.summary(placed)[["radius", "radius_null", "activity", "activity_null", "nulls", "unmatched"]]
    names = ["spectral radius", "of null models", "activity", "of null models ", "null models a graph", "not matched"]
    shown = table.set_axis(names, axis="columns").rename_axis(["variant", "graphs", "rung"]).style.format(precision=2)
    return [shown.format_index(label, level=[0, 1])] if len(table) else []


def claims(table: pd.DataFrame, expected: Mapping[str, int], confidence: float = 0.95) -> Picture:
    """Each published claim on every rung: accuracy of graphs with the feature minus that of graphs without it.

    Of what `analysis.ladder.summary` returns of the claims' graphs; ``expected`` has 1 where it is said to help.
    """
    title = "Published claims at matched size and spectrum"
    if table.empty:
        return nothing(
            title, "No claim was asked for; `claims = ['reciprocity_hurts']` with `ensemble = 20` tests one."
        )
    verdicts = analysis.judged(table, dict(expected), confidence)
    rows = table.reset_index().rename(columns={"rung": "series"})
    last = {(r.Index[0], r.Index[1]): (r.Index[2], f"{_p(r.p_holm)}, {r.verdict}") for r in verdicts.itertuples()}
    text = [
        last[v, c][1] if last[v, c][0] == rung else ""
        for v, c, rung in zip(*rows[["variant", "generator", "series"]].T.to_numpy(), strict=True)
    ]
    looks = {
        rung: look_._replace(label=rung) for rung, look_ in zip(dict.fromkeys(rows["series"]), RUNGS, strict=False)
    }
    return marks.forest(
        rows.assign(group=rows["variant"], row=[label(c) for c in rows["generator"]], text=text),
        title,
        POINTS._replace(label="test accuracy with the feature minus without, percentage points"),
        looks=looks,
        groups=VARIANTS,
        note=f"Mean over graphs, {100 * confidence:g} % interval. Scales: spectral radius, activity before training.\n"
        "Right: p of graphs' places under the strictest control, adjusted for all claims of a variant (Holm).",
        reading=_verdicts(verdicts),
    )


def _verdicts(table: pd.DataFrame) -> str:
    told = [f"{label(claim)} ({label(variant)}) {_span(row)}" for (variant, claim, _), row in table.iterrows()]
    shown, refuted = (int((table["verdict"] == word).sum()) for word in ("shown", "refuted"))
    found = f"{shown or 'None'} of {counted(len(table), 'claim')} {'are' if shown > 1 else 'is'} shown at matched size "
    found += f"and spectrum, and of {refuted or 'none'} the opposite. In points, with the feature minus without"
    return f"{found}: {'; '.join(told)}."
