"""The published networks and tables, read from a local clone of the author's repository (harshildarji/thesis).

Evidence from outside, none of which the kit ships: with the published weights its networks must reach the accuracies.
"""

import io
import pickle
import pickletools
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
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
from sparsekit.registry import beyond, brief, check_name
from sparsekit.tasks.samples import Strings, Task

VARIANTS = {name.upper(): name for name in variants.VARIANTS}
"""The repository's names of the four variants, and the kit's."""

FAMILIES = ("barabasi_albert", "watts_strogatz")
KEPT = ("embedding.weight", "out.weight", "out.bias")
"""Published parameters beside those of the recurrent layers."""
BYTES = 2**28
"""Most bytes of a file, unless the environment allows more."""


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
        parts = []
        for name in ("train", "test"):
            with self._file("dataset", f"{name}_data.csv") as file:
                table = pd.read_csv(file)
                parts.append(Strings(table["string"].tolist(), table["valid"].to_numpy(np.int64)))
        return Task("published", *parts, apart=False)

    def results(self, variant: str) -> pd.DataFrame:
        """The recorded graph networks of a variant, columns as published, one row each."""
        with self._file("experiments", "results", "structure", f"{_name(variant).lower()}.csv") as file:
            return pd.read_csv(file)

    def pruning(self, variant: str) -> pd.DataFrame:
        """The recorded pruning study of a variant, columns as published, one row an epoch."""
        with self._file("experiments", "results", "prune", f"{_name(variant).lower()}.csv") as file:
            return pd.read_csv(file)

    def networks(self) -> list[tuple[str, str, int]]:
        """Every (variant, family, number) whose weights and graph are in this clone, in that order."""
        named = re.compile(rf"({'|'.join(VARIANTS)})/({'|'.join(FAMILIES)})_(\d+)\.pt")
        folder = self.root / "experiments" / "state_dicts" / "structure"
        found = (named.fullmatch(file.relative_to(folder).as_posix()) for file in folder.glob("*/*.pt"))
        return sorted((match[1], match[2], int(match[3])) for match in found if match)

    def graph(self, variant: str, family: str, number: int) -> nx.Graph:
        """The undirected graph of a published network."""
        with self._file("experiments", "graphs", _name(variant), _stem(family, number) + ".gpickle") as file:
            return read_graph_pickle(file)

    def base(self, variant: str) -> Classifier:
        """The trained base network of the pruning study."""
        return self._classifier(variant, [], "prune", f"{_name(variant).lower()}.pt")

    def network(self, variant: str, family: str, number: int) -> Classifier:
        """A published graph network with its published weights and masks, ready to evaluate or to train on."""
        digraph = orient(self.graph(variant, family, number))
        layer = {node: k for k, nodes in enumerate(layers(digraph)) for node in nodes}
        skips = sorted({(layer[v], layer[u]) for u, v in digraph.edges if layer[v] - layer[u] > 1})
        return self._classifier(variant, skips, "structure", _name(variant), _stem(family, number) + ".pt")

    def _classifier(self, variant: str, skips: Sequence[tuple[int, int]], *parts: str) -> Classifier:
        state = self._state(*parts)
        with self._file("experiments", "state_dicts", *parts):
            return _classifier(variant, state, skips)

    def _state(self, *parts: str) -> dict[str, Tensor]:
        with self._file("experiments", "state_dicts", *parts) as file:
            if zipfile.is_zipfile(file):  # a member may be packed, and unpack to more than any memory holds
                with zipfile.ZipFile(file) as members:
                    _check_size(file, sum(member.file_size for member in members.infolist()))
            state = torch.load(file, map_location="cpu", weights_only=True)
            if not isinstance(state, dict) or not all(type(tensor) is Tensor for tensor in state.values()):
                raise PublishedError(f"{file} is no mapping of names to tensors")
            _check_size(file, sum(tensor.numel() for tensor in state.values()))  # a tensor may repeat one number
            return state

    @contextmanager
    def _file(self, *parts: str) -> Iterator[Path]:
        """A file to read; whatever its reader raises inside is a `PublishedError` that names it."""
        file = self.root.joinpath(*parts)
        if not file.is_file():
            raise PublishedError(f"{file} is not in this clone")
        _check_size(file, file.stat().st_size)
        try:
            yield file
        except PublishedError:
            raise
        except Exception as error:  # pandas, pickle and torch raise whatever damage makes them
            raise PublishedError(brief(f"{file} cannot be read: {type(error).__name__}: {error}")) from None


def _check_size(file: Path, size: int) -> None:
    if refused := beyond(size, BYTES):
        raise PublishedError(f"{file} holds {size:,} bytes or numbers; {refused}")


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


HASHED = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "FROZENSET", "EMPTY_SET", "ADDITEMS", "REDUCE", "OBJ", "INST"}


class _GraphUnpickler(pickle.Unpickler):
    """Admits the networkx Graph class and dict; a pickle that names anything else could run code."""

    @classmethod
    def check(cls, held: bytes) -> None:
        """Refuse, before anything is made of it, classes that no graph needs, and tuples: nested they hash for ever."""
        texts = ["", ""]
        for code, argument, _ in pickletools.genops(held):
            if isinstance(argument, str):
                texts = [texts[1], argument]
            if code.name in ("GLOBAL", "STACK_GLOBAL"):
                cls.admitted(*(argument.split(" ", 1) if argument else texts))
            if code.name in HASHED:
                raise PublishedError(f"it holds {code.name}, which no pickled graph needs")

    def find_class(self, module: str, name: str) -> type:
        return self.admitted(module, name)

    @staticmethod
    def admitted(module: str, name: str) -> type:
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
        held = Path(path).read_bytes()
        _GraphUnpickler.check(held)
        graph = _GraphUnpickler(io.BytesIO(held)).load()
        if type(graph) is not nx.Graph:
            raise PublishedError(f"it holds a {type(graph).__name__}")
        # A fresh graph, rebuilt from nodes and edges, keeps nothing else that the pickle may have set.
        clean = nx.Graph()
        if not all(type(node) is int for node in [*graph.nodes, *chain(*graph.edges)]):
            raise PublishedError("its nodes are not all numbers")
        clean.add_nodes_from(sorted(graph.nodes))
        clean.add_edges_from(graph.edges)
    except PublishedError as error:
        raise PublishedError(brief(f"{path} is not read as a graph: {error}")) from None
    except Exception as error:  # damaged pickles raise almost anything
        raise PublishedError(brief(f"{path} is no pickled graph: {type(error).__name__}: {error}")) from None
    return clean
