"""The probes of a network's memory, on classifiers of which is known what they remember."""

import zlib

import numpy as np
import pytest
import torch

from sparsekit.analysis.intervals import wilson
from sparsekit.networks import build
from sparsekit.networks.training import Encoded, Population, Recipe, evaluate
from sparsekit.pruning import memory
from sparsekit.registry import UnknownName
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import grammars
from sparsekit.tasks.samples import Strings
from sparsekit.tasks.transplants import transplants
from sparsekit.variants import READOUTS

PLAIN = Recipe(1, batch_size=4)
OWN = Recipe(1, batch_size=4, readout="last_valid")


def words(count=23, longest=9, seed=0):
    rng = np.random.default_rng(seed)
    strings = ["".join(rng.choice(list("ABC"), rng.integers(1, longest + 1))) for _ in range(count)]
    return Strings(strings, rng.integers(0, 2, count))


def from_text(classify):
    """A stand-in for a network's verdicts: of each string, what a function says."""

    def verdicts(_, inputs, positions):
        texts = (bytes(row[: k + 1].tolist()).decode() for row, k in zip(inputs, positions, strict=True))
        return np.array([classify(text) for text in texts])

    return verdicts


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("reber", {}), ("reber", {"invalid": "edit"}), ("embedded_reber", {"longest": 40}), ("temporal_order", {})],
)
def test_who_knows_the_rules_tells_all_pasts_apart_and_who_sees_the_end_none(name, arguments, monkeypatch):
    task, rules = tasks.make(name, train_size=400, test_size=200, **arguments), tasks.RULES[name]

    def knows(text):
        return rules.label(grammars.walk(text, rules.automaton)[-1])

    monkeypatch.setattr(memory, "_verdicts", from_text(knows))
    past, told = memory.with_another_past(None, task, OWN, 100)
    assert (past["accuracy"] == 1).all()
    assert (told["accuracy"] == 1).all()
    assert set(told["past"]) == {"state", "class"}
    assert set(past["group"]) == {"valid", "invalid"}
    longer = told.set_index("seen")["longer"]
    assert (longer[longer.index == 8] == (task.test.lengths[:100] > 8).mean()).all()

    for blind in (
        len,
        lambda text: text[-4:],
    ):  # by length, and by the last characters: any rule, here an arbitrary one
        monkeypatch.setattr(
            memory, "_verdicts", from_text(lambda text, see=blind: zlib.crc32(str(see(text)).encode()) % 2)
        )
        _, told = memory.with_another_past(None, task, OWN, 100)
        assert (told.loc[told["seen"] >= 4, "accuracy"] == 0).all()


def test_a_network_that_forgets_tells_no_pasts_apart_and_agrees_with_itself():
    network, task = build.stacked("gru", 5, 1, 4, seed=1), tasks.make("temporal_order", train_size=40, test_size=60)
    with torch.no_grad():
        for stage in network.stages:  # the update gate shut, no hidden-to-hidden weight: only the character read counts
            stage.mask_hh.zero_()
            stage.bias_ih[stage.nodes : 2 * stage.nodes] = -1000
    past, told = memory.with_another_past(network, task, OWN, 30)
    assert (told["accuracy"] == 0).all()
    by_group = past.pivot(index=["seen", "past"], columns="group", values="accuracy")
    assert by_group.loc[1].notna().all(axis=None)


@pytest.mark.parametrize("recipe", [PLAIN, OWN], ids=READOUTS)
@pytest.mark.parametrize("name", ["reber", "digits"])
def test_exchanged_strings_are_read_as_the_network_reads_them(name, recipe):
    task = tasks.make(name, train_size=100, test_size=60)
    network = build.stacked("gru", 6, 2, 4, classes=task.classes, features=task.features, seed=1)
    table, part = transplants(task, 30), task.test.subset(range(30))
    past, told = memory.with_another_past(network, task, recipe, 30)
    own = table[(table["seen"] == 2) & (table["past"] == "class")]
    read = Encoded(part).positions(recipe)
    hits = []
    for row in own.itertuples():
        start, sample, steps = task.test.lengths[row.sample] - 2, task.test.inputs()[row.sample], read[row.sample] + 1
        new = np.concatenate([task.test.inputs()[row.donor][:start], sample[start:]])[:steps]
        with torch.no_grad():
            verdict, uncut = (int(network(torch.as_tensor(x[None])).argmax()) for x in (new, sample[:steps]))
        hits.append(verdict == (1 - part.labels[row.sample] if name == "reber" else uncut))
    found = past[(past["seen"] == 2) & (past["past"] == "class")]
    assert found["n"].sum() == len(hits)
    assert (found["accuracy"] * found["n"]).sum() == pytest.approx(sum(hits))
    assert told.empty == (name == "digits")
    assert set(past["group"]) == ({"all"} if name == "digits" else {"valid", "invalid"})


@pytest.mark.parametrize("recipe", [PLAIN, OWN], ids=READOUTS)
def test_accuracies_agree_with_training_and_with_each_other(recipe):
    network, part = build.stacked("gru", 6, 2, 4, seed=1), words(60)
    (accuracy,) = evaluate(Population([network]), Encoded(part), recipe)[1]
    row = memory.whole(network, part, recipe).iloc[0]
    assert row["accuracy"] == pytest.approx(accuracy)
    assert row["majority"] == max(np.bincount(part.labels)) / 60
    violations = np.where(part.labels == 1, -1, part.lengths // 2)
    for table in (
        memory.by_length(network, part, recipe),
        memory.by_distance(network, part, recipe, part.lengths // 3 + 1),
        memory.by_violation(network, part, recipe, violations),
        memory.by_violation(network, part, recipe, violations, counted="end", width=1),
    ):
        assert table["n"].sum() == len(part)
        assert (table["accuracy"] * table["n"]).sum() == pytest.approx(accuracy * len(part))


def always(label):
    """A network that gives every string one class."""
    network = build.stacked("rnn_tanh", 3, 1, 3)
    with torch.no_grad():
        network.readout.weight.zero_()
        network.readout.bias.copy_(torch.eye(2)[label])
    return network


def test_violations_and_lengths_are_binned_from_1_with_wilson_intervals():
    part = Strings(["AAAAAA", "BAAA", "AABAA", "AAAAAB", "AB", "AAA"], np.array([1, 0, 0, 0, 0, 0]))
    violations = np.array([-1, 0, 2, 5, 1, 3])  # the last one stops too early
    table = memory.by_violation(always(0), part, OWN, violations, width=2)
    assert table["group"].tolist() == ["valid"] + ["invalid"] * 3
    assert table["first"].tolist()[1:] == [1, 3, 5]
    assert table["n"].tolist() == [1, 2, 2, 1]
    assert table["accuracy"].tolist() == [0, 1, 1, 1]
    assert table[["low", "high"]].iloc[1].tolist() == pytest.approx(wilson(2, 2)[1:])
    from_end = memory.by_violation(always(0), part, OWN, violations, counted="end", width=1)
    assert from_end["first"].tolist()[1:] == [1, 3, 4]
    assert from_end["n"].tolist()[1:] == [3, 1, 1]
    by_length = memory.by_length(always(0), part, OWN, width=3)
    assert by_length[["first", "last", "n"]].values.tolist() == [[1, 3, 2], [4, 6, 4]]
    assert by_length["accuracy"].tolist() == [1, 0.75]


def test_what_cannot_be_counted_is_refused():
    part = words(4)
    with pytest.raises(ValueError, match="one place for each of 4 strings"):
        memory.by_violation(always(0), part, OWN, np.array([1]))
    with pytest.raises(UnknownName, match="did you mean 'start'"):
        memory.by_violation(always(0), part, OWN, np.zeros(4, int), counted="stort")
