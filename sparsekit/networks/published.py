"""The published networks and tables, read from a local clone of the author's repository (harshildarji/thesis).

Evidence from outside, none of which the kit ships: with the published weights its networks must reach the accuracies.
"""

import pickle
import re
from collections.abc import Sequence
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sparsekit import variants
from sparsekit.graphs.structure import layers, orient
from sparsekit.networks.build import side_by_side
from sparsekit.networks.classifier import Classifier, Stage
from sparsekit.registry import check_name
from sparsekit.tasks.samples import Strings, Task

VARIANTS = {name.upper(): name for name in variants.VARIANTS}
"""The repository's names of the four variants, and the kit's."""

FAMILIES = ("barabasi_albert", "watts_strogatz")
KEPT = ("embedding.weight", "out.weight", "out.bias")
"""Published parameters beside those of the recurrent layers."""


class PublishedError(ValueError):
    """A file of the published study that is not there or not what it should be."""


class Study:
    """The published study in a clone of the author's repository.

    `path` is the clone, or its folder ``Implementations``. Variants are named as there ("LSTM") or as in the kit.

    Raises
    ------
    PublishedError
        If the folder is no such clone.
    """

    def __init__(self, path: str | Path):
        path = Path(path)
        self.root = path if path.name == "Implementations" else path / "Implementations"
        missing = [part for part in ("dataset", "experiments") if not (self.root / part).is_dir()]
        if missing:
            lacks = f"it has no folder Implementations/{missing[0]}"
            raise PublishedError(f"{path} is no clone of the author's repository (harshildarji/thesis): {lacks}")

    def task(self) -> Task:
        """The published strings in the published split, one of which stands in both parts."""
        splits = [pd.read_csv(self._file("dataset", f"{name}_data.csv")) for name in ("train", "test")]
        parts = (Strings(t["string"].tolist(), t["valid"].to_numpy(np.int64)) for t in splits)
        return Task("published", *parts, apart=False)

    def results(self, variant: str) -> pd.DataFrame:
        """The recorded graph networks of a variant, columns as published, one row each."""
        return pd.read_csv(self._file("experiments", "results", "structure", f"{_name(variant).lower()}.csv"))

    def pruning(self, variant: str) -> pd.DataFrame:
        """The recorded pruning study of a variant, columns as published, one row an epoch."""
        return pd.read_csv(self._file("experiments", "results", "prune", f"{_name(variant).lower()}.csv"))

    def networks(self) -> list[tuple[str, str, int]]:
        """Every (variant, family, number) whose weights and graph are in this clone, in that order."""
        named = re.compile(rf"({'|'.join(VARIANTS)})/({'|'.join(FAMILIES)})_(\d+)\.pt")
        folder = self.root / "experiments" / "state_dicts" / "structure"
        found = (named.fullmatch(file.relative_to(folder).as_posix()) for file in folder.glob("*/*.pt"))
        return sorted((match[1], match[2], int(match[3])) for match in found if match)

    def graph(self, variant: str, family: str, number: int) -> nx.Graph:
        """The undirected graph of a published network."""
        return read_graph_pickle(
            self._file("experiments", "graphs", _name(variant), _stem(family, number) + ".gpickle")
        )

    def base(self, variant: str) -> Classifier:
        """The trained base network of the pruning study."""
        return _classifier(variant, self._state("prune", f"{_name(variant).lower()}.pt"))

    def network(self, variant: str, family: str, number: int) -> Classifier:
        """A published graph network with its published weights and masks, ready to evaluate or to train on."""
        state = self._state("structure", _name(variant), _stem(family, number) + ".pt")
        digraph = orient(self.graph(variant, family, number))
        layer = {node: k for k, nodes in enumerate(layers(digraph)) for node in nodes}
        skips = sorted({(layer[v], layer[u]) for u, v in digraph.edges if layer[v] - layer[u] > 1})
        return _classifier(variant, state, skips)

    def _state(self, *parts: str) -> dict[str, Tensor]:
        return torch.load(self._file("experiments", "state_dicts", *parts), map_location="cpu", weights_only=True)

    def _file(self, *parts: str) -> Path:
        file = self.root.joinpath(*parts)
        if not file.is_file():
            raise PublishedError(f"{file} is not in this clone")
        return file


def _name(variant: str) -> str:
    check_name("variant", variant.upper(), VARIANTS)
    return variant.upper()


def _stem(family: str, number: int) -> str:
    check_name("graph family", family, FAMILIES)
    return f"{family}_{int(number)}"


def _classifier(variant: str, state: dict[str, Tensor], skips: Sequence[tuple[int, int]] = ()) -> Classifier:
    """Put published cells, among them those of skips (stage, stage read), into the kit's stages."""
    variant = VARIANTS[_name(variant)]
    count = len({key.split(".")[2] for key in state if key.startswith("recurrent.recurrent_layers.")})
    found = {(k, k - 1): f"recurrent.recurrent_layers.{k}" for k in range(count)}
    found |= {skip: f"recurrent.skip_layers.{number}" for number, skip in enumerate(skips)}
    stages, values = [], {name.replace("out.", "readout."): state[name] for name in KEPT}
    for k in range(count):
        cells = {source: prefix for (target, source), prefix in found.items() if target == k}
        joined = {}
        for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "mask_i2h", "mask_h2h"):
            own = [state[f"{prefix}.{part}"].numpy() for prefix in cells.values()]
            joined[part] = side_by_side([a.reshape(len(a), -1) for a in own], len(variants.GATES[variant]))
        nodes = joined["weight_hh"].shape[1] // len(cells)
        masks = {kind: joined[f"mask_{part}"].astype(bool) for kind, part in (("ih", "i2h"), ("hh", "h2h"))}
        stages.append(Stage(variant, list(cells), nodes, masks["ih"], masks["hh"]))
        for kind, mask in masks.items():
            values[f"stages.{k}.weight_{kind}"] = torch.from_numpy(joined[f"weight_{kind}"] * mask)
            # A vector: each cell has one column, its own.
            values[f"stages.{k}.bias_{kind}"] = torch.from_numpy(joined[f"bias_{kind}"].sum(1))
    vocabulary, width = state["embedding.weight"].shape
    network = Classifier(variant, stages, width, vocabulary, len(state["out.bias"]))
    network.load_state_dict(values, strict=False)
    return network


class _GraphUnpickler(pickle.Unpickler):
    """Admits the networkx Graph class and dict; a pickle that names anything else could run code."""

    def find_class(self, module: str, name: str) -> type:
        admitted = {("networkx.classes.graph", "Graph"): nx.Graph, ("builtins", "dict"): dict}
        if (module, name) not in admitted:
            raise PublishedError(f"it names {module}.{name}, which no pickled graph needs")
        return admitted[module, name]


def read_graph_pickle(path: str | Path) -> nx.Graph:
    """Read a pickled undirected networkx graph, admitting no other class than Graph and plain containers.

    Raises
    ------
    PublishedError
        If the pickle names anything else, is damaged, or holds no simple graph.
    """
    try:
        with open(path, "rb") as file:
            graph = _GraphUnpickler(file).load()
        if type(graph) is not nx.Graph:
            raise PublishedError(f"it holds a {type(graph).__name__}")
        # A fresh graph, rebuilt from nodes and edges, keeps nothing else that the pickle may have set.
        clean = nx.Graph()
        clean.add_nodes_from(sorted(graph.nodes))
        clean.add_edges_from(graph.edges)
    except PublishedError as error:
        raise PublishedError(f"{path} is not read as a graph: {error}") from None
    except Exception as error:  # damaged pickles raise almost anything
        raise PublishedError(f"{path} is no pickled graph: {type(error).__name__}: {error}") from None
    return clean
