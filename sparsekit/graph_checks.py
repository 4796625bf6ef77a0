"""Which graphs can become networks, and what to do about the others."""

import networkx as nx

LARGEST = 5000
"""Nodes of the largest graph that becomes a network."""


class GraphError(ValueError):
    """A graph that cannot become a network; its text says why and what to do."""


def check(graph: nx.Graph, directed: bool = False, loops: bool = False) -> None:
    """Accept a simple, connected graph without weights, of 2 to `LARGEST` nodes.

    Parameters
    ----------
    graph : networkx.Graph or networkx.DiGraph
        A directed graph is connected where it is with its directions left out.
    directed, loops : bool
        Whether directions, and edges from a node to itself, are allowed.

    Raises
    ------
    GraphError
        Otherwise, with the way to make it one.
    """
    if not isinstance(graph, nx.Graph):
        raise GraphError(f"a {type(graph).__name__}; give a networkx.Graph, or read a file with sparsekit.graphs.read")
    if graph.is_directed() and not directed:
        raise GraphError(
            "a directed graph, where edges get their direction from the order of the nodes; leave out its own with "
            "sparsekit.graphs.undirected(graph) or graph.to_undirected(), or take a structure that keeps directions"
        )
    if graph.is_multigraph():
        simple = "DiGraph" if graph.is_directed() else "Graph"
        raise GraphError(f"several edges between the same two nodes; make it simple: networkx.{simple}(graph)")
    if len(graph) > LARGEST:
        raise GraphError(f"{len(graph):,} nodes, allowed are {LARGEST:,}; give a connected part: graph.subgraph(nodes)")
    loop = next(nx.selfloop_edges(graph), None)
    if loop and not loops:
        raise GraphError(
            f"node {loop[0]!r} has an edge to itself; take such edges out: "
            "graph.remove_edges_from(list(networkx.selfloop_edges(graph)))"
        )
    if not graph.number_of_edges():
        raise GraphError("no edges; a network needs at least one")
    for u, v, weight in graph.edges.data("weight", default=1):
        if weight != 1:
            raise GraphError(
                f"edge {u!r} – {v!r} has the weight {weight!r}, but a network learns its own weights; "
                f"keep only which edges exist: networkx.{type(graph).__name__}(graph.edges)"
            )
    parts = list(components(graph))
    if len(parts) > 1:
        kind = "weakly_connected" if graph.is_directed() else "connected"
        raise GraphError(
            f"falls into {len(parts)} parts; give a connected graph, for example its largest part: "
            f"graph.subgraph(max(networkx.{kind}_components(graph), key=len))"
        )


def components(graph: nx.Graph) -> list[set]:
    """The sets of nodes that hang together, directions left out."""
    return list((nx.weakly_connected_components if graph.is_directed() else nx.connected_components)(graph))
