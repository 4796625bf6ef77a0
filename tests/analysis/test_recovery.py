"""Time until accuracy is back, by survival analysis, and the area under recovery."""

import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis.conditions import ahead, at_the_end
from sparsekit.analysis.recovery import area_under_recovery, kaplan_meier, regain, steps_to_regain, tickets
from sparsekit.analysis.tables import TableError

STEPS = [0, 5, 20, 80, 200]
# Weeks in remission of 21 patients given 6-mercaptopurine, and whether they relapsed (Freireich and others 1963).
REMISSION = [6, 6, 6, 6, 7, 9, 10, 10, 11, 13, 16, 17, 19, 20, 22, 23, 25, 32, 32, 34, 35]
RELAPSED = [1, 1, 1, 0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0]


def recovering(accuracies, seed=0, base=0.95, steps=STEPS, **columns):
    rows = pd.DataFrame({"step": steps, "accuracy": accuracies})
    return rows.assign(variant="gru", seed=seed, target="both", percent=80.0, base_accuracy=base, **columns)


def back_at(steps, grid):
    """A table in which each network is back at its step; inf for never."""
    step, seeds = np.tile(grid, len(steps)), np.repeat(np.arange(len(steps)), len(grid))
    return recovering(np.where(step >= np.repeat(steps, len(grid)), 0.95, 0.5), seeds, steps=step)


def test_a_known_survival_curve():
    curve = kaplan_meier(pd.Series(REMISSION), pd.Series(RELAPSED).astype(bool))
    known = {6: 0.857, 7: 0.807, 10: 0.753, 13: 0.690, 16: 0.627, 22: 0.538, 23: 0.448, 35: 0.448}
    assert curve["share"][list(known)].round(3).tolist() == list(known.values())
    # Log-log interval at 10 weeks, by hand: S = 0.7529, Greenwood's sum 3/(21·18) + 1/(17·16) + 1/(15·14).
    theta = 1.959964 * np.sqrt(3 / 378 + 1 / 272 + 1 / 210) / np.log(0.752941)
    assert curve.loc[10, ["low", "high"]].tolist() == pytest.approx(
        [0.752941 ** np.exp(-theta), 0.752941 ** np.exp(theta)], abs=1e-5
    )


def literal(steps, came):
    """Kaplan and Meier's product, written out."""
    share, curve = 1.0, {}
    for at in sorted(set(steps)):
        risk = sum(step >= at for step in steps)
        share *= 1 - sum(s == at and c for s, c in zip(steps, came, strict=True)) / risk
        curve[at] = share
    return curve


outcomes = st.lists(st.tuples(st.sampled_from([0, 5, 20, 80, 200]), st.booleans()), min_size=1, max_size=14)


@settings(max_examples=30, deadline=None)
@given(outcomes)
def test_survival_is_the_product_of_what_remains(outcome):
    steps, came = zip(*outcome, strict=True)
    assert kaplan_meier(pd.Series(steps), pd.Series(came))["share"].to_dict() == pytest.approx(literal(steps, came))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.sampled_from([5, 20, 80, 200, np.inf]), min_size=6, max_size=13))
def test_medians_and_intervals_are_those_of_statsmodels(steps):
    survfunc = pytest.importorskip("statsmodels.duration.survfunc")
    came = np.isfinite(steps)
    row = steps_to_regain(back_at(steps, STEPS), 0.02).iloc[0]
    assert row["steps"] == steps
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = survfunc.SurvfuncRight(np.where(came, steps, 200), came.astype(int))
        # Theirs asks for less than half, ours for half: the same, unless exactly half are back at some step.
        if 0.5 not in theirs.surv_prob.round(12):
            assert row["median"] == np.nan_to_num(theirs.quantile(0.5), nan=np.inf)
        low, high = theirs.quantile_ci(0.5) if len(theirs.surv_prob) else (np.nan, np.nan)
    if np.isfinite(low):  # theirs has none where the interval jumps over one half
        assert (row["low"], row["high"]) == (low, high)


def test_steps_to_regain_by_hand():
    table = pd.concat(
        [
            recovering([0.94, 0.5, 0.5, 0.5, 0.5], 0),  # never left
            recovering(
                [0.5, 0.6, 0.93, 0.5, 0.95], 1
            ),  # back at 20, exactly at the margin; what follows does not count
            recovering([0.5, 0.6, 0.7, 0.94, 0.95], 2),
            recovering([0.5, 0.6, 0.7, 0.8, 0.9], 3),
            recovering([0.5, 0.6, np.nan, 0.8, 0.9], 4),
        ]
    ).sample(frac=1, random_state=1)
    row = steps_to_regain(table, 0.02).loc["gru", "both", 80]
    assert row[["n", "at_once", "censored"]].tolist() == [5, 1, 2]
    assert row["steps"] == [0, 20, 80, np.inf, np.inf]
    # Shares not back: 4/5, 3/5, 2/5. Half are back by 80, and were not at 20, measured before.
    assert (row["after"], row["median"]) == (20, 80)
    assert row["regained"] == 0.6
    assert row["regained_low"] < 0.6 < row["regained_high"]
    assert np.isnan([row["low"], row["high"]]).all()  # five networks bound no median at 95 %
    row = steps_to_regain(table, 0.02, 0.9).iloc[0]
    assert row["low"] <= 80
    assert row["high"] == np.inf


def test_where_fewer_than_half_come_back_the_median_lies_beyond():
    row = steps_to_regain(back_at([5, 80, *[np.inf] * 8], STEPS), 0.02).iloc[0]
    assert (row["median"], row["high"], row["censored"]) == (np.inf, np.inf, 8)
    none = steps_to_regain(back_at([np.inf] * 7, STEPS), 0.02).iloc[0]
    assert (none["regained"], none["median"]) == (0, np.inf)
    alone = steps_to_regain(back_at([20], STEPS), 0.02).iloc[0]
    assert (alone["after"], alone["median"]) == (5, 20)
    assert np.isnan(alone["low"])


@pytest.mark.parametrize("ends", [30, 16])
def test_intervals_of_planted_medians_cover(ends):
    """Uniform on 1 … 21, median 11; censored beyond ``ends``."""
    rng, inside, runs, medians = np.random.default_rng(ends), 0, 80, []
    for _ in range(runs):
        steps = rng.integers(1, 22, 11)
        row = steps_to_regain(back_at(steps, [0, *range(1, ends + 1)]), 0.02, 0.9).iloc[0]
        inside += row["low"] <= 11 <= row["high"]
        medians.append(row["median"])
    assert np.median(medians) == pytest.approx(11, abs=1)
    assert inside / runs > 0.9 - 4 * np.sqrt(0.09 / runs)


def test_protocols_stand_apart_in_the_index():
    table = pd.concat(
        [back_at([5, 20, 20], STEPS).assign(recovery="rewind"), back_at([80, 80, 200], STEPS).assign(recovery="dense")]
    )
    found = steps_to_regain(table, 0.02)
    assert found["median"].to_dict() == {("gru", "both", 80, "rewind"): 20, ("gru", "both", 80, "dense"): 80}
    assert steps_to_regain(table.iloc[:0], 0.02).empty


def test_areas_by_hand():
    flat = area_under_recovery(recovering([0.8] * 5)).iloc[0]
    assert (flat["area"], flat["lost"], flat["last"]) == pytest.approx((0.8, 0.15, 200))
    # 0.5 at step 0 and 0.9 from step 9 to 99: u is 0, 1/2 and 1, the area 0.7 / 2 + 0.9 / 2.
    one = recovering([0.5, 0.9, 0.9], steps=[0, 9, 99])
    assert area_under_recovery(one)["area"].item() == pytest.approx(0.8)
    two = pd.concat([one, recovering([0.7, 0.7, 0.7], 1, base=0.75, steps=[0, 9, 99])])
    row = area_under_recovery(two).iloc[0]
    assert row["values"] == pytest.approx([0.8, 0.7])
    assert (row["area"], row["lost"]) == pytest.approx((0.75, (0.15 + 0.05) / 2))
    assert row["area_low"] <= row["area"] <= row["area_high"]


def test_areas_end_where_the_shortest_recovery_ends():
    long = recovering([0.5, 0.9, 0.1], steps=[0, 9, 99], recovery="dense")
    short = recovering([0.5, 0.9], steps=[0, 9], recovery="rewind")
    found = area_under_recovery(pd.concat([long, short]))
    assert found["area"].tolist() == pytest.approx([0.7, 0.7])
    assert found["last"].tolist() == [9, 9]
    # Not measured at step 9: halfway in log(1 + step) between 0 and 99.
    gap = area_under_recovery(pd.concat([recovering([0.5, 0.9], steps=[0, 99], recovery="dense"), short]))
    assert gap["area"].tolist() == pytest.approx([(0.5 + 0.7) / 2, 0.7])


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_an_area_is_a_mean_of_accuracies(accuracies):
    area = area_under_recovery(recovering(accuracies))["area"].item()
    assert min(accuracies) - 1e-12 <= area <= max(accuracies) + 1e-12


def test_bad_tables_of_recovery_are_named():
    table = recovering([0.5] * 5)
    for answer in (lambda t: steps_to_regain(t, 0.02), area_under_recovery):
        with pytest.raises(TableError, match=r"gru, both, 80.0: no accuracy at step 0"):
            answer(table[table["step"] > 0])
        with pytest.raises(TableError, match=r"two rows of .* seed 0, step 0"):
            answer(pd.concat([table, table]))
        with pytest.raises(TableError, match="unknown column 'accuracy'"):
            answer(table.drop(columns="accuracy"))
    with pytest.raises(ValueError, match="margin 2"):
        steps_to_regain(table, 2)


def regaining(accuracies, base=0.95, seed=0, percent=80.0):
    rows = pd.DataFrame({"step": [0, 5, 10, 20, 30], "epoch": [0, 0.5, 1, 2, 3], "accuracy": accuracies})
    return rows.assign(variant="gru", seed=seed, target="both", percent=percent, base_accuracy=base)


def test_regain():
    table = pd.concat(
        [
            regaining([0.5, 0.95, 0.9, 0.95, 0.95]),
            regaining([0.5, 0.6, 0.94, 0.95, 0.95], seed=1),
            regaining([0.5, 0.6, 0.7, 0.8, 0.9], seed=2),
            regaining([0.94, 0.6, 0.7, 0.8, 0.9], seed=3),
        ]
    ).sample(frac=1, random_state=1)
    row = regain(table, 0.02).loc[("gru", "both", 80)]
    assert row.dropped == 0.75
    assert row.never == pytest.approx(1 / 3)
    np.testing.assert_array_equal(row.steps, [5, 10, np.nan])
    np.testing.assert_array_equal(row.epochs, [2, 1, np.nan])
    assert (row.step, row.epoch) == (10, 2)
    assert np.isinf(regain(table[table["seed"] > 1], 0.02)["step"].item())


def test_regain_where_nothing_dropped_and_where_nothing_came_back():
    table = pd.concat([regaining([0.95] * 5, percent=10.0), regaining([0.5] * 5, percent=100.0)])
    found = regain(table, 0.02)
    none, never = found.loc[("gru", "both", 10)], found.loc[("gru", "both", 100)]
    assert none.dropped == 0
    assert np.isnan([none.never, none.step, none.epoch]).all()
    assert (never.dropped, never.never) == (1, 1)
    assert np.isinf([never.step, never.epoch]).all()


def test_bad_tables_of_regain_are_named():
    with pytest.raises(TableError, match="step 0"):
        regain(regaining([0.9] * 5).query("step > 0"), 0.02)
    with pytest.raises(ValueError, match="margin 2"):
        regain(regaining([1] * 5), 2)
    assert regain(regaining([0.9] * 5).iloc[:0], 0.02).empty


def test_tickets_are_rewound_survivors_less_a_random_mask_at_the_end_of_each():
    """Each at its own last step, whatever else is in the table; nothing where either is missing."""
    parts = [recovering([0.5, 0.9], seed, steps=[0, 20], recovery="retrain") for seed in range(3)]
    for seed, more in enumerate((0.1, 0.2, 0.3)):
        parts.append(recovering([0.5, 0.6, 0.6 + more], seed, steps=[0, 20, 300], recovery="rewind"))
        parts.append(recovering([0.5, 0.7, 0.6], seed, steps=[0, 20, 300], recovery="random_mask"))
    row = tickets(pd.concat(parts)).loc["gru", "both", 80.0, "rewind"]
    assert (row["n"], row["ahead"]) == (3, pytest.approx(0.2))
    half = 4.302653 * 0.1 / np.sqrt(3)
    assert (row["low"], row["high"]) == (pytest.approx(0.2 - half), pytest.approx(0.2 + half))
    last = ahead(at_the_end(pd.concat(parts)), "accuracy", recovery="retrain")  # which ended at step 20
    assert last["ahead"].droplevel([0, 1, 2]).round(9).to_dict() == {"rewind": -0.1, "random_mask": -0.3}
    assert tickets(pd.concat(parts[:4])).empty
    assert tickets(pd.concat(parts[:3])).empty
