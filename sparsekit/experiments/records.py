"""Results on disk, each named by a hash of what its unit is, so that equal work is never done twice."""

import io
import json
import os
import platform
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from sparsekit import __version__
from sparsekit.experiments.fingerprint import code
from sparsekit.experiments.identity import digest, identity, key, plain, title
from sparsekit.experiments.project import home, project_root
from sparsekit.networks import processor

if TYPE_CHECKING:
    import pandas as pd

PARTS = {"kind", "identity", "data", "weights_bytes", "provenance"}
"""What a whole record holds; younger ones hold checksums too."""
USED = {
    "known": "records of other code are computed anew; those whose code is unknown are used",
    "all": "records of other code are used too",
    "current": "records whose code is other or unknown are computed anew",
}
"""Which records count as there, by what the environment variable SPARSEKIT_RECORDS may say; at first "known"."""
LIBRARIES = ("torch", "numpy", "numba", "scipy", "networkx", "scikit-learn")
SHARES = ("accuracy", "sparsity")
"""How names end of what lies between 0 and 1."""


class RecordError(RuntimeError):
    """A record is missing, or a folder of records cannot be used."""


@dataclass(frozen=True)
class Checked:
    """What is kept in memory of a record that was found whole."""

    signature: tuple  # of its files, as they were then
    provenance: Mapping[str, Any]
    weights: str | None  # their SHA-256
    deep: bool  # whether the weights are these
    diverged: bool  # in training

    def made_by(self, current: Callable[[], str]) -> str:
        """Which code has made it: "this", "other", or "unknown", which is that of another Python too."""
        made, python = self.provenance.get("code"), str(self.provenance.get("python"))
        if not made or python.split(".")[:2] != list(platform.python_version_tuple()[:2]):
            return "unknown"
        return "this" if made == current() else "other"


_CHECKED: dict[Path, Checked] = {}


class Store:
    """A folder of records, ``<kind>/<first two of key>/<key>.json``, with any weights beside them as ``.pt``.

    Every file is written under another name and then renamed, weights first and the record last: a record that is
    there is whole, however the process that wrote it ended. The folder is made by the first write. What is broken
    nevertheless, or is not what its name says, is moved into ``set-aside/``, with a warning, and counts as missing.

    `used` says whether records of other code count as there, as in `USED`.
    """

    def __init__(self, path: str | os.PathLike, used: str = "known"):
        self.path = home(path).absolute()
        if used not in USED:
            raise RecordError(f"given {used!r} for the records to use; allowed are {', '.join(USED)}")
        self.used = used
        self._codes: dict = {}  # what is known of a user's code
        self._broken: list[tuple[Path, str]] | None = None  # what is to be told at once

    def __reduce__(self):
        return type(self), (self.path, self.used)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def file(self, unit: Any) -> Path:
        """Where a unit's record lies, once there is one."""
        name = key(unit)
        return self.path / unit.kind / name[:2] / f"{name}.json"

    def found(self, unit: Any, weights: bool = False, mend: bool = True) -> Checked | None:
        """What is known of a whole record of this unit, whatever code has made it; None where there is none.

        It is read once in a process, as long as its files stay the same. With `weights`, these are compared with their
        checksum too. What is broken is set aside, unless that is not to `mend`.
        """
        file = self.file(unit)
        if not (signature := _signature(file)):
            return None
        known = _CHECKED.get(file)
        if known and known.signature == signature and (known.deep or not weights):
            return known
        record, problem = examine(file, weights)
        if not record:
            if problem and mend:
                self._set_aside(file, problem)
            return None
        found = Checked(
            signature, record["provenance"], record.get("weights_sha256"), weights, "diverged" in record["data"]
        )
        _CHECKED[file] = found
        return found

    def made_by(self, unit: Any, found: Checked) -> str:
        """Which code has made a record: "this", "other" or "unknown"."""
        return found.made_by(lambda: code(unit, self._codes))

    def has(self, unit: Any, weights: bool = False) -> bool:
        """Whether a whole record of this unit is there, by code whose records are used; maybe with its `weights`."""
        found = self.found(unit, weights)
        return bool(found) and (
            self.used == "all" or self.made_by(unit, found) in ("this", *["unknown"] * (self.used == "known"))
        )

    @contextmanager
    def one_warning(self) -> Iterator[None]:
        """Tell of all that is set aside inside by a single warning."""
        outer, self._broken = self._broken, []
        try:
            yield
        finally:
            broken, self._broken = self._broken, outer
            if broken:
                self._warn(broken)

    def _set_aside(self, file: Path, problem: str) -> None:
        """Move a record and its weights out of the way, with a note of the problem."""
        _CHECKED.pop(file, None)
        folder = self.path / "set-aside" / file.parent.parent.name
        stem = next(s for k in range(10_000) if not (folder / (s := f"{file.stem}{f'.{k}' * (k > 0)}.txt")).exists())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            os.replace(file, folder / Path(stem).with_suffix(".json"))
            if file.with_suffix(".pt").exists():
                os.replace(file.with_suffix(".pt"), folder / Path(stem).with_suffix(".pt"))
            (folder / stem).write_text(f"{problem}\n", encoding="utf-8")
        except FileNotFoundError:  # another process was faster
            return
        except OSError as error:
            problem += f"; it could not be set aside: {error.strerror}"
        if self._broken is None:
            self._warn([(file, problem)])
        else:
            self._broken.append((file, problem))

    def _warn(self, broken: list[tuple[Path, str]]) -> None:
        (file, problem), count = broken[0], len(broken)
        what = f"{count} broken records, to be computed anew, set aside"
        why = ", ".join(f"{n} {problem}" for problem, n in Counter(problem for _, problem in broken).most_common(5))
        if count == 1:
            what, why = "broken record, to be computed anew, set aside", f"{file.name} {problem}"
        warnings.warn(f"{what} in {self.path / 'set-aside'}: {why}", stacklevel=4)

    def record(self, unit: Any) -> dict[str, Any]:
        """The whole record: identity, data, provenance. Raises `RecordError` where there is none."""
        if not self.has(unit):
            there = " by this code" if self.found(unit) else ""
            raise RecordError(f"no record of {title(unit)}{there} in {self.path}; execution.run([unit]) computes it")
        text = self.file(unit).read_bytes()
        return json.loads(text, object_hook=_restored if b'"$float"' in text else None)

    def read(self, unit: Any) -> dict[str, Any]:
        """A unit's results, as they were given to `write`, but for tuples and arrays, which come back as lists."""
        return self.record(unit)["data"]

    def weights(self, unit: Any) -> dict[str, Any]:
        """The tensors kept with a unit, on the CPU. Raises `RecordError` where there are none, or damaged ones."""
        import torch  # not above: reading tables needs no torch, and loading it takes seconds

        if self.record(unit)["weights_bytes"] is None:
            raise RecordError(f"{title(unit)} was recorded without weights")
        file = self.file(unit)
        if self.found(unit, weights=True):
            try:
                return torch.load(file.with_suffix(".pt"), map_location="cpu", weights_only=True)
            except Exception:  # torch raises whatever its many readers do
                self._set_aside(file, "has damaged weights")
        raise RecordError(f"damaged weights: {file.with_suffix('.pt')}; set aside, and computed anew by the next run")

    def write(
        self, unit: Any, data: Mapping, weights: Mapping | None = None, seconds: float = 0.0, device: str = "cpu"
    ) -> None:
        """Keep a unit's results, any tensors in a file of their own, and what they were computed with.

        Raises
        ------
        RecordError
            The folder cannot be written to.
        TypeError
            Something in `data` has no place in JSON.
        ValueError
            Something in `data` cannot be, such as an accuracy of 17.
        """
        file = self.file(unit)
        record = {"kind": unit.kind, "identity": identity(unit), "data": plain(data), "weights_bytes": None}
        if odd := out_of_range(record["data"]):
            raise ValueError(f"a result {odd}")
        record["provenance"] = _provenance(device, seconds) | {"code": code(unit, self._codes)}
        with self._writing(file.parent):
            if weights is not None:
                content = _content(weights)
                record |= {"weights_bytes": len(content), "weights_sha256": sha256(content).hexdigest()}
                file.unlink(missing_ok=True)  # an older record never stands beside younger weights
                _replace(file.with_suffix(".pt"), lambda stream: stream.write(content))
            record["sha256"] = digest(record)
            text = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1)
            _replace(file, lambda stream: stream.write(text.encode()))
            self._failure(unit).unlink(missing_ok=True)

    def _failure(self, unit: Any) -> Path:
        return self.path / "failed" / unit.kind / f"{key(unit)}.json"

    def fail(self, unit: Any, reason: str) -> None:
        """Note why a unit was not computed, for `failure`; the next run tries again."""
        file, told = self._failure(unit), {"unit": title(unit), "reason": reason, "utc": _now()}
        with self._writing(file.parent):
            _replace(file, lambda stream: stream.write(json.dumps(told, ensure_ascii=False, indent=1).encode()))

    def failure(self, unit: Any) -> str:
        """Why a unit was not computed when it was last tried; "" where nothing is known of it."""
        try:
            told = json.loads(self._failure(unit).read_bytes())
            return f"{told['reason']} ({told['utc'][:16].replace('T', ' ')} UTC)"
        except (OSError, ValueError, TypeError, KeyError):
            return ""

    @contextmanager
    def _writing(self, folder: Path) -> Iterator[None]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            yield
        except OSError as error:
            remedy = "set SPARSEKIT_RUNS to a folder that can be written"
            raise RecordError(f"cannot write records to {folder}: {error.strerror}; {remedy}") from error

    def check_writable(self) -> None:
        """Find out before hours of work whether results can be kept; raises `RecordError` if not."""
        probe = self.path / f".{uuid.uuid4().hex}.tmp"
        with self._writing(self.path):
            probe.touch()
            probe.unlink()


def examine(file: Path, weights: bool = False) -> tuple[dict[str, Any] | None, str]:
    """A record as its file holds it, and what is wrong with it; (None, "") where there is no file."""
    try:
        record = json.loads(file.read_bytes())
        problem = _problem(record, file, weights)
        return (None, problem) if problem else (record, "")
    except (FileNotFoundError, NotADirectoryError):
        return None, ""
    except OSError as error:
        return None, f"cannot be read: {error.strerror}"
    except (ValueError, RecursionError):
        return None, "is truncated or no JSON"
    except (TypeError, AttributeError, KeyError):
        return None, "is no record"


def _problem(record: Any, file: Path, weights: bool) -> str:
    if not isinstance(record, dict) or PARTS - set(record):
        return "is no record"
    if not isinstance(record["data"], dict) or not isinstance(record["provenance"], dict):
        return "is no record"
    named = {"kind": record["kind"], "identity": record["identity"]}
    if digest(named) != file.stem or record["kind"] != file.parent.parent.name:
        return "holds the record of another unit"
    checksum = record.get("sha256")
    if checksum and digest({name: value for name, value in record.items() if name != "sha256"}) != checksum:
        return "was changed after it was written"
    if not checksum and (odd := out_of_range(record["data"])):
        return f"has {odd}"
    beside = file.with_suffix(".pt")
    if (size := record["weights_bytes"]) is None:
        return ""
    if not beside.exists():
        return "has lost its weights"
    if beside.stat().st_size != size:
        return "has truncated weights"
    checksum = record.get("weights_sha256")
    if weights and checksum and sha256(beside.read_bytes()).hexdigest() != checksum:
        return "has other weights than it was written with"
    return ""


def out_of_range(data: Any, name: str = "") -> str:
    """The first share outside 0 to 1 or negative loss in results, with its name; "" where there is none."""
    if isinstance(data, dict):
        return next(filter(None, (out_of_range(value, str(inner)) for inner, value in data.items())), "")
    if isinstance(data, list):
        return next(filter(None, (out_of_range(value, name) for value in data)), "")
    if isinstance(data, bool) or not isinstance(data, int | float):
        return ""
    share = name.endswith(SHARES)
    if (share and not -1e-9 <= data <= 1 + 1e-9) or (name.endswith("_loss") and data < 0):
        return f"{name} {data:g}, which {'lies between 0 and 1' if share else 'is never negative'}"
    return ""


def _signature(file: Path) -> tuple | None:
    """What changes when a record or its weights are written; None where there is no record."""
    try:
        found = file.stat()
    except OSError:
        return None
    try:
        beside = file.with_suffix(".pt").stat()
    except OSError:
        return found.st_mtime_ns, found.st_size, found.st_ino
    return found.st_mtime_ns, found.st_size, found.st_ino, beside.st_mtime_ns, beside.st_size, beside.st_ino


def _restored(value: dict) -> Any:
    return float(value["$float"]) if set(value) == {"$float"} else value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _provenance(device: str, seconds: float) -> dict[str, Any]:
    found = {
        "sparsekit": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in LIBRARIES},
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor.kind(),
        "device": device,
    }
    if device.startswith("cuda"):
        import torch

        found["processor"] += f", {torch.cuda.get_device_name(device)}"
    return found | {"utc": _now(), "seconds": round(float(seconds), 3)}


def _content(weights: Mapping[str, Any]) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save({name: tensor.detach().cpu() for name, tensor in weights.items()}, buffer)
    return buffer.getvalue()


def _replace(file: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Write a file so that it is there as a whole or not at all, through power cuts too."""
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    finally:
        temporary.unlink(missing_ok=True)


def default_store() -> Store:
    """The store in the folder that SPARSEKIT_RUNS names, else in runs/ of the project, else of the working folder."""
    folder = os.environ.get("SPARSEKIT_RUNS") or (project_root() or Path.cwd()) / "runs"
    return Store(folder, os.environ.get("SPARSEKIT_RECORDS") or "known")


def made_by(units: Iterable[Any], store: Store | None = None) -> "pd.DataFrame":
    """By which code, versions, machine and when the records of these units were made: a row for each combination.

    Columns: code ("this": the code that would compute them now; "other"; "unknown": of an older format, or of another
    minor version of Python, whose code cannot be compared), sparsekit, python, torch, other libraries, processor,
    device, first and last (dates), records (how many).
    """
    import pandas as pd

    store, rows = store or default_store(), []
    for unit in {key(unit): unit for unit in units}.values():
        if found := store.found(unit):
            made = found.provenance
            said = {name: made.get(name, "unknown") for name in ("sparsekit", "python", *LIBRARIES)}
            said |= {"processor": made.get("processor") or f"unknown ({made.get('platform', 'unknown')})"}
            said |= {"device": made.get("device", "unknown"), "utc": str(made.get("utc", ""))[:10]}
            rows.append({"code": store.made_by(unit, found)} | said)
    names = ["code", "sparsekit", "python", *LIBRARIES, "processor", "device"]
    grouped = pd.DataFrame(rows, columns=[*names, "utc"]).groupby(names, sort=True)["utc"]
    return grouped.agg(first="min", last="max", records="size").reset_index()
