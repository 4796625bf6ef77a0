"""The short answers follow from the tables by rule, and say what cannot be told."""

import re

import numpy as np
import pandas as pd
import pytest

from sparsekit.analysis import correlation, covariates, verdicts
from sparsekit.analysis.conditions import ahead, at_the_end
from sparsekit.analysis.prediction import published_prediction, split_distribution
from sparsekit.analysis.structure import intraclass
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.correlation import controlled_forest
from sparsekit.graphs.properties import NAMES
from sparsekit.reports import answers
from sparsekit.reports.answers import rq4, rq5
from tests import planted
from tests.planted import independent, ways
from tests.reports.tables import pruning, recovery, structure

P = Parameters(permutations=199)


def study(*arguments, **options):
    """The planted study with every published property; those that it lacks are the same in all graphs."""
    table = planted.study(*arguments, variants=("gru",), **options)
    return table.assign(**{name: 1.0 for name in NAMES if name not in table})


def test_control_leaves_the_planted_effect_and_not_the_confounded():
    text = rq4(study(60, 2, effect=1, size=2, seed=3), P)
    alone = text.index("Given nodes, edges, source nodes and sink nodes, of the other properties: ")
    assert "As published, each property alone: GRU 3 of 8 told from zero, strongest" in text[:alone]
    # Two names of the effect that was put there; density, which only goes with nodes, is none.
    assert "GRU 2 of 4 told from zero, strongest diameter, r = −0." in text[alone:]
    assert "at chance" not in text


def test_size_and_widths_are_a_finding_and_no_property_given_itself():
    text = rq4(study(60, 2, size=3, seed=3), P)
    assert "Of size and widths, each given the others, accuracy goes with: GRU nodes +0." in text
    assert "GRU none of 4 told from zero" in text
    held = text[text.index("of the other properties") :]
    assert "nodes" not in held


def test_answer_and_figure_say_the_same():
    table = study(60, 2, effect=1, size=2, seed=3)
    given = covariates.controls(table)
    options = {"properties": covariates.graph_properties(table), "permutations": P.permutations}
    raw, held = correlation.correlations(table, **options), correlation.correlations(table, given, **options)
    reading = controlled_forest(raw, held, given).reading
    assert "given the controls, GRU 2 of 4 properties" in reading
    assert "GRU 2 of 4 told from zero" in rq4(table, P, held=held)
    assert rq4(table, P, held=held) == rq4(table, P)


def test_networks_at_chance_are_left_out_beside():
    table = study(40, 2, effect=2)
    table.loc[:9, "test_accuracy"] = 0.5
    same = "Without 10 networks of 80 at chance the same ones are told from zero."
    assert same in rq4(table, P, majority=0.5)
    # What alone decides who learns is told from zero, and not among those that learned.
    decided = study(40, 2, seed=3)
    decided.loc[decided["diameter"] > decided["diameter"].median(), "test_accuracy"] = 0.5
    text = rq4(decided, P, majority=0.5)
    assert re.search(r"at chance: GRU none of \d+ told from zero", text)
    assert re.search(r"other properties: GRU [1-9]", text)
    assert "at chance" not in rq4(table, P)


def test_prediction_is_told_by_its_test_beside_what_must_be_beaten_and_the_ceiling():
    table = study(40, 2, effect=3)
    text = rq5(table, P)
    assert re.search(r"a random forest on one split: GRU error \d\.\d points, by the mean \d\.\d \(4 tested", text)
    assert "R² of all 8 properties and its gain to nodes, edges, source nodes and sink nodes" in text
    assert "Out of fold over 20 cuts" in text
    assert "GRU in part (p = 0.005), R² 0." in text
    assert ", gain +" in text
    assert "The mean of the other graphs itself scores −0." in text
    assert f"noise ceiling {intraclass(table).ceiling['gru']:.2f} (" in text
    single = rq5(table[table["seed"] == 0], P)
    assert "noise ceiling unknown" in single


def test_nothing_that_predicts_is_said_to_be_not_shown():
    assert "GRU not shown (p = 0." in rq5(study(20, 2), P)


def test_r2_is_told_of_ten_tested_networks_and_no_fewer():
    once = {n: published_prediction(independent(n).assign(**dict.fromkeys(NAMES[9:], 1.0))) for n in (20, 120)}
    splits = {n: split_distribution(independent(n), splits=3, models=["random_forest"]) for n in (20, 120)}
    assert "R²" not in answers._one_split(once[20], splits[20], 20).replace("too few for an R²", "")
    assert re.match(
        r"R² −?\d\.\d\d \(−?\d\.\d\d to .*, 5–95 % of 3 splits\)", answers._one_split(once[120], splits[120], 120)
    )


def test_null_models_change_no_answer():
    table = study(12, 2, effect=1).assign(null="none")
    others = table.assign(null="random", graph=[f"{g} random" for g in table["graph"]], test_accuracy=0.2)
    both = pd.concat([table, others], ignore_index=True)
    assert rq4(both, P) == rq4(table, P)
    assert rq5(both, P) == rq5(table, P)


@pytest.mark.filterwarnings("error")
def test_too_few_graphs_are_said_to_be():
    table = study(4, 2)
    assert "GRU cannot tell from 4 graphs" in rq4(table, P)
    assert "Given nodes, edges, source nodes and sink nodes: cannot tell from 4 graphs." in rq4(table, P)
    assert "GRU cannot tell from 4 graphs" in rq5(table, P)
    same = table.assign(**dict.fromkeys(NAMES, 3.0))
    assert "Given nothing: cannot tell from 4 graphs." in rq4(same, P)
    assert "all 23 properties and its gain to log parameters (middle 90 % of cuts): GRU cannot tell" in rq5(same, P)
    assert "gain to the mean (middle 90 % of cuts): GRU cannot tell" in rq5(same.assign(parameters=9, generator="g"), P)


def test_sentences_name_who_is_ahead_and_who_cannot_be_told():
    table = pd.concat(
        [
            ways({"dense": [-0.1, -0.101, -0.099], "rewind": [0.001, -0.001, 0.0]}),
            ways({"dense": [0.05, 0.051, 0.049], "rewind": [0.001, -0.001, 0.0]}, variant="lstm"),
            ways({"dense": [0.05, -0.05, 0.01], "rewind": [0.0, 0.0, 0.0]}, variant="rnn_tanh"),
        ]
    )
    ends = ahead(at_the_end(table), "accuracy", recovery="retrain")
    text = answers.paired(ends, "Against retraining the survivors", P.confidence)
    assert "rewound cannot tell in any variant" in text
    assert "dense ahead in LSTM (+5.0), behind in GRU (−10.0), cannot tell in RNN-Tanh" in text
    assert "Over 3 seeds 2 of 6 intervals leave out zero; by chance alone about 0.3 would." in text


def test_one_seed_is_no_verdict():
    ends = ahead(at_the_end(ways({"dense": [0.1]})), "accuracy", recovery="retrain")
    assert "One seed: how far this varies cannot be told." in answers.paired(ends, "Against them", P.confidence)
    assert "asked" in answers.paired(ends.iloc[:0], "Against them", P.confidence)


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
    assert "GRU cannot tell from 4 graphs" in answers.rq4(few, P)
    assert "GRU cannot tell from 4 graphs" in answers.rq5(few, P)


def test_answer_on_recovery():
    curves = [[0.5, 1.0, 1.0], [0.5, 0.6, 1.0], [0.5, 0.6, 0.6], [1.0, 0.5, 1.0]]
    text = answers.rq3(recovery(curves), Parameters(retrain_epochs=2))
    assert "back within it by step 100 and by step 200 of retraining (one epoch and 2; Kaplan–Meier)" in text
    # The fourth had not dropped; of the other three those that never came back count.
    assert "At 90 %: LSTM 33.3 %, 66.7 % of 3." in text
    once = answers.rq3(recovery([[0.5, 1.0], [0.5, 0.6]]), Parameters(retrain_epochs=1))
    assert "by step 100 of retraining (one epoch; Kaplan–Meier). At 90 %: LSTM 50 % of 2." in once


def test_answers_on_structure():
    found = answers.rq4(structure(), P)
    assert "GRU 1 of 23 told from zero, strongest source nodes, r = +0.9" in found
    assert ", p = 0.005" in found
    assert "GRU in part (p = 0.005), R² 0." in answers.rq5(structure(), P)
    noise = structure(slope=0.0)
    assert "GRU in part" not in answers.rq5(noise, P)
    # The largest of so many coefficients is no finding.
    assert "GRU none of 23 told from zero" in answers.rq4(noise, P)
