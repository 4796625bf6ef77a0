from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.graphs.balance import balanced_triads, expected_balance


def signed(n, seed, density=0.5, positive=0.5):
    stream = np.random.default_rng(seed)
    return (
        np.where(stream.random((n, n)) < positive, 1.0, -1.0)
        * (stream.random((n, n)) < density)
        * stream.random((n, n))
    )


def literal(weights):
    """Every three nodes, and every choice of an edge between each two of them."""
    n, found = len(weights), []
    for nodes in combinations(range(n), 3):
        sides = [[w for w in (weights[a, b], weights[b, a]) if w] for a, b in combinations(nodes, 2)]
        found += [np.sign(np.prod(edges)) > 0 for edges in product(*sides)]
    return np.mean(found) if found else np.nan


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 9), st.integers(0, 10**6), st.floats(0, 1), st.floats(0, 1))
def test_the_share_is_that_of_counting(n, seed, density, positive):
    weights = signed(n, seed, density, positive)
    assert balanced_triads(weights) == pytest.approx(literal(weights), nan_ok=True)


@pytest.mark.parametrize("positive", [0.1, 0.5, 0.8])
def test_the_null_is_the_mean_over_all_places_of_the_signs(positive):
    weights, stream = signed(9, 4, 0.4, positive), np.random.default_rng(0)
    np.fill_diagonal(weights, 0)
    there = np.flatnonzero(weights)
    shares = []
    for _ in range(3000):
        shuffled = weights.copy()
        shuffled.flat[there] = stream.permutation(weights.flat[there])
        shares.append(balanced_triads(shuffled))
    assert expected_balance(weights) == pytest.approx(np.mean(shares), abs=4 * np.std(shares) / np.sqrt(3000))


def test_planted_balance_and_none():
    sides = np.sign(np.random.default_rng(1).normal(size=12))
    balanced = np.outer(sides, sides)
    assert balanced_triads(balanced) == 1
    assert balanced_triads(-balanced) == 0
    assert expected_balance(np.ones((5, 5))) == 1
    assert np.isnan(balanced_triads(np.triu(np.ones((2, 2)))))
    assert np.isnan(expected_balance(np.eye(4)))
