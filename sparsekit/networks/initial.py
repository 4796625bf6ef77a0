"""Initial weights under control: the same base weights whatever the mask, and two scales that can be made equal."""

from itertools import chain
from typing import NamedTuple

import networkx as nx
import numpy as np
import torch
from scipy.optimize import brentq
from torch import Tensor

from sparsekit.graphs import structure as graphs
from sparsekit.networks.classifier import Classifier, Stage
from sparsekit.networks.core import EMBEDDING, read
from sparsekit.networks.training import Encoded
from sparsekit.seeds import derive
from sparsekit.tasks.samples import Task
from sparsekit.variants import GATES

PROBED = 128
"""Training strings over which activity is measured."""

EQUAL = 0.01
"""Two scales are matched where they differ by no larger share than this."""

REACH = np.log(16)
"""How far input weights are scaled up or down, as a logarithm, in search of the activity that is asked for."""


class Scales(NamedTuple):
    """What a network does before it has learnt anything.

    Attributes
    ----------
    radius : array, shape (gates,)
        Spectral radius of each gate's hidden-to-hidden weights, the largest of all cells.
    activity : float
        Root mean square, over training strings and units, of the states that the readout sees at one step of each.
    """

    radius: np.ndarray
    activity: float


def share(network: Classifier, graph: nx.Graph, seed: int) -> None:
    """Give a network of a graph initial weights that depend on its nodes and a seed, not on its edges.

    A weight from node to node, where it exists, is the same in all graphs of these nodes, but for the width of their
    layer, whose root it is divided by as in torch. Where an edge has a ``sign``, its hidden-to-hidden weight gets it.

    Parameters
    ----------
    graph : networkx.Graph
        What the network was built from: oriented already, if it has layers.
    """
    nodes, gates = sorted(graph), len(GATES[network.variant])
    n, place = len(nodes), {node: k for k, node in enumerate(nodes)}
    several = len(network.stages) > 1
    layers = [[place[node] for node in layer] for layer in graphs.layers(graph)] if several else [list(range(n))]
    with torch.no_grad():
        for own, stage in zip(layers, network.stages, strict=True):
            _share(stage, layers, own, (n, gates), seed)
        if network.stages[0].reads == (EMBEDDING,) and not several:
            _sign(network.stages[0], graph, gates)
        read_by = [*chain(*layers)] if network.reads_all or not several else layers[-1]
        bound = len(read_by) ** -0.5
        network.readout.weight.copy_(bound * _base("readout", seed, network.readout.out_features, n)[:, read_by])
        network.readout.bias.copy_(bound * _base("readout bias", seed, network.readout.out_features))
        if not network.features:
            shape, stream = network.embedding.weight.shape, torch.Generator().manual_seed(derive("embedding", seed))
            # By columns, so that a narrower embedding is a part of a wider one.
            network.embedding.weight.copy_(torch.randn(*reversed(shape), generator=stream).T)


def _share(stage: Stage, layers: list, own: list[int], sizes: tuple[int, int], seed: int) -> None:
    n, gates = sizes
    bound, within = len(own) ** -0.5, np.ix_(range(gates), own, own)
    inputs = {EMBEDDING: range(stage.mask_ih.shape[1])} | dict(enumerate(layers))
    for name, width in (("ih", stage.mask_ih.shape[1]), ("hh", stage.cells * len(own))):
        blocks = torch.zeros(gates, stage.cells, len(own), width)
        start = 0
        for cell, source in enumerate(stage.reads):
            columns = inputs[source]
            part = slice(start, start + len(columns)) if name == "ih" else slice(cell * len(own), (cell + 1) * len(own))
            if name == "hh":
                blocks[:, cell, :, part] = _base(("hh", source), seed, gates, n, n)[within]
            elif source == EMBEDDING:  # by columns, as the embedding
                wide = _base("inputs", seed, len(columns), gates, n).permute(1, 2, 0)
                blocks[:, cell, :, part] = wide[:, own]
            else:
                blocks[:, cell, :, part] = _base("ih", seed, gates, n, n)[np.ix_(range(gates), own, columns)]
            start += len(columns)
        weight, mask = getattr(stage, f"weight_{name}"), getattr(stage, f"mask_{name}")
        weight.copy_(bound * blocks.flatten(0, 2) * mask)
        bias = _base(("bias", name), seed, gates, n)[:, own]
        getattr(stage, f"bias_{name}").copy_(bound * bias[:, None].expand(-1, stage.cells, -1).flatten())


def _base(what: object, seed: int, *shape: int) -> Tensor:
    """Numbers uniform on -1 … 1 that depend on nothing but what they are for, a seed and the shape."""
    return torch.rand(*shape, generator=torch.Generator().manual_seed(derive(what, seed))) * 2 - 1


def _sign(stage: Stage, graph: nx.Graph, gates: int) -> None:
    signs = nx.to_numpy_array(graph, sorted(graph), weight="sign", nonedge=0).T
    if not (signs < 0).any():
        return
    tiled = torch.tensor(np.tile(signs, (gates, 1)), dtype=stage.weight_hh.dtype)
    stage.weight_hh.copy_(stage.weight_hh.abs() * tiled)


class Probe:
    """Training strings, each with one step drawn at random, on which activity is measured."""

    def __init__(self, task: Task, seed: int = 0):
        strings = Encoded(task.train.subset(range(min(PROBED, len(task.train)))))
        stream = np.random.default_rng(derive("probe", seed))
        self.inputs, self.positions = strings.inputs, torch.as_tensor(stream.integers(0, strings.lengths))

    def activity(self, network: Classifier) -> float:
        """Root mean square of the states that the readout sees."""
        layout, mask = network.layout, network.flat_mask()[None]
        with torch.no_grad():
            seen = read(layout, layout.flat(network.parameters())[None], mask, self.inputs, self.positions)
        return float(seen.double().square().mean().sqrt())


def scales(network: Classifier, probe: Probe) -> Scales:
    """Spectral radius by gate, and activity, of a network as it is."""
    gates, radii = len(GATES[network.variant]), []
    for stage in network.stages:
        for cell in range(stage.cells):
            own = slice(cell * stage.nodes, (cell + 1) * stage.nodes)
            blocks = stage.weight_hh.detach().double().view(gates, stage.cells, stage.nodes, -1)[:, cell, :, own]
            radii.append(np.abs(np.linalg.eigvals(blocks.numpy())).max(axis=1))
    return Scales(np.max(radii, axis=0), probe.activity(network))


def match(network: Classifier, wanted: Scales, probe: Probe) -> bool:
    """Scale a network's initial weights until its scales are those wanted; whether they are, within `EQUAL`.

    Hidden-to-hidden weights are scaled gate by gate, then input-to-hidden weights and biases of the gate that makes the
    new state, the same for all stages. A radius of 0 stays 0, and an activity out of reach is left.
    """
    now, gates = scales(network, probe), len(GATES[network.variant])
    factor = np.divide(wanted.radius, now.radius, out=np.ones(gates), where=(now.radius > 0) & (wanted.radius > 0))
    new = list(GATES[network.variant]).index({"gru": "n", "lstm": "g"}.get(network.variant, "-"))
    with torch.no_grad():
        for stage in network.stages:
            blocks = stage.weight_hh.view(gates, -1)
            blocks.mul_(torch.tensor(factor, dtype=blocks.dtype)[:, None])
    inputs = [p for stage in network.stages for p in (stage.weight_ih, stage.bias_ih, stage.bias_hh)]
    before = [parameter.detach().clone() for parameter in inputs]

    def beyond(exponent: float) -> float:
        with torch.no_grad():
            for parameter, was in zip(inputs, before, strict=True):
                rows = slice(new * len(was) // gates, (new + 1) * len(was) // gates)
                parameter[rows] = was[rows] * float(np.exp(exponent))
        return np.log(max(probe.activity(network), 1e-30) / max(wanted.activity, 1e-30))

    if abs(beyond(0.0)) > EQUAL / 10 and beyond(-REACH) < 0 < beyond(REACH):
        beyond(brentq(beyond, -REACH, REACH, xtol=EQUAL / 20))
    elif abs(beyond(0.0)) > EQUAL / 10:
        beyond(0.0)
    return matched(scales(network, probe), wanted)


def matched(one: Scales, other: Scales) -> bool:
    """Whether two networks' scales are equal, within `EQUAL`; two radii of 0 are."""
    pairs = [*zip(one.radius, other.radius, strict=True), (one.activity, other.activity)]
    return all(abs(a - b) <= EQUAL * max(abs(a), abs(b)) for a, b in pairs)
