"""What made a record: which code, versions, machine and day; kept in each, and told of many."""

import platform
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from sparsekit import __version__
from sparsekit.experiments.identity import Unit, key
from sparsekit.networks import processor

if TYPE_CHECKING:
    from sparsekit.experiments.records import Store

LIBRARIES = ("torch", "numpy", "numba", "scipy", "networkx", "scikit-learn")
"""Those that results depend on."""


def versions() -> dict[str, str]:
    """The versions of Python and of the libraries that results depend on, here."""
    return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES}}


def now() -> str:
    """The time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def recorded(device: str, seconds: float, code: str) -> dict[str, Any]:
    """What a record keeps of how it was made."""
    found = {"sparsekit": __version__, **versions(), "platform": f"{platform.system()} {platform.machine()}"}
    found |= {"processor": processor.kind(), "device": device}
    if device.startswith("cuda"):
        import torch

        found["processor"] += f", {torch.cuda.get_device_name(device)}"
    return found | {"utc": now(), "seconds": round(float(seconds), 3), "code": code}


def made_by(units: Iterable[Unit], store: "Store") -> pd.DataFrame:
    """By which code, versions, machine and when the records of these units were made: a row for each combination.

    Columns: code ("this": the code that would compute them now; "other"; "unknown": of an older format, or of another
    minor version of Python, whose code cannot be compared), file (in which they came, "" where they were made here),
    sparsekit, python, torch, other libraries, processor, device, first and last (dates), seconds, records (how many).
    """
    counts: dict[tuple, list] = {}  # by what records have in common, of which there is little: records, and seconds
    with store.surveyed():
        for unit in {key(unit): unit for unit in units}.values():
            if found := store.found(unit):
                made = store.made_by(unit, found), id(found.made), str(found.utc or "")[:10], found.shipped
                count = counts.setdefault(made, [0, 0.0, found.made])
                count[0], count[1] = count[0] + 1, count[1] + float(found.seconds or 0)
    rows = []
    for (code, _, day, file), (records, seconds, made) in counts.items():
        said = {name: made.get(name, "unknown") for name in ("sparsekit", "python", *LIBRARIES)}
        said |= {"processor": made.get("processor") or f"unknown ({made.get('platform', 'unknown')})"}
        said |= {"device": made.get("device", "unknown"), "utc": day, "seconds": seconds, "records": records}
        rows.append({"code": code, "file": file and Path(file).name} | said)
    names = ["code", "file", "sparsekit", "python", *LIBRARIES, "processor", "device"]
    grouped = pd.DataFrame(rows, columns=[*names, "utc", "seconds", "records"]).groupby(names, sort=True)
    columns = {
        "first": ("utc", "min"),
        "last": ("utc", "max"),
        "seconds": ("seconds", "sum"),
        "records": ("records", "sum"),
    }
    return grouped.agg(**columns).reset_index()


def told(made: pd.DataFrame) -> list[str]:
    """`made_by` in sentences: first counts by code and by file, if several, then each row; libraries unlike these."""
    from sparsekit.experiments.progress import duration  # not above: what workers import needs no terminal

    if made.empty:
        return []
    words = {"this": "made by this code", "other": "made by other code", "unknown": "made by unknown code"}
    counts = made.groupby("code")["records"].sum()
    parts = [f"{counts[name]:,} {word}" for name, word in words.items() if name in counts]
    lines = [f"Of {counts.sum():,} records: {', '.join(parts)}"]
    for file, rows in made[made["file"] != ""].groupby("file"):
        lines[0] += f"; {rows['records'].sum():,} came in {file} ({duration(rows['seconds'].sum())} of one worker)"
    here, alone = versions(), len(made) == 1 and not made["file"].iloc[0]
    few = "records " if alone else ""
    for row in made.to_dict("records"):
        days = " to ".join(dict.fromkeys([row["first"], row["last"]]))
        differs = [
            f"{name} {row[name]} (here {here[name]})" for name in here if row[name] not in ("unknown", here[name])
        ]
        other = f"; {', '.join(differs)}" if differs else ""
        where = ", ".join(filter(None, [row["processor"], row["device"], row["file"]]))
        lines.append(
            f"  {row['records']:,} {few}{words[row['code']]}, sparsekit {row['sparsekit']}, {days}, {where}{other}"
        )
    return [lines[1].strip()] if alone else lines
