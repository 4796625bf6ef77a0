"""Figures of RQ4: how graph properties and accuracy go together, with intervals, beside the reported coefficients."""

from collections.abc import Mapping, Sequence

import pandas as pd
from matplotlib.lines import Line2D

from sparsekit.analysis.correlation import DISCOVERY, by_variant, found, inside_reported
from sparsekit.analysis.prediction import SIZES
from sparsekit.analysis.tables import require
from sparsekit.figures import marks
from sparsekit.figures.card import Picture
from sparsekit.figures.marks import PANEL, Axis
from sparsekit.figures.style import FAINT, QUIET, VARIANTS, Look, look, ordered
from sparsekit.figures.words import controls_in_words, listed, number, words_of

Reported = Mapping[str, Mapping[str, float]]  # variant -> property or model -> value
AT_RATE = f"at a false-discovery rate of {100 * DISCOVERY:g} %"
COEFFICIENT = Axis("r", lambda r: number(r, sign=True), limits=(-1, 1), ticks={-0.5: "−0.5", 0: "0", 0.5: "0.5"})


def _tidy(tables: Mapping[str, pd.DataFrame], method: str) -> pd.DataFrame:
    """The coefficients of all variants, a row each: panel, row, mean, low, high."""
    table = pd.concat({v: tables[v] for v in ordered(tables, VARIANTS)}, names=["panel", "row"]).reset_index()
    columns = {method: "mean", f"{method}_low": "low", f"{method}_high": "high", "coefficient": "mean"}
    return table.assign(row=[words_of(name) for name in table["row"]]).rename(columns=columns)


def _have_q_values(tables: Mapping[str, pd.DataFrame], method: str) -> bool:
    return method == "pearson" and all("q_value" in table for table in tables.values())


def _strongest(tables: Mapping[str, pd.DataFrame], method: str) -> str:
    tops = []
    for name in ordered(tables, VARIANTS):
        values = tables[name][method].dropna()
        if len(values):
            top = values.abs().idxmax()
            tops.append(f"{look(VARIANTS, name).label} {words_of(top)} ({number(values[top], sign=True)})")
    if not tops:
        return "No correlation can be computed from so few networks."
    total, clear = sum(map(len, tables.values())), sum(int(found(table, method).sum()) for table in tables.values())
    what = f"are discoveries {AT_RATE}" if _have_q_values(tables, method) else "intervals exclude 0"
    return f"The strongest correlation with test accuracy: {listed(tops)}; {clear} of {total} {what}."


def correlation_map(tables: Mapping[str, pd.DataFrame], method: str = "pearson") -> Picture:
    """RQ4: correlation of every graph property with test accuracy, per variant.

    Parameters
    ----------
    tables : mapping of variant to DataFrame
        As `analysis.correlation.correlate` returns them, or with q values, which then say what is bold.
    method : {"pearson", "spearman"}
    """
    bold = f"a discovery {AT_RATE}" if _have_q_values(tables, method) else "the interval excludes 0"
    strong = pd.concat([found(tables[v], method) for v in ordered(tables, VARIANTS)])
    table = _tidy(tables, method).rename(columns={"panel": "column", "mean": "value"})
    return marks.heatmap(
        table[["row", "column", "value"]].assign(bold=strong.to_numpy()),
        f"{method.capitalize()} correlation of graph properties with test accuracy", columns=VARIANTS,
        form=COEFFICIENT.form, note=f"Bold: {bold}.", reading=_strongest(tables, method),
    )  # fmt: skip


def correlation_forest(
    tables: Mapping[str, pd.DataFrame], reported: Reported | None = None, method: str = "pearson"
) -> Picture:
    """RQ4: every coefficient with its bootstrap interval, beside the reported one.

    Parameters
    ----------
    tables : mapping of variant to DataFrame
        As `analysis.correlation.correlate` returns them.
    reported : mapping of variant to mapping of property to coefficient, optional
    """
    table, reading = _tidy(tables, method), _strongest(tables, method)
    if reported:
        said = {(v, words_of(name)): r for v, values in reported.items() for name, r in values.items()}
        table["reported"] = [said.get(place) for place in zip(table["panel"], table["row"], strict=True)]
        inside, total = inside_reported(tables, reported, method)
        reading += f" {inside} of {total} reported coefficients lie within this run's interval." if total else ""
    return marks.forest(
        table.astype({"reported": float} if reported else {}),
        f"{method.capitalize()} correlation with test accuracy",
        COEFFICIENT._replace(label="r" if method == "pearson" else "ρ"),
        note="Marks with intervals: this run." + (" Diamonds: reported, without interval." if reported else ""),
        reading=reading,
    )


def controlled_forest(raw: pd.DataFrame, controlled: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: every Pearson coefficient alone, and given the controls, each with its interval.

    Of what `analysis.correlation.correlations` and `analysis.control.partial` return; the controls are named.
    """
    held = controls_in_words(controls)
    return _two_series(
        {"alone": raw, "given the controls": controlled},
        "Correlation with test accuracy, alone and under control",
        f"Controls: {held}; a control is given the others." if controls else "Nothing varies that could be held fixed.",
    )


def learned_forest(everything: pd.DataFrame, learned: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: partial correlations of all networks, and of those that left chance level.

    Of what `analysis.control.partial` returns for all and for what `covariates.only_learned` keeps; the controls are
    named.
    """
    return _two_series(
        {"all networks": everything, "those that left chance": learned},
        "Correlation under control, with and without networks at chance",
        f"Given {controls_in_words(controls)}.",
    )


def _two_series(tables: Mapping[str, pd.DataFrame], title: str, note: str) -> Picture:
    """Two series of coefficients, a panel per variant, the first one grey."""
    for table in tables.values():
        require(table, ["pearson", "pearson_low", "pearson_high", "q_value"])
    both = [_tidy(by_variant(table), "pearson").assign(series=series) for series, table in tables.items()]
    left = [
        f"{int((own['q_value'] <= DISCOVERY).sum())} of {len(own)} ({series})"
        for own, series in zip(both, tables, strict=True)
    ]
    looks = {name: Look(name, colour, "o", "-") for name, colour in zip(tables, (FAINT, PANEL), strict=True)}
    known = any(own["mean"].notna().any() for own in both)
    return marks.forest(
        pd.concat(both).assign(hollow=lambda t: ~(t["q_value"] <= DISCOVERY)), title, COEFFICIENT, looks=looks,
        key=discovery_key(), note=note,
        reading=f"Discoveries among the properties of all variants: {listed(left)}." if known
        else "Too few graphs to tell any of the correlations.",
    )  # fmt: skip


def mixed_forest(table: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: what a standard deviation of each property is worth in accuracy, given the controls.

    Of what `analysis.control.mixed` returns; the controls are named.
    """
    require(table, ["coefficient", "low", "high", "q_value", "model"])
    points, told = Axis("points", lambda share: number(100 * share, 1, sign=True)), []
    for variant, own in by_variant(table).items():
        clear = [
            f"{words_of(name)} {points.form(v)}" for name, v in own["coefficient"][own["q_value"] <= DISCOVERY].items()
        ]
        mixed, known = (own["model"] == "mixed").sum(), own["coefficient"].notna().sum()
        told.append(
            f"{look(VARIANTS, variant).label} {listed(clear or ['none'])} ({mixed} of {known} by the mixed model)"
        )
    known = table["coefficient"].notna().any()
    return marks.forest(
        _tidy(by_variant(table), "coefficient").assign(hollow=lambda t: ~(t["q_value"] <= DISCOVERY)),
        "What a property is worth, seeds within graphs", points, key=discovery_key(),
        note=f"Test accuracy, in points, per standard deviation of the property; given {controls_in_words(controls)}.",
        reading=f"Discoveries, in points per standard deviation: {'; '.join(told)}." if known
        else "Too few graphs to fit any model.",
    )  # fmt: skip


def discovery_key() -> list[Line2D]:
    """Key entries for filled and open points."""
    options = {"color": QUIET, "marker": "o", "markersize": 5, "linestyle": ""}
    return [
        Line2D([], [], label=f"discovery (rate {100 * DISCOVERY:g} %)", **options),
        Line2D([], [], label="no discovery", mfc="white", **options),
    ]
