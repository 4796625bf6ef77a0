"""Initial masks: which recurrent weights exist before training. A new one is one function and one registration.

Torch is loaded when a mask is drawn, not where its name is looked up.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sparsekit.pruning.schedules import check_sparsity
from sparsekit.pruning.scores import Evidence
from sparsekit.registry import Own, Registry, check_name, described
from sparsekit.seeds import derive
from sparsekit.variants import SCALES

if TYPE_CHECKING:
    from torch import nn

    from sparsekit.pruning.masks import Mask

INITIAL = Registry("initial mask")
"""Functions ``(network, sparsity, evidence) -> mask``: of all recurrent matrices; the network stays as it is."""


def begun(
    initial: str, network: nn.Module, sparsity: float, evidence: Evidence | None = None, scale: str = "dense"
) -> Mask:
    """Make an untrained network sparse in place; returns its mask. Of a user's own, an OwnError says what it lacks.

    Parameters
    ----------
    initial : str
        A name in `INITIAL`.
    sparsity : float
        Share of all recurrent weights to remove, rounded to whole weights: the same number by every initial mask.
    evidence : Evidence, optional
        The seed of what is random, and data for what asks for it.
    scale : {"dense", "fan_in"}
        "dense": weights that exist are as they were. "fan_in": a unit with k of n inputs left has them √(n / k) times
        as large in each gate, so that what reaches it varies as in the dense network (Evci, Ioannou, Keskin & Dauphin,
        *Gradient flow in sparse neural networks and how lottery tickets win*, 2022).

    Raises
    ------
    ValueError
        Where sparsity is not in [0, 1]; as UnknownName for an initial mask or a scale that does not exist.
    """
    from sparsekit.pruning.masks import Mask

    check_sparsity(sparsity)
    check_name("scale", scale, SCALES)
    own, mask = INITIAL[initial], INITIAL[initial](network, sparsity, evidence or Evidence())
    if isinstance(own, Own):
        whole = Mask.of(network)
        shapes = {name: exists.shape for name, exists in whole.items()}
        if not isinstance(mask, Mask) or {name: exists.shape for name, exists in mask.items()} != shapes:
            raise own.error(f"gave {described(mask)}; give a Mask of {', '.join(whole)}")
        if (left := sum(int(m.sum()) for m in mask.values())) != (asked := _left(whole, sparsity)):
            raise own.error(f"left {left} weights of {asked}; give a mask of the sparsity asked for")
    mask.apply(network)
    for name, exists in mask.items() if scale == "fan_in" else ():
        network.get_parameter(name).data *= (exists.shape[1] / exists.sum(1, keepdim=True).clamp(min=1)).sqrt()
    return mask


@INITIAL.register
def uniform(network: nn.Module, sparsity: float, evidence: Evidence) -> Mask:
    """Random places, as dense in every gate of every matrix."""
    return _random(network, sparsity, evidence.seed, lambda units, inputs: 1.0)


@INITIAL.register
def erdos_renyi(network: nn.Module, sparsity: float, evidence: Evidence) -> Mask:
    """Random places, a gate's matrix as dense as (units + inputs) / (units × inputs), so that small ones are denser.

    Mocanu and others, *Scalable training of artificial neural networks with adaptive sparse connectivity inspired by
    network science*, 2018. One factor makes the whole as sparse as asked; a matrix that is full at that stays full.
    """
    return _random(network, sparsity, evidence.seed, lambda units, inputs: (units + inputs) / (units * inputs))


@INITIAL.register
def snip(network: nn.Module, sparsity: float, evidence: Evidence) -> Mask:
    """The weights of largest connection sensitivity, |gradient × weight| at initialisation, over all matrices.

    Lee, Ajanthan & Torr, *SNIP: single-shot network pruning based on connection sensitivity*, 2019. ValueError without
    data.
    """
    from sparsekit.pruning import prune

    with warnings.catch_warnings():  # that a matrix is empty, which a score over all matrices may leave
        warnings.simplefilter("ignore", UserWarning)
        return prune.apply(copy.deepcopy(network), sparsity, score="sensitivity", evidence=evidence)


@INITIAL.register
def dense(network: nn.Module, sparsity: float, evidence: Evidence) -> Mask:
    """Nothing is removed: what a schedule from dense to sparse starts from."""
    from sparsekit.pruning.masks import Mask

    return Mask.of(network)


def _left(mask: Mask, sparsity: float) -> int:
    """How many weights are left, rounded as `prune.apply` does."""
    entries = sum(exists.numel() for exists in mask.values())
    return entries - round(sparsity * entries)


def _random(network: nn.Module, sparsity: float, seed: int, relative: Callable[[int, int], float]) -> Mask:
    """Random places in each gate's matrix, as many as follow from how dense these are relative to one another."""
    import torch

    from sparsekit.pruning.masks import Mask, matrices

    mask, found = Mask.of(network), matrices(network)
    blocks = [block for name, exists in mask.items() for block in exists.chunk(found[name].gates)]
    shares = np.array([relative(*block.shape) for block in blocks])
    counts = apportioned([block.numel() for block in blocks], shares, _left(mask, sparsity))
    stream = np.random.default_rng(derive("initial mask", seed))
    for block, count in zip(blocks, counts, strict=True):
        exists = np.zeros(block.numel(), dtype=bool)
        exists[stream.permutation(block.numel())[:count]] = True
        block.copy_(torch.from_numpy(exists).view_as(block))
    return mask


def apportioned(sizes: list[int], shares: np.ndarray, total: int) -> list[int]:
    """How many weights each matrix gets of a total, as dense as their shares say, none above its size.

    Whole weights go to the largest remainders.

    >>> apportioned([100, 10], np.array([1.0, 1.0]), 55), apportioned([100, 10], np.array([1.0, 20.0]), 55)
    ([50, 5], [45, 10])
    """
    sizes, full = np.array(sizes), np.zeros(len(sizes), dtype=bool)
    while True:
        left = total - sizes[full].sum()
        exact = np.where(full, sizes, sizes * shares * left / max((sizes * shares)[~full].sum(), 1e-300))
        if not (over := ~full & (exact > sizes)).any():
            break
        full |= over
    counts = np.floor(exact + 1e-9).astype(int)
    counts[np.argsort(counts - exact, kind="stable")[: total - counts.sum()]] += 1
    return counts.tolist()
