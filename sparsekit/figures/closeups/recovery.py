"""How accuracy comes back in some conditions, seed by seed, and after how many steps."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sparsekit.analysis.pruning import mean_accuracy
from sparsekit.figures.axis import ACCURACY
from sparsekit.figures.closeups.parts import few_ticks, panels
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import QUIET, RULE, SEQUENTIAL
from sparsekit.figures.words import listed, percent

MANY = 4
"""Seeds whose steps are no longer told one by one."""


@drawn
def recovery(courses: pd.DataFrame, regained: pd.DataFrame, *, title: str, margin: float) -> Picture:
    """Courses by condition, seed and step; regained has the step of the first measurement within the margin, or nan."""
    conditions, last = list(courses["condition"].unique()), courses["step"].max()
    note = f"Thin: single seeds. Grey: within {100 * margin:g} points of the mean before pruning."
    figure, (lines, dots) = panels(352, title, note, (58, 82, 370, 210), (540, 82, 140, 210))
    base = courses["base_accuracy"].mean()
    lines.axhspan(base - margin, base, color=RULE, linewidth=0)
    lines.axhline(base, color=QUIET, linewidth=0.8)
    words = []
    for k, shade in enumerate(SEQUENTIAL(np.linspace(0.25, 0.9, len(conditions)))):
        own, steps = (table[table["condition"] == conditions[k]] for table in (courses, regained))
        means = mean_accuracy(own, "step")
        _course(lines, own, means, shade)
        _back(dots, k, steps["step"], last, shade)
        words.append(f"{conditions[k]}: {_told(means, steps['step'])}")
    ACCURACY.lay(lines, "y")
    few_ticks(lines, "y", 4)
    lines.set(xlabel="optimizer steps", title="Accuracy in retraining")
    dots.set(ylim=(len(conditions) - 0.5, -0.5), xlim=(-last * 0.05, last * 1.3), title="Steps until back")
    dots.set_yticks(range(len(conditions)), conditions)
    dots.set_xticks([0, last, last * 1.15], ["0", f"{last:g}", "\nnot"])
    forms = dict.fromkeys(("accuracy", "base_accuracy"), percent)
    return Picture(figure, f"{title}. {'; '.join(words)}.", f"{'; '.join(words)}.", table=courses, forms=forms)


def _course(axes: Axes, own: pd.DataFrame, means: pd.Series, shade: np.ndarray) -> None:
    for _, run in own.groupby("seed"):
        axes.plot(run["step"], run["accuracy"], color=shade, linewidth=0.7, alpha=0.6)
    axes.plot(means.index, means, color=shade, linewidth=1.8, marker="o", markersize=3.5)


def _back(axes: Axes, row: int, steps: pd.Series, last: float, shade: np.ndarray) -> None:
    """A dot a seed where it is back, a cross beyond the last step where it is not."""
    for at, marker in ((steps.dropna(), "o"), (steps[steps.isna()].fillna(last * 1.15), "x")):
        size = {"s": 24, "zorder": 3} if marker == "o" else {}
        axes.scatter(at, row + np.linspace(-0.15, 0.15, len(at)), color=[shade], marker=marker, **size)


def _told(means: pd.Series, steps: pd.Series) -> str:
    """Mean accuracy at once and in the end, and when seeds are back."""
    back, never = sorted(steps.dropna()), int(steps.isna().sum())
    if len(back) > MANY and back[0] < back[-1]:
        after = f"{back[0]:g} to {back[-1]:g} steps, half of them by {back[(len(back) - 1) // 2]:g}"
    else:
        after = f"{listed(f'{step:g}' for step in dict.fromkeys(back))} steps" if back else "no seed"
    ends = f"{percent(means.iloc[0])} at once, {percent(means.iloc[-1])} after {means.index[-1]:g} steps"
    return f"{ends}; back after {after}" + f", {never} of {len(steps)} not" * bool(never)
