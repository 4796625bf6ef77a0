"""Files of labelled strings, as users bring them: read with an eye for what may be wrong, and split."""

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sparsekit.registry import unknown

COLUMNS = ("string", "valid")


class TaskError(ValueError):
    """A task that cannot be made as asked; its text says where and what is allowed."""


def digest(path: str) -> str:
    """SHA-256, in hexadecimal, of a file's bytes; empty where there is no such file."""
    file = Path(path).expanduser()
    return hashlib.sha256(file.read_bytes()).hexdigest() if path and file.is_file() else ""


def _bytes(path: str) -> bytes:
    file = Path(path).expanduser()
    try:
        return file.read_bytes()
    except FileNotFoundError:
        raise TaskError(f"csv_path {path!r}: no such file (looked for {file.absolute()})") from None
    except OSError as error:
        raise TaskError(f"csv_path {path!r}: cannot be read ({error.strerror})") from error


def read(path: str) -> dict[int, Counter]:
    """How often each string stands in a file, by class.

    Parameters
    ----------
    path : str
        CSV file in UTF-8 with a header; columns string (ASCII) and valid (0 or 1), others are passed over.

    Returns
    -------
    dict of collections.Counter
        Keys 0 and 1; strings in the file's order.

    Raises
    ------
    TaskError
        If the file is none such; with the line number.
    """
    content = _bytes(path)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TaskError(f"{path}, line {line}: not UTF-8; save the file with that encoding") from error
    first: dict[str, tuple[int, int]] = {}
    copies = {0: Counter(), 1: Counter()}
    for line, string, label in _rows(path, text):
        earlier_label, earlier_line = first.setdefault(string, (label, line))
        if earlier_label != label:
            raise TaskError(
                f"{path}, line {line}: {string!r} is labelled {label} here and {earlier_label} in line {earlier_line}"
            )
        copies[label][string] += 1
    for label, members in copies.items():
        if len(members) < 2:
            raise TaskError(
                f"{path}: {len(members)} different strings with valid = {label}; "
                "each of the two classes, 0 and 1, needs at least 2 (one to train, one to test)"
            )
    return copies


def split(
    rng: np.random.Generator, copies: dict[int, Counter], train_size: int, test_size: int
) -> tuple[dict[int, list[str]], dict[int, list[str]]]:
    """Strings to train on and to test on, by class; all copies of a string on one side.

    The test share is ``test_size / (train_size + test_size)``, in each class alike.
    """
    there = {label: sum(copies[label].values()) for label in (1, 0)}
    total = min(sum(there.values()), train_size + test_size)
    test_total = min(max(2, round(total * test_size / (train_size + test_size))), total - 2)
    test_room = _shares(test_total, there)
    train_room = _shares(total - test_total, there)
    train, test = {}, {}
    for label in there:
        order = list(copies[label])
        rng.shuffle(order)
        chosen = _filled(order, copies[label], min(test_room[label], there[label] - 1))
        kept = _filled([string for string in order if string not in chosen], copies[label], train_room[label])
        test[label] = [string for string in chosen for _ in range(copies[label][string])]
        train[label] = [string for string in kept for _ in range(copies[label][string])]
    return train, test


def _shares(total: int, there: dict[int, int]) -> dict[int, int]:
    """How many of `total` strings each class gets: in proportion to what is there, at least one."""
    valid = min(max(1, round(total * there[1] / sum(there.values()))), total - 1)
    return {1: valid, 0: total - valid}


def _filled(order: Sequence[str], copies: Counter, room: int) -> dict[str, None]:
    """Strings, in this order, whose copies fit into the room; the one with fewest copies, where none fits."""
    chosen = {}
    for string in order:
        if copies[string] <= room:
            chosen[string] = None
            room -= copies[string]
    return chosen or {min(order, key=copies.get): None}


def _rows(path: str, text: str) -> Iterator[tuple[int, str, int]]:
    """Line number, string and label of each row; blank lines are passed over."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next((row for row in reader if row), None)
        if header is None:
            raise TaskError(f"{path}: the file is empty; it needs a header line with the columns string and valid")
        string_at, label_at = (_column(f"{path}, line {reader.line_num}", header, name) for name in COLUMNS)
        for row in reader:
            if not row:
                continue
            where = f"{path}, line {reader.line_num}"
            if len(row) != len(header):
                raise TaskError(f"{where}: {len(row)} fields where the header has {len(header)}")
            yield reader.line_num, *_checked(where, row, string_at, label_at)
    except csv.Error as error:
        raise TaskError(f"{path}, line {reader.line_num}: not well-formed CSV ({error})") from error


def _column(where: str, header: Sequence[str], name: str) -> int:
    if header.count(name) > 1:
        raise TaskError(f"{where}: column {name!r} stands there {header.count(name)} times; give it once")
    if name not in header:
        found = ", ".join(map(repr, header))
        raise TaskError(f"{where}: no column {name!r}; needed are {' and '.join(COLUMNS)}, the header has {found}")
    return header.index(name)


def _checked(where: str, row: Sequence[str], string_at: int, label_at: int) -> tuple[str, int]:
    string, label = row[string_at], row[label_at].strip()
    if not string:
        raise TaskError(f"{where}: the string is empty; give at least one character")
    outside = [character for character in string if not 0 < ord(character) < 128]
    if outside:
        raise TaskError(f"{where}: character {outside[0]!r} is not allowed; strings are ASCII (codes 1 to 127)")
    if label not in ("0", "1"):
        raise TaskError(f"{where}: {unknown('label', label, ('0', '1'))} (column valid: two classes)")
    return string, int(label)
