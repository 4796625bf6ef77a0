"""Where the weights survive: counts against masks worked by hand, paths against networkx, radii against numpy."""

import itertools

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.networks import build
from sparsekit.pruning import prune, survival
from sparsekit.pruning.masks import Mask
from sparsekit.registry import UnknownName
from sparsekit.variants import GATES, TARGETS, VARIANTS


def rnn_mask(*layers):
    """A mask from each layer's two matrices as nested lists."""
    return Mask(
        {
            f"stages.{k}.weight_{kind}": torch.tensor(matrix)
            for k, pair in enumerate(layers)
            for kind, matrix in zip(("ih", "hh"), pair, strict=True)
        }
    )


def by_gate(table):
    return table.set_index(["layer", "gate"])[["no_input", "no_output", "dead"]].T.to_dict("list")


def test_survivors_of_a_gru_worked_by_hand():
    ih, hh = [[1, 1], [0, 1], [0, 0], [1, 0], [1, 1], [1, 1]], [[0, 0], [0, 0], [1, 0], [0, 0], [1, 1], [0, 1]]
    table = survival.survivors(rnn_mask((ih, hh)), "gru")
    assert table["matrix"].tolist() == ["input-to-hidden"] * 3 + ["hidden-to-hidden"] * 3
    assert table["gate"].tolist() == ["r", "z", "n"] * 2
    assert table["survivors"].tolist() == [3, 1, 4, 0, 1, 3]
    assert (table["weights"] == 4).all()
    assert table["share"].tolist() == [0.75, 0.25, 1, 0, 0.25, 0.75]


@settings(max_examples=20, deadline=None)
@given(variant=st.sampled_from([*VARIANTS]), sparsity=st.floats(0, 1), target=st.sampled_from([*TARGETS]))
def test_survivors_add_up_to_the_mask_and_are_the_same_of_a_network(variant, sparsity, target):
    network = build.stacked(variant, 5, 2, 4)
    mask, _ = prune.prune(network, sparsity, target)
    table = survival.survivors(mask, variant)
    assert len(table) == 2 * 2 * len(GATES[variant])
    assert 1 - table["survivors"].sum() / table["weights"].sum() == pytest.approx(mask.sparsity)
    mask.apply(network)
    assert survival.survivors(network).equals(table)


def test_a_chain_that_breaks_leaves_dead_units_on_both_sides():
    # Layer 0: units 0 and 1 read the input, 2 reads only unit 0, 3 reads nothing. Unit 1 is read by nobody.
    # Layer 1: unit 0 reads unit 2, unit 1 reads only unit 3, which knows nothing, unit 2 reads nothing.
    hh = [[0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    mask = rnn_mask(([[1], [1], [0], [0]], hh), ([[0, 0, 1, 0], [0, 0, 0, 1], [0] * 4], [[0] * 3] * 3))
    found = by_gate(survival.dead_units(mask, "rnn_tanh"))
    assert found[0, "all"] == found[0, "-"] == [1, 1, 2]  # dead: unit 3 without input, unit 1 without output
    assert found[1, "all"] == [1, 0, 2]  # units 1 and 2; the readout reads all


def test_a_unit_is_dead_only_where_every_gate_is():
    # One LSTM layer of 2 units: unit 0 keeps its forget gate's input alone, unit 1 only a weight from unit 1 itself.
    ih, hh = np.zeros((8, 1), int), np.zeros((8, 2), int)
    ih[2, 0] = 1
    hh[7, 1] = 1
    found = by_gate(survival.dead_units(rnn_mask((ih.tolist(), hh.tolist())), "lstm"))
    assert found[0, "i"] == [2, 0, 2]
    assert found[0, "f"] == [1, 0, 1]
    assert found[0, "o"] == [1, 0, 2]  # unit 1 has an input there, but one that no string reaches
    assert found[0, "all"] == [0, 0, 1]


@settings(max_examples=25, deadline=None)
@given(variant=st.sampled_from(["rnn_relu", "gru", "lstm"]), seed=st.integers(0, 2**32), density=st.floats(0.02, 0.3))
def test_dead_units_are_those_on_no_path_of_the_network(variant, seed, density):
    rng, widths, gates = np.random.default_rng(seed), [3, 5, 4, 6], len(GATES[variant])
    graph = nx.DiGraph()
    graph.add_nodes_from(["in", "out"])
    tensors = {}
    for k, (inputs, hidden) in enumerate(itertools.pairwise(widths)):
        for kind, below, width in (("ih", k - 1, inputs), ("hh", k, hidden)):
            matrix = rng.random((gates * hidden, width)) < density
            tensors[f"stages.{k}.weight_{kind}"] = torch.tensor(matrix)
            for row, column in np.argwhere(matrix):
                graph.add_edge((below, column) if below >= 0 else "in", (k, row % hidden))
    graph.add_edges_from(((len(widths) - 2, unit), "out") for unit in range(widths[-1]))
    alive = nx.descendants(graph, "in") & nx.ancestors(graph, "out")
    table = survival.dead_units(Mask(tensors), variant).query("gate == 'all'").set_index("layer")
    for k, hidden in enumerate(widths[1:]):
        assert table.loc[k, "dead"] == hidden - sum(layer == k for layer, _ in alive)


@pytest.mark.parametrize("variant", VARIANTS)
def test_spectral_radius_is_that_of_each_gates_block(variant):
    network = build.stacked(variant, 6, 2, 3, seed=4)
    mask, _ = prune.prune(network, 0.5)
    mask.apply(network)
    found = survival.spectral_radius(network).set_index(["layer", "gate"])["spectral_radius"]
    for k, stage in enumerate(network.stages):
        for g, gate in enumerate(GATES[variant]):
            block = stage.weight_hh.detach()[6 * g : 6 * (g + 1)].numpy()
            assert found[k, gate] == pytest.approx(np.abs(np.linalg.eigvals(block)).max(), rel=1e-4)


def test_spectral_radius_of_a_rotation_is_its_scale_and_masked_weights_count_as_0():
    network = build.stacked("rnn_tanh", 2, 1, 2)
    with torch.no_grad():
        network.stages[0].weight_hh.copy_(torch.tensor([[0.0, -0.7], [0.7, 0.0]]))
    assert survival.spectral_radius(network)["spectral_radius"].tolist() == pytest.approx([0.7])
    network.stages[0].mask_hh[0, 1] = False
    assert survival.spectral_radius(network)["spectral_radius"].tolist() == [0]


def test_what_cannot_be_counted_is_refused():
    with pytest.raises(UnknownName, match="did you mean 'gru'"):
        survival.survivors(Mask({}), "grv")
    skipping = build.layered("rnn_tanh", nx.complete_graph(4))
    assert survival.survivors(skipping)["layer"].nunique() == 4
    with pytest.raises(ValueError, match="each layer reads the one before"):
        survival.dead_units(skipping)
    with pytest.raises(ValueError, match="the readout the last"):
        survival.dead_units(build.layered("rnn_tanh", nx.path_graph(4), interface=3))
    recurrent = Mask({"lstm.weight_hh_l0": torch.ones(8, 2)})
    assert survival.survivors(recurrent, "lstm")["survivors"].tolist() == [4] * 4
    with pytest.raises(ValueError, match=r"both matrices of each layer; this mask has lstm\.weight_hh_l0"):
        survival.dead_units(recurrent, "lstm")
