"""The scorecard's verdicts and the short answers follow from the tables by rule."""

import math

import numpy as np
import pandas as pd
import pytest

from sparsekit import answers, scorecard
from sparsekit.comparisons import Figure
from sparsekit.parameters import Parameters
from sparsekit.properties import NAMES
from sparsekit.reported import reported, scale, scale_note
from sparsekit.scorecard import GROUPS, verdict
from sparsekit.tables import one_per_graph

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


def test_answers_name_what_was_not_run():
    assert answers.answers(None, None, None, Parameters()) == dict.fromkeys(answers.QUESTIONS, "Not run.")


def test_answers_on_pruning():
    table = pruning([{50.0: 1.0, 70.0: 0.99, 80.0: 0.6}, {50.0: 1.0, 70.0: 0.99, 80.0: 0.5}])
    first = answers.rq1(table, Parameters())
    assert "LSTM falls most steeply from 0.99 at 70 % (unpruned 1.00) to 0.55 at 80 %" in first
    assert "Seeds 0 and 1." in first
    assert "LSTM 70 % in each" in answers.rq2(table, Parameters())


def test_answers_say_where_they_cannot_tell():
    apart = pruning([{10.0: 1.0, 90.0: 1.0}, {10.0: 1.0, 90.0: 0.5}])
    assert "LSTM cannot tell (90 and 10 % by seed)" in answers.rq2(apart, Parameters())
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
    assert "GRU most with source nodes, r = 0.9" in answers.rq4(structure(), Parameters(**FAST))
    assert "GRU in part: R² 0." in answers.rq5(structure(), Parameters(**FAST))
    noise = structure(slope=0.0)
    assert "GRU in part" not in answers.rq5(noise, Parameters(**FAST))


def test_one_per_graph_keeps_the_first_seed():
    rows = one_per_graph(structure(graphs=3, seeds=2), "gru")
    assert list(rows["seed"]) == [0, 0, 0]
