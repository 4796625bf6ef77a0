"""Figures of RQ3: how retraining repairs what pruning broke, and how long it takes.

A table without rows of what is asked for, or of several conditions where one is drawn, is refused by a TableError.
"""

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from sparsekit.analysis.conditions import chosen, single
from sparsekit.analysis.recovery import courses, ends, not_yet_back, regain_times
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.axis import Axis, percent_pruned
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import PROTOCOLS, SEQUENTIAL, TARGETS, VARIANTS, Look, Looks
from sparsekit.figures.style import look as named
from sparsekit.figures.task import Baselines, beside_base
from sparsekit.figures.words import counted, label, listed, number, percent, shown_over, weights_of
from sparsekit.registry import check_name

ORDER = {name: place for place, name in enumerate((*VARIANTS, *TARGETS, *PROTOCOLS))}
POINTS = Axis("points lost", lambda share: number(100 * share, 1).removesuffix(".0"))


def recovery_curves(
    recovery: pd.DataFrame, baselines: Baselines, target: str = "both", margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """Accuracy over the optimizer steps after pruning, a panel per variant, a line per percentage.

    Of `tables.RECOVERY` and epoch, of one score, scope, schedule and recovery; the margin under the base is shaded.
    """
    own = _rows(recovery, "percent", target=target)
    amounts = sorted(own["percent"].unique())
    shades = [to_hex(SEQUENTIAL(shade)) for shade in np.linspace(1, 0.12, len(amounts))[::-1]]
    looks = {p: Look(f"{p:g} %", shade, "o", "-") for p, shade in zip(amounts, shades, strict=True)}
    fell, far = ends(own, "percent", margin).query("dropped"), f"dropped by more than {100 * margin:g} points"
    lost = [f"{label(variant)} at {p:g} %" for variant, p in fell.index[~fell["back"]]]
    reading = f"No condition had {far}, so there is nothing to regain."
    if len(fell):
        but = f"; {listed(lost)} did not" if lost else ""
        back = f"{fell['back'].sum()} ended within that margin again{but}"
        reading = f"Of {counted(len(fell), 'condition')} that had {far}, {back}."
    which = "" if target == "both" else f", {weights_of(target)} pruned"
    words = {"title": f"Accuracy over retraining steps after pruning{which}", "reading": reading}
    return _courses(own, "percent", looks, baselines, margin, confidence, **words)


def recovery_protocols(
    recovery: pd.DataFrame,
    baselines: Baselines,
    amount: float,
    target: str = "both",
    margin: float = 0.02,
    confidence: float = 0.95,
) -> Picture:
    """Accuracy over optimizer steps at one percentage, a panel per variant, a line per recovery protocol.

    Of `tables.RECOVERY`, epoch and recovery, of one score, scope and schedule; the amount is the percentage pruned.
    """
    own, pruned = _rows(recovery, "recovery", target=target, percent=amount), _pruned(amount, target)
    counts = ends(own, "recovery", margin).groupby("recovery", sort=False)["back"].agg(["sum", "size"])
    reading = f"variants whose mean accuracy ends within {100 * margin:g} points of the base: {_shares(counts)}."
    words = {"title": f"Accuracy over training steps, {pruned}", "reading": f"With {pruned}, {reading}"}
    return _courses(own, "recovery", PROTOCOLS, baselines, margin, confidence, **words)


def _courses(
    own: pd.DataFrame, by: str, looks: Looks, baselines: Baselines, margin: float, confidence: float, **words: str
) -> Picture:
    """Mean accuracies over the steps, a panel per variant, a line per value of ``by``."""
    words["note"] = shown_over(own["seed"].nunique(), confidence)
    return beside_base(courses(own, by, confidence), own, (by, "step"), _steps(own), looks, baselines, margin, **words)


def _steps(recovery: pd.DataFrame) -> Axis:
    """Linear from 0 to the first measured step, then logarithmic."""
    steps = np.unique(recovery["step"])[1:]
    if not len(steps):
        return Axis("optimizer steps", ticks=[0])
    ticks = [0, *([10**k for k in range(9) if steps[0] <= 10**k <= steps[-1]] or steps[-1:])]
    scale = ("symlog", {"linthresh": float(steps[0]), "linscale": 0.45})
    later = recovery[recovery["epoch"] > 0]
    label = f"steps ({(later['step'] / later['epoch']).median():,.0f} an epoch)"
    return Axis(label, "{:,.0f}".format, scale, (-0.12 * steps[0], 1.25 * steps[-1]), ticks)


def regain_map(regain: pd.DataFrame, unit: str = "epoch") -> Picture:
    """How long retraining needs to regain accuracy, per variant, target and percentage.

    Of what `analysis.recovery.regain` returns, of one score, scope, schedule and recovery; unit "epoch" or "step".
    """
    check_name("unit", unit, ("epoch", "step"))
    table = regain_times(_rows(regain.reset_index(), "percent"), unit)
    never = "never" if table["percent"].nunique() <= 12 else "×"
    short = [f"{t:,.0f}" if unit == "step" or t >= 10 else f"{t:.2g}" for t in table["time"]]
    words = {"kept": "·", "never": never, "few": "<½", "between": "–"}
    told = [words.get(state, t + "*" * (state == "partly")) for state, t in zip(table["state"], short, strict=True)]
    rows = [named(TARGETS, name).label for name in table["target"]]
    columns = [f"{p:g}" for p in table["percent"]]
    cells = table.assign(row=rows, column=columns, text=told)
    return marks.heatmap(
        cells.rename(columns={"variant": "group", "time": "value", "shade": "colour"}),
        f"{unit.capitalize()}s of retraining until accuracy is back within the margin",
        groups=VARIANTS,
        cmap=SEQUENTIAL,
        limits=(0, 0.5, 1),
        x_label="weights pruned (%)",
        note=f"Median of dropped seeds; dot: none. {never.capitalize()}: at no measured step. "
        "<½: fewer than half. Star: not all.",
        reading=_counted_back(table),
    )


def _counted_back(table: pd.DataFrame) -> str:
    states = table.loc[table["state"] != "kept", "state"]
    if states.empty:
        return "No condition had dropped below the margin, so there is nothing to regain."
    never, some = (states == "never").sum(), states.isin(["partly", "few"]).sum()
    return (
        f"Of {counted(len(states), 'condition')} that had dropped, {len(states) - never - some} came back within the "
        f"margin with every dropped seed, {some or 'none'} with some and {never or 'none'} with none."
    )


def regain_survival(
    recovery: pd.DataFrame, amount: float, target: str = "both", margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """Share of networks not yet back within the margin over steps (Kaplan and Meier), a line per recovery protocol.

    Parameters and errors are those of `recovery_protocols`.
    """
    own, pruned = _rows(recovery, "recovery", target=target, percent=amount), _pruned(amount, target)
    shares, points = not_yet_back(own, "recovery", margin, confidence), f"{100 * margin:g} points"
    counts = shares.drop_duplicates(["variant", "recovery"]).groupby("recovery", sort=False)[["back", "n"]].sum()
    over = f"{counted(own['seed'].nunique(), 'seed')}, bands {100 * confidence:g} % intervals"
    came = f"networks that come back within {points} of the base before the steps end: {_shares(counts)}"
    return marks.lines(
        shares.rename(columns={"variant": "panel", "recovery": "series", "step": "x"}),
        f"Networks not yet within {points} of the base, {pruned}",
        _steps(own),
        Axis("not yet back", percent, limits=(-0.06, 1.07), ticks=(0, 0.5, 1)),
        looks=PROTOCOLS,
        steps=True,
        apart=0.013,
        note=f"Kaplan–Meier over {over}.",
        reading=f"With {pruned}, {came}.",
    )


def accuracy_lost(areas: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """Accuracy lost on the average of the way back against percentage, a panel per variant, a line per target.

    Of what `analysis.recovery.area_under_recovery` returns, of one score, scope, schedule and recovery.
    """
    table = _rows(areas.reset_index(), "target")
    require(table, ["n", "last", "lost", "lost_low", "lost_high"])
    most = [
        f"{label(row.variant)} {POINTS.form(row.lost)} points ({weights_of(row.target)}, {row.percent:g} %)"
        for row in table.loc[table.groupby("variant", sort=False)["lost"].idxmax()].itertuples()
    ]
    columns = {"variant": "panel", "target": "series", "percent": "x"}
    return marks.lines(
        table.rename(columns={**columns, "lost": "mean", "lost_low": "low", "lost_high": "high"}),
        "Accuracy lost on the average of the way back",
        percent_pruned(table["percent"]),
        POINTS,
        looks=TARGETS,
        base=dict.fromkeys(table["variant"], 0.0),
        note=f"Base accuracy less area under recovery, {_averaged(table, confidence, 'bands')}",
        reading=f"The most that is lost, averaged over the way back: {listed(most)}.",
    )


def areas_by_protocol(areas: pd.DataFrame, amount: float, target: str = "both", confidence: float = 0.95) -> Picture:
    """Area under recovery of each protocol with its interval, a panel per variant.

    Of what `analysis.recovery.area_under_recovery` returns, of one score, scope and schedule.
    """
    own, pruned = _rows(areas.reset_index(), "recovery", target=target, percent=amount), _pruned(amount, target)
    own = own.assign(row=[named(PROTOCOLS, name).label for name in own["recovery"]])
    best = own.loc[own.groupby("variant", sort=False)["area"].idxmax()]
    told = [f"{label(variant)} {row}" for variant, row in best[["variant", "row"]].to_numpy()]
    return marks.forest(
        own.rename(columns={"variant": "panel", "area": "mean", "area_low": "low", "area_high": "high"}),
        f"Accuracy on the average of the way back, {pruned}",
        Axis("area under recovery", percent),
        zero=None,
        columns=2,
        note=f"Area under recovery, {_averaged(own, confidence, 'lines')}",
        reading=f"With {pruned}, most accurate on the way, mean over seeds: {listed(told)}.",
    )


def _rows(table: pd.DataFrame, varies: str, **condition) -> pd.DataFrame:
    """Rows of one condition but for one column, in the order of figures; without recovery all are retrained."""
    own = chosen(table if "recovery" in table else table.assign(recovery="retrain"), **condition)
    single(own.drop(columns=varies))
    return own.sort_values(["variant", "target", "recovery"], key=lambda names: names.map(ORDER), ignore_index=True)


def _pruned(amount: float, target: str) -> str:
    return f"{amount:g} % of {weights_of(target)} pruned"


def _shares(counts: pd.DataFrame) -> str:
    return listed(f"{named(PROTOCOLS, name).label} {some} of {every}" for name, some, every in counts.itertuples())


def _averaged(areas: pd.DataFrame, confidence: float, interval: str) -> str:
    return f"over {areas['last'].iloc[0]:,.0f} steps, log axis. {shown_over(areas['n'].max(), confidence, interval)}"
