"""Random masks as controls: the same number of weights at other places."""

from collections.abc import Callable

import numpy as np
import torch

from sparsekit.graphs import nulls
from sparsekit.pruning.masks import Mask
from sparsekit.seeds import derive


def shuffled(mask: Mask, seed: int, gates: int = 1) -> Mask:
    """A random mask with the same number of weights in every matrix: the control for where weights survive.

    Every entry may get a weight. Rows are shuffled within `gates` equal blocks: every gate keeps its number too.

    >>> mask = Mask({"weight_hh_l0": torch.arange(8).view(4, 2) < 3})
    >>> [int(m.sum()) for m in shuffled(mask, seed=0, gates=2)["weight_hh_l0"].chunk(2)]
    [3, 0]
    """

    streams = {name: np.random.default_rng(derive("shuffled mask", seed, name)) for name in mask}
    return _drawn(mask, gates, lambda block, name, _: streams[name].permutation(block.ravel()).reshape(block.shape))


def rewired(mask: Mask, seed: int, gates: int = 1) -> Mask:
    """A random mask in which, block by block, each unit keeps its numbers of weights in and out."""
    return _drawn(mask, gates, lambda block, name, gate: nulls.mask_like(block, "rewired", derive(seed, name, gate)))


def _drawn(mask: Mask, gates: int, draw: Callable[[np.ndarray, str, int], np.ndarray]) -> Mask:
    drawn = {}
    for name, exists in mask.items():
        blocks = np.split(exists.cpu().numpy(), gates)
        drawn[name] = np.concatenate([draw(block, name, gate) for gate, block in enumerate(blocks)])
    return Mask({name: torch.from_numpy(matrix).to(mask[name].device) for name, matrix in drawn.items()})
