"""The ladder's units: what stands beside each graph on each rung, and that company changes no result."""

import re
import textwrap
from pathlib import Path

import numpy as np
import pytest
import torch

from sparsekit.experiments import ladder, records
from sparsekit.experiments.execution import run
from sparsekit.experiments.identity import key
from sparsekit.experiments.parameters import ParameterError, Parameters
from sparsekit.graphs import claims
from sparsekit.graphs import structure as graphs
from sparsekit.graphs.claims import CLAIMS

TINY = {"train_size": 60, "test_size": 20, "graphs": 2, "nodes_min": 10, "nodes_max": 10, "graph_epochs": 1}
TINY |= {"variants": ["gru"], "generators": ["barabasi_albert"], "workers": 1, "graph_seeds": 1, "interface": 4}
TINY |= {"structure": "recurrent", "ensemble": 2, "ladder_graphs": 2}


def parameters(**changes):
    return Parameters(**TINY | changes)


def test_each_graph_stands_beside_its_ensembles_and_without_them_there_is_no_ladder():
    units = ladder.ladder_networks(parameters(null_models=["shuffled"]))
    assert len(units) == len(set(map(key, units))) == 2 * (1 + 4 * 2)
    assert len(ladder.ladder_networks(parameters(ladder_graphs=1))) == 1 + 4 * 2
    assert not ladder.ladder_networks(parameters(ensemble=0))
    assert not ladder.claim_networks(parameters())
    with pytest.raises(ParameterError, match="ensemble: given 0"):
        parameters(ensemble=0, claims=["balance_helps"])
    with pytest.raises(ParameterError, match="did you mean 'balance_helps'"):
        parameters(claims=["balance_help"])


@pytest.mark.parametrize("structure", ["recurrent", "layered"])
def test_rungs_hold_fixed_what_they_say(structure):
    units = ladder.ladder_networks(parameters(structure=structure, graphs=1))
    one, by_rung = units[0], {}
    for unit in units[1:]:
        by_rung.setdefault((unit.null, unit.weights, unit.matched), []).append(unit)
    graph = one.drawn()
    for (null, _, matched), members in by_rung.items():
        assert len(members) == 2
        for unit in members:
            other, (_, scales, found) = unit.drawn(), unit.network()
            assert other.number_of_edges() == graph.number_of_edges()
            assert (dict(other.degree) == dict(graph.degree)) == (null == "rewired")
            assert found is (True if matched else None)
            own = one.network()[1]
            assert not matched or scales.activity == pytest.approx(own.activity, rel=0.01)
    shared, own = by_rung["random", "shared", False], by_rung["random", "own", False]
    assert [set(u.drawn().edges) for u in shared] == [set(u.drawn().edges) for u in own]
    readouts = [unit.network()[0].readout.weight.sort().values for unit in (one, *shared, *own)]
    assert torch.equal(readouts[1], readouts[2])
    assert not torch.equal(readouts[3], readouts[4])


def test_a_network_trained_alone_is_the_one_trained_in_company(tmp_path):
    units = ladder.ladder_networks(parameters()) + ladder.claim_networks(parameters(claims=["reciprocity_hurts"]))
    together, alone = records.Store(tmp_path / "together"), records.Store(tmp_path / "alone")
    run(units, together, workers=1, report=lambda *_: None)
    for unit in units[::5]:
        run([unit], alone, workers=1, report=lambda *_: None)
        assert alone.read(unit) == together.read(unit)


def test_the_table_has_a_row_for_each_network_and_claims_have_graphs_of_their_own():
    p = parameters(claims=["balance_helps"], graph_seeds=2)
    given, claimed = ladder.ladder(p), ladder.claimed(p)
    assert given.groupby("rung", sort=False).size().to_dict() == {"": 4} | dict.fromkeys(ladder.RUNGS, 8)
    assert claimed.groupby("rung", sort=False).size().to_dict() == {"": 4} | dict.fromkeys(ladder.CLAIM_RUNGS, 8)
    assert set(claimed["generator"]) == {"balance_helps"}
    assert set(given.columns) == set(ladder.LADDER)
    assert given["test_accuracy"].between(0, 1).all()
    at = given.set_index("rung")
    assert at.loc["same degrees and scales", "matched"].notna().all()
    assert at.loc["same degrees", "matched"].isna().all()
    mask = graphs.adjacency(ladder.claim_networks(p)[0].drawn())
    assert np.isin(mask.sum(), [10 * 2])
    assert ladder.ladder(parameters(ensemble=0)).empty


def test_a_claim_of_ones_own_is_tested_like_the_kits(tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "how-to" / "own-graphs.md").read_text("utf-8")
    shown = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[-1]
    try:
        exec(compile(textwrap.dedent(shown), "cell", "exec"), {"__name__": "__main__"})
        units = ladder.claim_networks(parameters(claims=["loops_hurt"]))
        assert {unit.graph.source for unit in units} != {""}
        graph, other = units[0].drawn(), units[1].drawn()
        assert sum(u == v for u, v in graph.edges) == 3
        assert sorted(dict(graph.in_degree).items()) == sorted(dict(other.in_degree).items())
        run(units[:3], records.Store(tmp_path), workers=1, report=lambda *_: None)
        assert claims.expected("loops_hurt") == -1
    finally:
        CLAIMS.pop("loops_hurt", None)
