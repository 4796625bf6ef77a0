"""Units of the ladder of controls: each graph's network beside ensembles of null models, ever more alike to it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, ClassVar

import networkx as nx
import pandas as pd

from sparsekit.analysis.tables import LADDER
from sparsekit.experiments.identity import Result, Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import Store
from sparsekit.experiments.structure import EMBEDDING_SIZE, GraphNetwork, graph_networks
from sparsekit.experiments.units import outcome, probed, recipe, results, strings
from sparsekit.graphs import claims, nulls
from sparsekit.graphs import structure as graphs
from sparsekit.networks import build, initial
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import train
from sparsekit.registry import digest
from sparsekit.seeds import derive

LACKING = "lacking"
"""The null model of a claim's graph: that without its feature."""

RUNGS = {
    "as it is": {"null": "random", "weights": "own"},
    "same initial weights": {"null": "random"},
    "same degrees": {"null": "rewired"},
    "same degrees and scales": {"null": "rewired", "matched": True},
}
"""What a graph stands against on each rung: random graphs of its size, then of its degrees, then matched."""

CLAIM_RUNGS = {
    "as it is": {"null": LACKING, "weights": "own"},
    "same initial weights": {"null": LACKING},
    "same initial weights and scales": {"null": LACKING, "matched": True},
}
"""The same for a claim's graph; those that lack its feature have its size and degrees throughout."""


@cache
def _having(*of: str | int, source: str) -> nx.DiGraph:
    """The graph that `claims.having` gives, where a user's own function is this."""
    return claims.having(*of)


@dataclass(frozen=True)
class ClaimGraph(GraphNetwork):
    """The network of the graph that has a claim's feature; its generator is the claim."""

    kind: ClassVar[str] = "claim"
    structure: str = "recurrent"

    def _functions(self) -> list:
        return [claims.CLAIMS[self.generator]]

    def drawn(self) -> nx.DiGraph:
        return _having(self.generator, self.nodes_max, derive("claim", self.draw, self.graph), source=self.source)


@dataclass(frozen=True)
class LadderNetwork(Unit):
    """A graph's network or that of one of its null models, its initial weights under control, trained.

    Weights "shared" are the same for the graph and all its null models, where both have the edge; "own" are not. A
    matched null model has the graph's spectral radii and activity before training.
    """

    kind: ClassVar[str] = "ladder"
    trains: ClassVar[bool] = True
    together: ClassVar[int] = 21
    graph: GraphNetwork
    null: str = ""
    member: int = 0
    weights: str = "shared"
    matched: bool = False
    source: str = field(default="", init=False, repr=False)

    def __post_init__(self):
        own = [nulls.NULLS[self.null]] if self.null in nulls.NULLS else []
        object.__setattr__(self, "source", digest(*own))

    @property
    def group(self) -> tuple:
        """Networks of one recurrent layer of as many nodes have one structure; those in layers have each their own."""
        g = self.graph
        same = len(g.drawn()) if g.structure == "recurrent" else self
        return (g.strings, g.variant, g.recipe, g.interface, g.seed, same)

    @property
    def cost(self) -> float:
        return self.graph.cost / (2 if self.graph.structure == "recurrent" else 1)

    def seconds(self, device: str) -> float:
        count = self.together if self.graph.structure == "recurrent" else 1
        return probed([self.network()[0]] * count, self.graph.strings, self.graph.recipe, device) / count

    def drawn(self) -> nx.Graph:
        """The graph, or its null model."""
        graph, seed = self.graph.drawn(), derive("ladder", self.null, self.graph.graph, self.member)
        if not self.null:
            return graph
        if self.null == LACKING:
            return claims.lacking(graph, seed)
        null = nulls.NULLS[self.null]
        return graphs.checked(null, null(graph, seed), graph.nodes)

    def network(self) -> tuple[Classifier, initial.Scales, bool | None]:
        """The network as initialised, its scales, and whether they are the graph's, where they should be."""
        probe, found = initial.Probe(self.graph.strings.make()), None
        network = self._shared()
        if self.matched:
            graph = replace(self, null="", member=0, matched=False, weights="shared")
            found = initial.match(network, initial.scales(graph._shared(), probe), probe)
        return network, initial.scales(network, probe), found

    def _shared(self) -> Classifier:
        g, task, graph = self.graph, self.graph.strings.make(), self.drawn()
        options: dict[str, Any] = {"classes": task.classes, "features": task.features}
        if g.structure == "recurrent":
            network = build.recurrent(g.variant, graph, g.interface or EMBEDDING_SIZE, **options)
        else:
            graph = graphs.orient(graphs.undirected(graph), g.orientation, derive("orientation", g.generator, g.graph))
            network = build.layered(g.variant, graph, gate_masks=g.gate_masks, interface=g.interface, **options)
        own = () if self.weights == "shared" else (self.null, self.member)
        initial.share(network, graph, derive("ladder weights", g.generator, g.graph, g.seed, *own))
        return network

    @classmethod
    def compute(cls, units: Sequence["LadderNetwork"], store: Store, device: str) -> Iterable[Result]:
        """Train networks of one structure together."""
        made, first = [unit.network() for unit in units], units[0].graph
        order = derive("order of strings", first.seed)
        histories = train([m[0] for m in made], first.strings.make(), first.recipe, order, device=device)
        for unit, (_, scales, matched), history in zip(units, made, histories, strict=True):
            own = {"radius": scales.radius.tolist(), "activity": scales.activity, "matched": matched}
            own |= {name: history[-1][name] for name in ("test_accuracy", "test_loss", "train_accuracy")}
            yield unit, own | {"density": nx.density(unit.drawn())} | outcome(history), None


def ladder_networks(p: Parameters) -> list[LadderNetwork]:
    """The given graphs' networks, and beside each `ensemble` null models on every rung; none where that is 0.

    Of each generator the first `ladder_graphs`, and all files.
    """
    given = [unit for unit in graph_networks(p) if not unit.null and (unit.path or unit.graph < p.ladder_graphs)]
    given = [replace(unit, gate_masks="blocks") for unit in given if p.ensemble]
    return [unit for graph in given for _, unit in _rungs(graph, RUNGS, p.ensemble)]


def claim_networks(p: Parameters) -> list[LadderNetwork]:
    """For each claim `ladder_graphs` that have its feature, and beside each `ensemble` that lack it."""
    form = {"strings": strings(p), "recipe": recipe(p, p.graph_epochs, p.batch_size_structure)}
    form |= {"nodes_min": p.nodes_max, "nodes_max": p.nodes_max, "draw": p.data_seed, "interface": p.interface}
    given = [
        ClaimGraph(generator=claim, variant=variant, graph=k, seed=p.seed + s, **form)
        for variant in p.variants
        for claim in p.claims
        for k in range(p.ladder_graphs)
        for s in range(p.graph_seeds)
    ]
    return [unit for graph in given for _, unit in _rungs(graph, CLAIM_RUNGS, p.ensemble)]


def _rungs(graph: GraphNetwork, rungs: Mapping[str, Mapping], count: int) -> Iterator[tuple[str, LadderNetwork]]:
    yield "", LadderNetwork(graph)
    for rung, control in rungs.items():
        for member in range(count):
            yield rung, LadderNetwork(graph, member=member, **control)


def ladder(p: Parameters) -> pd.DataFrame:
    """`analysis.tables.LADDER` of the given graphs."""
    return _table(ladder_networks(p), RUNGS, p)


def claimed(p: Parameters) -> pd.DataFrame:
    """The same of the claims' graphs; generator is the claim."""
    return _table(claim_networks(p), CLAIM_RUNGS, p)


def _table(wanted: list[LadderNetwork], rungs: Mapping[str, Mapping], p: Parameters) -> pd.DataFrame:
    named = {(own["null"], own.get("weights", "shared"), own.get("matched", False)): r for r, own in rungs.items()}
    rows = []
    for unit, data in results(wanted, p):
        g = unit.graph
        own = {"variant": g.variant, "generator": g.generator, "graph": g.name, "seed": g.seed, "member": unit.member}
        own["rung"] = named.get((unit.null, unit.weights, unit.matched), "")
        own |= {name: data[name] for name in ("test_accuracy", "density", "activity", "matched")}
        rows.append(own | {"radius": max(data["radius"])})
    return pd.DataFrame(rows, columns=list(LADDER))
