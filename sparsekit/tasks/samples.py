"""Labelled samples, and what a network reads of them: strings become tokens, rows of numbers stay what they are."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property

import numpy as np


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

    def inputs(self) -> np.ndarray:
        """What a network reads: the tokens."""
        return self.tokens()

    def subset(self, index: np.ndarray) -> "Strings":
        """The strings at these positions, or where a mask of shape (n,) is true.

        >>> Strings(["AB", "C"], np.array([1, 0])).subset(np.array([False, True])).strings
        ['C']
        """
        return Strings([self.strings[i] for i in np.arange(len(self))[index]], self.labels[index])

    def content(self) -> list:
        """Strings and labels as plain lists, for a fingerprint."""
        return [self.strings, self.labels.tolist()]


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled sequences of rows of numbers, all with the same number of steps.

    Attributes
    ----------
    features : numpy.ndarray
        Float32, shape (n, steps, features).
    labels : numpy.ndarray
        Class of each sequence, int64, shape (n,).
    """

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

    def content(self) -> list:
        """Features and labels as plain lists, for a fingerprint."""
        return [self.features.tolist(), self.labels.tolist()]


@dataclass(frozen=True, eq=False)
class Task:
    """Samples to train on and samples to test on; none is in both.

    Attributes
    ----------
    name : str
        Its name in `TASKS`.
    train, test : Strings or Rows
    classes : int
        Labels are 0 … classes - 1.
    vocabulary : int
        Tokens are 0 … vocabulary - 1; 0 is padding. Without meaning where the task has rows.
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
        parts = [part.content() for part in (self.train, self.test)]
        return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def shared(values: np.ndarray) -> np.ndarray:
    """The array, made read-only: tasks are shared by whoever asks with the same arguments."""
    values.flags.writeable = False
    return values
