"""Structural balance: of three units that are joined to one another, how often the signs of their weights agree."""

import numpy as np
from numpy.typing import ArrayLike


def balanced_triads(weights: ArrayLike) -> float:
    """Share of triads, three edges that join three nodes, whose signs multiply to plus; nan without triads.

    Directions are left out; of two nodes joined both ways, each edge makes triads of its own. F. Harary, "On the notion
    of balance of a signed graph" (1953); of masks in training Zhang, Gouveia, Rodrigues & Zhang, "Universal structural
    patterns in sparse recurrent neural networks" (2023).

    Parameters
    ----------
    weights : array, shape (n, n)
        An edge where a number is not 0, with its sign. Those from a node to itself do not count.

    >>> balanced_triads([[0, 1, 0], [0, 0, 1], [-1, 0, 0]]), balanced_triads([[0, 1, 0], [0, 0, -1], [-1, 0, 0]])
    (0.0, 1.0)
    """
    signs = _signs(weights)
    signed, joined = signs + signs.T, np.abs(signs) + np.abs(signs).T
    triads = np.trace(joined @ joined @ joined)  # six times as many as there are
    return float(1 + np.trace(signed @ signed @ signed) / triads) / 2 if triads else np.nan


def expected_balance(weights: ArrayLike) -> float:
    """Mean share of `balanced_triads` where the signs that there are lie anywhere on the edges: the null, exactly.

    Nan for fewer than three edges. A triad has three of m edges; of these p are positive.

    >>> expected_balance([[0, 1, 0], [0, 0, -1], [-1, 0, 0]])
    1.0
    """
    signs = _signs(weights)
    p, n = float((signs > 0).sum()), float((signs < 0).sum())
    three = (p + n) * (p + n - 1) * (p + n - 2)
    return (p * (p - 1) * (p - 2) + 3 * p * n * (n - 1)) / three if three > 0 else np.nan


def _signs(weights: ArrayLike) -> np.ndarray:
    signs = np.sign(np.asarray(weights, dtype=float))
    np.fill_diagonal(signs, 0)
    return signs
