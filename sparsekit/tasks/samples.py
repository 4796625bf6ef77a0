"""Labelled samples, and what a network reads of them: strings become tokens, rows of numbers stay what they are."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np


class TaskError(ValueError):
    """A task that cannot be made as asked; its text says where and what is allowed."""


class Split(NamedTuple):
    """Numbers of samples to train on and to test on, and the seed of what is random about them."""

    train_size: int
    test_size: int
    data_seed: int = 0

    def of(self, there: int, classes: int) -> tuple[int, int]:
        """The numbers where only so many samples exist: in the same shares, at least one of each class in either part.

        >>> Split(300, 100).of(1000, classes=2), Split(300, 100).of(80, classes=2)
        ((300, 100), (60, 20))
        """
        total = min(there, self.train_size + self.test_size)
        test = round(total * self.test_size / (self.train_size + self.test_size))
        test = min(max(classes, test), total - classes)
        return total - test, test


@dataclass(frozen=True, eq=False)
class Strings:
    """Labelled ASCII strings, none of them empty; the class of each is an int64, in an array of shape (n,)."""

    strings: list[str]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.strings)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Characters of each string, int64, shape (n,)."""
        return np.array([len(string) for string in self.strings], dtype=np.int64)

    def inputs(self) -> np.ndarray:
        """Tokens that a network reads: ASCII codes, int64, shape (n, longest), padded on the right with 0.

        >>> Strings(["AB", "C"], np.array([1, 0])).inputs().tolist()
        [[65, 66], [67, 0]]
        """
        longest = max(self.lengths, default=0)
        padded = "".join(string.ljust(longest, "\0") for string in self.strings).encode("ascii")
        return np.frombuffer(padded, np.uint8).astype(np.int64).reshape(len(self), longest)

    def subset(self, index: np.ndarray) -> "Strings":
        """The strings at these positions, or where a mask of shape (n,) is true.

        >>> Strings(["AB", "C"], np.array([1, 0])).subset(np.array([False, True])).strings
        ['C']
        """
        return Strings([self.strings[i] for i in np.arange(len(self))[index]], self.labels[index])


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled sequences of rows of numbers: float32, shape (n, steps, features), and int64, shape (n,)."""

    features: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.features)

    @cached_property
    def lengths(self) -> np.ndarray:
        """Steps of each sequence, int64, shape (n,)."""
        return np.full(len(self), self.features.shape[1], dtype=np.int64)

    def inputs(self) -> np.ndarray:
        """What a network reads: the features."""
        return self.features

    def subset(self, index: np.ndarray) -> "Rows":
        """The sequences at these positions, or where a mask of shape (n,) is true."""
        return Rows(self.features[index], self.labels[index])


@dataclass(frozen=True, eq=False)
class Task:
    """Samples to train on and samples to test on, which a `TaskError` refuses where they are not as said here.

    None is in both parts, where they are `apart`. Labels are 0 … classes - 1, tokens 0 … vocabulary - 1; token 0 is
    padding.
    """

    name: str
    train: Strings | Rows
    test: Strings | Rows
    classes: int = 2
    vocabulary: int = 128
    apart: bool = True

    def __post_init__(self):
        try:
            seen = [_checked(part, self.classes, self.vocabulary) for part in (self.train, self.test)]
            if self.train.inputs().shape[2:] != self.test.inputs().shape[2:]:
                raise TaskError("training and test samples are of different shapes; give strings, or as many features")
            if self.apart and (both := seen[0] & seen[1]):
                named = f", such as {min(both)!r}" if isinstance(self.train, Strings) else ""
                raise TaskError(f"samples in both parts: {len(both)}{named}; give each to one")
        except TaskError as error:
            raise TaskError(f"task {self.name}: {error}") from None

    @property
    def features(self) -> int:
        """Features of each step; 0 where the task has tokens."""
        return self.train.features.shape[2] if isinstance(self.train, Rows) else 0

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, in hexadecimal, of samples, labels and split."""
        parts = self.train, self.test
        content = [[p.features.tolist() if self.features else p.strings, p.labels.tolist()] for p in parts]
        return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def _checked(part: Strings | Rows, classes: int, vocabulary: int) -> set[str | bytes]:
    """The different samples of a part whose samples and labels are as they should be."""
    labels = part.labels
    if not len(part):
        raise TaskError("no samples in a part; give some to train on and some to test on")
    if not isinstance(labels, np.ndarray) or labels.dtype != np.int64 or labels.shape != (len(part),):
        found = f"{labels.dtype}, shape {labels.shape}" if isinstance(labels, np.ndarray) else type(labels).__name__
        raise TaskError(f"labels are {found}; give an int64 array of shape ({len(part)},), a label a sample")
    if not 0 <= labels.min() <= labels.max() < classes:
        outside = labels[(labels < 0) | (labels >= classes)][0]
        raise TaskError(f"label {outside}: allowed are 0 to {classes - 1}, for the task has {classes} classes")
    if isinstance(part, Strings):
        for string in part.strings:
            if (
                not isinstance(string, str)
                or not string
                or not all(0 < ord(character) < min(vocabulary, 128) for character in set(string))
            ):
                allowed = f"at least one character, of codes 1 to {min(vocabulary, 128) - 1}"
                raise TaskError(f"string {string!r}: allowed is {allowed}")
        return set(part.strings)
    values = part.features
    if not isinstance(values, np.ndarray) or values.dtype != np.float32 or values.ndim != 3:
        found = f"{values.dtype}, shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
        raise TaskError(f"features are {found}; give a float32 array of shape (samples, steps, features)")
    if not np.isfinite(values).all():
        sample, step, feature = np.argwhere(~np.isfinite(values))[0]
        raise TaskError(f"sample {sample}, step {step}, feature {feature} is no finite number")
    return {row.tobytes() for row in values}


def shared(values: np.ndarray) -> np.ndarray:
    """The array, made read-only: tasks are shared by whoever asks with the same arguments."""
    values.flags.writeable = False
    return values
