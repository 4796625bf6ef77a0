import pytest

from sparsekit.analysis import cross_validation
from sparsekit.analysis import structure as ceilings
from sparsekit.analysis.tables import TableError
from sparsekit.figures.prediction import cluster_importances, nested_scores, transfer_map
from tests import planted

CHEAP = {"repeats": 2, "permutations": 19}


def sets(*names):
    return {name: cross_validation.BASELINES[name] for name in names}


def test_figures_carry_the_numbers():
    table = planted.study(24, effect=2)
    scores = cross_validation.nested_prediction(table, baselines=sets("mean", "size_and_widths"), folds=3, **CHEAP)
    noise = ceilings.intraclass(table)
    picture = nested_scores(scores, noise)
    told, gain = scores.loc[("gru", "all")], scores.gain["gru", "size_and_widths"]
    reading = picture.reading.replace("−", "-")
    for value in (f"{told.r2:.2f} (GRU)", f"{gain:+.2f} (GRU)", f"R² of {scores.xs('all', level=1).r2.min():.2f}"):
        assert value in reading
    assert f"{told.p_value:.3f}" in reading
    assert "beyond size and widths a gain of " in reading
    assert f"GRU, shaded: {noise.ceiling_low['gru']:.2f} to {noise.ceiling_high['gru']:.2f}" in picture.alt
    assert f"LSTM, all properties: {scores.r2['lstm', 'all']:.2f}" in picture.alt
    importance = cross_validation.cluster_importance(table, folds=3, repeats=2)
    picture = cluster_importances(importance)
    assert f"{importance.fall.loc['gru'].max():.2f} (" in picture.alt
    carried = cross_validation.transfer(table, folds=3, **CHEAP)
    row = carried.loc["gru"].iloc[1]
    assert f"{100 * row.rmse:.1f} ({100 * row.mean_rmse:.1f})" in transfer_map(carried).alt
    better = (carried.rmse < carried.mean_rmse) & (carried.p_value <= 0.05)
    across = better[carried.index.get_level_values(1) != carried.index.get_level_values(2)]
    assert f"in {across.sum()} of 4 cases" in transfer_map(carried).reading
    few = planted.study(8)
    for draw, of in (
        (nested_scores, cross_validation.nested_prediction(few)),
        (transfer_map, cross_validation.transfer(few)),
    ):
        assert "nan" not in draw(of).alt
        assert "oo few graphs" in draw(of).reading
    for draw in (nested_scores, cluster_importances, transfer_map):
        with pytest.raises(TableError, match="unknown column"):
            draw(table)
