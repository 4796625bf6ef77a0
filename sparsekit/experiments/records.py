"""Results on disk, each named by a hash of what its unit is, so that equal work is never done twice."""

import json
import os
import platform
import uuid
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

from sparsekit import __version__
from sparsekit.experiments.identity import identity, key, plain, title
from sparsekit.experiments.project import home, project_root

PARTS = {"identity", "data", "weights_bytes", "provenance"}
"""What a whole record holds."""


class RecordError(RuntimeError):
    """A record is missing, or a folder of records cannot be used."""


class Store:
    """A folder of records, ``<kind>/<first two of key>/<key>.json``, with any weights beside them as ``.pt``.

    Every file is written under another name and then renamed, weights first and the record last: a record that is
    there is whole, however the process that wrote it ended. The folder is made by the first write.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = home(path).absolute()

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def file(self, unit: Any) -> Path:
        """Where a unit's record lies, once there is one."""
        name = key(unit)
        return self.path / unit.kind / name[:2] / f"{name}.json"

    def _load(self, unit: Any) -> dict[str, Any] | None:
        """The whole record, or None: then it is to be computed, and a warning says so if a broken one lies there."""
        file = self.file(unit)
        weights = file.with_suffix(".pt")
        try:
            record = json.loads(file.read_bytes(), object_hook=_restored)
            size = weights.stat().st_size if weights.exists() else None
            if PARTS - set(record) or record["weights_bytes"] not in (None, size):
                raise ValueError("incomplete")
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, TypeError, OSError) as error:
            warnings.warn(f"unreadable record, to be computed anew: {file} ({error})", stacklevel=3)
            return None
        return record

    def has(self, unit: Any) -> bool:
        """Whether a whole record of this unit is there."""
        return self._load(unit) is not None

    def record(self, unit: Any) -> dict[str, Any]:
        """The whole record: identity, data, provenance. Raises `RecordError` where there is none."""
        record = self._load(unit)
        if record is None:
            raise RecordError(f"no record of {title(unit)} in {self.path}; execution.run([unit]) computes it")
        return record

    def read(self, unit: Any) -> dict[str, Any]:
        """A unit's results, as they were given to `write`, but for tuples and arrays, which come back as lists."""
        return self.record(unit)["data"]

    def weights(self, unit: Any) -> dict[str, Any]:
        """The tensors kept with a unit, on the CPU. Raises `RecordError` where there are none, or damaged ones."""
        import torch  # not above: reading tables needs no torch, and loading it takes seconds

        if self.record(unit)["weights_bytes"] is None:
            raise RecordError(f"{title(unit)} was recorded without weights")
        file = self.file(unit).with_suffix(".pt")
        try:
            return torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:  # torch raises whatever its many readers do
            raise RecordError(f"damaged weights: {file}; remove it, and the unit is computed anew") from error

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
        """
        file = self.file(unit)
        record = {"kind": unit.kind, "identity": identity(unit), "data": plain(data), "weights_bytes": None}
        record["provenance"] = _provenance(device, seconds)
        with self._writing(file.parent):
            if weights is not None:
                record["weights_bytes"] = _save(weights, file.with_suffix(".pt"))
            text = json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1)
            _replace(file, lambda stream: stream.write(text.encode()))

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


def _restored(value: dict) -> Any:
    return float(value["$float"]) if set(value) == {"$float"} else value


def _provenance(device: str, seconds: float) -> dict[str, Any]:
    return {
        "sparsekit": __version__,
        "torch": version("torch"),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "device": device,
        "utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(float(seconds), 3),
    }


def _save(weights: Mapping[str, Any], file: Path) -> int:
    import torch

    tensors = {name: tensor.detach().cpu() for name, tensor in weights.items()}
    _replace(file, lambda stream: torch.save(tensors, stream))
    return file.stat().st_size


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
    return Store(os.environ.get("SPARSEKIT_RUNS") or (project_root() or Path.cwd()) / "runs")
