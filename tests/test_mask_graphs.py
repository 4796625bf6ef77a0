import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sparsekit.analysis import masks as mask_graphs
from sparsekit.analysis.tables import TableError
from sparsekit.experiments import structure
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures import masks as figures_masks


def masks(differences, variant="gru", percent=80.0):
    """Masks of two layers whose clustering is 0.5 and exceeds the rewired by these differences, one a seed."""
    rows = []
    for seed, difference in enumerate(differences):
        for layer in range(2):
            own = {"variant": variant, "seed": seed, "target": "h2h", "percent": percent, "layer": layer}
            for kind, less in (("pruned", 0.0), ("rewired", difference + (layer - 0.5) / 50), ("random", 0.1)):
                rows.append(own | {"kind": kind} | dict.fromkeys(mask_graphs.SHOWN, 0.5 - less))
    return pd.DataFrame(rows)


def training(accuracies, percent=80.0, variant="gru"):
    """Recovery of one network a seed, from a mapping of protocol to accuracies at the end."""
    own = {"variant": variant, "target": "both", "percent": percent, "base_accuracy": 0.9}
    own |= {"score": "magnitude", "scope": "global", "schedule": "one_shot"}
    rows = [
        own | {"seed": seed, "recovery": protocol, "step": step, "accuracy": accuracy if step else 0.5}
        for protocol, values in accuracies.items()
        for seed, accuracy in enumerate(values)
        for step in (0, 10)
    ]
    return pd.DataFrame(rows)


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


def test_units_are_masks_at_the_percentages_compared_at():
    p = Parameters(variants=["gru"], seeds=1, compare_at=[0, 80, 100], protocols=["rewind", "random_mask"])
    assert [(unit.target, unit.percent) for unit in structure.masked_networks(p)] == [("both", 80), ("h2h", 80)]
    protocols = {unit.protocol for unit in structure.mask_training_networks(p)}
    assert protocols == {"retrain", "random_mask"}
    assert not structure.masked_networks(p.model_copy(update={"targets": ["i2h"]}))


def test_figures_carry_the_differences():
    table = masks([0.01, 0.02, 0.015], "gru")
    picture = figures_masks.mask_properties(table, mask_graphs.generated(["watts_strogatz"], 20, 3))
    assert "GRU average clustering +0.10" in picture.alt
    assert "Watts–Strogatz spectral radius" in picture.alt
    # All six differ from random masks, by the same amount in each seed, and from rewired ones.
    assert "Of 12 differences, pruned masks less null models, intervals leave out zero in 12, where" in picture.reading
    assert "cannot be told" in figures_masks.mask_properties(masks([0.01])).reading
    table = training({"retrain": [0.9, 0.8], "reinitialise": [0.7, 0.5], "random_mask": [0.6, 0.45]})
    picture = figures_masks.mask_training(
        pd.concat([table, training({"reinitialise": [0.8], "random_mask": [0.8]}, 90.0)])
    )
    assert "GRU, 80 % pruned, surviving weights: +25.0 (" in picture.alt
    assert "GRU, 90 % pruned, random mask: 0.0 points" in picture.alt
    assert "Fresh weights in the pruned mask reach GRU 60 % and 80 %; in 0 of 2 comparisons" in picture.reading
    with pytest.raises(TableError, match="unknown column"):
        figures_masks.mask_training(table.drop(columns="step"))


def test_what_was_not_asked_for_is_said_with_how_to_ask():
    picture = figures_masks.mask_training(training({"retrain": [0.9, 0.8]}))
    assert 'give `protocols` ["reinitialise"' in picture.reading
    assert "Nothing was asked for" in figures_masks.mask_properties(pd.DataFrame()).reading
