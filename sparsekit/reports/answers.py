"""The answer to each research question: one sentence computed from a run's tables, how sure it is, and its numbers.

Notebooks and the report's index show what these functions return, so neither can say anything else than the other.
"""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from sparsekit.analysis import verdicts
from sparsekit.analysis.correlation import correlations, found
from sparsekit.analysis.covariates import SIZE, controls, graph_properties, only_learned, prediction_baselines
from sparsekit.analysis.cross_validation import ALL, nested_prediction, under_ceiling
from sparsekit.analysis.intervals import ROUNDING
from sparsekit.analysis.pruning import from_unpruned
from sparsekit.analysis.recovery import back_within_an_epoch
from sparsekit.analysis.structure import intraclass, learned, separates
from sparsekit.analysis.tables import EVERY, given_graphs
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.correlation import sizes_in_words
from sparsekit.figures.style import ordered
from sparsekit.figures.words import counted, label, listed, number, percent, span, weights_of, words_of
from sparsekit.reports import thesis
from sparsekit.reports.answer import IN_PART, SHOWN, UNDECIDED, Answer
from sparsekit.variants import TARGETS, VARIANTS

TARGET = "test_accuracy"
NEAR = 10  # points: the scorecard's tolerance of a percentage; an interval that reaches no further decides it


def rq1(pruning: pd.DataFrame, parameters: Parameters, majority: float) -> Answer:
    """At which percentage half of all networks have lost half of what they had learned, `majority` being chance.

    Every network is measured by its own accuracy before pruning, less chance; one that had learned nothing has nothing
    to lose and is left out. Thresholds by `analysis.verdicts.half_dropped`, which takes every tested grid.
    """
    rows, notes = _learned(pruning, parameters, majority)
    kept = (rows["accuracy"] - majority) / (rows["base_accuracy"] - majority)
    halves = verdicts.half_dropped_of_all(rows.assign(base_accuracy=1.0, accuracy=kept), 0.5, parameters.confidence)
    table = from_unpruned(rows, parameters.confidence).assign(chance=majority)
    every = halves.xs(EVERY, level="variant") if len(rows) else halves
    ends = {"half": "percent", "half_low": "low", "half_high": "high"}
    table = table.assign(**{name: table["target"].map(every[end]) for name, end in ends.items()})
    return _threshold("RQ1", rows, halves, table, "lost half of what they had learned", parameters, notes)


def rq2(pruning: pd.DataFrame, parameters: Parameters, majority: float) -> Answer:
    """At which percentage half of all networks have dropped by more than the margin; those at chance are left out."""
    rows, notes = _learned(pruning, parameters, majority)
    halves = verdicts.half_dropped_of_all(rows, parameters.margin, parameters.confidence)
    table = halves.reset_index()[["variant", "target", "percent", "low", "high", "n"]]
    said = thesis.safe_percentages(parameters)
    table["reported"] = [said.get(at, np.nan) for at in zip(table["variant"], table["target"], strict=True)]
    words = f"lost more than {_points(parameters.margin)} of accuracy"
    return _threshold("RQ2", rows, halves, table, words, parameters, notes)


def rq3(recovery: pd.DataFrame, parameters: Parameters) -> Answer:
    """At which percentages most networks that had dropped are back within the first epoch of retraining."""
    table = back_within_an_epoch(recovery, parameters.margin, parameters.confidence)
    first = ordered(recovery["target"], TARGETS)[0]
    own = table[(table["variant"] == EVERY) & (table["target"] == first) & (table["dropped"] > 0)]
    most, few = own[own["low"] > 0.5], own[own["high"] < 0.5]
    decided = len(most) + len(few)
    verdict = UNDECIDED if not decided else SHOWN if decided == len(own) else IN_PART
    if own.empty:
        text = (
            f"There is nothing to regain: pruned, no network lost more than {_points(parameters.margin)} of accuracy."
        )
    elif len(most):
        at = most.loc[most["percent"].idxmax()]
        text = (
            f"One epoch of retraining repairs most networks even at {at['percent']:g} % pruned: {_share(at)} of those "
        )
        text += "that had dropped are back"
        later = few.loc[few["percent"] > at["percent"], "percent"]
        text += f"; at {later.min():g} % most are not." if len(later) else "."
    else:
        at = few.loc[few["percent"].idxmin()] if len(few) else own.loc[own["dropped"].idxmax()]
        opening = "One epoch of retraining is not enough" if len(few) else "These networks are too few to tell"
        text = f"{opening}: at {at['percent']:g} % pruned, {_share(at)} of the networks that had dropped are back."
    return Answer("RQ3", text, verdict, _seeds(recovery, parameters), table)


def rq4(
    structure: pd.DataFrame,
    parameters: Parameters,
    majority: float | None = None,
    *,
    held: pd.DataFrame | None = None,
) -> Answer:
    """Which properties accuracy goes with, given size and widths, all tested together in each variant.

    Given the `majority` accuracy, whether the same are found without networks at chance is told beside. `held` is for a
    caller who has it already: `correlations` of all properties that differ given the controls, as the parameters say.
    """
    structure = given_graphs(structure)
    options, properties, given = _options(parameters), graph_properties(structure), controls(structure)
    if held is None:
        held = correlations(structure, given, TARGET, properties, **options)
    ends = {"pearson": "r", "pearson_low": "low", "pearson_high": "high", "pearson_p": "p", "n": "graphs"}
    table = held.reset_index()[["variant", "property", *ends]].rename(columns=ends)
    table["told"], table["control"] = found(held).to_numpy(), table["property"].isin(given)
    others = table[~table["control"] & table["r"].notna() & table["p"].notna()]
    graphs = f"{table['graphs'].max()} graphs, {100 * parameters.confidence:g} % interval"
    told = others[others["told"]]
    if others.empty:
        text = f"Too few graphs to tell what accuracy goes with: {counted(table['graphs'].max(), 'graph')} a variant."
        return Answer("RQ4", text, UNDECIDED, graphs, table)
    tested, beside = others["property"].nunique(), _given(given)
    notes, verdict = [], UNDECIDED
    if told.empty:
        at = others.loc[others["r"].abs().idxmax()]
        text = f"No graph property of {tested} is clear{beside}: the strongest, {words_of(at['property'])} in "
        text += f"{label(at['variant'])}, has r = {_span(at, 'r')}."
    else:
        variants = told["property"].value_counts()
        strongest = told.groupby("property")["r"].apply(lambda r: r.abs().max())
        name = max(variants.index, key=lambda one: (variants[one], strongest[one]))
        at = told.loc[told.loc[told["property"] == name, "r"].abs().idxmax()]
        verdict = SHOWN if variants[name] == others["variant"].nunique() else IN_PART
        also = ", which also tells graph families apart" if separates(structure, name) else ""
        text = f"Accuracy goes with {len(variants)} of {tested} graph properties, most clearly {words_of(name)}{also}: "
        text += f"r = {_span(at, 'r')} in {label(at['variant'])}{beside and f',{beside}'}."
        every = [
            f"{label(v)}: {listed(map(words_of, own['property']))}" for v, own in told.groupby("variant", sort=False)
        ]
        notes.append(f"Told from zero: {'; '.join(every)}.")
    if given and held.index.get_level_values("property").isin(given).any():
        notes.append(f"Of size and widths, each given the others, accuracy goes with: {sizes_in_words(held, given)}.")
    if majority is not None and (stuck := len(structure) - len(learned(structure, majority))):
        rest = correlations(only_learned(structure, majority), given, TARGET, properties, **options)
        rest = rest[~rest.index.get_level_values("property").isin(given)]
        same = {*rest.index[found(rest)]} == {*zip(told["variant"], told["property"], strict=True)}
        then = "the same are told from zero" if same else f"{found(rest).sum()} coefficients are told from zero"
        notes.append(f"Without {counted(stuck, 'network')} of {len(structure)} at chance, {then}.")
    notes.append("Each interval is paid for as one of all that are tested in its variant.")
    return Answer("RQ4", text, verdict, graphs, table, notes)


def rq5(
    structure: pd.DataFrame,
    parameters: Parameters,
    *,
    scores: pd.DataFrame | None = None,
    noise: pd.DataFrame | None = None,
) -> Answer:
    """In which variants all properties predict the accuracy of unseen graphs better than of shuffled accuracies.

    `scores` and `noise` are for a caller who has them already: `nested_prediction` of all properties that differ beside
    `prediction_baselines`, and `intraclass`, both as the run's parameters say.
    """
    structure = given_graphs(structure)
    properties, baselines = graph_properties(structure), prediction_baselines(structure)
    if scores is None:
        many = {"repeats": parameters.prediction_repeats, "permutations": parameters.permutations}
        scores = nested_prediction(structure, TARGET, properties, baselines, seed=parameters.data_seed, **many)
    if noise is None:
        noise = intraclass(structure, confidence=parameters.confidence)
    # From the mean to size and widths together, each knows more than the one before; the family is none of them.
    baseline = [name for name in baselines if name != "family"][-1]
    table = under_ceiling(scores, noise, baseline)
    all_of = scores.xs(ALL, level="features")
    sure = f"{all_of['graphs'].max():.0f} graphs, {parameters.prediction_repeats} cuts"
    known = all_of[np.isfinite(all_of["p_value"])]
    notes = ["The interval holds the middle 90 % of cuts into folds; accuracies are shuffled within graph families."]
    if known.empty:
        text = f"Too few graphs to tell: a prediction takes ten or more, and here are {all_of['graphs'].max():.0f}."
        return Answer("RQ5", text, UNDECIDED, sure, table)
    predicts = known[(known["p_value"] <= 1 - parameters.confidence + ROUNDING) & (known["r2"] > 0)]
    best = (known if predicts.empty else predicts).sort_values(["p_value", "r2"], ascending=[True, False]).iloc[0]
    r2 = f"R² {_span(best.rename({'r2_low': 'low', 'r2_high': 'high'}), 'r2')}"
    dealt = f"shuffled accuracies reach {number(best['null_high'])}"
    every = f"{len(properties)} graph properties predict unseen graphs"
    if predicts.empty:
        text = f"Not shown: {every} most clearly in {label(best.name)}, with {r2}, but {dealt}."
        return Answer("RQ5", text, UNDECIDED, sure, table, notes)
    where = "every variant" if len(predicts) == len(known) else listed(map(label, ordered(predicts.index, VARIANTS)))
    text = f"Yes, in {where}: {every}, in {label(best.name)} with {r2}, where {dealt}."
    gain = scores.loc[(best.name, baseline)]
    if not gain["gain_low"] > 0:
        notes.insert(0, f"In {label(best.name)} they are shown to add nothing to {words_of(baseline)} alone.")
    return Answer("RQ5", text, SHOWN if len(predicts) == len(known) else IN_PART, sure, table, notes)


def _learned(pruning: pd.DataFrame, parameters: Parameters, majority: float) -> tuple[pd.DataFrame, list[str]]:
    """Rows of networks above chance, and a note on those that are not."""
    stuck = pruning["base_accuracy"] <= majority + parameters.margin
    if not stuck.any():
        return pruning, []
    left_out = pruning[stuck].drop_duplicates(["variant", "seed"])["variant"]
    which = listed(map(label, ordered(left_out, VARIANTS)))
    return pruning[~stuck], [f"Left out: {counted(len(left_out), 'network')} at chance before pruning ({which})."]


def _threshold(
    question: str,
    rows: pd.DataFrame,
    halves: pd.DataFrame,
    table: pd.DataFrame,
    lost: str,
    parameters: Parameters,
    notes: list[str],
) -> Answer:
    """What is said of the percentage at which half of the networks have lost as much as these words say."""
    if rows.empty:
        text = "Nothing was learned, so nothing can be lost: before pruning every network is at chance."
        return Answer(question, text, UNDECIDED, "no network above chance", table, notes)
    first = ordered(rows["target"], TARGETS)[0]
    own = halves.xs(first, level="target")
    every, weights = own.loc[EVERY], weights_of(first).replace("all ", "their ")
    end = verdicts.end_in_words(every)
    if end:
        at, already = (every["first"], True) if end.startswith("below") else (every["last"], False)
        share, low, high = verdicts.share_dropped_at(every, at, parameters.confidence)
        verdict = SHOWN if (low > 0.5 if already else high < 0.5) else UNDECIDED
        told = _share({"share": share, "low": low, "high": high})
        text = f"{'Already' if already else 'Even'} at {at:g} % of {weights} pruned, {told} of networks have {lost}."
        return Answer(question, text, verdict, _seeds(rows, parameters), table, notes)
    text = f"Half of all networks have {lost} once {every['percent']:.0f} % ({every['low']:.0f} to "
    text += f"{every['high']:.0f} %) of {weights} are pruned."
    reach = np.maximum(own["high"] - own["percent"], own["percent"] - own["low"])
    near = reach.drop(EVERY) <= NEAR
    verdict = SHOWN if near.all() else IN_PART if near.any() or reach[EVERY] <= NEAR else UNDECIDED
    return Answer(question, text, verdict, _seeds(rows, parameters), table, notes)


def _given(controls: Iterable[str]) -> str:
    """What is held fixed, short.

    >>> _given(["nodes", "edges"]), _given([]), _given(["nodes", "source_nodes"])
    (' given size', '', ' given size and widths')
    """
    size, widths = (any((name in SIZE) == kind for name in controls) for kind in (True, False))
    return f" given {listed(['size'] * size + ['widths'] * widths)}" if size or widths else ""


def _share(row: Mapping) -> str:
    low, high = (f"{100 * row[end]:.0f}" for end in ("low", "high"))
    return f"{percent(row['share'], 0)} ({low} to {high} %)"


def _span(row: Mapping, name: str) -> str:
    return span(row[name], row["low"], row["high"])


def _points(share: float) -> str:
    return counted(round(100 * share, 6), "point")


def _seeds(rows: pd.DataFrame, parameters: Parameters) -> str:
    return f"{counted(rows['seed'].nunique(), 'seed')}, {100 * parameters.confidence:g} % interval"


def _options(parameters: Parameters) -> dict[str, float]:
    own = {"confidence": parameters.confidence, "permutations": parameters.permutations}
    return own | {"seed": parameters.data_seed}
