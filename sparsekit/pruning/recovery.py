"""Recovery protocols: what the retraining of a pruned network starts from.

Torch is loaded when a protocol is followed, not where its name is looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparsekit.registry import Own, Registry, described
from sparsekit.sources import source
from sparsekit.variants import GATES

if TYPE_CHECKING:
    from sparsekit.networks.classifier import Classifier
    from sparsekit.pruning.masks import Mask

PROTOCOLS = Registry("recovery protocol")
"""Functions ``(start, mask) -> (network, mask)``: given is the pruned base's mask, what is returned is retrained."""


@dataclass(frozen=True)
class Start:
    """What a protocol may start from: the base network as trained, early in that training, with other initial weights.

    Each network is made when it is asked for. `cell` is its variant, `seed` that of whatever a protocol draws.
    """

    trained: Callable[[], Classifier]
    early: Callable[[], Classifier]
    fresh: Callable[[], Classifier]
    cell: str
    seed: int


def starts_early(protocol: str) -> bool:
    """Whether a protocol starts from the base network early in its training: whether it reads ``start.early``."""
    return "early" in source(getattr(PROTOCOLS[protocol], "function", PROTOCOLS[protocol])).attributes


def followed(protocol: str, start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """What is retrained by a protocol.

    Raises
    ------
    OwnError
        Where a user's own gives something else.
    """
    from sparsekit.networks.classifier import Classifier
    from sparsekit.pruning.masks import Mask as Kind

    own, made = PROTOCOLS[protocol], PROTOCOLS[protocol](start, mask)
    if isinstance(own, Own):
        if not isinstance(made, tuple) or [type(m) for m in made] != [Classifier, Kind]:
            raise own.error(f"gave {described(made)}; give the network and its mask, such as (start.fresh(), mask)")
        if {name: value.shape for name, value in made[1].items()} != {name: v.shape for name, v in mask.items()}:
            raise own.error("gave a mask of other matrices; give one like that which it is given")
    return made


PROTOCOLS.define("retrain", "The surviving weights, as published.", lambda start, mask: (start.trained(), mask))
PROTOCOLS.define(
    "rewind",
    "The survivors' weights early in base training; the rest of it follows. Frankle, Dziugaite, Roy & Carbin, "
    "*Stabilizing the lottery ticket hypothesis*, 2019.",
    lambda start, mask: (start.early(), mask),
)
PROTOCOLS.define("reinitialise", "Fresh weights in the same mask.", lambda start, mask: (start.fresh(), mask))


@PROTOCOLS.register
def random_mask(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """Fresh weights in a random mask with as many weights in each gate of each matrix."""
    from sparsekit.pruning.random_masks import shuffled

    return start.fresh(), shuffled(mask, start.seed, len(GATES[start.cell]))


@PROTOCOLS.register
def rewired_mask(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """Fresh weights in a random mask in which, gate by gate, each unit keeps its numbers of weights in and out."""
    from sparsekit.pruning.random_masks import rewired

    return start.fresh(), rewired(mask, start.seed, len(GATES[start.cell]))


@PROTOCOLS.register
def dense(start: Start, mask: Mask) -> tuple[Classifier, Mask]:
    """Fresh weights, none pruned: what as many steps teach a dense network."""
    from sparsekit.pruning.masks import Mask

    network = start.fresh()
    return network, Mask.of(network)
