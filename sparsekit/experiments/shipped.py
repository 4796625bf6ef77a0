"""Results that come with a project: the records of a set in one file, which a store reads as records made elsewhere.

``params/<set>.jsonl.xz``, beside the set, is JSON lines in xz: the standard library reads it within bounds of memory,
nothing in it is run, and ``xz -dc`` shows it. It is a row of xz streams: a line that says what is there, the records of
each kind in the order of their identities, then masks as bits, and the weights that are drawn. Equal records make equal
bytes.
"""

import base64
import json
import lzma
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sparsekit.experiments.identity import Unit, digest, key
from sparsekit.experiments.integrity import Checked, judged, stamp, whole
from sparsekit.experiments.project import roots
from sparsekit.registry import beyond

if TYPE_CHECKING:
    import torch

    from sparsekit.experiments.records import Store

FOLDER, ENDING, FORMAT = "params", ".jsonl.xz", 1
RECORDS, WEIGHTS, MASKS = "records", "weights", "masks"
"""Parts of a file; the last two name how much of a network is read, too."""
SHIPPED, READ, UNPACKED, LINE = 5_000_000, 50_000_000, 200_000_000, 10_000_000
"""Most bytes of a file that is made, of one that is read, and of each of its streams and lines unpacked."""
MEMORY = 2**27
"""Bytes with which a stream can be unpacked; the strongest usual setting of xz needs half of them."""
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
FORMS = {"bool", "float32", "float64", "int64"}
"""Of numbers in weights, of which the first take a bit each; no pickle."""
SHORT = 16
"""So many hex digits of a key lead to a line, which is then asked for the rest."""


class ShippedError(ValueError):
    """A file of results cannot be read or made; its text is one line."""

    def _render_traceback_(self) -> list[str]:
        return [f"ShippedError: {self}"]


class Archive:
    """One file of results, unpacked as far as it is asked for.

    Raises
    ------
    ShippedError
        By this and all that is read later: it is damaged, was changed, is no such file, or is beyond a limit.
    """

    def __init__(self, file: Path):
        self.file = file
        self._lines: dict[int, list[bytes]] = {}
        self._found: dict[str, Checked] = {}
        try:
            self._limit(file.stat().st_size, READ)
            head, self._packed = self._unpacked(file.read_bytes(), LINE)
            self._read_head(json.loads(head))
        except OSError as error:
            raise self._error(f"cannot be read: {error.strerror}") from None
        except (ValueError, RecursionError, TypeError, KeyError, OverflowError) as error:
            raise error if isinstance(error, ShippedError) else self._error("is no file of results") from None

    def _read_head(self, head: Mapping[str, Any]) -> None:
        if head["format"] != FORMAT:
            raise self._error("is of another format: a newer sparsekit reads it")
        self.machines, self._places, self._sizes, start = list(map(str, head["machines"])), {}, [], 0
        for number, stream in enumerate(head["streams"]):
            names = re.findall(rf"[0-9a-f]{{{SHORT}}}", stream["keys"])
            size, length = int(stream["size"]), int(stream["packed"])
            self._limit(size, UNPACKED)
            self._sizes.append((start, length, size, len(names)))
            self._places |= {(stream["part"], name): (number, line) for line, name in enumerate(names)}
            start += length
        if start != len(self._packed) or min((min(sizes) for sizes in self._sizes), default=0) < 0:
            raise self._error("is truncated, or has something behind its end")

    def _error(self, problem: str) -> ShippedError:
        return ShippedError(f"{self.file}: {problem}; get it anew, or take it away and compute what it holds")

    def _limit(self, size: int, most: int) -> None:
        if refused := beyond(size, most):
            raise ShippedError(f"{self.file}: {size:,} bytes; {refused}")

    def _unpacked(self, packed: bytes, most: int) -> tuple[bytes, bytes]:
        """The content of the first stream, not more than may be, and what follows it."""
        reader, content = lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY), b""
        while not reader.eof:
            try:
                content += reader.decompress(packed, max_length=most + 1)
            except lzma.LZMAError as error:
                raise self._error(f"is damaged, or no file of xz ({error})") from None
            self._limit(len(content), most)
            if reader.needs_input:
                raise self._error("is truncated")
            packed = b""
        return content, reader.unused_data

    def line(self, part: str, name: str) -> bytes | None:
        """A line of a part by the key of its unit, as it stands there; None where there is none."""
        number, line = self._places.get((part, name[:SHORT]), (None, 0))
        if number is None:
            return None
        if number not in self._lines:
            start, length, size, count = self._sizes[number]
            content, rest = self._unpacked(self._packed[start : start + length], UNPACKED)
            lines = content.split(b"\n")
            if rest or len(content) != size or len(lines) != count + 1:
                raise self._error("was changed after it was made")
            self._limit(max(map(len, lines)), LINE)
            self._lines[number] = lines
        return self._lines[number][line]

    def found(self, kind: str, name: str) -> Checked | None:
        """What is known of the record of this kind and key, once it was found to be what it was; None without one."""
        if name not in self._found:
            if (text := self.line(RECORDS, name)) is None:
                return None
            record, problem = judged(text, kind, name)
            if problem or not record.get("sha256"):
                raise self._error(f"a record in it, {name[:12]}…, {problem or 'has no checksum'}")
            self._found[name] = Checked.of(self.file, text, record)
        return self._found[name]

    def holds(self, name: str, weights: bool | str) -> bool:
        """Whether it has a unit's weights, or what else is to be read of them."""
        return any((part, name[:SHORT]) in self._places for part in {WEIGHTS, weights or WEIGHTS})

    def tensors(self, name: str) -> "dict[str, torch.Tensor]":
        """A unit's weights, or the masks among them where just these came, by its key."""
        try:
            told = json.loads(self.line(WEIGHTS if self.holds(name, True) else MASKS, name))
            if told.pop("sha256") != digest(told) or told["key"] != name:
                raise ValueError
            return {label: _tensor(*held) for label, held in told["tensors"].items()}
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            problem = f"weights in it, of {name[:12]}…, were changed after they were written"
            raise error if isinstance(error, ShippedError) else self._error(problem) from None


def files() -> tuple[Path, ...]:
    """The files of results of the project, then of the kit."""
    return tuple(file for root in roots() for file in sorted((root / FOLDER).glob(f"*{ENDING}")))


def opened(file: Path | str) -> Archive:
    """The file, read once in a process as long as it stays the same."""
    return _opened(Path(file), stamp(file))


@lru_cache(maxsize=64)
def _opened(file: Path, written: tuple | None) -> Archive:
    return Archive(file)


def write(file: Path, units: Iterable[Unit], store: "Store", read: Mapping[Unit, str]) -> None:
    """Keep what is `packed` in a file.

    Raises
    ------
    ShippedError
        It cannot be written, or would be larger than is allowed.
    """
    content = packed(units, store, read)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file, content) as ready:
            os.replace(ready, file)
    except OSError as error:
        raise ShippedError(f"{file}: cannot be written ({error.strerror})") from error


def packed(units: Iterable[Unit], store: "Store", read: Mapping[Unit, str]) -> bytes:
    """A file of results with the records of these units that are in a store.

    `read` says of which of them a notebook reads `WEIGHTS`, or just `MASKS`.

    Raises
    ------
    ShippedError
        It would be larger than is allowed.
    """
    parts: dict[tuple[str, str], list[tuple[str, str, dict]]] = defaultdict(list)
    machines = set()
    for name, unit in {key(unit): unit for unit in units if store.has(unit)}.items():
        record = json.loads(store.text(unit))
        if "sha256" not in record:  # it is from before there were checksums
            record |= {"weights_sha256": "unknown"} if record["weights_bytes"] is not None else {}
            record["sha256"] = digest(record)
        order = json.dumps(record["identity"], sort_keys=True)
        parts[RECORDS, unit.kind].append((order, name, record))
        machines |= {unit.machine} if hasattr(unit, "machine") else set()
        if (part := read.get(unit)) and record["weights_bytes"] is not None and store.has(unit, part):
            tensors = store.masks(unit) if part == MASKS else store.weights(unit)
            more = {"key": name, "tensors": {label: _held(tensor) for label, tensor in tensors.items()}}
            parts[part, unit.kind].append((order, name, more | {"sha256": digest(more)}))
    streams, contents = [], []
    for (part, kind), lines in sorted(parts.items(), key=lambda item: (item[0][0] != RECORDS, item[0])):
        lines.sort(key=lambda line: line[:2])
        size, content = _packed(line for *_, line in lines)
        keys = "".join(name[:SHORT] for _, name, _ in lines)
        streams.append({"part": part, "kind": kind, "size": size, "packed": len(content), "keys": keys})
        contents.append(content)
    head = {"format": FORMAT, "machines": sorted(machines), "streams": streams}
    made = b"".join([_packed([head])[1], *contents])
    if refused := beyond(len(made), SHIPPED):
        raise ShippedError(f"given records that take {len(made):,} bytes; {refused}")
    return made


def _packed(lines: Iterable[Any]) -> tuple[int, bytes]:
    """Lines of JSON in a stream of xz, after their bytes before."""
    content = "".join(_JSON.encode(line) + "\n" for line in lines).encode()
    return len(content), lzma.compress(content, preset=6 | lzma.PRESET_EXTREME)


def _held(tensor: "torch.Tensor") -> tuple[str, list[int], str]:
    import numpy as np  # here and below: a start that reads no weights loads neither

    array = tensor.numpy()
    held = np.packbits(array) if array.dtype == bool else array
    return str(array.dtype), list(array.shape), base64.b64encode(held.tobytes()).decode()


def _tensor(form: str, shape: list[int], text: str) -> "torch.Tensor":
    import numpy as np
    import torch

    held, size = base64.b64decode(text, validate=True), math.prod(shape)
    if form not in FORMS or (form == "bool" and len(held) != -(-size // 8)):
        raise ValueError(f"given {form} of shape {shape}")
    bits = form == "bool" and np.unpackbits(np.frombuffer(held, np.uint8), count=size).astype(bool)
    return torch.from_numpy((bits if form == "bool" else np.frombuffer(held, form).copy()).reshape(shape))
