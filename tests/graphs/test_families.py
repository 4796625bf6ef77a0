import random
from collections import Counter
from contextlib import suppress
from functools import cache

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sparsekit.graphs import families
from sparsekit.graphs import structure as graphs
from sparsekit.graphs.properties import PROPERTIES, measure
from sparsekit.networks.published import PublishedError, Study
from sparsekit.registry import UnknownName
from sparsekit.variants import VARIANTS
from tests.published_tables import PUBLISHED, needs_published
from tests.strategies import connected

LABELLINGS = ("barabasi_albert", "barabasi_albert_networkx")
OURS = sorted(set(families.GENERATORS) - {*LABELLINGS, "watts_strogatz"})


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(sorted(families.GENERATORS)), st.integers(0, 10**6))
def test_samples_are_deterministic_connected_and_in_range(generator, seed):
    graph, again = families.sample(generator, seed), families.sample(generator, seed)
    assert list(graph.edges) == list(again.edges)
    assert 10 <= len(graph) <= 50
    assert sorted(graph) == list(range(len(graph)))
    graphs.check(graph, directed=True)
    assert graph.is_directed() == (generator == "scale_free_directed")


def test_samples_cover_the_whole_range_and_differ_between_generators():
    sizes = {name: [len(families.sample(name, seed, 5, 9)) for seed in range(60)] for name in families.GENERATORS}
    assert all(set(s) == {5, 6, 7, 8, 9} for s in sizes.values())
    assert sizes["barabasi_albert"] != sizes["watts_strogatz"]


def test_generators_have_the_published_settings():
    assert families.GENERATORS["barabasi_albert"](47, 3).number_of_edges() == 4 * (47 - 4)
    assert families.GENERATORS["watts_strogatz"](47, 3).number_of_edges() == 47 * (9 // 2)
    own = families.GENERATORS["barabasi_albert_networkx"](23, 5)
    assert nx.utils.graphs_equal(own, nx.barabasi_albert_graph(23, 2, 5))


def barabasi_albert_of_the_study(nodes, m, seed):
    """networkx.barabasi_albert_graph, in the lines that it had up to version 2.5, when the study used it."""
    stream, edges, repeated, targets = random.Random(seed), [], [], list(range(m))
    for source in range(m, nodes):
        edges += [(source, target) for target in targets]
        repeated += [*targets, *[source] * m]
        chosen = set()
        while len(chosen) < m:
            chosen.add(stream.choice(repeated))
        targets = chosen
    return nx.Graph(edges)


@given(st.integers(2, 60), st.integers(0, 10**6))
def test_barabasi_albert_is_what_networkx_drew_for_the_study(nodes, seed):
    graph, m = families.GENERATORS["barabasi_albert"](nodes, seed), max(1, nodes // 10)
    assert nx.utils.edges_equal(graph.edges, barabasi_albert_of_the_study(nodes, m, seed).edges)
    sources = [len(graphs.layers(graphs.orient(families.GENERATORS[name](nodes, seed)))[0]) for name in LABELLINGS]
    assert sources == [m, 1]


@pytest.mark.parametrize("generator", sorted(families.GENERATORS))
def test_the_smallest_graphs(generator):
    for nodes in range(2, 12):
        graph = families.GENERATORS[generator](nodes, 0)
        graphs.check(graph, directed=True)
        assert sorted(graph) == list(range(nodes))
    with pytest.raises(graphs.GraphError, match="at least 2"):
        families.GENERATORS[generator](1, 0)


def test_sample_names_what_is_wrong():
    with pytest.raises(UnknownName, match="did you mean 'watts_strogatz'"):
        families.sample("wats_strogatz", 0)
    with pytest.raises(graphs.GraphError, match="nodes from 9 to 5"):
        families.sample("watts_strogatz", 0, 9, 5)


def test_a_new_family_is_one_registration():
    @families.GENERATORS.register
    def ring(nodes, seed):
        return nx.cycle_graph(nodes)

    try:
        assert families.sample("ring", 1).number_of_edges() == len(families.sample("ring", 1))
    finally:
        del families.GENERATORS["ring"]


def of(generator, nodes, count):
    return [families.GENERATORS[generator](nodes, seed) for seed in range(count)]


@pytest.mark.parametrize("generator", OURS)
@pytest.mark.parametrize("nodes", [12, 30, 50])
def test_families_are_about_as_dense_as_the_published_ones(generator, nodes):
    edges = np.mean([graph.number_of_edges() for graph in of(generator, nodes, 12)])
    sparsest, densest = (
        families.GENERATORS[g](nodes, 0).number_of_edges() for g in ("barabasi_albert", "watts_strogatz")
    )
    assert 0.85 * sparsest <= edges <= 1.6 * densest
    if nodes >= 30:
        assert edges <= 1.1 * densest


@pytest.mark.parametrize("generator", OURS)
def test_seeds_give_different_graphs(generator):
    for nodes, fewest in ((10, 15), (30, 25)):
        drawn = {frozenset(map(frozenset, graph.edges)) for graph in of(generator, nodes, 30)}
        assert len(drawn) >= fewest  # of a ring that is not rewired there is but one


def test_rewiring_covers_the_whole_range():
    clustering = [nx.average_clustering(graph) for graph in of("watts_strogatz_range", 30, 80)]
    ring = nx.average_clustering(nx.watts_strogatz_graph(30, 6, 0))
    random = np.mean([nx.average_clustering(graph) for graph in of("watts_strogatz", 30, 20)])
    assert 2 <= np.isclose(clustering, ring).sum() <= 15
    for low, high in ((0, 1.3 * random), (1.3 * random, 0.6 * ring), (0.6 * ring, 0.99 * ring)):
        assert sum(low < c < high for c in clustering) >= 8


def test_erdos_renyi_has_the_degrees_of_networkx():
    ours = np.array([d for graph in of("erdos_renyi", 50, 60) for _, d in graph.degree])
    theirs = np.array([d for seed in range(60) for _, d in nx.gnp_random_graph(50, 500 / (50 * 49), seed + 1).degree])
    error = np.sqrt(2 * 10 * 0.8 / len(ours)) * 1.5  # the degrees of one graph share its number of edges
    assert abs(ours.mean() - theirs.mean()) < 4 * error
    assert abs(ours.mean() - 10) < 4 * error
    assert ours.std() == pytest.approx(np.sqrt(49 * (10 / 49) * (39 / 49)), rel=0.06)


def test_geometric_neighbours_share_neighbours():
    ours = np.mean([nx.average_clustering(graph) for graph in of("random_geometric", 50, 15)])
    theirs = np.mean([nx.average_clustering(nx.random_geometric_graph(50, 0.28, seed=s)) for s in range(15)])
    assert ours == pytest.approx(theirs, abs=0.06)


def test_blocks_are_modules_of_consecutive_nodes():
    block = np.repeat(range(4), 10)
    within = Counter(bool(block[u] == block[v]) for graph in of("stochastic_block", 40, 20) for u, v in graph.edges)
    pairs = 4 * 45, 40 * 39 / 2 - 4 * 45
    assert (within[True] / pairs[0]) / (within[False] / pairs[1]) == pytest.approx(10, rel=0.15)


def test_hierarchical_edges_thin_out_by_level():
    share = np.zeros(5)
    for graph in of("hierarchical", 32, 20):
        for u, v in graph.edges:
            share[(u ^ v).bit_length() - 1] += 1
    share /= 20 * 16 * 2.0 ** np.arange(5)
    assert (np.diff(share) < 0).all()
    assert share[0] > 0.9
    assert share[4] < 0.15


def test_the_lattice_is_there_and_most_shortcuts_are_short():
    for graph in of("small_world_lattice", 49, 8):
        place = {node: divmod(node, 7) for node in graph}
        lattice = nx.relabel_nodes(nx.grid_2d_graph(7, 7), {place: node for node, place in place.items()})
        assert {frozenset(e) for e in lattice.edges} <= {frozenset(e) for e in graph.edges}
        lengths = [abs(place[u][0] - place[v][0]) + abs(place[u][1] - place[v][1]) for u, v in graph.edges]
        assert max(lengths) >= 2
        assert np.mean(np.array(lengths) <= 3) > 0.7


def test_directed_scale_free_graphs_have_hubs_both_ways():
    drawn = of("scale_free_directed", 100, 6)
    for degrees in ("in_degree", "out_degree"):
        most = np.mean([max(d for _, d in getattr(graph, degrees)) for graph in drawn])
        random = np.mean(
            [max(d for _, d in getattr(nx.gnm_random_graph(100, 1000, s, True), degrees)) for s in range(6)]
        )
        assert most > 2 * random


def test_mixed_names_its_families():
    found = Counter(graph.graph["family"] for graph in of("mixed", 20, 120))
    assert set(found) == {family.__name__ for family in families.MIXED}


@given(connected(), st.data())
def test_edges_are_met_exactly_and_the_graph_stays_connected(graph, data):
    n = len(graph)
    if data.draw(st.booleans()):
        graph = graphs.orient(graph)
    wanted = data.draw(st.integers(n - 1, n * (n - 1) // (1 if graph.is_directed() else 2)))
    stream = np.random.default_rng(data.draw(st.integers(0, 99)))
    found = families.with_edges(graph, wanted, stream)
    assert found.number_of_edges() == wanted
    assert nx.number_of_selfloops(found) == 0
    assert (nx.is_weakly_connected if found.is_directed() else nx.is_connected)(found)
    more = wanted >= graph.number_of_edges()
    assert (
        set(graph.edges) <= set(found.edges)
        if more
        else {*map(frozenset, found.edges)} <= {*map(frozenset, graph.edges)}
    )
    with pytest.raises(graphs.GraphError, match=f"allowed are {n - 1} to"):
        families.with_edges(graph, n - 2, stream)


@given(st.integers(2, 12), st.integers(0, 14), st.integers(0, 99))
def test_parts_are_joined_by_as_few_edges_as_it_takes(nodes, edges, seed):
    graph = nx.gnm_random_graph(nodes, edges, seed)
    parts, before = nx.number_connected_components(graph), set(graph.edges)
    families.joined(graph, np.random.default_rng(seed))
    assert nx.is_connected(graph)
    assert len(graph.edges) == len(before) + parts - 1
    assert before <= set(graph.edges)


PROPERTY_LEVEL = 0.01 / len(PROPERTIES)
"""Of one property, so that all of a family's fail together in 1 % of right generators."""


def drawn_like(generator, published):
    """Properties of the graphs that a generator draws at the sizes of the published ones."""
    drawn = [families.GENERATORS[generator](int(n), seed) for seed, n in enumerate(published["nodes"])]
    return pd.DataFrame([measure(graph) for graph in drawn])


def p_values(drawn, published):
    """Of each property, by the two-sample test of Kolmogorov and Smirnov."""
    return pd.Series({name: stats.ks_2samp(drawn[name], published[name]).pvalue for name in PROPERTIES})


@cache
def published(generator):
    """Properties of the published graphs of a family, of every variant in the clone."""
    found = []
    for variant in VARIANTS:
        with suppress(PublishedError):
            found.append(Study(PUBLISHED).results(variant))
    return pd.concat(found).query("graph == @generator")


@needs_published
class TestAgainstThePublishedGraphs:
    @pytest.mark.parametrize("generator", ["barabasi_albert", "watts_strogatz"])
    def test_every_property_is_distributed_alike(self, generator):
        drawn, theirs = drawn_like(generator, published(generator)), published(generator)
        assert p_values(drawn, theirs).min() > PROPERTY_LEVEL
        assert np.allclose(drawn[["edges", "density"]], theirs[["edges", "density"]])  # the size fixes these

    @pytest.mark.parametrize("generator", ["barabasi_albert", "watts_strogatz"])
    def test_sizes_are_as_uniform_as_published(self, generator):
        sizes = [len(families.sample(generator, seed)) for seed in range(len(published(generator)))]
        assert stats.ks_2samp(sizes, published(generator)["nodes"]).pvalue > 0.01

    def test_barabasi_albert_has_as_many_sources_as_published(self):
        theirs = published("barabasi_albert")
        assert (theirs["source_nodes"] == theirs["nodes"] // 10).all()
        assert drawn_like("barabasi_albert", theirs)["source_nodes"].tolist() == theirs["source_nodes"].tolist()

    def test_the_numbering_of_todays_networkx_is_seen(self):
        theirs = published("barabasi_albert")
        found = p_values(drawn_like("barabasi_albert_networkx", theirs), theirs)
        assert found["source_nodes"] < 1e-9
        numbered = ["layers", "source_nodes", "sink_nodes"]
        assert found.drop(numbered).min() > PROPERTY_LEVEL
