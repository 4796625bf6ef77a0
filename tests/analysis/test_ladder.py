"""Places in an ensemble, their combination, and what density tells: against counting and against scipy."""

import itertools

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis import ladder
from sparsekit.analysis.intervals import mean_interval
from sparsekit.analysis.tables import TableError
from tests import planted


def enumerated(ranks):
    """The two-sided p by counting all ways in which each graph may have any of its ranks."""
    sums = np.array([sum(chosen) for chosen in itertools.product(*ranks)])
    own = sum(one[0] for one in ranks)
    return min(1, 2 * min((sums <= own).mean(), (sums >= own).mean()))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=5), min_size=1, max_size=4))
def test_the_combined_p_counts_all_ways_ties_included(accuracies):
    ranks = [tuple((2 * scipy.stats.rankdata(own)).astype(int).tolist()) for own in accuracies]
    assert ladder.rank_sum_p(ranks) == pytest.approx(enumerated(ranks))


def test_of_one_graph_it_is_the_exact_rank_sum_test():
    values = np.random.default_rng(0).permutation(20)
    ranks = tuple((2 * scipy.stats.rankdata(values)).astype(int).tolist())
    exact = scipy.stats.mannwhitneyu(values[:1], values[1:], method="exact").pvalue
    assert ladder.rank_sum_p([ranks]) == pytest.approx(exact)
    assert np.isnan(ladder.rank_sum_p([]))


def test_a_place_is_counted_with_ties_and_over_seeds():
    rows = [("", 0, 0.6), ("", 0, 0.8), ("as it is", 0, 0.7), ("as it is", 0, 0.7), ("as it is", 1, 0.9)]
    rows += [("as it is", 2, 0.5), ("as it is", 3, np.nan)]
    table = pd.DataFrame(rows, columns=["rung", "member", "test_accuracy"])
    table = table.assign(variant="gru", generator="g", graph=0, density=0.1, radius=0.5, activity=0.2, matched=None)
    (row,) = ladder.places(table.assign(seed=[0, 1, 0, 1, 0, 0, 0])).itertuples()
    # 0.7 among 0.7, 0.9, 0.5; the one whose training diverged has no accuracy.
    assert (row.nulls, row.at_least, row.p, row.place) == (3, 2, 3 / 4, 1.5 / 3)
    assert row.difference == pytest.approx(0.7 - 0.7)
    assert row.ranks == (5, 5, 8, 2)
    with pytest.raises(TableError, match="unknown column 'rung'"):
        ladder.places(table.assign(seed=0).drop(columns="rung"))


def test_a_summary_has_the_mean_its_interval_and_both_scales():
    placed = ladder.places(planted.ladder(graphs=8, effect={"same degrees": 0.02}))
    table = ladder.summary(placed)
    own = placed[placed["rung"] == "same degrees"]
    row = table.loc["gru", "barabasi_albert", "same degrees"]
    np.testing.assert_allclose(row[["mean", "low", "high"]].astype(float), mean_interval(own["difference"]))
    assert row.p == ladder.rank_sum_p(own["ranks"])
    assert (row.graphs, row.nulls, row.unmatched) == (8, 5, 0)
    assert row.radius_null == pytest.approx(own["radius_null"].mean())
    matched = table.loc["gru", "barabasi_albert", "same degrees and scales"]
    assert matched.unmatched == 8  # one null model of each graph
    assert np.isnan(ladder.summary(ladder.beyond_density(placed))["p"]).all()


def test_what_density_tells_is_fitted_without_the_graph():
    placed = ladder.places(planted.ladder(graphs=9, by_density=0.5))
    rows = placed[placed["rung"] == "as it is"].reset_index()
    found = ladder.beyond_density(placed)
    assert set(found["rung"]) == {ladder.DENSITY}
    for k in range(9):
        others = rows.drop(index=k)
        fit = scipy.stats.linregress(others["density"], others["expected"])
        told = rows["accuracy"][k] - (fit.intercept + fit.slope * rows["density"][k])
        assert found["difference"][k] == pytest.approx(told)
    flat = ladder.beyond_density(ladder.places(planted.ladder(graphs=4, flat=True)))
    assert flat["difference"].notna().all()
    assert ladder.beyond_density(ladder.places(planted.ladder(graphs=2)))["difference"].isna().all()


def test_claims_are_judged_at_once_and_the_opposite_refutes():
    names = ["one_helps", "two_helps", "three_hurts", "four_helps"]
    effects = dict(zip(names, (0.08, -0.08, -0.08, 0.0), strict=True))
    tables = [planted.ladder(graphs=12, effect=dict.fromkeys(planted.RUNGS, e)) for e in effects.values()]
    table = pd.concat([t.assign(generator=name) for name, t in zip(names, tables, strict=True)])
    found = ladder.summary(ladder.places(table))
    judged = ladder.judged(found, dict(zip(names, (1, 1, -1, 1), strict=True)))
    assert judged["verdict"].droplevel([0, 2]).to_dict() == dict(
        zip(names, ("shown", "refuted", "shown", "not shown"), strict=True)
    )
    assert {*judged.index.get_level_values("rung")} == {planted.RUNGS[-1]}
    from statsmodels.stats.multitest import multipletests

    np.testing.assert_allclose(judged["p_holm"], multipletests(judged["p"], method="holm")[1])
    with pytest.raises(TableError, match="nothing says what"):
        ladder.judged(found, {})
