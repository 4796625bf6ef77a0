import pandas as pd
import pytest

from sparsekit.analysis import masks as mask_graphs
from sparsekit.analysis.tables import TableError
from sparsekit.figures import masks as figures_masks
from tests.planted import masks, training


def test_figures_carry_the_differences():
    table = masks([0.01, 0.02, 0.015], "gru")
    picture = figures_masks.mask_properties(table, mask_graphs.generated(["watts_strogatz"], 20, 3))
    assert "average clustering, GRU, random: 0.10 (0.10 to 0.10)" in picture.alt
    assert "spectral radius, Watts–Strogatz, random: " in picture.alt
    # All six differ from random masks, by the same amount in each seed, and from rewired ones.
    assert "Of 12 differences, pruned masks less null models, intervals leave out zero in 12, where" in picture.reading
    assert "cannot be told" in figures_masks.mask_properties(masks([0.01])).reading
    table = training({"retrain": [0.9, 0.8], "reinitialise": [0.7, 0.5], "random_mask": [0.6, 0.45]})
    picture = figures_masks.mask_training(
        pd.concat([table, training({"reinitialise": [0.8], "random_mask": [0.8]}, 90.0)])
    )
    assert "GRU, 80 %, surviving weights: +25 (" in picture.alt
    assert "GRU, 90 %, random mask: 0" in picture.alt
    assert "Fresh weights in the pruned mask reach GRU 60 % and 80 %; in 0 of 2 comparisons" in picture.reading
    with pytest.raises(TableError, match="unknown column"):
        figures_masks.mask_training(table.drop(columns="step"))


def test_a_difference_that_is_told_does_not_read_as_nothing():
    table = masks([0.0001, 0.00012, 0.00011])
    table.loc[table["kind"] == "random", list(mask_graphs.SHOWN)] = 0.5  # which else are told more clearly
    reading = figures_masks.mask_properties(table).reading
    assert "+0.0001" in reading
    assert "0.00 (" not in reading


def test_what_was_not_asked_for_is_said_with_how_to_ask():
    picture = figures_masks.mask_training(training({"retrain": [0.9, 0.8]}))
    assert 'give `protocols` ["reinitialise"' in picture.reading
    assert "Nothing was asked for" in figures_masks.mask_properties(pd.DataFrame()).reading
