"""Tasks: labelled strings, split into training and test. A new task is one function and one registration."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from sparsekit import labelled_csv
from sparsekit.labelled_csv import TaskError
from sparsekit.reber import LanguageError, generate_invalid, generate_valid
from sparsekit.registry import Registry

TASKS = Registry("task")


@dataclass(frozen=True, eq=False)
class Strings:
    """Labelled strings.

    Attributes
    ----------
    strings : list of str
        ASCII strings, none of them empty.
    labels : numpy.ndarray
        Class of each string, int64, shape (n,).
    """

    strings: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.strings)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each string, int64, shape (n,)."""
        return np.array([len(string) for string in self.strings], dtype=np.int64)

    def tokens(self) -> np.ndarray:
        """ASCII codes, int64, shape (n, longest), padded on the right with 0.

        >>> Strings(["AB", "C"], np.array([1, 0])).tokens().tolist()
        [[65, 66], [67, 0]]
        """
        longest = max(self.lengths, default=0)
        padded = "".join(string.ljust(longest, "\0") for string in self.strings).encode("ascii")
        return np.frombuffer(padded, np.uint8).astype(np.int64).reshape(len(self), longest)


@dataclass(frozen=True, eq=False)
class Task:
    """Strings to train on and strings to test on; no string is in both.

    Attributes
    ----------
    name : str
        Its name in `TASKS`.
    train, test : Strings
    classes : int
        Labels are 0 … classes - 1.
    vocabulary : int
        Tokens are 0 … vocabulary - 1; 0 is padding.
    """

    name: str
    train: Strings
    test: Strings
    classes: int = 2
    vocabulary: int = 128

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of strings, labels and split."""
        parts = [[part.strings, part.labels.tolist()] for part in (self.train, self.test)]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def make(
    name: str,
    *,
    data_seed: int = 0,
    train_size: int = 18750,
    test_size: int = 6250,
    valid_share: float = 0.5,
    shortest: int = 11,
    longest: int = 53,
    csv_path: str = "",
) -> Task:
    """The task of this name. The same arguments give the same task, and in one process the same object.

    Parameters
    ----------
    name : str
        A name in `TASKS`.
    data_seed : int
        Seed of the strings and of the split, 0 or more.
    train_size, test_size : int
        Numbers of strings. Of a file that holds fewer, the same share is for testing.
    valid_share : float
        Share of valid strings in either part (task reber).
    shortest, longest : int
        Lengths in characters, both included (task reber).
    csv_path : str
        File with the columns string and valid (task csv).

    Raises
    ------
    TaskError
        If the sizes, the lengths or the file do not make a task.
    sparsekit.registry.UnknownName
        If no task has this name.
    """
    factory = TASKS[name]
    sizes = {"train_size": train_size, "test_size": test_size}
    for size, value in sizes.items():
        if value < 2:
            raise TaskError(f"{size} is {value}: give at least 2, one string for each class")
    if data_seed < 0:
        raise TaskError(f"data_seed is {data_seed}: give 0 or more")
    arguments = dict(
        data_seed=data_seed, **sizes, valid_share=valid_share, shortest=shortest, longest=longest, csv_path=csv_path
    )
    # A file may change under its name: what it holds is part of what the task is remembered by.
    return _remembered(factory, tuple(arguments.items()), labelled_csv.digest(csv_path))


@lru_cache(maxsize=8)
def _remembered(factory: Callable[..., Task], arguments: tuple, content: str) -> Task:
    return factory(**dict(arguments))


@TASKS.register
def reber(
    *, data_seed: int, train_size: int, test_size: int, valid_share: float, shortest: int, longest: int, **_: object
) -> Task:
    """Reber strings against strings of similar automata; both classes in the same shares in either part."""
    train_valid, test_valid = round(train_size * valid_share), round(test_size * valid_share)
    for part, valid, size in (("training", train_valid, train_size), ("test", test_valid, test_size)):
        if not 0 < valid < size:
            raise TaskError(
                f"valid_share is {valid_share}: it makes {valid} of {size} {part} strings valid; "
                "give a share between 0 and 1 that leaves both classes some"
            )
    for_valid, for_invalid, for_order = map(np.random.default_rng, np.random.SeedSequence(data_seed).spawn(3))
    try:
        valid = generate_valid(for_valid, train_valid + test_valid, shortest, longest)
        invalid = generate_invalid(for_invalid, train_size + test_size - train_valid - test_valid, shortest, longest)
    except LanguageError as error:
        raise TaskError(f"task reber: {error}") from error
    train_invalid = train_size - train_valid
    return Task(
        "reber",
        train=_shuffled(for_order, {1: valid[:train_valid], 0: invalid[:train_invalid]}),
        test=_shuffled(for_order, {1: valid[train_valid:], 0: invalid[train_invalid:]}),
    )


@TASKS.register
def csv(*, csv_path: str, data_seed: int, train_size: int, test_size: int, **_: object) -> Task:
    """A file of labelled strings: UTF-8, columns string (ASCII) and valid (0 or 1), others are left alone.

    The test share is ``test_size / (train_size + test_size)``, in each class alike. A string that stands there more
    than once goes, with all its copies, to one side.
    """
    if not csv_path:
        raise TaskError("task csv needs csv_path: give the path of a CSV file with the columns string and valid")
    copies = labelled_csv.read(csv_path)
    there = {label: sum(copies[label].values()) for label in (1, 0)}
    total = min(sum(there.values()), train_size + test_size)
    test_total = min(max(2, round(total * test_size / (train_size + test_size))), total - 2)
    test_room = _shares(test_total, there)
    train_room = _shares(total - test_total, there)
    rng = np.random.default_rng(data_seed)
    train, test = {}, {}
    for label in there:
        order = list(copies[label])
        rng.shuffle(order)
        chosen = _filled(order, copies[label], min(test_room[label], there[label] - 1))
        kept = _filled([string for string in order if string not in chosen], copies[label], train_room[label])
        test[label] = [string for string in chosen for _ in range(copies[label][string])]
        train[label] = [string for string in kept for _ in range(copies[label][string])]
    return Task("csv", train=_shuffled(rng, train), test=_shuffled(rng, test))


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


def _shuffled(rng: np.random.Generator, strings: dict[int, list[str]]) -> Strings:
    texts = [text for members in strings.values() for text in members]
    labels = np.concatenate([np.full(len(members), label, np.int64) for label, members in strings.items()])
    order = rng.permutation(len(texts))
    labels = labels[order]
    labels.flags.writeable = False  # tasks are shared by whoever asks with the same arguments
    return Strings([texts[i] for i in order], labels)
