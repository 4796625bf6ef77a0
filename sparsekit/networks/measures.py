"""The two layouts of a graph's mask in the stacked gates of GRU and LSTM, and how far each is from the graph."""

from collections.abc import Iterable

import networkx as nx

from sparsekit.networks.build import layered
from sparsekit.networks.classifier import Classifier
from sparsekit.registry import Registry, measured


def layout_errors(graph: nx.Graph, variant: str, gate_masks: str = "rows") -> dict[str, float]:
    """How far a layered network's input-to-hidden masks are from its graph.

    All stages count but the first, whose mask is full. Rows that stand in another gate than their own keep their number
    of weights, so for each edge that is lost in a gate there is a weight that no edge stands for. Arguments are as of
    :func:`sparsekit.networks.build.layered`.

    Returns
    -------
    dict
        wrong, the share of mask entries that differ from the graph, over what a cell could see in each gate; lost, the
        share of edges, each counted once a gate, without their weight.

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
NETWORK.define("parameters", "Weights and biases that exist.", lambda net: net.size())
NETWORK.define(
    "recurrent_parameters",
    "Weights and biases of the recurrent stages that exist.",
    lambda net: net.size() - sum(p.numel() for name, p in net.named_parameters() if not name.startswith("stages")),
)
NETWORK.define("cells", "Recurrent cells, each with a hidden state.", lambda net: sum(s.cells for s in net.stages))
NETWORK.define("widest_layer", "Nodes in the widest stage.", lambda net: max(stage.nodes for stage in net.stages))
NETWORK.define("embedding_width", "Inputs of the first stage.", lambda net: net.stages[0].mask_ih.shape[1])
NETWORK.define("readout_width", "Inputs of the readout.", lambda net: net.readout.in_features)
NETWORK.define("depth", "Recurrent stages, one after the other.", lambda net: len(net.stages))


def network_measures(network: Classifier, names: Iterable[str] | None = None) -> dict[str, float]:
    """Measures of a layered, stacked or recurrent network, all or those named, by name.

    >>> from sparsekit.networks.build import stacked
    >>> network_measures(stacked("gru", hidden_size=8, layers=2, embedding_size=5))["recurrent_parameters"]
    792.0
    """
    return measured(NETWORK, network, names)
