"""Figures of RQ5: how well graph properties predict accuracy, and how much one split can mislead."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from sparsekit.analysis.correlation import by_variant
from sparsekit.analysis.cross_validation import ALL
from sparsekit.analysis.prediction import SIZES, ranked_clusters, spread
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.axis import Axis
from sparsekit.figures.correlation import Reported
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import GENERATORS, INK, QUIET, SEQUENTIAL, VARIANTS, Look, look, ordered
from sparsekit.figures.words import label, listed, number, reach, words_of

FROM_WHITE = LinearSegmentedColormap.from_list("from_white", ["#ffffff", *SEQUENTIAL(np.linspace(0, 0.8, 5))])
ERROR = Axis("error (RMSE), points", lambda share: number(100 * share, 1))
SPLITS = {
    "many": Look("many splits", QUIET, "o", "-"),
    "once": Look("published split", INK, "v", "-"),
}


def prediction_splits(
    distributions: Mapping[str, pd.DataFrame], single: Mapping[str, pd.DataFrame], reported: Reported | None = None
) -> Picture:
    """The published single split beside many splits: R², or the error where a split tests fewer than ten networks.

    Parameters
    ----------
    distributions : mapping of variant to DataFrame
        As `analysis.prediction.split_distribution` returns them.
    single : mapping of variant to DataFrame
        The published split on this run's networks (`analysis.prediction.published_prediction`).
    reported : mapping of variant to mapping of model to R², optional
    """
    score = "r2" if any(of["r2"].notna().any() for of in single.values()) else "rmse"
    many = pd.concat({v: spread(distributions[v], score) for v in ordered(distributions, VARIANTS)}, names=["panel"])
    once = pd.concat(dict(single))[score].reindex(many.index).rename("mean").to_frame().assign(series="once")
    if reported and score == "r2":
        once["reported"] = [reported.get(v, {}).get(model, np.nan) for v, model in once.index]
    rows = pd.concat([many.assign(series="many"), once]).rename_axis(["panel", "row"]).reset_index()
    rows = rows.dropna(subset=["mean"]) if rows["mean"].notna().any() else rows
    axis = Axis("R²", number, limits=(-1, 1), ticks={-1: "−1", 0: "0", 1: "1"}) if score == "r2" else ERROR
    return marks.forest(
        rows.assign(row=rows["row"].map(words_of)),
        "How well graph properties predict test accuracy, split by split",
        axis,
        looks=SPLITS,
        note="Many splits: median, quartiles, and 5 to 95 %. Mean: of the networks trained on.",
        reading=_splits_told(many, score),
    )


def _splits_told(many: pd.DataFrame, score: str) -> str:
    """How far a split's score moves, in the median over variants and models."""
    known = many.drop(index="mean", level="model").dropna(subset=["low"])
    if known.empty:
        return "Too few networks to split, so no error of a prediction."
    moved = (known["high"] - known["low"]).median()
    if score == "r2":
        return f"Between the 5th and 95th percentile of the splits R² moves by {number(moved)} in the median."
    by_mean = many.xs("mean", level="model")["mean"].reindex(known.index.get_level_values("panel"))
    better = int((known["mean"].to_numpy() < by_mean.to_numpy()).sum())
    return (
        "A split tests fewer than ten networks, too few for an R². The median split's error is below that of the mean "
        f"of the networks trained on in {better} of {len(known)} pairs of variant and model; between the 5th and 95th "
        f"percentile of the splits it moves by {number(100 * moved, 1)} points."
    )


def importances(tables: Mapping[str, pd.DataFrame]) -> Picture:
    """The random forest's feature importances for each feature set, per variant, and how well it predicts.

    Of the tables by variant that `analysis.prediction.importances` returns; under each set stands its R², or its error
    in points where the split tests fewer than ten networks.
    """
    variants = ordered(tables, VARIANTS)
    letters = {name: chr(ord("a") + k) for k, name in enumerate(tables[variants[0]].index)}
    scores = {v: tables[v].attrs["scores"] for v in variants}
    of = "r2" if any(np.isfinite(one["r2"]) for own in scores.values() for one in own.values()) else "rmse"
    form, name = (_short, "R² of the forest") if of == "r2" else (_points, "error, points")
    long = pd.concat({v: tables[v].rename_axis(index="set", columns="row") for v in variants}, names=["panel"])
    long = long.stack(future_stack=True).rename("value").reset_index()
    text = [f"{100 * v:.0f}" if np.isfinite(v) else "" for v in long["value"]]
    long = long.assign(column=long["set"].map(letters), row=long["row"].map(words_of), text=text)
    under = [(v, letters[s], form(scores[v][s][of])) for v in variants for s in letters]
    under = pd.DataFrame(under, columns=["panel", "column", "text"]).assign(row=name, value=np.nan)
    first = {v: tables[v].iloc[0].dropna() for v in variants}
    tops = [f"{label(v)} {words_of(of.idxmax())}" for v, of in first.items() if len(of)]
    reading = f"With {words_of(next(iter(letters)))} features the forest looks most at: {'; '.join(tops)}."
    return marks.heatmap(
        pd.concat([long, under], ignore_index=True),
        "What the random forest looks at",
        panels=VARIANTS,
        cmap=FROM_WHITE,
        limits=(0, 0.25, max(0.5, float(np.nan_to_num(long["value"].max())))),
        note="Importance in percent; blank: the set leaves the property out.\n"
        + ";  ".join(f"{letter}: {words_of(name)}" for name, letter in letters.items()),
        reading=reading if tops else "Too few networks to test a forest on.",
    )


def _points(error: float) -> str:
    return number(100 * error, 1) if np.isfinite(error) else "–"


def _short(r2: float) -> str:
    """R² in four characters, so that four columns a variant fit side by side: the ends are cut off at −9.9."""
    if not np.isfinite(r2):
        return "–"
    return number(r2, 2).replace("0.", ".", 1) if abs(r2) < 1 else number(r2, 1) if r2 > -9.95 else "< −9"


def nested_scores(table: pd.DataFrame, ceilings: pd.DataFrame | None = None) -> Picture:
    """RQ5: out-of-fold R² of all properties and of each baseline, below the noise ceiling.

    Of what `analysis.cross_validation.nested_prediction` returns, and `analysis.structure.intraclass`. The reading
    compares with the baseline that knows most of size and widths.
    """
    require(table, ["r2", "r2_low", "r2_high", "gain", "p_value"])
    tables = {v: by_variant(table)[v] for v in ordered(by_variant(table), VARIANTS)}
    against, spans = strongest_baseline(next(iter(tables.values())).index) or ALL, {}
    known = {v: own for v, own in tables.items() if np.isfinite(own.loc[ALL, "p_value"])}
    for variant in tables:
        if ceilings is not None and variant in ceilings.index and np.isfinite(ceilings.loc[variant, "ceiling"]):
            spans[variant] = tuple(ceilings.loc[variant, ["ceiling_low", "ceiling_high"]])
    rows = pd.concat(tables, names=["panel", "row"]).reset_index().rename(columns={"r2_low": "low", "r2_high": "high"})
    return marks.forest(
        rows.assign(row=rows["row"].map(_words), hollow=rows["row"] != ALL).rename(columns={"r2": "mean"}),
        "How well accuracy is predicted for unseen graphs (R²)",
        Axis("R²", number, limits=(-0.6, 1)),
        spans=spans,
        columns=2,
        note="Out of fold: mean and middle 90 % of cuts. Filled: all properties. Grey: the noise ceiling.",
        reading=_predicted(known, against),
    )


def _predicted(known: Mapping[str, pd.DataFrame], against: str) -> str:
    """How far all properties predict, how surely, and what they add to the baseline."""
    if not known:
        return "Too few graphs to predict any from the others."
    r2, p = ({v: own.loc[ALL, name] for v, own in known.items()} for name in ("r2", "p_value"))
    gain = reach({v: own.loc[against, "gain"] for v, own in known.items()}, lambda v: number(v, sign=True))
    told = f"All properties reach a mean R² of {reach(r2)}, beyond {_words(against)} a gain of {gain}"
    return f"{told}; p is {reach(p, lambda v: number(v, 3))}."


def strongest_baseline(names: Iterable[str]) -> str:
    """The baseline that knows most of size and interface widths among those of a table."""
    known = ("size_and_widths", "size", "widths", "density", "log_parameters", "mean")
    return next((name for name in known if name in names), "")


def _words(features: str) -> str:
    return "all properties" if features == ALL else words_of(features)


def cluster_importances(table: pd.DataFrame) -> Picture:
    """RQ5: how much R² falls where a cluster of properties is shuffled among held-out graphs.

    Of what `analysis.cross_validation.cluster_importance` returns.
    """
    require(table, ["members", "fall", "fall_low", "fall_high"])
    names = {"variant": "panel", "fall": "mean", "fall_low": "low", "fall_high": "high"}
    rows = ranked_clusters(table).rename(columns=names)
    more = [f" +{len(members) - 1}" if len(members) > 1 else "" for members in rows["members"]]
    tops = []
    for variant in ordered(rows["panel"], VARIANTS):
        clear = rows[(rows["panel"] == variant) & (rows["low"] > 0)]
        named = [_with_sizes(row.cluster, row.members) for row in clear.itertuples()]
        tops.append(f"{label(variant)}: {listed(named or ['none'])}")
    return marks.forest(
        rows.assign(row=rows["cluster"].map(words_of) + more),
        "What the prediction rests on",
        Axis("fall of R²", number),
        note="Fall of out-of-fold R² with a cluster shuffled, middle 90 % of cuts. +n: so many more tell the same.",
        reading=f"Clusters whose shuffling costs R² in 95 % of the cuts: {'; '.join(tops).rstrip('.')}."
        if rows["mean"].notna().any()
        else "Too few graphs to tell what a prediction rests on.",
    )


def _with_sizes(cluster: str, members: Iterable[str]) -> str:
    """A cluster with the sizes and widths that it holds: they, not structure, may be what counts."""
    sizes = [words_of(name) for name in SIZES if name in members and name != cluster]
    return words_of(cluster) + (f" (with {listed(sizes)})" if sizes else "")


def transfer_map(table: pd.DataFrame, confidence: float = 0.95) -> Picture:
    """RQ5: the error on each family of graphs of the model of each family, beside that of the tested family's mean.

    Of what `analysis.cross_validation.transfer` returns.
    """
    require(table, ["rmse", "mean_rmse", "p_value"])
    rows = table.reset_index()
    rows = rows.assign(better=(rows["rmse"] < rows["mean_rmse"]) & (rows["p_value"] <= 1 - confidence))
    other = rows[(rows["trained_on"] != rows["tested_on"]) & rows["rmse"].notna()]
    text = [f"{_points(r.rmse)} ({_points(r.mean_rmse)})" if np.isfinite(r.rmse) else "–" for r in rows.itertuples()]
    return marks.heatmap(
        rows.assign(
            panel=rows["variant"],
            row=[look(GENERATORS, f).label for f in rows["trained_on"]],
            column=rows["tested_on"],
            value=(rows["rmse"] / rows["mean_rmse"] - 1).clip(-1, 1),
            bold=rows["better"],
            text=text,
        ),
        "Error on one family of graphs of the model of another, points",
        panels=VARIANTS,
        columns=GENERATORS,
        x_label="tested on",
        y_label="trained on",
        note=f"In brackets: by the mean of the tested family. Bold: below it, and p ≤ {number(1 - confidence)}.",
        reading="A model carries over to another family, its error below that of the mean there and below chance, in "
        f"{int(other['better'].sum())} of {len(other)} cases."
        if len(other)
        else "One family alone, or too few graphs of each: nothing to carry over.",
    )
