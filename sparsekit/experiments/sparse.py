"""Units of the study of networks that are sparse from the start, and of those that they are compared with."""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import product
from typing import ClassVar

import pandas as pd
import torch

from sparsekit.experiments.identity import Result, Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.pruned import PrunedNetwork
from sparsekit.experiments.pruning import pruned_networks
from sparsekit.experiments.records import Store
from sparsekit.experiments.units import BaseNetwork, FromBase, Strings, base_networks, outcome, probed, recipe, results
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Encoded, Recipe, train
from sparsekit.pruning import prune as pruning_rule
from sparsekit.pruning.cost import multiply_adds, training_multiply_adds
from sparsekit.pruning.dynamics import DYNAMICS, asks_gradient, cosine, rewire, update_steps
from sparsekit.pruning.initial import INITIAL, begun
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.movement import Trace
from sparsekit.pruning.schedules import SCHEDULES, planned
from sparsekit.pruning.scores import FEWEST, Evidence
from sparsekit.registry import digest
from sparsekit.seeds import derive
from sparsekit.variants import GATES


@dataclass(frozen=True)
class SparseNetwork(FromBase):
    """A network with the initial weights of a base network, sparse before its first step or by a schedule on the way.

    It sees the strings in the base network's order. All of one base network and recipe train as one population.
    """

    kind: ClassVar[str] = "sparse_network"
    together: ClassVar[int] = 10
    compression: float  # recurrent weights, dense by sparse
    recipe: Recipe
    initial: str = "erdos_renyi"
    dynamic: str = "static"
    schedule: str = ""  # prunes by magnitude while it trains, from an initial mask that is dense
    rounds: int = 1
    drop_fraction: float = 0.3
    update_interval: int = 100
    last_update: float = 0.75
    scale: str = "dense"  # of the initial weights, a name in `variants.SCALES`
    source: str = field(default="", init=False, repr=False)

    def __post_init__(self):
        made = [INITIAL[self.initial], DYNAMICS[self.dynamic], *([SCHEDULES[self.schedule]] if self.schedule else [])]
        object.__setattr__(self, "source", digest(*made))

    @property
    def group(self) -> Hashable:
        return self.base, self.recipe, self.schedule, self.rounds, self.update_interval, self.last_update

    def seconds(self, device: str) -> float:
        networks = [self.base.network() for _ in range(self.together)]
        return probed(networks, self.base.strings, self.recipe, device) / len(networks)

    @property
    def sparsity(self) -> float:
        """Share of the recurrent weights that do not exist."""
        return 1 - 1 / self.compression

    @property
    def stream(self) -> int:
        """Seed of whatever is random in this unit besides the order of its strings."""
        return derive(self.base.seed, self.compression, self.initial, self.dynamic, self.schedule)

    @property
    def steps(self) -> int:
        """Optimizer steps of its training."""
        return self.recipe.epochs * self.base.strings.steps(self.recipe.batch_size)

    def updates(self) -> list[int]:
        """The steps after which its mask moves."""
        return update_steps(self.steps, self.update_interval, self.last_update)

    def plan(self) -> dict[int, float]:
        """The sparsity that holds from each step on."""
        return {0: 0.0} | self.prunings() if self.schedule else {0: self.sparsity}

    def prunings(self) -> dict[int, float]:
        """The sparsity that the schedule asks for, by the step after which to prune; none without a schedule."""
        return planned(self.schedule, self.sparsity, self.steps, self.rounds) if self.schedule else {}

    def training_multiply_adds(self) -> float:
        """What its training takes, counted."""
        plan, entries = self.plan(), _entries(self.base)
        ends = [*list(plan)[1:], self.steps]
        kept = [
            (end - at, entries - round(share * entries)) for (at, share), end in zip(plan.items(), ends, strict=True)
        ]
        gradients = len(self.updates()) if asks_gradient(self.dynamic) else 0
        return training_multiply_adds(kept, entries, _characters(self.base.strings, self.recipe), gradients)

    def start(self) -> Classifier:
        """The network before its first step."""
        network, strings = self.base.network(), self.base.strings.make().train
        training = Encoded(strings.subset(range(min(FEWEST, len(strings)))))
        positions = torch.as_tensor(training.positions(self.recipe))
        evidence = Evidence(training.inputs, training.labels, positions, self.stream)
        begun(self.initial, network, self.sparsity, evidence, self.scale)
        return network

    def rewire(self, network: Classifier, step: int, gradient: Callable, trace: Trace) -> None:
        """One dynamic update; a network that has diverged stays as it is."""
        trace.note(network, step)
        if all(bool(parameter.isfinite().all()) for parameter in network.parameters()):
            fraction = cosine(self.drop_fraction, step, self.last_update * self.steps)
            rewire(self.dynamic, network, fraction, gradient, derive(self.stream, step))
        trace.after(network)

    def prune(self, network: Classifier, step: int) -> None:
        """One pruning of the schedule."""
        if all(bool(parameter.isfinite().all()) for parameter in network.parameters()):
            pruning_rule.apply(network, self.plan()[step])

    @classmethod
    def compute(cls, units: Sequence["SparseNetwork"], store: Store, device: str) -> Iterator[Result]:
        first, base = units[0], units[0].base
        networks = [unit.start() for unit in units]
        traces = [Trace(network) for network in networks]
        for network, trace in zip(networks, traces, strict=True):
            trace.note(network, 0)

        def move(step: int) -> Callable:
            return lambda network, k, gradient: units[k].rewire(network, step, gradient, traces[k])

        def fall(step: int) -> Callable:
            return lambda network, k: units[k].prune(network, step)

        order = derive("order of strings", base.seed if base.order_seed is None else base.order_seed)
        histories = train(
            networks,
            base.strings.make(),
            first.recipe,
            order,
            prune_at={step: fall(step) for step in first.prunings()},
            rewire_at={step: move(step) for step in first.updates()},
            device=device,
        )
        for unit, network, trace, history in zip(units, networks, traces, histories, strict=True):
            trace.note(network, unit.steps)
            yield unit, unit.remains(network, trace) | {"history": history} | outcome(history), network.state_dict()

    def remains(self, network: Classifier, trace: Trace) -> dict:
        """How many weights there are, what they cost, and how the mask has moved."""
        mask = Mask.of(network)
        if not mask.holds(network):
            raise AssertionError(f"a weight that does not exist is not 0 after training: {self}")
        return {
            "sparsity": mask.sparsity,
            "weights": network.size(),
            "weights_dense": sum(parameter.numel() for parameter in network.parameters()),
            "multiply_adds": multiply_adds(network),
            "multiply_adds_dense": multiply_adds(network, kept=False),
            "training_multiply_adds": self.training_multiply_adds(),
            "moved": trace.moved(),
            "structure": trace.structure(self.stream).to_dict("list"),
        }


@lru_cache(maxsize=4096)  # a listing asks for the same ones thousands of times
def _entries(base: BaseNetwork) -> int:
    """Weights of the recurrent matrices."""
    return sum(exists.numel() for exists in base.network().masks().values())


@lru_cache(maxsize=4096)
def _characters(strings: Strings, recipe: Recipe) -> float:
    """Of a batch, in the mean."""
    return float(strings.make().train.lengths.sum()) / strings.steps(recipe.batch_size)


def _dense_multiply_adds(base: BaseNetwork) -> float:
    """What a base network's training takes."""
    steps, entries = base.recipe.epochs * base.strings.steps(base.recipe.batch_size), _entries(base)
    return training_multiply_adds([(steps, entries)], entries, _characters(base.strings, base.recipe))


def _pruned_multiply_adds(unit: PrunedNetwork) -> float:
    """What training a base network, pruning it and training it further takes in all."""
    steps, entries = unit.recipe.epochs * unit.base.strings.steps(unit.recipe.batch_size), _entries(unit.base)
    kept = entries - round(unit.percent / 100 * entries)
    further = training_multiply_adds([(steps, kept)], entries, _characters(unit.base.strings, unit.recipe))
    return _dense_multiply_adds(unit.base) + further


def _small(base: BaseNetwork, compression: float, epochs: int) -> BaseNetwork:
    """A dense network of as many weights and biases as the sparse one, as nearly as whole units allow."""
    task, gates = base.strings.make(), len(GATES[base.variant])

    def size(hidden: int) -> int:
        inputs = [task.features or base.embedding_size] + [hidden] * (base.layers - 1)
        return sum(gates * hidden * (width + hidden + 2) for width in inputs) + task.classes * hidden

    wanted = size(base.hidden_size) - _entries(base) * (1 - 1 / compression)
    hidden = min(range(1, base.hidden_size + 1), key=lambda hidden: abs(size(hidden) - wanted))
    return replace(base, hidden_size=hidden, recipe=replace(base.recipe, epochs=epochs))


BUDGETS = ("steps", "multiply-adds")
"""What is equal where methods are compared: optimizer steps, or the multiply-adds of training."""

Method = SparseNetwork | BaseNetwork | PrunedNetwork


def _bases(p: Parameters) -> list[BaseNetwork]:
    return base_networks(p.model_copy(update={"variants": p.sparse_variants}))


def _methods(p: Parameters, base: BaseNetwork) -> dict[str, dict]:
    """What makes a sparse network, by the method's name: of every initial mask the static one, then what moves."""
    first = p.initial_masks[0]
    found = {name: {"initial": name} for name in p.initial_masks} if "static" in p.dynamics else {}
    found |= {name: {"initial": first, "dynamic": name} for name in p.dynamics if name != "static"}
    steps = (p.base_epochs + p.retrain_epochs) * base.strings.steps(p.batch_size_pruning)
    begin_dense = [name for name in p.schedules if min(planned(name, 0.5, steps, p.rounds))]
    return found | {name: {"initial": "dense", "schedule": name, "rounds": p.rounds} for name in begin_dense}


def pruned_after(p: Parameters) -> list[PrunedNetwork]:
    """What is trained dense, pruned by magnitude and trained further: what the others are compared with."""
    percentages = [100 * (1 - 1 / compression) for compression in p.compressions]
    changed = {"variants": p.sparse_variants, "targets": ["both"], "percentages": percentages, "score": "magnitude"}
    return pruned_networks(p.model_copy(update=changed))


def compared(p: Parameters) -> dict[tuple[str, str, float, int], Method]:
    """Every network of the comparison, by budget, method, compression and the base network's number.

    At equal steps all train for `base_epochs` and `retrain_epochs` together. At equal multiply-adds each trains for as
    many whole epochs as cost what the dense network, pruned and trained further, has cost; but at most
    `training_multiplier` times as long.
    """
    found: dict[tuple[str, str, float, int], Method] = {}
    bases, after = _bases(p), {(unit.base, unit.percent): unit for unit in pruned_after(p)}
    epochs = p.base_epochs + p.retrain_epochs
    how = {"drop_fraction": p.drop_fraction, "update_interval": p.update_interval, "last_update": p.last_update}
    how["scale"] = p.initial_scale
    for compression, (k, base) in product(p.compressions, enumerate(bases)):
        pruned = after[base, 100 * (1 - 1 / compression)]
        options = {"compression": compression, "recipe": recipe(p, epochs, p.batch_size_pruning)} | how
        equal = {name: SparseNetwork(base, **options, **own) for name, own in _methods(p, base).items()}
        for name, unit in {"pruned": pruned, "small_dense": _small(base, compression, epochs), **equal}.items():
            found["steps", name, compression, k] = unit
            longer = unit if name == "pruned" else _longer(unit, _cost(pruned), p.training_multiplier)
            if p.training_multiplier > 1:
                found["multiply-adds", name, compression, k] = longer
    return found


def _cost(unit: Method) -> float:
    """Multiply-adds of the whole training."""
    if isinstance(unit, SparseNetwork):
        return unit.training_multiply_adds()
    return _dense_multiply_adds(unit) if isinstance(unit, BaseNetwork) else _pruned_multiply_adds(unit)


def _longer(unit: SparseNetwork | BaseNetwork, budget: float, multiplier: float) -> SparseNetwork | BaseNetwork:
    """The same for as many epochs as the budget pays, at most so many times as long."""

    def lasting(epochs: int) -> SparseNetwork | BaseNetwork:
        return replace(unit, recipe=replace(unit.recipe, epochs=epochs))

    epochs = int(unit.recipe.epochs * min(budget / _cost(unit), multiplier) + 1e-9)
    while epochs > 1 and _cost(lasting(epochs)) > budget * (1 + 1e-9):  # updates and prunings do not grow evenly
        epochs -= 1
    return lasting(max(1, epochs))


def sparse_units(p: Parameters) -> list[Unit]:
    """Every unit of the study, and what they require."""
    units = list(dict.fromkeys(compared(p).values()))
    return [*dict.fromkeys(unit.base for unit in units if isinstance(unit, PrunedNetwork)), *units]


def accuracies(p: Parameters) -> pd.DataFrame:
    """Networks at the end of their training, a row each, by budget and method.

    Columns variant, seed, target, percent, budget ("steps", "multiply-adds": what is equal), method, compression
    (asked for), accuracy, epochs, weights, weights_dense, multiply_adds, multiply_adds_dense (of a step), spent
    (multiply-adds of training, by those of the network that is pruned after training).
    """
    wanted, bases, rows = compared(p), _bases(p), []
    read = results(wanted.values(), p)
    for (budget, method, compression, k), (unit, data) in zip(wanted, read, strict=True):
        pruned = wanted["steps", "pruned", compression, k]
        own = {"variant": bases[k].variant, "seed": bases[k].seed, "target": "both", "percent": float(pruned.percent)}
        own |= {"budget": budget, "method": method, "compression": float(compression)}
        own |= {"accuracy": data["history"][-1]["test_accuracy"], "epochs": unit.recipe.epochs}
        if isinstance(unit, PrunedNetwork):
            own["epochs"] += unit.base.recipe.epochs
        size = data if "weights" in data else _size(unit, bases[k])
        own |= {name: size[name] for name in ("weights", "weights_dense", "multiply_adds", "multiply_adds_dense")}
        rows.append(own | {"spent": _cost(unit) / _cost(pruned)})
    return pd.DataFrame(rows)


def _size(unit: BaseNetwork, base: BaseNetwork) -> dict[str, int]:
    """Of a dense network, beside the base network's."""
    small, large = unit.network(), base.network()
    own = {"weights": small.size(), "multiply_adds": multiply_adds(small)}
    return own | {"weights_dense": large.size(), "multiply_adds_dense": multiply_adds(large)}


def _sparse(p: Parameters) -> Iterator[tuple[dict, dict]]:
    """Which network, and its results, of all that are sparse from the start, at equal steps."""
    wanted = {key: u for key, u in compared(p).items() if key[0] == "steps" and isinstance(u, SparseNetwork)}
    for (_, method, compression, _), (unit, data) in zip(wanted, results(wanted.values(), p), strict=True):
        own = {"variant": unit.base.variant, "seed": unit.base.seed, "method": method}
        yield own | {"compression": float(compression)}, data | {"steps": unit.steps}


def movements(p: Parameters) -> pd.DataFrame:
    """How far masks have moved at equal steps: variant, seed, method, compression, distance, ever_alive, density."""
    return pd.DataFrame([own | data["moved"] for own, data in _sparse(p)])


def structures(p: Parameters) -> pd.DataFrame:
    """Hidden-to-hidden masks as graphs on the way, gate by gate, at equal steps: as of `movement.structure`.

    Columns variant, seed, method, compression, share (of training), layer, gate, property, value, null.
    """
    parts = []
    for own, data in _sparse(p):
        table = pd.DataFrame(data["structure"])
        parts.append(table.assign(**own, share=table.pop("step") / data["steps"]))
    return pd.concat(parts, ignore_index=True)
