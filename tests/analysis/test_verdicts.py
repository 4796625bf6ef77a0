"""What may be said of pruned networks from few seeds and from many."""

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis import verdicts
from sparsekit.analysis.tables import TableError
from sparsekit.analysis.verdicts import half_dropped, seeds_within, tolerance, tolerated
from tests.planted import pruned_by


def pruned(accuracies, base=0.95, seed=0, variant="gru", target="both", percent=(10.0, 20.0, 30.0)):
    rows = pd.DataFrame({"percent": percent, "accuracy": accuracies})
    return rows.assign(variant=variant, seed=seed, target=target, base_accuracy=base)


@pytest.mark.parametrize(("k", "n"), [(0, 3), (3, 3), (7, 10), (20, 20)])
def test_shares_are_clopper_and_pearsons(k, n):
    found = seeds_within([0.0] * k + [0.3] * (n - k), 0.02)
    assert (found["within"], found["share"]) == (k, k / n)
    assert found["share_low"] == pytest.approx(scipy.stats.beta.ppf(0.025, k, n - k + 1) if k else 0)
    assert found["share_high"] == pytest.approx(scipy.stats.beta.ppf(0.975, k + 1, n - k) if k < n else 1)


def test_few_seeds_show_nothing_kept_however_alike():
    for n in range(1, verdicts.FEWEST_SEEDS):
        found = seeds_within([0.0] * n, 0.02)
        assert (found["verdict"], found["said"]) == ("undecided", f"{n} of {n} seed{'s' * (n > 1)} within")
        assert np.isnan([found["drop_low"], found["drop_high"]]).all()
    assert seeds_within([0.0] * 10, 0.02)["verdict"] == "kept"
    assert seeds_within([0.0] * 9 + [0.3], 0.02)["verdict"] == "undecided"
    assert seeds_within([0.0] * 18 + [0.3] * 2, 0.02)["said"] == "kept: 18 of 20 seeds within"
    assert [seeds_within([0.3] * n, 0.02)["verdict"] for n in (3, 4, 5)] == ["undecided", "undecided", "dropped"]
    # A gain is no drop, and nan is never within.
    assert seeds_within([-0.3] * 10, 0.02)["verdict"] == "kept"
    assert seeds_within([np.nan] * 5, 0.02)["verdict"] == "dropped"


def test_the_drop_is_the_interquartile_mean():
    drops = [0.0] * 6 + [0.001, 0.002, 0.3, 0.4]
    found = seeds_within(drops, 0.02)
    assert found["drop"] == pytest.approx(np.mean(np.sort(drops)[2:8]))
    assert found["drop_low"] <= found["drop"] <= found["drop_high"] < 0.4
    assert seeds_within([0.0, 0.0, 0.3], 0.02)["drop"] == pytest.approx(0.1)


def test_a_verdict_needs_a_margin_and_a_level():
    for options in ({"margin": 2}, {"margin": 0.02, "confidence": 95}, {"margin": 0.02, "confidence": 0.4}):
        with pytest.raises(ValueError, match=r"margin 2|confidence 95|more than 0.5"):
            seeds_within([0, 0.1], **options)


def test_tolerance_pairs_by_seed():
    bases = np.array([0.7, 0.8, 0.9])
    table = pruned_by(np.zeros(3)).assign(base_accuracy=bases, accuracy=bases - [0.001, 0.02, 0.021])
    row = tolerance(table.sample(frac=1, random_state=1), 0.02).loc["gru", "both", 50]
    assert row["said"] == "2 of 3 seeds within"  # the seeds themselves are 20 points apart; the margin is within
    assert row["drop"] == pytest.approx(0.014)
    assert row["drops"] == pytest.approx([0.001, 0.02, 0.021])
    assert tolerance(table.iloc[:0], 0.02).empty


def test_percentages_are_read_in_order():
    held, one, none = [0.0] * 10, [0.0] * 9 + [-0.3], [-0.3] * 10
    amounts = {10.0: held, 20.0: held, 30.0: one, 40.0: held, 50.0: none, 60.0: none}
    table = pd.concat([pruned_by(values, percent) for percent, values in amounts.items()])
    table = table.sample(frac=1, random_state=2)
    assert tolerated(tolerance(table, 0.02)).loc[("gru", "both")].to_dict() == {"seen": 20, "kept": 20, "dropped": 50}
    three = tolerated(tolerance(table[table["seed"] < 3], 0.02)).iloc[0]
    assert three[["seen", "kept"]].tolist() == [40, 0]
    assert np.isnan(three["dropped"])


def test_only_what_varies_is_in_the_index():
    one = pruned_by([0.0] * 5, score="magnitude", scope="global")
    two = pd.concat([one, pruned_by([-0.3] * 5, score="random", scope="global")])
    assert tolerance(one, 0.02).index.names == ["variant", "target", "percent"]
    found = tolerance(two, 0.02)
    assert found.index.names == ["variant", "target", "percent", "score"]
    assert found.loc[("gru", "both", 50, "random"), "verdict"] == "dropped"
    assert list(tolerated(found).index) == [("gru", "both", "magnitude"), ("gru", "both", "random")]
    both = half_dropped(two, 0.02)["percent"]
    assert both["gru", "both", "random"] < 50 < both["gru", "both", "magnitude"]


def test_a_seed_counts_once():
    mixed = pd.concat([pruned_by([0.0, 0.001], task="reber"), pruned_by([0.0, 0.001], task="digits")])
    for answer in (tolerance, half_dropped):
        with pytest.raises(TableError, match="two rows of variant gru, target both"):
            answer(mixed, 0.02)


def test_seeds_are_known_between_two_tested_percentages():
    seeds = [[0.95, 0.93, 0.60], [0.95, 0.80, 0.95], [0.90, 0.95, 0.95], [0.93, np.nan, 0.95]]
    table = pd.concat([pruned(own, seed=s) for s, own in enumerate(seeds)])
    found = half_dropped(table.sample(frac=1, random_state=1), 0.02).loc["gru", "both"]
    # Coming back at 30 does not undo that a seed had dropped at 20, and nan is no accuracy.
    assert (found["held"], found["failed"]) == ([20, 10, 0, 10], [30, 20, 10, 20])
    assert (found["n"], found["first"], found["last"]) == (4, 10, 30)
    assert found["low"] < 10 <= found["percent"] <= 20 < found["high"]
    with pytest.raises(TableError, match="gru, both: no percentage at which each seed was pruned"):
        half_dropped(pd.concat([pruned([0.9] * 3), pruned([0.9] * 3, seed=1, percent=(5.0, 6, 7))]), 0.02)


def test_percentages_that_not_every_seed_has_are_left_out():
    table = pd.concat([pruned([0.95, 0.95, 0.6]), pruned([0.95, 0.95, 0.6], seed=1).iloc[:2]])
    found = half_dropped(table, 0.02).iloc[0]
    assert (found["held"], found["failed"], found["last"]) == ([20, 20], [np.inf, np.inf], 20)


@pytest.mark.parametrize("n", [1, 2, 3, 10])
def test_an_answer_for_every_number_of_seeds_and_at_either_end(n):
    ends = [[0.5, 0.5, 0.5], [0.95, 0.95, 0.95], [0.95, 0.95, 0.5]]
    below, over, inside = (
        half_dropped(pd.concat([pruned(own, seed=s) for s in range(n)]), 0.02).iloc[0] for own in ends
    )
    assert verdicts.end_in_words(below) == "below 10 %"
    assert verdicts.end_in_words(over) == "over 30 %"
    assert verdicts.end_in_words(inside) == ""
    assert below["percent"] <= 10 < 20 <= inside["percent"] <= 30 <= over["percent"]
    for row in (below, over, inside):
        assert 0 <= row["low"] <= row["percent"] <= row["high"] <= 100
        assert np.isfinite([row["low"], row["high"]]).all()
    whole = half_dropped(pd.concat([pruned([0.95] * 3, seed=s, percent=(10, 50, 100)) for s in range(n)]), 0.02).iloc[0]
    assert verdicts.end_in_words(whole) == "not even at 100 %"


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_wider_margin_never_makes_less_hold(accuracies, one, two):
    low, high = (half_dropped(pruned(accuracies), m).iloc[0] for m in sorted((one, two)))
    assert low["held"] <= high["held"]
    assert low["percent"] <= high["percent"] + 1


def test_lucky_triples_borrow_the_spread_of_others():
    quiet, loud = {f"quiet {i}": [0.99, 0.991, 0.99] for i in range(12)}, [[0.99, 0.99, 0.5], [0.99, 0.6, 0.99]]
    narrow = verdicts.further_run(quiet)["quiet 0"]
    wide = verdicts.further_run(quiet | dict(enumerate(loud)))["quiet 0"]
    assert narrow[2] - narrow[1] < 0.01
    assert wide[2] - wide[1] > 0.7
    assert np.isnan(verdicts.further_run({"few": [0.9] * 18})["few"][1:]).all()
    assert np.isfinite(verdicts.further_run({"few": [0.9] * 19})["few"]).all()
    # Conditions far from this one say nothing of it where there are enough that are near.
    near = {f"near {i}": list(0.7 + 0.001 * np.arange(10)) for i in range(20)}
    assert verdicts.further_run(near | {"far": [0.5, 1.0]})["near 0"][2] < 0.72


def test_bad_tables_are_named_and_empty_ones_are_empty():
    for answer in (tolerance, half_dropped):
        with pytest.raises(TableError, match="unknown column 'accuracy'"):
            answer(pruned([1, 1, 1]).drop(columns="accuracy"), 0.02)
        with pytest.raises(ValueError, match="margin 2"):
            answer(pruned([1, 1, 1]), 2)
    nothing = pruned([0.9] * 3).iloc[:0]
    assert half_dropped(nothing, 0.02).empty
    assert tolerated(tolerance(nothing, 0.02)).empty
