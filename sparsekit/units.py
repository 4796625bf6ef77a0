"""Units of the study: what is computed once and kept as one record each.

A unit says what it is: a base network, that network pruned and retrained, a graph-structured network. Its random
streams derive from that alone. `compute` computes units of one group and writes their records. Here are those that
others build on; `pruned_units` and `graph_units` hold the rest.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import ClassVar

from sparsekit import baselines as memoryless
from sparsekit import networks, tasks
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
    invalid: str = "automata"
    inner_length: int = 0
    csv_path: str = field(default="", compare=False)

    def make(self) -> tasks.Task:
        """The strings themselves, made once in a process."""
        names = [f.name for f in fields(self) if f.name not in ("task", "content")]
        return tasks.make(self.task, **{name: getattr(self, name) for name in names})


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
        return cost(self.strings, self.recipe, self.variant) * self.layers

    def network(self, store: Store | None = None, seed: int | None = None) -> networks.Classifier:
        """The network as initialised, by its own seed or by another, or, given the store, as trained."""
        task = self.strings.make()
        network = networks.stacked(
            self.variant,
            self.hidden_size,
            self.layers,
            self.embedding_size,
            classes=task.classes,
            features=task.features,
            seed=derive("initial weights", self.seed) if seed is None else seed,
        )
        if store is not None:
            network.load_state_dict(store.weights(self))
        return network

    @property
    def order(self) -> int:
        """Seed of the order of its strings."""
        return derive("order of strings", self.seed)

    def seconds(self, device: str) -> float:
        """About how long it takes here, from a short probe."""
        return probed([self.network()], self.strings, self.recipe, device)

    @classmethod
    def compute(cls, units: Sequence["BaseNetwork"], store: Store, device: str) -> None:
        for unit in units:
            start = time.perf_counter()
            network = unit.network()
            (history,) = train([network], unit.strings.make(), unit.recipe, unit.order, device=device)
            seconds = time.perf_counter() - start
            store.write(unit, {"history": history}, network.state_dict(), seconds=seconds, device=device)


@dataclass(frozen=True)
class EarlyNetwork:
    """A base network after the first optimizer steps of its training; its weights are kept."""

    kind: ClassVar[str] = "early"
    base: BaseNetwork
    steps: int

    @property
    def cost(self) -> float:
        return self.base.cost / self.base.recipe.epochs

    def seconds(self, device: str) -> float:
        """About how long it takes here, from a short probe."""
        return self.base.seconds(device) / self.base.recipe.epochs

    def network(self, store: Store) -> networks.Classifier:
        """The network as it was then."""
        network = self.base.network()
        network.load_state_dict(store.weights(self))
        return network

    @classmethod
    def compute(cls, units: Sequence["EarlyNetwork"], store: Store, device: str) -> None:
        for unit in units:
            start = time.perf_counter()
            network, base = unit.base.network(), unit.base
            train([network], base.strings.make(), base.recipe, base.order, stop_at=unit.steps, device=device)
            store.write(unit, {}, network.state_dict(), seconds=time.perf_counter() - start, device=device)


def probed(nets: list, strings: Strings, recipe: Recipe, device: str, measurements: int = 1) -> float:
    epoch, measuring = epoch_seconds(nets, strings.make(), recipe, device=device)
    return recipe.epochs * epoch + (recipe.epochs + measurements) * measuring


def cost(strings: Strings, recipe: Recipe, variant: str) -> float:
    """Seconds, roughly: measured for one layer of 50 units, per string and epoch, on one core."""
    seconds = {"rnn_tanh": 2.4e-5, "rnn_relu": 2.4e-5, "gru": 6e-5, "lstm": 8e-5}[variant]
    return (strings.train_size + strings.test_size / 3) * recipe.epochs * seconds
