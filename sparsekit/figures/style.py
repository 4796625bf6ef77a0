"""How every figure looks: one palette, one set of fonts and line widths.

Colours follow Okabe and Ito's palette (https://jfly.uni-koeln.de/color/), its light tones darkened until lines stand
out from white (contrast 3:1). A variant, a target and a graph family keep colour, marker and line style everywhere.
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgb

from sparsekit.registry import UnknownName, unknown

INK, QUIET, FAINT, RULE = "#1f2328", "#5f6670", "#878e98", "#e4e7eb"
"""Of what is read, of what is said beside it, of marks that stand back (contrast 3:1 still), and of grounds."""


BLUE, ORANGE, GREEN, PINK = "#0072B2", "#D17A00", "#008F68", "#BF5F93"
VERMILION, SKY, PURPLE = "#D55E00", "#3D94CC", "#7A1FA2"
DASHED, DOTTED, DASH_DOT, SHORT = (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (4, 1.2, 1, 1.2)), (0, (2, 1))
"""Lines that are told apart without colour."""


class Look(NamedTuple):
    """Name for people, colour, marker and line style of one thing that figures tell apart."""

    label: str
    colour: str
    marker: str
    line: str | tuple


Looks = Mapping[str, Look]
NONE: Looks = {}
PANEL = "panel"  # as the colour of a series' look: that of the panel it is drawn in

VARIANTS = {
    "rnn_tanh": Look("RNN-Tanh", BLUE, "o", "-"),
    "rnn_relu": Look("RNN-ReLU", ORANGE, "s", DASHED),
    "gru": Look("GRU", GREEN, "^", DASH_DOT),
    "lstm": Look("LSTM", PINK, "D", DOTTED),
    "own": Look("your networks", INK, "P", (0, (7, 1.2, 1, 1.2, 1, 1.2))),  # of a table of a user's own
}
TARGETS = {
    "both": Look("both", INK, "o", "-"),
    "i2h": Look("input-to-hidden", VERMILION, "s", DASHED),
    "h2h": Look("hidden-to-hidden", SKY, "^", DOTTED),
}
CLASSES = {
    1: Look("valid", VARIANTS["rnn_tanh"].colour, "o", "-"),
    0: Look("invalid", TARGETS["i2h"].colour, "s", DASHED),
}
"""Of labels of strings."""
GENERATORS = {
    "barabasi_albert": Look("Barabási–Albert", INK, "o", "-"),
    "barabasi_albert_networkx": Look("Barabási–Albert, one source", INK, "d", "-"),
    "watts_strogatz": Look("Watts–Strogatz", INK, "^", "-"),
    "watts_strogatz_range": Look("Watts–Strogatz, any rewiring", INK, "v", "-"),
    "erdos_renyi": Look("Erdős–Rényi", INK, "s", "-"),
    "random_geometric": Look("random geometric", INK, "P", "-"),
    "stochastic_block": Look("stochastic block", INK, "X", "-"),
    "hierarchical": Look("hierarchical", INK, "*", "-"),
    "small_world_lattice": Look("small-world lattice", INK, "h", "-"),
    "scale_free_directed": Look("scale-free directed", INK, ">", "-"),
    "mixed": Look("mixed families", INK, "p", "-"),
}
SERIES = ((INK, "o", "-"), (VERMILION, "s", DASHED), (SKY, "^", DOTTED), (QUIET, "D", "-"))
"""Colour, marker and line of things that have no look of their own, in order, such as networks that are compared."""
FAMILIES = (BLUE, VERMILION, GREEN, PINK, PURPLE, INK)
"""Colours of graph families where one panel shows several, beside their marks."""
PATH = "#0b4f8a"  # what is looked at among others: the way a string takes, a graph's place
SEQUENTIAL = LinearSegmentedColormap.from_list(
    "sparsekit", ["#cfe3ef", "#8fc1d9", "#4e93bd", "#2f6198", "#2a2f63", "#1a1433"]
)
DIVERGING = LinearSegmentedColormap.from_list(
    "sparsekit_signed", ["#b5480a", "#eeb28c", "#ffffff", "#8fc1e3", "#0b4f8a"]
)

RC = {
    "font.family": ["sans-serif", "DejaVu Sans"],
    "font.sans-serif": ["Helvetica Neue", "Helvetica", "Arial", "Liberation Sans", "DejaVu Sans"],
    "font.size": 9.5,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titley": 1.0,  # no ticks are above a panel, which else are looked for at every drawing
    "axes.labelsize": 9.5,
    "axes.labelcolor": QUIET,
    "axes.edgecolor": FAINT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "text.color": INK,
    **{
        f"{axis}tick.{name}": value
        for name, value in {"color": FAINT, "labelcolor": QUIET, "labelsize": 9, "major.size": 3}.items()
        for axis in "xy"
    },
    "xtick.minor.size": 0,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "lines.dash_capstyle": "butt",
    "svg.fonttype": "none",
    "svg.hashsalt": "sparsekit",
}


def look(table: Mapping[str, Look], name: str) -> Look:
    """Label, colour, marker and line of whatever figures tell apart; what is registered later gets its own name.

    >>> look(VARIANTS, "gru").label, look({}, "my_score").label
    ('GRU', 'my score')
    """
    if name not in table and (table is VARIANTS or table is TARGETS):
        raise UnknownName(unknown("variant" if table is VARIANTS else "target", name, table))
    return table.get(name, Look(str(name).replace("_", " "), INK, "D", "-"))


def ordered(names: Iterable[str], table: Mapping[str, Look]) -> list[str]:
    """The names given, each once, in the fixed order of ``table``; names it does not hold come last.

    >>> ordered(["lstm", "gru", "lstm"], VARIANTS)
    ['gru', 'lstm']
    """
    given = dict.fromkeys(names)
    return [n for n in table if n in given] + [n for n in given if n not in table]


def luminance(colour: str) -> float:
    """Relative luminance of a colour (WCAG 2.2), 0 black to 1 white."""
    rgb = np.array(to_rgb(colour))
    return float(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


def contrast(one: str, other: str = "#ffffff") -> float:
    """Contrast ratio of two colours (WCAG 2.2), 1 to 21."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@cache
def readable(colour: str) -> str:
    """The colour, darkened just until text in it reads well on white and, turned over, on a dark page (4.5:1)."""
    rgb = np.array(to_rgb(colour))
    while min(contrast(to_hex(rgb)), contrast(on_dark(to_hex(rgb)), on_dark("#ffffff"))) < 4.5:
        rgb = rgb * 0.96
    return to_hex(rgb)


PAPER = {"light": 1.0, "dark": 0.21}  # lightness (OKLab) of the page under a figure


def on_dark(colour: str) -> str:
    """The colour that stands out from a dark page as the given one does from white: hue kept, lightness turned over.

    Lightness is that of OKLab (https://bottosson.github.io/posts/oklab/). White becomes the page, ink nearly white.
    """
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    lab = _LAB @ np.cbrt(_LMS @ linear)
    lab[0] = PAPER["dark"] + (PAPER["light"] - lab[0]) * 0.966
    linear = np.clip(np.linalg.solve(_LMS, np.linalg.solve(_LAB, lab) ** 3), 0, 1)
    return to_hex(np.clip(np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055), 0, 1))


def scheme(page: str) -> str:
    """A style sheet that declares the colours which a page's drawings use, on a light page and on a dark one."""
    used = sorted({*re.findall(r"var\(--c([0-9a-f]{6})\)", page)})
    light = "".join(f"--c{colour}:#{colour};" for colour in used)
    dark = "".join(f"--c{colour}:{'var(--paper)' if colour == 'ffffff' else on_dark(f'#{colour}')};" for colour in used)
    return f":root{{{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}" if used else ""


_LMS = np.array([[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                 [0.0883024619, 0.2817188376, 0.6299787005]])  # fmt: skip
_LAB = np.array([[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
                 [0.0259040371, 0.7827717662, -0.8086757660]])  # fmt: skip


def text_on(colour) -> str:
    """White on dark backgrounds, else black; the contrast is at least 4.5:1 either way."""
    return max("#ffffff", "#000000", key=lambda text: contrast(text, to_hex(colour)))


SCORES = {
    "magnitude": Look("magnitude", INK, "o", "-"),
    "sensitivity": Look("sensitivity", VERMILION, "s", DASHED),
    "activity": Look("activity", SKY, "^", DASH_DOT),
    "fisher": Look("Fisher", PURPLE, "D", SHORT),
    "random": Look("random", FAINT, "v", DOTTED),
}
SCOPES = {
    "global": Look("global", INK, "o", "-"),
    "layer": Look("per layer", VERMILION, "s", DASHED),
    "matrix": Look("per matrix", SKY, "^", DASH_DOT),
    "gate": Look("per gate", PURPLE, "D", DOTTED),
    "row": Look("per row", GREEN, "P", SHORT),
}
SCHEDULES = {
    "one_shot": Look("one-shot", INK, "o", "-"),
    "iterative": Look("iterative", VERMILION, "s", DASHED),
    "gradual": Look("gradual", SKY, "^", DASH_DOT),
}
NULLS = {"rewired": Look("rewired: the same degrees", INK, "o", "-"), "random": Look("random", QUIET, "s", "-")}
PROTOCOLS = {
    "retrain": Look("surviving weights", INK, "o", "-"),
    "rewind": Look("rewound", SKY, "^", DASH_DOT),
    "reinitialise": Look("fresh weights", VERMILION, "s", DASHED),
    "random_mask": Look("random mask", FAINT, "v", DOTTED),
    "rewired_mask": Look("rewired mask", "#0B7A4B", "P", (0, (3, 1, 1, 1, 1, 1))),
    "dense": Look("dense", PURPLE, "D", (0, (7, 1.2, 1, 1.2, 1, 1.2))),
}
METHODS = {
    "pruned": Look("pruned after training", INK, "o", "-"),
    "small_dense": Look("small dense", FAINT, "v", DOTTED),
    "erdos_renyi": Look("static, Erdős–Rényi", ORANGE, "s", DASHED),
    "uniform": Look("static, uniform", "#9A5B00", "X", DASHED),
    "snip": Look("static, SNIP", PINK, "P", DASHED),
    "set": Look("SET", SKY, "^", DASH_DOT),
    "rigl": Look("RigL", "#0B4F8A", "D", (0, (7, 1.2, 1, 1.2))),
    "selfish_rnn": Look("Selfish-RNN", GREEN, "h", (0, (2, 1))),
    "gradual": Look("gradual, from dense", PURPLE, "d", (0, (3, 1, 1, 1, 1, 1))),
}
FORMS = {
    "dense": Look("dense", INK, "o", "-"),
    "compiled": Look("compiled sparse", VERMILION, "v", "-"),
    "compiled_dense": Look("compiled dense", QUIET, "P", DASHED),
    "compiled_itself": Look("compiled sparse against compiled dense", QUIET, "P", "-"),
    "floor_adds": Look("floor by multiply-adds", FAINT, ",", (0, (1, 1))),
    "floor_bytes": Look("floor by bytes", FAINT, ",", DASH_DOT),
    "csr": Look("CSR", BLUE, "s", "-"),
    "csr_int64": Look("CSR, 64-bit indices", ORANGE, "o", DASHED),
    "bsr": Look("BSR, 2 × 2", GREEN, "^", DASH_DOT),
    "bitmask": Look("bitmask", PINK, "D", DOTTED),
}
MADE = {
    "dense": Look("dense", INK, "o", "-"),
    "unstructured": Look("unstructured", VERMILION, "v", "-"),
    "structured by norm": Look("structured, by norm", BLUE, "s", DASHED),
    "structured by activity": Look("structured, by activity", PURPLE, "D", SHORT),
    "structured by variance": Look("structured, by variance", SKY, "P", SHORT),
    "structured by random": Look("structured, at random", QUIET, "X", DOTTED),
    "small dense": Look("small dense, from scratch", GREEN, "^", DASH_DOT),
}
