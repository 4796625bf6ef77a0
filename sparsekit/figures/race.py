"""Figures of what sparsity buys: accuracy against the time that networks take which were made smaller in each way."""

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.analysis.inference import fastest_kept, one_setting
from sparsekit.figures import marks
from sparsekit.figures.axis import Axis
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import MADE, look, ordered
from sparsekit.figures.task import accuracy_axis
from sparsekit.figures.words import counted, label, listed, percent


def accuracy_by_time(points: pd.DataFrame, setting: pd.DataFrame, margin: float = 0.02) -> Picture:
    """Accuracy against measured time of networks made smaller in each way, a panel per variant.

    Of what `analysis.inference.race_points` returns, compiled; `setting` is the table that it was made of.
    """
    own, ms = points[points["engine"] == "compiled"], 1e3
    rows = own.rename(columns={"variant": "panel", "made": "series"})
    rows = rows.assign(x=ms * own["seconds"], x_low=ms * own["seconds_low"], x_high=ms * own["seconds_high"])
    machine, batch, steps = one_setting(setting, ("machine", "batch", "steps"))
    note = f"{counted(batch, 'sequence')} of {steps} steps at a time, compiled, one thread of {machine}.\n"
    note += "Intervals: of accuracy over seeds, of time over processes, relative to the dense network."
    base = own[own["made"] == "dense"].set_index("variant")["mean"]
    ticks = _round_numbers(rows["x_low"].min(), rows["x_high"].max())
    return marks.lines(
        rows,
        "Accuracy against measured time",
        Axis("milliseconds", lambda ms: f"{ms:.2g}" if ms < 100 else f"{ms:.0f}", "log", ticks=ticks),
        accuracy_axis(rows["low"].dropna(), rows["mean"]),
        looks=MADE,
        base=base.to_dict(),
        margin=margin,
        whiskers=True,
        note=note,
        reading=_bought(points, margin),
    )


def _round_numbers(low: float, high: float) -> list[float]:
    """Ticks of a logarithmic axis: as round as three of them can be.

    >>> _round_numbers(0.02, 0.09), _round_numbers(0.04, 0.6), _round_numbers(0.075, 0.25)
    ([0.02, 0.03, 0.05, 0.07], [0.05, 0.1, 0.2, 0.5], [0.1, 0.15, 0.2])
    """
    for digits in ((1, 2, 5), (1, 2, 3, 5, 7), (1, 1.5, 2, 3, 5, 7), range(1, 10)):
        found = [float(f"{digit}e{power}") for power in range(-4, 7) for digit in digits]
        if len(own := [value for value in found if low <= value <= high]) > 2:
            break
    return own


def _bought(points: pd.DataFrame, margin: float) -> str:
    """What each way buys without losing more than the margin: ratios to the dense network, means over the variants."""
    kept, told = fastest_kept(points[points["engine"] == "compiled"], margin), []
    base = points[(points["made"] == "dense") & (points["engine"] == "compiled")]
    idle = base.loc[base["mean"] - margin <= base["chance"], "variant"]
    variants = len(base) - len(idle)
    dense = points[points["made"] == "dense"].pivot(index="variant", columns="engine", values="seconds")
    for made in ordered(points.loc[points["made"] != "dense", "made"], MADE):
        own, name = kept[kept.index.get_level_values("made") == made], look(MADE, made).label
        if own.empty:
            told.append(f"{name}, no network does")
            continue
        time = _mean(own["seconds"])
        some = "" if len(own) == variants else f" (in {len(own)} of {variants} variants)"
        told.append(f"{name}, {time:.1f} times as fast{some}")
    call = f"One compiled call makes the dense network {_mean(dense['torch'] / dense['compiled']):.1f} times as fast as"
    lost = f" {listed(map(label, idle))}, at chance when dense, left out." if len(idle) else ""
    return (
        f"{call} in torch; with at most {100 * margin:g} points of accuracy lost, from there: {'; '.join(told)}.{lost}"
    )


def _mean(ratios: pd.Series) -> float:
    return float(np.exp(np.log(ratios).mean()))


def fastest(points: pd.DataFrame, margin: float = 0.02) -> Styler:
    """Of each way the fastest network within the margin, and how many times less it takes than the dense one."""
    own = fastest_kept(points[points["engine"] == "compiled"], margin).reset_index()
    dense = points[points["made"] == "dense"].pivot(index="variant", columns="engine", values="seconds")
    own["torch"] = own["seconds"] * own["variant"].map(dense["torch"] / dense["compiled"])
    own["variant"], own["made"] = own["variant"].map(label), [look(MADE, made).label for made in own["made"]]
    heads = ["", "made smaller", "by (%)", "accuracy", "time ÷", "bytes ÷", "multiply-adds ÷", "torch's time ÷"]
    forms = dict(zip(heads[2:], ["{:g}", percent, *["{:.1f}"] * 4], strict=True))
    return own.set_axis(heads, axis="columns").style.format(forms).hide(axis="index")
