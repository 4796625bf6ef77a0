"""All of the scorecard in one picture: a thin line a figure, in units of its tolerance."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sparsekit.figures.card import card, label_panel, narrow
from sparsekit.figures.picture import HEAD, Picture, drawn
from sparsekit.figures.style import FAINT, INK, RULE
from sparsekit.figures.words import number

VERDICTS = {"agrees": "#0f6b46", "differs": "#b5480a", "undecided": FAINT}
REACH, GAP = 5, 9  # tolerances to either side, and pixels between groups


@drawn
def scorecard(table: pd.DataFrame, labels: dict[str, str]) -> Picture:
    """Thesis less this run of every figure, in units of its tolerance, one thin line each, by group and verdict.

    Parameters
    ----------
    table : DataFrame
        Columns group, verdict, difference, low, high, the last three in units of the tolerance.
    labels : mapping of group to str
        How groups are named, with their counts.
    """
    place, y = {}, 0.0  # of each group: its top, and its height
    for group, own in table.groupby("group", sort=False):
        place[group] = y, max(34, 3.2 * len(own))
        y += place[group][1] + GAP
    title = "Thesis less this run, in units of the tolerance"
    with narrow(560):
        figure, ((axes,),) = card(40 + y + HEAD, title)
    axes.axvspan(-1, 1, color=RULE, linewidth=0, zorder=0)
    axes.axvline(0, color=FAINT, linewidth=0.8, zorder=0.5)
    for group, own in table.groupby("group", sort=False):
        _group(axes, own, *place[group])
    middles = [top + tall / 2 for top, tall in place.values()]
    axes.set_yticks(middles, [labels[group] for group in place])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(-REACH - 0.2, REACH + 0.2), ylim=(y, -GAP))
    axes.set_xticks(range(-REACH, REACH + 1), [number(k, 0, sign=True) for k in range(-REACH, REACH + 1)])
    label_panel(axes, "thesis less this run, in tolerances (grey: within one)", "")
    counts = table.groupby(["group", "verdict"], sort=False).size().items()
    told = [f"{' '.join(labels[group].split())}: {count} {verdict}" for (group, verdict), count in counts]
    return Picture(figure, f"{title}. {'; '.join(told)}.", "")


def _group(axes: Axes, rows: pd.DataFrame, top: float, tall: float) -> None:
    """A line from low to high a figure, in order of their middles, and a dot at the difference."""
    middles = rows["difference"].fillna((rows["low"] + rows["high"]) / 2)
    for k, row in enumerate(rows.loc[middles.sort_values(kind="stable").index].itertuples()):
        y, colour = top + tall * (k + 0.5) / len(rows), VERDICTS[row.verdict]
        if np.isfinite(row.low) or np.isfinite(row.high):
            ends = np.clip(np.nan_to_num([row.low, row.high], posinf=REACH, neginf=-REACH), -REACH, REACH)
            axes.hlines(y, *ends, color=colour, linewidth=0.7 if row.verdict == "undecided" else 1.1)
        if np.isfinite(row.difference):
            marker = "<" if row.difference < -REACH else ">" if row.difference > REACH else "o"
            style = {"s": 14, "marker": marker, "color": colour, "linewidth": 0, "zorder": 3, "clip_on": False}
            axes.scatter(np.clip(row.difference, -REACH, REACH), y, **style)
