"""The graphs that test published claims: they have the feature, and what they are set against has all else."""

import networkx as nx
import numpy as np
import pytest

from sparsekit.graphs import claims
from sparsekit.graphs import structure as graphs
from sparsekit.graphs.claims import CLAIMS
from sparsekit.registry import OwnError


def degrees(graph):
    return sorted(graph.in_degree), sorted(graph.out_degree)


def feature(name, graph):
    """By networkx and by counting, not as the claim leads there."""
    if name == "short_cycles_help":
        return sum(1 for cycle in nx.simple_cycles(graph, length_bound=3) if len(cycle) > 1)
    if name == "reciprocity_hurts":
        return nx.overall_reciprocity(graph)
    if name == "modularity_helps":
        parts = [set(range(k, k + len(graph) // 4)) for k in range(0, len(graph), len(graph) // 4)]
        return nx.community.modularity(graph, parts)
    signs = [[graph.edges[e]["sign"] for e in ((a, b), (b, c), (c, a))] for a, b, c in triads(graph)]
    return np.mean([np.prod(three) for three in signs])


def triads(graph):
    return [cycle for cycle in nx.simple_cycles(graph, length_bound=3) if len(cycle) == 3]


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("seed", range(3))
def test_a_pair_differs_in_the_feature_and_in_neither_size_nor_degrees(name, seed):
    one = claims.having(name, 20, seed)
    others = [claims.lacking(one, k) for k in range(5)]
    assert (len(one), one.number_of_edges()) == (20, 80)
    assert nx.is_weakly_connected(one)
    assert not nx.number_of_selfloops(one)
    for other in others:
        assert degrees(other) == degrees(one)
        assert nx.is_weakly_connected(other)
    has, lack = feature(name, one), np.mean([feature(name, other) for other in others])
    assert has > 1.4 * lack + 0.05
    assert list(claims.having(name, 20, seed).edges) == list(one.edges)
    assert set(claims.having(name, 20, seed + 1).edges) != set(one.edges)


def test_in_a_balanced_graph_every_triad_is_and_dealt_signs_stay_as_many():
    one = claims.having("balance_helps", 16, 0)
    other = claims.lacking(one, 1)
    assert feature("balance_helps", one) == 1
    assert set(other.edges) == set(one.edges)
    signs = [[sign for *_, sign in graph.edges.data("sign")] for graph in (one, other)]
    assert sorted(signs[0]) == sorted(signs[1])
    assert set(signs[0]) == {-1, 1}
    assert (graphs.adjacency(one) == graphs.adjacency(other)).all()


def test_a_name_says_what_is_claimed():
    assert [claims.expected(name) for name in CLAIMS] == [1, -1, 1, 1]
    CLAIMS.register(lambda graph, seed: graph, name="rings")
    try:
        with pytest.raises(OwnError, match="_helps or _hurts"):
            claims.expected("rings")
    finally:
        del CLAIMS["rings"]
