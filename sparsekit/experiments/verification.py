"""Units computed again and compared with their records."""

import math
import os
import random
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sparsekit.experiments import execution, locks
from sparsekit.experiments.identity import Unit, key, plain, title
from sparsekit.experiments.integrity import Checked, examine
from sparsekit.experiments.provenance import LIBRARIES
from sparsekit.experiments.records import Store

TOLERANCE = 0.02
"""How far a number may lie from the recorded one on another kind of processor, absolutely or relatively."""


@dataclass(frozen=True)
class Verdict:
    """What computing a unit again has shown: the largest difference, 0 where all bits are the same, and its place."""

    unit: Unit
    difference: float
    where: str
    exact: bool  # by the same code, libraries and kind of processor, so that all bits are to be the same
    tolerance: float
    error: str = ""  # why it could not be computed

    @property
    def holds(self) -> bool:
        """Whether the record can be believed."""
        return not self.error and self.difference <= (0 if self.exact else self.tolerance)

    def __str__(self) -> str:
        if self.error:
            return f"{title(self.unit)}: {self.error}"
        if self.difference == 0:
            return f"{title(self.unit)}: the same bits"
        elsewhere = "" if self.exact else f" (made elsewhere; tolerance {self.tolerance:g})"
        return f"{title(self.unit)}: {'differs' if not self.holds else 'close'}: {self.where}{elsewhere}"


class _Beside(Store):
    """Computes some units again in a folder of its own, and reads all others from where they are."""

    def __init__(self, path: str | os.PathLike, other: Store, again: frozenset[str]):
        super().__init__(path, "all", other.files)
        self.other, self.again = other, again

    def __reduce__(self):
        return _Beside, (self.path, self.other, self.again)

    def _name(self, unit: Unit) -> str:
        return super()._name(unit) if key(unit) in self.again else str(self.other.file(unit))

    def _came(self, unit: Unit, weights: bool | str) -> Checked | None:
        return None if key(unit) in self.again else super()._came(unit, weights)

    def _set_aside(self, file: Path, problem: str) -> None:
        """Leave the other store as it is."""


def verify(
    units: Sequence[Unit], store: Store, *, workers: int = 0, device: str = "auto", tolerance: float = TOLERANCE
) -> list[Verdict]:
    """Compute units again and compare them with their records.

    All bits, weights too, must be the same where code, libraries and kind of processor are; elsewhere numbers may lie
    as far apart as `tolerance`, absolutely or relatively. What they require is read from the store, whose records stay
    as they are, or computed again too, where a record came without its weights. Units without a record, or whose
    requirements have none, are an error of their verdict. They are computed where `execution.run` computes.
    """
    store = Store(store.path, "all", store.files)
    problems = {unit: _unreadable(unit, store) for unit in units}
    ready = [unit for unit, problem in problems.items() if not problem]
    verdicts = {unit: Verdict(unit, math.inf, "", False, tolerance, problem) for unit, problem in problems.items()}
    with locks.scratch(Path(tempfile.gettempdir()), "sparsekit-") as folder:
        beside = _Beside(folder, store, frozenset(map(key, [*ready, *_weightless(ready, store)])))
        errors = {}
        try:
            execution.run(ready, beside, workers=workers, device=device)
        except execution.ExecutionError as error:
            if not error.failed:  # it is nothing of theirs, such as a cluster that is gone
                raise
            errors = {unit: f"{type(cause).__name__}: {cause}" for unit, cause in error.failed}
            errors |= dict.fromkeys(error.not_run, "what it requires failed")
        for unit in ready:
            if unit in errors:
                verdicts[unit] = Verdict(unit, math.inf, "", False, tolerance, errors[unit])
                continue
            exact = _same_place(store, unit, store.found(unit), beside.found(unit))
            size, where = difference(plain(store.read(unit)), plain(beside.read(unit)))
            if not size and exact and not _same_weights(unit, store, beside):
                size, where = math.inf, "its weights"
            verdicts[unit] = Verdict(unit, size, where, exact, tolerance)
    return list(verdicts.values())


def _unreadable(unit: Unit, store: Store) -> str:
    """Why a unit's record cannot be compared with another; "" where it can."""
    for one in (unit, *unit.requires):
        whose = "its record" if one is unit else f"the record of {title(one)}"
        record, problem = examine(store.file(one), weights=True)
        if not record and (problem or not store.found(one)):
            return f"{whose} {problem or 'is missing'}"
    return ""


def _weightless(units: Iterable[Unit], store: Store) -> list[Unit]:
    """What the units require, and these in turn, as far as it came without the weights that they read."""
    found = list(units)
    for unit in found:  # grows while it is walked through
        found += [one for one in unit.requires if one not in found and not store.has(one, weights=True)]
    return found


def _same_place(store: Store, unit: Unit, was: Checked, now: Checked) -> bool:
    same = all(was.provenance.get(name) == now.provenance.get(name) for name in (*LIBRARIES, "processor", "device"))
    return same and store.made_by(unit, was) == "this"


def _same_weights(unit: Unit, store: Store, beside: Store) -> bool:
    import torch

    checksums = [kept.record(unit).get("weights_sha256") for kept in (store, beside)]
    if not store.found(unit, weights=True) or len({*checksums}) == 1:  # it came without, or nothing differs
        return len({*checksums}) == 1
    one, other = (kept.weights(unit) for kept in (store, beside))
    return one.keys() == other.keys() and all(torch.equal(one[n].nan_to_num(), other[n].nan_to_num()) for n in one)


def difference(was: Any, now: Any, place: str = "") -> tuple[float, str]:
    """The largest difference between two results in JSON's types, and where it is, in words.

    Of numbers the smaller of the absolute and the relative one, of anything else infinity.

    >>> difference({"a": [1.0, 2.0]}, {"a": [1.0, 2.5]})
    (0.2, 'a.1 2.5, recorded 2.0')
    """
    if isinstance(was, dict) and isinstance(now, dict) and was.keys() == now.keys():
        return max((difference(was[n], now[n], f"{place}.{n}".strip(".")) for n in was), default=(0.0, ""))
    if isinstance(was, list) and isinstance(now, list) and len(was) == len(now):
        pairs = enumerate(zip(was, now, strict=True))
        return max((difference(*both, f"{place}.{k}".strip(".")) for k, both in pairs), default=(0.0, ""))
    if was == now:
        return 0.0, ""
    numbers = all(isinstance(v, int | float) and not isinstance(v, bool) for v in (was, now))
    if not numbers:
        return math.inf, f"{place} {str(now)[:60]}, recorded {str(was)[:60]}"
    apart = abs(was - now)
    return min(apart, apart / max(abs(was), abs(now))), f"{place} {now!r}, recorded {was!r}"


def sample(units: Iterable[Unit], store: Store, count: int, seed: int = 0) -> list[Unit]:
    """Some of the units that have a record, drawn at random; not what is timed, which never comes out the same."""
    recorded = {key(u): u for u in units if not u.timed and (store.file(u).exists() or store.found(u))}
    names = sorted(recorded)
    return [recorded[name] for name in random.Random(seed).sample(names, min(count, len(names)))]
