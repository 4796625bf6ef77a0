"""Prediction as published."""

import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import prediction
from sparsekit.analysis.tables import TableError
from sparsekit.registry import UnknownName
from tests.planted import independent as networks
from tests.published_tables import needs_published, published

BAYESIAN_RIDGE = {"rnn_tanh": 0.47919, "rnn_relu": 0.36075, "lstm": 0.37206, "gru": 0.67224}


@needs_published
@pytest.mark.parametrize("variant", BAYESIAN_RIDGE)
def test_the_reported_bayesian_ridge_comes_out(variant):
    found = prediction.published_prediction(published(variant))
    assert found.r2["bayesian_ridge"] == pytest.approx(BAYESIAN_RIDGE[variant], abs=5e-5)
    assert list(found.index) == ["bayesian_ridge", "random_forest", "adaboost", "mean"]
    assert (found.r2 < 1).all()
    assert (found.tested == 20).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [1, 3, 4, 10])
def test_tiny_tables_predict_nan(rows):
    table = networks(rows)
    assert prediction.published_prediction(table)[["r2", "rmse"]].isna().all(axis=None)
    assert prediction.split_distribution(table, splits=2)[["r2", "rmse"]].isna().all(axis=None)
    assert prediction.importances(table).isna().all(axis=None)
    assert prediction.importances(table).shape == (4, 23)


@pytest.mark.filterwarnings("error")
def test_prediction_of_what_does_not_vary():
    table = networks(14).assign(layers=3.0, test_acc=0.5)
    assert prediction.published_prediction(table)["r2"].isna().all()
    wide = networks(120).assign(test_acc=0.5)
    assert prediction.published_prediction(wide)["r2"].isna().all()
    assert prediction.published_prediction(wide)["rmse"].tolist() == pytest.approx([0] * 4, abs=1e-9)


@pytest.mark.parametrize(("rows", "tested"), [(20, 2), (90, 9), (91, 10), (200, 20)])
def test_no_r2_of_fewer_than_ten_networks(rows, tested):
    found = prediction.published_prediction(networks(rows))
    assert (found.tested == tested).all()
    assert found.r2.notna().all() == found.r2.notna().any() == (tested >= 10)
    assert (found.rmse > 0).all()
    scores = prediction.importances(networks(rows)).attrs["scores"]
    assert all(np.isfinite(score["r2"]) == (tested >= 10) for score in scores.values())
    many = prediction.split_distribution(networks(rows), splits=3, models=["bayesian_ridge"])
    spread = prediction.spread(many, "r2")
    assert spread.splits.tolist() == ([3, 3] if tested >= 10 else [0, 0])
    assert prediction.spread(many, "rmse").splits.tolist() == [3, 3]


def test_the_mean_is_that_of_the_networks_trained_on():
    table = networks(30)
    found = prediction.published_prediction(table)
    _, _, known, hidden = prediction._split(table.to_numpy()[:, :1], table.test_acc.to_numpy(), 7)
    assert found.rmse["mean"] == pytest.approx(np.sqrt(np.mean((hidden - known.mean()) ** 2)))
    assert found.rmse["bayesian_ridge"] < found.rmse["mean"]


def test_rows_without_a_value_are_left_out_of_prediction_and_said():
    table = networks(15)
    table.loc[3, "layers"] = np.nan
    with pytest.warns(UserWarning, match="1 of 15 rows"):
        found = prediction.published_prediction(table)
    pd.testing.assert_frame_equal(found, prediction.published_prediction(table.drop(index=3)))


def test_splits_differ_and_repeat():
    found = prediction.split_distribution(networks(40), splits=5, models=["bayesian_ridge"])
    assert found.rmse.xs("bayesian_ridge", level="model").nunique() == 5
    pd.testing.assert_frame_equal(
        found, prediction.split_distribution(networks(40), splits=5, models=["bayesian_ridge"])
    )


def test_importances_of_the_four_feature_sets():
    found = prediction.importances(networks(60))
    assert list(found.index) == list(prediction.FEATURE_SETS)
    assert found.notna().sum(axis=1).tolist() == [23, 4, 19, 5]
    assert found.sum(axis=1).tolist() == pytest.approx([1] * 4)
    assert found.loc["all"].idxmax() == "source_nodes"
    scores, published = found.attrs["scores"], prediction.published_prediction(networks(60))
    assert set(scores) == set(prediction.FEATURE_SETS)
    assert scores["all"]["rmse"] == pytest.approx(published.rmse["random_forest"])


def test_bad_tables_are_named():
    table = networks(12).rename(columns={"test_acc": "test_accuracy"})
    for predict in (prediction.published_prediction, prediction.importances):
        with pytest.raises(TableError, match="'layers'"):
            predict(table.drop(columns="layers"), "test_accuracy")
        with pytest.raises(TableError, match="no rows"):
            predict(table.iloc[:0], "test_accuracy")
    with pytest.raises(UnknownName, match="did you mean 'random_forest'"):
        prediction.split_distribution(table, "test_accuracy", models=["random_forrest"])
