"""Drawings of layers: of an oriented graph, or of a network whose stages read earlier ones."""

from itertools import pairwise

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch

from sparsekit import graphs
from sparsekit.graph_drawings import HEADED, HIGHLIGHT, bare, draw_edges, draw_nodes, layer_colours
from sparsekit.pictures import WIDTH, Picture, card, drawn
from sparsekit.style import QUIET, counted, percent

BELOW = 34  # Pixels below the layers, for their numbers and sizes.


@drawn
def layered(structure, title: str | None = None) -> Picture:
    """The structure by layers: a column is a recurrent layer, grey edges join neighbours, coloured ones skip.

    Parameters
    ----------
    structure : networkx.Graph, networkx.DiGraph or Classifier
        An undirected graph is oriented along node order; a directed one must have no cycle. A network's nodes are
        numbered from its first stage on, and an edge is drawn where it exists in any gate.
    """
    drawn_graph = isinstance(structure, nx.Graph)
    columns, edges, cells = (_of_graph if drawn_graph else of_network)(structure)
    title = title or ("Its layers, which become the recurrent network" if drawn_graph else "The network's layers")
    depth = {n: k for k, column in enumerate(columns) for n in column}
    skips = [(u, v) for u, v in edges if depth[v] - depth[u] > 1]
    steps = [(u, v) for u, v in edges if depth[v] - depth[u] == 1]
    key = [
        Line2D([], [], color=QUIET, linewidth=1.3, label=f"to the next layer ({len(steps):,})"),
        Line2D([], [], color=HIGHLIGHT, linewidth=1.3, label=f"skips layers ({len(skips):,})"),
    ]
    tallest = max(map(len, columns))
    height = int(np.clip(170 + 34 * tallest, 300, 520))
    figure, ((axes,),) = card(height, title, key=key)
    # One unit is one pixel, so that circles stay circles whatever the number of layers.
    wide, room = WIDTH - 20, height - 112
    gap = wide / len(columns)
    radius = min(11.5, max(2, 0.32 * gap), 0.42 * room / tallest)
    places = _place(columns, gap, room, min(46, room / tallest))
    _draw_columns(axes, columns, gap, room)
    fine = max(0.4, 1.2 - len(edges) / 300)
    heads = len(edges) <= HEADED and radius > 3
    draw_edges(axes, steps, places, radius, QUIET, fine, [0] * len(steps), heads)
    bends = [_bend(places[u], places[v], depth[v] - depth[u], room) for u, v in skips]
    draw_edges(axes, skips, places, radius, HIGHLIGHT, fine, bends, heads)
    for colour, column in zip(layer_colours(len(columns)), columns, strict=True):
        draw_nodes(axes, column, places, radius, colour, radius > 8, min(1.2, radius / 4))
    bare(axes, (0, wide), (0, BELOW + room))
    sizes = ", ".join(str(len(c)) for c in columns)
    share = percent(len(skips) / max(len(edges), 1), 0)
    return Picture(
        figure,
        f"Layered drawing: {counted(len(columns), 'layer')} of {sizes} nodes; {counted(len(steps), 'edge')} to the "
        f"next layer, {counted(len(skips), 'skip edge')}.",
        f"The {'graph' if drawn_graph else 'network'} has {counted(len(columns), 'layer')}, the first of "
        f"{counted(len(columns[0]), 'node')} and the last of {counted(len(columns[-1]), 'node')}; {share} of the edges "
        f"skip a layer, so the network needs {counted(cells, 'recurrent cell')}.",
    )


def _of_graph(nx_graph: nx.Graph) -> tuple[list[list], list[tuple], int]:
    """Layers, edges, and the cells that a network of the graph has."""
    oriented = nx_graph if nx_graph.is_directed() else graphs.orient(nx_graph)
    columns = graphs.layers(oriented)
    depth = {n: k for k, column in enumerate(columns) for n in column}
    # A layer has one cell for the layer before it and one for each further layer with an edge into it.
    skipped = {(depth[u], depth[v]) for u, v in oriented.edges if depth[v] - depth[u] > 1}
    return columns, list(oriented.edges), len(columns) + len(skipped)


def of_network(classifier) -> tuple[list[list[int]], list[tuple[int, int]], int]:
    """Numbered nodes of each stage, the edges between them that exist in any gate, and the number of cells."""
    ends = np.cumsum([0] + [stage.nodes for stage in classifier.stages])
    columns = [list(range(a, b)) for a, b in pairwise(ends)]
    edges = []
    for k, stage in enumerate(classifier.stages[1:], start=1):
        inputs = np.concatenate([columns[source] for source in stage.reads])
        # Each cell sees its own inputs only, so that over all gates and cells an edge shows once.
        exists = stage.mask_ih.cpu().numpy().reshape(-1, stage.nodes, len(inputs)).any(axis=0)
        edges += [(int(inputs[i]), columns[k][node]) for node, i in np.argwhere(exists)]
    return columns, edges, sum(stage.cells for stage in classifier.stages)


def _place(columns: list[list], gap: float, room: float, pitch: float) -> dict:
    """A place for each node; layers are shifted by turns so that few skip edges run through a node."""
    tallest, places = max(map(len, columns)), {}
    for k, column in enumerate(columns):
        shift = (0.22 if k % 2 else -0.22) * pitch if len(columns) > 2 and len(column) < tallest else 0
        for i, n in enumerate(column):
            places[n] = (gap * (k + 0.5), BELOW + room / 2 - pitch * (i - (len(column) - 1) / 2) + shift)
    return places


def _bend(start: tuple, end: tuple, reach: int, room: float) -> float:
    """Bend away from the middle line, the more the further an edge reaches, but not beyond the layers."""
    y, z = (spot[1] - BELOW - room / 2 for spot in (start, end))
    side = 1 if y + z >= 0 else -1
    # A quadratic curve stays below h where its control point stays below h + √((h - y)(h - z)).
    h, y, z = room / 2, side * y, side * z
    most = (h + np.sqrt((h - y) * (h - z)) - (y + z) / 2) / (end[0] - start[0])
    return -side * min(0.16 + 0.02 * min(reach, 5), most)


def _draw_columns(axes: Axes, columns: list[list], gap: float, room: float) -> None:
    """A pale box behind each layer, its number and its size below; words only where they fit."""
    every = int(np.ceil(28 / gap))
    for k, column in enumerate(columns):
        corner, shape = (gap * (k + 0.09), 30), f"round,pad=0,rounding_size={min(8, 0.3 * gap)}"
        axes.add_patch(FancyBboxPatch(corner, 0.82 * gap, room, boxstyle=shape, facecolor="#f3f5f7", linewidth=0))
        if k % every:
            continue
        words = (f"layer {k}", counted(len(column), "node")) if gap > 55 else (str(k), f"n={len(column)}")
        if gap <= 30:
            words = (str(k), str(len(column)))
        axes.text(gap * (k + 0.5), 20, words[0], ha="center", va="center", size=9)
        axes.text(gap * (k + 0.5), 6, words[1], ha="center", va="center", size=9, color=QUIET)
