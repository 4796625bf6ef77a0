"""What is in a store: done, missing, failed, made by which code; computed again and compared; cleaned of leftovers."""

import math
import os
import platform
import random
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sparsekit.experiments import execution
from sparsekit.experiments.identity import Unit, key, plain, title
from sparsekit.experiments.records import LIBRARIES, Checked, Store, examine, made_by

ASIDE, FAILED = "set-aside", "failed"
AN_HOUR = 3600
"""Seconds after which what a writer has left half-written is a leftover."""
TOLERANCE = 0.02
"""How far a number may lie from the recorded one on another kind of processor, absolutely or relatively."""


def status(units: Iterable[Unit], store: Store) -> str:
    """How many units are done, and what is missing, with the reasons that are known; who has made the records."""
    units = list({key(unit): unit for unit in units}.values())
    with store.one_warning():
        missing = [unit for unit in units if not store.has(unit)]
    reasons = {title(unit): store.failure(unit) for unit in missing}
    failed = {name: reason for name, reason in reasons.items() if reason}
    stale = sum(store.found(unit) is not None for unit in missing)
    lines = [f"{len(units):,} units in {store.path}: {len(units) - len(missing):,} done, {len(missing):,} to compute"]
    diverged = sum(found.diverged for unit in units if (found := store.found(unit)))
    lines += [f"  training diverged in {diverged:,} of them, which have no accuracy"] if diverged else []
    lines += [f"  {stale:,} of them have a record of other code (--keep-old uses it)"] if stale else []
    lines += [f"  {len(failed):,} of them failed when last tried; the next run tries again:"] if failed else []
    lines += [f"    {name}: {reason}" for name, reason in list(failed.items())[:20]]
    lines += [f"    and {len(failed) - 20:,} more"] if len(failed) > 20 else []
    return "\n".join([*lines, *told(made_by(units, store)), *_aside(store)])


def folder_status(store: Store) -> str:
    """What a folder of records holds, whatever asked for it: by kind; broken, failed and set aside; who has made it."""
    kinds: dict[str, int] = {}
    rows, broken = [], []
    for file in _records(store):
        record, problem = examine(file)
        if not record:
            broken.append(f"  {file.name[:12]}… {problem}")
            continue
        kinds[record["kind"]] = kinds.get(record["kind"], 0) + 1
        made = record["provenance"]
        rows.append({"code": (made.get("code") or "unknown")[:12], **{n: str(made.get(n, "unknown")) for n in _SAID}})
    lines = [f"{len(rows):,} records in {store.path}, {_bytes(store.path.rglob('*')) / 2**20:,.1f} MiB"]
    lines += [f"  {count:>7,} {kind}" for kind, count in sorted(kinds.items())]
    lines += [f"{len(broken):,} broken, which the next run sets aside:", *broken[:10]] if broken else []
    if notes := len(list((store.path / FAILED).glob("*/*.json"))):
        lines.append(f"{notes:,} units failed when last tried")
    if rows:
        counts = pd.DataFrame(rows).assign(utc=lambda t: t["utc"].str[:10]).value_counts(sort=False)
        lines += [f"  {n:,} of code {', '.join(map(str, row))}" for row, n in counts.items()]
    return "\n".join([*lines, *_aside(store)])


_SAID = ("sparsekit", "python", "torch", "processor", "device", "utc")


def told(made: pd.DataFrame) -> list[str]:
    """`made_by` in sentences, the first of which counts records by code; libraries other than those here are named."""
    if made.empty:
        return []
    words = {"this": "made by this code", "other": "made by other code", "unknown": "made by unknown code"}
    counts = made.groupby("code")["records"].sum()
    parts = [f"{counts[name]:,} {word}" for name, word in words.items() if name in counts]
    lines = [f"Of {counts.sum():,} records: {', '.join(parts)}"]
    here = execution_libraries()
    for row in made.to_dict("records"):
        days = " to ".join(dict.fromkeys([row["first"], row["last"]]))
        differs = [
            f"{name} {row[name]} (here {here[name]})" for name in here if row[name] not in ("unknown", here[name])
        ]
        other = f"; {', '.join(differs)}" if differs else ""
        where = f"{row['processor']}, {row['device']}"
        lines.append(f"  {row['records']:,} {words[row['code']]}, sparsekit {row['sparsekit']}, {days}, {where}{other}")
    return lines


def execution_libraries() -> dict[str, str]:
    """The versions of Python and of the libraries that results depend on, here."""
    from importlib.metadata import version

    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def _aside(store: Store) -> list[str]:
    count = len(list((store.path / ASIDE).glob("*/*.txt")))
    return [f"{count:,} broken records lie in {store.path / ASIDE}; sparsekit clean removes them"] if count else []


def _records(store: Store) -> list[Path]:
    return sorted(f for f in store.path.glob("*/*/*.json") if f.parent.parent.name not in (ASIDE, FAILED))


def _bytes(files: Iterable[Path]) -> int:
    return sum(file.stat().st_size for file in files if file.is_file())


def leftovers(store: Store) -> dict[str, list[Path]]:
    """What can be removed without losing a record: by what it is, the files."""
    old = time.time() - AN_HOUR
    unfinished = [f for f in store.path.rglob(".*.tmp") if f.stat().st_mtime < old]
    weights = [
        f for f in store.path.glob("*/*/*.pt") if not f.with_suffix(".json").exists() and f.stat().st_mtime < old
    ]
    return {
        "set aside because broken": [f for f in (store.path / ASIDE).rglob("*") if f.is_file()],
        "notes of units that failed": list((store.path / FAILED).glob("*/*.json")),
        "half-written by processes that were killed": unfinished,
        "weights without a record": weights,
    }


def remove(files: Iterable[Path]) -> None:
    """Remove files, and the folders that are then empty."""
    for file in files:
        file.unlink(missing_ok=True)
        for folder in list(file.parents)[:2]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()


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
        super().__init__(path, "all")
        self.other, self.again = other, again

    def __reduce__(self):
        return _Beside, (self.path, self.other, self.again)

    def file(self, unit: Unit) -> Path:
        return super().file(unit) if key(unit) in self.again else self.other.file(unit)

    def _set_aside(self, file: Path, problem: str) -> None:
        """Leave the other store as it is."""


def verify(
    units: Sequence[Unit], store: Store, *, workers: int = 0, device: str = "auto", tolerance: float = TOLERANCE
) -> list[Verdict]:
    """Compute units again and compare them with their records.

    All bits, weights too, must be the same where code, libraries and kind of processor are; elsewhere numbers may lie
    as far apart as `tolerance`, absolutely or relatively. What they require is read from the store, whose records stay
    as they are. Units without a record, or whose requirements have none, are an error of their verdict.
    """
    device, store = execution.resolve_device(device), Store(store.path, "all")
    problems = {unit: _unreadable(unit, store) for unit in units}
    ready = [unit for unit, problem in problems.items() if not problem]
    verdicts = {unit: Verdict(unit, math.inf, "", False, tolerance, problem) for unit, problem in problems.items()}
    with tempfile.TemporaryDirectory(prefix="sparsekit-verify-") as folder:
        beside = _Beside(folder, store, frozenset(map(key, ready)))
        errors = {}
        try:
            execution.run(ready, beside, workers=workers, device=device)
        except execution.ExecutionError as error:
            errors = {unit: f"{type(cause).__name__}: {cause}" for unit, cause in error.failed}
            errors |= dict.fromkeys(error.not_run, "what it requires failed")
        for unit in ready:
            if unit in errors:
                verdicts[unit] = Verdict(unit, math.inf, "", False, tolerance, errors[unit])
                continue
            exact = _same_place(store, unit, store.found(unit), beside.found(unit))
            size, where = difference(plain(store.read(unit)), plain(beside.read(unit)))
            if not size and exact and not _same_weights(store.file(unit), beside.file(unit)):
                size, where = math.inf, "its weights"
            verdicts[unit] = Verdict(unit, size, where, exact, tolerance)
    return list(verdicts.values())


def _unreadable(unit: Unit, store: Store) -> str:
    """Why a unit's record cannot be compared with another; "" where it can."""
    for one in (unit, *unit.requires):
        whose = "its record" if one is unit else f"the record of {title(one)}"
        record, problem = examine(store.file(one), weights=True)
        if not record:
            return f"{whose} {problem or 'is missing'}"
    return ""


def _same_place(store: Store, unit: Unit, was: Checked, now: Checked) -> bool:
    same = all(was.provenance.get(name) == now.provenance.get(name) for name in (*LIBRARIES, "processor", "device"))
    return same and store.made_by(unit, was) == "this"


def _same_weights(was: Path, now: Path) -> bool:
    import torch

    files = [file.with_suffix(".pt") for file in (was, now)]
    if not files[0].exists() or not files[1].exists():
        return files[0].exists() == files[1].exists()
    one, other = (torch.load(file, map_location="cpu", weights_only=True) for file in files)
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
    recorded = {key(unit): unit for unit in units if not unit.timed and store.file(unit).exists()}
    names = sorted(recorded)
    return [recorded[name] for name in random.Random(seed).sample(names, min(count, len(names)))]
