"""Figures of what a network remembers: pasts told apart, and accuracy by network, distance and violation."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sparsekit.analysis.memory import accuracies, across, by_place
from sparsekit.analysis.tables import TableError, require
from sparsekit.figures import marks
from sparsekit.figures.axis import Axis
from sparsekit.figures.card import nothing
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import FAINT, NONE, SERIES, VARIANTS, Look, ordered
from sparsekit.figures.task import accuracy_axis
from sparsekit.figures.words import counted, each, label, listed, percent

WITH = {"class": "a past of the other class", "state": "a past that leads to another state"}
WHERE = {"start": "character that breaks a rule", "end": "last characters back to the first violation"}
LONGER = "longer"
MANY = 10  # strings, or pairs of them, from which on a place is worth a word


def told_apart(told: pd.DataFrame, whole: pd.DataFrame, past: str = "class") -> Picture:
    """How many pairs of strings with one end, but pasts that give it other labels, get both verdicts right.

    Parameters
    ----------
    told, whole : DataFrame
        Of `memory.with_another_past` and `memory.whole`, with columns variant, seed, network.
    past : {"class", "state"}
        What stands before the second string's end; before the first's, the past that leaves its label.
    """
    title, own = f"Told apart by {WITH[past]}", told[told["past"] == past]
    own = own[own["n"] >= min(MANY, own["n"].max())]  # of few pairs nothing is to be seen
    if own.empty:
        return nothing(title, "Nothing to tell apart: no rules, or no two pasts, give one end both labels.")
    looks = _looks(_networks(own, ["seen"])) | {LONGER: Look("strings that are longer", FAINT, "", (0, (1, 2)))}
    means = accuracies(own, ["variant", "network", "seen"]).sort_values("seen", kind="stable")
    rows = means.rename(columns={"variant": "panel", "network": "series", "seen": "x"})
    longer = own.groupby(["variant", "seen"], as_index=False)["longer"].first().assign(series=LONGER)
    beside = longer.rename(columns={"variant": "panel", "seen": "x", "longer": "mean"})
    ticks = [k for k in (1, 2, 4, 8, 16, 32, 64, 128) if k <= own["seen"].max()]
    return marks.lines(
        pd.concat([rows, beside]),
        title,
        Axis("last characters in common", scale="log", ticks=ticks),
        Axis("pairs told apart", percent, limits=(-0.03, 1.03)),
        looks=looks,
        note=f"Over {_range(own['n'])} pairs a mark; {_shown(own)}\nWho sees only the common "
        "characters tells no pair apart; who guesses, a quarter.",
        reading=_told(own, whole, next(iter(looks))),
    )


def _told(own: pd.DataFrame, whole: pd.DataFrame, network: str) -> str:
    """What networks of this name tell apart across the most characters for which there are enough pairs."""
    whole = whole[whole["network"] == network]
    found, at_chance = across(own[own["network"] == network], whole, MANY)
    names = [f"{label(row.variant)} {percent(row.mean)}" for row in found.itertuples()]
    out = [label(v) for v in ordered(at_chance, VARIANTS)]
    left = f"; seeds at chance are left out ({listed(out)})" if out else ""
    if not names:
        return f"Of {counted(whole['n'].max(), 'test string')} probed, nothing can be said{left}."
    return (
        f"Of {counted(whole['n'].max(), 'test string')} probed, {counted(found['pairs'].min(), 'pair')} or more have "
        f"the last {counted(found['seen'].iloc[0], 'character')} in common; of these, networks “{network}” told apart "
        f"by {WITH[own['past'].iloc[0]]}: {', '.join(names)}{left}."
    )


def accuracy_by_network(whole: pd.DataFrame, baselines: Mapping[str, float]) -> Picture:
    """Accuracy on the test strings as they are, a panel per variant, a row per network.

    Of rows of `memory.whole` with columns variant, seed, network; baselines need no memory.
    """
    _networks(whole, ["n"])
    names = {"variant": "panel", "network": "row", "accuracy": "value"}
    means = accuracies(whole, ["variant", "network"]).rename(columns=names)
    last = means[means["row"] == means["row"].iloc[-1]].set_index("panel")["mean"]
    reached = each(last, percent)
    told = ", ".join(f"{name} {percent(value)}" for name, value in baselines.items())
    return marks.forest(
        means.assign(text=means["mean"].map(percent)),
        "What the networks reach, pruned or not",
        accuracy_axis(whole["accuracy"], whole["low"]),
        zero=None,
        columns=2,
        dots=whole.rename(columns=names),
        note=f"Over {counted(whole['n'].max(), 'test string')}; {_shown(whole)}\nWithout memory: {told}.",
        reading=f"Networks “{means['row'].iloc[-1]}” reach {listed(reached)}.",
    )


def accuracy_by_distance(distance: pd.DataFrame | None, baselines: Mapping[str, float] = NONE) -> Picture:
    """Accuracy by the characters across which a string must be remembered.

    Of rows of `memory.by_distance` with columns variant, seed, network; None of a task that does not say.
    """
    title = "Accuracy by the distance to be remembered"
    if distance is None:
        return nothing(title, "No distance to tell: this task does not say what must be remembered across how many.")
    looks = _looks(_networks(distance, ["first", "last", "n"]))
    means = accuracies(distance, ["variant", "network", "first", "last"]).assign(
        x=lambda t: (t["first"] + t["last"]) / 2
    )
    labels = {row.x: f"{row.first:g}–{row.last:g}" for row in means.sort_values("x").itertuples()}
    farthest = means[means["network"] == next(iter(looks))].sort_values("x").groupby("variant").tail(1)
    last = farthest.set_index("variant")["mean"]
    reached = each(last, percent)
    return marks.lines(
        means.rename(columns={"variant": "panel", "network": "series"}),
        title,
        Axis("characters", lambda x: labels.get(x, f"{x:g}"), ticks=list(labels)[:: -(-len(labels) // 5)]),
        accuracy_axis(distance["accuracy"], distance["low"], baselines.values()),
        looks=looks,
        baselines=baselines,
        note=f"{_range(distance['n'])} test strings a mark; {_shown(distance)}",
        reading=f"Networks “{next(iter(looks))}”, across {list(labels.values())[-1]} characters: {listed(reached)}.",
    )


def accuracy_by_violation(
    violations: pd.DataFrame | None, baselines: Mapping[str, float] = NONE, counted_from: str = "start"
) -> Picture:
    """Accuracy on invalid strings by the place of their first violation, and on valid strings at the left.

    Of rows of `memory.by_violation` with columns variant, seed, network, places counted from the "start" or the "end".
    Without an invalid string, or a table (of a task without a grammar), the picture says that nothing is to be placed.
    """
    title = "Accuracy by place of the first violation"
    if violations is None:
        return nothing(title, "No violation to place: this task has no grammar.")
    looks = _looks(_networks(violations, ["group", "first", "last", "n"]))
    means = by_place(violations)
    invalid, valid = means[means["place"] > 0], means[means["place"] < 0]
    if invalid.empty:
        return nothing(title, "No violation to place: all strings probed are valid.")
    labels = dict(sorted(zip(means["place"], means["characters"], strict=True)))
    ticks = [place for place in labels if place < 0 or (place - 1) % (-(-len(labels) // 7)) == 0]
    beside = {name: 0.22 * (k - (len(looks) - 1) / 2) for k, name in enumerate(looks)}
    gap = valid.assign(place=0, mean=np.nan, low=np.nan, high=np.nan)
    rows = pd.concat([valid, gap, invalid]).assign(x=lambda t: t["place"] + t["network"].map(beside))
    return marks.lines(
        rows.rename(columns={"variant": "panel", "network": "series"}),
        title,
        Axis(WHERE[counted_from], lambda x: labels[round(x)], ticks=ticks),
        accuracy_axis(violations["accuracy"], violations["low"].dropna(), baselines.values()),
        looks=looks,
        whiskers=True,
        baselines=baselines,
        note=f"Over invalid test strings, {_range(invalid['strings'])} a mark; {_shown(violations)}",
        reading=_slips(invalid),
    )


def _range(sizes: pd.Series) -> str:
    return f"{sizes.min():.0f} to {sizes.max():.0f}"


def _slips(invalid: pd.DataFrame) -> str:
    """Where most invalid strings pass for valid."""
    enough = min(MANY, int(invalid["strings"].max()))
    worst = invalid.loc[invalid["mean"][invalid["strings"] >= enough].idxmin()]
    return (
        f"Where {counted(enough, 'string')} or more break a rule at one place, most slip through "
        f"{label(worst['variant'])}, {worst['network']} (characters {worst['characters']}): "
        f"{percent(1 - worst['mean'])}."
    )


def _networks(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    require(table, ["variant", "seed", "network", *columns, "accuracy", "low", "high"])
    if table.empty:
        raise TableError("the table has no rows")
    return list(dict.fromkeys(table["network"]))


def _looks(networks: Sequence[str]) -> dict[str, Look]:
    if len(networks) > len(SERIES):
        raise TableError(f"{len(networks)} networks in one figure ({listed(networks)}): give at most {len(SERIES)}")
    return {name: Look(name, *style) for name, style in zip(networks, SERIES, strict=False)}


def _shown(table: pd.DataFrame) -> str:
    seeds = table["seed"].nunique()
    return f"mean over {seeds} seeds with 95 % interval." if seeds > 1 else "one seed, 95 % Wilson intervals."
