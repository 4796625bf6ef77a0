"""Any structure in one call: a graph, its layers, a recurrent graph, a network, or a mask gate by gate."""

import networkx as nx
import numpy as np
from matplotlib.axes import Axes

from sparsekit import graph_drawings, graphs, layer_drawings, mask_drawings
from sparsekit.pictures import Picture, card, drawn
from sparsekit.registry import Registry
from sparsekit.style import FAINT, TARGETS, counted, listed, percent

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
        columns, edges, cells = layer_drawings.of_network(x)
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


@KINDS.register
def graph(x, **options) -> Picture:
    """Nodes and edges, directions left out."""
    return graph_drawings.graph(graphs.undirected(_graph(x)), **options)


@KINDS.register
def layers(x, **options) -> Picture:
    """Columns of nodes, with skip edges."""
    return layer_drawings.layered(x if hasattr(x, "stages") else _graph(x), **options)


@KINDS.register
def recurrent(x, **options) -> Picture:
    """Nodes and directed edges, with cycles."""
    return graph_drawings.recurrent(_graph(x), **options)


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
