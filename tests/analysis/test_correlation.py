"""Correlations with properties of graphs, and their bootstrap intervals."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis.correlation import correlate, pearson_of, spearman_of, strongest
from sparsekit.analysis.tables import TableError
from sparsekit.graphs.properties import NAMES
from tests.planted import independent as networks
from tests.published_tables import needs_published, published

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


@needs_published
@pytest.mark.parametrize("variant", PEARSON)
def test_the_reported_correlations_come_out(variant):
    found = correlate(published(variant), resamples=50)
    assert list(found.index) == list(NAMES)
    assert found.pearson[PEARSON_OF].round(2).tolist() == list(PEARSON[variant])


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(4, 30))
def test_weighted_correlations_equal_scipys_on_the_resampled_rows(seed, n):
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 6, n).astype(float), rng.normal(size=n).round(1)
    counts = rng.multinomial(n, np.full(n, 1 / n), 5)
    for ours, theirs in ((pearson_of, scipy.stats.pearsonr), (spearman_of, scipy.stats.spearmanr)):
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
    row = correlate(table, resamples=9000).loc["source_nodes"]
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


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_bootstrap_intervals_of_correlations_cover(rho):
    rng, inside, runs = np.random.default_rng(11), 0, 300
    for _ in range(runs):
        x = rng.normal(size=50)
        table = pd.DataFrame({"x": x, "y": rho * x + np.sqrt(1 - rho**2) * rng.normal(size=50)})
        row = correlate(table, "y", ["x"], confidence=0.9, resamples=500).loc["x"]
        inside += row.pearson_low <= rho <= row.pearson_high
    # 4 standard errors, and the few points that a bootstrap of 50 rows is known to be short.
    assert 0.9 - 0.09 < inside / runs < 0.9 + 0.07


def test_correlate_is_deterministic_and_finds_the_planted_effect():
    table = networks(80)
    found = correlate(table)
    pd.testing.assert_frame_equal(found, correlate(table))
    assert found.pearson.abs().idxmax() == "source_nodes"
    assert found.pearson_low["source_nodes"] > 0
    ends = found[["pearson_low", "pearson", "pearson_high"]]
    assert (ends.diff(axis=1).iloc[:, 1:] > 0).all(axis=None)


@pytest.mark.filterwarnings("error")
def test_constant_columns_have_no_correlation():
    table = networks(20)
    table["layers"] = 0.1 + 0.2
    found = correlate(table)
    assert found.loc["layers"].drop("n").isna().all()
    assert found.drop("layers").notna().all(axis=None)
    table["test_acc"] = 0.5
    assert correlate(table).drop(columns="n").isna().all(axis=None)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 8])
def test_tiny_tables_correlate_or_say_nan(rows):
    found = correlate(networks(rows))
    assert (found.n == rows).all()
    assert found.pearson.notna().all() == (rows >= 3)
    assert found.pearson_low.notna().all() == (rows >= 5)


@pytest.mark.filterwarnings("error")
def test_nearly_constant_columns_keep_an_interval():
    table = networks(16)
    table["layers"] = [1.0] * 15 + [2.0]
    row = correlate(table).loc["layers"]
    assert -1 <= row.pearson_low <= row.pearson_high <= 1


def test_a_perfect_correlation():
    row = correlate(pd.DataFrame({"x": range(10), "y": range(10)}), "y", ["x"]).loc["x"]
    assert [row.pearson, row.pearson_low, row.pearson_high, row.spearman_low] == pytest.approx([1, 1, 1, 1])


def test_missing_values_leave_out_their_rows_only():
    table = networks(30)
    table.loc[:4, "layers"] = np.nan
    table.loc[7, "nodes"] = np.inf
    found = correlate(table)
    assert (found.n["layers"], found.n["nodes"], found.n["edges"]) == (25, 29, 30)
    assert found.pearson["layers"] == pytest.approx(table.layers[5:].corr(table.test_acc[5:]))


def test_the_strongest_property_is_tested_among_all():
    name, r, p = strongest(networks(60), "test_acc", NAMES, 499, 0)
    assert (name, p) == ("source_nodes", 1 / 500)
    assert r == pytest.approx(correlate(networks(60), resamples=10).pearson["source_nodes"])
    assert strongest(networks(60), "test_acc", NAMES, 499, 0) == (name, r, p)
    found = [strongest(networks(30, seed, effect=0), "test_acc", NAMES, 199, 0)[2] for seed in range(100)]
    # Under no effect p is uniform: 4 standard errors of a share of 100.
    assert np.mean(np.array(found) <= 0.1) < 0.1 + 4 * 0.03
    assert 0.5 - 4 * 0.05 < np.mean(np.array(found) <= 0.5) < 0.5 + 4 * 0.05
    with pytest.raises(TableError, match="did you mean 'layers'"):
        strongest(networks(30), "test_acc", ["layer"])


@pytest.mark.filterwarnings("error")
def test_the_strongest_of_nothing():
    assert strongest(networks(4), "test_acc", NAMES)[0] == ""
    constant = networks(20).assign(layers=3.0)
    name, r, p = strongest(constant, "test_acc", ["layers"])
    assert name == ""
    assert np.isnan([r, p]).all()
    assert strongest(constant, "test_acc", ["layers", "nodes"])[0] == "nodes"
    constant.loc[3, "nodes"] = np.nan
    assert strongest(constant, "test_acc", ["nodes"])[1] == pytest.approx(constant["nodes"].corr(constant["test_acc"]))


def test_correlations_of_integers_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = networks(12).round().astype(int)
        assert correlate(table).pearson.notna().any()


def test_bad_tables_are_named():
    table = networks(12).rename(columns={"test_acc": "test_accuracy"})
    with pytest.raises(TableError, match=r"unknown column 'test_acc'.*did you mean 'test_accuracy'"):
        correlate(table)
    with pytest.raises(TableError, match="did you mean 'layers'"):
        correlate(table, "test_accuracy", ["layer"])
    with pytest.raises(TableError, match="no column that is a graph property"):
        correlate(table[["test_accuracy"]], "test_accuracy")
    with pytest.raises(TableError, match="'layers' is not numeric"):
        correlate(table.assign(layers="many"), "test_accuracy")
