"""A study of seconds, and a score of one's own, for tests of what a user registers."""

from sparsekit.experiments.parameters import Parameters

TINY = {"train_size": 64, "test_size": 32, "variants": ["gru"], "seeds": 1, "hidden_size": 6, "layers": 1}
TINY |= {"embedding_size": 6, "base_epochs": 1, "percentages": [50], "compare_at": [50], "targets": ["h2h"]}
TINY |= {"retrain_epochs": 1, "recovery_steps": [], "graphs": 1, "graph_seeds": 1, "nodes_min": 8, "nodes_max": 8}
TINY |= {"graph_epochs": 1, "rewind_step": 1, "workers": 1, "device": "cpu", "shortest": 5, "longest": 12}


def tiny(**changes):
    return Parameters(**TINY | changes)


def smallest(network, names, evidence):
    return {name: -network.get_parameter(name).detach().abs() for name in names}
