"""A network run step by step, with its past cut off wherever one asks.

A cell takes its past in by two paths. *Hidden*: the state before, through the hidden-to-hidden weights, into the gates;
simple cells have no other. *Carry*: the direct path, past those weights, f·c in an LSTM and z·h in a GRU. A cut sets
what a path brings to 0.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, sigmoid, tanh

from sparsekit.cores import EMBEDDING
from sparsekit.networks import Classifier, Stage
from sparsekit.registry import UnknownName, unknown

PATHS = {"rnn_tanh": ("hidden",), "rnn_relu": ("hidden",), "gru": ("hidden", "carry"), "lstm": ("hidden", "carry")}
"""The paths by which each variant's cell takes its past in."""


def run(
    network: Classifier,
    inputs: Tensor,
    positions: Tensor | None = None,
    cut: Mapping[str, Tensor | bool] | None = None,
) -> Tensor:
    """Logits, as the network computes them, step by step, with paths cut in all layers.

    Parameters
    ----------
    network : Classifier
    inputs : int64 Tensor, shape (batch, steps), or float Tensor, shape (batch, steps, features)
    positions : int64 Tensor, shape (batch,), optional
        Step at which each sequence is read; the last where not given.
    cut : mapping of path to bool Tensor, shape (batch, steps), optional
        Where true, the step takes in 0 by this path, in place of what the step before left. True is all steps.

    Returns
    -------
    Tensor, shape (batch, classes)
        Without gradients.

    Raises
    ------
    UnknownName
        For a path that the network's cells do not have.
    """
    for path in cut or ():
        if path not in PATHS[network.variant]:
            raise UnknownName(unknown(f"path of {network.variant}", path, PATHS[network.variant]))
    batch, steps = inputs.shape[:2]
    kept = {path: ~torch.as_tensor(where).expand(batch, steps) for path, where in (cut or {}).items()}
    outputs: list[Tensor] = []
    with torch.no_grad():
        first = inputs if network.features else network.embedding(inputs)
        for stage in network.stages:
            x = torch.cat([first if source == EMBEDDING else outputs[source] for source in stage.reads], -1)
            outputs.append(_layer(network.variant, stage, x, kept).unflatten(-1, (stage.cells, stage.nodes)).sum(-2))
        seen = torch.cat(outputs if network.reads_all else outputs[-1:], -1)
        return network.readout(seen[torch.arange(batch), -1 if positions is None else positions])


def _layer(variant: str, stage: Stage, x: Tensor, kept: Mapping[str, Tensor]) -> Tensor:
    """Hidden states of a stage, (batch, steps, hidden)."""
    w_hh = (stage.weight_hh * stage.mask_hh).T
    inputs = x @ (stage.weight_ih * stage.mask_ih).T + stage.bias_ih
    h = c = x.new_zeros(len(x), len(w_hh))
    states = []
    for t in range(x.shape[1]):
        past = {"hidden": h, "carry": c if variant == "lstm" else h}
        past |= {path: past[path] * keep[:, t, None] for path, keep in kept.items()}
        a, b = inputs[:, t], past["hidden"] @ w_hh + stage.bias_hh
        if variant == "rnn_tanh":
            h = tanh(a + b)
        elif variant == "rnn_relu":
            h = torch.relu(a + b)
        elif variant == "gru":
            (a_r, a_z, a_n), (b_r, b_z, b_n) = a.chunk(3, 1), b.chunk(3, 1)
            z = sigmoid(a_z + b_z)
            h = (1 - z) * tanh(a_n + sigmoid(a_r + b_r) * b_n) + z * past["carry"]
        else:
            i, f, g, o = (a + b).chunk(4, 1)
            c = sigmoid(f) * past["carry"] + sigmoid(i) * tanh(g)
            h = sigmoid(o) * tanh(c)
        states.append(h)
    return torch.stack(states, 1)


def at_step(lengths: Sequence[int], steps: int, k: int) -> Tensor:
    """Where each string has its character k, counted as Python counts: 0 is the first, -1 the last.

    Returns
    -------
    bool Tensor, shape (strings, steps)
        All false in the row of a string that is too short.

    >>> at_step([3, 1], 4, -2).int().tolist()
    [[0, 1, 0, 0], [0, 0, 0, 0]]
    """
    lengths = torch.as_tensor(lengths)
    place = lengths + k if k < 0 else torch.full_like(lengths, k)
    return (torch.arange(steps) == place[:, None]) & (place < lengths)[:, None]
