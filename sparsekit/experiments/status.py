"""What is in a store: done, missing, failed, made by which code, and left over."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from sparsekit.experiments.identity import Unit, key, title
from sparsekit.experiments.integrity import examine, owned
from sparsekit.experiments.provenance import made_by, told
from sparsekit.experiments.records import ASIDE, FAILED, Store

AN_HOUR = 3600
"""Seconds after which what a writer has left half-written is a leftover."""


def status(units: Iterable[Unit], store: Store) -> str:
    """How many units are done, and what is missing, with the reasons that are known; who has made the records."""
    units = list({key(unit): unit for unit in units}.values())
    with store.surveyed():
        missing = [unit for unit in units if not store.has(unit)]
        diverged = sum(found.diverged for unit in units if (found := store.found(unit)))
        made = made_by(units, store)
    failed = [f"    {title(unit)}: {reason}" for unit in missing if (reason := store.failure(unit))]
    stale = sum(store.found(unit) is not None for unit in missing)
    lines = [f"{len(units):,} units in {store.path}: {len(units) - len(missing):,} done, {len(missing):,} to compute"]
    lines += [f"  training diverged in {diverged:,} of them, which have no accuracy"] if diverged else []
    lines += [f"  {stale:,} of them have a record of other code (--keep-old uses it)"] if stale else []
    lines += [f"  {len(failed):,} of them failed when last tried; the next run tries again:"] if failed else []
    lines += failed[:20]
    lines += [f"    and {len(failed) - 20:,} more"] if len(failed) > 20 else []
    return "\n".join([*lines, *told(made), *_aside(store)])


def folder_status(store: Store) -> str:
    """What a folder of records holds, whatever asked for it: by kind; broken, failed and set aside; who has made it."""
    kinds: dict[str, int] = {}
    rows, broken = [], []
    for file in sorted(store.path.glob("*/*/*.json")):
        if file.parent.parent.name in (ASIDE, FAILED):
            continue
        record, problem = examine(file)
        if not record:
            broken.append(f"  {file.name[:12]}… {problem}")
            continue
        kinds[record["kind"]] = kinds.get(record["kind"], 0) + 1
        made = record["provenance"]
        rows.append({"code": (made.get("code") or "unknown")[:12], **{n: str(made.get(n, "unknown")) for n in _SAID}})
    size = sum(file.stat().st_size for file in store.path.rglob("*") if file.is_file())
    lines = [f"{len(rows):,} records in {store.path}, {size / 2**20:,.1f} MiB"]
    lines += [f"  {count:>7,} {kind}" for kind, count in sorted(kinds.items())]
    lines += [f"{len(broken):,} broken, which the next run sets aside:", *broken[:10]] if broken else []
    if notes := len(list((store.path / FAILED).glob("*/*.json"))):
        lines.append(f"{notes:,} units failed when last tried")
    if rows:
        counts = pd.DataFrame(rows).assign(utc=lambda t: t["utc"].str[:10]).value_counts(sort=False)
        lines += [f"  {n:,} of code {', '.join(map(str, row))}" for row, n in counts.items()]
    return "\n".join([*lines, *_aside(store)])


_SAID = ("sparsekit", "python", "torch", "processor", "device", "utc")


def _aside(store: Store) -> list[str]:
    count = len(list((store.path / ASIDE).glob("*/*.txt")))
    return [f"{count:,} broken records lie in {store.path / ASIDE}; sparsekit clean removes them"] if count else []


def leftovers(store: Store) -> dict[str, list[Path]]:
    """What can be removed without losing a record: by what it is, the files."""
    words = {
        ASIDE: "set aside because broken",
        FAILED: "notes of units that failed",
        ".tmp": "half-written by processes that were killed",
        ".pt": "weights without a record",
    }
    old, found = time.time() - AN_HOUR, {name: [] for name in words.values()}
    for folder, _, names in os.walk(store.path):  # which follows no link out of the store
        inside = Path(folder).relative_to(store.path).parts
        for file in (Path(folder, name) for name in names):
            kind = inside[0] if inside and inside[0] in words else file.suffix
            lone = kind == ".pt" and len(inside) == 2 and not owned(file)
            left = kind == ".tmp" and file.name.startswith(".")
            if kind in (ASIDE, FAILED) or ((lone or left) and file.lstat().st_mtime < old):
                found[words[kind]].append(file)
    return found


def remove(files: Iterable[Path]) -> None:
    """Remove files, and the folders that are then empty."""
    for file in files:
        file.unlink(missing_ok=True)
        for folder in list(file.parents)[:2]:
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
