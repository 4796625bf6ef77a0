"""Structured pruning: which whole hidden units of a network to remove, with all their gates, in and out.

A removed unit reads nothing and has no biases, so its state is exactly 0 at every step, in every cell: it can be cut
out (`pruning.shrink`), and nothing changes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sparsekit.networks.classifier import Classifier
from sparsekit.networks.core import EMBEDDING
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.matrices import hidden
from sparsekit.pruning.schedules import check_sparsity
from sparsekit.pruning.scores import Evidence
from sparsekit.pruning.unit_scores import unit_scored
from sparsekit.registry import check_name
from sparsekit.variants import GATES

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
    scores = unit_scored(score, model, found, evidence or Evidence())
    if any(not torch.isfinite(own).all() for own in scores.values()):
        raise ValueError(f"{score} gives scores that are not finite: does the network hold NaN weights?")
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
