"""Figures of the recovery protocols: what brings accuracy back, and after how many steps."""

import numpy as np
import pandas as pd

from sparsekit.conditions import chosen, single
from sparsekit.looks import PROTOCOLS, look
from sparsekit.panels import base_band, finish, mean_line, shown_over, weights_of
from sparsekit.pictures import Picture, drawn, label_panel, percent_axis, sample, small_multiples
from sparsekit.recovery_figures import step_axis
from sparsekit.recovery_statistics import events, kaplan_meier, steps_to_regain
from sparsekit.style import VARIANTS, counted, listed, ordered, percent
from sparsekit.style import look as named
from sparsekit.task_figures import Baselines, accuracy_floor, reference


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
