import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis import correlation as analysis_correlation
from sparsekit.analysis import intervals, prediction, pruning, recovery, tables
from sparsekit.analysis.correlation import _bca, _pearson, _spearman
from sparsekit.analysis.tables import TableError
from sparsekit.graphs.properties import NAMES
from sparsekit.registry import UnknownName

PUBLISHED = os.environ.get("SPARSEKIT_PUBLISHED")
needs_published = pytest.mark.skipif(not PUBLISHED, reason="SPARSEKIT_PUBLISHED names no clone of the repository")

# Tables of chapter 6.3 and of chapter 6.4, arXiv 2407.20601.
PEARSON_OF = [
    *("layers", "nodes", "edges", "source_nodes", "diameter", "density", "average_shortest_path_length"),
    *("eccentricity_var", "degree_var", "closeness_var", "nodes_betweenness_var", "edge_betweenness_var"),
]
PEARSON = {
    "rnn_tanh": (0.25, 0.40, 0.38, 0.35, -0.23, 0.29, -0.27, -0.22, -0.28, -0.46, -0.49, -0.34),
    "rnn_relu": (0.30, 0.44, 0.43, 0.47, -0.27, 0.15, -0.25, -0.24, -0.26, -0.39, -0.41, -0.30),
    "lstm": (0.28, 0.44, 0.42, 0.57, -0.32, 0.29, -0.36, -0.30, -0.39, -0.51, -0.56, -0.44),
    "gru": (0.34, 0.49, 0.49, 0.74, -0.20, 0.34, -0.23, -0.21, -0.58, -0.67, -0.52, -0.26),
}
BAYESIAN_RIDGE = {"rnn_tanh": 0.47919, "rnn_relu": 0.36075, "lstm": 0.37206, "gru": 0.67224}


def published(variant):
    path = Path(PUBLISHED, f"Implementations/experiments/results/structure/{variant}.csv")
    if not path.is_file():
        pytest.skip(f"this clone has no table of {variant}")
    return pd.read_csv(path)


def networks(rows, seed=0, effect=1.0):
    """A table whose accuracy follows source_nodes; the other properties are noise."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.normal(size=(rows, len(NAMES))), columns=list(NAMES))
    table["test_acc"] = effect * table.source_nodes + rng.normal(size=rows)
    return table


@needs_published
@pytest.mark.parametrize("variant", PEARSON)
def test_the_reported_correlations_come_out(variant):
    found = analysis_correlation.correlate(published(variant), resamples=50)
    assert list(found.index) == list(NAMES)
    assert found.pearson[PEARSON_OF].round(2).tolist() == list(PEARSON[variant])


@needs_published
@pytest.mark.parametrize("variant", BAYESIAN_RIDGE)
def test_the_reported_bayesian_ridge_comes_out(variant):
    found = prediction.published_prediction(published(variant))
    assert found["bayesian_ridge"] == pytest.approx(BAYESIAN_RIDGE[variant], abs=5e-5)
    assert list(found) == ["bayesian_ridge", "random_forest", "adaboost"]
    assert all(value < 1 for value in found.values())


def test_mean_interval_is_students():
    values = [0.91, 0.95, 0.97, 0.99]
    mean, low, high = intervals.mean_interval(values, 0.9)
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval(0.9)
    assert (mean, low, high) == pytest.approx((np.mean(values), expected.low, expected.high))
    assert intervals.mean_interval(values, 0.99, low=0.9, high=1)[1:] == (0.9, 1.0)


def test_mean_interval_of_little():
    assert intervals.mean_interval([0.5, 0.5, 0.5]) == (0.5, 0.5, 0.5)
    assert np.isnan(intervals.mean_interval([])).all()
    assert np.isnan(intervals.mean_interval([1.0, np.nan])).all()
    with pytest.raises(ValueError, match="confidence 95"):
        intervals.mean_interval([1, 2], confidence=95)


def test_intervals_of_a_mean_cover():
    rng = np.random.default_rng(5)
    student = bootstrap = 0
    for _ in range(200):
        values = rng.normal(size=25)
        student += np.prod(intervals.mean_interval(values, 0.9)[1:]) < 0
        bootstrap += np.prod(intervals.bootstrap_interval(values, confidence=0.9, resamples=400)[1:]) < 0
    # 4 standard errors of a share of 200.
    assert abs(student / 200 - 0.9) < 0.085
    assert abs(bootstrap / 200 - 0.9) < 0.085


def test_bootstrap_interval_of_little():
    assert np.isnan(intervals.bootstrap_interval([])).all()
    assert np.isnan(intervals.bootstrap_interval([1, 2, 3])[1:]).all()
    assert intervals.bootstrap_interval([2.0] * 6) == (2, 2, 2)


def test_wilson():
    share, low, high = intervals.wilson(3, 10)
    z = scipy.stats.norm.ppf(0.975)
    middle, half = (0.3 + z**2 / 20) / (1 + z**2 / 10), z / (1 + z**2 / 10) * np.sqrt(0.021 + z**2 / 400)
    assert (share, low, high) == pytest.approx((0.3, middle - half, middle + half))
    assert np.isnan(intervals.wilson(0, 0)).all()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(4, 30))
def test_weighted_correlations_equal_scipys_on_the_resampled_rows(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, n).astype(float), rng.normal(size=n).round(1)
    counts = rng.multinomial(n, np.full(n, 1 / n), 5)
    for ours, theirs in ((_pearson, scipy.stats.pearsonr), (_spearman, scipy.stats.spearmanr)):
        found = ours(x, y, counts)
        for i, count in enumerate(counts):
            xs, ys = np.repeat(x, count), np.repeat(y, count)
            if np.ptp(xs) and np.ptp(ys):
                assert found[i] == pytest.approx(theirs(xs, ys).statistic, abs=1e-9)
            else:
                assert np.isnan(found[i])


@pytest.mark.filterwarnings("error")
def test_correlations_and_intervals_agree_with_scipy():
    table = networks(60, seed=3)
    row = analysis_correlation.correlate(table, resamples=9000).loc["source_nodes"]
    x, y = table.source_nodes.to_numpy(), table.test_acc.to_numpy()
    for name, statistic in (("pearson", scipy.stats.pearsonr), ("spearman", scipy.stats.spearmanr)):
        assert row[name] == pytest.approx(statistic(x, y).statistic)
        theirs = scipy.stats.bootstrap(
            (x, y),
            lambda a, b, of=statistic: of(a, b).statistic,
            paired=True,
            vectorized=False,
            n_resamples=1500,
            rng=np.random.default_rng(0),
        ).confidence_interval
        assert [row[f"{name}_low"], row[f"{name}_high"]] == pytest.approx([theirs.low, theirs.high], abs=0.03)
    assert row.p_value == pytest.approx(scipy.stats.pearsonr(x, y).pvalue)
    assert row.n == 60


def test_intervals_are_scipys_on_the_same_resamples():
    rng = np.random.default_rng(2)
    # Few and skewed, so that the correction moves the ends far.
    x = rng.exponential(size=12) ** 2
    y = x + 3 * rng.exponential(size=12)

    def correlation(a, b, axis=-1):
        a, b = (v - v.mean(axis=axis, keepdims=True) for v in (a, b))
        return (a * b).sum(axis=axis) / np.sqrt((a * a).sum(axis=axis) * (b * b).sum(axis=axis))

    theirs = scipy.stats.bootstrap((x, y), correlation, paired=True, rng=np.random.default_rng(0))
    left_out = _pearson(x, y, 1 - np.eye(12, dtype=int))
    found = _bca(float(correlation(x, y)), theirs.bootstrap_distribution, left_out, 0.95)
    assert found == pytest.approx(tuple(theirs.confidence_interval), abs=1e-3)


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_bootstrap_intervals_of_correlations_cover(rho):
    rng, inside, runs = np.random.default_rng(11), 0, 300
    for _ in range(runs):
        x = rng.normal(size=50)
        table = pd.DataFrame({"x": x, "y": rho * x + np.sqrt(1 - rho**2) * rng.normal(size=50)})
        row = analysis_correlation.correlate(table, "y", ["x"], confidence=0.9, resamples=500).loc["x"]
        inside += row.pearson_low <= rho <= row.pearson_high
    # 4 standard errors, and the few points that a bootstrap of 50 rows is known to be short.
    assert 0.9 - 0.09 < inside / runs < 0.9 + 0.07


def test_correlate_is_deterministic_and_finds_the_planted_effect():
    table = networks(80)
    found = analysis_correlation.correlate(table)
    pd.testing.assert_frame_equal(found, analysis_correlation.correlate(table))
    assert found.pearson.abs().idxmax() == "source_nodes"
    assert found.pearson_low["source_nodes"] > 0
    ends = found[["pearson_low", "pearson", "pearson_high"]]
    assert (ends.diff(axis=1).iloc[:, 1:] > 0).all(axis=None)


@pytest.mark.filterwarnings("error")
def test_constant_columns_have_no_correlation():
    table = networks(20)
    table["layers"] = 0.1 + 0.2
    found = analysis_correlation.correlate(table)
    assert found.loc["layers"].drop("n").isna().all()
    assert found.drop("layers").notna().all(axis=None)
    table["test_acc"] = 0.5
    assert analysis_correlation.correlate(table).drop(columns="n").isna().all(axis=None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 8])
def test_tiny_tables_correlate_or_say_nan(rows):
    found = analysis_correlation.correlate(networks(rows))
    assert (found.n == rows).all()
    assert found.pearson.notna().all() == (rows >= 3)
    assert found.pearson_low.notna().all() == (rows >= 5)


@pytest.mark.filterwarnings("error")
def test_nearly_constant_columns_keep_an_interval():
    table = networks(16)
    table["layers"] = [1.0] * 15 + [2.0]
    row = analysis_correlation.correlate(table).loc["layers"]
    assert -1 <= row.pearson_low <= row.pearson_high <= 1


def test_a_perfect_correlation():
    row = analysis_correlation.correlate(pd.DataFrame({"x": range(10), "y": range(10)}), "y", ["x"]).loc["x"]
    assert [row.pearson, row.pearson_low, row.pearson_high, row.spearman_low] == pytest.approx([1, 1, 1, 1])


def test_missing_values_leave_out_their_rows_only():
    table = networks(30)
    table.loc[:4, "layers"] = np.nan
    table.loc[7, "nodes"] = np.inf
    found = analysis_correlation.correlate(table)
    assert (found.n["layers"], found.n["nodes"], found.n["edges"]) == (25, 29, 30)
    assert found.pearson["layers"] == pytest.approx(table.layers[5:].corr(table.test_acc[5:]))


def test_bad_tables_are_named():
    table = networks(12).rename(columns={"test_acc": "test_accuracy"})
    with pytest.raises(TableError, match=r"unknown column 'test_acc'.*did you mean 'test_accuracy'"):
        analysis_correlation.correlate(table)
    with pytest.raises(TableError, match="did you mean 'layers'"):
        analysis_correlation.correlate(table, "test_accuracy", ["layer"])
    with pytest.raises(TableError, match="no column that is a graph property"):
        analysis_correlation.correlate(table[["test_accuracy"]], "test_accuracy")
    with pytest.raises(TableError, match="'layers' is not numeric"):
        analysis_correlation.correlate(table.assign(layers="many"), "test_accuracy")
    for predict in (prediction.published_prediction, prediction.importances):
        with pytest.raises(TableError, match="'layers'"):
            predict(table.drop(columns="layers"), "test_accuracy")
        with pytest.raises(TableError, match="no rows"):
            predict(table.iloc[:0], "test_accuracy")
    with pytest.raises(UnknownName, match="did you mean 'random_forest'"):
        prediction.split_distribution(table, "test_accuracy", models=["random_forrest"])


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


def test_prediction_is_fast_at_the_published_scale():
    table = networks(200)
    for predict in (prediction.importances, analysis_correlation.correlate):
        # Processor time, so that a busy machine does not fail the test.
        start = time.process_time()
        predict(table)
        assert time.process_time() - start < 10


def pruned(accuracies, base=0.95, seed=0, variant="gru", target="both"):
    rows = pd.DataFrame({"percent": [10.0, 20.0, 30.0], "accuracy": accuracies})
    return rows.assign(variant=variant, seed=seed, target=target, base_accuracy=base)


def test_safe_percentage():
    table = pd.concat(
        [
            pruned([0.95, 0.93, 0.60]),
            pruned([0.95, 0.80, 0.95], seed=1),  # coming back at 30 does not make 30 safe
            pruned([0.90, 0.95, 0.95], seed=2),
            pruned([0.99, 0.99, 0.99], variant="lstm", target="h2h"),
        ]
    ).sample(frac=1, random_state=1)
    found = pruning.safe_percentage(table, 0.02)
    assert found.loc[("gru", "both"), "values"] == [20, 10, 0]
    assert found.loc[("gru", "both"), "mean"] == 10
    assert (found.loc[("gru", "both"), "low"], found.loc[("lstm", "h2h"), "mean"]) == (0, 30)
    assert found.loc[("gru", "both"), "next"] == [30, 20, 10]
    assert found.loc[("gru", "both"), ["below", "at_least"]].tolist() == [pytest.approx(1 / 3), 0]
    assert found.loc[("lstm", "h2h"), ["below", "at_least"]].tolist() == [0, 1]
    assert found.loc[("lstm", "h2h"), "next"] == [100]
    assert np.isnan(found.loc[("lstm", "h2h"), "low"])


def test_a_coarse_grid_hides_no_uncertainty():
    equal = pd.concat([pruned([0.95, 0.95, 0.6], seed=s) for s in range(3)])
    row = pruning.safe_percentage(equal, 0.02).iloc[0]
    assert (row["mean"], row["low"], row["high"]) == (20, 10, 30)
    all_gone = equal.assign(accuracy=0.95).replace({"percent": {30.0: 100.0}})
    row = pruning.safe_percentage(all_gone, 0.02).iloc[0]
    # Nothing lies beyond 100 %: this is no censoring, and it leaves nothing open.
    assert (row["mean"], row["low"], row["high"], row["at_least"]) == (100, 100, 100, 0)
    apart = pd.concat([pruned([0.95, 0.95, 0.6]), pruned([0.95, 0.6, 0.6], seed=1)])
    row = pruning.safe_percentage(apart, 0.02, 0.5).iloc[0]
    _, low, high = intervals.mean_interval([20, 10], 0.5)
    assert (row["low"], row["high"]) == pytest.approx((low - 10, high + 10))


def test_what_the_grid_leaves_open_in_words():
    def words(*curves):
        table = pd.concat([pruned(curve, seed=s) for s, curve in enumerate(curves)])
        return pruning.censoring(pruning.safe_percentage(table, 0.02).iloc[0])

    held, none, most = [0.95, 0.95, 0.5], [0.5, 0.5, 0.5], [0.95, 0.95, 0.95]
    assert words(held, held) == ""
    assert words(none) == "below 10 %"
    assert words(none, none) == "below 10 % in each seed"
    assert words(most, held) == "at least 30 % in 1 of 2 seeds"
    assert words(most, none, held) == "below 10 % in 1 of 3 seeds, at least 30 % in 1 of 3 seeds"


@pytest.mark.parametrize(("n", "further"), [(3, 1), (20, 1), (20, 10)])
def test_prediction_intervals_cover_what_comes_next(n, further):
    rng, inside, runs = np.random.default_rng(n), 0, 400
    for _ in range(runs):
        _, low, high = intervals.prediction_interval(rng.normal(size=n), 0.9, further=further)
        inside += low <= rng.normal(size=further).mean() <= high
    # 4 standard errors of a share of 400.
    assert abs(inside / runs - 0.9) < 0.06
    assert np.isnan(intervals.prediction_interval([0.5])[1:]).all()
    assert intervals.prediction_interval([0.2, 0.9], low=0, high=1)[1:] == (0, 1)


def test_the_strongest_property_is_tested_among_all():
    name, r, p = analysis_correlation.strongest(networks(60), "test_acc", NAMES, 499, 0)
    assert (name, p) == ("source_nodes", 1 / 500)
    assert r == pytest.approx(analysis_correlation.correlate(networks(60), resamples=10).pearson["source_nodes"])
    assert analysis_correlation.strongest(networks(60), "test_acc", NAMES, 499, 0) == (name, r, p)
    found = [
        analysis_correlation.strongest(networks(30, seed, effect=0), "test_acc", NAMES, 199, 0)[2]
        for seed in range(100)
    ]
    # Under no effect p is uniform: 4 standard errors of a share of 100.
    assert np.mean(np.array(found) <= 0.1) < 0.1 + 4 * 0.03
    assert 0.5 - 4 * 0.05 < np.mean(np.array(found) <= 0.5) < 0.5 + 4 * 0.05
    with pytest.raises(TableError, match="did you mean 'layers'"):
        analysis_correlation.strongest(networks(30), "test_acc", ["layer"])


@pytest.mark.filterwarnings("error")
def test_the_strongest_of_nothing():
    assert analysis_correlation.strongest(networks(4), "test_acc", NAMES)[0] == ""
    constant = networks(20).assign(layers=3.0)
    name, r, p = analysis_correlation.strongest(constant, "test_acc", ["layers"])
    assert name == ""
    assert np.isnan([r, p]).all()
    assert analysis_correlation.strongest(constant, "test_acc", ["layers", "nodes"])[0] == "nodes"
    constant.loc[3, "nodes"] = np.nan
    assert analysis_correlation.strongest(constant, "test_acc", ["nodes"])[1] == pytest.approx(
        constant["nodes"].corr(constant["test_acc"])
    )


def test_the_margin_itself_is_within():
    assert pruning.safe_percentage(pruned([0.93, 0.93, 0.93]), 0.02)["mean"].item() == 30
    assert pruning.safe_percentage(pruned([0.93, np.nan, 0.93]), 0.02)["mean"].item() == 10


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_wider_margin_never_makes_less_safe(accuracies, one, two):
    table = pruned(accuracies)
    low, high = (pruning.safe_percentage(table, m)["mean"].item() for m in sorted((one, two)))
    assert low <= high


def recovering(accuracies, base=0.95, seed=0, percent=80.0):
    rows = pd.DataFrame({"step": [0, 5, 10, 20, 30], "epoch": [0, 0.5, 1, 2, 3], "accuracy": accuracies})
    return rows.assign(variant="gru", seed=seed, target="both", percent=percent, base_accuracy=base)


def test_regain():
    table = pd.concat(
        [
            recovering([0.5, 0.95, 0.9, 0.95, 0.95]),
            recovering([0.5, 0.6, 0.94, 0.95, 0.95], seed=1),
            recovering([0.5, 0.6, 0.7, 0.8, 0.9], seed=2),
            recovering([0.94, 0.6, 0.7, 0.8, 0.9], seed=3),
        ]
    ).sample(frac=1, random_state=1)
    row = recovery.regain(table, 0.02).loc[("gru", "both", 80)]
    assert row.dropped == 0.75
    assert row.never == pytest.approx(1 / 3)
    np.testing.assert_array_equal(row.steps, [5, 10, np.nan])
    np.testing.assert_array_equal(row.epochs, [2, 1, np.nan])
    assert (row.step, row.epoch) == (7.5, 1.5)
    assert row.epoch_low <= row.epoch <= row.epoch_high


def test_regain_where_nothing_dropped_and_where_nothing_came_back():
    table = pd.concat([recovering([0.95] * 5, percent=10.0), recovering([0.5] * 5, percent=100.0)])
    found = recovery.regain(table, 0.02)
    none, never = found.loc[("gru", "both", 10)], found.loc[("gru", "both", 100)]
    assert none.dropped == 0
    assert np.isnan([none.never, none.step, none.epoch]).all()
    assert (never.dropped, never.never) == (1, 1)
    assert np.isnan([never.step, never.epoch]).all()


def test_answers_from_no_rows_are_empty_tables():
    assert pruning.safe_percentage(pruned([0.9] * 3).iloc[:0], 0.02).empty
    assert recovery.regain(recovering([0.9] * 5).iloc[:0], 0.02).empty


def test_bad_pruning_tables_are_named():
    with pytest.raises(TableError, match="unknown column 'accuracy'"):
        pruning.safe_percentage(pruned([1, 1, 1]).drop(columns="accuracy"), 0.02)
    with pytest.raises(TableError, match="step 0"):
        recovery.regain(recovering([0.9] * 5).query("step > 0"), 0.02)
    for answer, table in ((pruning.safe_percentage, pruned([1, 1, 1])), (recovery.regain, recovering([1] * 5))):
        with pytest.raises(ValueError, match="margin 2"):
            answer(table, 2)


def test_correlations_of_integers_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = networks(12).round().astype(int)
        assert analysis_correlation.correlate(table).pearson.notna().any()


def test_remembered_results_are_equal_and_ones_own():
    calls = []

    @tables.remembered
    def slow(table, factor=2):
        calls.append(factor)
        return pd.DataFrame({"x": table["x"] * factor})

    table = pd.DataFrame({"x": [1.0, 2.0]})
    first = slow(table)
    first.loc[0, "x"] = 99
    assert slow(table.copy(), factor=2)["x"].tolist() == [2, 4]
    assert calls == [2]
    assert slow(table, 3)["x"].tolist() == [3, 6]
    assert slow(table.assign(x=[1.0, 3.0]))["x"].tolist() == [2, 6]
    assert calls == [2, 3, 2]
