"""Styled tables of the studies, as notebooks show them."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pandas.io.formats.style import Styler

from sparsekit.analysis.cross_validation import ALL
from sparsekit.analysis.intervals import deviation_interval, without_zero
from sparsekit.analysis.pruning import operating_points
from sparsekit.figures.style import SCOPES, SCORES, VARIANTS, look, ordered
from sparsekit.figures.words import ALONE, LOOKS, label, number, percent, words_of
from sparsekit.pruning.scores import CONTROLS


def operating(scores: pd.DataFrame, score: str, confidence: float) -> Styler:
    """Ratios of size and of multiply-adds, and accuracy of base, score and random controls: mean ± deviation.

    Accuracy in per cent. Of `analysis.tables.PRUNING` of every score, scope and random control.
    """
    scores = pd.concat(
        [scores[scores["variant"] == v].sort_values("percent") for v in ordered(scores["variant"], VARIANTS)]
    )
    columns = {}
    for name, scope in dict.fromkeys([(score, "global"), *CONTROLS]):
        own = scores[(scores["score"] == name) & (scores["scope"] == scope)]
        points = operating_points(own, confidence).droplevel("target")
        if not columns:
            base = own.groupby(["variant", "percent"], sort=False)["base_accuracy"]
            columns["size"] = points["compression"].map(_times)
            columns["multiply-adds"] = points["multiply_add_ratio"].map(_times)
            columns["base"] = _spread(base.mean(), base.std())
        place = "" if scope == "global" else f" {look(SCOPES, scope).label}"
        columns[look(SCORES, name).label + place] = _spread(points["accuracy"], points["sd"])
    shown = pd.DataFrame(columns).style.format_index(label, level="variant").format_index("{:g} %", level="percent")
    return _captioned(shown, "Accuracy in %: mean ± deviation over seeds. Size and multiply-adds: dense / pruned")


def _times(ratio: float) -> str:
    return f"{ratio:,.3g}×" if np.isfinite(ratio) else "–"


def _spread(mean: pd.Series, deviation: pd.Series) -> pd.Series:
    spread = deviation.map(lambda sd: "" if np.isnan(sd) else f" ± {100 * sd:.1f}")
    return mean.map(lambda share: f"{100 * share:.1f}") + spread


def by_length(length: pd.DataFrame) -> Styler:
    """Accuracy by length of the string (`analysis.tables.PROBES`), a row per variant and network, mean over seeds."""
    bins = length["first"].astype(str) + "–" + length["last"].astype(str)
    bins = pd.Categorical(bins, bins[length["first"].argsort()].unique(), ordered=True)
    table = length.assign(characters=bins).pivot_table(
        "accuracy", ["variant", "network"], "characters", sort=False, observed=True
    )
    return table.sort_index(axis="columns").style.format(percent).format_index(label, level="variant")


def by_past(past: pd.DataFrame, network: str) -> Styler:
    """Accuracy where the past is exchanged, by the past, the new string's label and the last characters kept.

    Of `memory.with_another_past`, with columns variant, seed, network. Means over seeds; in brackets, strings.
    """
    own = past[past["network"] == network]
    cells = own.pivot_table(["accuracy", "n"], ["variant", "past", "group"], "seen", sort=False).sort_index(axis=1)
    text = cells["accuracy"].map(percent) + cells["n"].map(" ({:.0f})".format)
    same = "the same class" if set(own["group"]) == {"all"} else "the same state"
    shown = text.mask(cells["n"].isna(), "–").rename({"same": same, "state": "another state", "class": "another class"})
    return shown.style.format_index(label, level="variant").set_properties(**{"white-space": "nowrap"})


def medians(times: pd.DataFrame) -> Styler:
    """Between which measured steps half of the networks come back, by percentage.

    Of what `analysis.recovery.steps_to_regain` returns, of one score, scope, schedule and recovery.
    """
    table = times.apply(_between, axis=1).unstack("percent")
    table = table.reindex(times.index.droplevel("percent").unique()).sort_index(axis="columns")
    shown = table.style.format_index(label).format_index("{:g} %", axis="columns")
    note = "Steps between which half of the networks come back (interval, if any); beyond: after the last measured one"
    return _captioned(shown, note)


def _between(row: pd.Series) -> str:
    told = "at once" if row["median"] == 0 else f"{row['after']:,.0f}–{row['median']:,.0f}"
    told = "beyond" if np.isinf(row["median"]) else told
    if np.isnan(row["low"]) or row["low"] == row["high"]:
        return told
    return f"{told} ({row['low']:,.0f} to {'beyond' if np.isinf(row['high']) else format(row['high'], ',.0f')})"


def ahead(compared: Mapping[str, pd.DataFrame], confidence: float) -> Styler:
    """By how much other conditions are ahead of one, in points, with their intervals.

    Of tables that `analysis.conditions.ahead` returns, of one target, by what they compare.
    """
    table = pd.concat(compared, names=["measure"]).droplevel("target")
    _, variant, percent, name = table.index.names
    if table.empty:
        return _captioned(table.style.hide(axis="index").hide(axis="columns"), ALONE[name].replace("`", ""))
    table = table.assign(half=table["high"] - table["ahead"], clear=without_zero(table))
    places = sorted(table.index.unique(percent)), ordered(table.index.unique(name), LOOKS[name])
    rows = pd.MultiIndex.from_product([list(compared), *places], names=["measure", percent, name])
    variants = ordered(table.index.unique(variant), VARIANTS)
    told = table.apply(_plus_minus, axis=1).unstack(variant).reindex(index=rows, columns=variants)
    clear = table["clear"].unstack(variant).reindex_like(told)
    shown = told.style.apply(lambda cells: np.where(clear[cells.name] == 1, "font-weight: bold", ""))
    shown = shown.format_index("{:g} %", level=percent).format_index(label, axis="columns")
    shown = shown.format_index(lambda one: look(LOOKS[name], one).label, level=name)
    return _captioned(shown, f"Points, mean over seeds ± {100 * confidence:g} % interval; bold: zero lies outside")


def deviations(sources: pd.DataFrame, confidence: float) -> Styler:
    """How far accuracy varies with each source alone, in points: a row a percentage and source, a column a variant.

    Of what `experiments.pruning.sources` returns.
    """
    if sources.empty:
        told = "What accuracy varies with was not asked for: sources = 5 trains five networks per source of variation."
        return _captioned(pd.DataFrame().style, told)
    told = {}
    for key, own in sources.groupby(["variant", "percent", "source"], sort=False)["accuracy"]:
        sd, low, high = (number(100 * end, 1) for end in deviation_interval(own, confidence))
        told[key] = f"{sd} ({low} to {high})" if len(own) > 1 else "–"
    table = pd.Series(told, dtype=str).rename_axis(["variant", "pruned", "differ in"])
    rows = pd.MultiIndex.from_product([sources["percent"].unique(), sources["source"].unique()])
    shown = table.unstack("variant").reindex(rows)[ordered(sources["variant"].unique(), VARIANTS)].style
    shown = shown.format_index("{:g} %", level=0).format_index(label, axis="columns")
    n = sources.groupby(["variant", "percent", "source"]).size().max()
    caption = (
        f"Standard deviation of accuracy over {n} networks, in points, with its {100 * confidence:g} % χ² interval"
    )
    caption += ", which takes accuracies as normal. What does not differ is as in the first network."
    return _captioned(shown, caption)


def agreement(evidence: pd.DataFrame, enough: float = 0.95) -> Styler:
    """How far two halves of the strings that a score looked at rank weights alike, a row a score, a column a variant.

    Of what `experiments.pruning.evidence` returns.
    """
    if evidence.empty:
        told = "No score that looks at data is compared: scores = ['sensitivity', 'activity'] compares two."
        return _captioned(pd.DataFrame().style, told)
    looked = evidence.assign(told=[f"{number(a)}{'*' * (not a >= enough)}" for a in evidence["agreement"]])
    told = looked.groupby(["score", "variant"], sort=False)["told"].agg(", ".join).unstack()
    shown = told[ordered(told.columns, VARIANTS)].style.format_index(label, axis="columns")
    shown = shown.format_index(lambda one: look(SCORES, one).label)
    most, whole = evidence["strings"].max(), evidence["of"].max()
    caption = (
        f"Rank correlation of a score by two halves of the training strings it looked at ({evidence['strings'].min():,}"
    )
    caption += f" to {most:,} of {whole:,}), seed by seed. Star: below {enough:g} even with all of them."
    return _captioned(shown, caption)


def _plus_minus(row: pd.Series) -> str:
    told = number(100 * row["ahead"], 1, sign=True)
    return told if np.isnan(row["half"]) else f"{told} ± {number(100 * row['half'], 1)}"


def clusters(collinearity: pd.DataFrame, shortlist: pd.DataFrame) -> Styler:
    """Properties that tell the same, a row per cluster.

    Of what `analysis.control.collinearity` returns, of all properties and of a shortlist that has at least one of
    each cluster: the one whose name it bears.
    """
    names = ["cluster", "tells the same", "inflation, of all", "of the shortlist"]
    rows = [
        (
            words_of(name),
            ", ".join(words_of(p) for p in of.index if p != name) or "–",
            _inflation(of["vif"]),
            _inflation(shortlist.loc[[name], "vif"]),
        )
        for name, of in collinearity.groupby("cluster", sort=False)
    ]
    shown = pd.DataFrame(rows, columns=names).style.hide(axis="index")
    heads = [{"selector": f"th.col{k}", "props": "text-align: left"} for k in range(2)]
    shown = shown.set_properties(subset=names[:2], **{"text-align": "left", "white-space": "normal"})
    return shown.set_table_styles(heads).set_properties(subset=names[1:2], **{"min-width": "14rem"})


def _inflation(values: pd.Series) -> str:
    known = values.dropna()
    if known.empty:
        return "–"
    low, high = (f"{v:,.3g}" if v < 1e6 else "∞" for v in (known.min(), known.max()))
    return low if low == high else f"{low} to {high}"


def gains(scores: pd.DataFrame) -> Styler:
    """What all properties add to the R² of each baseline, a row per baseline and a column per variant.

    Of what `analysis.cross_validation.nested_prediction` returns.
    """
    own = scores.drop(index=ALL, level="features")
    told = [
        "–"
        if pd.isna(row.gain)
        else f"{number(row.gain, sign=True)} ({number(row.gain_low)} to {number(row.gain_high)})"
        for row in own.itertuples()
    ]
    table = pd.Series(told, own.index).unstack("variant", sort=False)
    return table.rename_axis(index=None, columns=None).style.format_index(label).format_index(label, axis="columns")


def permuted(scores: pd.DataFrame) -> Styler:
    """Whether all properties together predict anything, a row per variant.

    Of what `analysis.cross_validation.nested_prediction` returns.
    """
    names = {"r2": "R²", "null_median": "permuted: median", "null_high": "permuted: 95 % below"}
    table = (
        scores.xs(ALL, level="features")[[*names, "p_value", "graphs"]]
        .rename(columns=names | {"p_value": "p"})
        .rename_axis(None)
    )
    forms = dict.fromkeys(names.values(), number) | {"p": lambda p: number(p, 3)}
    return table.style.format(forms, na_rep="–").format_index(label)


def _captioned(shown: Styler, caption: str) -> Styler:
    # Over a narrow table, or one of nothing, a caption would else be as narrow.
    wide = {"selector": "caption", "props": "min-width: min(30rem, 80vw)"}
    return shown.set_properties(**{"white-space": "nowrap"}).set_caption(caption).set_table_styles([wide])
