"""The probes of a network's memory: equal to the network where nothing is cut, and to shorter strings where all is."""

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis.intervals import wilson
from sparsekit.networks import build
from sparsekit.networks.training import Encoded, Population, Recipe, evaluate
from sparsekit.pruning import memory
from sparsekit.registry import UnknownName
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.baselines import baselines
from sparsekit.tasks.samples import Rows, Strings, Task
from sparsekit.variants import READOUTS, VARIANTS

PLAIN = Recipe(1, batch_size=4)
OWN = Recipe(1, batch_size=4, readout="last_valid")


def network_of(variant, seed=0, hidden=5, layers=2):
    """A small network with recurrent weights large enough that its past matters."""
    network = build.stacked(variant, hidden, layers, 4, seed=seed).double()
    with torch.no_grad():
        for name, weight in network.named_parameters():
            weight.mul_(2.0 if "weight" in name and "stages" in name else 1.0)
        network.readout.bias.zero_()
    return network


def words(count=23, longest=9, seed=0):
    rng = np.random.default_rng(seed)
    strings = ["".join(rng.choice(list("ABC"), rng.integers(1, longest + 1))) for _ in range(count)]
    return Strings(strings, rng.integers(0, 2, count))


def inputs_of(part):
    return torch.as_tensor(part.inputs()), torch.as_tensor(part.lengths - 1)


KINDS = {
    "stacked": lambda variant, graph, seed: network_of(variant, seed),
    "layered": lambda variant, graph, seed: build.layered(variant, graph, seed=seed),
    "seen whole": lambda variant, graph, seed: build.layered(variant, graph, interface=3, seed=seed),
    "recurrent": lambda variant, graph, seed: build.recurrent(variant, graph, 4, seed=seed),
    "features": lambda variant, graph, seed: build.stacked(variant, 5, 2, features=3, seed=seed),
}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 1000))
def test_without_cuts_it_computes_what_the_network_does(kind, variant, seed):
    graph = nx.connected_watts_strogatz_graph(9, 4, 0.7, seed=seed)
    network = KINDS[kind](variant, graph, seed).double()
    tokens, positions = inputs_of(words(seed=seed))
    if network.features:
        tokens = torch.randn(*tokens.shape, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        torch.testing.assert_close(memory.run(network, tokens), network(tokens), rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(
            memory.run(network, tokens, positions), network(tokens, positions), rtol=1e-10, atol=1e-12
        )


@pytest.mark.parametrize("variant", VARIANTS)
def test_with_every_path_cut_only_the_character_read_matters(variant):
    network, part = network_of(variant), words()
    tokens, positions = inputs_of(part)
    cut = dict.fromkeys(memory.PATHS[variant], True)
    alone = tokens.gather(1, positions[:, None])
    torch.testing.assert_close(memory.run(network, tokens, positions, cut), memory.run(network, alone))


@pytest.mark.parametrize("variant", ["gru", "lstm"])
@pytest.mark.parametrize("path", ["hidden", "carry"])
def test_either_path_alone_carries_the_past(variant, path):
    network = network_of(variant, layers=1)
    one, other = torch.tensor([[65, 66, 66]]), torch.tensor([[67, 66, 66]])
    apart = memory.run(network, one, cut={path: True}) - memory.run(network, other, cut={path: True})
    assert apart.abs().max() > 1e-3


@pytest.mark.parametrize("variant", ["gru", "lstm"])
def test_cutting_the_hidden_path_is_having_no_hidden_to_hidden_weights(variant):
    network, tokens = network_of(variant), inputs_of(words())[0]
    cut = memory.run(network, tokens, cut={"hidden": True})
    for stage in network.stages:
        stage.mask_hh.zero_()
    with torch.no_grad():
        torch.testing.assert_close(cut, network(tokens))


def test_an_lstm_whose_forget_gates_are_shut_has_no_carry_to_lose():
    network, tokens = network_of("lstm"), inputs_of(words())[0]
    intact, cut = (memory.run(network, tokens, cut={"carry": where}) for where in (False, True))
    assert (intact - cut).abs().max() > 1e-3
    with torch.no_grad():
        for stage in network.stages:
            stage.bias_ih[stage.nodes : 2 * stage.nodes] = -1000  # σ is 0 whatever the rest says
    cut = memory.run(network, tokens, cut={"carry": True})
    torch.testing.assert_close(memory.run(network, tokens), cut)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("recipe", [PLAIN, OWN], ids=READOUTS)
def test_cutting_before_the_last_characters_equals_zeroing_the_state_there(variant, recipe):
    network, part = network_of(variant, seed=3), words(40)
    tokens, labels = inputs_of(part)[0], torch.as_tensor(part.labels)
    positions = torch.as_tensor(Encoded(part).positions(recipe))
    table = memory.cut_at(network, part, recipe, range(1, 10)).set_index("seen")
    for k, row in table.iterrows():
        where = torch.arange(tokens.shape[1]) == torch.as_tensor(part.lengths - k)[:, None]  # just before the last k
        logits = memory.run(network, tokens, positions, dict.fromkeys(memory.PATHS[variant], where))
        assert row["accuracy"] == float((logits.argmax(-1) == labels).double().mean())
        assert row["cut"] == (part.lengths > k).sum()
    assert table["accuracy"].nunique() > 1


@pytest.mark.parametrize("recipe", [PLAIN, OWN], ids=READOUTS)
def test_accuracies_agree_with_training_and_with_each_other(recipe):
    network, part = build.stacked("gru", 6, 2, 4, seed=1), words(60)
    (accuracy,) = evaluate(Population([network]), Encoded(part), recipe)[1]
    found = memory.paths(network, part, recipe).set_index("cut")["accuracy"]
    assert list(found.index) == ["nothing", "hidden", "carry", "both"]
    assert found["nothing"] == pytest.approx(accuracy)
    assert memory.cut_at(network, part, recipe, [part.lengths.max()])["accuracy"].item() == pytest.approx(accuracy)
    violations = np.where(part.labels == 1, -1, part.lengths // 2)
    for table in (
        memory.by_length(network, part, recipe),
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


def test_last_characters_votes_as_the_training_strings_do_and_falls_back_on_shorter_ends():
    train = Strings(["AX", "BX", "CX", "AY", "BY"], np.array([1, 1, 0, 0, 0]))
    test = Strings(["DX", "CX", "AY", "Q", "AX"], np.array([1, 0, 1, 0, 1]))
    table = memory.last_characters(Task("t", train, test, apart=False), [1, 2]).set_index("seen")
    # One character: X says 1, Y says 0, an unknown end the majority, 0. Two: DX is unknown and falls back on X.
    assert table["accuracy"].tolist() == [3 / 5, 4 / 5]
    assert table["known"].tolist() == [4 / 5, 3 / 5]


def test_last_characters_agree_with_the_baselines_where_every_end_is_known():

    task = tasks.make("reber", train_size=400, test_size=100)
    table = memory.last_characters(task).set_index("seen")
    assert table.loc[1, "known"] == table.loc[2, "known"] == 1
    for k, name in ((1, "last character"), (2, "last 2 characters")):
        assert table.loc[k, "accuracy"] == baselines(task).loc[name, "test_accuracy"]
    assert table["known"].is_monotonic_decreasing


def test_what_cannot_be_cut_or_counted_is_refused():
    part = words(4)
    with pytest.raises(UnknownName, match="path of rnn_tanh 'carry': allowed are hidden"):
        memory.run(network_of("rnn_tanh"), inputs_of(part)[0], cut={"carry": True})
    with pytest.raises(ValueError, match="one place for each of 4 strings"):
        memory.by_violation(always(0), part, OWN, np.array([1]))
    with pytest.raises(UnknownName, match="did you mean 'start'"):
        memory.by_violation(always(0), part, OWN, np.zeros(4, int), counted="stort")


def test_rows_of_numbers_are_cut_as_strings_are():
    rng = np.random.default_rng(0)
    part = Rows(rng.normal(size=(20, 4, 3)).astype(np.float32), rng.integers(0, 2, 20))
    network = build.stacked("gru", 5, 2, features=3)
    with torch.no_grad():
        last_rows = network(torch.as_tensor(part.features[:, -2:])).argmax(-1).numpy()
    table = memory.cut_at(network, part, OWN).set_index("seen")
    assert list(table.index) == [1, 2, 3, 4]
    assert table.loc[2, "accuracy"] == (last_rows == part.labels).mean()
