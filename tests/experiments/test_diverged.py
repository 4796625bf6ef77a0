"""Training that diverges is an outcome with a record."""

import math

import pytest
import torch

from sparsekit.experiments import execution, status
from sparsekit.experiments.pruned import PrunedNetwork
from sparsekit.experiments.records import Store
from sparsekit.experiments.units import BaseNetwork, Strings
from sparsekit.networks.training import Recipe

LOST = Recipe(2, learning_rate=1e38)


def network(recipe):
    return BaseNetwork(Strings("reber", 60, 20), "rnn_relu", 0, recipe, 4, 1, 4)


def pruned(base, recipe, **condition):
    return PrunedNetwork(base, "both", 80.0, recipe, **condition)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("diverged") / "runs")


UNITS = {
    "base": network(LOST),
    "retrained": pruned(network(Recipe(1)), LOST),
    "scheduled": pruned(network(Recipe(1)), LOST, schedule="gradual", rounds=2),
    "from what diverged": pruned(network(LOST), Recipe(1)),
}


@pytest.mark.parametrize("name", UNITS)
def test_a_network_that_diverges_has_a_record_that_says_so_and_no_accuracy(store, name):
    unit = UNITS[name]
    execution.run([unit], store, workers=1, report=lambda state: None)
    data = store.read(unit)
    assert data["diverged"] == next(row["step"] for row in data["history"] if not math.isfinite(row["test_loss"]))
    assert math.isnan(data["history"][-1]["test_accuracy"])
    weights = store.weights(unit)
    masked = [weights[n.replace("mask", "weight")][~m.bool()] for n, m in weights.items() if "mask_" in n]
    assert all(torch.all(gone == 0) for gone in masked)
    assert "training diverged in 1 of them" in status.status([unit], store)


def test_a_network_that_does_not_says_nothing_of_it(store):
    unit = pruned(network(Recipe(1)), Recipe(1))
    execution.run([unit], store, workers=1, report=lambda state: None)
    assert "diverged" not in store.read(unit)
    assert "training diverged" not in status.status([unit], store)
