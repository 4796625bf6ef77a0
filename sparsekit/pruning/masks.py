"""A mask: which recurrent weights exist, of the kit's networks or torch modules with recurrent layers or cells inside.

Only input-to-hidden and hidden-to-hidden matrices are masked; biases and the projections of an LSTM never are.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from sparsekit.graphs import nulls
from sparsekit.networks.classifier import Classifier
from sparsekit.seeds import derive
from sparsekit.variants import GATES

WEIGHT = re.compile(r"weight_(ih|hh)(_l\d+)?(_reverse)?$")


@dataclass(frozen=True)
class Matrix:
    """A recurrent weight matrix where it lives: the module that owns it, and its name there."""

    owner: nn.Module
    name: str

    @property
    def weight(self) -> nn.Parameter:
        return self.owner.get_parameter(self.name)

    @property
    def buffer(self) -> str:
        """Name of the buffer that holds its mask, if it has one."""
        return self.name.replace("weight_", "mask_")

    @property
    def mask(self) -> Tensor | None:
        path, _, leaf = self.buffer.rpartition(".")
        return getattr(self.owner.get_submodule(path), leaf, None)

    @property
    def gates(self) -> int:
        """Blocks of rows, one a gate."""
        if isinstance(self.owner, Classifier):
            return len(GATES[self.owner.variant])
        return len(self.weight) // self.owner.hidden_size


def matrices(model: nn.Module) -> dict[str, Matrix]:
    """Every recurrent weight matrix of a model, by its name in ``named_parameters()``."""
    owners = (nn.RNNBase, nn.RNNCellBase, Classifier)
    found = [(path, module) for path, module in model.named_modules() if isinstance(module, owners)]
    return {f"{path}.{name}".lstrip("."): Matrix(owner, name) for path, owner in found for name in _recurrent(owner)}


def _recurrent(owner: nn.Module) -> list[str]:
    return [name for name, _ in owner.named_parameters() if WEIGHT.search(name)]


class Mask(dict):
    """A bool tensor for each recurrent weight matrix of a model, or for some; True where the weight exists.

    By the matrix's name in ``named_parameters()``: "stages.0.weight_ih" of a Classifier, "lstm.weight_hh_l0", ….
    """

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__((name, tensor.detach().bool().clone()) for name, tensor in tensors.items())

    @classmethod
    def of(cls, model: nn.Module) -> "Mask":
        """The mask that a model has now; all True where it has none."""
        all_true = partial(torch.ones_like, dtype=bool)
        return cls({n: all_true(m.weight) if m.mask is None else m.mask for n, m in matrices(model).items()})

    @property
    def sparsity(self) -> float:
        """Share of the masked matrices' entries that do not exist."""
        return 1 - sum(int(m.sum()) for m in self.values()) / sum(m.numel() for m in self.values())

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

        Masked weights are 0 in every forward pass and every ``state_dict()``, whose keys stay as they were, and after
        every load; their gradients are 0, so they count in no gradient norm and a fresh optimizer never moves them.
        Copies, whole modules saved by ``torch.save`` and ``torch.compile`` keep the mask too. Keeping again replaces
        the mask.

        Give an optimizer that has stepped before: its moments of masked weights become 0. Otherwise they would move
        these weights once more, away from 0 until the next forward pass.
        """
        for matrix, exists in self._found(model):
            if matrix.mask is None:
                matrix.owner.register_buffer(matrix.buffer, exists.clone(), persistent=False)
        self.apply(model)
        for matrix, exists in self._found(model):
            if not hasattr(matrix.owner, "mask_keeper"):
                matrix.owner.mask_keeper = Keeper(matrix.owner)
            matrix.owner.mask_keeper(matrix.owner)
            for moment in optimizer.state.get(matrix.weight, {}).values() if optimizer else ():
                if torch.is_tensor(moment) and moment.shape == exists.shape:
                    moment.masked_fill_(~exists, 0)

    def release(self, model: nn.Module) -> None:
        """Undo `keep`, so that training may move the weights again; a Classifier's masks are part of it and stay."""
        for matrix, _ in self._found(model):
            if hasattr(matrix.owner, "mask_keeper") and matrix.mask is not None:
                matrix.owner.mask_keeper.release(matrix)

    def _found(self, model: nn.Module) -> Iterator[tuple[Matrix, Tensor]]:
        """Each matrix in the model, and its mask on the same device."""
        found = matrices(model)
        for name, exists in self.items():
            if name not in found or found[name].weight.shape != exists.shape:
                raise ValueError(f"the mask is of another model: this one has no {name} of shape {tuple(exists.shape)}")
            yield found[name], exists.to(found[name].weight.device)


class Keeper:
    """Hook that makes the masked weights of one module 0, and sees that their gradients are 0.

    It runs before each forward pass and each ``state_dict()``, and after each load. A copied or loaded module brings
    its keeper along; the hooks on gradients, which torch does not copy, come back at its first forward pass.
    """

    def __init__(self, owner: nn.Module):
        self.gradients: dict[str, tuple] = {}  # by a weight's name: the weight, its mask, the hook's handle
        self.handles = [
            owner.register_forward_pre_hook(self),
            owner.register_state_dict_pre_hook(self),
            owner.register_load_state_dict_post_hook(self),
        ]

    def __getstate__(self) -> dict:
        return self.__dict__ | {"gradients": {}}

    def __call__(self, owner: nn.Module, *_) -> None:
        for name in _recurrent(owner):
            weight, mask = Matrix(owner, name).weight, Matrix(owner, name).mask
            if mask is None:
                continue
            # Through .data: a layer may run many times in one forward pass, and autograd must not take this, which
            # changes nothing by then, for a change of what it saved.
            weight.data.masked_fill_(~mask, 0)
            known, known_mask, _ = self.gradients.get(name, (None, None, None))
            if weight.requires_grad and not (known is weight and known_mask is mask):
                self._forget(name)
                handle = weight.register_hook(lambda gradient, mask=mask: gradient.where(mask, 0))
                self.gradients[name] = weight, mask, handle

    def _forget(self, name: str) -> None:
        if name in self.gradients:
            self.gradients.pop(name)[2].remove()

    def release(self, matrix: Matrix) -> None:
        """Let one matrix go; with the last one the hooks go too."""
        self._forget(matrix.name)
        if not isinstance(matrix.owner, Classifier):
            delattr(matrix.owner, matrix.buffer)
            if any(Matrix(matrix.owner, name).mask is not None for name in _recurrent(matrix.owner)):
                return
        for name in list(self.gradients):
            self._forget(name)
        for handle in self.handles:
            handle.remove()
        del matrix.owner.mask_keeper


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
