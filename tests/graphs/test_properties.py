import os
import statistics as plain
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.graphs import directed, properties
from sparsekit.graphs import families as graphs_families
from sparsekit.graphs import structure as graphs
from sparsekit.registry import UnknownName
from tests.strategies import connected

PUBLISHED = os.environ.get("SPARSEKIT_PUBLISHED")


def reference(graph):
    """The published definitions, by plain networkx."""
    n, m = graph.number_of_nodes(), graph.number_of_edges()
    dag = nx.DiGraph()
    dag.add_nodes_from(graph)
    dag.add_edges_from((min(e), max(e)) for e in graph.edges)
    layer = {}
    for node in nx.topological_sort(dag):
        layer[node] = max((layer[p] + 1 for p in dag.predecessors(node)), default=0)
    sizes = list(layer.values())
    found = {
        "layers": max(sizes) + 1,
        "nodes": n,
        "edges": m,
        "source_nodes": sizes.count(0),
        "sink_nodes": sizes.count(max(sizes)),
        "diameter": nx.diameter(graph),
        "density": nx.density(dag),
        "average_shortest_path_length": nx.average_shortest_path_length(graph),
    }
    families = {
        "eccentricity": nx.eccentricity(graph),
        "degree": nx.degree_centrality(graph),
        "closeness": nx.closeness_centrality(graph),
        "nodes_betweenness": nx.betweenness_centrality(graph),
        "edge_betweenness": nx.edge_betweenness_centrality(graph),
    }
    for family, values in families.items():
        values = list(values.values())
        found[f"{family}_mean"] = plain.mean(values)
        found[f"{family}_var"] = plain.variance(values) if len(values) > 1 else float("nan")
        found[f"{family}_std"] = plain.stdev(values) if len(values) > 1 else float("nan")
    return found


def assert_same(found, expected):
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=0, atol=1e-9)


@settings(deadline=None, max_examples=80)
@given(connected(16))
def test_the_fast_path_equals_plain_networkx(graph):
    assert_same(properties.measure(graph), reference(graph))


@pytest.mark.parametrize("generator", sorted(graphs_families.GENERATORS))
def test_the_fast_path_equals_plain_networkx_on_every_family(generator):
    for seed in range(8):
        graph = graphs.undirected(graphs_families.sample(generator, seed))
        assert_same(properties.measure(graph), reference(graph))


@settings(deadline=None, max_examples=40)
@given(connected(16), st.randoms(use_true_random=False))
def test_undirected_properties_do_not_depend_on_names(graph, random):
    names = list(graph)
    random.shuffle(names)
    other = nx.relabel_nodes(graph, dict(zip(graph, names, strict=True)))
    undirected = [name for name in properties.NAMES if name not in ("layers", "source_nodes", "sink_nodes")]
    one, two = properties.measure(graph, undirected), properties.measure(other, undirected)
    np.testing.assert_allclose(list(one.values()), list(two.values()), rtol=0, atol=1e-12)


def test_known_values():
    star = properties.measure(nx.star_graph(4))
    assert (star["layers"], star["source_nodes"], star["sink_nodes"], star["diameter"]) == (2, 1, 4, 2)
    assert star["density"] == pytest.approx(0.2)
    assert star["nodes_betweenness_mean"] == pytest.approx(0.2)
    assert star["edge_betweenness_var"] == pytest.approx(0)


def test_layers_are_those_of_the_orientation_given():
    graph = nx.path_graph(4)
    names = ["layers", "source_nodes", "sink_nodes"]
    outward = nx.DiGraph([(1, 0), (1, 2), (2, 3)])
    assert list(properties.measure(graph, names).values()) == [4, 1, 1]
    assert list(properties.measure(graph, names, outward).values()) == [3, 1, 1]
    by_degree = graphs.orient(nx.star_graph(4), "by_degree")
    assert list(properties.measure(nx.star_graph(4), names, by_degree).values()) == [2, 1, 4]
    cut = nx.DiGraph([(0, 1), (2, 1), (0, 2)])
    assert directed.measure_more(nx.complete_graph(3), ["skip_edges"], cut) == {"skip_edges": pytest.approx(1 / 3)}


def test_one_edge_has_no_edge_variance_and_no_warning(recwarn):
    pair = properties.measure(nx.path_graph(2))
    assert {name for name, value in pair.items() if np.isnan(value)} == {"edge_betweenness_var", "edge_betweenness_std"}
    assert not recwarn


def test_the_same_bits_every_time():
    graph = graphs_families.GENERATORS["watts_strogatz"](120, 1)
    assert properties.measure(graph) == properties.measure(graph)


@pytest.mark.parametrize(
    ("graph", "said"),
    [
        (nx.DiGraph([(0, 1)]), "directed"),
        (nx.MultiGraph([(0, 1)]), "several edges"),
        (nx.Graph([(0, 1), (2, 3)]), "2 parts"),
        (nx.Graph([(0, 1), (1, 1)]), "itself"),
        (nx.empty_graph(3), "no edges"),
        (nx.Graph(), "no edges"),
        (nx.Graph([(0, "a")]), "order"),
    ],
)
def test_graphs_without_these_properties_are_refused(graph, said):
    with pytest.raises(graphs.GraphError, match=said):
        properties.measure(graph)


def test_an_unknown_property_is_named():
    with pytest.raises(UnknownName, match="did you mean 'diameter'"):
        properties.measure(nx.path_graph(3), ["diametre"])


def test_a_new_property_is_one_registration():
    @properties.PROPERTIES.register
    def leaves(view):
        return (view.degree * (view.n - 1) == 1).sum()

    try:
        assert properties.measure(nx.star_graph(4))["leaves"] == 4
    finally:
        del properties.PROPERTIES["leaves"]
    assert "leaves" not in properties.NAMES


@pytest.mark.skipif(not PUBLISHED, reason="SPARSEKIT_PUBLISHED names no clone of the published repository")
def test_names_are_the_published_columns():
    tables = sorted(Path(PUBLISHED, "Implementations/experiments/results/structure").glob("*.csv"))
    assert tables
    for path in tables:
        columns = list(pd.read_csv(path, nrows=1).columns)
        assert columns[columns.index("graph_nr") + 1 : columns.index("test_acc")] == list(properties.NAMES)
