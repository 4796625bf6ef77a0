"""What a task's samples give away to those who remember nothing, and which base networks do better."""

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.tasks.baselines import BAGS
from sparsekit.tasks.samples import Rows, Strings

ALL_AT_ONCE = (*BAGS, "all pixels")
"""Classifiers without memory that see all places: to pass them says nothing about memory."""


def length_shares(lengths: np.ndarray, labels: np.ndarray) -> pd.DataFrame:
    """Shares of each class's strings by length: columns length, label, share; 0 where a class has none.

    >>> length_shares(np.array([3, 5, 5]), np.array([1, 1, 0])).to_dict("list")
    {'length': [3, 3, 4, 4, 5, 5], 'label': [0, 1, 0, 1, 0, 1], 'share': [0.0, 0.5, 0.0, 0.0, 1.0, 0.5]}
    """
    table = pd.crosstab(lengths, labels, normalize="columns").rename_axis(columns="label")
    every = table.reindex(pd.RangeIndex(min(lengths), max(lengths) + 1, name="length"), fill_value=0.0)
    return every.stack().rename("share").reset_index()


def best_cut(lengths: np.ndarray, labels: np.ndarray) -> tuple[int, float]:
    """The length from which on all strings are best said to be of one class, and the share that this gets right.

    >>> best_cut(np.array([11, 12, 20, 21]), np.array([0, 0, 1, 1]))
    (13, 1.0)
    """
    cuts = np.arange(lengths.min(), lengths.max() + 1)
    right = np.array([((lengths >= cut) == (labels == 1)).mean() for cut in cuts])
    best = np.maximum(right, 1 - right)
    return int(cuts[best.argmax()]), float(best.max())


def pairs(string: str) -> Iterator[str]:
    """A string's pairs of neighbours.

    >>> list(pairs("BTX"))
    ['BT', 'TX']
    """
    return map("".join, pairwise(string))


def pairs_of_valid(strings: Strings) -> set[str]:
    """The pairs of neighbours that valid strings have."""
    return {pair for string in strings.subset(strings.labels == 1).strings for pair in pairs(string)}


def betrayed(train: Strings, test: Strings) -> tuple[float, float, float]:
    """Shares of the invalid and of the valid test strings with a pair that no valid training string has.

    The third is the accuracy of who calls these strings invalid, and no others.
    """
    known, valid = pairs_of_valid(train), test.labels == 1
    new = np.array([not known.issuperset(pairs(string)) for string in test.strings])
    return new[~valid].mean(), new[valid].mean(), (new != valid).mean()


def nearest_mean(train: Rows, test: Rows) -> tuple[dict[int, np.ndarray], float]:
    """The mean sample of each class, and the accuracy of who names the class whose mean is nearest."""
    classes = np.unique(train.labels)
    means = np.array([train.features[train.labels == label].mean(axis=0) for label in classes])
    distances = ((test.features[:, None] - means) ** 2).sum(axis=(2, 3))
    right = classes[distances.argmin(axis=1)] == test.labels
    return dict(zip(classes, means, strict=True)), float(right.mean())


def to_pass(lines: Mapping[str, float]) -> str | None:
    """The strongest classifier that sees a part alone: what an accuracy must pass to say anything about memory."""
    return max((name for name in lines if name not in ALL_AT_ONCE), key=lines.get, default=None)


def above(base: pd.DataFrame, level: float) -> list[str]:
    """Variants whose base networks (`tables.BASE`) all end above a test accuracy."""
    ends = base[base["epoch"] == base.groupby("variant")["epoch"].transform("max")]
    worst = ends.groupby("variant", sort=False)["test_accuracy"].min()
    return list(worst.index[worst > level])


def best_by_chance(share: float, samples: int, guessers: int) -> float:
    """The accuracy that the best of so many guessers passes in one of twenty tests (Bonferroni)."""
    return float(scipy.stats.binom.isf(0.05 / guessers, samples, share) / samples)
