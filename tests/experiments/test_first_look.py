"""The set `quick` and the defaults: a population that learns, soon; a reduced one is trained here."""

import pytest

from sparsekit.analysis.structure import learned
from sparsekit.experiments import pruning, structure, studies
from sparsekit.experiments.parameters import Parameters

QUICK = Parameters.load("quick")


def test_notebooks_ask_by_default_for_networks_of_quick():
    """So what either has computed the other reads, and what holds of quick's networks holds of theirs."""
    for notebook in ("00_task", "01_pruning", "02_recovery", "03_graph_structured_rnns", "04_correlation_analysis"):
        assert set(studies.units(Parameters(), notebook)) <= set(studies.units(QUICK, notebook))


@pytest.mark.parametrize("named", ["quick", "defaults"])
def test_there_are_seeds_for_intervals(named):
    p = QUICK if named == "quick" else Parameters()
    assert p.seeds >= 3
    assert p.graph_seeds >= 2


def test_nearly_all_graph_networks_leave_chance_in_every_variant():
    table = structure.structure(QUICK.model_copy(update={"graphs": 4, "graph_seeds": 1, "data_seed": 5, "workers": 1}))
    chance = studies.baselines(QUICK.model_copy(update={"data_seed": 5})).loc["majority", "test_accuracy"]
    left = learned(table, chance)["variant"].value_counts() / table["variant"].value_counts()
    assert left.min() >= 0.85


def test_every_base_network_leaves_chance():
    trained = pruning.base(QUICK.model_copy(update={"seeds": 1, "data_seed": 5, "workers": 1}))
    last = trained[trained["epoch"] == QUICK.base_epochs]
    assert len(last) == len(QUICK.variants)
    assert last["test_accuracy"].min() > 0.85


def test_thesis5_is_the_thesis_with_five_seeds():
    once, five = Parameters.load("thesis").model_dump(), Parameters.load("thesis5").model_dump()
    assert {name: five[name] for name in once if five[name] != once[name]} == {"seeds": 5, "graph_seeds": 5}


def test_thesis5_goes_on_from_the_thesis():
    def units(name):
        found = {unit for n in studies.NOTEBOOKS for unit in studies.units(Parameters.load(name), n)}
        return {unit for unit in found if not getattr(unit, "timed", False)}  # of five seeds another race is timed

    assert units("thesis") <= units("thesis5")
