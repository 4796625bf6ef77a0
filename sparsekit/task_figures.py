"""Figures of the task and of the base networks, and what figures of accuracy share."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sparsekit import baselines as memoryless
from sparsekit.pictures import Picture, baseline_lines, card, drawn, percent_axis, small_multiples
from sparsekit.statistics import mean_interval
from sparsekit.style import (
    TARGETS,
    VARIANTS,
    counted,
    listed,
    look,
    ordered,
    percent,
)

if TYPE_CHECKING:
    from sparsekit.tasks import Task

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
