import copy
import warnings

import networkx as nx
import numpy as np
import pytest
import torch
import torch.nn.utils.prune as torch_prune
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparsekit.networks import build
from sparsekit.pruning import prune
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.matrices import matrices
from sparsekit.pruning.schedules import SCHEDULES
from sparsekit.pruning.scores import SCORES, Evidence
from sparsekit.registry import UnknownName
from sparsekit.variants import SCOPES, TARGETS, VARIANTS
from tests.modules import MODULES, batches, module, train


def network(variant="gru", seed=0):
    return build.stacked(variant, hidden_size=5, layers=2, embedding_size=4, seed=seed)


def test_a_hand_worked_example():
    net = build.stacked("rnn_tanh", hidden_size=2, layers=1, embedding_size=2)
    with torch.no_grad():
        net.stages[0].weight_ih.copy_(torch.tensor([[1.0, -2.0], [3.0, -4.0]]))
        net.stages[0].weight_hh.copy_(torch.tensor([[-0.5, 6.0], [-7.0, 8.0]]))
    mask, threshold = prune.prune(net, 0.5, "both")
    assert threshold == 3.5  # halfway between 3 and 4, of 0.5 1 2 3 4 6 7 8
    assert mask["stages.0.weight_ih"].tolist() == [[False, False], [False, True]]
    assert mask["stages.0.weight_hh"].tolist() == [[False, True], [True, True]]
    mask, threshold = prune.prune(net, 0.5, "h2h")
    assert threshold == 6.5
    assert mask["stages.0.weight_ih"].all()
    assert mask["stages.0.weight_hh"].tolist() == [[False, False], [True, True]]
    mask, _ = prune.prune(net, 1.0, "both")
    assert sum(int(m.sum()) for m in mask.values()) == 1  # the published rule keeps the largest


@settings(max_examples=40, deadline=None)
@given(
    sparsity=st.floats(0, 1),
    target=st.sampled_from(sorted(TARGETS)),
    variant=st.sampled_from([*VARIANTS]),
    seed=st.integers(0, 99),
)
def test_reaches_the_sparsity_and_removes_the_smallest(sparsity, target, variant, seed):
    net = network(variant, seed)
    before = {name: p.clone() for name, p in net.named_parameters()}
    mask, threshold = prune.prune(net, sparsity, target)
    assert all(torch.equal(p, before[name]) for name, p in net.named_parameters())
    names = prune.targeted(mask, target)
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
    mask, _ = prune.prune(net, 0.6)
    for k, stage in enumerate(reference.stages):
        for part in ("weight_ih", "weight_hh"):
            assert torch.equal(mask[f"stages.{k}.{part}"], getattr(stage, f"{part}_mask").bool())


def test_pruning_a_sparse_network_counts_what_exists():
    net = network()
    first, _ = prune.prune(net, 0.5)
    first.apply(net)
    second, _ = prune.prune(net, 0.5)
    assert second.sparsity == pytest.approx(0.75, abs=0.01)
    assert all((second[name] <= first[name]).all() for name in first)


@pytest.mark.parametrize("sparsity", [-0.1, 1.5, 80, float("nan")])
def test_sparsity_out_of_range(sparsity):
    with pytest.raises(ValueError, match="between 0 and 1"):
        prune.prune(network(), sparsity)


def test_unknown_target_and_score():
    with pytest.raises(UnknownName, match="did you mean 'h2h'"):
        prune.prune(network(), 0.5, "hh2")
    with pytest.raises(UnknownName, match="did you mean 'magnitude'"):
        prune.prune(network(), 0.5, score="magnitud")


def test_nan_weights():
    net = network()
    net.stages[0].weight_ih.data[0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        prune.prune(net, 0.5)


def test_mask_survives_copy_state_dict_and_says_whether_it_holds():
    net = network()
    mask, _ = prune.prune(net, 0.9)
    assert not mask.holds(net)
    mask.apply(net)
    twin, fresh = copy.deepcopy(net), network(seed=1)
    fresh.load_state_dict(net.state_dict())
    for other in (twin, fresh):
        assert mask.holds(other)
        assert Mask.of(other).sparsity == mask.sparsity
    twin.stages[1].weight_hh.data[~mask["stages.1.weight_hh"]] = 1e-30
    assert not mask.holds(twin)


def test_each_scope_is_the_published_rule_on_a_part_of_the_network():
    net = network("lstm")
    for scope in ("layer", "matrix", "gate", "row"):
        mask, threshold = prune.prune(net, 0.3, scope=scope)
        thresholds = []
        for k, stage in enumerate(net.stages):
            rows = {f"stages.{k}.{name}": getattr(stage, name).detach() for name in ("weight_ih", "weight_hh")}
            parts = [[(name, slice(None)) for name in rows]] if scope == "layer" else [[(n, slice(None))] for n in rows]
            if scope == "gate":
                parts = [[(name, slice(5 * gate, 5 * gate + 5))] for name in rows for gate in range(4)]
            if scope == "row":
                parts = [[(name, slice(row, row + 1))] for name in rows for row in range(20)]
            for part in parts:
                pooled = np.concatenate([rows[name][where].abs().flatten().double() for name, where in part])
                thresholds.append(np.quantile(pooled, 0.3))
                for name, where in part:
                    assert torch.equal(mask[name][where], rows[name][where].abs().double() >= thresholds[-1])
        assert threshold == np.mean(thresholds)


def test_scopes_of_a_hand_worked_example():
    layer = nn.GRU(1, 1)  # one weight a gate in each matrix
    with torch.no_grad():
        layer.weight_ih_l0.copy_(torch.tensor([[1.0], [-2.0], [3.0]]))
        layer.weight_hh_l0.copy_(torch.tensor([[-4.0], [5.0], [-6.0]]))
    expected = {"global": ([0, 0, 0], [1, 1, 1]), "matrix": ([0, 0, 1], [0, 0, 1])}
    for scope, (i2h, h2h) in expected.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            mask = prune.apply(copy.deepcopy(layer), 0.5 if scope == "global" else 2 / 3, scope=scope)
        assert mask["weight_ih_l0"].flatten().tolist() == i2h
        assert mask["weight_hh_l0"].flatten().tolist() == h2h


def prunable(kind):
    """(module, name of the weight in it), as torch's own pruning wants them."""
    return {name: (matrix.owner, matrix.name) for name, matrix in matrices(module(kind)).items()}


TORCH_CAN = [kind for kind in MODULES if kind != "Classifier"]


@pytest.mark.parametrize("kind", TORCH_CAN)
@pytest.mark.parametrize("sparsity", [0.1, 0.5, 0.9, 1.0])
def test_any_module_gets_the_masks_that_torch_prune_gives_it(kind, sparsity):
    parts, parts_alone = prunable(kind), prunable(kind)
    torch_prune.global_unstructured(list(parts.values()), torch_prune.L1Unstructured, amount=sparsity)
    for part in parts_alone.values():
        torch_prune.l1_unstructured(*part, amount=sparsity)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of matrices without weights
        masks = {scope: prune.magnitude(module(kind), sparsity, scope=scope) for scope in ("global", "matrix")}
    for scope, known in (("global", parts), ("matrix", parts_alone)):
        assert list(masks[scope]) == list(known)
        for name, (owner, local) in known.items():
            assert torch.equal(masks[scope][name], getattr(owner, f"{local}_mask").bool())


@settings(max_examples=40, deadline=None)
@given(
    layer=st.sampled_from([nn.RNN, nn.GRU, nn.LSTM]),
    inputs=st.integers(1, 6),
    hidden=st.integers(1, 6),
    layers=st.integers(1, 3),
    bidirectional=st.booleans(),
    sparsity=st.floats(0, 1),
    target=st.sampled_from(sorted(TARGETS)),
    scope=st.sampled_from(sorted(SCOPES)),
    score=st.sampled_from(["magnitude", "random"]),
)
def test_the_sparsity_reached_is_the_one_asked_for_and_reported(
    layer, inputs, hidden, layers, bidirectional, sparsity, target, scope, score
):
    model = layer(inputs, hidden, layers, bidirectional=bidirectional)
    before = {name: p.clone() for name, p in model.named_parameters()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mask = prune.apply(model, sparsity, target, score, scope)
    kinds = {"both": ("weight_ih", "weight_hh"), "i2h": ("weight_ih",), "h2h": ("weight_hh",)}[target]
    assert set(mask) == {name for name in before if name.startswith(kinds)}
    zeros = {name: model.get_parameter(name) == 0 for name in mask}
    assert all(torch.equal(zeros[name], ~exists) for name, exists in mask.items())
    assert all(torch.equal(p, before[n]) for n, p in model.named_parameters() if n not in mask)
    entries = sum(z.numel() for z in zeros.values())
    assert mask.sparsity == pytest.approx(sum(int(z.sum()) for z in zeros.values()) / entries)
    gates = {nn.RNN: 1, nn.GRU: 3, nn.LSTM: 4}[layer]
    for group in groups(zeros, scope, gates):
        assert sum(int(z.sum()) for z in group) == round(sparsity * sum(z.numel() for z in group))


def groups(tensors, scope, gates):
    if scope == "global":
        return [list(tensors.values())]
    if scope == "layer":
        numbers = {name.split("_")[2] for name in tensors}
        return [[t for name, t in tensors.items() if name.split("_")[2] == number] for number in numbers]
    return [[block] for t in tensors.values() for block in t.chunk({"gate": gates, "row": len(t)}.get(scope, 1))]


@pytest.mark.parametrize("kind", MODULES)
def test_projections_biases_and_other_layers_stay_as_they_are(kind):
    model, fresh = module(kind), module(kind)
    mask = prune.magnitude(model, 0.9)
    changed = {n for n, p in model.named_parameters() if not torch.equal(p, fresh.get_parameter(n))}
    assert changed == set(mask)
    assert not [name for name in mask if "weight_hr" in name or "bias" in name]


@pytest.mark.parametrize("scope", SCOPES)
def test_random_at_equal_density_has_the_same_number_of_weights_in_every_part(scope):
    kind = "nn.LSTM, 2 layers, bidirectional, projected"
    masks = [how(module(kind), 0.6, scope=scope) for how in (prune.magnitude, prune.random)]
    assert not all(torch.equal(masks[0][name], masks[1][name]) for name in masks[0])
    counts = [[int(m[name].sum()) for name in m] for m in masks]
    assert masks[0].sparsity == masks[1].sparsity
    assert (counts[0] == counts[1]) == (scope in ("matrix", "gate", "row"))
    again, other = (prune.random(module(kind), 0.6, scope=scope, seed=seed) for seed in (0, 1))
    assert all(torch.equal(again[name], masks[1][name]) for name in again)
    assert not all(torch.equal(other[name], masks[1][name]) for name in other)


def test_equal_weights_are_pruned_to_the_sparsity_all_the_same():
    layer = nn.LSTM(4, 4)
    for parameter in layer.parameters():
        nn.init.constant_(parameter, 0.5)
    assert prune.magnitude(layer, 0.25).sparsity == 0.25


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_in_a_training_loop(schedule):
    model = module("nn.GRU, 2 layers, dropout")
    optimizer, steps, gone = torch.optim.Adam(model.parameters(), lr=0.02), 12, None
    plan = SCHEDULES[schedule](0.9, steps, 4)
    for step in range(steps):
        if step in plan:
            mask = prune.magnitude(model, plan[step], scope="matrix")
            mask.keep(model, optimizer)
            assert mask.sparsity == pytest.approx(plan[step], abs=0.02)
            assert gone is None or all((mask[name] <= gone[name]).all() for name in mask)
            gone = mask
        train(model, optimizer, 1, seed=step)
        assert gone is None or gone.holds(model)
    assert gone.sparsity == pytest.approx(0.9, abs=0.02)


def test_a_sparser_network_than_asked_for_stays_as_it_is():
    model = module("nn.LSTM")
    first = prune.magnitude(model, 0.8)
    first.keep(model)
    second = prune.random(model, 0.5)
    assert all(torch.equal(first[name], second[name]) for name in first)
    net = build.layered("gru", nx.path_graph(4))
    graph = Mask.of(net)
    mask = prune.apply(net, 0.5, "i2h", scope="matrix")
    assert all((mask[name] <= graph[name]).all() for name in mask)


def test_prune_and_apply_agree_on_the_kits_networks():
    net = network("lstm")
    mask, _ = prune.prune(net, 0.6, "h2h")
    applied = prune.magnitude(net, 0.6, "h2h")
    assert applied.sparsity == 0.6
    assert list(applied) == prune.targeted(mask, "h2h")
    assert all(torch.equal(applied[name], mask[name]) for name in applied)
    assert all(torch.equal(stage.mask_hh, mask[f"stages.{k}.weight_hh"]) for k, stage in enumerate(net.stages))


@pytest.mark.parametrize("score", ["sensitivity", "activity"])
def test_scores_that_look_at_data(score):
    net = network("gru")
    tokens = torch.randint(128, (6, 7), generator=torch.Generator().manual_seed(0))
    evidence = Evidence(tokens, torch.tensor([0, 1] * 3))
    mask = prune.apply(net, 0.5, score=score, scope="gate", evidence=evidence)
    assert mask.sparsity == pytest.approx(0.5, abs=0.02)
    assert not all(torch.equal(mask[n], e) for n, e in prune.magnitude(network("gru"), 0.5, scope="gate").items())


def test_sensitivity_of_a_module_of_ones_own():
    model = module("nn.LSTM, 2 layers, bidirectional, projected")
    ((x, labels),) = batches(1)
    by_loss = Evidence(loss=lambda m: nn.functional.cross_entropy(m(x), labels))
    masks = [
        prune.apply(copy.deepcopy(model), 0.5, score="sensitivity", evidence=evidence)
        for evidence in (by_loss, Evidence(x, labels))
    ]
    assert all(torch.equal(masks[0][name], masks[1][name]) for name in masks[0])


def test_a_matrix_without_weights_is_named():
    model = module("nn.LSTM")
    with torch.no_grad():
        model.encoder["recurrent"].weight_hh_l0 /= 1000
    with pytest.warns(UserWarning, match=r"^all weights of encoder\.recurrent\.weight_hh_l0 are gone$") as warned:
        prune.magnitude(model, 0.8)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    with pytest.warns(UserWarning, match="gone"):
        assert prune.magnitude(module("nn.LSTM"), 1.0, "h2h").sparsity == 1


def test_a_model_without_recurrent_layers():
    with pytest.raises(ValueError, match="no recurrent layer to prune in Sequential"):
        prune.magnitude(nn.Sequential(nn.Linear(2, 2)), 0.5)


def test_names_and_numbers_that_are_wrong_for_any_module():
    layer = nn.LSTM(3, 4)
    for sparsity in (-0.1, 80):
        with pytest.raises(ValueError, match="between 0 and 1"):
            prune.magnitude(layer, sparsity)
    with pytest.raises(UnknownName, match="did you mean 'h2h'"):
        prune.magnitude(layer, 0.5, target="hh2")
    with pytest.raises(UnknownName, match="did you mean 'matrix'"):
        prune.magnitude(layer, 0.5, scope="matrx")
    with torch.no_grad():
        layer.weight_hh_l0[0, 0] = float("nan")
    with pytest.raises(ValueError, match="weight_hh_l0: does the network hold NaN"):
        prune.magnitude(layer, 0.5)
    assert (layer.weight_ih_l0 != 0).all()


@pytest.mark.parametrize("sparsity", ["0.5", {"lstm": 0.5}, torch.tensor([0.5, 0.5]), None, float("nan"), -0.1])
def test_a_sparsity_is_one_number(sparsity):
    with pytest.raises(ValueError, match="it must be one number, a fraction between 0 and 1"):
        prune.magnitude(nn.LSTM(3, 4), sparsity)


@pytest.mark.parametrize("given", [nn.LSTM(3, 4).parameters(), [nn.LSTM(3, 4)], nn.LSTM(3, 4).state_dict()])
def test_a_module_is_pruned_and_nothing_else(given):
    with pytest.raises(TypeError, match=f"given a {type(given).__name__} to prune: give the torch.nn.Module itself"):
        prune.magnitude(given, 0.5)


def test_zeros_of_a_sparse_checkpoint_are_named_and_counted_once_asked_for():
    model = nn.LSTM(8, 16)
    prune.random(model, 0.5)
    with pytest.warns(UserWarning, match=r"768 weights that no mask removes are exactly 0"):
        assert prune.random(model, 0.2, seed=1).sparsity == pytest.approx(0.2, abs=0.001)
    model = nn.LSTM(8, 16)
    prune.random(model, 0.5)
    Mask.nonzero(model).keep(model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask = prune.magnitude(model, 0.6)
    assert mask.sparsity == pytest.approx(0.6, abs=0.001)
    assert mask.sparsity == pytest.approx(Mask.nonzero(model).sparsity, abs=1e-9)


def test_sensitivity_takes_its_own_gradients_and_names_what_is_frozen():
    model = nn.Sequential(nn.LSTM(3, 4))
    evidence = Evidence(loss=lambda net: net(torch.ones(2, 5, 3))[0].sum())
    with torch.no_grad():
        assert prune.apply(copy.deepcopy(model), 0.5, score="sensitivity", evidence=evidence).sparsity == 0.5
    model[0].weight_hh_l0.requires_grad_(False)
    with pytest.raises(ValueError, match=r"needs gradients, and 0\.weight_hh_l0 has none: it is frozen"):
        prune.apply(model, 0.5, score="sensitivity", evidence=evidence)


def test_whole_numbers_are_ranked_as_finely_as_they_are_given(monkeypatch):
    # Above 2 ** 24 single precision would take neighbours for equal.
    weights = nn.Sequential(nn.RNN(4, 4))
    score = (2**24 + torch.arange(16).flip(0)).view(4, 4)
    monkeypatch.setitem(SCORES, "counted", lambda network, names, evidence: dict.fromkeys(names, score))
    mask = prune.apply(weights, 5 / 16, target="h2h", score="counted")
    assert mask["0.weight_hh_l0"].flatten().tolist() == [True] * 11 + [False] * 5


@pytest.mark.parametrize("how", [prune.apply, prune.magnitude, prune.random])
def test_a_warning_points_at_the_line_that_pruned(how):
    with pytest.warns(UserWarning, match="are gone") as caught:
        how(nn.LSTM(4, 8), 1.0)
    assert {warning.filename for warning in caught} == {__file__}
