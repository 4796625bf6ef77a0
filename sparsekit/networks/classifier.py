"""A sequence classifier with sparse recurrent structure: an embedding, a list of stages, a linear readout.

A `Stage` is one recurrent layer over all its cells, with a mask on each of its two weight matrices; it reads earlier
stages, a cell each, and sums the cells' states. `sparsekit.networks.build` makes classifiers from sizes and graphs.
"""

from collections.abc import Sequence
from functools import cached_property

import numpy as np
import torch
from torch import Tensor, nn

from sparsekit.networks.core import Layout, read
from sparsekit.variants import GATES


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
        gates, hidden = len(GATES[variant]), cells * nodes
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
