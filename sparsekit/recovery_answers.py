"""What the study of recovery says beyond RQ3, in sentences computed from its tables: one function a comparison."""

import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd

from sparsekit import looks
from sparsekit.intervals import mean_interval
from sparsekit.panels import weights_of
from sparsekit.parameters import Parameters
from sparsekit.recovery_statistics import steps_to_regain
from sparsekit.seed_pairs import ahead, at_the_end
from sparsekit.style import VARIANTS, counted, listed, look, number, ordered

LOOKS = {"recovery": looks.PROTOCOLS, "schedule": looks.SCHEDULES}
ALONE = {
    "recovery": "No other way back was asked for, so nothing stands beside the surviving weights: "
    "`protocols = ['rewind', 'reinitialise', 'random_mask', 'dense']` compares them.",
    "schedule": "No schedule was asked for, so nothing stands beside pruning all at once: "
    "`schedules = ['iterative', 'gradual']` compares them.",
}
"""What to say of a comparison that holds one condition alone, by its column."""


def medians(recovery: pd.DataFrame, parameters: Parameters) -> str:
    """The step by which half of the networks are back, of each variant, with those that are not back counted too."""
    target = parameters.targets[0]
    own = recovery[recovery["target"] == target]
    table = steps_to_regain(own, parameters.margin, parameters.confidence).reset_index().set_index("percent")
    last, told = recovery["step"].max(), []
    for variant in ordered(recovery["variant"], VARIANTS):
        steps = table.loc[table["variant"] == variant, "median"].sort_index()
        by_percent = steps.map(lambda step: _by(step, last))
        told.append(f"{_label(variant)} {', '.join(_runs(by_percent))}")
    return (
        f"Counting networks that never come back too, half are within {parameters.margin:g} of their base, "
        f"by percentage of the {weights_of(target)} pruned: {'; '.join(told)}. {_seeds(recovery)}"
    )


def _by(step: float, last: float) -> str:
    if step == 0:
        return "at once"
    return f"by step {step:,.0f}" if np.isfinite(step) else f"not by step {last:,.0f}"


def _runs(by_percent: pd.Series) -> Iterable[str]:
    """Percentages that follow each other and have the same word told as one."""
    for word, group in itertools.groupby(by_percent.items(), key=lambda pair: pair[1]):
        amounts = [f"{percent:g}" for percent, _ in group]
        yield f"{word} {f'from {amounts[0]} to {amounts[-1]}' if len(amounts) > 1 else f'at {amounts[0]}'} %"


def protocols(recovery: pd.DataFrame, parameters: Parameters) -> str:
    """Where each protocol ends, beside the surviving weights retrained for the same steps.

    Parameters
    ----------
    recovery : DataFrame
        As ``studies.protocols`` returns it.
    """
    ends = ahead(at_the_end(recovery), "accuracy", parameters.confidence, recovery="retrain")
    opening = "Accuracy at the last step less that of the surviving weights retrained for as long, in points"
    return _compared(ends, opening, recovery)


def schedules(recovered: pd.DataFrame, parameters: Parameters) -> str:
    """Where each schedule ends, beside pruning all at once and retraining for the same steps.

    Parameters
    ----------
    recovered : DataFrame
        As ``statistics.after_recovery`` makes it of what ``studies.schedules`` returns.
    """
    ends = ahead(recovered, "accuracy", parameters.confidence, schedule="one_shot")
    opening = "Accuracy at the last step less that of pruning all at once, after as many steps, in points"
    return _compared(ends, opening, recovered)


def _compared(ends: pd.DataFrame, opening: str, rows: pd.DataFrame) -> str:
    name = ends.index.names[-1]
    if ends.empty:
        return ALONE[name]
    told = []
    for percent, at in ends.groupby("percent"):
        conditions = ordered(at.index.unique(name), LOOKS[name])
        each = [f"{looks.look(LOOKS[name], one).label} {_verdicts(at.xs(one, level=name))}" for one in conditions]
        told.append(f"{percent:g} % pruned, {'; '.join(each)}.")
    text = f"{opening}: {' '.join(told)}"
    if ends["low"].notna().any():
        clear = ((ends["low"] > 0) | (ends["high"] < 0)).sum()
        text += f" {clear} of {counted(len(ends), 'interval')} {'leaves' if clear == 1 else 'leave'} out zero."
    return f"{text} {_seeds(rows)}"


def _verdicts(at: pd.DataFrame) -> str:
    """In which variants the interval lies above zero, and below it; the others cannot be told."""
    at = at.droplevel(["target", "percent"])
    at = at.loc[ordered(at.index, VARIANTS)]
    told = []
    for which, word in ((at["low"] > 0, "ahead in"), (at["high"] < 0, "behind in")):
        names = [f"{_label(v)} ({number(100 * d, 1, sign=True)})" for v, d in at.loc[which, "ahead"].items()]
        told += [f"{word} {listed(names)}"] if names else []
    others = at.index[~(at["low"] > 0) & ~(at["high"] < 0)]
    if len(others):
        told.append(f"cannot tell in {listed(_label(v) for v in others) if told else 'any variant'}")
    return ", ".join(told)


def radii(spectral_radii: pd.DataFrame, percentage: float, parameters: Parameters) -> str:
    """How far pruning shrinks the spectral radius of the hidden-to-hidden weights, and how far retraining restores it.

    Parameters
    ----------
    spectral_radii : DataFrame
        As ``studies.spectral_radii`` returns it.
    percentage : float
        One of those pruned.
    """
    target = parameters.targets[0]
    rows = spectral_radii[(spectral_radii["target"] == target) & (spectral_radii["percent"] == percentage)]
    means = rows.groupby(["variant", "seed", "network"])["spectral_radius"].mean().unstack("network")
    told = []
    for variant in ordered(rows["variant"], VARIANTS):
        shares = means.loc[variant][["pruned", "recovered"]].div(means.loc[variant, "base"], axis=0)
        pruned, recovered = (_percent(shares[name], parameters.confidence) for name in ("pruned", "recovered"))
        told.append(f"{_label(variant)} {pruned} at once, {recovered} after retraining")
    return (
        f"With {percentage:g} % of the {weights_of(target)} pruned, the mean spectral radius of the hidden-to-hidden "
        f"weights is this share of what it was before: {'; '.join(told)}. {_seeds(rows)}"
    )


def _percent(shares: pd.Series, confidence: float) -> str:
    mean, low, high = (100 * end for end in mean_interval(shares, confidence, low=0))
    return f"{mean:.0f} %" if np.isnan(low) else f"{mean:.0f} % ({low:.0f} to {high:.0f})"


def _label(variant: str) -> str:
    return look(VARIANTS, variant).label


def _seeds(rows: pd.DataFrame) -> str:
    seeds = rows["seed"].nunique()
    return f"Over {seeds} seeds." if seeds > 1 else "One seed: how far this varies cannot be told."
