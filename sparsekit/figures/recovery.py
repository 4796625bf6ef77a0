"""Figures of RQ3: how retraining repairs what pruning broke, and how long it takes."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from sparsekit.analysis.conditions import chosen, single
from sparsekit.analysis.recovery import events, kaplan_meier, steps_to_regain
from sparsekit.analysis.tables import require
from sparsekit.figures.card import Picture, card, drawn, label_panel, percent_axis, sample, small_multiples
from sparsekit.figures.panels import base_band, finish, mean_line, shown_over, weights_of
from sparsekit.figures.style import (
    FAINT,
    INK,
    PROTOCOLS,
    QUIET,
    RULE,
    SEQUENTIAL,
    TARGETS,
    VARIANTS,
    Look,
    counted,
    listed,
    look,
    number,
    ordered,
    percent,
    readable,
    text_on,
)
from sparsekit.figures.style import look as named
from sparsekit.figures.task import Baselines, accuracy_floor, reference
from sparsekit.registry import UnknownName, unknown


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
    for epoch in sorted({1, last} - {0}):
        axes.axvline(epoch * per_epoch, color=FAINT, linewidth=0.7, zorder=0.4)
        axes.annotate(
            "1 epoch" if epoch == 1 else str(epoch),
            (epoch * per_epoch, 1.02),
            xycoords=("data", "axes fraction"),
            size=9,
            color=QUIET,
            ha="right" if epoch == 1 else "center",
            va="bottom",
        )


@drawn
def regain_map(regain: pd.DataFrame, unit: str = "epoch") -> Picture:
    """How long retraining needs to regain accuracy, per variant, target and percentage.

    Parameters
    ----------
    regain : DataFrame
        As `analysis.recovery.regain` returns it: index (variant, target, percent); epoch, step, never (share
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
    axes.set_xlabel("weights pruned (%)")
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


def _of(recovery: pd.DataFrame, amount: float, target: str) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Rows at one percentage of one target with a column recovery, and the variants and protocols among them."""
    own = chosen(recovery, target=target, percent=amount)
    own = own if "recovery" in own else own.assign(recovery="retrain")
    single(own.drop(columns="recovery"))
    return own, ordered(own["variant"], VARIANTS), ordered(own["recovery"], PROTOCOLS)


@drawn
def recovery_protocols(
    recovery: pd.DataFrame,
    baselines: Baselines,
    amount: float,
    target: str = "both",
    margin: float = 0.02,
    confidence: float = 0.95,
) -> Picture:
    """Accuracy over optimizer steps at one percentage, a panel per variant, a line per recovery protocol.

    Parameters
    ----------
    recovery : DataFrame
        Long table of variant, seed, target, percent, recovery, step, epoch, accuracy, base_accuracy; of one score,
        scope and schedule.
    amount : float
        The percentage pruned.
    margin : float
        The accuracy margin under the base network's that is shaded.

    Raises
    ------
    TableError
        Where the table has no rows of the percentage and target, or holds several scores, scopes or schedules.
    """
    own, variants, protocols = _of(recovery, amount, target)
    lines, pruned = reference(baselines), f"{amount:g} % of the {weights_of(target)} pruned"
    figure, panels = small_multiples(
        variants,
        205 if len(variants) > 1 else 280,
        f"Accuracy over training steps, {pruned}",
        key=[sample(look(PROTOCOLS, name)) for name in protocols],
        note=f"{shown_over(own, confidence)} Grey: within {100 * margin:g} points of the base.",
    )
    floor = accuracy_floor(own["accuracy"], lines.values())
    words, ends = [], {name: [] for name in protocols}
    for name, axes in panels.items():
        of_variant, told = own[own["variant"] == name], []
        base = base_band(axes, of_variant, margin, floor)
        for protocol, rows in _by_protocol(of_variant, protocols):
            means = mean_line(axes, rows, "step", look(PROTOCOLS, protocol), confidence, 3)
            start, end = means.iloc[[0, -1]]
            told.append(f"{look(PROTOCOLS, protocol).label} from {percent(start)} to {percent(end)}")
            ends[protocol].append(bool(end >= base - margin))
        words.append(f"{named(VARIANTS, name).label}, base {percent(base)}: {', '.join(told)}")
        step_axis(axes, own)
        finish(axes, "optimizer steps", lines)
    counts = [f"{look(PROTOCOLS, name).label} {sum(back)} of {len(back)}" for name, back in ends.items()]
    return Picture(
        figure,
        f"Lines: test accuracy over optimizer steps, {pruned}. {'; '.join(words)}.",
        f"With {pruned}, variants whose mean accuracy ends within {100 * margin:g} points of the base: "
        f"{listed(counts)}.",
    )


def _by_protocol(rows: pd.DataFrame, protocols: list[str]):
    groups = dict(list(rows.groupby("recovery")))
    return [(name, groups[name]) for name in protocols if name in groups]


@drawn
def regain_survival(
    recovery: pd.DataFrame, amount: float, target: str = "both", margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """Share of networks not yet back within the margin over steps (Kaplan and Meier), a line per recovery protocol.

    Parameters
    ----------
    recovery : DataFrame
        As for :func:`recovery_protocols`.
    amount : float
        The percentage pruned.

    Raises
    ------
    TableError
        As :func:`recovery_protocols`.
    """
    own, variants, protocols = _of(recovery, amount, target)
    points, pruned = f"{100 * margin:g} points", f"{amount:g} % of the {weights_of(target)} pruned"
    figure, panels = small_multiples(
        variants,
        165 if len(variants) > 1 else 240,
        f"Networks not yet within {points} of the base, {pruned}",
        key=[sample(look(PROTOCOLS, name), marker="") for name in protocols],
        note=f"Kaplan–Meier over {counted(own['seed'].nunique(), 'seed')}, bands {100 * confidence:g} % intervals. "
        "Upright tick: steps ended before all were back.",
    )
    words, counts = [], {name: [0, 0] for name in protocols}
    for name, axes in panels.items():
        told = []
        for protocol, rows in _by_protocol(own[own["variant"] == name], protocols):
            # Lines that would lie on each other stand a little apart.
            shift = 0.013 * ((len(protocols) - 1) / 2 - protocols.index(protocol))
            _survival(axes, rows, margin, confidence, protocol, shift)
            row = steps_to_regain(rows, margin, confidence).iloc[0]
            back = int(row["n"] - row["censored"])
            counts[protocol] = np.add(counts[protocol], [back, row["n"]])
            told.append(f"{look(PROTOCOLS, protocol).label} {_median(row)}, {back} of {row['n']} back")
        words.append(f"{named(VARIANTS, name).label}: {'; '.join(told)}")
        step_axis(axes, own)
        axes.set_ylim(-0.06, 1.07)
        axes.set_yticks([0, 0.5, 1])
        label_panel(axes, "optimizer steps", "not yet back")
        percent_axis(axes.yaxis)
    totals = [f"{look(PROTOCOLS, name).label} {back} of {n}" for name, (back, n) in counts.items()]
    return Picture(
        figure,
        f"Survival curves: share of networks not yet within {points} of the base, {pruned}. Median steps until back: "
        f"{'. '.join(words)}.",
        f"With {pruned}, networks that come back within {points} of the base before the steps end: {listed(totals)}.",
    )


def _survival(axes, rows: pd.DataFrame, margin: float, confidence: float, protocol: str, shift: float) -> None:
    _, colour, _, line = look(PROTOCOLS, protocol)
    back = events(rows, margin)
    steps, last = kaplan_meier(back["step"], back["regained"], confidence), float(rows["step"].max())
    # The last interval reaches to where the curve leaves it.
    low, high = steps["low"].ffill(), steps["high"].ffill()
    axes.fill_between(steps.index, low, high, step="post", color=colour, alpha=0.08, linewidth=0)
    left = np.r_[1, steps["share"], steps["share"].iloc[-1]] + shift
    axes.step(np.r_[0, steps.index, last], left, where="post", color=colour, linestyle=line, linewidth=1.7)
    if not back["regained"].all():
        axes.plot(last, left[-1], "|", color=colour, markersize=9, markeredgewidth=1.7, zorder=4)


def _median(row: pd.Series) -> str:
    if not np.isfinite(row["median"]):
        return "not reached"
    told = f"{row['median']:,.0f}"
    if not np.isfinite(row["low"]):
        return told
    return f"{told} ({row['low']:,.0f} to {row['high']:,.0f})".replace("inf", "beyond the last")


@drawn
def accuracy_lost(areas: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """Accuracy lost on the average of the way back against percentage, a panel per variant, a line per target.

    Parameters
    ----------
    areas : DataFrame
        As `analysis.recovery.area_under_recovery` returns it, of one score, scope, schedule and recovery.
    """
    table = single(areas.reset_index())
    require(table, ["variant", "target", "percent", "n", "last", "lost", "lost_low", "lost_high"])
    variants, targets = ordered(table["variant"], VARIANTS), ordered(table["target"], TARGETS)
    over = f"over {table['last'].iloc[0]:,.0f} steps, log axis. {_means(table, confidence, 'bands')}"
    figure, panels = small_multiples(
        variants,
        165 if len(variants) > 1 else 240,
        "Accuracy lost on the average of the way back",
        key=[sample(named(TARGETS, target)) for target in targets],
        note=f"Base accuracy less area under recovery, {over}",
    )
    words, most = [], {}
    for name, axes in panels.items():
        axes.axhline(0, color=QUIET, linewidth=0.8, zorder=0.6)
        label = named(VARIANTS, name).label
        for target in targets:
            one, rows = named(TARGETS, target), table[(table["variant"] == name) & (table["target"] == target)]
            rows = rows.sort_values("percent")
            axes.fill_between(
                rows["percent"], rows["lost_low"], rows["lost_high"], color=one.colour, alpha=0.1, linewidth=0
            )
            axes.plot(
                "percent", "lost", data=rows, color=one.colour, marker=one.marker, linestyle=one.line, markersize=4
            )
            told = [f"{points(row.lost)} at {row.percent:g} %" for row in rows.itertuples()]
            words.append(f"{label}, {one.label}: {', '.join(told)}")
        worst = table[table["variant"] == name].sort_values("lost").iloc[-1]
        most[label] = f"{label} {points(worst['lost'])} ({weights_of(worst['target'])}, {worst['percent']:g} %)"
        axes.set_xlim(min(table["percent"].min(), 10) - 3, 103)
        label_panel(axes, "weights pruned (%)", "lost")
        percent_axis(axes.yaxis)
    return Picture(
        figure,
        f"Lines: base accuracy less the area under recovery, in points, against percentage pruned. {'; '.join(words)}.",
        f"The most that is lost, averaged over the way back: {listed(most.values())}.",
    )


@drawn
def areas_by_protocol(areas: pd.DataFrame, amount: float, target: str = "both", confidence: float = 0.95) -> Picture:
    """Area under recovery of each protocol with its interval, a panel per variant.

    Parameters
    ----------
    areas : DataFrame
        As `analysis.recovery.area_under_recovery` returns it, of one score, scope and schedule.
    amount : float
        The percentage pruned.

    Raises
    ------
    TableError
        Where the table has no rows of the percentage and target, or holds several scores, scopes or schedules.
    """
    own = chosen(areas.reset_index(), target=target, percent=amount)
    own = own if "recovery" in own else own.assign(recovery="retrain")
    single(own.drop(columns="recovery"))
    variants, protocols = ordered(own["variant"], VARIANTS), ordered(own["recovery"], PROTOCOLS)
    pruned = f"{amount:g} % of the {weights_of(target)} pruned"
    over = f"over {own['last'].iloc[0]:,.0f} steps, log axis. {_means(own, confidence, 'lines')}"
    figure, panels = small_multiples(
        variants,
        62 + 19 * len(protocols),
        f"Accuracy on the average of the way back, {pruned}",
        note=f"Area under recovery, {over}",
    )
    words, best = [], []
    for name, axes in panels.items():
        rows = own[own["variant"] == name].set_index("recovery")
        for y, protocol in enumerate(protocols):
            if protocol in rows.index:
                one, row = look(PROTOCOLS, protocol), rows.loc[protocol]
                axes.hlines(y, row["area_low"], row["area_high"], color=one.colour, linewidth=1.6)
                axes.scatter(row["area"], y, s=30, marker=one.marker, color=one.colour, zorder=3)
        axes.set_yticks(range(len(protocols)), [look(PROTOCOLS, protocol).label for protocol in protocols])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(len(protocols) - 0.5, -0.5)
        axes.grid(axis="x", color=RULE, linewidth=0.8)
        label_panel(axes, "area under recovery", "")
        percent_axis(axes.xaxis)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
        told = [f"{look(PROTOCOLS, protocol).label} {percent(area)}" for protocol, area in rows["area"].items()]
        words.append(f"{named(VARIANTS, name).label}: {', '.join(told)}")
        best.append(f"{named(VARIANTS, name).label} {look(PROTOCOLS, rows['area'].idxmax()).label}")
    return Picture(
        figure,
        f"Dots: area under recovery by protocol, {pruned}. {'; '.join(words)}.",
        f"With {pruned}, most accurate on the way, mean over seeds: {listed(best)}.",
    )


def points(share: float) -> str:
    """A difference of accuracies as people read it.

    >>> points(-0.0312)
    '−3.1 points'
    """
    return f"{number(100 * share, 1)} points"


def _means(areas: pd.DataFrame, confidence: float, interval: str) -> str:
    return shown_over(pd.DataFrame({"seed": range(areas["n"].max())}), confidence, interval=interval)
