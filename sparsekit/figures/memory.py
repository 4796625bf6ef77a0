"""Figures of what a network remembers: accuracy with paths cut, by how much of the end it sees, by the violation."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd
from matplotlib.ticker import MultipleLocator

from sparsekit.analysis.intervals import mean_interval
from sparsekit.analysis.memory import accuracies
from sparsekit.analysis.tables import TableError, require
from sparsekit.figures import marks
from sparsekit.figures.card import (
    Picture,
    baseline_lines,
    card,
    drawn,
    label_panel,
    percent_axis,
    sample,
    small_multiples,
)
from sparsekit.figures.style import (
    FAINT,
    INK,
    QUIET,
    RULE,
    VARIANTS,
    Look,
    counted,
    listed,
    look,
    ordered,
    percent,
    readable,
)
from sparsekit.figures.task import accuracy_floor
from sparsekit.pruning.memory import needed

CUTS = {"nothing": "nothing cut", "hidden": "hidden path cut", "carry": "carry cut", "both": "both cut"}
STYLES = ((INK, "o", "-"), ("#D55E00", "s", (0, (5, 1.5))), ("#3D94CC", "^", (0, (1.5, 1.2))), (QUIET, "D", "-"))

TABLE = "table"
MANY = 10
"""Strings from which on a place of violations is worth a word."""


@drawn
def accuracy_by_paths(paths: pd.DataFrame, baselines: Mapping[str, float]) -> Picture:
    """What is left of accuracy where paths of the past are cut, a panel per network, a row per variant and cut.

    Parameters
    ----------
    paths : DataFrame
        Rows of `memory.paths` with columns variant, seed, network.
    baselines : mapping of label to accuracy
        What needs no memory; at most three are readable.
    """
    networks = _networks(paths, ["cut"])
    variants = ordered(paths["variant"], VARIANTS)
    rows = [(v, cut) for v in variants for cut in CUTS if cut in set(paths.loc[paths["variant"] == v, "cut"])]
    told = ", ".join(f"{name} {percent(value)}" for name, value in baselines.items())
    figure, grid = card(
        132 + 24 * len(rows),
        "Which path carries the past",
        1,
        len(networks),
        sharex=True,
        sharey=True,
        note=f"Test accuracy; {_shown(paths)}" + (f"\nDotted, without memory: {told}." if told else ""),
    )
    words, found = [], {}
    for axes, network in zip(grid.flat, networks, strict=True):
        own = _over_seeds(paths[paths["network"] == network], ["variant", "cut"])
        axes.set_title(fill(network, 66 // len(networks)))
        for y, key in enumerate(rows):
            if key not in own.index:
                continue
            row, (label, colour, marker, _) = own.loc[key], look(VARIANTS, key[0])
            axes.hlines(y, row["low"], row["high"], color=colour, linewidth=2.2)
            axes.scatter(row["values"], np.full(len(row["values"]), y + 0.3), s=8, color=FAINT, linewidth=0, zorder=2)
            axes.scatter(row["mean"], y, s=40, marker=marker, color=colour, edgecolor="white", linewidth=0.8, zorder=4)
            words.append(f"{label}, {network}, {CUTS[key[1]]}: {percent(row['mean'])}{_span(row)}")
            found[key] = row["mean"]  # of the last network at the end
        for value in baselines.values():
            axes.axvline(value, color=QUIET, linewidth=1, linestyle=(0, (1, 2)), zorder=0.8)
        for y in range(1, len(rows)):
            if rows[y][0] != rows[y - 1][0]:
                axes.axhline(y - 0.5, color=RULE, linewidth=0.8)
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", color=RULE, linewidth=0.8)
        axes.set_xlim(accuracy_floor(paths["accuracy"], baselines.values()), 1.02)
        axes.set_xlabel("test accuracy")
        percent_axis(axes.xaxis)
        axes.xaxis.set_major_locator(MultipleLocator(0.25))
    labels = [f"{look(VARIANTS, v).label}, {CUTS[cut]}" for v, cut in rows]
    for (variant, _), label in zip(rows, grid[0, 0].set_yticks(range(len(rows)), labels), strict=True):
        label.label1.set_color(readable(look(VARIANTS, variant).colour))
    reading = [
        f"{look(VARIANTS, v).label} reaches {percent(found[v, 'nothing'])}, "
        + listed(f"{percent(found[v, cut])} with the {CUTS[cut]}" for cut in ("hidden", "carry") if (v, cut) in found)
        for v in variants
        if (v, "nothing") in found
    ]
    return Picture(
        figure,
        f"Dots: test accuracy with paths of the past cut. {'; '.join(words)}."
        + (f" Without memory: {told}." if told else ""),
        f"Of the networks “{networks[-1]}”, {'; '.join(reading)}.",
    )


def accuracy_by_seen(seen: pd.DataFrame, table: pd.DataFrame, margin: float = 0.02) -> Picture:
    """Accuracy over the number of last characters that a network sees, beside a table of last characters.

    Parameters
    ----------
    seen : DataFrame
        Rows of `memory.cut_at` with columns variant, seed, network.
    table : DataFrame
        As `memory.last_characters` returns it; with no rows where there is no such table.
    margin : float
        How close to the accuracy with everything seen counts as there.
    """
    looks = _looks(_networks(seen, ["seen"])) | {TABLE: Look("table of the last characters", FAINT, "", (0, (1, 2)))}
    require(table, ["seen", "accuracy"])
    means = accuracies(seen, ["variant", "network", "seen"]).sort_values("seen", kind="stable")
    drawn_rows = means.rename(columns={"variant": "panel", "network": "series", "seen": "x"})
    known = table.rename(columns={"seen": "x", "accuracy": "mean"})[["x", "mean"]].assign(series=TABLE)
    beside = [known.assign(panel=variant) for variant in drawn_rows["panel"].unique() if len(known)]
    first = next(iter(looks))
    needs = [
        f"{look(VARIANTS, v).label} {needed(own, margin)} (all: {percent(own.iloc[-1])})"
        for v in ordered(means["variant"], VARIANTS)
        if len(own := means[(means["variant"] == v) & (means["network"] == first)].set_index("seen")["mean"])
    ]
    ticks = [k for k in (1, 2, 4, 8, 16, 32, 64, 128) if k <= seen["seen"].max()]
    floor = accuracy_floor(seen["accuracy"], table["accuracy"])
    return marks.lines(
        pd.concat([drawn_rows, *beside]), "How much of the end a network needs to see",
        marks.Axis("last characters seen", scale="log", ticks=ticks),
        marks.Axis("test accuracy", percent, limits=(floor, 1.02)), looks=looks,
        note=f"The state is set to 0 before the last characters; {_shown(seen)}",
        reading=f"Of the last characters, networks “{first}” need so many to come within {100 * margin:g} points of "
        f"what all give: {', '.join(needs)}.",
    )  # fmt: skip


@drawn
def accuracy_by_violation(
    violations: pd.DataFrame | None, baselines: Mapping[str, float] | None = None, counted_from: str = "start"
) -> Picture:
    """Accuracy on invalid strings by the place of their first violation, and on valid strings at the left.

    Parameters
    ----------
    violations : DataFrame
        Rows of `memory.by_violation` with columns variant, seed, network. Without an invalid string among them, and
        of a task without a grammar, the picture says that there is nothing to place.
    baselines : mapping of label to accuracy, optional
    counted_from : {"start", "end"}
        As the places were counted.
    """
    title = "Accuracy by place of the first violation"
    if violations is None:
        return _nothing(title, "No violation to place: this task has no grammar.")
    networks = _looks(_networks(violations, ["group", "first", "last", "n"]))
    variants, baselines = ordered(violations["variant"], VARIANTS), baselines or {}
    invalid = violations[violations["group"] == "invalid"]
    if invalid.empty:
        return _nothing(title, "No violation to place: all strings probed are valid.")
    width = int((invalid["last"] - invalid["first"]).iloc[0] + 1)
    beside = invalid["first"].min() - 1.5 * width
    sizes = invalid.groupby(["first", "variant", "seed", "network"])["n"].first().groupby("first").median()
    enough = min(MANY, int(sizes.max()))
    figure, panels = small_multiples(
        variants,
        200,
        title,
        key=[sample(one) for one in networks.values()] if len(networks) > 1 else None,
        note=f"Over invalid test strings, {int(sizes.min())} to {int(sizes.max())} a mark; {_shown(violations)}",
    )
    floor = accuracy_floor(violations["accuracy"], violations["low"].dropna(), baselines.values())
    words, worst = [], []
    for variant, axes in panels.items():
        axes.set_ylim(floor, 1.02)
        for k, (network, (_, colour, marker, line)) in enumerate(networks.items()):
            own = violations[(violations["variant"] == variant) & (violations["network"] == network)]
            if own.empty:
                continue
            name, shift = f"{look(VARIANTS, variant).label}, {network}", 0.22 * width * (k - (len(networks) - 1) / 2)
            by_place = _over_seeds(own[own["group"] == "invalid"], ["first"])
            valid = _over_seeds(own[own["group"] == "valid"], ["group"])
            at = by_place.index.to_numpy() + (width - 1) / 2 + shift
            axes.plot(at, by_place["mean"], color=colour, linestyle=line, linewidth=1.3, marker=marker, markersize=4)
            axes.vlines(at, by_place["low"], by_place["high"], color=colour, linewidth=1.1, alpha=0.7)
            if len(valid):
                axes.vlines(beside + shift, valid["low"], valid["high"], color=colour, linewidth=1.1, alpha=0.7)
                axes.plot([beside + shift], valid["mean"], color=colour, marker=marker, markersize=5.5)
            told = [f"{percent(row['mean'])} at {_range(first, width)}" for first, row in by_place.iterrows()]
            words.append(f"{name}: {', '.join([*(f'{percent(v)} valid' for v in valid['mean']), *told])}")
            of_many = by_place["mean"][sizes.reindex(by_place.index) >= enough]
            worst.append((of_many.min(), f"{name} (characters {_range(of_many.idxmin(), width)})"))
        firsts = sorted(invalid["first"].unique())
        stride = -(-len(firsts) // 7)
        ticks = [f + (width - 1) / 2 for f in firsts[::stride]]
        axes.set_xticks([beside, *ticks], ["valid", *(_range(f, width) for f in firsts[::stride])])
        axes.axvline(firsts[0] - 0.6 * width, color=RULE, linewidth=0.8)
        where = (
            "last characters back to the first violation" if counted_from == "end" else "character that breaks a rule"
        )
        rightmost = label_panel(axes, where, "test accuracy")
        baseline_lines(axes, baselines, 140, labels=rightmost)
        percent_axis(axes.yaxis)
    value, where = min(worst)
    return Picture(
        figure,
        f"Test accuracy by place of the first violation, counted from the {counted_from}. {'; '.join(words)}.",
        f"Where {counted(enough, 'string')} or more break a rule at one place, most slip through {where}: "
        f"{percent(1 - value)}.",
    )


def _nothing(title: str, why: str) -> Picture:
    """A card that says why it is empty."""
    figure, ((axes,),) = card(66, title, note=why)
    axes.remove()
    return Picture(figure, f"{title}. {why}", why)


def _range(first: float, width: int) -> str:
    return f"{first:g}" if width == 1 else f"{first:g}–{first + width - 1:g}"


def _networks(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """The networks of a table, in their order there."""
    require(table, ["variant", "seed", "network", *columns, "accuracy", "low", "high"])
    if table.empty:
        raise TableError("the table has no rows")
    return list(dict.fromkeys(table["network"]))


def _looks(networks: Sequence[str]) -> dict[str, Look]:
    if len(networks) > len(STYLES):
        raise TableError(f"{len(networks)} networks in one figure ({listed(networks)}): give at most {len(STYLES)}")
    return {name: Look(name, *style) for name, style in zip(networks, STYLES, strict=False)}


def _shown(table: pd.DataFrame) -> str:
    seeds = table["seed"].nunique()
    return f"mean over {seeds} seeds with 95 % interval." if seeds > 1 else "one seed, 95 % Wilson intervals."


def _over_seeds(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Mean over seeds with its interval, and the seeds' values; of one seed, its own interval over strings."""
    rows = {}
    for key, group in table.groupby(by):
        values = group["accuracy"].to_numpy()
        ends = mean_interval(values, low=0, high=1)[1:] if len(values) > 1 else group[["low", "high"]].to_numpy()[0]
        rows[key if len(by) > 1 else key[0]] = {
            "mean": values.mean(),
            "low": ends[0],
            "high": ends[1],
            "values": values,
        }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["mean", "low", "high", "values"])


def _span(row: pd.Series) -> str:
    return f" ({percent(row['low'])} to {percent(row['high'])})" if np.isfinite(row["low"]) else ""
