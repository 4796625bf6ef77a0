"""A mask: which recurrent weights exist, of the kit's networks or torch modules with recurrent layers inside."""

import re
from collections.abc import Mapping
from functools import partial

import torch
from torch import Tensor, nn

from sparsekit.pruning.keeper import Keeper
from sparsekit.pruning.matrices import KEEPER, Matrix, matrices


class Mask(dict):
    """A bool tensor for each recurrent weight matrix of a model, or for some; True where the weight exists.

    By the matrix's name in ``named_parameters()``: "stages.0.weight_ih" of a Classifier, "lstm.weight_hh_l0", ….
    """

    def __init__(self, tensors: Mapping[str, Tensor]):
        with torch.inference_mode(False):  # a mask made there must change elsewhere
            super().__init__((n, torch.as_tensor(tensor).detach().bool().clone()) for n, tensor in tensors.items())

    def __reduce__(self) -> tuple:
        return Mask, (dict(self),)

    def copy(self) -> "Mask":
        return Mask(self)

    def __or__(self, other: Mapping[str, Tensor]) -> "Mask":
        """Both masks' matrices, as of dicts: of a name in both, the other's."""
        return Mask({**self, **other})

    def __eq__(self, other: object) -> bool:
        """Whether the same weights of the same matrices exist."""
        if not isinstance(other, Mapping) or self.keys() != other.keys():
            return False
        return all(exists.equal(other[name].to(exists.device)) for name, exists in self.items())

    def __ne__(self, other: object) -> bool:  # dict has one of its own
        return not self == other

    __hash__ = None

    @classmethod
    def of(cls, model: nn.Module) -> "Mask":
        """The mask that a model has now; all True where it has none."""
        all_true = partial(torch.ones_like, dtype=bool)
        return cls({n: all_true(m.weight) if m.mask is None else m.mask for n, m in matrices(model).items()})

    @classmethod
    def nonzero(cls, model: nn.Module) -> "Mask":
        """The mask of a model whose removed weights are 0, such as a sparse checkpoint: True where a weight is not."""
        return cls({name: matrix.weight != 0 for name, matrix in matrices(model).items()})

    @property
    def sparsity(self) -> float:
        """Share of the masked matrices' entries that do not exist."""
        return sum(int((~m).sum()) for m in self.values()) / max(sum(m.numel() for m in self.values()), 1)

    def apply(self, model: nn.Module) -> None:
        """Make masked weights 0; in a Classifier, and in a module that keeps a mask, its mask becomes this one."""
        for matrix, exists in self._found(model):
            if matrix.mask is not None:
                matrix.mask.copy_(exists)
            matrix.weight.data.masked_fill_(~exists, 0)

    def holds(self, model: nn.Module) -> bool:
        """Whether every weight that this mask removes is exactly 0 in the model."""
        return all(bool((matrix.weight[~exists] == 0).all()) for matrix, exists in self._found(model))

    def keep(self, model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> None:
        """Apply the mask, and keep it through a training loop of one's own.

        Masked weights are 0 after every step of any ``torch.optim.Optimizer``, in every forward pass and every
        ``state_dict()``, whose keys stay as they were, and after every load; their gradients are 0, so they count in no
        gradient norm. Copies, whole modules saved by ``torch.save`` and ``torch.compile`` keep the mask too. Keeping
        again replaces the mask. To export, or to load a whole module where sparsekit is not installed, release a copy.

        Of an optimizer that is given, the moments of masked weights become 0 too. What fails changes nothing.
        """
        if not isinstance(optimizer, torch.optim.Optimizer | None):
            raise TypeError(f"optimizer is a {type(optimizer).__name__}: give one torch.optim.Optimizer, or none")
        found = self._found(model)
        for matrix, exists in found:
            keeper = matrix.owner.__dict__.get(KEEPER) or Keeper(matrix.owner)
            if matrix.mask is None:
                with torch.inference_mode(False):
                    keeper.masks[matrix.name] = exists.clone()
        self.apply(model)
        for matrix, exists in found:
            matrix.owner.__dict__[KEEPER].hold()
            for moment in optimizer.state.get(matrix.weight, {}).values() if optimizer else ():
                if torch.is_tensor(moment) and moment.shape == exists.shape:
                    moment.masked_fill_(~exists, 0)

    def release(self, model: nn.Module) -> None:
        """Undo `keep`, so that training may move the weights again; a Classifier's masks are part of it and stay."""
        for matrix, _ in self._found(model):
            if KEEPER in matrix.owner.__dict__ and matrix.mask is not None:
                matrix.owner.__dict__[KEEPER].release(matrix)

    def _found(self, model: nn.Module) -> list[tuple[Matrix, Tensor]]:
        """Each matrix in the model, and its mask on the same device; a wrapper's prefix in names does not count."""
        bare, found = re.compile(r"^((_orig_mod|module)\.)+"), matrices(model)
        found |= {bare.sub("", name): matrix for name, matrix in found.items()}
        for name, exists in self.items():
            if name not in found or found[name].weight.shape != exists.shape:
                shape = tuple(exists.shape)
                raise ValueError(f"the mask is of another model: this one has no parameter {name} of shape {shape}")
        return [(found[name], exists.to(found[name].weight.device)) for name, exists in self.items()]


torch.serialization.add_safe_globals([Mask])
