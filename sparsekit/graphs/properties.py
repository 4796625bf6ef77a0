"""Properties of a graph: the published 23 here, and by name those of masks and networks.

A new property is one function from a `View` to a number, decorated with ``@PROPERTIES.register``.
"""

from collections.abc import Iterable
from functools import cached_property

import networkx as nx
import numpy as np
import rustworkx as rx

from sparsekit.graphs import structure as graphs
from sparsekit.graphs.directed import ONE_THREAD
from sparsekit.registry import Registry, measured

PROPERTIES = Registry("graph property")


class View:
    """What several properties share, computed once per graph and only when asked for.

    Attributes
    ----------
    n, m : int
        Nodes and edges.
    edges : ndarray of int, shape (m, 2)
        Positions of both ends of each edge, in the graph's order of nodes.
    layers : list of list
        Nodes by longest path from a source of the oriented graph.
    distances : ndarray, shape (n, n)
        Edges on a shortest path.
    eccentricity, degree, closeness, nodes_betweenness : ndarray, shape (n,)
    edge_betweenness : ndarray, shape (m,)
        Normalised as networkx does; ``degree`` is degree centrality.
    """

    def __init__(self, graph: nx.Graph, oriented: nx.DiGraph | None = None):
        graphs.check(graph)
        self.graph, self.oriented = graph, oriented
        self.n, self.m = graph.number_of_nodes(), graph.number_of_edges()
        position = {node: i for i, node in enumerate(graph)}
        self.edges = np.array([(position[u], position[v]) for u, v in graph.edges])

    @cached_property
    def layers(self) -> list[list]:
        return graphs.layers(self.oriented or self.graph)

    @cached_property
    def _rustworkx(self) -> rx.PyGraph:
        return rx.networkx_converter(self.graph)

    @cached_property
    def distances(self) -> np.ndarray:
        return rx.graph_distance_matrix(self._rustworkx, **ONE_THREAD)

    @cached_property
    def eccentricity(self) -> np.ndarray:
        return self.distances.max(axis=1)

    @cached_property
    def degree(self) -> np.ndarray:
        return np.bincount(self.edges.ravel(), minlength=self.n) / (self.n - 1)

    @cached_property
    def closeness(self) -> np.ndarray:
        return (self.n - 1) / self.distances.sum(axis=1)

    @cached_property
    def edge_betweenness(self) -> np.ndarray:
        return np.array(list(rx.graph_edge_betweenness_centrality(self._rustworkx, **ONE_THREAD).values()))

    @cached_property
    def nodes_betweenness(self) -> np.ndarray:
        # A path through a node uses two of its edges, a path that ends there one, and n - 1 pairs of nodes end there:
        # so the edges' values give the nodes' without a second search from every node.
        if self.n == 2:
            return np.zeros(2)
        pairs = self.n * (self.n - 1) / 2
        around = np.bincount(self.edges.ravel(), np.repeat(self.edge_betweenness * pairs, 2), minlength=self.n)
        return (around - (self.n - 1)) / ((self.n - 1) * (self.n - 2))


@PROPERTIES.register
def layers(view: View) -> float:
    """Layers of the oriented graph: nodes on its longest path."""
    return len(view.layers)


@PROPERTIES.register
def nodes(view: View) -> float:
    """Number of nodes."""
    return view.n


@PROPERTIES.register
def edges(view: View) -> float:
    """Number of undirected edges."""
    return view.m


@PROPERTIES.register
def source_nodes(view: View) -> float:
    """Nodes in the first layer; in the published networks also the width of the embedding."""
    return len(view.layers[0])


@PROPERTIES.register
def sink_nodes(view: View) -> float:
    """Nodes in the last layer; in the published networks also the width of the readout."""
    return len(view.layers[-1])


@PROPERTIES.register
def diameter(view: View) -> float:
    """Largest distance between two nodes, in edges."""
    return view.distances.max()


@PROPERTIES.register
def density(view: View) -> float:
    """Edges of the oriented graph over ordered pairs of nodes, m / (n (n - 1)): half of the undirected density."""
    return view.m / (view.n * (view.n - 1))


@PROPERTIES.register
def average_shortest_path_length(view: View) -> float:
    """Mean distance over all pairs of nodes, in edges."""
    return view.distances.sum() / (view.n * (view.n - 1))


def _sample_variance(values: np.ndarray) -> float:
    return values.var(ddof=1) if len(values) > 1 else np.nan


SUMMARIES = {"mean": np.mean, "var": _sample_variance, "std": lambda values: np.sqrt(_sample_variance(values))}

for _values in ("eccentricity", "degree", "closeness", "nodes_betweenness", "edge_betweenness"):
    for _kind, _summary in SUMMARIES.items():
        PROPERTIES[f"{_values}_{_kind}"] = lambda view, of=_summary, values=_values: of(getattr(view, values))

NAMES = tuple(PROPERTIES)
"""The 23 published properties, in the order of the published tables (arXiv 2407.20601)."""


def measure(
    graph: nx.Graph, names: Iterable[str] | None = None, oriented: nx.DiGraph | None = None
) -> dict[str, float]:
    """Properties of a simple, undirected, connected graph whose nodes have an order.

    Definitions are networkx's; variances and standard deviations are those of samples, nan where there is but one edge.

    Parameters
    ----------
    names : iterable of str, optional
        Which properties; all registered ones by default.
    oriented : networkx.DiGraph, optional
        The graph with its directions, for its layers; by default along the order of its nodes.

    Raises
    ------
    GraphError
        Where the graph is directed, disconnected, self-looped, a multigraph, has no edge, or nodes without an order.
    UnknownName
        Where no property has a given name.

    Examples
    --------
    >>> measure(nx.path_graph(3), ["layers", "diameter", "density"])
    {'layers': 3.0, 'diameter': 2.0, 'density': 0.3333333333333333}
    """
    return measured(PROPERTIES, View(graph, oriented), names)
