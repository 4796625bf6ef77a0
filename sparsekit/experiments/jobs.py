"""Which units are still to be computed, which of them go together, and in what order."""

import heapq
import itertools
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

import networkx as nx

from sparsekit.experiments.identity import Unit, key
from sparsekit.experiments.records import Store


@dataclass(eq=False)
class Job:
    """Units that one worker computes together.

    Attributes
    ----------
    units : dict
        From key to unit.
    needs : set of str
        Keys of the units whose records it still waits for.
    length : float
        Relative time from its start to the end of everything that waits for it.
    suspect : bool
        A worker died while it was running, so it gets a process of its own.
    deaths : int
        How often a worker died that certainly had nothing else to do.
    company : bool
        Another job has run in the same pool at the same time.
    queued : bool
        It has been put in line.
    """

    units: dict[str, Unit]
    needs: set[str] = field(default_factory=set)
    length: float = 0.0
    suspect: bool = False
    deaths: int = 0
    company: bool = False
    queued: bool = False

    @property
    def timed(self) -> bool:
        """Whether nothing else may run beside it."""
        return any(unit.timed for unit in self.units.values())


class Schedule:
    """The units without a record among the given ones and all that those require.

    Jobs come longest first, each once the records that it needs are there. Units of equal type and group share a job,
    at most ``unit.together`` of them, and fewer where workers would stay idle.

    Parameters
    ----------
    units : iterable of units
    store : Store
        Where records are looked for. What a unit with a record requires is not looked at.
    workers : int
        How many jobs may run at the same time.
    """

    def __init__(self, units: Iterable[Unit], store: Store, workers: int):
        self.missing: dict[str, Unit] = {}
        self.reused = 0
        self.computed: list[str] = []
        self.failed: dict[str, BaseException] = {}
        self.not_run: dict[str, str] = {}
        self.past_cost = 0.0
        self._needs: dict[str, set[str]] = {}
        self._survey(list(units), store)
        self.costs = {name: float(unit.cost) for name, unit in self.missing.items()}
        self._ready: list[tuple[bool, float, int, Job]] = []
        self._count = itertools.count()
        self._waiting: dict[str, list[Job]] = defaultdict(list)
        for job in self._jobs(workers):
            self.add(job)

    def _survey(self, units: list[Unit], store: Store) -> None:
        seen = set()
        for unit in units:  # grows while it is walked through
            name = key(unit)
            if name in seen:
                continue
            seen.add(name)
            if store.has(unit):
                self.reused += 1
                continue
            self.missing[name] = unit
            self._needs[name] = {key(required) for required in unit.requires}
            units.extend(unit.requires)
        for needs in self._needs.values():
            needs.intersection_update(self.missing)

    def _jobs(self, workers: int) -> list[Job]:
        order = nx.DiGraph((needed, name) for name, needs in self._needs.items() for needed in needs)
        order.add_nodes_from(self.missing)
        generations = list(nx.topological_generations(order))
        # how many units in a row must come before each: 0 for those that may start at once
        depths = {name: depth for depth, names in enumerate(generations) for name in names}
        after = {}
        for name in reversed(depths):
            after[name] = max((self.costs[n] + after[n] for n in order.successors(name)), default=0.0)
        # The depth is part of what must be equal, or a unit could share a job with one that it waits for.
        groups: dict[tuple, list[str]] = defaultdict(list)
        for name, unit in self.missing.items():
            groups[depths[name], type(unit), unit.group].append(name)
        jobs = []
        for (depth, *_), names in groups.items():
            together = self.missing[names[0]].together
            for part in _parts(names, max(1, min(together, math.ceil(len(generations[depth]) / workers)))):
                needs = set().union(*(self._needs[n] for n in part))
                length = sum(self.costs[n] for n in part) + max(after[n] for n in part)
                jobs.append(Job({n: self.missing[n] for n in part}, needs, length))
        return jobs

    @property
    def total(self) -> int:
        """Units asked for, with those that these require."""
        return self.reused + len(self.missing)

    @property
    def done(self) -> int:
        """Units whose records are there."""
        return self.reused + len(self.computed)

    def add(self, job: Job) -> None:
        """Put a job in line."""
        for name in job.needs:
            self._waiting[name].append(job)
        self._line_up(job)

    def next(self, running: Collection[Job] = ()) -> Job | None:
        """Take the longest job that may start now, beside those running; what is timed comes first, and alone."""
        if not self._ready or (running and (self._ready[0][-1].timed or any(job.timed for job in running))):
            return None
        return heapq.heappop(self._ready)[-1]

    def finish(self, name: str) -> None:
        """Note that a unit's record is there, and let go on what waited for it."""
        self.computed.append(name)
        self.past_cost += self.costs[name]
        self._release(name)

    def fail(self, name: str, cause: BaseException) -> None:
        """Note that a unit cannot be computed, and with it none that requires it."""
        self.failed[name] = cause
        lost = [name]
        for gone in lost:  # grows while it is walked through
            self.past_cost += self.costs[gone]
            for job in self._waiting[gone]:
                for other in [n for n in job.units if gone in self._needs[n]]:
                    del job.units[other]
                    self.not_run[other] = name
                    lost.append(other)
                job.needs &= set().union(*(self._needs[n] for n in job.units))
            self._release(gone)

    def _release(self, name: str) -> None:
        for job in self._waiting.pop(name, ()):
            job.needs.discard(name)
            self._line_up(job)

    def _line_up(self, job: Job) -> None:
        if job.units and not job.needs and not job.queued:
            job.queued = True
            heapq.heappush(self._ready, (not job.timed, -job.length, next(self._count), job))


def _parts(names: Sequence[str], size: int) -> list[Sequence[str]]:
    """Cut into as few parts as that size allows, all about equally long.

    >>> _parts("abcdefg", 3)
    ['abc', 'de', 'fg']
    """
    count = math.ceil(len(names) / size)
    short, longer = divmod(len(names), count)
    cuts = [i * short + min(i, longer) for i in range(count + 1)]
    return [names[a:b] for a, b in itertools.pairwise(cuts)]
