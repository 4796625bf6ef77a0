"""Figures of RQ1 and RQ2: what pruning does to accuracy, and how much can go before it drops."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sparsekit.analysis.conditions import chosen, single
from sparsekit.analysis.intervals import over_seeds
from sparsekit.analysis.pruning import beside_random, margin_ends
from sparsekit.analysis.recovery import mean_base
from sparsekit.analysis.tables import require
from sparsekit.analysis.verdicts import FEWEST_SEEDS, end_in_words
from sparsekit.figures import marks, style
from sparsekit.figures.axis import POINTS, Axis, percent_pruned
from sparsekit.figures.card import nothing
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import TARGETS, VARIANTS, Looks, look, ordered
from sparsekit.figures.task import Baselines, accuracy_axis, beside_base
from sparsekit.figures.words import counted, each, label, listed, percent, shown_over, weights_of, with_diverged


def accuracy_by_percentage(
    pruning: pd.DataFrame, baselines: Baselines, margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """RQ1: accuracy at once after pruning against the percentage pruned, a panel per variant, a line per target.

    Of `tables.PRUNING`, of one condition, else a TableError; the margin under the base is shaded.
    """
    target = ordered(single(pruning)["target"], TARGETS)[0]
    fell = margin_ends(pruning, "target", margin)["fell"].xs(target, level="target")
    fell = fell.map(lambda at: f"at {at:g} %" if np.isfinite(at) else "never")
    reading = f"With {weights_of(target)} pruned, mean accuracy first falls more than {100 * margin:g} points below the"
    words = {"title": "Accuracy at once after pruning", "reading": f"{reading} base: {', '.join(each(fell))}."}
    return _against_base(pruning, "target", TARGETS, baselines, margin, confidence, **words)


def _against_base(
    own: pd.DataFrame,
    series: str,
    looks: Looks,
    baselines: Baselines,
    margin: float,
    confidence: float,
    x: str = "percent",
    axis: Axis | None = None,
    **words: Any,
) -> Picture:
    """Mean accuracy with single seeds over the percentage or another column, beside base and baselines."""
    names = {"variant": "panel", series: "series", x: "x", "accuracy": "value"}
    means = over_seeds(own, ["variant", series, x], "accuracy", confidence, low=0, high=1)
    axis = axis or percent_pruned(own["percent"], ticks=range(20, 101, 20))
    words["note"] = f"{shown_over(own['seed'].nunique(), confidence, each='thin')} Dotted: no memory."
    words["seeds"] = own[["seed", *names]].rename(columns=names)
    words["reading"] = with_diverged(words["reading"], own["accuracy"])
    return beside_base(means, own, (series, x), axis, looks, baselines, margin, **words)


def half_dropped(table: pd.DataFrame, reported: Mapping[tuple[str, str], float] | None = None) -> Picture:
    """RQ2: the percentage at which half of the seeds have dropped, with its interval, beside the reported one.

    Of what `analysis.verdicts.half_dropped` returns, of one condition, else a TableError; by variant and target, the
    percentages reported to be safe.
    """
    title = "How much can be pruned before accuracy drops"
    if table.empty:
        return nothing(title, "No network is above chance before pruning, so none can drop.")
    own = single(table.reset_index())
    own = own.rename(columns={"variant": "group", "target": "row", "percent": "mean"})
    own["text"] = [end_in_words(row) for row in own.to_dict("records")]
    if reported:
        own["reported"] = [reported.get(key, np.nan) for key in table.index]
    return marks.forest(
        own,
        title,
        Axis("percentage at which half of the seeds have left the margin", "{:.0f} %".format, limits=(0, 100)),
        groups=VARIANTS,
        rows=TARGETS,
        zero=None,
        note="Small dots: the last percentage that each seed held.",
        dots=own.explode("held").astype({"held": float}).rename(columns={"held": "value"}),
        reading=_most_and_least(own),
    )


def _most_and_least(own: pd.DataFrame) -> str:
    """Where most and least can go, with their intervals."""
    told = [
        f"{label(row.group)}, {label(row.row)}: {row.text or f'{row.mean:.0f} %'} ({row.low:.0f} to {row.high:.0f})"
        for row in own.itertuples()
    ]
    reading = "Half of the seeds have dropped, "
    reading += f"latest with {told[own['mean'].argmax()]}; earliest with {told[own['mean'].argmin()]}"
    if len(own) == 1:
        reading = f"Half of the seeds have dropped with {told[0]}"
    return f"{reading}."


def tolerances(table: pd.DataFrame, margin: float = 0.02, target: str = "both", confidence: float = 0.95) -> Picture:
    """Change of accuracy against the base of the same seed, by seed, and how many seeds are within the margin.

    Of what `analysis.verdicts.tolerance` returns, of one condition and of any targets, else a TableError; margin and
    confidence are those of the table.
    """
    own = single(chosen(table.reset_index(), target=target)).sort_values("percent", kind="stable")
    points, left = f"{100 * margin:g} points", -5.5 * margin
    own = own.assign(
        row=own["percent"].map("{:g} %".format),
        hollow=own["verdict"] == "undecided",
        text=own["said"],
        mean=-own["drop"],
        low=-own["drop_high"],
        high=-own["drop_low"],
    ).rename(columns={"variant": "panel"})
    dots = own.explode("drops").rename(columns={"drops": "value"})
    dots["value"] = (-dots["value"].astype(float)).clip(lower=left)
    return marks.forest(
        own,
        f"How many seeds stay within {points} of their base? {weights_of(target).capitalize()} pruned",
        POINTS._replace(limits=(left, 3 * margin), ticks=[k * margin for k in (-4, -2, 0, 2)]),
        dots=dots,
        spans=dict.fromkeys(own["panel"], (-margin, 3 * margin)),
        columns=2,
        note=f"Accuracy less the base's: small dots single seeds, marks interquartile means, {100 * confidence:g} % "
        f"intervals from {FEWEST_SEEDS} seeds on. Full marks: kept or dropped is shown.",
        reading=_said(own, points),
    )


def _said(own: pd.DataFrame, points: str) -> str:
    """What was seen, and what is shown by it."""
    seen, counts = (own["share"] == 1).sum(), own["verdict"].value_counts()
    reading = f"In {seen} of {counted(len(own), 'condition')} all seeds were within {points} of their base"
    shown = listed(f"{counts.get(verdict, 0)} {verdict}" for verdict in ("kept", "dropped"))
    few = own["n"].max() < FEWEST_SEEDS
    return f"{reading}; shown are {shown}{f', as kept takes {FEWEST_SEEDS} seeds or more' if few else ''}."


def accuracy_by_compression(
    pruning: pd.DataFrame,
    baselines: Baselines,
    target: str = "both",
    score: str = "magnitude",
    scope: str = "global",
    margin: float = 0.02,
    confidence: float = 0.95,
) -> Picture:
    """Accuracy against compression, a panel per variant, one score in one scope beside the random controls.

    Of the table that `analysis.pruning.beside_random` takes, which says what is drawn, but of any targets.
    """
    own = beside_random(chosen(pruning, target=target), score, scope)
    looks = {f"{a} {b}": _rule(a, b) for a, b in ((score, scope), ("random", "global"), ("random", "layer"))}
    most, form = own["compression"].max(), "{:.3g}×".format
    ticks = 2.0 ** np.arange(0, np.log2(most) + 1, max(1, np.log2(most) // 4))
    axis = Axis("weights, dense / pruned", form, ("log", {"base": 2}), (0.93, most * 1.2), ticks)
    held = margin_ends(own, "rule", margin, "compression")["held"].fillna(1)
    words = {"title": f"Accuracy at once after pruning against compression{_named(target)}"}
    words["reading"] = f"Highest tested compression at which mean accuracy {_held_in(held, looks, margin, '×')}"
    return _against_base(own, "rule", looks, baselines, margin, confidence, "compression", axis, **words)


def _rule(score: str, scope: str) -> style.Look:
    """Look of a score in a scope; scopes of random pruning differ by marker and line."""
    one = look(style.SCORES, score)
    one = one._replace(label=f"{one.label} ({look(style.SCOPES, scope).label})")
    return one if score != "random" or scope == "global" else one._replace(marker="X", line=(0, (4, 1.2, 1, 1.2)))


def _named(target: str) -> str:
    return "" if target == "both" else f", {weights_of(target)}"


def _held_in(held: pd.Series, looks: Looks, margin: float, unit: str) -> str:
    """Over variants, the smallest and the largest of each series that stays within the margin; 0 is none."""
    told = []
    for name in ordered(held.index.get_level_values(1), looks):
        ends = held.xs(name, level=1).agg(["min", "max"])
        ends = dict.fromkeys(f"{end:.3g}{unit}" if end else "none" for end in ends)
        told.append(f"{look(looks, name).label} {' to '.join(ends)}")
    over = counted(held.index.get_level_values(0).nunique(), "variant")
    return f"is within {100 * margin:g} points of the base, lowest to highest of {over}: {listed(told)}."


def scores_and_scopes(
    pruning: pd.DataFrame, target: str = "both", margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """Accuracy by score and scope, a panel per variant, a heading per percentage, a row per scope.

    Of `tables.PRUNING`, score, scope, at the percentages compared; of one schedule and recovery, else a TableError.
    """
    require(pruning, ["score", "scope"])
    own = chosen(pruning, target=target)
    single(own.drop(columns=["score", "scope"]))
    means = over_seeds(own, ["variant", "percent", "scope", "score"], "accuracy", confidence, low=0, high=1)
    means = means.sort_values("percent", kind="stable")
    means["group"] = means["percent"].map("{:g} %".format)
    over_all = means.groupby(["variant", "scope", "score"], sort=False)["mean"].mean()
    rules = means[["scope", "score"]].drop_duplicates()
    told = []
    for name in ordered(own["variant"], VARIANTS):
        scope, score = over_all[name].idxmax()
        told.append(f"{label(name)} {_rule(score, scope).label}, {percent(over_all[name].max())}")
    best = f"Highest mean accuracy at {listed(means['group'].unique())}, the best of {len(rules)} rules partly"
    return marks.forest(
        means.rename(columns={"variant": "panel", "scope": "row", "score": "series"}),
        f"Accuracy at once after pruning, by score and scope{_named(target)}",
        accuracy_axis(own["accuracy"], ticks=(0, 0.5, 1)),
        looks=style.SCORES,
        rows=style.SCOPES,
        zero=None,
        spans={name: (base - margin, base) for name, base in mean_base(own).items()},
        note=f"{shown_over(own['seed'].nunique(), confidence, 'lines')} "
        f"Grey: within {100 * margin:g} points of the base.",
        reading=with_diverged(f"{best} by luck: {'; '.join(told)}.", own["accuracy"]),
    )


def accuracy_by_schedule(
    recovered: pd.DataFrame, baselines: Baselines, target: str = "both", margin: float = 0.02, confidence: float = 0.95
) -> Picture:
    """Accuracy at the end of retraining against percentage, a panel per variant, a line per schedule.

    Of what `analysis.conditions.after_recovery` returns, with a column schedule; of one score, scope and recovery, else
    a TableError.
    """
    require(recovered, ["schedule"])
    own = chosen(recovered, target=target)
    single(own.drop(columns="schedule"))
    held = margin_ends(own, "schedule", margin)["held"].fillna(0)
    words = {"title": f"Accuracy after retraining, by pruning schedule{_named(target)}"}
    if own["percent"].nunique() == 1:
        named = ordered(held.index.get_level_values(1), style.SCHEDULES)
        kept = [f"{look(style.SCHEDULES, name).label} in {(held.xs(name, level=1) > 0).sum()}" for name in named]
        words["reading"] = (
            f"At {own['percent'].iloc[0]:g} % mean accuracy after retraining is within {100 * margin:g} points of the "
            f"base: {listed(kept)} of {counted(held.index.get_level_values(0).nunique(), 'variant')}."
        )
    else:
        told = _held_in(held, style.SCHEDULES, margin, " %")
        words["reading"] = f"Highest tested percentage at which mean accuracy after retraining {told}"
    return _against_base(own, "schedule", style.SCHEDULES, baselines, margin, confidence, **words)
