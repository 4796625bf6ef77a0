import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.graphs import files
from sparsekit.graphs import structure as graphs
from tests.strategies import connected


@pytest.mark.parametrize("ending", [".graphml", ".edgelist"])
@settings(deadline=None, max_examples=20)
@given(graph=connected())
def test_files_give_the_graph_back(tmp_path_factory, ending, graph):
    path = tmp_path_factory.mktemp("graph") / f"mine{ending}"
    (nx.write_graphml if ending == ".graphml" else nx.write_edgelist)(graph, path)
    found = files.read(path)
    assert {frozenset(e) for e in found.edges} == {frozenset(e) for e in graph.edges}
    assert list(found) == sorted(graph)


def test_names_are_ordered_as_people_count(tmp_path):
    path = tmp_path / "named.edges"
    path.write_text("# mine\nn10,n2\n\nn2 n1 0.5  # weighted\nn1 n30\n")
    found = files.read(path)
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
        files.read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def test_binary_rubbish_is_named(tmp_path):
    for ending in (".graphml", ".edgelist", ".csv"):
        (tmp_path / f"b{ending}").write_bytes(b"\xff\xfe\x00\x81")
        with pytest.raises(graphs.GraphError, match="not readable"):
            files.read(tmp_path / f"b{ending}")


@pytest.mark.parametrize(
    ("graph", "said"), [(nx.DiGraph([(0, 1)]), "to_undirected"), (nx.MultiGraph([(0, 1), (0, 1)]), "networkx.Graph")]
)
def test_graphml_of_the_wrong_kind_says_what_to_do(tmp_path, graph, said):
    nx.write_graphml(graph, tmp_path / "g.graphml")
    with pytest.raises(graphs.GraphError, match=said):
        files.read(tmp_path / "g.graphml")


def names_and_edges(graph):
    name = nx.get_node_attributes(graph, "name")
    return {(name[u], name[v]) for u, v in graph.edges}


@pytest.mark.parametrize("ending", [".graphml", ".edgelist"])
def test_directions_are_kept_where_asked_for(tmp_path, ending):
    graph = nx.DiGraph([("b", "a"), ("a", "b"), ("b", "c")])
    path = tmp_path / f"mine{ending}"
    (nx.write_graphml if ending == ".graphml" else nx.write_edgelist)(
        graph, path, **({} if ending == ".graphml" else {"data": False})
    )
    found = files.read(path, directed=True)
    assert found.is_directed()
    assert names_and_edges(found) == set(graph.edges)
    graphs.check(found, directed=True)


def test_an_undirected_file_read_as_directed_leads_both_ways(tmp_path):
    nx.write_graphml(nx.path_graph(3), tmp_path / "path.graphml")
    assert sorted(files.read(tmp_path / "path.graphml", directed=True).edges) == [(0, 1), (1, 0), (1, 2), (2, 1)]


def test_loops_are_read_where_allowed(tmp_path):
    (tmp_path / "loop.txt").write_text("a a\na b\n")
    assert sorted(files.read(tmp_path / "loop.txt", directed=True, loops=True).edges) == [(0, 0), (0, 1)]


@settings(deadline=None, max_examples=20)
@given(graph=connected(), directed=st.booleans(), header=st.booleans(), index=st.booleans(), weight=st.floats(0.1, 9))
def test_adjacency_matrices_give_the_graph_back(tmp_path_factory, graph, directed, header, index, weight):
    path = tmp_path_factory.mktemp("matrix") / "mine.csv"
    if directed:
        graph = graphs.orient(graph)
    frame = nx.to_pandas_adjacency(graph, nodelist=sorted(graph)) * weight
    index = header and index
    if index:
        frame = frame.rename(index="n{}".format, columns="n{}".format)
    frame.to_csv(path, header=header, index=index)
    found = files.read(path, directed=directed)
    assert np.array_equal(graphs.adjacency(found), graphs.adjacency(graph))
    assert [data["name"] for _, data in found.nodes(data=True)] == [f"{'n' if index else ''}{k}" for k in sorted(graph)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("0,1\n0,0\n", "not symmetric: an edge from 0 to 1, none back; read it with directed=True"),
        ("0,1\n1,x\n", "row 1, column 1: 'x' is not a number; write 0"),
        ("0,1\n1,\n", "row 1, column 1: '' is not a number"),
        ("0,nan\n1,0\n", "'nan' is not a number"),
        ("0,1,1\n1,0,1\n", "2 rows of 3 cells; give a square matrix"),
        ("0,1\n1\n", "row 1, column 1: '' is not a number"),
        ("0\n1,0\n", "not readable as .csv: .*Expected 1 fields in line 2, saw 2"),
        (",a,b\na,0,1\nc,1,0\n", "columns are named a, b, its rows a, c"),
        ("a,a\n0,1\n1,0\n", "two columns have the same name"),
        ("", "not readable as .csv: No columns"),
        ("x\n", "no edges"),
        ("0,0\n0,0\n", "no edges"),
        ("1,1\n1,0\n", "edge to itself"),
    ],
)
def test_bad_matrices_are_named(tmp_path, text, said):
    (tmp_path / "m.csv").write_text(text)
    with pytest.raises(graphs.GraphError, match=said) as caught:
        files.read(tmp_path / "m.csv")
    assert str(caught.value).startswith(f"{tmp_path / 'm.csv'}: ")
    assert "\n" not in str(caught.value)


def test_the_same_file_gives_the_same_order_of_edges(tmp_path):
    (tmp_path / "m.csv").write_text("x,y,z\n0,1,1\n1,0,1\n1,1,0\n")
    assert list(files.read(tmp_path / "m.csv").edges) == [(0, 1), (0, 2), (1, 2)]
