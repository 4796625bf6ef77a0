import numpy as np
import pytest
import torch

from sparsekit.graphs import directed
from sparsekit.graphs.balance import balanced_triads
from sparsekit.networks import build
from sparsekit.pruning import movement
from sparsekit.pruning.dynamics import rewire
from sparsekit.pruning.initial import begun
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.scores import Evidence
from sparsekit.variants import VARIANTS


def sparse(variant="gru", sparsity=0.75):
    network = build.stacked(variant, 10, 2, 6)
    begun("erdos_renyi", network, sparsity, Evidence(seed=1))
    return network


def test_distance_and_what_was_ever_alive_are_those_of_counting():
    network = sparse()
    trace, masks = movement.Trace(network), [Mask.of(network)]
    for step in (4, 8, 12):
        trace.note(network, step)
        rewire("set", network, 0.3, dict, step)
        trace.after(network)
        masks.append(Mask.of(network))
    flat = [np.concatenate([exists.numpy().ravel() for exists in mask.values()]) for mask in masks]
    found = trace.moved()
    assert found["distance"] == pytest.approx((flat[0] & ~flat[-1]).sum() / flat[0].sum())
    assert found["ever_alive"] == pytest.approx(np.logical_or.reduce(flat).mean())
    assert found["density"] == pytest.approx(flat[0].mean())
    assert found["ever_alive"] > found["density"]


def test_a_mask_that_stays_has_not_moved():
    network = sparse()
    trace = movement.Trace(network)
    trace.note(network, 0)
    assert trace.moved() == {
        "distance": 0,
        "ever_alive": trace.moved()["density"],
        "density": 1 - Mask.of(network).sparsity,
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_structure_is_measured_gate_by_gate(variant):
    network = sparse(variant)
    trace = movement.Trace(network)
    for step in (0, 10, 20, 30, 100):
        trace.note(network, step)
    table = trace.structure(seed=2)
    assert set(table["step"]) == {0, 20, 30, 100}  # nearest to 0, 25, 50, 75 and 100
    gates = len(network.stages[0].weight_hh) // 10
    assert len(table) == 4 * 2 * gates * 4
    block = network.stages[1].weight_hh.detach().chunk(gates)[-1]
    own = table[(table["step"] == 100) & (table["layer"] == 1)].tail(4).set_index("property")["value"]
    expected = directed.measure_directed(block != 0, movement.NULL_OF) | {"balanced_triads": balanced_triads(block)}
    assert own.to_dict() == pytest.approx(expected, nan_ok=True)
    same = table.drop(columns="step").groupby(["layer", "gate", "property"])[["value", "null"]].nunique(dropna=False)
    assert (same == 1).all(axis=None)  # a mask that stays has one null model


def test_of_random_masks_and_signs_nothing_is_told_from_chance():
    differences = []
    for seed in range(60):
        generator = torch.Generator().manual_seed(seed)
        block = torch.randn(24, 24, generator=generator).sign() * (torch.rand(24, 24, generator=generator) < 0.2)
        table = movement.structure({"stages.0.weight_hh": block.to(torch.int8)}, "rnn_tanh", seed)
        differences.append(table.set_index("property").eval("value - null"))
    found = np.array(differences)
    errors = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    assert (np.abs(found.mean(axis=0)) < 3.5 * errors).all()


def test_a_planted_effect_is_told():
    stream = np.random.default_rng(0)
    sides = np.sign(stream.normal(size=24))
    mask = stream.random((24, 24)) < 0.15
    mask |= mask.T
    mask[:3] = True
    signs = torch.from_numpy(np.outer(sides, sides) * mask).to(torch.int8)
    table = movement.structure({"stages.0.weight_hh": signs}, "rnn_tanh", 0).set_index("property")
    beyond = table["value"] - table["null"]
    assert beyond["balanced_triads"] > 0.3
    assert beyond["reciprocity"] > 0.1
    assert beyond["degree_inequality"] > 0.05
