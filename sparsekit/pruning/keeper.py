"""What keeps masked weights at 0 in a training loop of one's own: hooks on a module, its gradients and optimizers."""

import weakref
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.compiler import is_dynamo_compiling, is_exporting
from torch.optim.optimizer import register_optimizer_step_post_hook

from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.matrices import KEEPER, Matrix, recurrent

KEEPERS: "weakref.WeakSet[Keeper]" = weakref.WeakSet()


class Keeper:
    """Holds the masked weights of one module at 0, and sees that their gradients are 0.

    It acts after each step of any optimizer, before each ``state_dict()`` and copy, and after each load. Before a
    forward pass it looks whether the weights are as it left them. With other tensors in their place, as in
    ``functional_call``, the module computes as if they were masked; they stay as they are.
    """

    def __init__(self, owner: nn.Module):
        self.owner, self.masks = owner, {}  # masks by a weight's name; a Classifier has its own
        self.watched: dict[str, tuple] = {}  # by name: the weight, and the handle of the hook on its gradient
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
        for name in recurrent(self.owner) if isinstance(self.owner, Classifier) else list(self.masks):
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
