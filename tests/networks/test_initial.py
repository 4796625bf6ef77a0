"""Initial weights: the same whatever the graph, and scaled until two networks do as much before training."""

import networkx as nx
import numpy as np
import pytest
import torch

from sparsekit.graphs import claims, nulls
from sparsekit.graphs import structure as graphs
from sparsekit.networks import build, initial
from sparsekit.tasks.definitions import make
from sparsekit.variants import GATES, VARIANTS

TASK = make("reber", train_size=64, test_size=16, data_seed=0, shortest=11, longest=20, valid_share=0.5)


def recurrent(variant, graph, seed=1):
    network = build.recurrent(variant, graph, 8)
    initial.share(network, graph, seed)
    return network


def layered(variant, graph, seed=1, interface=8):
    oriented = graphs.orient(graph)
    network = build.layered(variant, oriented, interface=interface)
    initial.share(network, oriented, seed)
    return network, graphs.layers(oriented)


def by_edge(network, layers):
    """Input-to-hidden weights of a layered network by gate, source and target, freed of the width of their layer."""
    gates, found = len(GATES[network.variant]), {}
    for stage, nodes in zip(network.stages[1:], layers[1:], strict=True):
        sources = [(k, node) for k in stage.reads for node in layers[k]]
        weights = stage.weight_ih.detach().numpy().reshape(gates, stage.cells, stage.nodes, len(sources))
        for gate, _, row, column in np.argwhere(weights):
            pair = (gate, sources[column][1], nodes[row])
            found[pair] = weights[gate, :, row, column].sum() * np.sqrt(stage.nodes)
    return found


@pytest.mark.parametrize("variant", VARIANTS)
def test_networks_of_two_graphs_share_each_weight_that_both_have(variant):
    graph = nx.gnp_random_graph(12, 0.3, seed=1, directed=True)
    one, other = recurrent(variant, graph), recurrent(variant, nulls.rewired(graph, 3))
    both = one.stages[0].mask_hh & other.stages[0].mask_hh
    assert 0 < both.sum() < one.stages[0].mask_hh.sum()
    for (name, a), b in zip(one.named_parameters(), other.parameters(), strict=True):
        keep = both if name.endswith("weight_hh") else torch.ones_like(a, dtype=torch.bool)
        assert torch.equal(a[keep], b[keep]), name
    assert (one.stages[0].weight_hh[~one.stages[0].mask_hh] == 0).all()
    assert not torch.equal(recurrent(variant, graph, seed=2).stages[0].bias_hh, one.stages[0].bias_hh)


@pytest.mark.parametrize("variant", ["rnn_tanh", "lstm"])
def test_so_do_networks_in_layers_though_nodes_change_their_layer(variant):
    graph = nx.gnp_random_graph(12, 0.4, seed=1)
    (one, its), (other, others) = layered(variant, graph), layered(variant, nulls.rewired(graph, 3))
    assert its != others
    a, b = by_edge(one, its), by_edge(other, others)
    assert len(a.keys() & b.keys()) > 5
    assert all(a[edge] == pytest.approx(b[edge], rel=1e-5) for edge in a.keys() & b.keys())
    assert torch.equal(one.embedding.weight, other.embedding.weight)
    narrow, _ = layered(variant, graph, interface=4)
    assert torch.equal(narrow.embedding.weight, one.embedding.weight[:, :4])
    # By node, which another order of layers puts elsewhere.
    places = [[node for layer in layers for node in layer] for layers in (its, others)]
    rows = [net.readout.weight[:, np.argsort(at)] for net, at in zip((one, other), places, strict=True)]
    assert torch.equal(*rows)


def test_weights_are_spread_as_torch_spreads_them():
    network = recurrent("gru", nx.complete_graph(60, create_using=nx.DiGraph))
    weights = network.stages[0].weight_hh.detach()[network.stages[0].mask_hh]
    assert weights.abs().max() <= 60**-0.5
    assert weights.std() == pytest.approx(60**-0.5 / np.sqrt(3), rel=0.02)


@pytest.mark.parametrize("variant", VARIANTS)
def test_signs_of_edges_are_those_of_their_weights(variant):
    graph = claims.having("balance_helps", 12, 0)
    weights = recurrent(variant, graph).stages[0].weight_hh.detach().view(-1, 12, 12)
    plain = nx.DiGraph(graph.edges)
    plain.add_nodes_from(range(12))
    for gate, unsigned in zip(weights, recurrent(variant, plain).stages[0].weight_hh.view(-1, 12, 12), strict=True):
        assert torch.equal(gate.abs(), unsigned.abs())
        assert all(np.sign(float(gate[v, u])) == sign for u, v, sign in graph.edges.data("sign"))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("form", ["recurrent", "layered"])
def test_a_matched_network_has_the_scales_that_are_asked_for(variant, form):
    graph, probe = nx.gnp_random_graph(12, 0.4, seed=2), initial.Probe(TASK)
    made = [
        recurrent(variant, g) if form == "recurrent" else layered(variant, g)[0]
        for g in (graph, nulls.random(graph, 1))
    ]
    wanted, before = (initial.scales(network, probe) for network in made)
    assert not initial.matched(before, wanted)
    assert initial.match(made[1], wanted, probe)
    after, gates = initial.scales(made[1], probe), len(GATES[variant])
    assert after.activity == pytest.approx(wanted.activity, rel=initial.EQUAL)
    # The radius by hand, of the largest cell of each gate.
    by_hand = np.zeros(gates)
    for stage in made[1].stages:
        blocks = stage.weight_hh.detach().numpy().reshape(gates, stage.cells, stage.nodes, stage.cells, stage.nodes)
        for cell in range(stage.cells):
            by_hand = np.maximum(by_hand, [np.abs(np.linalg.eigvals(b)).max() for b in blocks[:, cell, :, cell]])
    np.testing.assert_allclose(by_hand, wanted.radius, rtol=1e-4)


def test_what_cannot_be_matched_is_told():
    probe, ring = initial.Probe(TASK), nx.cycle_graph(6, create_using=nx.DiGraph)
    acyclic = recurrent("rnn_tanh", nx.DiGraph([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)]))
    wanted = initial.scales(recurrent("rnn_tanh", ring), probe)
    assert wanted.radius > 0.01
    assert not initial.match(acyclic, wanted, probe)  # no factor gives it a radius
    before = [p.clone() for p in acyclic.parameters()]
    assert not initial.match(acyclic, initial.Scales(np.zeros(1), 5.0), probe)  # tanh stays below 1
    assert all(map(torch.equal, before, acyclic.parameters()))
