"""The recurrent core of a network: from what it reads to the states that its readout sees.

One compiled call on a CPU in float32 (`networks.kernels`), elsewhere layer by layer through torch; both give the same.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.autograd import Function

from sparsekit.networks import kernels, prefixes
from sparsekit.networks.recurrence import first_order, is_recorded, recur, recur_tokens
from sparsekit.variants import GATES, VARIANTS

EMBEDDING = -1
"""What a stage names in `reads` to read the embedding (or the features) rather than an earlier stage."""


PARAMETERS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
"""Of a stage, in torch's order."""


@dataclass(frozen=True)
class Layout:
    """A network's structure, and where its weights lie among all of them."""

    variant: str
    width: int  # numbers that the first stages read at each step: the embedding's, or features
    tokens: bool  # whether it reads tokens, not features
    stages: tuple[tuple[tuple[int, ...], int], ...]  # (reads, nodes): a cell for each stage read, whose states add up
    shapes: dict[str, tuple[int, ...]]  # of all parameters, by name, in the order in which they lie side by side
    readout_width: int  # nodes that the readout sees: those of the last stage, or of all

    @cached_property
    def sizes(self) -> list[int]:
        """Numbers of each parameter, and of what fills them up."""
        sizes = [math.prod(shape) for shape in self.shapes.values()]
        # Of a vector that ends within a register, the last numbers are rounded differently.
        return [*sizes, -sum(sizes) % 64]

    @cached_property
    def starts(self) -> dict[str, int]:
        """Where each parameter begins."""
        return dict(zip(self.shapes, np.cumsum([0, *self.sizes]).tolist(), strict=False))

    def flat(self, parameters: Iterable[Tensor]) -> Tensor:
        """All parameters of a network, in order, side by side."""
        pieces = [parameter.flatten() for parameter in parameters]
        return torch.cat([*pieces, pieces[-1].new_zeros(self.sizes[-1])])

    def named(self, flat: Tensor) -> dict[str, Tensor]:
        """Views of flat weights (networks, weights) by name, each (networks, …)."""
        pieces = flat.split(self.sizes, 1)
        return {name: piece.unflatten(1, self.shapes[name]) for name, piece in zip(self.shapes, pieces, strict=False)}

    @cached_property
    def cells(self) -> np.ndarray:
        """All cells, for the compiled core: an array of `kernels.CELL`."""
        first_row, row = {EMBEDDING: kernels.GIVEN}, 0
        for k, (_, nodes) in enumerate(self.stages):
            first_row[k], row = row, row + nodes
        found = []
        for k, (reads, nodes) in enumerate(self.stages):
            w_ih, w_hh, b_ih, b_hh = (self.starts[f"stages.{k}.{name}"] for name in PARAMETERS)
            widths = [self.width if source == EMBEDDING else self.stages[source][1] for source in reads]
            for c, (source, inputs) in enumerate(zip(reads, widths, strict=True)):
                first, apart = c * nodes, len(reads) * nodes
                parts = (w_ih, sum(widths), sum(widths[:c]), inputs), (w_hh, apart, first, nodes)
                parts += (b_ih, 1, 0, 1), (b_hh, 1, 0, 1)
                found.append((nodes, inputs, first_row[source], first_row[k], first, apart, parts))
        return np.array(found, kernels.CELL)


def check(layout: Layout, flat: Tensor, inputs: Tensor, positions: Tensor | None) -> None:
    """Whether sequences fit a network; the compiled core reads memory, and would not notice."""
    dtype, axes = (torch.int64, ["batch", "steps"]) if layout.tokens else (flat.dtype, ["batch", "steps", layout.width])
    wanted = f"{'tokens' if layout.tokens else 'features'} of {dtype} and shape ({', '.join(map(str, axes))})"
    for name, given, needs, fits in (
        ("inputs", inputs, wanted, lambda t: t.dim() == len(axes) and (layout.tokens or t.shape[2] == layout.width)),
        ("positions", positions, "torch.int64 of shape (batch,)", lambda t: t.shape == inputs.shape[:1]),
    ):
        if given is None:
            continue
        if not isinstance(given, Tensor):
            raise ValueError(f"{name} are a {type(given).__name__}: give {needs} as a tensor")
        if given.dtype != (dtype if name == "inputs" else torch.int64) or not fits(given):
            raise ValueError(f"{name} are {given.dtype} of shape {tuple(given.shape)}: give {needs}")
        if given.device != flat.device:
            raise ValueError(f"{name} are on {given.device}, the network on {flat.device}")
    if not inputs.shape[1]:
        raise ValueError("inputs have no steps: give sequences of at least one")
    if torch.jit.is_tracing() or torch.compiler.is_compiling() or not len(inputs):
        return  # values are not known while a graph is recorded
    limits = {"tokens": (inputs, layout.shapes["embedding.weight"][0])} if layout.tokens else {}
    if positions is not None:
        limits["positions"] = positions, inputs.shape[1]
    for name, (given, limit) in limits.items():
        least, most = (int(value) for value in given.aminmax())
        if least < 0 or most >= limit:
            wrong = least if least < 0 else most
            raise IndexError(f"{name} hold {wrong}: allowed are 0 to {limit - 1}")


def read(layout: Layout, flat: Tensor, mask: Tensor, inputs: Tensor, positions: Tensor) -> Tensor:
    """What the readouts of many networks of one structure see: (networks, batch, layout.readout_width).

    Arguments are as of :func:`sparsekit.networks.classifier.population_logits`.
    """
    to_inputs = inputs.requires_grad and torch.is_grad_enabled()  # a gradient that the compiled core has not
    if flat.device.type == "cpu" and flat.dtype == torch.float32 and not to_inputs and not is_recorded(flat):
        # Within a function of its own, torch would say that a gradient is needed even where it is switched off.
        flat = flat if torch.is_grad_enabled() else flat.detach()
        return _Compiled.apply(flat, mask, layout, inputs, positions)
    return _by_layers(layout, flat * mask, inputs, positions)


def _by_layers(layout: Layout, flat: Tensor, inputs: Tensor, positions: Tensor) -> Tensor:
    weights = layout.named(flat)
    inputs = inputs.transpose(0, 1)  # (steps, batch, …)
    outputs: list[Tensor] = []
    for k, (reads, nodes) in enumerate(layout.stages):
        own = [weights[f"stages.{k}.{name}"] for name in PARAMETERS]
        if reads == (EMBEDDING,) and layout.tokens:
            hidden = recur_tokens(layout.variant, inputs, weights["embedding.weight"], *own)
        else:
            features = inputs.expand(len(flat), *inputs.shape) if EMBEDDING in reads else None
            x = [features if source == EMBEDDING else outputs[source] for source in reads]
            hidden = recur(layout.variant, x[0] if len(x) == 1 else torch.cat(x, -1), *own)
        outputs.append(hidden if len(reads) == 1 else hidden.unflatten(-1, (len(reads), nodes)).sum(-2))
    seen = [out[:, positions, torch.arange(len(positions), device=positions.device)] for out in outputs]
    return seen[-1] if layout.readout_width == layout.stages[-1][1] else torch.cat(seen, -1)


class _Compiled(Function):
    @staticmethod
    def forward(ctx, flat, mask, layout, inputs, positions):
        variant, gates, cells = list(VARIANTS).index(layout.variant), len(GATES[layout.variant]), layout.cells
        weights, masks = flat.detach().numpy(), mask.numpy()
        needs_grad = ctx.needs_input_grad[0]
        # Sharing does not pay in training: its batches are small and in no order, and have little in common.
        batch = _batch(layout, inputs, positions.numpy(), prefixes.apart if needs_grad else prefixes.share)
        start = layout.starts["embedding.weight"] if layout.tokens else 0
        count, steps = inputs.shape[:2]
        slots = steps if needs_grad else min(steps, 2)
        values = kernels.KEPT[variant] * int(cells["nodes"].sum())
        buffer = np.empty((len(weights), steps, sum(nodes for _, nodes in layout.stages) * count), np.float32)
        kept = np.empty((len(weights), slots * values * count), np.float32)
        seen = np.empty((len(weights), layout.readout_width, count), np.float32)
        kernels.forward(variant, gates, weights, masks, cells, start, batch, buffer, kept, seen)
        if needs_grad:
            ctx.save_for_backward(flat, mask)
            ctx.rest = variant, gates, cells, start, batch, buffer, kept
        return torch.from_numpy(seen).transpose(1, 2)

    @staticmethod
    @first_order
    def backward(ctx, gradient):
        weights, masks = (tensor.numpy() for tensor in ctx.saved_tensors)
        variant, gates, *rest = ctx.rest
        d_flat = np.zeros_like(weights)
        d_seen = gradient.transpose(1, 2).contiguous().numpy()
        kernels.backward(variant, gates, weights, masks, *rest, d_seen, d_flat)
        return torch.from_numpy(d_flat), None, None, None, None


def _batch(layout: Layout, inputs: Tensor, positions: np.ndarray, arrange: Callable) -> prefixes.Batch:
    """Sequences for the compiled core; those of features, which are hardly ever equal, each by itself."""
    if layout.tokens:
        tokens = inputs.T.contiguous().numpy()
        return arrange(tokens, np.flatnonzero(np.bincount(tokens.ravel())), positions)
    count, steps, _ = inputs.shape
    own, given = np.arange(count), inputs.permute(1, 2, 0).reshape(steps, -1).numpy()
    return prefixes.Batch(np.empty(0, np.int64), given, np.full(steps, count), own, own, positions)
