"""Sequence classifiers with sparse recurrent structure: stacked layers, or layers drawn from a graph.

Both are one form: an embedding, a list of stages, a linear readout. A `Stage` is one recurrent layer over all its
cells, with a mask on each of its two weight matrices; it reads earlier stages side by side, and sums the cells that
share a node. Networks differ only in what each stage reads and in its masks.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property

import networkx as nx
import numpy as np
import torch
from torch import Tensor, nn

from sparsekit import graphs
from sparsekit.cores import EMBEDDING, Layout, read
from sparsekit.recurrence import GATES, VARIANTS
from sparsekit.registry import UnknownName, unknown

GATE_MASKS = ("blocks", "rows")


class Stage(nn.Module):
    """One recurrent layer: weights, masks, what it reads, and how its cells fold onto nodes.

    Parameters
    ----------
    variant : {"rnn_tanh", "rnn_relu", "gru", "lstm"}
    reads : sequence of int
        Earlier stages whose outputs, side by side, are the input; `EMBEDDING` for the embedding.
    nodes : int
        Width of the output.
    mask_ih : bool array, shape (gates * cells * nodes, inputs)
        Rows in torch's order: gate, then cell, then node.
    cells : int
        Cells that each keep a hidden state of `nodes` units; the output is their sum. Weights between cells do not
        exist. A cell for each stage read.
    mask_hh : bool array, shape (gates * cells * nodes, cells * nodes), optional
        By default every unit of a cell sees every unit of it.
    """

    def __init__(
        self,
        variant: str,
        reads: Sequence[int],
        nodes: int,
        mask_ih: np.ndarray,
        cells: int = 1,
        mask_hh: np.ndarray | None = None,
    ):
        super().__init__()
        self.reads, self.nodes, self.cells = tuple(reads), nodes, cells
        gates, hidden = GATES[variant], cells * nodes
        if mask_hh is None:
            same_cell = np.kron(np.eye(cells, dtype=bool), np.ones((nodes, nodes), dtype=bool))
            mask_hh = np.tile(same_cell, (gates, 1))
        self.register_buffer("mask_ih", torch.as_tensor(mask_ih, dtype=torch.bool))
        self.register_buffer("mask_hh", torch.as_tensor(mask_hh, dtype=torch.bool))
        self.weight_ih = nn.Parameter(torch.empty(gates * hidden, mask_ih.shape[1]))
        self.weight_hh = nn.Parameter(torch.empty(gates * hidden, hidden))
        self.bias_ih = nn.Parameter(torch.empty(gates * hidden))
        self.bias_hh = nn.Parameter(torch.empty(gates * hidden))
        bound = nodes**-0.5  # of each cell's own hidden size, not of all cells together
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)
        with torch.no_grad():
            self.weight_ih.mul_(self.mask_ih)
            self.weight_hh.mul_(self.mask_hh)


class Classifier(nn.Module):
    """Embedding, recurrent stages, and a linear readout at one step of each sequence.

    Parameters
    ----------
    variant : {"rnn_tanh", "rnn_relu", "gru", "lstm"}
    stages : sequence of Stage
    embedding_size : int
        Of a network that reads tokens.
    vocabulary, classes : int
    features : int
        Of a network that reads this many numbers at each step instead of a token; it has no embedding.
    reads_all : bool
        Whether the readout sees the nodes of all stages, not of the last alone.
    """

    def __init__(
        self,
        variant: str,
        stages: Sequence[Stage],
        embedding_size: int,
        vocabulary: int = 128,
        classes: int = 2,
        *,
        features: int = 0,
        reads_all: bool = False,
    ):
        super().__init__()
        self.variant, self.features, self.reads_all = variant, features, reads_all
        if not features:
            self.embedding = nn.Embedding(vocabulary, embedding_size)
        self.stages = nn.ModuleList(stages)
        self.readout = nn.Linear(sum(s.nodes for s in stages) if reads_all else stages[-1].nodes, classes)

    @cached_property
    def layout(self) -> Layout:
        """Its structure, and the order of its weights."""
        return Layout(
            self.variant,
            self.features or self.embedding.embedding_dim,
            not self.features,
            tuple((stage.reads, stage.nodes) for stage in self.stages),
            {name: tuple(parameter.shape) for name, parameter in self.named_parameters()},
            self.readout.in_features,
        )

    def forward(self, inputs: Tensor, positions: Tensor | None = None) -> Tensor:
        """Logits, shape (batch, classes), of int64 tokens (batch, steps) or of features (batch, steps, features).

        `positions`, int64 of shape (batch,), says at which step each sequence is read; without it, the last.
        """
        flat = self.layout.flat(self.parameters())
        return population_logits(self.layout, flat[None], self.flat_mask()[None], inputs, positions)[0]

    def masks(self) -> dict[str, Tensor]:
        """The mask of each recurrent weight matrix, by the weight's name in `named_parameters`."""
        return {
            f"stages.{k}.weight_{kind}": getattr(stage, f"mask_{kind}")
            for k, stage in enumerate(self.stages)
            for kind in ("ih", "hh")
        }

    def flat_mask(self) -> Tensor:
        """Which of all parameters, side by side, exist: bool, shape (weights,)."""
        masks = self.masks()
        return self.layout.flat(
            masks.get(name, torch.ones((), dtype=torch.bool, device=parameter.device).expand_as(parameter))
            for name, parameter in self.named_parameters()
        )

    def size(self) -> int:
        """Weights and biases that exist: all parameters, less those that a mask removes."""
        removed = sum(int((~mask).sum()) for mask in self.masks().values())
        return sum(parameter.numel() for parameter in self.parameters()) - removed


def population_logits(
    layout: Layout, flat: Tensor, mask: Tensor, inputs: Tensor, positions: Tensor | None = None
) -> Tensor:
    """Logits of many networks of one structure on the same sequences.

    Parameters
    ----------
    layout : Layout
    flat, mask : Tensor, shape (networks, weights)
        All parameters of each network side by side, and which of them exist.
    inputs : int64 Tensor, shape (batch, steps), or float Tensor, shape (batch, steps, features)
    positions : int64 Tensor, shape (batch,), optional
        Step at which each sequence is read; the last where not given.

    Returns
    -------
    Tensor, shape (networks, batch, classes)
    """
    if positions is None:
        positions = torch.full((len(inputs),), inputs.shape[1] - 1, device=inputs.device)
    seen = read(layout, flat, mask, inputs, positions)
    (classes,), start = layout.shapes["readout.bias"], layout.starts["readout.weight"]
    weight, bias = flat[:, start : start + classes * (layout.readout_width + 1)].tensor_split([-classes], 1)
    # Not as a product of matrices: those of one network and of many would be rounded differently.
    return (seen[:, :, None] * weight.view(len(flat), 1, classes, -1)).sum(-1) + bias[:, None]


def stacked(
    variant: str,
    hidden_size: int = 50,
    layers: int = 3,
    embedding_size: int = 50,
    *,
    vocabulary: int = 128,
    classes: int = 2,
    features: int = 0,
    seed: int = 0,
) -> Classifier:
    """The base network of the pruning study: fully connected recurrent layers, one on the other.

    With its full masks it computes what ``torch.nn.RNN``, ``GRU`` and ``LSTM`` compute, and starts from their
    distribution, U(-1/√hidden, 1/√hidden). With `features` it reads so many numbers a step, and has no embedding.
    """
    _check(variant)
    with _seeded(seed):
        stages = [
            Stage(variant, [k - 1], hidden_size, np.ones((GATES[variant] * hidden_size, width), dtype=bool))
            for k, width in enumerate([features or embedding_size] + [hidden_size] * (layers - 1))
        ]
        return Classifier(variant, stages, embedding_size, vocabulary, classes, features=features)


def layered(
    variant: str,
    graph: nx.Graph,
    *,
    gate_masks: str = "blocks",
    interface: int = 0,
    orientation: str = "by_node",
    vocabulary: int = 128,
    classes: int = 2,
    features: int = 0,
    seed: int = 0,
) -> Classifier:
    """A network whose layers and input-to-hidden weights follow a graph (arXiv 2407.20601).

    Every layer of the oriented graph is one stage; it has a cell for the layer before and a cell for each earlier
    layer with an edge into it, and its output is the sum of their hidden sequences.

    Parameters
    ----------
    variant : {"rnn_tanh", "rnn_relu", "gru", "lstm"}
    graph : networkx.Graph or acyclic networkx.DiGraph
        Edges of an undirected graph get their direction by the rule `orientation`.
    gate_masks : {"blocks", "rows"}
        "blocks": every gate gets exactly the graph's edges. "rows": the layout of the published networks, where row i
        of a node mask became rows i·g … i·g+g-1 of the stacked gates, so that gates and edges do not match.
    interface : int
        0, as published: an embedding as wide as the first layer, a readout of the last. Otherwise the embedding's size
        whatever the graph, and the readout sees every node, so that neither width depends on the graph's shape.
    orientation : str
        A name in `sparsekit.graphs.ORIENTATIONS`; "by_node", as published: from the smaller to the larger node.
    features : int
        Numbers read at each step, instead of an embedded token.

    Raises
    ------
    UnknownName
        For an unknown variant, orientation or mask layout.
    sparsekit.graphs.GraphError
        Where a directed graph has a cycle.
    """
    _check(variant)
    if gate_masks not in GATE_MASKS:
        raise UnknownName(unknown("gate_masks", gate_masks, GATE_MASKS))
    oriented = graph if graph.is_directed() else graphs.orient(graph, orientation, seed)
    layers = graphs.layers(oriented)
    gates = GATES[variant]
    spread = {"blocks": lambda m: np.tile(m, (gates, 1)), "rows": lambda m: np.repeat(m, gates, axis=0)}[gate_masks]
    with _seeded(seed):
        nodes = len(layers[0])
        width = features or interface or nodes
        stages = [Stage(variant, [EMBEDDING], nodes, np.ones((gates * nodes, width), dtype=bool))]
        for k in range(1, len(layers)):
            edges = {source: _edges(oriented, layers[source], layers[k]) for source in range(k)}
            reads = [k - 1] + [source for source in range(k - 1) if edges[source].any()]
            mask = side_by_side([spread(edges[source]) for source in reads], gates)
            stages.append(Stage(variant, reads, len(layers[k]), mask, cells=len(reads)))
        return Classifier(
            variant,
            stages,
            width,
            vocabulary,
            classes,
            features=features,
            reads_all=bool(interface) and len(stages) > 1,
        )


def recurrent(
    variant: str,
    graph: nx.Graph,
    embedding_size: int = 50,
    *,
    vocabulary: int = 128,
    classes: int = 2,
    features: int = 0,
    seed: int = 0,
) -> Classifier:
    """One recurrent layer whose hidden-to-hidden weights are the edges of a graph, cycles included.

    A unit a node; the edge u → v is the weight by which unit v sees unit u's last state, in every gate. An undirected
    edge is one in each direction; a unit sees its own last state only where the graph has that loop. Every unit sees
    the whole input, and the readout sees every unit.
    """
    _check(variant)
    gates, edges = GATES[variant], _edges(graph, sorted(graph), sorted(graph))
    with _seeded(seed):
        mask_ih = np.ones((gates * len(graph), features or embedding_size), dtype=bool)
        stage = Stage(variant, [EMBEDDING], len(graph), mask_ih, mask_hh=np.tile(edges, (gates, 1)))
        return Classifier(variant, [stage], embedding_size, vocabulary, classes, features=features)


STRUCTURES = ("layered", "recurrent")


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
        For a cell or form that does not exist.
    sparsekit.graphs.GraphError
        Where the graph cannot become a network; it says why, and what to do.

    Examples
    --------
    >>> classifier("GRU", 20).size() == stacked("gru", 20, layers=1).size()
    True
    >>> net = classifier(cell="LSTM", structure=nx.DiGraph([(0, 1), (1, 2), (2, 0)]))
    >>> int(net.stages[0].mask_hh.sum()) == 4 * 3  # the edges, in each gate
    True
    """
    variant = cell.lower().replace("-", "_")
    _check(variant)
    if isinstance(structure, nx.Graph):
        cyclic = structure.is_directed() and not nx.is_directed_acyclic_graph(structure)
        form = form or ("recurrent" if cyclic else "layered")
        if form not in STRUCTURES:
            raise UnknownName(unknown("form", form, STRUCTURES))
        graphs.check(structure, directed=structure.is_directed(), loops=form == "recurrent")
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

    Returns
    -------
    array, shape (gates * cells * nodes, sum of inputs)
        Rows by gate, cell, node. Each cell sees only its own inputs; elsewhere the matrix is 0.
    """
    cells, nodes = len(blocks), len(blocks[0]) // gates
    joined = np.zeros((gates, cells, nodes, sum(block.shape[1] for block in blocks)), dtype=blocks[0].dtype)
    start = 0
    for cell, block in enumerate(blocks):
        joined[:, cell, :, start : start + block.shape[1]] = block.reshape(gates, nodes, -1)
        start += block.shape[1]
    return joined.reshape(gates * cells * nodes, -1)


def _check(variant: str) -> None:
    if variant not in VARIANTS:
        raise UnknownName(unknown("variant", variant, VARIANTS))
