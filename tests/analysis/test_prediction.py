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
    assert found["bayesian_ridge"] == pytest.approx(BAYESIAN_RIDGE[variant], abs=5e-5)
    assert list(found) == ["bayesian_ridge", "random_forest", "adaboost"]
    assert all(value < 1 for value in found.values())


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [1, 3, 4, 10])
def test_tiny_tables_predict_nan(rows):
    table = networks(rows)
    assert np.isnan(list(prediction.published_prediction(table).values())).all()
    assert prediction.split_distribution(table, splits=2).isna().all(axis=None)
    assert prediction.importances(table).isna().all(axis=None)
    assert prediction.importances(table).shape == (4, 23)


@pytest.mark.filterwarnings("error")
def test_prediction_of_what_does_not_vary():
    table = networks(14).assign(layers=3.0, test_acc=0.5)
    assert np.isnan(list(prediction.published_prediction(table).values())).all()


def test_rows_without_a_value_are_left_out_of_prediction_and_said():
    table = networks(15)
    table.loc[3, "layers"] = np.nan
    with pytest.warns(UserWarning, match="1 of 15 rows"):
        found = prediction.published_prediction(table)
    assert found == prediction.published_prediction(table.drop(index=3))


def test_splits_differ_and_repeat():
    found = prediction.split_distribution(networks(40), splits=5, models=["bayesian_ridge"])
    assert found.bayesian_ridge.nunique() == 5
    pd.testing.assert_frame_equal(
        found, prediction.split_distribution(networks(40), splits=5, models=["bayesian_ridge"])
    )


def test_importances_of_the_four_feature_sets():
    found = prediction.importances(networks(60))
    assert list(found.index) == list(prediction.FEATURE_SETS)
    assert found.notna().sum(axis=1).tolist() == [23, 4, 19, 5]
    assert found.sum(axis=1).tolist() == pytest.approx([1] * 4)
    assert found.loc["all"].idxmax() == "source_nodes"
    assert set(found.attrs["r2"]) == set(prediction.FEATURE_SETS)
    assert found.attrs["r2"]["all"] == pytest.approx(prediction.published_prediction(networks(60))["random_forest"])


def test_bad_tables_are_named():
    table = networks(12).rename(columns={"test_acc": "test_accuracy"})
    for predict in (prediction.published_prediction, prediction.importances):
        with pytest.raises(TableError, match="'layers'"):
            predict(table.drop(columns="layers"), "test_accuracy")
        with pytest.raises(TableError, match="no rows"):
            predict(table.iloc[:0], "test_accuracy")
    with pytest.raises(UnknownName, match="did you mean 'random_forest'"):
        prediction.split_distribution(table, "test_accuracy", models=["random_forrest"])
