import pytest

from sparsekit.analysis import cross_validation
from sparsekit.analysis import structure as ceilings
from sparsekit.analysis.tables import TableError
from sparsekit.figures.prediction import cluster_importances, nested_scores, transfer_map
from tests import planted

CHEAP = {"repeats": 1, "resamples": 300}


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(cross_validation, "TREES", 20)


def sets(*names):
    return {name: cross_validation.BASELINES[name] for name in names}


def test_figures_carry_the_numbers():
    table = planted.study(24, effect=2)
    scores = cross_validation.nested_prediction(table, baselines=sets("mean", "size_and_widths"), folds=3, **CHEAP)
    noise = ceilings.intraclass(table)
    picture = nested_scores(scores, noise)
    gain = scores.gain["gru", "size_and_widths"]
    assert f"To size and widths all properties add an R² of +{gain:.2f}" in picture.reading
    assert f"GRU, shaded: {noise.ceiling_low['gru']:.2f} to {noise.ceiling_high['gru']:.2f}" in picture.alt
    assert f"LSTM, all properties: {scores.r2['lstm', 'all']:.2f}" in picture.alt
    importance = cross_validation.cluster_importance(table, folds=3, **CHEAP)
    picture = cluster_importances(importance)
    assert f"{importance.fall.loc['gru'].max():.2f} (" in picture.alt
    carried = cross_validation.transfer(table, folds=3, resamples=100)
    assert f"{(carried.r2['gru'].iloc[1]):.2f}".replace("-", "−") in transfer_map(carried).alt
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
