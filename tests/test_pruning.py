import copy

import numpy as np
import pytest
import torch
import torch.nn.utils.prune as torch_prune
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit import networks, pruning
from sparsekit.masks import Mask
from sparsekit.registry import UnknownName


def network(variant="gru", seed=0):
    return networks.stacked(variant, hidden_size=5, layers=2, embedding_size=4, seed=seed)


def test_a_hand_worked_example():
    net = networks.stacked("rnn_tanh", hidden_size=2, layers=1, embedding_size=2)
    with torch.no_grad():
        net.stages[0].weight_ih.copy_(torch.tensor([[1.0, -2.0], [3.0, -4.0]]))
        net.stages[0].weight_hh.copy_(torch.tensor([[-0.5, 6.0], [-7.0, 8.0]]))
    mask, threshold = pruning.prune(net, 0.5, "both")
    assert threshold == 3.5  # halfway between 3 and 4, of 0.5 1 2 3 4 6 7 8
    assert mask["stages.0.weight_ih"].tolist() == [[False, False], [False, True]]
    assert mask["stages.0.weight_hh"].tolist() == [[False, True], [True, True]]
    mask, threshold = pruning.prune(net, 0.5, "h2h")
    assert threshold == 6.5
    assert mask["stages.0.weight_ih"].all()
    assert mask["stages.0.weight_hh"].tolist() == [[False, False], [True, True]]
    mask, _ = pruning.prune(net, 1.0, "both")
    assert sum(int(m.sum()) for m in mask.values()) == 1  # the published rule keeps the largest


@settings(max_examples=40, deadline=None)
@given(
    sparsity=st.floats(0, 1),
    target=st.sampled_from(sorted(pruning.TARGETS)),
    variant=st.sampled_from(networks.VARIANTS),
    seed=st.integers(0, 99),
)
def test_reaches_the_sparsity_and_removes_the_smallest(sparsity, target, variant, seed):
    net = network(variant, seed)
    before = {name: p.clone() for name, p in net.named_parameters()}
    mask, threshold = pruning.prune(net, sparsity, target)
    assert all(torch.equal(p, before[name]) for name, p in net.named_parameters())
    names = pruning.targeted(mask, target)
    pooled = np.concatenate([net.get_parameter(n).detach().abs().flatten().double().numpy() for n in names])
    assert threshold == np.quantile(pooled, sparsity)
    kept = np.concatenate([mask[n].flatten().numpy() for n in names])
    assert abs((1 - kept.mean()) - sparsity) <= 1 / len(kept) + 1e-12
    assert not kept.all() or sparsity < 1 / (len(kept) - 1) + 1e-9
    if kept.any() and not kept.all():
        assert pooled[kept].min() >= pooled[~kept].max()
    assert all(mask[n].all() for n in mask if n not in names)


def test_equals_torch_prune():
    net = network()
    reference = copy.deepcopy(net)
    parts = [(stage, part) for stage in reference.stages for part in ("weight_ih", "weight_hh")]
    torch_prune.global_unstructured(parts, torch_prune.L1Unstructured, amount=0.6)
    mask, _ = pruning.prune(net, 0.6)
    for k, stage in enumerate(reference.stages):
        for part in ("weight_ih", "weight_hh"):
            assert torch.equal(mask[f"stages.{k}.{part}"], getattr(stage, f"{part}_mask").bool())


def test_pruning_a_sparse_network_counts_what_exists():
    net = network()
    first, _ = pruning.prune(net, 0.5)
    first.apply(net)
    second, _ = pruning.prune(net, 0.5)
    assert second.sparsity == pytest.approx(0.75, abs=0.01)
    assert all((second[name] <= first[name]).all() for name in first)


@pytest.mark.parametrize("sparsity", [-0.1, 1.5, 80, float("nan")])
def test_sparsity_out_of_range(sparsity):
    with pytest.raises(ValueError, match="between 0 and 1"):
        pruning.prune(network(), sparsity)


def test_unknown_target_and_score():
    with pytest.raises(UnknownName, match="did you mean 'h2h'"):
        pruning.prune(network(), 0.5, "hh2")
    with pytest.raises(UnknownName, match="did you mean 'magnitude'"):
        pruning.prune(network(), 0.5, score="magnitud")


def test_nan_weights():
    net = network()
    net.stages[0].weight_ih.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        pruning.prune(net, 0.5)


def test_mask_survives_copy_state_dict_and_says_whether_it_holds():
    net = network()
    mask, _ = pruning.prune(net, 0.9)
    assert not mask.holds(net)
    mask.apply(net)
    twin, fresh = copy.deepcopy(net), network(seed=1)
    fresh.load_state_dict(net.state_dict())
    for other in (twin, fresh):
        assert mask.holds(other)
        assert Mask.of(other).sparsity == mask.sparsity
    twin.stages[1].weight_hh.data[~mask["stages.1.weight_hh"]] = 1e-30
    assert not mask.holds(twin)
