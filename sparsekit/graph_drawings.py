"""Drawings of graphs: undirected ones by their layers, recurrent ones by their cycles."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch
from matplotlib.path import Path

from sparsekit import graphs
from sparsekit.pictures import PIXELS_PER_INCH, WIDTH, Picture, card, drawn
from sparsekit.style import FAINT, QUIET, SEQUENTIAL, TARGETS, counted, percent, text_on

HIGHLIGHT = TARGETS["i2h"].colour
NAMED = 60  # Nodes whose names still fit into their circles.
HEADED = 400  # Edges whose arrowheads still can be told apart.
CIRCULAR = 16  # Nodes that stand on a circle; of more, neighbours on it would hide each other's edges.
WIDE = 1.72  # Width of the field that graphs are laid out on; its height is 1.


@drawn
def graph(nx_graph: nx.Graph, title: str = "A random graph") -> Picture:
    """An undirected graph, its nodes coloured by the layer that they get in `layered`."""
    columns = graphs.layers(nx_graph)
    size = f"{counted(len(nx_graph), 'node')} and {counted(nx_graph.number_of_edges(), 'edge')}"
    figure, ((axes,),) = card(440, title, note=f"{size}; the darker a node, the later its layer.")
    places, edges = _spread(nx_graph), list(nx_graph.edges)
    draw_edges(axes, edges, places, 0, FAINT, max(0.4, 1.3 - len(edges) / 400), [0] * len(edges), heads=False)
    for colour, column in zip(layer_colours(len(columns)), columns, strict=True):
        draw_nodes(axes, column, places, _radius(nx_graph), colour, len(nx_graph) <= NAMED)
    bare(axes, (-0.05, WIDE + 0.05), (-0.06, 1.06))
    degrees = [d for _, d in nx_graph.degree]
    told = f"{size}; a node has {min(degrees)} to {max(degrees)} neighbours, {np.mean(degrees):.1f} on average"
    return Picture(figure, f"Drawing of a graph with {told}.", f"The graph has {told}.")


@drawn
def recurrent(nx_graph: nx.Graph, title: str = "A recurrent graph, the mask of hidden-to-hidden weights") -> Picture:
    """A directed graph, its cycles in colour; an undirected edge is drawn both ways.

    Every edge bends to the right of its way, so that its direction shows where arrowheads would not.
    """
    directed = nx_graph if nx_graph.is_directed() else nx_graph.to_directed()
    component = {n: k for k, nodes in enumerate(nx.strongly_connected_components(directed)) for n in nodes}
    edges, loops = [e for e in directed.edges if e[0] != e[1]], [u for u, v in directed.edges if u == v]
    inner = [e for e in edges if component[e[0]] == component[e[1]]]
    outer = [e for e in edges if component[e[0]] != component[e[1]]]
    cyclic = {n for edge in inner for n in edge} | set(loops)
    key = [
        Line2D([], [], color=HIGHLIGHT, linewidth=1.3, label=f"on a cycle ({len(inner) + len(loops):,})"),
        Line2D([], [], color=QUIET, linewidth=1.3, label=f"on none ({len(outer):,})"),
    ]
    size = f"{counted(len(directed), 'node')} and {counted(directed.number_of_edges(), 'directed edge')}"
    heads = len(edges) <= HEADED
    hint = "" if heads else "; every edge bends to the right of its way"
    height = 470
    figure, ((axes,),) = card(height, title, note=f"{size}{hint}; dark nodes lie on a cycle.", key=key)
    places = _circle(directed) if len(directed) <= CIRCULAR else _spread(graphs.undirected(directed))
    radius, width = _radius(directed), max(0.4, 1.2 - len(edges) / 500)
    margin = 2.6 * radius if loops else 0.06
    scale = min((WIDTH - 20) / (WIDE + 2 * margin), (height - 92) / (1 + 2 * margin))
    for chosen, colour in ((outer, QUIET), (inner, HIGHLIGHT)):
        draw_edges(axes, chosen, places, radius * scale, colour, width, [0.16] * len(chosen), heads)
    middle = np.array([WIDE / 2, 0.5])
    for n in loops:
        away = (places[n] - middle) / max(np.linalg.norm(places[n] - middle), 1e-9)
        ring = Circle(places[n] + 1.25 * radius * away, radius, fill=False, edgecolor=HIGHLIGHT, linewidth=width)
        axes.add_patch(ring)
    pale, dark = SEQUENTIAL(0.08), SEQUENTIAL(0.75)
    for nodes, colour in (([n for n in directed if n not in cyclic], pale), (list(cyclic), dark)):
        draw_nodes(axes, nodes, places, radius, colour, len(directed) <= NAMED)
    bare(axes, (-margin, WIDE + margin), (-margin, 1 + margin))
    both = sum(directed.has_edge(v, u) for u, v in edges) // 2
    told = (
        f"{size}; {counted(len(loops), 'node')} with an edge to itself, {counted(both, 'pair')} of nodes with edges "
        f"both ways; "
        f"{percent(len(cyclic) / len(directed), 0)} of the nodes and "
        f"{percent((len(inner) + len(loops)) / max(directed.number_of_edges(), 1), 0)} of the edges lie on cycles"
    )
    return Picture(figure, f"Drawing of a recurrent graph with {told}.", f"The recurrent graph has {told}.")


def layer_colours(count: int) -> list[tuple]:
    """Colours of layers, light to dark."""
    return [SEQUENTIAL(v) for v in (np.linspace(0.08, 0.85, count) if count > 1 else [0.3])]


def draw_nodes(
    axes: Axes, nodes: Iterable, places: Mapping, radius: float, colour, named: bool, rim: float = 1.2
) -> None:
    """Circles, and the nodes' names within where they fit."""
    for n in nodes:
        axes.add_patch(Circle(places[n], radius, facecolor=colour, edgecolor="white", linewidth=rim, zorder=4))
        if named:
            axes.text(*places[n], str(n), ha="center", va="center", size=9, color=text_on(colour), zorder=5)


def draw_edges(
    axes: Axes,
    edges: Sequence[tuple],
    places: Mapping,
    radius: float,
    colour: str,
    width: float,
    bends: Sequence[float],
    heads: bool,
) -> None:
    """Edges from node to node, each bent to the right of its way by a share of its length; `radius` is in pixels."""
    if not heads:
        curves = []
        for (u, v), bend in zip(edges, bends, strict=True):
            (x, y), (p, q) = places[u], places[v]
            control = ((x + p) / 2 + bend * (q - y), (y + q) / 2 - bend * (p - x))
            curves.append(Path([(x, y), control, (p, q)], [Path.MOVETO, Path.CURVE3, Path.CURVE3]))
        look = {
            "facecolors": "none",
            "edgecolors": colour,
            "linewidths": width,
            "alpha": float(np.clip(400 / max(len(edges), 1), 0.25, 0.8)),
            "zorder": 2,
        }
        axes.add_collection(PathCollection(curves, **look), autolim=False)
        return
    points = radius * 72 / PIXELS_PER_INCH
    for (u, v), bend in zip(edges, bends, strict=True):
        axes.add_patch(
            FancyArrowPatch(
                places[u],
                places[v],
                connectionstyle=f"arc3,rad={bend}",
                arrowstyle="-|>,head_length=0.32,head_width=0.16",
                mutation_scale=10,
                color=colour,
                linewidth=width,
                alpha=0.65,
                shrinkA=points,
                shrinkB=points + 1,
                zorder=2,
            )
        )


def bare(axes: Axes, xlim: tuple, ylim: tuple) -> None:
    """Only what is drawn, in equal units."""
    axes.set(xlim=xlim, ylim=ylim, aspect="equal")
    axes.set_axis_off()


def _radius(nx_graph: nx.Graph) -> float:
    return 0.032 * min(1, NAMED / len(nx_graph)) ** 0.5


def _circle(nx_graph: nx.Graph) -> dict:
    angles = np.pi / 2 - 2 * np.pi * np.arange(len(nx_graph)) / len(nx_graph)
    spots = np.column_stack([WIDE * (1 + np.cos(angles)) / 2, (1 + np.sin(angles)) / 2])
    return dict(zip(nx_graph, spots, strict=True))


def _spread(nx_graph: nx.Graph) -> dict:
    """Places that keep neighbours together; parts that do not hang together get fields of their own."""
    parts = sorted(nx.connected_components(nx_graph), key=len, reverse=True)
    share = 1 if len(parts) == 1 else 0.8
    return _packed([nx_graph.subgraph(part) for part in parts], np.zeros(2), np.array([WIDE, 1.0]), share)


def _packed(parts: Sequence[nx.Graph], corner: np.ndarray, size: np.ndarray, share: float) -> dict:
    """Places of all parts on a field, which is halved until each part fills a share of its own."""
    if len(parts) > 1:
        counts = np.cumsum([len(part) for part in parts])
        half = int(np.argmin(np.abs(counts[:-1] - counts[-1] / 2))) + 1
        along = np.eye(2)[np.argmax(size)] * size
        first = along * counts[half - 1] / counts[-1]
        one = _packed(parts[:half], corner, size - along + first, share)
        return one | _packed(parts[half:], corner + first, size - first, share)
    layout = nx.kamada_kawai_layout if len(parts[0]) <= 2 * NAMED else partial(nx.spring_layout, seed=0, iterations=100)
    found = layout(parts[0])
    spots = np.array(list(found.values()))
    unit = (spots - spots.mean(0)) / np.ptp(spots, 0).clip(1e-9)
    # Half by rank, which draws crowded nodes apart.
    unit += (spots.argsort(0).argsort(0) / max(len(spots) - 1, 1) - 0.5) * (len(spots) > CIRCULAR)
    unit = (unit - unit.min(0) - np.ptp(unit, 0) / 2) / np.ptp(unit, 0).clip(1e-9)
    return dict(zip(found, corner + size * (0.5 + share * unit), strict=True))
