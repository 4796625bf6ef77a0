import numpy as np
import pandas as pd
import pytest
from sklearn.gaussian_process.kernels import RBF
from sklearn.kernel_ridge import KernelRidge
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

from sparsekit.analysis import cross_validation
from sparsekit.analysis import structure as ceilings
from sparsekit.analysis.tables import TableError
from tests import planted

CHEAP = {"repeats": 2, "permutations": 19}


def sets(*names):
    return {name: cross_validation.BASELINES[name] for name in names}


def test_lines_are_ridge_regression_chosen_by_leaving_one_out():
    rng = np.random.default_rng(0)
    x, unseen, alphas = rng.normal(size=(30, 5)), rng.normal(size=(7, 5)), [0.1, 1.0, 10.0, 100.0]
    targets = np.column_stack([x[:, 0] + rng.normal(size=30), rng.normal(size=30), x[:, 1]])
    found = cross_validation.Ridge(x, targets, ["lines"], alphas).predict(unseen)
    scaler = StandardScaler().fit(x)
    # The strength is told in units of the mean square of a row of features: here 5, as they are standardised.
    theirs = RidgeCV([5 * a for a in alphas], alpha_per_target=True).fit(scaler.transform(x), targets)
    assert found == pytest.approx(theirs.predict(scaler.transform(unseen)))


def test_gaussian_kernels_are_kernel_ridge_regression():
    rng = np.random.default_rng(1)
    x, unseen, y = rng.normal(size=(25, 4)), rng.normal(size=(6, 4)), rng.normal(size=25)
    found = cross_validation.Ridge(x, y[:, None], ["gaussian"], [2.0]).predict(unseen)[:, 0]
    scaler = StandardScaler().fit(x)
    kernel, scaled = RBF(np.sqrt(4)), scaler.transform(x)
    centre = np.eye(25) - 1 / 25
    products = centre @ kernel(scaled) @ centre
    size = np.trace(products) / 25
    model = KernelRidge(alpha=2.0, kernel="precomputed").fit(products / size, y - y.mean())
    across = (kernel(scaler.transform(unseen), scaled) - kernel(scaled).mean(axis=0)) @ centre
    assert found == pytest.approx(y.mean() + model.predict(across / size))


def test_each_target_chooses_for_itself():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(40, 3))
    targets = np.column_stack([x[:, 0], np.cos(2 * x[:, 1]), rng.normal(size=40)])
    together = cross_validation.Ridge(x, targets).predict(x)
    apart = [cross_validation.Ridge(x, targets[:, [k]]).predict(x)[:, 0] for k in range(3)]
    assert together == pytest.approx(np.column_stack(apart))


def test_the_planted_effect_adds_to_size_and_the_confounded_does_not():
    real = planted.study(80, effect=2, size=2, seed=1, variants=("gru",))
    found = cross_validation.nested_prediction(real, baselines=sets("mean", "size_and_widths"), **CHEAP).loc["gru"]
    assert found.gain_low["size_and_widths"] > 0
    assert found.r2["all"] > found.r2["size_and_widths"] > found.r2["mean"]
    assert found.gain["mean"] == pytest.approx(found.r2["all"] - found.r2["mean"])
    assert np.isnan(found.gain["all"])
    assert found.p_value["all"] == 1 / 20
    assert ((found.r2_low <= found.r2) & (found.r2 <= found.r2_high)).all()
    confounded = planted.study(80, size=3, seed=1, variants=("gru",))
    found = cross_validation.nested_prediction(confounded, baselines=sets("size"), **CHEAP).loc["gru"]
    assert found.p_value["all"] == 1 / 20
    assert found.gain["size"] < 0.02


def test_r2_stays_below_the_noise_ceiling():
    table = planted.study(120, 3, effect=2, between=0, within=0.06, variants=("gru",))
    found = cross_validation.nested_prediction(table, baselines={}, **CHEAP).r2.item()
    ceiling = 4 / (4 + 9 / 3)
    assert ceiling - 0.25 < found < ceiling + 0.1
    assert ceilings.intraclass(table).ceiling_low.item() < ceiling < ceilings.intraclass(table).ceiling_high.item()


def test_the_mean_is_that_of_the_training_folds_and_scores_below_zero():
    table = planted.study(10, 1, variants=("gru",))
    found = cross_validation.nested_prediction(table, baselines=sets("mean"), folds=10, **CHEAP)
    y = table["test_accuracy"].to_numpy()
    errors = [(y[i] - np.delete(y, i).mean()) ** 2 for i in range(10)]
    assert found.loc[("gru", "mean"), "r2"] == pytest.approx(1 - np.sum(errors) / ((y - y.mean()) ** 2).sum())
    assert found.loc[("gru", "mean"), "r2"] < 0


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
    assert found.r2_low["family"] > 0.5
    assert found.gain_high["family"] < 0
    lacking = table.drop(columns="parameters")
    found = cross_validation.nested_prediction(lacking, baselines=named, **options).loc["gru"]
    assert list(found.index) == ["family", "all"]


def test_that_families_differ_is_no_discovery_of_properties():
    table = planted.study(40, 1, family=0.2, variants=("gru",))
    table["degree_var"] += 3 * (table["generator"] == "watts_strogatz")
    found = cross_validation.nested_prediction(table, properties=["degree_var"], baselines={}, **CHEAP).iloc[0]
    assert found.r2 > 0.5
    assert found.p_value > 0.05
    assert found.null_median > 0.4


def test_missing_values_cost_no_graph():
    table = planted.study(40, effect=2, variants=("gru",))
    table.loc[table["graph"] == 3, "degree_var"] = np.nan
    table.loc[table["graph"] == 4, "test_accuracy"] = np.nan
    found = cross_validation.nested_prediction(table, baselines={}, **CHEAP)
    assert found.graphs.item() == 39
    assert found.r2_low.item() > 0


def test_results_repeat_and_the_seed_counts():
    table, options = planted.study(20, variants=("gru",)), {"baselines": {}, "folds": 3, **CHEAP}
    once = cross_validation.nested_prediction
    pd.testing.assert_frame_equal(once(table, **options), once(table, **options))
    assert not once(table, **options).equals(once(table, seed=1, **options))


def test_p_values_are_uniform_under_the_null():
    found = [
        cross_validation.nested_prediction(
            planted.study(20, 1, variants=("gru",), seed=seed), baselines={}, folds=3, seed=seed, **CHEAP
        ).p_value.item()
        for seed in range(120)
    ]
    for level in (0.1, 0.5):
        assert abs(np.mean(np.array(found) <= level) - level) < 3.5 * np.sqrt(level * (1 - level) / 120)


def test_shuffling_a_cluster_costs_what_it_carries():
    table = planted.study(80, effect=3, variants=("gru",))
    table["degree_mean"] = table["closeness_mean"] * 2 + 1  # a twin, behind which importance could hide
    found = cross_validation.cluster_importance(table, repeats=2).loc["gru"]
    carrier = next(c for c in found.index if "closeness_mean" in found.members[c])
    assert set(found.members[carrier]) == {"closeness_mean", "diameter", "degree_mean"}
    assert found.fall.idxmax() == carrier
    assert found.fall_low[carrier] > 0.5
    assert (found.fall.drop(carrier).abs() < 0.2).all()
    assert sorted(sum(found.members, ())) == sorted([*planted.NAMES, "degree_mean"])


def test_a_model_carries_over_only_where_the_effect_does():
    table = planted.study(120, effect=3, variants=("gru", "lstm"))
    opposite = (table["variant"] == "lstm") & (table["generator"] == "watts_strogatz")
    table.loc[opposite, "test_accuracy"] = 1.5 - table.loc[opposite, "test_accuracy"]
    found = cross_validation.transfer(table, **CHEAP)
    one, other = "barabasi_albert", "watts_strogatz"
    assert found.index.names == ["variant", "trained_on", "tested_on"]
    better = (found.rmse < found.mean_rmse) & (found.p_value == 1 / 20)
    assert better["gru"].all()
    assert better["lstm", one, one]
    assert better["lstm", other, other]
    assert not better["lstm", one, other]
    assert found.p_value["lstm", other, one] == 1
    assert (found.graphs == 60).all()
    accuracy = table[(table["variant"] == "gru") & (table["generator"] == one)].groupby("graph").test_accuracy.mean()
    assert found.mean_rmse["gru", one, one] == pytest.approx(accuracy.std(), rel=0.05)


@pytest.mark.filterwarnings("error")
def test_little_data_predicts_nan():
    for table in (planted.study(9, 2), planted.study(16, 2).assign(test_accuracy=0.5)):
        assert cross_validation.nested_prediction(table, **CHEAP).drop(columns="graphs").isna().all(axis=None)
        assert cross_validation.cluster_importance(table, repeats=1).fall.isna().all()
        assert cross_validation.transfer(table, **CHEAP).rmse.isna().all()


def test_bad_tables_are_named():
    table = planted.study(12, 1)
    for of in (
        cross_validation.nested_prediction,
        cross_validation.cluster_importance,
        cross_validation.transfer,
    ):
        with pytest.raises(TableError, match="did you mean 'test_accuracy'"):
            of(table, "accuracy")
        with pytest.raises(TableError, match="did you mean 'nodes'"):
            of(table, properties=["node"])
        with pytest.raises(TableError, match="no rows"):
            of(table.iloc[:0])
