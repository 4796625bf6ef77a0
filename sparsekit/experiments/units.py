"""Units of the study: what is computed once and kept as one record each.

A unit says what it is: a base network, that network pruned and retrained, a graph-structured network. Its random
streams derive from that alone. `compute` computes units of one group and writes their records. Here are those that
others build on; `pruned_units` and `graph_units` hold the rest.
"""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar

from sparsekit.experiments import execution
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import Store, default_store
from sparsekit.networks import build as networks
from sparsekit.networks import classifier
from sparsekit.networks.training import Recipe, epoch_seconds, train
from sparsekit.seeds import derive
from sparsekit.tasks import baselines as memoryless
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import labelled_csv, samples


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

    def make(self) -> samples.Task:
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

    def network(self, store: Store | None = None, seed: int | None = None) -> classifier.Classifier:
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

    def network(self, store: Store) -> classifier.Classifier:
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


MATTERS = {
    "reber": ("valid_share", "shortest", "longest", "invalid"),
    "embedded_reber": ("valid_share", "shortest", "longest", "inner_length"),
}
"""Parameters on which a task's strings depend besides their numbers and seed: no other is part of what they are."""


def strings(p: Parameters) -> Strings:
    """The strings that networks learn."""
    content, path = "", ""
    if p.task == "csv":
        content, path = hashlib.sha256(_content(p.csv_path)).hexdigest(), str(Path(p.csv_path).absolute())
    names = ["train_size", "test_size", "data_seed", *MATTERS.get(p.task, ())]
    return Strings(p.task, **{name: getattr(p, name) for name in names}, content=content, csv_path=path)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise labelled_csv.TaskError(f"csv_path: {path} cannot be read") from None


def recipe(p: Parameters, epochs: int, batch_size: int) -> Recipe:
    """How networks train."""
    return Recipe(epochs, batch_size, p.learning_rate, p.gradient_clip, p.readout)


def computed(wanted: Iterable, p: Parameters) -> Store:
    """The store, once it holds a record of every unit wanted."""
    store = default_store()
    execution.run(list(wanted), store, workers=p.workers, device=p.device)
    return store
