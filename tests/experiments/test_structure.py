"""Networks of graphs as units of the study: what a unit's fields make of graph, network, record and table."""

import dataclasses

import networkx as nx
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.experiments import records, studies
from sparsekit.experiments import structure as experiments_structure
from sparsekit.experiments.execution import run
from sparsekit.experiments.identity import key
from sparsekit.experiments.parameters import Parameters
from sparsekit.graphs import designs, directed, nulls, properties
from sparsekit.graphs import families as graphs_families
from sparsekit.graphs import structure as graphs
from sparsekit.networks.measures import layout_errors
from sparsekit.networks.training import train
from sparsekit.variants import GATES, VARIANTS

TINY = {"train_size": 60, "test_size": 20, "graphs": 1, "nodes_min": 10, "nodes_max": 12, "graph_epochs": 1}
TINY |= {"variants": ["gru"], "generators": ["barabasi_albert"], "workers": 1}
TINY |= {"graph_seeds": 1, "readout": "last_padded", "interface": 0}


def units(**changes):
    return experiments_structure.graph_networks(Parameters(**TINY | changes))


@st.composite
def unit(draw):
    """A unit of any form."""
    structure = draw(st.sampled_from(["layered", "recurrent"]))
    changes = {"structure": structure, "interface": draw(st.sampled_from([0, 3]))}
    if structure == "layered":
        changes["orientation"] = draw(st.sampled_from(sorted(graphs.ORIENTATIONS)))
    null = draw(st.sampled_from(["", *sorted(nulls.NULLS)]))
    changes |= {"variants": [draw(st.sampled_from([*VARIANTS]))], "null_models": [null] if null else []}
    # the plane leads 250 candidates around, whatever is asked of it: it has a test of its own
    changes["design"] = draw(st.sampled_from([name for name in sorted(designs.DESIGNS) if name != "plane"]))
    wide = {"nodes_max": 24} if changes["design"] == "equal_parameters" else {}
    changes["generators"] = [draw(st.sampled_from(sorted(graphs_families.GENERATORS)))]
    return units(**changes | wide, graphs=2)[-1]


def edges_by_gate(network, layers):
    """The edges that a network's nonzero weights stand for, gate by gate, read from the weights alone."""
    gates = len(GATES[network.variant])
    found = [set() for _ in range(gates)]
    for stage, nodes in zip(network.stages[1:], layers[1:], strict=True):
        sources = [node for k in stage.reads for node in layers[k]]
        weights = stage.weight_ih.detach().numpy().reshape(gates, stage.cells, stage.nodes, len(sources))
        for gate, _, row, column in np.argwhere(weights):
            found[gate].add((sources[column], nodes[row]))
    return found


@settings(deadline=None, max_examples=20)
@given(unit())
def test_trained_weights_are_the_graphs_edges_in_every_gate(unit):
    network = unit.network()
    train([network], unit.strings.make(), unit.recipe, seed=0)
    if unit.structure == "recurrent":
        (stage,) = network.stages
        weights = stage.weight_hh.detach().numpy().reshape(-1, stage.nodes, stage.nodes)
        assert all(((gate != 0) == graphs.adjacency(unit.drawn())).all() for gate in weights)
    else:
        oriented = unit.oriented()
        assert set(map(frozenset, oriented.edges)) == set(map(frozenset, unit.drawn().edges))
        assert all(found == set(oriented.edges) for found in edges_by_gate(network, graphs.layers(oriented)))


@settings(deadline=None, max_examples=20)
@given(unit())
def test_properties_are_those_of_the_graph_as_it_is_oriented(unit):
    network, oriented = unit.network(), unit.oriented()
    measured = unit.measured()
    layers = graphs.layers(oriented)
    assert measured["layers"] == len(layers) == nx.dag_longest_path_length(oriented) + 1
    assert measured["source_nodes"] == sum(degree == 0 for _, degree in oriented.in_degree)
    assert measured["sink_nodes"] == len(layers[-1])
    assert measured["nodes"] == len(unit.drawn())
    assert measured["parameters"] == network.size()
    plain = graphs.undirected(unit.drawn())
    expected = properties.measure(plain, oriented=oriented)
    expected |= (
        directed.measure_directed(unit.drawn())
        if unit.structure == "recurrent"
        else directed.measure_more(plain, oriented=oriented) | {"depth": len(layers)}
    )
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, nan_ok=True), name
    width = unit.interface or (50 if unit.structure == "recurrent" else measured["source_nodes"])
    assert measured["embedding_width"] == width
    last = measured["sink_nodes"] if unit.structure == "layered" and not unit.interface else measured["nodes"]
    assert measured["readout_width"] == last


@settings(deadline=None, max_examples=20)
@given(unit())
def test_a_unit_draws_the_same_graph_whatever_its_seed(unit):
    graph = unit.drawn()
    experiments_structure._drawn.cache_clear()
    other = dataclasses.replace(unit, seed=unit.seed + 1, variant="lstm")
    assert list(other.drawn().edges) == list(graph.edges)
    assert list(other.oriented().edges) == list(unit.oriented().edges)
    assert graph.is_directed() <= (unit.structure == "recurrent")


@settings(deadline=None, max_examples=20)
@given(unit().filter(lambda unit: unit.null))
def test_a_null_model_keeps_what_it_promises(unit):
    graph, null = dataclasses.replace(unit, null="").drawn(), unit.drawn()
    assert (len(null), null.number_of_edges(), type(null)) == (len(graph), graph.number_of_edges(), type(graph))
    assert nx.is_connected(graphs.undirected(null))
    if unit.null == "rewired":
        assert dict(null.degree) == dict(graph.degree)
    if unit.null == "shuffled":
        assert nx.is_isomorphic(null, graph)


def test_the_plane_of_mixed_families_is_held_fixed_and_named():
    drawn = units(design="plane", generators=["mixed"], graphs=12, nodes_max=14)
    assert len({(len(unit.drawn()), unit.drawn().number_of_edges()) for unit in drawn}) == 1
    families = {unit.measured()["family"] for unit in drawn}
    assert len(families) > 2
    assert families <= set(graphs_families.GENERATORS) - {"mixed"}


def test_plain_units_keep_their_keys_where_their_graphs_are_the_same():
    old = {
        "learning_rate": 0.001,
        "readout": "last_padded",
        "interface": 0,
        "batch_size_structure": 64,
        "graph_seeds": 1,
    }
    plain = experiments_structure.graph_networks(
        Parameters(train_size=60, test_size=20, graphs=1, nodes_max=11, graph_epochs=1, gate_masks="rows", **old)
    )
    found = {(unit.variant, unit.generator): key(unit) for unit in plain}
    assert found["gru", "watts_strogatz"] == "dbb6ef483b90d4f777558e7d923d221b41204a3f317557baef5fd373c7043d9a"
    # networks of the graphs that networkx numbers as it does today
    assert found["rnn_tanh", "barabasi_albert"] != "dade9915b8ae7f8182307b6d256fb98637605edf990fe4147c7f85c4fad4c863"


@pytest.mark.parametrize(
    "changes",
    [
        {"design": "equal_edges"},
        {"structure": "recurrent"},
        {"interface": 5},
        {"orientation": "by_degree"},
        {"null_models": ["random"]},
    ],
)
def test_each_choice_makes_other_units(changes):
    assert key(units(**changes)[-1]) != key(units()[-1])


def write(path, graph):
    if path.suffix == ".graphml":
        nx.write_graphml(graph, path)
    elif path.suffix == ".csv":
        nx.to_pandas_adjacency(graph, dtype=int).to_csv(path)
    else:
        nx.write_edgelist(graph, path, data=False)
    return str(path)


@pytest.mark.parametrize("ending", [".graphml", ".csv", ".edgelist"])
def test_a_file_of_undirected_edges_makes_either_structure(ending, tmp_path):
    graph = nx.circular_ladder_graph(4)
    file = write(tmp_path / f"mine{ending}", graph)
    for structure, edges in (("layered", 12), ("recurrent", 24 if ending != ".edgelist" else 12)):
        p = Parameters(**TINY | {"generators": [], "graph_files": [file], "structure": structure})
        table = experiments_structure.structure(p)
        assert (table["nodes"].item(), table["edges"].item(), table["family"].item()) == (8, 12, "file")
        network = experiments_structure.graph_networks(p)[0].network()
        masks = (
            [s.mask_hh for s in network.stages] if structure == "recurrent" else [s.mask_ih for s in network.stages[1:]]
        )
        assert sum(int(mask.sum()) for mask in masks) == 3 * edges


def test_a_files_directions_and_loops_are_the_recurrent_layers(tmp_path):
    graph = nx.DiGraph([(0, 1), (1, 2), (2, 0), (2, 2), (3, 2)])
    file = write(tmp_path / "mine.graphml", graph)
    (unit, null) = units(generators=[], graph_files=[file], structure="recurrent", null_models=["rewired"])
    assert set(unit.drawn().edges) == set(graph.edges)
    assert unit.measured()["self_loops"] == 1
    assert sorted(null.drawn().in_degree) == sorted(graph.in_degree)
    with pytest.raises(graphs.GraphError, match="directed"):
        units(generators=[], graph_files=[file])


@pytest.mark.parametrize("null", ["rewired", "shuffled", "random"])
def test_the_null_model_of_a_file_whose_edges_lead_both_ways_has_such_edges(null, tmp_path):
    file = write(tmp_path / "mine.graphml", nx.barbell_graph(4, 2))
    unit = units(generators=[], graph_files=[file], structure="recurrent", null_models=[null])[-1]
    mask = unit.network().stages[0].mask_hh.numpy().reshape(3, 10, 10)
    assert (mask == mask.transpose(0, 2, 1)).all()
    assert mask.sum() == 3 * 2 * nx.barbell_graph(4, 2).number_of_edges()


def test_a_record_from_before_a_property_was_known_is_measured_anew(tmp_path):
    (unit,) = units()
    store = records.Store(tmp_path)
    old = properties.measure(unit.drawn()) | {"parameters": 1.0, "test_accuracy": 0.75, "history": []}
    store.write(unit, old | {"spectral_gap": 0.0}, seconds=0)
    row = unit.row(store)
    assert "spectral_gap" not in row  # of directed graphs alone, by now
    assert (row["test_accuracy"], row["family"]) == (0.75, "barabasi_albert")
    assert row["parameters"] == unit.network().size() > 1  # others may have been mended since, too
    assert row["average_clustering"] == pytest.approx(nx.average_clustering(unit.drawn()))
    run([unit], new := records.Store(tmp_path / "new"), workers=1, report=lambda *_: None)
    assert set(unit.row(new)) >= set(row)


def test_null_models_stand_beside_their_graphs_in_the_table():
    table = experiments_structure.structure(
        Parameters(**TINY | {"null_models": ["rewired", "random"], "graph_seeds": 2, "graphs": 2})
    )
    assert table.groupby(["null", "original"]).size().tolist() == [2] * 6
    own = table["null"] == "none"
    assert (table.loc[own, "graph"] == table.loc[own, "original"]).all()
    assert set(table.loc[~own, "graph"]) == {f"{k} {null}" for k in range(2) for null in ("rewired", "random")}
    assert table.groupby("original")["edges"].nunique().max() == 1


class TestGateRows:
    def test_both_layouts_of_a_few_graphs(self):
        p = Parameters(**TINY | {"graphs": 5, "graph_seeds": 2, "variants": list(VARIANTS), "null_models": ["random"]})
        wanted = experiments_structure.gate_row_networks(p)
        assert {unit.variant for unit in wanted} == {"gru", "lstm"}
        assert {unit.graph for unit in wanted} == {0, 1, 2}
        assert len(wanted) == 2 * 3 * 2 * 2
        population = set(map(key, experiments_structure.graph_networks(p)))
        assert {unit.gate_masks for unit in wanted if key(unit) in population} == {"blocks"}
        assert set(map(key, wanted)) <= set(map(key, studies.units(p, "03_graph_structured_rnns")))

    def test_the_table_counts_wrong_entries(self):
        table = experiments_structure.gate_rows(Parameters(**TINY | {"nodes_min": 20, "nodes_max": 24}))
        wrong = table.set_index("gate_masks")[["wrong", "lost"]]
        assert (wrong.loc["blocks"] == 0).all()
        assert (wrong.loc["rows"] > 0).all()
        assert table["test_accuracy"].between(0, 1).all()

    @pytest.mark.parametrize("changes", [{"structure": "recurrent"}, {"variants": ["rnn_tanh", "rnn_relu"]}])
    def test_where_there_is_one_layout_there_is_nothing_to_compare(self, changes):
        table = experiments_structure.gate_rows(Parameters(**TINY | changes))
        assert isinstance(table, pd.DataFrame)
        assert table.empty
        assert {"gate_masks", "wrong", "lost", "test_accuracy"} <= set(table)

    @settings(deadline=None, max_examples=20)
    @given(st.integers(0, 50), st.sampled_from(["gru", "lstm"]))
    def test_errors_are_those_of_a_literal_count(self, number, variant):
        oriented = graphs.orient(designs.draw("published", "watts_strogatz", number, 0, 10, 24))
        layers, gates = graphs.layers(oriented), len(GATES[variant])
        wrong = places = lost = 0
        for k, nodes in enumerate(layers[1:], start=1):
            for source in range(k):
                cell = [[oriented.has_edge(u, v) for u in layers[source]] for v in nodes]
                if source < k - 1 and not any(map(any, cell)):
                    continue  # only neighbouring layers have a cell without an edge
                for gate in range(gates):
                    for row in range(len(nodes)):
                        had = cell[(gate * len(nodes) + row) // gates]
                        wrong += sum(a != b for a, b in zip(had, cell[row], strict=True))
                        lost += sum(b and not a for a, b in zip(had, cell[row], strict=True))
                        places += len(had)
        errors = layout_errors(oriented, variant)
        assert errors["wrong"] == pytest.approx(wrong / places)
        assert errors["lost"] == pytest.approx(lost / gates / oriented.number_of_edges())
        assert layout_errors(oriented, variant, "blocks") == {"wrong": 0, "lost": 0}


def test_units_are_masks_at_the_percentages_compared_at():
    p = Parameters(variants=["gru"], seeds=1, compare_at=[0, 80, 100], protocols=["rewind", "random_mask"])
    assert [(unit.target, unit.percent) for unit in experiments_structure.masked_networks(p)] == [
        ("both", 80),
        ("h2h", 80),
    ]
    protocols = {unit.protocol for unit in experiments_structure.mask_training_networks(p)}
    assert protocols == {"retrain", "random_mask"}
    assert not experiments_structure.masked_networks(p.model_copy(update={"targets": ["i2h"]}))
