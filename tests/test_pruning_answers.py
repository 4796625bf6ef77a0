"""What `01_pruning` finds beyond RQ1 and RQ2 follows from its tables, whatever was left out of them."""

import itertools

import numpy as np
import pandas as pd

from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.pruning import scored_networks
from sparsekit.figures import tables as pruning_tables
from sparsekit.reports import thesis as reported

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


def test_operating_points_show_ratios_and_deviations():
    table = scored({OWN: 0.7} | dict.fromkeys(CONTROLS, 0.5))
    html = pruning_tables.operating(table, P.score, P.confidence).to_html()
    assert all(told in html for told in ("2×", "4×", "0.710 ± 0.010", "1.000 ± 0.000"))
    assert "±" not in pruning_tables.operating(table[table["seed"] == 0], P.score, P.confidence).to_html()


def test_accuracy_by_length_is_in_order_of_length():
    rows = [("gru", "base", 0, first, first + 3, accuracy) for first, accuracy in ((13, 0.9), (9, 0.8), (101, 0.7))]
    table = pd.DataFrame(rows, columns=["variant", "network", "seed", "first", "last", "accuracy"])
    shown = pruning_tables.by_length(table)
    assert list(shown.columns) == ["9–12", "13–16", "101–104"]
    assert shown.data.iloc[0].tolist() == [0.8, 0.9, 0.7]


def test_pasts_say_how_many_strings():
    row = {"variant": "gru", "network": "base", "seed": 0, "past": "same", "group": "all", "accuracy": 0.5}
    table = pd.DataFrame([row | {"seen": 2, "n": 9}, row | {"seen": 10, "n": 3, "past": "class"}])
    shown = pruning_tables.by_past(table, "base").data
    assert list(shown.columns) == [2, 10]
    assert shown.to_numpy().tolist() == [["0.50 (9)", "–"], ["–", "0.50 (3)"]]
    assert "the same class" in pruning_tables.by_past(table, "base").to_html()
    assert "the same state" in pruning_tables.by_past(table.assign(group="valid"), "base").to_html()


def test_the_runs_own_score_is_always_global_too():
    p = P.model_copy(update={"scopes": ["gate"], "percentages": [80], "seeds": 1, "variants": ["gru"]})
    assert {(unit.score, unit.scope) for unit in scored_networks(p)} == {OWN, ("magnitude", "gate"), *CONTROLS}


def test_what_belongs_to_another_task_is_left_out():
    assert reported.safe_percentages(P)
    for other in ({"task": "digits"}, {"invalid": "edit"}):
        assert not reported.safe_percentages(P.model_copy(update=other))
