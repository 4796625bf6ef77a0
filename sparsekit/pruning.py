"""Pruning: which recurrent weights of a trained network to remove.

A score says how much each weight matters; the weights with the lowest scores go. A new score is one function,
registered in `SCORES`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sparsekit.masks import Mask
from sparsekit.networks import Classifier
from sparsekit.registry import Registry, UnknownName, unknown

TARGETS = {"both": ("weight_ih", "weight_hh"), "i2h": ("weight_ih",), "h2h": ("weight_hh",)}
"""The matrices that each target names: input-to-hidden and hidden-to-hidden together, or one of them."""

SCORES = Registry("pruning score")


@SCORES.register
def magnitude(network: Classifier, names: Sequence[str]) -> dict[str, Tensor]:
    """Absolute value of each weight, the published score."""
    return {name: network.get_parameter(name).detach().abs() for name in names}


def prune(network: Classifier, sparsity: float, target: str = "both", score: str = "magnitude") -> tuple[Mask, float]:
    """The mask that removes the lowest-scored share of a network's recurrent weights; the network stays as it is.

    The rule of arXiv 2407.20601: one threshold for all recurrent layers, the given quantile (linear interpolation)
    of the scores over the targeted matrices, biases left out; weights whose score is below it go. So at sparsity 1
    the one weight with the largest score survives.

    Parameters
    ----------
    network : Classifier
    sparsity : float
        Share of the targeted weights to remove, in [0, 1]. Of a network that is sparse already, the share of those
        weights that exist.
    target : {"both", "i2h", "h2h"}
    score : str
        A name in `SCORES`.

    Returns
    -------
    mask : Mask
    threshold : float

    Raises
    ------
    ValueError
        Where sparsity is not in [0, 1], or a score is not a number.
    UnknownName
        For a target or score that does not exist.
    """
    if not 0 <= sparsity <= 1:
        raise ValueError(f"sparsity is {sparsity}: it must be a fraction between 0 and 1")
    mask = Mask.of(network)
    scores = SCORES[score](network, targeted(mask, target))
    pooled = torch.cat([scores[name][mask[name]] for name in scores]).double().cpu().numpy()
    if not np.isfinite(pooled).all():
        raise ValueError(f"{score} gives scores that are not finite numbers: does the network hold NaN weights?")
    threshold = float(np.quantile(pooled, sparsity))
    for name, values in scores.items():
        mask[name] &= values.double() >= threshold
    return mask, threshold


def targeted(mask: Mask, target: str) -> list[str]:
    """Names of the weight matrices that a target means."""
    if target not in TARGETS:
        raise UnknownName(unknown("target", target, TARGETS))
    return [name for name in mask if name.endswith(TARGETS[target])]
