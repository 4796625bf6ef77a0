"""Properties of directed graphs, masks and networks, against networkx, exact eigenvalues and hand-worked cases."""

import mpmath
import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.graphs import directed as links
from sparsekit.graphs import properties
from sparsekit.graphs import structure as graphs
from sparsekit.networks import build as networks
from sparsekit.networks import measures as networks_measures
from sparsekit.registry import UnknownName
from sparsekit.variants import VARIANTS
from tests.strategies import connected


@st.composite
def masks(draw, most=8):
    """A square 0/1 mask of any density: empty, looped, in parts, acyclic or full."""
    n = draw(st.integers(1, most))
    density = draw(st.sampled_from([0.0, 0.1, 0.2, 0.35, 0.6, 1.0]))
    return np.random.default_rng(draw(st.integers(0, 2**32))).random((n, n)) < density


def digraph(mask):
    """The mask as networkx sees it: column to row, as a recurrent weight matrix is read."""
    return nx.from_numpy_array(mask.T.astype(int), create_using=nx.DiGraph)


def without_loops(graph):
    copy = graph.copy()
    copy.remove_edges_from(list(nx.selfloop_edges(graph)))
    return copy


def small_worldness(graph):
    n, k = graph.number_of_nodes(), 2 * graph.number_of_edges() / graph.number_of_nodes()
    if k <= 2 or not nx.is_connected(graph):
        return np.nan
    expected = (np.log(n) - np.euler_gamma) / np.log(k) + 0.5
    return nx.average_clustering(graph) / (k / (n - 1)) * expected / nx.average_shortest_path_length(graph)


def gini(values):
    """Mean absolute difference over twice the mean."""
    return np.abs(np.subtract.outer(values, values)).mean() / (2 * np.mean(values)) if np.any(values) else np.nan


def moduli(mask):
    """Of all eigenvalues, largest first, at 60 digits: rounding moves those of a chain by far more than 1e-9."""
    if len(mask) == 1:
        return [float(mask[0, 0])]
    with mpmath.workdps(60):
        found = mpmath.eig(mpmath.matrix(mask.astype(int).tolist()), left=False, right=False)
        return sorted((float(abs(value)) for value in found), reverse=True)


def reference(mask):
    """The definitions, by plain networkx and sums."""
    full = digraph(mask)
    plain = without_loops(full)
    either, n = plain.to_undirected(), len(mask)
    incoming, outgoing = ([d for _, d in degree] for degree in (full.in_degree, full.out_degree))
    source, target = ([full.out_degree[u] for u, _ in full.edges], [full.in_degree[v] for _, v in full.edges])
    constant = len(set(source)) < 2 or len(set(target)) < 2
    cycles = [len(cycle) for cycle in nx.simple_cycles(plain, length_bound=3)]
    found = moduli(mask)
    condensed = nx.condensation(plain)
    communities = nx.community.louvain_communities(nx.from_numpy_array(nx.to_numpy_array(either)), seed=0)
    return {
        "directed_edges": mask.sum(),
        "mask_density": mask.mean(),
        "self_loops": np.trace(mask),
        "in_degree_var": np.var(incoming, ddof=1) if n > 1 else np.nan,
        "out_degree_var": np.var(outgoing, ddof=1) if n > 1 else np.nan,
        "degree_inequality": gini(np.add(incoming, outgoing)),
        "degree_assortativity": np.nan if constant else nx.degree_assortativity_coefficient(full),
        "average_clustering": nx.average_clustering(plain),
        "transitivity": nx.transitivity(either),
        "modularity": nx.community.modularity(either, communities) if either.number_of_edges() else np.nan,
        "small_worldness": small_worldness(either),
        "reciprocity": nx.overall_reciprocity(plain) if plain.number_of_edges() else np.nan,
        "cycles_of_two": cycles.count(2),
        "cycles_of_three": cycles.count(3),
        "strong_components": nx.number_strongly_connected_components(full),
        "largest_strong_component": max(map(len, nx.strongly_connected_components(full))) / n,
        "longest_path": nx.dag_longest_path_length(condensed, weight=None),
        "spectral_radius": found[0],
        "spectral_gap": found[0] - found[1] if n > 1 else np.nan,
    }


@settings(deadline=None, max_examples=60)
@given(masks())
def test_properties_of_masks_equal_networkx_and_exact_eigenvalues(mask):
    found, expected = links.measure_directed(mask), reference(mask)
    assert list(found) == list(expected) == list(links.DIRECTED_NAMES)
    # A defective eigenvalue, never the largest of a component, moves by a root of the rounding error.
    loose = {"spectral_radius": 1e-8, "spectral_gap": 2e-2}
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=0, atol=loose.get(name, 1e-9), err_msg=name)


@settings(deadline=None, max_examples=30)
@given(masks(), st.integers(0, 2))
def test_array_tensor_and_graph_are_one_structure(mask, kind):
    other = [digraph(mask), torch.tensor(mask), mask * -0.3][kind]
    assert repr(links.measure_directed(mask)) == repr(links.measure_directed(other))


@settings(deadline=None, max_examples=25)
@given(connected(10))
def test_an_undirected_graph_has_the_same_values_as_a_mask_with_each_edge_both_ways(graph):
    more, directed = links.measure_more(graph), links.measure_directed(graph.to_directed())
    shared = [name for name in links.MORE_NAMES if name in links.DIRECTED_NAMES]
    assert len(shared) == len(links.MORE_NAMES) - 2
    np.testing.assert_allclose([more[name] for name in shared], [directed[name] for name in shared], atol=1e-12)
    np.testing.assert_allclose(more["average_clustering"], nx.average_clustering(graph), atol=1e-12)
    assert directed == pytest.approx(links.measure_directed(graph), nan_ok=True)
    assert links.measure_directed(graphs.orient(graph))["longest_path"] == properties.measure(graph)["layers"] - 1


def test_published_names_are_still_23_and_no_name_means_two_things():
    registries = (properties.PROPERTIES, links.DIRECTED, networks_measures.NETWORK)
    assert len(properties.NAMES) == 23
    assert sum(map(len, registries)) == len(set().union(*registries))
    assert not set(links.MORE) & (set(properties.PROPERTIES) | set(networks_measures.NETWORK))
    for registry in (*registries, links.MORE):
        assert all(function.__doc__ for name, function in registry.items() if name not in properties.NAMES)


@pytest.mark.parametrize(
    ("edges", "nodes", "radius", "gap"),
    [
        ([(0, 1), (1, 2), (2, 0)], 3, 1, 0),  # three phases
        ([(0, 0), (0, 1), (1, 2)], 3, 1, 1),  # one loop, then a chain
        ([(0, 0), (1, 1)], 2, 1, 0),
        ([(k, k + 1) for k in range(299)], 300, 0, 0),  # rounding would make 0.9 of this 0
        ([(u, v) for u in range(4) for v in range(4) if u != v], 4, 3, 2),
        ([(0, k) for k in range(1, 5)] + [(k, 0) for k in range(1, 5)], 5, 2, 0),
        ([], 3, 0, 0),
    ],
)
def test_known_spectra(edges, nodes, radius, gap):
    graph = nx.DiGraph()
    graph.add_nodes_from(range(nodes))
    graph.add_edges_from(edges)
    found = links.measure_directed(graph, ["spectral_radius", "spectral_gap"])
    assert found == pytest.approx({"spectral_radius": radius, "spectral_gap": gap}, abs=1e-12)


@pytest.mark.parametrize("symmetric", [False, True])
def test_the_sparse_spectrum_equals_the_dense_one_and_itself(symmetric, monkeypatch):
    monkeypatch.setattr(links, "DENSE_NODES", 50)
    mask = np.random.default_rng(3).random((200, 200)) < 0.04
    mask |= mask.T if symmetric else False
    dense = np.sort(np.abs(np.linalg.eigvals(mask.astype(float))))[::-1]
    names = ["spectral_radius", "spectral_gap"]
    found = links.measure_directed(mask, names)
    assert found == pytest.approx({"spectral_radius": dense[0], "spectral_gap": dense[0] - dense[1]}, abs=1e-6)
    np.random.default_rng().random(7)
    assert found == links.measure_directed(mask, names)


@pytest.mark.parametrize("make", [nx.DiGraph, nx.Graph])
def test_the_spectrum_of_a_long_ring_is_exact(make):
    found = links.measure_directed(nx.cycle_graph(1000, create_using=make), ["spectral_radius", "spectral_gap"])
    radius = 1 if make is nx.DiGraph else 2
    assert found == pytest.approx({"spectral_radius": radius, "spectral_gap": 0}, abs=1e-9)


def test_dense_and_sparse_ways_count_alike():
    for density in (0.03, 0.3):
        mask = np.random.default_rng(1).random((120, 120)) < density
        either = without_loops(digraph(mask)).to_undirected()
        view = links.Links(mask)
        assert view.triangles.tolist() == [2 * t for t in nx.triangles(either).values()]
        assert view.mean_distance == pytest.approx(nx.average_shortest_path_length(either), abs=1e-12)


def test_known_values_of_a_small_recurrent_graph():
    graph = nx.DiGraph([(0, 1), (1, 2), (2, 0), (2, 1), (2, 3), (3, 3), (3, 4)])
    found = links.measure_directed(graph)
    assert (found["cycles_of_two"], found["cycles_of_three"], found["self_loops"]) == (1, 1, 1)
    assert (found["strong_components"], found["largest_strong_component"], found["longest_path"]) == (3, 0.6, 2)
    assert found["reciprocity"] == pytest.approx(2 / 6)
    assert found["mask_density"] == pytest.approx(7 / 25)


def test_two_cliques_joined_by_one_edge_have_two_communities():
    # Newman: 13 of 14 edges inside, half of all ends in each community.
    found = links.measure_more(nx.barbell_graph(4, 0))
    assert found["modularity"] == pytest.approx(12 / 13 - 1 / 2)
    assert links.measure_more(nx.star_graph(5))["degree_inequality"] == pytest.approx(1 / 3)


def test_a_rewired_ring_is_a_smaller_world_than_a_random_graph():
    ring, random = (nx.connected_watts_strogatz_graph(200, 8, p, 50, seed=2) for p in (0.1, 1))
    small, plain = (links.measure_more(g)["small_worldness"] for g in (ring, random))
    assert small > 5
    assert plain == pytest.approx(1, abs=0.4)


def test_a_tree_and_a_ring_are_no_small_worlds():
    """Humphries and Gurney's expectations do not hold for them: 0, or far from what sampled graphs give."""
    for graph in (nx.star_graph(12), nx.path_graph(12), nx.cycle_graph(12)):
        assert np.isnan(links.measure_more(graph)["small_worldness"])
    assert np.isfinite(links.measure_more(nx.connected_watts_strogatz_graph(12, 4, 0.3, seed=0))["small_worldness"])


def test_algebraic_connectivity_of_known_graphs():
    known = {"path": 2 - 2 * np.cos(np.pi / 9), "star": 1, "complete": 9, "ring": 2 - 2 * np.cos(2 * np.pi / 9)}
    graphs = nx.path_graph(9), nx.star_graph(8), nx.complete_graph(9), nx.cycle_graph(9)
    for graph, value in zip(graphs, known.values(), strict=True):
        assert links.measure_more(graph)["algebraic_connectivity"] == pytest.approx(value)
    large = nx.connected_watts_strogatz_graph(links.DENSE_NODES + 1, 6, 0.2, seed=0)
    expected = np.linalg.eigvalsh(nx.laplacian_matrix(large).toarray())[1]
    assert links.measure_more(large, ["algebraic_connectivity"])["algebraic_connectivity"] == pytest.approx(expected)


def test_skip_edges_are_those_that_make_a_network_need_more_cells():
    graph = nx.Graph([(0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)])
    assert links.measure_more(graph)["skip_edges"] == pytest.approx(2 / 6)
    measures = networks_measures.network_measures(networks.layered("gru", graph))
    assert (measures["depth"], measures["cells"], measures["widest_layer"]) == (4, 6, 2)
    assert (measures["embedding_width"], measures["readout_width"]) == (2, 1)


@pytest.mark.parametrize("variant", VARIANTS)
def test_parameters_of_stacked_networks_are_those_of_torch(variant):
    found = networks_measures.network_measures(networks.stacked(variant, 7, 3, 5))
    kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}.get(variant, torch.nn.RNN)
    recurrent = sum(p.numel() for p in kind(5, 7, 3).parameters())
    assert found["recurrent_parameters"] == recurrent
    assert found["parameters"] == recurrent + 128 * 5 + 7 * 2 + 2
    assert (found["cells"], found["depth"]) == (3, 3)
    assert list(found) == list(networks_measures.NETWORK)


@pytest.mark.parametrize(
    ("structure", "said"),
    [
        (nx.MultiDiGraph([(0, 1)]), "several edges"),
        (nx.DiGraph(), "no nodes"),
        (np.ones((6, 2)), r"shape \(6, 2\); give a square one"),
    ],
)
def test_structures_without_these_properties_are_refused(structure, said):
    with pytest.raises(graphs.GraphError, match=said):
        links.measure_directed(structure)


def test_unknown_names_and_graphs_that_are_no_networks_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'reciprocity'"):
        links.measure_directed(nx.DiGraph([(0, 1)]), ["reciprocty"])
    with pytest.raises(graphs.GraphError, match="2 parts"):
        links.measure_more(nx.Graph([(0, 1), (2, 3)]))
