import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sparsekit.analysis import masks as mask_graphs
from tests.planted import masks, training


def test_differences_are_paired_and_the_seed_is_the_sample():
    row = mask_graphs.mask_differences(masks([0.01, 0.02, 0.06])).loc[("gru", "rewired", "average_clustering")]
    assert row.value == pytest.approx(0.5)
    assert row.difference == pytest.approx(0.03)
    half = scipy.stats.t.ppf(0.975, 2) * np.std([0.01, 0.02, 0.06], ddof=1) / np.sqrt(3)
    assert [row.low, row.high] == pytest.approx([0.03 - half, 0.03 + half])
    assert row.seeds == 3
    assert np.isnan(mask_graphs.mask_differences(masks([0.01])).low).all()


def test_undefined_values_leave_their_pair_out():
    table = masks([0.01, 0.02, 0.06])
    table.loc[(table["seed"] == 2) & (table["kind"] == "rewired"), "reciprocity"] = np.nan
    found = mask_graphs.mask_differences(table)
    assert found.loc[("gru", "rewired", "reciprocity"), "seeds"] == 2
    assert found.loc[("gru", "random", "reciprocity"), "seeds"] == 3


def test_generated_graphs_stand_beside_null_models_of_their_own():
    names = ["degree_inequality", "average_clustering", "mask_density"]
    table = mask_graphs.generated(["barabasi_albert"], 40, count=6, names=names)
    assert len(table) == 18
    found = mask_graphs.mask_differences(table, names).loc["barabasi_albert"]
    assert (found.xs("mask_density", level="property").difference == 0).all()
    # Preferential attachment makes hubs, which rewiring keeps and a random graph lacks.
    assert found.loc[("rewired", "degree_inequality"), "difference"] == pytest.approx(0, abs=1e-12)
    assert found.loc[("random", "degree_inequality"), "low"] > 0
    pd.testing.assert_frame_equal(table, mask_graphs.generated(["barabasi_albert"], 40, count=6, names=names))


def test_effects_are_paired_by_seed():
    table = training({"retrain": [0.9, 0.8], "reinitialise": [0.7, 0.5], "random_mask": [0.6, 0.5]})
    found = mask_graphs.mask_effects(table).loc[("gru", 80.0)]
    assert list(found.index) == ["retrain", "random_mask"]
    assert found["values"]["random_mask"] == pytest.approx([-0.1, 0.0])
    assert found.difference.tolist() == pytest.approx([0.25, -0.05])
    assert found.accuracy.tolist() == pytest.approx([0.85, 0.55])
    assert (found.afresh == 0.6).all()
    assert mask_graphs.mask_effects(table[table["recovery"] != "reinitialise"]).empty
