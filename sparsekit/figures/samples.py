"""Samples of a task as they are: strings letter by letter, images row by row, and what gives classes away."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from sparsekit.analysis.task import betrayed, nearest_mean, pairs, pairs_of_valid
from sparsekit.figures.card import card
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import CLASSES, FAINT, INK, QUIET, readable
from sparsekit.figures.words import counted, percent
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.samples import Task

SHOWN = 60  # characters of a string that fit on the card
NEW_PAIR = "#f6c9a8"


@drawn
def sample_strings(task: Task, each: int = 6) -> Picture:
    """Some training strings (``each`` of either class) letter by letter, and what already gives the invalid ones away.

    Marked are pairs of neighbours that no valid string has and, with a known grammar, where a string leaves it.
    """
    train, grammar, known = task.train, task.name in tasks.GRAMMARS, pairs_of_valid(task.train)
    rows = [(label, train.strings[at]) for label in CLASSES for at in np.flatnonzero(train.labels == label)[:each]]
    left = tasks.violations(task.name, [string for _, string in rows]) if grammar else [-1] * len(rows)
    key = [Patch(facecolor=NEW_PAIR, label="pair of neighbours that no valid training string has")]
    if grammar:
        key.append(Patch(facecolor="none", edgecolor=INK, label="here a string leaves the grammar"))
    figure, ((axes,),) = card(86 + 21 * len(rows), "Some training strings", key=key)
    for y, ((label, string), where) in enumerate(zip(rows, left, strict=True)):
        if y == 0 or rows[y - 1][0] != label:
            name, colour = CLASSES[label].label, readable(CLASSES[label].colour)
            axes.text(-1.2, y, name, color=colour, weight="bold", ha="right", va="center")
        _string(axes, y, string, where, known)
    right = max(33, *(min(len(string), SHOWN + 1) for _, string in rows))
    axes.set(xlim=(-0.16 * right, right), ylim=(len(rows) - 0.4, -0.6))
    axes.set_axis_off()
    words = "; ".join(f"{CLASSES[label].label}: {string}" for label, string in rows)
    return Picture(figure, f"Strings letter by letter. {words}.", _given_away(task, grammar))


def _string(axes: Axes, y: int, string: str, left: int, known: set[str]) -> None:
    """A string's letters, pairs that are not known coloured, and a box where it leaves the grammar."""
    for x, pair in enumerate(pairs(string[:SHOWN])):
        if pair not in known:
            axes.add_patch(Rectangle((x - 0.5, y - 0.38), 2, 0.76, facecolor=NEW_PAIR, edgecolor="none"))
    if 0 <= left < SHOWN:
        axes.add_patch(Rectangle((left - 0.46, y - 0.4), 0.92, 0.8, facecolor="none", edgecolor=INK, zorder=3))
    for x, letter in enumerate(string[:SHOWN] + "…" * (len(string) > SHOWN)):
        axes.text(x, y, letter, ha="center", va="center", family="monospace", size=10)


def _given_away(task: Task, grammar: bool) -> str:
    """How many test strings a new pair gives away, and where the invalid ones leave the grammar."""
    invalid, valid, right = map(percent, betrayed(task.train, task.test))
    told = (
        f"{invalid} of the invalid test strings and {valid} of the valid ones hold a pair of neighbours that no valid "
        f"training string has: who goes by that alone is right about {right} of them."
    )
    if not grammar:
        return told
    invalid = task.test.subset(task.test.labels != 1)
    places = tasks.violations(task.name, invalid.strings) + 1
    return (
        f"{told} Half of the invalid ones have left the grammar by character {np.median(places):.0f}, "
        f"{np.median(invalid.lengths - places):.0f} before the end."
    )


@drawn
def read_by_rows(task: Task, each: int = 3) -> Picture:
    """What a network has seen of a few samples (``each``, of as many classes) after each step; a step is one row."""
    train, steps = task.train, task.train.features.shape[1]
    shown = np.unique(np.linspace(1, steps, min(steps, 8)).round().astype(int))
    labels = np.unique(train.labels)[-each:]
    title, size = "What has been seen after each step", (len(labels), len(shown))
    note = f"A step reads one row of {counted(task.features, 'number')}, from the top; grey is still to come."
    figure, grid = card(74 + 84 * len(labels), title, *size, note=note)
    for row, label in zip(grid, labels, strict=True):
        picture = train.features[np.flatnonzero(train.labels == label)[0]]
        for axes, seen in zip(row, shown, strict=True):
            _image(axes, np.where(np.arange(steps)[:, None] < seen, picture, np.nan))
        row[0].set_ylabel(str(label), rotation=0, color=INK, size=12, weight="bold", va="center", labelpad=12)
    for axes, seen in zip(grid[0], shown, strict=True):
        axes.set_title(f"step {seen}", color=QUIET, weight="normal", loc="center")
    digits, at = (", ".join(map(str, of)) for of in (labels, shown))
    return Picture(
        figure,
        f"Pictures of the digits {digits} as they are read, row by row, at steps {at}.",
        f"There are {len(train):,} samples to train on and {len(task.test):,} to test on, of {task.classes} classes "
        f"and {steps} steps each: the length tells nothing, and what the first rows showed has to be kept until the "
        "last.",
    )


@drawn
def class_averages(task: Task) -> Picture:
    """The mean sample of each class, and how far one gets with these alone."""
    means, right = nearest_mean(task.train, task.test)
    columns, right = min(len(means), 10), percent(right)
    rows = -(-len(means) // columns)
    figure, grid = card(60 + 84 * rows, "The average of each class", rows, columns)
    for axes in grid.flat[len(means) :]:
        axes.remove()
    for axes, (label, mean) in zip(grid.flat, means.items(), strict=False):
        _image(axes, mean)
        axes.set_title(str(label), loc="center")
    return Picture(
        figure,
        f"The mean sample of each of {len(means)} classes; naming the nearest is right for {right}.",
        f"Who sees a whole sample at once and names the class whose average is nearest is right about {right} "
        "of the test samples. A network sees one row at a time.",
    )


def _image(axes: Axes, values: np.ndarray) -> None:
    axes.set_facecolor("#eceef1")
    axes.imshow(values, cmap="Greys", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.6)
