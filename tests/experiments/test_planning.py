import pytest

from sparsekit.cli import main
from sparsekit.experiments import planning, records, studies
from sparsekit.experiments.execution import run
from sparsekit.experiments.parameters import Parameters

TINY = {"train_size": 60, "test_size": 20, "hidden_size": 4, "layers": 1, "embedding_size": 4, "base_epochs": 1}
TINY |= {"percentages": [50], "targets": ["both"], "graphs": 1, "nodes_max": 11, "graph_epochs": 1, "seeds": 1}
TINY |= {"variants": ["rnn_tanh", "gru"], "compare_at": [50], "inference_sizes": [8], "inference_sparsities": [0.5]}
TINY |= {"graph_seeds": 1, "unit_percentages": [50], "inference_batches": [1], "inference_processes": 2}


def test_a_plan_counts_what_is_missing_and_writes_nothing(tmp_path):
    p, store = Parameters(**TINY), records.Store(tmp_path / "runs")
    units = [unit for stem in studies.NOTEBOOKS for unit in studies.units(p, stem)]
    made = planning.plan(units, store, workers=2)
    assert (made.total, made.recorded) == (67, 0)
    assert {kind.name: kind.units for kind in made.kinds} == {
        "memoryless": 5,  # of every task
        "base rnn_tanh": 2,  # and one of half the units
        "base gru": 6,
        "pruned_network rnn_tanh": 3,  # by magnitude, and at random in all and in each layer
        "pruned_network gru": 7,
        "transplants rnn_tanh": 2,  # base and pruned
        "transplants gru": 2,
        "shrunk_network rnn_tanh": 1,
        "shrunk_network gru": 1,
        "sparse_network gru": 30,
        "network_latency": 1,
        "inference gru": 1,
        "graph_network rnn_tanh": 2,
        "graph_network gru": 4,  # and with the published gate rows
    }
    assert made.seconds == pytest.approx(sum(kind.seconds for kind in made.kinds) / 2)
    assert all(kind.seconds > 0 for kind in made.kinds)
    assert 50 < made.mebibytes < 4000
    assert not (tmp_path / "runs").exists()


def test_recorded_units_are_not_planned_again(tmp_path):
    p, store = Parameters(**TINY), records.Store(tmp_path / "runs")
    units = studies.units(p, "01_pruning")
    run(units, store, workers=1, report=lambda *_: None)
    made = planning.plan(units, store)
    assert (made.recorded, made.kinds, made.seconds) == (made.total, [], 0)


def test_plan_on_the_command_line(tmp_path, capsys):
    arguments = [f"-p{name}={value}" for name, value in TINY.items()]
    out = tmp_path / "report"
    assert main(["run", "smoke", "--plan", "--only", "00", "--out", str(out), *arguments]) == 0
    said = capsys.readouterr().out
    assert said.startswith("7 units, 0 of them recorded")
    assert "From a short probe on this machine." in said
    assert not out.exists()
