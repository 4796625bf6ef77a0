"""Units of the pruning study: networks pruned, retrained in one way or another, and probed for what they remember."""

import warnings
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import ClassVar

import numpy as np
import pandas as pd
import torch

from sparsekit.experiments.identity import Result, Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import ParameterError
from sparsekit.experiments.records import Store
from sparsekit.experiments.units import BaseNetwork, EarlyNetwork, FromBase, outcome, probed, recipe, results, strings
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Encoded, Recipe, train
from sparsekit.pruning import prune as pruning_rule
from sparsekit.pruning.cost import multiply_adds
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.memory import by_distance, by_length, by_violation, whole, with_another_past
from sparsekit.pruning.recovery import PROTOCOLS, Start, followed, starts_early
from sparsekit.pruning.schedules import SCHEDULES, planned
from sparsekit.pruning.scores import CONTROLS, FEWEST, SCORES, WITHOUT_DATA, Agreement, Evidence, settled
from sparsekit.pruning.survival import dead_units, spectral_radius, survivors
from sparsekit.registry import digest
from sparsekit.seeds import derive
from sparsekit.tasks import definitions as tasks
from sparsekit.variants import SOURCES

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

    @property
    def cost(self) -> float:
        return self.base.cost / self.base.recipe.epochs * self.recipe.epochs

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


@dataclass(frozen=True)
class MemoryProbe(Unit):
    """What a trained network remembers: its verdicts where the past is exchanged, its accuracy by kind of string."""

    kind: ClassVar[str] = "transplants"
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

    def result(self, store: Store, device: str) -> tuple[Mapping, None]:
        task = self.base.strings.make()
        part = task.test.subset(range(min(self.strings, len(task.test))))
        network, recipe = self.network.network(store), self.network.recipe
        what = (network, part, recipe)
        past, told = with_another_past(network, task, recipe, self.strings)
        tables = {"whole": whole(*what), "past": past, "told": told, "length": by_length(*what)}
        if task.name in tasks.DISTANCES:
            tables["distance"] = by_distance(*what, tasks.DISTANCES[task.name](part.strings))
        if task.name in tasks.GRAMMARS:
            tables["violation"] = by_violation(*what, tasks.violations(task.name, part.strings))
        return {name: table.to_dict("list") for name, table in tables.items()}, None


CONDITION = ("target", "percent", "score", "scope", "schedule", "protocol")
ONE_H2H = "one hidden-to-hidden weight, retrained"
"""What `memory` calls networks that have lost all the others: the largest weight stays at 100 %."""


def base_networks(p: Parameters) -> list[BaseNetwork]:
    """The base networks, by variant and seed."""
    return _varied(p, p.vary, p.seeds)


def _varied(p: Parameters, sources: Iterable[str], count: int) -> list[BaseNetwork]:
    """So many base networks of each variant that differ in these sources; in the others all are like the first."""
    given, how = strings(p), recipe(p, p.base_epochs, p.batch_size_pruning)
    sizes, found = (p.hidden_size, p.layers, p.embedding_size), []
    for variant, k in product(p.variants, range(count)):
        same = {f"{name}_seed": p.seed for name in ("weights", "order") if k and name not in sources}
        own = replace(given, data_seed=given.data_seed + k) if "strings" in sources else given
        found.append(BaseNetwork(own, variant, p.seed + k, how, *sizes, **same))
    return found


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


def pruned_networks(p: Parameters) -> list[PrunedNetwork]:
    """The grid: by base network, target and percentage."""
    by_condition = [pruned(p, target, percent) for target in p.targets for percent in sorted(p.percentages)]
    return [unit for units in zip(*by_condition, strict=True) for unit in units]


def scored_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned by every score within every scope, and by the random controls."""
    target, found = p.targets[0], []
    for percent in sorted({*p.percentages, *p.compare_at}):
        compared = [(score, scope) for score in (p.score, *p.scores) for scope in p.scopes]
        pairs = compared if percent in p.compare_at else []
        for score, scope in dict.fromkeys([(p.score, "global"), *pairs, *CONTROLS]):
            found += pruned(p, target, percent, score=score, scope=scope)
    return found


def scheduled_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned all at once and by every schedule."""
    found = []
    for percent in p.compare_at:
        for schedule in ["one_shot", *p.schedules]:
            rounds = 1 if schedule == "one_shot" else p.rounds
            found += pruned(p, p.targets[0], percent, schedule=schedule, rounds=rounds)
    return found


def source_networks(p: Parameters) -> list[tuple[str, PrunedNetwork]]:
    """Networks that differ in one source of variation alone, and in all, pruned at the first percentage compared."""
    found = []
    for name, sources in [*((one, (one,)) for one in SOURCES), ("all", SOURCES)] if p.sources else ():
        units = pruned(p, p.targets[0], p.compare_at[0], bases=_varied(p, sources, p.sources))
        found += [(name, unit) for unit in units]
    return found


def protocol_networks(p: Parameters) -> list[PrunedNetwork]:
    """The first target pruned and retrained by every protocol; a dense network is of no target and percentage.

    Surviving weights are retrained for `retrain_epochs`. Who begins anew has the steps that base training had left at
    `rewind_step`, as rewinding is defined, and so have its controls.

    Raises
    ------
    ParameterError
        Where base training had no steps left at `rewind_step`.
    """
    found: list[PrunedNetwork] = []
    for percent in p.compare_at:
        found += pruned(p, p.targets[0], percent)
        for protocol in p.protocols:
            options = _rest(p) | ({"rewind_step": p.rewind_step} if starts_early(protocol) else {})
            target, share = ("both", 0.0) if protocol == "dense" else (p.targets[0], percent)
            found += pruned(p, target, share, protocol=protocol, **options)
    return list(dict.fromkeys(found))


def _rest(p: Parameters) -> dict[str, int]:
    """The epochs and steps of base training after `rewind_step`."""
    an_epoch = strings(p).steps(p.batch_size_pruning)
    if p.rewind_step >= (steps := p.base_epochs * an_epoch):
        told = f"rewind_step: given {p.rewind_step}, but base training has {steps} steps in all; allowed is fewer, "
        raise ParameterError([f"{told}for what begins anew trains for those that are left"])
    return {"epochs": -(-(steps - p.rewind_step) // an_epoch), "steps": steps - p.rewind_step}


def probes(p: Parameters) -> dict[MemoryProbe, str]:
    """What is probed for its memory, with its name: base networks; pruned; with one hidden-to-hidden weight."""
    named: dict = dict.fromkeys(base_networks(p), "base")
    if p.compare_at[-1] in p.percentages:
        target, percent = p.targets[0], p.compare_at[-1]
        which = "" if target == "both" else f"{target} "
        named |= dict.fromkeys(pruned(p, target, percent), f"{percent:g} % {which}pruned, retrained")
    if "h2h" in p.targets and 100 in p.percentages:
        named |= dict.fromkeys(pruned(p, "h2h", 100.0), ONE_H2H)
    return {MemoryProbe(network, p.probe_strings): name for network, name in named.items()}


def base(p: Parameters) -> pd.DataFrame:
    """Training of the base networks: variant, seed, epoch, train_ and test_ loss and accuracy; a row an epoch."""
    read = results(base_networks(p), p)
    rows = [{"variant": unit.variant, "seed": unit.seed, **row} for unit, data in read for row in data["history"][1:]]
    columns = ["variant", "seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    return pd.DataFrame(rows)[columns].astype({"epoch": int})


def pruning(p: Parameters, wanted: Iterable[PrunedNetwork] | None = None) -> pd.DataFrame:
    """Pruned networks before any retraining, one row each: condition, accuracies, the sparsities reached, and sizes.

    ``multiply_adds`` are those of a step; sizes stand beside the dense network's.
    """
    columns = ["base_accuracy", "accuracy", "sparsity", "target_sparsity"]
    columns += ["weights", "weights_dense", "multiply_adds", "multiply_adds_dense"]
    read = results(pruned_networks(p) if wanted is None else wanted, p)
    return pd.DataFrame([condition(unit) | {name: data[name] for name in columns} for unit, data in read])


def recovery(p: Parameters, wanted: Iterable[PrunedNetwork] | None = None) -> pd.DataFrame:
    """Accuracy of each pruned network after each measured optimizer step of retraining; step 0 is at once."""
    rows = []
    for unit, data in results(pruned_networks(p) if wanted is None else wanted, p):
        of_unit = condition(unit) | {"base_accuracy": data["base_accuracy"]}
        for row in data["history"]:
            rows.append(of_unit | {"step": row["step"], "epoch": row["epoch"], "accuracy": row["test_accuracy"]})
    columns = ["variant", "seed", *CONDITION[:-1], "recovery", "base_accuracy", "step", "epoch", "accuracy"]
    return pd.DataFrame(rows, columns=None if rows else columns)


def condition(unit: PrunedNetwork) -> dict:
    """What tells pruned networks apart."""
    own = {name: getattr(unit, name) for name in CONDITION} | {"percent": float(unit.percent)}
    own["recovery"] = own.pop("protocol")
    return {"variant": unit.base.variant, "seed": unit.base.seed} | own


def scores(p: Parameters) -> pd.DataFrame:
    """`pruning` of every score, scope and random control."""
    return pruning(p, scored_networks(p))


def sources(p: Parameters) -> pd.DataFrame:
    """Accuracy of `source_networks`, unpruned (percent 0) and at once after pruning, a row each.

    Columns variant, source, seed, percent, accuracy; no rows where `sources` is 0.
    """
    wanted, rows = source_networks(p), []
    read = results([unit for _, unit in wanted], p)
    for (source, _), (unit, data) in zip(wanted, read, strict=True):
        own = {"variant": unit.base.variant, "source": source, "seed": unit.base.seed}
        rows.append(own | {"percent": 0.0, "accuracy": data["base_accuracy"]})
        rows.append(own | {"percent": float(unit.percent), "accuracy": data["accuracy"]})
    return pd.DataFrame(rows, columns=["variant", "source", "seed", "percent", "accuracy"])


def evidence(p: Parameters) -> pd.DataFrame:
    """How far the scores of `scores` that look at data rank weights alike by two halves of it: a row a network.

    Columns variant, seed, score, strings (looked at), of (training strings in all), agreement (Spearman's correlation).
    """
    wanted = [unit for unit in scored_networks(p) if unit.agreement]
    rows = []
    for unit, data in results(wanted, p):
        own = {"variant": unit.base.variant, "seed": unit.base.seed, "score": unit.score}
        rows.append(own | {"of": len(unit.base.strings.make().train)} | data["evidence"])
    columns = ["variant", "seed", "score", "strings", "of", "agreement"]
    return pd.DataFrame(rows, columns=columns).drop_duplicates(["variant", "seed", "score"], ignore_index=True)


def schedules(p: Parameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """`pruning` and `recovery` of every schedule."""
    return pruning(p, scheduled_networks(p)), recovery(p, scheduled_networks(p))


def protocols(p: Parameters) -> pd.DataFrame:
    """`recovery` of every protocol; the rows of a dense network stand beside each percentage."""
    table = recovery(p, protocol_networks(p))
    dense = table["recovery"] == "dense"
    beside = [table[dense].assign(target=p.targets[0], percent=float(percent)) for percent in p.compare_at]
    return pd.concat([table[~dense], *beside], ignore_index=True)


def survival(p: Parameters, name: str = "survivors") -> pd.DataFrame:
    """Where the weights of the grid survive: `survival.survivors` or ``dead_units`` of each network."""
    read = results(pruned_networks(p), p)
    return pd.concat([pd.DataFrame(data[name]).assign(**condition(unit)) for unit, data in read], ignore_index=True)


def spectral_radii(p: Parameters) -> pd.DataFrame:
    """Spectral radii of the base networks, and of the pruned ones before and after retraining, by layer and gate."""
    parts = []
    for unit, data in results(pruned_networks(p), p):
        by_network = data["spectral_radius"].items()
        parts += [pd.DataFrame(radii).assign(**condition(unit), network=network) for network, radii in by_network]
    return pd.concat(parts, ignore_index=True)


def memory(p: Parameters) -> dict[str, pd.DataFrame]:
    """What networks remember, by name: `whole`, the two of `with_another_past` (past, told), `by_length` (length), and

    where the task has such, `by_distance` (distance) and `by_violation` (violation).
    """
    names = probes(p)
    tables: dict[str, list[pd.DataFrame]] = {}
    for unit, data in results(names, p):
        for table, rows in data.items():
            own = pd.DataFrame(rows).assign(variant=unit.base.variant, seed=unit.base.seed, network=names[unit])
            tables.setdefault(table, []).append(own)
    return {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
