import hashlib
import os

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


def test_a_first_edge_with_attributes_is_no_line_of_counts(tmp_path):
    (tmp_path / "two.edgelist").write_text("2 1 {}\n1 0 {}\n")
    assert len(files.read(tmp_path / "two.edgelist").edges) == 2
    (tmp_path / "counts.edgelist").write_text("2 1\n1 0\n")
    with pytest.raises(graphs.GraphError, match="line 1: '2 1' looks like the numbers of nodes and edges"):
        files.read(tmp_path / "counts.edgelist")


def test_names_are_ordered_as_people_count(tmp_path):
    path = tmp_path / "named.edges"
    path.write_text("# mine\nn10 n2 1\n\nn2 n1 0.5  # weighted as all\n% more\nn1 n30 2\n")
    found = files.read(path)
    assert nx.get_node_attributes(found, "name") == {0: "n1", 1: "n2", 2: "n10", 3: "n30"}
    assert sorted(map(sorted, found.edges)) == [[0, 1], [0, 3], [1, 2]]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.edgelist", None, "no such file"),
        (
            "a.gexf",
            "0 1\n",
            "ending '.gexf': allowed are .graphml, .csv for a matrix, .edgelist, .edges, .txt for edges$",
        ),
        ("a.graphm", "0 1\n", "did you mean '.graphml'"),
        ("a.edgelist", "# nothing\n", "no edges"),
        ("a.edgelist", "0 1\n1 1\n", "edge to itself"),
        ("a.edgelist", "0 1\n1 0\n", "line 2: edge 1 – 0 stands there twice"),
        ("a.edgelist", "0 1\n2\n", "line 2: one node"),
        ("a.edgelist", "0 1\n2 3\n", "falls into 2 parts"),
        ("a.graphml", "0 1\n", "not readable as .graphml"),
        ("a.graphml", "", "not readable as .graphml"),
        ("a.graphml", "<graphml/>", "0 graphs in a <graphml>"),
        ("a.graphml", "<gexf><graph/></gexf>", "1 graphs in a <gexf>; give a <graphml>"),
    ],
)
def test_bad_files_are_named(tmp_path, name, text, said):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(graphs.GraphError, match=said) as caught:
        files.read(tmp_path / name)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


def edges_of(graph):
    names = nx.get_node_attributes(graph, "name")
    return {frozenset((names[u], names[v])) for u, v in graph.edges}


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("Frontal Pole,Insula\nInsula,Temporal Pole\n", ["Frontal Pole–Insula", "Insula–Temporal Pole"]),
        ("V 1\tV 2\nV 2\tV 3\n", ["V 1–V 2", "V 2–V 3"]),
        ('"a b" c\nc "d, #e"\n', ["a b–c", "c–d, #e"]),
        ('"a;(",c\nc,"(b;"\n', None),
        ("a\u00a0b c\nc d\n", ["a\u00a0b–c", "c–d"]),
        ("h x#A\nh x#B\n", ["h–x#A", "h–x#B"]),
        ("h,x#A\nh,x#B\n", ["h–x#A", "h–x#B"]),
        ("% sym\n % 3 2\n1 2\n2 3\n", ["1–2", "2–3"]),
        ("0 1 {'weight': 2, 'kind': 'x'}\n1 2 {}\n", ["0–1", "1–2"]),
        ("0,1,{'weight': 2, 'kind': 'x'}\n1,2,{}\n", ["0–1", "1–2"]),
        ("f(x) g(y)\ng(y) h[1]\n", ["f(x)–g(y)", "g(y)–h[1]"]),
        ("cafe\u0301 th\u00e9\nth\u00e9 caf\u00e9s\n", ["caf\u00e9–th\u00e9", "th\u00e9–caf\u00e9s"]),
        ("\ufeff1 2\r\n2 3\r\n", ["1–2", "2–3"]),
        ("5 6\n6 7\n7 5\n", ["5–6", "6–7", "5–7"]),
        ("1 2 4\n2 3 7\n", ["1–2", "2–3"]),
        ("a 12345678901234567\na 12345678901234568\n", ["a–12345678901234567", "a–12345678901234568"]),
    ],
)
def test_an_edge_list_is_read_as_what_it_is(tmp_path, text, edges):
    path = tmp_path / "a.edges"
    path.write_bytes(text.encode())
    if edges is None:
        with pytest.raises(graphs.GraphError, match="line 1"):
            files.read(path)
    else:
        assert edges_of(files.read(path)) == {frozenset(edge.split("–")) for edge in edges}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Source,Target,Type\n0,1,Undirected\n", "line 1: 'Source,Target,Type' looks like a header"),
        ("gene_a gene_b\n1 2\n2 3\n", "line 1: 'gene_a gene_b' looks like a header"),
        ("5 6\n1 2\n2 3\n3 4\n4 5\n5 1\n1 3\n", "line 1: '5 6' looks like the numbers of nodes and edges"),
        ("3 4\n1 2\n2 3\n", "line 1: '3 4' looks like"),
        ("%%MatrixMarket matrix\n3 3 2\n2 1 0.5\n3 1 1\n", "line 2: '3 3 2' looks like"),
        ("(0, 0) (0, 1) {}\n", r"line 1: '\(0' is no node name"),
        ("[0, 1]\n", r"line 1: '\[0' is no node name"),
        ("1 -> 2\n2 -> 3\n", "line 1: '->' is no node name"),
        ("a: b\nb: c\n", "line 1: 'a:' is no node name"),
        ("a,\n", "line 1: '' is no node name"),
        ("a;b;0,5\nb;c;0,5\n", "line 1: a semicolon"),
        ("0 1 2 3\n1 2\n", "line 1: 4 fields"),
        ("0 1 2\n1 2\n2 3\n", "line 2: 2 fields, where the lines before have 3"),
        ("a b,c\na b\n", "line 2: parted by spaces, the lines before by commas"),
        ("0 1 2\n1 2 3\n2 3 0\n3 0 1\n", "third fields are node names too: an adjacency list"),
        ("Left V1 Right\nRight V1 x\n", "line 1: 3 fields, the third of them 'Right'"),
        ("Area #1,Area #2\n", "line 1: is ' #' part of a name"),
        ("1.0 2.0\n2.0 3.0\n3.0 1\n", "nodes '1.0' and '1' are the same number"),
        ("01 2\n2 3\n3 1\n", "nodes '01' and '1' are the same number"),
        ("1 2\n2 nan\nnan 3\n", "node 'nan' among numbers: a missing one"),
        ("a b 1\nb c 0\n", "line 2: weight 0: an edge or none"),
        ("a b 1\nb c nan\n", "line 2: weight nan: an edge or none"),
        ("a b inf\nb c 1\n", "line 1: weight inf: an edge or none"),
        ("a b {'weight': 0.0}\nb c {'weight': 1}\n", "line 1: weight 0.0: an edge or none"),
        ("a b\nb \0c\n", r"line 2: '\\x00c' holds a character that cannot be seen"),
        ("a\u200b b\nb c\n", r"line 1: 'a\\u200b' holds a character that cannot be seen"),
        ("a\u0085b c\nc d\n", r"line 1: 'a\\x85b' holds a character that cannot be seen"),
        ("a b\nb c\na\u00ad c\n", r"nodes 'a' and 'a\\xad' look the same; write it alike"),
        ("a\u200d b\nb c\na c\n", r"nodes 'a\\u200d' and 'a' look the same"),
        ("a b,c\nc,a\u00a0b\n", r"nodes 'a b' and 'a\\xa0b' look the same"),
        ("'a b' c\nc d\n", 'line 1: "\'a b\'" is one name\\? then put it in quotes like "'),
        ("“a b” c\nc d\n", "line 1: '“a b”' is one name\\? then put it in quotes like \""),
        ("0 1 {'weight': np.float64(0.0)}\n1 2 {}\n", "line 1: weight 0.0: an edge or none"),
        ("a b\nb c\n".encode("utf-16-le"), "line 1: .* holds a character that cannot be seen"),
        ("e 1 2\ne 2 3\n", "every line begins with 'e', as in a DIMACS file"),
        ('"a b,c\n', "line 1: unexpected end of data"),
        ("a b\nb c\n\xff".encode("latin-1"), "line 3 is not UTF-8"),
    ],
)
def test_an_edge_list_that_is_something_else_is_refused_with_its_line(tmp_path, text, said):
    path = tmp_path / "a.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(graphs.GraphError, match=said) as caught:
        files.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def graphml(body, edges="undirected", after=""):
    nodes = "".join(f'<node id="{name}"><data key="d0">1,5</data></node>' for name in "abc")
    key = '<key id="d0" for="node" attr.name="x" attr.type="int"/>'
    return f'<graphml xmlns="x">{key}<graph edgedefault="{edges}">{nodes}{body}</graph>{after}</graphml>'


EDGES = '<edge source="a" target="b"/><edge source="b" target="c"/>'


@pytest.mark.parametrize("ending", [".graphml", ".GraphML"])
def test_graphml_is_read_whatever_its_attributes(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    path.write_text(graphml(EDGES))
    assert edges_of(files.read(path)) == {frozenset("ab"), frozenset("bc")}
    path.write_text(graphml(EDGES.replace("/>", ' directed="1"/>'), edges="directed"))
    assert names_and_edges(files.read(path, directed=True)) == {("a", "b"), ("b", "c")}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (graphml(EDGES, after="<graph/>"), "2 graphs in a <graphml>"),
        (graphml(EDGES, edges="Directed"), "edgedefault is 'Directed': allowed are directed, undirected"),
        (graphml(EDGES.replace("/>", ' directed="1"/>')), "edge a – b says directed='1' in a graph of undirected"),
        (graphml(EDGES.replace("/>", ' directed="true"/>')), "edge a – b says directed='true'"),
        (graphml(EDGES.replace("/>", ' directed="false"/>'), "directed"), "edge a – b says directed='false'"),
        (graphml(EDGES + '<edge source="c" target="d"/>'), "edge c – d: there is no node 'd'"),
        (graphml(EDGES + '<edge source="b" target="a"/>'), "edge b – a stands there twice"),
        (graphml(EDGES + "<hyperedge/>"), "a hyperedge"),
        (graphml(EDGES + '<node id="a"/>'), "two nodes with the id 'a'"),
        (graphml(EDGES + '<node id="g"><graph/></node>'), "node 'g' holds a graph of its own"),
        (graphml('<edge id="e" source="a" target="b"><graph/></edge>' + EDGES), "edge 'e' holds a graph of its own"),
    ],
)
def test_graphml_that_is_no_simple_graph_is_refused(tmp_path, text, said):
    (tmp_path / "a.graphml").write_text(text)
    with pytest.raises(graphs.GraphError, match=said):
        files.read(tmp_path / "a.graphml")


@pytest.mark.parametrize("default", ["", "<default>0</default>"])
@pytest.mark.parametrize("own", ['for="edge" attr.name="weight"', 'for="all" attr.name="Weight"', 'attr.name="weight"'])
def test_a_graphml_edge_of_weight_0_is_refused_as_in_other_files(tmp_path, default, own):
    key = f'<key id="w" {own} attr.type="double">{default}</key>'
    weighted = EDGES.replace("/>", f'><data key="w">{"2" if default else "0"}</data></edge>', 1)
    (tmp_path / "a.graphml").write_text(graphml(weighted).replace("<key", f"{key}<key", 1))
    said = "edge b – c: weight 0: an edge or none" if default else "edge a – b: weight 0: an edge or none"
    with pytest.raises(graphs.GraphError, match=said):
        files.read(tmp_path / "a.graphml")


def test_names_of_many_digits_are_names(tmp_path):
    (tmp_path / "a.edges").write_text(f"{'9' * 5000} 1\n1 2\n2 {'9' * 4999}\n")
    names = nx.get_node_attributes(files.read(tmp_path / "a.edges"), "name")
    assert [len(name) for name in names.values()] == [1, 1, 4999, 5000]


@pytest.mark.parametrize("name", ["n" * 5000, "a\0b"])
def test_a_name_that_no_file_can_have_is_that_of_none(name):
    with pytest.raises(graphs.GraphError, match="no such file"):
        files.read(f"{name}.txt")


def test_what_is_no_file_is_said_to_be_none(tmp_path):
    os.mkdir(tmp_path / "d.edges")
    os.mkfifo(tmp_path / "pipe.edges")
    os.symlink("loop.edges", tmp_path / "loop.edges")
    for name, said in (("d", "a folder or a pipe"), ("pipe", "a folder or a pipe"), ("loop", "no such file")):
        with pytest.raises(graphs.GraphError, match=said):
            files.read(tmp_path / f"{name}.edges")


def test_a_file_says_what_to_do_without_python_and_a_graph_with_it(tmp_path):
    (tmp_path / "a.txt").write_text("0 1\n2 3\n")
    with pytest.raises(graphs.GraphError, match=r"largest part$"):
        files.read(tmp_path / "a.txt")
    with pytest.raises(graphs.GraphError, match=r"largest part: graph.subgraph"):
        graphs.check(nx.Graph([(0, 1), (2, 3)]))


def test_a_file_that_has_changed_is_refused(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0 1\n")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    files.read(path, content=before)
    path.write_text("0 1\n1 2\n")
    with pytest.raises(graphs.GraphError, match="has changed since the run began"):
        files.read(path, content=before)


def test_binary_rubbish_is_named(tmp_path):
    for ending in (".graphml", ".edgelist", ".csv"):
        (tmp_path / f"b{ending}").write_bytes(b"\xff\xfe\x00\x81")
        with pytest.raises(graphs.GraphError, match="not readable"):
            files.read(tmp_path / f"b{ending}")


@pytest.mark.parametrize(
    ("graph", "said"),
    [(nx.DiGraph([(0, 1)]), "leave them out$"), (nx.MultiGraph([(0, 1), (0, 1)]), "edge 0 – 1 .*twice")],
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
        ("0,1\n0,0\n", "not symmetric: an edge from 0 to 1, none back; structure=recurrent, in Python directed=True,"),
        ("0,1\n1,x\n", "row 1, column 1: 'x' is not a number; write 0"),
        ("0,1\n1,\n", "row 1, column 1: '' is not a number"),
        ("0,nan\n1,0\n", "'nan' is not a number"),
        ("0,inf\ninf,0\n", "'inf' is not a number"),
        ("0,1,1\n1,0,1\n", "2 rows of 3 cells; give a square matrix"),
        ("a;b\n0;1\n1;0\n", "3 rows of 1 cells; give a square matrix, parted by commas"),
        ("source,target\n0,1\n1,0\n", "columns source, target, as of an edge list; that ends in .edgelist"),
        ("From,To,weight\n0,1,1\n1,0,2\n1,2,0\n", "columns From, To, weight, as of an edge list"),
        ("0,0,1,2\n0,0,1,1\n1,1,0,1\n2,1,1,0\n", "both 0, 1, 2: node names or weights"),
        ("0,7,3,5\n7,0,1,1\n3,1,0,1\n5,1,1,0\n", "both 7, 3, 5: node names or weights"),
        ("0,7,3\n7,0,1\n3,1,0\n", "both 7, 3: node names or weights"),
        ("0,1\n1\n", "line 2: 1 cells, where the lines before have 2"),
        ("0\n1,0\n", "line 2: 2 cells, where the lines before have 1"),
        ("# mine\n\na,b\n0,1\n1,0\n", "line 3: 2 cells, where the lines before have 1"),
        ('a,b\n"0,1\n1,0\n', "line 2: unexpected end of data"),
        ("id,source,target\n0,a,b\n1,b,c\n2,c,a\n", "columns id, source, target, as of an edge list"),
        (",source,target\n0,0,1\n1,1,2\n2,2,0\n", "columns source, target, as of an edge list"),
        (",source,target\n0,0,1\n1,1,0\n", "columns source, target, as of an edge list"),
        ("u,v,w\n0,1,1\n1,2,1\n2,0,1\n", "columns u, v, w, as of an edge list.*; of a matrix name the rows too"),
        ("i,j\n0,1\n1,0\n", "columns i, j, as of an edge list"),
        ("sep=,\n0,1\n1,0\n", "a column without a name among sep=,"),
        (",a,b\na,0,1\nc,1,0\n", "columns are named a, b, its rows a, c"),
        ("a,a\n0,1\n1,0\n", "two columns have the same name"),
        ("", "the file is empty"),
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


@pytest.mark.parametrize("text", ["0,0,1\n0,0,1\n1,1,0\n", "0,.7,.3\n.7,0,.1\n.3,.1,0\n", "0,5\n5,0\n"])
def test_weights_are_no_names(tmp_path, text):
    (tmp_path / "m.csv").write_text(text)
    assert len(files.read(tmp_path / "m.csv")) == text.count("\n")


def test_the_same_file_gives_the_same_order_of_edges(tmp_path):
    (tmp_path / "m.csv").write_text("x,y,z\n0,1,1\n1,0,1\n1,1,0\n")
    assert list(files.read(tmp_path / "m.csv").edges) == [(0, 1), (0, 2), (1, 2)]
