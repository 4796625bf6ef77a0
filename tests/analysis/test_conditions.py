"""Conditions of pruned networks: choosing one, and one beside another in pairs of a seed."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sparsekit.analysis import conditions
from sparsekit.analysis.conditions import ahead, at_the_end
from sparsekit.analysis.recovery import area_under_recovery, areas
from sparsekit.analysis.tables import TableError
from sparsekit.analysis.verdicts import tolerance
from tests.planted import pruned_by, ways


def test_a_condition_is_chosen_by_its_columns():
    table = pd.concat(
        [pruned_by([0.0], score=score, schedule=schedule, recovery="rewind")
         for score in ("random", "magnitude") for schedule in ("gradual", "one_shot")]
    )  # fmt: skip
    rows = conditions.chosen(table, score="magnitude", schedule="one_shot")
    assert rows[["score", "schedule", "recovery"]].values.tolist() == [["magnitude", "one_shot", "rewind"]]
    assert conditions.single(rows) is rows
    with pytest.raises(TableError, match="'score' holds random, magnitude: choose one"):
        conditions.single(table)
    with pytest.raises(TableError, match=r"unknown score of this table 'magntude'.*did you mean 'magnitude'"):
        conditions.chosen(table, score="magntude")
    assert len(conditions.chosen(table, scope="gate")) == len(table)  # a table without scopes
    with pytest.raises(TableError, match="unknown column 'percentage'"):
        conditions.chosen(table, percentage=50)


def test_conditions_are_compared_by_seed():
    table = pd.concat(
        [pruned_by([0.01, 0.03], score="magnitude"), pruned_by([-0.3, -0.29], score="random"),
         pruned_by([0.02, 0.05], score="activity"), pruned_by([0.01], percent=60.0, score="activity")]
    )  # fmt: skip
    found = conditions.beside(table, score="random")
    assert set(found["score"]) == {"magnitude", "activity"}
    assert len(found) == 4  # activity at 60 % has no partner
    against = tolerance(found, 0.02)
    assert against.loc[("gru", "both", 50, "magnitude"), "drop"] == pytest.approx(-(0.31 + 0.32) / 2)
    assert against.loc[("gru", "both", 50, "activity"), "said"] == "2 of 2 seeds within"


def test_after_recovery_is_the_last_step_with_the_sizes():
    pruning = pruned_by([-0.3, -0.2], recovery="retrain", weights=100, weights_dense=200)
    steps = pd.concat([pruned_by([-0.3 + d, -0.2 + d], recovery="retrain", step=s) for s, d in ((0, 0), (9, 0.2))])
    found = conditions.after_recovery(pruning, steps.sample(frac=1, random_state=0)).sort_values("seed")
    assert found["accuracy"].tolist() == pytest.approx([0.8, 0.9])
    assert found["weights"].tolist() == [100, 100]
    assert found["step"].tolist() == [9, 9]


def test_pairs_are_of_one_seed():
    differences = [0.01, 0.03, -0.01, 0.02]
    table = ways({"dense": differences})
    # Another level for each seed cancels out.
    table = table.assign(accuracy=table["accuracy"] - 0.05 * table["seed"])
    row = ahead(at_the_end(table), "accuracy", recovery="retrain").loc["gru", "both", 80, "dense"]
    truth = scipy.stats.ttest_1samp(differences, 0).confidence_interval(0.95)
    assert row["n"] == 4
    assert row[["ahead", "low", "high"]].tolist() == pytest.approx([np.mean(differences), *truth])


def test_areas_are_compared_the_same_way():
    table = ways({"dense": [0.04, 0.04]})
    row = ahead(areas(table), "area", recovery="retrain").iloc[0]
    assert row["ahead"] == pytest.approx(0.01)  # a quarter: the last of two trapezoids of equal width ends higher
    one = areas(table)
    assert len(one) == 4
    mean = area_under_recovery(table)["area"]
    assert mean.to_dict() == pytest.approx(
        one.groupby(["variant", "target", "percent", "recovery"])["area"].mean().to_dict()
    )


def test_the_end_is_the_last_step_of_each_network():
    table = ways({"dense": [0.0, 0.02]})
    assert at_the_end(table).groupby("recovery")["accuracy"].apply(sorted).to_dict() == {
        "dense": [0.9, 0.92], "retrain": [0.9, 0.9],
    }  # fmt: skip
    assert (at_the_end(table)["step"] == 99).all()
