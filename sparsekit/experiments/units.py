"""What the studies build on: the strings that networks learn, base networks, classifiers without memory.

A unit's random streams derive from what it is alone.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

from sparsekit.experiments import execution
from sparsekit.experiments.identity import Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import Store, default_store
from sparsekit.networks.build import stacked
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Recipe, diverged, epoch_seconds, train
from sparsekit.registry import digest
from sparsekit.seeds import derive
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.labelled_csv import TaskError
from sparsekit.tasks.samples import Task
from sparsekit.variants import GATES


@dataclass(frozen=True)
class Strings:
    """Which strings a network learns. A user's file counts by its content, wherever it lies.

    `options` are those of a user's own task that are no parameters of the kit, by name.
    """

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
    options: tuple[tuple[str, Any], ...] = ()
    source: str = field(default="", init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "source", digest(tasks.TASKS[self.task]))

    def make(self) -> Task:
        """The strings themselves, made once in a process."""
        names = [f.name for f in fields(self) if f.name not in ("task", "options", "source")]
        return tasks.make(self.task, **{name: getattr(self, name) for name in names} | dict(self.options))

    def steps(self, batch_size: int) -> int:
        """Optimizer steps of an epoch. A task with rules makes as many strings as asked for; the rest is made."""
        strings = self.train_size if self.task in tasks.RULES else len(self.make().train)
        return -(-strings // batch_size)


@dataclass(frozen=True)
class Baselines(Unit):
    """The classifiers without memory, on a task's split."""

    kind: ClassVar[str] = "memoryless"
    strings: Strings

    @property
    def cost(self) -> float:
        return self.strings.train_size / 1000

    def result(self, store: Store, device: str) -> tuple[Mapping, None]:
        from sparsekit.tasks.baselines import baselines  # not above: no other unit needs scikit-learn

        return {"table": baselines(self.strings.make()).reset_index().to_dict("list")}, None


@dataclass(frozen=True)
class BaseNetwork(Unit):
    """A dense network of stacked layers, trained; its weights are kept."""

    kind: ClassVar[str] = "base"
    trains: ClassVar[bool] = True
    strings: Strings
    variant: str
    seed: int
    recipe: Recipe
    hidden_size: int = 50
    layers: int = 3
    embedding_size: int = 50
    weights_seed: int | None = None  # where it is not that of the network
    order_seed: int | None = None

    @property
    def cost(self) -> float:
        return training_cost(self.strings, self.recipe, self.variant) * self.layers

    def network(self, store: Store | None = None, seed: int | None = None) -> Classifier:
        """The network as initialised, by its own seed or by another, or, given the store, as trained."""
        own = self.seed if self.weights_seed is None else self.weights_seed
        task, seed = self.strings.make(), derive("initial weights", own) if seed is None else seed
        sizes = (self.hidden_size, self.layers, self.embedding_size)
        network = stacked(self.variant, *sizes, classes=task.classes, features=task.features, seed=seed)
        if store is not None:
            network.load_state_dict(store.weights(self))
        return network

    def trained(self, device: str, stop_at: int | None = None) -> tuple[Classifier, list]:
        """The network after its training, or after the first few steps of it, and what was measured on the way."""
        order = derive("order of strings", self.seed if self.order_seed is None else self.order_seed)
        network = self.network()
        (history,) = train([network], self.strings.make(), self.recipe, order, stop_at=stop_at, device=device)
        return network, history

    def seconds(self, device: str) -> float:
        return probed([self.network()], self.strings, self.recipe, device)

    def result(self, store: Store, device: str) -> tuple[Mapping, Mapping]:
        network, history = self.trained(device)
        return {"history": history} | outcome(history), network.state_dict()


@dataclass(frozen=True)
class FromBase(Unit):
    """A network with the structure of a base network; its weights are kept."""

    trains: ClassVar[bool] = True
    base: BaseNetwork

    @property
    def cost(self) -> float:
        return self.base.cost / self.base.recipe.epochs * self.recipe.epochs

    def network(self, store: Store) -> Classifier:
        """The network as its record keeps it."""
        network = self.base.network()
        network.load_state_dict(store.weights(self))
        return network


@dataclass(frozen=True)
class EarlyNetwork(FromBase):
    """A base network after the first optimizer steps of its training."""

    kind: ClassVar[str] = "early"
    steps: int

    @property
    def cost(self) -> float:
        return self.base.cost / self.base.recipe.epochs

    def seconds(self, device: str) -> float:
        return self.base.seconds(device) / self.base.recipe.epochs

    def result(self, store: Store, device: str) -> tuple[Mapping, Mapping]:
        network, _ = self.base.trained(device, stop_at=self.steps)
        return {}, network.state_dict()


def outcome(history: list[dict]) -> dict[str, int]:
    """What a record says beside its history where training diverged: ``diverged``, the first step so measured."""
    step = diverged(history)
    return {} if step is None else {"diverged": step}


def probed(networks: list[Classifier], strings: Strings, recipe: Recipe, device: str, measurements: int = 1) -> float:
    """Seconds that training these networks takes here, from a short probe."""
    epoch, measuring = epoch_seconds(networks, strings.make(), recipe, device=device)
    return recipe.epochs * epoch + (recipe.epochs + measurements) * measuring


def training_cost(strings: Strings, recipe: Recipe, variant: str) -> float:
    """Seconds, roughly: measured for one layer of 50 units, per string and epoch, on one core."""
    known = {"rnn_tanh": 2.4e-5, "rnn_relu": 2.4e-5, "gru": 6e-5, "lstm": 8e-5}
    seconds = known.get(variant, 2e-5 * len(GATES[variant]))
    return (strings.train_size + strings.test_size / 3) * recipe.epochs * seconds


def strings(p: Parameters) -> Strings:
    """The strings that networks learn, of those parameters that the task asks for; `TaskError` for an unfit file."""
    known, options = {f.name for f in fields(Strings)} - {"options", "source"}, tasks.options(p.task)
    given = {name: getattr(p, name) for name in known & {*options, "train_size", "test_size", "data_seed"}}
    further = [(name, getattr(p, name)) for name in sorted({*options} - known) if hasattr(p, name)]
    given["options"] = tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in further)
    if path := given.get("csv_path"):
        try:
            content = Path(path).read_bytes()
        except OSError:
            raise TaskError(f"csv_path: {path} cannot be read") from None
        given |= {"content": hashlib.sha256(content).hexdigest(), "csv_path": str(Path(path).absolute())}
    return Strings(p.task, **given)


def recipe(p: Parameters, epochs: int, batch_size: int) -> Recipe:
    """How networks train."""
    return Recipe(epochs, batch_size, p.learning_rate, p.gradient_clip, p.readout)


def computed(wanted: Iterable[Unit], p: Parameters, weights: bool | str = False) -> Store:
    """The store, once it holds a record of every unit wanted, with sound `weights`, or "masks", if these are read."""
    store = default_store()
    execution.run(list(wanted), store, workers=p.workers, device=p.device, weights=weights)
    return store


def results(wanted: Iterable[Unit], p: Parameters) -> Iterator[tuple[Any, dict[str, Any]]]:
    """The units wanted, in their order, each with its results, once all are computed."""
    wanted = list(wanted)
    store = computed(wanted, p)
    return ((unit, store.read(unit)) for unit in wanted)


def base_networks(p: Parameters) -> list[BaseNetwork]:
    """The base networks, by variant and seed."""
    return varied(p, p.vary, p.seeds)


def varied(p: Parameters, sources: Iterable[str], count: int) -> list[BaseNetwork]:
    """So many base networks of each variant that differ in these sources; in the others all are like the first."""
    given, how = strings(p), recipe(p, p.base_epochs, p.batch_size_pruning)
    sizes, found = (p.hidden_size, p.layers, p.embedding_size), []
    for variant, k in product(p.variants, range(count)):
        same = {f"{name}_seed": p.seed for name in ("weights", "order") if k and name not in sources}
        own = replace(given, data_seed=given.data_seed + k) if "strings" in sources else given
        found.append(BaseNetwork(own, variant, p.seed + k, how, *sizes, **same))
    return found
