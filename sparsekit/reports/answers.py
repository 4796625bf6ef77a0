"""The short answer to each research question, computed from a run's tables and worded by what they can tell."""

import itertools
from collections.abc import Iterable

import numpy as np
import pandas as pd

from sparsekit.analysis import pruning as analysis_pruning
from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis import structure as ceilings
from sparsekit.analysis.conditions import ahead, at_the_end
from sparsekit.analysis.control import partial
from sparsekit.analysis.correlation import ROUNDING, by_variant, correlate, correlations, strongest
from sparsekit.analysis.covariates import controls, graph_properties, only_learned, prediction_baselines
from sparsekit.analysis.cross_validation import ALL, nested_prediction
from sparsekit.analysis.intervals import mean_interval
from sparsekit.analysis.prediction import published_prediction, split_distribution
from sparsekit.analysis.pruning import VERDICTS, tolerance, tolerated
from sparsekit.analysis.recovery import steps_to_regain
from sparsekit.analysis.structure import NULLS, gate_row_differences, intraclass, mean_differences, null_differences
from sparsekit.analysis.structure import learned as learned_
from sparsekit.analysis.survival import of_target
from sparsekit.analysis.tables import given_graphs, one_per_graph
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.pruning import WITHOUT_H2H
from sparsekit.figures import style as looks
from sparsekit.figures.correlation import DISCOVERY, controls_in_words
from sparsekit.figures.panels import weights_of
from sparsekit.figures.prediction import strongest_baseline
from sparsekit.figures.style import (
    SCOPES,
    SCORES,
    TARGETS,
    VARIANTS,
    counted,
    listed,
    look,
    number,
    ordered,
    percent,
    words_of,
)
from sparsekit.figures.style import look as named
from sparsekit.figures.survival import gate_name, scope
from sparsekit.graphs.properties import NAMES
from sparsekit.pruning.memory import needed

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
        As `sparsekit.experiments.pruning.pruning` returns it.
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
    table = analysis_pruning.safe_percentage(pruning, parameters.margin, parameters.confidence)
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
    table = analysis_recovery.regain(recovery, parameters.margin, parameters.confidence)
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
        return analysis_pruning.censoring(row)
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


def kept(pruning: pd.DataFrame, parameters: Parameters, majority: float | None = None) -> str:
    """Up to which percentage accuracy is shown to be kept, and where a drop is first shown.

    Parameters
    ----------
    majority : float, optional
        As for `sparsekit.reports.answers.rq1`: variants at chance have nothing to keep, and are left out.
    """
    if pruning["seed"].nunique() == 1:
        return "One network a variant shows neither that accuracy is kept nor that it drops: give `seeds` above 1."
    above = learned(pruning, parameters, majority)
    if not above:
        return "No variant is above chance: there is no accuracy to keep."
    verdicts = tolerance(pruning[pruning["variant"].isin(above)], parameters.margin, parameters.confidence)
    ends, target, told = tolerated(verdicts), parameters.targets[0], []
    for variant in above:
        held, dropped = ends.loc[(variant, target), ["kept", "dropped"]]
        told.append(f"{_label_pruning(variant)} {f'up to {held:g} %' if held else 'at no percentage tested'}")
        told[-1] += f" (a drop is shown at {dropped:g} %)" if dropped > 0 else ""
    counts = verdicts["verdict"].value_counts()
    found = listed(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    text = f"With {scope(target)} pruned, accuracy is shown to be kept within {100 * parameters.margin:g} points: "
    return f"{text}{'; '.join(told)}. Of all {counted(len(verdicts), 'condition')}, {found}."


def against_random(scores: pd.DataFrame, parameters: Parameters) -> str:
    """By how much the run's score is ahead of random pruning of as many weights, at most, per variant."""
    own, told = (parameters.score, "global"), []
    if parameters.score == "random":
        return "Pruning is random itself: there is nothing to set beside it. Give another `score`."
    for variant in ordered(scores["variant"], VARIANTS):
        leads = []
        for control, words in (("global", "anywhere"), ("layer", "layer by layer")):
            rows = scores[(scores["variant"] == variant) & (_is(scores, own) | _is(scores, ("random", control)))]
            gains = ahead(rows, "accuracy", parameters.confidence, score="random", scope=control).reset_index()
            most = gains.loc[gains["ahead"].idxmax()]
            leads.append(f"{_points(most)} {words}, at {most['percent']:g} %")
        told.append(f"{_label_pruning(variant)} {listed(leads)}")
    score = named(SCORES, parameters.score).label
    return f"Largest lead of {score} over random pruning of as many weights: {'; '.join(told)}."


def scores_and_scopes(scores: pd.DataFrame, parameters: Parameters) -> str:
    """Which other score and scope is most ahead of the run's own where they are compared, per variant."""
    own, reference = scores[scores["percent"].isin(parameters.compare_at)], (parameters.score, "global")
    pairs = own[["score", "scope"]].drop_duplicates().itertuples(index=False, name=None)
    others = [pair for pair in pairs if pair[0] != "random" and pair != reference]
    if not others:
        return (
            "No other score or scope was asked for: give `scores`, such as `['sensitivity']`, or `scopes`, such as "
            "`['global', 'gate']`."
        )
    score, scope = reference
    gains, told = ahead(own[own["score"] != "random"], "accuracy", parameters.confidence, score=score, scope=scope), []
    gains = gains.reset_index()
    for variant in ordered(gains["variant"], VARIANTS):
        rows = gains[gains["variant"] == variant]
        top = rows.loc[rows["ahead"].idxmax()]
        pair = f"{named(SCORES, top['score']).label} {named(SCOPES, top['scope']).label}"
        told.append(f"{_label_pruning(variant)} {_points(top)} by {pair} at {top['percent']:g} %")
    text = f"Against {named(SCORES, parameters.score).label} global, best of the others: {'; '.join(told)}. "
    if gains["n"].max() == 1:
        return f"{text}One seed: no difference has an interval."
    above, below = (gains["low"] > 0).sum(), (gains["high"] < 0).sum()
    chance = number((1 - parameters.confidence) * len(gains), 1)
    return (
        f"{text}Of the intervals of {counted(len(gains), 'difference')}, {above} lie above 0 and {below} below; "
        f"chance alone makes about {chance}."
    )


def _is(scores: pd.DataFrame, pair: tuple[str, str]) -> pd.Series:
    return (scores["score"] == pair[0]) & (scores["scope"] == pair[1])


def survivors(survival: pd.DataFrame, dead: pd.DataFrame, percentage: float, parameters: Parameters) -> str:
    """Where fewest and most weights stay at a percentage pruned, and where the first units die, per variant."""
    target, told = parameters.targets[0], []
    own = of_target(survival, ["percent", "layer", "matrix", "gate", "share"], target).query("percent == @percentage")
    units = of_target(dead, ["percent", "gate", "dead"], target).query("gate == 'all'")
    for variant in ordered(own["variant"], VARIANTS):
        shares = own[own["variant"] == variant].groupby(["gate", "layer", "matrix"])["share"].mean()
        ends = [
            f"{percent(shares[gate, layer, matrix])} ({gate_name(variant, gate)}, layer {layer + 1}, {matrix})"
            for gate, layer, matrix in (shares.idxmin(), shares.idxmax())
        ]
        first = units.loc[(units["variant"] == variant) & (units["dead"] > 0), "percent"].min()
        died = f"the first units die at {first:g} %" if first > 0 else "no unit dies at any percentage tested"
        told.append(f"between {listed(ends)} stay, and {died}")
    return f"With {percentage:g} % of {scope(target)} pruned, {'; '.join(told)}."


def remembered(seen: pd.DataFrame, table: pd.DataFrame, parameters: Parameters) -> str:
    """How many last characters each network needs, and what a table of as many reaches.

    Parameters
    ----------
    seen : DataFrame
        That of ``studies.memory``.
    table : DataFrame
        As `sparsekit.pruning.memory.last_characters` returns it.
    """
    told, tables = [], table.set_index("seen")["accuracy"]
    for variant in ordered(seen["variant"], VARIANTS):
        words = []
        for network, rows in seen[seen["variant"] == variant].groupby("network", sort=False):
            mean = rows.groupby("seen")["accuracy"].mean()
            count = needed(mean, parameters.margin)
            beside_it = f", a table {percent(tables[count])}" if count in tables else ""
            words.append(f"{network}, {count} (all give {percent(mean.iloc[-1])}{beside_it})")
        told.append(f"{_label_pruning(variant)}: {'; '.join(words)}")
    text = f"Last characters needed to come within {100 * parameters.margin:g} points of what all give: "
    return f"{text}{'. '.join(told)}."


def without_h2h(paths: pd.DataFrame, parameters: Parameters) -> str:
    """Which cells live without hidden-to-hidden weights, and whether the carry is what they live by."""
    own = paths[paths["network"] == WITHOUT_H2H]
    if own.empty:
        return (
            "Whether a cell can do without hidden-to-hidden weights was not asked: that needs `h2h` among the "
            "`targets` and 100 among the `percentages`."
        )
    means = own.groupby(["variant", "cut"])["accuracy"].mean()
    whole = {v: means[v, "nothing"] for v in ordered(own["variant"], VARIANTS)}
    cut = {v: means[v, "carry"] for v in whole if (v, "carry") in means}
    text = f"Retrained without hidden-to-hidden weights: {_accuracies(whole)}. "
    if not cut:
        return f"{text}None of these cells has another path for its past."
    carried = [_label_pruning(v) for v in cut if whole[v] - cut[v] > parameters.margin]
    found = "the carry is not what they live by"
    if carried:
        know = "knows" if len(carried) == 1 else "know"
        found = f"what {listed(carried)} still {know} of the past comes by the carry, a path that simple cells lack"
    return f"{text}With the carry cut too: {_accuracies(cut)}. So {found}."


def _label_pruning(variant: str) -> str:
    return look(VARIANTS, variant).label


def _accuracies(by_variant: dict[str, float]) -> str:
    return listed(f"{_label_pruning(variant)} {percent(accuracy)}" for variant, accuracy in by_variant.items())


def _points(row: pd.Series) -> str:
    """A difference of accuracies with its interval, in points."""
    difference, low, high = (number(100 * row[name], 1, sign=True) for name in ("ahead", "low", "high"))
    return f"{difference} points" + (f" ({low} to {high})" if row["n"] > 1 else "")


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
        told.append(f"{_label_recovery(variant)} {', '.join(_runs(by_percent))}")
    return (
        f"Counting networks that never come back too, half are within {parameters.margin:g} of their base, "
        f"by percentage of the {weights_of(target)} pruned: {'; '.join(told)}. {_seeds_recovery(recovery)}"
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
    for share, at in ends.groupby("percent"):
        conditions = ordered(at.index.unique(name), LOOKS[name])
        each = [f"{looks.look(LOOKS[name], one).label} {_verdicts(at.xs(one, level=name))}" for one in conditions]
        told.append(f"{share:g} % pruned, {'; '.join(each)}.")
    text = f"{opening}: {' '.join(told)}"
    if ends["low"].notna().any():
        clear = ((ends["low"] > 0) | (ends["high"] < 0)).sum()
        text += f" {clear} of {counted(len(ends), 'interval')} {'leaves' if clear == 1 else 'leave'} out zero."
    return f"{text} {_seeds_recovery(rows)}"


def _verdicts(at: pd.DataFrame) -> str:
    """In which variants the interval lies above zero, and below it; the others cannot be told."""
    at = at.droplevel(["target", "percent"])
    at = at.loc[ordered(at.index, VARIANTS)]
    told = []
    for which, word in ((at["low"] > 0, "ahead in"), (at["high"] < 0, "behind in")):
        names = [f"{_label_recovery(v)} ({number(100 * d, 1, sign=True)})" for v, d in at.loc[which, "ahead"].items()]
        told += [f"{word} {listed(names)}"] if names else []
    others = at.index[~(at["low"] > 0) & ~(at["high"] < 0)]
    if len(others):
        told.append(f"cannot tell in {listed(_label_recovery(v) for v in others) if told else 'any variant'}")
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
        told.append(f"{_label_recovery(variant)} {pruned} at once, {recovered} after retraining")
    return (
        f"With {percentage:g} % of the {weights_of(target)} pruned, the mean spectral radius of the hidden-to-hidden "
        f"weights is this share of what it was before: {'; '.join(told)}. {_seeds_recovery(rows)}"
    )


def _percent(shares: pd.Series, confidence: float) -> str:
    mean, low, high = (100 * end for end in mean_interval(shares, confidence, low=0))
    return f"{mean:.0f} %" if np.isnan(low) else f"{mean:.0f} % ({low:.0f} to {high:.0f})"


def _label_recovery(variant: str) -> str:
    return look(VARIANTS, variant).label


def _seeds_recovery(rows: pd.DataFrame) -> str:
    seeds = rows["seed"].nunique()
    return f"Over {seeds} seeds." if seeds > 1 else "One seed: how far this varies cannot be told."


def structured(structure: pd.DataFrame, layouts: pd.DataFrame, chance: float, parameters: Parameters) -> str:
    """The answer, as a list in Markdown: accuracy and trainability, noise ceiling, null models, published mask rows.

    Parameters
    ----------
    structure, layouts : DataFrame
        As ``studies.structure`` and ``studies.gate_rows`` return them.
    chance : float
        Accuracy of always naming the larger class.
    """
    points = [
        _reached(structure, chance, parameters),
        _noise(structure, chance, parameters),
        *_nulls(structure, chance, parameters),
        _gate_rows(layouts, chance, parameters),
    ]
    return "\n".join(f"- {point}" for point in points)


def _reached(structure: pd.DataFrame, chance: float, parameters: Parameters) -> str:
    kept = only_learned(structure, chance)
    shares = ceilings.trainability(given_graphs(structure), chance, confidence=parameters.confidence)
    told = []
    for variant in ordered(structure["variant"], VARIANTS):
        accuracy = one_per_graph(kept, variant)["test_accuracy"].dropna()
        mean, low, high = mean_interval(accuracy, parameters.confidence, low=0, high=1)
        span = f" ({percent(low)} to {percent(high)})" if np.isfinite(low) else ""
        stuck, networks = shares.loc[(variant, ceilings.ALL), ["at_chance", "networks"]]
        found = f"{percent(mean)}{span}" if len(accuracy) else "nothing"
        told.append(f"{_label_graph(variant)} {found}, {stuck:.0f} of {networks:.0f} at chance level")
    return (
        f"**What they reach.** Networks that left chance level reach, mean over graphs: {'; '.join(told)}. "
        "Those at chance are counted, and in no mean."
    )


def _noise(structure: pd.DataFrame, chance: float, parameters: Parameters) -> str:
    noise = ceilings.intraclass(only_learned(given_graphs(structure), chance), confidence=parameters.confidence)
    told = [
        f"{_label_graph(variant)} {number(row['icc'])} ({number(row['icc_low'])} to {number(row['icc_high'])}), "
        f"ceiling {number(row['ceiling'])}"
        for variant, row in noise.loc[ordered(noise.index, VARIANTS)].iterrows()
        if np.isfinite(row["icc"])
    ]
    if not told:
        return (
            "**Graph or seed?** Cannot tell: that takes two graphs of two networks each that left chance level; "
            "`graph_seeds` above 1 trains them."
        )
    return (
        "**Graph or seed?** Share of the variance of accuracy that lies between graphs, and what it leaves properties "
        f"of graphs to explain at most, of means over seeds: {'; '.join(told)}."
    )


def _nulls(structure: pd.DataFrame, chance: float, parameters: Parameters) -> list[str]:
    means = mean_differences(null_differences(structure, chance), parameters.confidence)
    found = {
        kind: _verdicts_graph(means.xs(kind, level="against"), "null models") for kind in means.index.unique("against")
    }
    return [
        f"**Is it this structure?** Beside null models of {NULLS.get(kind, kind)} ({kind}), graphs are{verdicts}."
        for kind, verdicts in found.items()
    ] or ['**Is it this structure?** Not asked: `null_models = ["rewired", "random"]` would.']


def wrong_entries(layouts: pd.DataFrame) -> str:
    """How far the published mask rows are from the graphs: wrong entries, and edges without their weight."""
    published = layouts[layouts["gate_masks"] == "rows"].drop_duplicates(["variant", "generator", "original"])
    if published.empty:
        return 'They do not apply: only GRU and LSTM of `structure = "layered"` have two layouts of masks.'
    return (
        f"In {(published['wrong'] > 0).sum()} of {len(published)} pairs of graph and variant they differ from the "
        f"graph: {percent(published['wrong'].mean())} of mask entries are wrong on average, and "
        f"{percent(published['lost'].mean())} of edges, counted in each gate, have no weight."
    )


def _gate_rows(layouts: pd.DataFrame, chance: float, parameters: Parameters) -> str:
    means = mean_differences(gate_row_differences(layouts, chance), parameters.confidence)
    told = f"**The published mask rows.** {wrong_entries(layouts)}"
    if means.empty:
        return told
    return f"{told} Networks trained with them are{_verdicts_graph(means.droplevel('against'), 'whole masks')}."


def _verdicts_graph(means: pd.DataFrame, others: str) -> str:
    """Variants whose interval lies above zero, below it, or on both sides; how many networks never learned."""
    words: dict[str, list[str]] = {"better": [], "worse": [], "not shown to differ": [], "not to be compared": []}
    for variant, row in means.loc[ordered(means.index, VARIANTS)].iterrows():
        if not row["graphs"]:
            words["not to be compared"].append(f"{_label_graph(variant)} (in no pair both left chance level)")
            continue
        mean, low, high = (number(100 * row[name], 1, sign=True) for name in ("mean", "low", "high"))
        span = f", {low} to {high}" if np.isfinite(row["low"]) else ", no interval"
        verdict = "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "not shown to differ"
        words[verdict].append(f"{_label_graph(variant)} ({mean}{span})")
    told = "; ".join(f"{verdict}: {listed(variants)}" for verdict, variants in words.items() if variants)
    stuck, others_stuck, pairs = (means[name].sum() for name in ("stuck", "stuck_other", "pairs"))
    unit = ", in percentage points," if means["graphs"].any() else ""
    return f"{unit} {told}. At chance level stayed {stuck:.0f} of {pairs:.0f}, of the {others} {others_stuck:.0f}"


def _label_graph(variant: str) -> str:
    return look(VARIANTS, variant).label


PERMUTATIONS = 999
TARGET = "test_accuracy"


def rq4(structure: pd.DataFrame, parameters: Parameters, majority: float | None = None) -> str:
    """Per variant the strongest correlation, tested as the strongest of all; then what size and widths leave.

    Parameters
    ----------
    majority : float, optional
        Accuracy of always naming the larger class: what is left without networks at chance is told beside.
    """
    structure = given_graphs(structure)
    return f"{_as_published(structure, parameters)} {_controlled(structure, parameters, majority)} {_graphs(structure)}"


def _options(parameters: Parameters) -> dict:
    return {"confidence": parameters.confidence, "resamples": parameters.bootstrap, "seed": parameters.data_seed}


def _as_published(structure: pd.DataFrame, parameters: Parameters) -> str:
    told = []
    for variant in ordered(structure["variant"], VARIANTS):
        rows = one_per_graph(structure, variant)
        table = correlate(rows, TARGET, NAMES, **_options(parameters)).dropna(
            subset=["pearson", "pearson_low", "pearson_high"]
        )
        name, r, p = strongest(rows, TARGET, table.index, PERMUTATIONS, parameters.data_seed)
        if not name:
            told.append(f"{_label_structure(variant)} cannot tell from {len(rows)} graphs")
            continue
        clear = ((table["pearson_low"] > 0) | (table["pearson_high"] < 0)).sum()
        found = (
            f"{words_of(name)}, r = {_span_structure(number(r), *table.loc[name, ['pearson_low', 'pearson_high']])}, "
            f"p = {number(p, 3)} for the strongest of {len(table)}"
        )
        word = "cannot tell, at most" if p > 1 - parameters.confidence else "most"
        told.append(f"{_label_structure(variant)} {word} with {found}, {clear} of {len(table)} intervals without zero")
    chance = (1 - parameters.confidence) * len(NAMES)
    return (
        f"As published, each property alone: {'; '.join(told)}. By chance alone about "
        f"{number(chance, 0 if chance >= 1 else 1)} of {len(NAMES)} intervals would leave out zero."
    )


def _controlled(structure: pd.DataFrame, parameters: Parameters, majority: float | None) -> str:
    properties, given = graph_properties(structure), controls(structure)
    alone = correlations(structure, properties=properties, **_options(parameters))
    held = partial(structure, given, properties=properties, **_options(parameters))
    if held["pearson_low"].isna().all():
        return f"Given {controls_in_words(given)}: cannot tell from {held['n'].max():.0f} graphs."
    text = (
        f"Given {controls_in_words(given)}, of {len(properties)} properties at a false-discovery rate of "
        f"{100 * DISCOVERY:g} %: {_discoveries(held, alone)}."
    )
    stuck = 0 if majority is None else len(structure) - len(learned_(structure, majority))
    if not stuck:
        return text
    rest = partial(only_learned(structure, majority), given, properties=properties, **_options(parameters))
    return f"{text} Without {counted(stuck, 'network')} of {len(structure)} at chance: {_discoveries(rest)}."


def _discoveries(held: pd.DataFrame, alone: pd.DataFrame | None = None) -> str:
    """Per variant how many properties are discoveries, and the strongest coefficient."""
    told, tables = [], by_variant(held)
    for variant in ordered(tables, VARIANTS):
        table = tables[variant]
        known = table["pearson"].abs()[np.isfinite(table["pearson_low"])]
        if known.empty:
            told.append(f"{_label_structure(variant)} cannot tell from {table['n'].max():.0f} graphs")
            continue
        row = table.loc[name := known.idxmax()]
        before = "" if alone is None else f" (alone {int((alone.loc[variant, 'q_value'] <= DISCOVERY).sum())})"
        count = int((table["q_value"] <= DISCOVERY).sum())
        told.append(
            f"{_label_structure(variant)} {count or 'none'}{before}, strongest {words_of(name)}, "
            f"r = {_span_structure(number(row['pearson'], sign=True), row['pearson_low'], row['pearson_high'])}"
        )
    return "; ".join(told)


def rq5(structure: pd.DataFrame, parameters: Parameters) -> str:
    """Per variant the published R² of one split and its range; then out of fold, beside what must be beaten.

    Last the noise ceiling: what no property of a graph can exceed.
    """
    structure = given_graphs(structure)
    baselines, given = prediction_baselines(structure), controls(structure)
    properties = graph_properties(structure)
    scores = nested_prediction(
        structure,
        properties=properties,
        baselines=baselines,
        repeats=parameters.prediction_repeats,
        **_options(parameters),
    )
    baseline = strongest_baseline(baselines)
    ceilings, once, folds = intraclass(structure, confidence=parameters.confidence), [], []
    for variant in ordered(structure["variant"], VARIANTS):
        once.append(f"{_label_structure(variant)} {_split(one_per_graph(structure, variant), parameters)}")
        folds.append(f"{_label_structure(variant)} {_out_of_fold(scores.loc[variant], baseline)}")
        folds[-1] += _ceiling(ceilings.loc[variant])
    against = controls_in_words(given) if given else {"mean": "the mean"}.get(baseline, words_of(baseline))
    return (
        f"As published, a random forest on one split: {'; '.join(once)}. "
        f"Cross-validated, all {len(properties)} properties against {against}: {'; '.join(folds)}. "
        f"Zero is what the mean alone predicts. {_graphs(structure)}"
    )


def _split(rows: pd.DataFrame, parameters: Parameters) -> str:
    r2 = published_prediction(rows, TARGET)["random_forest"]
    if not np.isfinite(r2):
        return f"cannot tell from {len(rows)} graphs"
    splits = split_distribution(rows, TARGET, parameters.prediction_splits, parameters.data_seed)["random_forest"]
    low, high = splits.quantile([0.05, 0.95])
    ends = f"{number(low, 2 if low > -10 else 0)} to {number(high)}"
    return f"R² {number(r2)} (5–95 % of {parameters.prediction_splits} splits: {ends})"


def _out_of_fold(table: pd.DataFrame, against: str) -> str:
    row, base = table.loc[ALL], table.loc[against]
    if not np.isfinite(row["r2"]):
        return f"cannot tell from {row['graphs']:.0f} graphs"
    word = "in part" if row["low"] > 0 else "no" if row["high"] <= 0 else "cannot tell"
    gain = _span_structure(number(base["gain"], sign=True), base["gain_low"], base["gain_high"])
    return f"{word}, R² {_span_structure(number(row['r2']), row['low'], row['high'])}, gain {gain}"


def _ceiling(row: pd.Series) -> str:
    if not np.isfinite(row["ceiling"]):
        return ", noise ceiling unknown"
    return f", noise ceiling {_span_structure(number(row['ceiling']), row['ceiling_low'], row['ceiling_high'])}"


def _span_structure(value: str, low: float, high: float) -> str:
    return f"{value} ({number(low)} to {number(high)})" if np.isfinite(low) else value


def _label_structure(variant: str) -> str:
    return look(VARIANTS, variant).label


def _graphs(structure: pd.DataFrame) -> str:
    graphs = len(structure.drop_duplicates(["generator", "graph"]))
    return f"Each of {graphs} graphs a variant counts once, its accuracy the mean over seeds."
