import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparsekit.graphs import families
from sparsekit.graphs import structure as graphs
from sparsekit.networks import build
from sparsekit.networks.training import Recipe, train
from sparsekit.registry import UnknownName
from sparsekit.tasks import definitions as tasks
from sparsekit.variants import GATE_MASKS, GATES, VARIANTS
from tests import references

TOKENS = torch.randint(0, 128, (4, 9), generator=torch.Generator().manual_seed(0))
PROTOCOL_EXAMPLE = nx.Graph([(0, 2), (1, 2), (1, 3), (2, 3), (2, 4), (3, 4)])


@pytest.mark.parametrize("variant", VARIANTS)
def test_stacked_equals_torch(variant):
    network = build.stacked(variant, hidden_size=7, layers=3, embedding_size=5, seed=3)
    kind = {"rnn_tanh": nn.RNN, "rnn_relu": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[variant]
    options = {"nonlinearity": variant[4:]} if kind is nn.RNN else {}
    module = kind(5, 7, num_layers=3, **options)
    for k, stage in enumerate(network.stages):
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(module, f"{part}_l{k}").data.copy_(stage.get_parameter(part))
    expected = network.readout(module(network.embedding(TOKENS.T))[0][-1])
    torch.testing.assert_close(network(TOKENS), expected)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("gate_masks", GATE_MASKS)
def test_layered_equals_the_literal_reference(variant, gate_masks):
    graph = families.sample("watts_strogatz", 4, 12, 16)
    torch.manual_seed(0)
    reference = references.Layered(variant, graph, gate_masks)
    network = build.layered(variant, graph, gate_masks=gate_masks)
    references.copy_into(network, reference)
    expected, got = reference(TOKENS), network(TOKENS)
    torch.testing.assert_close(got, expected)
    assert sum(stage.cells for stage in network.stages) == len(reference.main) + len(reference.skip)
    assert len(reference.skip) > 0
    expected.square().sum().backward()
    got.square().sum().backward()
    torch.testing.assert_close(network.embedding.weight.grad, reference.embedding.weight.grad)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=15, deadline=None)
@given(nodes=st.integers(5, 25), seed=st.integers(0, 10**6), generator=st.sampled_from(sorted(families.GENERATORS)))
def test_mask_has_exactly_the_edges_in_every_gate(variant, nodes, seed, generator):
    graph = graphs.undirected(families.GENERATORS[generator](nodes, seed))
    network = build.layered(variant, graph)
    layers = graphs.layers(graphs.orient(graph))
    for gate in range(len(GATES[variant])):
        found = set()
        for k, stage in enumerate(network.stages[1:], start=1):
            mask = stage.mask_ih.view(len(GATES[variant]), stage.cells, stage.nodes, -1)[gate]
            column = 0
            for cell, source in enumerate(stage.reads):
                width = len(layers[source])
                own = mask[cell, :, column : column + width]
                found |= {(layers[source][j], layers[k][i]) for i, j in own.nonzero().tolist()}
                column += width
            assert int(mask.sum()) == sum(
                graph.has_edge(u, v) for v in layers[k] for s in stage.reads for u in layers[s]
            )
        assert found == {tuple(sorted(edge)) for edge in graph.edges}


def test_rows_layout_repeats_each_row():
    graph = families.sample("watts_strogatz", 1, 20, 20)
    blocks, rows = (build.layered("gru", graph, gate_masks=g) for g in GATE_MASKS)
    one_gate = blocks.stages[1].mask_ih.chunk(3)[0].tolist()
    assert blocks.stages[1].cells == 1
    assert blocks.stages[1].mask_ih.tolist() == one_gate * 3
    assert rows.stages[1].mask_ih.tolist() == [row for row in one_gate for _ in range(3)]
    assert any((a.mask_ih != b.mask_ih).any() for a, b in zip(blocks.stages, rows.stages, strict=True))


def test_protocol_example():
    network = build.layered("rnn_tanh", PROTOCOL_EXAMPLE)
    assert [stage.nodes for stage in network.stages] == [2, 1, 1, 1]
    assert [stage.reads for stage in network.stages] == [(-1,), (0,), (1, 0), (2, 1)]
    assert network.embedding.weight.shape == (128, 2)


def test_initial_weights_are_bounded_by_the_cells_own_size():
    network = build.layered("lstm", families.sample("watts_strogatz", 2, 30, 30), seed=1)
    for stage in network.stages:
        for parameter in stage.parameters():
            assert parameter.abs().max() <= stage.nodes**-0.5
    assert max(float(stage.weight_hh.detach().abs().max()) * stage.nodes**0.5 for stage in network.stages) > 0.98


def test_seed_decides_the_weights_and_leaves_the_global_stream_alone():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    a, b, c = (build.stacked("gru", 4, 1, 4, seed=s) for s in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(a.embedding.weight, b.embedding.weight)
    assert not torch.equal(a.embedding.weight, c.embedding.weight)


def test_positions_read_each_sequence_at_its_own_step():
    network = build.stacked("gru", 6, 2, 4)
    lengths = [3, 9, 5, 1]
    got = network(TOKENS, torch.tensor(lengths) - 1)
    expected = torch.cat([network(TOKENS[i : i + 1, :n]) for i, n in enumerate(lengths)])
    torch.testing.assert_close(got, expected)


def test_size_counts_what_exists():
    graph = PROTOCOL_EXAMPLE
    network = build.layered("gru", graph)
    cells = [(2, 4), (1, 2), (1, 1), (1, 1), (1, 1), (1, 1)]  # nodes; edges into each, layer 0 dense
    expected = sum(3 * (edges + n * n + 2 * n) for n, edges in cells)
    assert sum(edges for _, edges in cells[1:]) == graph.number_of_edges()
    assert network.size() == expected + 128 * 2 + (1 * 2 + 2)


@pytest.mark.parametrize("make", [build.stacked, lambda v: build.layered(v, PROTOCOL_EXAMPLE)])
def test_unknown_variant(make):
    with pytest.raises(UnknownName, match=r"unknown variant 'lstn'.*did you mean 'lstm'"):
        make("lstn")


def test_unknown_gate_masks():
    with pytest.raises(UnknownName, match="allowed are blocks, rows"):
        build.layered("gru", PROTOCOL_EXAMPLE, gate_masks="row")


def test_side_by_side():
    a, b = np.array([[1], [2]]), np.array([[3, 4], [5, 6]])  # two gates, one node
    assert build.side_by_side([a, b], 2).tolist() == [[1, 0, 0], [0, 3, 4], [2, 0, 0], [0, 5, 6]]


@settings(max_examples=20, deadline=None)
@given(nodes=st.integers(3, 14), seed=st.integers(0, 10**6), variant=st.sampled_from([*VARIANTS]), loops=st.booleans())
def test_recurrent_weights_are_the_edges_in_every_gate_and_stay_so(nodes, seed, variant, loops):
    graph = nx.gnp_random_graph(nodes, 0.4, seed=seed, directed=True)
    nx.add_path(graph, range(nodes))  # connected
    if loops:
        graph.add_edge(1, 1)
    network = build.classifier(variant, graph, form="recurrent", embedding_size=5)
    train([network], tasks.make("reber", train_size=40, test_size=10), Recipe(1, 20), 0)
    gates = network.stages[0].weight_hh.unflatten(0, (len(GATES[variant]), nodes))
    for gate in gates:
        assert {(u, v) for v, u in (gate != 0).nonzero().tolist()} == set(graph.edges)


def test_a_graph_fits_wherever_a_hidden_size_does():
    graph = nx.path_graph(6)
    cycle = nx.cycle_graph(5, create_using=nx.DiGraph)
    for structure, stages in ((20, 1), ([20, 20], 2), (graph, 6), (cycle, 1), (nx.DiGraph([(0, 1), (0, 2)]), 2)):
        network = build.classifier(cell="RNN-Tanh", structure=structure, classes=3)
        assert len(network.stages) == stages
        assert network(torch.randint(0, 128, (4, 5))).shape == (4, 3)
    assert len(build.classifier("GRU", graph, form="recurrent").stages) == 1


@pytest.mark.parametrize(
    ("cell", "structure", "options", "says"),
    [
        ("GRUU", 5, {}, "did you mean 'gru'"),
        ("gru", nx.path_graph(3), {"form": "ring"}, "layered, recurrent"),
        ("gru", nx.Graph([(0, 1), (2, 3)]), {}, "2 parts"),
        ("gru", nx.Graph([(0, 1), (1, 1)]), {}, "itself"),
        ("gru", nx.empty_graph(3), {}, "no edges"),
        ("gru", nx.MultiGraph([(0, 1), (0, 1)]), {}, "several edges"),
        ("gru", [5, 6], {}, "equal sizes"),
        ("gru", "big", {}, "hidden size"),
    ],
)
def test_what_cannot_become_a_network_is_said(cell, structure, options, says):
    with pytest.raises(ValueError, match=says):
        build.classifier(cell, structure, **options)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_fixed_interface_does_not_depend_on_the_graphs_shape(variant):
    for graph in (nx.path_graph(9), nx.star_graph(8), nx.barabasi_albert_graph(9, 2, seed=0)):
        network = build.layered(variant, graph, interface=7)
        assert network.embedding.embedding_dim == 7
        assert network.readout.in_features == 9
        with torch.no_grad():
            expected = network(TOKENS)
            torch.testing.assert_close(network.double()(TOKENS).float(), expected, rtol=1e-4, atol=1e-5)
