"""Figures of RQ4 under control: correlations alone and given size and widths, with and without networks at chance.

A filled point is a discovery at the rate that `correlation_figures.DISCOVERY` says.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from sparsekit.correlation import by_variant
from sparsekit.correlation_figures import DISCOVERY
from sparsekit.pictures import Picture, drawn, small_multiples
from sparsekit.prediction import SIZES
from sparsekit.style import FAINT, INK, QUIET, VARIANTS, listed, look, number, ordered, words_of
from sparsekit.tables import require


@drawn
def controlled_forest(raw: pd.DataFrame, controlled: pd.DataFrame, controls: Sequence[str] = SIZES) -> Picture:
    """RQ4: every Pearson coefficient alone, and given the controls, each with its interval.

    Parameters
    ----------
    raw : DataFrame
        As :func:`sparsekit.correlation.correlations` returns it.
    controlled : DataFrame
        As :func:`sparsekit.control.partial` returns it.
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
        As :func:`sparsekit.control.partial` returns it, of all networks and of
        :func:`sparsekit.structure_columns.only_learned`.
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
        As :func:`sparsekit.control.mixed` returns it.
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
