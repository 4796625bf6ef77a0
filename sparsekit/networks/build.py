"""Networks by structure: stacked layers, layers drawn from a graph, or a graph as one recurrent layer.

All are a `Classifier`, and share its options and `seed`, of the initial weights.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import networkx as nx
import numpy as np
import torch
from scipy.linalg import block_diag

from sparsekit.graphs import structure as graph_structure
from sparsekit.networks.classifier import Classifier, Stage
from sparsekit.networks.core import EMBEDDING
from sparsekit.registry import check_name
from sparsekit.variants import GATE_MASKS, GATES, STRUCTURES, VARIANTS


def stacked(
    variant: str,
    hidden_size: int = 50,
    layers: int = 3,
    embedding_size: int = 50,
    *,
    features: int = 0,
    seed: int = 0,
    **options: int,
) -> Classifier:
    """The base network of the pruning study: fully connected recurrent layers, one on the other.

    With its full masks it computes what ``torch.nn.RNN``, ``GRU`` and ``LSTM`` compute, and starts from their
    distribution, U(-1/√hidden, 1/√hidden).
    """
    check_name("variant", variant, VARIANTS)
    widths = [features or embedding_size] + [hidden_size] * (layers - 1)
    with _seeded(seed):
        stages = [Stage(variant, [k - 1], hidden_size, width) for k, width in enumerate(widths)]
        return Classifier(variant, stages, embedding_size, features=features, **options)


def layered(
    variant: str,
    graph: nx.Graph,
    *,
    gate_masks: str = "blocks",
    interface: int = 0,
    orientation: str = "by_node",
    features: int = 0,
    seed: int = 0,
    **options: int,
) -> Classifier:
    """A network whose layers and input-to-hidden weights follow a graph (arXiv 2407.20601).

    Every layer of the oriented graph is one stage; it has a cell for the layer before and a cell for each earlier
    layer with an edge into it, and its output is the sum of their hidden sequences.

    Parameters
    ----------
    graph : networkx.Graph or acyclic networkx.DiGraph
    gate_masks : {"blocks", "rows"}
        "blocks": every gate gets exactly the graph's edges. "rows": the layout of the published networks, where row i
        of a node mask became rows i·g … i·g+g-1 of the stacked gates, so that gates and edges do not match.
    interface : int
        0, as published: an embedding as wide as the first layer, a readout of the last. Otherwise the embedding's size
        whatever the graph, and the readout sees every node, so that neither width depends on the graph's shape.
    orientation : str
        Direction of an undirected graph's edges, a name in `graphs.structure.ORIENTATIONS`; "by_node", as published:
        from the smaller to the larger node.

    Raises
    ------
    UnknownName
        Of the variant or the orientation.
    sparsekit.graphs.structure.GraphError
        The graph has a cycle.
    """
    check_name("variant", variant, VARIANTS)
    check_name("gate_masks", gate_masks, GATE_MASKS)
    oriented = graph if graph.is_directed() else graph_structure.orient(graph, orientation, seed)
    layers = graph_structure.layers(oriented)
    gates = len(GATES[variant])
    spread = {"blocks": lambda m: np.tile(m, (gates, 1)), "rows": lambda m: np.repeat(m, gates, axis=0)}[gate_masks]
    with _seeded(seed):
        width = features or interface or len(layers[0])
        stages = [Stage(variant, [EMBEDDING], len(layers[0]), width)]
        for k in range(1, len(layers)):
            edges = {source: _edges(oriented, layers[source], layers[k]) for source in range(k)}
            reads = [k - 1] + [source for source in range(k - 1) if edges[source].any()]
            mask = side_by_side([spread(edges[source]) for source in reads], gates)
            stages.append(Stage(variant, reads, len(layers[k]), mask))
        reads_all = bool(interface) and len(stages) > 1
        return Classifier(variant, stages, width, features=features, reads_all=reads_all, **options)


def recurrent(
    variant: str, graph: nx.Graph, embedding_size: int = 50, *, features: int = 0, seed: int = 0, **options: int
) -> Classifier:
    """One recurrent layer whose hidden-to-hidden weights are the edges of a graph, cycles included.

    A unit a node; the edge u → v is the weight by which unit v sees unit u's last state, in every gate. An undirected
    edge is one in each direction; a unit sees its own last state only where the graph has that loop. Every unit sees
    the whole input, and the readout sees every unit.
    """
    check_name("variant", variant, VARIANTS)
    edges = _edges(graph, sorted(graph), sorted(graph))
    with _seeded(seed):
        mask_hh = np.tile(edges, (len(GATES[variant]), 1))
        stage = Stage(variant, [EMBEDDING], len(graph), features or embedding_size, mask_hh)
        return Classifier(variant, [stage], embedding_size, features=features, **options)


def classifier(cell: str, structure: "int | Sequence[int] | nx.Graph" = 50, *, form: str = "", **options) -> Classifier:
    """A sequence classifier of any structure: a graph fits wherever a hidden size does.

    Parameters
    ----------
    cell : str
        A variant, also as people write it: "GRU", "LSTM", "RNN-Tanh", "RNN-ReLU".
    structure : int, sequence of int, or networkx graph
        A hidden size; equal hidden sizes of stacked layers; or a graph.
    form : {"layered", "recurrent"}
        What a graph becomes. By default "layered", and "recurrent" where it is directed with cycles.
    **options
        As of `stacked`, `layered` or `recurrent`.

    Raises
    ------
    UnknownName
        Of the cell or the form.
    sparsekit.graphs.structure.GraphError
        The graph cannot become a network; it says what to do.

    Examples
    --------
    >>> classifier("GRU", 20).size() == stacked("gru", 20, layers=1).size()
    True
    >>> net = classifier(cell="LSTM", structure=nx.DiGraph([(0, 1), (1, 2), (2, 0)]))
    >>> int(net.stages[0].mask_hh.sum()) == 4 * 3  # the edges, in each gate
    True
    """
    check_name("variant", variant := cell.lower().replace("-", "_"), VARIANTS)
    if isinstance(structure, nx.Graph):
        cyclic = structure.is_directed() and not nx.is_directed_acyclic_graph(structure)
        form = form or ("recurrent" if cyclic else "layered")
        check_name("form", form, STRUCTURES)
        graph_structure.check(structure, directed=structure.is_directed(), loops=form == "recurrent")
        return {"layered": layered, "recurrent": recurrent}[form](variant, structure, **options)
    sizes = [structure] if isinstance(structure, int) else list(structure)
    if not sizes or len(set(sizes)) > 1 or not all(isinstance(n, int) and n > 0 for n in sizes):
        raise ValueError(f"structure is {structure!r}: give a hidden size, equal sizes of layers, or a networkx graph")
    return stacked(variant, sizes[0], len(sizes), **options)


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Initial weights depend on this seed, and leave torch's own random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _edges(graph: nx.DiGraph, sources: Sequence[int], targets: Sequence[int]) -> np.ndarray:
    """Which source node has an edge into which target node: bool, (targets, sources)."""
    return np.array([[graph.has_edge(source, target) for source in sources] for target in targets])


def side_by_side(blocks: Sequence[np.ndarray], gates: int) -> np.ndarray:
    """Join the matrices of a stage's cells, each (gates * nodes, its inputs), into the stage's own.

    It is (gates * cells * nodes, all inputs), rows by gate, cell, node; each cell sees only its own inputs.
    """
    by_gate = zip(*(np.split(block, gates) for block in blocks), strict=True)
    return np.concatenate([block_diag(*own) for own in by_gate])
