"""Figures of a task's samples: strings letter by letter, pictures as they are read row by row."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from sparsekit import drawings, tasks
from sparsekit.pictures import Picture, card, drawn
from sparsekit.samples import Rows, Task
from sparsekit.style import FAINT, INK, QUIET, TARGETS, VARIANTS, counted, percent, readable
from sparsekit.task_figures import length_histogram

CLASSES = {1: ("valid", VARIANTS["rnn_tanh"].colour), 0: ("invalid", TARGETS["i2h"].colour)}
SHOWN = 60  # characters of a string that fit on the card
NEW_PAIR = "#f6c9a8"


def task_pictures(task: Task) -> list[Picture]:
    """What there is to learn in a task: its grammar, if it has one, some samples, and what their lengths tell."""
    if isinstance(task.train, Rows):
        return [read_by_rows(task), class_averages(task)]
    grammar = [drawings.automaton(tasks.GRAMMARS[task.name])] if task.name in tasks.GRAMMARS else []
    return [*grammar, sample_strings(task), length_histogram(task)]


@drawn
def sample_strings(task: Task, each: int = 6) -> Picture:
    """Some training strings letter by letter, with the pairs of neighbours that already give the invalid ones away.

    Parameters
    ----------
    task : Task
        Of strings; where its grammar is known, the place where a string leaves it is marked, too.
    each : int
        Strings of either class.
    """
    train, test = task.train, task.test
    known = {
        pair for string, label in zip(train.strings, train.labels, strict=True) if label for pair in _pairs(string)
    }
    rows = [(label, at) for label in CLASSES for at in np.flatnonzero(train.labels == label)[:each]]
    grammar = task.name in tasks.GRAMMARS
    key = [Patch(facecolor=NEW_PAIR, label="pair of neighbours that no valid training string has")]
    if grammar:
        key.append(Patch(facecolor="none", edgecolor=INK, label="here a string leaves the grammar"))
    figure, ((axes,),) = card(86 + 21 * len(rows), "Some training strings", key=key)
    shown = [train.strings[at] for _, at in rows]
    left = tasks.violations(task.name, shown) if grammar else np.full(len(rows), -1)
    for y, ((label, _), string, where) in enumerate(zip(rows, shown, left, strict=True)):
        word, colour = CLASSES[label]
        if y == 0 or rows[y - 1][0] != label:
            axes.text(-1.2, y, word, color=readable(colour), weight="bold", ha="right", va="center")
        for place in [i for i, pair in enumerate(_pairs(string[:SHOWN])) if pair not in known]:
            axes.add_patch(Rectangle((place - 0.5, y - 0.38), 2, 0.76, facecolor=NEW_PAIR, edgecolor="none"))
        if 0 <= where < SHOWN:
            axes.add_patch(Rectangle((where - 0.46, y - 0.4), 0.92, 0.8, facecolor="none", edgecolor=INK, zorder=3))
        for x, letter in enumerate(string[:SHOWN] + "…" * (len(string) > SHOWN)):
            axes.text(x, y, letter, ha="center", va="center", family="monospace", size=10)
    right = max(33, *(min(len(string), SHOWN + 1) for string in shown))
    axes.set_xlim(-0.16 * right, right)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_axis_off()
    betrayed = np.array([not known.issuperset(_pairs(string)) for string in test.strings])
    valid = test.labels == 1
    told = (
        f"{percent(betrayed[~valid].mean())} of the invalid test strings and {percent(betrayed[valid].mean())} of the "
        "valid ones hold a pair of neighbours that no valid training string has: who goes by that alone is right about "
        f"{percent((betrayed != valid).mean())} of them."
    )
    if grammar:
        invalid = test.subset(~valid)
        places = tasks.violations(task.name, invalid.strings) + 1
        told += (
            f" Half of the invalid ones have left the grammar by character {np.median(places):.0f}, "
            f"{np.median(invalid.lengths - places):.0f} before the end."
        )
    words = "; ".join(f"{CLASSES[label][0]}: {string}" for (label, _), string in zip(rows, shown, strict=True))
    return Picture(figure, f"Strings letter by letter. {words}.", told)


@drawn
def read_by_rows(task: Task, each: int = 3) -> Picture:
    """What a network has seen of a few samples after each step; a step is one row of numbers.

    Parameters
    ----------
    task : Task
        Of rows.
    each : int
        Samples drawn, of as many classes.
    """
    train, steps = task.train, task.train.features.shape[1]
    shown = np.unique(np.linspace(1, steps, min(steps, 8)).round().astype(int))
    samples = [int(np.flatnonzero(train.labels == label)[0]) for label in np.unique(train.labels)[-each:]]
    figure, grid = card(
        74 + 84 * len(samples), "What has been seen after each step", len(samples), len(shown),
        note=f"A step reads one row of {counted(task.features, 'number')}, from the top; grey is still to come.",
    )  # fmt: skip
    for row, sample in zip(grid, samples, strict=True):
        for axes, seen in zip(row, shown, strict=True):
            picture = train.features[sample].copy()
            picture[seen:] = np.nan
            _image(axes, picture)
    for axes, seen in zip(grid[0], shown, strict=True):
        axes.set_title(f"step {seen}", color=QUIET, weight="normal", loc="center")
    for axes, sample in zip(grid[:, 0], samples, strict=True):
        axes.set_ylabel(
            str(train.labels[sample]), rotation=0, color=INK, size=12, weight="bold", va="center", labelpad=12
        )
    size = f"{len(train):,} samples to train on and {len(task.test):,} to test on"
    labels = ", ".join(str(train.labels[sample]) for sample in samples)
    return Picture(
        figure,
        f"Pictures of the digits {labels} as they are read, row by row, at steps {', '.join(map(str, shown))}.",
        f"There are {size}, of {task.classes} classes and {steps} steps each: the length tells nothing, and what the "
        "first rows showed has to be kept until the last.",
    )


@drawn
def class_averages(task: Task) -> Picture:
    """The mean sample of each class, and how far one gets with these alone."""
    train, test = task.train, task.test
    classes = np.unique(train.labels)
    means = np.array([train.features[train.labels == label].mean(axis=0) for label in classes])
    columns = min(len(classes), 10)
    figure, grid = card(
        60 + 84 * -(-len(classes) // columns), "The average of each class", -(-len(classes) // columns), columns
    )
    for axes in grid.flat[len(classes) :]:
        axes.remove()
    for axes, label, mean in zip(grid.flat, classes, means, strict=False):
        _image(axes, mean)
        axes.set_title(str(label), loc="center")
    distances = ((test.features[:, None] - means) ** 2).sum(axis=(2, 3))
    right = float((classes[distances.argmin(axis=1)] == test.labels).mean())
    return Picture(
        figure,
        f"The mean sample of each of {len(classes)} classes; naming the nearest is right for {percent(right)}.",
        f"Who sees a whole sample at once and names the class whose average is nearest is right about {percent(right)} "
        "of the test samples. A network sees one row at a time.",
    )


def _pairs(string: str) -> list[str]:
    return [string[i : i + 2] for i in range(len(string) - 1)]


def _image(axes: Axes, values: np.ndarray) -> None:
    axes.set_facecolor("#eceef1")
    axes.imshow(values, cmap="Greys", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, color=FAINT, linewidth=0.6)
