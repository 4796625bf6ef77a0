"""A network pruned, and retrained in one way or another: a unit of work."""

import warnings
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np
import torch

from sparsekit.experiments.identity import Result
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import Store
from sparsekit.experiments.units import (
    BaseNetwork,
    EarlyNetwork,
    FromBase,
    base_networks,
    outcome,
    probed,
    recipe,
    strings,
)
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Encoded, Recipe, train
from sparsekit.pruning import prune as pruning_rule
from sparsekit.pruning.cost import multiply_adds
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.recovery import PROTOCOLS, Start, followed, starts_early
from sparsekit.pruning.schedules import SCHEDULES, planned
from sparsekit.pruning.scores import FEWEST, SCORES, WITHOUT_DATA, Agreement, Evidence, settled
from sparsekit.pruning.survival import dead_units, spectral_radius, survivors
from sparsekit.registry import digest
from sparsekit.seeds import derive

AGREEMENT = 0.95
"""Rank correlation of the scores by two halves of some training strings at which these are enough."""


@dataclass(frozen=True)
class PrunedNetwork(FromBase):
    """A base network with its lowest-scored weights removed, then retrained with that mask.

    Under a schedule other than "one_shot" pruning is part of the retraining, which starts from the dense base network;
    so the other protocols, which start from a mask, do not go with it. All pruned forms of one base network see the
    strings in the same order, and so train as one population.
    """

    kind: ClassVar[str] = "pruned_network"
    together: ClassVar[int] = 10
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
    steps: int = 0  # of the recipe's, after which training stops; 0: after all of them
    agreement: float = 0.0  # for which the score's evidence grows; 0: it is the first few training strings
    source: str = field(default="", init=False, repr=False)

    def __post_init__(self):
        own = digest(SCORES[self.score], SCHEDULES[self.schedule], PROTOCOLS[self.protocol])
        object.__setattr__(self, "source", own)
        if self.schedule != "one_shot" and self.protocol != "retrain":
            raise ValueError(f"protocol {self.protocol} with schedule {self.schedule}: it goes with one_shot only")

    @property
    def early(self) -> EarlyNetwork:
        """What protocol rewind starts from, and any other that starts early."""
        return EarlyNetwork(self.base, self.rewind_step)

    @property
    def requires(self) -> tuple:
        return (self.base, self.early) if starts_early(self.protocol) else (self.base,)

    @property
    def group(self) -> Hashable:
        own = tuple(self.plan()) if SCHEDULES.own(self.schedule) else ()  # may prune at steps of its own
        return self.base, self.recipe, self.measure_at, self.schedule, self.rounds, self.steps, own

    def seconds(self, device: str) -> float:
        networks = [self.base.network() for _ in range(self.together)]
        extra = 1 + len(self.measure_at)
        return probed(networks, self.base.strings, self.recipe, device, extra) / len(networks)

    @property
    def stream(self) -> int:
        """Seed of whatever is random in this unit besides the order of its strings."""
        return derive(self.base.seed, self.target, self.percent, self.score, self.scope, self.protocol)

    def plan(self) -> dict[int, float]:
        """The sparsity that the schedule asks for, by the optimizer step after which to prune."""
        steps = self.recipe.epochs * self.base.strings.steps(self.recipe.batch_size)
        return planned(self.schedule, self.percent / 100, steps, self.rounds)

    def fresh(self) -> Classifier:
        """The base network's structure with other initial weights: the same for all conditions of a seed."""
        return self.base.network(seed=derive("initial weights, once more", self.base.seed))

    def evidence(self, network: Classifier) -> tuple[Evidence, Agreement | None]:
        """What the score looks at to judge a network: training strings, read where it reads them, until they agree."""
        strings = self.base.strings.make().train
        order = np.arange(len(strings))
        if self.agreement:
            order = np.random.default_rng(derive("order of evidence", self.base.seed)).permutation(order)

        def some(count: int) -> Evidence:
            part = Encoded(strings.subset(order[:count]))
            return Evidence(part.inputs, part.labels, torch.as_tensor(part.positions(self.recipe)), self.stream)

        if not self.agreement:
            return some(FEWEST), None
        names = pruning_rule.targeted(Mask.of(network), self.target)
        return settled(self.score, network, names, some, len(strings), self.agreement)

    def start(self, store: Store, known: dict | None = None) -> Classifier:
        """What retraining starts from: pruned in one shot, or dense where a schedule prunes on the way.

        In `known` is kept, by target and score, what others pruned of the same base network need not find again.
        """
        network, known, own = self.base.network(store), {} if known is None else known, (self.target, self.score)
        if self.schedule != "one_shot" or not _finite(network):  # of one that diverged there is nothing to choose
            return network
        if own not in known:
            known[own] = self.evidence(network)
        evidence = replace(known[own][0], seed=self.stream)
        mask, _ = pruning_rule.prune(network, self.percent / 100, self.target, self.score, self.scope, evidence)
        trained, early = lambda: self.base.network(store), lambda: self.early.network(store)
        if not starts_early(self.protocol):
            early = _not_early
        starts = Start(trained=trained, early=early, fresh=self.fresh, cell=self.base.variant, seed=self.stream)
        network, mask = followed(self.protocol, starts, mask)
        mask.apply(network)
        return network

    def prune(self, network: Classifier, sparsity: float) -> Agreement | None:
        """One pruning of a schedule; whether its evidence agreed. A network that has diverged stays as it is."""
        if not _finite(network):
            return None
        evidence, agreement = self.evidence(network)
        with warnings.catch_warnings():  # that a matrix is empty, where all of it is asked to go
            warnings.simplefilter("ignore", UserWarning)
            pruning_rule.apply(network, sparsity, self.target, self.score, self.scope, evidence)
        return agreement

    @classmethod
    def compute(cls, units: Sequence["PrunedNetwork"], store: Store, device: str) -> Iterator[Result]:
        base, recipe, measure_at, schedule, _, steps, _ = units[0].group
        known: dict = {}
        networks, plans = [unit.start(store, known) for unit in units], [unit.plan() for unit in units]
        agreed = [known.get((unit.target, unit.score), (None, None))[1] for unit in units]
        radii = [_radii(network) for network in networks]

        def prune(step: int):
            def one(network: Classifier, k: int) -> None:
                agreed[k] = units[k].prune(network, plans[k][step])

            return one

        task, order = base.strings.make(), derive("order of strings in retraining", base.seed)
        prune_at = {} if schedule == "one_shot" else {step: prune(step) for step in plans[0]}
        options = {"measure_at": (*measure_at, steps), "stop_at": steps or None}
        histories = train(networks, task, recipe, order, prune_at=prune_at, device=device, **options)
        base_accuracy, base_radii = store.read(base)["history"][-1]["test_accuracy"], _radii(base.network(store))
        of_each = zip(units, networks, plans, radii, histories, agreed, strict=True)
        for unit, network, plan, pruned, history, agreement in of_each:
            data = {
                "base_accuracy": base_accuracy,
                "accuracy": next(row["test_accuracy"] for row in history if row["step"] == max(plan)),
                "history": history,
                "spectral_radius": {"base": base_radii, "pruned": pruned, "recovered": _radii(network)},
            }
            if agreement:
                data["evidence"] = {"strings": agreement.sequences, "agreement": agreement.correlation}
            yield unit, data | unit.remains(network) | outcome(history), network.state_dict()

    def remains(self, network: Classifier) -> dict:
        """What pruning has left of the network: how many weights, what they cost, and where they are."""
        mask = Mask.of(network)
        if not mask.holds(network):
            raise AssertionError(f"a pruned weight is no longer 0 after retraining: {self}")
        return {
            "sparsity": mask.sparsity,
            "target_sparsity": Mask({name: mask[name] for name in pruning_rule.targeted(mask, self.target)}).sparsity,
            "weights": network.size(),
            "weights_dense": sum(parameter.numel() for parameter in network.parameters()),
            "multiply_adds": multiply_adds(network),
            "multiply_adds_dense": multiply_adds(network, kept=False),
            "survivors": survivors(network).to_dict("list"),
            "dead_units": dead_units(network).to_dict("list"),
        }


def _not_early() -> Classifier:
    raise ValueError("it starts early in base training; to have that network, let it say start.early() by that name")


def _finite(network: Classifier) -> bool:
    return all(bool(parameter.isfinite().all()) for parameter in network.parameters())


def _radii(network: Classifier) -> dict[str, list]:
    return spectral_radius(network).to_dict("list")


def pruned(
    p: Parameters,
    target: str,
    percent: float,
    epochs: int = 0,
    bases: Iterable[BaseNetwork] | None = None,
    **condition,
) -> list[PrunedNetwork]:
    """Of every base network, or those given, in one condition; trained for `retrain_epochs`, or as many as given."""
    how = recipe(p, epochs or p.retrain_epochs, p.batch_size_pruning)
    steps = strings(p).steps(p.batch_size_pruning) if p.recovery_steps else 0
    measure_at = tuple(sorted(step for step in p.recovery_steps if step < steps))
    condition = {"score": p.score} | condition
    if condition["score"] not in WITHOUT_DATA:
        condition["agreement"] = AGREEMENT
    bases = base_networks(p) if bases is None else bases
    return [PrunedNetwork(base, target, percent, how, measure_at, **condition) for base in bases]
