"""The two layouts of a graph's mask in the stacked gates of GRU and LSTM, and how far each is from the graph."""

import networkx as nx

from sparsekit.networks.build import layered
from sparsekit.networks.classifier import Classifier
from sparsekit.registry import Registry, measured


def layout_errors(graph: nx.Graph, variant: str, gate_masks: str = "rows") -> dict[str, float]:
    """How far a layered network's input-to-hidden masks are from its graph.

    All stages count but the first, whose mask is full. Rows that stand in another gate than their own keep their number
    of weights, so for each edge that is lost in a gate there is a weight that no edge stands for.

    Parameters
    ----------
    graph : networkx.Graph or acyclic networkx.DiGraph
    gate_masks : {"blocks", "rows"}

    Returns
    -------
    dict
        wrong, the share of mask entries that differ from the graph, over what a cell could see in each gate; lost, the
        share of edges, each counted once a gate, without their weight.

    Examples
    --------
    >>> layout_errors(nx.path_graph(3), "gru")  # a node a layer: every row is the same
    {'wrong': 0.0, 'lost': 0.0}
    >>> layout_errors(nx.Graph([(0, 2), (1, 3), (0, 3)]), "gru")["lost"]
    0.1111111111111111
    """
    right, had = (layered(variant, graph, gate_masks=layout).stages[1:] for layout in ("blocks", gate_masks))
    wrong = sum(int((one.mask_ih != other.mask_ih).sum()) for one, other in zip(right, had, strict=True))
    # A cell sees its own inputs only.
    places = sum(stage.mask_ih.numel() // stage.cells for stage in right)
    return {"wrong": wrong / places, "lost": wrong / 2 / sum(int(stage.mask_ih.sum()) for stage in right)}


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
    >>> from sparsekit.networks.build import stacked
    >>> network_measures(stacked("gru", hidden_size=8, layers=2, embedding_size=5))["recurrent_parameters"]
    792.0
    """
    return measured(NETWORK, network)
