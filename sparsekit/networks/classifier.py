"""A sequence classifier with sparse recurrent structure: an embedding, a list of stages, a linear readout.

`sparsekit.networks.build` makes classifiers from sizes and graphs.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sparsekit.networks.core import EMBEDDING, PARAMETERS, Layout, check, read
from sparsekit.variants import GATES


class Stage(nn.Module):
    """One recurrent layer: it reads earlier stages, a cell each, and its output is the sum of the cells' states.

    Parameters
    ----------
    variant : {"rnn_tanh", "rnn_relu", "gru", "lstm"}
    reads : sequence of int
        Earlier stages whose outputs, side by side, are the input; `EMBEDDING` for the embedding. A cell each, with a
        hidden state of `nodes` units; weights between cells do not exist.
    nodes : int
        Width of the output.
    mask_ih : bool array, shape (gates * cells * nodes, inputs), or int
        Rows in torch's order: gate, then cell, then node. As a number: of inputs, all of which every unit sees.
    mask_hh : bool array, shape (gates * cells * nodes, cells * nodes), optional
        By default every unit of a cell sees every unit of it.
    """

    def __init__(
        self,
        variant: str,
        reads: Sequence[int],
        nodes: int,
        mask_ih: np.ndarray | int,
        mask_hh: np.ndarray | None = None,
    ):
        super().__init__()
        self.reads, self.nodes, self.cells = tuple(reads), nodes, len(reads)
        gates, hidden = len(GATES[variant]), self.cells * nodes
        if isinstance(mask_ih, int):
            mask_ih = np.ones((gates * hidden, mask_ih), dtype=bool)
        if mask_hh is None:
            mask_hh = np.tile(np.kron(np.eye(self.cells), np.ones((nodes, nodes))), (gates, 1))
        self.register_buffer("mask_ih", torch.as_tensor(mask_ih, dtype=torch.bool))
        self.register_buffer("mask_hh", torch.as_tensor(mask_hh, dtype=torch.bool))
        bound = nodes**-0.5  # of each cell's own hidden size, not of all cells together
        for name, width in zip(PARAMETERS, ((mask_ih.shape[1],), (hidden,), (), ()), strict=True):
            self.register_parameter(name, nn.Parameter(torch.empty(gates * hidden, *width).uniform_(-bound, bound)))
        with torch.no_grad():
            self.weight_ih.mul_(self.mask_ih)
            self.weight_hh.mul_(self.mask_hh)


class Classifier(nn.Module):
    """Embedding, recurrent stages, and a linear readout at one step of each sequence.

    With `features` it reads so many numbers at each step instead of a token, and has no embedding. With `reads_all` the
    readout sees the nodes of all stages, not of the last alone.
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

    @property
    def layout(self) -> Layout:
        """Its structure, and the order of its weights, as its parts are now; ValueError of parts it cannot follow."""
        self._check_parts()
        now = Layout(
            self.variant,
            self.features or self.embedding.embedding_dim,
            not self.features,
            tuple((stage.reads, stage.nodes) for stage in self.stages),
            {name: tuple(parameter.shape) for name, parameter in self.named_parameters()},
            self.readout.in_features,
        )
        if self.__dict__.get("_layout") != now:  # an equal one is kept, for what it has worked out
            self._layout = now
        return self._layout

    def _check_parts(self) -> None:
        """The weights are computed with, the parts are never called: what they do beside would be lost in silence."""
        if getattr(self, "_is_replica", False):
            raise ValueError("a Classifier does not run in nn.DataParallel: take DistributedDataParallel")
        parts = {"readout": (self.readout, nn.Linear), **{f"stages.{k}": (s, Stage) for k, s in enumerate(self.stages)}}
        if not self.features:
            parts["embedding"] = (self.embedding, nn.Embedding)
        for name, (part, kind) in parts.items():
            if type(part) is not kind:
                raise ValueError(
                    f"{name} is a {type(part).__module__}.{type(part).__name__}: "
                    f"a Classifier computes with a plain {kind.__module__}.{kind.__name__}"
                )
            options = [o for o in ("padding_idx", "max_norm", "scale_grad_by_freq", "sparse") if getattr(part, o, None)]
            if getattr(part, "padding_idx", None) is not None or options:
                raise ValueError(f"{name} has {(options or ['padding_idx'])[0]}: a Classifier takes it without options")
            hooks = (part._forward_pre_hooks, part._forward_hooks, part._backward_pre_hooks, part._backward_hooks)
            if any(hooks):
                raise ValueError(f"{name} has hooks, which would never run: register them on the Classifier itself")
            needed = PARAMETERS if kind is Stage else ("weight",) if kind is nn.Embedding else ("weight", "bias")
            if lost := [own for own in needed if part._parameters.get(own) is None]:
                raise ValueError(
                    f"{name}.{lost[0]} is no parameter: a Classifier computes with its parts' own parameters"
                )
        seen = sum(s.nodes for s in self.stages) if self.reads_all else self.stages[-1].nodes
        if self.readout.weight.shape[1] != seen:
            raise ValueError(f"readout reads {self.readout.weight.shape[1]} numbers: the stages give {seen}")
        for k, stage in enumerate(self.stages):
            given = self.features or self.embedding.weight.shape[1]
            reads = sum(given if source == EMBEDDING else self.stages[source].nodes for source in stage.reads)
            if stage.weight_ih.shape[1] != reads:
                raise ValueError(f"stages.{k} reads {stage.weight_ih.shape[1]} numbers: it is given {reads}")

    def forward(self, inputs: Tensor, positions: Tensor | None = None) -> Tensor:
        """Logits, shape (batch, classes), of int64 tokens (batch, steps) or of features (batch, steps, features).

        `positions`, int64 of shape (batch,), says at which step each sequence is read; without it, the last.
        """
        flat = self.layout.flat(self.parameters())
        return population_logits(self.layout, flat[None], self.flat_mask()[None], inputs, positions)[0]

    def __prepare_scriptable__(self) -> None:
        """What torch.jit.script asks of a module first."""
        raise RuntimeError("a Classifier has no script: take torch.export, or networks.export.export for plain torch")

    def masks(self) -> dict[str, Tensor]:
        """The mask of each recurrent weight matrix, by the weight's name in `named_parameters`."""
        found = ((k, kind, stage) for k, stage in enumerate(self.stages) for kind in ("ih", "hh"))
        return {f"stages.{k}.weight_{kind}": getattr(stage, f"mask_{kind}") for k, kind, stage in found}

    def flat_mask(self) -> Tensor:
        """Which of all parameters, side by side, exist: bool, shape (weights,)."""
        masks = self.masks()
        return self.layout.flat(masks.get(n, torch.ones_like(p, dtype=torch.bool)) for n, p in self.named_parameters())

    def compiled(self, form: str = "auto"):
        """For inference on a CPU, from weights without their zeros: a `networks.sparse.Compiled`, called as this is."""
        from sparsekit.networks.sparse import Compiled  # not above: it is made of classifiers

        return Compiled(self, form)

    def size(self) -> int:
        """Weights and biases that exist: all parameters, less those that a mask removes."""
        return int(self.flat_mask().sum())


def population_logits(
    layout: Layout, flat: Tensor, mask: Tensor, inputs: Tensor, positions: Tensor | None = None
) -> Tensor:
    """Logits, shape (networks, batch, classes), of many networks of one structure on the same sequences.

    Parameters
    ----------
    layout : Layout
    flat, mask : Tensor, shape (networks, weights)
        All parameters of each network side by side, and which of them exist.
    inputs : int64 Tensor, shape (batch, steps), or float Tensor, shape (batch, steps, features)
    positions : int64 Tensor, shape (batch,), optional
        Step at which each sequence is read; the last where not given.

    ValueError of another type or shape, IndexError of a token or position that does not exist.
    """
    check(layout, flat, inputs, positions)
    if positions is None:
        positions = torch.full((len(inputs),), inputs.shape[1] - 1, device=inputs.device)
    (classes,), start = layout.shapes["readout.bias"], layout.starts["readout.weight"]
    weight, bias = flat[:, start : start + classes * (layout.readout_width + 1)].tensor_split([-classes], 1)
    if not len(inputs):
        return bias[:, None].expand(-1, 0, -1)
    seen = read(layout, flat, mask, inputs, positions)
    # Not as a product of matrices: those of one network and of many would be rounded differently.
    return (seen[:, :, None] * weight.view(len(flat), 1, classes, -1)).sum(-1) + bias[:, None]
