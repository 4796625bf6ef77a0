"""Figures of RQ3: how retraining repairs what pruning broke, and how long it takes."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from sparsekit.conditions import single
from sparsekit.panels import base_band, finish, mean_line, shown_over
from sparsekit.pictures import Picture, card, drawn, small_multiples
from sparsekit.registry import UnknownName, unknown
from sparsekit.style import (
    FAINT,
    INK,
    QUIET,
    RULE,
    SEQUENTIAL,
    TARGETS,
    VARIANTS,
    Look,
    counted,
    listed,
    look,
    ordered,
    percent,
    readable,
    text_on,
)
from sparsekit.task_figures import Baselines, accuracy_floor, reference


@drawn
def recovery_curves(
    recovery: pd.DataFrame, baselines: Baselines, target: str = "both", margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """Accuracy over the optimizer steps after pruning, a panel per variant, a line per percentage.

    Parameters
    ----------
    recovery : DataFrame
        Long table of variant, seed, target, percent, step, epoch, accuracy, base_accuracy.
    target : str
        Which weights were pruned.
    margin : float
        The accuracy margin under the base network's that is shaded.

    Raises
    ------
    UnknownName
        Where the table has no rows for the target.
    """
    label, own = look(TARGETS, target).label, single(recovery)[recovery["target"] == target]
    if own.empty:
        raise UnknownName(unknown("target of this recovery table", target, ordered(recovery["target"], TARGETS)))
    lines, variants = reference(baselines), ordered(own["variant"], VARIANTS)
    amounts = sorted(own["percent"].unique())
    shades = dict(zip(amounts, _shades(len(amounts)), strict=True))
    scope = "" if target == "both" else f", {label} weights pruned"
    figure, panels = small_multiples(
        variants,
        205 if len(variants) > 1 else 280,
        f"Accuracy over retraining steps after pruning{scope}",
        key=_graded_key(shades),
        note=f"{shown_over(own, confidence)} Grey: within {100 * margin:g} points of the base.",
    )
    floor = accuracy_floor(own["accuracy"], lines.values())
    words, back = [], []
    for name, axes in panels.items():
        of_variant, variant = own[own["variant"] == name], look(VARIANTS, name).label
        base = base_band(axes, of_variant, margin, floor)
        for amount in amounts:
            one = of_variant[of_variant["percent"] == amount]
            if one.empty:
                continue
            means = mean_line(axes, one, "step", Look(f"{amount:g} %", shades[amount], "o", "-"), confidence, 2.6)
            start, end = means.iloc[[0, -1]]
            if start < base - margin:
                words.append(f"{variant}, {amount:g} %: {percent(start)} at once, {percent(end)} at the end")
                back.append((f"{variant} at {amount:g} %", bool(end >= base - margin)))
        step_axis(axes, own)
        finish(axes, "optimizer steps", lines)
    points, lost = f"{100 * margin:g} points", [name for name, ok in back if not ok]
    kind = "Both kinds of weights" if target == "both" else f"{label} weights".capitalize()
    reading = f"{kind} pruned: no condition had dropped by more than {points}, so there is nothing to regain"
    if back:
        reading = (
            f"{kind} pruned: of {counted(len(back), 'condition')} that had dropped by more than {points}, "
            f"{len(back) - len(lost)} end{'s' * (len(back) - len(lost) == 1)} within that margin again"
        )
    if lost:
        reading += f"; {listed(lost)} {'do' if len(lost) > 1 else 'does'} not"
    body = "; ".join(words) or "no percentage had dropped below the margin"
    return Picture(
        figure, f"Lines: test accuracy over retraining steps after pruning, target {label}. {body}.", reading + "."
    )


def _shades(count: int) -> list[str]:
    return [mpl.colors.to_hex(SEQUENTIAL(v)) for v in (np.linspace(0.12, 1, count) if count > 1 else [0.7])]


def _graded_key(shades: dict[float, str]) -> list[Line2D]:
    """One entry per percentage, at most ten of them, evenly chosen."""
    amounts = list(shades)
    chosen = np.unique(np.linspace(0, len(amounts) - 1, min(len(amounts), 10)).round().astype(int))
    return [
        Line2D([], [], color=shades[p], linewidth=4, label=f"{p:g} %", solid_capstyle="butt")
        for p in (amounts[i] for i in chosen)
    ]


def step_axis(axes, table: pd.DataFrame) -> None:
    """Linear from 0 to the first measured step, then logarithmic; hair lines where the first and last epoch end."""
    steps = np.sort(table.loc[table["step"] > 0, "step"].unique())
    if not len(steps):
        axes.set_xticks([0], ["0"])
        return
    axes.set_xscale("symlog", linthresh=float(steps[0]), linscale=0.45)
    powers = 10.0 ** np.arange(np.ceil(np.log10(steps[0])), np.log10(steps[-1]) + 1e-9)
    ticks = [0, *(powers if len(powers) else steps[-1:])]
    axes.set_xticks(ticks, [f"{t:,.0f}" for t in ticks])
    axes.set_xlim(-0.12 * steps[0], steps[-1] * 1.25)
    later = table[table["epoch"] > 0]
    per_epoch = float((later["step"] / later["epoch"]).median())
    last = int(later["epoch"].max())
    for number in sorted({1, last} - {0}):
        axes.axvline(number * per_epoch, color=FAINT, linewidth=0.7, zorder=0.4)
        axes.annotate(
            "1 epoch" if number == 1 else str(number),
            (number * per_epoch, 1.02),
            xycoords=("data", "axes fraction"),
            size=9,
            color=QUIET,
            ha="right" if number == 1 else "center",
            va="bottom",
        )


@drawn
def regain_map(regain: pd.DataFrame, unit: str = "epoch") -> Picture:
    """How long retraining needs to regain accuracy, per variant, target and percentage.

    Parameters
    ----------
    regain : DataFrame
        As :func:`sparsekit.statistics.regain` returns it: index (variant, target, percent); epoch, step, never (share
        of the dropped seeds that did not come back), dropped (share of the seeds that had dropped).
    unit : {"epoch", "step"}

    Raises
    ------
    UnknownName
        For another unit.
    """
    if unit not in ("epoch", "step"):
        raise UnknownName(unknown("unit", unit, ("epoch", "step")))
    table = single(regain.reset_index())
    amounts = sorted(table["percent"].unique())
    rows = [
        (variant, target)
        for variant in ordered(table["variant"], VARIANTS)
        for target in ordered(table.loc[table["variant"] == variant, "target"], TARGETS)
    ]
    known = table.loc[table["dropped"] > 0, unit].dropna()
    scale = mpl.colors.LogNorm(known.min(), max(known.max(), known.min() * 1.01)) if len(known) else None
    lost = "never" if len(amounts) <= 12 else "×"
    figure, ((axes,),) = card(
        112 + 24 * len(rows),
        f"{unit.capitalize()}s of retraining until accuracy is back within the margin",
        note=f"Dot: had not dropped. {lost.capitalize()}: back at no measured step. Star: some seeds never came back.",
    )
    words, never, back = [], 0, []
    for _, row in table.iterrows():
        x, y = amounts.index(row["percent"]), rows.index((row["variant"], row["target"]))
        if not row["dropped"] > 0:
            axes.scatter(x, y, s=5, color=FAINT, linewidth=0)
            continue
        mark, word, face = _regained(row, unit, scale)
        never += word == "never"
        if word != "never":
            back.append(row[unit])
        condition = f"{look(VARIANTS, row['variant']).label}, {look(TARGETS, row['target']).label}"
        words.append(f"{condition}, {row['percent']:g} %: {word}")
        axes.add_patch(Rectangle((x - 0.48, y - 0.45), 0.96, 0.9, facecolor=face, linewidth=0))
        axes.text(x, y, mark or lost, ha="center", va="center", color=text_on(face), size=9)
    _label_rows(axes, rows)
    axes.set_xticks(range(len(amounts)), [f"{p:g}" for p in amounts])
    axes.tick_params(axis="x", length=0, labelcolor=INK)
    axes.set_xlim(-0.55, len(amounts) - 0.45)
    axes.set_xlabel("weights of the target pruned (%)")
    total, timed = never + len(back), [b for b in back if np.isfinite(b)]
    if not total:
        reading = "No condition had dropped below the margin, so there is nothing to regain."
        return Picture(figure, "Table: no condition had dropped below the margin.", reading)
    middle = f", in the median after {counted(round(float(np.median(timed)), unit == 'epoch'), unit)}" if timed else ""
    return Picture(
        figure,
        f"Table of {unit}s until accuracy is regained. {'; '.join(words)}.",
        f"Of {counted(total, 'condition')} that had dropped, {len(back)} come{'s' * (len(back) == 1)} back within the "
        f"margin{middle}; {never or 'none'} never {'do' if never > 1 else 'does'}.",
    )


def _regained(row: pd.Series, unit: str, scale: mpl.colors.Normalize | None) -> tuple[str, str, str]:
    """Mark (none for never), words and background of one cell."""
    if row["never"] >= 1:
        return "", "never", "#4a4f57"
    # Back at some step, but at the end of no whole epoch that was measured.
    if not np.isfinite(row[unit]):
        return "–", "back, but at the end of no epoch", RULE
    word = f"{row[unit]:,.0f}" if unit == "step" or row[unit] >= 10 else f"{row[unit]:.2g}"
    mark, words = f"{word}{'*' * (row['never'] > 0)}", counted(float(word.replace(",", "")), unit)
    if row["never"] > 0:
        words += f" ({percent(row['never'], 0)} of the seeds never)"
    return mark, words, mpl.colors.to_hex(SEQUENTIAL(0.72 * float(scale(row[unit]))))


def _label_rows(axes, rows: list[tuple[str, str]]) -> None:
    """Targets beside each row, the variant once beside its rows, a line between variants."""
    axes.set_yticks(range(len(rows)), [look(TARGETS, t).label for _, t in rows])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[["left", "bottom"]].set_visible(False)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    for variant in dict.fromkeys(v for v, _ in rows):
        own = [y for y, (v, _) in enumerate(rows) if v == variant]
        if own[0]:
            axes.axhline(own[0] - 0.5, color=FAINT, linewidth=0.8)
        axes.annotate(
            look(VARIANTS, variant).label,
            (0, own[0]),
            (-158, 0),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            weight="bold",
            color=readable(look(VARIANTS, variant).colour),
            va="center",
            annotation_clip=False,
        )
