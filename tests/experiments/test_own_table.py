"""A user's own table of networks: what it is read as, and how it is told what is wrong with it."""

import re
import textwrap
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import covariates
from sparsekit.analysis.tables import TableError
from sparsekit.experiments import own_table, studies
from sparsekit.experiments.parameters import Parameters
from sparsekit.graphs import directed, properties

ROOT = Path(__file__).parents[2]
GOOD = "graph,family,seed,accuracy,nodes,my_index\na,x,0,0.9,10,1.5\na,x,1,0.8,10,1.5\nb,y,0,0.7,12,\n"


@pytest.fixture
def table(tmp_path):
    def write(text):
        file = tmp_path / "results.csv"
        file.write_text(text)
        return str(file)

    return write


def test_properties_and_names_are_taken_as_they_stand(table):
    found = own_table.read(table(GOOD))
    assert found["generator"].tolist() == ["x", "x", "y"]
    assert found["graph"].tolist() == ["a", "a", "b"]
    assert found["seed"].tolist() == [0, 1, 0]
    assert found["test_accuracy"].tolist() == [0.9, 0.8, 0.7]
    assert set(found["variant"]) == {own_table.OWN}
    assert found.attrs == {"chance": 0.5, "properties": ["my_index"]}
    assert covariates.graph_properties(found) == ["nodes"]  # the other is rare
    assert covariates.published(found) == ["nodes"]


def test_without_names_equal_properties_are_one_graph_and_seeds_are_counted(table):
    found = own_table.read(table("accuracy,nodes\n0.9,10\n0.8,10\n0.7,11\n"))
    assert found["graph"].tolist() == ["of line 2", "of line 2", "of line 4"]
    assert found["seed"].tolist() == [0, 1, 0]
    assert found.attrs["properties"] == []


@pytest.mark.parametrize("way", ["-", ">"])
def test_edges_and_files_are_measured(table, tmp_path, way):
    graph = nx.DiGraph([(0, 1), (1, 2), (2, 0), (2, 3)])
    nx.write_edgelist(graph if way == ">" else graph.to_undirected(), tmp_path / "mine.edgelist", data=False)
    edges = " ".join(f"n{u}{way}n{v}" for u, v in graph.edges)
    other = " ".join(f"{u}{way}{u + 1}" for u in range(5))
    text = f"graph,accuracy,seed\n{edges},0.9,0\n{edges},0.8,1\n{other},0.7,0\n"
    found = own_table.read(table(text + ("mine.edgelist,0.6,0\n" if way == ">" else "")))
    plain = graph.to_undirected()
    assert found["edges"].tolist()[:3] == [4, 4, 5]
    expected = properties.measure(plain) | (
        directed.measure_directed(graph) if way == ">" else directed.measure_more(plain)
    )
    for row in [0, 1, *([3] if way == ">" else [])]:
        assert all(found[n][row] == pytest.approx(v, nan_ok=True) for n, v in expected.items())
    assert found["graph"].tolist()[:3] == ["of line 2", "of line 2", "of line 4"]


def test_the_kits_own_columns_do_too_and_chance_is_taken(table):
    text = "generator,graph,seed,variant,test_accuracy,nodes,chance\nx,0,0,gru,0.9,10,0.1\ny,0,0,gru,0.8,12,0.1\n"
    found = own_table.read(table(text))
    assert found["generator"].tolist() == ["x", "y"]
    assert set(found["variant"]) == {"gru"}
    p = Parameters(structure_table=table(text))
    networks, majority = studies.networks(p)
    pd.testing.assert_frame_equal(networks, found)
    assert majority == 0.1
    assert [u.kind for u in studies.units(p, "04_correlation_analysis")] == ["memoryless"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (GOOD.replace("0.8", "eight"), ", line 3: accuracy 'eight': allowed is a number"),
        (GOOD.replace("0.8", '"0,8"'), "; write a decimal point"),
        (
            GOOD.replace("0.8", "80.5"),
            ", line 3: accuracy '80.5': allowed is a fraction from 0 to 1; for 80.5 % give 0.805",
        ),
        (GOOD.replace("0.8", "-1"), "allowed is a fraction from 0 to 1"),
        (GOOD.replace("0.8", ""), ", line 3: accuracy '': allowed is a number"),
        (GOOD.replace("0.8,10", "0.8,11"), ", line 3: graph 'a' has nodes 11 here, and 10 in line 2"),
        (GOOD.replace("a,x,1", "a,x,0"), ", line 3: graph 'a' with seed 0 stands in line 2 already"),
        (GOOD.replace("a,x,1", "a,x,one"), ", line 3: seed 'one': allowed is a whole number"),
        (GOOD.replace("a,x,1", ",x,1"), ", line 3: graph is empty"),
        (GOOD.replace(",1.5\na", "\na"), ", line 2: 5 fields where the header has 6"),
        (GOOD.replace("accuracy", "acuracy"), "no column 'accuracy'; did you mean it by 'acuracy'?"),
        (GOOD.replace("my_index", "diametre"), "column 'diametre': did you mean 'diameter'?"),
        (GOOD.replace("my_index", "famly"), "column 'famly': did you mean 'family'?"),
        (GOOD.replace("my_index", "nodes"), "column 'nodes' stands there twice"),
        (GOOD.replace("my_index", "train_accuracy"), "column 'train_accuracy' is an outcome or a label"),
        (GOOD.replace("my_index", ""), "a column without a name"),
        (GOOD.replace("my_index", "variant").replace("1.5", "gnu"), ", line 2: unknown variant 'gnu'"),
        ("graph,accuracy\na,0.5\nb,0.6\n", "no property that every graph has, and that differs"),
        ("graph,accuracy\n0-1 1-2,0.5\n0-1 2-3,0.6\n", ", line 3: falls into 2 parts"),
        ("graph,accuracy\nmine.graphml,0.5\n", ", line 2: "),
        ("accuracy,nodes,chance\n0.5,1,0.5\n0.5,2,0.4\n", "chance differs between rows"),
        ("accuracy,nodes,chance\n0.5,1,1.5\n", ", line 2: chance '1.5': allowed is a fraction from 0 to 1"),
        (
            "accuracy,nodes,chance\n0.5,1,10\n",
            ", line 2: chance '10': allowed is a fraction from 0 to 1; for 10 % give 0.1",
        ),
        (
            "graph,nodes,accuracy\n0-1 1-2,9,0.5\n",
            ", line 2: nodes 9, but graph '0-1 1-2' has 3; correct it, or take the",
        ),
        ("graph,nodes,accuracy\n0-1 1-2,3,0.5\n0–1 1–2 2–3,4,0.6\n", ", line 3: graph '0–1 1–2 2–3' is a name, but"),
        ("graph,accuracy\n0-1 1-2,0.5\n0->1 1->2 2->3,0.6\n", ", line 3: graph '0->1 1->2 2->3' is a name, but"),
        (
            "graph,accuracy\n0-1 1-2,0.5\nmine.gexf,0.6\n",
            ", line 3: graph 'mine.gexf' is a name, but that of line 2 is",
        ),
        ("graph,accuracy\n0-1 1-0 1-2,0.5\n", ", line 2: edge 1-0 stands there twice"),
        ("graph,accuracy\n[(0; 1)],0.5\nb,0.6\n", "of graphs such as '[(0; 1)]' only the name is known: give edges"),
        (
            "Unnamed: 0,accuracy,nodes\n0,0.5,1\n1,0.5,2\n",
            ", line 1: column 'Unnamed: 0' numbers the rows; take it out",
        ),
        ("index,accuracy,nodes\n0,0.5,1\n1,0.5,2\n", ", line 1: column 'index' numbers the rows; take it out"),
        (
            GOOD.replace("accuracy", "test_acc"),
            "no column 'accuracy'; the header has 'graph', 'family', 'seed', 'test_acc'",
        ),
        (
            GOOD.replace(",", ";"),
            "; the header has 'graph;family;seed;accuracy;nodes;my_index'; part columns by a comma",
        ),
        ('accuracy,nodes\n0.5,"1\n', "is a quote left open?"),
        pytest.param(f"accuracy,{'x' * 9000}\n0.5,y\n", " … ", id="long"),
        ("", "the file is empty"),
        ("accuracy,nodes\n", "no network"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(table, text, said):
    file = table(text)
    with pytest.raises(TableError) as raised:
        own_table.read(file)
    assert str(raised.value).startswith(file)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 1100


@pytest.mark.parametrize("page", ["README.md", "docs/how-to/own-table.md"])
def test_the_made_up_tables_of_the_pages_are_read(page, table, tmp_path):
    text = (ROOT / page).read_text("utf-8")
    nx.write_graphml(nx.star_graph(4), tmp_path / "hub.graphml")
    (shown,) = re.findall(r"```text\n(\s*graph,family.*?)```", text, re.DOTALL)
    found = own_table.read(table(textwrap.dedent(shown)))
    assert found["edges"].tolist() == [5] * (len(found) - 1) + [4]
    assert found["generator"].tolist() == ["rings"] * (len(found) - 1) + ["hubs"]
    assert "structure_table=results.csv" in text


def test_edges_may_be_parted_by_commas_and_values_be_rounded(table):
    found = own_table.read(table('graph,density,accuracy\n"0-1, 1-2, 2-0",0.5,0.9\n"0-1,1-2",0.33,0.8\n'))
    assert found["nodes"].tolist() == [3, 3]
    assert found["edges"].tolist() == [3, 2]


def test_a_file_that_is_no_text_is_told(tmp_path):
    (tmp_path / "results.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableError, match="not UTF-8"):
        own_table.read(str(tmp_path / "results.csv"))


def test_a_changed_file_is_read_anew(table):
    one = own_table.read(file := table(GOOD))
    table(GOOD.replace("0.7", "0.6"))
    assert own_table.read(file)["test_accuracy"].iloc[-1] == 0.6 != one["test_accuracy"].iloc[-1]
    one["test_accuracy"] = np.nan  # a caller's changes stay with the caller
    assert own_table.read(file)["test_accuracy"].notna().all()
