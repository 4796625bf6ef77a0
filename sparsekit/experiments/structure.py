"""Units of the structure study: networks made from graphs."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import ClassVar

import networkx as nx
import pandas as pd

from sparsekit.experiments.identity import Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.pruned import PrunedNetwork
from sparsekit.experiments.pruning import protocol_networks, protocols, pruned_networks
from sparsekit.experiments.records import Store
from sparsekit.experiments.units import Strings, computed, outcome, probed, recipe, strings, training_cost
from sparsekit.graphs import designs, directed, files, nulls, properties
from sparsekit.graphs import structure as graphs
from sparsekit.graphs.families import GENERATORS
from sparsekit.networks import build, measures
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Recipe, train
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.recovery import starts_early
from sparsekit.registry import Own, Registry, check_name, digest
from sparsekit.seeds import derive
from sparsekit.tasks import labelled_csv
from sparsekit.variants import GATE_MASKS, GATES, STRUCTURES

EMBEDDING_SIZE = 50
"""Numbers that stand for a character where a graph's own width does not say how many."""
FEW = 3
"""Graphs of each generator that are trained with both layouts of masks."""


@cache
def _drawn(*of: str | int, source: str) -> nx.Graph:
    """The graph that `designs.draw` gives, where a user's own functions are these."""
    return designs.draw(*of)


@dataclass(frozen=True)
class GraphNetwork(Unit):
    """A network whose structure follows a graph, or that null model of it, trained.

    `graph` numbers the graphs that a generator draws; a user's is known by the digest of its file, wherever that lies.
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
    revision: int = field(default=0, init=False)
    source: str = field(default="", init=False, repr=False)

    def __post_init__(self):
        check_name("structure", self.structure, STRUCTURES)
        object.__setattr__(self, "revision", designs.revision(self.design, self.generator))
        object.__setattr__(self, "source", digest(*self._functions()))

    def _functions(self) -> list[Callable]:
        """What makes its graph."""
        made = [] if self.path else [designs.DESIGNS[self.design], GENERATORS[self.generator]]
        null = [nulls.NULLS[self.null]] if self.null else []
        return [*made, graphs.ORIENTATIONS[self.orientation], *null]

    @property
    def cost(self) -> float:
        one_size = not self.path and self.nodes_min == self.nodes_max  # of which none need be drawn to know
        nodes = self.nodes_min if one_size else self.drawn().number_of_nodes()
        return training_cost(self.strings, self.recipe, self.variant) * (nodes / 30) ** 1.7

    @property
    def name(self) -> int | str:
        """The graph's number, or the name of its file."""
        return f"{Path(self.path).stem} ({self.graph[:6]})" if self.path else self.graph

    def drawn(self) -> nx.Graph:
        """The graph: undirected, unless it becomes the weights of one recurrent layer and has directions."""
        cyclic = self.structure == "recurrent"
        if self.path:
            graph = files.read(self.path, directed=cyclic, loops=cyclic, content=self.graph)
            # A null model of edges that all lead both ways has edges that do.
            cyclic = cyclic and (nx.number_of_selfloops(graph) > 0 or nx.overall_reciprocity(graph) < 1)
        else:
            of = (self.design, self.generator, self.graph, self.draw, self.nodes_min, self.nodes_max)
            graph = _drawn(*of, source=self.source)
        graph = graph if cyclic else graphs.undirected(graph)
        if not self.null:
            return graph
        null = nulls.NULLS[self.null]
        return graphs.checked(null, null(graph, derive("null model", self.null, self.graph)), graph.nodes)

    def network(self) -> Classifier:
        """The network as initialised."""
        task, seed = self.strings.make(), derive("initial weights", self.generator, self.graph, self.seed)
        options = {"classes": task.classes, "features": task.features, "seed": seed}
        if self.structure == "recurrent":
            return build.recurrent(self.variant, self.drawn(), self.interface or EMBEDDING_SIZE, **options)
        options |= {"gate_masks": self.gate_masks, "interface": self.interface}
        return build.layered(self.variant, self.oriented(), **options)

    def oriented(self) -> nx.DiGraph:
        """The acyclic graph of its layers, the same for all seeds; of a recurrent one, what its layers would be."""
        seed = derive("orientation", self.generator, self.graph)
        return graphs.orient(graphs.undirected(self.drawn()), self.orientation, seed)

    def measured(self, names: Collection[str] | None = None) -> dict[str, float | str]:
        """The graph's family, its properties and measures of the network made from it: all or those named."""
        graph, oriented = self.drawn(), self.oriented()
        asked = ([n for n in registry if names is None or n in names] for registry in self._registries())
        of_graph, further, of_network = asked
        found = {"family": graph.graph.get("family", self.generator)}
        found |= properties.measure(graphs.undirected(graph), of_graph, oriented=oriented)
        if self.structure == "recurrent":
            found |= directed.measure_directed(graph, further)
        else:
            found |= directed.measure_more(graph, further, oriented=oriented)
        return found | (measures.network_measures(self.network(), of_network) if of_network else {})

    def _registries(self) -> tuple[Registry, Registry, Registry]:
        """What is measured."""
        further = directed.DIRECTED if self.structure == "recurrent" else directed.MORE
        return properties.PROPERTIES, further, measures.NETWORK

    def _sources(self) -> dict[str, str]:
        """What each property is, by its name in the tables; "" where it is the kit's."""
        return {name: digest(function) for registry in self._registries() for name, function in registry.items()}

    def row(self, store: Store) -> dict[str, float | str]:
        """Properties and accuracies from its record; what was registered or changed since is measured now.

        What is registered no more is left out.
        """
        data, now = store.read(self), self._sources()
        del data["history"]
        data.pop("diverged", None)
        was = data.pop("own", {})
        # a record that lacks one of the kit's own measures is older than it, and others may mean something else by now
        older = any(not source and name not in data for name, source in now.items())
        stale = [name for name, source in now.items() if older or name not in data or source != was.get(name, "")]
        gone = {*was, *directed.DIRECTED, *directed.MORE} - now.keys()
        kept = {name: value for name, value in data.items() if name not in gone}
        return kept | self.measured(stale) if stale else kept

    def seconds(self, device: str) -> float:
        return probed([self.network()], self.strings, self.recipe, device)

    def result(self, store: Store, device: str) -> tuple[Mapping, None]:
        network, seed = self.network(), derive("order of strings", self.seed)
        mask = Mask.of(network)
        (history,) = train([network], self.strings.make(), self.recipe, seed, device=device)
        if not mask.holds(network):
            raise AssertionError(f"a weight outside the graph is no longer 0 after training: {self}")
        last = {name: history[-1][name] for name in ("test_accuracy", "test_loss", "train_accuracy")}
        own = {name: source for name, source in self._sources().items() if source}
        data = self.measured() | last | {"history": history} | outcome(history)
        return data | ({"own": own} if own else {}), None


def graph_networks(p: Parameters) -> list[GraphNetwork]:
    """The graph-structured networks, by variant, graph, null model and seed."""
    sizes = {"nodes_min": p.nodes_min, "nodes_max": p.nodes_max, "draw": p.data_seed, "design": p.design}
    _check_columns()
    drawn = [{"generator": generator, "graph": k} | sizes for generator in p.generators for k in range(p.graphs)]
    there: dict[frozenset, str] = {}
    for file in p.graph_files:  # what is no graph, or one given before, is an error before anything runs
        content = labelled_csv.digest(file)
        edges = files.read(file, *[p.structure == "recurrent"] * 2, content).edges
        if (earlier := there.setdefault(frozenset(edges), file)) != file:
            raise graphs.GraphError(f"{file}: holds the same graph as {earlier}; give each graph once")
        drawn.append({"generator": "file", "graph": content, "path": str(Path(file).absolute())})
    form = {"strings": strings(p), "recipe": recipe(p, p.graph_epochs, p.batch_size_structure)}
    form |= {"structure": p.structure, "interface": p.interface}
    if p.structure == "layered":
        form["orientation"] = p.orientation
    found = []
    for variant in p.variants:
        # With a single gate, or one recurrent layer, there is but one layout of masks.
        layout = p.gate_masks if len(GATES[variant]) > 1 and p.structure == "layered" else "blocks"
        for graph, null, k in product(drawn, ["", *p.null_models], range(p.graph_seeds)):
            own = {"variant": variant, "seed": p.seed + k, "gate_masks": layout, "null": null}
            found.append(GraphNetwork(**form, **graph, **own))
    return found


TAKEN = {"variant", "generator", "graph", "seed", "null", "original", "gate_masks", "wrong", "lost", "family", "own"}
TAKEN |= {"diverged", "history", "test_accuracy", "test_loss", "train_accuracy"}
"""What `structure` and `gate_rows` have in a row besides properties."""


def _check_columns() -> None:
    """An OwnError where a property of a user's has a name that something else in the tables has."""
    further = {**directed.MORE, **directed.DIRECTED}
    kinds = (properties.PROPERTIES, further, measures.NETWORK)
    for kind in kinds:
        others = TAKEN.union(*(other for other in kinds if other is not kind))
        for own in kind.values():
            if isinstance(own, Own) and own.name in others:
                raise own.error("the tables have a column of that name; give it another")


def structure(p: Parameters) -> pd.DataFrame:
    """Graph-structured networks, one row each: graph, its properties, parameters, accuracies.

    A null model, named in ``null``, is a graph of its own; ``original`` is what it was made from, or the graph itself.
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
    units = [u for u in graph_networks(p) if not u.null and len(GATES[u.variant]) > 1 and u.structure == "layered"]
    drawn = dict.fromkeys((unit.generator, unit.graph) for unit in units)
    by_generator = {name: [one for one in drawn if one[0] == name][:FEW] for name, _ in drawn}
    few = set().union(*by_generator.values())
    return [replace(u, gate_masks=layout) for u in units if (u.generator, u.graph) in few for layout in GATE_MASKS]


def gate_rows(p: Parameters) -> pd.DataFrame:
    """What the published layout of masks does: the same graphs trained with either, one row a network.

    `structure`'s columns, gate_masks ("blocks", or the published "rows"), and `measures.layout_errors`.
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
    """The pruned networks whose hidden-to-hidden masks are read as graphs: at the percentages compared at.

    None beside a table of a user's own networks, which has no weights.
    """
    if p.structure_table:
        return []
    targets = [target for target in p.targets if target != "i2h"]
    percentages = [percent for percent in p.compare_at if 0 < percent < 100]
    return pruned_networks(p.model_copy(update={"targets": targets, "percentages": percentages}))


def mask_graphs(p: Parameters, names: Iterable[str] | None = None) -> pd.DataFrame:
    """Hidden-to-hidden masks of pruned networks read back as graphs, beside null models of equal density.

    A row for each pruned network, layer and kind ("pruned", "rewired": as many weights in and out of each unit,
    "random": as many in all): the directed properties, all or those named, of the graph in which u → v is there where
    a weight from u to v survives in any gate.
    """
    wanted = masked_networks(p)
    store = computed(wanted, p, weights="masks")
    rows = []
    for unit in wanted:
        masks = [mask for name, mask in store.masks(unit).items() if name.endswith("mask_hh")]
        for layer, mask_hh in enumerate(masks):
            mask = graphs.adjacency(graphs.from_mask(mask_hh.numpy()))
            seed = derive("null model of a mask", unit.stream, layer)
            of_mask = {"variant": unit.base.variant, "seed": unit.base.seed, "target": unit.target}
            of_mask |= {"percent": float(unit.percent), "layer": layer}
            for kind in ("pruned", "rewired", "random"):
                own = mask if kind == "pruned" else nulls.mask_like(mask, kind, seed)
                rows.append(of_mask | {"kind": kind} | directed.measure_directed(own, names))
    return pd.DataFrame(rows)


def _from_masks(p: Parameters) -> Parameters:
    compared = [] if p.structure_table else p.compare_at
    from_masks = [name for name in p.protocols if not starts_early(name)]
    return p.model_copy(update={"protocols": from_masks, "compare_at": compared})


def mask_training_networks(p: Parameters) -> list[PrunedNetwork]:
    """Those of the protocols that start from a mask: its surviving weights, or fresh ones."""
    return protocol_networks(_from_masks(p))


def mask_training(p: Parameters) -> pd.DataFrame:
    """`protocols`, as far as they start from a mask: pruned, rewired, random or full."""
    return protocols(_from_masks(p))
