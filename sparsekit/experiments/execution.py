"""Units of work over workers, so that each one is computed once, whatever dies in between."""

import os
import queue
import re
import time
from collections.abc import Callable, Iterable
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack, suppress
from pathlib import Path

import loky
import torch

from sparsekit.experiments import locks
from sparsekit.experiments.identity import Unit, title
from sparsekit.experiments.jobs import Job, Schedule
from sparsekit.experiments.progress import Progress, State, duration
from sparsekit.experiments.records import CLAIMS, RecordError, Store, default_store
from sparsekit.experiments.workers import ExecutionError, Local, WorkerDied, Workers, resolve_device

LOOK = 0.5
"""Seconds between two looks at whether a unit that another run computes is done, and whether a cluster is there."""
OWN, FOREIGN, OUTSIDE = 5, 2, re.compile(r"SIG(KILL|TERM|INT|HUP)")
"""How much the death of a worker is held against the unit alone in it: its own crash, or a kill from outside."""
NO_RECORD = "it ended without writing its record"
OTHER_CODE = "worker processes ran other code than this session has loaded: restart its kernel, and run again"
CLUSTER = "SPARSEKIT_CLUSTER"
"""The environment variable that names a cluster's scheduler, for notebooks' kernels too."""


class Interrupted(KeyboardInterrupt):
    """The user has stopped a run; its text says what is kept, and stands in a notebook in place of a traceback."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]


def run(
    units: Iterable[Unit],
    store: Store | None = None,
    *,
    workers: int = 0,
    device: str = "auto",
    executor: Executor | None = None,
    cluster: str | None = None,
    report: Callable[[State], None] | None = None,
    weights: bool | str = False,
) -> None:
    """Compute the units that have no record yet, and what they require.

    Several runs may share a store: what one of them is computing, another waits for. Whatever a run that was killed
    has left is removed. Why a unit failed is noted in the store, and the next run tries it again.

    Parameters
    ----------
    store : Store, optional
        Where records are kept; default: `sparsekit.experiments.records.default_store`.
    workers : int
        Jobs at the same time; 0: one for each core, or as many as are ready where an executor is given. With 1 and no
        executor, all is computed in this process.
    executor : concurrent.futures.Executor, optional
        Where jobs run; default: processes of this machine.
    cluster : str, optional
        The address of a scheduler of dask.distributed, such as ``tcp://host:8786``, on whose workers jobs run; default:
        what the environment variable SPARSEKIT_CLUSTER says, if anything.
    report : callable, optional
        Called with each state of the run; default: a `sparsekit.experiments.progress.Progress`.
    weights : bool or "masks"
        The units' weights, or just the masks among them, will be read: those that are not there, or not what was
        recorded, are computed anew.

    Raises
    ------
    ExecutionError
        Some units failed, or killed their worker; the others are done nevertheless. Or the cluster cannot be had.
    Interrupted
        A `KeyboardInterrupt`, by the user; what is computed is kept.
    RecordError
        The store cannot be written to.
    """
    store = store or default_store()
    asked, report = report is not None, report or Progress()
    started, exhausted = time.monotonic(), memory_kills()
    cluster = None if executor else cluster or os.environ.get(CLUSTER)
    found: list[tuple[Workers, str]] = []  # not before there is something to be done

    def many() -> int:
        found.append(_workers(workers, device, executor, cluster))
        # how many workers a given executor has is not known: it gets whole groups
        return max(1, workers if executor else found[0][0].limit)

    schedule = Schedule(units, store, many, weights)
    if schedule.missing:
        store.check_writable()
        store.tidy()
        threads = torch.get_num_threads()
        work = _Run(schedule, found[0][0], store, found[0][1], report)
        try:
            work.until_done()
        except KeyboardInterrupt as interrupt:
            kept = schedule.total - sum(not store.has(unit) for unit in schedule.missing.values())
            told = f"Stopped. {kept} of {schedule.total} results are kept; run the cell again to go on."
            raise Interrupted(told) from interrupt  # which knows the signal
        finally:
            work.stop()
            torch.set_num_threads(threads)
    if schedule.missing or asked:  # nothing was to be done, and nobody asked: nothing to say
        report(schedule.state(_summary(schedule, time.monotonic() - started), end=True))
    if schedule.failed:
        error = _error(schedule, store, memory_kills() - exhausted)
        raise error from next(iter(schedule.failed.values()))


def _workers(workers: int, device: str, executor: Executor | None, cluster: str | None) -> tuple[Workers, str]:
    """Where jobs run, and on which device, which others than this machine's processes find out themselves."""
    if cluster:
        from sparsekit.experiments.cluster import Cluster  # not above: it needs an extra

        return Cluster(cluster), device
    # a claim to a unit is an open file, of which a process may have a thousand
    limit = workers or (500 if executor else loky.cpu_count())
    return Local(limit, executor), device if executor else resolve_device(device)


class _Run:
    """One run at work: which jobs are where, and what becomes of them.

    A unit is claimed as long as it is at work, so that no other run computes it too.
    """

    def __init__(self, schedule: Schedule, workers: Workers, store: Store, device: str, report: Callable):
        self.schedule, self.workers, self.store, self.device, self.report = schedule, workers, store, device, report
        self.running: dict[Future, Job] = {}
        self.begun: list[tuple[float, float, Job]] = []  # when they were handed over, and what they cost
        self.text = "starting"
        self.claims: dict[Future, ExitStack] = {}
        self.ended: queue.SimpleQueue[Future] = queue.SimpleQueue()  # those of them that have
        self.elsewhere: list[Job] = []  # what other runs are computing
        self.exhausted = memory_kills()

    def until_done(self) -> None:
        """Have all computed that can be."""
        self._tell(self.text)
        while True:
            self._start()
            if not (self.running or self.elsewhere or self.schedule.ready):
                return
            try:
                future = self.ended.get(timeout=LOOK)
            except queue.Empty:
                self._wait()
            else:
                self._end(future)

    def stop(self) -> None:
        """Let go of everything; what is still at work is abandoned."""
        self.workers.end()
        self.store.remember()  # the next start need not read all that this run has made
        for claims in self.claims.values():
            claims.close()

    def _tell(self, text: str) -> None:
        self.text = text
        self.report(self.schedule.state(text, running=[(begun, cost) for begun, cost, _ in self.begun]))

    def _wait(self) -> None:
        if waiting := self.workers.waiting():
            self._tell(waiting)
        elif self.elsewhere and not self.running:
            (unit, *_) = self.elsewhere[0].units.values()
            self._tell(f"waiting for another run, which computes {title(unit)}")

    def _start(self) -> None:
        for job in [job for job in self.elsewhere if not self._claimed_elsewhere(job)]:
            self.elsewhere.remove(job)
            self.schedule.add(job)
        while len(self.running) < self.workers.limit and (job := self.schedule.next(self.running.values())):
            self._start_one(job)

    def _claimed_elsewhere(self, job: Job) -> bool:
        return all(locks.claimed_elsewhere(self.store.path / CLAIMS, name) for name in job.units)

    def _start_one(self, job: Job) -> None:
        """Hand over those of a job's units which no other run is computing, or has computed meanwhile."""
        with ExitStack() as claims:
            mine = claims.enter_context(self.store.claimed(job.units))
            if theirs := [name for name in job.units if name not in mine]:
                self.elsewhere.append(self._part(job, theirs))
            there = [name for name in mine if self._done(name, job.units[name])]
            for name in there:
                self.schedule.finish(name, elsewhere=True)
            if left := [name for name in mine if name not in there]:
                job = job if len(left) == len(job.units) else self._part(job, left)
                self.begun.append((time.monotonic(), sum(self.schedule.costs[name] for name in left), job))
                self._tell(self.text)  # what is at work counts for the time left; in this process it runs now
                future = self.workers.submit(job, self.store, self.device)
                self.running[future], self.claims[future] = job, claims.pop_all()
                future.add_done_callback(self.ended.put)

    def _done(self, name: str, unit: Unit) -> bool:
        return self.store.has(unit, name in self.schedule.weighed)

    def _guilt(self, error: BaseException | None) -> int:
        """Of a unit that was alone in a worker that died; memory that it has exhausted is its own doing."""
        before, self.exhausted = self.exhausted, memory_kills()
        return FOREIGN if OUTSIDE.search(str(error)) and self.exhausted == before else OWN

    def _part(self, job: Job, names: list[str]) -> Job:
        units = {name: job.units[name] for name in names}
        return Job(units, sum(self.schedule.costs[name] for name in names), job.suspect, job.deaths)

    def _end(self, future: Future) -> None:
        """Note what has become of a job; what may still succeed goes in line once more, unit by unit."""
        job = self.running.pop(future)
        self.begun = [begun for begun in self.begun if begun[-1] is not job]
        with self.claims.pop(future):
            error = self.workers.settle(future, self.store)
            died = isinstance(error, BrokenExecutor)
            deaths = job.deaths + (self._guilt(error) if died and job.suspect else 0)
            for name, unit in job.units.items():
                if died:
                    self.store.tidy_one(name)
                if self._done(name, unit):  # also where its worker died after writing the record
                    self.schedule.finish(name)
                elif died and deaths < self.workers.deadly:  # among others, the death may have been another job's doing
                    self.schedule.add(Job({name: unit}, self.schedule.costs[name], suspect=True, deaths=deaths))
                elif error and len(job.units) > 1:
                    self.schedule.add(Job({name: unit}, self.schedule.costs[name], job.suspect, job.deaths))
                else:
                    other = OTHER_CODE if self.store.found(unit) else NO_RECORD
                    self.schedule.fail(name, error or ExecutionError(other))
        self._tell(title(list(job.units.values())[-1]))


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
    if isinstance(cause, WorkerDied):
        return str(cause)
    if isinstance(cause, BrokenExecutor):
        if not OUTSIDE.search(str(cause)):
            return f"crashed its worker process twice ({', '.join(re.findall('SIG[A-Z]+', str(cause))) or 'it ended'})"
        if memory_kills > 0:
            return f"killed its worker process twice (out of memory: the system ended {memory_kills} processes for it)"
        return "its worker process was killed time and again (from outside, or by a limit on memory)"
    text = f"{type(cause).__name__}: {(str(cause).splitlines() or [''])[0]}"
    exhausted = isinstance(cause, MemoryError) or re.search(r"out of memory|can't allocate memory|bad_alloc", text)
    return f"out of memory ({text})" if exhausted else text


def memory_kills() -> int:
    """How many processes Linux has ended for want of memory since it started; 0 where it does not say."""
    with suppress(OSError):
        if found := re.search(r"^oom_kill (\d+)$", Path("/proc/vmstat").read_text(), re.MULTILINE):
            return int(found[1])
    return 0
