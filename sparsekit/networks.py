"""Sequence classifiers with sparse recurrent structure: stacked layers, or layers drawn from a graph.

Both are one form: an embedding, a list of stages, a linear readout. A `Stage` is one recurrent layer over all its
cells, with a mask on each of its two weight matrices; it reads earlier stages side by side, and sums the cells that
share a node. Networks differ only in what each stage reads and in its masks.
"""

from collections.abc import Mapping, Sequence

import networkx as nx
import numpy as np
import torch
from torch import Tensor, nn

from sparsekit import graphs
from sparsekit.recurrence import GATES, VARIANTS, recur, recur_tokens
from sparsekit.registry import UnknownName, unknown

EMBEDDING = -1
"""What a stage names in `reads` to read the embedding rather than an earlier stage."""

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
        exist.
    """

    def __init__(self, variant: str, reads: Sequence[int], nodes: int, mask_ih: np.ndarray, cells: int = 1):
        super().__init__()
        self.reads, self.nodes, self.cells = tuple(reads), nodes, cells
        gates, hidden = GATES[variant], cells * nodes
        same_cell = np.kron(np.eye(cells, dtype=bool), np.ones((nodes, nodes), dtype=bool))
        self.register_buffer("mask_ih", torch.as_tensor(mask_ih, dtype=torch.bool))
        self.register_buffer("mask_hh", torch.as_tensor(np.tile(same_cell, (gates, 1))))
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
    """Embedding, recurrent stages, and a linear readout of the last stage at one step of each sequence.

    Parameters
    ----------
    variant : {"rnn_tanh", "rnn_relu", "gru", "lstm"}
    stages : sequence of Stage
    embedding_size : int
    vocabulary, classes : int
    """

    def __init__(
        self, variant: str, stages: Sequence[Stage], embedding_size: int, vocabulary: int = 128, classes: int = 2
    ):
        super().__init__()
        self.variant = variant
        self.embedding = nn.Embedding(vocabulary, embedding_size)
        self.stages = nn.ModuleList(stages)
        self.readout = nn.Linear(stages[-1].nodes, classes)

    def forward(self, tokens: Tensor, positions: Tensor | None = None) -> Tensor:
        """Logits, shape (batch, classes), of int64 tokens, shape (batch, steps).

        `positions`, int64 of shape (batch,), says at which step each sequence is read; without it, the last.
        """
        weights = {name: parameter[None] for name, parameter in self.named_parameters()}
        masks = {name: mask[None] for name, mask in self.masks().items()}
        return population_logits(self, weights, masks, tokens, positions)[0]

    def masks(self) -> dict[str, Tensor]:
        """The mask of each recurrent weight matrix, by the weight's name in `named_parameters`."""
        return {
            f"stages.{k}.weight_{kind}": getattr(stage, f"mask_{kind}")
            for k, stage in enumerate(self.stages)
            for kind in ("ih", "hh")
        }

    def size(self) -> int:
        """Weights and biases that exist: all parameters, less those that a mask removes."""
        removed = sum(int((~mask).sum()) for mask in self.masks().values())
        return sum(parameter.numel() for parameter in self.parameters()) - removed


def population_logits(
    structure: Classifier,
    weights: Mapping[str, Tensor],
    masks: Mapping[str, Tensor],
    tokens: Tensor,
    positions: Tensor | None = None,
) -> Tensor:
    """Logits of many networks of one structure on the same tokens.

    Parameters
    ----------
    structure : Classifier
        Gives the variant and what each stage reads; its own weights and masks are not used.
    weights, masks : mapping of name to Tensor
        As in ``named_parameters()`` and ``masks()``, with a leading dimension over networks.
    tokens : int64 Tensor, shape (batch, steps)
    positions : int64 Tensor, shape (batch,), optional
        Step at which each sequence is read; the last where not given.

    Returns
    -------
    Tensor, shape (networks, batch, classes)
    """
    tokens = tokens.T  # (steps, batch)
    outputs: list[Tensor] = []
    for k, stage in enumerate(structure.stages):
        w_ih, w_hh = (weights[name] * masks[name] for name in (f"stages.{k}.weight_ih", f"stages.{k}.weight_hh"))
        recurrent = w_hh, weights[f"stages.{k}.bias_ih"], weights[f"stages.{k}.bias_hh"]
        if stage.reads == (EMBEDDING,):
            hidden = recur_tokens(structure.variant, tokens, weights["embedding.weight"], w_ih, *recurrent)
        else:
            sources = [outputs[source] for source in stage.reads]
            x = sources[0] if len(sources) == 1 else torch.cat(sources, -1)
            hidden = recur(structure.variant, x, w_ih, *recurrent)
        outputs.append(hidden if stage.cells == 1 else hidden.unflatten(-1, (stage.cells, stage.nodes)).sum(-2))
    if positions is None:
        read = outputs[-1][:, -1]
    else:
        read = outputs[-1][:, positions, torch.arange(len(positions), device=positions.device)]
    return torch.baddbmm(weights["readout.bias"][:, None], read, weights["readout.weight"].transpose(1, 2))


def stacked(
    variant: str,
    hidden_size: int = 50,
    layers: int = 3,
    embedding_size: int = 50,
    *,
    vocabulary: int = 128,
    classes: int = 2,
    seed: int = 0,
) -> Classifier:
    """The base network of the pruning study: fully connected recurrent layers, one on the other.

    With its full masks it computes what ``torch.nn.RNN``, ``GRU`` and ``LSTM`` compute, and starts from their
    distribution, U(-1/√hidden, 1/√hidden).
    """
    _check(variant)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        stages = [
            Stage(variant, [k - 1], hidden_size, np.ones((GATES[variant] * hidden_size, width), dtype=bool))
            for k, width in enumerate([embedding_size] + [hidden_size] * (layers - 1))
        ]
        return Classifier(variant, stages, embedding_size, vocabulary, classes)


def layered(
    variant: str,
    graph: nx.Graph,
    *,
    gate_masks: str = "blocks",
    vocabulary: int = 128,
    classes: int = 2,
    seed: int = 0,
) -> Classifier:
    """A network whose layers and input-to-hidden weights follow a graph (arXiv 2407.20601).

    Every layer of the oriented graph is one stage; it has a cell for the layer before and a cell for each earlier
    layer with an edge into it, and its output is the sum of their hidden sequences.

    Parameters
    ----------
    variant : {"rnn_tanh", "rnn_relu", "gru", "lstm"}
    graph : networkx.Graph
        Nodes 0, 1, …; each edge is oriented from the smaller to the larger.
    gate_masks : {"blocks", "rows"}
        "blocks": every gate gets exactly the graph's edges. "rows": the layout of the published networks, where row i
        of a node mask became rows i·g … i·g+g-1 of the stacked gates, so that gates and edges do not match.

    Raises
    ------
    UnknownName
        For an unknown variant or mask layout.
    """
    _check(variant)
    if gate_masks not in GATE_MASKS:
        raise UnknownName(unknown("gate_masks", gate_masks, GATE_MASKS))
    layers = graphs.layers(graphs.orient(graph))
    gates = GATES[variant]
    spread = {"blocks": lambda m: np.tile(m, (gates, 1)), "rows": lambda m: np.repeat(m, gates, axis=0)}[gate_masks]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        width = len(layers[0])
        stages = [Stage(variant, [EMBEDDING], width, np.ones((gates * width, width), dtype=bool))]
        for k in range(1, len(layers)):
            edges = {source: _edges(graph, layers[source], layers[k]) for source in range(k)}
            reads = [k - 1] + [source for source in range(k - 1) if edges[source].any()]
            mask = side_by_side([spread(edges[source]) for source in reads], gates)
            stages.append(Stage(variant, reads, len(layers[k]), mask, cells=len(reads)))
        return Classifier(variant, stages, width, vocabulary, classes)


def _edges(graph: nx.Graph, sources: Sequence[int], targets: Sequence[int]) -> np.ndarray:
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
