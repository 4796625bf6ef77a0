"""Which graphs a study draws: as published, where larger ones have more edges, more parameters and shorter paths, or
so that these come apart. A new design is one function like those here, decorated with ``@DESIGNS.register``.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice

import networkx as nx
import numpy as np

from sparsekit.graphs import structure as graphs
from sparsekit.graphs.families import GENERATORS, check_range, edge_target, sample, with_edges
from sparsekit.graphs.nulls import cells_of, like
from sparsekit.graphs.structure import GraphError
from sparsekit.registry import Registry, digest
from sparsekit.seeds import derive

DESIGNS = Registry("sampling design")
POOL, STEPS, SCALE = 250, 480, (0.5, 1)
"""Candidates of `plane`, most steps that lead some of them away, and what is as far in clustering as in path length."""
TOLERANCE, TRIES = 0.02, 2000


def draw(design: str, generator: str, number: int, seed: int = 0, nodes_min: int = 10, nodes_max: int = 50) -> nx.Graph:
    """The graph of a number that a design draws from a generator; it depends on nothing but these arguments.

    Parameters
    ----------
    design, generator : str
        Names in `DESIGNS` and `GENERATORS`.
    number : int
        0, 1, …: the first k graphs are the same, whatever k is.
    nodes_min, nodes_max : int
        Sizes allowed; designs that hold the size fixed take the largest.

    Raises
    ------
    UnknownName, GraphError
        Where a name is not registered; where the range of sizes is empty, or the generator gives no such graphs.
    """
    check_range(nodes_min, nodes_max)
    own = DESIGNS[design]
    return graphs.checked(own, own(generator, number, seed, nodes_min, nodes_max))


def revision(design: str, generator: str) -> int:
    """How often what they draw has been mended; a network of another revision's graph is another network.

    1: "barabasi_albert" has the study's node numbers, and so "mixed", and the published graphs that
    "equal_parameters" takes its number from.
    """
    return int(generator in ("barabasi_albert", "mixed") or design == "equal_parameters")


@DESIGNS.register
def published(generator: str, number: int, seed: int, nodes_min: int, nodes_max: int) -> nx.Graph:
    """Sizes uniform on the range, everything else as it comes (arXiv 2407.20601)."""
    return sample(generator, derive(seed, number), nodes_min, nodes_max)


@DESIGNS.register
def equal_edges(generator: str, number: int, seed: int, nodes_min: int, nodes_max: int) -> nx.Graph:
    """The same nodes and edges for all, whatever the generator: edges are added or taken out at random to meet it."""
    stream = np.random.default_rng(derive("equal_edges", generator, seed, number))
    return with_edges(next(_graphs(generator, stream, nodes_max, nodes_max)), edge_target(nodes_max), stream)


@DESIGNS.register
def equal_parameters(generator: str, number: int, seed: int, nodes_min: int, nodes_max: int) -> nx.Graph:
    """The same recurrent parameters for all, within 2 %, whatever the generator, as layered networks.

    Graphs of any size in the range are drawn until one has those of published graphs in the middle of the range.
    """
    target = parameter_target((nodes_min + nodes_max) // 2)
    stream = np.random.default_rng(derive("equal_parameters", generator, seed, number))
    for graph in islice(_graphs(generator, stream, nodes_min, nodes_max), TRIES):
        if abs(recurrent_parameters(graphs.undirected(graph)) / target - 1) <= TOLERANCE:
            return graph
    raise GraphError(
        f"{generator}, {nodes_min} to {nodes_max} nodes: none of {TRIES:,} graphs has {target:,} recurrent parameters "
        f"per gate, {TOLERANCE:.0%} more or less; widen the range of sizes"
    )


@DESIGNS.register
def plane(generator: str, number: int, seed: int, nodes_min: int, nodes_max: int) -> nx.Graph:
    """The same nodes and edges for all, spread evenly over clustering and path length.

    Of 250 candidates, each next one is the farthest from all before it in the plane of average clustering and average
    path length, both scaled to 0 … 1. Half of them come from the generator as they are; the others start from it and
    are led in a random direction of the plane, edge by edge. The generator "mixed" covers the most of it.
    """
    make = GENERATORS[generator]
    spread = _spread(generator, make, digest(make), seed, nodes_max)
    if not 0 <= number < len(spread):
        raise GraphError(f"graph {number} of the plane, counted from 0; it has {len(spread)}")
    return spread[number].copy()


def recurrent_parameters(graph: nx.Graph, gates: int = 1) -> int:
    """Recurrent weights and biases of the layered network of a graph, embedding and readout left out.

    A directed graph is taken as oriented already; a cell has 1 (RNN), 3 (GRU) or 4 (LSTM) gates.

    >>> recurrent_parameters(nx.Graph([(0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)]))
    33
    """
    oriented = graph if graph.is_directed() else graphs.orient(graph)
    columns = graphs.layers(oriented)
    layer = {node: k for k, nodes in enumerate(columns) for node in nodes}
    # A cell of w units has w² recurrent weights and 2w biases, and each edge into it is a weight more. A layer has one
    # cell for each layer that sends edges; the first has one, whose input is dense.
    widths = [len(nodes) for nodes in columns]
    cells = {(0, 0)} | {(layer[u], layer[v]) for u, v in oriented.edges}
    weights = sum(widths[k] * (widths[k] + 2) for _, k in cells)
    return gates * (weights + oriented.number_of_edges() + widths[0] ** 2)


@lru_cache
def parameter_target(nodes: int) -> int:
    """Recurrent parameters per gate that `equal_parameters` meets: the median of 40 published graphs of that size."""
    stream = np.random.default_rng(derive("parameter target", nodes))
    drawn = (_graphs(name, stream, nodes, nodes) for name in ("barabasi_albert", "watts_strogatz"))
    return int(np.median([recurrent_parameters(next(family)) for family in drawn for _ in range(20)]))


def clustering_and_path_length(graph: nx.Graph) -> tuple[float, float]:
    """Average clustering and average path length of a connected graph, directions left out, as networkx has them."""
    return tuple(_place(graphs.adjacency(graphs.undirected(graph))).tolist())


@lru_cache(maxsize=32)
def _spread(generator: str, make: Callable, source: str, seed: int, nodes: int) -> list[nx.Graph]:
    stream = np.random.default_rng(derive("plane", generator, seed, nodes))
    drawn = _graphs(generator, stream, nodes, nodes)
    pool = [with_edges(next(drawn), edge_target(nodes), stream) for _ in range(POOL)]
    pool[::2] = [_led(graph, stream) for graph in pool[::2]]
    places = np.array([clustering_and_path_length(graph) for graph in pool])
    places = (places - places.min(0)) / np.ptp(places, 0).clip(1e-9)
    order = [int(np.argmin(np.abs(places - 0.5).sum(1)))]
    nearest = np.linalg.norm(places - places[order[0]], axis=1)
    while len(order) < POOL:
        nearest[order] = -1  # not again, even where another candidate lies at the same place
        order.append(int(np.argmax(nearest)))
        nearest = np.minimum(nearest, np.linalg.norm(places - places[order[-1]], axis=1))
    return [pool[i] for i in order]


def _led(graph: nx.Graph, stream: np.random.Generator) -> nx.Graph:
    """The graph led some way in a random direction of the plane: edges move at random, back where that leads astray."""
    angle = stream.uniform(0, 2 * np.pi)
    way = np.array([np.cos(angle), np.sin(angle)]) / SCALE
    cells, allowed = cells_of(graph)
    edges, places, here = np.argwhere(cells), np.argwhere(allowed), _place(cells | cells.T)
    for _ in range(stream.integers(STEPS)):
        k, new = stream.integers(len(edges)), places[stream.integers(len(places))]
        if cells[*new]:
            continue
        cells[*edges[k]], cells[*new] = False, True
        there = _place(cells | cells.T)
        if np.isfinite(there).all() and (there - here) @ way > 1e-9:  # so that rounding decides nothing
            edges[k], here = new, there
        else:
            cells[*edges[k]], cells[*new] = True, False
    return like(graph, cells)


def _place(matrix: np.ndarray) -> np.ndarray:
    """Average clustering and path length, infinite where it falls apart, of a symmetric bool matrix."""
    edges, nodes = matrix.astype(np.float32), len(matrix)
    degree = matrix.sum(0)
    clustering = ((edges @ edges) * edges).sum(0).astype(float) / (degree * (degree - 1)).clip(1)
    near, apart = np.eye(nodes, dtype=bool), nodes * (nodes - 1)
    length = 0
    while apart:
        length += apart
        near = near | (near @ edges > 0)
        before, apart = apart, nodes**2 - np.count_nonzero(near)
        if apart == before:
            return np.array([clustering.mean(), np.inf])
    return np.array([clustering.mean(), length / (nodes * (nodes - 1))])


def _graphs(generator: str, stream: np.random.Generator, nodes_min: int, nodes_max: int) -> Iterator[nx.Graph]:
    """Graphs without end; a seed that gives none is passed over, 100 of them in a row at most."""
    make, failed = GENERATORS[generator], 0
    while failed < 100:
        try:
            nodes = int(stream.integers(nodes_min, nodes_max + 1))
            yield graphs.checked(make, make(nodes, int(stream.integers(2**32))), nodes)
            failed = 0
        except GraphError as error:
            failed, why = failed + 1, error
    raise why
