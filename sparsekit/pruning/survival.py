"""Where the weights of a pruned network survive: by layer, matrix, gate and unit."""

import math
from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from torch import Tensor

from sparsekit.networks.classifier import Classifier
from sparsekit.registry import check_name
from sparsekit.variants import GATES, MATRICES


def survivors(mask: Mapping[str, Tensor] | Classifier, variant: str = "") -> pd.DataFrame:
    """How many weights of each gate of each matrix exist.

    Of a network or a mask; a mask needs the variant, and its layers count in the order of the matrices' names. Columns:
    layer, matrix ("input-to-hidden", "hidden-to-hidden"), gate, weights, survivors, share.
    """
    rows = [
        (layer, MATRICES[kind], gate, exists.size, int(exists.sum()), float(exists.mean()))
        for layer, matrices in enumerate(_blocks(mask, variant))
        for kind, gates in matrices.items()
        for gate, exists in gates.items()
    ]
    return pd.DataFrame(rows, columns=["layer", "matrix", "gate", "weights", "survivors", "share"])


def dead_units(mask: Mapping[str, Tensor] | Classifier, variant: str = "") -> pd.DataFrame:
    """How many hidden units of stacked layers have lost what they read, or those that read them.

    A gate of a unit has *no input* where all its incoming weights, from the layer below and from its own layer, are
    gone: it is a constant. A unit has *no output* to a gate where no weight leads from it to this gate of any unit,
    in its own layer or in the next; the readout is never pruned, so each unit of the last layer has one. A gate of a
    unit is *dead* where no path leads to it from the network's input, or none from the unit to the readout. Biases
    count as nothing, and so does the direct path by which a cell of a GRU or LSTM keeps its own state. Arguments are as
    of `survivors`.

    Columns: layer, gate, units, no_input, no_output, dead; the last three are numbers of units. Gate "all" counts the
    units of which it is true in every gate.

    Raises
    ------
    ValueError
        Where a layer reads another than the one before, the readout another than the last, or a matrix is lacking.
    """
    layers = _blocks(mask, variant)
    if not all(len(layer) == len(MATRICES) for layer in layers):
        raise ValueError(f"dead units are counted from both matrices of each layer; this mask has {', '.join(mask)}")
    feeds = [{name: np.stack(list(gates.values())) for name, gates in layer.items()} for layer in layers]
    widths = [feed["hh"].shape[2] for feed in feeds]
    inputs = [feed["ih"].shape[2] for feed in feeds[1:]]
    if inputs != widths[:-1] or getattr(mask, "reads_all", False):
        raise ValueError("dead units are counted where each layer reads the one before, and the readout the last")
    reached = [np.ones(feeds[0]["ih"].shape[2], dtype=bool)]
    for feed in feeds:
        reached.append(_closure((feed["ih"] & reached[-1]).any((0, 2)), feed["hh"].any(0)))
    # Backwards: what the next layer's leading units read leads, and what these read in their own layer.
    leads = [np.ones(widths[-1], dtype=bool)]
    for feed, above in zip(feeds[-2::-1], feeds[:0:-1], strict=True):
        read = (above["ih"] & leads[0][:, None]).any((0, 1))
        leads.insert(0, _closure(read, feed["hh"].any(0).T))
    rows = []
    for k, feed in enumerate(feeds):
        into, within = feed["ih"], feed["hh"]
        above = feeds[k + 1]["ih"].any(1) if k + 1 < len(feeds) else True
        fed = (into & reached[k]).any(2) | (within & reached[k + 1]).any(2)
        counted = {
            "no_input": ~(into.any(2) | within.any(2)),
            "no_output": ~(within.any(1) | above),
            "dead": ~(fed & leads[k]),
        }  # each (gates, units)
        for g, gate in enumerate([*layers[k]["hh"], "all"]):
            units = {name: is_so.all(0) if gate == "all" else is_so[g] for name, is_so in counted.items()}
            rows.append({"layer": k, "gate": gate, "units": widths[k]} | {n: int(u.sum()) for n, u in units.items()})
    return pd.DataFrame(rows)


def spectral_radius(network: Classifier) -> pd.DataFrame:
    """Largest absolute eigenvalue of each gate's block of the hidden-to-hidden weights.

    In a simple cell it says whether a small state fades (below 1) or can stay. In GRU and LSTM it says how strongly a
    gate listens to the state; the direct path keeps the past at any radius.
    Columns: layer, gate, spectral_radius; NaN where training diverged.
    """
    rows, gates = [], GATES[network.variant]
    for layer, stage in enumerate(network.stages):
        weight = (stage.weight_hh.detach() * stage.mask_hh).double().cpu().numpy()
        for gate, block in zip(gates, np.split(weight, len(gates)), strict=True):
            finite = np.isfinite(block).all()
            rows.append((layer, gate, float(np.abs(np.linalg.eigvals(block)).max()) if finite else math.nan))
    return pd.DataFrame(rows, columns=["layer", "gate", "spectral_radius"])


def _blocks(mask: Mapping[str, Tensor] | Classifier, variant: str) -> list[dict[str, dict[str, np.ndarray]]]:
    """Each layer's mask as bool arrays, by matrix and gate."""
    if isinstance(mask, Classifier):
        mask, variant = mask.masks(), mask.variant
    check_name("variant", variant, GATES)
    kinds: dict[str, list] = {}  # a mask may hold one of them alone
    for kind, (name, tensor) in product(MATRICES, mask.items()):
        if f"weight_{kind}" in name:
            blocks = np.split(tensor.cpu().numpy() != 0, len(GATES[variant]))
            kinds.setdefault(kind, []).append(dict(zip(GATES[variant], blocks, strict=True)))
    return [dict(zip(kinds, matrices, strict=True)) for matrices in zip(*kinds.values(), strict=True)]


def _closure(start: np.ndarray, links: np.ndarray) -> np.ndarray:
    """The units that can be reached from those of ``start``, where ``links[i, j]`` leads from j to i."""
    reached = start
    while (more := reached | (links & reached).any(1)).sum() > reached.sum():
        reached = more
    return reached
