"""Where jobs run on this machine: in this process, or in worker processes that survive being killed."""

import os
import pickle
import signal
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import suppress
from typing import Protocol

import loky
import torch

from sparsekit.experiments import locks
from sparsekit.experiments.extensions import arrive, packed
from sparsekit.experiments.identity import Unit
from sparsekit.experiments.jobs import Job
from sparsekit.experiments.records import Store

# A worker with several threads on a busy machine is many times slower than with one.
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
# loky takes 300 MB more than at the start for a leak, and restarts the worker; compiling the kernels alone takes that.
WORKER = ONE_THREAD | {"LOKY_MAX_MEMORY_LEAK_SIZE": str(1536 * 2**20)}


class ExecutionError(RuntimeError):
    """Some units could not be computed; all others were.

    `failed` holds pairs of a unit and its exception, `not_run` the units that require a failed one.
    """

    def __init__(self, text: str, failed: Sequence[tuple[Unit, BaseException]] = (), not_run: Sequence[Unit] = ()):
        super().__init__(text)
        self.failed, self.not_run = list(failed), list(not_run)


class WorkerDied(BrokenExecutor):
    """Workers elsewhere have died under a job; its text says of which kind of death."""


class Workers(Protocol):
    """Where jobs run: on this machine (`Local`), or on many (`sparsekit.experiments.cluster.Cluster`)."""

    deadly: int  # a unit fails by so much guilt for deaths of workers with nothing else at work in them

    @property
    def limit(self) -> int:
        """How many jobs may run now; 0 while none can be taken."""

    def submit(self, job: Job, store: Store, device: str) -> Future:
        """Have a job computed. `job.suspect` asks for a process in which nothing else runs, or is told of it."""

    def settle(self, future: Future, store: Store) -> BaseException | None:
        """See that the records of a job that has ended are in the store; what has kept others from being made."""

    def waiting(self) -> str:
        """What is waited for, in words, if anything. An `ExecutionError` where nothing can be computed any more."""

    def end(self) -> None:
        """Let go of all; what is still at work is stopped, as far as that can be."""


def resolve_device(device: str) -> str:
    """``cpu`` or ``cuda``, where ``auto`` means CUDA if there is any; `ExecutionError` where CUDA is not there."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ExecutionError("device: given 'cuda', but torch finds no CUDA device here; allowed are auto, cpu")
    return device


def compute(own: bytes, units: Sequence[Unit], store: Store, device: str, pause: float = 0.0) -> None:
    """Compute units in a worker, and keep each in the store at once; `own` is what a user has registered, `packed`."""
    time.sleep(pause)  # what has killed its worker before may be over by then
    torch.set_num_threads(1)
    form = type(units[0])
    start = time.perf_counter()
    try:
        arrive(own)
        device = resolve_device(device)
        for unit, data, weights in form.compute(units, store, device):
            seconds = (time.perf_counter() - start) / len(units)
            store.write(unit, data, weights, seconds=seconds, device=device if form.trains else "cpu")
    except Exception as error:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:
            # what cannot travel between processes would break the pool instead of naming its cause
            raise RuntimeError(f"{type(error).__name__}: {error}") from None
        raise


def processes(workers: int, start: Callable = loky.ProcessPoolExecutor, **options: object) -> Executor:
    """A pool of worker processes, which end when this one does, however it ends."""
    return start(max_workers=workers, env=WORKER, initializer=_begin, initargs=(os.getpid(),), **options)


def _begin(parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; whoever started this one ends it
    locks.end_with(parent)


class _InProcess(Executor):
    """Runs at once, here."""

    def submit(self, function, /, *arguments):
        future = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future


class Local:
    """One pool for all, and a process of its own for each job under which a worker died.

    A dead worker breaks its whole pool, and nobody knows whose fault it was. Alone, a job shows whether it was its.

    Parameters
    ----------
    limit : int
        Jobs at the same time; with 1 and no executor given, all runs in this process.
    given : concurrent.futures.Executor, optional
        Where jobs run, in place of processes of this machine.
    """

    deadly = 10

    def __init__(self, limit: int, given: Executor | None = None):
        self.limit = limit
        self._executor = given or (_InProcess() if limit == 1 else None)  # None: worker processes of this machine
        self._own = b"" if isinstance(self._executor, _InProcess) else packed()  # what a user has registered
        self._alone: dict[Future, Executor] = {}
        self._running: set[Future] = set()

    def _shared(self) -> Executor:
        return self._executor or processes(self.limit, loky.get_reusable_executor, timeout=300)

    def submit(self, job: Job, store: Store, device: str) -> Future:
        task = (compute, self._own, tuple(job.units.values()), store, device)
        future = None if job.suspect else self._submit_shared(task)
        if future is None:
            job.suspect, pool = True, processes(1)
            future = pool.submit(*task, job.deaths / 2)
            self._alone[future] = pool
        self._running.add(future)
        return future

    def _submit_shared(self, task: tuple) -> Future | None:
        with suppress(BrokenExecutor):
            return self._shared().submit(*task)
        if self._executor:
            warnings.warn("the given executor is broken; the rest is computed by processes here", stacklevel=6)
            self._executor, self.limit = None, min(self.limit, loky.cpu_count())
        with suppress(BrokenExecutor):
            return self._shared().submit(*task)  # a new one
        return None

    def settle(self, future: Future, store: Store) -> BaseException | None:
        self._running.discard(future)
        if pool := self._alone.pop(future, None):
            pool.shutdown(wait=False, kill_workers=True)
        return CancelledError() if future.cancelled() else future.exception()

    def waiting(self) -> str:
        return ""

    def end(self) -> None:
        if not self._running:
            return
        for future in self._running:
            future.cancel()
        own = [] if self._executor else [self._shared()]
        for pool in [*self._alone.values(), *own]:
            pool.shutdown(wait=False, kill_workers=True)
