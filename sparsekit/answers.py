"""The short answer to each research question, computed from a run's tables and worded by what they can tell."""

import numpy as np
import pandas as pd

from sparsekit import statistics
from sparsekit.correlation import ROUNDING
from sparsekit.parameters import Parameters
from sparsekit.structure_answers import rq4 as rq4
from sparsekit.structure_answers import rq5 as rq5
from sparsekit.style import TARGETS, VARIANTS, listed, ordered

QUESTIONS = {
    "RQ1": "What does pruning weights do to the accuracy of a recurrent network?",
    "RQ2": "What share of the weights can go before accuracy drops significantly?",
    "RQ3": "After a significant drop, how many epochs of retraining regain the accuracy?",
    "RQ4": "How does a randomly structured recurrent network's accuracy correlate with the properties of its graph?",
    "RQ5": "Can that accuracy be predicted from the properties of the graph?",
}
WIDEST_PERCENT = 40  # an interval of RQ2 wider than this tells next to nothing


def rq1(pruning: pd.DataFrame, parameters: Parameters, majority: float | None = None) -> str:
    """What pruning does: per variant the largest drop of mean accuracy from one percentage to the next.

    Of each further target, the percentage at which mean accuracy first leaves the margin.

    Parameters
    ----------
    pruning : DataFrame
        As `sparsekit.studies.pruning` returns it.
    parameters : Parameters
        The run's.
    majority : float, optional
        Test accuracy of always naming the larger class, as ``baselines`` gives it: a network no better than that has
        nothing to lose. Without it, task reber takes it from its share of valid strings; any other task's networks
        are not checked, and the answer says so.
    """
    majority = _majority(parameters, majority)
    first, *others = ordered(pruning["target"], TARGETS)
    rows = pruning[pruning["target"] == first]
    told = [_fall(rows[rows["variant"] == v], v, parameters, majority) for v in ordered(rows["variant"], VARIANTS)]
    text = f"Pruned by {parameters.score}, {_pruned(first)}, before any retraining, mean accuracy drops most between "
    text += f"these tested percentages: {'; '.join(told)}. "
    above = learned(pruning, parameters, majority)
    last = rows[(rows["percent"] == rows["percent"].max()) & rows["variant"].isin(above)]
    if len(last):
        ends = last.groupby("variant")["accuracy"].mean()
        text += f"At {rows['percent'].max():g} % pruned, accuracy is {_range(ends, '.2f')}. "
    alone = {}
    for target in others:
        rows = pruning[pruning["target"] == target]
        alone[target] = [
            f"{_label(v)} {_leaves(rows[rows['variant'] == v], parameters)}" for v in above if v in set(rows["variant"])
        ]
    if any(alone.values()):
        text += f"It first leaves the margin of {parameters.margin:g} as follows. {_by_target(alone)}"
    return text + _unchecked(parameters, majority) + _seeds(pruning)


def rq2(pruning: pd.DataFrame, parameters: Parameters, majority: float | None = None) -> str:
    """The highest percentage up to which accuracy stays within the margin of the base, with its interval over seeds."""
    majority = _majority(parameters, majority)
    table = statistics.safe_percentage(pruning, parameters.margin, parameters.confidence)
    first, *others = ordered(pruning["target"], TARGETS)
    rows = pruning[pruning["target"] == first]
    told = [
        f"{_label(v)} {_chance(rows[rows['variant'] == v], parameters, majority) or _safe(table.loc[(v, first)])}"
        for v in ordered(rows["variant"], VARIANTS)
    ]
    text = f"Within {parameters.margin:g} of the base accuracy, {_pruned(first)}, mean over seeds: {'; '.join(told)}. "
    above = learned(pruning, parameters, majority)
    text += _by_target(
        {t: [f"{_label(v)} {_span(table.loc[(v, t)])}" for v in above if (v, t) in table.index] for t in others}
    )
    tested = ", ".join(f"{p:g}" for p in sorted(pruning["percent"].unique()))
    text += f"Tested at {tested} %"
    if pruning["seed"].nunique() > 1:
        text += "; each interval is widened by the distance to the next percentage tested"
    return f"{text}. {_unchecked(parameters, majority)}{_seeds(pruning)}"


def rq3(recovery: pd.DataFrame, parameters: Parameters) -> str:
    """How many of the networks that had dropped came back, and how soon."""
    table = statistics.regain(recovery, parameters.margin, parameters.confidence)
    dropped = table[table["dropped"] > 0]
    networks = int(dropped["steps"].map(len).sum())
    if not networks:
        return (
            f"Cannot tell: at the percentages tested no accuracy had dropped by more than {parameters.margin:g}, "
            f"so there was nothing to regain. {_seeds(recovery)}"
        )
    steps, epochs = (np.array(dropped[name].sum()) for name in ("steps", "epochs"))
    back = np.isfinite(steps)
    text = (
        f"Of {networks} pruned networks whose accuracy had dropped by more than {parameters.margin:g}, {back.sum()} "
        f"regained it within {_epochs(parameters.retrain_epochs)} of retraining, "
        f"and {(epochs == 1).sum()} had it at the end of the first. "
    )
    if back.any():
        text += f"Half of those that came back had done so by step {np.median(steps[back]):.0f}. "
    lost = [
        f"{_label(v)} {np.isnan(all_steps).sum()} of {len(all_steps)}"
        for v in ordered(dropped.index.get_level_values("variant"), VARIANTS)
        if np.isnan(all_steps := np.array(dropped.xs(v, level="variant")["steps"].sum())).any()
    ]
    return text + (f"Not back by then: {', '.join(lost)}. " if lost else "") + _seeds(recovery)


def learned(pruning: pd.DataFrame, parameters: Parameters, majority: float | None = None) -> list[str]:
    """The variants whose base networks are above chance: the others have nothing to lose."""
    majority = _majority(parameters, majority)
    variants = ordered(pruning["variant"], VARIANTS)
    return [v for v in variants if not _chance(pruning[pruning["variant"] == v], parameters, majority)]


def _label(variant: str) -> str:
    return VARIANTS[variant].label


def _pruned(target: str) -> str:
    return "both kinds of recurrent weights together" if target == "both" else f"{TARGETS[target].label} weights alone"


def _majority(parameters: Parameters, given: float | None) -> float | None:
    # Only generated strings have the share of valid ones that the parameter says.
    if given is None and parameters.task == "reber":
        return max(parameters.valid_share, 1 - parameters.valid_share)
    return given


def _unchecked(parameters: Parameters, majority: float | None) -> str:
    if majority is not None:
        return ""
    return f"The majority accuracy of task {parameters.task} was not given: variants at chance are not left out. "


def _chance(rows: pd.DataFrame, parameters: Parameters, majority: float | None) -> str:
    """Why a variant's networks can show no loss: they have learned nothing to lose. Empty where they have."""
    base = rows.drop_duplicates("seed")["base_accuracy"].mean()
    if majority is None or base > majority + parameters.margin:
        return ""
    return f"cannot tell: unpruned it is at chance ({base:.2f})"


def _by_target(told: dict[str, list[str]]) -> str:
    """A sentence for each target that there is something to tell of."""
    sentences = (f"{_pruned(target)}: {', '.join(words)}. " for target, words in told.items() if words)
    return "".join(sentence[0].upper() + sentence[1:] for sentence in sentences)


def _means(rows: pd.DataFrame) -> pd.Series:
    """Mean accuracy by percentage, that of the unpruned networks at 0."""
    means = rows.groupby("percent")["accuracy"].mean().sort_index()
    return pd.concat([pd.Series({0.0: rows.drop_duplicates("seed")["base_accuracy"].mean()}), means[means.index > 0]])


def _leaves(rows: pd.DataFrame, parameters: Parameters) -> str:
    means = _means(rows)
    out = means.index[means < means.iloc[0] - parameters.margin - ROUNDING]
    return f"at {out[0]:g} %" if len(out) else f"not up to {means.index[-1]:g} %"


def _fall(rows: pd.DataFrame, variant: str, parameters: Parameters, majority: float | None) -> str:
    if nothing := _chance(rows, parameters, majority):
        return f"{_label(variant)} {nothing}"
    means = _means(rows)
    if means.iloc[0] - means.min() <= parameters.margin:
        return f"{_label(variant)} stays at {_range(means, '.2f')} up to {means.index[-1]:g} %"
    falls = -means.diff()
    to = falls.idxmax()
    before = means.index[means.index.get_loc(to) - 1]
    start = "unpruned" if before == 0 else f"at {before:g} % (unpruned {means.iloc[0]:.2f})"
    return f"{_label(variant)} from {means[before]:.2f} {start} to {means[to]:.2f} at {to:g} %"


def _safe(row: pd.Series) -> str:
    seeds = len(row["values"])
    if 1 in (row["below"], row["at_least"]):
        return statistics.censoring(row)
    if seeds == 1:
        return f"{row['mean']:.0f} %"
    lowest, highest = min(row["next"]), max(row["values"])
    by_seed = [
        f"below {lowest:g}"
        if row["below"] and after == lowest
        else f"at least {v:g}"
        if row["at_least"] and v == highest
        else f"{v:g}"
        for v, after in zip(row["values"], row["next"], strict=True)
    ]
    if row["high"] - row["low"] > WIDEST_PERCENT:
        return f"cannot tell ({listed(by_seed)} % by seed)"
    if row["below"] or row["at_least"]:
        return f"{listed(by_seed)} % by seed"
    span = "" if row["low"] == row["high"] else f" ({row['low']:.0f} to {row['high']:.0f})"
    return f"{row['mean']:.0f} %{' in each seed' if len(set(row['values'])) == 1 else ''}{span}"


def _span(row: pd.Series) -> str:
    """From the lowest seed to the highest."""
    low = f"below {min(row['next']):g}" if row["below"] else f"{min(row['values']):g}"
    high = f"at least {max(row['values']):g}" if row["at_least"] else f"{max(row['values']):g}"
    return f"{low} %" if low == high or row["below"] == 1 else f"{low} to {high} %"


def _range(values: pd.Series, form: str) -> str:
    """Smallest to largest, once where they read the same."""
    low, high = format(values.min(), form), format(values.max(), form)
    return low if low == high else f"{low} to {high}"


def _epochs(count: int) -> str:
    return "one epoch" if count == 1 else f"{count} epochs"


def _seeds(rows: pd.DataFrame) -> str:
    seeds = sorted(rows["seed"].unique())
    if len(seeds) == 1:
        return f"Seed {seeds[0]} only: how far this varies cannot be told."
    return f"Seeds {listed(str(s) for s in seeds)}."
