"""Whether a record is whole, and what its name says: before anything of it is read as a result."""

import json
import os
import platform
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from sparsekit.experiments.identity import digest

PARTS = {"kind", "identity", "data", "weights_bytes", "provenance"}
"""What a whole record holds; younger ones hold checksums too."""
PYTHON = ".".join((*platform.python_version_tuple()[:2], ""))
"""How versions of Python begin whose bytecode can be compared with this one's."""
SHARES = ("accuracy", "sparsity")
"""How names end of what lies between 0 and 1."""


class Checked(NamedTuple):
    """What is kept in memory of a record that was found whole."""

    written: tuple[int, ...]  # the record's `stamp`
    text_sha256: str  # of the file
    beside: str  # the file of its weights; "" where it has none
    weights_written: tuple[int, ...] | None  # their stamp
    weights: str | None  # their SHA-256
    deep: bool  # whether the weights are these
    diverged: bool  # in training
    made: Mapping[str, Any]  # its provenance but for what differs from record to record:
    utc: Any
    seconds: Any
    shipped: str = ""  # the file that it came in, if it lies in no store

    @classmethod
    def of(
        cls, file: Path, text: bytes, record: Mapping[str, Any], written: tuple[int, ...] = (), deep: bool = False
    ) -> "Checked":
        """What is to be known of the record in a file; in one of many, which has no stamp of its own."""
        checksum, has = record.get("weights_sha256"), record["weights_bytes"] is not None
        beside, made = str(weights_file(file, checksum)) if has and written else "", dict(record["provenance"])
        own, when = stamp(beside) if beside else None, (made.pop("utc", None), made.pop("seconds", None))
        diverged, came = "diverged" in record["data"], "" if written else str(file)
        return cls(written, sha256(text).hexdigest(), beside, own, checksum, deep, diverged, made, *when, came)

    @property
    def provenance(self) -> dict[str, Any]:
        """What made it."""
        given = {"utc": self.utc, "seconds": self.seconds}
        return {**self.made, **{name: value for name, value in given.items() if value is not None}}

    def same(self, written: tuple | None) -> bool:
        """Whether nothing has been written since: the record is as stamped, and so are its weights."""
        return self.written == written and (not self.beside or self.weights_written == (stamp(self.beside) or ()))

    def made_by(self, current: Callable[[], str]) -> str:
        """Which code has made it: "this", "other", or "unknown", which is that of another Python too."""
        made, python = self.made.get("code"), str(self.made.get("python"))
        if not made or not f"{python}.".startswith(PYTHON):
            return "unknown"
        return "this" if made == current() else "other"


def stamp(file: str | os.PathLike) -> tuple[int, int, int] | None:
    """What changes when a file is written; None where there is none."""
    try:
        found = os.stat(file)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def weights_file(file: Path, checksum: str | None) -> Path:
    """Where the weights of a record in this file lie: each content under a name of its own, or as records of before."""
    named = file.with_suffix(f".{(checksum or '')[:16]}.pt")
    return named if checksum and named.exists() else file.with_suffix(".pt")


def owned(weights: Path) -> bool:
    """Whether a record counts weights as its own; those beside a broken one, which may say so no more, count too."""
    file = weights.with_name(f"{weights.name.partition('.')[0]}.json")
    record, problem = examine(file)
    return bool(problem) if record is None else weights_file(file, record.get("weights_sha256")) == weights


def examine(file: Path, weights: bool = False) -> tuple[dict[str, Any] | None, str]:
    """A record as its file holds it, and what is wrong with it or its weights; (None, "") where there is no file."""
    _, record, problem = opened(file, weights)
    return record, problem


def opened(file: Path, weights: bool = False) -> tuple[bytes, dict[str, Any] | None, str]:
    """As `examine`, with the text as it stands in the file before that."""
    try:
        text = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return b"", None, ""
    except OSError as error:
        return b"", None, f"cannot be read: {error.strerror}"
    record, problem = judged(text, file.parent.parent.name, file.stem)
    problem = problem or _weights_problem(record, file, weights)
    return text, None if problem else record, problem


def judged(text: bytes, kind: str, name: str) -> tuple[dict[str, Any] | None, str]:
    """A record of this kind and key, and what is wrong with it; its weights are not looked at."""
    try:
        record = json.loads(text)
        problem = _problem(record, kind, name)
    except (ValueError, RecursionError):
        problem = "is truncated or no JSON"
    except (TypeError, AttributeError, KeyError):
        problem = "is no record"
    return (None, problem) if problem else (record, "")


def _problem(record: Any, kind: str, name: str) -> str:
    if not isinstance(record, dict) or PARTS - set(record):
        return "is no record"
    if not isinstance(record["data"], dict) or not isinstance(record["provenance"], dict):
        return "is no record"
    if not isinstance(record["weights_bytes"], int | None):
        return "is no record"
    if digest({"kind": record["kind"], "identity": record["identity"]}) != name or record["kind"] != kind:
        return "holds the record of another unit"
    checksum = record.get("sha256")
    if checksum and digest({name: value for name, value in record.items() if name != "sha256"}) != checksum:
        return "was changed after it was written"
    if not checksum and (odd := out_of_range(record["data"])):
        return f"has {odd}"
    return ""


def _weights_problem(record: dict[str, Any], file: Path, deep: bool) -> str:
    if (size := record["weights_bytes"]) is None:
        return ""
    checksum = record.get("weights_sha256")
    beside = weights_file(file, checksum)
    try:
        if beside.stat().st_size != size:
            return "has truncated weights"
        if deep and checksum and sha256(beside.read_bytes()).hexdigest() != checksum:
            return "has other weights than it was written with"
    except FileNotFoundError:
        return "has lost its weights"
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


@contextmanager
def whole(file: Path, content: bytes, lasting: bool = True) -> Iterator[Path]:
    """The content in a file of another name, whole, after power cuts too if it is `lasting`; gone if not renamed."""
    temporary = file.with_name(f".{file.name}.{uuid.uuid4().hex}.tmp")
    try:
        with temporary.open("xb") as stream:
            stream.write(content)
            stream.flush()
            if lasting:
                os.fsync(stream.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)
