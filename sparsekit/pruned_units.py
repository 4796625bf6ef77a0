"""Units of the pruning study: networks pruned, retrained in one way or another, and probed for what they remember."""

import time
import warnings
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch

from sparsekit import costs, memory, survival, tasks
from sparsekit import pruning as pruner
from sparsekit.masks import Mask
from sparsekit.networks import Classifier
from sparsekit.protocols import PROTOCOLS, Start
from sparsekit.records import Store
from sparsekit.schedules import SCHEDULES
from sparsekit.scores import Evidence
from sparsekit.seeds import derive
from sparsekit.training import Encoded, Recipe, train
from sparsekit.units import BaseNetwork, EarlyNetwork, cost, probed

EVIDENCE_STRINGS = 256
"""Training strings from which a score that looks at data judges the weights."""


@dataclass(frozen=True)
class PrunedNetwork:
    """A base network with its lowest-scored weights removed, then retrained with that mask; its weights are kept.

    Under a schedule other than "one_shot" pruning is part of the retraining, which starts from the dense base network;
    so the other protocols, which start from a mask, do not go with it.

    All pruned forms of one base network see the strings in the same order, and so train as one population.
    """

    kind: ClassVar[str] = "pruned_network"
    base: BaseNetwork
    target: str
    percent: float
    recipe: Recipe
    measure_at: tuple[int, ...] = ()
    score: str = "magnitude"
    scope: str = "global"
    schedule: str = "one_shot"
    rounds: int = 1
    protocol: str = "retrain"
    rewind_step: int = 0
    together: ClassVar[int] = 10

    def __post_init__(self):
        if self.schedule != "one_shot" and self.protocol != "retrain":
            raise ValueError(f"protocol {self.protocol} with schedule {self.schedule}: it goes with one_shot only")

    @property
    def early(self) -> EarlyNetwork:
        """What protocol rewind starts from."""
        return EarlyNetwork(self.base, self.rewind_step)

    @property
    def requires(self) -> tuple:
        return (self.base, self.early) if self.protocol == "rewind" else (self.base,)

    @property
    def group(self) -> Hashable:
        return self.base, self.recipe, self.measure_at, self.schedule, self.rounds

    @property
    def cost(self) -> float:
        return cost(self.base.strings, self.recipe, self.base.variant) * self.base.layers

    def seconds(self, device: str) -> float:
        """About how long it takes here as one of many, from a short probe."""
        networks = [self.base.network() for _ in range(self.together)]
        extra = 1 + len(self.measure_at)
        return probed(networks, self.base.strings, self.recipe, device, extra) / len(networks)

    @property
    def stream(self) -> int:
        """Seed of whatever is random in this unit besides the order of its strings."""
        return derive(self.base.seed, self.target, self.percent, self.score, self.scope, self.protocol)

    def plan(self) -> dict[int, float]:
        """The sparsity that the schedule asks for, by the optimizer step after which to prune."""
        steps = self.recipe.epochs * -(-len(self.base.strings.make().train) // self.recipe.batch_size)
        return SCHEDULES[self.schedule](self.percent / 100, steps, self.rounds)

    def fresh(self) -> Classifier:
        """The base network's structure with other initial weights: the same for all conditions of a seed."""
        return self.base.network(seed=derive("initial weights, once more", self.base.seed))

    def network(self, store: Store) -> Classifier:
        """The network as pruned and retrained."""
        network = self.base.network()
        network.load_state_dict(store.weights(self))
        return network

    def evidence(self) -> Evidence:
        """What scores may look at: the first training strings, read where the network reads them."""
        train_part = self.base.strings.make().train
        part = Encoded(train_part.subset(range(min(EVIDENCE_STRINGS, len(train_part)))))
        return Evidence(part.inputs, part.labels, torch.as_tensor(part.positions(self.recipe)), self.stream)

    def starts(self, store: Store) -> Start:
        """What a recovery protocol may start from."""
        return Start(
            trained=lambda: self.base.network(store),
            early=lambda: self.early.network(store),
            fresh=self.fresh,
            cell=self.base.variant,
            seed=self.stream,
        )

    def start(self, store: Store) -> Classifier:
        """What retraining starts from: pruned in one shot, or dense where a schedule prunes on the way."""
        network = self.base.network(store)
        if self.schedule != "one_shot":
            return network
        mask, _ = pruner.prune(network, self.percent / 100, self.target, self.score, self.scope, self.evidence())
        network, mask = PROTOCOLS[self.protocol](self.starts(store), mask)
        mask.apply(network)
        return network

    def prune(self, network: Classifier, sparsity: float) -> None:
        """One pruning of a schedule."""
        with warnings.catch_warnings():  # that a matrix is empty, where all of it is asked to go
            warnings.simplefilter("ignore", UserWarning)
            pruner.apply(network, sparsity, self.target, self.score, self.scope, self.evidence())

    @classmethod
    def compute(cls, units: Sequence["PrunedNetwork"], store: Store, device: str) -> None:
        start = time.perf_counter()
        base, recipe, measure_at, schedule, _ = units[0].group
        networks, plans = [unit.start(store) for unit in units], [unit.plan() for unit in units]
        radii = [_radii(network) for network in networks]

        def prune(step: int):
            return lambda network, k: units[k].prune(network, plans[k][step])

        histories = train(
            networks,
            base.strings.make(),
            recipe,
            derive("order of strings in retraining", base.seed),
            measure_at=measure_at,
            prune_at={} if schedule == "one_shot" else {step: prune(step) for step in plans[0]},
            device=device,
        )
        base_accuracy, base_radii = store.read(base)["history"][-1]["test_accuracy"], _radii(base.network(store))
        seconds = (time.perf_counter() - start) / len(units)
        for unit, network, plan, pruned, history in zip(units, networks, plans, radii, histories, strict=True):
            data = {
                "base_accuracy": base_accuracy,
                "accuracy": next(row["test_accuracy"] for row in history if row["step"] == max(plan)),
                "history": history,
                "spectral_radius": {"base": base_radii, "pruned": pruned, "recovered": _radii(network)},
            }
            store.write(unit, data | unit.remains(network), network.state_dict(), seconds=seconds, device=device)

    def remains(self, network: Classifier) -> dict:
        """What pruning has left of the network: how many weights, what they cost, and where they are."""
        mask = Mask.of(network)
        if not mask.holds(network):
            raise AssertionError(f"a pruned weight is no longer 0 after retraining: {self}")
        return {
            "sparsity": mask.sparsity,
            "target_sparsity": Mask({name: mask[name] for name in pruner.targeted(mask, self.target)}).sparsity,
            "weights": network.size(),
            "weights_dense": sum(parameter.numel() for parameter in network.parameters()),
            "multiply_adds": costs.multiply_adds(network),
            "multiply_adds_dense": costs.multiply_adds(network, kept=False),
            "survivors": survival.survivors(network).to_dict("list"),
            "dead_units": survival.dead_units(network).to_dict("list"),
        }


def _radii(network: Classifier) -> dict[str, list]:
    return survival.spectral_radius(network).to_dict("list")


@dataclass(frozen=True)
class MemoryProbe:
    """What a trained network remembers: accuracy with its past cut off in several ways."""

    kind: ClassVar[str] = "memory"
    network: BaseNetwork | PrunedNetwork
    strings: int

    @property
    def base(self) -> BaseNetwork:
        return getattr(self.network, "base", self.network)

    @property
    def requires(self) -> tuple:
        return (self.network,)

    @property
    def cost(self) -> float:
        return self.strings / 200

    def seconds(self, device: str) -> float:
        """About how long it takes here."""
        return self.cost

    @classmethod
    def compute(cls, units: Sequence["MemoryProbe"], store: Store, device: str) -> None:
        for unit in units:
            start = time.perf_counter()
            task, recipe = unit.base.strings.make(), unit.network.recipe
            network = unit.network.network(store)
            part = task.test.subset(range(min(unit.strings, len(task.test))))
            tables = {
                "paths": memory.paths(network, part, recipe),
                "seen": memory.cut_at(network, part, recipe),
                "length": memory.by_length(network, part, recipe),
            }
            if task.name in tasks.GRAMMARS:
                violations = tasks.violations(task.name, part.strings)
                tables["violation"] = memory.by_violation(network, part, recipe, violations)
            data = {name: table.to_dict("list") for name, table in tables.items()}
            store.write(unit, data, seconds=time.perf_counter() - start)
