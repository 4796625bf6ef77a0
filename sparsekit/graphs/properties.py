"""Properties of a graph: the published 23 here, and by name those of masks and networks.

A new property is one function from a `View` to a number: ``@PROPERTIES.register``, or `PROPERTIES.define` a lambda.
"""

from collections.abc import Iterable
from functools import cached_property

import networkx as nx
import numpy as np
import rustworkx as rx

from sparsekit.graphs import structure as graphs
from sparsekit.graphs.directed import ONE_THREAD, sample_variance
from sparsekit.registry import Registry, measured

PROPERTIES = Registry("graph property")


class View:
    """What several properties of a graph share, each of them computed once and only when asked for.

    Rows and entries follow the graph's own order of nodes, or of edges. Values are normalised as networkx does.
    """

    def __init__(self, graph: nx.Graph, oriented: nx.DiGraph | None = None):
        graphs.check(graph)
        self.graph, self.oriented = graph, oriented
        self.n, self.m = graph.number_of_nodes(), graph.number_of_edges()

    layers = cached_property(lambda self: graphs.layers(self.oriented or self.graph))  # by longest path from a source
    _rustworkx = cached_property(lambda self: rx.networkx_converter(self.graph))
    edges = cached_property(lambda self: np.array(self._rustworkx.edge_list()))  # both ends of each, (m, 2)
    distances = cached_property(lambda self: rx.graph_distance_matrix(self._rustworkx, **ONE_THREAD))
    eccentricity = cached_property(lambda self: self.distances.max(axis=1))
    degree = cached_property(lambda self: np.bincount(self.edges.ravel(), minlength=self.n) / (self.n - 1))
    closeness = cached_property(lambda self: (self.n - 1) / self.distances.sum(axis=1))

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


define = PROPERTIES.define
define("layers", "Nodes on the longest path of the oriented graph.", lambda view: len(view.layers))
define("nodes", "Number of nodes.", lambda view: view.n)
define("edges", "Number of undirected edges.", lambda view: view.m)
define("source_nodes", "Nodes in the first layer: the published embedding's width.", lambda view: len(view.layers[0]))
define("sink_nodes", "Nodes in the last layer: the published readout's width.", lambda view: len(view.layers[-1]))
define("diameter", "Largest distance between two nodes, in edges.", lambda view: view.distances.max())
define("density", "m / (n (n - 1)): half of the undirected density.", lambda view: view.m / (view.n * (view.n - 1)))
define(
    "average_shortest_path_length",
    "Mean distance over all pairs of nodes, in edges.",
    lambda view: view.distances.sum() / (view.n * (view.n - 1)),
)


SUMMARIES = {"mean": np.mean, "var": sample_variance, "std": lambda values: np.sqrt(sample_variance(values))}

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
    GraphError, UnknownName
        Where `structure.check` refuses the graph, or its nodes have no order; where no property has a given name.

    Examples
    --------
    >>> measure(nx.path_graph(3), ["layers", "diameter", "density"])
    {'layers': 3.0, 'diameter': 2.0, 'density': 0.3333333333333333}
    """
    return measured(PROPERTIES, View(graph, oriented), names)
