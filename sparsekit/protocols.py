"""Recovery protocols: what the retraining of a pruned network starts from.

A protocol is a function ``(unit, mask, store) -> (network, mask)``, given a `PrunedNetwork` and the mask that pruning
its base network gives; the mask it returns holds throughout retraining. A new one is one function and one registration.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import torch

from sparsekit import nulls
from sparsekit.masks import Mask, shuffled
from sparsekit.networks import Classifier
from sparsekit.records import Store
from sparsekit.recurrence import GATES
from sparsekit.registry import Registry
from sparsekit.seeds import derive
from sparsekit.training import train
from sparsekit.units import BaseNetwork

if TYPE_CHECKING:
    from sparsekit.pruned_units import PrunedNetwork

PROTOCOLS = Registry("recovery protocol")


@dataclass(frozen=True)
class EarlyNetwork:
    """A base network after the first optimizer steps of its training; its weights are kept."""

    kind: ClassVar[str] = "early"
    base: BaseNetwork
    steps: int

    @property
    def cost(self) -> float:
        return self.base.cost / self.base.recipe.epochs

    def seconds(self, device: str) -> float:
        """About how long it takes here, from a short probe."""
        return self.base.seconds(device) / self.base.recipe.epochs

    def network(self, store: Store) -> Classifier:
        """The network as it was then."""
        network = self.base.network()
        network.load_state_dict(store.weights(self))
        return network

    @classmethod
    def compute(cls, units: Sequence["EarlyNetwork"], store: Store, device: str) -> None:
        for unit in units:
            start = time.perf_counter()
            network, base = unit.base.network(), unit.base
            train([network], base.strings.make(), base.recipe, base.order, stop_at=unit.steps, device=device)
            store.write(unit, {}, network.state_dict(), seconds=time.perf_counter() - start, device=device)


@PROTOCOLS.register
def retrain(unit: "PrunedNetwork", mask: Mask, store: Store) -> tuple[Classifier, Mask]:
    """The surviving weights, as published."""
    return unit.base.network(store), mask


@PROTOCOLS.register
def rewind(unit: "PrunedNetwork", mask: Mask, store: Store) -> tuple[Classifier, Mask]:
    """The survivors' weights early in base training.

    Frankle, Dziugaite, Roy & Carbin, *Stabilizing the lottery ticket hypothesis*, 2019.
    """
    return unit.early.network(store), mask


@PROTOCOLS.register
def reinitialise(unit: "PrunedNetwork", mask: Mask, store: Store) -> tuple[Classifier, Mask]:
    """Fresh weights in the same mask."""
    return unit.fresh(), mask


@PROTOCOLS.register
def random_mask(unit: "PrunedNetwork", mask: Mask, store: Store) -> tuple[Classifier, Mask]:
    """Fresh weights in a random mask with as many weights in each gate of each matrix."""
    return unit.fresh(), shuffled(mask, unit.stream, GATES[unit.base.variant])


@PROTOCOLS.register
def rewired_mask(unit: "PrunedNetwork", mask: Mask, store: Store) -> tuple[Classifier, Mask]:
    """Fresh weights in a random mask in which, gate by gate, each unit keeps its numbers of weights in and out."""
    gates, drawn = GATES[unit.base.variant], {}
    for name, exists in mask.items():
        blocks = enumerate(np.split(exists.numpy(), gates))
        rewired = [nulls.mask_like(block, "rewired", derive(unit.stream, name, gate)) for gate, block in blocks]
        drawn[name] = torch.from_numpy(np.concatenate(rewired))
    return unit.fresh(), Mask(drawn)


@PROTOCOLS.register
def dense(unit: "PrunedNetwork", mask: Mask, store: Store) -> tuple[Classifier, Mask]:
    """Fresh weights, none pruned: what as many steps teach a dense network."""
    return unit.fresh(), Mask.of(unit.fresh())
