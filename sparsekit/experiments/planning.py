"""What a run will take, before anything runs: units, those recorded, and time and memory from a short probe."""

import resource
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import loky
import torch

from sparsekit.experiments import execution
from sparsekit.experiments.identity import Unit, fields, key
from sparsekit.experiments.records import Store


@dataclass(frozen=True)
class Kind:
    """Units of one kind and variant that have no record yet, and what they take."""

    name: str
    units: int
    seconds: float


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    Attributes
    ----------
    total, recorded : int
        Units in all, and those with a record.
    kinds : list of Kind
        Of what is missing; seconds on one worker.
    workers : int
    seconds : float
        Until all are there, by all workers.
    mebibytes : float
        Of memory at most that one worker uses.
    """

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
    unique = {key(unit): unit for unit in units}
    missing: dict[tuple[str, str], list] = {}
    for unit in unique.values():
        if not store.has(unit):
            missing.setdefault((unit.kind, str(fields(unit).get("variant", ""))), []).append(unit)
    workers, device = workers or loky.cpu_count(), execution.resolve_device(device)
    kinds, mebibytes = [], 0.0
    if missing:
        pool = loky.ProcessPoolExecutor(max_workers=1, env=execution.WORKER)
        try:
            for name, group in missing.items():
                by_cost = sorted(group, key=lambda unit: unit.cost)
                tried = [by_cost[len(group) // 2], by_cost[-1]]  # typical, for the time; largest, for the memory too
                probes = [pool.submit(_probe, unit, device).result() for unit in tried]
                rate = sum(seconds for seconds, _ in probes) / sum(unit.cost for unit in tried)
                kinds.append(Kind(" ".join(filter(None, name)), len(group), rate * sum(u.cost for u in group)))
                mebibytes = max(mebibytes, *(used for _, used in probes))
        finally:
            pool.shutdown(kill_workers=True)
    recorded = len(unique) - sum(len(group) for group in missing.values())
    return Plan(len(unique), recorded, kinds, workers, sum(k.seconds for k in kinds) / workers, mebibytes)


def _probe(unit: Unit, device: str) -> tuple[float, float]:
    torch.set_num_threads(1)
    seconds = unit.seconds(device)
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, used / (2**20 if sys.platform == "darwin" else 2**10)
