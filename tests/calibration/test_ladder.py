"""The ladder's test and intervals on planted tables: how often they err, and what they find.

``python -m tests.calibration.test_ladder`` makes the figures of docs/calibration/ladder.md anew; the tests are the same
with fewer repeats.
"""

import sys

import numpy as np
import pytest
import scipy.stats

from sparsekit.analysis import ladder
from sparsekit.analysis.intervals import mean_interval

KINDS = ("normal", "skewed", "learns or not", "20 strings")


def accuracies(rng, kind, shape):
    """Of networks of no effect, s.d. 1 where accuracies have one; the first of each row is the graph's own."""
    if kind == "skewed":
        return -rng.exponential(size=shape)
    if kind == "learns or not":
        return (rng.random(shape) < 0.6) * 3 + 0.1 * rng.normal(size=shape)
    if kind == "20 strings":
        return rng.binomial(20, 0.9, shape) / 20 / np.sqrt(0.9 * 0.1 / 20)
    return rng.normal(size=shape)


def study(rng, kind, graphs, nulls, effect=0.0):
    """Combined p, and the interval of the mean difference, of one planted rung."""
    values = accuracies(rng, kind, (graphs, 1 + nulls)) + rng.normal(0, 2, (graphs, 1))  # each graph its own level
    if kind in ("learns or not", "20 strings"):
        values = accuracies(rng, kind, (graphs, 1 + nulls))
    values[:, 0] += effect
    ranks = [tuple((2 * scipy.stats.rankdata(np.round(own, 9))).astype(int).tolist()) for own in values]
    low, high = mean_interval(values[:, 0] - values[:, 1:].mean(axis=1))[1:]
    return ladder.rank_sum_p(ranks), low, high


def shares(kind, graphs, nulls, effect, runs):
    """How often p is at most 0.05, the interval leaves out zero, and it covers the effect."""
    rng = np.random.default_rng(graphs + nulls)
    p, low, high = np.transpose([study(rng, kind, graphs, nulls, effect) for _ in range(runs)])
    return (p <= 0.05).mean(), ((low > 0) | (high < 0)).mean(), ((low <= effect) & (effect <= high)).mean()


def combined_otherwise(kind, graphs, nulls, effect, runs):
    """How often Fisher's and Stouffer's combinations of each graph's one-sided p find the effect."""
    rng, found = np.random.default_rng(graphs + nulls), []
    for _ in range(runs):
        values = accuracies(rng, kind, (graphs, 1 + nulls))
        values[:, 0] += effect
        p = (1 + (values[:, 1:] >= values[:, :1]).sum(axis=1)) / (1 + nulls)
        own = (scipy.stats.combine_pvalues(p.clip(max=1 - 1e-9), m)[1] <= 0.025 for m in ("fisher", "stouffer"))
        found.append(list(own))
    return np.mean(found, axis=0)


@pytest.mark.parametrize("kind", KINDS)
def test_no_effect_is_found_seldom_and_a_planted_one_is_found_and_covered(kind):
    runs, error = 200, 3 * np.sqrt(0.05 * 0.95 / 200)
    found, _, covered = shares(kind, 20, 5, 0.0, runs)
    assert found <= 0.05 + error
    assert covered >= 0.95 - error
    found, _, covered = shares(kind, 40, 20, 1.0, runs)
    assert found > 0.95
    assert covered >= 0.95 - error


if __name__ == "__main__":
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    for kind in KINDS:
        for graphs, nulls in ((10, 5), (20, 5), (20, 20), (40, 20)):
            rows = [shares(kind, graphs, nulls, effect, runs) for effect in (0.0, 0.5, 1.0)]
            others = combined_otherwise(kind, graphs, nulls, 0.0, runs // 2)
            print(
                kind, graphs, nulls, *np.round(100 * np.array(rows), 1).tolist(), np.round(100 * others, 1), flush=True
            )
