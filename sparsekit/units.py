"""Units of the study: what is computed once and kept as one record each.

A unit says what it is: a base network, that network pruned and retrained, a graph-structured network. Its random
streams derive from that alone. `compute` computes units of one group and writes their records.
"""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import ClassVar

import networkx as nx

from sparsekit import baselines as memoryless
from sparsekit import graphs, networks, properties, tasks
from sparsekit import pruning as pruner
from sparsekit.masks import Mask
from sparsekit.records import Store
from sparsekit.seeds import derive
from sparsekit.training import Recipe, epoch_seconds, train


@dataclass(frozen=True)
class Strings:
    """Which strings a network learns. A user's file counts by its content, wherever it lies."""

    task: str
    train_size: int
    test_size: int
    data_seed: int = 0
    valid_share: float = 0.5
    shortest: int = 11
    longest: int = 53
    content: str = ""
    csv_path: str = field(default="", compare=False)

    def make(self) -> tasks.Task:
        """The strings themselves, made once in a process."""
        arguments = ("data_seed", "train_size", "test_size", "valid_share", "shortest", "longest", "csv_path")
        return tasks.make(self.task, **{name: getattr(self, name) for name in arguments})


@dataclass(frozen=True)
class Baselines:
    """The classifiers without memory, on a task's split."""

    kind: ClassVar[str] = "baselines"
    strings: Strings

    @property
    def cost(self) -> float:
        return self.strings.train_size / 5000

    def seconds(self, device: str) -> float:
        """About how long it takes here."""
        return self.cost

    @classmethod
    def compute(cls, units: Sequence["Baselines"], store: Store, device: str) -> None:
        for unit in units:
            start = time.perf_counter()
            table = memoryless.baselines(unit.strings.make())
            store.write(unit, {"table": table.reset_index().to_dict("list")}, seconds=time.perf_counter() - start)


@dataclass(frozen=True)
class BaseNetwork:
    """A dense network of stacked layers, trained; its weights are kept."""

    kind: ClassVar[str] = "base"
    strings: Strings
    variant: str
    seed: int
    recipe: Recipe
    hidden_size: int = 50
    layers: int = 3
    embedding_size: int = 50

    @property
    def cost(self) -> float:
        return _cost(self.strings, self.recipe, self.variant) * self.layers

    def network(self, store: Store | None = None) -> networks.Classifier:
        """The network as initialised, or, given the store, as trained."""
        network = networks.stacked(
            self.variant,
            self.hidden_size,
            self.layers,
            self.embedding_size,
            classes=self.strings.make().classes,
            seed=derive("initial weights", self.seed),
        )
        if store is not None:
            network.load_state_dict(store.weights(self))
        return network

    def seconds(self, device: str) -> float:
        """About how long it takes here, from a short probe."""
        return _seconds([self.network()], self.strings, self.recipe, device)

    @classmethod
    def compute(cls, units: Sequence["BaseNetwork"], store: Store, device: str) -> None:
        for unit in units:
            start = time.perf_counter()
            network = unit.network()
            seed = derive("order of strings", unit.seed)
            (history,) = train([network], unit.strings.make(), unit.recipe, seed, device=device)
            seconds = time.perf_counter() - start
            store.write(unit, {"history": history}, network.state_dict(), seconds=seconds, device=device)


@dataclass(frozen=True)
class PrunedNetwork:
    """A base network with its lowest-scored weights removed, then retrained with that mask.

    All pruned forms of one base network see the strings in the same order, and so train as one population.
    """

    kind: ClassVar[str] = "pruned"
    base: BaseNetwork
    target: str
    percent: float
    recipe: Recipe
    measure_at: tuple[int, ...] = ()
    score: str = "magnitude"
    together: ClassVar[int] = 10

    @property
    def requires(self) -> tuple[BaseNetwork]:
        return (self.base,)

    @property
    def group(self) -> Hashable:
        return self.base, self.recipe, self.measure_at

    @property
    def cost(self) -> float:
        return _cost(self.base.strings, self.recipe, self.base.variant) * self.base.layers

    def seconds(self, device: str) -> float:
        """About how long it takes here as one of many, from a short probe."""
        networks = [self.base.network() for _ in range(self.together)]
        extra = 1 + len(self.measure_at)
        return _seconds(networks, self.base.strings, self.recipe, device, extra) / len(networks)

    @classmethod
    def compute(cls, units: Sequence["PrunedNetwork"], store: Store, device: str) -> None:
        start = time.perf_counter()
        base, recipe, measure_at = units[0].group
        pruned, masks, thresholds = [], [], []
        for unit in units:
            network = base.network(store)
            mask, threshold = pruner.prune(network, unit.percent / 100, unit.target, unit.score)
            mask.apply(network)
            pruned.append(network)
            masks.append(mask)
            thresholds.append(threshold)
        seed = derive("order of strings in retraining", base.seed)
        histories = train(pruned, base.strings.make(), recipe, seed, measure_at=measure_at, device=device)
        seconds = (time.perf_counter() - start) / len(units)
        base_accuracy = store.read(base)["history"][-1]["test_accuracy"]
        for unit, network, mask, threshold, history in zip(units, pruned, masks, thresholds, histories, strict=True):
            if not mask.holds(network):
                raise AssertionError(f"a pruned weight is no longer 0 after retraining: {unit}")
            targeted = Mask({name: mask[name] for name in pruner.targeted(mask, unit.target)})
            data = {
                "base_accuracy": base_accuracy,
                "accuracy": history[0]["test_accuracy"],
                "sparsity": mask.sparsity,
                "target_sparsity": targeted.sparsity,
                "threshold": threshold,
                "history": history,
            }
            store.write(unit, data, seconds=seconds, device=device)


@dataclass(frozen=True)
class GraphNetwork:
    """A network whose layers follow a graph, trained.

    `graph` numbers the graphs that a generator draws; a user's graph is known by the digest of its file, wherever that
    lies.
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
    path: str = field(default="", compare=False)

    @property
    def cost(self) -> float:
        nodes = self.drawn().number_of_nodes()
        return _cost(self.strings, self.recipe, self.variant) * (nodes / 20) ** 1.7

    @property
    def name(self) -> int | str:
        """The graph's number, or the name of its file."""
        return f"{Path(self.path).stem} ({self.graph[:6]})" if self.path else self.graph

    def drawn(self) -> nx.Graph:
        """The undirected graph."""
        if self.path:
            return graphs.read(self.path)
        return _sample(self.generator, derive(self.draw, self.graph), self.nodes_min, self.nodes_max)

    def network(self) -> networks.Classifier:
        """The network as initialised."""
        classes = self.strings.make().classes
        seed = derive("initial weights", self.generator, self.graph, self.seed)
        return networks.layered(self.variant, self.drawn(), gate_masks=self.gate_masks, classes=classes, seed=seed)

    def seconds(self, device: str) -> float:
        """About how long it takes here, from a short probe."""
        return _seconds([self.network()], self.strings, self.recipe, device)

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
            data = properties.measure(unit.drawn()) | {"parameters": network.size()}
            data |= {name: last[name] for name in ("test_accuracy", "test_loss", "train_accuracy")}
            data |= {"history": history}
            store.write(unit, data, seconds=time.perf_counter() - start, device=device)


@cache
def _sample(generator: str, seed: int, nodes_min: int, nodes_max: int) -> nx.Graph:
    return graphs.sample(generator, seed, nodes_min, nodes_max)


def _seconds(nets: list, strings: Strings, recipe: Recipe, device: str, measurements: int = 1) -> float:
    epoch, measuring = epoch_seconds(nets, strings.make(), recipe, device=device)
    return recipe.epochs * epoch + (recipe.epochs + measurements) * measuring


def _cost(strings: Strings, recipe: Recipe, variant: str) -> float:
    """Seconds, roughly: measured for one layer of 50 units, per string and epoch, on one core."""
    seconds = {"rnn_tanh": 2.4e-5, "rnn_relu": 2.4e-5, "gru": 6e-5, "lstm": 8e-5}[variant]
    return (strings.train_size + strings.test_size / 3) * recipe.epochs * seconds
