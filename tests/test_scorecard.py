"""The scorecard's verdicts and the short answers follow from the tables by rule."""

import math
import re

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sparsekit.analysis import correlation, verdicts
from sparsekit.analysis.tables import one_per_graph
from sparsekit.experiments.parameters import Parameters
from sparsekit.graphs.properties import NAMES
from sparsekit.reports import answers, scorecard, thesis
from sparsekit.reports.scorecard import GROUPS, Figure, verdict
from sparsekit.reports.thesis import reported, scale, scale_note

FAST = {"permutations": 199}


def base(accuracies, variant="lstm"):
    rows = [
        {"variant": variant, "seed": s, "epoch": e, "test_accuracy": a - 0.3 * (e == 1)}
        for s, a in enumerate(accuracies)
        for e in (1, 2)
    ]
    return pd.DataFrame(rows)


def pruning(curves, variant="lstm", target="both", base_accuracy=1.0):
    rows = [
        {"variant": variant, "seed": s, "target": target, "percent": p, "accuracy": a, "base_accuracy": base_accuracy}
        for s, curve in enumerate(curves)
        for p, a in curve.items()
    ]
    return pd.DataFrame(rows)


def recovery(curves, percent=90.0, variant="lstm", target="both"):
    """Accuracy at once and after each epoch of 100 steps, a curve a seed."""
    rows = [
        {"seed": s, "step": 100 * e, "epoch": float(e), "accuracy": a, "base_accuracy": 1.0}
        for s, curve in enumerate(curves)
        for e, a in enumerate(curve)
    ]
    return pd.DataFrame(rows).assign(variant=variant, target=target, percent=percent)


def structure(graphs=40, slope=0.5, noise=0.02, variant="gru", seeds=1):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(size=(graphs, len(NAMES))), columns=list(NAMES))
    accuracy = 0.5 + slope * table["source_nodes"] * 0.9 + noise * rng.normal(size=graphs)
    table = table.assign(variant=variant, generator="watts_strogatz", graph=range(graphs), test_accuracy=accuracy)
    return pd.concat([table.assign(seed=s) for s in range(seeds)], ignore_index=True)


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
    assert "Nothing in this run is what the thesis reports" in scorecard.shown(card).to_html()


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
    pearson = row(card, "pearson_with_test_accuracy", "gru", detail="source_nodes")
    assert pearson["note"] == "over 40 graphs"
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
    html = scorecard.shown(card).to_html()
    ran = (card["verdict"] != "not run").sum()
    assert html.count("<tr>") == ran + 1
    assert all(
        word in html
        for word in ("hidden-to-hidden", "LSTM", "undecided: one seed", "100 %", "−0.197 (−0.197 to −0.197)")
    )
    one_group = scorecard.scorecard(Parameters(), base=base([1.0]), groups=["base_test_accuracy"])
    assert one_group.equals(card[card["group"] == "base_test_accuracy"].reset_index(drop=True))
    assert list(scorecard.shown(one_group).data) == ["figure", "variant", "thesis", "this run", "difference", "verdict"]


def test_scale_note():
    thesis = reported()["scale"]["values"]
    full = {
        n: thesis[n] for n in ("train_size", "test_size", "base_epochs", "retrain_epochs", "graphs", "graph_epochs")
    }
    full |= reported()["form"]["values"]
    parameters = Parameters(**full, percentages=list(range(10, 101, 10)))
    assert scale_note(parameters) == "At the thesis's scale or above."
    assert all(line["ours"] >= line["thesis"] for line in scale(parameters))
    assert scale_note(Parameters.load("thesis")) == "At the thesis's scale or above."
    assert "training strings 400 of 18,750" in scale_note(Parameters(train_size=400))
    other = scale_note(parameters.model_copy(update={"interface": 16, "readout": "last_valid"}))
    assert other.endswith("Not as published, which may alone make a figure differ: readout, interface.")


def test_answers_on_pruning():
    table = pruning([{50.0: 1.0, 70.0: 0.99, 80.0: 0.6}, {50.0: 1.0, 70.0: 0.99, 80.0: 0.5}])
    first = answers.rq1(table, Parameters())
    assert "halfway to chance (0.50): LSTM at 75 % (from 0.99 at 70 % to 0.55 at 80 %)." in first
    assert "Seeds 0 and 1." in first
    low, high = verdicts.half_dropped(table, 0.02)[["low", "high"]].iloc[0]
    assert f"LSTM 75 % ({low:.0f} to {high:.0f})" in answers.rq2(table, Parameters())


def test_where_accuracy_falls_does_not_depend_on_the_grid():
    straight = [{p: 1 - p / 200 for p in grid} for grid in ((40.0, 60.0, 95.0), (45.0, 50.0, 55.0, 95.0), (10.0, 90.0))]
    for curve in straight:
        assert "LSTM at 50 % (" in answers.rq1(pruning([curve] * 2), Parameters())


def test_answers_cover_every_target_and_leave_out_networks_at_chance():
    curve = {50.0: 1.0, 70.0: 0.9, 100.0: 0.6}
    tables = [pruning([curve] * 2, "lstm", target) for target in ("both", "i2h", "h2h")]
    tables += [pruning([{50.0: 0.5, 70.0: 0.5, 100.0: 0.5}] * 2, "gru", t, 0.5) for t in ("both", "i2h")]
    tables += [pruning([{50.0: 1.0, 70.0: 1.0, 100.0: 1.0}] * 2, "rnn_tanh", "i2h")]
    table = pd.concat(tables)
    first = answers.rq1(table, Parameters())
    assert "At 100 % pruned, accuracy is 0.60." in first
    assert "Input-to-hidden weights alone: RNN-Tanh not up to 100 %; LSTM at 85 %." in first
    assert "Hidden-to-hidden weights alone: LSTM at 85 %." in first
    second = answers.rq2(table, Parameters())
    assert "Input-to-hidden weights alone: RNN-Tanh not even at 100 % (" in second
    assert second.count("LSTM 60 % (") == 3
    assert "GRU nothing to lose: unpruned it is at chance (0.50)" in second
    assert second.count("GRU") == 1
    unlearned = answers.rq1(table[table["variant"] == "gru"], Parameters())
    assert "0.50 to" not in unlearned
    assert "At 100 % pruned" not in unlearned
    # One network that learned nothing has no say in what pruning does to the others.
    mixed = pd.concat(
        [table, table.query("variant == 'lstm' and seed == 0").assign(seed=2, accuracy=0.5, base_accuracy=0.5)]
    )
    third = answers.rq1(mixed, Parameters())
    assert "Left out: 1 network at chance before pruning (LSTM). Seeds 0, 1 and 2." in third
    assert third.split("Left out")[0] == first.split("Seeds")[0]


def test_chance_is_the_tasks_majority():
    table = pruning([{10.0: 0.7, 90.0: 0.7}] * 2, base_accuracy=0.7)
    own = Parameters().model_copy(update={"task": "csv"})
    assert "at chance (0.70)" in answers.rq1(table, own, majority=0.7)
    assert "at chance (0.70)" in answers.rq2(table, own, majority=0.7)
    assert "at chance" not in answers.rq1(table, Parameters())
    assert "at chance (0.70)" in answers.rq1(table, Parameters(valid_share=0.3))
    # What the parameter says of Reber strings says nothing of other people's strings.
    unknown = answers.rq1(table, own.model_copy(update={"valid_share": 0.3}))
    assert "halfway to its lowest: LSTM not up to 90 % (0.70 of 0.70)" in unknown
    assert "majority accuracy of task csv was not given" in unknown
    assert "majority" not in answers.rq1(table, own, majority=0.5)


@pytest.mark.parametrize("seeds", [1, 3, 20])
def test_every_number_of_seeds_and_every_target_has_an_answer(seeds):
    rng = np.random.default_rng(seeds)
    drops = np.clip(rng.normal(75, 12, (3, seeds)), 45, 94)
    curves = [[{float(p): 1.0 if p < at else 0.5 for p in (40, 60, 70, 80, 90, 95)} for at in of] for of in drops]
    table = pd.concat([pruning(own, target=target) for own, target in zip(curves, ("both", "i2h", "h2h"), strict=True)])
    told = answers.rq2(table, Parameters())
    assert "cannot tell" not in told
    assert len(re.findall(r"LSTM \d+ % \(\d+ to \d+\)", told)) == 3


def test_answers_word_what_the_grid_leaves_open():
    assert "LSTM below 40 % (0 to " in answers.rq2(pruning([{40.0: 0.5, 95.0: 0.5}] * 2), Parameters())
    assert re.search(r"LSTM over 95 % \(\d+ to 100\)", answers.rq2(pruning([{40.0: 1.0, 95.0: 1.0}] * 2), Parameters()))
    assert "LSTM below 40 % (" in answers.rq2(pruning([{40.0: 0.5, 95.0: 0.5}]), Parameters())


def test_answers_say_where_they_cannot_tell():
    untrained = pruning([{10.0: 0.5, 90.0: 0.5}], base_accuracy=0.51)
    assert "LSTM nothing to lose: unpruned it is at chance (0.51)" in answers.rq1(untrained, Parameters())
    assert "LSTM nothing to lose: unpruned it is at chance (0.51)" in answers.rq2(untrained, Parameters())
    alone = pruning([{10.0: 1.0, 90.0: 0.5}])
    assert "Seed 0 only: how far this varies cannot be told." in answers.rq1(alone, Parameters())
    assert "LSTM none had dropped" in answers.rq3(recovery([[1.0, 1.0]]), Parameters())
    few = structure(graphs=4)
    assert "GRU cannot tell from 4 graphs" in answers.rq4(few, Parameters(**FAST))
    assert "GRU cannot tell from 4 graphs" in answers.rq5(few, Parameters(**FAST))


def test_answer_on_recovery():
    curves = [[0.5, 1.0, 1.0], [0.5, 0.6, 1.0], [0.5, 0.6, 0.6], [1.0, 0.5, 1.0]]
    text = answers.rq3(recovery(curves), Parameters(retrain_epochs=2))
    assert "back within it by step 100 and by step 200 of retraining (one epoch and 2; Kaplan–Meier)" in text
    # The fourth had not dropped; of the other three those that never came back count.
    assert "At 90 %: LSTM 33.3 %, 66.7 % of 3." in text
    once = answers.rq3(recovery([[0.5, 1.0], [0.5, 0.6]]), Parameters(retrain_epochs=1))
    assert "by step 100 of retraining (one epoch; Kaplan–Meier). At 90 %: LSTM 50 % of 2." in once


def test_answers_on_structure():
    found = answers.rq4(structure(), Parameters(**FAST))
    assert "GRU 1 of 23 told from zero, strongest source nodes, r = +0.9" in found
    assert ", p = 0.005" in found
    assert "GRU in part (p = 0.005), R² 0." in answers.rq5(structure(), Parameters(**FAST))
    noise = structure(slope=0.0)
    assert "GRU in part" not in answers.rq5(noise, Parameters(**FAST))
    # The largest of so many coefficients is no finding.
    assert "GRU none of 23 told from zero" in answers.rq4(noise, Parameters(**FAST))


def test_one_per_graph_averages_over_seeds():
    table = structure(graphs=3, seeds=2)
    table["test_accuracy"] += 0.1 * table["seed"]
    rows = one_per_graph(table, "gru")
    assert list(rows["graph"]) == [0, 1, 2]
    first = table.loc[table["seed"] == 0, "test_accuracy"]
    assert rows["test_accuracy"].tolist() == pytest.approx((first + 0.05).tolist())
