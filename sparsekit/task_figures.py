"""Figures of the task and of the base networks: what is to be learnt, and what needs no memory at all."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sparsekit import baselines as memoryless
from sparsekit.pictures import Picture, baseline_lines, card, drawn, percent_axis, small_multiples
from sparsekit.statistics import mean_interval
from sparsekit.style import FAINT, INK, QUIET, TARGETS, VARIANTS, counted, listed, look, ordered, percent

if TYPE_CHECKING:
    from sparsekit.tasks import Task

Baselines = pd.DataFrame | Mapping[str, float]


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
def baseline_bars(baselines: pd.DataFrame) -> Picture:
    """What classifiers without memory reach: train and test accuracy of each, over the majority's share.

    Parameters
    ----------
    baselines : DataFrame
        As :func:`sparsekit.baselines.baselines` returns it.
    """
    names, test, train = list(baselines.index), baselines["test_accuracy"], baselines["train_accuracy"]
    figure, ((axes,),) = card(
        110 + 21 * len(names),
        "Test accuracy of classifiers without memory",
        note="Open circles: training accuracy. Bars start at the majority class.",
    )
    at, floor = np.arange(len(names))[::-1], float(test.min())
    best = test.idxmax()
    colours = [INK if name == best else TARGETS["h2h"].colour for name in names]
    axes.hlines(at, floor, test, color=colours, linewidth=5)
    axes.scatter(train, at, s=26, facecolor="white", edgecolor=QUIET, linewidth=1, zorder=3)
    axes.axvline(floor, color=FAINT, linewidth=0.8)
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
    positional = test[[n for n in names if n.startswith(("first", "last"))]]
    beside = (
        f"; of those that look at one place, the {positional.idxmax()} reach {percent(positional.max())}"
        if len(positional)
        else ""
    )
    return Picture(
        figure,
        f"Bars: test accuracy of classifiers without memory: {', '.join(words)}.",
        f"Without any memory, {best} classifies {percent(test[best])} of the test strings correctly{beside}. "
        "Read every accuracy of a network beside these.",
    )


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
    axes.margins(x=0.01)
    percent_axis(axes.yaxis)
    # Accuracy of "valid if longer than the cut" and of its opposite, for every cut at once.
    cuts = bins[:-1]
    longer = np.array([((lengths > c) == (labels == 1)).mean() for c in cuts])
    best = np.maximum(longer, 1 - longer)
    cut = int(cuts[best.argmax()] + 0.5)
    side = "longer" if valid.mean() > invalid.mean() else "shorter"
    sizes = [f"{len(own):,} {name} strings, mean length {own.mean():.1f}" for name, own, *_ in looks]
    return Picture(
        figure,
        f"Histograms of training string lengths: {'; '.join(sizes)}; lengths {lengths.min()} to {lengths.max()}.",
        f"Valid strings are {side} (mean {valid.mean():.1f} against {invalid.mean():.1f} characters): one cut, at "
        f"{cut} characters, already separates {percent(best.max())} of the training strings.",
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
    ends = {}
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
    next(iter(panels.values())).set_ylabel("accuracy")
    percent_axis(axes.yaxis)
    last = int(base["epoch"].max())
    reached = [f"{look(VARIANTS, v).label} {percent(a)}" for v, a in ends.items()]
    # The strongest line that still looks at one place only: what an accuracy must pass to say anything about memory.
    bar = max((v for k, v in lines.items() if "bigram" not in k), default=0.0)
    names = [k for k, v in lines.items() if v == bar]
    above = [look(VARIANTS, v).label for v, a in ends.items() if a > bar + 0.005]
    verdict = listed(above) if above else "no variant"
    beside = (
        f"; {verdict} {'pass' if len(above) > 1 else 'passes'} what “{names[0]}” gives ({percent(bar)})"
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
