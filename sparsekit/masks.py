"""A mask: which recurrent weights of a network exist."""

from collections.abc import Mapping

import torch
from torch import Tensor

from sparsekit.networks import Classifier


class Mask(dict):
    """A bool tensor for each recurrent weight matrix, by the matrix's name; True where the weight exists.

    Parameters
    ----------
    tensors : mapping of str to bool Tensor
        Names as in ``Classifier.named_parameters()``: "stages.0.weight_ih", "stages.0.weight_hh", …
    """

    def __init__(self, tensors: Mapping[str, Tensor]):
        super().__init__((name, tensor.detach().bool().clone()) for name, tensor in tensors.items())

    @classmethod
    def of(cls, network: Classifier) -> "Mask":
        """The mask that a network has now."""
        return cls(network.masks())

    @property
    def sparsity(self) -> float:
        """Share of the masked matrices' entries that do not exist."""
        return 1 - sum(int(m.sum()) for m in self.values()) / sum(m.numel() for m in self.values())

    def apply(self, network: Classifier) -> None:
        """Give a network this mask: masked weights become 0, and stay 0 through training and saving."""
        with torch.no_grad():
            for name, mask in network.masks().items():
                mask.copy_(self[name])
                network.get_parameter(name).mul_(mask)

    def holds(self, network: Classifier) -> bool:
        """Whether every weight that this mask removes is exactly 0 in the network."""
        return all(
            bool((network.get_parameter(name)[~mask.to(network.get_parameter(name).device)] == 0).all())
            for name, mask in self.items()
        )
