"""Figures of RQ4: how graph properties and accuracy go together, with intervals, beside the reported coefficients."""

from collections.abc import Mapping, Sequence

import pandas as pd

from sparsekit.analysis.correlation import by_variant, found
from sparsekit.analysis.prediction import SIZES
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.axis import Axis
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import FAINT, INK, PANEL, VARIANTS, Look, ordered
from sparsekit.figures.words import controls_in_words, each, listed, number, reach, span, words_of

Reported = Mapping[str, Mapping[str, float]]  # variant -> property or model -> value
ALL_AT_ONCE = "Intervals hold for all properties of a variant at once."
KINDS = {"properties": Look("properties", INK, "o", "-"), "sizes": Look("size and widths", INK, "o", "-")}
COEFFICIENT = Axis("r", lambda r: number(r, sign=True), limits=(-1, 1), ticks={-0.5: "−0.5", 0: "0", 0.5: "0.5"})


def _tidy(tables: Mapping[str, pd.DataFrame], method: str) -> pd.DataFrame:
    """The coefficients of all variants, a row each: panel, row, mean, low, high."""
    table = pd.concat({v: tables[v] for v in ordered(tables, VARIANTS)}, names=["panel", "row"]).reset_index()
    columns = {method: "mean", f"{method}_low": "low", f"{method}_high": "high"}
    return table.assign(row=[words_of(name) for name in table["row"]]).rename(columns=columns)


def _strongest(tables: Mapping[str, pd.DataFrame], method: str) -> str:
    known = {name: own for name in tables if len(own := tables[name].dropna(subset=[method]))}
    if not known:
        return "No correlation can be computed from so few networks."
    tops = {name: own[method].abs().idxmax() for name, own in known.items()}
    total, clear = sum(map(len, tables.values())), sum(int(found(table, method).sum()) for table in tables.values())
    same, r = len({*tops.values()}) == 1, {name: known[name].loc[top, method] for name, top in tops.items()}
    told = listed([words_of(next(iter(tops.values())))] if same else each(tops, words_of))
    return f"Strongest: {told}, {reach(r, COEFFICIENT.form)}. Of all {total}, {clear} are told from zero."


def correlation_map(tables: Mapping[str, pd.DataFrame], method: str = "pearson") -> Picture:
    """RQ4: correlation of every graph property with test accuracy, per variant.

    Of the tables by variant that `analysis.correlation.correlate` returns; method "pearson" or "spearman".
    """
    strong = pd.concat([found(tables[v], method) for v in ordered(tables, VARIANTS)])
    table = _tidy(tables, method).rename(columns={"panel": "column", "mean": "value"})
    return marks.heatmap(
        table[["row", "column", "value"]].assign(bold=strong.to_numpy()),
        f"{method.capitalize()} correlation of graph properties with test accuracy",
        columns=VARIANTS,
        form=COEFFICIENT.form,
        note="Bold: told from zero, all properties of a variant tested at once.",
        reading=_strongest(tables, method),
    )


def correlation_forest(
    tables: Mapping[str, pd.DataFrame], reported: Reported | None = None, method: str = "pearson"
) -> Picture:
    """RQ4: every coefficient with its simultaneous interval, beside the reported one.

    Tables and method are those of `correlation_map`.
    """
    table = _tidy(tables, method)
    if reported:
        said = {(v, words_of(name)): r for v, values in reported.items() for name, r in values.items()}
        table["reported"] = [said.get(place) for place in zip(table["panel"], table["row"], strict=True)]
    return marks.forest(
        table.astype({"reported": float} if reported else {}),
        f"{method.capitalize()} correlation with test accuracy",
        COEFFICIENT._replace(label="r" if method == "pearson" else "ρ"),
        note=ALL_AT_ONCE + (" Diamonds: reported, without interval." if reported else ""),
        reading=_strongest(tables, method),
    )


def controlled_forest(raw: pd.DataFrame, controlled: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: every Pearson coefficient alone, and given the controls; below, the controls themselves.

    Of what `analysis.correlation.correlations` returns without and with the controls.
    """
    held = controls_in_words(controls)
    return _two_series(
        {"alone": raw, "given the controls": controlled},
        "Correlation with test accuracy, alone and under control",
        f"Controls: {held}; a control is given the others." if controls else "Nothing varies that could be held fixed.",
        controls,
    )


def learned_forest(everything: pd.DataFrame, learned: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: correlations given the controls of all networks, and of those that left chance level.

    Of what `analysis.correlation.correlations` returns for all and for what `covariates.only_learned` keeps.
    """
    return _two_series(
        {"all networks": everything, "those that left chance": learned},
        "Correlation under control, with and without networks at chance",
        f"Given {controls_in_words(controls)}.",
        controls,
    )


def _two_series(tables: Mapping[str, pd.DataFrame], title: str, note: str, controls: Sequence[str]) -> Picture:
    """Two series of coefficients, a panel per variant, the first one grey; open where zero lies in the interval."""
    rows, told = [], []
    for series, table in tables.items():
        require(table, ["pearson", "pearson_low", "pearson_high"])
        own = table.index.get_level_values("property").isin(controls)
        told.append(f"{series}, {_counts(table[~own])}")
        rows.append(_tidy(by_variant(table.assign(series=series, hollow=~found(table), held=own)), "pearson"))
    if controls:
        told.append(f"size and widths themselves, {sizes_in_words(list(tables.values())[-1], controls, spans=False)}")
    looks = {name: Look(name, colour, "o", "-") for name, colour in zip(tables, (FAINT, PANEL), strict=True)}
    table = pd.concat(rows).assign(group=lambda t: t["held"].map(dict(zip((False, True), KINDS, strict=True))))
    return marks.forest(
        table,
        title,
        COEFFICIENT,
        looks=looks,
        groups=KINDS,
        note=f"{note} Filled: told from zero, all of a kind and variant tested at once.",
        reading=f"Told from zero: {'; '.join(told)}."
        if table["mean"].notna().any()
        else "Too few graphs to tell any of the correlations.",
    )


def _counts(table: pd.DataFrame) -> str:
    """How many are told, in the variants in which any is."""
    clear = {v: int(found(own).sum()) for v, own in by_variant(table).items()}
    if not any(clear.values()):
        return "none" if clear else "no property beside the controls"
    properties = {v: f"{clear[v]} of {len(own)} properties" for v, own in by_variant(table).items() if clear[v]}
    return listed(each(properties))


def sizes_in_words(table: pd.DataFrame, controls: Sequence[str], spans: bool = True) -> str:
    """What is told from zero of the controls, each given the others: the variants' coefficients, or their names."""
    told = {}
    for variant, own in by_variant(table[table.index.get_level_values("property").isin(controls)]).items():
        clear = list(own[found(own)].itertuples())
        names = [words_of(r.Index) for r in clear]
        if spans:
            ends = [span(r.pearson, r.pearson_low, r.pearson_high, COEFFICIENT.form) for r in clear]
            names = [f"{name} {told}" for name, told in zip(names, ends, strict=True)]
        if names:
            told[variant] = listed(names)
    return ", ".join(each(told)) or "none"
