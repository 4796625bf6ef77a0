"""Figures of the task and of the base networks, and what figures of accuracy share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import scipy.stats
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from sparsekit.analysis.intervals import mean_interval
from sparsekit.analysis.tables import require
from sparsekit.figures import drawings
from sparsekit.figures.card import Picture, baseline_lines, card, drawn, percent_axis, sample, small_multiples, spread
from sparsekit.figures.style import (
    FAINT,
    INK,
    QUIET,
    RULE,
    TARGETS,
    VARIANTS,
    Look,
    counted,
    listed,
    look,
    ordered,
    percent,
    readable,
)
from sparsekit.tasks import baselines as memoryless
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.samples import Rows, Task

if TYPE_CHECKING:
    from sparsekit.tasks.samples import Task

Baselines = pd.DataFrame | Mapping[str, float]
CLEAR = 0.02  # accuracy above a baseline that is no longer taken for luck


def reference(baselines: Baselines) -> dict[str, float]:
    """The baselines that figures draw as lines; a mapping from label to accuracy is taken as it is."""
    return dict(baselines) if isinstance(baselines, Mapping) else memoryless.lines(baselines)


def accuracy_floor(*values) -> float:
    """Lower end of an accuracy axis: a little under the smallest value drawn."""
    lowest = min(float(np.nanmin(np.asarray(list(v), float))) for v in values if len(v))
    return max(0.0, np.floor((lowest - 0.01) * 20) / 20)


def curve(table: pd.DataFrame, x: str, y: str, confidence: float) -> pd.DataFrame:
    """Mean over seeds with its interval, per value of ``x``: columns mean, low, high (nan interval for one seed)."""
    rows = {at: mean_interval(group.to_numpy(), confidence, low=0, high=1) for at, group in table.groupby(x)[y]}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "low", "high"]).sort_index()


def seed_lines(axes, table: pd.DataFrame, x: str, y: str, **options) -> None:
    """One thin line per seed."""
    for _, one in table.sort_values(x).groupby("seed"):
        axes.plot(one[x], one[y], linewidth=0.7, alpha=0.45, zorder=1.5, **options)


@drawn
def length_histogram(task: "Task") -> Picture:
    """Lengths of valid and invalid training strings, and the best that one cut between them can do.

    Parameters
    ----------
    task : Task
        Anything with ``train.lengths`` and ``train.labels`` (1 is valid).
    """
    lengths, labels = np.asarray(task.train.lengths), np.asarray(task.train.labels)
    valid, invalid = lengths[labels == 1], lengths[labels == 0]
    bins = np.arange(lengths.min(), lengths.max() + 2) - 0.5
    looks = (("valid", valid, VARIANTS["rnn_tanh"].colour, "-"), ("invalid", invalid, TARGETS["i2h"].colour, "--"))
    key = [
        Line2D([], [], color=colour, linestyle=line, label=f"{name}, mean {own.mean():.1f}")
        for name, own, colour, line in looks
    ]
    figure, ((axes,),) = card(290, "Lengths of the training strings", key=key)
    for _, own, colour, line in looks:
        share = np.histogram(own, bins)[0] / max(len(own), 1)
        axes.stairs(share, bins, fill=True, color=colour, alpha=0.16)
        axes.stairs(share, bins, color=colour, linewidth=1.6, linestyle=line)
        axes.axvline(own.mean(), color=colour, linewidth=0.9, linestyle=line, alpha=0.7, zorder=0.5)
    axes.set_xlabel("characters")
    axes.set_ylabel("share of the class")
    axes.set_ylim(0)
    axes.margins(x=0.01 if np.ptp(lengths) else 5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    percent_axis(axes.yaxis)
    # Accuracy of "valid if longer than the cut" and of its opposite, for every cut at once.
    cuts = bins[:-1]
    longer = np.array([((lengths > c) == (labels == 1)).mean() for c in cuts])
    best = np.maximum(longer, 1 - longer)
    cut = int(cuts[best.argmax()] + 0.5)
    side = "longer" if valid.mean() > invalid.mean() else "shorter"
    sizes = [f"{len(own):,} {name} strings, mean length {own.mean():.1f}" for name, own, *_ in looks]
    reading = (
        f"Valid strings are {side} (mean {valid.mean():.1f} against {invalid.mean():.1f} characters): one cut, at "
        f"{cut} characters, already separates {percent(best.max())} of the training strings."
    )
    if best.max() < max(np.mean(labels), 1 - np.mean(labels)) + 0.02:
        reading = (
            f"Lengths tell next to nothing: they are {valid.mean():.1f} characters on average for valid strings, "
            f"{invalid.mean():.1f} for invalid ones, and the best cut separates {percent(best.max())}."
        )
    return Picture(
        figure,
        f"Histograms of training string lengths: {'; '.join(sizes)}; lengths {lengths.min()} to {lengths.max()}.",
        reading,
    )


@drawn
def training_curves(base: pd.DataFrame, baselines: Baselines, confidence: float = 0.95) -> Picture:
    """Test accuracy of the base networks over epochs, a panel per variant, beside the baselines.

    Parameters
    ----------
    base : DataFrame
        Long table of variant, seed, epoch, train_accuracy, test_accuracy.
    """
    lines, variants = reference(baselines), ordered(base["variant"], VARIANTS)
    seeds = base["seed"].nunique()
    shade = f" Band: {100 * confidence:g} % interval over {seeds} seeds." if seeds > 1 else ""
    figure, panels = small_multiples(
        variants, 210 if len(variants) > 1 else 260, "Accuracy while the base networks train", columns=4,
        note=f"Solid: test accuracy. Thin dashes: training accuracy.{shade}",
    )  # fmt: skip
    ends, worst = {}, {}
    for i, (name, axes) in enumerate(panels.items()):
        own, colour = base[base["variant"] == name], look(VARIANTS, name).colour
        mean, train = (
            curve(own, "epoch", "test_accuracy", confidence),
            curve(own, "epoch", "train_accuracy", confidence),
        )
        seed_lines(axes, own, "epoch", "test_accuracy", color=colour)
        axes.fill_between(mean.index, mean["low"], mean["high"], color=colour, alpha=0.16, linewidth=0)
        axes.plot(train.index, train["mean"], color=colour, linewidth=1, linestyle=(0, (3, 2)))
        axes.plot(mean.index, mean["mean"], color=colour, marker="o" if len(mean) < 3 else None)
        axes.set_ylim(accuracy_floor(own["test_accuracy"], base["train_accuracy"], lines.values()), 1.015)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        axes.margins(x=0.04)
        baseline_lines(axes, lines, 130, labels=i == len(panels) - 1)
        ends[name] = mean["mean"].iloc[-1]
        worst[name] = own.loc[own["epoch"] == own["epoch"].max(), "test_accuracy"].min()
    next(iter(panels.values())).set_ylabel("accuracy")
    percent_axis(axes.yaxis)
    last = int(base["epoch"].max())
    reached = [f"{look(VARIANTS, v).label} {percent(a)}" for v, a in ends.items()]
    # The strongest line but those that see all places: what an accuracy must pass to say anything about memory.
    bar = max((v for k, v in lines.items() if k not in ("bag of bigrams", "all pixels")), default=0.0)
    names = [k for k, v in lines.items() if v == bar]
    above = [look(VARIANTS, v).label for v, a in worst.items() if a > bar + CLEAR]
    verdict = listed(above) if above else "no variant"
    beside = (
        f"; {verdict} {'pass' if len(above) > 1 else 'passes'} what “{names[0]}” gives ({percent(bar)}) by more than "
        f"{100 * CLEAR:g} points{' with each seed' * (seeds > 1)}"
        if names
        else ""
    )
    return Picture(
        figure,
        f"Test accuracy over {counted(last, 'epoch')}, mean over {counted(seeds, 'seed')}, at the end: "
        f"{', '.join(reached)}. "
        f"Baselines without memory: {', '.join(f'{k} {percent(v)}' for k, v in lines.items())}.",
        f"After {counted(last, 'epoch')} the mean test accuracy is {listed(reached)}{beside}.",
    )


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
        As :func:`sparsekit.tasks.baselines.baselines` returns it.
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
        As :func:`sparsekit.experiments.studies.task_baselines` returns it: task, invalid, classifier, test_accuracy.
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
    for row, chosen in zip(grid, samples, strict=True):
        for axes, seen in zip(row, shown, strict=True):
            picture = train.features[chosen].copy()
            picture[seen:] = np.nan
            _image(axes, picture)
    for axes, seen in zip(grid[0], shown, strict=True):
        axes.set_title(f"step {seen}", color=QUIET, weight="normal", loc="center")
    for axes, chosen in zip(grid[:, 0], samples, strict=True):
        axes.set_ylabel(
            str(train.labels[chosen]), rotation=0, color=INK, size=12, weight="bold", va="center", labelpad=12
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
