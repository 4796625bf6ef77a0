"""Units of what sparsity buys: networks made smaller in three ways, and how long they and single layers take."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from sparsekit.experiments.identity import Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.pruned import PrunedNetwork, pruned
from sparsekit.experiments.records import Store, default_store
from sparsekit.experiments.units import BaseNetwork, FromBase, base_networks, computed, outcome, probed, recipe, results
from sparsekit.networks import export, processor
from sparsekit.networks.classifier import Classifier, Stage
from sparsekit.networks.training import Encoded, Recipe, train
from sparsekit.pruning import latency, structured
from sparsekit.pruning.cost import multiply_adds, weights
from sparsekit.pruning.scores import FEWEST, Evidence
from sparsekit.pruning.shrink import shrink
from sparsekit.pruning.unit_scores import UNIT_SCORES
from sparsekit.registry import digest
from sparsekit.seeds import derive


@dataclass(frozen=True)
class ShrunkNetwork(FromBase):
    """A base network without some of its hidden units, made really smaller, then retrained."""

    kind: ClassVar[str] = "shrunk_network"
    percent: float
    recipe: Recipe
    score: str = "norm"
    source: str = field(default="", init=False, repr=False)

    def __post_init__(self):
        object.__setattr__(self, "source", digest(UNIT_SCORES[self.score]))

    @property
    def requires(self) -> tuple:
        return (self.base,)

    def seconds(self, device: str) -> float:
        return probed([self.base.network()], self.base.strings, self.recipe, device)

    def network(self, store: Store) -> Classifier:
        """The smaller network as its record keeps it; each of its layers has a width of its own."""
        like, widths = self.base.network(), store.read(self)["units"]
        given = [like.layout.width, *widths[:-1]]
        stages = [Stage(like.variant, [k - 1], *sizes) for k, sizes in enumerate(zip(widths, given, strict=True))]
        sizes = (0, 0) if like.features else like.embedding.weight.shape[::-1]
        network = Classifier(like.variant, stages, *sizes, like.readout.out_features, features=like.features)
        network.load_state_dict(store.weights(self))
        return network

    def result(self, store: Store, device: str) -> tuple[Mapping, Mapping]:
        base, task = self.base.network(store), self.base.strings.make()
        part = Encoded(task.train.subset(range(min(FEWEST, len(task.train)))))
        stream = derive(self.base.seed, self.percent, self.score)
        evidence = Evidence(part.inputs, part.labels, part.positions(self.recipe), stream)
        structured.remove(base, self.percent / 100, self.score, evidence=evidence)
        network = shrink(base)
        order = derive("order of strings in retraining", self.base.seed)
        (history,) = train([network], task, self.recipe, order, device=device)
        units = [stage.nodes for stage in network.stages]
        return {"history": history, "units": units} | outcome(history), network.state_dict()


@dataclass(frozen=True)
class NetworkLatency(Unit):
    """How long trained networks take for one batch, on the machine named, in several processes."""

    kind: ClassVar[str] = "network_latency"
    timed: ClassVar[bool] = True
    machine: str
    networks: tuple[BaseNetwork | PrunedNetwork | ShrunkNetwork, ...]
    steps: int
    batch: int
    processes: int

    @property
    def requires(self) -> tuple:
        return self.networks

    @property
    def cost(self) -> float:
        return self.processes * (3 + len(self.networks) / 50)

    def result(self, store: Store, device: str) -> tuple[Mapping, None]:
        sizes, names = [], [str(k) for k in range(len(self.networks))]
        with tempfile.TemporaryDirectory() as folder:
            for name, unit in zip(names, self.networks, strict=True):
                network = unit.network(store)
                export.export(network, f"{folder}/{name}")
                stored = weights(network)[["dense", "bitmask", "csr"]].min(axis=1).sum()
                sizes.append({"bytes": int(stored), "multiply_adds": multiply_adds(network, self.steps)})
            arguments = {"folder": folder, "names": names, "steps": self.steps, "batch": self.batch}
            table = latency.in_processes(self.processes, "networks", **arguments)
        return {"sizes": sizes, "table": table.to_dict("list")}, None


@dataclass(frozen=True)
class InferenceCost(Unit):
    """Inference of one recurrent layer, dense and sparse, timed on the machine named, in several processes."""

    kind: ClassVar[str] = "inference"
    timed: ClassVar[bool] = True
    machine: str
    variant: str
    sizes: tuple[int, ...]
    sparsities: tuple[float, ...]
    batch: int
    processes: int
    seed: int

    @property
    def cost(self) -> float:
        return self.processes * (3 + len(self.sparsities) * sum((size / 800) ** 2 + 0.1 for size in self.sizes))

    def result(self, store: Store, device: str) -> tuple[Mapping, None]:
        sparsities = (*self.sparsities, 1.0)  # without any weight: what the floors build on
        arguments = {"hidden_sizes": self.sizes, "sparsities": sparsities, "variant": self.variant}
        arguments |= {"kernels": KERNELS, "batch": self.batch, "repeats": 3, "seed": self.seed}
        table = latency.in_processes(self.processes, "measure", **arguments)
        own = [name for name in table if name not in ("repeat", "seconds")]
        medians = table.groupby(own, sort=False)["seconds"].median().reset_index()
        return {"table": medians.rename(columns={"process": "repeat"}).to_dict("list")}, None


KERNELS = ("csr", *latency.COMPILED)
"""What is timed beside torch's dense ways."""


def _small(p: Parameters) -> list[BaseNetwork]:
    """Dense networks of as many units as structured pruning leaves, trained from scratch for as long in all."""
    how, found = recipe(p, p.base_epochs + p.retrain_epochs, p.batch_size_pruning), []
    for percent in sorted(p.unit_percentages):
        units = max(1, p.hidden_size - round(p.hidden_size * percent / 100))
        of_size = p.model_copy(update={"hidden_size": units})
        found += [
            BaseNetwork(base.strings, base.variant, base.seed, how, units, base.layers, base.embedding_size)
            for base in base_networks(of_size)
        ]
    return list(dict.fromkeys(found))


def raced(p: Parameters) -> dict[Unit, str]:
    """The networks whose accuracy is set against their time, and how each was made.

    "dense", as trained; "unstructured", the first target pruned and retrained; "structured by" a unit score, of as many
    units less; "small dense".
    """
    found: dict[Unit, str] = dict.fromkeys(base_networks(p), "dense")
    for percent in sorted(p.percentages):
        if percent < 100:
            found |= dict.fromkeys(pruned(p, p.targets[0], percent), "unstructured")
    how = recipe(p, p.retrain_epochs, p.batch_size_pruning)
    for score in p.unit_scores:
        for percent in sorted(p.unit_percentages):
            shrunk = [ShrunkNetwork(base, percent, how, score) for base in base_networks(p)]
            found |= dict.fromkeys(shrunk, f"structured by {score}")
    return found | dict.fromkeys(_small(p), "small dense")


def raced_networks(p: Parameters) -> list[Unit]:
    """What `race` trains."""
    return list(raced(p))


def timed(p: Parameters) -> list[Unit]:
    """What is measured on this machine, or on one of which all these records came: `race`, and `layers` by batch."""
    here, processes, batches = processor.name(), p.inference_processes, p.inference_batches
    steps = round(float(base_networks(p)[0].strings.make().train.lengths.mean()))
    race = NetworkLatency(here, tuple(raced(p)), steps, batches[0], processes)
    sizes, sparsities = tuple(sorted(p.inference_sizes)), tuple(sorted(p.inference_sparsities))
    own = [InferenceCost(here, p.variants[-1], sizes, sparsities, n, processes, p.data_seed) for n in batches]
    return default_store().anywhere([race, *own])


def layers(p: Parameters) -> pd.DataFrame:
    """Measured time and memory of the last variant's layers on one machine, in each batch of `inference_batches`.

    As of `latency.measure`; a repeat is a process, and its time the median of several within it.
    """
    read = results(timed(p)[1:], p)
    return pd.concat([pd.DataFrame(data["table"]) for _, data in read], ignore_index=True)


def race(p: Parameters) -> pd.DataFrame:
    """Accuracy and measured time of networks made smaller in three ways: a row a network, engine and process.

    Columns machine, batch, steps, chance (share of the most frequent class of test strings), made (see `raced`),
    percent (of weights, or of units), variant, seed, accuracy, bytes (by its smallest form), multiply_adds (of a
    sequence), engine ("compiled", "torch"), process, nbytes, seconds.
    """
    unit, made = timed(p)[0], raced(p)
    counts = np.bincount(base_networks(p)[0].strings.make().test.labels)
    chance = float(counts.max() / counts.sum())
    store = computed([unit, *made], p)
    data = store.read(unit)
    about = []
    for own, sizes in zip(made, data["sizes"], strict=True):
        base = getattr(own, "base", own)
        percent = getattr(own, "percent", 100 * (1 - base.hidden_size / p.hidden_size))
        accuracy = store.read(own)["history"][-1]["test_accuracy"]
        row = {"made": made[own], "percent": float(percent), "variant": base.variant, "seed": base.seed}
        about.append(row | {"accuracy": accuracy} | sizes)
    table = pd.DataFrame(data["table"])
    rows = pd.DataFrame(about).iloc[table.pop("network").astype(int)].reset_index(drop=True)
    setting = pd.DataFrame(
        {"machine": unit.machine, "batch": unit.batch, "steps": unit.steps, "chance": chance}, index=rows.index
    )
    return pd.concat([setting, rows, table], axis="columns")
