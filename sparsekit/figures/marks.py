"""The four marks that figures are made of: lines, forest, heatmap, points.

Each draws one tidy table, a row for each thing drawn, and tells it in words as the alternative text, so that picture
and text cannot differ. A figure function chooses columns, title, note and the sentence that reads the picture; it
computes nothing.
"""

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import TwoSlopeNorm, to_hex
from matplotlib.patches import Rectangle

from sparsekit.analysis.tables import require
from sparsekit.figures.axis import ACCURACY, NUMBER, Axis, inward
from sparsekit.figures.card import baseline_lines, label_panel, sample, small_multiples
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import (
    DIVERGING,
    FAINT,
    INK,
    NONE,
    PANEL,
    QUIET,
    RULE,
    VARIANTS,
    Look,
    Looks,
    look,
    ordered,
    readable,
    text_on,
)
from sparsekit.figures.told import data_of, heading, in_words, row_label
from sparsekit.figures.words import number

REPORTED = Look("reported", INK, "D", "-")  # what the published study reports: an open diamond
TOLD = 6  # points of a line (of many lines fewer, at least its ends), and
MOST = 40  # lines or rows of a table, that an alternative text spells out


@drawn
def lines(
    table: pd.DataFrame,
    title: str,
    x: Axis,
    y: Axis = ACCURACY,
    *,
    looks: Looks,
    panels: Looks = VARIANTS,
    seeds: pd.DataFrame | None = None,
    base: Mapping[str, float] = NONE,
    margin: float = 0.0,
    baselines: Mapping[str, float] = NONE,
    steps: bool = False,
    whiskers: bool = False,
    apart: float = 0.0,
    note: str = "",
    reading: str = "",
) -> Picture:
    """A panel per name, a line per series over x, with its interval as a band.

    Parameters
    ----------
    table : DataFrame
        Columns series, x, mean; panel where there are several, low and high where there are intervals, x_low and
        x_high with whiskers.
    looks, panels : mapping of name to Look
        Of the series, and of the panels; they say in which order things stand.
    seeds : DataFrame, optional
        Single runs, drawn thin: panel, series, seed, x, value.
    base, margin : mapping of panel to number, and number
        A line at the base, and a band of the margin under it.
    baselines : mapping of label to number, optional
        Dotted lines across all panels, named at the right.
    steps : bool
        Each value holds up to the next x.
    whiskers : bool
        Intervals as upright lines, each at its x, instead of a band.
    apart : float
        How far above each other series are drawn, so that none hides another.
    """
    require(table, ["series", "x", "mean"])
    table = _filled(table, {"panel": ""})
    names = ordered(table["panel"], panels)
    series = ordered(table["series"], looks)
    key = [sample(look(looks, name)) for name in series] if len(series) > 1 or not names else []
    if margin:
        note = f"{note} Grey: within {100 * margin:g} points of the base.".strip()
    figure, grid = small_multiples(names, 205 if len(names) > 1 else 280, title, looks=panels, key=key, note=note)
    for name, axes in grid.items():
        if base:
            axes.axhspan(base[name] - margin, base[name], color=RULE, linewidth=0, zorder=0)
            axes.axhline(base[name], color=QUIET, linewidth=0.8, zorder=0.6)
        for k, one in enumerate(series):
            drawn_as = _in_panel(look(looks, one), panels, name)
            if seeds is not None:
                own = seeds[(seeds["panel"] == name) & (seeds["series"] == one)].sort_values("x")
                for _, run in own.groupby("seed"):
                    axes.plot(run["x"], run["value"], color=drawn_as.colour, linewidth=0.7, alpha=0.45, zorder=1.5)
            rows = table[(table["panel"] == name) & (table["series"] == one)].sort_values("x")
            colour = {"color": drawn_as.colour}
            if whiskers:
                axes.vlines(rows["x"], rows["low"], rows["high"], linewidth=1.1, alpha=0.7, **colour)
                if "x_low" in rows:
                    axes.hlines(rows["mean"], rows["x_low"], rows["x_high"], linewidth=1.1, alpha=0.7, **colour)
            elif "low" in rows:
                # The band of a step reaches to where its line leaves it, also where the next one has none.
                low, high = (rows[end].ffill(limit=1) if steps else rows[end] for end in ("low", "high"))
                axes.fill_between(
                    rows["x"], low, high, step="post" if steps else None, alpha=0.1, linewidth=0, **colour
                )
            style = {"linestyle": drawn_as.line, "marker": drawn_as.marker, "linewidth": 1.6} | colour
            style |= {"markersize": 0 if steps or len(rows) > 24 else 4, "drawstyle": "steps-post" if steps else None}
            axes.plot(rows["x"], rows["mean"] + apart * ((len(series) - 1) / 2 - k), **style)
        x.lay(axes, "x")
        y.lay(axes, "y")
        baseline_lines(axes, baselines, 150 * label_panel(axes, x.label, y.label))
    words, by_line = [], table.groupby(["panel", "series"], sort=False)
    most = max(2, min(TOLD, MOST // len(by_line) if len(by_line) else TOLD))
    for (name, one), rows in list(by_line)[:MOST]:
        rows = rows.dropna(subset=["mean"]).sort_values("x")
        at = np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows))).round().astype(int))
        told = [f"{x.form(row.x)} {in_words(row, y.form)}" for row in rows.iloc[at].itertuples()]
        words.append(f"{heading(panels, name, looks, one)}: {', '.join(told) or 'nothing'}")
    words += [f"{heading(panels, name)}, base: {y.form(value)}" for name, value in base.items()]
    more = f"; and {len(by_line) - MOST} more" if len(by_line) > MOST else ""
    told = f"{title}. Lines: {y.label} against {x.label}. {'; '.join(words)}{more}."
    return Picture(figure, told, reading, **data_of(table, "Lines", title, x, y, panels, looks, singles=seeds))


@drawn
def forest(
    table: pd.DataFrame,
    title: str,
    x: Axis = NUMBER,
    *,
    looks: Looks = NONE,
    panels: Looks = VARIANTS,
    groups: Looks = NONE,
    rows: Looks = NONE,
    dots: pd.DataFrame | None = None,
    zero: float | None = 0.0,
    bars: bool = False,
    spans: Mapping[str, tuple[float, float]] = NONE,
    columns: int = 4,
    own_axes: bool = False,
    note: str = "",
    reading: str = "",
) -> Picture:
    """Rows of points with their intervals, a panel per name, series side by side within a row.

    Parameters
    ----------
    table : DataFrame
        Columns row, mean; and where there are such: panel, group (rows under one coloured heading), series, low and
        high, inner_low and inner_high (a thicker interval), reported (an open diamond), hollow (an open mark),
        text (written at the right end).
    looks : mapping of name to Look, optional
        Of the series. Without, marks have the look of their panel, or of their group.
    rows : mapping of name to Look, optional
        How rows are named, and in which order; without, as they are, and as they come.
    dots : DataFrame, optional
        Single runs as small dots: panel, row, value; series and group as in the table.
    zero : float, optional
        Where a vertical line stands.
    bars : bool
        Bars from the zero line instead of points.
    spans : mapping of panel to (low, high), optional
        A shaded range behind the rows.
    own_axes : bool
        Each panel has its own x axis, as long as its numbers ask for.
    """
    require(table, ["row", "mean"])
    table = _filled(table, {"panel": "", "group": "", "series": ""})
    names, series = ordered(table["panel"], panels), ordered(table["series"], looks)
    place, ticks, heads, height = _rows(table, series, groups, rows)
    keys = [sample(look(looks, name), linestyle="-", markersize=6) for name in series] if looks else []
    single = None if dots is None else _filled(dots, {"panel": "", "group": "", "series": ""})
    if "reported" in table:
        keys.append(sample(REPORTED, linestyle="", markersize=5.5, markerfacecolor="none"))
    tall = max(84, 34 + (17 if len(names) > 1 else 14) * height)
    options = {"looks": panels, "columns": columns, "key": keys, "note": note, "sharex": not own_axes}
    figure, grid = small_multiples(names, tall, title, **options)
    for name, axes in grid.items():
        low, high = _reach(table[table["panel"] == name] if own_axes else table, x, zero if bars else None)
        if zero is not None:
            axes.axvline(zero, color=FAINT, linewidth=0.9, zorder=0.5)
        if name in spans:
            axes.axvspan(*spans[name], color=RULE, linewidth=0, zorder=0)
        if single is not None:
            own = single[single["panel"] == name]
            y = [place[row.group, row.row, row.series] + 0.35 for row in own.itertuples()]
            axes.scatter(own["value"], y, s=9, color=FAINT, linewidth=0, zorder=2)
        for row in table[table["panel"] == name].itertuples():
            own = (looks, row.series) if looks else (groups, row.group) if groups else (panels if name else NONE, name)
            one = _in_panel(look(*own), panels, name)
            _point(axes, row, place[row.group, row.row, row.series], one, (low, high), bars, zero or 0.0)
        x.lay(axes, "x")
        if x.limits is None:
            pad = 0.04 * (high - low or 1)
            axes.set_xlim(low - pad, high + pad)
        axes.set_yticks([y for y, _ in ticks], [label for _, label in ticks])
        axes.tick_params(axis="y", length=0, labelcolor=INK, pad=6)
        axes.spines["left"].set_visible(False)
        axes.grid(axis="x", color=RULE, linewidth=0.7)
        axes.set_ylim(height - 0.4, -0.9)
        label_panel(axes, x.label, "")
        if len(names) > 2 and columns > 2:
            inward(axes)
        if axes.get_subplotspec().is_first_col():
            for head, y in heads.items():
                _beside(axes, y, -8, look(groups, head))
    told, words = table if len(table) <= MOST else table.groupby("panel", sort=False).head(MOST // len(names)), []
    for row in told.sort_values("panel", key=lambda panel: panel.map(names.index), kind="stable").itertuples():
        place = [heading(panels, row.panel, groups, row.group), row_label(row.row, rows)]
        place.append(look(looks, row.series).label if looks else "")
        words.append(f"{', '.join(filter(None, place))}: {in_words(row, x.form)}")
    words += [f"{heading(panels, name)}, shaded: {x.form(a)} to {x.form(b)}" for name, (a, b) in spans.items()]
    more = f"; and {len(table) - len(told)} more" if len(table) > len(told) else ""
    kind = "Bars" if bars else "Points with intervals"
    told = f"{title}. {kind}: {x.label}. {'; '.join(words)}{more}."
    data = data_of(table, kind, title, None, x, panels, looks, groups=groups, rows=rows, singles=dots)
    return Picture(figure, told, reading, **data)


@drawn
def heatmap(
    table: pd.DataFrame,
    title: str,
    *,
    panels: Looks = NONE,
    columns: Looks = NONE,
    groups: Looks = NONE,
    form: Callable[[float], str] = number,
    cmap: mpl.colors.Colormap = DIVERGING,
    limits: tuple[float, float, float] = (-1, 0, 1),
    x_label: str = "",
    y_label: str = "",
    note: str = "",
    reading: str = "",
) -> Picture:
    """Cells with their numbers, rows against columns, bold where something was found.

    Parameters
    ----------
    table : DataFrame
        Columns row, column, value; and where there are such: panel, group (of rows), text (instead of the number),
        bold, colour (what is coloured by, instead of the value).
    panels, columns, groups : mapping of name to Look, optional
        Looks of panels, of columns and of groups of rows.
    limits : (low, middle, high)
        Values at the ends and in the middle of the colours.
    """
    require(table, ["row", "column", "value"])
    table = _filled(table, {"panel": "", "group": "", "bold": False})
    if "text" not in table:
        table["text"] = [form(v) if np.isfinite(v) else "–" for v in table["value"]]
    names, across = ordered(table["panel"], panels), ordered(table["column"], columns)
    rows = list(dict.fromkeys(zip(table["group"], table["row"], strict=True)))
    norm, labels = TwoSlopeNorm(limits[1], limits[0], limits[2]), [look(columns, c).label for c in across]
    # Where names of columns would run into each other, panels stand in two rows, and if need be names upright.
    longest = max(len(line) for label in labels for line in label.split("\n"))
    side_by_side = 2 if 8 * longest * len(across) * len(names) > 620 and len(names) > 2 else len(names)
    upright = 7 * longest * len(across) * side_by_side > 620
    tall = 21 * len(rows) + 26 + 17 * bool(x_label) + upright * 6 * longest
    options = {"columns": side_by_side, "looks": panels, "note": note}
    figure, grid = small_multiples(names, tall, title, **options)
    for name, axes in grid.items():
        for cell in table[table["panel"] == name].itertuples():
            at, y = across.index(cell.column), rows.index((cell.group, cell.row))
            value = getattr(cell, "colour", cell.value)
            face = to_hex(cmap(norm(np.clip(value, limits[0], limits[2])))) if np.isfinite(value) else "#ffffff"
            axes.add_patch(Rectangle((at - 0.49, y - 0.46), 0.98, 0.92, facecolor=face, linewidth=0))
            plain = {"weight": "bold"} if cell.bold else {}
            axes.text(at, y, cell.text, ha="center", va="center", color=text_on(face), size=9, **plain)
        axes.set_xticks(range(len(across)), labels, **({"rotation": 90, "va": "top"} if upright else {}))
        axes.set_yticks(range(len(rows)), [row_label(row) for _, row in rows])
        axes.tick_params(length=0, labelcolor=INK)
        if columns:
            for tick, column in zip(axes.get_xticklabels(), across, strict=False):
                tick.set(color=readable(look(columns, column).colour), weight="bold")
        axes.spines[:].set_visible(False)
        axes.set(xlim=(-0.5, len(across) - 0.5), ylim=(len(rows) - 0.5, -0.5))
        label_panel(axes, x_label, y_label)
    for y, (group, _) in enumerate(rows):
        if group and (y == 0 or rows[y - 1][0] != group):
            _beside(next(iter(grid.values())), y, -96, look(groups, group))
    told = {}
    for cell in table.itertuples():
        place = heading(panels, cell.panel, groups, cell.group)
        place = ", ".join(filter(None, [place, row_label(cell.row)]))
        told.setdefault(place, []).append(f"{look(columns, cell.column).label} {cell.text}")
    words = [f"{place}: {', '.join(cells)}" for place, cells in list(told.items())[:MOST]]
    more = f"; and {len(told) - MOST} more rows" if len(told) > MOST else ""
    told = f"{title}. Cells: {'; '.join(words)}{more}."
    data = data_of(table, "Cells", title, None, Axis(form=form), panels, NONE, groups=groups, columns=columns)
    return Picture(figure, told, reading, **data)


@drawn
def points(
    table: pd.DataFrame,
    title: str,
    x: Axis,
    y: Axis = ACCURACY,
    *,
    looks: Looks,
    panels: Looks = VARIANTS,
    middles: pd.DataFrame | None = None,
    baselines: Mapping[str, float] = NONE,
    subtitles: Mapping[str, str] = NONE,
    note: str = "",
    reading: str = "",
) -> Picture:
    """A scatter, a panel per name, markers by series.

    Parameters
    ----------
    table : DataFrame
        Columns series, x, y; panel where there are several; shade, from 0 to 1, where marks are the darker the more.
        Where x holds names, points are spread a little beside their name.
    middles : DataFrame, optional
        Short bars, such as medians: panel, x (a name), y.
    subtitles : mapping of panel to str, optional
        A quiet line under a panel's name.
    """
    require(table, ["series", "x", "y"])
    table = _filled(table, {"panel": ""})
    names, series = ordered(table["panel"], panels), ordered(table["series"], looks)
    key = [sample(look(looks, one), linestyle="") for one in series] if len(series) > 1 else []
    data = table
    at = {name: k for k, name in enumerate(ordered(table["x"], looks))} if table["x"].dtype.kind in "OUT" else {}
    if at:
        table = table.assign(x=table["x"].map(at) + np.random.default_rng(0).uniform(-0.26, 0.26, len(table)))
        ticks = {k: look(looks, name).label for name, k in at.items()}
        x = x._replace(ticks=ticks, limits=(-0.6, len(at) - 0.4))
    figure, grid = small_multiples(names, 205 if len(names) > 1 else 300, title, looks=panels, key=key, note=note)
    for name, axes in grid.items():
        own = table[table["panel"] == name]
        for one in series:
            rows, drawn_as = own[own["series"] == one], look(looks, one)
            colour = look(panels, name).colour if name else drawn_as.colour
            if "shade" in rows:
                colour = mpl.colormaps["Blues"](0.35 + 0.65 * rows["shade"].to_numpy())
            axes.scatter(rows["x"], rows["y"], s=20, c=colour, marker=drawn_as.marker, alpha=0.75, linewidth=0)
        if middles is not None:
            for row in middles[middles["panel"] == name].itertuples():
                axes.hlines(row.y, at[row.x] - 0.34, at[row.x] + 0.34, color=INK, linewidth=2, zorder=4)
        x.lay(axes, "x")
        y.lay(axes, "y")
        if subtitles:
            axes.set_title(axes.get_title("left"), pad=17)
            axes.text(0, 1.02, subtitles.get(name, ""), transform=axes.transAxes, color=QUIET, size=9, va="bottom")
        baseline_lines(axes, baselines, 150 * label_panel(axes, x.label, y.label))
    words = []
    for (name, one), rows in table.groupby(["panel", "series"], sort=False):
        low, middle, high = (y.form(rows["y"].quantile(share)) for share in (0, 0.5, 1))
        words.append(f"{heading(panels, name, looks, one)}: {len(rows)} points, from {low} to {high}, median {middle}")
    words += [f"{heading(panels, name)}: {text}" for name, text in subtitles.items()]
    told = f"{title}. Points: {y.label} against {x.label}. {'; '.join(words)}."
    return Picture(figure, told, reading, **data_of(data, "Points", title, x, y, panels, looks))


def _in_panel(one: Look, panels: Looks, name: str) -> Look:
    """A look, in the panel's colour where it asks for that."""
    return one._replace(colour=look(panels, name).colour) if name and one.colour == PANEL else one


def _beside(axes, y: float, left: float, one: Look) -> None:
    """The heading of a group, so many points to the left of a panel."""
    place = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points", "annotation_clip": False}
    style = {"color": readable(one.colour), "weight": "bold", "size": 10, "va": "center", "ha": "right"}
    axes.annotate(one.label, (0, y), (left, 0), **place, **style)


def _filled(table: pd.DataFrame, defaults: Mapping[str, Any]) -> pd.DataFrame:
    return table.assign(**{name: value for name, value in defaults.items() if name not in table})


def _rows(table: pd.DataFrame, series: list, groups: Looks, rows: Looks) -> tuple[dict, list, dict, float]:
    """Where each (group, row, series) stands, the ticks of rows, the headings of groups, and the height of all."""
    place, ticks, heads, y = {}, [], {}, 0.0
    for group in ordered(table["group"], groups):
        if group:
            heads[group] = y
            y += 1.0
        for row in ordered(table.loc[table["group"] == group, "row"], rows):
            told, height = row_label(row, rows), 1.3 + 0.62 * (len(series) - 1)
            room = max(0.0, 0.4 + 0.85 * len(told.split("\n")) - height)  # for a label of several lines
            for k, one in enumerate(series):
                place[group, row, one] = y + room / 2 + 0.62 * k
            ticks.append((y + room / 2 + 0.31 * (len(series) - 1), told))
            y += height + room
        y += 0.5 * bool(group)
    return place, ticks, heads, y


def _reach(table: pd.DataFrame, x: Axis, start: float | None) -> tuple[float, float]:
    """The ends of the axis: the given ones, or those of what is drawn."""
    if x.limits is not None:
        return x.limits
    values = table[[name for name in ("mean", "low", "high", "reported") if name in table]].to_numpy(float)
    values = np.append(values[np.isfinite(values)], [] if start is None else start)
    return (float(values.min()), float(values.max())) if len(values) else (0.0, 1.0)


def _point(axes, row: Any, y: float, one: Look, limits: tuple[float, float], bars: bool, zero: float) -> None:
    """One mark with its intervals; an arrow head at the edge where it lies beyond."""
    low, high = limits
    for ends, width in ((("low", "high"), 1.4), (("inner_low", "inner_high"), 3)):
        span = [getattr(row, end, np.nan) for end in ends]
        if np.isfinite(span).all():
            axes.hlines(y, *np.clip(span, low, high), color=INK if bars else one.colour, linewidth=width, zorder=3)
    if np.isfinite(row.mean) and bars:
        axes.barh(y, row.mean - zero, left=zero, height=0.5, color=one.colour, alpha=0.75, zorder=2)
    elif np.isfinite(row.mean):
        beyond = "<" if row.mean < low else ">" if row.mean > high else one.marker
        face = "white" if getattr(row, "hollow", False) else one.colour
        axes.scatter(
            np.clip(row.mean, low, high),
            y,
            s=34,
            marker=beyond,
            facecolor=face,
            edgecolor=one.colour,
            linewidth=1.1,
            zorder=4,
            clip_on=False,
        )
    if np.isfinite(getattr(row, "reported", np.nan)):
        diamond = {"marker": REPORTED.marker, "facecolor": "none", "edgecolor": INK, "linewidth": 1.1}
        axes.scatter(np.clip(row.reported, low, high), y, s=38, zorder=5, **diamond)
    if getattr(row, "text", ""):
        axes.annotate(row.text, (1.01, y), xycoords=("axes fraction", "data"), color=QUIET, size=9, va="center")
