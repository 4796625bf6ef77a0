"""Networks pruned and retrained: what each protocol starts from, what each schedule reaches, what a record says."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import torch

from sparsekit.experiments import memory as experiments_memory
from sparsekit.experiments import pruning as experiments_pruning
from sparsekit.experiments.execution import run
from sparsekit.experiments.identity import key
from sparsekit.experiments.memory import MemoryProbe
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import ParameterError
from sparsekit.experiments.pruned import PrunedNetwork
from sparsekit.experiments.records import Store
from sparsekit.experiments.units import BaseNetwork, EarlyNetwork, Strings, base_networks
from sparsekit.graphs import nulls
from sparsekit.networks.training import Recipe, train
from sparsekit.pruning import cost as costs
from sparsekit.pruning import memory, schedules, survival
from sparsekit.pruning import prune as pruning
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.recovery import PROTOCOLS
from sparsekit.pruning.scores import SCORES
from sparsekit.seeds import derive
from sparsekit.tasks import definitions as tasks
from sparsekit.variants import GATES

STEPS = 6  # of retraining, three in each epoch
RECIPE = Recipe(2, 16, learning_rate=0.03)
VARIANTS = ("rnn_tanh", "gru", "lstm")


def base(variant="gru", task="reber", epochs=3):
    return BaseNetwork(Strings(task, 48, 24), variant, 0, Recipe(epochs, 16), 6, 2, 5)


def unit(variant="gru", target="both", percent=80.0, **options):
    return PrunedNetwork(base(variant), target, percent, RECIPE, (1,), **options)


def rewound(variant="gru", step=2, **options):
    return unit(variant, protocol="rewind", rewind_step=step, **options)


def conditions(variant):
    for target in ("both", "h2h"):
        for protocol in PROTOCOLS:
            yield unit(variant, target, protocol=protocol, rewind_step=2 * (protocol == "rewind"))
        for schedule in ("iterative", "gradual"):
            yield unit(variant, target, schedule=schedule, rounds=3)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Every condition of each variant, and base networks early in their training."""
    store = Store(tmp_path_factory.mktemp("pruned"))
    units = [one for variant in VARIANTS for one in conditions(variant)]
    units += [EarlyNetwork(base(), steps) for steps in (0, 2, 3, 9, 10**6)]
    run([*units, base(epochs=1)], store, workers=1, report=lambda *_: None)
    return store


def at_start(one, store):
    """The network that retraining starts from, and its mask by gate."""
    network = one.start(store)
    mask, gates = Mask.of(network), len(GATES[one.base.variant])
    return network, {name: torch.stack(m.chunk(gates)) for name, m in mask.items()}


def same(one, two):
    """Whether two networks' parameters are equal, bit for bit."""
    return all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))


def survivors_of(network, other):
    """Whether the weights that exist in the first are those of the second, and all others 0."""
    return all(
        torch.equal(a, b * getattr(network.get_submodule(name[:8]), f"mask_{name[-2:]}") if "weight_" in name else b)
        for (name, a), b in zip(network.named_parameters(), other.parameters(), strict=True)
    )


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_mask_of_the_start_holds_after_retraining(variant, store):
    for one in conditions(variant):
        retrained, data = one.network(store), store.read(one)
        mask = Mask.of(retrained)
        assert mask.holds(retrained), one
        assert mask.sparsity == data["sparsity"]
        if one.schedule == "one_shot":
            started, _ = at_start(one, store)
            assert mask.keys() == Mask.of(started).keys()
            assert all(torch.equal(mask[name], m) for name, m in Mask.of(started).items()), one
            assert not same(started, retrained)
        if one.protocol != "dense":
            assert data["target_sparsity"] == pytest.approx(0.8, abs=0.02)
            spared = [m for name, m in mask.items() if name not in pruning.targeted(mask, one.target)]
            assert all(m.all() for m in spared)


def test_retraining_starts_from_the_surviving_weights(store):
    assert survivors_of(unit().start(store), base().network(store))


def test_reinitialising_keeps_the_mask_and_no_weight(store):
    network, gates = at_start(unit(protocol="reinitialise"), store)
    _, published = at_start(unit(), store)
    assert all(torch.equal(m, published[name]) for name, m in gates.items())
    assert survivors_of(network, unit().fresh())
    assert same(unit().fresh(), unit(target="h2h", percent=50.0, protocol="dense").fresh())
    assert not same(unit().fresh(), base().network())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_random_mask_has_as_many_weights_in_each_gate(variant, store):
    network, drawn = at_start(unit(variant, protocol="random_mask"), store)
    _, published = at_start(unit(variant), store)
    assert all(torch.equal(m.sum((1, 2)), published[name].sum((1, 2))) for name, m in drawn.items())
    assert not all(torch.equal(m, published[name]) for name, m in drawn.items())
    assert survivors_of(network, unit(variant).fresh())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_rewired_mask_keeps_how_many_weights_each_unit_has_in_and_out(variant, store):
    network, rewired = at_start(unit(variant, percent=70.0, protocol="rewired_mask"), store)
    _, published = at_start(unit(variant, percent=70.0), store)
    for name, mask in rewired.items():
        for dimension in (1, 2):  # of (gate, unit, source): sums over units and over sources, gate by gate
            assert torch.equal(mask.sum(dimension), published[name].sum(dimension)), (name, dimension)
    assert not all(torch.equal(m, published[name]) for name, m in rewired.items())
    assert survivors_of(network, unit(variant).fresh())


def test_rewiring_all_gates_in_one_would_move_weights_between_them():
    """Why gates are rewired one by one: stacked, only the sum over gates of what leads out of a unit is kept."""
    stacked = np.zeros((12, 6), bool)
    stacked[:6, :3] = stacked[6:, 3:] = True
    rewired = nulls.mask_like(stacked, "rewired", 0)
    assert (rewired.sum(0) == stacked.sum(0)).all()
    assert (rewired[:6].sum(0) != stacked[:6].sum(0)).any()


def test_dense_training_is_the_same_beside_every_condition(store):
    both, h2h = unit(protocol="dense"), unit(target="h2h", protocol="dense")
    assert store.read(both)["history"] == store.read(h2h)["history"]
    assert store.read(both)["sparsity"] == 0
    assert store.read(both)["weights"] == store.read(both)["weights_dense"] == base().network().size()
    assert same(both.start(store), both.fresh())
    # Taught by the same strings in the same order, so another network only by its mask.
    assert store.read(both)["history"] != store.read(unit(protocol="reinitialise"))["history"]


def test_an_early_network_is_the_base_after_so_many_steps(store):
    early = {steps: EarlyNetwork(base(), steps).network(store) for steps in (0, 2, 3, 9, 10**6)}
    assert same(early[0], base().network())
    assert same(early[3], base(epochs=1).network(store))  # three steps are an epoch
    assert same(early[9], base().network(store))
    assert same(early[10**6], base().network(store))
    assert not any(same(early[2], early[steps]) for steps in (0, 3))


def test_rewinding_starts_from_the_early_weights_in_the_same_mask(store):
    network, gates = at_start(rewound(), store)
    _, published = at_start(unit(), store)
    assert all(torch.equal(m, published[name]) for name, m in gates.items())
    assert survivors_of(network, EarlyNetwork(base(), 2).network(store))
    assert survivors_of(rewound(step=0).start(store), base().network())
    assert rewound().requires == (base(), EarlyNetwork(base(), 2))


def test_what_begins_anew_trains_for_the_steps_that_base_training_had_left():
    p = Parameters(train_size=100, rewind_step=7, base_epochs=5, retrain_epochs=1, protocols=["rewind", "random_mask"])
    networks = experiments_pruning.protocol_networks(p)  # an epoch has four steps
    found = {one.protocol: (one.recipe.epochs, one.steps, one.rewind_step) for one in networks}
    assert found == {"retrain": (1, 0, 0), "rewind": (4, 13, 7), "random_mask": (4, 13, 0)}
    with pytest.raises(ParameterError, match="rewind_step: given 20, but base training has 20 steps in all"):
        experiments_pruning.protocol_networks(p.model_copy(update={"rewind_step": 20}))


def test_training_may_stop_within_an_epoch(tmp_path):
    stopped, whole = rewound(percent=0.0, steps=5), rewound(percent=0.0)
    run([stopped, whole], store := Store(tmp_path), workers=1, report=lambda *_: None)
    short, long = (store.read(one)["history"] for one in (stopped, whole))
    assert [row["step"] for row in short] == [0, 1, 3, 5]
    assert short[:3] == long[:3]
    assert short[-1]["epoch"] == 5 / 3
    by_hand = whole.start(store)
    order = derive("order of strings in retraining", 0)
    train([by_hand], base().strings.make(), RECIPE, order, stop_at=5)
    assert same(by_hand, stopped.network(store))


@pytest.mark.parametrize("schedule", ["iterative", "gradual"])
@pytest.mark.parametrize("target", ["both", "h2h"])
def test_a_schedule_prunes_as_planned(schedule, target, store):
    one = unit(target=target, schedule=schedule, rounds=3)
    plan = one.plan()
    assert plan == schedules.SCHEDULES[schedule](0.8, STEPS, 3)
    data = store.read(one)
    mask = Mask.of(one.network(store))
    entries = sum(mask[name].numel() for name in pruning.targeted(mask, target))
    assert data["target_sparsity"] == round(0.8 * entries) / entries
    by_step = {row["step"]: row["test_accuracy"] for row in data["history"]}
    assert set(plan) <= set(by_step)
    assert data["accuracy"] == by_step[max(plan)]


@pytest.mark.parametrize("schedule", ["iterative", "gradual"])
def test_sparsity_grows_along_the_way_and_no_weight_comes_back(schedule, store, monkeypatch, tmp_path):
    seen = []
    prune = PrunedNetwork.prune

    def watched(self, network, sparsity):
        prune(self, network, sparsity)
        seen.append((sparsity, Mask.of(network)))

    monkeypatch.setattr(PrunedNetwork, "prune", watched)
    one, other = unit(schedule=schedule, rounds=3), Store(tmp_path)
    run([one], other, workers=1, report=lambda *_: None)
    assert [sparsity for sparsity, _ in seen] == list(one.plan().values())
    for sparsity, mask in seen:
        assert mask.sparsity == pytest.approx(sparsity, abs=1 / sum(m.numel() for m in mask.values()))
    for (_, before), (_, after) in itertools.pairwise(seen):
        assert not any((after[name] & ~m).any() for name, m in before.items())
    assert other.read(one)["history"] == store.read(one)["history"]


def test_all_can_go_on_schedule_without_a_warning(tmp_path, recwarn):
    one = unit(target="h2h", percent=100.0, schedule="iterative", rounds=2)
    run([one], store := Store(tmp_path), workers=1, report=lambda *_: None)
    assert store.read(one)["target_sparsity"] == 1
    assert not [warning for warning in recwarn if "all weights" in str(warning.message)]


def test_a_schedule_goes_with_no_protocol_that_starts_from_a_mask():
    with pytest.raises(ValueError, match="protocol dense with schedule gradual"):
        unit(protocol="dense", schedule="gradual")


def test_parameters_offer_every_protocol_but_the_one_that_always_runs():
    names = [name for name in PROTOCOLS if name != "retrain"]
    assert Parameters(protocols=names).protocols == names


def test_new_options_leave_the_names_of_records():
    old = BaseNetwork(Strings("reber", 48, 24), "gru", 0, Recipe(3, 16), 4, 2, 4)
    one = PrunedNetwork(old, "both", 80.0, Recipe(2, 16), (1,))
    # a change of this name would orphan every result that anyone keeps
    assert key(one) == "04a28b41d0b7a826527b3728b7c1cf32d59fb4d1fea0a5b357cc28ad5ec294a7"
    changes = {"scope": "gate", "schedule": "gradual", "rounds": 2, "protocol": "dense", "rewind_step": 1, "steps": 4}
    changes |= {"agreement": 0.95}
    changed = [replace(one, **{name: value}) for name, value in changes.items()]
    assert len({key(one), *map(key, changed)}) == 1 + len(changes)


def test_a_group_that_was_stopped_goes_on_to_the_same_bits(store, tmp_path):
    units, part = list(conditions("gru")), Store(tmp_path)
    for few in (units[1:2], units[-1:], units):  # one protocol alone, one schedule alone, then what is left
        run(few, part, workers=1, report=lambda *_: None)
    for one in units:
        assert part.read(one) == store.read(one), one
        assert same(one.network(part), one.network(store))


def test_a_record_says_what_is_left_of_the_network(store):
    one = unit(protocol="random_mask")
    network, data = one.network(store), store.read(one)
    assert data["base_accuracy"] == store.read(base())["history"][-1]["test_accuracy"]
    assert [row["step"] for row in data["history"]] == [0, 1, 3, 6]
    assert data["survivors"] == survival.survivors(network).to_dict("list")
    assert data["dead_units"] == survival.dead_units(network).to_dict("list")
    assert (data["weights"], data["multiply_adds"]) == (network.size(), costs.multiply_adds(network))
    assert data["multiply_adds_dense"] == costs.multiply_adds(base().network())
    stages = {"base": base().network(store), "pruned": one.start(store), "recovered": network}
    for name, at in stages.items():
        assert data["spectral_radius"][name] == survival.spectral_radius(at).to_dict("list")


def test_a_score_judges_the_network_where_it_reads():
    network = base().network()
    for readout in ("last_padded", "last_valid"):
        evidence, _ = replace(unit(), recipe=replace(RECIPE, readout=readout)).evidence(network)
        train = base().strings.make().train
        read = (
            train.lengths - 1
            if readout == "last_valid"
            else [max(train.lengths[k // 16 * 16 :][:16]) - 1 for k in range(48)]
        )
        assert evidence.positions.tolist() == list(read)
        assert evidence.labels.tolist() == list(train.labels)
        assert pruning.prune(network, 0.5, score="sensitivity", evidence=evidence)[0].sparsity == pytest.approx(
            0.5, abs=0.01
        )


def test_networks_differ_in_what_they_are_asked_to():
    p = Parameters(variants=["gru"], seeds=2, sources=3, train_size=48, test_size=24, compare_at=[80], seed=4)

    def made_of(one):
        weights, order = (one.seed if own is None else own for own in (one.weights_seed, one.order_seed))
        return weights, order, one.strings.data_seed

    assert [made_of(one) for one in base_networks(p)] == [(4, 4, 0), (5, 5, 0)]
    varied = p.model_copy(update={"vary": ["strings"]})
    assert [made_of(one) for one in base_networks(varied)] == [(4, 4, 0), (4, 4, 1)]
    assert [one.seed for one in base_networks(varied)] == [4, 5]
    found = {}
    for source, one in experiments_pruning.source_networks(p):
        found.setdefault(source, []).append(made_of(one.base))
    assert found == {
        "weights": [(4, 4, 0), (5, 4, 0), (6, 4, 0)],
        "order": [(4, 4, 0), (4, 5, 0), (4, 6, 0)],
        "strings": [(4, 4, 0), (4, 4, 1), (4, 4, 2)],
        "all": [(4, 4, 0), (5, 5, 1), (6, 6, 2)],
    }
    one, like = base(), replace(base(), seed=7, weights_seed=0)
    assert same(one.network(), like.network())
    assert same(one.trained("cpu")[0], replace(like, order_seed=0).trained("cpu")[0])
    assert not same(one.trained("cpu")[0], like.trained("cpu")[0])


@pytest.mark.parametrize("schedule", ["one_shot", "iterative"])
def test_a_score_that_looks_at_data_says_whether_its_halves_agree(schedule, tmp_path):
    units = [unit(score="sensitivity", scope=s, schedule=schedule, rounds=2, agreement=0.95) for s in ("global", "row")]
    run(units, store := Store(tmp_path), workers=1, report=lambda *_: None)
    told = [store.read(one)["evidence"] for one in units]
    assert all(one["strings"] == 48 and -1 <= one["agreement"] <= 1 for one in told)
    if schedule == "one_shot":  # pruned of one network, by scores of the same strings
        assert told[0] == told[1]
        names = pruning.targeted(Mask.of(base().network()), "both")
        network = base().network(store)
        whole, agreement = units[0].evidence(network)
        halves = [
            replace(whole, **{k: getattr(whole, k)[rows] for k in ("inputs", "labels", "positions")})
            for rows in (slice(0, 24), slice(24, 48))
        ]
        scores = [torch.cat([SCORES["sensitivity"](network, names, half)[n].ravel() for n in names]) for half in halves]
        assert agreement.correlation == pytest.approx(scipy.stats.spearmanr(*scores).statistic)
        assert told[0]["agreement"] == agreement.correlation
        train = base().strings.make().train
        assert sorted(map(tuple, whole.inputs.tolist())) == sorted(map(tuple, train.inputs().tolist()))


@pytest.mark.parametrize("task", ["embedded_reber", "digits"])
def test_other_tasks(task, tmp_path):
    options = {"train_size": 48, "test_size": 24, "hidden_size": 4, "layers": 2, "embedding_size": 4, "base_epochs": 1}
    options |= {
        "variants": ["lstm"],
        "seeds": 1,
        "retrain_epochs": 1,
        "recovery_steps": [],
        "workers": 1,
        "targets": ["both"],
    }
    p = Parameters(
        task=task,
        **options,
        protocols=["rewind", "dense"],
        rewind_step=1,
        schedules=["gradual"],
        score="sensitivity",
        probe_strings=20,
        percentages=[80],
        compare_at=[80],
    )
    table = experiments_pruning.protocols(p)
    assert set(table["recovery"]) == {"retrain", "rewind", "dense"}
    pruned, recovered = experiments_pruning.schedules(p)
    assert pruned["target_sparsity"].to_list() == pytest.approx([0.8, 0.8], abs=0.01)
    assert set(recovered["schedule"]) == {"one_shot", "gradual"}
    tables = experiments_memory.tables(p)
    assert ("violation" in tables) == (task in tasks.GRAMMARS)
    assert ("distance" in tables) == (task in tasks.DISTANCES)
    assert tables["told"].empty == (task not in tasks.RULES)


def test_a_probe_of_memory_records_what_the_functions_return(store, tmp_path):
    for network in (base(), unit()):
        probe = MemoryProbe(network, 20)
        run([probe], store, workers=1, report=lambda *_: None)
        task, recipe = base().strings.make(), network.recipe
        part, read = task.test.subset(range(20)), network.network(store)
        called = {
            "whole": memory.whole(read, part, recipe),
            **dict(zip(("past", "told"), memory.with_another_past(read, task, recipe, 20), strict=True)),
            "length": memory.by_length(read, part, recipe),
            "violation": memory.by_violation(read, part, recipe, tasks.violations("reber", part.strings)),
        }
        recorded = store.read(probe)
        assert recorded.keys() == called.keys()
        for name, table in called.items():
            for column, values in table.to_dict("list").items():
                np.testing.assert_array_equal(recorded[name][column], values)


def test_the_runs_own_score_is_always_global_too():
    p = Parameters(compare_at=[80], scopes=["gate"], percentages=[80], seeds=1, variants=["gru"])
    rules = {(unit.score, unit.scope) for unit in experiments_pruning.scored_networks(p)}
    assert rules == {
        (score, scope)
        for score, scope in (("magnitude", "global"), ("magnitude", "gate"), ("random", "global"), ("random", "layer"))
    }
