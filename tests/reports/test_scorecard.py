"""The scorecard's verdicts follow from the tables by rule."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats
from bs4 import BeautifulSoup

from sparsekit.analysis import correlation
from sparsekit.experiments.parameters import Parameters
from sparsekit.reports import scorecard, thesis
from sparsekit.reports.scorecard import GROUPS, Figure, verdict
from sparsekit.reports.thesis import reported
from tests.reports.tables import base, pruning, recovery, structure

FAST = {"permutations": 199}


def row(card, group, variant="lstm", **where):
    rows = card[(card["group"] == group) & (card["variant"] == variant)]
    for column, value in where.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize(
    ("figure", "said"),
    [
        ({"reported": 0.9, "ours": 0.9, "low": 0.88, "high": 0.92}, "agrees"),
        ({"reported": 0.9, "ours": 0.9, "low": 0.87, "high": 0.92}, "undecided"),
        ({"reported": 0.935, "ours": 0.9, "low": 0.88, "high": 0.92}, "undecided"),
        ({"reported": 0.945, "ours": 0.9, "low": 0.88, "high": 0.92}, "differs"),
        ({"reported": 0.9, "ours": 0.9, "low": 0.7, "high": 1.0}, "undecided"),
        ({"reported": 0.4, "ours": 0.9, "low": 0.7, "high": 1.0}, "differs"),
        ({"reported": 0.9, "ours": 0.9}, "undecided"),
        ({"reported": 0.5, "ours": 0.5, "low": 0.5, "high": 0.5, "apart": True}, "set apart"),
        ({"reported": 0.9, "ran": False}, "not run"),
    ],
)
def test_verdict(figure, said):
    assert verdict(Figure("lstm", **figure), GROUPS["base_test_accuracy"]) == said


def test_every_group_of_reported_figures_is_compared():
    assert set(GROUPS) == set(reported()) - {"citation", "scale", "form", "cost"}
    assert all(reported()[name]["source"] for name in GROUPS)


def test_base_accuracy_is_the_last_epochs():
    card = scorecard.scorecard(Parameters(), base=base([0.99] + [1.0] * 19))
    found = row(card, "base_test_accuracy")
    assert found["ours"] == pytest.approx(19.99 / 20)
    assert found["verdict"] == "agrees"
    assert found["source"] == "chapter 6.1, last epoch"
    assert row(card, "base_test_accuracy", "gru")["verdict"] == "not run"


@pytest.mark.parametrize("other", [{"task": "digits"}, {"invalid": "edit"}])
def test_nothing_of_another_task_is_compared(other):
    card = scorecard.scorecard(Parameters(**other), base=base([0.9, 1.0]))
    assert set(card["verdict"]) == {"not run"}
    assert card["ours"].isna().all()
    assert "Nothing in this run is what the thesis reports" in scorecard.shown(card).data


@pytest.mark.parametrize("seeds", [3, 10, 40])
def test_a_process_like_the_thesiss_seldom_differs_however_many_seeds(seeds):
    rng, outside, given = np.random.default_rng(seeds), 0, 0
    for _ in range(60):
        # One more run of the same process is the thesis's; the tolerance must not decide.
        runs = 0.6 + 0.05 * rng.standard_normal((10, seeds + 1))
        curves = [{10.0 * p: own[seed] for p, own in enumerate(runs)} for seed in range(seeds)]
        found = thesis.at_once({}, pruning(curves), Parameters())
        for (*_, at), one in found.items():
            given += 1
            outside += not one["low"] <= runs[int(at.split("0 %")[0] or 0), -1] <= one["high"]
    # 4 standard errors of a share of 600 above 0.05.
    assert given == 600
    assert 0.01 < outside / given < 0.086


def test_few_runs_have_no_interval():
    found = row(scorecard.scorecard(Parameters(), base=base([0.99, 1.0, 1.0])), "base_test_accuracy")
    assert (found["verdict"], found["note"]) == ("undecided", "too few runs for an interval")
    assert found["ours"] == pytest.approx(2.99 / 3)
    assert np.isnan(found["low"])


def test_the_interval_of_the_difference_is_what_one_further_run_would_leave_of_it():
    found = row(scorecard.scorecard(Parameters(), base=base([0.9] * 19 + [0.8])), "base_test_accuracy")
    mean = (19 * 0.9 + 0.8) / 20
    assert found["difference"] == pytest.approx(1 - mean)
    assert (found["low"], found["high"]) == pytest.approx((1 - (mean + 0.1), 1 - (mean - 0.1)))
    assert "one further run" in scorecard.RULES


@pytest.mark.parametrize(("ours", "said"), [(0.5, "set apart"), (0.54, "set apart"), (0.6, "undecided")])
def test_both_at_chance_is_set_apart(ours, said):
    card = scorecard.scorecard(Parameters(), pruning=pruning([{100.0: ours}] * 3))
    found = row(card, "accuracy_at_once_after_pruning", target="both", detail="100 %")
    assert found["verdict"] == said
    assert (found["note"] == "both at chance") == (said == "set apart")


def test_the_thesiss_own_sampling_error_counts():
    table = structure(slope=0.02)
    card = scorecard.scorecard(Parameters(**FAST), structure=table)
    found = row(card, "pearson_with_test_accuracy", "gru", detail="source_nodes")
    own = correlation.correlate(table, "test_accuracy", ["source_nodes"], permutations=199).iloc[0]
    ours, low, high = np.arctanh([own["pearson"], own["pearson_low"], own["pearson_high"]])
    theirs = 1.959964 / math.sqrt(200 - 3)
    expected = np.tanh([ours - math.hypot(ours - low, theirs), ours + math.hypot(high - ours, theirs)])
    low, high = found["reported"] - expected[::-1]
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-6)
    accuracy = table["test_accuracy"]
    half = scipy.stats.t.ppf(0.975, 39) * accuracy.std() * math.sqrt(1 / 40 + 1 / 200)
    mean = row(card, "structure_test_accuracy", "gru")
    apart = mean["reported"] - accuracy.mean()
    assert (mean["low"], mean["high"]) == pytest.approx((apart - half, apart + half))


@pytest.mark.parametrize(
    ("curves", "said", "note", "ours"),
    [
        ([{10.0: 1.0, 20.0: 0.5}] * 20, "differs", "", 15),
        ([{40.0: 0.5, 90.0: 0.5}] * 20, "differs", "below 40 %", None),
        ([{60.0: 0.5, 90.0: 0.5}] * 20, "undecided", "below 60 %", None),
        ([{10.0: 1.0, 95.0: 1.0}] * 20, "differs", "over 95 %", None),
        ([{60.0: 1.0, 70.0: 0.5}] * 20, "agrees", "", 65),
        ([{60.0: 1.0, 70.0: 0.5}] * 3, "undecided", "too few runs for an interval", 65),
        ([{60.0: 1.0, 70.0: 0.5}], "undecided", "one seed", 65),
    ],
)
def test_percentages_before_a_drop(curves, said, note, ours):
    found = row(scorecard.scorecard(Parameters(), pruning=pruning(curves)), "safe_pruning_percent", target="both")
    assert found["reported"] == 60
    assert (found["verdict"], found["note"]) == (said, note)
    assert ours is None or found["ours"] == pytest.approx(ours, abs=1.5)


def test_pruning_figures():
    card = scorecard.scorecard(Parameters(), pruning=pruning([{70.0: 0.80}, {70.0: 0.81}] * 10))
    at_once = row(card, "accuracy_at_once_after_pruning", target="both", detail="70 %")
    assert at_once["ours"] == pytest.approx(0.805)
    assert at_once["verdict"] == "agrees"
    assert row(card, "accuracy_at_once_after_pruning", target="both", detail="80 %")["verdict"] == "not run"
    assert "base_test_accuracy" not in set(card["group"])


@pytest.mark.parametrize(
    ("curves", "percent", "scale", "ours", "said"),
    [
        # Thesis: back after one epoch of 586 steps; these have epochs of 100.
        ([[0.5, 0.99], [0.6, 1.0]], 90.0, 1, 100, "agrees"),
        ([[0.5, 0.6, 0.6, 1.0]] * 2, 90.0, 1, 300, "agrees"),
        ([[0.5, 0.6, 0.6, 1.0]] * 2, 90.0, 20, 6000, "differs"),
        # Looked for less than that epoch, or found some back and others not: nothing is decided.
        ([[0.5, 0.6, 0.6]] * 2, 90.0, 1, math.inf, "undecided"),
        ([[0.5, 0.6, 0.6]] * 2, 90.0, 20, math.inf, "differs"),
        ([[0.5, 0.6], [0.6, 1.0]], 90.0, 1, 100, "undecided"),
        # Thesis: never in 5,860 steps.
        ([[0.5, 0.6]] * 2, 100.0, 1, math.inf, "undecided"),
        ([[0.5] * 11] * 2, 100.0, 5.86, math.inf, "agrees"),
        ([[0.5, 1.0]] * 2, 100.0, 1, 100, "differs"),
        ([[1.0, 1.0]] * 2, 90.0, 1, math.nan, "undecided"),
    ],
)
def test_epochs_to_regain_are_compared_as_steps(curves, percent, scale, ours, said):
    table = recovery(curves * 10, percent)
    table["step"] *= scale
    found = row(
        scorecard.scorecard(Parameters(), recovery=table), "epochs_to_regain", detail=f"{percent:.0f} %", target="both"
    )
    assert found["ours"] == pytest.approx(ours, nan_ok=True)
    assert found["reported"] == (586 if percent == 90 else math.inf)
    assert found["verdict"] == said


def test_only_seeds_that_had_dropped_regain():
    table = recovery([[0.5, 1.0]] * 20 + [[1.0, 1.0]] * 10)
    found = row(scorecard.scorecard(Parameters(), recovery=table), "epochs_to_regain", detail="90 %", target="both")
    assert (found["verdict"], found["note"]) == ("agrees", "20 of 30 seeds had dropped")


def test_structure_figures_take_one_network_a_graph():
    card = scorecard.scorecard(Parameters(**FAST), structure=structure(seeds=3))
    few = row(card, "pearson_with_test_accuracy", "gru", detail="source_nodes")
    assert few["note"] == "over 40 graphs"
    assert few["low"] < few["difference"] < few["high"]
    assert few["ours"] > 0.9
    # An interval for all properties at once is wide over forty graphs: it reaches into the tolerance of 0.2 still.
    assert few["low"] < -0.2 < few["high"]
    assert few["verdict"] == "undecided"
    many = {"structure": structure(graphs=120, seeds=3), "groups": ["pearson_with_test_accuracy"]}
    card_of_many = scorecard.scorecard(Parameters(**FAST), **many)
    pearson = row(card_of_many, "pearson_with_test_accuracy", "gru", detail="source_nodes")
    assert pearson["note"] == "over 120 graphs"
    assert pearson["low"] < pearson["difference"] < pearson["high"]
    assert pearson["ours"] > 0.9
    assert pearson["verdict"] == "differs"
    assert row(card, "random_forest_r_squared_by_feature_set", "gru", detail="all")["verdict"] == "set apart"
    many = scorecard.scorecard(Parameters(**FAST), structure=structure(graphs=120, seeds=2), groups=["r_squared"])
    ridge = row(many, "r_squared", "gru", detail="bayesian_ridge")
    assert 0.5 < ridge["ours"] <= 1
    assert ridge["low"] < ridge["ours"]
    assert ridge["note"] == "interval: 5–95 % of 20 splits"
    mean = row(card, "structure_test_accuracy", "gru")
    assert mean["ours"] == pytest.approx(structure()["test_accuracy"].mean())


def test_a_split_that_tests_two_networks_tells_nothing():
    card = scorecard.scorecard(Parameters(**FAST), structure=structure(graphs=12), groups=["r_squared"])
    ours = card[card["variant"] == "gru"]
    assert set(ours["verdict"]) == {"set apart"}
    assert ours["note"].str.contains("2 tested networks, fewer than 10").all()
    assert ours[["ours", "low", "high"]].isna().all(axis=None)


def test_too_few_graphs_cannot_tell():
    card = scorecard.scorecard(Parameters(**FAST), structure=structure(graphs=4))
    groups = ["pearson_with_test_accuracy", "r_squared", "random_forest_r_squared_by_feature_set"]
    ours = card[(card["variant"] == "gru") & card["group"].isin(groups)]
    assert set(ours["verdict"]) == {"set apart", "undecided"}


def test_summary_counts_verdicts_and_nothing_set_apart():
    curves = [{60.0: 1.0, 100.0: 0.5}] * 20
    card = scorecard.scorecard(Parameters(), base=base([1.0] * 20), pruning=pruning(curves))
    counts = scorecard.summary(card)
    assert counts.loc["base_test_accuracy"].to_dict() == {"agrees": 1, "differs": 0, "undecided": 0}
    assert counts.loc["accuracy_at_once_after_pruning"].to_dict() == {"agrees": 1, "differs": 0, "undecided": 0}
    assert (card["verdict"] == "set apart").sum() == 1
    assert counts.to_numpy().sum() == card["verdict"].isin(scorecard.COUNTED).sum()


def test_shown_is_whole_and_in_words():
    curves = [{float(p): 1.0 for p in range(10, 101, 10)}] * 2
    tables = [pruning(curves, variant, target) for variant in ("lstm", "gru") for target in ("both", "i2h", "h2h")]
    card = scorecard.scorecard(Parameters(), pruning=pd.concat(tables), base=base([1.0]))
    html, ran = scorecard.shown(card).data, card[card["verdict"] != "not run"]
    counts, differing = ran["verdict"].value_counts(), (ran["verdict"] == "differs").sum()
    assert len(ran) > scorecard.FEW
    assert differing
    soup = BeautifulSoup(html, "html.parser")
    first, folded = soup.find_all("table")
    assert len(first.select("tbody tr")) == differing, "what differs is not folded"
    assert len(folded.select("tbody tr")) == len(ran)
    assert folded.find_parent("details")
    assert f"Of {len(ran)} figures of the thesis: " in soup.p.get_text()
    assert all(words in soup.p.get_text() for words in scorecard.told_counts(counts))
    assert all(
        word in html for word in ("hidden-to-hidden", "LSTM", "undecided: one seed", "100 %", "−19.7 (−19.7 to −19.7)")
    )
    one_group = scorecard.scorecard(Parameters(), base=base([1.0]), groups=["base_test_accuracy"])
    assert one_group.equals(card[card["group"] == "base_test_accuracy"].reset_index(drop=True))
    heads = BeautifulSoup(scorecard.shown(one_group).data, "html.parser").select("thead th")
    assert [head.get_text() for head in heads] == ["figure", "variant", "thesis", "this run", "difference", "verdict"]
