"""Recovery protocols: what the retraining of a pruned network starts from.

A protocol is a function ``(start, mask) -> (network, mask)``, given what there is to start from and the mask that
pruning the base network gives; the mask it returns holds throughout retraining. A new one is one function and one
registration.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from sparsekit.graphs import nulls
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask, shuffled
from sparsekit.registry import Registry
from sparsekit.seeds import derive
from sparsekit.variants import GATES

PROTOCOLS = Registry("recovery protocol")


@dataclass(frozen=True)
class Start:
    """What a protocol may start from; each network is made when it is asked for.

    Attributes
    ----------
    trained, early, fresh : callable without arguments, returns Classifier
        The base network as trained, early in that training, and with other initial weights.
    cell : str
        Its variant of recurrent cell.
    seed : int
        Of whatever a protocol draws.
    """

    trained: Callable[[], Classifier]
    early: Callable[[], Classifier]
    fresh: Callable[[], Classifier]
    cell: str
    seed: int


@PROTOCOLS.register
def retrain(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """The surviving weights, as published."""
    return start.trained(), mask


@PROTOCOLS.register
def rewind(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """The survivors' weights early in base training.

    Frankle, Dziugaite, Roy & Carbin, *Stabilizing the lottery ticket hypothesis*, 2019.
    """
    return start.early(), mask


@PROTOCOLS.register
def reinitialise(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """Fresh weights in the same mask."""
    return start.fresh(), mask


@PROTOCOLS.register
def random_mask(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """Fresh weights in a random mask with as many weights in each gate of each matrix."""
    return start.fresh(), shuffled(mask, start.seed, len(GATES[start.cell]))


@PROTOCOLS.register
def rewired_mask(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """Fresh weights in a random mask in which, gate by gate, each unit keeps its numbers of weights in and out."""
    gates, drawn = len(GATES[start.cell]), {}
    for name, exists in mask.items():
        blocks = enumerate(np.split(exists.numpy(), gates))
        rewired = [nulls.mask_like(block, "rewired", derive(start.seed, name, gate)) for gate, block in blocks]
        drawn[name] = torch.from_numpy(np.concatenate(rewired))
    return start.fresh(), Mask(drawn)


@PROTOCOLS.register
def dense(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """Fresh weights, none pruned: what as many steps teach a dense network."""
    return start.fresh(), Mask.of(start.fresh())
