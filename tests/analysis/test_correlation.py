"""Correlations with properties of graphs, alone and given others: one test, and its intervals."""

import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis.correlation import correlate, correlations, fitted_line, found, residuals
from sparsekit.analysis.tables import TableError, one_per_graph
from sparsekit.graphs.properties import NAMES
from tests import planted
from tests.planted import independent as networks
from tests.published_tables import needs_published, published

CONTROLS = ("nodes", "edges", "source_nodes", "sink_nodes")
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
    found = correlate(published(variant), permutations=99)
    assert list(found.index) == list(NAMES)
    assert found.pearson[PEARSON_OF].round(2).tolist() == list(PEARSON[variant])


@needs_published
def test_the_published_width_outlives_control_and_size_does_not():
    table = published("lstm")
    raw, held = correlate(table), correlate(table, controls=CONTROLS)
    assert held.pearson.idxmax() == "source_nodes"
    assert raw.loc["nodes", "pearson_p"] == 0.001
    assert held.loc["nodes", "pearson_p"] > 0.05


def residual(values, given):
    return sm.OLS(values, sm.add_constant(given)).fit().resid


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(10, 60))
def test_partial_correlation_is_that_of_residuals(seed, graphs):
    table = planted.study(graphs, 1, effect=1, size=1, variants=("gru",), seed=seed)
    row = correlate(table, "test_accuracy", ["density"], CONTROLS, permutations=99).loc["density"]
    x, y, held = table["density"], table["test_accuracy"], table[list(CONTROLS)]
    assert row.pearson == pytest.approx(np.corrcoef(residual(x, held), residual(y, held))[0, 1])
    x, y, held = x.rank(), y.rank(), held.rank()
    assert row.spearman == pytest.approx(np.corrcoef(residual(x, held), residual(y, held))[0, 1])


def test_a_property_that_is_a_control_is_given_the_others_and_tested_among_them():
    table = planted.study(40, 1, effect=1, size=2, variants=("gru",))
    both = correlate(table, "test_accuracy", planted.NAMES, CONTROLS)
    own = correlate(table, "test_accuracy", CONTROLS, CONTROLS)
    pd.testing.assert_frame_equal(both.loc[list(CONTROLS)], own)
    others = [c for c in CONTROLS if c != "nodes"]
    expected = np.corrcoef(*(residual(table[n], table[others]) for n in ("nodes", "test_accuracy")))[0, 1]
    assert own.pearson["nodes"] == pytest.approx(expected)
    rest = [n for n in planted.NAMES if n not in CONTROLS]
    pd.testing.assert_frame_equal(both.loc[rest], correlate(table, "test_accuracy", rest, CONTROLS))


@pytest.mark.filterwarnings("error")
def test_coefficients_and_ranks_agree_with_scipy():
    table = networks(60, seed=3).round(1)  # with ties
    row = correlate(table).loc["source_nodes"]
    for name, of in (("pearson", scipy.stats.pearsonr), ("spearman", scipy.stats.spearmanr)):
        assert row[name] == pytest.approx(of(table.source_nodes, table.test_acc).statistic)
    assert row.n == 60


def test_p_and_intervals_are_those_of_the_strongest_in_each_draw_of_signs():
    """Written out, for one family without missing values: the wild bootstrap by explicit regressions."""
    table = planted.study(15, 1, effect=1, size=1, variants=("gru",))
    names, held = ["density", "closeness_mean", "degree_var"], sm.add_constant(table[["nodes", "edges"]])
    row = correlate(table, "test_accuracy", names, ("nodes", "edges"), 0.9, 99, seed=4)
    fit = sm.OLS(table["test_accuracy"], held).fit()
    largest = []

    def studentised(y, name):
        """The slope of a regression over its error; and r over that, its error."""
        full = sm.OLS(y, sm.add_constant(table[["nodes", "edges", name]])).fit()
        t = full.params[name] / full.bse[name]
        r = np.corrcoef(*(sm.OLS(one, held).fit().resid for one in (table[name], y)))[0, 1]
        return t, r / t

    for keys in np.random.default_rng(4).random((99, 15)):
        y = fit.fittedvalues + fit.resid * np.where(keys < 0.5, -1, 1)
        largest.append(max(abs(studentised(y, name)[0]) for name in names))
    t, error = np.transpose([studentised(table["test_accuracy"], name) for name in names])
    expected = [(1 + sum(m >= abs(one) for m in largest)) / 100 for one in t]
    assert row.pearson_p.tolist() == pytest.approx(expected)
    reach = sorted(largest)[-10]  # 9 draws and the data may lie beyond, at 10 %
    assert row.pearson_low.tolist() == pytest.approx(np.clip((t - reach) * error, -1, 1).tolist(), abs=1e-6)
    assert row.pearson_high.tolist() == pytest.approx(np.clip((t + reach) * error, -1, 1).tolist(), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10**6), st.integers(5, 40), st.sampled_from([0.8, 0.9, 0.95]), st.floats(0, 2))
def test_bars_and_words_never_differ(seed, rows, confidence, effect):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(rng.integers(0, 4, (rows, 5)), columns=[*"abcd", "y"]).assign(
        y=lambda t: t["a"] * effect + t["y"]
    )
    table.loc[rng.random(rows) < 0.1, "b"] = np.nan
    row = correlate(table, "y", list("abcd"), list("d")[: seed % 2], confidence, 99, seed)
    for method in ("pearson", "spearman"):
        told = row[f"{method}_p"] <= 1 - confidence + 1e-9
        assert found(row, method).tolist() == told.tolist()


def test_many_properties_are_paid_for_and_their_likeness_kept():
    table = networks(30, effect=1)
    alone = correlate(table, properties=["source_nodes"])
    among = correlate(table)
    assert among.pearson_low["source_nodes"] < alone.pearson_low["source_nodes"]
    copies = {f"copy {k}": 3 * table["source_nodes"] + k for k in range(20)}
    same = correlate(table.assign(**copies), properties=["source_nodes", *copies])
    assert same.loc["source_nodes"].tolist() == pytest.approx(alone.loc["source_nodes"].tolist(), abs=1e-6)


def test_control_finds_the_planted_effect_and_clears_the_confounded_one():
    table = planted.study(effect=1, size=2, seed=3)
    raw, held = correlations(table), correlations(table, CONTROLS)
    for variant in ("gru", "lstm"):
        assert raw.loc[(variant, "density"), "pearson_low"] > 0
        assert held.loc[(variant, "density"), "pearson_p"] > 0.05
        assert held.loc[(variant, "closeness_mean"), "pearson_low"] > 0
        assert held.loc[(variant, "diameter"), "pearson_high"] < 0
        assert held.loc[(variant, "nodes"), "pearson"] > 0
        # In a single table a coefficient of nothing may be anything small.
        assert abs(held.loc[(variant, "degree_var"), "pearson"]) < 0.3


def test_a_family_can_be_a_control():
    table = planted.study(80, family=0.1, variants=("gru",))
    table["degree_var"] += 2 * (table["generator"] == "watts_strogatz")
    raw, held = (correlations(table, by, properties=["degree_var"]).pearson_p.item() for by in ((), ("generator",)))
    assert raw == 0.001
    assert held > 0.05


def test_seeds_are_no_more_graphs():
    table = planted.study(40, 1, effect=1)
    copied = pd.concat([table, table.assign(seed=1), table.assign(seed=2)])
    for by in ((), CONTROLS):
        pd.testing.assert_frame_equal(correlations(table, by), correlations(copied, by), check_exact=False)


def test_results_repeat_and_the_seed_counts():
    table = networks(80)
    pd.testing.assert_frame_equal(correlate(table), correlate(table))
    assert not correlate(table).equals(correlate(table, seed=1))
    assert correlate(table).pearson.abs().idxmax() == "source_nodes"


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_told_is_nan():
    table = networks(20).assign(layers=0.1 + 0.2)
    row = correlate(table)
    assert row.loc["layers"].drop("n").isna().all()
    assert row.drop("layers").notna().all(axis=None)
    assert correlate(table.assign(test_acc=0.5)).drop(columns="n").isna().all(axis=None)
    twice = correlate(table.assign(nodes=2 * table["edges"] + 1), properties=["nodes", "diameter"], controls=["edges"])
    assert np.isnan(twice.pearson["nodes"])
    assert np.isfinite(twice.pearson["diameter"])
    constant = correlate(table, properties=["diameter"], controls=["layers"])
    pd.testing.assert_frame_equal(constant, correlate(table, properties=["diameter"]))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 4, 5, 8])
@pytest.mark.parametrize("controls", [(), ("nodes", "edges")])
def test_tiny_tables_correlate_or_say_nan(rows, controls):
    row = correlate(networks(rows), controls=controls).drop(list(controls))
    rows -= len(controls)
    assert row.pearson.notna().all() == (rows >= 3)
    assert row.pearson_low.notna().all() == row.pearson_p.notna().all() == (rows >= 5)


@pytest.mark.filterwarnings("error")
def test_nearly_constant_columns_keep_an_interval():
    table = networks(16)
    table["layers"] = [1.0] * 15 + [2.0]
    row = correlate(table).loc["layers"]
    assert -1 <= row.pearson_low <= row.pearson_high <= 1


def test_a_perfect_correlation():
    row = correlate(pd.DataFrame({"x": range(10), "y": range(10)}), "y", ["x"]).loc["x"]
    assert [row.pearson, row.pearson_low, row.pearson_high, row.spearman_low] == pytest.approx([1, 1, 1, 1])


def test_too_few_permutations_tell_nothing():
    row = correlate(networks(60), confidence=0.999, permutations=99).loc["source_nodes"]
    assert (row.pearson_low, row.pearson_high, row.pearson_p) == (-1, 1, 0.01)


def test_missing_values_leave_out_their_rows_only():
    table = networks(30)
    table.loc[:4, "layers"] = np.nan
    table.loc[7, "nodes"] = np.inf
    row = correlate(table)
    assert (row.n["layers"], row.n["nodes"], row.n["edges"]) == (25, 29, 30)
    assert row.pearson["layers"] == pytest.approx(table.layers[5:].corr(table.test_acc[5:]))


def test_correlations_of_integers_warn_of_nothing():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert correlate(networks(12).round().astype(int)).pearson.notna().any()


def test_means_over_seeds_are_correlated():
    table = planted.study(40, 2, size=2, variants=("gru",))
    r = one_per_graph(table, "gru")[["density", "test_accuracy", "nodes"]].corr()
    xy, xz, yz = r.loc["density", "test_accuracy"], r.loc["density", "nodes"], r.loc["test_accuracy", "nodes"]
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert correlations(table, ["nodes"], properties=["density"]).pearson.item() == pytest.approx(expected)


def test_bad_tables_are_named():
    table = networks(12).rename(columns={"test_acc": "test_accuracy"})
    with pytest.raises(TableError, match=r"unknown column 'test_acc'.*did you mean 'test_accuracy'"):
        correlate(table)
    with pytest.raises(TableError, match="did you mean 'layers'"):
        correlate(table, "test_accuracy", ["layer"])
    with pytest.raises(TableError, match="did you mean 'nodes'"):
        correlate(table, "test_accuracy", controls=["node"])
    with pytest.raises(TableError, match="no column that is a graph property"):
        correlate(table[["test_accuracy"]], "test_accuracy")
    with pytest.raises(TableError, match="'layers' is not numeric"):
        correlate(table.assign(layers="many"), "test_accuracy")
    with pytest.raises(TableError, match="unknown column 'generator'"):
        correlations(table.assign(variant="gru"))
    with pytest.raises(TableError, match="no rows"):
        correlations(planted.study(5, 1).iloc[:0])
    with pytest.raises(ValueError, match="confidence 95"):
        correlate(table, "test_accuracy", confidence=95)


def test_what_controls_leave_correlates_as_under_control():
    table = planted.study(40, 1, effect=1, size=1, variants=("gru",))
    for controls in ((), CONTROLS, ("generator",)):
        rest = residuals(table, ["diameter", "test_accuracy"], controls)
        own = correlate(table, "test_accuracy", ["diameter"], controls, permutations=99)["pearson"].iloc[0]
        assert np.corrcoef(rest.to_numpy().T)[0, 1] == pytest.approx(own)


def test_the_line_through_points_is_the_least_squares_one():
    x, y = np.random.default_rng(0).normal(size=(2, 20))
    points = np.vstack([np.column_stack([x, y]), [np.nan, 1]])
    slope, start = scipy.stats.linregress(x, y)[:2]
    ends = np.array([x.min(), x.max()])
    np.testing.assert_allclose(fitted_line(points), [ends, start + slope * ends])
    assert fitted_line(np.array([[1.0, 2.0], [1.0, 3.0]])).shape == (2, 0)
