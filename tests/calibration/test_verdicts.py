"""Verdicts on simulated seeds: how often the truth lies where it is said to.

``python -m tests.calibration.test_verdicts`` makes the figures of docs/calibration/verdicts.md anew; the tests are the
same with fewer repeats.
"""

import sys

import numpy as np
import pandas as pd
import pytest
import scipy.optimize
import scipy.stats

from sparsekit.analysis import verdicts

TESTED = np.array([40.0, 60, 70, 80, 90, 95])
SEEDS = (1, 3, 5, 10, 20)
HUMPS = (0.0, 0.2, 0.4)


def thresholds(rng, n, early):
    """Thresholds of n seeds and their distribution's median: logistic, or a share of early ones 30 points below."""
    centre = rng.uniform(0, 100)
    if not early:
        return rng.logistic(centre, np.exp(rng.uniform(0, np.log(25))), n), centre
    below = 30 * (rng.random(n) < early)
    late = scipy.stats.norm(centre, 3)
    middle = scipy.optimize.brentq(lambda x: early * late.cdf(x + 30) + (1 - early) * late.cdf(x) - 0.5, -90, 190)
    return rng.normal(centre - below, 3), float(np.clip(middle, 0, 100))


def half_dropped(n, early, repeats):
    """Coverage of the median's 95 % interval, and its mean width."""
    rng, found = np.random.default_rng(n), []
    for _ in range(repeats):
        drawn, middle = thresholds(rng, n, early)
        _, low, high = verdicts.median_threshold(TESTED, np.searchsorted(TESTED, drawn))
        found.append((low <= middle <= high, high - low))
    return np.mean(found, axis=0)


def collapsing(rng, shape, share):
    """Drops of accuracy: a share of the seeds loses 30 points, the others next to nothing."""
    return rng.normal(0, 0.003, shape) + 0.3 * (rng.random(shape) < share)


def verdict_shares(n, share, repeats):
    """How often a condition of which this share of seeds collapses is called kept, and dropped."""
    rng = np.random.default_rng(n)
    told = pd.Series([verdicts.seeds_within(drops, 0.02)["verdict"] for drops in collapsing(rng, (repeats, n), share)])
    return [(told == word).mean() for word in ("kept", "dropped")]


def interquartile_mean(n, share, repeats):
    """Coverage of the 95 % interval of the interquartile mean."""
    rng = np.random.default_rng(n)
    truth = scipy.stats.trim_mean(collapsing(rng, 400_000, share), 0.25)
    rows = [verdicts.seeds_within(drops, 0.02) for drops in collapsing(rng, (repeats, n), share)]
    return np.mean([row["drop_low"] <= truth <= row["drop_high"] for row in rows])


def runs(rng, kind, conditions, n):
    """Accuracies of each condition, n seeds and a last column that is a further run."""
    if kind == "normal":
        centres, deviations = rng.uniform(0.6, 1, (conditions, 1)), rng.choice([0.003, 0.02, 0.06], (conditions, 1))
        return centres + deviations * rng.standard_normal((conditions, n + 1))
    # Some conditions never collapse, in others a share of the seeds does.
    shares = rng.choice([0, 0.05, 0.1, 0.3, 0.5, 1], (conditions, 1))
    return 0.99 - collapsing(rng, (conditions, n + 1), shares)


def further_run(kind, n, repeats, conditions=36, tolerance=0.05):
    """Share of further runs outside: of all with an interval, and of those with a verdict; and the share of these."""
    rng, outside, given = np.random.default_rng(n), [], []
    for _ in range(repeats):
        table = runs(rng, kind, conditions, n)
        spans = verdicts.further_run(dict(enumerate(table[:, :n])))
        for row, (_, low, high) in zip(table, spans.values(), strict=True):
            # What is reported is another run, or off by a little.
            reported = rng.choice(row[:n]) + rng.choice([0, 0.04, 0.2])
            agrees = reported - tolerance <= low and high <= reported + tolerance
            given.append(agrees or high < reported - tolerance or low > reported + tolerance)
            outside.append(not low <= row[n] <= high if np.isfinite(low) else np.nan)
    outside, given = np.array(outside), np.array(given)
    return np.nanmean(outside), outside[given].mean() if given.any() else np.nan, given.mean()


@pytest.mark.parametrize("early", HUMPS)
def test_half_dropped_covers_and_more_seeds_tell_more(early):
    coverage, widths = zip(*(half_dropped(n, early, 120) for n in (1, 3, 5, 20)), strict=True)
    assert min(coverage) > 0.86  # 0.93 less three standard errors
    assert list(widths) == sorted(widths, reverse=True)


@pytest.mark.parametrize("n", [3, 10, 20])
def test_kept_is_seldom_said_of_what_collapses(n):
    assert verdict_shares(n, 0.31, 300)[0] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)
    assert verdict_shares(n, 0.0, 20)[0] == (n >= verdicts.FEWEST_SEEDS)
    assert verdict_shares(n, 0.5, 300)[1] <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 300)


@pytest.mark.parametrize("kind", ["normal", "collapse"])
@pytest.mark.parametrize("n", [3, 10])
def test_further_runs_seldom_lie_outside(kind, n):
    of_all, of_given, given = further_run(kind, n, 60)
    assert 0.02 < of_all < 0.08
    assert given > 0
    assert of_given < 0.05 + 4 * np.sqrt(0.05 * 0.95 / (60 * 36 * given))


if __name__ == "__main__":
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    for early in HUMPS:
        for n in SEEDS:
            print("half dropped", early, n, *np.round(half_dropped(n, early, repeats), 3), flush=True)
    for share in (0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7):
        print(
            "kept, dropped",
            share,
            *(np.round(verdict_shares(n, share, repeats), 3) for n in (3, 5, 10, 20)),
            flush=True,
        )
    for share in (0, 0.1, 0.2, 0.3, 0.5):
        print("mean", share, *(round(interquartile_mean(n, share, min(repeats, 400)), 3) for n in (10, 20)), flush=True)
    for kind in ("normal", "collapse"):
        for n in (2, 3, 5, 10, 20):
            print("further run", kind, n, *np.round(further_run(kind, n, repeats // 2), 3), flush=True)
