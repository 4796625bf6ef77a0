"""Units of the structure study: networks made from graphs."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import ClassVar

import networkx as nx
import pandas as pd

from sparsekit.experiments.identity import Result, Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.pruning import PrunedNetwork, protocol_networks, protocols, pruned_networks
from sparsekit.experiments.records import Store
from sparsekit.experiments.units import Strings, computed, probed, recipe, strings, training_cost
from sparsekit.graphs import designs, directed, files, nulls, properties
from sparsekit.graphs import structure as graphs
from sparsekit.networks import build, measures
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Recipe, train
from sparsekit.pruning.masks import Mask
from sparsekit.seeds import derive
from sparsekit.variants import GATE_MASKS, GATES


@dataclass(frozen=True)
class GraphNetwork(Unit):
    """A network whose structure follows a graph, trained.

    `graph` numbers the graphs that a generator draws; a user's graph is known by the digest of its file, wherever that
    lies. With `null`, the graph is replaced by that null model of it.
    """

    kind: ClassVar[str] = "graph_network"
    trains: ClassVar[bool] = True
    strings: Strings
    variant: str
    generator: str
    graph: int | str
    seed: int
    recipe: Recipe
    nodes_min: int = 10
    nodes_max: int = 50
    draw: int = 0
    gate_masks: str = "blocks"
    design: str = "published"
    structure: str = "layered"
    interface: int = 0
    orientation: str = "by_node"
    null: str = ""
    path: str = field(default="", compare=False)

    @property
    def cost(self) -> float:
        nodes = self.drawn().number_of_nodes()
        return training_cost(self.strings, self.recipe, self.variant) * (nodes / 30) ** 1.7

    @property
    def name(self) -> int | str:
        """The graph's number, or the name of its file."""
        return f"{Path(self.path).stem} ({self.graph[:6]})" if self.path else self.graph

    def drawn(self) -> nx.Graph:
        """The graph: undirected, unless it becomes the weights of one recurrent layer and has directions."""
        cyclic = self.structure == "recurrent"
        if self.path:
            graph = files.read(self.path, directed=cyclic, loops=cyclic)
            # A null model of edges that all lead both ways has edges that do.
            cyclic = cyclic and not _both_ways(graph)
        else:
            graph = _draw(self.design, self.generator, self.graph, self.draw, self.nodes_min, self.nodes_max)
        graph = graph if cyclic else graphs.undirected(graph)
        return nulls.NULLS[self.null](graph, derive("null model", self.null, self.graph)) if self.null else graph

    def network(self) -> Classifier:
        """The network as initialised."""
        task = self.strings.make()
        seed = derive("initial weights", self.generator, self.graph, self.seed)
        options = {"classes": task.classes, "features": task.features, "seed": seed}
        if self.structure == "recurrent":
            return build.recurrent(self.variant, self.drawn(), self.interface or EMBEDDING_SIZE, **options)
        return build.layered(
            self.variant, self.oriented(), gate_masks=self.gate_masks, interface=self.interface, **options
        )

    def oriented(self) -> nx.DiGraph:
        """The acyclic graph of its layers, the same for all seeds; of a recurrent one, what its layers would be."""
        seed = derive("orientation", self.generator, self.graph)
        return graphs.orient(graphs.undirected(self.drawn()), self.orientation, seed)

    def measured(self, network: Classifier) -> dict[str, float | str]:
        """The graph's family and properties, and measures of the network made from it."""
        graph, oriented = self.drawn(), self.oriented()
        found = {"family": graph.graph.get("family", self.generator)}
        found |= properties.measure(graphs.undirected(graph), oriented=oriented)
        if self.structure == "recurrent":
            found |= directed.measure_directed(graph)
        else:
            found |= directed.measure_more(graph, oriented=oriented)
        return found | measures.network_measures(network)

    def row(self, store: Store) -> dict[str, float | str]:
        """Properties and accuracies from its record; what was registered after it was written is measured now."""
        data = store.read(self)
        del data["history"]
        further = directed.DIRECTED if self.structure == "recurrent" else directed.MORE
        known = {"family", *properties.PROPERTIES, *further, *measures.NETWORK} <= data.keys()
        return data if known else self.measured(self.network()) | data

    def seconds(self, device: str) -> float:
        return probed([self.network()], self.strings, self.recipe, device)

    @classmethod
    def compute(cls, units: Sequence["GraphNetwork"], store: Store, device: str) -> Iterator[Result]:
        for unit in units:
            network = unit.network()
            mask = Mask.of(network)
            seed = derive("order of strings", unit.seed)
            (history,) = train([network], unit.strings.make(), unit.recipe, seed, device=device)
            if not mask.holds(network):
                raise AssertionError(f"a weight outside the graph is no longer 0 after training: {unit}")
            last = history[-1]
            data = unit.measured(network)
            data |= {name: last[name] for name in ("test_accuracy", "test_loss", "train_accuracy")}
            yield unit, data | {"history": history}, None


EMBEDDING_SIZE = 50
"""Numbers that stand for a character where a graph's own width does not say how many."""


def _both_ways(graph: nx.DiGraph) -> bool:
    return not nx.number_of_selfloops(graph) and all(graph.has_edge(v, u) for u, v in graph.edges)


@cache
def _draw(design: str, generator: str, number: int, seed: int, nodes_min: int, nodes_max: int) -> nx.Graph:
    return designs.draw(design, generator, number, seed, nodes_min, nodes_max)


FEW = 3
"""Graphs of each generator that are trained with both layouts of masks."""


def graph_networks(p: Parameters) -> list[GraphNetwork]:
    """The graph-structured networks, by variant, graph, null model and seed."""
    how = recipe(p, p.graph_epochs, p.batch_size_structure)
    drawn = [
        {"generator": generator, "graph": k, "nodes_min": p.nodes_min, "nodes_max": p.nodes_max}
        | {"draw": p.data_seed, "design": p.design}
        for generator in p.generators
        for k in range(p.graphs)
    ]
    for file in p.graph_files:
        files.read(file, *[p.structure == "recurrent"] * 2)  # before anything runs: what is no graph is an error now
        path = Path(file).absolute()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        drawn.append({"generator": "file", "graph": digest, "path": str(path)})
    form = {"structure": p.structure, "interface": p.interface}
    if p.structure == "layered":
        form["orientation"] = p.orientation
    return [
        GraphNetwork(
            strings(p),
            variant,
            seed=p.seed + k,
            recipe=how,
            gate_masks=_gate_masks(p, variant),
            null=null,
            **form,
            **graph,
        )
        for variant in p.variants
        for graph in drawn
        for null in ["", *p.null_models]
        for k in range(p.graph_seeds)
    ]


def _gate_masks(p: Parameters, variant: str) -> str:
    """The layout of masks; with a single gate, or one recurrent layer, there is but one."""
    return p.gate_masks if len(GATES[variant]) > 1 and p.structure == "layered" else "blocks"


def structure(p: Parameters) -> pd.DataFrame:
    """Graph-structured networks, one row each: graph, its properties, parameters, accuracies.

    A null model's networks have its name in ``null`` and stand under a graph of their own; ``original`` is the graph
    that it was made from, or the graph itself.
    """
    wanted = graph_networks(p)
    store = computed(wanted, p)
    return pd.DataFrame([_named(unit) | unit.row(store) for unit in wanted])


def _named(unit: GraphNetwork) -> dict[str, int | str]:
    graph = f"{unit.name} {unit.null}" if unit.null else unit.name
    own = {"variant": unit.variant, "generator": unit.generator, "graph": graph, "seed": unit.seed}
    return own | {"null": unit.null or "none", "original": unit.name}


def gate_row_networks(p: Parameters) -> list[GraphNetwork]:
    """GRU and LSTM networks of the first few graphs of each generator, each with both layouts of masks.

    None where a graph is one recurrent layer, whose masks have but one layout.
    """
    first: dict[str, list] = {}
    wanted = []
    for unit in graph_networks(p):
        if not unit.null and len(GATES[unit.variant]) > 1 and unit.structure == "layered":
            few = first.setdefault(unit.generator, [])
            if unit.graph not in few and len(few) < FEW:
                few.append(unit.graph)
            wanted += [replace(unit, gate_masks=layout) for layout in GATE_MASKS if unit.graph in few]
    return wanted


def gate_rows(p: Parameters) -> pd.DataFrame:
    """What the published layout of masks does: the same graphs trained with either, one row a network.

    Columns variant, generator, graph, seed, gate_masks ("blocks", or the published "rows"), accuracies, and how far
    the masks are from the graph (`sparsekit.networks.measures.layout_errors`; 0 for "blocks").
    """
    wanted = gate_row_networks(p)
    store = computed(wanted, p)
    rows = []
    for unit in wanted:
        errors = measures.layout_errors(unit.oriented(), unit.variant, unit.gate_masks)
        rows.append(_named(unit) | {"gate_masks": unit.gate_masks} | errors | unit.row(store))
    columns = ["variant", "generator", "original", "seed", "gate_masks", "wrong", "lost", "test_accuracy"]
    return pd.DataFrame(rows, columns=None if rows else columns)


def masked_networks(p: Parameters) -> list[PrunedNetwork]:
    """The pruned networks whose hidden-to-hidden masks are read as graphs: at the percentages compared at."""
    targets = [target for target in p.targets if target != "i2h"]
    percentages = [percent for percent in p.compare_at if 0 < percent < 100]
    return pruned_networks(p.model_copy(update={"targets": targets, "percentages": percentages}))


def mask_graphs(p: Parameters, names: Iterable[str] | None = None) -> pd.DataFrame:
    """Hidden-to-hidden masks of pruned networks read back as graphs, beside null models of equal density.

    A row for each pruned network, layer and kind ("pruned", "rewired": as many weights in and out of each unit,
    "random": as many in all): the directed properties of the graph in which u → v is there where a weight from u to v
    survives in any gate; all of them, or those named.
    """
    wanted = masked_networks(p)
    store = computed(wanted, p)
    rows = []
    for unit in wanted:
        for layer, stage in enumerate(unit.network(store).stages):
            mask = graphs.adjacency(graphs.from_mask(stage.mask_hh.numpy()))
            seed = derive("null model of a mask", unit.stream, layer)
            for kind in ("pruned", "rewired", "random"):
                own = mask if kind == "pruned" else nulls.mask_like(mask, kind, seed)
                of_unit = {"variant": unit.base.variant, "seed": unit.base.seed, "target": unit.target}
                of_unit |= {"percent": float(unit.percent), "layer": layer, "kind": kind}
                rows.append(of_unit | directed.measure_directed(own, names))
    return pd.DataFrame(rows)


def _from_masks(p: Parameters) -> Parameters:
    return p.model_copy(update={"protocols": [name for name in p.protocols if name != "rewind"]})


def mask_training_networks(p: Parameters) -> list[PrunedNetwork]:
    """Those of the protocols that start from a mask: its surviving weights, or fresh ones."""
    return protocol_networks(_from_masks(p))


def mask_training(p: Parameters) -> pd.DataFrame:
    """`protocols`, as far as they start from a mask: pruned, rewired, random or full."""
    return protocols(_from_masks(p))
