"""Units of work over worker processes, so that each one is computed once, whatever dies in between."""

import os
import pickle
import queue
import re
import signal
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future
from contextlib import suppress
from pathlib import Path

import loky
import torch

from sparsekit.experiments import locks
from sparsekit.experiments.extensions import arrive, packed
from sparsekit.experiments.identity import Unit, key, title
from sparsekit.experiments.jobs import Job, Schedule
from sparsekit.experiments.progress import Progress, State, duration
from sparsekit.experiments.records import CLAIMS, RecordError, Store, default_store

# A worker with several threads on a busy machine is many times slower than with one.
ONE_THREAD = dict.fromkeys(["OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"], "1")
LOOK = 0.5
"""Seconds between two looks at whether a unit that another run computes is done."""
# loky takes 300 MB more than at the start for a leak, and restarts the worker; compiling the kernels alone takes that.
WORKER = ONE_THREAD | {"LOKY_MAX_MEMORY_LEAK_SIZE": str(1536 * 2**20)}


NO_RECORD = "it ended without writing its record"
OTHER_CODE = "worker processes ran other code than this session has loaded: restart its kernel, and run again"


class ExecutionError(RuntimeError):
    """Some units could not be computed; all others were.

    `failed` holds pairs of a unit and its exception, `not_run` the units that require a failed one.
    """

    def __init__(self, text: str, failed: Sequence[tuple[Unit, BaseException]] = (), not_run: Sequence[Unit] = ()):
        super().__init__(text)
        self.failed, self.not_run = list(failed), list(not_run)


class Interrupted(KeyboardInterrupt):
    """The user has stopped a run; its text says what is kept, and stands in a notebook in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def resolve_device(device: str) -> str:
    """``cpu`` or ``cuda``, where ``auto`` means CUDA if there is any; `ExecutionError` where CUDA is not there."""
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ExecutionError("device: given 'cuda', but torch finds no CUDA device here; allowed are auto, cpu")
    return device


def run(
    units: Iterable[Unit],
    store: Store | None = None,
    *,
    workers: int = 0,
    device: str = "auto",
    executor: Executor | None = None,
    report: Callable[[State], None] | None = None,
    weights: bool = False,
) -> None:
    """Compute the units that have no record yet, and what they require.

    Several runs may share a store: what one of them is computing, another waits for. Whatever a run that was killed
    has left is removed. Why a unit failed is noted in the store, and the next run tries it again.

    Parameters
    ----------
    store : Store, optional
        Where records are kept; default: `sparsekit.experiments.records.default_store`.
    workers : int
        Jobs at the same time; 0: one for each core, or all that are ready where an executor is given. With 1 and no
        executor, all is computed in this process.
    executor : concurrent.futures.Executor, optional
        Where jobs run, such as a dask cluster's; default: processes of this machine.
    report : callable, optional
        Called with each state of the run; default: a `sparsekit.experiments.progress.Progress`.
    weights : bool
        The units' weights will be read: those that are not what was recorded are computed anew.

    Raises
    ------
    ExecutionError
        Some units failed, or killed their worker twice; the others are done nevertheless.
    Interrupted
        A `KeyboardInterrupt`, by the user; what is computed is kept.
    RecordError
        The store cannot be written to.
    """
    store = store or default_store()
    asked, report = report is not None, report or Progress()
    started, exhausted = time.monotonic(), _memory_kills()
    workers = workers or (0 if executor else loky.cpu_count())
    # how many workers a given executor has is not known: it gets whole groups, and as many jobs as are ready
    schedule, limit = Schedule(units, store, workers or 1, weights), workers or 10_000
    if schedule.missing:
        store.check_writable()
        store.tidy()
        if executor is None:
            device = resolve_device(device)
        threads = torch.get_num_threads()
        pools = _Pools(executor, limit)
        try:
            _work(schedule, pools, store, device, report)
        except BaseException as error:
            pools.abandon()
            if isinstance(error, KeyboardInterrupt):
                kept = schedule.total - sum(not store.has(unit) for unit in schedule.missing.values())
                told = f"Stopped. {kept} of {schedule.total} results are kept; run the cell again to go on."
                raise Interrupted(told) from None
            raise
        finally:
            torch.set_num_threads(threads)
    if schedule.missing or asked:  # nothing was to be done, and nobody asked: nothing to say
        report(schedule.state(_summary(schedule, time.monotonic() - started), end=True))
    if schedule.failed:
        error = _error(schedule, store, _memory_kills() - exhausted)
        raise error from next(iter(schedule.failed.values()))


def _claims(store: Store) -> Path:
    return store.path / CLAIMS


def _work(schedule: Schedule, pools: "_Pools", store: Store, device: str, report: Callable) -> None:
    report(schedule.state("starting"))
    elsewhere: list[Job] = []  # what other runs are computing
    while True:
        for job in [job for job in elsewhere if not _claimed_elsewhere(job, store)]:
            elsewhere.remove(job)
            schedule.add(job)
        while len(pools.running) < pools.limit and (job := schedule.next(pools.running.values())):
            pools.submit(job, store, device)
        if pools.running:
            with suppress(queue.Empty):
                future = pools.ended.get(timeout=LOOK if elsewhere else None)
                job = pools.release(future)
                elsewhere += _settle(job, future, schedule, store)
                report(schedule.state(title(list(job.units.values())[-1])))
        elif elsewhere:
            (unit, *_) = elsewhere[0].units.values()
            report(schedule.state(f"waiting for another run, which computes {title(unit)}"))
            time.sleep(LOOK)
        else:
            return


def _claimed_elsewhere(job: Job, store: Store) -> bool:
    return all(locks.claimed_elsewhere(_claims(store), name) for name in job.units)


def _settle(job: Job, future: Future, schedule: Schedule, store: Store) -> list[Job]:
    """Note what has become of a job; what may still succeed goes in line once more, unit by unit.

    Returns what other runs are computing, if there is any.
    """
    error = CancelledError() if future.cancelled() else future.exception()
    there, claimed = ([], []) if error else future.result()
    left = {name: unit for name, unit in job.units.items() if not store.has(unit)}
    for name in [n for n in job.units if n not in left]:  # also where its worker died after writing the record
        schedule.finish(name, elsewhere=name in there)
    waiting = {name: left.pop(name) for name in claimed if name in left}
    # among others, the death may have been another job's doing
    died, deaths = isinstance(error, BrokenExecutor), job.deaths + job.suspect
    for name, unit in left.items():
        if died and deaths < 2:
            schedule.add(Job({name: unit}, schedule.costs[name], suspect=True, deaths=deaths))
        elif error and len(job.units) > 1:
            schedule.add(Job({name: unit}, schedule.costs[name], job.suspect, job.deaths))
        else:
            schedule.fail(name, error or ExecutionError(OTHER_CODE if store.found(unit) else NO_RECORD))
    length = sum(schedule.costs[name] for name in waiting)
    return [Job(waiting, length, job.suspect, job.deaths)] * bool(waiting)


def _compute(own: bytes, units: Sequence[Unit], store: Store, device: str) -> tuple[list[str], list[str]]:
    """Compute units; return the names of those that were there already, and of those that other runs are computing."""
    torch.set_num_threads(1)
    start, form = time.perf_counter(), type(units[0])
    try:
        arrive(own)
        device = resolve_device(device)
        by_name = {key(unit): unit for unit in units}
        with locks.claimed(_claims(store), by_name) as mine:
            there = [name for name in mine if store.has(by_name[name])]  # which another run has computed meanwhile
            asked = [by_name[name] for name in mine if name not in there]
            for unit, data, weights in form.compute(asked, store, device) if asked else ():
                seconds = (time.perf_counter() - start) / len(asked)
                store.write(unit, data, weights, seconds=seconds, device=device if form.trains else "cpu")
        return there, [name for name in by_name if name not in mine]
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


class _Pools:
    """Where jobs run: one pool for all, and a process of its own for each job under which a worker died.

    A dead worker breaks its whole pool, and nobody knows whose fault it was. Alone, a job shows whether it was its.
    """

    def __init__(self, given: Executor | None, limit: int):
        self._executor = given or (_InProcess() if limit == 1 else None)  # None: worker processes of this machine
        self._own = b"" if isinstance(self._executor, _InProcess) else packed()  # what a user has registered
        self._alone: dict[Future, loky.ProcessPoolExecutor] = {}
        self.running: dict[Future, Job] = {}
        self.ended: queue.SimpleQueue[Future] = queue.SimpleQueue()  # those of them that have
        self.limit = limit

    def _shared(self) -> Executor:
        return self._executor or processes(self.limit, loky.get_reusable_executor, timeout=300)

    def submit(self, job: Job, store: Store, device: str) -> None:
        task = (_compute, self._own, tuple(job.units.values()), store, device)
        future = None if job.suspect else self._submit_shared(task)
        if future is None:
            job.suspect, pool = True, processes(1)
            future = pool.submit(*task)
            self._alone[future] = pool
        self.running[future] = job
        future.add_done_callback(self.ended.put)

    def _submit_shared(self, task: tuple) -> Future | None:
        with suppress(BrokenExecutor):
            return self._shared().submit(*task)
        if self._executor:
            warnings.warn("the given executor is broken; the rest is computed by processes here", stacklevel=5)
            self._executor, self.limit = None, min(self.limit, loky.cpu_count())
        with suppress(BrokenExecutor):
            return self._shared().submit(*task)  # a new one
        return None

    def release(self, future: Future) -> Job:
        if pool := self._alone.pop(future, None):
            pool.shutdown(wait=False, kill_workers=True)
        return self.running.pop(future)

    def abandon(self) -> None:
        """Stop what is running, as far as that is ours to stop."""
        for future in self.running:
            future.cancel()
        own = [] if self._executor else [self._shared()]
        for pool in [*self._alone.values(), *own]:
            pool.shutdown(wait=False, kill_workers=True)


def _summary(schedule: Schedule, seconds: float) -> str:
    parts = [f"{len(schedule.computed) - len(schedule.elsewhere)} computed", f"{schedule.reused} reused"]
    rest = {"computed by other runs": schedule.elsewhere, "failed": schedule.failed, "not run": schedule.not_run}
    parts += [f"{len(names)} {word}" for word, names in rest.items() if names]
    return f"{schedule.total} units: {', '.join(parts)}, {duration(seconds)}"


def _error(schedule: Schedule, store: Store, memory_kills: int, shown: int = 10) -> ExecutionError:
    units, names = schedule.missing, {name: title(unit) for name, unit in schedule.missing.items()}
    reasons = {name: _reason(cause, memory_kills) for name, cause in schedule.failed.items()}
    not_run = {name: f"not run, since {names[gone]} failed" for name, gone in schedule.not_run.items()}
    with suppress(RecordError):  # the error below is the news
        for name, reason in (reasons | not_run).items():
            store.fail(units[name], reason)
    lines = [f"{len(reasons)} of {schedule.total} units failed" + f", {len(not_run)} were not run" * bool(not_run)]
    for told, word in ((reasons, "failed"), (not_run, "were not run")):
        lines += [f"{names[name]}: {reason}" for name, reason in list(told.items())[:shown]]
        lines += [f"and {len(told) - shown} more {word}"] * (len(told) > shown)
    causes = [(units[name], cause) for name, cause in schedule.failed.items()]
    return ExecutionError("\n  ".join(lines), causes, [units[name] for name in schedule.not_run])


def _reason(cause: BaseException, memory_kills: int) -> str:
    if isinstance(cause, BrokenExecutor):
        signal = re.search(r"SIG(?!KILL)[A-Z]+", str(cause))
        if signal:
            return f"crashed its worker process twice ({signal[0]})"
        if memory_kills > 0:
            return f"killed its worker process twice (out of memory: the system ended {memory_kills} processes for it)"
        return "killed its worker process twice (out of memory, or killed from outside)"
    text = f"{type(cause).__name__}: {(str(cause).splitlines() or [''])[0]}"
    exhausted = isinstance(cause, MemoryError) or re.search(r"out of memory|can't allocate memory|bad_alloc", text)
    return f"out of memory ({text})" if exhausted else text


def _memory_kills() -> int:
    """How many processes Linux has ended for want of memory since it started; 0 where it does not say."""
    with suppress(OSError):
        if found := re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE):
            return int(found[1])
    return 0
