"""Measures of a network's size and shape: what a graph's properties must be told apart from.

A new measure is one function from a `Classifier` to a number, decorated with ``@NETWORK.register``.
"""

from sparsekit.directed_properties import measured
from sparsekit.networks import Classifier
from sparsekit.registry import Registry

NETWORK = Registry("network measure")


@NETWORK.register
def parameters(network: Classifier) -> float:
    """Weights and biases that exist."""
    return network.size()


@NETWORK.register
def recurrent_parameters(network: Classifier) -> float:
    """Weights and biases of the recurrent stages that exist."""
    removed = sum(int((~mask).sum()) for mask in network.masks().values())
    return sum(parameter.numel() for parameter in network.stages.parameters()) - removed


@NETWORK.register
def cells(network: Classifier) -> float:
    """Recurrent cells, each with a hidden state of its own."""
    return sum(stage.cells for stage in network.stages)


@NETWORK.register
def widest_layer(network: Classifier) -> float:
    """Nodes in the widest stage."""
    return max(stage.nodes for stage in network.stages)


@NETWORK.register
def embedding_width(network: Classifier) -> float:
    """Inputs of the first stage."""
    return network.stages[0].mask_ih.shape[1]


@NETWORK.register
def readout_width(network: Classifier) -> float:
    """Inputs of the readout."""
    return network.readout.in_features


@NETWORK.register
def depth(network: Classifier) -> float:
    """Recurrent stages, one after the other."""
    return len(network.stages)


NETWORK_NAMES = tuple(NETWORK)


def network_measures(network: Classifier) -> dict[str, float]:
    """All measures of a layered, stacked or recurrent network, by name.

    Examples
    --------
    >>> from sparsekit.networks import stacked
    >>> network_measures(stacked("gru", hidden_size=8, layers=2, embedding_size=5))["recurrent_parameters"]
    792.0
    """
    return measured(NETWORK, network)
