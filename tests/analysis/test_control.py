import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.stats
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.outliers_influence import variance_inflation_factor

from sparsekit.analysis import control, correlation
from sparsekit.analysis.tables import TableError, one_per_graph
from tests import planted

PUBLISHED = os.environ.get("SPARSEKIT_PUBLISHED")
CONTROLS = ("nodes", "edges", "source_nodes", "sink_nodes")


def residual(values, given):
    return sm.OLS(values, sm.add_constant(given)).fit().resid


def one(table, name, controls=CONTROLS, **options):
    options = {"resamples": 50} | options
    return control.partial(table, controls, properties=[name], **options).loc[("gru", name)]


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 10**6), st.integers(10, 60))
def test_partial_correlation_is_that_of_residuals(seed, graphs):
    table = planted.study(graphs, 1, effect=1, size=1, variants=("gru",), seed=seed)
    found = one(table, "density")
    x, y, held = table["density"], table["test_accuracy"], table[list(CONTROLS)]
    assert found.pearson == pytest.approx(np.corrcoef(residual(x, held), residual(y, held))[0, 1])
    # The same hypothesis as that the property's coefficient in a regression is zero.
    fit = sm.OLS(y, sm.add_constant(held.assign(x=x))).fit(cov_type="HC3", use_t=True)
    assert found.p_value == pytest.approx(fit.pvalues["x"], rel=1e-6)
    x, y, held = x.rank(), y.rank(), held.rank()
    assert found.spearman == pytest.approx(np.corrcoef(residual(x, held), residual(y, held))[0, 1])


def test_p_values_are_those_of_the_formula_written_out():
    """By MacKinnon and White's formula, residuals over one less each graph's leverage, before a library did it."""
    found = control.partial(planted.study(30, 1, effect=1, variants=("gru",)), resamples=2).loc["gru", "p_value"]
    known = {"nodes": 0.43253065041186717, "diameter": 0.22548160494735678, "degree_var": 0.8515606462239034}
    assert found[list(known)].to_dict() == pytest.approx(known, rel=1e-9)


def test_one_control_gives_the_textbook_formula():
    table = planted.study(40, 2, size=2, variants=("gru",))
    r = one_per_graph(table, "gru")[["density", "test_accuracy", "nodes"]].corr()
    xy, xz, yz = r.loc["density", "test_accuracy"], r.loc["density", "nodes"], r.loc["test_accuracy", "nodes"]
    expected = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert one(table, "density", ["nodes"]).pearson == pytest.approx(expected)


def test_without_controls_it_is_the_plain_correlation_and_its_interval():
    table = planted.study(50, 2, effect=1)
    own = ["p_value", "q_value"]  # robust here, and Student's there
    found, plain = control.partial(table, ()), correlation.correlations(table)
    pd.testing.assert_frame_equal(found.drop(columns=own), plain.drop(columns=own), check_exact=False)


def test_p_values_hold_where_graphs_differ_in_spread():
    rng, rejected, students, runs = np.random.default_rng(5), 0, 0, 400
    for _ in range(runs):
        x, size = rng.normal(size=(2, 60))
        table = pd.DataFrame(
            {"density": x, "nodes": size, "test_accuracy": size + np.abs(x) ** 1.5 * rng.normal(size=60)}
        )
        row = one(table.assign(variant="gru", generator="g", graph=range(60)), "density", ["nodes"], resamples=1)
        rejected += row.p_value < 0.1
        students += scipy.stats.beta.sf(row.pearson**2, 0.5, 57 / 2) < 0.1
    assert rejected / runs < 0.1 + 3 * np.sqrt(0.09 / runs)
    assert students / runs > 0.2


def test_a_graph_that_alone_decides_a_coefficient_leaves_no_p_value():
    table = planted.study(20, 1, variants=("gru",)).assign(source_nodes=[1.0] + [0.0] * 19)
    row = one(table, "density", ["source_nodes"])
    assert np.isnan(row.p_value)
    assert np.isfinite(row.pearson)


def test_each_resample_is_fitted_anew():
    table = planted.study(30, 1, effect=1, size=1, variants=("gru",))
    columns = table[["density", "test_accuracy", *CONTROLS]].to_numpy(dtype=float)
    counts = np.random.default_rng(0).multinomial(30, np.full(30, 1 / 30), 5)
    for ranked in (False, True):
        found = control._partial_r(columns, counts, ranked)
        for r, count in zip(found, counts, strict=True):
            rows = np.repeat(columns, count, axis=0)
            rows = scipy.stats.rankdata(rows, axis=0) if ranked else rows
            expected = np.corrcoef(residual(rows[:, 0], rows[:, 2:]), residual(rows[:, 1], rows[:, 2:]))[0, 1]
            assert r == pytest.approx(expected, abs=1e-9)


def test_control_finds_the_planted_effect_and_clears_the_confounded_one():
    table = planted.study(effect=1, size=2, seed=3)
    raw, held = correlation.correlations(table), control.partial(table)
    for variant in ("gru", "lstm"):
        assert raw.loc[(variant, "density"), "q_value"] < 0.001
        assert held.loc[(variant, "density"), "q_value"] > 0.05
        assert held.loc[(variant, "closeness_mean"), "pearson_low"] > 0
        assert held.loc[(variant, "diameter"), "pearson_high"] < 0
        assert held.loc[(variant, "nodes"), "pearson"] > 0
        # In a single table a coefficient of nothing may be anything small.
        assert abs(held.loc[(variant, "degree_var"), "pearson"]) < 0.3


def test_a_family_can_be_a_control():
    table = planted.study(80, family=0.1, variants=("gru",))
    table["degree_var"] += 2 * (table["generator"] == "watts_strogatz")
    assert correlation.correlations(table, resamples=50).loc[("gru", "degree_var"), "q_value"] < 0.001
    assert one(table, "degree_var", ["generator"]).p_value > 0.05


def test_intervals_of_partial_correlations_cover():
    rng, inside, runs, rho = np.random.default_rng(1), 0, 200, 0.5
    for _ in range(runs):
        size = rng.normal(size=(60, 2))
        x, noise = rng.normal(size=(2, 60))
        y = rho * x + np.sqrt(1 - rho**2) * noise + size @ [2, -1]
        table = pd.DataFrame({"density": x + size @ [1, 1], "test_accuracy": y, "nodes": size[:, 0]})
        table = table.assign(edges=size[:, 1], variant="gru", generator="g", graph=range(60))
        row = one(table, "density", ["nodes", "edges"], confidence=0.9, resamples=300)
        inside += row.pearson_low <= rho <= row.pearson_high
    # 3 standard errors, and what a bootstrap of 60 rows is known to be short.
    assert 0.9 - 0.09 < inside / runs < 0.9 + 0.065


def test_no_discovery_under_the_null_beyond_the_stated_rate():
    hits, runs, names = {"alone": 0, "given": 0}, 60, planted.NAMES[4:]
    for seed in range(runs):
        table = planted.study(25, 1, seed=seed)
        hits["alone"] += (correlation.correlations(table, properties=names, resamples=1).q_value <= 0.1).any()
        hits["given"] += (control.partial(table, properties=names, resamples=1).q_value <= 0.1).any()
    # Under the null every discovery is false, so the rate is the share of tables with one.
    for kind, count in hits.items():
        assert count / runs < 0.1 + 3 * np.sqrt(0.09 / runs), kind
        assert count > 0, kind


@given(st.lists(st.floats(0, 1) | st.just(np.nan), min_size=1, max_size=20))
def test_q_values_are_those_of_statsmodels(p_values):
    p_values = np.array(p_values)
    known = np.isfinite(p_values)
    found = correlation.with_q_values(pd.DataFrame({"p_value": p_values}))["q_value"].to_numpy()
    assert np.isnan(found[~known]).all()
    if known.any():
        assert found[known] == pytest.approx(multipletests(p_values[known], method="fdr_bh")[1])


def test_seeds_are_no_more_graphs():
    table = planted.study(40, 1, effect=1)
    copied = pd.concat([table, table.assign(seed=1), table.assign(seed=2)])
    pd.testing.assert_frame_equal(correlation.correlations(table), correlation.correlations(copied), check_exact=False)
    pd.testing.assert_frame_equal(control.partial(table), control.partial(copied), check_exact=False)


@pytest.mark.filterwarnings("error")
def test_what_cannot_be_told_is_nan():
    table = planted.study(30, 2, variants=("gru",))
    table["diameter"] = 3.0
    table["density"] = 2 * table["nodes"] - table["edges"]
    found = control.partial(table, resamples=50).loc["gru"]
    assert found.loc[["diameter", "density"]].drop(columns="n").isna().all(axis=None)
    assert found.drop(index=["diameter", "density"]).notna().all(axis=None)
    mixed = control.mixed(table).loc["gru"]
    assert mixed.loc[["diameter", "density"], "coefficient"].isna().all()
    assert (mixed.loc[["diameter", "density"], "model"] == "").all()
    assert control.partial(table.assign(test_accuracy=0.5), resamples=50).pearson.isna().all()
    assert control.mixed(table.assign(test_accuracy=0.5)).coefficient.isna().all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("graphs", [1, 2, 6, 7, 9])
def test_few_graphs_have_no_interval(graphs):
    table = planted.study(graphs, 2, variants=("gru",))
    row = one(table, "closeness_mean")
    assert np.isnan(row.pearson) == (graphs <= 6)
    assert np.isnan(row.pearson_low)
    assert np.isnan(control.mixed(table).coefficient).any() or graphs > 6


def test_a_constant_control_controls_nothing():
    table = planted.study(40, 2, effect=1, variants=("gru",))
    table["source_nodes"] = 8
    alone, held = one(table, "diameter", ["nodes"]), one(table, "diameter", ["nodes", "source_nodes"])
    pd.testing.assert_series_equal(alone, held)


def test_mixed_is_regression_of_means_where_seeds_are_balanced():
    table = planted.study(40, 3, effect=1, size=1, variants=("gru",))
    row = control.mixed(table, properties=["closeness_mean"]).loc[("gru", "closeness_mean")]
    means = one_per_graph(table, "gru")
    x = means["closeness_mean"] / means["closeness_mean"].std()
    fit = sm.OLS(means["test_accuracy"], sm.add_constant(means[list(CONTROLS)].assign(x=x))).fit()
    assert row.model == "mixed"
    assert (row.graphs, row.networks) == (40, 120)
    assert row.coefficient == pytest.approx(fit.params["x"], rel=1e-5)
    # The same standard error, but a normal interval where least squares has Student's.
    half = scipy.stats.norm.ppf(0.975) * fit.bse["x"]
    assert [row.low, row.high] == pytest.approx([row.coefficient - half, row.coefficient + half], rel=1e-3)
    assert row.low < 0.02 < row.high


def test_mixed_falls_back_on_means_and_says_so():
    table = planted.study(40, 1, effect=1, variants=("gru",))
    row = control.mixed(table, properties=["closeness_mean"]).loc[("gru", "closeness_mean")]
    x = table["closeness_mean"] / table["closeness_mean"].std()
    design = sm.add_constant(table[list(CONTROLS)].assign(x=x))
    fit = sm.OLS(table["test_accuracy"], design).fit(cov_type="HC3", use_t=True)
    assert row.model == "means"
    expected = [fit.params["x"], *fit.conf_int().loc["x"], fit.pvalues["x"]]
    assert [row.coefficient, row.low, row.high, row.p_value] == pytest.approx(expected, rel=1e-6)
    # Seeds that differ more than graphs leave no variance for the graphs.
    nothing = planted.study(30, 3, between=0, within=0.1, variants=("gru",), seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = control.mixed(nothing)
    assert "means" in set(found["model"])
    assert found.coefficient.notna().all()


def test_intervals_of_the_mixed_model_cover():
    inside, runs, widths = 0, 60, set()
    for seed in range(runs):
        table = planted.study(40, 3, effect=1, size=1, variants=("gru",), seed=seed)
        row = control.mixed(table, ["nodes"], properties=["closeness_mean"], confidence=0.9).iloc[0]
        true = 0.02 * table["closeness_mean"][:40].std()
        inside += row.low <= true <= row.high
        widths.add(row.model)
    assert "mixed" in widths
    assert inside / runs > 0.9 - 3 * np.sqrt(0.09 / runs)


def test_variance_inflation_is_that_of_statsmodels():
    table = planted.study(50, 1, variants=("gru",))
    found = control.collinearity(table)
    design = sm.add_constant(table[found.index.tolist()].astype(float)).to_numpy()
    expected = [variance_inflation_factor(design, i + 1) for i in range(len(found))]
    assert found.vif.tolist() == pytest.approx(expected)


@pytest.mark.filterwarnings("error")
def test_clusters_are_named_by_their_middle():
    table = planted.study(200, 1, variants=("gru", "lstm"))
    middle = table["diameter"] + 0.01 * np.random.default_rng(0).normal(size=len(table))
    table["eccentricity_mean"], table["degree_mean"], table["layers"] = middle, 3 * table["degree_var"], 4
    found = control.collinearity(table)
    assert found.cluster[["closeness_mean", "diameter", "eccentricity_mean"]].nunique() == 1
    assert found.cluster["closeness_mean"] in ("diameter", "eccentricity_mean")
    assert found.cluster["nodes"] == found.cluster["edges"] == found.cluster["density"]
    assert found.cluster[["sink_nodes", "layers"]].tolist() == ["sink_nodes", "layers"]
    assert np.isinf(found.vif[["degree_mean", "degree_var"]]).all()
    assert np.isnan(found.vif["layers"])
    assert control.collinearity(table, threshold=0.01).cluster.nunique() > found.cluster.nunique()


def test_bad_tables_are_named():
    table = planted.study(20, 1)
    with pytest.raises(TableError, match="did you mean 'nodes'"):
        control.partial(table, ["node"])
    with pytest.raises(TableError, match="unknown column 'generator'"):
        correlation.correlations(table.drop(columns="generator"))
    for of in (correlation.correlations, control.partial, control.mixed, control.collinearity):
        with pytest.raises(TableError, match="no rows"):
            of(table.iloc[:0])
    with pytest.raises(ValueError, match="confidence 95"):
        control.mixed(table, confidence=95)


@pytest.mark.skipif(not PUBLISHED, reason="SPARSEKIT_PUBLISHED names no clone of the repository")
def test_the_published_width_outlives_control_and_size_does_not():
    path = Path(PUBLISHED, "Implementations/experiments/results/structure/lstm.csv")
    table = pd.read_csv(path).rename(columns={"graph": "generator", "graph_nr": "graph", "test_acc": "test_accuracy"})
    table = table.assign(variant="lstm")
    raw, held = correlation.correlations(table, resamples=50), control.partial(table, resamples=50)
    assert held.pearson.idxmax() == ("lstm", "source_nodes")
    assert raw.loc[("lstm", "nodes"), "q_value"] < 1e-6
    assert held.loc[("lstm", "nodes"), "q_value"] > 0.05
    clusters = control.collinearity(table)
    assert clusters.cluster["density"] == clusters.cluster["degree_mean"]
    assert np.isinf(clusters.vif["density"])
