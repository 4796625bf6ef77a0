import copy
import time
from itertools import islice

import numpy as np
import pytest
import torch

from sparsekit.graphs import families
from sparsekit.networks import build, training
from sparsekit.networks.training import Encoded, Population, Recipe, adam, evaluate, train, update
from sparsekit.pruning import prune
from sparsekit.pruning.masks import Mask
from sparsekit.tasks import definitions as tasks
from sparsekit.variants import TARGETS, VARIANTS
from tests import references

TASK = tasks.make("reber", train_size=200, test_size=90)
RECIPE = Recipe(epochs=2, batch_size=16)


def reference_batches(recipe, seed):
    """The batches that `train` uses, cut and padded by plain code."""
    stream = np.random.default_rng(seed)
    for _ in range(recipe.epochs):
        order = stream.permutation(len(TASK.train))
        for start in range(0, len(order), recipe.batch_size):
            rows = order[start : start + recipe.batch_size]
            strings = [TASK.train.strings[i] for i in rows]
            longest = max(map(len, strings))
            tokens = [[ord(c) for c in s] + [0] * (longest - len(s)) for s in strings]
            yield torch.tensor(tokens), torch.tensor([int(TASK.train.labels[i]) for i in rows])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["stacked", "layered"])
def test_training_equals_the_literal_loop(variant, kind):
    torch.manual_seed(2)
    if kind == "stacked":
        reference, network = references.Stacked(variant, 8, 2, 6), build.stacked(variant, 8, 2, 6)
    else:
        graph = families.sample("watts_strogatz", 1, 12, 12)
        reference, network = references.Layered(variant, graph), build.layered(variant, graph)
    references.copy_into(network, reference)
    losses = references.train_steps(reference, reference_batches(RECIPE, 7))
    (history,) = train([network], TASK, RECIPE, 7)
    steps = len(losses) // 2
    sizes = np.diff([*range(0, 200, 16), 200])
    for epoch in (1, 2):
        expected = np.dot(losses[(epoch - 1) * steps : epoch * steps], sizes) / 200
        assert history[epoch]["train_loss"] == pytest.approx(expected, rel=1e-4)
    trained = copy.deepcopy(network)
    references.copy_into(trained, reference)
    for (name, got), expected in zip(network.named_parameters(), trained.parameters(), strict=True):
        torch.testing.assert_close(got, expected, rtol=2e-3, atol=2e-4, msg=name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_first_twenty_losses_at_full_size_are_the_literal_ones(variant):
    torch.manual_seed(2)
    reference, network = references.Stacked(variant), build.stacked(variant)
    references.copy_into(network, reference)
    batches = list(islice(reference_batches(Recipe(2, 16), 7), 20))
    expected = references.train_steps(reference, batches)
    population = Population([network])
    optimizer = adam(population, RECIPE)
    got = [update(population, optimizer, RECIPE, *batch)[0].mean().item() for batch in batches]
    assert got == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_pruning_on_the_way_holds_from_then_on(variant):
    network = build.stacked(variant, 8, 2, 6)
    seen = []

    def halve(net, number):
        mask, _ = prune.prune(net, 0.5)
        mask.apply(net)
        seen.append((number, Mask.of(net).sparsity))

    (history,) = train([network], TASK, RECIPE, 1, prune_at={0: halve, 5: halve})
    assert [row["step"] for row in history] == [0, 5, 13, 26]
    assert [round(s, 2) for _, s in seen] == [0.5, 0.75]
    assert Mask.of(network).sparsity == seen[-1][1]
    assert Mask.of(network).holds(network)


def test_training_stops_where_asked():
    network, twin = build.stacked("gru", 8, 2, 6), build.stacked("gru", 8, 2, 6)
    train([network], TASK, RECIPE, 1, stop_at=13)
    train([twin], TASK, Recipe(1, 16), 1)
    for p, q in zip(network.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p, q)
    fresh = build.stacked("gru", 8, 2, 6)
    train([fresh], TASK, RECIPE, 1, stop_at=0)
    for p, q in zip(fresh.parameters(), build.stacked("gru", 8, 2, 6).parameters(), strict=True):
        assert torch.equal(p, q)


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_network_in_a_population_trains_as_alone(variant):
    base = build.stacked(variant, 8, 2, 6, seed=4)
    together = []
    for sparsity in (0.0, 0.5, 0.9):
        network = copy.deepcopy(base)
        prune.prune(network, sparsity)[0].apply(network)
        together.append(network)
    alone = copy.deepcopy(together)
    histories = train(together, TASK, RECIPE, 3, measure_at=[1, 4])
    for network, twin, history in zip(together, alone, histories, strict=True):
        (single,) = train([twin], TASK, RECIPE, 3, measure_at=[1, 4])
        assert [row["step"] for row in history] == [0, 1, 4, 13, 26]
        assert [row["test_loss"] for row in history] == pytest.approx([row["test_loss"] for row in single], abs=1e-6)
        for (name, p), q in zip(network.named_parameters(), twin.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=0, msg=name)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("target", list(TARGETS))
def test_masked_weights_stay_zero_and_others_move(variant, target):
    network = build.stacked(variant, 8, 2, 6)
    mask, _ = prune.prune(network, 0.8, target)
    mask.apply(network)
    before = copy.deepcopy(network)
    train([network], TASK, Recipe(1, 16), 0)
    assert mask.holds(network)
    for name in mask:
        moved = network.get_parameter(name) != before.get_parameter(name)
        assert not moved[~mask[name]].any()
        assert moved[mask[name]].any()


@pytest.mark.parametrize("readout", ["last_padded", "last_valid"])
def test_evaluation_equals_batches_one_by_one(readout):
    recipe = Recipe(1, 16, readout=readout)
    network = build.stacked("gru", 8, 2, 6, seed=9)
    test = Encoded(TASK.test)
    losses, hits = [], []
    for tokens, labels, positions in test.batches(recipe, np.arange(len(TASK.test))):
        logits = network(tokens, positions)
        losses.append(torch.nn.functional.cross_entropy(logits, labels, reduction="sum").item())
        hits.append(int((logits.argmax(1) == labels).sum()))
    loss, accuracy = evaluate(Population([network]), test, recipe)
    assert loss[0] == pytest.approx(sum(losses) / 90, rel=1e-5)
    assert accuracy[0] == sum(hits) / 90


def test_a_probe_does_not_time_what_comes_once(monkeypatch):
    """Compiling takes seconds where nothing is in its cache, at the first call of each function alone."""
    first = set()

    def slow_at_first(of, own):
        def called(*given):
            if of not in first:
                first.add(of)
                time.sleep(2)
            return own(*given)

        monkeypatch.setattr(training, of, called)

    slow_at_first("evaluate", training.evaluate)
    slow_at_first("update", training.update)
    network = build.stacked("rnn_tanh", 8, 2, 6, seed=0)
    epoch, measuring = training.epoch_seconds([network], TASK, Recipe(1, 16))
    assert first == {"evaluate", "update"}
    assert max(epoch, measuring) < 1


def test_last_valid_reads_before_the_padding():
    network = build.stacked("lstm", 8, 1, 6, seed=9)
    test = Encoded(TASK.test)
    tokens, _, positions = next(test.batches(Recipe(1, 16, readout="last_valid"), np.arange(16)))
    for i in range(16):
        alone = torch.tensor([[ord(c) for c in TASK.test.strings[i]]])
        torch.testing.assert_close(network(tokens, positions)[i], network(alone)[0], rtol=1e-4, atol=1e-5)


def test_clipping_equals_torch():
    nets = [build.stacked("rnn_tanh", 6, 2, 5, seed=s) for s in range(3)]
    population = Population(nets)
    scales = torch.tensor([1e-3, 1.0, 1e3])
    (population.logits(torch.randint(0, 128, (4, 6))).square().sum((1, 2)) * scales).sum().backward()
    expected = population.flat.grad.clone()
    for k in range(3):
        one = torch.nn.Parameter(population.flat[k].detach().clone())
        one.grad = expected[k]
        torch.nn.utils.clip_grad_norm_([one], 5.0)
    population.clip(5.0)
    torch.testing.assert_close(population.flat.grad, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("variant", VARIANTS)
def test_cuda_gives_the_same(variant):
    nets = [build.stacked(variant, 8, 2, 6, seed=s) for s in range(2)]
    twins = copy.deepcopy(nets)
    for a, b in zip(train(nets, TASK, RECIPE, 0), train(twins, TASK, RECIPE, 0, device="cuda"), strict=True):
        assert a[-1]["test_loss"] == pytest.approx(b[-1]["test_loss"], rel=1e-3)
