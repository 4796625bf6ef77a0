"""What `01_pruning` finds beyond RQ1 and RQ2 follows from its tables, whatever was left out of them."""

import itertools

import numpy as np
import pandas as pd
import pytest

from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.pruning import WITHOUT_H2H, scored_networks
from sparsekit.figures import tables as pruning_tables
from sparsekit.pruning import memory
from sparsekit.reports import answers as pruning_answers
from sparsekit.reports import thesis as reported
from sparsekit.tasks import definitions as tasks

P = Parameters(compare_at=[80], percentages=[50, 80], margin=0.02)
OWN, CONTROLS = ("magnitude", "global"), (("random", "global"), ("random", "layer"))


def scored(levels, seeds=3, percentages=(50, 80), noise=0.0):
    """Accuracy of each score and scope, the same at every percentage."""
    rng = np.random.default_rng(0)
    rows = [
        {"variant": "lstm", "seed": seed, "target": "both", "percent": float(amount), "score": pair[0]}
        | {"scope": pair[1], "base_accuracy": 1.0, "accuracy": level + 0.01 * seed + noise * rng.normal()}
        for pair, level in levels.items()
        for seed, amount in itertools.product(range(seeds), percentages)
    ]
    sizes = {"weights": 500, "weights_dense": 1000, "multiply_adds": 100, "multiply_adds_dense": 400}
    return pd.DataFrame(rows).assign(**sizes)


def grid(accuracies, base=1.0):
    """By percentage, an accuracy for each seed."""
    rows = [
        {"variant": "gru", "seed": seed, "target": "both", "percent": float(amount), "accuracy": accuracy}
        for amount, by_seed in accuracies.items()
        for seed, accuracy in enumerate(by_seed)
    ]
    return pd.DataFrame(rows).assign(base_accuracy=base)


def test_kept_is_told_up_to_the_first_percentage_that_is_not_shown():
    table = grid({40: (0.999, 0.998, 1.0), 60: (0.99, 0.95, 1.0), 80: (0.6, 0.61, 0.62)})
    told = pruning_answers.kept(table, P)
    assert "GRU up to 40 % (a drop is shown at 80 %)" in told
    assert told.endswith("Of all 3 conditions, 1 kept, 1 dropped and 1 cannot tell.")
    assert "GRU at no percentage tested" in pruning_answers.kept(table[table["percent"] > 40], P)


def test_one_seed_shows_nothing_to_be_kept_and_a_network_at_chance_keeps_nothing():
    one = grid({40: (1.0,), 80: (0.6,)})
    assert "give `seeds` above 1" in pruning_answers.kept(one, P)
    assert pruning_answers.kept(grid({40: (0.5, 0.5)}, base=0.5), P).startswith("No variant is above chance")


def test_the_lead_over_random_pruning_is_paired_by_seed():
    table = scored({OWN: 0.9, CONTROLS[0]: 0.5, CONTROLS[1]: 0.6})
    assert pruning_answers.against_random(table, P) == (
        "Largest lead of magnitude over random pruning of as many weights: LSTM +40.0 points (+40.0 to +40.0) "
        "anywhere, at 50 % and +30.0 points (+30.0 to +30.0) layer by layer, at 50 %."
    )
    one = pruning_answers.against_random(table[table["seed"] == 0], P)
    assert "LSTM +40.0 points anywhere, at 50 %" in one
    itself = pruning_answers.against_random(table, P.model_copy(update={"score": "random"}))
    assert "nothing to set beside it" in itself


def test_other_scores_stand_against_the_runs_own_where_they_are_compared():
    levels = {OWN: 0.7, ("sensitivity", "global"): 0.8, ("magnitude", "gate"): 0.4} | dict.fromkeys(CONTROLS, 0.5)
    table = scored(levels)
    told = pruning_answers.scores_and_scopes(table, P)
    assert "best of the others: LSTM +10.0 points (+10.0 to +10.0) by sensitivity global at 80 %" in told
    assert told.endswith("Of the intervals of 2 differences, 1 lie above 0 and 1 below; chance alone makes about 0.1.")
    assert "no difference has an interval" in pruning_answers.scores_and_scopes(table[table["seed"] == 0], P)


def test_nothing_asked_for_is_said_with_how_to_ask():
    alone = scored({OWN: 0.7} | dict.fromkeys(CONTROLS, 0.5))
    assert "give `scores`, such as" in pruning_answers.scores_and_scopes(alone, P)
    paths = pd.DataFrame({"variant": ["lstm"], "network": ["base"], "cut": ["nothing"], "accuracy": [1.0]})
    assert "needs `h2h` among the `targets`" in pruning_answers.without_h2h(paths, P)


def test_survivors_name_the_extremes_and_the_first_death():
    shares = {("i", 0): 0.1, ("f", 0): 0.4, ("g", 1): 0.2, ("o", 1): 0.3}
    tag = {"variant": "lstm", "seed": 0, "target": "both", "percent": 80.0}
    survival = pd.DataFrame([tag | {"gate": g, "layer": k, "share": s} for (g, k), s in shares.items()])
    survival["matrix"] = "input-to-hidden"
    dead = pd.DataFrame([tag | {"percent": q, "layer": 0, "gate": "all", "dead": q > 60} for q in (50.0, 80.0)])
    assert pruning_answers.survivors(survival, dead, 80, P) == (
        "With 80 % of all recurrent weights pruned, between 10 % (LSTM input i, layer 1, input-to-hidden) and 40 % "
        "(LSTM forget f, layer 1, input-to-hidden) stay, and the first units die at 80 %."
    )
    assert "no unit dies" in pruning_answers.survivors(survival, dead.assign(dead=0), 80, P)


@pytest.mark.parametrize("rows", [3, 0], ids=["strings", "no table"])
def test_what_is_remembered_stands_beside_the_table_of_as_many_characters(rows):
    seen = pd.DataFrame({"seen": [1, 4, 8], "accuracy": [0.5, 0.985, 0.99]})
    seen = seen.assign(variant="gru", network="base", seed=0)
    table = pd.DataFrame({"seen": [1, 4, 8], "accuracy": [0.5, 0.94, 0.95]}).head(rows)
    told = pruning_answers.remembered(seen, table, P)
    assert f"GRU: base, 4 (all give 99 %{', a table 94 %' * (rows > 0)})" in told


def test_a_carry_is_named_only_where_cutting_it_costs_accuracy():
    levels = {("rnn_tanh", "nothing"): 0.5, ("lstm", "nothing"): 0.95, ("lstm", "carry"): 0.55}
    paths = pd.DataFrame(
        [{"variant": v, "network": WITHOUT_H2H, "cut": cut, "accuracy": a} for (v, cut), a in levels.items()]
    )
    told = pruning_answers.without_h2h(paths, P)
    assert "RNN-Tanh 50 % and LSTM 95 %. With the carry cut too: LSTM 55 %." in told
    assert "what LSTM still knows of the past comes by the carry" in told
    unharmed = paths.assign(accuracy=0.95)
    assert "the carry is not what they live by" in pruning_answers.without_h2h(unharmed, P)
    simple = pruning_answers.without_h2h(paths[paths["variant"] == "rnn_tanh"], P)
    assert simple.endswith("None of these cells has another path for its past.")


def test_operating_points_show_ratios_and_deviations():
    table = scored({OWN: 0.7} | dict.fromkeys(CONTROLS, 0.5))
    html = pruning_tables.operating(table, P).to_html()
    assert all(told in html for told in ("2×", "4×", "0.710 ± 0.010", "1.000 ± 0.000"))
    assert "±" not in pruning_tables.operating(table[table["seed"] == 0], P).to_html()


def test_accuracy_by_length_is_in_order_of_length():
    rows = [("gru", "base", 0, first, first + 3, accuracy) for first, accuracy in ((13, 0.9), (9, 0.8), (101, 0.7))]
    table = pd.DataFrame(rows, columns=["variant", "network", "seed", "first", "last", "accuracy"])
    shown = pruning_tables.by_length(table)
    assert list(shown.columns) == ["9–12", "13–16", "101–104"]
    assert shown.data.iloc[0].tolist() == [0.8, 0.9, 0.7]


def test_needed_passes_over_what_is_only_crossed():
    assert memory.needed(pd.Series({1: 0.99, 2: 0.5, 4: 0.97, 8: 0.99}), 0.02) == 4
    assert memory.needed(pd.Series({8: 0.7}), 0.02) == 8


def test_the_runs_own_score_is_always_global_too():
    p = P.model_copy(update={"scopes": ["gate"], "percentages": [80], "seeds": 1, "variants": ["gru"]})
    assert {(unit.score, unit.scope) for unit in scored_networks(p)} == {OWN, ("magnitude", "gate"), *CONTROLS}


def test_what_belongs_to_another_task_is_left_out():
    assert reported.safe_percentages(P)
    for other in ({"task": "digits"}, {"invalid": "edit"}):
        assert not reported.safe_percentages(P.model_copy(update=other))
    assert memory.last_characters(tasks.make("digits", train_size=40, test_size=20)).empty
