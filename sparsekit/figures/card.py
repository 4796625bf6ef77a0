"""A figure as a white card that shows itself in a notebook with caption and data, and the parts cards share."""

import re
import textwrap
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from csv import QUOTE_NONNUMERIC
from functools import wraps
from html import escape
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from PIL import Image
from scipy.optimize import isotonic_regression

from sparsekit.figures.style import FAINT, INK, QUIET, RC, VARIANTS, Look, look, readable
from sparsekit.registry import UnknownName, unknown

PIXELS_PER_INCH = 96  # CSS pixels, so that a font's points are the points a reader sees
WIDTH = 700  # CSS pixels of every card in a notebook
NARROW = ContextVar("narrow", default=WIDTH)  # and of those that are drawn now: figures beside a text are narrower
RESOLUTION = 2  # image pixels per CSS pixel
CARD, HEADLINE, HEAD = "card", "headline", 30  # names of the parts that a page leaves out, and their height
HEAVY = 150_000  # bytes of SVG from which on a figure is shown as pixels
ROWS = 60  # of its data that a figure unfolds


class Picture:
    """A figure with words for those who do not see it, one sentence that says what it shows, and what was drawn.

    In a notebook it shows itself as one `figure` element: the picture, its caption, and its data folded under it.

    Attributes
    ----------
    figure : matplotlib.figure.Figure
        Bound to no window and to no pyplot state; the title of its card is the figure's label.
    alt : str
        All that is drawn, in words, computed from the data drawn.
    reading : str
        The finding in one sentence (Markdown), computed from the data drawn.
    brief : str
        What kind of picture it is, in one sentence: the alternative text of the image, beside caption and data.
    table : DataFrame, optional
        The data drawn, its columns named for readers.
    forms : mapping of column to callable, optional
        How the values of a column are written for readers.
    """

    def __init__(
        self, figure: Figure, alt: str, reading: str, *, brief: str = "", table: pd.DataFrame | None = None,
        forms: Mapping[str, Callable[[float], str]] | None = None,
    ):  # fmt: skip
        self.figure, self.alt, self.reading = figure, " ".join(alt.split()), " ".join(reading.split())
        self.brief = brief or re.split(r"(?<=[.?!]) ", self.alt, maxsplit=1)[0]
        self.table, self.forms = table, forms or {}

    def __repr__(self) -> str:
        return self.alt

    @property
    def title(self) -> str:
        """The headline of the card, or nothing."""
        return self.figure.get_label()

    def _bytes(self, **options) -> bytes:
        buffer = BytesIO()
        # Fonts are looked up when a figure is drawn, so the style must hold here too.
        with mpl.rc_context(RC):
            self.figure.savefig(buffer, **options)
        return buffer.getvalue()

    def png(self) -> bytes:
        """The figure as PNG, two image pixels per CSS pixel."""
        return self._bytes(format="png", dpi=PIXELS_PER_INCH * RESOLUTION)

    def image(self) -> tuple[str, bytes]:
        """The figure without its card and headline, for a page that has its own: its MIME type, and its content.

        Letters and lines stay letters and lines (SVG), unless there are so many that 256 colours (PNG) weigh less.
        """
        drawn = self._bare(format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type")))
        if len(drawn) <= HEAVY:
            return "image/svg+xml", drawn
        pixels = Image.open(BytesIO(self._bare(format="png", dpi=PIXELS_PER_INCH * RESOLUTION)))
        buffer = BytesIO()
        pixels.quantize(256).save(buffer, format="png", optimize=True)
        return "image/png", buffer.getvalue()

    def _bare(self, **options) -> bytes:
        own = [artist for artist in self.figure.get_children() if artist.get_gid() in (CARD, HEADLINE)]
        width, height = self.figure.get_size_inches()
        top = HEAD / PIXELS_PER_INCH if own else 0
        for artist in own:
            artist.set_visible(False)
        try:
            cut = mpl.transforms.Bbox([[0, 0], [width, height - top]])
            return self._bytes(bbox_inches=cut, transparent=True, **options)
        finally:
            for artist in own:
                artist.set_visible(True)

    def inline(self, name: str, alt: str = "") -> str:
        """The figure without its card and headline as an element of a page, see `inlined`."""
        return inlined(self._bare(format="svg").decode(), name, alt or self.alt)

    def save(self, path: str | Path) -> Path:
        """Write the figure; the ending (.png, .svg, .pdf) says how. Folders are made as needed."""
        path = Path(path)
        kind = path.suffix.lstrip(".").lower()
        if kind not in ("png", "svg", "pdf"):
            raise UnknownName(unknown("figure format", path.suffix or path.name, [".png", ".svg", ".pdf"]))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.png() if kind == "png" else self._bytes(format=kind))
        return path

    def csv(self) -> str:
        """The data drawn as comma-separated values, or nothing where the figure has no table.

        No text begins as a formula does, so that a spreadsheet shows it and computes nothing.
        """
        if self.table is None:
            return ""
        names = {name: _harmless(name) for name in self.table}
        return (
            self.table.rename(columns=names)
            .map(_harmless)
            .to_csv(index=False, float_format="%.6g", quoting=QUOTE_NONNUMERIC)
        )

    def html(self) -> str:
        """The figure as one HTML element, which loads nothing and needs no style sheet."""
        kind, content = self.image()
        width = round(self.figure.get_figwidth() * PIXELS_PER_INCH)
        source = f"data:{kind};base64,{b64encode(content).decode()}"
        title = f"<b>{escape(self.title.rstrip('.'))}.</b> " if self.title else ""
        return (
            f'<figure class="sparsekit" style="margin:0;max-width:{width}px">'
            f'<img width="{width}" alt="{escape(self.brief)}" src="{source}" '
            'style="max-width:100%;height:auto;background:#fff;border-radius:10px">'
            f"<figcaption>{title}{_code(escape(self.reading))}</figcaption>{self._folded()}</figure>"
        )

    def _folded(self) -> str:
        """The data drawn as a table to unfold, with a link that saves it; without a table, all of it in words."""
        if self.table is None:
            return f"<details><summary>In words</summary><p>{escape(self.alt)}</p></details>"
        shown = self.table.head(ROWS)
        shown = pd.DataFrame({
            name: [v if isinstance(v, str) else "" if pd.isna(v) else self.forms.get(name, "{:.6g}".format)(v)
                   for v in shown[name]] for name in shown
        })  # fmt: skip
        more = f"<p>The first {ROWS} of {len(self.table)} rows; all are in the file.</p>" * (len(self.table) > ROWS)
        name = re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-") or "figure"
        link = f'<a download="{name}.csv" href="data:text/csv;charset=utf-8,{quote(self.csv())}">CSV</a>'
        return f"<details><summary>Data</summary>{shown.to_html(index=False, border=0)}{more}</details>{link}"

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html(), "text/plain": self.alt}


def inlined(svg: str, name: str, alt: str, width: str = "100%") -> str:
    """A drawing of matplotlib's as part of a page: one image to a screen reader, its ids under a name of its own.

    Its colours are custom properties, which `style.scheme` declares for light pages and dark ones.
    """
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style[^>]*>.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    used = set(re.findall(r"(?:href=\"#|url\(#)([^\")]+)", svg))
    svg = re.sub(r" id=\"([^\"]*)\"", lambda one: f' id="{name}-{one[1]}"' if one[1] in used else "", svg)
    svg = re.sub(r"(?:xlink:)?href=\"#", f'href="#{name}-', svg).replace("url(#", f"url(#{name}-")
    svg = _FONTS.sub("var(--figure-font)", re.sub(r">\s+<", "><", svg))
    svg = _COLOUR.sub(r"var(--c\1)", svg)
    (box,) = re.findall(r"viewBox=\"[^\"]+\"", svg[: svg.index(">")])
    return f'<svg {box} width="{width}" role="img" aria-label="{escape(alt)}"' + svg[svg.index(">") :]


_COLOUR = re.compile(r"(?<=[:\s\"])#([0-9a-f]{6})(?=[;\"\s])")
_FONTS = re.compile(r"(?<=px )'[^;\"]+")


def _harmless(value: object) -> object:
    """A text that a spreadsheet takes for no formula: one that begins as formulas do gets an apostrophe before it."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")) else value


def _code(text: str) -> str:
    """What Markdown sets between backticks, as HTML sets it."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", text)


def drawn(function: Callable[..., Picture]) -> Callable[..., Picture]:
    """Run a figure function in the kit's style and leave the caller's matplotlib settings as they were."""

    @wraps(function)
    def styled(*args, **kwargs) -> Picture:
        with mpl.rc_context(RC):
            return function(*args, **kwargs)

    return styled


def nothing(title: str, why: str) -> Picture:
    """A card that says why there is nothing to draw."""
    figure, ((axes,),) = drawn(card)(53 + 21 * len(_wrapped(why).split("\n")), title, note=why)
    axes.remove()
    return Picture(figure, why, why)


def _wrapped(note: str) -> str:
    """A note broken into lines that fit the card, by the widest font that a machine may have."""
    return "\n".join(textwrap.fill(line, 102 * NARROW.get() // WIDTH) for line in note.split("\n"))


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


def baseline_lines(axes, baselines: Mapping[str, float], height: float, labels: bool = True) -> None:
    """Draw what classifiers without memory reach, by label, as quiet lines named at the right edge.

    ``height`` is that of the panel in CSS pixels, roughly; it keeps the names apart.
    """
    low, high = axes.get_ylim()
    for value in baselines.values():
        axes.axhline(value, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)), zorder=0.5)
    if labels and baselines:
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
