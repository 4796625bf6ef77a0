"""The scorecard's verdicts and the short answers follow from the tables by rule."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy.stats

from sparsekit.analysis import correlation
from sparsekit.analysis.tables import one_per_graph
from sparsekit.experiments.parameters import Parameters
from sparsekit.graphs.properties import NAMES
from sparsekit.reports import answers, scorecard
from sparsekit.reports.scorecard import GROUPS, Figure, verdict
from sparsekit.reports.thesis import base as base_figures
from sparsekit.reports.thesis import reported, scale, scale_note

FAST = {"bootstrap": 200, "prediction_splits": 5}


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
        ({"reported": 0.935, "ours": 0.9, "low": 0.88, "high": 0.92}, "agrees"),
        ({"reported": 0.945, "ours": 0.9, "low": 0.88, "high": 0.92}, "differs"),
        ({"reported": 0.9, "ours": 0.9, "low": 0.7, "high": 1.0}, "cannot tell"),
        ({"reported": 0.4, "ours": 0.9, "low": 0.7, "high": 1.0}, "differs"),
        ({"reported": 0.9, "ours": 0.9}, "cannot tell"),
        ({"reported": 0.9, "ran": False}, "not run"),
    ],
)
def test_verdict(figure, said):
    assert verdict(Figure("lstm", **figure), GROUPS["base_test_accuracy"])[0] == said


def test_every_group_of_reported_figures_is_compared():
    assert set(GROUPS) == set(reported()) - {"citation", "scale", "cost"}
    assert all(reported()[name]["source"] for name in GROUPS)


def test_base_accuracy_is_the_last_epochs():
    card = scorecard.scorecard(Parameters(), base=base([0.99, 1.0, 1.0]))
    found = row(card, "base_test_accuracy")
    assert found["ours"] == pytest.approx(2.99 / 3)
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
    rng, differs = np.random.default_rng(seeds), 0
    for _ in range(100):
        # One more run of the same process is the thesis's; the tolerance must not decide.
        *ours, thesis = 0.6 + 0.05 * rng.standard_normal(seeds + 1)
        (found,) = base_figures({}, base(ours), Parameters()).values()
        differs += not found["low"] <= thesis <= found["high"]
    # 4 standard errors of a share of 100 above 0.05.
    assert differs <= 14


def test_the_interval_is_where_one_more_run_would_lie():
    found = row(scorecard.scorecard(Parameters(), base=base([0.5, 0.6, 0.7])), "base_test_accuracy")
    half = scipy.stats.t.ppf(0.975, 2) * 0.1 * math.sqrt(1 + 1 / 3)
    assert (found["low"], found["high"]) == pytest.approx((0.6 - half, 1.0))
    epochs = [[0.5] + [0.5] * (e - 1) + [1.0] * (5 - e) for e in (1, 2, 3)]
    card = scorecard.scorecard(Parameters(retrain_epochs=4), recovery=recovery(epochs))
    found = row(card, "epochs_to_regain", target="both", detail="90 %")
    assert (found["low"], found["high"]) == pytest.approx((1, 2 + 10 * half))
    assert "one more run" in scorecard.RULES


def test_the_thesiss_own_sampling_error_counts():
    table = structure(slope=0.02)
    card = scorecard.scorecard(Parameters(**FAST), structure=table)
    found = row(card, "pearson_with_test_accuracy", "gru", detail="source_nodes")
    own = correlation.correlate(table, "test_accuracy", ["source_nodes"], 0.95, 200, 0).iloc[0]
    ours, low, high = np.arctanh([own["pearson"], own["pearson_low"], own["pearson_high"]])
    theirs = 1.959964 / math.sqrt(200 - 3)
    expected = np.tanh([ours - math.hypot(ours - low, theirs), ours + math.hypot(high - ours, theirs)])
    assert (found["low"], found["high"]) == pytest.approx(tuple(expected), abs=1e-6)
    accuracy = table["test_accuracy"]
    half = scipy.stats.t.ppf(0.975, 39) * accuracy.std() * math.sqrt(1 / 40 + 1 / 200)
    mean = row(card, "structure_test_accuracy", "gru")
    assert (mean["low"], mean["high"]) == pytest.approx((accuracy.mean() - half, accuracy.mean() + half))


def test_back_at_a_step_only_is_not_never():
    def at(accuracies, seed):
        rows = pd.DataFrame({"step": [0, 50, 100], "epoch": [0, 0.5, 1], "accuracy": accuracies})
        return rows.assign(variant="lstm", target="both", percent=90.0, seed=seed, base_accuracy=1.0)

    def found(*seeds):
        table = pd.concat([at(a, s) for s, a in enumerate(seeds)])
        card = scorecard.scorecard(Parameters(retrain_epochs=1), recovery=table)
        return row(card, "epochs_to_regain", target="both", detail="90 %")

    step_only, back, never, whole = [0.5, 1.0, 0.9], [0.5, 0.6, 1.0], [0.5, 0.6, 0.6], [1.0, 1.0, 1.0]
    for seeds in ([step_only], [step_only, step_only], [step_only, back], [step_only, never]):
        one = found(*seeds)
        assert math.isnan(one["ours"])
        assert one["verdict"] == "cannot tell"
        assert "back at a step, at no whole epoch" in one["note"]
    assert math.isinf(found(never)["ours"])
    assert found(back)["note"] == "one seed, no interval"
    assert found(back, whole, whole)["note"] == "1 of 3 seeds had dropped, no interval"
    assert found(back, back, whole)["note"] == "2 of 3 seeds had dropped"


@pytest.mark.parametrize(
    ("curves", "said", "note"),
    [
        ([{40.0: 0.5, 90.0: 0.5}] * 2, "differs", "below 40 % in each seed"),
        ([{60.0: 0.5, 90.0: 0.5}] * 2, "cannot tell", "below 60 % in each seed"),
        ([{10.0: 1.0, 95.0: 1.0}] * 2, "differs", "at least 95 % in each seed"),
        ([{10.0: 1.0, 60.0: 1.0}] * 2, "cannot tell", "at least 60 % in each seed"),
        ([{50.0: 1.0, 60.0: 1.0}, {50.0: 1.0, 60.0: 0.9}], "cannot tell", "at least 60 % in 1 of 2 seeds"),
        ([{60.0: 1.0, 100.0: 1.0}] * 2, "differs", ""),
    ],
)
def test_safe_percentages_at_the_ends_of_the_grid(curves, said, note):
    found = row(scorecard.scorecard(Parameters(), pruning=pruning(curves)), "safe_pruning_percent", target="both")
    assert found["reported"] == 60
    assert found["verdict"] == said
    assert note in found["note"]
    assert math.isnan(found["ours"]) == note.startswith("below")


def test_one_seed_cannot_tell():
    card = scorecard.scorecard(Parameters(), base=base([1.0]), pruning=pruning([{60.0: 1.0, 70.0: 0.8}]))
    for found in (
        row(card, "base_test_accuracy"),
        row(card, "safe_pruning_percent", target="both"),
        row(card, "accuracy_at_once_after_pruning", target="both", detail="70 %"),
    ):
        assert found["verdict"] == "cannot tell"
        assert found["note"] == "one seed, no interval"


def test_pruning_figures():
    card = scorecard.scorecard(Parameters(), pruning=pruning([{60.0: 0.999, 70.0: 0.80}, {60.0: 1.0, 70.0: 0.81}]))
    safe = row(card, "safe_pruning_percent", target="both")
    assert (safe["reported"], safe["ours"], safe["verdict"]) == (60, 60, "agrees")
    at_once = row(card, "accuracy_at_once_after_pruning", target="both", detail="70 %")
    assert at_once["ours"] == pytest.approx(0.805)
    assert at_once["verdict"] == "agrees"
    assert row(card, "accuracy_at_once_after_pruning", target="both", detail="80 %")["verdict"] == "not run"
    assert "base_test_accuracy" not in set(card["group"])


@pytest.mark.parametrize(
    ("curves", "percent", "epochs", "ours", "said"),
    [
        ([[0.5, 0.99], [0.6, 1.0]], 90.0, 1, 1, "agrees"),
        ([[0.5, 0.6, 0.6, 1.0], [0.6, 0.6, 0.6, 1.0]], 90.0, 3, 3, "differs"),
        ([[0.5, 0.6], [0.6, 0.6]], 90.0, 1, math.inf, "differs"),
        ([[0.5, 0.6], [0.6, 1.0]], 90.0, 1, 1, "cannot tell"),
        ([[0.5, 0.6], [0.5, 0.6]], 100.0, 1, math.inf, "cannot tell"),
        ([[0.5] * 11, [0.5] * 11], 100.0, 10, math.inf, "agrees"),
        ([[1.0, 1.0], [1.0, 1.0]], 90.0, 1, math.nan, "cannot tell"),
    ],
)
def test_epochs_to_regain(curves, percent, epochs, ours, said):
    card = scorecard.scorecard(Parameters(retrain_epochs=epochs), recovery=recovery(curves, percent))
    found = row(card, "epochs_to_regain", target="both", detail=f"{percent:.0f} %")
    assert found["ours"] == pytest.approx(ours, nan_ok=True)
    assert found["verdict"] == said


def test_structure_figures_take_one_network_a_graph():
    card = scorecard.scorecard(Parameters(**FAST), structure=structure(seeds=3))
    pearson = row(card, "pearson_with_test_accuracy", "gru", detail="source_nodes")
    assert pearson["note"] == "over 40 graphs"
    assert pearson["low"] < pearson["ours"] < pearson["high"]
    assert pearson["ours"] > 0.9
    assert pearson["verdict"] == "differs"
    assert row(card, "random_forest_r_squared_by_feature_set", "gru", detail="all")["verdict"] == "cannot tell"
    ridge = row(card, "r_squared", "gru", detail="bayesian_ridge")
    assert 0.5 < ridge["ours"] <= 1
    mean = row(card, "structure_test_accuracy", "gru")
    assert mean["ours"] == pytest.approx(structure()["test_accuracy"].mean())


def test_a_split_that_tests_two_networks_tells_nothing():
    card = scorecard.scorecard(Parameters(**FAST), structure=structure(graphs=12), groups=["r_squared"])
    ours = card[card["variant"] == "gru"]
    assert set(ours["verdict"]) == {"cannot tell"}
    assert ours["note"].str.contains("of 2 tested networks").all()
    assert ours["ours"].notna().all()


def test_too_few_graphs_cannot_tell():
    card = scorecard.scorecard(Parameters(**FAST), structure=structure(graphs=4))
    groups = ["pearson_with_test_accuracy", "r_squared", "random_forest_r_squared_by_feature_set"]
    ours = card[(card["variant"] == "gru") & card["group"].isin(groups)]
    assert set(ours["verdict"]) == {"cannot tell"}


def test_summary_counts_every_figure():
    card = scorecard.scorecard(Parameters(), base=base([1.0, 1.0]), pruning=pruning([{60.0: 1.0}] * 2))
    counts = scorecard.summary(card)
    assert counts.to_numpy().sum() == len(card)
    assert counts.loc["base_test_accuracy"].to_dict() == {"agrees": 1, "differs": 0, "cannot tell": 0, "not run": 3}


def test_shown_is_whole_and_in_words():
    curves = [{float(p): 1.0 for p in range(10, 101, 10)}] * 2
    tables = [pruning(curves, variant, target) for variant in ("lstm", "gru") for target in ("both", "i2h", "h2h")]
    card = scorecard.scorecard(Parameters(), pruning=pd.concat(tables), base=base([1.0]))
    html = scorecard.shown(card).to_html()
    ran = (card["verdict"] != "not run").sum()
    assert html.count("<tr>") == ran + 1
    assert all(
        word in html for word in ("hidden-to-hidden", "LSTM", "one seed, no interval", "100 %", "1.000 to 1.000")
    )
    one_group = scorecard.scorecard(Parameters(), base=base([1.0]), groups=["base_test_accuracy"])
    assert one_group.equals(card[card["group"] == "base_test_accuracy"].reset_index(drop=True))
    assert list(scorecard.shown(one_group).data) == ["figure", "variant", "thesis", "this run", "interval", "verdict"]


def test_scale_note():
    thesis = reported()["scale"]["values"]
    full = {
        n: thesis[n] for n in ("train_size", "test_size", "base_epochs", "retrain_epochs", "graphs", "graph_epochs")
    }
    parameters = Parameters(**full, percentages=list(range(10, 101, 10)))
    assert scale_note(parameters) == "At the thesis's scale or above."
    assert all(line["ours"] >= line["thesis"] for line in scale(parameters))
    assert "training strings 400 of 18,750" in scale_note(Parameters(train_size=400))


def test_answers_on_pruning():
    table = pruning([{50.0: 1.0, 70.0: 0.99, 80.0: 0.6}, {50.0: 1.0, 70.0: 0.99, 80.0: 0.5}])
    first = answers.rq1(table, Parameters())
    assert "LSTM from 0.99 at 70 % (unpruned 1.00) to 0.55 at 80 %" in first
    assert "steep" not in first
    assert "Seeds 0 and 1." in first
    assert "LSTM 70 % in each seed (60 to 80)" in answers.rq2(table, Parameters())


def test_answers_cover_every_target_and_leave_out_networks_at_chance():
    curve = {50.0: 1.0, 70.0: 0.9, 100.0: 0.6}
    tables = [pruning([curve] * 2, "lstm", target) for target in ("both", "i2h", "h2h")]
    tables += [pruning([{50.0: 0.5, 70.0: 0.5, 100.0: 0.5}] * 2, "gru", t, 0.5) for t in ("both", "i2h")]
    tables += [pruning([{50.0: 1.0, 70.0: 1.0, 100.0: 1.0}] * 2, "rnn_tanh", "i2h")]
    table = pd.concat(tables)
    first = answers.rq1(table, Parameters())
    assert "At 100 % pruned, accuracy is 0.60." in first
    assert "Input-to-hidden weights alone: RNN-Tanh not up to 100 %, LSTM at 70 %." in first
    assert "Hidden-to-hidden weights alone: LSTM at 70 %." in first
    second = answers.rq2(table, Parameters())
    assert "Input-to-hidden weights alone: RNN-Tanh 100 %, LSTM 50 %." in second
    assert "Hidden-to-hidden weights alone: LSTM 50 %." in second
    assert "GRU cannot tell: unpruned it is at chance (0.50)" in second
    assert second.count("GRU") == 1
    unlearned = answers.rq1(table[table["variant"] == "gru"], Parameters())
    assert "0.50 to" not in unlearned
    assert "At 100 % pruned" not in unlearned


def test_chance_is_the_tasks_majority():
    table = pruning([{10.0: 0.7, 90.0: 0.7}] * 2, base_accuracy=0.7)
    own = Parameters().model_copy(update={"task": "csv"})
    assert "at chance (0.70)" in answers.rq1(table, own, majority=0.7)
    assert "at chance (0.70)" in answers.rq2(table, own, majority=0.7)
    assert "at chance" not in answers.rq1(table, Parameters())
    assert "at chance (0.70)" in answers.rq1(table, Parameters(valid_share=0.3))
    # What the parameter says of Reber strings says nothing of other people's strings.
    unknown = answers.rq1(table, own.model_copy(update={"valid_share": 0.3}))
    assert "LSTM stays at 0.70" in unknown
    assert "majority accuracy of task csv was not given" in unknown
    assert "majority" not in answers.rq1(table, own, majority=0.5)


def test_answers_word_what_the_grid_leaves_open():
    below = answers.rq2(pruning([{40.0: 0.5, 95.0: 0.5}] * 2), Parameters())
    assert "LSTM below 40 % in each seed" in below
    most = answers.rq2(pruning([{40.0: 1.0, 95.0: 1.0}] * 2), Parameters())
    assert "LSTM at least 95 % in each seed" in most
    assert "LSTM below 40 %. " in answers.rq2(pruning([{40.0: 0.5, 95.0: 0.5}]), Parameters())
    mixed = answers.rq2(pruning([{90.0: 1.0, 95.0: 1.0}, {90.0: 1.0, 95.0: 0.5}]), Parameters())
    assert "at least 95 and 90 % by seed" in mixed


def test_answers_say_where_they_cannot_tell():
    apart = pruning([{10.0: 1.0, 90.0: 1.0}, {10.0: 1.0, 90.0: 0.5}])
    assert "LSTM cannot tell (at least 90 and 10 % by seed)" in answers.rq2(apart, Parameters())
    untrained = pruning([{10.0: 0.5, 90.0: 0.5}], base_accuracy=0.51)
    assert "LSTM cannot tell: unpruned it is at chance (0.51)" in answers.rq1(untrained, Parameters())
    assert "LSTM cannot tell: unpruned it is at chance (0.51)" in answers.rq2(untrained, Parameters())
    alone = pruning([{10.0: 1.0, 90.0: 0.5}])
    assert "Seed 0 only: how far this varies cannot be told." in answers.rq1(alone, Parameters())
    assert "Cannot tell" in answers.rq3(recovery([[1.0, 1.0]]), Parameters())
    few = structure(graphs=4)
    assert "GRU cannot tell from 4 graphs" in answers.rq4(few, Parameters(**FAST))
    assert "GRU cannot tell from 4 graphs" in answers.rq5(few, Parameters(**FAST))


def test_answer_on_recovery():
    text = answers.rq3(recovery([[0.5, 1.0], [0.5, 0.6]]), Parameters(retrain_epochs=1))
    assert "Of 2 pruned networks whose accuracy had dropped by more than 0.02, 1 regained it within one epoch" in text
    assert "Not back by then: LSTM 1 of 2" in text


def test_answers_on_structure():
    found = answers.rq4(structure(), Parameters(**FAST))
    assert "GRU most with source nodes, r = 0.9" in found
    assert ", p = 0.001 for the strongest of 23" in found
    assert "GRU in part, R² 0." in answers.rq5(structure(), Parameters(**FAST))
    noise = structure(slope=0.0)
    assert "GRU in part" not in answers.rq5(noise, Parameters(**FAST))
    # Of 23 intervals one leaves out zero here: the largest of so many coefficients is no finding.
    assert "GRU cannot tell, at most" in answers.rq4(noise, Parameters(**FAST))
    assert "about 12 of 23" in answers.rq4(noise, Parameters(confidence=0.5, **FAST))


def test_one_per_graph_averages_over_seeds():
    table = structure(graphs=3, seeds=2)
    table["test_accuracy"] += 0.1 * table["seed"]
    rows = one_per_graph(table, "gru")
    assert list(rows["graph"]) == [0, 1, 2]
    first = table.loc[table["seed"] == 0, "test_accuracy"]
    assert rows["test_accuracy"].tolist() == pytest.approx((first + 0.05).tolist())
