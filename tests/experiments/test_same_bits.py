"""A unit's results are the same to the last bit, however many workers compute it, beside what, and in which order."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sparsekit.experiments import studies
from sparsekit.experiments.execution import run
from sparsekit.experiments.identity import key
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import Store
from tests.experiments.test_cluster import calm

__all__ = ["calm"]  # a fixture

SMALL = {"train_size": 60, "test_size": 20, "hidden_size": 4, "layers": 2, "embedding_size": 4, "base_epochs": 1}
SMALL |= {"percentages": [50, 80], "targets": ["both"], "graphs": 1, "nodes_max": 11, "graph_epochs": 1, "seeds": 1}
SMALL |= {
    "variants": ["rnn_tanh", "rnn_relu", "gru", "lstm"],
    "compare_at": [50],
    "graph_seeds": 1,
    "retrain_epochs": 2,
}


def units():
    """Those of every notebook, of each kind but that which measures time, and what they require."""
    p = Parameters(**SMALL)
    found = [unit for stem in studies.NOTEBOOKS for unit in studies.units(p, stem) if not unit.timed]
    for unit in found:  # grows while it is walked through
        found += [required for required in unit.requires if required not in found]
    return list(dict.fromkeys(found))


def compute(folder, workers, order, cluster=None):
    asked = units()
    random.Random(order).shuffle(asked)
    run(asked, Store(folder), workers=workers, cluster=cluster)


def bits(store):
    found = {}
    for unit in units():
        weights = store.weights_file(unit)
        found[unit] = store.read(unit), weights.read_bytes() if weights.exists() else None
    return found


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """All by one process, in the order in which they are asked for."""
    store = Store(tmp_path_factory.mktemp("bits") / "runs")
    run(units(), store, workers=1, report=lambda state: None)
    return store


@pytest.mark.parametrize(("workers", "resumed", "threads"), [(1, True, "4"), (2, False, "3"), (4, True, "2")])
def test_the_same_bits(tmp_path, reference, workers, resumed, threads):
    store = Store(tmp_path / "runs")
    if resumed:
        for unit in sorted(units(), key=key)[::3]:
            for part in (reference.file(unit), reference.weights_file(unit)):
                target = store.path / part.relative_to(reference.path)
                target.parent.mkdir(parents=True, exist_ok=True)
                if part.exists():
                    shutil.copy(part, target)
    variables = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), threads)
    env = os.environ | variables | {"PYTHONHASHSEED": str(workers), "PYTHONPATH": str(Path(__file__).parents[2])}
    call = f"from tests.experiments import test_same_bits as t; t.compute({str(store.path)!r}, {workers}, {workers})"
    subprocess.run([sys.executable, "-c", call], env=env, check=True, capture_output=True, timeout=600)
    expected, found = bits(reference), bits(store)
    assert {unit.kind for unit in expected} >= {"memoryless", "base", "pruned_network", "graph_network", "transplants"}
    assert [unit for unit in expected if repr(found[unit]) != repr(expected[unit])] == []


def test_the_same_bits_on_a_cluster(tmp_path, reference, calm):
    compute(tmp_path / "runs", 0, 5, calm.address)
    expected, found = bits(reference), bits(Store(tmp_path / "runs"))
    assert [unit for unit in expected if repr(found[unit]) != repr(expected[unit])] == []
