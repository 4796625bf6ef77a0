"""Where jobs run on many machines: on the workers of a scheduler of dask.distributed, an extra of the kit.

Workers need no folder in common with this machine, and no file of it: a job travels with the records that it requires,
and its records travel back, to be written here. So one process alone writes to the store, on its own disk, whatever
file systems and locks a cluster has.
"""

import gc
import logging
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from pathlib import Path

from sparsekit import __version__
from sparsekit.experiments.extensions import packed
from sparsekit.experiments.identity import Unit
from sparsekit.experiments.jobs import Job
from sparsekit.experiments.locks import scratch
from sparsekit.experiments.provenance import versions
from sparsekit.experiments.records import Store
from sparsekit.experiments.workers import ExecutionError, Local, WorkerDied, compute

ANSWER = 10
"""Seconds within which a scheduler answers."""
LOOK = 1.0
"""Seconds between two looks at how many workers there are."""
PATIENCE = 6 * 3600
"""Seconds for which a run that has lost its last worker waits for another, which may stand in a queue; for the first
one it waits as long as it is let."""

Carried = tuple[Unit, bytes, bytes | None]
"""A unit with its record and weights, as files hold them."""


class ClusterError(ExecutionError):
    """A cluster cannot be had, or is gone; its text is one line."""


class Cluster:
    """The workers of a scheduler, one job each, for a process computes one unit at a time; they may come and go.

    A job whose worker dies is given to another by the scheduler, as often as its setting ``allowed-failures`` says.
    What is timed is measured on this machine, alone.

    Parameters
    ----------
    address : str
        The scheduler's, such as ``tcp://host:8786``.

    Raises
    ------
    ClusterError
        dask.distributed is not installed, no scheduler answers, or a worker has other versions than this machine.
    """

    deadly = 0

    def __init__(self, address: str):
        self.address, self._here = address, _versions()
        self._client = _client(address)
        self._executor, self._own, self._local = self._client.get_executor(pure=False), packed(), Local(1)
        self._units: dict[Future, tuple[Unit, ...]] = {}
        self._timed: set[Future] = set()
        self._workers, self._looked, self._there = 0, -LOOK, 0.0  # when workers were last there
        self._silent = False
        try:
            for worker, there in self._client.run(_versions).items():
                _compare(there, self._here, worker)
        except BaseException as error:
            self.end()
            if isinstance(error, Exception) and not isinstance(error, ClusterError):
                raise ClusterError(f"cluster {address}: a worker has no sparsekit of this version: {error}") from None
            raise

    @property
    def limit(self) -> int:
        if time.monotonic() - self._looked >= LOOK:
            try:  # a scheduler that is frozen, or cut off, would be waited for without end
                workers = self._client.sync(self._client.scheduler.ncores, callback_timeout=ANSWER)
                self._workers, self._silent = len(workers), False
            except TimeoutError:
                self._workers, self._silent = 0, True
            except Exception:  # of a client that ends: `waiting` says what is the matter
                pass
            self._looked = time.monotonic()
            self._there = self._looked if self._workers else self._there
        return self._workers

    def submit(self, job: Job, store: Store, device: str) -> Future:
        if job.timed:
            job.suspect = True  # a process of its own
            future = self._local.submit(job, store, device)
            self._timed.add(future)
            return future
        units = tuple(job.units.values())
        required = dict.fromkeys(required for unit in units for required in unit.requires)
        carried = [(unit, *store.bytes_of(unit)) for unit in required]
        future = self._executor.submit(_remote, self._own, units, carried, device, self._here)
        self._units[future] = units
        return future

    def settle(self, future: Future, store: Store) -> BaseException | None:
        if future in self._timed:
            self._timed.discard(future)
            return self._local.settle(future, store)
        del self._units[future]
        self._check()
        try:
            for unit, text, weights in future.result():
                store.put(unit, text, weights)
        except ClusterError:  # a worker that came late has other versions
            raise
        except CancelledError:
            raise self._gone() from None
        except Exception as error:
            if type(error).__name__ == "KilledWorker":
                return WorkerDied("killed each worker process that took it on (out of memory, or killed from outside)")
            return error
        return None

    def waiting(self) -> str:
        self._check()
        if self.limit:
            return ""
        if self._there and not self._timed and time.monotonic() - self._there > PATIENCE:
            what = "the scheduler is silent" if self._silent else "the last worker is gone, and none came"
            raise self._gone(f"{what} within {PATIENCE / 3600:.2g} h")
        return f"waiting for {'an answer of the scheduler' if self._silent else 'a worker'} at {self.address}"

    def end(self) -> None:
        for future in self._units:
            future.cancel()
        self._local.end()
        with suppress(Exception):
            self._client.close(timeout=ANSWER)

    def _check(self) -> None:
        if self._client.status != "running":
            raise self._gone()

    def _gone(self, why: str = "the scheduler is gone") -> ClusterError:
        return ClusterError(f"cluster {self.address}: {why}; what was computed is kept: run it again to go on")


def _client(address: str):
    try:
        from distributed import Client
    except ImportError:
        told = "needs dask.distributed, which is not installed here; pip install 'sparsekit[cluster]'"
        raise ClusterError(f"cluster {address}: {told}") from None
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # a cluster that is gone is one line, ours
    try:
        return _connected(Client, address)
    except (ValueError, TypeError, ImportError) as error:
        raise ClusterError(f"cluster {address}: {error}; give an address such as tcp://host:8786") from None
    except OSError:
        told = "no scheduler answers there; `dask scheduler` starts one, and prints its address"
        raise ClusterError(f"cluster {address}: {told}") from None


def _connected(client: type, address: str):
    """A client; once more where a busy machine gave its thread no time to begin, which distributed only asserts.

    distributed holds a lock while a client starts, and wants it again to end one that nobody holds any more, such as
    one of a wrong address. Found as garbage just then, that one would wait for ever; so it is looked for before.
    """
    collects = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        with suppress(AssertionError):
            return client(address, timeout=ANSWER, set_as_default=False)
        return client(address, timeout=ANSWER, set_as_default=False)
    finally:
        if collects:
            gc.enable()


def _versions() -> dict[str, str]:
    here = versions()
    return here | {"sparsekit": __version__, "python": ".".join(here["python"].split(".")[:2])}


def _compare(there: dict[str, str], here: dict[str, str], worker: str) -> None:
    """A `ClusterError` where a worker would compute by other versions, and so maybe other bits."""
    if differs := [
        f"{name} {there.get(name)} (here {version})" for name, version in here.items() if there.get(name) != version
    ]:
        raise ClusterError(f"worker {worker} has {', '.join(differs)}: install the same there, by constraints.txt")


_ONE = threading.Lock()
"""A process computes one unit at a time: torch's stream that draws initial weights is the process's, and so is what a
user has registered."""


def _remote(
    own: bytes, units: Sequence[Unit], carried: Sequence[Carried], device: str, expected: dict[str, str]
) -> list[Carried]:
    """Compute units on a worker, in a store of their own that holds what they require; return their records."""
    import distributed

    _compare(_versions(), expected, distributed.get_worker().address)
    with _ONE, scratch(Path(tempfile.gettempdir()), "sparsekit-") as folder:
        store = Store(folder, "all")
        for unit, text, weights in carried:
            store.put(unit, text, weights)
        compute(own, units, store, device)
        return [(unit, *store.bytes_of(unit)) for unit in units if store.found(unit)]
