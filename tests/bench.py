"""How fast the kit is beside the literal implementation, measured side by side in one run: ``make bench``.

Each row times the slow, obvious reference of the tests and the kit on the same work in turn, several times, and gives
the median of the ratios. One torch thread. ``python -m tests.bench dispatch cluster`` takes these measures alone.
"""

import json
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import ClassVar

import loky
import networkx as nx
import numpy as np
import torch
from torch import nn

from sparsekit.cli import main
from sparsekit.experiments import execution, fingerprint, index, records, status, structure, studies
from sparsekit.experiments import pruning as experiments_pruning
from sparsekit.experiments.identity import Unit, digest, identity
from sparsekit.experiments.jobs import Job, Schedule
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.planning import plan
from sparsekit.experiments.provenance import recorded
from sparsekit.experiments.pruned import PrunedNetwork
from sparsekit.experiments.records import Store, default_store
from sparsekit.experiments.units import base_networks
from sparsekit.experiments.workers import ONE_THREAD
from sparsekit.graphs import families, properties
from sparsekit.networks import build as networks
from sparsekit.networks import kernels
from sparsekit.networks.training import Encoded, Population, Recipe, adam, evaluate, update
from sparsekit.pruning import cost, latency
from sparsekit.pruning import prune as pruning
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import samples
from sparsekit.variants import GATES, VARIANTS
from tests import references
from tests.graphs.test_properties import reference as networkx_properties


@cache
def task() -> samples.Task:
    return tasks.make("reber", train_size=18750, test_size=6250)


@cache
def drawn() -> list[nx.Graph]:
    """The published families and sizes, ordered by cells."""
    sampled = [families.sample(family, seed) for family in PUBLISHED for seed in range(100)]
    return sorted(sampled, key=lambda graph: sum(s.cells for s in networks.layered("rnn_tanh", graph).stages))


def large() -> nx.Graph:
    """Of about 50 nodes, the one with most cells."""
    return [graph for graph in drawn() if len(graph) >= 48][-1]


PUBLISHED = ("barabasi_albert", "watts_strogatz")
SIMPLE = ("rnn_tanh", "gru", "lstm")


def batches(size: int) -> list:
    """The first batches of an epoch, padded as in training."""
    order = np.random.default_rng(0).permutation(len(task().train))
    return [batch for batch, _ in zip(Encoded(task().train).batches(Recipe(1, size), order), range(8), strict=False)]


def literal_step(module: nn.Module, size: int) -> Callable[[], None]:
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, foreach=False)
    tokens, labels, _ = batches(size)[0]

    def step() -> None:
        loss = nn.functional.cross_entropy(module(tokens), labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(module.parameters(), 5.0)
        optimizer.step()

    return step


def kit_step(nets: list, size: int) -> Callable[[], None]:
    population, recipe = Population(nets), Recipe(1, size)
    optimizer = adam(population, recipe)
    batch = batches(size)[0]
    return lambda: update(population, optimizer, recipe, *batch)


class Torch(nn.Module):
    """The base network on torch's own recurrent modules."""

    def __init__(self, variant: str):
        super().__init__()
        kind = {"gru": nn.GRU, "lstm": nn.LSTM}.get(variant, nn.RNN)
        options = {"nonlinearity": variant[4:]} if kind is nn.RNN else {}
        self.embedding, self.core = nn.Embedding(128, 50), kind(50, 50, num_layers=3, **options)
        self.readout = nn.Linear(50, 2)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.readout(self.core(self.embedding(tokens.T))[0][-1])


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def ratio(slow: Callable, fast: Callable, repeats: int = 5, fast_calls: int = 3) -> tuple[float, float, float]:
    """Median over alternating repeats of slow / fast, and the median seconds of each."""
    slow(), fast()
    pairs = [(seconds(slow), seconds(lambda: [fast() for _ in range(fast_calls)]) / fast_calls) for _ in range(repeats)]
    return statistics.median(a / b for a, b in pairs), *(statistics.median(side) for side in zip(*pairs, strict=True))


def show(work: str, value: float, bar: str, detail: str) -> None:
    print(f"| {work} | {value:.1f}{'×' if '×' in bar else ''} | {bar} | {detail} |", flush=True)


def layered() -> None:
    for title, chosen, bar in (
        (
            "layered graph networks, training step: fewest, median, most cells",
            [drawn()[0], drawn()[100], drawn()[-1]],
            "8×",
        ),
        ("the same, a largest graph", [large()], "12×"),
    ):
        found = {}
        for variant in SIMPLE:
            for graph in chosen:
                literal = literal_step(references.Layered(variant, graph), 128)
                ours = kit_step([networks.layered(variant, graph)], 128)
                found[variant, len(graph)] = ratio(literal, ours, repeats=3)
        detail = ", ".join(f"{v} {n} nodes {r[0]:.1f} ({r[1]:.2f} → {r[2]:.3f} s)" for (v, n), r in found.items())
        show(title, float(np.exp(np.mean([np.log(r[0]) for r in found.values()]))), bar, detail)


def pruned(variant: str, count: int) -> list:
    nets = []
    for k in range(count):
        net = networks.stacked(variant, seed=0)
        pruning.prune(net, 0.1 * (k % 9 + 1))[0].apply(net)
        nets.append(net)
    return nets


def grid() -> None:
    together = PrunedNetwork.together
    literal, native = {}, {}
    for variant in VARIANTS:
        ours = kit_step(pruned(variant, together), 32)
        literal[variant] = ratio(literal_step(references.Stacked(variant), 32), ours, fast_calls=1)
        native[variant] = ratio(literal_step(Torch(variant), 32), ours, fast_calls=1)
    mean = float(np.exp(np.mean([np.log(r[0] * together) for r in literal.values()])))
    detail = ", ".join(f"{v} {r[0] * together:.1f}" for v, r in literal.items())
    show("pruning grid, a network's step, against the literal loop", mean, "6×", detail)
    for variant, r in native.items():
        bar = "1×" if variant == "lstm" else "2×"
        detail = f"{r[1] * 1e3:.1f} → {r[2] * 1e3 / together:.1f} ms a network"
        show(f"the same against torch's own module, {variant}", r[0] * together, bar, detail)


def floor() -> None:
    """What the products of a step alone take, at the speed that this machine's BLAS has on matrices of this size."""
    rng, found = np.random.default_rng(0), {}
    tokens = batches(32)[0][0]
    symbols = len(tokens.unique())
    for variant, gates in ((variant, len(names)) for variant, names in GATES.items()):
        w, d, out, dw = (np.zeros((gates * 50, n), "f") for n in (50, 32, 32, 50))
        x, dx = (rng.normal(size=(50, 32)).astype("f") for _ in range(2))
        table, given, d_table = np.zeros((gates * 50, symbols), "f"), x[:symbols], np.zeros((gates * 50, symbols), "f")

        def products(w=w, d=d, out=out, dw=dw, x=x, dx=dx, table=table, given=given, d_table=d_table) -> None:
            for _ in range(40):
                kernels.multiply(table, given, out)
                kernels.multiply(d, given, d_table, right=kernels.TRANSPOSED)
                for _ in range(5):  # two matrices in each of three layers, less the one that reads tokens
                    kernels.multiply(w, x, out)
                    kernels.multiply(w, d, dx, left=kernels.TRANSPOSED)
                    kernels.multiply(d, x, dw, right=kernels.TRANSPOSED)

        products()
        floor = min(seconds(products) for _ in range(5)) / 40 * tokens.shape[1]
        step = kit_step(pruned(variant, PrunedNetwork.together), 32)
        step()
        ours = min(seconds(step) for _ in range(3)) / PrunedNetwork.together
        rate = 2 * gates * 50 * 32 * (15 * 50 + 2 * symbols) * tokens.shape[1] / floor / 1e9
        found[variant] = (ours / floor, f"{variant} {floor * 1e3:.1f} of {ours * 1e3:.1f} ms at {rate:.0f} GFLOP/s")
    worst = max(value for value, _ in found.values())
    show(
        "pruning grid, a step over its dense products alone", worst, "–", ", ".join(text for _, text in found.values())
    )


def workers() -> None:
    p = Parameters(train_size=600, test_size=200, seeds=2, base_epochs=1, variants=["rnn_tanh", "gru"], workers=1)
    units = experiments_pruning.pruned_networks(p)

    def work(count: int) -> Callable[[], None]:
        def run() -> None:
            with tempfile.TemporaryDirectory() as folder:
                execution.run(units, Store(folder), workers=count, report=lambda *_: None)

        return run

    value, one, two = ratio(work(1), work(2), repeats=3, fast_calls=1)
    show("two worker processes against one", value, "1.8×", f"{one:.1f} → {two:.1f} s")


@dataclass(frozen=True)
class Leaf(Unit):
    """A unit of no work, eight of which go together once the unit that they share is there."""

    kind: ClassVar[str] = "leaf"
    together: ClassVar[int] = 8
    number: int
    base: "Leaf | None" = None

    @property
    def requires(self) -> tuple[Unit, ...]:
        return (self.base,) if self.base else ()

    @property
    def group(self) -> object:
        return self.base

    def result(self, store: Store, device: str) -> tuple[dict, None]:
        return {"accuracy": 0.5}, None


def schedule() -> None:
    """What a run adds to the computing: which units are missing, at its start, and what comes next, after each."""
    for count in (10_000, 100_000):
        bases = [Leaf(k) for k in range(count // 10)]
        units = [Leaf(k, base) for base in bases for k in range(9)]
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            made = Schedule(units, Store(folder), 4)
            start = time.perf_counter() - begun
            drain(made)
            rest = time.perf_counter() - begun - start
        detail = f"and {1000 * rest / count:.3f} ms a unit until all are done (bar 5)"
        show(f"schedule of {count:,} units, seconds to its start", start, "5", detail)


class Simulated:
    """A thousand workers that are no processes: each hands back the record of its unit when its turn comes."""

    deadly, limit = 0, 1000

    def __init__(self, each: float) -> None:
        self.busy: dict[Future, list[Leaf]] = {}
        self.text: dict = {}
        self.each = each  # seconds that a unit says it took

    def submit(self, job: Job, store: Store, device: str) -> Future:
        future = Future()
        self.busy[future] = list(job.units.values())
        if len(self.busy) == self.limit:
            next(iter(self.busy)).set_result(None)
        return future

    def settle(self, future: Future, store: Store) -> None:
        for unit in self.busy.pop(future):
            self.text = self.text or {"provenance": recorded("cpu", self.each, fingerprint.code(unit))}
            record = {"kind": unit.kind, "identity": identity(unit), "data": {"accuracy": 0.5}, "weights_bytes": None}
            record |= self.text
            store.put(unit, json.dumps(record | {"sha256": digest(record)}).encode(), None)

    def waiting(self) -> str:
        for future in list(self.busy):
            future.set_result(None)
        return ""

    def end(self) -> None:
        """There is nothing to be let go."""


def dispatch(count: int = 100_000) -> None:
    """What is done here for each unit of a run on a large cluster, with its record; then starts on these."""
    for each, kept in ((1.0, "each forced onto the disk"), (0.0, "units of under a second")):
        units = [Leaf(k) for k in range(count)]
        with tempfile.TemporaryDirectory() as folder:
            made = Schedule(units, Store(folder), Simulated.limit)
            run = execution._Run(made, Simulated(each), Store(folder), "cpu", lambda state: None)
            taken = seconds(run.until_done)
            run.stop()
            assert made.state().computed == count
            show(f"dispatch of {count:,} units to 1,000 workers, ms a unit", 1000 * taken / count, "5", kept)
            if not each:
                starts(count, folder)


def starts(count: int, folder: str) -> None:
    """Starts on a folder of so many records, as a new process finds it."""

    def forgotten() -> None:
        records._CHECKED.clear()
        records._RECALLED.clear()

    again = [Leaf(k) for k in range(count)]
    for name, work in (
        ("start of a run", lambda: Schedule(again, Store(folder), 4)),
        ("status", lambda: status.status(again, Store(folder))),
        ("the table", lambda: [store.read(unit) for store in [Store(folder)] for unit in again]),
        ("start without an index", lambda: Schedule(again, Store(folder), 4)),
    ):
        if name != "the table":  # which is read after a start
            forgotten()
        if name == "start without an index":
            (Path(folder) / index.FILE).unlink()
        show(f"{name} at {count:,} records, seconds", seconds(work), "5", "")


def cluster(count: int = 100_000) -> None:
    """What dask.distributed adds: units of no work by a scheduler and two workers, processes of this machine."""
    from tests.experiments.test_cluster import Dask

    with tempfile.TemporaryDirectory() as folder:
        dask = Dask(Path(folder))
        try:
            for _ in range(2):
                dask.worker()
            store, own = Store(Path(folder) / "runs"), {"cluster": dask.address, "report": lambda *_: None}
            execution.run([Leaf(-k) for k in range(1, 50)], store, **own)  # by now the workers have loaded torch
            taken = seconds(lambda: execution.run([Leaf(k) for k in range(count)], store, **own))
        finally:
            dask.end()
    show(f"{count:,} units on dask.distributed, ms a unit", 1000 * taken / count, "–", "two workers, records written")


def drain(schedule: Schedule) -> None:
    while job := schedule.next():
        for name in job.units:
            schedule.finish(name)
        schedule.state()


def graph_properties() -> None:
    graph = nx.connected_watts_strogatz_graph(1000, 10, 1, 10, seed=0)
    slow, fast = (lambda: networkx_properties(graph)), (lambda: properties.measure(graph))
    expected, got = networkx_properties(graph), properties.measure(graph)
    worst = max(abs(got[name] - expected[name]) for name in properties.NAMES)
    value, a, b = ratio(slow, fast, repeats=2)
    show("23 properties, 1,000 nodes, against networkx", value, "10×", f"{a:.2f} → {b:.2f} s, differ by {worst:.0e}")


def evaluation() -> None:
    test = Encoded(task().test)
    for variant in VARIANTS:
        reference, population = references.Stacked(variant), Population([networks.stacked(variant)])

        @torch.no_grad()
        def literal(reference=reference) -> None:
            for tokens, _, _ in test.batches(Recipe(1, 32), np.arange(6250)):
                reference(tokens)

        value, a, b = ratio(literal, lambda population=population: evaluate(population, test, Recipe(1, 32)), 2)
        show(f"evaluation on 6,250 strings, {variant}", value, "5×", f"{a:.2f} → {b:.2f} s")


def compiled() -> None:
    """A layer of 20 steps without its zeros, against torch's fastest dense way; where it pays first."""
    for variant in VARIANTS:
        for hidden, batch in ((50, 1), (50, 32), (512, 1), (512, 32)):
            tried = [0, 0.3, 0.5, 0.6, 0.8, 0.9]
            table = latency.measure([hidden], tried, tuple(latency.COMPILED), variant, batch=batch, repeats=7)
            table = table[table["task"] == "sequence"]
            ms = 1e3 * table.groupby(["kernel", "sparsity"])["seconds"].median()
            even = cost.break_evens(table)["sparsity"].groupby("kernel").first()
            target = 0.8 if hidden == 50 else 0.6
            detail = f"{ms['dense', target]:.3f} → {ms['compiled', target]:.3f} ms, dense in the same call "
            detail += (
                f"{ms['compiled_dense', target]:.3f}; faster from {even['compiled']:.0%} sparsity on, than itself "
            )
            detail += f"dense from {even['compiled_itself']:.0%}"
            title = f"{variant}, {hidden} units, batch {batch}, {target:.0%} sparse, against torch's fastest dense way"
            show(title, ms["dense", target] / ms["compiled", target], "1×", detail)


def memory() -> None:
    pool = loky.ProcessPoolExecutor(max_workers=1, env=ONE_THREAD)
    from tests import bench  # by its name, under which the worker finds it too

    used = {variant: pool.submit(bench.worst_memory, variant).result() for variant in VARIANTS}
    pool.shutdown()
    detail = ", ".join(f"{variant} {mib:.0f}" for variant, mib in used.items())
    show("memory of a worker, MiB, largest units of thesis", max(used.values()), "1536", detail)


def worst_memory(variant: str) -> float:
    """MiB at most, of the largest units that a worker may get."""
    for nets, size in (
        (pruned(variant, PrunedNetwork.together), 32),
        ([networks.layered(variant, large())], 128),
    ):
        step = kit_step(nets, size)
        for _ in range(3):
            step()
        evaluate(Population(nets), Encoded(task().test), Recipe(1, size))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def around() -> None:
    """What a run of `quick` takes besides its units: needs their records, from ``make report``."""

    p, store = Parameters.load("quick"), default_store()
    units = {unit: None for stem in studies.NOTEBOOKS for unit in studies.units(p, stem)}
    if not all(store.has(unit) for unit in units):
        print("| everything around the training in quick, seconds | – | 60 | run `make report` first |")
        return
    training = sum(store.record(unit)["provenance"]["seconds"] for unit in units) / loky.cpu_count()
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "log", "w") as log:
        out, err, sys.stdout, sys.stderr = sys.stdout, sys.stderr, log, log
        codes = []
        try:
            rest = seconds(lambda: codes.append(main(["run", "quick", "--out", folder])))
        finally:
            sys.stdout, sys.stderr = out, err
    assert codes == [0], "a notebook failed, so the run was no whole one"
    show("everything around the training in quick, seconds", rest, "60", f"beside {training:.0f} s of training")


def whole() -> None:
    """The whole published study, extrapolated from whole optimizer steps; on CUDA where there is any."""
    p, device = Parameters.load("thesis"), execution.resolve_device("auto")
    for title, units in (
        (
            "the thesis's pruning study",
            [*base_networks(p), *experiments_pruning.pruned_networks(p)],
        ),
        ("the thesis's structure study", structure.graph_networks(p)),
    ):
        with tempfile.TemporaryDirectory() as folder:
            made = plan(units, Store(folder), workers=1 if device == "cuda" else 0, device=device)
        detail = f"on {device}, {made.workers} workers, extrapolated; at most {made.mebibytes:.0f} MiB each"
        show(f"{title}, hours", made.seconds / 3600, "–", detail)


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, {loky.cpu_count()} cores\n")
    print("| work | measured | bar | details |\n|---|---|---|---|")
    measures = (layered, grid, floor, workers, schedule, dispatch, cluster)
    measures += (graph_properties, evaluation, compiled, memory, around, whole)
    for measure in measures:
        if measure.__name__ in sys.argv[1:] or len(sys.argv) == 1:
            measure()
