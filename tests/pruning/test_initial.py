import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.networks import build
from sparsekit.pruning.initial import INITIAL, apportioned, begun
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.matrices import matrices
from sparsekit.pruning.scores import Evidence
from sparsekit.registry import OwnError, UnknownName
from sparsekit.tasks import definitions as tasks
from sparsekit.variants import GATES, VARIANTS

TASK = tasks.make("reber", train_size=64, test_size=20)
DATA = Evidence(torch.tensor(TASK.train.inputs()), torch.tensor(TASK.train.labels), seed=3)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("initial", ["uniform", "erdos_renyi", "snip"])
@pytest.mark.parametrize("sparsity", [0.0, 0.5, 0.96875, 1.0])
def test_every_initial_mask_leaves_as_many_weights(variant, initial, sparsity):
    network = build.stacked(variant, 9, 2, 6)
    before = copy.deepcopy(network.state_dict())
    mask = begun(initial, network, sparsity, DATA)
    entries = sum(exists.numel() for exists in mask.values())
    assert sum(int(exists.sum()) for exists in mask.values()) == entries - round(sparsity * entries)
    assert Mask.of(network) == mask
    assert mask.holds(network)
    for name, matrix in matrices(network).items():  # what exists is as initialised
        assert torch.equal(matrix.weight, before[name] * mask[name])


@pytest.mark.parametrize("initial", sorted(INITIAL))
def test_an_initial_mask_is_proposed_and_changes_nothing(initial):
    network = build.stacked("gru", 7, 1, 5)
    before = copy.deepcopy(network.state_dict())
    INITIAL[initial](network, 0.5, DATA)
    assert all(torch.equal(before[name], values) for name, values in network.state_dict().items())


def test_uniform_is_as_dense_everywhere():
    network = build.stacked("lstm", 10, 2, 20)
    for name, exists in begun("uniform", network, 0.8, DATA).items():
        for gate in exists.chunk(len(GATES["lstm"])):
            assert abs(int(gate.sum()) - 0.2 * gate.numel()) < 1, name


def test_erdos_renyi_is_densest_where_matrices_are_small():
    """ε (units + inputs) / (units × inputs), with the ε that gives the whole, worked out beside."""
    network = build.stacked("gru", 20, 1, 5)
    mask = begun("erdos_renyi", network, 0.8, DATA)
    sizes = {"stages.0.weight_ih": 20 * 5, "stages.0.weight_hh": 20 * 20}
    sums = {"stages.0.weight_ih": 20 + 5, "stages.0.weight_hh": 20 + 20}
    epsilon = 0.2 * 3 * sum(sizes.values()) / (3 * sum(sums.values()))
    for name in sizes:
        for gate in mask[name].chunk(3):
            assert abs(int(gate.sum()) - epsilon * sums[name]) < 1


def test_snip_takes_the_largest_gradient_times_weight():
    network = build.stacked("lstm", 6, 2, 5)
    logits = network(DATA.inputs)
    torch.nn.functional.cross_entropy(logits, DATA.labels).backward()
    products = torch.cat(
        [(matrix.weight * matrix.weight.grad).abs().flatten() for matrix in matrices(network).values()]
    )
    network.zero_grad()
    mask = begun("snip", network, 0.75, DATA)
    kept = torch.cat([exists.flatten() for exists in mask.values()])
    assert products[kept].min() >= products[~kept].max() * (1 - 1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_scaled_by_fan_in_what_reaches_a_unit_varies_as_in_the_dense_network(variant):
    dense, sparse, scaled = (build.stacked(variant, 300, 1, 300) for _ in range(3))
    begun("erdos_renyi", sparse, 0.75, DATA)
    mask = begun("erdos_renyi", scaled, 0.75, DATA, scale="fan_in")
    assert mask == Mask.of(sparse)
    for name, exists in mask.items():
        sums = [network.get_parameter(name).detach().square().sum(1).mean() for network in (dense, sparse, scaled)]
        assert sums[1] / sums[0] == pytest.approx(0.25, rel=0.05)
        assert sums[2] / sums[0] == pytest.approx(1, rel=0.05)
        row, kept = scaled.get_parameter(name).detach()[7], int(exists[7].sum())
        torch.testing.assert_close(row, sparse.get_parameter(name).detach()[7] * (300 / kept) ** 0.5)
    with pytest.raises(UnknownName, match="did you mean 'fan_in'"):
        begun("uniform", dense, 0.5, scale="fan_on")


def test_a_dense_network_and_a_unit_without_inputs_are_not_scaled():
    network, twin = build.stacked("gru", 6, 1, 5), build.stacked("gru", 6, 1, 5)
    begun("dense", network, 0.5, DATA, scale="fan_in")
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), twin.parameters(), strict=True))
    begun("uniform", network, 1.0, DATA, scale="fan_in")
    assert all((matrix.weight == 0).all() for matrix in matrices(network).values())


def test_seeds_draw_other_masks_and_the_same_one_again():
    one, again, other = (
        begun("erdos_renyi", build.stacked("gru", 9, 1, 6), 0.5, Evidence(seed=seed)) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 60), st.floats(0.01, 10)), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_apportioned_adds_up_and_overfills_none(parts, share):
    sizes, shares = [size for size, _ in parts], np.array([own for _, own in parts])
    total = round(share * sum(sizes))
    counts = apportioned(sizes, shares, total)
    assert sum(counts) == total
    assert all(0 <= count <= size for count, size in zip(counts, sizes, strict=True))
    # who is denser by its share has no fewer of its places, to a whole weight
    for a, b in ((a, b) for a in range(len(sizes)) for b in range(len(sizes)) if shares[a] >= shares[b]):
        assert (counts[a] + 1) / sizes[a] >= (counts[b] - 1) / sizes[b]


def test_an_unknown_one_is_an_error():
    with pytest.raises(UnknownName, match="did you mean 'uniform'"):
        begun("unifrom", build.stacked("gru", 5, 1, 4), 0.5)
    with pytest.raises(ValueError, match="sparsity is 2"):
        begun("uniform", build.stacked("gru", 5, 1, 4), 2)
    with pytest.raises(ValueError, match="needs data"):
        begun("snip", build.stacked("gru", 5, 1, 4), 0.5)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda network, sparsity, evidence: None, "gave None; give a Mask of"),
        (lambda network, sparsity, evidence: Mask.of(network), "left 160 weights of 80"),
    ],
)
def test_what_a_users_own_lacks_is_said(function, said):
    INITIAL.register(function, name="mine")
    try:
        with pytest.raises(OwnError, match=said):
            begun("mine", build.stacked("rnn_tanh", 8, 1, 12), 0.5)
    finally:
        del INITIAL["mine"]
