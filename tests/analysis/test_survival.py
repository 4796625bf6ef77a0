"""Means of surviving weights, dead units and radii, on tables planted by hand."""

import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import survival

HIDDEN, INPUT = "hidden-to-hidden", "input-to-hidden"
LEFT = pd.DataFrame(
    [(seed, p, matrix, gate, 100, n) for seed in (0, 1) for p, matrix, gate, n in (
        (50, HIDDEN, "z", 80), (50, HIDDEN, "r", 20), (50, INPUT, "z", 50), (50, INPUT, "r", 50),
        (100, HIDDEN, "z", 1), (100, HIDDEN, "r", 0), (100, INPUT, "z", 0), (100, INPUT, "r", 0))],
    columns=["seed", "percent", "matrix", "gate", "weights", "survivors"],
).assign(variant="gru", target="both", layer=0, share=lambda t: t["survivors"] / t["weights"])  # fmt: skip


def test_gates_lean_by_their_ratio_to_the_average_and_not_where_all_is_pruned():
    table = survival.gate_shares(LEFT, "both")
    half = table[table["percent"] == 50].set_index(["gate", "matrix"])
    assert list(half.index) == [("r", INPUT), ("r", HIDDEN), ("z", INPUT), ("z", HIDDEN)]
    np.testing.assert_allclose(half["share"], [0.5, 0.2, 0.5, 0.8])
    np.testing.assert_allclose(half["ratio"], [1, 0.4, 1, 1.6])
    np.testing.assert_allclose(half["lean"], np.log2([1, 0.4, 1, 1.6]))
    assert (table.loc[table["percent"] == 100, "lean"] == 0).all()


def test_layers_are_means_over_seeds():
    table = LEFT.assign(share=LEFT["share"] + 0.1 * LEFT["seed"])
    means = survival.layer_shares(table, 50, "both")
    np.testing.assert_allclose(means["mean"], [0.55, 0.25, 0.55, 0.85])
    assert set(means["n"]) == {2}


def test_percentages_at_which_all_are_dead_are_left_out():
    dead = pd.DataFrame({"percent": [20, 90, 100], "dead": [0, 2, 4]})
    dead = dead.assign(variant="gru", seed=0, target="both", layer=0, gate="all", units=4)
    means = survival.dead_shares(dead, "both")
    assert dict(zip(means["percent"], means["mean"], strict=True)) == {20: 0, 90: 0.5}
    assert survival.first_dead(dead, "both") == {"gru": 90}
    assert np.isnan(survival.first_dead(dead[dead["percent"] == 20], "both")["gru"])
    assert survival.dead_shares(dead[dead["percent"] == 100], "both")["mean"].tolist() == [1]


def test_radii_take_each_base_network_once():
    base = pd.DataFrame({"network": "base", "spectral_radius": [1.0, 1.0, 2.0], "seed": [0, 0, 1]})
    after = pd.DataFrame({"network": "pruned", "spectral_radius": [0.5, 0.7], "seed": [0, 1]})
    table = pd.concat([base, after.assign(target="h2h", percent=50)]).assign(variant="gru", gate="n", layer=0)
    means = survival.mean_radii(table, 50, "h2h")
    assert means["network"].tolist() == ["base", "pruned"]
    assert means["mean"].tolist() == pytest.approx([1.5, 0.6])
