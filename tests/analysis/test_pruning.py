"""Operating points of pruned networks, where they leave the margin, and what stands beside them."""

import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import intervals, pruning
from sparsekit.analysis.tables import TableError
from tests.planted import pruned_by


def sized(left, accuracies, percent, **columns):
    sizes = {"weights": left, "weights_dense": 1000, "multiply_adds": 20 * np.array(left) + 100}
    return pruned_by(np.array(accuracies) - 0.9, percent, **sizes, multiply_adds_dense=20_100, **columns)


def test_operating_points():
    table = pd.concat([sized([500, 400], [0.9, 0.8], 50.0), sized([0, 0], [0.5, 0.5], 100.0)])
    found = pruning.operating_points(table).loc["gru", "both"]
    row = found.loc[50]
    assert row["compression"] == pytest.approx((1000 / 500 + 1000 / 400) / 2)
    assert row["multiply_add_ratio"] == pytest.approx((20100 / 10100 + 20100 / 8100) / 2)
    assert row["accuracy"] == pytest.approx(0.85)
    assert row["sd"] == pytest.approx(np.std([0.9, 0.8], ddof=1))
    assert row["values"] == pytest.approx([0.9, 0.8])
    assert (row["low"], row["high"]) == pytest.approx(intervals.mean_interval([0.9, 0.8], low=0, high=1)[1:])
    assert found.loc[100, "compression"] == np.inf
    with pytest.raises(TableError, match="unknown column 'weights'"):
        pruning.operating_points(table.drop(columns="weights"))


def test_the_mean_over_seeds_leaves_the_margin_once():
    # Seeds end on either side of the margin, their mean within it at 20, below at 30, within again at 40.
    rows = [
        pruned_by(d, percent) for d, percent in (([0, 0], 10.0), ([-0.03, 0], 20.0), ([-0.5, 0], 30.0), ([0, 0], 40.0))
    ]
    table = pd.concat(rows)
    own, intact = pruning.margin_ends(table, "target", 0.02), table.assign(accuracy=0.95)
    assert own.loc[("gru", "both")].tolist() == [20, 30]
    assert pruning.margin_ends(intact, "target", 0.02).loc["gru"].fillna(0).to_numpy().tolist() == [[40, 0]]
    lost = pruning.margin_ends(table.assign(accuracy=0.5, left=1 / table["percent"]), "target", 0.02, "left")
    assert lost.loc["gru"].fillna(0).to_numpy().tolist() == [[0, 1 / 40]]


def test_a_rule_stands_beside_random_pruning_at_the_mean_size():
    rules = [("magnitude", "gate"), ("magnitude", "global"), ("random", "global"), ("random", "gate")]
    table = pd.concat([pruned_by([0, 0], score=s, scope=w) for s, w in rules]).assign(weights_dense=6000)
    table["weights"] = np.where(table["seed"] == 0, 3000, 2000)
    own = pruning.beside_random(table, "magnitude", "gate")
    assert set(own["rule"]) == {"magnitude gate", "random global"}
    assert own["compression"].unique().tolist() == [2.5]
    few = pruning.beside_random(table.assign(weights=np.where(table["score"] == "random", 5, 6)), "magnitude", "gate")
    assert set(few["rule"]) == {"magnitude gate"}


def test_a_histogram_counts_what_goes_among_all_scores():
    scores = np.random.default_rng(0).exponential(size=5000)
    edges, every, gone = pruning.score_histogram(scores, 0.7)
    assert len(every) == len(gone) == len(edges) - 1 == 48
    assert (scores > edges[-1]).sum() == 5 == 5000 - every.sum()
    assert gone.sum() == (scores < 0.7).sum()
    assert (gone <= every).all()
    assert pruning.score_histogram(np.zeros(3), 0.0)[1].sum() == 3


def test_mean_accuracy_is_over_seeds():
    table = pd.concat([pruned_by([0.0, 0.02], 50.0), pruned_by([-0.1, -0.3], 90.0)])
    assert pruning.mean_accuracy(table, "percent").to_dict() == pytest.approx({50.0: 0.91, 90.0: 0.7})
