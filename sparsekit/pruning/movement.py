"""What becomes of a mask while a network trains: how far it moves, what it has tried, and its structure on the way."""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sparsekit.graphs import directed, nulls
from sparsekit.graphs.balance import balanced_triads, expected_balance
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask
from sparsekit.seeds import derive
from sparsekit.variants import GATES

NULL_OF = {"degree_inequality": "random", "average_clustering": "rewired", "reciprocity": "rewired"}
"""The null model that each property stands beside: as many edges, or as many into and out of each unit."""
BALANCE = "balanced_triads"
"""The property of signed weights; its null is the mean over all places of the signs."""
LOOKS = 5
"""Moments of training at which structure is measured."""


class Trace:
    """What is noted of one network's recurrent weights while it trains: every mask's weights, and signs now and then.

    `note` it before the first step, before each update of the mask and after the last step; and `after` each update.
    """

    def __init__(self, network: Classifier):
        self.variant, self.first = network.variant, Mask.of(network)
        self.ever, self.last = self.first.copy(), self.first.copy()
        self.signs: dict[int, dict[str, Tensor]] = {}

    def note(self, network: Classifier, step: int) -> None:
        """Keep the signs of the hidden-to-hidden weights after so many steps."""
        self.after(network)
        names = [name for name in self.first if name.endswith("weight_hh")]
        self.signs[step] = {n: (network.get_parameter(n).detach().sign() * self.last[n]).to(torch.int8) for n in names}

    def after(self, network: Classifier) -> None:
        """Count the weights that exist now as tried."""
        self.last = Mask.of(network)
        self.ever = Mask({name: tried | self.last[name] for name, tried in self.ever.items()})

    def moved(self) -> dict[str, float]:
        """distance, ever_alive, density: how far the mask has come, of all recurrent matrices together.

        Distance is the share of the first mask's weights that the last one lacks; of two random masks it is 1 less the
        density. Ever alive is the share of all entries that existed at any time, the in-time over-parameterisation of
        Liu, Yin, Mocanu & Pechenizkiy, *Do we actually need dense over-parameterization?*, 2021.
        """
        entries = sum(exists.numel() for exists in self.first.values())
        began = sum(int(exists.sum()) for exists in self.first.values())
        stayed = sum(int((exists & self.last[name]).sum()) for name, exists in self.first.items())
        return {
            "distance": 1 - stayed / max(began, 1),
            "ever_alive": sum(int(tried.sum()) for tried in self.ever.values()) / entries,
            "density": 1 - self.last.sparsity,
        }

    def structure(self, seed: int) -> pd.DataFrame:
        """`structure` at the first step, at the last, and evenly between as far as was noted: column step first."""
        steps = sorted(self.signs)
        wanted = np.linspace(steps[0], steps[-1], LOOKS)
        shown = sorted({min(steps, key=lambda step: abs(step - at)) for at in wanted})
        parts = [structure(self.signs[step], self.variant, derive("structure", seed)) for step in shown]
        return pd.concat(parts, keys=shown, names=["step"]).reset_index("step")


def structure(signs: Mapping[str, Tensor], variant: str, seed: int) -> pd.DataFrame:
    """Properties of hidden-to-hidden masks as directed graphs, gate by gate, each beside its null model.

    Parameters
    ----------
    signs : mapping of name to Tensor
        Square blocks of signed weights, one a gate, of each layer; 0 where none exists.

    Returns
    -------
    DataFrame
        Columns layer, gate, property, value, null (of one null model; for "balanced_triads" the mean over all).
    """
    rows = []
    for layer, matrix in enumerate(signs.values()):
        for gate, block in zip(GATES[variant], np.split(matrix.numpy(), len(GATES[variant])), strict=True):
            exists, own_seed = block != 0, derive(seed, layer, gate)
            values = _beside_nulls(exists.tobytes(), len(exists), own_seed)
            values = values | {BALANCE: (balanced_triads(block), expected_balance(block))}
            rows += [(layer, gate, name, *pair) for name, pair in values.items()]
    return pd.DataFrame(rows, columns=["layer", "gate", "property", "value", "null"])


@lru_cache(maxsize=256)  # a mask that stays is looked at several times
def _beside_nulls(mask: bytes, units: int, seed: int) -> dict[str, tuple[float, float]]:
    exists = np.frombuffer(mask, dtype=bool).reshape(units, units)
    own, found = directed.measure_directed(exists, NULL_OF), {}
    for name, null in NULL_OF.items():
        found[name] = own[name], directed.measure_directed(nulls.mask_like(exists, null, seed), [name])[name]
    return found
