"""How long recurrent layers and whole networks take on this machine, dense, sparse and compiled, on one thread."""

import json
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sparsekit.networks import build, export, processor
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.recurrence import native, step
from sparsekit.pruning.schedules import check_sparsity
from sparsekit.registry import Registry, check_name
from sparsekit.seeds import derive
from sparsekit.variants import GATES, VARIANTS

SHORTEST = 1e-3  # seconds that one timing lasts at least: below, the clock and the loop would count

KERNELS = Registry("sparse kernel")
"""Sparse forms of a weight matrix that torch multiplies on a CPU; each function takes the matrix with its zeros."""

COMPILED = {"compiled": "sparse", "compiled_dense": "dense"}
"""Whole layers in one call of the kit's, by the form of their weights: see `networks.sparse.Compiled`."""


@KERNELS.register
def csr(matrix: Tensor) -> Tensor:
    """Compressed sparse rows with 32-bit indices, which MKL takes as they are."""
    wide = csr_int64(matrix)
    indices = wide.crow_indices().int(), wide.col_indices().int()
    return torch.sparse_csr_tensor(*indices, wide.values(), wide.shape, check_invariants=False)


@KERNELS.register
def csr_int64(matrix: Tensor) -> Tensor:
    """Compressed sparse rows as ``Tensor.to_sparse_csr`` makes them, with 64-bit indices."""
    return matrix.to_sparse_csr()


@KERNELS.register
def bsr(matrix: Tensor) -> Tensor:
    """Block-compressed sparse rows, in blocks of 2 × 2; for even numbers of rows and columns."""
    if any(size % 2 for size in matrix.shape):
        raise ValueError(f"kernel bsr: given a matrix of {' × '.join(map(str, matrix.shape))}, allowed are even sizes")
    return matrix.to_sparse_bsr((2, 2))


def measure(
    hidden_sizes: Sequence[int] = (50, 128, 256, 512, 1024),
    sparsities: Sequence[float] = (0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99),
    kernels: Sequence[str] = ("csr",),
    variant: str = "lstm",
    *,
    batch: int = 1,
    steps: int = 20,
    repeats: int = 9,
    seed: int = 0,
) -> pd.DataFrame:
    """Latency of a recurrent layer on this machine's CPU, one thread, dense beside sparse kernels.

    Two things are timed. "product": the hidden-to-hidden weights times the state, as every step needs it. "sequence":
    a whole layer, as wide as its input, over a short sequence; by torch's sparse kernels in a loop over steps, as it
    has no sparse recurrent kernel, or "compiled", in one call of the kit's. Dense is the fastest way that torch has,
    each layer for itself: weights stored by rows or by columns and, for the sequence, its own recurrent kernel;
    "compiled_dense" is the kit's call with the zeros. Both weight matrices have the sparsity, spread at random, from
    `seed`. Within a repeat all `kernels`, of `KERNELS` and `COMPILED`, are timed in turn, so that what else the machine
    does meets them alike; time is the thread's own on the core, without its waiting for one.

    Columns: machine, variant, task, hidden, batch, sparsity, kernel ("dense" or of those given), bytes (that the
    kernel's weights take), repeat, seconds.

    Raises
    ------
    ValueError
        For a sparsity outside [0, 1], or a size or number below 1; as UnknownName for an unknown variant or kernel.
    """
    check_name("variant", variant, VARIANTS)
    for name in kernels:
        check_name("kernel", name, [*KERNELS, *COMPILED])
    counts = {"batch": batch, "steps": steps, "repeats": repeats, "hidden_sizes": min(hidden_sizes, default=1)}
    for name, least in counts.items():
        if least < 1:
            raise ValueError(f"{name}: given {least}, allowed is at least 1")
    for sparsity in sparsities:
        check_sparsity(sparsity)
    rows, here = [], processor.name()
    with _quiet_thread(), torch.inference_mode():
        for hidden in hidden_sizes:
            layer = _Layer(variant, hidden, batch, steps, derive("inference", seed, hidden))
            for sparsity in sparsities:
                for task, calls, sizes in layer.calls(sparsity, kernels):
                    about = here, variant, task, hidden, batch, sparsity
                    rows += [(*about, name, sizes[name], *timing) for name, *timing in _timings(calls, repeats)]
    where = ["machine", "variant", "task", "hidden", "batch", "sparsity"]
    return pd.DataFrame(rows, columns=[*where, "kernel", "bytes", "repeat", "seconds"])


class _Layer:
    """A recurrent layer's weights and inputs, from which each sparsity takes its own."""

    def __init__(self, variant: str, hidden: int, batch: int, steps: int, seed: int):
        generator = torch.Generator().manual_seed(seed)
        rows, bound = len(GATES[variant]) * hidden, hidden**-0.5
        self.variant = variant
        self.weights = (torch.rand(2, rows, hidden, generator=generator) * 2 - 1) * bound
        self.order = torch.rand(2, rows, hidden, generator=generator)
        self.biases = (torch.rand(2, rows, generator=generator) * 2 - 1) * bound
        self.x = torch.randn(steps, batch, hidden, generator=generator)
        # A product with a vector is faster than with a matrix of one column.
        self.state = self.x[0].T.contiguous() if batch > 1 else self.x[0, 0]
        self.way = {task: _fastest(ways) for task, ways in self.dense(self.weights).items()}

    def dense(self, weights: Tensor) -> dict[str, list[Callable]]:
        """The ways to compute each task with dense weights."""
        layouts = weights, weights.mT.contiguous().mT
        return {
            "product": [lambda w=w: w[1] @ self.state for w in layouts],
            "sequence": [
                lambda: native(self.variant, self.x[None], *weights[:, None], *self.biases[:, None])[0],
                *(lambda w=w: sequence(self.variant, self.x, *w, *self.biases) for w in layouts),
            ],
        }

    def calls(self, sparsity: float, kernels: Sequence[str]) -> Iterator[tuple[str, dict, dict]]:
        """For each task its name, what to time, and the bytes of the weights in it, by kernel."""
        pruned = self.weights * (self.order >= sparsity)
        dense = {task: ways[self.way[task]] for task, ways in self.dense(pruned).items()}
        sparse = {name: [KERNELS[name](matrix) for matrix in pruned] for name in kernels if name in KERNELS}
        held = {name: [nbytes(matrix) for matrix in w] for name, w in {"dense": pruned, **sparse}.items()}
        products = {name: lambda w=w: w[1] @ self.state for name, w in sparse.items()}
        yield "product", {"dense": dense["product"], **products}, {name: size[1] for name, size in held.items()}
        sequences = {name: lambda w=w: sequence(self.variant, self.x, *w, *self.biases) for name, w in sparse.items()}
        sizes, x = {name: sum(size) for name, size in held.items()}, self.x.transpose(0, 1).contiguous()
        for name in set(kernels) & set(COMPILED):
            whole = self.classifier(pruned).compiled(COMPILED[name])
            sequences[name] = lambda whole=whole: whole(x)
            sizes[name] = whole.pack(few=whole.takes_few(len(x))).nbytes
        yield "sequence", {"dense": dense["sequence"], **sequences}, sizes

    def classifier(self, weights: Tensor) -> Classifier:
        """The layer as a network of the kit's, whose logits are its last states."""
        hidden = weights.shape[2]
        network = build.stacked(self.variant, hidden, 1, features=hidden, classes=hidden)
        (stage,) = network.stages
        with torch.no_grad():
            pairs = zip(
                (stage.weight_ih, stage.weight_hh, stage.bias_ih, stage.bias_hh), (*weights, *self.biases), strict=True
            )
            for own, given in pairs:
                own.copy_(given)
            network.readout.weight.copy_(torch.eye(hidden))
            network.readout.bias.zero_()
        return network


def nbytes(matrix: Tensor) -> int:
    """Bytes that hold a matrix, in whichever layout."""
    if matrix.layout == torch.strided:
        return matrix.nbytes
    return sum(part().nbytes for part in (matrix.values, matrix.crow_indices, matrix.col_indices))


def sequence(variant: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """Hidden states of one layer, (steps, batch, hidden), of inputs (steps, batch, inputs); weights in any layout."""
    steps, batch, _ = x.shape
    products = (w_ih @ x.flatten(0, 1).T.contiguous()).unflatten(1, (steps, batch)).transpose(0, 1).contiguous()
    products, hidden_bias = products + b_ih[:, None], b_hh[:, None]
    if batch == 1:
        products, hidden_bias = products[..., 0], b_hh
    h = c = torch.zeros_like(products[0][: w_hh.shape[1]])
    out = []
    for product in products:
        h, c = step(variant, product, w_hh @ h + hidden_bias, h, c, dim=0)
        out.append(h)
    return torch.stack(out).reshape(steps, -1, batch).transpose(1, 2)


def networks(
    folder: str, names: Sequence[str], *, steps: int, batch: int = 1, rounds: int = 5, seed: int = 0
) -> pd.DataFrame:
    """Latency of whole networks on this machine's CPU, one thread: compiled by the kit, and in plain torch.

    Parameters
    ----------
    folder, names : str and sequence of str
        Files that `networks.export.export` wrote, of stacked networks.
    steps, batch, seed : int
        So many random inputs; each network reads its last.
    rounds : int
        In each, all networks are timed in turn, each first as often as the others.

    Returns
    -------
    DataFrame
        Columns network (its name), engine ("compiled", "torch"), nbytes (of the weights as the engine holds them) and
        seconds, the median over rounds.
    """
    calls, held = {}, {}
    with _quiet_thread(), torch.inference_mode():
        for name in names:
            network = export.load(Path(folder) / name)
            generator = torch.Generator().manual_seed(derive("latency", seed))
            if network.features:
                x = torch.randn(batch, steps, network.features, generator=generator)
            else:
                x = torch.randint(len(network.embedding.weight), (batch, steps), generator=generator)
            whole, plain = network.compiled(), _plain(network)
            calls |= {(name, "compiled"): lambda f=whole, x=x: f(x), (name, "torch"): lambda f=plain, x=x: f(x)}
            held[name, "compiled"] = whole.pack(few=whole.takes_few(batch)).nbytes
            held[name, "torch"] = sum(p.nbytes for p in network.parameters())
        seconds: dict[tuple, list[float]] = {key: [] for key in calls}
        for key, _, taken in _timings(calls, rounds):
            seconds[key].append(taken)
    rows = [(*key, held[key], statistics.median(taken)) for key, taken in seconds.items()]
    return pd.DataFrame(rows, columns=["network", "engine", "nbytes", "seconds"])


def _plain(network: Classifier) -> Callable[[Tensor], Tensor]:
    """A stacked network in torch's own modules: one call for layers of one width, else one each."""
    kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}.get(network.variant, torch.nn.RNN)
    extra = {"nonlinearity": network.variant.removeprefix("rnn_")} if kind is torch.nn.RNN else {}
    stages, parts = list(network.stages), []
    groups = [stages] if len({stage.nodes for stage in stages}) == 1 else [[stage] for stage in stages]
    for group in groups:
        given, width = group[0].weight_ih.shape[1], group[0].nodes
        part = kind(given, width, len(group), batch_first=True, **extra)
        part.load_state_dict(
            {f"{name}_l{k}": w for k, stage in enumerate(group) for name, w in stage.named_parameters()}
        )
        parts.append(part)

    def call(x: Tensor) -> Tensor:
        x = x if network.features else network.embedding(x)
        for part in parts:
            x = part(x)[0]
        return network.readout(x[:, -1])

    return call


def in_processes(count: int, function: str, **arguments: Any) -> pd.DataFrame:
    """A table of this module, measured anew in so many processes one after the other: a row of each, and its number.

    Where memory lies and what a processor has learned about branches differ from process to process: repeats within
    one are no independent measurements of a time. The columns are those of the function and ``process``, from 0 on.
    """
    path = os.pathsep.join(filter(None, sys.path))
    command = [sys.executable, "-m", "sparsekit.pruning.latency", function, json.dumps(arguments)]
    parts = []
    for process in range(count):
        environment = os.environ | {"PYTHONPATH": path}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"a process that measures {function} failed: {done.stderr.strip()[-2000:]}")
        parts.append(pd.DataFrame(json.loads(done.stdout)).assign(process=process))
    return pd.concat(parts, ignore_index=True)


def _timings(calls: dict[str, Callable], repeats: int) -> Iterator[tuple[str, int, float]]:
    """Kernel, repeat and seconds a call; the kernels in turn, each first as often as the others."""
    for call in calls.values():
        call()  # the first call of a kernel allocates
    times = {name: max(1, round(SHORTEST / (_seconds(call, 1) + 1e-6))) for name, call in calls.items()}
    names = list(calls)
    for repeat in range(repeats):
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            yield name, repeat, _seconds(calls[name], times[name])


def _fastest(ways: Sequence[Callable]) -> int:
    """Which of the ways to compute the same takes least time, by the best of five tries each."""
    for way in ways:
        way()
    return int(np.argmin([min(_seconds(way, 1) for _ in range(5)) for way in ways]))


def _seconds(call: Callable, times: int) -> float:
    start = time.thread_time()
    for _ in range(times):
        call()
    return (time.thread_time() - start) / times


@contextmanager
def _quiet_thread() -> Iterator[None]:
    """One thread, and no word of torch's that its sparse layouts are young."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse .* tensor support is in beta state")
            yield
    finally:
        torch.set_num_threads(before)


if __name__ == "__main__":
    measured = {"measure": measure, "networks": networks}[sys.argv[1]](**json.loads(sys.argv[2]))
    json.dump(measured.to_dict("list"), sys.stdout)
