import re

import pandas as pd
import pytest

from sparsekit.analysis import correlation, covariates
from sparsekit.analysis.prediction import published_prediction, split_distribution
from sparsekit.analysis.structure import intraclass
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.correlation import controlled_forest
from sparsekit.graphs.properties import NAMES
from sparsekit.reports import answers
from sparsekit.reports.answers import rq4, rq5
from tests import planted
from tests.planted import independent

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
