"""Structured pruning: which whole hidden units of a network to remove, with all their gates, in and out.

A removed unit reads nothing and has no biases, so its state is exactly 0 at every step, in every cell: it can be cut
out (`pruning.shrink`), and nothing changes. A new score is one function and one registration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from sparsekit.networks.classifier import Classifier
from sparsekit.networks.core import EMBEDDING
from sparsekit.pruning.masks import Mask, hidden
from sparsekit.pruning.schedules import check_sparsity
from sparsekit.pruning.scores import CHUNK, Evidence, states
from sparsekit.registry import Registry, check_name
from sparsekit.seeds import derive
from sparsekit.variants import GATES

UNIT_SCORES = Registry("unit score")
"""Functions ``(network, units, evidence) -> {layer: scores}``; the units with the lowest scores go."""

UNIT_SCOPES = ("layer", "global")
"""Within what units compete: those of a layer, each direction by itself, or all."""


@dataclass(frozen=True)
class Units:
    """The hidden units of a layer: views of their weights, masks and biases, the first axis counting units."""

    into: list[Tensor]  # weights and biases that lead into a unit
    out: list[Tensor]  # weights that lead out of it, as far as they are known
    exists: list[Tensor]  # masks of a Classifier's weights, of both kinds

    def __len__(self) -> int:
        return len(self.into[0])

    @property
    def silent(self) -> Tensor:
        """Whether a unit's state is 0 whatever comes: nothing leads into it, not even a bias."""
        return _all_zero(self.into)

    @property
    def unread(self) -> Tensor:
        """Whether nothing leads out of a unit, as far as that is known."""
        return _all_zero(self.out)


def _all_zero(parts: list[Tensor]) -> Tensor:
    return torch.stack([(part.flatten(1) == 0).all(1) for part in parts]).all(0)


def units(model: nn.Module) -> dict[str, Units]:
    """The hidden units of every recurrent layer, by its name: "stages.0", "lstm.l0", "lstm.l0_reverse", ….

    Raises
    ------
    ValueError
        Where there is no recurrent layer whose weights are parameters, or only cells, whose loop is the user's own.
    """
    if lost := hidden(model):
        raise ValueError(
            f"cannot see units of {', '.join(lost)}: take the norm, parametrization or torch's pruning off"
        )
    found: dict[str, Units] = {}
    for path, module in model.named_modules():
        own = (
            _stages(module)
            if isinstance(module, Classifier)
            else _layers(module)
            if isinstance(module, nn.RNNBase)
            else {}
        )
        found |= {f"{path}.{name}".lstrip("."): layer for name, layer in own.items()}
    if not found:
        raise ValueError(
            f"{type(model).__name__} has no nn.RNN, nn.GRU or nn.LSTM inside: there are no units to remove"
        )
    return found


def _stages(network: Classifier) -> dict[str, Units]:
    gates, found = len(GATES[network.variant]), {}
    for k, stage in enumerate(network.stages):

        def rows(tensor: Tensor, stage=stage) -> Tensor:
            return tensor.data.unflatten(0, (gates, stage.cells, stage.nodes)).movedim(2, 0)

        def columns(tensor: Tensor, stage=stage) -> Tensor:
            return tensor.data.unflatten(1, (stage.cells, stage.nodes)).movedim(2, 0)

        weights, masks = (stage.weight_ih, stage.weight_hh), (stage.mask_ih, stage.mask_hh)
        into = [rows(t) for t in (*weights, stage.bias_ih, stage.bias_hh)]
        found[f"stages.{k}"] = Units(into, [columns(stage.weight_hh)], [*map(rows, masks), columns(stage.mask_hh)])
    for later in network.stages:
        first = 0
        for source in later.reads:
            if source == EMBEDDING:
                first += network.layout.width
                continue
            read, last = found[f"stages.{source}"], first + network.stages[source].nodes
            read.out.append(later.weight_ih.data[:, first:last].T)
            read.exists.append(later.mask_ih[:, first:last].T)
            first = last
    first = 0
    for k, stage in enumerate(network.stages):
        if network.reads_all or k == len(network.stages) - 1:
            found[f"stages.{k}"].out.append(network.readout.weight.data[:, first : first + stage.nodes].T)
            first += stage.nodes
    return found


def _layers(module: nn.RNNBase) -> dict[str, Units]:
    """Of an LSTM with projections the units are those before them."""
    size, directions, found = module.hidden_size, 2 if module.bidirectional else 1, {}
    for layer in range(module.num_layers):
        for direction in range(directions):
            end = f"l{layer}{'_reverse' * direction}"
            own = {n[: -len(end) - 1]: p.data for n, p in module.named_parameters() if n.endswith(f"_{end}")}
            into = [own[n].unflatten(0, (-1, size)).movedim(1, 0) for n in own if n != "weight_hr"]
            out = [own["weight_hr"].T] if module.proj_size else [own["weight_hh"].T]
            if not module.proj_size and layer + 1 < module.num_layers:
                first = direction * size
                for other in range(directions):
                    above = module.get_parameter(f"weight_ih_l{layer + 1}{'_reverse' * other}")
                    out.append(above.data[:, first : first + size].T)
            found[end] = Units(into, out, [])
    return found


@UNIT_SCORES.register
def norm(network: nn.Module, units: Mapping[str, Units], evidence: Evidence) -> dict[str, Tensor]:
    """Euclidean norm of a unit's biases and all weights into and out of it.

    The weights are the group of Wen and others, *Learning intrinsic sparse structures within long short-term memory*,
    2018.
    """
    squares = {name: [part.flatten(1).square().sum(1) for part in own.into + own.out] for name, own in units.items()}
    return {name: sum(parts).sqrt() for name, parts in squares.items()}


@UNIT_SCORES.register
def activity(network: nn.Module, units: Mapping[str, Units], evidence: Evidence) -> dict[str, Tensor]:
    """Mean absolute state over sequences and steps up to the one that is read."""
    return {name: sums / count for name, (count, sums, _, _) in _moments(network, units, evidence).items()}


@UNIT_SCORES.register
def variance(network: nn.Module, units: Mapping[str, Units], evidence: Evidence) -> dict[str, Tensor]:
    """Variance of the state over sequences and steps: of a unit that is constant whatever comes it is 0."""
    found = _moments(network, units, evidence)
    return {name: squares / count - (total / count) ** 2 for name, (count, _, total, squares) in found.items()}


@UNIT_SCORES.register
def random(network: nn.Module, units: Mapping[str, Units], evidence: Evidence) -> dict[str, Tensor]:
    """Uniform random numbers, from the seed and the layer's name: the control."""
    streams = {name: np.random.default_rng(derive("random unit", evidence.seed, name)) for name in units}
    return {name: torch.from_numpy(stream.random(len(units[name]))) for name, stream in streams.items()}


def _moments(network: nn.Module, units: Mapping[str, Units], evidence: Evidence) -> dict[str, tuple]:
    """By layer: states counted, and the sums over them of |h|, h and h², a number each unit; cells of a node add up."""
    if not isinstance(network, Classifier):
        raise ValueError(f"this score needs hidden states, which a Classifier shows and {type(network).__name__} not")
    if evidence.inputs is None:
        raise ValueError("this score needs data: give Evidence(inputs)")
    count, sums = (
        0,
        {name: [torch.zeros(len(own), dtype=torch.float64) for _ in range(3)] for name, own in units.items()},
    )
    for start in range(0, len(evidence.inputs), CHUNK):
        rows = slice(start, start + CHUNK)
        for k, (x, h) in enumerate(states(network, evidence.inputs[rows])):
            steps = torch.arange(len(x), device=x.device)[:, None]
            last = steps[-1] if evidence.positions is None else evidence.positions[rows]
            stage = network.stages[k]
            seen = h[(steps <= last).expand(x.shape[:2])].double().unflatten(-1, (stage.cells, stage.nodes))
            for total, of_state in zip(sums[f"stages.{k}"], (seen.abs(), seen, seen.square()), strict=True):
                total += of_state.sum((0, 1)).cpu()
        count += len(seen)
    return {name: (count, *totals) for name, totals in sums.items()}


def remove(
    model: nn.Module, sparsity: float, score: str = "norm", scope: str = "layer", evidence: Evidence | None = None
) -> dict[str, Tensor]:
    """Remove hidden units in place: what leads into and out of them, and their biases, become 0.

    Parameters
    ----------
    model : Classifier or other torch.nn.Module with nn.RNN, nn.GRU or nn.LSTM inside
    sparsity : float
        Share of the units to remove, rounded to whole units in each group of the scope; each layer keeps one.
    score : str
        A name in `UNIT_SCORES`.
    scope : {"layer", "global"}
    evidence : Evidence, optional
        Data and seed, for scores that ask for them.

    Returns
    -------
    dict
        By layer, which units are removed now: bool, (units,).

    Raises
    ------
    ValueError
        Of a sparsity outside [0, 1], of a model without recurrent layers, where a score lacks its evidence or is not a
        number; as UnknownName of a score or scope that does not exist.
    """
    check_sparsity(sparsity)
    check_name("scope", scope, UNIT_SCOPES)
    Mask.of(model).apply(model)
    found = units(model)
    scores = UNIT_SCORES[score](model, found, evidence or Evidence())
    if any(not torch.isfinite(own).all() for own in scores.values()):
        raise ValueError(f"{score} gives scores that are not finite: does the network hold NaN weights?")
    scores = {name: scores[name].double().cpu().clone() for name in found}
    for own in scores.values():
        own[own.argmax()] = torch.inf  # a layer without units would be none
    gone = {}
    for group in [[name] for name in found] if scope == "layer" else [list(found)]:
        pooled = torch.cat([scores[name] for name in group])
        goes = torch.zeros(len(pooled), dtype=torch.bool)
        goes[pooled.argsort(stable=True)[: round(sparsity * len(pooled))]] = True
        parts = (goes & pooled.isfinite()).split([len(scores[name]) for name in group])
        gone |= dict(zip(group, parts, strict=True))
    for name, own in found.items():
        for part in (*own.into, *own.out, *own.exists):
            part[gone[name].to(part.device)] = 0
    return gone
