"""A figure that shows itself in a notebook with caption and data, or as a drawing within a page."""

import math
import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from csv import QUOTE_NONNUMERIC
from functools import wraps
from html import escape
from io import BytesIO
from pathlib import Path
from urllib.parse import quote

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from PIL import Image

from sparsekit.figures.style import RC
from sparsekit.registry import UnknownName, unknown

PIXELS_PER_INCH = 96  # CSS pixels, so that a font's points are the points a reader sees
RESOLUTION = 2  # image pixels per CSS pixel
CARD, HEADLINE, HEAD = "card", "headline", 30  # names of a card's parts that a page leaves out, and their height
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
        The finding in one sentence, names of parameters between backticks, computed from the data drawn.
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

        What readers see in per cent or in points stays a fraction here, and is named so. No text begins as a formula
        does, so that a spreadsheet shows it and computes nothing.
        """
        if self.table is None:
            return ""
        hundredfold = {
            name for name, form in self.forms.items() if name in self.table and _hundredfold(self.table[name], form)
        }
        names = {name: f"{harmless(name)}{' (fraction)' * (name in hundredfold)}" for name in self.table}
        return (
            self.table.rename(columns=names)
            .map(harmless)
            .to_csv(index=False, float_format="%.6g", quoting=QUOTE_NONNUMERIC)
        )

    def html(self) -> str:
        """The figure as one HTML element, which loads nothing and needs no style sheet."""
        title = f"<b>{escape(self.title.rstrip('.'))}.</b> " if self.title else ""
        if not self.figure.axes:  # nothing is drawn, so that all there is to see is why
            return f"<p>{title}{_code(escape(self.reading))}</p>"
        kind, content = self.image()
        width = round(self.figure.get_figwidth() * PIXELS_PER_INCH)
        source = f"data:{kind};base64,{b64encode(content).decode()}"
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
    black = 'fill="var(--c000000)"'  # which matplotlib leaves unsaid, as it is the default
    return f'<svg {box} {black} width="{width}" role="img" aria-label="{escape(alt)}"' + svg[svg.index(">") :]


_COLOUR = re.compile(r"(?<=[:\s\"])#([0-9a-f]{6})(?=[;\"\s])")
_FONTS = re.compile(r"(?<=px )'[^;\"]+")


def _hundredfold(values: pd.Series, form: Callable[[float], str]) -> bool:
    """Whether numbers are written a hundred times as large, in per cent or in points."""
    largest = max(pd.to_numeric(values, errors="coerce").dropna(), key=abs, default=0)
    told = re.match(r"[+−]?([\d.]+)", form(largest).replace(",", "")) if 0 < abs(largest) < math.inf else None
    return bool(told) and 50 < float(told[1]) / abs(largest) < 200


def harmless(value: object) -> object:
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
