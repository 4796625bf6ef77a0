"""Unit scores: how much each hidden unit of a network matters. A new one is one function and one registration.

Torch is loaded when a score is computed, not where its name is looked up.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from sparsekit.pruning.scores import CHUNK, Evidence, states
from sparsekit.registry import Own, Registry, described
from sparsekit.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sparsekit.pruning.structured import Units

UNIT_SCORES = Registry("unit score")
"""Functions ``(network, units, evidence) -> {layer: scores}``; the units with the lowest scores go.

`units` are those of `pruning.structured.units`.
"""


def unit_scored(score: str, network: nn.Module, units: Mapping[str, Units], evidence: Evidence) -> dict[str, Tensor]:
    """The scores of these units, a number each.

    Raises
    ------
    OwnError
        Where a user's own score gives something else.
    """
    import torch

    own, made = UNIT_SCORES[score], UNIT_SCORES[score](network, units, evidence)
    if isinstance(own, Own):
        if not isinstance(made, Mapping):
            raise own.error(f"gave {described(made)}; give {{layer: scores}}, a tensor for each of the layers")
        for name, layer in units.items():
            given = tuple(made[name].shape) if isinstance(made.get(name), torch.Tensor) else described(made.get(name))
            if given != (len(layer),):
                raise own.error(f"gave {given} for {name}; give a tensor of {len(layer)} scores")
    return {name: made[name].detach().double().cpu().clone() for name in units}


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
    import torch

    streams = {name: np.random.default_rng(derive("random unit", evidence.seed, name)) for name in units}
    return {name: torch.from_numpy(stream.random(len(units[name]))) for name, stream in streams.items()}


def _moments(network: nn.Module, units: Mapping[str, Units], evidence: Evidence) -> dict[str, tuple]:
    """By layer: states counted, and the sums over them of |h|, h and h², a number each unit; cells of a node add up."""
    import torch

    from sparsekit.networks.classifier import Classifier

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
