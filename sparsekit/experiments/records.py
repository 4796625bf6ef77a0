"""Results on disk, each named by a hash of what its unit is, so that equal work is never done twice."""

import io
import json
import os
import uuid
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from sparsekit.experiments import index, locks, shipped
from sparsekit.experiments.fingerprint import code
from sparsekit.experiments.identity import digest, identity, key, plain, title
from sparsekit.experiments.integrity import Checked, judged, opened, out_of_range, owned, stamp, weights_file, whole
from sparsekit.experiments.project import home, project_root
from sparsekit.experiments.provenance import now, recorded

USED = {
    "known": "records of other code are computed anew; those whose code is unknown are used",
    "all": "records of other code are used too",
    "current": "records whose code is other or unknown are computed anew",
    "own": "as known, and no records that came with the project are used",
}
"""Which records count as there, by what the environment variable SPARSEKIT_RECORDS may say; at first "known"."""
ASIDE, FAILED, CLAIMS = "set-aside", "failed", ".claims"
"""Folders of a store that hold no records."""


class RecordError(RuntimeError):
    """A record is missing, or a folder of records cannot be used."""


_CHECKED: dict[str, Checked] = {}
_RECALLED: set[Path] = set()
"""Stores whose index was read."""
MANY = 200
"""So many records that were read are worth an entry in the index."""
LASTING = 1
"""Seconds of computing from which on a record is forced onto the disk, which takes milliseconds. After a power cut
others of the last half-minute may be broken: then they are found to be, and computed anew."""


class Store:
    """A folder of records, ``<kind>/<first two of key>/<key>.json``, with any weights beside them.

    Weights lie in a file ``<key>.<their SHA-256>.pt``, so that new ones never take the place of those that a record
    names; those of before in ``<key>.pt``. All is written under other names and then renamed, weights first and the
    record last, and older weights are removed in the end. However a writer ends, a record that was there is there
    still, the older one or the new one. The folder is made by the first write. What is broken nevertheless, or is not
    what its name says, is moved into ``set-aside/``, with a warning, and counts as missing.

    A record that is not there, or does not count, may come in `files` of results (`sparsekit.experiments.shipped`), of
    which nothing is written into the folder.

    `used` says whether records of other code count as there, as in `USED`. Those that came in files do under each but
    "current", so that nobody computes for hours what he has; reports count them.
    """

    def __init__(self, path: str | os.PathLike, used: str = "known", files: Iterable[Path] = ()):
        self.path, self.files = home(path).absolute(), tuple(files)
        self._prefix = f"{self.path}/"
        if used not in USED:
            raise RecordError(f"given {used!r} for the records to use; allowed are {', '.join(USED)}")
        self.used = used
        self._codes: dict = {}  # what is known of a user's code
        self._broken: list[tuple[Path, str]] | None = None  # what is to be told at once
        self._new: dict[str, Checked] = {}  # what was found that the index does not hold
        self._seen: set[str] | None = None  # records whose dates were looked at in this survey

    def __reduce__(self):
        return type(self), (self.path, self.used, self.files)

    def __repr__(self) -> str:
        return f"Store({str(self.path)!r})"

    def file(self, unit: Any) -> Path:
        """Where a unit's record lies, once there is one."""
        return Path(self._name(unit))

    def _name(self, unit: Any) -> str:
        name = key(unit)
        return f"{self._prefix}{unit.kind}/{name[:2]}/{name}.json"

    def weights_file(self, unit: Any) -> Path:
        """Where the weights of a unit's record lie, if it has any."""
        found = self.found(unit, mend=False)
        return weights_file(self.file(unit), found and found.weights)

    def found(self, unit: Any, weights: bool | str = False, mend: bool = True) -> Checked | None:
        """What is known of a whole record of this unit, whatever code has made it; None where there is none.

        It is read once in a process, as long as its files stay the same. With `weights`, these are compared with their
        checksum too; ``"masks"``: just the masks among them will be read. What is broken is set aside, unless that is
        not to `mend`. A record that does not count gives way to one that came in a file.
        """
        own = self._found(unit, bool(weights), mend)
        if own and not (self.files and not self._counts(unit, own)):
            return own
        return self._came(unit, weights) or own

    def _came(self, unit: Any, weights: bool | str) -> Checked | None:
        """What is known of a record that came in a file, with what of its weights will be read."""
        name = key(unit)
        for file in map(shipped.opened, self.files):
            found = file.found(unit.kind, name)
            if found and (not (weights and found.weights) or file.holds(name, weights)):
                return found
        return None

    def anywhere(self, units: list[Any]) -> list[Any]:
        """What is timed, as timed on its machine or, where not all has a record, on one of which all came."""
        machines = [units[0].machine, *(name for file in map(shipped.opened, self.files) for name in file.machines)]
        moved = ([replace(unit, machine=name) for unit in units] for name in machines)
        return next((those for those in moved if all(map(self.has, those))), units)

    def _found(self, unit: Any, weights: bool, mend: bool) -> Checked | None:
        name = self._name(unit)
        known = _CHECKED.get(name)
        if known and self._seen is not None and name in self._seen and (known.deep or not weights):
            return known
        written = stamp(name)
        if known and known.same(written) and (known.deep or not weights):
            if self._seen is not None:
                self._seen.add(name)
            return known
        file = Path(name)
        text, record, problem = opened(file, weights)
        if problem and written != stamp(file):  # somebody has written it meanwhile
            return self._found(unit, weights, mend)
        if record:
            found = _CHECKED[name] = self._new[name] = Checked.of(file, text, record, written, weights)
            return found
        if problem and mend:
            self._set_aside(file, problem)
        return None

    def made_by(self, unit: Any, found: Checked) -> str:
        """Which code has made a record: "this", "other" or "unknown"."""
        return found.made_by(lambda: code(unit, self._codes))

    def has(self, unit: Any, weights: bool | str = False) -> bool:
        """Whether a whole record of this unit is there, by code whose records are used; maybe with its `weights`."""
        found = self.found(unit, weights)
        return found is not None and self._counts(unit, found)

    def _counts(self, unit: Any, found: Checked) -> bool:
        if self.used == "all" or (found.shipped and self.used != "current"):
            return True
        return self.made_by(unit, found) in ("this", *["unknown"] * (self.used != "current"))

    @contextmanager
    def surveyed(self) -> Iterator[None]:
        """Look for many records inside: by the folder's index, at a file once, and with one warning of all broken.

        A survey within another is part of it.
        """
        if self._seen is not None:
            yield
            return
        if self.path not in _RECALLED:
            _RECALLED.add(self.path)
            for name, known in index.recalled(self.path):
                _CHECKED.setdefault(name, known)
        self._broken, self._seen = [], set()
        try:
            yield
        finally:
            broken, self._broken, self._seen = self._broken, None, None
            if broken:
                self._warn(broken)
            self.remember()

    def remember(self) -> None:
        """Put what was found into the index of the folder, where it is much."""
        if len(self._new) >= MANY:
            index.remember(self.path, self._new.items())
            self._new = {}

    def _set_aside(self, file: Path, problem: str) -> None:
        """Move a record and its weights out of the way, with a note of the problem."""
        _CHECKED.pop(str(file), None)
        folder = self.path / ASIDE / file.parent.parent.name
        stem = next(s for k in range(10_000) if not (folder / f"{(s := file.stem + f'.{k}' * (k > 0))}.txt").exists())
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with self.claimed([file.stem]) as mine:
                # which of them were its own a broken record may say no more; while somebody writes, only what it says
                beside = file.parent.glob(f"{file.stem}.*pt") if mine else [weights_file(file, _named_weights(file))]
                for moved in [file, *beside]:
                    with suppress(FileNotFoundError) if moved != file else nullcontext():
                        os.replace(moved, folder / f"{stem}{moved.name.removeprefix(file.stem)}")
            (folder / f"{stem}.txt").write_text(f"{problem}\n", encoding="utf-8")
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
        warnings.warn(f"{what} in {self.path / ASIDE}: {why}", stacklevel=4)

    def record(self, unit: Any) -> dict[str, Any]:
        """The whole record: identity, data, provenance.

        Raises
        ------
        RecordError
            Where there is none.
        """
        text = self.text(unit)
        return json.loads(text.decode(), object_hook=_restored if b'"$float"' in text else None)

    def text(self, unit: Any) -> bytes:
        """As `record`, as it is written."""
        name = self._name(unit)
        known = _CHECKED.get(name)  # what is read is compared with its checksum, whatever its date
        found = known if known and self._counts(unit, known) else self.found(unit)
        if not (found and self._counts(unit, found)):
            there = " by this code" if found else ""
            raise RecordError(f"no record of {title(unit)}{there} in {self.path}; execution.run([unit]) computes it")
        if found.shipped:
            return shipped.opened(found.shipped).line(shipped.RECORDS, key(unit))
        text = _read(name, found.written[1])
        if sha256(text).hexdigest() != found.text_sha256:  # written a moment ago, or damaged behind its date
            _CHECKED.pop(name, None)
            return self.text(unit)
        return text

    def read(self, unit: Any) -> dict[str, Any]:
        """A unit's results, as they were given to `write`, but for tuples and arrays, which come back as lists."""
        return self.record(unit)["data"]

    def weights(self, unit: Any) -> dict[str, Any]:
        """The tensors kept with a unit, on the CPU.

        Raises
        ------
        RecordError
            Where there are none, or damaged ones.
        """
        return self._tensors(unit, True)

    def masks(self, unit: Any) -> dict[str, Any]:
        """The masks among a unit's `weights`."""
        return {name: mask for name, mask in self._tensors(unit, shipped.MASKS).items() if ".mask_" in name}

    def _tensors(self, unit: Any, read: bool | str) -> dict[str, Any]:
        import torch  # not above: reading tables needs no torch, and loading it takes seconds

        if self.record(unit)["weights_bytes"] is None:
            raise RecordError(f"{title(unit)} was recorded without weights")
        file = self.file(unit)
        while found := self.found(unit, read):
            if found.shipped:
                return shipped.opened(found.shipped).tensors(key(unit))
            try:
                content = Path(found.beside).read_bytes()
                if found.weights and sha256(content).hexdigest() != found.weights:
                    raise ValueError("other weights")
                return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            except Exception:  # torch raises whatever its many readers do
                if found.same(stamp(file)):  # nobody has written others meanwhile
                    self._set_aside(file, "has damaged weights")
                    break
        if self.has(unit):
            raise RecordError(
                f"{title(unit)} came without its weights; execution.run([unit], weights=True) computes it"
            )
        raise RecordError(f"damaged weights of {file.name}: set aside, and computed anew by the next run")

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
        record = {"kind": unit.kind, "identity": identity(unit), "data": plain(data), "weights_bytes": None}
        if odd := out_of_range(record["data"]):
            raise ValueError(f"a result {odd}")
        record["provenance"] = recorded(device, seconds, code(unit, self._codes))
        content = None if weights is None else _content(weights)
        if content is not None:
            record |= {"weights_bytes": len(content), "weights_sha256": sha256(content).hexdigest()}
        record["sha256"] = digest(record)
        self._keep(unit, json.dumps(record, ensure_ascii=False, allow_nan=False, indent=1).encode(), content, seconds)

    def bytes_of(self, unit: Any) -> tuple[bytes, bytes | None]:
        """A unit's record and its weights as they lie in their files, to be `put` into another store."""
        if not (found := self.found(unit, weights=True)):
            raise RecordError(f"no record of {title(unit)} in {self.path}")
        if found.shipped:
            return _rejoined(self.text(unit), self.weights(unit) if found.weights else None)
        return self.file(unit).read_bytes(), Path(found.beside).read_bytes() if found.beside else None

    def put(self, unit: Any, text: bytes, weights: bytes | None) -> None:
        """Keep a record from elsewhere, with all that it says of how it was made.

        Raises
        ------
        RecordError
            It is not whole, or not of this unit; or the folder cannot be written to.
        """
        record, problem = judged(text, unit.kind, key(unit))
        if record and record["weights_bytes"] != (None if weights is None else len(weights)):
            problem = "has other weights than it was written with"
        if record and weights is not None and record.get("weights_sha256") != sha256(weights).hexdigest():
            problem = "has other weights than it was written with"
        if problem:
            raise RecordError(f"what came of {title(unit)} {problem}")
        self._keep(unit, text, weights, record["provenance"].get("seconds"))

    def _keep(self, unit: Any, text: bytes, weights: bytes | None, seconds: float | None) -> None:
        """Put a record in the place of any older one, after its weights; see `Store` for the order."""
        file, new = self.file(unit), None
        lasting = not isinstance(seconds, int | float) or seconds >= LASTING
        with self._writing(file.parent), self.claimed([file.stem]), ExitStack() as stack:
            older = weights_file(file, _named_weights(file))
            if weights is not None:
                new = file.with_suffix(f".{sha256(weights).hexdigest()[:16]}.pt")
                ready = stack.enter_context(whole(new, weights, lasting))
            record = stack.enter_context(whole(file, text, lasting))
            if new:
                os.replace(ready, new)
            os.replace(record, file)
            if older != new:
                older.unlink(missing_ok=True)
            self._failure(unit).unlink(missing_ok=True)

    def _failure(self, unit: Any) -> Path:
        return self.path / FAILED / unit.kind / f"{key(unit)}.json"

    def fail(self, unit: Any, reason: str) -> None:
        """Note why a unit was not computed, for `failure`; the next run tries again."""
        file, told = self._failure(unit), {"unit": title(unit), "reason": reason, "utc": now()}
        with self._writing(file.parent), whole(file, json.dumps(told, ensure_ascii=False, indent=1).encode()) as ready:
            os.replace(ready, file)

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
        """Find out before hours of work whether results can be kept.

        Raises
        ------
        RecordError
            Where they cannot.
        """
        probe = self.path / f".{uuid.uuid4().hex}.tmp"
        with self._writing(self.path):
            probe.touch()
            probe.unlink()

    @contextmanager
    def claimed(self, names: Iterable[str]) -> Iterator[list[str]]:
        """Claim records to be written, by key, those that no other process has; what dead ones have left goes."""
        names = list(names)
        left = {name for name in names if (self.path / CLAIMS / name).exists()}
        with locks.claimed(self.path / CLAIMS, names) as mine:
            for name in left.intersection(mine):
                self.tidy_one(name)
            yield mine

    def tidy(self) -> None:
        """Remove what writers that were killed have left: claims to units, and files half written or without record."""
        for name in locks.abandoned(self.path / CLAIMS):
            self.tidy_one(name)

    def tidy_one(self, name: str) -> None:
        """Remove what was left of a record, by its key, that nobody is writing."""
        left = list(self.path.glob(f"*/{name[:2]}/.{name}.*.tmp"))
        left += [file for file in self.path.glob(f"*/{name[:2]}/{name}.*pt") if not owned(file)]
        for file in left:
            file.unlink(missing_ok=True)


def _named_weights(file: Path) -> str | None:
    """The checksum of its weights that a record says, whole or not."""
    with suppress(OSError, ValueError, RecursionError, AttributeError):
        return json.loads(file.read_bytes()).get("weights_sha256")
    return None


def _read(name: str, size: int) -> bytes:
    """The bytes of a file of that size, or other ones where it has another; none where it is gone.

    A table reads a hundred thousand; `open` takes twice as long.
    """
    try:
        file = os.open(name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    except FileNotFoundError:
        return b""
    try:
        return os.read(file, size + 1)
    finally:
        os.close(file)


def _restored(value: dict) -> Any:
    return float(value["$float"]) if set(value) == {"$float"} else value


def _rejoined(text: bytes, weights: Mapping[str, Any] | None) -> tuple[bytes, bytes | None]:
    """A record with weights as a file of them holds these here."""
    if weights is None:
        return text, None
    content = _content(weights)
    record = json.loads(text) | {"weights_bytes": len(content), "weights_sha256": sha256(content).hexdigest()}
    del record["sha256"]
    return json.dumps(record | {"sha256": digest(record)}).encode(), content


def _content(weights: Mapping[str, Any]) -> bytes:
    import torch

    buffer = io.BytesIO()
    torch.save({name: tensor.detach().cpu() for name, tensor in weights.items()}, buffer)
    return buffer.getvalue()


def default_store() -> Store:
    """The store in the folder that SPARSEKIT_RUNS names, else in runs/ of the project, else of the working folder."""
    folder = os.environ.get("SPARSEKIT_RUNS") or (project_root() or Path.cwd()) / "runs"
    used = os.environ.get("SPARSEKIT_RECORDS") or "known"
    return Store(folder, used, () if used == "own" else shipped.files())
