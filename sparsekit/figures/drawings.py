"""Drawings: the grammar's automaton here, and by name graphs, layers and masks, or any structure in one call."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.lines import Line2D
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path

from sparsekit.figures import mask_drawings
from sparsekit.figures.card import PIXELS_PER_INCH, WIDTH, Picture, card, drawn
from sparsekit.figures.style import FAINT, INK, QUIET, SEQUENTIAL, TARGETS, VARIANTS, counted, listed, percent, text_on
from sparsekit.graphs import structure as graphs
from sparsekit.registry import Registry
from sparsekit.tasks import grammars as reber

# Places of the Reber grammar's states: the two branches above and below, as the grammar is usually drawn.
PLACES = {0: (0, 0), 1: (1.5, 0), 2: (3, 1), 3: (3, -1), 4: (5, 1), 5: (5, -1), 6: (6.5, 0), 7: (8, 0)}
MIDDLES = {2: 2.3, 10: -2.3}  # of the embedded grammar: first state of each inner automaton, and its middle line
EMBEDDED_PLACES = {
    0: (0, 0),
    1: (1.6, 0),
    **{first + s: (x + 3, y + middle) for first, middle in MIDDLES.items() for s, (x, y) in PLACES.items()},
    18: (12.4, 0),
    19: (14, 0),
}
RADIUS = 0.3
LETTERS = VARIANTS["rnn_tanh"]
_arrow_patch = partial(FancyArrowPatch, arrowstyle="-|>", mutation_scale=13, linewidth=1.3, shrinkA=0, shrinkB=0)


@drawn
def automaton(transitions: Mapping[int, Mapping[str, int]] = reber.TRANSITIONS) -> Picture:
    """The Reber grammar as its finite automaton: a valid string spells a path from the start to the accepting state.

    Parameters
    ----------
    transitions : mapping of state to mapping of letter to state
        The Reber grammar's, the embedded Reber grammar's (`reber.EMBEDDED`), or either with other letters.
    """
    embedded = len(transitions) > len(PLACES)
    places, middles = (EMBEDDED_PLACES, MIDDLES.values()) if embedded else (PLACES, [0])
    accept = max(places)
    name = "embedded Reber grammar" if embedded else "Reber grammar"
    note = "Orange: the letter to remember across the inner string, and where it is asked for." if embedded else ""
    figure, ((axes,),) = card(470 if embedded else 340, f"The {name} as an automaton", note=note)
    for state, (x, y) in places.items():
        face = "#dceaf5" if state in (reber.START, accept) else "white"
        axes.add_patch(Circle((x, y), RADIUS, facecolor=face, edgecolor=INK, linewidth=1.4, zorder=3))
        if state == accept:
            axes.add_patch(Circle((x, y), RADIUS - 0.06, facecolor="none", edgecolor=INK, linewidth=1, zorder=4))
        axes.text(x, y, str(state), ha="center", va="center", size=10 if embedded else 11, zorder=5)
    for source, edges in transitions.items():
        for letter, target in edges.items():
            outer = embedded and (source == 1 or target == accept - 1)
            if source == target:
                _loop(axes, places[source], letter, middles)
            else:
                _arrow(axes, places[source], places[target], letter, (TARGETS["i2h"] if outer else LETTERS).colour)
    (x, y), (end, _) = places[reber.START], places[accept]
    axes.add_patch(_arrow_patch((x - 0.9, y), (x - RADIUS - 0.03, y), color=QUIET))
    axes.text(x - 0.62, y + 0.14, "start", ha="center", va="bottom", color=QUIET)
    axes.text(end, y - RADIUS - 0.14, "accept", ha="center", va="top", color=QUIET)
    height = max(middles) + 2.15
    axes.set(xlim=(-1, end + 0.45), ylim=(-height, height), aspect="equal")
    axes.set_axis_off()
    path = "; ".join(f"{s} to {listed(f'{t} by {a}' for a, t in e.items())}" for s, e in transitions.items())
    loops = [f"{s} ({a})" for s, e in transitions.items() for a, t in e.items() if s == t]
    choices = sum(len(e) > 1 for e in transitions.values())
    memory = "; the letter that leaves state 1 has to come back after the inner string, which says nothing about it"
    return Picture(
        figure,
        f"Automaton with {len(places)} states and {sum(map(len, transitions.values()))} labelled edges: {path}. "
        f"It starts at {reber.START} and accepts at {accept}.",
        f"A valid string spells a path from state {reber.START} to state {accept}; at {choices} states two "
        f"letters are allowed, and the loops at {listed(loops)} let a string grow without end{memory * embedded}.",
    )


def _letter(axes: Axes, x: float, y: float, letter: str, colour: str) -> None:
    box = {"boxstyle": "circle,pad=0.16", "facecolor": "white", "edgecolor": "none"}
    axes.text(x, y, letter, ha="center", va="center", size=12, weight="bold", color=colour, zorder=6, bbox=box)


def _arrow(axes: Axes, start, end, letter: str, colour: str) -> None:
    start, end = np.array(start, float), np.array(end, float)
    along = (end - start) / np.linalg.norm(end - start)
    a, b = start + along * (RADIUS + 0.03), end - along * (RADIUS + 0.03)
    axes.add_patch(_arrow_patch(a, b, color=INK, zorder=2))
    _letter(axes, *(a + b) / 2 - 0.03 * along, letter, colour)


def _loop(axes: Axes, place, letter: str, middles: Iterable[float]) -> None:
    """A drop-shaped loop on a state's side away from the nearest middle line, the letter at its far end."""
    x, y = place
    side = 1 if y >= min(middles, key=lambda middle: abs(y - middle)) else -1
    foot, lift = RADIUS * np.sin(0.55), side * RADIUS * np.cos(0.55)
    points = [(x - foot, y + lift), (x - 0.62, y + side * 1.22), (x + 0.62, y + side * 1.22), (x + foot, y + lift)]
    curve = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=INK, linewidth=1.3, zorder=2))
    tip = np.array([x + foot, y + lift]) + 0.03 * np.array([0.55, side])
    axes.add_patch(_arrow_patch(tip + np.array([0.07, side * 0.16]), tip, color=INK, zorder=3))
    _letter(axes, x, y + side * 0.99, letter, LETTERS.colour)


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


KINDS = Registry("kind of drawing")
GATE_LABELS = {
    1: ("",),
    3: ("reset (r)", "update (z)", "new (n)"),
    4: ("input (i)", "forget (f)", "cell (g)", "output (o)"),
}
LEGIBLE_NODES, LEGIBLE_EDGES = 500, 1500


def structure(x, kind: str | None = None, **options) -> Picture:
    """Draw any structure in the way that suits it.

    Parameters
    ----------
    x : networkx.Graph, networkx.DiGraph, Classifier, or mask
        An undirected graph is drawn as a graph; a directed one by layers or, where it has a cycle, as a recurrent
        graph; beyond 500 nodes both as a matrix. A network is drawn by layers while its edges can be told apart, else
        by the masks of its stages; one of a single stage by the gates of its hidden-to-hidden mask, as is a mask,
        (gates * hidden, hidden).
    kind : {"graph", "layers", "recurrent", "masks", "gates"}, optional
        How, where the choice above does not suit.
    **options
        For the drawing, for example ``title``.

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
    if hasattr(x, "stages"):
        columns, edges, cells = of_network(x)
        if len(columns) == 1:
            return "gates"
        return "layers" if cells > len(columns) or len(edges) <= LEGIBLE_EDGES else "masks"
    if isinstance(x, nx.Graph):
        if len(x) > LEGIBLE_NODES:
            return "gates"
        if not x.is_directed() and not nx.number_of_selfloops(x):
            return "graph"
        return "layers" if x.is_directed() and nx.is_directed_acyclic_graph(x) else "recurrent"
    return "gates"


@KINDS.register(name="graph")
def without_directions(x, **options) -> Picture:
    """Nodes and edges, directions left out."""
    return graph(graphs.undirected(_graph(x)), **options)


@KINDS.register
def layers(x, **options) -> Picture:
    """Columns of nodes, with skip edges."""
    return layered(x if hasattr(x, "stages") else _graph(x), **options)


@KINDS.register(name="recurrent")
def with_directions(x, **options) -> Picture:
    """Nodes and directed edges, with cycles."""
    return recurrent(_graph(x), **options)


@KINDS.register
def masks(x, **options) -> Picture:
    """Both masks of each stage."""
    if not hasattr(x, "stages"):
        raise ValueError(f"a {type(x).__name__} has no stages; give a network, or take kind='gates'")
    return mask_drawings.masks(x, **options)


@KINDS.register
@drawn
def gates(x, title: str | None = None) -> Picture:
    """A hidden-to-hidden mask as one matrix a gate, side by side; of a graph, the mask that it becomes.

    Parameters
    ----------
    x : mask, shape (gates * hidden, hidden) or (gates, hidden, hidden), networkx.Graph, or Classifier of one stage
        Rows in torch's order: GRU r, z, n; LSTM i, f, g, o.
    """
    matrix = _mask(x)
    blocks = matrix.reshape(-1, matrix.shape[1], matrix.shape[1])
    count, hidden = len(blocks), matrix.shape[1]
    side = min(680 / count - 20, 400)
    step = int(np.ceil(hidden / side))
    title = title or "Hidden-to-hidden mask" + ", gate by gate" * (count > 1)
    shades = (
        f"each square stands for {step} × {step} weights, the darker the more exist"
        if step > 1
        else "coloured: the weight exists"
    )
    figure, grid = card(
        int(side + 130), title, 1, count, note=f"Rows: to each hidden unit; columns: from each; {shades}."
    )
    peak = max(_coarse(block, step).max() for block in blocks)
    for axes, block, name in zip(grid[0], blocks, GATE_LABELS[count], strict=True):
        _draw(axes, _coarse(block, step) / (peak or 1), side)
        axes.set_title(name)
        axes.set_xlabel(f"{int(block.sum()):,} of {block.size:,}\n{percent(block.mean())}", size=9)
    same = all((block == blocks[0]).all() for block in blocks)
    shares = [f"{name} {percent(block.mean())}" for name, block in zip(GATE_LABELS[count], blocks, strict=True)]
    exist = f"{int(matrix.sum()):,} of {matrix.size:,} weights exist ({percent(matrix.mean())})"
    if count == 1:
        told = exist
    else:
        told = f"{exist}: " + (f"all {count} gates have the same connections" if same else f"by gate {listed(shares)}")
    return Picture(
        figure,
        f"Hidden-to-hidden mask of {counted(hidden, 'unit')} in {counted(count, 'gate block')}: {told}.",
        f"Of the hidden-to-hidden mask {told}.",
    )


def _graph(x) -> nx.Graph:
    return x if isinstance(x, nx.Graph) else graphs.from_mask(_mask(x))


def _mask(x) -> np.ndarray:
    """A graph's, a one-stage network's, or the given mask, as bool (gates * hidden, hidden)."""
    if isinstance(x, nx.Graph):
        return nx.to_numpy_array(x, weight=None).T != 0
    if hasattr(x, "stages"):
        if len(x.stages) > 1:
            raise ValueError(
                f"a network of {len(x.stages)} stages has as many hidden-to-hidden masks; give one of them, for "
                "example network.stages[0].mask_hh, or take kind='masks'"
            )
        x = x.stages[0].mask_hh
    array = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    if array.ndim == 3 and array.shape[1] == array.shape[2]:
        array = array.reshape(-1, array.shape[2])
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf":
        raise ValueError(f"draws a networkx graph, a network or a two-dimensional mask, not {_said(x)}")
    if array.shape[0] not in [count * array.shape[1] for count in GATE_LABELS]:
        raise ValueError(
            f"a mask of {array.shape[0]} × {array.shape[1]} is not 1, 3 or 4 square gate blocks, as hidden-to-hidden "
            "ones are; draw others with drawings.mask(matrix, gates=…)"
        )
    return array != 0


def _said(x) -> str:
    return f"an array of shape {x.shape}" if hasattr(x, "shape") else f"a {type(x).__name__}"


def _coarse(block: np.ndarray, step: int) -> np.ndarray:
    """Shares of weights that exist, by squares of `step` × `step`."""
    starts = np.arange(0, len(block), step)
    sums = np.add.reduceat(np.add.reduceat(block, starts, 0, dtype=int), starts, 1)
    sides = np.diff([*starts, len(block)])
    return sums / np.outer(sides, sides)


def _draw(axes: Axes, shades: np.ndarray, side: float) -> None:
    """Pale where nothing exists, else the target's colour, from a third of its strength on."""
    colour = TARGETS["h2h"].colour
    full = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])
    strength = np.where(shades > 0, 0.25 + 0.75 * shades, 0)[..., None]
    pixels = (np.array([243, 245, 247]) * (1 - strength) + full * strength).astype(np.uint8)
    n = len(shades)
    axes.imshow(pixels, interpolation="nearest", extent=(0, n, n, 0))
    if side / n > 5:
        axes.vlines(range(1, n), 0, n, color="white", linewidth=0.7)
        axes.hlines(range(1, n), 0, n, color="white", linewidth=0.7)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
