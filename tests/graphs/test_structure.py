import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparsekit.graphs import structure as graphs
from sparsekit.registry import UnknownName
from tests.strategies import connected


def longest_path_to(dag, node):
    return max((1 + longest_path_to(dag, parent) for parent in dag.predecessors(node)), default=0)


@given(connected())
def test_orientation_is_acyclic_and_keeps_the_edges(graph):
    dag = graphs.orient(graph)
    assert nx.is_directed_acyclic_graph(dag)
    assert {frozenset(e) for e in dag.edges} == {frozenset(e) for e in graph.edges}
    assert all(u < v for u, v in dag.edges)


@given(connected(most=9))
def test_layers_are_longest_paths_from_a_source(graph):
    dag = graphs.orient(graph)
    layers = graphs.layers(graph)
    assert layers == graphs.layers(dag)
    assert {node: i for i, layer in enumerate(layers) for node in layer} == {v: longest_path_to(dag, v) for v in dag}
    assert all(layer == sorted(layer) for layer in layers)
    assert len(layers) == nx.dag_longest_path_length(dag) + 1


def test_layers_refuse_a_cycle():
    with pytest.raises(graphs.GraphError, match="cycle"):
        graphs.layers(nx.DiGraph([(0, 1), (1, 2), (2, 0)]))


def test_nodes_without_an_order_are_refused():
    with pytest.raises(graphs.GraphError, match="rename"):
        graphs.orient(nx.Graph([(0, "a")]))


@given(connected(), st.sampled_from(sorted(graphs.ORIENTATIONS)), st.integers(0, 99))
def test_every_rule_gives_an_acyclic_orientation_of_the_same_edges(graph, rule, seed):
    dag = graphs.orient(graph, rule, seed)
    assert nx.is_directed_acyclic_graph(dag)
    assert nx.utils.graphs_equal(graphs.undirected(dag), nx.Graph(sorted(map(sorted, graph.edges))))
    assert list(dag.edges) == list(graphs.orient(graph, rule, seed).edges)


@given(connected())
def test_by_degree_leads_from_many_neighbours_to_few(graph):
    for u, v in graphs.orient(graph, "by_degree").edges:
        assert (-graph.degree[u], u) < (-graph.degree[v], v)


def test_random_orientations_differ_by_seed_and_cover_both_directions():
    graph = nx.path_graph(4)
    drawn = {tuple(sorted(graphs.orient(graph, "random", seed).edges)) for seed in range(400)}
    assert len(drawn) == 2**3


def test_an_unknown_rule_and_a_directed_graph_are_refused():
    with pytest.raises(UnknownName, match="did you mean 'by_degree'"):
        graphs.orient(nx.path_graph(3), "degree")
    with pytest.raises(graphs.GraphError, match=r"structure\.undirected"):
        graphs.orient(nx.DiGraph([(1, 0)]))


def loop_at(node, kind=nx.Graph):
    return kind([(0, 1), (1, 2), (node, node)])


@pytest.mark.parametrize(
    ("graph", "said", "mend"),
    [
        (nx.DiGraph([(0, 1)]), "undirected", graphs.undirected),
        (nx.MultiGraph([(0, 1), (0, 1)]), r"networkx\.Graph\(graph\)", nx.Graph),
        (nx.path_graph(5001), "5,001 nodes, allowed are 5,000", lambda g: g.subgraph(range(9))),
        (loop_at(1), "node 1 has an edge to itself", graphs.undirected),
        (nx.Graph(), "no edges", lambda g: nx.path_graph(2)),
        (nx.empty_graph(4), "no edges", lambda g: nx.path_graph(2)),
        (
            nx.Graph([(0, 1, {"weight": 0.5})]),
            r"weight 0\.5.*networkx\.Graph\(graph\.edges\)",
            lambda g: nx.Graph(g.edges),
        ),
        (
            nx.Graph([(0, 1), (2, 3), (3, 4)]),
            "2 parts",
            lambda g: g.subgraph(max(nx.connected_components(g), key=len)),
        ),
    ],
)
def test_what_cannot_be_a_network_says_what_to_do_and_that_helps(graph, said, mend):
    with pytest.raises(graphs.GraphError, match=said):
        graphs.check(graph)
    graphs.check(mend(graph))


def test_directed_graphs_and_loops_pass_where_allowed():
    graphs.check(nx.DiGraph([(0, 1), (2, 1)]), directed=True)
    graphs.check(loop_at(2, nx.DiGraph), directed=True, loops=True)
    graphs.check(nx.from_numpy_array(np.ones((3, 3)) - np.eye(3)))  # networkx gives each edge the weight 1
    with pytest.raises(graphs.GraphError, match="itself"):
        graphs.check(loop_at(2, nx.DiGraph), directed=True)
    with pytest.raises(graphs.GraphError, match=r"weakly_connected_components"):
        graphs.check(nx.DiGraph([(0, 1), (2, 3)]), directed=True)
    with pytest.raises(graphs.GraphError, match=r"networkx\.DiGraph\(graph\)"):
        graphs.check(nx.MultiDiGraph([(0, 1), (0, 1)]), directed=True)
    with pytest.raises(graphs.GraphError, match=r"a list; give a networkx\.Graph"):
        graphs.check([(0, 1)])


@given(arrays(bool, st.integers(1, 8).map(lambda n: (n, n))))
def test_masks_and_graphs_go_both_ways(mask):
    graph = graphs.from_mask(mask)
    assert (graphs.adjacency(graph) == mask).all()
    assert nx.utils.graphs_equal(graphs.from_mask(graphs.adjacency(graph)), graph)
    assert np.array_equal(mask.T, nx.to_numpy_array(graph, nodelist=range(len(mask))))
    assert (graphs.adjacency(graphs.from_mask(mask, directed=False)) == (mask | mask.T)).all()


def test_a_row_of_a_mask_is_a_target():
    assert list(graphs.from_mask(torch.tensor([[False, False], [True, False]])).edges) == [(0, 1)]
    assert list(graphs.from_mask([[0.0, 0.0], [-0.3, 0.0]]).edges) == [(0, 1)]


def test_gates_count_together_or_apart():
    gates = np.zeros((3, 4, 4), dtype=bool)
    gates[:, 1, 0] = True
    gates[2, 3, 3] = True
    for mask in (gates, gates.reshape(12, 4)):
        assert sorted(graphs.from_mask(mask).edges) == [(0, 1), (3, 3)]
        assert sorted(graphs.from_mask(mask, gates="all").edges) == [(0, 1)]
    with pytest.raises(UnknownName, match="unknown gates 'each'"):
        graphs.from_mask(gates, gates="each")
    for shape in ((3,), (5, 4), (0, 0)):
        with pytest.raises(graphs.GraphError, match="a mask of shape"):
            graphs.from_mask(np.ones(shape))


def test_undirected_keeps_names_but_neither_loops_nor_weights():
    graph = nx.MultiDiGraph([(1, 0, {"weight": 3}), (0, 1), (1, 1)], title="mine")
    graph.nodes[1]["name"] = "b"
    simple = graphs.undirected(graph)
    assert list(simple.edges(data=True)) == [(1, 0, {})]
    assert simple.nodes[1] == {"name": "b"}
    assert simple.graph == {"title": "mine"}
    graphs.check(simple)
