"""Which units are still to be computed, which of them go together, and in what order."""

import graphlib
import heapq
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np

from sparsekit.experiments.identity import Unit, key
from sparsekit.experiments.progress import State
from sparsekit.experiments.records import Store


@dataclass(eq=False)
class Job:
    """Units that one worker computes together."""

    units: dict[str, Unit]  # by key
    length: float = 0.0  # relative time from its start to the end of everything that waits for it
    suspect: bool = False  # a worker died while it was running, so it gets a process of its own
    deaths: int = 0  # that such a process died under it, so far as it is held against it
    waits: int = 0  # how many records, of all that its units require, are still to come

    @property
    def timed(self) -> bool:
        """Whether nothing else may run beside it."""
        return any(unit.timed for unit in self.units.values())


class Schedule:
    """The units without a record among the given ones and all that those require; at most so many `workers` run jobs.

    Jobs come longest first, each once the records that it needs are there. Units of equal type and group share a job,
    at most ``unit.together`` of them, and fewer where workers would stay idle. What a unit with a record requires is
    not looked at. What a unit without one requires counts as there with sound weights only, and so do the units asked
    for where their `weights` will be read. How many workers there are is asked only where there is a unit to compute.
    """

    def __init__(
        self, units: Iterable[Unit], store: Store, workers: int | Callable[[], int], weights: bool | str = False
    ):
        self.missing: dict[str, Unit] = {}
        self.weighed: set[str] = set()  # those of them whose weights will be read
        self.reused = 0
        self.computed: set[str] = set()
        self.elsewhere: set[str] = set()  # of these, those that another run has computed meanwhile
        self.failed: dict[str, BaseException] = {}
        self.not_run: dict[str, str] = {}
        self.past_cost = 0.0
        self._before: dict[str, list[str]] = {}  # what each missing unit requires that is missing too
        self._after: dict[str, list[str]] = defaultdict(list)  # and those that require it
        with store.surveyed():
            self._survey([(unit, weights) for unit in units], store)
        self.workers = workers if isinstance(workers, int) else workers() if self.missing else 1
        self.costs = {name: float(unit.cost) for name, unit in self.missing.items()}
        self.cost = sum(self.costs.values())
        self._ready: list[tuple[bool, float, int, Job]] = []
        self._count = itertools.count()
        self._job: dict[str, Job] = {}
        for job in self._jobs():
            self.add(job)

    def _survey(self, units: list[tuple[Unit, bool | str]], store: Store) -> None:
        seen: dict[str, set[bool | str]] = defaultdict(set)
        for unit, weights in units:  # grows while it is walked through
            name = key(unit)
            first = name not in seen
            if weights:
                self.weighed.add(name)
            if name in self.missing or weights in seen[name]:
                continue
            seen[name].add(weights)
            if store.has(unit, weights):
                self.reused += first
                continue
            self.reused -= not first
            self.missing[name] = unit
            self._before[name] = list(dict.fromkeys(key(required) for required in unit.requires))
            units.extend((required, True) for required in unit.requires)
        for name, needed in self._before.items():
            self._before[name] = [before for before in needed if before in self.missing]
            for before in self._before[name]:
                self._after[before].append(name)

    def _jobs(self) -> list[Job]:
        # how many units in a row must come before each: 0 for those that may start at once
        depths: dict[str, int] = {}
        for name in graphlib.TopologicalSorter(self._before).static_order():
            depths[name] = max((depths[needed] + 1 for needed in self._before[name]), default=0)
        after: dict[str, float] = {}
        for name in reversed(depths):
            after[name] = max((self.costs[n] + after[n] for n in self._after[name]), default=0.0)
        equally_deep = Counter(depths.values())
        # The depth is part of what must be equal, or a unit could share a job with one that it waits for.
        groups: dict[tuple, list[str]] = defaultdict(list)
        for name, unit in self.missing.items():
            groups[depths[name], type(unit), unit.group].append(name)
        jobs = []
        for (depth, *_), names in groups.items():
            size = min(self.missing[names[0]].together, math.ceil(equally_deep[depth] / self.workers))
            for part in np.array_split(names, math.ceil(len(names) / max(1, size))):
                length = sum(self.costs[n] for n in part) + max(after[n] for n in part)
                jobs.append(Job({n: self.missing[n] for n in part.tolist()}, length))
        return jobs

    @property
    def total(self) -> int:
        """Units asked for, with those that these require."""
        return self.reused + len(self.missing)

    def state(self, text: str = "", end: bool = False, running: Iterable[tuple[float, float]] = ()) -> State:
        """How far it is; `running` are the jobs at work, when each was begun and what it costs."""
        failed = len(self.failed) + len(self.not_run)
        counts = (self.total, self.reused, len(self.computed), failed, self.past_cost, self.cost)
        return State(*counts, self.workers, text, end, tuple(running))

    @property
    def ready(self) -> bool:
        """Whether a job could start, were a worker free."""
        return bool(self._ready)

    def add(self, job: Job) -> None:
        """Put a job in line, as soon as what its units require is there."""
        for name in job.units:
            self._job[name] = job
            job.waits += self._waits(name)
        self._line_up(job)

    def next(self, running: Collection[Job] = ()) -> Job | None:
        """Take the longest job that may start now, beside those running; what is timed comes first, and alone."""
        # what is timed runs alone: where several are running, none of them is
        if not self._ready or (running and (self._ready[0][-1].timed or next(iter(running)).timed)):
            return None
        return heapq.heappop(self._ready)[-1]

    def finish(self, name: str, elsewhere: bool = False) -> None:
        """Note that a unit's record is there, and let go on what waited for it; maybe another run has computed it."""
        self.computed.add(name)
        if elsewhere:
            self.elsewhere.add(name)
        self.past_cost += self.costs[name]
        for after in self._after[name]:
            if after not in self.not_run:
                self._job[after].waits -= 1
                self._line_up(self._job[after])

    def fail(self, name: str, cause: BaseException) -> None:
        """Note that a unit cannot be computed, and with it none that requires it."""
        self.failed[name] = cause
        lost = list(self._after[name])
        for gone in lost:  # grows while it is walked through
            if gone not in self.not_run:
                self.not_run[gone] = name
                self.past_cost += self.costs[gone]
                job = self._job[gone]
                job.waits -= self._waits(gone)
                del job.units[gone]
                self._line_up(job)
                lost += self._after[gone]
        self.past_cost += self.costs[name]

    def _waits(self, name: str) -> int:
        return sum(needed not in self.computed for needed in self._before[name])

    def _line_up(self, job: Job) -> None:
        if job.units and not job.waits:
            heapq.heappush(self._ready, (not job.timed, -job.length, next(self._count), job))
