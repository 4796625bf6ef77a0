"""Families of random graphs: connected, simple, of the nodes 0 … nodes - 1; as dense as the two published ones.

A new family is one function ``(nodes, seed) -> networkx.Graph``, or ``DiGraph``, with ``@GENERATORS.register``.
"""

from collections.abc import Iterable

import networkx as nx
import numpy as np
from scipy.sparse.csgraph import minimum_spanning_tree
from scipy.spatial.distance import pdist, squareform

from sparsekit.graphs.structure import GraphError, checked, components
from sparsekit.registry import Registry
from sparsekit.seeds import derive

GENERATORS = Registry("graph generator")


@GENERATORS.register
def barabasi_albert(nodes: int, seed: int) -> nx.Graph:
    """Preferential attachment with a tenth of the nodes as edges per new node (arXiv 2407.20601).

    As networkx drew it for the study: the first m nodes have no edges, node m joins them all. So edges that lead from
    the smaller number to the larger leave m sources.
    """
    _at_least_two(nodes)
    m = max(1, nodes // 10)
    first = nx.empty_graph(m + 1)
    first.add_edges_from((m, node) for node in range(m))
    return nx.barabasi_albert_graph(nodes, m, seed, first)


@GENERATORS.register
def barabasi_albert_networkx(nodes: int, seed: int) -> nx.Graph:
    """The same family with the node numbers of networkx since 2.6: node 0 is the first hub, and the only source."""
    _at_least_two(nodes)
    return nx.barabasi_albert_graph(nodes, max(1, nodes // 10), seed)


@GENERATORS.register
def watts_strogatz(nodes: int, seed: int) -> nx.Graph:
    """Ring with a fifth of the nodes as neighbours, every edge rewired, 10 tries to be connected (arXiv 2407.20601)."""
    _at_least_two(nodes)
    try:
        return nx.connected_watts_strogatz_graph(nodes, max(2, nodes // 5), 1, 10, seed)
    except nx.NetworkXError:
        why = f"watts_strogatz, {nodes} nodes, seed {seed}: not connected in 10 tries; take another seed"
        raise GraphError(why) from None


@GENERATORS.register
def watts_strogatz_range(nodes: int, seed: int) -> nx.Graph:
    """Ring whose edges are rewired with a probability from the whole range, 0 and 1 included.

    One graph in 12 is not rewired, one in 12 wholly; in between the probability is log-uniform, from one expected
    edge upwards. Watts and Strogatz, Collective dynamics of 'small-world' networks, 1998.
    """
    edges, stream = _begin("watts_strogatz_range", nodes, seed)
    level = stream.uniform(-0.1, 1.1)
    rewired = 0 if level < 0 else min(1, edges ** (level - 1))
    graph = nx.watts_strogatz_graph(nodes, 2 * max(1, nodes // 10), rewired, _seed(stream))
    return joined(graph, stream)


@GENERATORS.register
def erdos_renyi(nodes: int, seed: int) -> nx.Graph:
    """Every pair of nodes with the same probability (Gilbert, Random graphs, 1959)."""
    edges, stream = _begin("erdos_renyi", nodes, seed)
    return joined(nx.gnp_random_graph(nodes, 2 * edges / (nodes * (nodes - 1)), _seed(stream)), stream)


@GENERATORS.register
def random_geometric(nodes: int, seed: int) -> nx.Graph:
    """Closest pairs of random places, and the shortest tree that joins all (Penrose, Random geometric graphs, 2003)."""
    edges, stream = _begin("random_geometric", nodes, seed)
    lengths = pdist(stream.random((nodes, 2)))
    closest = np.argsort(lengths, kind="stable")[:edges]
    graph = _graph(nodes, np.column_stack(np.triu_indices(nodes, 1))[closest])
    graph.add_edges_from(np.argwhere(minimum_spanning_tree(squareform(lengths)).toarray()).tolist())
    return graph


@GENERATORS.register
def stochastic_block(nodes: int, seed: int) -> nx.Graph:
    """Four modules of consecutive nodes, ten times as dense as across (Holland et al., Stochastic blockmodels 1983)."""
    edges, stream = _begin("stochastic_block", nodes, seed)
    sizes = [len(part) for part in np.array_split(range(nodes), min(4, nodes // 2))]
    within = sum(size * (size - 1) for size in sizes) / 2
    across = nodes * (nodes - 1) / 2 - within
    share = min(1, edges / (within + across / 10))
    shares = np.where(np.eye(len(sizes), dtype=bool), share, share / 10)
    model = nx.stochastic_block_model(sizes, shares, seed=_seed(stream))
    return joined(_graph(nodes, model.edges), stream)


@GENERATORS.register
def hierarchical(nodes: int, seed: int) -> nx.Graph:
    """Modules within modules: each time two nodes' common module doubles, an edge is a quarter as likely.

    Kleinberg, Small-world phenomena and the dynamics of information, 2001.
    """
    edges, stream = _begin("hierarchical", nodes, seed)
    node = np.arange(nodes)
    level = np.frexp(node[:, None] ^ node)[1]
    return joined(_graph(nodes, _likeliest(np.triu(0.25**level, 1), edges, stream)), stream)


@GENERATORS.register
def small_world_lattice(nodes: int, seed: int) -> nx.Graph:
    """Square lattice, and shortcuts as likely as 1 / length² (Kleinberg, The small-world phenomenon, 2000)."""
    edges, stream = _begin("small_world_lattice", nodes, seed)
    places = np.column_stack(np.divmod(np.arange(nodes), round(nodes**0.5)))
    length = squareform(pdist(places, "cityblock"))
    lattice = np.argwhere(np.triu(length == 1))
    weights = np.triu(length.clip(1) ** -2.0, 1) * (length > 1)
    shortcuts = _likeliest(weights, max(nodes // 5, edges - len(lattice)), stream)
    return _graph(nodes, [*lattice.tolist(), *shortcuts.tolist()])


@GENERATORS.register
def scale_free_directed(nodes: int, seed: int) -> nx.DiGraph:
    """Directed growth by in- and out-degree, made simple; then more edges between nodes by the same preference.

    Bollobás, Borgs, Chayes and Riordan, Directed scale-free graphs, 2003.
    """
    edges, stream = _begin("scale_free_directed", nodes, seed)
    grown = nx.scale_free_graph(nodes, seed=_seed(stream))
    simple = _graph(nodes, [(u, v) for u, v in grown.edges() if u != v and max(u, v) < nodes], nx.DiGraph)
    graph = joined(simple, stream)
    outward, inward = ([degrees[node] for node in graph] for degrees in (grown.out_degree, grown.in_degree))
    weights = np.outer(np.add(outward, 1.0), np.add(inward, 1.0))
    weights[nx.to_numpy_array(graph, weight=None) + np.eye(nodes) > 0] = 0
    graph.add_edges_from(_likeliest(weights, max(0, edges - graph.number_of_edges()), stream).tolist())
    return graph


MIXED = (barabasi_albert, watts_strogatz_range, erdos_renyi, random_geometric)
MIXED += (stochastic_block, hierarchical, small_world_lattice)


@GENERATORS.register
def mixed(nodes: int, seed: int) -> nx.Graph:
    """Any of the undirected families, some of its edges moved at random; ``graph.graph["family"]`` names it.

    Half the graphs stay as they are; otherwise the share that moves is uniform, a random spanning tree left out.
    """
    _, stream = _begin("mixed", nodes, seed)
    family = MIXED[stream.integers(len(MIXED))]
    graph = family(nodes, _seed(stream))
    edges = graph.number_of_edges()
    moved = round(max(0, stream.uniform(-1, 1)) * edges)
    graph = with_edges(with_edges(graph, max(nodes - 1, edges - moved), stream), edges, stream)
    graph.graph["family"] = family.__name__
    return graph


def sample(generator: str, seed: int, nodes_min: int = 10, nodes_max: int = 50) -> nx.Graph:
    """One random graph whose size is uniform on ``nodes_min`` … ``nodes_max``, both ends included.

    The size and the graph come from one stream that depends on nothing but ``generator`` and ``seed``.

    Raises
    ------
    UnknownName, GraphError
        Where no generator has that name; where the range of sizes is empty or starts below 2.
    """
    make = GENERATORS[generator]
    check_range(nodes_min, nodes_max)
    stream = np.random.default_rng(derive("graph", generator, seed))
    nodes = int(stream.integers(nodes_min, nodes_max + 1))
    return checked(make, make(nodes, int(stream.integers(2**32))), nodes)


def check_range(nodes_min: int, nodes_max: int) -> None:
    """Refuse a range of sizes that is empty or starts below 2."""
    if not 2 <= nodes_min <= nodes_max:
        raise GraphError(f"nodes from {nodes_min} to {nodes_max}: need 2 <= nodes_min <= nodes_max")


def edge_target(nodes: int) -> int:
    """Edges that give a graph the mean degree of the published ones, about a fifth of its nodes."""
    return min(nodes * max(1, nodes // 10), nodes * (nodes - 1) // 2)


def joined(graph: nx.Graph, stream: np.random.Generator) -> nx.Graph:
    """The graph, made connected in place: each further part is tied on by one random edge."""
    first, *others = sorted(sorted(part) for part in components(graph))
    for part in others:
        graph.add_edge(int(stream.choice(first)), int(stream.choice(part)))
        first += part
    return graph


def with_edges(graph: nx.Graph, edges: int, stream: np.random.Generator) -> nx.Graph:
    """A copy with exactly so many edges, added or taken out at random; what was connected stays so.

    Raises
    ------
    GraphError
        Where no connected simple graph of these nodes has so many.
    """
    nodes, copy = sorted(graph), graph.copy()
    most = len(nodes) * (len(nodes) - 1) // (1 if graph.is_directed() else 2)
    if not len(nodes) - 1 <= edges <= most:
        raise GraphError(f"{edges} edges for {len(nodes)} nodes: allowed are {len(nodes) - 1} to {most}")
    parts, spare = nx.utils.UnionFind(nodes), []
    for u, v in stream.permutation(sorted(graph.edges)).tolist():
        spare += [(u, v)] if parts[u] == parts[v] else []
        parts.union(u, v)
    copy.remove_edges_from(spare[: max(0, len(graph.edges) - edges)])
    while copy.number_of_edges() < edges:
        u, v = stream.choice(nodes, 2, replace=False).tolist()
        copy.add_edge(u, v)
    return copy


def _begin(name: str, nodes: int, seed: int) -> tuple[int, np.random.Generator]:
    _at_least_two(nodes)
    return edge_target(nodes), np.random.default_rng(derive(name, nodes, seed))


def _seed(stream: np.random.Generator) -> int:
    return int(stream.integers(2**32))


def _at_least_two(nodes: int) -> None:
    if nodes < 2:
        raise GraphError(f"{nodes} nodes: a graph needs at least 2")


def _graph(nodes: int, edges: Iterable, kind: type[nx.Graph] = nx.Graph) -> nx.Graph:
    graph = nx.empty_graph(nodes, kind)
    graph.add_edges_from(np.array(list(edges), dtype=int).reshape(-1, 2).tolist())
    return graph


def _likeliest(weights: np.ndarray, count: int, stream: np.random.Generator) -> np.ndarray:
    """So many cells of a matrix, drawn one after the other, each in proportion to its weight among those left.

    These are the largest of log weight + Gumbel noise (Vieira, Gumbel-max trick and weighted reservoir sampling, 2014).
    """
    cells = np.argwhere(weights)
    score = np.log(weights[weights != 0]) + stream.gumbel(size=len(cells))
    return cells[np.argsort(-score, kind="stable")[:count]]
