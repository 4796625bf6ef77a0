"""Figures of the task and of the base networks, and what figures of accuracy share."""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch, Rectangle

from sparsekit.analysis.intervals import over_seeds
from sparsekit.analysis.recovery import mean_base
from sparsekit.analysis.tables import require
from sparsekit.analysis.task import above, best_by_chance, best_cut, length_shares, to_pass
from sparsekit.figures import automata, marks
from sparsekit.figures.card import Picture, card, drawn
from sparsekit.figures.marks import PANEL, Axis
from sparsekit.figures.style import FAINT, INK, QUIET, TARGETS, VARIANTS, Look, look, ordered, readable
from sparsekit.figures.words import counted, each, listed, percent
from sparsekit.tasks import baselines as memoryless
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.samples import Rows, Task

Baselines = pd.DataFrame | Mapping[str, float]
CLEAR = 0.02  # accuracy above a baseline that is no longer taken for luck
CLASSES = {
    1: Look("valid", VARIANTS["rnn_tanh"].colour, "o", "-"),
    0: Look("invalid", TARGETS["i2h"].colour, "s", (0, (5, 1.5))),
}
PARTS = {"test_accuracy": Look("test", PANEL, "o", "-"), "train_accuracy": Look("training", PANEL, "", (0, (3, 2)))}


def reference(baselines: Baselines) -> dict[str, float]:
    """The baselines that figures draw as lines; a mapping from label to accuracy is taken as it is."""
    return dict(baselines) if isinstance(baselines, Mapping) else memoryless.lines(baselines)


def accuracy_floor(*values) -> float:
    """Lower end of an accuracy axis: a little under the smallest value drawn."""
    lowest = min(float(np.nanmin(np.asarray(list(v), float))) for v in values if len(v))
    return max(0.0, np.floor((lowest - 0.01) * 20) / 20)


def accuracy_axis(*values, **options) -> Axis:
    """An axis of test accuracy that holds all values drawn."""
    return marks.ACCURACY._replace(limits=(accuracy_floor(*values), 1.02), **options)


def beside_base(
    means: pd.DataFrame,
    own: pd.DataFrame,
    by: tuple[str, str],
    x: Axis,
    looks: marks.Looks,
    baselines: Baselines,
    margin: float,
    **words: Any,
) -> Picture:
    """Mean accuracies, a panel per variant, a line per value of one column over another, beside base and baselines."""
    lines, (series, at) = reference(baselines), by
    return marks.lines(
        means.rename(columns={"variant": "panel", series: "series", at: "x"}),
        x=x,
        looks=looks,
        baselines=lines,
        y=accuracy_axis(own["accuracy"], lines.values()),
        base=mean_base(own).to_dict(),
        margin=margin,
        **words,
    )


def length_histogram(task: Task) -> Picture:
    """Shares of valid and invalid training strings by length, and the best that one cut between them can do."""
    lengths, labels = np.asarray(task.train.lengths), np.asarray(task.train.labels)
    own = [lengths[labels == one] for one in CLASSES]
    looks = {
        kind.label: kind._replace(label=f"{len(of):,} {kind.label}, mean {of.mean():.1f}")
        for kind, of in zip(CLASSES.values(), own, strict=True)
    }
    table = length_shares(lengths, labels).rename(columns={"length": "x", "share": "mean"})
    return marks.lines(
        table.assign(panel="", series=[CLASSES[one].label for one in table["label"]]),
        "Lengths of the training strings",
        Axis("characters", ticks=_whole(lengths.min(), lengths.max())),
        Axis("share of the class", percent),
        looks=looks,
        panels={},
        reading=_lengths_tell(*own, *best_cut(lengths, labels)),
    )


def _lengths_tell(valid: np.ndarray, invalid: np.ndarray, cut: int, right: float) -> str:
    means = f"mean {valid.mean():.1f} against {invalid.mean():.1f} characters"
    if right < max(len(valid), len(invalid)) / (len(valid) + len(invalid)) + CLEAR:
        return f"Lengths tell next to nothing ({means}): the best cut separates {percent(right)}."
    return (
        f"Valid strings are {'longer' if valid.mean() > invalid.mean() else 'shorter'} ({means}): one cut, at {cut} "
        f"characters, already separates {percent(right)} of the training strings."
    )


def _whole(low: int, high: int) -> range:
    """Ticks at whole numbers."""
    return range(low, high + 1, max(1, (high - low) // 5))


def training_curves(base: pd.DataFrame, baselines: Baselines, confidence: float = 0.95) -> Picture:
    """Test accuracy of the base networks (`tables.BASE`) over epochs, a panel per variant, beside baselines."""
    lines, seeds, last = reference(baselines), base["seed"].nunique(), int(base["epoch"].max())
    parts = {part: over_seeds(base, ["variant", "epoch"], part, confidence, 0, 1) for part in PARTS}
    parts["train_accuracy"] = parts["train_accuracy"].drop(columns=["low", "high"])
    names = {"variant": "panel", "epoch": "x", "test_accuracy": "value"}
    low = accuracy_floor(base["test_accuracy"], base["train_accuracy"], lines.values())
    return marks.lines(
        pd.concat(parts, names=["series"]).reset_index("series").rename(columns=names),
        "Accuracy while the base networks train",
        Axis("epoch", ticks=_whole(1, last)),
        Axis("accuracy", percent, limits=(low, 1.015)),
        looks=PARTS,
        baselines=lines,
        reading=_trained(base, parts["test_accuracy"], lines),
        seeds=base.rename(columns=names).assign(series="test_accuracy") if seeds > 1 else None,
        note=f"Band: {100 * confidence:g} % interval over {seeds} seeds; thin lines: each seed." if seeds > 1 else "",
    )


def _trained(base: pd.DataFrame, means: pd.DataFrame, lines: Mapping[str, float]) -> str:
    """Where training ends, and which variants then pass what needs no memory."""
    ends, several = (
        means[means["epoch"] == base["epoch"].max()].set_index("variant")["mean"],
        base["seed"].nunique() > 1,
    )
    reached = listed(each(ends, percent))
    told, bar = f"After {counted(base['epoch'].max(), 'epoch')} the mean test accuracy is {reached}", to_pass(lines)
    if bar is None:
        return f"{told}."
    passed = [look(VARIANTS, v).label for v in ordered(above(base, lines[bar] + CLEAR), VARIANTS)]
    return (
        f"{told}; {listed(passed or ['no variant'])} {'pass' if len(passed) > 1 else 'passes'} what “{bar}” gives "
        f"({percent(lines[bar])}) by more than {100 * CLEAR:g} points{' with each seed' * several}."
    )


def baseline_bars(baselines: pd.DataFrame) -> Picture:
    """What classifiers without memory reach: train and test accuracy of each, over the majority's share.

    Of what :func:`sparsekit.tasks.baselines.baselines` returns.
    """
    table = baselines.rename_axis("row").reset_index().assign(panel="", text=lambda t: t["test_accuracy"].map(percent))
    test, low = baselines["test_accuracy"], float(baselines.min(axis=None))
    best, majority, places = test.idxmax(), percent(test["majority"]), test[[_sight(n) == "place" for n in test.index]]
    reading = (
        f"Without any memory, “{best}” classifies {percent(test[best])} of the test samples correctly, the majority"
    )
    reading += f" class {majority}"
    if best == "majority":
        reading = f"Without any memory, nothing beats the majority class: {majority} of the test samples"
    elif len(places) and places.idxmax() != best:
        reading += f"; of those that look at one place, “{places.idxmax()}” reaches {percent(places.max())}"
    return marks.forest(
        table.rename(columns={"test_accuracy": "mean"}),
        "Test accuracy of classifiers without memory",
        Axis("test accuracy", percent, limits=(low - 0.005, 1)),
        groups={"": TARGETS["h2h"]},
        bars=True,
        zero=test["majority"],
        dots=table.rename(columns={"train_accuracy": "value"}),
        reading=f"{reading}.",
        note="Dots: training accuracy. Bars start at the majority class.",
    )


def task_baselines(table: pd.DataFrame) -> Picture:
    """What every task leaves for memory: test accuracies without it, for each task the best of each kind of classifier.

    Of what :func:`sparsekit.experiments.studies.task_baselines` returns: a classifier beats chance where the best of as
    many guessers would seldom come so far on as many samples.
    """
    require(table, ["task", "invalid", "samples", "classifier", "test_accuracy"])
    names = [_task(*key) for key in zip(table["task"], table["invalid"], strict=True)]
    table = table.assign(panel="", group=names, value=table["test_accuracy"]).reset_index(drop=True)
    best = table.groupby(["group", table["classifier"].map(_sight)], sort=False)["value"].transform("idxmax")
    table["row"] = table.loc[best, "classifier"].to_numpy()
    rows = table[table["row"] == table["classifier"]].rename(columns={"test_accuracy": "mean"})
    told = [
        f"{name}: {_demand(own.set_index('classifier')['value'], own['samples'].iloc[0])}"
        for name, own in table.groupby("group", sort=False)
    ]
    return marks.forest(
        rows.assign(text=rows["mean"].map(percent)),
        "What classifiers without memory reach, by task",
        Axis("test accuracy", percent, limits=(0, 1.02)),
        groups={},
        zero=None,
        dots=table,
        note="Rows: the largest class, and the best of those that see the first or last few places, both ends,\n"
        "all in no order, or all at once. Dots: all of its kind.",
        reading="; ".join(told) + ".",
    )


def _task(task: str, invalid: str) -> str:
    """A task's name for people.

    >>> _task("reber", "edit"), _task("embedded_reber", "")
    ('reber, edit', 'embedded reber')
    """
    return ", ".join(filter(None, [task.replace("_", " "), invalid]))


def _sight(classifier: str) -> str:
    """What a classifier sees: no place, the first or last few, both ends, all at once, or all in no order."""
    known = {"majority": "none", "first": "place", "last": "place", "both": "ends", "all": "whole"}
    return known.get(classifier.split()[0], "bag")


def _demand(accuracy: pd.Series, samples: int) -> str:
    """How far they come, in words: the best classifier, and the best that looks at one place."""
    chance, accuracy = accuracy["majority"], accuracy.drop("majority")
    best, place = accuracy.idxmax(), accuracy[[_sight(name) == "place" for name in accuracy.index]].idxmax()
    if accuracy[best] <= best_by_chance(chance, samples, len(accuracy)):
        return f"none of these {len(accuracy)} is shown to beat chance ({percent(chance)})"
    nearly = f"“{place}” nearly suffices ({percent(accuracy[place])})"
    one = nearly if accuracy[place] >= 0.9 else f"one place gives {percent(accuracy[place])} at most (“{place}”)"
    return one if best == place else f"{one}, “{best}” {percent(accuracy[best])}"


SHOWN = 60  # characters of a string that fit on the card
NEW_PAIR = "#f6c9a8"


def task_pictures(task: Task) -> list[Picture]:
    """What there is to learn in a task: its grammar, if it has one, some samples, and what their lengths tell."""
    if isinstance(task.train, Rows):
        return [read_by_rows(task), class_averages(task)]
    grammar = [automata.automaton(tasks.GRAMMARS[task.name])] if task.name in tasks.GRAMMARS else []
    return [*grammar, sample_strings(task), length_histogram(task)]


@drawn
def sample_strings(task: Task, each: int = 6) -> Picture:
    """Some training strings (``each`` of either class) letter by letter, and what already gives the invalid ones away.

    Marked are pairs of neighbours that no valid string has and, with a known grammar, where a string leaves it.
    """
    train, grammar = task.train, task.name in tasks.GRAMMARS
    valid = [string for string, label in zip(train.strings, train.labels, strict=True) if label]
    known = {pair for string in valid for pair in _pairs(string)}
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
        for x, pair in enumerate(_pairs(string[:SHOWN])):
            if pair not in known:
                axes.add_patch(Rectangle((x - 0.5, y - 0.38), 2, 0.76, facecolor=NEW_PAIR, edgecolor="none"))
        if 0 <= where < SHOWN:
            axes.add_patch(Rectangle((where - 0.46, y - 0.4), 0.92, 0.8, facecolor="none", edgecolor=INK, zorder=3))
        for x, letter in enumerate(string[:SHOWN] + "…" * (len(string) > SHOWN)):
            axes.text(x, y, letter, ha="center", va="center", family="monospace", size=10)
    right = max(33, *(min(len(string), SHOWN + 1) for _, string in rows))
    axes.set(xlim=(-0.16 * right, right), ylim=(len(rows) - 0.4, -0.6))
    axes.set_axis_off()
    words = "; ".join(f"{CLASSES[label].label}: {string}" for label, string in rows)
    return Picture(figure, f"Strings letter by letter. {words}.", _given_away(task, known, grammar))


def _pairs(string: str) -> Iterator[str]:
    return map("".join, pairwise(string))


def _given_away(task: Task, known: set[str], grammar: bool) -> str:
    """How many test strings a new pair gives away, and where the invalid ones leave the grammar."""
    betrayed = np.array([not known.issuperset(_pairs(string)) for string in task.test.strings])
    valid = task.test.labels == 1
    told = (
        f"{percent(betrayed[~valid].mean())} of the invalid test strings and {percent(betrayed[valid].mean())} of the "
        "valid ones hold a pair of neighbours that no valid training string has: who goes by that alone is right about "
        f"{percent((betrayed != valid).mean())} of them."
    )
    if not grammar:
        return told
    invalid = task.test.subset(~valid)
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
    figure, grid = card(
        74 + 84 * len(labels),
        "What has been seen after each step",
        len(labels),
        len(shown),
        note=f"A step reads one row of {counted(task.features, 'number')}, from the top; grey is still to come.",
    )
    for row, label in zip(grid, labels, strict=True):
        picture = train.features[np.flatnonzero(train.labels == label)[0]]
        for axes, seen in zip(row, shown, strict=True):
            _image(axes, np.where(np.arange(steps)[:, None] < seen, picture, np.nan))
        row[0].set_ylabel(str(label), rotation=0, color=INK, size=12, weight="bold", va="center", labelpad=12)
    for axes, seen in zip(grid[0], shown, strict=True):
        axes.set_title(f"step {seen}", color=QUIET, weight="normal", loc="center")
    return Picture(
        figure,
        f"Pictures of the digits {', '.join(map(str, labels))} as they are read, row by row, at steps "
        f"{', '.join(map(str, shown))}.",
        f"There are {len(train):,} samples to train on and {len(task.test):,} to test on, of {task.classes} classes "
        f"and {steps} steps each: the length tells nothing, and what the first rows showed has to be kept until the "
        "last.",
    )


@drawn
def class_averages(task: Task) -> Picture:
    """The mean sample of each class, and how far one gets with these alone."""
    train, test = task.train, task.test
    classes = np.unique(train.labels)
    means = np.array([train.features[train.labels == label].mean(axis=0) for label in classes])
    columns = min(len(classes), 10)
    rows = -(-len(classes) // columns)
    figure, grid = card(60 + 84 * rows, "The average of each class", rows, columns)
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


def _image(axes: Axes, values: np.ndarray) -> None:
    axes.set_facecolor("#eceef1")
    axes.imshow(values, cmap="Greys", vmin=0, vmax=1, interpolation="nearest", aspect="equal")
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.6)
