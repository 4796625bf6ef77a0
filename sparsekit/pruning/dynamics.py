"""Dynamic updates: which recurrent weights go and which come while a sparse network trains.

A new one is one function and one registration. Torch is loaded when masks move, not where a name is looked up.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sparsekit.registry import Own, Registry, check_name, described
from sparsekit.seeds import derive
from sparsekit.sources import source

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sparsekit.pruning.masks import Mask

DYNAMICS = Registry("dynamic update")
"""Functions ``(seen) -> (dropped, grown)``: two masks of the same number of weights.

What is dropped exists; what is grown does not, or is dropped: that begins anew.
"""


@dataclass(frozen=True, eq=False)
class Seen:
    """What a dynamic update may look at.

    Attributes
    ----------
    weights : dict of name to Tensor
        The recurrent matrices; 0 where a weight does not exist.
    mask : Mask
    gates : dict of name to int
        How many equal blocks of rows a matrix has.
    fraction : float
        Share of the weights to exchange now.
    gradient : function
        Returns the gradient of the loss on the current batch by name, also of weights that do not exist. It costs as
        much as a dense backward pass.
    stream : numpy.random.Generator
        For what is random.
    """

    weights: dict[str, Tensor]
    mask: Mask
    gates: dict[str, int]
    fraction: float
    gradient: Callable[[], dict[str, Tensor]]
    stream: np.random.Generator

    def random(self) -> dict[str, Tensor]:
        """A random number for each place."""
        import torch

        return {name: torch.from_numpy(self.stream.random(weight.shape)) for name, weight in self.weights.items()}


Exchange = tuple["Mask", "Mask"]


@DYNAMICS.register
def static(seen: Seen) -> Exchange:
    """The initial mask stays."""
    from sparsekit.pruning.masks import Mask

    none = Mask({name: exists & False for name, exists in seen.mask.items()})
    return none, none


@DYNAMICS.register(name="set")
def evolutionary(seen: Seen) -> Exchange:
    """The smallest weights of each gate's matrix go, as many come at random places of it.

    SET: Mocanu and others, *Scalable training of artificial neural networks with adaptive sparse connectivity inspired
    by network science*, 2018; smallest by absolute value, as Evci and others have it.
    """
    return exchanged(seen, "gate", seen.random())


@DYNAMICS.register
def rigl(seen: Seen) -> Exchange:
    """The smallest weights of each gate's matrix go, as many come where the loss's gradient is largest.

    Evci, Gale, Menick, Castro & Elsen, *Rigging the lottery: making all tickets winners*, 2020.
    """
    return exchanged(seen, "gate", {name: values.abs() for name, values in seen.gradient().items()})


@DYNAMICS.register
def selfish_rnn(seen: Seen) -> Exchange:
    """The smallest weights of all gates of a layer go together, as many come at random: gates may become unlike.

    The redistribution over cell weights of Liu, Mocanu, Pei & Pechenizkiy, *Selfish sparse RNN training*, 2021; not
    their optimizer.
    """
    return exchanged(seen, "layer", seen.random())


def exchanged(seen: Seen, scope: str, growth: dict[str, Tensor]) -> Exchange:
    """Drop the smallest weights of each group of a scope, and grow as many at its places of largest growth score.

    Of scopes "global", "layer", "matrix" and "gate"; UnknownName of another. A place that has just lost its weight may
    get one back. Of equal scores the first place goes, or comes, first.
    """
    import torch

    from sparsekit.pruning.masks import Mask
    from sparsekit.pruning.matrices import WEIGHT
    from sparsekit.variants import SCOPES

    check_name("scope", scope, [name for name in SCOPES if name != "row"])
    dropped, grown = (Mask({name: exists & False for name, exists in seen.mask.items()}) for _ in range(2))
    groups: dict[tuple, list] = {}
    for name, weight in seen.weights.items():
        tensors = (weight.abs(), growth[name], seen.mask[name], dropped[name], grown[name])
        for gate, block in enumerate(zip(*(tensor.chunk(seen.gates[name]) for tensor in tensors), strict=True)):
            groups.setdefault((WEIGHT.sub(r"\2", name), name, gate)[: SCOPES[scope]], []).append(block)
    for blocks in groups.values():
        size, score, exists, *_ = (torch.cat([part.flatten() for part in kind]) for kind in zip(*blocks, strict=True))
        count = round(seen.fraction * int(exists.sum()))
        goes = torch.zeros_like(exists)
        goes[size.where(exists, math.inf).argsort(stable=True)[:count]] = True
        comes = torch.zeros_like(exists)
        comes[score.where(~exists | goes, -math.inf).argsort(descending=True, stable=True)[:count]] = True
        parts = [block[0].numel() for block in blocks]
        for (*_, out, into), gone, come in zip(blocks, goes.split(parts), comes.split(parts), strict=True):
            out.copy_(gone.view_as(out))
            into.copy_(come.view_as(into))
    return dropped, grown


def asks_gradient(dynamic: str) -> bool:
    """Whether a dynamic update asks for the dense gradient: whether it reads ``seen.gradient``."""
    return "gradient" in source(getattr(DYNAMICS[dynamic], "function", DYNAMICS[dynamic])).attributes


def cosine(drop_fraction: float, step: int, last: float) -> float:
    """The share of weights to exchange at a step: falls from `drop_fraction` to 0 at the last one, along a cosine.

    >>> cosine(0.3, 0, 100), round(cosine(0.3, 50, 100), 3), cosine(0.3, 100, 100)
    (0.3, 0.15, 0.0)
    """
    return drop_fraction / 2 * (1 + math.cos(math.pi * step / last))


def update_steps(steps: int, update_interval: int, last_update: float) -> list[int]:
    """The steps after which masks move: every `update_interval`, before this share of all steps.

    >>> update_steps(400, 100, 0.75)
    [100, 200]
    """
    return [*range(update_interval, math.ceil(last_update * steps - 1e-9), update_interval)]


def rewire(
    dynamic: str, network: nn.Module, fraction: float, gradient: Callable[[], dict[str, Tensor]], seed: int = 0
) -> Exchange:
    """One dynamic update of a network in place: dropped and grown weights are 0; returns both masks.

    Of a user's own, an OwnError says where it exchanges what it cannot, or not as many.
    """
    import torch

    from sparsekit.pruning.masks import Mask, matrices

    found, mask = matrices(network), Mask.of(network)
    weights = {name: matrix.weight.detach() for name, matrix in found.items()}
    gates = {name: matrix.gates for name, matrix in found.items()}
    stream = np.random.default_rng(derive("dynamic update", seed))
    own, made = DYNAMICS[dynamic], DYNAMICS[dynamic](Seen(weights, mask.copy(), gates, fraction, gradient, stream))
    if isinstance(own, Own):
        _check(own, made, mask)
    dropped, grown = made
    with torch.no_grad():
        for name, weight in weights.items():
            weight.masked_fill_(dropped[name] | grown[name], 0)
    Mask({name: exists & ~dropped[name] | grown[name] for name, exists in mask.items()}).apply(network)
    return dropped, grown


def _check(own: Own, made: object, mask: Mask) -> None:
    from sparsekit.pruning.masks import Mask

    shapes = {name: exists.shape for name, exists in mask.items()}
    both = isinstance(made, tuple) and len(made) == 2 and all(isinstance(one, Mask) for one in made)
    if not both or any({name: one[name].shape for name in one} != shapes for one in made):
        raise own.error(f"gave {described(made)}; give two masks of {', '.join(mask)}: dropped, grown")
    dropped, grown = made
    if any((dropped[name] & ~exists).any() for name, exists in mask.items()):
        raise own.error("dropped weights that do not exist; drop those of seen.mask")
    if any((grown[name] & exists & ~dropped[name]).any() for name, exists in mask.items()):
        raise own.error("grew weights that exist; grow where none is, or where one was dropped")
    out, into = (sum(int(one[name].sum()) for name in mask) for one in made)
    if out != into:
        raise own.error(f"dropped {out} weights and grew {into}; exchange as many")
