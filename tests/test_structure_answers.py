import pandas as pd
import pytest

from sparsekit.analysis import cross_validation
from sparsekit.analysis.structure import intraclass
from sparsekit.experiments.parameters import Parameters
from sparsekit.graphs.properties import NAMES
from sparsekit.reports.answers import rq4, rq5
from tests import planted

P = Parameters(bootstrap=200, prediction_splits=2)


@pytest.fixture(autouse=True)
def small_forests(monkeypatch):
    monkeypatch.setattr(cross_validation, "TREES", 20)


def study(*arguments, **options):
    """The planted study with every published property; those that it lacks are the same in all graphs."""
    table = planted.study(*arguments, variants=("gru",), **options)
    return table.assign(**{name: 1.0 for name in NAMES if name not in table})


def test_control_leaves_the_planted_effect_and_not_the_confounded():
    text = rq4(study(60, 2, effect=1, size=2, seed=3), P)
    alone = text.index("Given nodes, edges, source nodes and sink nodes, of 8 properties")
    assert "As published, each property alone: GRU most with" in text[:alone]
    # Two names of the effect that was put there; density, which only goes with nodes, is none.
    assert "GRU 3 (alone 4), strongest diameter, r = −0." in text[alone:]
    assert "at chance" not in text


def test_networks_at_chance_are_left_out_beside():
    table = study(40, 2, effect=2)
    table.loc[:9, "test_accuracy"] = 0.5
    assert "Without 10 networks of 80 at chance: GRU" in rq4(table, P, majority=0.5)
    assert "at chance" not in rq4(table, P)


def test_prediction_is_told_beside_what_must_be_beaten_and_the_ceiling():
    table = study(40, 2, effect=3)
    text = rq5(table, P)
    assert "As published, a random forest on one split: GRU R²" in text
    assert "5–95 % of 2 splits" in text
    assert "all 8 properties against nodes, edges, source nodes and sink nodes: GRU in part, R² 0." in text
    assert ", gain +" in text
    assert f"noise ceiling {intraclass(table).ceiling['gru']:.2f} (" in text
    single = rq5(table[table["seed"] == 0], P)
    assert "noise ceiling unknown" in single


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
    assert "all 23 properties against log parameters: GRU cannot tell" in rq5(same, P)
    assert "against the mean: GRU cannot tell" in rq5(same.assign(parameters=9, generator="g"), P)
