"""Published claims about structure, each as the graphs that test it: one that has the feature, others that lack it.

A new claim is a function ``(graph, seed) -> graph`` with ``@CLAIMS.register``: from a random directed graph it makes
one of the same nodes and degrees that has the feature. Its name ends in "helps" or "hurts" (or "help", "hurt").
"""

from collections.abc import Callable

import networkx as nx
import numpy as np

from sparsekit.graphs import structure as graphs
from sparsekit.graphs.families import with_edges
from sparsekit.graphs.nulls import like, random, rewired
from sparsekit.registry import Own, Registry
from sparsekit.seeds import derive

CLAIMS = Registry("claim")
TRIES = 40
"""Swaps of two edges that are tried for each edge to lead a graph to a feature."""
MODULES, WITHIN = 4, 0.6
"""Modules of a modular graph, and the share of edges that stay in one: the others hold it together."""


def expected(name: str) -> int:
    """1 where a claim says that its feature helps, -1 where it hurts; an OwnError where its name says neither.

    >>> expected("modularity_helps"), expected("reciprocity_hurts")
    (1, -1)
    """
    said = {"help": 1, "helps": 1, "hurt": -1, "hurts": -1}.get(name.rpartition("_")[2])
    if said is None and isinstance(own := CLAIMS[name], Own):
        raise own.error("its name says neither; end it in _helps or _hurts")
    return said or 1


def having(name: str, nodes: int, seed: int) -> nx.DiGraph:
    """The graph that has a claim's feature: directed, connected, each node with edges to a fifth of the others."""
    stream, make = np.random.default_rng(derive("claim", name, nodes, seed)), CLAIMS[name]
    ring = nx.cycle_graph(nodes, create_using=nx.DiGraph)
    drawn = random(with_edges(ring, nodes * max(1, nodes // 5), stream), int(stream.integers(2**32)))
    return graphs.checked(make, make(drawn, int(stream.integers(2**32))), drawn.nodes)


def lacking(graph: nx.DiGraph, seed: int) -> nx.DiGraph:
    """A graph of the same nodes and degrees without the feature: rewired, or its edges' signs dealt out anew."""
    signs = [sign for *_, sign in graph.edges.data("sign")]
    if None in signs:
        return rewired(graph, seed)
    dealt = np.random.default_rng(derive("signs", seed)).permutation(signs)
    other = like(graph, graphs.adjacency(graph).T)
    nx.set_edge_attributes(other, dict(zip(graph.edges, dealt.tolist(), strict=True)), "sign")
    return other


@CLAIMS.register
def short_cycles_help(graph: nx.DiGraph, seed: int) -> nx.DiGraph:
    """Networks with more cycles of two and three nodes can do more.

    References
    ----------
    "Identifying structural design principles shaping the computational abilities of recurrent neural networks",
    arXiv 2606.23874 (2026).
    """
    return _led(graph, lambda a: np.trace(a @ a) / 2 + np.trace(a @ a @ a) / 3, seed)


@CLAIMS.register
def reciprocity_hurts(graph: nx.DiGraph, seed: int) -> nx.DiGraph:
    """Networks of which more edges lead both ways are worse.

    References
    ----------
    C. Metzner et al., "Organizational regularities in recurrent neural networks", Frontiers in Complex Systems (2026);
    S. K. Rathor, M. Ziegler and J. Schumacher, "Asymmetrically connected reservoir networks learn better",
    arXiv 2410.00584 (2024).
    """
    return _led(graph, lambda a: np.trace(a @ a), seed)


@CLAIMS.register
def modularity_helps(graph: nx.DiGraph, seed: int) -> nx.DiGraph:
    """Networks of modules, denser within than across, are better.

    References
    ----------
    N. Rodriguez, E. Izquierdo and Y.-Y. Ahn, "Optimal modularity and memory capacity of neural reservoirs", Network
    Neuroscience (2019); C. Metzner et al., as of `reciprocity_hurts`.
    """
    module = np.arange(len(graph)) * MODULES // len(graph)
    same = module[:, None] == module
    return _led(graph, lambda a: min((a * same).sum(), WITHIN * a.sum()), seed)


@CLAIMS.register
def balance_helps(graph: nx.DiGraph, seed: int) -> nx.DiGraph:
    """Networks in whose triads the product of signs is positive are better: two camps, weights across negative.

    References
    ----------
    X.-J. Zhang, J. M. Moore, G. Yan and X. Li, "Universal structural patterns in sparse recurrent neural networks",
    Communications Physics (2023).
    """
    camps = np.random.default_rng(derive("camps", seed)).permutation(np.arange(len(graph)) % 2)
    camp, balanced = dict(zip(sorted(graph), camps.tolist(), strict=True)), graph.copy()
    nx.set_edge_attributes(balanced, {(u, v): 1 if camp[u] == camp[v] else -1 for u, v in graph.edges}, "sign")
    return balanced


def _led(graph: nx.DiGraph, score: Callable[[np.ndarray], float], seed: int) -> nx.DiGraph:
    """The graph after swaps of two edges' targets that never lower a score of its adjacency, (sources, targets)."""
    cells = graphs.adjacency(graph).T.astype(float)
    edges, stream = np.argwhere(cells), np.random.default_rng(derive("led", seed))
    best = score(cells)
    for one, other in stream.integers(len(edges), size=(TRIES * len(edges), 2)):
        (a, b), (c, d) = edges[one], edges[other]
        if a == d or c == b or cells[a, d] or cells[c, b]:
            continue
        cells[[a, c], [b, d]], cells[[a, c], [d, b]] = 0, 1
        new = score(cells)
        if new >= best and len(graphs.components(like(graph, cells))) == 1:
            edges[one], edges[other], best = (a, d), (c, b), new
        else:
            cells[[a, c], [b, d]], cells[[a, c], [d, b]] = 1, 0
    return like(graph, cells)
