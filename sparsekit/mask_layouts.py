"""The two layouts of a graph's mask in the stacked gates of GRU and LSTM, and how far each is from the graph."""

import networkx as nx

from sparsekit import networks


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
    right, had = (networks.layered(variant, graph, gate_masks=layout).stages[1:] for layout in ("blocks", gate_masks))
    wrong = sum(int((one.mask_ih != other.mask_ih).sum()) for one, other in zip(right, had, strict=True))
    # A cell sees its own inputs only.
    places = sum(stage.mask_ih.numel() // stage.cells for stage in right)
    return {"wrong": wrong / places, "lost": wrong / 2 / sum(int(stage.mask_ih.sum()) for stage in right)}
