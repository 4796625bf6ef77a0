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
    """Samples to train on and samples to test on; none is in both.

    Labels are 0 … classes - 1, tokens 0 … vocabulary - 1; token 0 is padding.
    """

    name: str
    train: Strings | Rows
    test: Strings | Rows
    classes: int = 2
    vocabulary: int = 128

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


def shared(values: np.ndarray) -> np.ndarray:
    """The array, made read-only: tasks are shared by whoever asks with the same arguments."""
    values.flags.writeable = False
    return values
