"""Pruning: which recurrent weights of a network to remove.

In each group of a scope (`SCOPES`) the weights go that have the lowest scores (`SCORES`).
"""

import math
import sys
import warnings
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from sparsekit.pruning.masks import Mask
from sparsekit.pruning.matrices import WEIGHT, hidden, matrices
from sparsekit.pruning.schedules import check_sparsity
from sparsekit.pruning.scores import Evidence, scored
from sparsekit.registry import check_name
from sparsekit.variants import SCOPES, TARGETS

UNMASKED = 0.01  # a share of zeros without a mask that no initialisation or training leaves

Group = list[tuple[Tensor, Tensor]]
"""Weights that are ranked together: scores of a block of rows, and which of its weights exist (a view of the mask)."""


def prune(
    network: nn.Module,
    sparsity: float,
    target: str = "both",
    score: str = "magnitude",
    scope: str = "global",
    evidence: Evidence | None = None,
) -> tuple[Mask, float]:
    """The mask that removes the lowest-scored share of a network's recurrent weights; the network stays as it is.

    The rule of arXiv 2407.20601: one threshold for all recurrent layers, the given quantile (linear interpolation)
    of the scores over the targeted matrices, biases left out; weights whose score is below it go. So at sparsity 1
    the one weight with the largest score survives. Another scope than "global" applies this rule to each of its
    groups. Returns the mask of all recurrent matrices, targeted or not, and the threshold, the groups' mean.

    Parameters
    ----------
    network : Classifier or other torch.nn.Module with recurrent layers
    sparsity : float
        Share of the targeted weights that exist to remove, in [0, 1].
    target : {"both", "i2h", "h2h"}
    score : str
        A name in `SCORES`.
    scope : {"global", "layer", "matrix", "gate", "row"}
        Within what weights compete; a row is what leads into one unit of one gate.
    evidence : Evidence, optional
        Data and seed, for scores that ask for them.

    Raises
    ------
    ValueError
        Where sparsity is not in [0, 1], a score is not a number or lacks its evidence, or there is no recurrent layer;
        as UnknownName for a target, score or scope that does not exist.
    """
    mask, groups = _ranked(network, sparsity, target, score, scope, evidence)
    thresholds = []
    for group in groups:
        if len(pooled := _pooled(group)):
            thresholds.append(float(np.quantile(pooled.astype(float), sparsity)))
            for scores, exists in group:
                exists &= scores.double() >= thresholds[-1]
    return mask, float(np.mean(thresholds)) if thresholds else math.nan


def apply(
    model: nn.Module,
    sparsity: float,
    target: str = "both",
    score: str = "magnitude",
    scope: str = "global",
    evidence: Evidence | None = None,
) -> Mask:
    """Prune a model in place, to this sparsity: the lowest-scored weights become 0.

    Removes a number of weights, not what lies below a threshold, so that the sparsity is reached even where scores
    tie, and at 1 nothing survives. Arguments and errors are as of `prune`, but `sparsity` is the share of the targeted
    matrices' entries that are gone afterwards, rounded to whole weights in each group of the scope. Weights count that
    the model's mask, if it keeps one, removed before; so a schedule's values can be given one after the other. None
    comes back.

    Returns the mask of the targeted matrices: ``mask.sparsity`` is what was reached, ``mask.keep(model)`` keeps it in
    training. Warns of each matrix that has no weight left.
    """
    mask, groups = _ranked(model, sparsity, target, score, scope, evidence)
    for group in groups:
        pooled, entries = _pooled(group), sum(exists.numel() for _, exists in group)
        gone = entries - len(pooled)
        stays = np.ones(len(pooled), dtype=bool)
        if (more := round(sparsity * entries) - gone) > 0:
            least = np.partition(pooled, more - 1)[more - 1]
            stays[pooled < least] = False
            ties = np.flatnonzero(pooled == least)
            stays[ties[: more - int((pooled < least).sum())]] = False
        parts = torch.from_numpy(stays).split([int(exists.sum()) for _, exists in group])
        for (_, exists), part in zip(group, parts, strict=True):
            exists[exists.clone()] = part.to(exists.device)
    mask = Mask({name: mask[name] for name in targeted(mask, target)})
    mask.apply(model)
    for name, exists in mask.items():
        if not exists.any():
            _warn(f"all weights of {name} are gone")
    return mask


def magnitude(model: nn.Module, sparsity: float, target: str = "both", scope: str = "global") -> Mask:
    """`apply` by absolute value.

    >>> model = nn.Sequential(nn.LSTM(8, 16, num_layers=2, bidirectional=True))
    >>> mask = magnitude(model, sparsity=0.75, target="h2h")
    >>> mask.keep(model)  # and now train as ever: the zeros stay
    >>> mask.sparsity
    0.75
    """
    return apply(model, sparsity, target, "magnitude", scope)


def random(model: nn.Module, sparsity: float, target: str = "both", scope: str = "global", seed: int = 0) -> Mask:
    """`apply` by chance: the control at equal density, layer-matched with the scope that it is compared to."""
    return apply(model, sparsity, target, "random", scope, Evidence(seed=seed))


def targeted(mask: Mask, target: str) -> list[str]:
    """Names of the weight matrices that a target means."""
    check_name("target", target, TARGETS)
    return [name for name in mask if WEIGHT.search(name)[1] in TARGETS[target]]


def _ranked(
    model: nn.Module, sparsity: float, target: str, score: str, scope: str, evidence: Evidence | None
) -> tuple[Mask, list[Group]]:
    """The mask that a model has now, and its targeted weights in groups, scored."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"given a {type(model).__name__} to prune: give the torch.nn.Module itself")
    check_sparsity(sparsity)
    check_name("scope", scope, SCOPES)
    check_name("target", target, TARGETS)
    if unseen := [name for name in hidden(model) if WEIGHT.search(name)[1] in TARGETS[target]]:
        raise ValueError(f"cannot prune {', '.join(unseen)}: take the norm, parametrization or torch's own pruning off")
    mask, found = Mask.of(model), matrices(model)
    if not (names := targeted(mask, target)):
        needed = "it needs an nn.RNN, nn.GRU or nn.LSTM inside whose weights are parameters of its own"
        raise ValueError(f"no recurrent layer to prune in {type(model).__name__}: {needed}")
    zeros = sum(int(((found[name].weight == 0) & mask[name]).sum()) for name in names)
    if zeros > UNMASKED * sum(int(mask[name].sum()) for name in names):
        advice = "if these are pruned, Mask.nonzero(model).keep(model) first counts them as gone"
        _warn(f"{zeros:,} weights that no mask removes are exactly 0: {advice}")
    groups: dict[tuple, Group] = {}
    for name, scores in scored(score, model, names, evidence or Evidence()).items():
        if (mask[name] & ~torch.isfinite(scores)).any():
            raise ValueError(f"{score} gives scores that are not finite in {name}: does the network hold NaN weights?")
        layer, gates = WEIGHT.sub(r"\2", name), found[name].gates
        for gate, block in enumerate(zip(_comparable(scores).chunk(gates), mask[name].chunk(gates), strict=True)):
            rows = zip(*(part.split(1) for part in block), strict=True) if scope == "row" else [block]
            for row, part in enumerate(rows):
                groups.setdefault((layer, name, gate, row)[: SCOPES[scope]], []).append(part)
    return mask, list(groups.values())


def _warn(message: str) -> None:
    """At the line that called this file."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_code.co_filename == __file__:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, stacklevel=level)


def _comparable(scores: Tensor) -> Tensor:
    """As numpy can hold them, in the same order: half floats as single ones, whole numbers as double ones."""
    return scores.to(torch.promote_types(scores.dtype, torch.float32) if scores.is_floating_point() else torch.float64)


def _pooled(group: Sequence[tuple[Tensor, Tensor]]) -> np.ndarray:
    """Scores of the weights that exist."""
    return torch.cat([scores[exists] for scores, exists in group]).cpu().numpy()
