"""Equivalence of pruned and base networks, and the conditions it is tested in."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis import conditions, intervals
from sparsekit.analysis import pruning as analysis_pruning
from sparsekit.analysis.pruning import equivalence, tolerance, tolerated
from sparsekit.analysis.tables import TableError


def networks(differences, percent=50.0, base=0.9, **columns):
    """One pruned network per seed, its accuracy that far from the base's."""
    table = pd.DataFrame({"seed": range(len(differences)), "accuracy": base + np.asarray(differences, float)})
    return table.assign(variant="gru", target="both", percent=percent, base_accuracy=base, **columns)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-0.1, 0.1), min_size=2, max_size=12), st.floats(0.005, 0.05), st.sampled_from([0.9, 0.95]))
def test_the_tests_are_those_of_scipy_and_the_deciding_interval_is_the_verdict(differences, margin, confidence):
    values = np.round(differences, 12)
    found = equivalence(differences, margin, confidence)
    if np.ptp(values) < 1e-6:
        return
    lower = scipy.stats.ttest_1samp(values, -margin, alternative="greater").pvalue
    upper = scipy.stats.ttest_1samp(values, margin, alternative="less").pvalue
    dropped = scipy.stats.ttest_1samp(values, -margin, alternative="less").pvalue
    assert found["p_equivalent"] == pytest.approx(max(lower, upper), abs=1e-6)
    assert found["p_dropped"] == pytest.approx(dropped, abs=1e-6)
    low, high = found["decide_low"], found["decide_high"]
    if min(abs(end - bound) for end in (low, high) for bound in (-margin, margin)) > 1e-9:
        by_interval = "kept" if -margin < low and high < margin else "no drop" if low > -margin else "cannot tell"
        assert found["verdict"] == ("dropped" if high < -margin else by_interval)
    assert found["low"] <= low <= found["difference"] <= high <= found["high"]


def test_equivalence_is_statsmodels():
    weightstats = pytest.importorskip("statsmodels.stats.weightstats")
    rng = np.random.default_rng(0)
    base, pruned = rng.normal(0.95, 0.01, 8), rng.normal(0.945, 0.012, 8)
    p, *_ = weightstats.ttost_paired(pruned, base, -0.02, 0.02)
    assert equivalence(pruned - base, 0.02)["p_equivalent"] == pytest.approx(p)


@pytest.mark.parametrize("n", [3, 8])
@pytest.mark.parametrize(("mean", "wrong"), [(-0.02, "kept"), (0.02, "kept"), (-0.02, "dropped")])
def test_at_the_margin_a_verdict_is_wrong_as_often_as_it_may_be(n, mean, wrong):
    rng, runs = np.random.default_rng(n), 800
    verdicts = [equivalence(rng.normal(mean, 0.002, n), 0.02, 0.9)["verdict"] for _ in range(runs)]
    # 4 standard errors of a share of 800.
    assert abs(verdicts.count(wrong) / runs - 0.1) < 4 * np.sqrt(0.09 / runs)


def test_no_evidence_of_a_drop_is_no_evidence_of_none():
    few = [-0.06, 0.03, -0.01]
    assert scipy.stats.ttest_1samp(few, 0).pvalue > 0.5
    assert equivalence(few, 0.02)["verdict"] == "cannot tell"
    assert equivalence([0.0], 0.02)["verdict"] == "cannot tell"
    assert equivalence([0.0, np.nan, 0.0], 0.02)["verdict"] == "cannot tell"


def test_every_verdict():
    assert equivalence([-0.001, 0.002, 0.0], 0.02)["verdict"] == "kept"
    assert equivalence([-0.2, -0.21, -0.19], 0.02)["verdict"] == "dropped"
    assert equivalence([0.05, 0.052, 0.049], 0.02)["verdict"] == "no drop"
    assert equivalence([-0.01, -0.03, -0.02], 0.02)["verdict"] == "cannot tell"
    # Without spread p is 0 or 1, and exactly at the margin there is none.
    assert equivalence([0, 0, 0], 0.02)["p_equivalent"] == 0
    assert equivalence([-0.5, -0.5], 0.02)["verdict"] == "dropped"
    assert equivalence(np.full(3, 0.93 - 0.95), 0.02)["verdict"] == "cannot tell"


def test_a_test_needs_a_margin_and_a_level():
    for options in ({"margin": 2}, {"margin": 0.02, "confidence": 95}, {"margin": 0.02, "confidence": 0.4}):
        with pytest.raises(ValueError, match=r"margin 2|confidence 95|more than 0.5"):
            equivalence([0, 0.1], **options)


def test_tolerance_pairs_by_seed():
    bases = np.array([0.7, 0.8, 0.9])
    table = networks(np.zeros(3)).assign(base_accuracy=bases, accuracy=bases - [0.001, 0, 0.002])
    row = tolerance(table.sample(frac=1, random_state=1), 0.02).loc["gru", "both", 50]
    assert row["verdict"] == "kept"  # the seeds themselves are 20 points apart
    assert row["difference"] == pytest.approx(-0.001)
    assert (row["low"], row["high"]) == pytest.approx(intervals.mean_interval([-0.001, 0, -0.002])[1:])
    assert tolerance(table.iloc[:0], 0.02).empty


def test_percentages_are_read_in_order():
    kept, dropped, open_ = [0.001, 0, -0.001], [-0.5, -0.51, -0.49], [-0.06, 0.03, -0.01]
    amounts = {10.0: kept, 20.0: kept, 30.0: open_, 40.0: kept, 50.0: dropped, 60.0: dropped}
    table = pd.concat([networks(values, percent) for percent, values in amounts.items()]).sample(frac=1, random_state=2)
    assert tolerated(tolerance(table, 0.02)).loc[("gru", "both")].tolist() == [20, 50]
    nothing = tolerated(tolerance(networks(open_, 10.0), 0.02)).iloc[0]
    assert nothing["kept"] == 0
    assert np.isnan(nothing["dropped"])


def test_only_what_varies_is_in_the_index():
    one = networks([0.0, 0.001], score="magnitude", scope="global")
    two = pd.concat([one, networks([-0.3, -0.31], score="random", scope="global")])
    assert tolerance(one, 0.02).index.names == ["variant", "target", "percent"]
    found = tolerance(two, 0.02)
    assert found.index.names == ["variant", "target", "percent", "score"]
    assert found.loc[("gru", "both", 50, "random"), "verdict"] == "dropped"
    assert list(tolerated(found).index) == [("gru", "both", "magnitude"), ("gru", "both", "random")]
    both = analysis_pruning.safe_percentage(two, 0.02)["mean"]
    assert both.to_dict() == {("gru", "both", "magnitude"): 50, ("gru", "both", "random"): 0}


def test_a_seed_counts_once():
    mixed = pd.concat([networks([0.0, 0.001], task="reber"), networks([0.0, 0.001], task="digits")])
    for answer in (tolerance, analysis_pruning.safe_percentage):
        with pytest.raises(TableError, match="two rows of variant gru, target both"):
            answer(mixed, 0.02)


def test_one_condition_is_the_published_where_there_is_one():
    table = pd.concat(
        [networks([0.0], score=score, schedule=schedule, recovery="rewind")
         for score in ("random", "magnitude") for schedule in ("gradual", "one_shot")]
    )  # fmt: skip
    rows = conditions.one_condition(table)
    assert rows[["score", "schedule", "recovery"]].values.tolist() == [["magnitude", "one_shot", "rewind"]]
    assert conditions.single(rows) is rows
    with pytest.raises(TableError, match="'score' holds random, magnitude: choose one"):
        conditions.single(table)
    with pytest.raises(TableError, match=r"unknown score of this table 'magntude'.*did you mean 'magnitude'"):
        conditions.chosen(table, score="magntude")
    assert len(conditions.chosen(table, scope="gate")) == len(table)  # a table without scopes
    with pytest.raises(TableError, match="unknown column 'percentage'"):
        conditions.chosen(table, percentage=50)


def test_conditions_are_compared_by_seed():
    table = pd.concat(
        [networks([0.01, 0.03], score="magnitude"), networks([-0.3, -0.29], score="random"),
         networks([0.02, 0.05], score="activity"), networks([0.01], percent=60.0, score="activity")]
    )  # fmt: skip
    found = conditions.beside(table, score="random")
    assert set(found["score"]) == {"magnitude", "activity"}
    assert len(found) == 4  # activity at 60 % has no partner
    against = tolerance(found, 0.02)
    assert against.loc[("gru", "both", 50, "magnitude"), "difference"] == pytest.approx((0.31 + 0.32) / 2)
    assert against.loc[("gru", "both", 50, "activity"), "verdict"] == "no drop"


def test_after_recovery_is_the_last_step_with_the_sizes():
    pruning = networks([-0.3, -0.2], recovery="retrain", weights=100, weights_dense=200)
    steps = pd.concat([networks([-0.3 + d, -0.2 + d], recovery="retrain", step=s) for s, d in ((0, 0), (9, 0.2))])
    found = conditions.after_recovery(pruning, steps.sample(frac=1, random_state=0)).sort_values("seed")
    assert found["accuracy"].tolist() == pytest.approx([0.8, 0.9])
    assert found["weights"].tolist() == [100, 100]
    assert found["step"].tolist() == [9, 9]


def sized(left, accuracies, percent, **columns):
    sizes = {"weights": left, "weights_dense": 1000, "multiply_adds": 20 * np.array(left) + 100}
    return networks(np.array(accuracies) - 0.9, percent, **sizes, multiply_adds_dense=20_100, **columns)


def test_operating_points():
    table = pd.concat([sized([500, 400], [0.9, 0.8], 50.0), sized([0, 0], [0.5, 0.5], 100.0)])
    found = analysis_pruning.operating_points(table).loc["gru", "both"]
    row = found.loc[50]
    assert row["compression"] == pytest.approx((1000 / 500 + 1000 / 400) / 2)
    assert row["multiply_add_ratio"] == pytest.approx((20100 / 10100 + 20100 / 8100) / 2)
    assert row["accuracy"] == pytest.approx(0.85)
    assert row["sd"] == pytest.approx(np.std([0.9, 0.8], ddof=1))
    assert row["values"] == pytest.approx([0.9, 0.8])
    assert (row["low"], row["high"]) == pytest.approx(intervals.mean_interval([0.9, 0.8], low=0, high=1)[1:])
    assert found.loc[100, "compression"] == np.inf
    with pytest.raises(TableError, match="unknown column 'weights'"):
        analysis_pruning.operating_points(table.drop(columns="weights"))
