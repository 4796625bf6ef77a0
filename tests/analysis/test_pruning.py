"""How much is safe to remove, operating points, and equivalence of pruned and base networks."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis import intervals, pruning
from sparsekit.analysis.pruning import equivalence, tolerance, tolerated
from sparsekit.analysis.tables import TableError
from tests.planted import pruned_by


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
    table = pruned_by(np.zeros(3)).assign(base_accuracy=bases, accuracy=bases - [0.001, 0, 0.002])
    row = tolerance(table.sample(frac=1, random_state=1), 0.02).loc["gru", "both", 50]
    assert row["verdict"] == "kept"  # the seeds themselves are 20 points apart
    assert row["difference"] == pytest.approx(-0.001)
    assert (row["low"], row["high"]) == pytest.approx(intervals.mean_interval([-0.001, 0, -0.002])[1:])
    assert tolerance(table.iloc[:0], 0.02).empty


def test_percentages_are_read_in_order():
    kept, dropped, open_ = [0.001, 0, -0.001], [-0.5, -0.51, -0.49], [-0.06, 0.03, -0.01]
    amounts = {10.0: kept, 20.0: kept, 30.0: open_, 40.0: kept, 50.0: dropped, 60.0: dropped}
    table = pd.concat([pruned_by(values, percent) for percent, values in amounts.items()]).sample(
        frac=1, random_state=2
    )
    assert tolerated(tolerance(table, 0.02)).loc[("gru", "both")].tolist() == [20, 50]
    nothing = tolerated(tolerance(pruned_by(open_, 10.0), 0.02)).iloc[0]
    assert nothing["kept"] == 0
    assert np.isnan(nothing["dropped"])


def test_only_what_varies_is_in_the_index():
    one = pruned_by([0.0, 0.001], score="magnitude", scope="global")
    two = pd.concat([one, pruned_by([-0.3, -0.31], score="random", scope="global")])
    assert tolerance(one, 0.02).index.names == ["variant", "target", "percent"]
    found = tolerance(two, 0.02)
    assert found.index.names == ["variant", "target", "percent", "score"]
    assert found.loc[("gru", "both", 50, "random"), "verdict"] == "dropped"
    assert list(tolerated(found).index) == [("gru", "both", "magnitude"), ("gru", "both", "random")]
    both = pruning.safe_percentage(two, 0.02)["mean"]
    assert both.to_dict() == {("gru", "both", "magnitude"): 50, ("gru", "both", "random"): 0}


def test_a_seed_counts_once():
    mixed = pd.concat([pruned_by([0.0, 0.001], task="reber"), pruned_by([0.0, 0.001], task="digits")])
    for answer in (tolerance, pruning.safe_percentage):
        with pytest.raises(TableError, match="two rows of variant gru, target both"):
            answer(mixed, 0.02)


def sized(left, accuracies, percent, **columns):
    sizes = {"weights": left, "weights_dense": 1000, "multiply_adds": 20 * np.array(left) + 100}
    return pruned_by(np.array(accuracies) - 0.9, percent, **sizes, multiply_adds_dense=20_100, **columns)


def test_operating_points():
    table = pd.concat([sized([500, 400], [0.9, 0.8], 50.0), sized([0, 0], [0.5, 0.5], 100.0)])
    found = pruning.operating_points(table).loc["gru", "both"]
    row = found.loc[50]
    assert row["compression"] == pytest.approx((1000 / 500 + 1000 / 400) / 2)
    assert row["multiply_add_ratio"] == pytest.approx((20100 / 10100 + 20100 / 8100) / 2)
    assert row["accuracy"] == pytest.approx(0.85)
    assert row["sd"] == pytest.approx(np.std([0.9, 0.8], ddof=1))
    assert row["values"] == pytest.approx([0.9, 0.8])
    assert (row["low"], row["high"]) == pytest.approx(intervals.mean_interval([0.9, 0.8], low=0, high=1)[1:])
    assert found.loc[100, "compression"] == np.inf
    with pytest.raises(TableError, match="unknown column 'weights'"):
        pruning.operating_points(table.drop(columns="weights"))


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


def test_the_margin_itself_is_within():
    assert pruning.safe_percentage(pruned([0.93, 0.93, 0.93]), 0.02)["mean"].item() == 30
    assert pruning.safe_percentage(pruned([0.93, np.nan, 0.93]), 0.02)["mean"].item() == 10


@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_wider_margin_never_makes_less_safe(accuracies, one, two):
    table = pruned(accuracies)
    low, high = (pruning.safe_percentage(table, m)["mean"].item() for m in sorted((one, two)))
    assert low <= high


def test_bad_pruning_tables_are_named():
    with pytest.raises(TableError, match="unknown column 'accuracy'"):
        pruning.safe_percentage(pruned([1, 1, 1]).drop(columns="accuracy"), 0.02)
    with pytest.raises(ValueError, match="margin 2"):
        pruning.safe_percentage(pruned([1, 1, 1]), 2)


def test_answers_from_no_rows_are_empty_tables():
    nothing = pruned([0.9] * 3).iloc[:0]
    assert pruning.safe_percentage(nothing, 0.02).empty
    assert pruning.tolerated(pruning.tolerance(nothing, 0.02)).empty


def test_the_mean_over_seeds_leaves_the_margin_once():
    # Seeds end on either side of the margin, their mean within it at 20, below at 30, within again at 40.
    rows = [
        pruned_by(d, percent) for d, percent in (([0, 0], 10.0), ([-0.03, 0], 20.0), ([-0.5, 0], 30.0), ([0, 0], 40.0))
    ]
    table = pd.concat(rows)
    own, intact = pruning.margin_ends(table, "target", 0.02), table.assign(accuracy=0.95)
    assert own.loc[("gru", "both")].tolist() == [20, 30]
    assert pruning.margin_ends(intact, "target", 0.02).loc["gru"].fillna(0).to_numpy().tolist() == [[40, 0]]
    lost = pruning.margin_ends(table.assign(accuracy=0.5, left=1 / table["percent"]), "target", 0.02, "left")
    assert lost.loc["gru"].fillna(0).to_numpy().tolist() == [[0, 1 / 40]]


def test_a_rule_stands_beside_random_pruning_at_the_mean_size():
    rules = [("magnitude", "gate"), ("magnitude", "global"), ("random", "global"), ("random", "gate")]
    table = pd.concat([pruned_by([0, 0], score=s, scope=w) for s, w in rules]).assign(weights_dense=6000)
    table["weights"] = np.where(table["seed"] == 0, 3000, 2000)
    own = pruning.beside_random(table, "magnitude", "gate")
    assert set(own["rule"]) == {"magnitude gate", "random global"}
    assert own["compression"].unique().tolist() == [2.5]
    few = pruning.beside_random(table.assign(weights=np.where(table["score"] == "random", 5, 6)), "magnitude", "gate")
    assert set(few["rule"]) == {"magnitude gate"}
