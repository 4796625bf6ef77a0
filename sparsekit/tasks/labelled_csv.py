"""Files of labelled strings, as users bring them: read with an eye for what may be wrong, and split."""

import csv
import hashlib
import io
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sparsekit.registry import beyond, brief, unknown
from sparsekit.tasks.samples import Split, TaskError

COLUMNS = ("string", "valid")
BYTES = 2**27
"""Most bytes of a file, unless the environment allows more: of the longest strings more than networks learn from."""


def digest(path: str) -> str:
    """SHA-256, in hexadecimal, of a file's bytes; empty where there is no such file, or it cannot be read."""
    file = Path(os.path.expanduser(path))
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() if path and file.is_file() else ""
    except OSError:
        return ""


def read(path: str) -> dict[int, Counter]:
    """How often each string stands in a CSV file, in the file's order, by class: 0 and 1.

    The file is UTF-8 with a header, and columns string (ASCII) and valid (0 or 1); others are passed over.

    Raises
    ------
    TaskError
        Where the file is none such, with the line number; where it cannot be read, or is too large.
    """
    file = Path(os.path.expanduser(path))
    if os.path.exists(file) and not file.is_file():
        raise TaskError(f"csv_path {path!r}: cannot be read (no file, but a folder or a pipe)")
    try:
        if refused := beyond(size := file.stat().st_size, BYTES):
            raise TaskError(f"{path}: {size:,} bytes; {refused}")
        content = file.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise TaskError(f"csv_path {path!r}: no such file (looked for {file.absolute()})") from None
    except OSError as error:
        raise TaskError(f"csv_path {path!r}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TaskError(f"{path}, line {line}: not UTF-8; save the file with that encoding") from error
    if not text.strip("\r\n"):
        raise TaskError(f"{path}: the file is empty; it needs a header line with the columns string and valid")
    first: dict[str, tuple[int, int]] = {}
    copies = {0: Counter(), 1: Counter()}
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header, line = [], 1  # a row in quotes may take several lines: named is its first
    try:
        for row in reader:
            if row and not header:
                _check_header(header := row)
            elif row:
                string, label = _checked(header, row)
                earlier_label, earlier_line = first.setdefault(string, (label, line))
                if earlier_label != label:
                    raise TaskError(f"{string!r} is labelled {label} here and {earlier_label} in line {earlier_line}")
                copies[label][string] += 1
            line = reader.line_num + 1
    except csv.Error as error:
        raise TaskError(f"{path}, line {line}: not well-formed CSV ({error}); is a quote left open?") from error
    except TaskError as error:
        raise TaskError(brief(f"{path}, line {line}: {error}")) from None
    for label, members in copies.items():
        if len(members) < 2:
            raise TaskError(
                f"{path}: {len(members)} different strings with valid = {label}; "
                "each of the two classes, 0 and 1, needs at least 2 (one to train, one to test)"
            )
    return copies


def _check_header(header: Sequence[str]) -> None:
    for name in COLUMNS:
        if header.count(name) > 1:
            raise TaskError(f"column {name!r} stands there {header.count(name)} times; give it once")
        if name not in header:
            found = ", ".join(map(repr, header))
            needed = f"needed are {' and '.join(COLUMNS)}, parted by a comma"
            raise TaskError(f"no column {name!r}; {needed}; the header has {found}")


def _checked(header: Sequence[str], row: Sequence[str]) -> tuple[str, int]:
    """String and label of a row."""
    if len(row) != len(header):
        raise TaskError(f"{len(row)} fields where the header has {len(header)}")
    string, label = (row[header.index(name)] for name in COLUMNS)
    if not string:
        raise TaskError("the string is empty; give at least one character")
    outside = [character for character in string if not 0 < ord(character) < 128]
    if outside:
        raise TaskError(f"character {outside[0]!r} is not allowed; strings are ASCII (codes 1 to 127)")
    if label.strip() not in ("0", "1"):
        raise TaskError(f"{unknown('label', label.strip(), ('0', '1'))} (column valid: two classes)")
    return string, int(label)


def split(
    rng: np.random.Generator, copies: dict[int, Counter], sizes: Split
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Strings to train on and to test on, by class, in the file's shares; all copies of a string on one side."""
    there = {label: copies[label].total() for label in (1, 0)}
    train_room, test_room = (_shares(total, there) for total in sizes.of(sum(there.values()), len(there)))
    train, test = {}, {}
    for label in there:
        order = list(copies[label])
        rng.shuffle(order)
        chosen = _filled(order, copies[label], min(test_room[label], there[label] - 1))
        kept = _filled([string for string in order if string not in chosen], copies[label], train_room[label])
        test[label], train[label] = list(chosen.elements()), list(kept.elements())
    return train, test


def _shares(total: int, there: dict[int, int]) -> dict[int, int]:
    """How many of `total` strings each class gets: in proportion to what is there, at least one."""
    valid = min(max(1, round(total * there[1] / sum(there.values()))), total - 1)
    return {1: valid, 0: total - valid}


def _filled(order: Sequence[str], copies: Counter, room: int) -> Counter:
    """Strings, in this order, whose copies fit into the room; the one with fewest copies, where none fits."""
    chosen = Counter()
    for string in order:
        if copies[string] <= room:
            chosen[string] = copies[string]
            room -= copies[string]
    rarest = min(order, key=copies.get)
    return chosen or Counter({rarest: copies[rarest]})
