import copy

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.networks import build
from sparsekit.networks.training import Encoded, Population, Recipe, adam, dense_gradient, train, update
from sparsekit.pruning.dynamics import DYNAMICS, asks_gradient, cosine, rewire, update_steps
from sparsekit.pruning.initial import begun
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.matrices import matrices
from sparsekit.pruning.scores import Evidence
from sparsekit.registry import OwnError, UnknownName
from sparsekit.tasks import definitions as tasks
from sparsekit.variants import GATES, VARIANTS

TASK = tasks.make("reber", train_size=96, test_size=40)
RECIPE = Recipe(epochs=3, batch_size=16)
MOVING = ["set", "rigl", "selfish_rnn"]


def sparse(variant, sparsity=0.75, seed=1, hidden=8, layers=2):
    network = build.stacked(variant, hidden, layers, 6, seed=seed)
    begun("erdos_renyi", network, sparsity, Evidence(seed=seed))
    return network


def a_batch():
    return next(Encoded(TASK.train).batches(RECIPE, np.arange(96)))


def gradient_by_differences(network, name, places, h=1e-5):
    """Of the mean cross-entropy on `a_batch`, in double precision, of weights that may not exist."""
    inputs, labels, _ = a_batch()
    twin = copy.deepcopy(network).double()
    for stage in twin.stages:
        stage.mask_ih.fill_(True)
        stage.mask_hh.fill_(True)
    weight, found = twin.get_parameter(name).data.view(-1), []
    for place in places:
        losses = []
        for sign in (1, -1):
            weight[place] += sign * h
            losses.append(float(torch.nn.functional.cross_entropy(twin(inputs), labels)))
            weight[place] -= sign * h
        found.append((losses[0] - losses[1]) / (2 * h))
    return torch.tensor(found, dtype=torch.float64)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_dense_gradient_is_that_of_weights_that_do_not_exist_too(variant):
    network = sparse(variant)
    found = dense_gradient(network, *a_batch())
    for name, exists in Mask.of(network).items():
        flat = exists.view(-1)
        places = [*(~flat).nonzero()[:5, 0].tolist(), *flat.nonzero()[:3, 0].tolist()]
        expected = gradient_by_differences(network, name, places)
        torch.testing.assert_close(found[name].view(-1)[places].double(), expected, rtol=1e-3, atol=1e-6)
    assert all(parameter.grad is None for parameter in network.parameters())


def literal(network, dynamic, fraction, gradient=None):
    """What must go, and what may come, by plain sorting: {group: (weights that go, places allowed, how many)}."""
    found = {}
    for name, matrix in matrices(network).items():
        gates = len(GATES[network.variant])
        for gate, (weight, exists) in enumerate(
            zip(matrix.weight.detach().chunk(gates), Mask.of(network)[name].chunk(gates), strict=True)
        ):
            key = name.split(".")[1] if dynamic == "selfish_rnn" else (name, gate)
            rows = len(weight)
            for i, j in np.ndindex(*weight.shape):
                found.setdefault(key, []).append(
                    (abs(float(weight[i, j])), bool(exists[i, j]), (name, gate * rows + i, j))
                )
    made = {}
    for key, entries in found.items():
        alive = sorted((entry for entry in entries if entry[1]), key=lambda entry: entry[0])
        count = round(fraction * len(alive))
        gone = {place for *_, place in alive[:count]}
        made[key] = gone, {place for _, there, place in entries if not there} | gone, count
    return made


def places(mask):
    return {(name, int(i), int(j)) for name, exists in mask.items() for i, j in exists.nonzero()}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dynamic", MOVING)
def test_an_update_is_the_literal_one(variant, dynamic):
    network = sparse(variant)
    before, expected = copy.deepcopy(network), literal(network, dynamic, 0.3)
    independent = {name: gradient.abs() for name, gradient in dense_gradient(before, *a_batch()).items()}
    dropped, grown = rewire(dynamic, network, 0.3, lambda: dense_gradient(network, *a_batch()), seed=5)
    assert places(dropped) == set().union(*(gone for gone, _, _ in expected.values()))
    for gone, allowed, count in expected.values():
        came = places(grown) & allowed
        assert len(came) == count == len(gone)
        if dynamic == "rigl":  # the top of a gradient computed beside
            ranked = sorted((float(independent[name][i, j]) for name, i, j in allowed), reverse=True)
            assert sorted((float(independent[name][i, j]) for name, i, j in came), reverse=True) == ranked[:count]
    after = Mask.of(network)
    assert places(after) == (places(Mask.of(before)) - places(dropped)) | places(grown)
    assert after.holds(network)
    for name, matrix in matrices(network).items():
        moved = dropped[name] | grown[name]
        assert (matrix.weight[moved] == 0).all()
        assert torch.equal(matrix.weight[~moved], before.get_parameter(name)[~moved])


def test_set_keeps_each_gate_and_selfish_rnn_each_layer():
    by_set, selfish = sparse("lstm"), sparse("lstm")
    began = Mask.of(by_set)
    for seed in range(5):
        for dynamic, network in (("set", by_set), ("selfish_rnn", selfish)):
            rewire(dynamic, network, 0.3, dict, seed)
            for name, matrix in matrices(network).items():  # as a step would move what came
                fresh = (matrix.weight == 0) & Mask.of(network)[name]
                matrix.weight.data[fresh] = 0.01 * torch.randn(
                    int(fresh.sum()), generator=torch.Generator().manual_seed(seed)
                )

    def by_gate(mask):
        return [int(gate.sum()) for exists in mask.values() for gate in exists.chunk(4)]

    assert by_gate(Mask.of(by_set)) == by_gate(began)
    assert by_gate(Mask.of(selfish)) != by_gate(began)
    for layer in range(2):
        counts = [
            sum(int(m[f"stages.{layer}.weight_{kind}"].sum()) for kind in ("ih", "hh"))
            for m in (began, Mask.of(selfish))
        ]
        assert counts[0] == counts[1]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(sorted(VARIANTS)),
    st.sampled_from(sorted(DYNAMICS)),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(0, 2**31),
)
def test_density_is_constant_to_the_weight(variant, dynamic, sparsity, fraction, seed):
    network = sparse(variant, sparsity, seed % 7, hidden=5, layers=1)
    before, was = Mask.of(network), {name: m.weight.detach().clone() for name, m in matrices(network).items()}
    values = {
        name: torch.randn(exists.shape, generator=torch.Generator().manual_seed(seed))
        for name, exists in before.items()
    }
    dropped, grown = rewire(dynamic, network, fraction, lambda: values, seed)
    after = Mask.of(network)
    assert sum(int(m.sum()) for m in after.values()) == sum(int(m.sum()) for m in before.values())
    assert after.holds(network)
    for name, exists in before.items():
        assert not (dropped[name] & ~exists).any()
        assert not (grown[name] & exists & ~dropped[name]).any()
    if dynamic == "static" or round(fraction * 1e6) == 0:
        assert after == before
        assert all(torch.equal(was[name], m.weight) for name, m in matrices(network).items())


def hooks(dynamic, at, numbers=None):
    """What moves masks, for `train`."""

    def move(step):
        return lambda network, k, gradient: rewire(
            dynamic, network, 0.3, gradient, seed=100 * step + (numbers or range(99))[k]
        )

    return {step: move(step) for step in at}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dynamic", MOVING)
def test_a_network_whose_mask_moves_trains_alone_as_among_others(variant, dynamic):
    together = [sparse(variant, sparsity, seed) for seed, sparsity in enumerate((0.5, 0.75, 0.9))]
    alone = copy.deepcopy(together)
    began = [Mask.of(network) for network in together]
    train(together, TASK, RECIPE, 3, rewire_at=hooks(dynamic, (4, 9)))
    for k, (network, twin) in enumerate(zip(together, alone, strict=True)):
        train([twin], TASK, RECIPE, 3, rewire_at=hooks(dynamic, (4, 9), [k]))
        assert Mask.of(network) == Mask.of(twin) != began[k]
        assert Mask.of(network).holds(network)
        for (name, p), q in zip(network.named_parameters(), twin.parameters(), strict=True):
            assert torch.equal(p, q), name


def test_a_static_mask_trains_as_one_that_nothing_looks_at():
    network, twin = sparse("gru"), sparse("gru")
    train([network], TASK, RECIPE, 3, rewire_at=hooks("static", (1, 4, 9)))
    train([twin], TASK, RECIPE, 3)
    assert all(torch.equal(p, q) for p, q in zip(network.parameters(), twin.parameters(), strict=True))


@pytest.mark.parametrize("dynamic", MOVING)
def test_training_equals_a_literal_loop(dynamic):
    """Plain torch, one network, Adam's state set to 0 by hand where a weight was dropped or grown."""
    network, at = sparse("lstm"), (4, 9)
    plain, step = copy.deepcopy(network), 0
    train([network], TASK, RECIPE, 3, rewire_at=hooks(dynamic, at))
    optimizer, stream = torch.optim.Adam(plain.parameters(), RECIPE.learning_rate), np.random.default_rng(3)
    for _ in range(RECIPE.epochs):
        for batch in Encoded(TASK.train).batches(RECIPE, stream.permutation(96)):
            inputs, labels, _ = batch
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(plain(inputs), labels).backward()
            for name, exists in Mask.of(plain).items():
                plain.get_parameter(name).grad *= exists
            torch.nn.utils.clip_grad_norm_(plain.parameters(), RECIPE.gradient_clip)
            optimizer.step()
            step += 1
            if step in at:
                dropped, grown = rewire(
                    dynamic, plain, 0.3, lambda batch=batch: dense_gradient(plain, *batch), seed=100 * step
                )
                for name in dropped:
                    for moment in ("exp_avg", "exp_avg_sq"):
                        optimizer.state[plain.get_parameter(name)][moment][dropped[name] | grown[name]] = 0
    assert Mask.of(network) == Mask.of(plain)
    for (name, p), q in zip(network.named_parameters(), plain.named_parameters(), strict=True):
        torch.testing.assert_close(p, q[1], rtol=1e-3, atol=1e-5, msg=name)


def test_what_was_dropped_and_grown_begins_with_an_optimizer_of_zeros():
    network = sparse("gru")
    population = Population([network])
    optimizer = adam(population, RECIPE)
    batch = a_batch()
    for _ in range(3):
        update(population, optimizer, RECIPE, *batch)
    moments = [m.clone() for m in optimizer.state[population.flat].values() if m.shape == population.flat.shape]
    exchanged = []
    population.change(lambda n, k: exchanged.extend(rewire("set", n, 0.5, dict, 2)), optimizer)
    moved = {name: exchanged[0][name] | exchanged[1][name] for name in exchanged[0]}
    flat = network.layout.flat(moved.get(n, torch.zeros_like(p, dtype=bool)) for n, p in network.named_parameters())
    now = [m for m in optimizer.state[population.flat].values() if m.shape == population.flat.shape]
    assert len(now) == 2
    assert flat.any()
    for was, after in zip(moments, now, strict=True):
        assert (was[0][flat] != 0).any()
        assert (after[0][flat] == 0).all()
        assert torch.equal(after[0][~flat], was[0][~flat])


def test_the_papers_schedule_of_updates():
    assert update_steps(1000, 100, 0.75) == [100, 200, 300, 400, 500, 600, 700]
    assert update_steps(800, 100, 0.75) == [100, 200, 300, 400, 500]
    assert update_steps(50, 100, 0.75) == []
    shares = [cosine(0.3, step, 750) for step in range(0, 751, 50)]
    assert shares == sorted(shares, reverse=True)
    assert shares[0] == 0.3
    assert shares[-1] == 0


def test_only_rigl_asks_for_the_dense_gradient():
    assert [name for name in DYNAMICS if asks_gradient(name)] == ["rigl"]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda seen: None, "gave None; give two masks"),
        (lambda seen: (Mask({n: ~m for n, m in seen.mask.items()}), seen.mask), "dropped weights that do not exist"),
        (lambda seen: (Mask({n: m & False for n, m in seen.mask.items()}), seen.mask), "grew weights that exist"),
        (lambda seen: (seen.mask, Mask({n: m & False for n, m in seen.mask.items()})), "dropped 60 weights and grew 0"),
    ],
)
def test_what_a_users_own_does_wrong_is_said(function, said):
    DYNAMICS.register(function, name="mine")
    try:
        with pytest.raises(OwnError, match=said):
            rewire("mine", sparse("rnn_tanh", 0.75, hidden=8, layers=2), 0.3, dict)
    finally:
        del DYNAMICS["mine"]
    with pytest.raises(UnknownName, match="did you mean 'rigl'"):
        rewire("rigle", sparse("rnn_tanh"), 0.3, dict)
