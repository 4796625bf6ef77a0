"""Figures of what needs no memory at all: of one task in full, and of all tasks side by side."""

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.pictures import Picture, card, drawn, percent_axis, sample, spread
from sparsekit.style import FAINT, INK, QUIET, RULE, TARGETS, VARIANTS, Look, percent, readable
from sparsekit.tables import require

SIGHTS = {
    "place": Look("the first or the last few", TARGETS["i2h"].colour, "s", "-"),
    "bag": Look("all of them, in no order", VARIANTS["rnn_tanh"].colour, "o", "-"),
    "whole": Look("all at once", QUIET, "D", "-"),
}
"""What a classifier without memory sees of a sample's characters or rows."""


@drawn
def baseline_bars(baselines: pd.DataFrame) -> Picture:
    """What classifiers without memory reach: train and test accuracy of each, over the majority's share.

    Parameters
    ----------
    baselines : DataFrame
        As :func:`sparsekit.baselines.baselines` returns it.
    """
    names, test, train = list(baselines.index), baselines["test_accuracy"], baselines["train_accuracy"]
    majority = float(test["majority"])
    figure, ((axes,),) = card(
        110 + 21 * len(names),
        "Test accuracy of classifiers without memory",
        note="Open circles: training accuracy. Bars start at the majority class.",
    )
    at, floor = np.arange(len(names))[::-1], float(min(test.min(), train.min()))
    best = test.idxmax()
    colours = [INK if name == best else TARGETS["h2h"].colour for name in names]
    axes.hlines(at, majority, test, color=colours, linewidth=5)
    axes.scatter(train, at, s=26, facecolor="white", edgecolor=QUIET, linewidth=1, zorder=3)
    axes.axvline(majority, color=FAINT, linewidth=0.8)
    for y, name in zip(at, names, strict=True):
        right = max(test[name], train[name])
        axes.annotate(
            percent(test[name]),
            (right, y),
            (8, 0),
            textcoords="offset points",
            va="center",
            size=9,
            weight="bold" if name == best else "normal",
        )
    axes.set_yticks(at, names)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set_xlim(floor - 0.005, 1.075)
    axes.set_xticks([t for t in np.arange(0, 1.01, 0.1) if t >= floor - 0.005])
    axes.spines["bottom"].set_bounds(floor, 1)
    percent_axis(axes.xaxis)
    axes.set_ylim(-0.7, len(names) - 0.3)
    words = [f"{n} {percent(v)}" for n, v in test.items()]
    places = test[list(filter(_one_place, names))]
    beside = ""
    if len(places) and places.idxmax() != best:
        beside = f"; of those that look at one place, “{places.idxmax()}” reaches {percent(places.max())}"
    reading = (
        f"Without any memory, “{best}” classifies {percent(test[best])} of the test samples correctly, the majority "
        f"class {percent(majority)}{beside}."
    )
    if best == "majority":
        reading = (
            f"Without any memory, nothing beats the majority class, which is {percent(majority)} of the test samples."
        )
    return Picture(
        figure,
        f"Bars: test accuracy of classifiers without memory: {', '.join(words)}.",
        reading,
    )


def _one_place(classifier: str) -> bool:
    """Whether a classifier sees the start or the end of a sample alone."""
    return classifier.startswith(("first", "last"))


@drawn
def task_baselines(table: pd.DataFrame, samples: int) -> Picture:
    """What every task leaves for memory: test accuracies of all classifiers without it, a row per task, over chance.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.studies.task_baselines` returns it: task, invalid, classifier, test_accuracy.
    samples : int
        Tested samples. A classifier beats chance where the best of as many guessers would seldom come so far.
    """
    require(table, ["task", "invalid", "classifier", "test_accuracy"])
    each = {_task(*key): own for key, own in table.groupby(["task", "invalid"], sort=False)}
    figure, ((axes,),) = card(
        100 + 48 * len(each),
        "What classifiers without memory reach, by task",
        key=[sample(kind, linestyle="") for kind in SIGHTS.values()],
    )
    words, told = [], []
    for y, (name, own) in enumerate(each.items()):
        accuracy = own.set_index("classifier")["test_accuracy"]
        chance, others = accuracy["majority"], accuracy.drop("majority")
        axes.hlines(y, chance, 1, color=RULE, linewidth=9, zorder=0.5)
        axes.vlines(chance, y - 0.3, y + 0.3, color=INK, linewidth=1.4)
        for classifier, value in others.items():
            kind = SIGHTS[_sight(classifier)]
            axes.scatter(
                value, y, s=34, marker=kind.marker, color=kind.colour, edgecolor="white", linewidth=0.7, zorder=3
            )
        kinds = others.groupby(_sight, sort=False).idxmax()
        best = [kinds[kind] for kind in SIGHTS if kind in kinds]
        for line, classifier in zip(spread([0] * len(best), 0.3), best, strict=True):
            axes.annotate(
                f"{classifier} {percent(others[classifier])}", (1.03, y + line), xycoords=("axes fraction", "data"),
                color=readable(SIGHTS[_sight(classifier)].colour), va="center", size=9, annotation_clip=False,
            )  # fmt: skip
        words.append(f"{name}: {', '.join(f'{c} {percent(v)}' for c, v in accuracy.items())}")
        told.append(f"**{name}**: {_demand(others, chance, samples)}")
    axes.set_yticks(range(len(each)), each)
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set(xlim=(0, 1.01), ylim=(len(each) - 0.5, -0.5), xlabel="test accuracy; black line: the largest class")
    percent_axis(axes.xaxis)
    return Picture(figure, f"Dots: test accuracy without memory. {'; '.join(words)}.", "; ".join(told) + ".")


def _task(task: str, invalid: str) -> str:
    """A task's name for people.

    >>> _task("reber", "edit"), _task("embedded_reber", "")
    ('reber, edit', 'embedded reber')
    """
    return ", ".join(filter(None, [task.replace("_", " "), invalid]))


def _sight(classifier: str) -> str:
    return "place" if _one_place(classifier) else "whole" if classifier == "all pixels" else "bag"


def _demand(accuracy: pd.Series, chance: float, samples: int) -> str:
    """What is left for memory, in words: of the best classifier, and of the best that looks at one place."""
    by_chance = scipy.stats.binom.isf(0.05 / len(accuracy), samples, chance) / samples
    best, place = accuracy.idxmax(), accuracy[list(filter(_one_place, accuracy.index))].idxmax()
    if accuracy[best] <= by_chance:
        return f"none of {len(accuracy)} beats chance ({percent(chance)}), so whoever scores more has remembered"
    nearly = f"“{place}” nearly suffices ({percent(accuracy[place])})"
    one = nearly if accuracy[place] >= 0.9 else f"one place gives {percent(accuracy[place])} at most (“{place}”)"
    return one if best == place else f"{one}, “{best}” {percent(accuracy[best])}"
