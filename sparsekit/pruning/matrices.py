"""Where a model has its recurrent weights: the kit's networks, or torch modules with recurrent layers or cells inside.

Only input-to-hidden and hidden-to-hidden matrices are masked; biases and the projections of an LSTM never are.
"""

import re
from dataclasses import dataclass
from itertools import chain

from torch import Tensor, nn

from sparsekit.networks.classifier import Classifier
from sparsekit.variants import GATES

WEIGHT = re.compile(r"weight_(ih|hh)(_l\d+)?(_reverse)?$")
OWNERS = (nn.RNNBase, nn.RNNCellBase, Classifier)
KEEPER = "_sparsekit_keeper"
"""The attribute of a module that keeps a mask."""


@dataclass(frozen=True)
class Matrix:
    """A recurrent weight matrix where it lives: the module that owns it, and its name there."""

    owner: nn.Module
    name: str

    @property
    def weight(self) -> nn.Parameter:
        return self.owner.get_parameter(self.name)

    @property
    def mask(self) -> Tensor | None:
        """A Classifier's own, elsewhere the one that a keeper holds."""
        if isinstance(self.owner, Classifier):
            return self.owner.get_buffer(self.name.replace("weight_", "mask_"))
        return self.owner.__dict__[KEEPER].masks.get(self.name) if KEEPER in self.owner.__dict__ else None

    @property
    def gates(self) -> int:
        """Blocks of rows, one a gate."""
        if isinstance(self.owner, Classifier):
            return len(GATES[self.owner.variant])
        return len(self.weight) // self.owner.hidden_size


def matrices(model: nn.Module) -> dict[str, Matrix]:
    """Every recurrent weight matrix of a model, by its name in ``named_parameters()``; a shared one once."""
    found, seen = {}, set()
    for path, owner in model.named_modules():
        for name in recurrent(owner) if isinstance(owner, OWNERS) else ():
            matrix = Matrix(owner, name)
            if hasattr(matrix.weight, "device_mesh"):
                raise ValueError(f"{name} is sharded: prune the model, and keep its mask, before fully_shard")
            if id(matrix.weight) not in seen:
                seen.add(id(matrix.weight))
                found[f"{path}.{name}".lstrip(".")] = matrix
    return found


def hidden(model: nn.Module) -> list[str]:
    """Recurrent matrices that are no parameters: normed, parametrized, or masked by torch's own pruning."""
    found = []
    for path, owner in model.named_modules():
        if not isinstance(owner, OWNERS) or isinstance(owner, Classifier):
            continue
        every = [*chain(*owner._all_weights)] if isinstance(owner, nn.RNNBase) else ["weight_ih", "weight_hh"]
        names = [n for n in every if WEIGHT.search(n) and owner._parameters.get(n) is None]
        found += [f"{path}.{name}".lstrip(".") for name in names]
    return found


def recurrent(owner: nn.Module) -> list[str]:
    """The names of a module's own recurrent weight matrices."""
    own = owner.named_parameters() if isinstance(owner, Classifier) else owner.named_parameters(recurse=False)
    return [name for name, _ in own if WEIGHT.search(name)]
