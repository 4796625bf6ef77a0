"""Units of the structure study: networks made from graphs."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar

import networkx as nx

from sparsekit import designs, graphs, networks, nulls, properties
from sparsekit.masks import Mask
from sparsekit.records import Store
from sparsekit.seeds import derive
from sparsekit.training import Recipe, train
from sparsekit.units import Strings, cost, probed


@dataclass(frozen=True)
class GraphNetwork:
    """A network whose structure follows a graph, trained.

    `graph` numbers the graphs that a generator draws; a user's graph is known by the digest of its file, wherever that
    lies. With `null`, the graph is replaced by that null model of it.
    """

    kind: ClassVar[str] = "graph_network"
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
        return cost(self.strings, self.recipe, self.variant) * (nodes / 30) ** 1.7

    @property
    def name(self) -> int | str:
        """The graph's number, or the name of its file."""
        return f"{Path(self.path).stem} ({self.graph[:6]})" if self.path else self.graph

    def drawn(self) -> nx.Graph:
        """The graph: undirected, unless it becomes the weights of one recurrent layer and has directions."""
        cyclic = self.structure == "recurrent"
        if self.path:
            graph = graphs.read(self.path, directed=cyclic, loops=cyclic)
            # A null model of edges that all lead both ways has edges that do.
            cyclic = cyclic and not _both_ways(graph)
        else:
            graph = _draw(self.design, self.generator, self.graph, self.draw, self.nodes_min, self.nodes_max)
        graph = graph if cyclic else graphs.undirected(graph)
        return nulls.NULLS[self.null](graph, derive("null model", self.null, self.graph)) if self.null else graph

    def network(self) -> networks.Classifier:
        """The network as initialised."""
        task = self.strings.make()
        seed = derive("initial weights", self.generator, self.graph, self.seed)
        options = {"classes": task.classes, "features": task.features, "seed": seed}
        if self.structure == "recurrent":
            return networks.recurrent(self.variant, self.drawn(), self.interface or EMBEDDING_SIZE, **options)
        return networks.layered(
            self.variant, self.oriented(), gate_masks=self.gate_masks, interface=self.interface, **options
        )

    def oriented(self) -> nx.DiGraph:
        """The acyclic graph of its layers, the same for all seeds; of a recurrent one, what its layers would be."""
        seed = derive("orientation", self.generator, self.graph)
        return graphs.orient(graphs.undirected(self.drawn()), self.orientation, seed)

    def measured(self, network: networks.Classifier) -> dict[str, float | str]:
        """The graph's family and properties, and measures of the network made from it."""
        graph, oriented = self.drawn(), self.oriented()
        found = {"family": graph.graph.get("family", self.generator)}
        found |= properties.measure(graphs.undirected(graph), oriented=oriented)
        if self.structure == "recurrent":
            found |= properties.measure_directed(graph)
        else:
            found |= properties.measure_more(graph, oriented=oriented)
        return found | properties.network_measures(network)

    def row(self, store: Store) -> dict[str, float | str]:
        """Properties and accuracies from its record; what was registered after it was written is measured now."""
        data = store.read(self)
        del data["history"]
        further = properties.DIRECTED if self.structure == "recurrent" else properties.MORE
        known = {"family", *properties.PROPERTIES, *further, *properties.NETWORK} <= data.keys()
        return data if known else self.measured(self.network()) | data

    def seconds(self, device: str) -> float:
        """About how long it takes here, from a short probe."""
        return probed([self.network()], self.strings, self.recipe, device)

    @classmethod
    def compute(cls, units: Sequence["GraphNetwork"], store: Store, device: str) -> None:
        for unit in units:
            start = time.perf_counter()
            network = unit.network()
            mask = Mask.of(network)
            seed = derive("order of strings", unit.seed)
            (history,) = train([network], unit.strings.make(), unit.recipe, seed, device=device)
            if not mask.holds(network):
                raise AssertionError(f"a weight outside the graph is no longer 0 after training: {unit}")
            last = history[-1]
            data = unit.measured(network)
            data |= {name: last[name] for name in ("test_accuracy", "test_loss", "train_accuracy")}
            data |= {"history": history}
            store.write(unit, data, seconds=time.perf_counter() - start, device=device)


EMBEDDING_SIZE = 50
"""Numbers that stand for a character where a graph's own width does not say how many."""


def _both_ways(graph: nx.DiGraph) -> bool:
    return not nx.number_of_selfloops(graph) and all(graph.has_edge(v, u) for u, v in graph.edges)


@cache
def _draw(design: str, generator: str, number: int, seed: int, nodes_min: int, nodes_max: int) -> nx.Graph:
    return designs.draw(design, generator, number, seed, nodes_min, nodes_max)
