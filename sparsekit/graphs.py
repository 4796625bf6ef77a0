"""Graphs that become networks: random ones by name, a user's own from a file, their orientation and layers.

A new family is one function ``(nodes, seed) -> networkx.Graph`` decorated with ``@GENERATORS.register``.
"""

import re
from collections.abc import Hashable
from pathlib import Path
from xml.etree.ElementTree import ParseError

import networkx as nx
import numpy as np

from sparsekit.registry import Registry, unknown
from sparsekit.seeds import derive

GENERATORS = Registry("graph generator")
EDGE_LISTS = (".edgelist", ".edges", ".txt")


class GraphError(ValueError):
    """A graph that cannot become a network; its text says why and what to do."""


@GENERATORS.register
def barabasi_albert(nodes: int, seed: int) -> nx.Graph:
    """Preferential attachment with a tenth of the nodes as edges per new node (arXiv 2407.20601)."""
    _at_least_two(nodes)
    return nx.barabasi_albert_graph(nodes, max(1, nodes // 10), seed)


@GENERATORS.register
def watts_strogatz(nodes: int, seed: int) -> nx.Graph:
    """Ring with a fifth of the nodes as neighbours, every edge rewired, 10 tries to be connected (arXiv 2407.20601)."""
    _at_least_two(nodes)
    try:
        return nx.connected_watts_strogatz_graph(nodes, max(2, nodes // 5), 1, 10, seed)
    except nx.NetworkXError:
        raise GraphError(
            f"watts_strogatz, {nodes} nodes, seed {seed}: not connected in 10 tries; take another seed"
        ) from None


def sample(generator: str, seed: int, nodes_min: int = 10, nodes_max: int = 50) -> nx.Graph:
    """One random graph whose size is uniform on ``nodes_min`` … ``nodes_max``, both ends included.

    The size and the graph come from one stream that depends on nothing but ``generator`` and ``seed``.

    Raises
    ------
    UnknownName
        Where no generator has that name.
    GraphError
        Where the range of sizes is empty or starts below 2.

    Examples
    --------
    >>> sample("barabasi_albert", 3).number_of_nodes() == sample("barabasi_albert", 3).number_of_nodes()
    True
    """
    make = GENERATORS[generator]
    if not 2 <= nodes_min <= nodes_max:
        raise GraphError(f"nodes from {nodes_min} to {nodes_max}: need 2 <= nodes_min <= nodes_max")
    stream = np.random.default_rng(derive("graph", generator, seed))
    nodes = int(stream.integers(nodes_min, nodes_max + 1))
    return make(nodes, int(stream.integers(2**32)))


def read(path: str | Path) -> nx.Graph:
    """A user's graph from GraphML, or from a list with one edge (two node names) a line.

    Nodes are renamed 0 … n-1 in the order of their names, in which "n2" comes before "n10"; the former name stays as
    the node attribute ``name``. Everything else about nodes and edges, weights too, is left out: only which edges exist
    matters to a network.

    Raises
    ------
    GraphError
        Where the file is missing, of unknown kind, malformed, or its graph fails `check`.
    """
    path = Path(path)
    if path.suffix != ".graphml" and path.suffix not in EDGE_LISTS:
        raise GraphError(f"{path}: {unknown('graph file ending', path.suffix, ('.graphml', *EDGE_LISTS))}")
    if not path.is_file():
        raise GraphError(f"{path}: no such file")
    try:
        found = nx.read_graphml(path) if path.suffix == ".graphml" else _read_edges(path)
    except (nx.NetworkXError, ParseError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise GraphError(f"{path}: not readable as {path.suffix}: {error}") from error
    try:
        check(found)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None
    names = sorted(found, key=_natural)
    numbers = {name: number for number, name in enumerate(names)}
    graph = nx.Graph()
    graph.add_nodes_from((number, {"name": str(name)}) for name, number in numbers.items())
    graph.add_edges_from((numbers[u], numbers[v]) for u, v in found.edges)
    return graph


def check(graph: nx.Graph) -> None:
    """Accept a simple, undirected, connected graph of two or more nodes.

    Raises
    ------
    GraphError
        Otherwise, with the way to make it one.
    """
    if graph.is_directed():
        raise GraphError("a directed graph; give the undirected one (graph.to_undirected()): edges get their direction")
    if graph.is_multigraph():
        raise GraphError("several edges between the same two nodes; make it simple: networkx.Graph(graph)")
    loops = next(nx.selfloop_edges(graph), None)
    if loops:
        raise GraphError(f"node {loops[0]!r} has an edge to itself; take such edges out")
    if not graph.number_of_edges():
        raise GraphError("no edges; a network needs at least one")
    parts = nx.number_connected_components(graph)
    if parts > 1:
        raise GraphError(f"falls into {parts} parts; give a connected graph, for example its largest part")


def orient(graph: nx.Graph) -> nx.DiGraph:
    """The directed acyclic graph in which every edge leads from the smaller to the larger node.

    Raises
    ------
    GraphError
        Where the nodes have no common order.

    Examples
    --------
    >>> list(orient(nx.Graph([(2, 1), (0, 2)])).edges)
    [(0, 2), (1, 2)]
    """
    try:
        nodes = sorted(graph)
    except TypeError:
        raise GraphError("nodes of different kinds have no order; rename them 0, 1, 2, …") from None
    oriented = nx.DiGraph()
    oriented.add_nodes_from(nodes)
    oriented.add_edges_from(sorted((u, v) if u < v else (v, u) for u, v in graph.edges))
    return oriented


def layers(graph: nx.Graph) -> list[list[Hashable]]:
    """Nodes by the length of their longest path from a source, ascending within a layer.

    An undirected graph is oriented first.

    Raises
    ------
    GraphError
        Where a directed graph has a cycle.

    Examples
    --------
    >>> layers(nx.Graph([(0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)]))
    [[0, 1], [2], [3], [4]]
    """
    oriented = graph if graph.is_directed() else orient(graph)
    try:
        return [sorted(generation) for generation in nx.topological_generations(oriented)]
    except nx.NetworkXUnfeasible:
        raise GraphError("the graph has a cycle, so it has no layers; give an acyclic or an undirected one") from None


def _at_least_two(nodes: int) -> None:
    if nodes < 2:
        raise GraphError(f"{nodes} nodes: a graph needs at least 2")


def _natural(name: Hashable) -> tuple:
    # Text and digits alternate in the split, so two names never compare a number with a text.
    parts = re.split(r"([0-9]+)", str(name))
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), str(name)


def _read_edges(path: Path) -> nx.Graph:
    graph = nx.Graph()
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        names = line.partition("#")[0].replace(",", " ").split()
        if not names:
            continue
        if len(names) < 2:
            raise GraphError(f"{path}, line {number}: one node, {names[0]!r}; an edge needs two")
        u, v = names[:2]
        if graph.has_edge(u, v):
            raise GraphError(f"{path}, line {number}: edge {u} – {v} stands there twice; give each edge once")
        graph.add_edge(u, v)
    return graph
