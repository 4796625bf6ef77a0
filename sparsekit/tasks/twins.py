"""Twins: a valid and an invalid string that hold the same n-grams, so that only the order of two symbols tells them.

The temporal order problem of Hochreiter and Schmidhuber, *Long Short-Term Memory*, Neural Computation 1997, made so
that neither a bag of short n-grams nor a window at either end tells anything.
"""

from collections.abc import Sequence

import numpy as np

from sparsekit.tasks.samples import TaskError

CUES = "XY"
FILLER = "abcd"
MATCHED = 3
"""Twins hold equally many of each n-gram up to this order."""
ENDS = 6
"""Characters at either end that are filler, and the same in both twins."""
SHORTEST = 2 * (ENDS + MATCHED)

ORDER = {
    0: {**dict.fromkeys(FILLER, 0), "X": 1, "Y": 2},
    1: {**dict.fromkeys(FILLER, 1), "Y": 3},
    2: {**dict.fromkeys(FILLER, 2), "X": 4},
    3: dict.fromkeys(FILLER, 3),
    4: dict.fromkeys(FILLER, 4),
}
"""The automaton that knows the order: valid strings end in state 3, invalid ones in 4."""


def pairs(
    rng: np.random.Generator, count: int, shortest: int, longest: int, distance: int = 0
) -> tuple[list[str], list[str]]:
    """Different strings in which X stands before Y, in random order, and their twins with X and Y exchanged.

    Both symbols have the same `MATCHED` - 1 characters before them, and the same after them, so exchanging them leaves
    every n-gram up to that order where it was counted.

    Parameters
    ----------
    count : int
    shortest, longest : int
        Lengths in characters, both included; no string is shorter than `SHORTEST`.
    distance : int
        Characters after the later symbol, at least `ENDS`; 0 is any number that fits.
    """
    if distance and distance < ENDS:
        raise TaskError(f"inner_length is {distance}: give 0, or at least {ENDS}, which end every string")
    most = longest - SHORTEST - max(0, distance - ENDS)
    if most < 0:
        raise TaskError(
            f"longest={longest}: strings of task temporal_order have at least {longest - most} characters"
            + f" with inner_length={distance}" * bool(distance)
        )
    if shortest > longest:
        raise TaskError(f"lengths from shortest={shortest} to longest={longest}: give shortest <= longest")
    least, valid = max(0, most - (longest - shortest)), {}
    while len(valid) < count:
        spare = rng.integers(least, most + 1)
        before, between, *after = np.diff([0, *np.sort(rng.integers(spare + 1, size=1 if distance else 2)), spare])
        left, right = _filler(rng, MATCHED - 1), _filler(rng, MATCHED - 1)
        last = (distance or ENDS + sum(after)) - len(right)
        head, middle, tail = (_filler(rng, size) for size in (ENDS + before - len(left), between, last))
        whole = f"{head}{left}{{}}{right}{middle}{left}{{}}{right}{tail}"
        valid[whole.format(*CUES)] = whole.format(*CUES[::-1])
    return list(valid), list(valid.values())


def _filler(rng: np.random.Generator, size: int) -> str:
    return "".join(FILLER[letter] for letter in rng.integers(len(FILLER), size=size))


def distances(strings: Sequence[str]) -> np.ndarray:
    """Characters after the later of the two symbols, across which their order is to be remembered."""
    return np.array([len(string) - 1 - max(map(string.rfind, CUES)) for string in strings], dtype=np.int64)
