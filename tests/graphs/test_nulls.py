from collections import Counter
from itertools import combinations, product

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chisquare

from sparsekit.graphs import nulls
from sparsekit.graphs import structure as graphs
from sparsekit.registry import UnknownName
from tests.strategies import connected

masks = arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9)))
square = arrays(bool, st.integers(2, 9).map(lambda n: (n, n)))


def whole(graph):
    return (nx.is_weakly_connected if graph.is_directed() else nx.is_connected)(graph)


@settings(deadline=None, max_examples=60)
@given(st.one_of(connected(), connected().map(graphs.orient), square.map(graphs.from_mask)), st.data())
def test_nulls_keep_what_they_say(graph, data):
    name, seed = data.draw(st.sampled_from(sorted(nulls.NULLS))), data.draw(st.integers(0, 99))
    null = nulls.NULLS[name](graph, seed)
    assert list(null) == list(graph)
    assert type(null) is type(graph)
    assert null.number_of_edges() == graph.number_of_edges()
    assert list(null.edges) == list(nulls.NULLS[name](graph, seed).edges)
    if whole(graph):
        assert whole(null)
    if not nx.number_of_selfloops(graph):
        assert not nx.number_of_selfloops(null)
    if name == "rewired":
        assert dict(null.degree) == dict(graph.degree)
        if graph.is_directed():
            assert dict(null.in_degree) == dict(graph.in_degree)
    if name == "shuffled":
        assert nx.faster_could_be_isomorphic(null, graph)
        assert nx.number_of_selfloops(null) == nx.number_of_selfloops(graph)


@settings(deadline=None)
@given(masks, st.sampled_from(["rewired", "random"]), st.integers(0, 99))
def test_masks_keep_what_they_say(mask, null, seed):
    other = nulls.mask_like(mask, null, seed)
    assert other.dtype == bool
    assert other.shape == mask.shape
    assert other.sum() == mask.sum()
    if null == "rewired":
        assert (other.sum(0) == mask.sum(0)).all()
        assert (other.sum(1) == mask.sum(1)).all()


@given(square, st.integers(0, 99))
def test_shuffled_masks_are_the_same_graph(mask, seed):
    other = nulls.mask_like(mask, "shuffled", seed)
    assert sorted(zip(other.sum(0), other.sum(1), other.diagonal(), strict=True)) == sorted(
        zip(mask.sum(0), mask.sum(1), mask.diagonal(), strict=True)
    )


def frequencies(make, members, draws):
    """Counts of each member of the class among so many draws; nothing else may come up."""
    found = Counter(make(seed) for seed in range(draws))
    assert set(found) <= set(members)
    return [found[member] for member in members]


def edge_sets(graph):
    return frozenset(map(frozenset, graph.edges)) if not graph.is_directed() else frozenset(graph.edges)


def connected_graphs(nodes, edges, like=None):
    """All labelled connected graphs of so many nodes and edges, with the degrees of another."""
    for chosen in combinations(combinations(range(nodes), 2), edges):
        graph = nx.Graph(chosen)
        if len(graph) == nodes and nx.is_connected(graph) and (like is None or dict(graph.degree) == dict(like.degree)):
            yield edge_sets(graph)


@pytest.mark.parametrize("graph", [nx.path_graph(5), nx.Graph([(0, 1), (1, 2), (2, 0), (2, 3), (3, 4)])])
def test_rewiring_reaches_each_connected_graph_of_its_degrees_as_often(graph):
    members = list(connected_graphs(5, graph.number_of_edges(), graph))
    assert len(members) >= 6
    counts = frequencies(lambda seed: edge_sets(nulls.rewired(graph, seed)), members, 25 * len(members))
    assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("graph", [nx.star_graph(4), nx.cycle_graph(5)])
@pytest.mark.parametrize("draws", [0, 20])
def test_random_graphs_are_uniform_over_the_connected_ones(graph, draws, monkeypatch):
    monkeypatch.setattr(nulls, "DRAWS", draws)  # without draws, by moves of single edges alone
    members = list(connected_graphs(5, graph.number_of_edges()))
    assert len(members) == {4: 125, 5: 222}[graph.number_of_edges()]
    counts = frequencies(lambda seed: edge_sets(nulls.random(graph, seed)), members, 8 * len(members))
    assert chisquare(counts).pvalue > 1e-4


def test_directed_random_graphs_are_uniform_over_the_connected_ones(monkeypatch):
    monkeypatch.setattr(nulls, "DRAWS", 0)
    pairs = [(u, v) for u, v in product(range(3), repeat=2) if u != v]
    members = [frozenset(e) for e in combinations(pairs, 3) if len(nx.DiGraph(e)) == 3 and whole(nx.DiGraph(e))]
    graph = nx.DiGraph([(0, 1), (1, 0), (1, 2)])
    counts = frequencies(lambda seed: edge_sets(nulls.random(graph, seed)), members, 30 * len(members))
    assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("density", ["sparse", "dense"])
def test_rewired_masks_are_uniform_over_those_of_the_same_margins(density):
    mask = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=bool)
    mask = mask if density == "sparse" else ~mask
    members = []
    for cells in combinations(range(16), int(mask.sum())):
        other = np.zeros(16, dtype=bool)
        other[list(cells)] = True
        square = other.reshape(4, 4)
        if (square.sum(0) == mask.sum(0)).all() and (square.sum(1) == mask.sum(1)).all():
            members.append(square.tobytes())
    counts = frequencies(lambda seed: nulls.mask_like(mask, "rewired", seed).tobytes(), members, 20 * len(members))
    assert chisquare(counts).pvalue > 1e-4


@pytest.mark.parametrize("density", [0.05, 0.3, 0.6, 0.9])
def test_nulls_forget_where_the_weights_were(density):
    mask = np.random.default_rng(0).random((40, 40)) < density
    for name in ("rewired", "random"):
        kept = (nulls.mask_like(mask, name, 1) & mask).sum() / mask.sum()
        assert kept == pytest.approx(density, abs=0.1)


def test_rewiring_takes_the_clusters_of_a_lattice():
    ring = nx.watts_strogatz_graph(200, 8, 0)
    null = nulls.rewired(ring, 0)
    assert nx.average_clustering(ring) > 0.6
    assert nx.average_clustering(null) < 0.08
    assert len(set(ring.edges) & set(null.edges)) < 0.08 * 800


@pytest.mark.parametrize("graph", [nx.complete_graph(8), nx.star_graph(8), nx.path_graph(2)])
def test_a_graph_alone_in_its_class_stays(graph):
    assert nx.utils.graphs_equal(nulls.rewired(graph, 0), graph)


def test_a_shuffle_changes_the_layers_but_not_the_graph():
    ring = nx.watts_strogatz_graph(20, 4, 0)
    other = nulls.shuffled(ring, 3)
    assert nx.is_isomorphic(ring, other)
    assert len(graphs.layers(other)) < len(graphs.layers(ring)) == 20


def test_a_thousand_nodes_do_not_take_long():
    graph = nx.gnm_random_graph(1000, 10_000, 1, directed=True)
    null = nulls.rewired(graph, 0)
    assert dict(null.out_degree) == dict(graph.out_degree)


def test_names_of_nodes_and_graph_attributes_stay():
    graph = nx.Graph([("a", "b"), ("b", "c"), ("c", "d")], family="mine")
    for null in nulls.NULLS.values():
        assert list(null(graph, 0)) == ["a", "b", "c", "d"]
        assert null(graph, 0).graph == {"family": "mine"}


def test_what_has_no_null_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'rewired'"):
        nulls.mask_like(np.eye(3), "rewire", 0)
    with pytest.raises(graphs.GraphError, match="one matrix"):
        nulls.mask_like(np.ones((3, 3, 3)), "rewired", 0)
    with pytest.raises(graphs.GraphError, match="the gates one by one"):
        nulls.mask_like(np.ones((6, 3)), "shuffled", 0)
    for null in nulls.NULLS.values():
        with pytest.raises(graphs.GraphError, match="itself"):
            null(nx.Graph([(0, 1), (1, 1)]), 0)


def test_a_new_null_model_serves_masks_too():
    @nulls.NULLS.register
    def turned(graph, seed):
        return graph.reverse()

    try:
        assert nulls.mask_like([[0, 1], [0, 0]], "turned", 0).tolist() == [[False, False], [True, False]]
    finally:
        del nulls.NULLS["turned"]
