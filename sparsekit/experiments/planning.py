"""What a run will take, before anything runs: units, those recorded, and time and memory from a short probe."""

import resource
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import loky
import torch

from sparsekit.experiments.extensions import arrive, packed
from sparsekit.experiments.identity import Unit, key
from sparsekit.experiments.jobs import Schedule
from sparsekit.experiments.records import Store
from sparsekit.experiments.workers import processes, resolve_device


@dataclass(frozen=True)
class Kind:
    """Units of one kind and variant that have no record yet, and the seconds that they take on one worker."""

    name: str
    units: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a run will take: seconds by all workers, and the mebibytes that one worker uses at most."""

    total: int
    recorded: int
    kinds: list[Kind]
    workers: int
    seconds: float
    mebibytes: float


def plan(units: Iterable[Unit], store: Store, workers: int = 0, device: str = "auto") -> Plan:
    """Probe a typical and the largest unit of each kind and variant, and scale to the others by their relative cost.

    The probe trains for a few optimizer steps in a worker process, and writes nothing.
    """
    schedule, missing = Schedule(units, store, 1), defaultdict(list)
    for unit in schedule.missing.values():
        missing[f"{unit.kind} {getattr(getattr(unit, 'base', unit), 'variant', '')}".strip()].append(unit)
    workers, device = workers or loky.cpu_count(), resolve_device(device)
    kinds, mebibytes, own = [], 0.0, packed()
    pool = processes(1)  # starts its worker when first asked
    try:
        for name, group in missing.items():
            costs = [schedule.costs[key(unit)] for unit in group]
            by_cost = sorted(range(len(group)), key=costs.__getitem__)
            tried = [by_cost[len(group) // 2], by_cost[-1]]  # typical, for the time; largest, for the memory too
            seconds, used = zip(*(pool.submit(_probe, own, group[k], device).result() for k in tried), strict=True)
            kinds.append(Kind(name, len(group), sum(costs) * sum(seconds) / sum(costs[k] for k in tried)))
            mebibytes = max(mebibytes, *used)
    finally:
        pool.shutdown(kill_workers=True)
    seconds = sum(kind.seconds for kind in kinds) / workers
    return Plan(schedule.total, schedule.reused, kinds, workers, seconds, mebibytes)


def _probe(own: bytes, unit: Unit, device: str) -> tuple[float, float]:
    arrive(own)
    torch.set_num_threads(1)
    seconds = unit.seconds(device)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, used / (2**20 if sys.platform == "darwin" else 2**10)
