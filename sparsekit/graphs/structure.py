"""Which graphs can become networks, and what to do about the others."""

from collections.abc import Callable, Collection, Hashable, Iterable, Sequence

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike

from sparsekit.registry import Own, Registry, UnknownName, described, unknown
from sparsekit.seeds import derive

LARGEST = 5000
"""Nodes of the largest graph that becomes a network."""


class GraphError(ValueError):
    """A graph that cannot become a network; its text says why and what to do, a second argument how in Python."""

    def __str__(self) -> str:
        return ": ".join(self.args)


def check(graph: nx.Graph, directed: bool = False, loops: bool = False) -> None:
    """Accept a simple graph without weights, of 2 to `LARGEST` nodes, connected with its directions left out.

    Parameters
    ----------
    directed, loops : bool
        Whether directions, and edges from a node to itself, are allowed.

    Raises
    ------
    GraphError
        Otherwise, with the way to make it one.
    """
    if not isinstance(graph, nx.Graph):
        raise GraphError(f"a {type(graph).__name__}; give a networkx.Graph, or read a file with graphs.files.read")
    if graph.is_directed() and not directed:
        raise GraphError(
            "a directed graph, where edges get their direction from the order of the nodes; "
            "take a structure that keeps directions, or leave them out",
            "graphs.structure.undirected(graph) or graph.to_undirected()",
        )
    kind = "DiGraph" if graph.is_directed() else "Graph"
    if graph.is_multigraph():
        raise GraphError("several edges between the same two nodes; make it simple", f"networkx.{kind}(graph)")
    if len(graph) > LARGEST:
        raise GraphError(f"{len(graph):,} nodes, allowed are {LARGEST:,}; give a part", "graph.subgraph(nodes)")
    loop = next(nx.selfloop_edges(graph), None)
    if loop and not loops:
        without = "graph.remove_edges_from(list(networkx.selfloop_edges(graph)))"
        raise GraphError(f"node {loop[0]!r} has an edge to itself; take such edges out", without)
    if not graph.number_of_edges():
        raise GraphError("no edges; a network needs at least one")
    weighted = next((edge for edge in graph.edges.data("weight", default=1) if edge[2] != 1), None)
    if weighted:
        raise GraphError(
            "edge {!r} – {!r} has the weight {!r}, but a network learns its own weights; ".format(*weighted)
            + "keep only which edges exist",
            f"networkx.{kind}(graph.edges)",
        )
    parts = components(graph)
    if len(parts) > 1:
        connected = "weakly_connected" if graph.is_directed() else "connected"
        largest = f"graph.subgraph(max(networkx.{connected}_components(graph), key=len))"
        raise GraphError(f"falls into {len(parts)} parts; give a connected graph, such as its largest part", largest)


def checked(function: Callable, graph: nx.Graph, nodes: Collection | int = 0) -> nx.Graph:
    """The graph that a function gave, if it can become a network.

    Parameters
    ----------
    nodes : collection or int, optional
        The nodes that it must have, or how many of 0, 1, …

    Raises
    ------
    OwnError
        Where a user's own function gave what cannot become a network; it names the function.
    """
    if isinstance(function, Own):
        if not isinstance(graph, nx.Graph):
            raise function.error(f"gave {described(graph)}; give a networkx.Graph")
        asked = range(nodes) if isinstance(nodes, int) else nodes
        if nodes and len(graph) != len(asked):
            raise function.error(f"gave a graph of {len(graph):,} nodes; asked for are {len(asked):,}")
        if nodes and {*graph} != {*asked}:
            named = f"0 to {nodes - 1}" if isinstance(nodes, int) else "those of the graph that it is given"
            other = min({*graph} - {*asked}, key=str)
            raise function.error(f"gave a graph of other nodes, such as {other!r}; name them {named}")
        try:
            check(graph, directed=True, loops=True)
        except GraphError as error:
            raise function.error(f"gave {error}") from None
    return graph


def components(graph: nx.Graph) -> list[set]:
    """The sets of nodes that hang together, directions left out."""
    return list((nx.weakly_connected_components if graph.is_directed() else nx.connected_components)(graph))


ORIENTATIONS = Registry("orientation rule")


ORIENTATIONS.define("by_node", "Nodes ascending (arXiv 2407.20601).", lambda graph, seed: sorted(graph))


@ORIENTATIONS.register
def by_degree(graph: nx.Graph, seed: int) -> Sequence[Hashable]:
    """Nodes of highest degree first; among equals the smaller node."""
    return sorted(graph, key=lambda node: (-graph.degree[node], node))


@ORIENTATIONS.register
def random(graph: nx.Graph, seed: int) -> Sequence[Hashable]:
    """Nodes in a random order."""
    nodes = sorted(graph)
    return [nodes[i] for i in np.random.default_rng(derive("orientation", seed)).permutation(len(nodes))]


def orient(graph: nx.Graph, rule: str = "by_node", seed: int = 0) -> nx.DiGraph:
    """The directed acyclic graph in which every edge leads from the earlier to the later node of an order.

    Parameters
    ----------
    rule : str
        A name in `ORIENTATIONS`; those that draw at random take the seed.

    Raises
    ------
    GraphError
        Where the graph is directed, or its nodes have no common order.

    Examples
    --------
    >>> list(orient(nx.Graph([(2, 1), (0, 2)])).edges)
    [(0, 2), (1, 2)]
    >>> list(orient(nx.Graph([(2, 1), (0, 2)]), "by_degree").edges)
    [(2, 0), (2, 1)]
    """
    if graph.is_directed():
        raise GraphError("a directed graph has its directions; leave them out with graphs.structure.undirected(graph)")
    oriented = nx.DiGraph()
    try:
        oriented.add_nodes_from(sorted(graph))
    except TypeError:
        raise GraphError("nodes of different kinds have no order; rename them 0, 1, 2, …") from None
    made = ORIENTATIONS[rule](graph, seed)
    if isinstance(own := ORIENTATIONS[rule], Own):
        made = list(made) if isinstance(made, Iterable) else [made]
        if len(made) != len(graph) or {*made} != {*graph}:
            raise own.error("gave no order of the graph's nodes; give each of them once")
    rank = {node: place for place, node in enumerate(made)}
    oriented.add_edges_from(sorted((u, v) if rank[u] < rank[v] else (v, u) for u, v in graph.edges))
    return oriented


def layers(graph: nx.Graph) -> list[list[Hashable]]:
    """Nodes by the length of their longest path from a source, ascending; an undirected graph is oriented by node.

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


def undirected(graph: nx.Graph) -> nx.Graph:
    """The simple undirected graph: directions, repeated edges, edges from a node to itself and weights are left out.

    >>> undirected(nx.DiGraph([(0, 1), (1, 0), (1, 1), (2, 1)])).edges
    EdgeView([(0, 1), (1, 2)])
    """
    simple = nx.Graph(**graph.graph)
    simple.add_nodes_from(graph.nodes(data=True))
    simple.add_edges_from((u, v) for u, v in graph.edges() if u != v)
    return simple


def adjacency(graph: nx.Graph) -> np.ndarray:
    """Which node has an edge into which: bool, shape (targets, sources), both ascending.

    It is the mask of a recurrent layer's hidden-to-hidden weights. An undirected edge leads both ways.
    """
    return nx.to_numpy_array(graph, sorted(graph), bool, order="F", weight=None).T


def from_mask(mask: ArrayLike, directed: bool = True, gates: str = "any") -> nx.Graph:
    """The graph of a hidden-to-hidden mask: an edge from unit to unit where a weight exists.

    Parameters
    ----------
    mask : array or tensor, shape (units, units), (gates, units, units) or (gates * units, units)
        Row = target, column = source; nonzero where the weight exists.
    directed : bool
        Whether to keep directions; without them, one weight of the two is an edge.
    gates : {"any", "all"}
        Whether an edge needs a weight in one gate, or in all.

    Examples
    --------
    >>> from_mask([[1, 0], [1, 0]]).edges
    OutEdgeView([(0, 0), (0, 1)])
    """
    if gates not in ("any", "all"):
        raise UnknownName(unknown("gates", gates, ("any", "all")))
    array = np.asarray(mask)
    if array.ndim not in (2, 3) or not array.size or array.shape[-2] % array.shape[-1]:
        raise GraphError(f"a mask of shape {array.shape}; allowed are (units, units), or such blocks for each gate")
    units = array.shape[-1]
    blocks = array.reshape(-1, units, units) != 0
    kind = nx.DiGraph if directed else nx.Graph
    return nx.from_numpy_array(getattr(blocks, gates)(axis=0).T, create_using=kind, edge_attr=None)
