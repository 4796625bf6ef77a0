"""Drawings of structure: the grammar's automaton, a graph, its layers, and the masks that come of them."""

from collections.abc import Mapping
from functools import partial

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path

from sparsekit import graphs, reber
from sparsekit.mask_drawings import mask, masks
from sparsekit.pictures import PIXELS_PER_INCH, WIDTH, Picture, card, drawn
from sparsekit.style import FAINT, INK, QUIET, SEQUENTIAL, TARGETS, VARIANTS, counted, listed, percent, text_on

__all__ = ["automaton", "graph", "layered", "mask", "masks"]

# Places of the Reber grammar's states: the two branches above and below, as the grammar is usually drawn.
PLACES = {0: (0, 0), 1: (1.5, 0), 2: (3, 1), 3: (3, -1), 4: (5, 1), 5: (5, -1), 6: (6.5, 0), 7: (8, 0)}
RADIUS = 0.3
SKIP = TARGETS["i2h"].colour
_arrow_patch = partial(FancyArrowPatch, arrowstyle="-|>", mutation_scale=13, linewidth=1.3, shrinkA=0, shrinkB=0)


@drawn
def automaton(transitions: Mapping[int, Mapping[str, int]] = reber.TRANSITIONS) -> Picture:
    """The Reber grammar as its finite automaton: a valid string spells a path from the start to the accepting state.

    Parameters
    ----------
    transitions : mapping of state to mapping of letter to state
        The Reber grammar's, or one with other letters on the same edges.
    """
    figure, ((axes,),) = card(340, "The Reber grammar as an automaton")
    for state, (x, y) in PLACES.items():
        final = state == reber.ACCEPT
        face = "#dceaf5" if final or state == reber.START else "white"
        axes.add_patch(Circle((x, y), RADIUS, facecolor=face, edgecolor=INK, linewidth=1.4, zorder=3))
        if final:
            axes.add_patch(Circle((x, y), RADIUS - 0.06, facecolor="none", edgecolor=INK, linewidth=1, zorder=4))
        axes.text(x, y, str(state), ha="center", va="center", size=11, zorder=5)
    for source, edges in transitions.items():
        for letter, target in edges.items():
            if source == target:
                _loop(axes, PLACES[source], letter)
            else:
                _arrow(axes, PLACES[source], PLACES[target], letter)
    (x, y), (end, _) = PLACES[reber.START], PLACES[reber.ACCEPT]
    axes.add_patch(_arrow_patch((x - 0.9, y), (x - RADIUS - 0.03, y), color=QUIET))
    axes.text(x - 0.62, y + 0.14, "start", ha="center", va="bottom", color=QUIET)
    axes.text(end, y - RADIUS - 0.14, "accept", ha="center", va="top", color=QUIET)
    axes.set(xlim=(-1, 8.45), ylim=(-2.15, 2.15), aspect="equal")
    axes.set_axis_off()
    path = "; ".join(f"{s} to {listed(f'{t} by {a}' for a, t in e.items())}" for s, e in transitions.items())
    loops = [f"{s} ({a})" for s, e in transitions.items() for a, t in e.items() if s == t]
    choices = sum(len(e) > 1 for e in transitions.values())
    return Picture(
        figure,
        f"Automaton with {len(PLACES)} states and {sum(map(len, transitions.values()))} labelled edges: {path}. "
        f"It starts at {reber.START} and accepts at {reber.ACCEPT}.",
        f"A valid string spells a path from state {reber.START} to state {reber.ACCEPT}; at {choices} states two "
        f"letters are allowed, and the loops at {listed(loops)} let a string grow without end.",
    )


def _letter(axes: Axes, x: float, y: float, letter: str) -> None:
    box = {"boxstyle": "circle,pad=0.16", "facecolor": "white", "edgecolor": "none"}
    colour = VARIANTS["rnn_tanh"].colour
    axes.text(x, y, letter, ha="center", va="center", size=12, weight="bold", color=colour, zorder=6, bbox=box)


def _arrow(axes: Axes, start, end, letter: str) -> None:
    start, end = np.array(start, float), np.array(end, float)
    along = (end - start) / np.linalg.norm(end - start)
    a, b = start + along * (RADIUS + 0.03), end - along * (RADIUS + 0.03)
    axes.add_patch(_arrow_patch(a, b, color=INK, zorder=2))
    _letter(axes, *(a + b) / 2 - 0.03 * along, letter)


def _loop(axes: Axes, place, letter: str) -> None:
    """A drop-shaped loop on the outer side of a state, the letter at its far end."""
    x, y = place
    side = 1 if y >= 0 else -1
    foot, lift = RADIUS * np.sin(0.55), side * RADIUS * np.cos(0.55)
    points = [(x - foot, y + lift), (x - 0.62, y + side * 1.22), (x + 0.62, y + side * 1.22), (x + foot, y + lift)]
    curve = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=INK, linewidth=1.3, zorder=2))
    tip = np.array([x + foot, y + lift]) + 0.03 * np.array([0.55, side])
    axes.add_patch(_arrow_patch(tip + np.array([0.07, side * 0.16]), tip, color=INK, zorder=3))
    _letter(axes, x, y + side * 0.99, letter)


def _layer_colours(count: int) -> list[tuple]:
    return [SEQUENTIAL(v) for v in (np.linspace(0.08, 0.85, count) if count > 1 else [0.3])]


def _node(axes: Axes, place, radius: float, colour, name, named: bool = True) -> None:
    axes.add_patch(Circle(place, radius, facecolor=colour, edgecolor="white", linewidth=1.2, zorder=4))
    if named:
        axes.text(*place, str(name), ha="center", va="center", size=9, color=text_on(colour), zorder=5)


def _bare(axes: Axes, xlim: tuple, ylim: tuple) -> None:
    axes.set(xlim=xlim, ylim=ylim, aspect="equal")
    axes.set_axis_off()


@drawn
def graph(nx_graph: nx.Graph, title: str = "A random graph") -> Picture:
    """An undirected graph, its nodes coloured by the layer that they get in `layered`."""
    columns = graphs.layers(graphs.orient(nx_graph))
    size = f"{counted(nx_graph.number_of_nodes(), 'node')} and {counted(nx_graph.number_of_edges(), 'edge')}"
    figure, ((axes,),) = card(440, title, note=f"{size}; the darker a node, the later its layer.")
    found = nx.kamada_kawai_layout(nx_graph)
    spots = np.array([found[n] for n in nx_graph])
    spots = (spots - spots.min(0)) / np.ptp(spots, 0).clip(1e-9) * [1.72, 1]
    places = dict(zip(nx_graph, spots, strict=True))
    width = max(0.5, 1.3 - nx_graph.number_of_edges() / 400)
    for u, v in nx_graph.edges:
        axes.plot(*zip(places[u], places[v], strict=True), color=FAINT, linewidth=width, zorder=1)
    radius = 0.032 if len(nx_graph) <= 60 else 0.032 * (60 / len(nx_graph)) ** 0.5
    for colour, column in zip(_layer_colours(len(columns)), columns, strict=True):
        for n in column:
            _node(axes, places[n], radius, colour, n, named=len(nx_graph) <= 60)
    _bare(axes, (-0.05, 1.77), (-0.06, 1.06))
    degrees = [d for _, d in nx_graph.degree]
    told = f"{size}; a node has {min(degrees)} to {max(degrees)} neighbours, {np.mean(degrees):.1f} on average"
    return Picture(figure, f"Drawing of a graph with {told}.", f"The graph has {told}.")


@drawn
def layered(nx_graph: nx.Graph, title: str = "Its layers, which become the recurrent network") -> Picture:
    """The oriented graph by layers: a column is a recurrent layer, grey edges join neighbours, coloured ones skip."""
    oriented = graphs.orient(nx_graph)
    columns = graphs.layers(oriented)
    depth = {n: k for k, column in enumerate(columns) for n in column}
    skips = [(u, v) for u, v in oriented.edges if depth[v] - depth[u] > 1]
    steps = [(u, v) for u, v in oriented.edges if depth[v] - depth[u] == 1]
    key = [
        Line2D([], [], color=QUIET, linewidth=1.3, label=f"to the next layer ({len(steps)})"),
        Line2D([], [], color=SKIP, linewidth=1.3, label=f"skips layers ({len(skips)})"),
    ]
    tallest = max(map(len, columns))
    height = int(np.clip(170 + 34 * tallest, 300, 520))
    figure, ((axes,),) = card(height, title, key=key)
    # One unit is one pixel, so that circles stay circles whatever the number of layers.
    wide, room = WIDTH - 20, height - 112
    gap = wide / len(columns)
    radius = min(11.5, 0.32 * gap, 0.42 * room / tallest)
    places = _place(columns, gap, room, min(46, room / tallest))
    _draw_columns(axes, columns, gap, room)
    fine = max(0.45, 1.2 - len(oriented.edges) / 300)
    for u, v in steps:
        axes.add_patch(_edge(places[u], places[v], radius, QUIET, fine, 0.0))
    for u, v in skips:
        # Edges bend away from the middle line, the more the further they reach.
        side = 1 if places[u][1] + places[v][1] >= 2 * (34 + room / 2) else -1
        bend = -side * (0.16 + 0.02 * min(depth[v] - depth[u], 5))
        axes.add_patch(_edge(places[u], places[v], radius, SKIP, fine, bend))
    for colour, column in zip(_layer_colours(len(columns)), columns, strict=True):
        for n in column:
            _node(axes, places[n], radius, colour, n, named=radius > 8)
    _bare(axes, (0, wide), (0, 34 + room))
    # A layer has one cell for the layer before it and one for each further layer with an edge into it.
    cells = len(columns) + len({(depth[u], depth[v]) for u, v in skips})
    sizes = ", ".join(str(len(c)) for c in columns)
    share = percent(len(skips) / max(len(oriented.edges), 1), 0)
    return Picture(
        figure,
        f"Layered drawing: {counted(len(columns), 'layer')} of {sizes} nodes; {counted(len(steps), 'edge')} to the "
        f"next layer, {counted(len(skips), 'skip edge')}.",
        f"The graph has {counted(len(columns), 'layer')}, the first of {counted(len(columns[0]), 'node')} and the last "
        f"of {counted(len(columns[-1]), 'node')}; {share} of the edges skip a layer, so the network needs "
        f"{counted(cells, 'recurrent cell')}.",
    )


def _place(columns: list[list], gap: float, room: float, pitch: float) -> dict:
    """A place for each node; layers are shifted by turns so that few skip edges run through a node."""
    tallest, places = max(map(len, columns)), {}
    for k, column in enumerate(columns):
        shift = (0.22 if k % 2 else -0.22) * pitch if len(columns) > 2 and len(column) < tallest else 0
        for i, n in enumerate(column):
            places[n] = (gap * (k + 0.5), 34 + room / 2 - pitch * (i - (len(column) - 1) / 2) + shift)
    return places


def _draw_columns(axes: Axes, columns: list[list], gap: float, room: float) -> None:
    """A pale box behind each layer, its number and its size below; words only where they fit."""
    for k, column in enumerate(columns):
        corner, shape = (gap * (k + 0.09), 30), "round,pad=0,rounding_size=8"
        axes.add_patch(FancyBboxPatch(corner, 0.82 * gap, room, boxstyle=shape, facecolor="#f3f5f7", linewidth=0))
        words = (f"layer {k}", counted(len(column), "node")) if gap > 55 else (str(k), f"n={len(column)}")
        if gap <= 30:
            words = (str(k), str(len(column)))
        axes.text(gap * (k + 0.5), 20, words[0], ha="center", va="center", size=9)
        axes.text(gap * (k + 0.5), 6, words[1], ha="center", va="center", size=9, color=QUIET)


def _edge(start, end, radius: float, colour: str, width: float, bend: float) -> FancyArrowPatch:
    points = 72 / PIXELS_PER_INCH
    return FancyArrowPatch(
        start,
        end,
        connectionstyle=f"arc3,rad={bend}",
        arrowstyle="-|>,head_length=0.32,head_width=0.16",
        mutation_scale=10,
        color=colour,
        linewidth=width,
        alpha=0.65,
        shrinkA=radius * points,
        shrinkB=(radius + 1.5) * points,
        zorder=2,
    )
