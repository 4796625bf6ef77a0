"""A mask: which recurrent weights exist, of the kit's networks or torch modules with recurrent layers or cells inside.

Only input-to-hidden and hidden-to-hidden matrices are masked; biases and the projections of an LSTM never are.
"""

import re
import weakref
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import torch
from torch import Tensor, nn
from torch.compiler import is_dynamo_compiling, is_exporting
from torch.optim.optimizer import register_optimizer_step_post_hook

from sparsekit.graphs import nulls
from sparsekit.networks.classifier import Classifier
from sparsekit.seeds import derive
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
        for name in _recurrent(owner) if isinstance(owner, OWNERS) else ():
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


def _recurrent(owner: nn.Module) -> list[str]:
    own = owner.named_parameters() if isinstance(owner, Classifier) else owner.named_parameters(recurse=False)
    return [name for name, _ in own if WEIGHT.search(name)]


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
KEEPERS: "weakref.WeakSet[Keeper]" = weakref.WeakSet()


class Keeper:
    """Holds the masked weights of one module at 0, and sees that their gradients are 0.

    It acts after each step of any optimizer, before each ``state_dict()`` and copy, and after each load. Before a
    forward pass it looks whether the weights are as it left them. With other tensors in their place, as in
    ``functional_call``, the module computes as if they were masked; they stay as they are.
    """

    def __init__(self, owner: nn.Module):
        self.owner, self.masks = owner, {}  # masks by a weight's name; a Classifier has its own
        self.watched: dict[
            str, tuple
        ] = {}  # by a weight's name: the weight, and the handle of the hook on its gradient
        self.seen: list[tuple[str, nn.Parameter, int]] = []  # names, weights and their versions, masked as they are
        self.given: dict[str, Tensor] = {}  # tensors that are in the place of weights during this forward pass
        self.handles = [
            owner.register_state_dict_pre_hook(self.hold),
            owner.register_load_state_dict_post_hook(self.hold),
        ]
        if not isinstance(owner, Classifier):  # which computes with its masks
            self.handles.append(owner.register_forward_pre_hook(self))
        owner.__dict__[KEEPER] = self
        KEEPERS.add(self)

    @property
    def __name__(self) -> str:
        """What torch.jit.script asks of a hook first."""
        raise RuntimeError("a module that keeps a mask has no script: release the mask on a copy, and script that")

    def __getstate__(self) -> dict:
        self.hold()
        watched = {name: weight for name, (weight, _) in self.watched.items()}
        return self.__dict__ | {"watched": watched, "seen": [], "given": {}}

    def __setstate__(self, state: dict) -> None:
        watched = state.pop("watched")
        self.__dict__ |= state | {"watched": {}}
        for name, weight in watched.items():
            self._watch(name, weight)
            if name in self.masks:  # of a deep copy, whose weights were copied before those of the original were held
                self._zero(weight, self.masks[name].to(weight.device))
        KEEPERS.add(self)

    def __call__(self, owner: nn.Module, *_) -> None:
        # A layer may be called at each step of a sequence: where nothing has changed, this is all that there is to do.
        if not is_dynamo_compiling():
            own = owner._parameters
            for name, weight, version in self.seen:
                if own.get(name) is not weight or weight._version != version:
                    break
            else:
                if self.seen:
                    return
        if owner is not self.owner:
            return  # a replica or a quantized form, which has copies of the weights
        if lost := [name for name in self.masks if owner._parameters.get(name) is None]:
            raise RuntimeError(
                f"the mask of {', '.join(lost)} ended: it is no parameter of {type(owner).__name__} any more; "
                "release the mask before a norm, parametrization or pruning of torch's is put on"
            )
        if is_dynamo_compiling():
            for name, mask in self.masks.items():
                if not isinstance(owner._parameters[name], nn.Parameter):
                    owner._parameters[name] = owner._parameters[name].where(mask, 0)
        elif not is_exporting():
            self._look(owner)

    def _look(self, owner: nn.Module) -> None:
        """Mask weights that something else than an optimizer moved, and what is in the place of weights."""
        for name, weight, mask in self.masked():
            if weight is self.watched.get(name, (None,))[0]:
                self._zero(weight, mask)
            else:
                self.given[name], owner._parameters[name] = weight, weight.where(mask, 0)
        self.seen = [] if self.given else self._versions()
        if self.given and self._put_back not in owner._forward_hooks.values():
            self.handles.append(owner.register_forward_hook(self._put_back, always_call=True))

    def _versions(self) -> list[tuple[str, nn.Parameter, int]]:
        """Empty where a weight has none: it is looked at each time."""
        weights = [(name, weight) for name, (weight, _) in self.watched.items()]
        return [] if any(w.is_inference() for _, w in weights) else [(name, w, w._version) for name, w in weights]

    def _put_back(self, owner: nn.Module, *_) -> None:
        if self.given and owner is self.owner:
            owner._parameters.update(self.given)
            self.given = {}
            if isinstance(owner, nn.RNNBase):
                owner._update_flat_weights()

    def masked(self) -> Iterator[tuple[str, Tensor, Tensor]]:
        """Name, weight and mask, on its device, of each matrix."""
        for name in _recurrent(self.owner) if isinstance(self.owner, Classifier) else list(self.masks):
            module = self.owner.get_submodule(name.rpartition(".")[0])
            weight, mask = module._parameters.get(name.rpartition(".")[2]), Matrix(self.owner, name).mask
            if weight is None:
                continue
            if hasattr(weight, "device_mesh"):  # sharded since; each process has the whole mask
                from torch.distributed.tensor import distribute_tensor  # takes as long to load as half of torch

                yield name, weight, distribute_tensor(mask, weight.device_mesh, weight.placements, src_data_rank=None)
                continue
            if mask.device != weight.device and name in self.masks:
                mask = self.masks[name] = mask.to(weight.device)
            yield name, weight, mask

    def hold(self, *_) -> None:
        """Make masked weights 0, and mask their gradients from now on."""
        for name, weight, mask in self.masked():
            self._zero(weight, mask)
            if weight is not self.watched.get(name, (None,))[0]:
                self._watch(name, weight)
        self.seen = self._versions()

    @staticmethod
    def _zero(weight: Tensor, mask: Tensor) -> None:
        # Through .data: a layer may run many times in one forward pass, and autograd must not take this, which changes
        # nothing by then, for a change of what it saved.
        weight.data.masked_fill_(~mask, 0)

    def _watch(self, name: str, weight: nn.Parameter) -> None:
        self._forget(name)
        if weight.is_inference():
            self.watched[name] = weight, None
            return
        hook = torch.utils.hooks.unserializable_hook(
            lambda gradient: gradient.where(Matrix(self.owner, name).mask.to(gradient.device), 0)
        )
        learns = weight.requires_grad
        weight.requires_grad_(True)  # a frozen one may learn again, and would not take a hook
        self.watched[name] = weight, weight.register_hook(hook)
        weight.requires_grad_(learns)

    def _forget(self, name: str) -> None:
        _, handle = self.watched.pop(name, (None, None))
        if handle:
            handle.remove()

    def release(self, matrix: Matrix) -> None:
        """Let one matrix go, with zeros; with the last one the hooks go too."""
        self.hold()
        self._forget(matrix.name)
        self.masks.pop(matrix.name, None)
        self.seen = []
        if self.masks:
            return
        for name in list(self.watched):
            self._forget(name)
        for handle in self.handles:
            handle.remove()
        KEEPERS.discard(self)
        del matrix.owner.__dict__[KEEPER]


def _after_step(*_) -> None:
    """Whatever moved masked weights, old moments, decay or noise, they are 0 when an optimizer's step ends."""
    for keeper in list(KEEPERS):
        keeper.hold()


register_optimizer_step_post_hook(_after_step)


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
