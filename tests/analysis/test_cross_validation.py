import numpy as np
import pandas as pd
import pytest
from sklearn.impute import SimpleImputer
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sparsekit.analysis import cross_validation
from sparsekit.analysis import structure as ceilings
from sparsekit.analysis.tables import TableError
from tests import planted

CHEAP = {"repeats": 1, "resamples": 300}


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(cross_validation, "TREES", 20)


def sets(*names):
    return {name: cross_validation.BASELINES[name] for name in names}


def test_the_planted_effect_adds_to_size_and_the_confounded_does_not():
    real = planted.study(80, effect=2, size=2, seed=1, variants=("gru",))
    found = cross_validation.nested_prediction(real, baselines=sets("mean", "size_and_widths"), **CHEAP).loc["gru"]
    assert found.gain_low["size_and_widths"] > 0
    assert found.r2["all"] > found.r2["size_and_widths"] > found.low["size_and_widths"] > 0
    assert found.gain["mean"] == pytest.approx(found.r2["all"] - found.r2["mean"])
    assert np.isnan(found.gain["all"])
    assert ((found.low <= found.r2) & (found.r2 <= found.high)).all()
    confounded = planted.study(80, size=3, seed=1, variants=("gru",))
    found = cross_validation.nested_prediction(confounded, baselines=sets("size"), **CHEAP).loc["gru"]
    assert found.low["all"] > 0
    assert found.gain_low["size"] < 0.02


def test_r2_stays_below_the_noise_ceiling():
    table = planted.study(120, 3, effect=2, between=0, within=0.06, variants=("gru",))
    found = cross_validation.nested_prediction(table, baselines={}, **CHEAP).r2.item()
    ceiling = 4 / (4 + 9 / 3)
    assert ceiling - 0.25 < found < ceiling + 0.1
    assert ceilings.intraclass(table).ceiling_low.item() < ceiling < ceilings.intraclass(table).ceiling_high.item()


def test_the_mean_is_that_of_the_training_folds():
    table = planted.study(10, 1, variants=("gru",))
    found = cross_validation.nested_prediction(table, baselines=sets("mean"), folds=10, **CHEAP)
    y = table["test_accuracy"].to_numpy()
    errors = [(y[i] - np.delete(y, i).mean()) ** 2 for i in range(10)]
    assert found.loc[("gru", "mean"), "r2"] == pytest.approx(1 - np.sum(errors) / ((y - y.mean()) ** 2).sum())


def test_no_model_has_seen_another_seed_of_the_graph():
    # A name for each graph predicts its accuracy perfectly, from the other seeds and from nothing else.
    table = planted.study(40, 5, between=0.1, within=0.001, variants=("gru",))
    table["degree_var"] = np.random.default_rng(0).permutation(40)[table["graph"]]
    found = cross_validation.nested_prediction(table, properties=["degree_var"], baselines={}, **CHEAP)
    assert found.r2.item() < 0.2


def test_baselines_without_their_columns_are_left_out_and_families_are_labels():
    table = planted.study(60, family=0.1, variants=("gru",))
    options = {"properties": ["degree_var"], **CHEAP}
    named = sets("log_parameters", "family")
    found = cross_validation.nested_prediction(table, baselines=named, **options).loc["gru"]
    assert found.low["family"] > 0.5
    assert found.gain_high["family"] < 0
    lacking = table.drop(columns="parameters")
    found = cross_validation.nested_prediction(lacking, baselines=named, **options).loc["gru"]
    assert list(found.index) == ["family", "all"]


def test_missing_values_cost_no_graph():
    table = planted.study(40, effect=2, variants=("gru",))
    table.loc[table["graph"] == 3, "degree_var"] = np.nan
    table.loc[table["graph"] == 4, "test_accuracy"] = np.nan
    found = cross_validation.nested_prediction(table, baselines={}, **CHEAP)
    assert found.graphs.item() == 39
    assert found.low.item() > 0


def test_results_repeat_and_the_seed_counts():
    table, options = planted.study(20, variants=("gru",)), {"baselines": {}, "folds": 3, **CHEAP}
    once = cross_validation.nested_prediction
    pd.testing.assert_frame_equal(once(table, **options), once(table, **options))
    assert not once(table, **options).equals(once(table, seed=1, **options))


def test_permutation_test_is_ridge_regression_on_each_column():
    table = planted.study(30, 2, effect=1, variants=("gru",))
    found = cross_validation.permutation_test(table, repeats=1, permutations=19).loc["gru"]
    rows, y = cross_validation.graph_rows(table, "gru", "test_accuracy")
    x, errors = rows[planted.NAMES].to_numpy(dtype=float), np.empty(30)
    # The registered order of properties is not this one, and ridge regression does not mind.
    for seen, held_out in cross_validation.cut(30, 5, 0, 0).split(x):
        model = make_pipeline(SimpleImputer(), StandardScaler(), RidgeCV(cross_validation.ALPHAS))
        errors[held_out] = (y[held_out] - model.fit(x[seen], y[seen]).predict(x[held_out])) ** 2
    assert found.r2 == pytest.approx(1 - errors.sum() / ((y - y.mean()) ** 2).sum())
    assert found.p_value == 1 / 20
    assert found.null_median < found.null_high < found.r2


def test_p_values_are_uniform_under_the_null():
    found = [
        cross_validation.permutation_test(
            planted.study(20, 1, variants=("gru",), seed=seed), folds=3, repeats=1, permutations=19, seed=seed
        ).p_value.item()
        for seed in range(120)
    ]
    for level in (0.1, 0.5):
        assert abs(np.mean(np.array(found) <= level) - level) < 3.5 * np.sqrt(level * (1 - level) / 120)


def test_shuffling_a_cluster_costs_what_it_carries():
    table = planted.study(80, effect=3, variants=("gru",))
    table["degree_mean"] = table["closeness_mean"] * 2 + 1  # a twin, behind which importance could hide
    found = cross_validation.cluster_importance(table, **CHEAP).loc["gru"]
    carrier = next(c for c in found.index if "closeness_mean" in found.members[c])
    assert set(found.members[carrier]) == {"closeness_mean", "diameter", "degree_mean"}
    assert found.fall.idxmax() == carrier
    assert found.low[carrier] > 0.5
    assert (found.fall.drop(carrier).abs() < 0.2).all()
    assert sorted(sum(found.members, ())) == sorted([*planted.NAMES, "degree_mean"])


def test_a_model_carries_over_only_where_the_effect_does():
    table = planted.study(120, effect=3, variants=("gru", "lstm"))
    opposite = (table["variant"] == "lstm") & (table["generator"] == "watts_strogatz")
    table.loc[opposite, "test_accuracy"] = 1.5 - table.loc[opposite, "test_accuracy"]
    found = cross_validation.transfer(table, resamples=300)
    one, other = "barabasi_albert", "watts_strogatz"
    assert found.index.names == ["variant", "trained_on", "tested_on"]
    assert (found.low["gru"] > 0).all()
    assert found.low["lstm", one, one] > 0
    assert found.low["lstm", other, other] > 0
    assert found.high["lstm", one, other] < 0
    assert found.high["lstm", other, one] < 0
    assert (found.graphs == 60).all()


@pytest.mark.filterwarnings("error")
def test_little_data_predicts_nan():
    for table in (planted.study(9, 2), planted.study(16, 2).assign(test_accuracy=0.5)):
        assert cross_validation.nested_prediction(table, **CHEAP).drop(columns="graphs").isna().all(axis=None)
        assert cross_validation.permutation_test(table).p_value.isna().all()
        assert cross_validation.cluster_importance(table, **CHEAP).fall.isna().all()
        assert cross_validation.transfer(table).r2.isna().all()


def test_bad_tables_are_named():
    table = planted.study(12, 1)
    for of in (
        cross_validation.nested_prediction,
        cross_validation.permutation_test,
        cross_validation.cluster_importance,
        cross_validation.transfer,
    ):
        with pytest.raises(TableError, match="did you mean 'test_accuracy'"):
            of(table, "accuracy")
        with pytest.raises(TableError, match="did you mean 'nodes'"):
            of(table, properties=["node"])
        with pytest.raises(TableError, match="no rows"):
            of(table.iloc[:0])
