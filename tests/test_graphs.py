import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit import graphs
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


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(sorted(graphs.GENERATORS)), st.integers(0, 10**6))
def test_samples_are_deterministic_connected_and_in_range(generator, seed):
    graph, again = graphs.sample(generator, seed), graphs.sample(generator, seed)
    assert list(graph.edges) == list(again.edges)
    assert 10 <= len(graph) <= 50
    assert nx.is_connected(graph)
    assert sorted(graph) == list(range(len(graph)))
    graphs.check(graph)


def test_samples_cover_the_whole_range_and_differ_between_generators():
    sizes = {name: [len(graphs.sample(name, seed, 5, 9)) for seed in range(60)] for name in graphs.GENERATORS}
    assert all(set(s) == {5, 6, 7, 8, 9} for s in sizes.values())
    assert sizes["barabasi_albert"] != sizes["watts_strogatz"]


def test_generators_have_the_published_settings():
    assert graphs.GENERATORS["barabasi_albert"](47, 3).number_of_edges() == 4 * (47 - 4)
    assert graphs.GENERATORS["watts_strogatz"](47, 3).number_of_edges() == 47 * (9 // 2)
    assert nx.utils.graphs_equal(graphs.GENERATORS["barabasi_albert"](23, 5), nx.barabasi_albert_graph(23, 2, 5))


@pytest.mark.parametrize("generator", sorted(graphs.GENERATORS))
def test_the_smallest_graphs(generator):
    for nodes in range(2, 12):
        assert nx.is_connected(graphs.GENERATORS[generator](nodes, 0))
    with pytest.raises(graphs.GraphError, match="at least 2"):
        graphs.GENERATORS[generator](1, 0)


def test_sample_names_what_is_wrong():
    with pytest.raises(UnknownName, match="did you mean 'watts_strogatz'"):
        graphs.sample("wats_strogatz", 0)
    with pytest.raises(graphs.GraphError, match="nodes from 9 to 5"):
        graphs.sample("watts_strogatz", 0, 9, 5)


@pytest.mark.parametrize("ending", [".graphml", ".edgelist"])
@settings(deadline=None, max_examples=20)
@given(graph=connected())
def test_files_give_the_graph_back(tmp_path_factory, ending, graph):
    path = tmp_path_factory.mktemp("graph") / f"mine{ending}"
    (nx.write_graphml if ending == ".graphml" else nx.write_edgelist)(graph, path)
    found = graphs.read(path)
    assert {frozenset(e) for e in found.edges} == {frozenset(e) for e in graph.edges}
    assert list(found) == sorted(graph)


def test_names_are_ordered_as_people_count(tmp_path):
    path = tmp_path / "named.edges"
    path.write_text("# mine\nn10,n2\n\nn2 n1 0.5  # weighted\nn1 n30\n")
    found = graphs.read(path)
    assert nx.get_node_attributes(found, "name") == {0: "n1", 1: "n2", 2: "n10", 3: "n30"}
    assert sorted(map(sorted, found.edges)) == [[0, 1], [0, 3], [1, 2]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.edgelist", None, "no such file"),
        ("a.gexf", "0 1\n", "unknown graph file ending '.gexf'"),
        ("a.graphm", "0 1\n", "did you mean '.graphml'"),
        ("a.edgelist", "# nothing\n", "no edges"),
        ("a.edgelist", "0 1\n1 1\n", "edge to itself"),
        ("a.edgelist", "0 1\n1 0\n", "line 2: edge 1 – 0 stands there twice"),
        ("a.edgelist", "0 1\n2\n", "line 2: one node"),
        ("a.edgelist", "0 1\n2 3\n", "falls into 2 parts"),
        ("a.graphml", "0 1\n", "not readable as .graphml"),
        ("a.graphml", "", "not readable as .graphml"),
        ("a.graphml", "<graphml/>", "not readable as .graphml"),
    ],
)
def test_bad_files_are_named(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(graphs.GraphError, match=said) as caught:
        graphs.read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_binary_rubbish_is_named(tmp_path):
    for ending in (".graphml", ".edgelist"):
        (tmp_path / f"b{ending}").write_bytes(b"\xff\xfe\x00\x81")
        with pytest.raises(graphs.GraphError, match="not readable"):
            graphs.read(tmp_path / f"b{ending}")


@pytest.mark.parametrize(
    ("graph", "said"), [(nx.DiGraph([(0, 1)]), "to_undirected"), (nx.MultiGraph([(0, 1), (0, 1)]), "networkx.Graph")]
)
def test_graphml_of_the_wrong_kind_says_what_to_do(tmp_path, graph, said):
    nx.write_graphml(graph, tmp_path / "g.graphml")
    with pytest.raises(graphs.GraphError, match=said):
        graphs.read(tmp_path / "g.graphml")


def test_nodes_without_an_order_are_refused():
    with pytest.raises(graphs.GraphError, match="rename"):
        graphs.orient(nx.Graph([(0, "a")]))


def test_a_new_family_is_one_registration():
    @graphs.GENERATORS.register
    def ring(nodes, seed):
        return nx.cycle_graph(nodes)

    try:
        assert graphs.sample("ring", 1).number_of_edges() == len(graphs.sample("ring", 1))
    finally:
        del graphs.GENERATORS["ring"]
