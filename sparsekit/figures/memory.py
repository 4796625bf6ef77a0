"""Figures of what a network remembers: accuracy with paths cut, by how much of the end it sees, by the violation."""

from collections.abc import Mapping, Sequence
from textwrap import fill

import numpy as np
import pandas as pd

from sparsekit.analysis.memory import accuracies, by_place, needed
from sparsekit.analysis.tables import TableError, require
from sparsekit.figures import marks
from sparsekit.figures.card import Picture, nothing
from sparsekit.figures.marks import ACCURACY, Axis
from sparsekit.figures.style import FAINT, INK, QUIET, VARIANTS, Look, look, ordered
from sparsekit.figures.task import accuracy_floor
from sparsekit.figures.words import counted, listed, percent

CUTS = {"nothing": "nothing cut", "hidden": "hidden path cut", "carry": "carry cut", "both": "both cut"}
STYLES = ((INK, "o", "-"), ("#D55E00", "s", (0, (5, 1.5))), ("#3D94CC", "^", (0, (1.5, 1.2))), (QUIET, "D", "-"))
WHERE = {"start": "character that breaks a rule", "end": "last characters back to the first violation"}
TABLE = "table"
MANY = 10  # strings from which on a place of violations is worth a word


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
    rows = paths.assign(row=paths["cut"].map(CUTS)).rename(columns={"variant": "group", "network": "panel"})
    means = accuracies(rows, ["panel", "group", "cut", "row"])
    last = means[(means["panel"] == networks[-1]) & (means["cut"] != "both")]
    reached = [
        f"{look(VARIANTS, v).label} "
        + listed(f"{percent(row.mean)} ({row.row})" for row in last.itertuples() if row.group == v)
        for v in ordered(last["group"], VARIANTS)
    ]
    told = ", ".join(f"{name} {percent(value)}" for name, value in baselines.items())
    limits = (accuracy_floor(paths["accuracy"], baselines.values()), 1.02)
    return marks.forest(
        means, "Which path carries the past", ACCURACY._replace(limits=limits, ticks=(0, 0.25, 0.5, 0.75, 1)),
        panels={name: Look(fill(name, 66 // len(networks)), INK, "o", "-") for name in networks}, groups=VARIANTS,
        dots=rows.rename(columns={"accuracy": "value"}), zero=None, baselines=baselines,
        note=f"Test accuracy; {_shown(paths)}" + (f"\nDotted, without memory: {told}." if told else ""),
        reading=f"Of the networks “{networks[-1]}”: {'; '.join(reached)}.",
    )  # fmt: skip


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
        Axis("last characters seen", scale="log", ticks=ticks), ACCURACY._replace(limits=(floor, 1.02)), looks=looks,
        note=f"The state is set to 0 before the last characters; {_shown(seen)}",
        reading=f"Of the last characters, networks “{first}” need so many to come within {100 * margin:g} points of "
        f"what all give: {', '.join(needs)}.",
    )  # fmt: skip


def accuracy_by_violation(
    violations: pd.DataFrame | None, baselines: Mapping[str, float] | None = None, counted_from: str = "start"
) -> Picture:
    """Accuracy on invalid strings by the place of their first violation, and on valid strings at the left.

    Parameters
    ----------
    violations : DataFrame
        Rows of `memory.by_violation` with columns variant, seed, network. Without an invalid string among them, and
        without a table (of a task without a grammar), the picture says that there is nothing to place.
    counted_from : {"start", "end"}
        As the places were counted.
    """
    title = "Accuracy by place of the first violation"
    if violations is None:
        return nothing(title, "No violation to place: this task has no grammar.")
    looks = _looks(_networks(violations, ["group", "first", "last", "n"]))
    means = by_place(violations)
    invalid, valid = means[means["place"] > 0], means[means["place"] < 0]
    if invalid.empty:
        return nothing(title, "No violation to place: all strings probed are valid.")
    sizes, enough = invalid["strings"], min(MANY, int(invalid["strings"].max()))
    worst = invalid.loc[invalid["mean"][sizes >= enough].idxmin()]
    labels = dict(sorted(zip(means["place"], means["characters"], strict=True)))
    ticks = [place for place in labels if place < 0 or (place - 1) % (-(-len(labels) // 7)) == 0]
    beside = {name: 0.22 * (k - (len(looks) - 1) / 2) for k, name in enumerate(looks)}
    gap = valid.assign(place=0, mean=np.nan, low=np.nan, high=np.nan)
    rows = pd.concat([valid, gap, invalid]).assign(x=lambda t: t["place"] + t["network"].map(beside))
    floor = accuracy_floor(violations["accuracy"], violations["low"].dropna(), (baselines or {}).values())
    return marks.lines(
        rows.rename(columns={"variant": "panel", "network": "series"}), title,
        Axis(WHERE[counted_from], lambda x: labels[round(x)], ticks=ticks), ACCURACY._replace(limits=(floor, 1.02)),
        looks=looks, whiskers=True, baselines=baselines or {},
        note=f"Over invalid test strings, {sizes.min():.0f} to {sizes.max():.0f} a mark; {_shown(violations)}",
        reading=f"Where {counted(enough, 'string')} or more break a rule at one place, most slip through "
        f"{look(VARIANTS, worst['variant']).label}, {worst['network']} (characters {worst['characters']}): "
        f"{percent(1 - worst['mean'])}.",
    )  # fmt: skip


def _networks(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
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
