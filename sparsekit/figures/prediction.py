"""Figures of RQ5: how well graph properties predict accuracy, and how much one split can mislead."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from sparsekit.analysis.correlation import by_variant
from sparsekit.analysis.cross_validation import ALL
from sparsekit.analysis.prediction import SIZES, quantiles, ranked_clusters
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.card import Picture
from sparsekit.figures.correlation import Reported
from sparsekit.figures.marks import Axis
from sparsekit.figures.style import GENERATORS, SEQUENTIAL, VARIANTS, Look, look, ordered
from sparsekit.figures.words import listed, number, words_of

FROM_WHITE = LinearSegmentedColormap.from_list("from_white", ["#ffffff", *SEQUENTIAL(np.linspace(0, 0.8, 5))])
SPLITS = {
    "many": Look("many splits", "#5f6670", "o", "-"),
    "once": Look("published split", "#1f2328", "v", "-"),
}


def prediction_splits(
    distributions: Mapping[str, pd.DataFrame], single: Reported, reported: Reported | None = None
) -> Picture:
    """R² of the published single split beside the R² of many splits.

    Parameters
    ----------
    distributions : mapping of variant to DataFrame
        As `analysis.prediction.split_distribution` returns them: R² of every split, a column per model.
    single : mapping of variant to mapping of model to R²
        The published split on this run's networks (`analysis.prediction.published_prediction`).
    reported : mapping of variant to mapping of model to R², optional
    """
    many = quantiles({v: distributions[v] for v in ordered(distributions, VARIANTS)})
    once = many[["panel", "row"]].assign(series="once", mean=_looked_up(single, many))
    if reported:
        once["reported"] = _looked_up(reported, many)
    moved = (many["high"] - many["low"]).median()
    moved_by = number(moved, 2 if moved < 10 else 0)
    reading = f"Between the 5th and 95th percentile of the splits R² moves by {moved_by} in the median."
    return marks.forest(
        pd.concat([many.assign(series="many"), once]).assign(row=lambda t: t["row"].map(words_of)),
        "How well graph properties predict test accuracy (R²)",
        Axis("R²", number, limits=(-1, 1), ticks={-1: "−1", 0: "0", 1: "1"}), looks=SPLITS,
        note="Many splits: median, quartiles, and 5 to 95 %. An arrow at the edge: beyond −1.",
        reading=reading if np.isfinite(moved) else "Too few networks to split, so no R² over splits.",
    )  # fmt: skip


def _looked_up(values: Reported, table: pd.DataFrame) -> list[float]:
    return [values.get(v, {}).get(m, np.nan) for v, m in zip(table["panel"], table["row"], strict=True)]


def importances(
    tables: Mapping[str, pd.DataFrame], r_squared: Mapping[str, Mapping[str, float]] | None = None
) -> Picture:
    """The random forest's feature importances for each feature set, per variant.

    Parameters
    ----------
    tables : mapping of variant to DataFrame
        Feature set × property, importances that sum to 1; nan where a set leaves the property out.
    r_squared : mapping of variant to mapping of feature set to R², optional
        Printed under each set; taken from ``table.attrs["r2"]`` where not given.
    """
    variants = ordered(tables, VARIANTS)
    letters = {name: chr(ord("a") + k) for k, name in enumerate(tables[variants[0]].index)}
    scores = r_squared or {v: tables[v].attrs.get("r2", {}) for v in variants}
    long = pd.concat({v: tables[v].rename_axis(index="set", columns="row") for v in variants}, names=["panel"])
    long = long.stack(future_stack=True).rename("value").reset_index()
    text = [f"{100 * v:.0f}" if np.isfinite(v) else "" for v in long["value"]]
    long = long.assign(column=long["set"].map(letters), row=long["row"].map(words_of), text=text)
    under = [(v, letters[s], _short(scores[v].get(s, np.nan))) for v in variants for s in letters]
    under = pd.DataFrame(under, columns=["panel", "column", "text"]).assign(row="R² of the forest", value=np.nan)
    first = {v: tables[v].iloc[0].dropna() for v in variants}
    tops = [f"{look(VARIANTS, v).label} {words_of(of.idxmax())}" for v, of in first.items() if len(of)]
    reading = f"With {words_of(next(iter(letters)))} features the forest looks most at: {'; '.join(tops)}."
    return marks.heatmap(
        pd.concat([long, under], ignore_index=True), "What the random forest looks at", panels=VARIANTS,
        cmap=FROM_WHITE, limits=(0, 0.25, max(0.5, float(np.nan_to_num(long["value"].max())))),
        note="Importance in percent; blank: the set leaves the property out.\n"
        + ";  ".join(f"{letter}: {words_of(name)}" for name, letter in letters.items()),
        reading=reading if tops else "Too few networks to test a forest on.",
    )  # fmt: skip


def _short(r2: float) -> str:
    """R² in four characters, so that four columns a variant fit side by side: the ends are cut off at −9.9."""
    if not np.isfinite(r2):
        return "–"
    return number(r2, 2).replace("0.", ".", 1) if abs(r2) < 1 else number(r2, 1) if r2 > -9.95 else "< −9"


def nested_scores(table: pd.DataFrame, ceilings: pd.DataFrame | None = None, against: str | None = None) -> Picture:
    """RQ5: out-of-fold R² of all properties and of each baseline, below the noise ceiling.

    Parameters
    ----------
    table : DataFrame
        As `analysis.cross_validation.nested_prediction` returns it.
    ceilings : DataFrame, optional
        As `analysis.structure.intraclass` returns it.
    against : str, optional
        The baseline that the reading compares with; by default the one that knows most of size and widths.
    """
    require(table, ["r2", "low", "high", "gain", "gain_low", "gain_high"])
    tables = by_variant(table)
    against, gains, spans = against or strongest_baseline(next(iter(tables.values())).index), [], {}
    for variant in ordered(tables, VARIANTS):
        own = tables[variant]
        if against in own.index and np.isfinite(own.loc[against, "gain"]):
            gain, low, high = (number(own.loc[against, f"gain{end}"], sign=not end) for end in ("", "_low", "_high"))
            gains.append(f"{gain} ({low} to {high}) for {look(VARIANTS, variant).label}")
        if ceilings is not None and variant in ceilings.index and np.isfinite(ceilings.loc[variant, "ceiling"]):
            spans[variant] = tuple(ceilings.loc[variant, ["ceiling_low", "ceiling_high"]])
    rows = pd.concat({v: tables[v] for v in ordered(tables, VARIANTS)}, names=["panel", "row"]).reset_index()
    return marks.forest(
        rows.assign(row=rows["row"].map(_words), hollow=rows["row"] != ALL).rename(columns={"r2": "mean"}),
        "How well accuracy is predicted for unseen graphs (R²)",
        Axis("R²", number, limits=(-0.6, 1)), spans=spans, columns=2,
        note="Out of fold, with intervals. Filled: all properties. Grey: the noise ceiling. Arrows: beyond −0.60.",
        reading=f"To {_words(against)} all properties add an R² of {listed(gains)}." if gains
        else "Too few graphs to predict any from the others.",
    )  # fmt: skip


def strongest_baseline(names: Iterable[str]) -> str:
    """The baseline that knows most of size and interface widths among those of a table."""
    known = ("size_and_widths", "size", "widths", "log_parameters", "mean")
    return next((name for name in known if name in names), "")


def _words(features: str) -> str:
    return "all properties" if features == ALL else words_of(features)


def cluster_importances(table: pd.DataFrame) -> Picture:
    """RQ5: how much R² falls where a cluster of properties is shuffled among held-out graphs.

    Of what `analysis.cross_validation.cluster_importance` returns.
    """
    require(table, ["members", "fall", "low", "high"])
    rows = ranked_clusters(table).rename(columns={"variant": "panel", "fall": "mean"})
    more = [f" +{len(members) - 1}" if len(members) > 1 else "" for members in rows["members"]]
    tops = []
    for variant in ordered(rows["panel"], VARIANTS):
        clear = rows[(rows["panel"] == variant) & (rows["low"] > 0)]
        named = [_with_sizes(row.cluster, row.members) for row in clear.itertuples()]
        tops.append(f"{look(VARIANTS, variant).label}: {listed(named or ['none'])}")
    return marks.forest(
        rows.assign(row=rows["cluster"].map(words_of) + more), "What the prediction rests on",
        Axis("fall of R²", number),
        note="Fall of out-of-fold R² with a cluster of properties shuffled. +n: so many more properties tell the same.",
        reading=f"Clusters whose shuffling clearly costs R²: {'; '.join(tops).rstrip('.')}."
        if rows["mean"].notna().any() else "Too few graphs to tell what a prediction rests on.",
    )  # fmt: skip


def _with_sizes(cluster: str, members: Iterable[str]) -> str:
    """A cluster with the sizes and widths that it holds: they, not structure, may be what counts."""
    sizes = [words_of(name) for name in SIZES if name in members and name != cluster]
    return words_of(cluster) + (f" (with {listed(sizes)})" if sizes else "")


def transfer_map(table: pd.DataFrame) -> Picture:
    """RQ5: R² on each family of graphs by the model of each family.

    Of what `analysis.cross_validation.transfer` returns.
    """
    require(table, ["r2", "low", "high"])
    rows = table.reset_index()
    other = rows[(rows["trained_on"] != rows["tested_on"]) & rows["r2"].notna()]
    carried = int((other["low"] > 0).sum())
    text = [number(v, 2 if v > -10 else 0) if np.isfinite(v) else "–" for v in rows["r2"]]
    return marks.heatmap(
        pd.DataFrame({
            "panel": rows["variant"], "row": [look(GENERATORS, name).label for name in rows["trained_on"]],
            "column": rows["tested_on"], "value": rows["r2"].clip(-1, 1), "bold": rows["low"] > 0, "text": text,
        }),
        "R² on one family of graphs by the model of another", panels=VARIANTS, columns=GENERATORS,
        x_label="tested on", y_label="trained on",
        note="On the diagonal out of fold. Bold: the interval lies above zero. Below zero the mean predicts better.",
        reading=f"A model carries over to another family, R² clearly above zero, in {carried} of {len(other)} cases."
        if len(other) else "One family alone, or too few graphs of each: nothing to carry over.",
    )  # fmt: skip
