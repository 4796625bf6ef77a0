"""Styled tables of the pruning study, as notebooks show them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.analysis.cross_validation import ALL
from sparsekit.analysis.pruning import operating_points
from sparsekit.figures.style import SCOPES, SCORES, VARIANTS, look, number, ordered, words_of
from sparsekit.figures.words import ALONE, LOOKS, label
from sparsekit.pruning.scores import CONTROLS


def operating(scores: pd.DataFrame, score: str, confidence: float) -> Styler:
    """Ratios of size and of multiply-adds, and accuracy of base, score and random controls: mean ± deviation.

    Parameters
    ----------
    scores : DataFrame
        `analysis.tables.PRUNING` of every score, scope and random control.
    """
    scores = pd.concat(
        [scores[scores["variant"] == v].sort_values("percent") for v in ordered(scores["variant"], VARIANTS)]
    )
    columns, pairs = {}, dict.fromkeys([(score, "global"), *CONTROLS])
    for score, scope in pairs:
        own = scores[(scores["score"] == score) & (scores["scope"] == scope)]
        points = operating_points(own, confidence).droplevel("target")
        if not columns:
            base = own.groupby(["variant", "percent"], sort=False)["base_accuracy"]
            columns["size"] = points["compression"].map(_times)
            columns["multiply-adds"] = points["multiply_add_ratio"].map(_times)
            columns["base"] = _spread(base.mean(), base.std())
        name = look(SCORES, score).label + ("" if scope == "global" else f" {look(SCOPES, scope).label}")
        columns[name] = _spread(points["accuracy"], points["sd"])
    shown = pd.DataFrame(columns).style.format_index(label, level="variant").format_index("{:g} %", level="percent")
    return shown.set_properties(**{"white-space": "nowrap"}).set_caption("Size and multiply-adds: dense / pruned")


def _times(ratio: float) -> str:
    return f"{ratio:,.3g}×" if np.isfinite(ratio) else "–"


def _spread(mean: pd.Series, deviation: pd.Series) -> pd.Series:
    return mean.map("{:.3f}".format) + deviation.map(lambda sd: "" if np.isnan(sd) else f" ± {sd:.3f}")


def by_length(length: pd.DataFrame) -> Styler:
    """Accuracy by length of the string, one row per variant and network, mean over seeds.

    Parameters
    ----------
    length : DataFrame
        Of `analysis.tables.PROBES`, that of lengths.
    """
    bins = length["first"].astype(str) + "–" + length["last"].astype(str)
    bins = pd.Categorical(bins, bins[length["first"].argsort()].unique(), ordered=True)
    table = length.assign(characters=bins).pivot_table(
        "accuracy", ["variant", "network"], "characters", sort=False, observed=True
    )
    shown = table.sort_index(axis="columns").style.format("{:.2f}", na_rep="–").format_index(label, level="variant")
    return shown.background_gradient("cividis", axis=None)


def medians(times: pd.DataFrame) -> Styler:
    """Between which measured steps half of the networks come back, by percentage.

    Parameters
    ----------
    times : DataFrame
        As `analysis.recovery.steps_to_regain` returns it, of one score, scope, schedule and recovery.
    """
    table = times.apply(_between, axis=1).unstack("percent")
    table = table.reindex(times.index.droplevel("percent").unique()).sort_index(axis="columns")
    shown = table.style.format_index(label).format_index("{:g} %", axis="columns")
    note = "Steps between which half of the networks come back (interval, if any); beyond: after the last measured one"
    return shown.set_properties(**{"white-space": "nowrap"}).set_caption(note)


def _between(row: pd.Series) -> str:
    if np.isinf(row["median"]):
        told = "beyond"
    else:
        told = "at once" if row["median"] == 0 else f"{row['after']:,.0f}–{row['median']:,.0f}"
    if np.isnan(row["low"]) or row["low"] == row["high"]:
        return told
    return f"{told} ({row['low']:,.0f} to {'beyond' if np.isinf(row['high']) else format(row['high'], ',.0f')})"


def ahead(compared: Mapping[str, pd.DataFrame], confidence: float) -> Styler:
    """By how much other conditions are ahead of one, in points, with their intervals.

    Parameters
    ----------
    compared : mapping of str to DataFrame
        Tables that `analysis.conditions.ahead` returns, of one target, by what they compare.
    """
    table = pd.concat(compared, names=["measure"]).droplevel("target")
    _, variant, percent, name = table.index.names
    if table.empty:
        return table.style.set_caption(ALONE[name].replace("`", "")).hide(axis="index").hide(axis="columns")
    table = table.assign(half=table["high"] - table["ahead"], clear=(table["low"] > 0) | (table["high"] < 0))
    rows = [
        (of, at, one)
        for of in compared
        for at in sorted(table.index.unique(percent))
        for one in ordered(table.index.unique(name), LOOKS[name])
    ]
    variants = ordered(table.index.unique(variant), VARIANTS)
    told = table.apply(_plus_minus, axis=1).unstack(variant).reindex(index=rows, columns=variants)
    clear = table["clear"].unstack(variant).reindex_like(told)
    shown = told.style.apply(lambda cells: np.where(clear[cells.name] == 1, "font-weight: bold", ""))
    shown = shown.format_index("{:g} %", level=percent).format_index(label, axis="columns")
    shown = shown.format_index(lambda one: look(LOOKS[name], one).label, level=name)
    note = f"Points, mean over seeds ± {100 * confidence:g} % interval; bold: zero lies outside"
    return shown.set_properties(**{"white-space": "nowrap"}).set_caption(note)


def _plus_minus(row: pd.Series) -> str:
    told = number(100 * row["ahead"], 1, sign=True)
    return told if np.isnan(row["half"]) else f"{told} ± {number(100 * row['half'], 1)}"


def clusters(collinearity: pd.DataFrame, shortlist: pd.DataFrame) -> Styler:
    """Properties that tell the same, a row per cluster.

    Parameters
    ----------
    collinearity, shortlist : DataFrame
        As `analysis.control.collinearity` returns it, of all properties and of a shortlist that has at least one
        of each cluster: the one whose name it bears.
    """
    groups = collinearity.groupby("cluster", sort=False)
    members = {name: [p for p in of.index if p != name] for name, of in groups}
    inflation = {
        "inflation, of all": [_inflation(of["vif"]) for _, of in groups],
        "of the shortlist": [_inflation(shortlist.loc[[name], "vif"]) for name in members],
    }
    told = [", ".join(map(words_of, of)) or "–" for of in members.values()]
    table = pd.DataFrame({"cluster": map(words_of, members), "tells the same": told} | inflation)
    shown = _left(table.style.hide(axis="index"), ["cluster", "tells the same"])
    return shown.set_properties(subset=["tells the same"], **{"min-width": "14rem"})


def _inflation(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    low, high = (f"{v:,.3g}" if v < 1e6 else "∞" for v in (known.min(), known.max()))
    return low if low == high else f"{low} to {high}"


def gains(scores: pd.DataFrame) -> Styler:
    """What all properties add to the R² of each baseline, a row per baseline and a column per variant.

    Parameters
    ----------
    scores : DataFrame
        As `analysis.cross_validation.nested_prediction` returns it.
    """
    own = scores.drop(index=ALL, level="features")
    told = [_span(row.gain, row.gain_low, row.gain_high) for row in own.itertuples()]
    table = pd.Series(told, own.index).unstack("variant", sort=False)
    return table.rename_axis(index=None, columns=None).style.format_index(label).format_index(label, axis="columns")


def permuted(test: pd.DataFrame) -> Styler:
    """Whether all properties together predict anything, a row per variant.

    Parameters
    ----------
    test : DataFrame
        As `analysis.cross_validation.permutation_test` returns it.
    """
    table = pd.DataFrame(
        {
            "R², ridge regression": test["r2"].map(_number),
            "permuted: median": test["null_median"].map(_number),
            "permuted: 95 % below": test["null_high"].map(_number),
            "p": test["p_value"].map(lambda p: _number(p, 3)),
            "graphs": test["graphs"],
        }
    )
    return table.rename_axis(None).style.format_index(label)


def _span(value: float, low: float, high: float) -> str:
    return "–" if pd.isna(value) else f"{number(value, sign=True)} ({number(low)} to {number(high)})"


def _number(value: float, digits: int = 2) -> str:
    return "–" if pd.isna(value) else number(value, digits)


def _left(shown: Styler, columns: list[str]) -> Styler:
    heads = [{"selector": f"th.col{shown.columns.get_loc(name)}", "props": "text-align: left"} for name in columns]
    return shown.set_properties(subset=columns, **{"text-align": "left", "white-space": "normal"}).set_table_styles(
        heads
    )
