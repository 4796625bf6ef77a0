"""Networks that are sparse from the start: what they keep, what they cost, and what they are compared with."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from sparsekit.experiments import sparse
from sparsekit.experiments.execution import run
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import ParameterError
from sparsekit.experiments.records import Store
from sparsekit.experiments.sparse import SparseNetwork
from sparsekit.experiments.units import BaseNetwork, Strings
from sparsekit.networks.training import Recipe, train
from sparsekit.pruning.dynamics import DYNAMICS
from sparsekit.pruning.initial import INITIAL
from sparsekit.pruning.masks import Mask
from sparsekit.seeds import derive

BASE = BaseNetwork(Strings("reber", 48, 24), "gru", 0, Recipe(3, 16), 6, 2, 5)
RECIPE = Recipe(4, 16)  # 3 steps an epoch


def unit(**options):
    return SparseNetwork(BASE, 4, RECIPE, **{"update_interval": 2} | options)


UNITS = [
    *(unit(initial=name) for name in INITIAL if name != "dense"),
    *(unit(dynamic=name) for name in DYNAMICS if name != "static"),
    unit(initial="dense", schedule="gradual", rounds=3),
]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("sparse"))
    run(UNITS, store, workers=1, device="cpu")
    return store


@pytest.mark.parametrize("one", UNITS, ids=lambda one: f"{one.initial}-{one.dynamic}")
def test_each_ends_with_as_many_weights_and_moves_as_it_says(one, store):
    data, network = store.read(one), one.network(store)
    mask, entries = Mask.of(network), sparse._entries(BASE)
    assert sum(int(exists.sum()) for exists in mask.values()) == entries - round(0.75 * entries)
    assert mask.holds(network)
    assert data["sparsity"] == mask.sparsity
    assert data["history"][-1]["step"] == one.steps == 12
    moves = one.dynamic != "static" or one.schedule
    assert (data["moved"]["distance"] > 0) == bool(moves)
    assert (data["moved"]["ever_alive"] > data["moved"]["density"]) == bool(moves)


@pytest.mark.parametrize("one", [UNITS[-2], UNITS[3]], ids=lambda one: one.dynamic)
def test_computed_alone_it_is_bit_for_bit_what_it_is_among_others(one, store, tmp_path):
    alone = Store(tmp_path)
    run([one], alone, workers=1, device="cpu")
    assert repr(alone.read(one)) == repr(store.read(one))  # where NaN is NaN
    for p, q in zip(one.network(alone).parameters(), one.network(store).parameters(), strict=True):
        assert torch.equal(p, q)


def test_an_interrupted_study_goes_on_bit_for_bit(store, tmp_path):
    again = Store(tmp_path)
    run(UNITS[:3], again, workers=1, device="cpu")
    run(UNITS, again, workers=1, device="cpu")
    assert repr([again.read(one) for one in UNITS]) == repr([store.read(one) for one in UNITS])


def test_a_static_mask_is_plain_training_from_the_base_networks_first_weights(store):
    one = unit(initial="uniform")
    network = one.start()
    began = BASE.network()
    for (name, p), q in zip(network.named_parameters(), began.parameters(), strict=True):
        mask = Mask.of(network).get(name)
        assert torch.equal(p, q if mask is None else q * mask)
    train([network], BASE.strings.make(), RECIPE, derive("order of strings", BASE.seed))
    for p, q in zip(network.parameters(), one.network(store).parameters(), strict=True):
        assert torch.equal(p, q)


def test_multiply_adds_are_those_of_counting_step_by_step():
    entries, characters = sparse._entries(BASE), BASE.strings.make().train.lengths.sum() / 3
    kept = entries - round(0.75 * entries)
    static, moving, falling = unit(), unit(dynamic="rigl"), unit(initial="dense", schedule="gradual", rounds=3)
    assert static.training_multiply_adds() == pytest.approx(characters * 3 * 12 * kept)
    assert moving.updates() == [2, 4, 6, 8]
    assert moving.training_multiply_adds() == pytest.approx(characters * (36 * kept + 4 * (2 * kept + entries)))
    by_step, share = 0, 0.0
    for step in range(12):
        share = falling.prunings().get(step, share)
        by_step += 3 * (entries - round(share * entries))
    assert falling.training_multiply_adds() == pytest.approx(characters * by_step)


PARAMETERS = Parameters(
    train_size=48, test_size=24, hidden_size=6, layers=2, embedding_size=5, base_epochs=3, retrain_epochs=1,
    batch_size_pruning=16, seeds=2, sparse_variants=["gru", "lstm"], compressions=[2, 8], training_multiplier=3,
    initial_masks=["uniform", "snip"], dynamics=["static", "rigl"], update_interval=2,
    schedules=["iterative", "gradual"],
)  # fmt: skip


def test_what_is_compared_is_paired_and_pays_no_more_than_the_budget():
    found = sparse.compared(PARAMETERS)
    methods = {method for _, method, _, _ in found}
    assert methods == {"pruned", "small_dense", "uniform", "snip", "rigl", "gradual"}  # iterative does not begin dense
    assert len(found) == 2 * 6 * 2 * 4
    for (budget, method, compression, k), one in found.items():
        pruned, equal = (found["steps", name, compression, k] for name in ("pruned", method))
        if budget == "steps" and method != "pruned":
            assert one.recipe.epochs == 4
        if budget == "multiply-adds":
            assert sparse._cost(one) <= sparse._cost(pruned) * (1 + 1e-9)
            assert one.recipe.epochs <= 3 * 4
            more = replace(one, recipe=replace(one.recipe, epochs=one.recipe.epochs + 2))
            assert method == "pruned" or one.recipe.epochs == 12 or sparse._cost(more) > sparse._cost(pruned)
            assert one == equal or one.recipe.epochs != equal.recipe.epochs
        base = getattr(one, "base", one)
        assert (base.seed, base.variant) == (pruned.base.seed, pruned.base.variant)


@pytest.mark.parametrize("variant", ["rnn_tanh", "gru", "lstm"])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_small_dense_network_has_as_many_weights(variant, layers):
    base = replace(BASE, variant=variant, hidden_size=30, layers=layers)
    for compression in (2, 8, 32):
        wanted = base.network().size() - sparse._entries(base) * (1 - 1 / compression)
        sizes = {h: replace(base, hidden_size=h).network().size() for h in range(1, 31)}
        small = sparse._small(base, compression, 4)
        assert abs(small.network().size() - wanted) == pytest.approx(min(abs(size - wanted) for size in sizes.values()))
        assert small.recipe.epochs == 4


def test_tables_hold_every_network(tmp_path, monkeypatch):
    monkeypatch.setenv("SPARSEKIT_RUNS", str(tmp_path))
    p = PARAMETERS.model_copy(
        update={"sparse_variants": ["rnn_tanh"], "compressions": [4], "workers": 1, "device": "cpu"}
    )
    table = sparse.accuracies(p)
    assert len(table) == 2 * 6 * 2
    assert not table.duplicated(["seed", "budget", "method"]).any()
    assert table["percent"].eq(75).all()
    assert table[table["method"] == "pruned"]["spent"].eq(1).all()
    sizes = table[~table["method"].isin(["pruned", "small_dense"])].groupby("method")["weights"].unique()
    assert len(set(sizes.map(tuple))) == 1  # as many weights, whatever the method
    assert np.isfinite(table["accuracy"]).all()
    assert set(sparse.movements(p)["method"]) == {"uniform", "snip", "rigl", "gradual"}
    structures = sparse.structures(p)
    assert structures.groupby(["method", "seed"])["share"].agg(["min", "max"]).eq([0, 1]).all(axis=None)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"compressions": [1]}, "compressions: given 1, allowed is a number above 1"),
        ({"dynamics": ["rigle"]}, "did you mean 'rigl'"),
        ({"initial_masks": ["dense"]}, "allowed are erdos_renyi, snip, uniform"),
        ({"last_update": 1.5}, "last_update: given 1.5"),
        ({"training_multiplier": 0.5}, "training_multiplier: given 0.5"),
    ],
)
def test_bad_parameters_are_one_clear_line(given, said):
    with pytest.raises(ParameterError, match=said):
        Parameters(**given)
