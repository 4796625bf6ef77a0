"""Drawings of graphs and of networks by layers; any structure in one call."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection, PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, ConnectionStyle, FancyArrowPatch, FancyBboxPatch

from sparsekit.figures import mask_drawings
from sparsekit.figures.card import WIDTH, bare, card
from sparsekit.figures.picture import PIXELS_PER_INCH, Picture, drawn
from sparsekit.figures.style import FAINT, INK, QUIET, SEQUENTIAL, TARGETS, text_on
from sparsekit.figures.words import counted, percent
from sparsekit.graphs import structure as graphs
from sparsekit.registry import Registry

HIGHLIGHT = TARGETS["i2h"].colour

KINDS = Registry("kind of drawing")
NAMED = 60  # nodes whose names still fit into their circles
HEADED = 400  # edges whose arrowheads still can be told apart
CIRCULAR = 16  # nodes that stand on a circle; of more, neighbours on it would hide each other's edges
MARGIN = 28  # pixels around a graph; in drawings of graphs and layers, one unit is one pixel
LEGIBLE_NODES, LEGIBLE_EDGES = 500, 1500


def structure(x, kind: str | None = None, **options) -> Picture:
    """Draw any structure in the way that suits it, or as a `kind` of drawing; options go to that drawing.

    Parameters
    ----------
    x : networkx.Graph, networkx.DiGraph, Classifier, or mask
        An undirected graph is drawn as a graph; a directed one by layers or, where it has a cycle, as a recurrent
        graph; beyond 500 nodes both as a matrix. A network is drawn by layers while its edges can be told apart, else
        by the masks of its stages; one of a single stage by the gates of its hidden-to-hidden mask, as is a mask.
    kind : {"graph", "layers", "recurrent", "masks", "gates"}, optional

    Raises
    ------
    ValueError
        Where `x` is nothing of the kind, or cannot be drawn so; `GraphError` where the graph is the reason.

    Examples
    --------
    >>> structure(nx.path_graph(3)).reading
    'The graph has 3 nodes and 2 edges; a node has 1 to 2 neighbours, 1.3 on average.'
    """
    if isinstance(x, nx.Graph) and not len(x):
        raise graphs.GraphError("no nodes; there is nothing to draw")
    if isinstance(x, nx.Graph) and x.is_multigraph():
        raise graphs.GraphError("several edges between the same two nodes; make it simple: networkx.DiGraph(graph)")
    return KINDS[kind or _suited(x)](x, **options)


def _suited(x) -> str:
    if hasattr(x, "stages") and len(x.stages) > 1:
        columns, edges, cells = of_network(x)
        return "layers" if cells > len(columns) or len(edges) <= LEGIBLE_EDGES else "masks"
    if not isinstance(x, nx.Graph) or len(x) > LEGIBLE_NODES:
        return "gates"
    if not x.is_directed() and not nx.number_of_selfloops(x):
        return "graph"
    return "layers" if x.is_directed() and nx.is_directed_acyclic_graph(x) else "recurrent"


KINDS.register(mask_drawings.masks)
KINDS.register(mask_drawings.gates)


@KINDS.register
@drawn
def graph(x, title: str = "A random graph") -> Picture:
    """An undirected graph, its nodes coloured by the layer that they get in `layered`; directions are left out."""
    nx_graph = graphs.undirected(_graph(x))
    columns, edges = graphs.layers(nx_graph), list(nx_graph.edges)
    size = f"{counted(len(nx_graph), 'node')} and {counted(len(edges), 'edge')}"
    figure, ((axes,),) = card(440, title, note=f"{size}; the darker a node, the later its layer.")
    field, radius = np.array([WIDTH - 20, 348.0]), _radius(nx_graph)
    places = _spread(nx_graph, field)
    _edges(axes, edges, places, radius, FAINT, _width(edges), heads=False)
    for colour, column in zip(SEQUENTIAL(np.linspace(0.08, 0.85, len(columns))), columns, strict=True):
        _nodes(axes, column, places, radius, colour, len(nx_graph) <= NAMED)
    bare(axes, (0, field[0]), (0, field[1]))
    degrees = [d for _, d in nx_graph.degree]
    told = f"{size}; a node has {min(degrees)} to {max(degrees)} neighbours, {np.mean(degrees):.1f} on average"
    return Picture(figure, f"Drawing of a graph with {told}.", f"The graph has {told}.")


@KINDS.register
@drawn
def recurrent(x, title: str = "A recurrent graph, the mask of hidden-to-hidden weights") -> Picture:
    """A directed graph, its cycles in colour; an undirected edge is drawn both ways.

    Every edge bends to the right of its way, so that its direction shows where arrowheads would not.
    """
    directed = nx.DiGraph(_graph(x))
    component = {n: k for k, nodes in enumerate(nx.strongly_connected_components(directed)) for n in nodes}
    edges, loops = [e for e in directed.edges if e[0] != e[1]], [u for u, v in directed.edges if u == v]
    inner, outer = ([(u, v) for u, v in edges if (component[u] == component[v]) == same] for same in (True, False))
    cyclic = {n for edge in inner for n in edge} | set(loops)
    key = _key([("on a cycle", HIGHLIGHT, len(inner) + len(loops)), ("on none", QUIET, len(outer))])
    size = f"{counted(len(directed), 'node')} and {counted(directed.number_of_edges(), 'directed edge')}"
    heads, named = len(edges) <= HEADED, len(directed) <= NAMED
    hint = "" if heads else "; every edge bends to the right of its way"
    figure, ((axes,),) = card(470, title, note=f"{size}{hint}; dark nodes lie on a cycle.", key=key)
    field, radius, width = np.array([WIDTH - 20, 378.0]), _radius(directed), _width(edges)
    if len(directed) <= CIRCULAR:
        places = {n: field / 2 + (field / 2 - MARGIN) * spot for n, spot in nx.circular_layout(directed).items()}
    else:
        places = _spread(graphs.undirected(directed), field)
    for chosen, colour in ((outer, QUIET), (inner, HIGHLIGHT)):
        _edges(axes, chosen, places, radius, colour, width, [0.16] * len(chosen), heads)
    for n in loops:
        away = (places[n] - field / 2) / max(np.linalg.norm(places[n] - field / 2), 1e-9)
        axes.add_patch(Circle(places[n] + 1.25 * radius * away, radius, fill=False, color=HIGHLIGHT, linewidth=width))
    _nodes(axes, [n for n in directed if n not in cyclic], places, radius, SEQUENTIAL(0.08), named)
    _nodes(axes, cyclic, places, radius, SEQUENTIAL(0.75), named)
    bare(axes, (0, field[0]), (0, field[1]))
    both = sum(directed.has_edge(v, u) for u, v in edges) // 2
    share = percent((len(inner) + len(loops)) / max(directed.number_of_edges(), 1), 0)
    told = (
        f"{size}; {counted(len(loops), 'node')} with an edge to itself, {counted(both, 'pair')} of nodes with edges "
        f"both ways; {percent(len(cyclic) / len(directed), 0)} of the nodes and {share} of the edges lie on cycles"
    )
    return Picture(figure, f"Drawing of a recurrent graph with {told}.", f"The recurrent graph has {told}.")


BELOW = 34  # pixels below the layers, for their numbers and sizes


@KINDS.register(name="layers")
@drawn
def layered(x, title: str | None = None) -> Picture:
    """A structure by layers: a column is a recurrent layer, grey edges join neighbours, coloured ones skip.

    Parameters
    ----------
    x : networkx.Graph, networkx.DiGraph, Classifier, or mask
        An undirected graph is oriented along node order; a directed one must have no cycle. A network's nodes are
        numbered from its first stage on, and an edge is drawn where it exists in any gate.
    """
    network = hasattr(x, "stages")
    columns, edges, cells = of_network(x) if network else of_graph(_graph(x))
    skips, steps = _by_reach(columns, edges)
    key = _key([("to the next layer", QUIET, len(steps)), ("skips layers", HIGHLIGHT, len(skips))])
    height = int(np.clip(170 + 34 * max(map(len, columns)), 300, 520))
    default = "The network's layers" if network else "Its layers, which become the recurrent network"
    figure, ((axes,),) = card(height, title or default, key=key)
    draw_layers(axes, columns, edges, WIDTH - 20, height - 112)
    share = percent(len(skips) / max(len(edges), 1), 0)
    return Picture(
        figure,
        f"Layered drawing: {counted(len(columns), 'layer')} of {', '.join(str(len(c)) for c in columns)} nodes; "
        f"{counted(len(steps), 'edge')} to the next layer, {counted(len(skips), 'skip edge')}.",
        f"The {'network' if network else 'graph'} has {counted(len(columns), 'layer')}, the first of "
        f"{counted(len(columns[0]), 'node')} and the last of {counted(len(columns[-1]), 'node')}; {share} of the edges "
        f"skip a layer, so the network needs {counted(cells, 'recurrent cell')}.",
    )


def _by_reach(columns: list[list], edges: Iterable[tuple]) -> list[list[tuple]]:
    """Edges that skip layers, and those that do not."""
    depth = {n: k for k, column in enumerate(columns) for n in column}
    return [[(u, v) for u, v in edges if (depth[v] - depth[u] > 1) == far] for far in (True, False)]


def draw_layers(
    axes: Axes, columns: list[list], edges: Sequence[tuple], wide: float, room: float, plain: bool = False
) -> None:
    """Layers side by side in a panel so many pixels wide, and `BELOW` pixels higher than the room for nodes.

    If plain, without the nodes' names and the arrows' heads, which take the most time.
    """
    depth = {n: k for k, column in enumerate(columns) for n in column}
    skips, steps = _by_reach(columns, edges)
    tallest, gap = max(map(len, columns)), wide / len(columns)
    radius = min(11.5, max(2, 0.32 * gap), 0.42 * room / tallest)
    places = _place(columns, gap, room, min(46, room / tallest))
    _draw_columns(axes, [len(column) for column in columns], gap, room)
    bends = [_bend(places[u], places[v], depth[v] - depth[u], room) for u, v in skips]
    heads = len(edges) <= HEADED and radius > 3 and not plain
    _edges(axes, steps, places, radius, QUIET, _width(edges), heads=heads)
    _edges(axes, skips, places, radius, HIGHLIGHT, _width(edges), bends, heads)
    for colour, column in zip(SEQUENTIAL(np.linspace(0.08, 0.85, len(columns))), columns, strict=True):
        _nodes(axes, column, places, radius, colour, radius > 8 and not plain)
    bare(axes, (0, wide), (0, BELOW + room))


def _graph(x) -> nx.Graph:
    return x if isinstance(x, nx.Graph) else graphs.from_mask(mask_drawings.mask_of(x))


def of_graph(nx_graph: nx.Graph) -> tuple[list[list], list[tuple], int]:
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
    places, tallest = {}, max(map(len, columns))
    for k, column in enumerate(columns):
        shift = (0.22 if k % 2 else -0.22) * (len(columns) > 2 and len(column) < tallest)
        heights = BELOW + room / 2 + pitch * (shift + (len(column) - 1) / 2 - np.arange(len(column)))
        places |= {n: (gap * (k + 0.5), height) for n, height in zip(column, heights, strict=True)}
    return places


def _bend(start: tuple, end: tuple, reach: int, room: float) -> float:
    """Bend away from the middle line, the more the further an edge reaches, but not beyond the layers."""
    y, z = (spot[1] - BELOW - room / 2 for spot in (start, end))
    side = 1 if y + z >= 0 else -1
    # A quadratic curve stays below h where its control point stays below h + √((h - y)(h - z)).
    h, y, z = room / 2, side * y, side * z
    most = (h + np.sqrt((h - y) * (h - z)) - (y + z) / 2) / (end[0] - start[0])
    return -side * min(0.16 + 0.02 * min(reach, 5), most)


def _draw_columns(axes: Axes, sizes: Sequence[int], gap: float, room: float) -> None:
    """A pale box behind each layer, its number and its size below; words only where they fit."""
    style = {"boxstyle": f"round,pad=0,rounding_size={min(8, 0.3 * gap)}", "facecolor": "#f3f5f7", "linewidth": 0}
    for k, size in enumerate(sizes):
        axes.add_patch(FancyBboxPatch((gap * (k + 0.09), 30), 0.82 * gap, room, **style))
        words = (f"layer {k}", counted(size, "node")) if gap > 55 else (str(k), str(size))
        for y, word, colour in ((20, words[0], INK), (6, words[1], QUIET)):
            if k % np.ceil(28 / gap) == 0:
                axes.text(gap * (k + 0.5), y, word, ha="center", va="center", size=9, color=colour)


def _key(kinds: Iterable[tuple[str, str, int]]) -> list[Line2D]:
    return [Line2D([], [], color=colour, linewidth=1.3, label=f"{name} ({n:,})") for name, colour, n in kinds]


def _nodes(axes: Axes, nodes: Iterable, places: Mapping, radius: float, colour, named: bool) -> None:
    """Circles, and the nodes' names within where they fit."""
    rim = min(1.2, radius / 4)
    if not named:  # as one, which takes a tenth of the time
        style = {"facecolors": [colour], "edgecolors": "white", "linewidths": rim, "zorder": 4}
        axes.add_collection(PatchCollection([Circle(places[n], radius) for n in nodes], **style), autolim=False)
        return
    for n in nodes:
        axes.add_patch(Circle(places[n], radius, facecolor=colour, edgecolor="white", linewidth=rim, zorder=4))
        axes.text(*places[n], str(n), ha="center", va="center", size=9, color=text_on(colour), zorder=5)


def _edges(
    axes: Axes,
    edges: Sequence[tuple],
    places: Mapping,
    radius: float,
    colour: str,
    width: float,
    bends: Sequence[float] | None = None,
    heads: bool = True,
) -> None:
    """Edges from node to node, each bent to the right of its way by a share of its length."""
    bent = list(zip(edges, bends or [0.0] * len(edges), strict=True))
    if not heads:
        curves = [ConnectionStyle.Arc3(rad=bend)(places[u], places[v], shrinkA=0, shrinkB=0) for (u, v), bend in bent]
        alpha = float(np.clip(400 / max(len(edges), 1), 0.25, 0.8))
        look = {"facecolors": "none", "edgecolors": colour, "linewidths": width, "alpha": alpha, "zorder": 2}
        axes.add_collection(PathCollection(curves, **look), autolim=False)
        return
    points, style = radius * 72 / PIXELS_PER_INCH, "-|>,head_length=0.32,head_width=0.16"
    look = {"color": colour, "linewidth": width, "alpha": 0.65, "shrinkA": points, "shrinkB": points + 1, "zorder": 2}
    for (u, v), bend in bent:
        form = {"connectionstyle": f"arc3,rad={bend}", "arrowstyle": style, "mutation_scale": 10}
        axes.add_patch(FancyArrowPatch(places[u], places[v], **form, **look))


def _width(edges: Sequence) -> float:
    return max(0.4, 1.2 - len(edges) / 400)


def _radius(nx_graph: nx.Graph) -> float:
    return 10.5 * min(1, NAMED / len(nx_graph)) ** 0.5


def _spread(nx_graph: nx.Graph, field: np.ndarray) -> dict:
    """Places that keep neighbours together, and apart what does not hang together."""
    if len(nx_graph) > 2 * NAMED:
        found = nx.spring_layout(nx_graph, seed=0, iterations=100)
    else:
        steps = dict(nx.all_pairs_shortest_path_length(nx_graph))
        beyond = 1 + max(max(of.values()) for of in steps.values())
        distances = {u: {v: steps[u].get(v, beyond) for v in nx_graph} for u in nx_graph}
        found = nx.kamada_kawai_layout(nx_graph, dist=distances)
    spots = np.array(list(found.values()))
    unit = (spots - spots.mean(0)) / np.ptp(spots, 0).clip(1e-9)
    # Half by rank, which draws crowded nodes apart.
    unit += (spots.argsort(0).argsort(0) / max(len(spots) - 1, 1) - 0.5) * (len(spots) > CIRCULAR)
    unit = (unit - unit.min(0) - np.ptp(unit, 0) / 2) / np.ptp(unit, 0).clip(1e-9)
    return dict(zip(found, field / 2 + (field - 2 * MARGIN) * unit, strict=True))
