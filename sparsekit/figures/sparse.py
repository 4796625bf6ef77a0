"""Figures of networks that are sparse from the start: accuracy by compression, what is ahead, and how masks move."""

from collections.abc import Callable
from typing import Any

import pandas as pd

from sparsekit.analysis import sparse
from sparsekit.analysis.intervals import without_zero
from sparsekit.figures import marks
from sparsekit.figures.axis import NUMBER, POINTS, Axis
from sparsekit.figures.card import nothing
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import FAINT, INK, METHODS, SKY, VARIANTS, Look, look, ordered
from sparsekit.figures.task import Baselines, accuracy_axis, reference
from sparsekit.figures.words import counted, label, listed, number, percent, shown_over, span

EQUAL = {"steps": "equal steps", "multiply-adds": "equal multiply-adds"}
UNASKED = "Training for longer was not asked for: `training_multiplier` above 1 gives what is sparse more steps."
MEASURES = {
    "distance": Look("first mask's weights gone", INK, "o", "-"),
    "ever_alive": Look("places ever used", INK, "o", "-"),
}
MOMENTS = (Look("first", FAINT, "o", "-"), Look("midway", SKY, "s", "-"), Look("last", INK, "D", "-"))


def times(compression: float) -> str:
    """How many times fewer weights.

    >>> times(16.0)
    '16×'
    """
    return f"{compression:g}×"


WEIGHTS = Axis("recurrent weights, dense / sparse", times, ("log", {"base": 2}))


def accuracy_by_method(
    table: pd.DataFrame, baselines: Baselines, budget: str = "steps", confidence: float = 0.95
) -> Picture:
    """Accuracy at the end of training against compression, a panel per variant, a line per method.

    Of `tables.SPARSE`, at an equal budget: "steps" or "multiply-adds".
    """
    title = f"Accuracy at the end of training, {EQUAL[budget]}"
    if budget not in set(table["budget"]):
        return nothing(title, UNASKED)
    means, lines = sparse.points(table, budget, confidence), reference(baselines)
    return marks.lines(
        means.rename(columns={"variant": "panel", "method": "series", "compression": "x"}),
        title,
        WEIGHTS._replace(ticks=sorted(means["compression"].unique())),
        accuracy_axis(means["mean"], lines.values()),
        looks=METHODS,
        baselines=lines,
        note=f"{shown_over(table['seed'].nunique(), confidence)} Dotted: no memory.",
        reading=_best(means),
    )


def _best(means: pd.DataFrame) -> str:
    """The most accurate method at the highest compression, by variant."""
    last = means[means["compression"] == means["compression"].max()]
    best = last.loc[last.groupby("variant", sort=False)["mean"].idxmax()].set_index("variant")
    told = [
        f"{label(name)} {look(METHODS, best['method'][name]).label}, {percent(best['mean'][name])}"
        for name in ordered(best.index, VARIANTS)
    ]
    return f"Most accurate at {times(last['compression'].iloc[0])}, the best of several partly by luck: {listed(told)}."


def ahead_of_pruning(table: pd.DataFrame, budget: str = "steps", confidence: float = 0.95) -> Picture:
    """Accuracy less that of pruning after training, a panel per variant, a row per method, a column per compression.

    Of `tables.SPARSE`; bold where the interval over seeds leaves out zero.
    """
    title = f"Points ahead of pruning after training, {EQUAL[budget]}"
    if budget not in set(table["budget"]):
        return nothing(title, UNASKED)
    own = sparse.ahead(table, budget, confidence)
    own = own.sort_values(["compression", "method"], key=_in_order, kind="stable")
    most = max(0.05, own["ahead"].abs().max())
    return marks.heatmap(
        own.assign(
            panel=own["variant"],
            row=[look(METHODS, name).label for name in own["method"]],
            column=own["compression"].map(times),
            value=own["ahead"],
            bold=without_zero(own),
        ),
        title,
        panels=VARIANTS,
        form=lambda share: number(100 * share, 0, sign=True),  # whole points: cells of twenty columns hold no more
        limits=(-most, 0, most),
        note=f"Paired by seed, means over {counted(own['n'].max(), 'seed')}; bold: the {100 * confidence:g} % interval "
        "leaves out zero.",
        reading=_by_variant(own, budget, confidence),
    )


def _in_order(values: pd.Series) -> pd.Series:
    return values.map({name: k for k, name in enumerate(METHODS)}) if values.name == "method" else values


def _by_variant(own: pd.DataFrame, budget: str, confidence: float) -> str:
    """In which variants methods are told to be ahead or behind, in how many of the cells, and how many by chance."""
    told = []
    for variant, cells in own.groupby("variant", sort=False):
        counts = {"ahead": int((cells["low"] > 0).sum()), "behind": int((cells["high"] < 0).sum())}
        if shown := [f"{word} in {count}" for word, count in counts.items() if count]:
            told.append(f"{label(variant)} {listed(shown)}")
    clear = int(without_zero(own).sum())
    return (
        f"At {EQUAL[budget]}, beside pruning after training: {'; '.join(told) or 'nothing can be told'}. Of "
        f"{counted(len(own), 'interval')} {clear} leave out zero; by chance about "
        f"{number((1 - confidence) * len(own), 1)} would."
    )


def _interval(row: Any, form: Callable[[float], str]) -> str:
    return span(row.mean, row.low, row.high, form)


def masks_moved(table: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """How far masks have come from where they began, and how many weights they have tried, a row per method.

    Of what ``experiments.sparse.movements`` returns, at the smallest and at the largest compression.
    """
    means = sparse.moved(table, confidence)
    ends = means[means["compression"].isin([means["compression"].min(), means["compression"].max()])]
    return marks.forest(
        ends.rename(columns={"measure": "panel", "method": "row"}).assign(group=ends["compression"].map(times)),
        "How far masks move, and how many places they try",
        Axis("share", percent, limits=(0, 1)),
        panels=MEASURES,
        rows=METHODS,
        zero=None,
        columns=2,
        note=f"Of all recurrent matrices together. {shown_over(table['seed'].nunique(), confidence, 'lines')}",
        reading=_tried(means),
    )


def _tried(means: pd.DataFrame) -> str:
    most = means[(means["compression"] == means["compression"].max()) & (means["method"] != "gradual")]
    wide = most.set_index(["measure", "method"])["mean"]
    told = [
        f"{look(METHODS, name).label} {percent(wide['distance', name])} and {percent(wide['ever_alive', name])}"
        for name in ordered(most["method"], METHODS)
        if wide["distance", name] > 0
    ]
    at = times(means["compression"].max())
    if not told:
        return "No mask moves."
    return f"At {at}, weights of the first mask gone by the end, and places that ever held one: {listed(told)}."


def structure_on_the_way(table: pd.DataFrame, compression: float, confidence: float = 0.95) -> Picture:
    """Properties of hidden-to-hidden masks less those of their null models, early, midway and at last.

    Of what ``experiments.sparse.structures`` returns, at one compression; what starts dense is left out. A panel per
    property, a row per method.
    """
    table = table[table["method"] != "gradual"]
    own = sparse.against_nulls(table, compression, confidence)
    shares = sorted(own["share"].unique())
    looks = {at: MOMENTS[k] for k, at in enumerate((shares[0], shares[len(shares) // 2], shares[-1]))}
    own = own[own["share"].isin(list(looks))]
    return marks.forest(
        own.assign(panel=own["property"].map(label), row=own["method"], series=own["share"]),
        f"Hidden-to-hidden masks less chance, over training, {times(compression)}",
        NUMBER,
        looks=looks,
        panels={},
        rows=METHODS,
        columns=2,
        own_axes=True,
        note="Chance: as many weights anywhere (degree inequality), rewired (clustering, reciprocity), signs anywhere "
        f"(balanced triads).\n{shown_over(table['seed'].nunique(), confidence, 'lines')}",
        reading=_drifted(sparse.drifts(table, compression, confidence)),
    )


def _drifted(drifts: pd.DataFrame) -> str:
    """Which properties drift away from chance, and the balance of triads whether it does or not."""
    clear = drifts[without_zero(drifts)]
    balance = drifts[drifts["property"] == "balanced_triads"]
    told = [f"{look(METHODS, row.method).label} {_interval(row, _signed)}" for row in balance.itertuples()]
    reading = f"From first to last, balanced triads less chance change by {listed(told)}"
    others = [
        f"{label(row.property)} with {look(METHODS, row.method).label} ({_signed(row.mean)})"
        for row in clear[clear["property"] != "balanced_triads"].itertuples()
    ]
    return f"{reading}; of the others intervals leave out zero for {listed(others) if others else 'none'}."


def _signed(value: float) -> str:
    return number(value, 2, sign=True)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """A table with a row per method and a column per compression, in words and in the order of figures."""
    own = table.loc[ordered(table.index, METHODS)]
    return own.set_axis([look(METHODS, name).label for name in own.index]).rename(columns=times)


def answer(table: pd.DataFrame, confidence: float = 0.95) -> str:
    """Where the best method that is sparse from its first step on ends beside pruning after training, by variant."""
    own = sparse.ahead_in_all(table, "steps", confidence).set_index("method")
    best = own.drop(["small_dense", "gradual"], errors="ignore")["mean"].idxmax()
    rows = sparse.ahead_in_all(table, "steps", confidence, ("variant", "method")).query("method == @best")
    higher, lower = rows[rows["low"] > 0], rows[rows["high"] < 0]
    told = []
    for word, own in (("higher", higher), ("lower", lower)):
        if by := [f"{label(row.variant)}, by {_interval(row, POINTS.form)} points" for row in own.itertuples()]:
            told.append(f"{word} in {listed(by)}")
    if len(others := rows.drop([*higher.index, *lower.index])):
        told.append(f"not to be told apart in {listed(map(label, others['variant']))}")
    return (
        f"The best way to train sparse from the start ({look(METHODS, best).label}, partly by luck) takes "
        f"{percent(float(sparse.spent(table, 'steps').loc[best].mean()), 0)} of the multiply-adds of pruning after "
        f"training; its accuracy is {'; '.join(told)}."
    )
