import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.graphs import designs, families
from sparsekit.graphs import structure as graphs
from sparsekit.networks import build as networks
from sparsekit.registry import UnknownName
from sparsekit.seeds import derive
from sparsekit.variants import VARIANTS
from tests.strategies import connected

anything = st.sampled_from(sorted(families.GENERATORS))


def edges(graph):
    return frozenset(map(frozenset, graph.edges))


@settings(deadline=None, max_examples=25)
@given(st.sampled_from(["published", "equal_edges", "equal_parameters"]), anything, st.integers(0, 50))
def test_draws_are_connected_in_range_and_the_same_again(design, generator, number):
    graph = designs.draw(design, generator, number, 5, 12, 24)
    graphs.check(graph, directed=True)
    assert 12 <= len(graph) <= 24
    assert sorted(graph) == list(range(len(graph)))
    assert list(graph.edges) == list(designs.draw(design, generator, number, 5, 12, 24).edges)


def test_numbers_and_seeds_give_different_graphs():
    for design in ("published", "equal_edges", "equal_parameters"):
        drawn = {edges(designs.draw(design, "erdos_renyi", k, seed, 15, 25)) for k in range(8) for seed in range(2)}
        assert len(drawn) == 16


def test_published_graphs_are_those_of_sample():
    graph = designs.draw("published", "watts_strogatz", 7, 3)
    assert edges(graph) == edges(families.sample("watts_strogatz", derive(3, 7)))


@pytest.mark.parametrize("generator", sorted(families.GENERATORS))
def test_equal_edges_are_equal(generator):
    for number in range(4):
        graph = designs.draw("equal_edges", generator, number, 0, 10, 30)
        assert (len(graph), graph.number_of_edges()) == (30, 90)
        graphs.check(graph, directed=True)


@pytest.mark.parametrize("generator", sorted(families.GENERATORS))
def test_equal_parameters_are_equal_in_the_networks_themselves(generator):
    target = designs.parameter_target(20)
    for number in range(2):
        graph = graphs.undirected(designs.draw("equal_parameters", generator, number, 0, 10, 30))
        network = networks.layered("rnn_tanh", graph)
        around = sum(p.numel() for p in (*network.embedding.parameters(), *network.readout.parameters()))
        assert abs((network.size() - around) / target - 1) <= 0.02


def test_published_parameters_differ_widely():
    counts = [designs.recurrent_parameters(designs.draw("published", "barabasi_albert", k)) for k in range(30)]
    assert max(counts) > 5 * min(counts)


@settings(deadline=None, max_examples=25)
@given(connected(), st.sampled_from([*VARIANTS]))
def test_the_formula_counts_the_network(graph, variant):
    network = networks.layered(variant, graph)
    around = sum(p.numel() for p in (*network.embedding.parameters(), *network.readout.parameters()))
    gates = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}[variant]
    assert designs.recurrent_parameters(graph, gates) == network.size() - around
    assert designs.recurrent_parameters(graphs.orient(graph), gates) == network.size() - around


def test_an_impossible_target_says_so(monkeypatch):
    monkeypatch.setattr(designs, "parameter_target", lambda nodes: 10**6)
    monkeypatch.setattr(designs, "TRIES", 20)
    with pytest.raises(graphs.GraphError, match=r"none of 20 graphs has 1,000,000 recurrent parameters.*widen"):
        designs.draw("equal_parameters", "erdos_renyi", 0)


@given(connected())
def test_clustering_and_path_length_are_those_of_networkx(graph):
    found = designs.clustering_and_path_length(graph)
    assert found == pytest.approx((nx.average_clustering(graph), nx.average_shortest_path_length(graph)))


def spacing(graphs_, low, wide):
    """Mean distance to the nearest other, and cells of a 6 × 6 grid that are hit, in the plane scaled to its range."""
    places = (np.array([designs.clustering_and_path_length(graph) for graph in graphs_]) - low) / wide
    apart = np.linalg.norm(places[:, None] - places[None], axis=-1) + 9 * np.eye(len(places))
    return apart.min(1).mean(), len({tuple(cell) for cell in (places * 6).astype(int).tolist()})


def test_the_plane_is_covered_more_evenly_than_by_chance():
    k = 36
    plane = [designs.draw("plane", "mixed", number, 0, 10, 24) for number in range(k)]
    chance = [designs.draw("equal_edges", "mixed", number, 0, 10, 24) for number in range(k)]
    places = np.array([designs.clustering_and_path_length(graph) for graph in plane + chance])
    low, wide = places.min(0), np.ptp(places, 0) + 1e-6
    (apart, cells), (apart_by_chance, cells_by_chance) = (spacing(graphs_, low, wide) for graphs_ in (plane, chance))
    assert apart > 1.8 * apart_by_chance
    assert cells > 1.3 * cells_by_chance
    correlated, by_chance = (abs(np.corrcoef(half.T)[0, 1]) for half in (places[:k], places[k:]))
    assert correlated < by_chance
    assert {(len(graph), graph.number_of_edges()) for graph in plane} == {(24, 48)}
    assert len({edges(graph) for graph in plane}) == k
    for graph in plane:
        graphs.check(graph)


@pytest.fixture
def small_pool(monkeypatch):
    monkeypatch.setattr(designs, "POOL", 60)
    monkeypatch.setattr(designs, "STEPS", 60)
    designs._spread.cache_clear()
    yield
    designs._spread.cache_clear()


@pytest.mark.usefixtures("small_pool")
def test_the_plane_is_ordered_farthest_first_and_drawn_alike_again():
    drawn = [designs.draw("plane", "erdos_renyi", number, 1, 5, 12) for number in range(designs.POOL)]
    places = np.array([designs.clustering_and_path_length(graph) for graph in drawn])
    places = (places - places.min(0)) / np.ptp(places, 0)
    gaps = [np.linalg.norm(places[:k] - places[k], axis=1).min() for k in range(1, len(places))]
    assert (np.diff(gaps) <= 1e-9).all()
    drawn[0].clear()
    designs._spread.cache_clear()
    assert edges(designs.draw("plane", "erdos_renyi", 3, 1, 5, 12)) == edges(drawn[3])
    assert designs.draw("plane", "erdos_renyi", 0, 1, 5, 12).number_of_edges() == 12
    with pytest.raises(graphs.GraphError, match="graph 60 of the plane, counted from 0; it has 60"):
        designs.draw("plane", "erdos_renyi", 60, 1, 5, 12)


@pytest.mark.usefixtures("small_pool")
def test_the_plane_takes_directed_families():
    graph = designs.draw("plane", "scale_free_directed", 2, 0, 10, 12)
    assert graph.is_directed()
    assert graph.number_of_edges() == families.edge_target(12)
    graphs.check(graph, directed=True)


@pytest.mark.usefixtures("small_pool")
@pytest.mark.parametrize("design", sorted(designs.DESIGNS))
@pytest.mark.parametrize("generator", sorted(families.GENERATORS))
def test_a_revision_is_of_all_that_draw_other_graphs_than_before(design, generator, monkeypatch):
    def drawn():
        for remembered in (designs._spread, designs.parameter_target):
            remembered.cache_clear()
        return [edges(designs.draw(design, generator, number, 0, 20, 24)) for number in range(12)]

    now, before = drawn(), families.barabasi_albert_networkx
    for module in (families, designs):
        monkeypatch.setattr(module, "GENERATORS", families.GENERATORS | {"barabasi_albert": before})
    monkeypatch.setattr(families, "MIXED", (before, *families.MIXED[1:]))
    assert (drawn() != now) == bool(designs.revision(design, generator))
    designs.parameter_target.cache_clear()


def test_what_cannot_be_drawn_is_named():
    with pytest.raises(UnknownName, match="did you mean 'equal_edges'"):
        designs.draw("equal_edge", "erdos_renyi", 0)
    with pytest.raises(UnknownName, match="did you mean 'erdos_renyi'"):
        designs.draw("equal_edges", "erdos_reny", 0)
    with pytest.raises(graphs.GraphError, match="nodes from 9 to 5"):
        designs.draw("equal_edges", "erdos_renyi", 0, 0, 9, 5)


def test_a_generator_that_never_succeeds_says_why():
    @families.GENERATORS.register
    def broken(nodes, seed):
        raise graphs.GraphError("no luck")

    try:
        with pytest.raises(graphs.GraphError, match="no luck"):
            designs.draw("equal_edges", "broken", 0)
    finally:
        del families.GENERATORS["broken"]
