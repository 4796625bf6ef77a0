"""What may be said of pruned networks from the seeds at hand, such that further seeds of the same kind bear it out."""

from collections.abc import Hashable, Mapping, Sequence

import numpy as np
import pandas as pd
import scipy.special
import scipy.stats

from sparsekit.analysis.conditions import per_condition, within
from sparsekit.analysis.intervals import ROUNDING, Interval, named, wilson
from sparsekit.analysis.tables import EVERY, PRUNING, TableError, fraction, indexed, require

FEWEST_SEEDS = 10
"""With fewer, no accuracy is called kept, and the mean drop has no interval."""

KEPT, DROPPED = 0.7, 0.5
"""Kept: more than this share of all seeds is within the margin. Dropped: less than this share is."""

RESAMPLES = DRAWS = 1000
NEAREST = 150
CENTRES, SCALES = np.arange(1.0, 100, 2), np.geomspace(1, 25, 10)
AGREEMENT = 5.0
"""How many seeds the logistic form is worth: with more than these the seeds' own distribution decides."""


def seeds_within(drops: Sequence[float], margin: float, confidence: float = 0.95) -> dict:
    """What a condition's seeds show: how many are within the margin, and their interquartile mean drop.

    Pruning fails by the collapse of single seeds, so that a mean and its t interval over few seeds are refuted by
    more of them; a share is not. "Kept" takes at least 10 seeds and a one-sided lower bound of the share of at least
    0.7, "dropped" an upper bound below one half, both at the confidence, by Clopper and Pearson (Biometrika 1934);
    all else is "undecided". The interquartile mean (Agarwal and others, NeurIPS 2021) has a percentile bootstrap
    interval from 10 seeds on.

    Returns
    -------
    dict
        n; within (count); share, share_low, share_high (two-sided); drop, drop_low, drop_high; verdict; said (the
        count in words, with the verdict if there is one); drops (list).

    Examples
    --------
    >>> seeds_within([0.0, 0.01, 0.3], 0.02)["said"]
    '2 of 3 seeds within'
    >>> seeds_within([0.0] * 10, 0.02)["said"]
    'kept: 10 of 10 seeds within'
    """
    fraction("margin", margin)
    fraction("confidence", confidence)
    if confidence <= 0.5:
        raise ValueError(f"confidence {confidence!r}: a test needs more than 0.5, such as 0.95 for 95 %")
    values = np.asarray(drops, dtype=float)
    n, held = len(values), int((values <= margin + ROUNDING).sum())
    exact = scipy.stats.binomtest(held, n)
    both, one = (exact.proportion_ci(level) for level in (confidence, 2 * confidence - 1))
    verdict = "kept" if n >= FEWEST_SEEDS and one.low >= KEPT else "dropped" if one.high < DROPPED else "undecided"
    said = f"{held} of {n} seed{'s' * (n != 1)} within"
    ends = (np.nan, np.nan)
    if n >= FEWEST_SEEDS:
        resamples = values[np.random.default_rng(0).integers(0, n, (RESAMPLES, n))]
        tails = (1 - confidence) / 2, (1 + confidence) / 2
        ends = np.quantile(scipy.stats.trim_mean(resamples, 0.25, axis=1), tails)
    return {
        "n": n,
        "within": held,
        **named("share share_low share_high", (held / n, *map(float, both))),
        **named("drop drop_low drop_high", (float(scipy.stats.trim_mean(values, 0.25)), *map(float, ends))),
        "verdict": verdict,
        "said": said if verdict == "undecided" else f"{verdict}: {said}",
        "drops": values.tolist(),
    }


def tolerance(pruning: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """Whether accuracy is kept within the margin, a fraction, per condition, pruned and base network paired by seed.

    Of `tables.PRUNING`, or what `conditions.beside` and `conditions.after_recovery` return. Each condition is tested
    at its own level; `tolerated` reads the percentages in order, which costs nothing.

    Index (variant, target, percent) and what is `conditions.varying`; columns as `seeds_within` names them.
    """
    require(pruning, PRUNING)
    fraction("margin", margin)

    def summary(seeds: pd.DataFrame) -> dict:
        return seeds_within(seeds["base_accuracy"] - seeds["accuracy"], margin, confidence)

    return per_condition(pruning, summary, " ".join(seeds_within([0.0], margin, confidence)))


def tolerated(tolerance: pd.DataFrame) -> pd.DataFrame:
    """Up to which percentage of a table by `tolerance` accuracy is kept, and from which on it is shown to have dropped.

    Percentages are tested from the smallest on, and the first that fails ends it: in a fixed order no correction for
    many tests is due (Maurer, Hothorn and Lehmacher, 1995). What lies between is not known.

    Index of ``tolerance`` without percent; seen and kept (largest percentage such that there and at every smaller one
    tested all seeds are within the margin, or the verdict is "kept"; 0 where the smallest fails), dropped (smallest
    with a drop shown at its own level, or nan).
    """
    names, found = [name for name in tolerance.index.names if name != "percent"], {}
    for condition, rows in tolerance.reset_index().groupby(names, sort=False):
        rows = rows.sort_values("percent")
        row = {
            name: rows["percent"][holds.cummin()].max() if holds.iloc[0] else 0.0
            for name, holds in (("seen", rows["share"] == 1), ("kept", rows["verdict"] == "kept"))
        }
        found[condition] = row | {"dropped": rows["percent"][rows["verdict"] == "dropped"].min()}
    return indexed(found, names, ["seen", "kept", "dropped"])


def half_dropped(pruning: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """RQ2: the percentage at which half of all seeds have dropped, per variant and target of `tables.PRUNING`.

    A seed has dropped from the smallest tested percentage on at which its accuracy at once after pruning is more than
    ``margin``, a fraction, below its base's. Its threshold lies between that one and the tested one before, or beyond
    the last: it is interval-censored. `median_threshold` has the rest.

    Index (variant, target) and what is `conditions.varying`; n (seeds), percent (the median threshold), low, high,
    held (list by seed, the last tested percentage before it dropped; 0 where the first fails), failed (list, the one
    after; infinite where none), first, last (tested).
    """
    fraction("margin", margin)
    require(pruning, PRUNING)

    def summary(group: pd.DataFrame) -> dict:
        failing = group.assign(fails=~within(group, margin)).pivot_table("fails", "seed", "percent").dropna(axis=1)
        if failing.empty:
            where = ", ".join(str(group[name].iloc[0]) for name in ("variant", "target"))
            raise TableError(f"{where}: no percentage at which each seed was pruned")
        tested = failing.columns.to_numpy(float)
        place = (failing.cummax(axis=1) == 0).sum(axis=1).to_numpy()
        held, failed = np.append(0.0, tested)[place], np.append(tested, np.inf)[place]
        percent, low, high = median_threshold(tested, place, confidence)
        # The seeds' own median lies between these two, the most likely one between them.
        middle = np.sort(held)[(len(held) - 1) // 2], min(np.sort(failed)[len(failed) // 2], 100.0)
        percent = float(np.clip(percent, *middle))
        return {
            "n": len(failing),
            **named("percent low high", (percent, min(low, percent), max(high, percent))),
            "held": held.tolist(),
            "failed": failed.tolist(),
            "first": tested[0],
            "last": tested[-1],
        }

    columns = "n percent low high held failed first last"
    return per_condition(pruning, summary, columns, ("variant", "target"), row=("seed", "percent"))


def half_dropped_of_all(pruning: pd.DataFrame, margin: float, confidence: float = 0.95) -> pd.DataFrame:
    """`half_dropped` of each variant, and under the name `EVERY` of the networks of all variants together."""
    own = pruning[["variant", "seed", "target", "percent", "base_accuracy", "accuracy"]]
    together = own.assign(seed=own["variant"] + own["seed"].astype(str), variant=EVERY)
    parts = [own, together] if own["variant"].nunique() > 1 else [own, own.assign(variant=EVERY)]
    return half_dropped(pd.concat(parts, ignore_index=True), margin, confidence)


def share_dropped_at(row: Mapping, percent: float, confidence: float = 0.95) -> Interval:
    """The share of the seeds of a row of `half_dropped` that have dropped at a tested percentage, by Wilson."""
    held = np.asarray(row["held"])
    return wilson(int((held < percent).sum()), len(held), confidence)


def median_threshold(tested: np.ndarray, place: np.ndarray, confidence: float = 0.95) -> Interval:
    """Median of thresholds of which only is known how many tested percentages they are above, and its interval.

    Thresholds follow a distribution about which a Dirichlet process stands (Ferguson, Annals of Statistics 1973),
    around a logistic dose–response whose centre is uniform on 0 … 100 and whose scale is log-uniform on 1 … 25 points
    (a mixture, Antoniak, Annals of Statistics 1974). Few seeds lean on the logistic form; many follow their own, be it
    of two humps. Every number of seeds has an answer, from one on. Of the posterior, the shares of the cells of the
    tested percentages are drawn, and the median's place within its cell is averaged over all that it may be.
    """
    fraction("confidence", confidence)
    rng, percent = np.random.default_rng(0), np.linspace(0, 100, 201)
    counts = np.bincount(place, minlength=len(tested) + 1)
    centres, scales = (axis.ravel() for axis in np.meshgrid(CENTRES, SCALES))

    def below(p: np.ndarray) -> np.ndarray:
        return np.where(p <= 0, 0.0, scipy.special.expit((p - centres[:, None]) / scales[:, None]))

    ends = np.column_stack([np.zeros(len(centres)), below(tested), np.ones(len(centres))])
    prior = np.clip(AGREEMENT * np.diff(ends), 1e-6, None)
    likely = scipy.special.softmax((scipy.special.gammaln(prior + counts) - scipy.special.gammaln(prior)).sum(axis=1))
    drawn, each = rng.choice(len(centres), DRAWS, p=likely), np.arange(DRAWS)
    shares = rng.standard_gamma(prior[drawn] + counts)
    upto = np.column_stack([np.zeros(DRAWS), shares.cumsum(axis=1)]) / shares.sum(axis=1, keepdims=True)
    cell = (upto[:, 1:] < 0.5).sum(axis=1)
    start, end = upto[each, cell], upto[each, cell + 1]
    # Within a cell no seed says anything: what share of it lies below p is beta-distributed about the logistic's.
    low, high = ends[drawn, cell, None], ends[drawn, cell + 1, None]
    at = below(percent)[drawn]
    inside, chance = (at > low) & (at < high), (at >= high).astype(float)
    under, over = AGREEMENT * (at - low)[inside], AGREEMENT * (high - at)[inside]
    missing = np.broadcast_to(((0.5 - start) / (end - start))[:, None], at.shape)[inside]
    chance[inside] = 1 - scipy.special.betainc(under, over, missing)
    levels = 0.5, (1 - confidence) / 2, (1 + confidence) / 2
    return tuple(float(np.interp(level, np.maximum.accumulate(chance.mean(axis=0)), percent)) for level in levels)


def end_in_words(row: Mapping) -> str:
    """Where more than half of the seeds of a row of `half_dropped` lie beyond what was tested, in words; mostly ``""``.

    >>> end_in_words({"held": [95.0, 95.0, 70.0], "first": 40.0, "last": 95.0})
    'over 95 %'
    >>> end_in_words({"held": [70.0], "first": 40.0, "last": 95.0})
    ''
    """
    half = len(row["held"]) / 2
    if row["held"].count(0.0) > half:
        return f"below {row['first']:g} %"
    if row["held"].count(row["last"]) > half:
        return f"over {row['last']:g} %" if row["last"] < 100 else "not even at 100 %"
    return ""


def further_run(runs: Mapping[Hashable, Sequence[float]], confidence: float = 0.95) -> dict[Hashable, Interval]:
    """Mean of each condition's runs, and where one further run like them would lie.

    Each run in turn is left out, and its distance to the mean of the others of its condition is taken; around a mean,
    the interval has the half-width that bounds so many of those distances, among the 150 whose others have the
    nearest mean, in whichever condition (Barber and others, *Predictive inference with the jackknife+*, Annals of
    Statistics 2021; Lei and Wasserman's local bands, JRSS B 2014). So runs that agree by luck borrow the spread of
    others that looked as good; no form of distribution is presumed. Where there are too few (19 for 95 %), or
    a condition has one run, it is nan.

    Examples
    --------
    >>> further_run({"a": [0.5] * 20, "b": [0.5]})
    {'a': (0.5, 0.5, 0.5), 'b': (0.5, nan, nan)}
    """
    fraction("confidence", confidence)
    values = {key: np.asarray(own, dtype=float) for key, own in runs.items()}
    means, gaps = [], []
    for own in values.values():
        if len(own) > 1:
            others = (own.sum() - own) / (len(own) - 1)
            means, gaps = np.append(means, others), np.append(gaps, np.abs(own - others))
    found = {}
    for key, own in values.items():
        apart = np.round(np.abs(np.asarray(means) - own.mean()), 9)
        near = np.sort(np.asarray(gaps)[apart <= np.sort(apart)[:NEAREST].max(initial=-1)])
        rank = int(np.ceil(np.round(confidence * (len(near) + 1), 9)))
        half = near[rank - 1] if rank <= len(near) and len(own) > 1 else np.nan
        found[key] = float(own.mean()), float(own.mean() - half), float(own.mean() + half)
    return found
