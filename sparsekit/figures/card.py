"""The white card that a figure is drawn on: headline, keys, a grid of panels, and the parts that panels share."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from scipy.optimize import isotonic_regression

from sparsekit.figures.picture import CARD, HEADLINE, PIXELS_PER_INCH, Picture, drawn
from sparsekit.figures.style import FAINT, INK, QUIET, VARIANTS, Look, look, readable

WIDTH = 700  # CSS pixels of every card in a notebook
NARROW = ContextVar("narrow", default=WIDTH)  # and of those that are drawn now: figures beside a text are narrower


def nothing(title: str, why: str) -> Picture:
    """A card that says why there is nothing to draw."""
    figure, ((axes,),) = drawn(card)(53 + 21 * len(_wrapped(why).split("\n")), title, note=why.replace("`", ""))
    axes.remove()
    return Picture(figure, why, why)


def _wrapped(note: str) -> str:
    """A note broken into lines that fit the card, by the widest font that a machine may have."""
    return "\n".join(textwrap.fill(line, 102 * NARROW.get() // WIDTH) for line in note.split("\n"))


@contextmanager
def narrow(width: int) -> Iterator[None]:
    """Cards drawn meanwhile are so many CSS pixels wide."""
    token = NARROW.set(width)
    try:
        yield
    finally:
        NARROW.reset(token)


def card(
    height: float, title: str, rows: int = 1, columns: int = 1, *, key: list | None = None, note: str = "", **options
):
    """An empty white card with a headline, an optional line of keys, and a grid of panels.

    Parameters
    ----------
    height : float
        In CSS pixels.
    title : str
        What the figure shows, in a few words.
    key : list of matplotlib artists, optional
        Handles with labels, set in one row under the title.
    note : str
        A quiet line under the title, before the keys.
    **options
        For ``Figure.subplots``.

    Returns
    -------
    Figure, numpy.ndarray
        The figure and its panels, shape (rows, columns).
    """
    figure = Figure(figsize=((width := NARROW.get()) / PIXELS_PER_INCH, height / PIXELS_PER_INCH), layout="constrained")
    figure.patch.set_alpha(0)
    # Rounded corners keep the card a card on a dark page; on a white page they are not seen.
    pixels = mpl.transforms.Affine2D().scale(1 / width, 1 / height) + figure.transFigure
    back = {"transform": pixels, "facecolor": "white", "edgecolor": "none", "zorder": -10, "in_layout": False}
    figure.add_artist(FancyBboxPatch((0, 0), width, height, "round,pad=0,rounding_size=10", gid=CARD, **back))
    # Text and keys at the top sit at fixed pixels, outside the layout, which gets what is left.
    note, y, at_top = _wrapped(note), height - 36, {"transform": pixels, "va": "top", "in_layout": False}
    size = min(11.5, 11.5 * 70 / len(title))  # 70 letters of the widest font fill a line
    figure.text(14, height - 14, title, size=size, weight="bold", gid=HEADLINE, **at_top)
    figure.set_label(title)
    if note:
        figure.text(14, y, note, color=QUIET, size=9.5, linespacing=1.35, **at_top)
        y -= 21 * (1 + note.count("\n"))
    if key:
        long, wide = (2.2, 1.4) if len(key) < 6 else (1.2, 0.9)
        spaces = {"borderpad": 0, "borderaxespad": 0, "handlelength": long, "handletextpad": 0.5, "columnspacing": wide}
        place = {"loc": "upper left", "bbox_to_anchor": (13, y + 1), "bbox_transform": pixels, "ncols": _columns(key)}
        legend = figure.legend(handles=key, frameon=False, fontsize=9.5, **place, **spaces)
        legend.set_in_layout(False)
        for text, handle in zip(legend.get_texts(), key, strict=True):
            text.set_color(readable(handle.get_color() if isinstance(handle, Line2D) else INK))
        y -= 20 * -(-len(key) // _columns(key))
    inside = (10 / width, 10 / height, 1 - 20 / width, (y - 14) / height)
    figure.get_layout_engine().set(rect=inside, w_pad=0.03, h_pad=0.04, wspace=0.03, hspace=0.05)
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def _columns(key: list) -> int:
    """How many keys fit side by side, by the widest font that a machine may have."""
    width, longest = NARROW.get() - 28, max(len(handle.get_label()) for handle in key)
    if sum(7.4 * len(handle.get_label()) + 44 for handle in key) <= width:
        return len(key)
    return max(1, min(len(key), int(width // (7.4 * longest + 44))))


def sample(one: Look, label: str | None = None, **options) -> Line2D:
    """A key entry: a short piece of the line with its marker."""
    colour = INK if one.colour == "panel" else one.colour
    settings = {"color": colour, "marker": one.marker, "linestyle": one.line, "markersize": 5} | options
    return Line2D([], [], label=label or one.label, **settings)


def spread(values: Iterable[float], gap: float) -> np.ndarray:
    """Positions as near the given ones as least squares has it and at least ``gap`` apart, for labels.

    >>> spread([0.5, 0.98, 1.0], 0.04).round(2).tolist()
    [0.5, 0.97, 1.01]
    """
    values = np.asarray(list(values), float)
    order, steps = np.argsort(values, kind="stable"), gap * np.arange(len(values))
    placed = np.empty_like(values)
    placed[order] = isotonic_regression(values[order] - steps).x + steps
    return placed


def baseline_lines(axes, baselines: Mapping[str, float], height: float = 0.0) -> None:
    """Draw what classifiers without memory reach, by label, as quiet lines, named at the right edge if given a height.

    It is that of the panel in CSS pixels, roughly, and keeps the names apart.
    """
    low, high = axes.get_ylim()
    for value in baselines.values():
        axes.axhline(value, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0.5)
    if height and baselines:
        places = spread(baselines.values(), 13 * (high - low) / height)
        for name, y in zip(baselines, places, strict=True):
            axes.text(1.03, y, name, transform=axes.get_yaxis_transform(), color=QUIET, size=9, va="center")


def label_panel(axes, x: str, y: str) -> bool:
    """Name a panel's axes where it is at the grid's edge; returns whether it is rightmost."""
    place = axes.get_subplotspec()
    if place.is_last_row():
        axes.set_xlabel(x)
    if place.is_first_col():
        axes.set_ylabel(y)
    return place.is_last_col()


def bare(axes: mpl.axes.Axes, xlim: tuple, ylim: tuple) -> None:
    """Only what is drawn, in equal units."""
    axes.set(xlim=xlim, ylim=ylim, aspect="equal")
    axes.set_axis_off()


def small_multiples(
    variants: list[str],
    row_height: float,
    title: str,
    *,
    columns: int = 2,
    looks: Mapping[str, Look] = VARIANTS,
    **options,
):
    """A card with one panel per name, titled in its colour, sharing both axes; a panel named "" has no title.

    Returns the figure, and the panels by name.
    """
    columns = 3 if len(variants) == 3 and columns > 1 else min(columns, len(variants))
    rows = -(-len(variants) // columns)
    note = _wrapped(options.get("note", ""))
    key = options.get("key") or []
    extra = 58 + 20 * (-(-len(key) // _columns(key)) if key else 0) + 21 * bool(note) * (1 + note.count("\n"))
    options = {"sharex": True, "sharey": True} | options
    figure, grid = card(rows * row_height + extra, title, rows, columns, **options)
    panels = dict(zip(variants, grid.flat, strict=False))
    for name, axes in panels.items():
        if name:
            axes.set_title(look(looks, name).label, color=readable(look(looks, name).colour))
    for axes in list(grid.flat)[len(variants) :]:
        axes.remove()
    return figure, panels
