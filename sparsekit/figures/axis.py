"""How one axis is labelled, scaled and written, and the axes that many figures share."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from sparsekit.figures.words import number, percent


class Axis(NamedTuple):
    """How one axis is labelled, scaled and written."""

    label: str = ""
    form: Callable[[float], str] = "{:g}".format  # a value in words, for ticks and alternative text
    scale: Any = "linear"  # of matplotlib: "linear", "log", or ("symlog", {"linthresh": 10})
    limits: tuple[float, float] | None = None
    ticks: Sequence[float] | Mapping[float, str] | None = None  # where, and how written where not by `form`

    def lay(self, axes: Axes, which: str) -> None:
        """Give an axis of a panel its scale, limits and ticks."""
        name, options = self.scale if isinstance(self.scale, tuple) else (self.scale, {})
        getattr(axes, f"set_{which}scale")(name, **options)
        axis = getattr(axes, f"{which}axis")
        if self.ticks is not None:
            axis.set_ticks(list(self.ticks))
            axis.set_minor_locator(NullLocator())
        if self.limits is not None:  # after the ticks, which else would widen them
            getattr(axes, f"set_{which}lim")(self.limits)
        written = self.ticks if isinstance(self.ticks, Mapping) else {}
        axis.set_major_formatter(FuncFormatter(lambda v, _: written.get(v) or self.form(v)))


def inward(axes: Axes) -> None:
    """Keep the labels at both ends of a narrow panel's x axis from running into those of the panels beside it."""
    low, high = axes.get_xlim()
    ticks = [tick for tick in axes.get_xticks() if low <= tick <= high]
    axes.set_xticks(ticks)
    for tick, label in zip(ticks, axes.get_xticklabels(), strict=False):  # of upper rows there are no labels
        place = (tick - low) / (high - low)
        label.set_ha("left" if place < 0.06 else "right" if place > 0.94 else "center")


ACCURACY = Axis("test accuracy", percent)
NUMBER = Axis(form=number)
POINTS = Axis("points of accuracy", lambda share: number(100 * share, 1, sign=True).removesuffix(".0"))


def percent_pruned(percents: pd.Series, **options) -> Axis:
    """An axis of the percentages pruned, from a little below the smallest to a little above all."""
    return Axis(**{"label": "weights pruned (%)", "limits": (percents.min() - 3, 103)} | options)
