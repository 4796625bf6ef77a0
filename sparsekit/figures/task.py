"""Figures of the task and of the base networks, and what figures of accuracy share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sparsekit.analysis.intervals import over_seeds
from sparsekit.analysis.recovery import mean_base
from sparsekit.analysis.tables import require
from sparsekit.analysis.task import above, best_by_chance, best_cut, length_shares, to_pass
from sparsekit.figures import automata, marks, samples
from sparsekit.figures.axis import ACCURACY, Axis
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import CLASSES, PANEL, TARGETS, VARIANTS, Look, Looks, look, ordered
from sparsekit.figures.words import counted, each, listed, percent
from sparsekit.tasks import baselines as memoryless
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.samples import Rows, Task

Baselines = pd.DataFrame | Mapping[str, float]
CLEAR = 0.02  # accuracy above a baseline that is no longer taken for luck
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
    return ACCURACY._replace(limits=(accuracy_floor(*values), 1.02), **options)


def beside_base(
    means: pd.DataFrame,
    own: pd.DataFrame,
    by: tuple[str, str],
    x: Axis,
    looks: Looks,
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
        table.assign(series=[CLASSES[one].label for one in table["label"]]),
        "Lengths of the training strings",
        Axis("characters", ticks=_whole(lengths.min(), lengths.max())),
        Axis("share of the class", percent),
        looks=looks,
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
    table = baselines.rename_axis("row").reset_index().assign(text=lambda t: t["test_accuracy"].map(percent))
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
    table = table.assign(group=names, value=table["test_accuracy"]).reset_index(drop=True)
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
        reading=f"The best without memory: {'; '.join(told)}.",
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
    """How far the best of them comes, in words."""
    chance, accuracy = accuracy["majority"], accuracy.drop("majority")
    if accuracy.max() <= best_by_chance(chance, samples, len(accuracy)):
        return f"none of {len(accuracy)} is shown to beat chance ({percent(chance)})"
    return f"“{accuracy.idxmax()}” {percent(accuracy.max())}"


def task_pictures(task: Task) -> list[Picture]:
    """What there is to learn in a task: its grammar, if it has one, some samples, and what their lengths tell."""
    if isinstance(task.train, Rows):
        return [samples.read_by_rows(task), samples.class_averages(task)]
    grammar = [automata.automaton(tasks.GRAMMARS[task.name])] if task.name in tasks.GRAMMARS else []
    return [*grammar, samples.sample_strings(task), length_histogram(task)]
