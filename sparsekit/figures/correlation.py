"""Figures of RQ4: how graph properties and accuracy go together, with intervals, beside the reported coefficients."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from sparsekit.analysis.correlation import DISCOVERY, by_variant
from sparsekit.analysis.prediction import SIZES
from sparsekit.analysis.tables import require
from sparsekit.figures.card import Picture, card, drawn, reported_mark, reported_point, small_multiples
from sparsekit.figures.style import (
    DIVERGING,
    FAINT,
    INK,
    QUIET,
    VARIANTS,
    listed,
    look,
    number,
    ordered,
    readable,
    text_on,
    words_of,
)

Reported = Mapping[str, Mapping[str, float]]  # variant -> property or model -> value


def _clear(table: pd.DataFrame, method: str) -> pd.Series:
    """Whether each coefficient is a discovery, where the table has q values for it; else if its interval excludes 0."""
    if method == "pearson" and "q_value" in table:
        return table["q_value"] <= DISCOVERY
    return (table[f"{method}_low"] > 0) | (table[f"{method}_high"] < 0)


def _meaning(tables: Mapping[str, pd.DataFrame], method: str) -> str:
    if method == "pearson" and all("q_value" in table for table in tables.values()):
        return f"are discoveries at a false-discovery rate of {100 * DISCOVERY:g} %"
    return "intervals exclude zero"


def _told(tables: Mapping[str, pd.DataFrame], method: str) -> tuple[str, str]:
    """Alternative text and reading that map and forest share."""
    words, tops = [], []
    for name, table in tables.items():
        variant, values = look(VARIANTS, name).label, table[method].dropna()
        if values.empty:
            words.append(f"{variant}: no coefficient can be computed")
            continue
        top = values.abs().sort_values(ascending=False).index[:3]
        each = [f"{words_of(p)} {number(values[p], sign=True)}" for p in top]
        words.append(f"{variant} strongest: {', '.join(each)}")
        tops.append(f"{variant} {words_of(top[0])} ({number(values[top[0]], sign=True)})")
    total, found = sum(len(t) for t in tables.values()), sum(int(_clear(t, method).sum()) for t in tables.values())
    clear = f"{found} of {total} {_meaning(tables, method)}."
    reading = "No correlation can be computed from so few networks"
    if tops:
        reading = f"The strongest correlation with test accuracy: {listed(tops)}"
    return f"{'; '.join(words)}. {clear}", f"{reading}; {clear}"


@drawn
def correlation_map(tables: Mapping[str, pd.DataFrame], method: str = "pearson") -> Picture:
    """RQ4: correlation of every graph property with test accuracy, per variant.

    Parameters
    ----------
    tables : mapping of variant to DataFrame
        As :func:`sparsekit.analysis.correlation.correlate` returns them, or with q values, which then say what is bold.
    method : {"pearson", "spearman"}
    """
    variants = ordered(tables, VARIANTS)
    rows = list(tables[variants[0]].index)
    bold = (
        _meaning(tables, method)
        .replace("are discoveries", "a discovery")
        .replace("intervals exclude", "the interval excludes")
    )
    figure, ((axes,),) = card(
        96 + 22 * len(rows),
        f"{method.capitalize()} correlation of graph properties with test accuracy",
        note=f"Bold: {bold}.",
    )
    for x, name in enumerate(variants):
        clear = _clear(tables[name], method)
        for y, row in enumerate(rows):
            value = tables[name][method].get(row, np.nan)
            face = to_hex(DIVERGING((value + 1) / 2)) if np.isfinite(value) else "#ffffff"
            axes.add_patch(Rectangle((x - 0.49, y - 0.46), 0.98, 0.92, facecolor=face, linewidth=0))
            strong = bool(clear.get(row, False))
            text = number(value, sign=True) if np.isfinite(value) else "–"
            colour = text_on(face) if strong or abs(value) > 0.4 else QUIET
            axes.text(x, y, text, ha="center", va="center", weight="bold" if strong else "normal", color=colour)
    axes.set_xticks(range(len(variants)), [look(VARIANTS, v).label for v in variants])
    axes.set_yticks(range(len(rows)), [words_of(r) for r in rows])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, labelcolor=INK)
    for tick, name in zip(axes.get_xticklabels(), variants, strict=True):
        tick.set(color=readable(look(VARIANTS, name).colour), weight="bold")
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.5, len(variants) - 0.5)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    words, reading = _told({v: tables[v] for v in variants}, method)
    return Picture(figure, f"Heat map of {method} coefficients of {len(rows)} graph properties. {words}", reading)


@drawn
def correlation_forest(
    tables: Mapping[str, pd.DataFrame], reported: Reported | None = None, method: str = "pearson"
) -> Picture:
    """RQ4: every coefficient with its bootstrap interval, beside the reported one.

    Parameters
    ----------
    tables : mapping of variant to DataFrame
        As :func:`sparsekit.analysis.correlation.correlate` returns them.
    reported : mapping of variant to mapping of property to coefficient, optional
    """
    variants, reported = ordered(tables, VARIANTS), reported or {}
    rows = list(tables[variants[0]].index)
    key = [Line2D([], [], color=QUIET, marker="o", markersize=5, label="this run, with its interval")]
    if reported:
        key.append(reported_mark("reported (no interval)"))
    figure, panels = small_multiples(
        variants, 46 + 20 * len(rows), f"{method.capitalize()} correlation with test accuracy", columns=4, key=key
    )
    inside = outside = 0
    for name, axes in panels.items():
        table, (_, colour, marker, _) = tables[name], look(VARIANTS, name)
        axes.axvline(0, color=FAINT, linewidth=0.9)
        for y, row in enumerate(rows):
            if y % 2 == 0:
                axes.axhspan(y - 0.5, y + 0.5, color="#f5f6f8", linewidth=0, zorder=0)
            if row not in table.index:
                continue
            value, low, high = table.loc[row, [method, f"{method}_low", f"{method}_high"]]
            if np.isfinite(low):
                axes.hlines(y, low, high, color=colour, linewidth=2, alpha=0.75)
            if np.isfinite(value):
                axes.scatter(value, y, s=24, marker=marker, color=colour, zorder=3)
            said = reported.get(name, {}).get(row)
            if said is not None:
                reported_point(axes, said, y)
                inside += bool(low <= said <= high)
                outside += bool(said < low or said > high)
        axes.set_xlim(-1, 1)
        axes.set_xticks([-0.5, 0, 0.5], ["−0.5", "0", "0.5"])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_yticks(range(len(rows)), [words_of(r) for r in rows])
        axes.tick_params(axis="y", length=0, labelcolor=INK)
        axes.spines["left"].set_visible(False)
        axes.set_xlabel("r" if method == "pearson" else "ρ", style="italic")
    words, reading = _told({v: tables[v] for v in variants}, method)
    if inside + outside:
        beside = f" {inside} of {inside + outside} reported coefficients lie within this run's interval."
        words, reading = words + beside, reading + beside
    return Picture(figure, f"Points: {method} coefficients with intervals. {words}", reading)


@drawn
def controlled_forest(raw: pd.DataFrame, controlled: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: every Pearson coefficient alone, and given the controls, each with its interval.

    Parameters
    ----------
    raw : DataFrame
        As :func:`sparsekit.analysis.correlation.correlations` returns it.
    controlled : DataFrame
        As :func:`sparsekit.analysis.control.partial` returns it.
    controls : sequence of str
        The controls given, for the words.
    """
    held = controls_in_words(controls)
    note = f"Controls: {held}; a control is given the others."
    return _forest(
        {"alone": raw, f"given {held}": controlled},
        ("alone", "given the controls"),
        "Correlation with test accuracy, alone and under control",
        note if controls else "Nothing varies that could be held fixed: both are the same.",
    )


@drawn
def learned_forest(everything: pd.DataFrame, learned: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: partial correlations of all networks, and of those that left chance level.

    Parameters
    ----------
    everything, learned : DataFrame
        As :func:`sparsekit.analysis.control.partial` returns it, of all networks and of
        :func:`sparsekit.analysis.covariates.only_learned`.
    controls : sequence of str
        The controls given, for the words.
    """
    return _forest(
        {"of all networks": everything, "of those that left chance": learned},
        ("all networks", "those that left chance"),
        "Correlation under control, with and without networks at chance",
        f"Given {controls_in_words(controls)}.",
    )


def controls_in_words(controls: Sequence[str]) -> str:
    """The controls as people read them."""
    return listed(map(words_of, controls)) if controls else "nothing"


def _forest(tables: Mapping[str, pd.DataFrame], labels: tuple[str, str], title: str, note: str) -> Picture:
    """Two series of coefficients, a panel per variant; the first one grey, each named by its key in the words."""
    for table in tables.values():
        require(table, ["pearson", "pearson_low", "pearson_high", "q_value"])
    series = {kind: by_variant(table) for kind, table in tables.items()}
    first = next(iter(series.values()))
    variants = ordered(first, VARIANTS)
    rows = list(first[variants[0]].index)
    key = [
        *(
            Line2D([], [], color=c, marker="o", markersize=5, label=w)
            for c, w in zip((FAINT, INK), labels, strict=True)
        ),
        *discovery_key(),
    ]
    figure, panels = small_multiples(variants, 46 + 22 * len(rows), title, columns=4, key=key, note=note)
    words, left = [], []
    for name, axes in panels.items():
        variant, colour, *_ = look(VARIANTS, name)
        _rows(axes, rows)
        counts = []
        for (kind, own), shift, tone in zip(series.items(), (-0.19, 0.19), (FAINT, colour), strict=True):
            table = own.get(name, pd.DataFrame(columns=first[name].columns)).reindex(rows)
            discovery = table["q_value"] <= DISCOVERY
            _points(axes, table, "pearson", np.arange(len(rows)) + shift, tone, 20)
            counts.append(str(int(discovery.sum())))
            top = table["pearson"].astype(float).abs().dropna()
            if len(top):
                best = top.idxmax()
                words.append(
                    f"{variant}, {kind}: {counts[-1]} of {len(rows)} discoveries, strongest {words_of(best)} "
                    f"{_span(table.loc[best], 'pearson')}"
                )
        left.append(f"{variant} {listed(counts)}")
        axes.set_xlim(-1, 1)
        axes.set_xticks([-0.5, 0, 0.5], ["−0.5", "0", "0.5"])
        axes.set_xlabel("r", style="italic")
    what = " and ".join(tables)
    return Picture(
        figure,
        f"Points with intervals: Pearson coefficients of {len(rows)} properties. {'; '.join(words) or 'None'}.",
        f"Discoveries among {len(rows)} properties, {what}: {'; '.join(left)}."
        if words
        else f"Too few graphs to tell any of the {len(rows)} correlations.",
    )


@drawn
def mixed_forest(table: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: what a standard deviation of each property is worth in accuracy, given the controls.

    Parameters
    ----------
    table : DataFrame
        As :func:`sparsekit.analysis.control.mixed` returns it.
    controls : sequence of str
        The controls given, for the words.
    """
    require(table, ["coefficient", "low", "high", "q_value", "model"])
    tables = by_variant(table)
    variants = ordered(tables, VARIANTS)
    rows = list(tables[variants[0]].index)
    figure, panels = small_multiples(
        variants,
        62 + 22 * len(rows),
        "What a property is worth, seeds within graphs",
        columns=4,
        key=discovery_key(),
        note=f"Test accuracy, in points, per standard deviation of the property; given {controls_in_words(controls)}.",
    )
    words, told = [], []
    for name, axes in panels.items():
        variant, colour, *_ = look(VARIANTS, name)
        own = tables[name].reindex(rows)
        points = own.assign(**{end: 100 * own[end].astype(float) for end in ("coefficient", "low", "high")})
        _rows(axes, rows)
        _points(axes, points, "coefficient", np.arange(len(rows)), colour, 26)
        axes.set_xlabel("points")
        known = points.dropna(subset=["coefficient"])
        words += [f"{variant}, {words_of(p)}: {_span(row, 'coefficient')}" for p, row in known.iterrows()]
        if len(known):
            mixed = int((known["model"] == "mixed").sum())
            found = [
                f"{words_of(p)} {_span(r, 'coefficient')}" for p, r in known.iterrows() if r["q_value"] <= DISCOVERY
            ]
            told.append(f"{variant} {listed(found) if found else 'none'} ({mixed} of {len(known)} by the mixed model)")
    return Picture(
        figure,
        f"Points with intervals: points of accuracy per standard deviation. {'; '.join(words) or 'None'}.",
        f"Discoveries, in points per standard deviation: {'; '.join(told)}."
        if told
        else "Too few graphs to fit any model.",
    )


def discovery_key() -> list[Line2D]:
    """Key entries for filled and open points."""
    options = {"color": QUIET, "marker": "o", "markersize": 5, "linestyle": ""}
    return [
        Line2D([], [], label=f"discovery (rate {100 * DISCOVERY:g} %)", **options),
        Line2D([], [], label="no discovery", mfc="white", **options),
    ]


def _rows(axes, rows: Sequence[str]) -> None:
    """A shaded band for every other property, their names, and the line of no effect."""
    axes.axvline(0, color=FAINT, linewidth=0.9)
    for y in range(0, len(rows), 2):
        axes.axhspan(y - 0.5, y + 0.5, color="#f5f6f8", linewidth=0, zorder=0)
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_yticks(range(len(rows)), [words_of(r) for r in rows])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines["left"].set_visible(False)


def _points(axes, table: pd.DataFrame, value: str, at: np.ndarray, tone: str, size: float) -> None:
    low, high = _ends(value)
    axes.hlines(at, table[low].astype(float), table[high].astype(float), color=tone, linewidth=1.8)
    faces = [tone if filled else "white" for filled in table["q_value"] <= DISCOVERY]
    axes.scatter(table[value].astype(float), at, s=size, color=faces, edgecolor=tone, linewidth=1.2, zorder=3)


def _ends(value: str) -> tuple[str, str]:
    return ("low", "high") if value == "coefficient" else (f"{value}_low", f"{value}_high")


def _span(row: pd.Series, value: str) -> str:
    low, high = row[list(_ends(value))]
    return number(row[value], sign=True) + (f" ({number(low)} to {number(high)})" if np.isfinite(low) else "")
