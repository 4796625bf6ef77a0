"""The answer to each research question: one sentence computed from a run's tables, how sure it is, and its numbers.

Notebooks and the report's index show what these functions return, so neither can say anything else than the other. A
verdict is "shown", "in part" or "undecided". A sentence has at most `WORDS` words, and one estimate with its interval.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

import numpy as np
import pandas as pd

from sparsekit.analysis import verdicts
from sparsekit.analysis.correlation import correlations, found
from sparsekit.analysis.covariates import SIZE, controls, graph_properties, only_learned, prediction_baselines
from sparsekit.analysis.cross_validation import ALL, nested_prediction
from sparsekit.analysis.intervals import ROUNDING, over_seeds, wilson
from sparsekit.analysis.recovery import events
from sparsekit.analysis.structure import intraclass, learned
from sparsekit.analysis.tables import given_graphs
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.correlation import sizes_in_words
from sparsekit.figures.picture import Picture
from sparsekit.figures.style import look, ordered
from sparsekit.figures.words import ALONE, LOOKS, counted, label, listed, number, percent, weights_of, words_of
from sparsekit.reports import thesis
from sparsekit.variants import TARGETS, VARIANTS

QUESTIONS = {
    "RQ1": "What does pruning weights do to the accuracy of a recurrent network?",
    "RQ2": "What share of the weights can go before accuracy drops significantly?",
    "RQ3": "After a significant drop, how many epochs of retraining regain the accuracy?",
    "RQ4": "How does a randomly structured recurrent network's accuracy correlate with the properties of its graph?",
    "RQ5": "Can that accuracy be predicted from the properties of the graph?",
}
SHOWN, IN_PART, UNDECIDED = VERDICTS = ("shown", "in part", "undecided")
MIME = "application/vnd.sparsekit.answer+json"
"""By this type an executed notebook keeps an answer whole, for the index."""

WORDS = 30
TARGET = "test_accuracy"
EVERY = "all"  # variants together, in a table of an answer
NEAR = 10  # points: the scorecard's tolerance of a percentage; an interval that reaches no further decides it


@dataclass(frozen=True)
class Answer:
    """One research question's answer, as a notebook shows it and the index reads it.

    Attributes
    ----------
    question : str
        Of `QUESTIONS`.
    sentence : str
        The finding, with one estimate and its interval.
    verdict : str
        Of `VERDICTS`.
    sure : str
        What it rests on, in at most five words.
    table : DataFrame
        Every condition with its interval, a row each: what the index draws and offers as CSV.
    notes : list of str
        What a reader must know beside it, a sentence each.
    """

    question: str
    sentence: str
    verdict: str
    sure: str
    table: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return self.sentence

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict:
        notes = "".join(f"\n- {note}" for note in self.notes)
        text = f"**{self.sentence}**\n\n*{self.verdict} · {self.sure}*\n{notes}"
        rows = json.loads(self.table.to_json(orient="split", index=False, double_precision=15))
        return {"text/markdown": text, "text/plain": self.sentence, MIME: asdict(self) | {"table": rows}}

    @classmethod
    def read(cls, kept: Mapping) -> "Answer":
        """An answer that an executed notebook kept under `MIME`."""
        table = pd.DataFrame(kept["table"]["data"], columns=kept["table"]["columns"])
        table = table.fillna(np.nan).infer_objects()  # JSON has no nan: a column of nothing else came as None
        return cls(**{**kept, "table": table})


def rq1(pruning: pd.DataFrame, parameters: Parameters, majority: float) -> Answer:
    """At which percentage half of all networks have lost half of what they had learned, `majority` being chance.

    Every network is measured by its own accuracy before pruning, less chance; one that had learned nothing has nothing
    to lose and is left out. Thresholds by `analysis.verdicts.half_dropped`, which takes every tested grid.
    """
    rows, notes = _learned(pruning, parameters, majority)
    kept = (rows["accuracy"] - majority) / (rows["base_accuracy"] - majority)
    halves = _halves(rows.assign(base_accuracy=1.0, accuracy=kept), 0.5, parameters)
    table = _means(rows, parameters.confidence).assign(chance=majority)
    every = halves.xs(EVERY, level="variant") if len(rows) else halves
    ends = {"half": "percent", "half_low": "low", "half_high": "high"}
    table = table.assign(**{name: table["target"].map(every[end]) for name, end in ends.items()})
    return _threshold("RQ1", rows, halves, table, "lost half of what they had learned", parameters, notes)


def rq2(pruning: pd.DataFrame, parameters: Parameters, majority: float) -> Answer:
    """At which percentage half of all networks have dropped by more than the margin; those at chance are left out."""
    rows, notes = _learned(pruning, parameters, majority)
    halves = _halves(rows, parameters.margin, parameters)
    table = halves.reset_index()[["variant", "target", "percent", "low", "high", "n"]]
    said = thesis.safe_percentages(parameters)
    table["reported"] = [said.get(at, np.nan) for at in zip(table["variant"], table["target"], strict=True)]
    words = f"lost more than {_points(parameters.margin)} of accuracy"
    return _threshold("RQ2", rows, halves, table, words, parameters, notes)


def rq3(recovery: pd.DataFrame, parameters: Parameters) -> Answer:
    """At which percentages most networks that had dropped are back within the first epoch of retraining."""
    table = _back(recovery, parameters)
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
        also = ", which also tells graph families apart" if _separates(structure, name) else ""
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
    table = _predictions(scores, noise, baseline)
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
        text = f"Not shown: {every} best in {label(best.name)}, with {r2}, but {dealt}."
        return Answer("RQ5", text, UNDECIDED, sure, table, notes)
    where = "every variant" if len(predicts) == len(known) else listed(map(label, ordered(predicts.index, VARIANTS)))
    text = f"Yes, in {where}: {every}, in {label(best.name)} with {r2}, where {dealt}."
    gain = scores.loc[(best.name, baseline)]
    if not gain["gain_low"] > 0:
        notes.insert(0, f"In {label(best.name)} they are shown to add nothing to {words_of(baseline)} alone.")
    return Answer("RQ5", text, SHOWN if len(predicts) == len(known) else IN_PART, sure, table, notes)


def joined(*found: Picture | str) -> str:
    """What pictures' readings and further sentences say, as a list in Markdown."""
    return "\n".join(f"- {one if isinstance(one, str) else one.reading}" for one in found)


def paired(ends: pd.DataFrame, opening: str, confidence: float) -> str:
    """In which variants each condition is shown to be ahead or behind, and how many intervals leave out zero.

    `ends` is `analysis.conditions.ahead` of accuracies and one target, `opening` says what is compared with what.
    """
    names = ends.index.names[3:]
    if ends.empty:
        return ALONE[names[-1]]
    told = []
    for share, at in ends.groupby(level="percent"):
        found = []
        for condition, rows in at.groupby(level=names, sort=False):
            words = [look(LOOKS[name], one).label for name, one in zip(names, condition, strict=True)]
            found.append(f"{' '.join(words)} {_verdicts(rows)}")
        told.append(f"{share:g} % pruned, {'; '.join(found)}.")
    text = f"{opening}, in points: {' '.join(told)}"
    if (seeds := ends["n"].max()) == 1:
        return f"{text} One seed: how far this varies cannot be told."
    clear = ((ends["low"] > 0) | (ends["high"] < 0)).sum()
    text += f" Over {seeds} seeds {clear} of {counted(len(ends), 'interval')} {'leaves' if clear == 1 else 'leave'} "
    return f"{text}out zero; by chance alone about {number((1 - confidence) * len(ends), 1)} would."


def wrong_entries(layouts: pd.DataFrame) -> str:
    """How far the published mask rows are from the graphs: wrong entries, and edges without their weight."""
    published = layouts[layouts["gate_masks"] == "rows"].drop_duplicates(["variant", "generator", "original"])
    if published.empty:
        return 'They do not apply: only GRU and LSTM of `structure = "layered"` have two layouts of masks.'
    wrong, lost = percent(published["wrong"].mean()), percent(published["lost"].mean())
    text = f"In {(published['wrong'] > 0).sum()} of {len(published)} pairs of graph and variant they differ from the "
    text += f"graph: {wrong} of mask entries are wrong on average, and "
    return f"{text}{lost} of edges, counted in each gate, have no weight."


def _learned(pruning: pd.DataFrame, parameters: Parameters, majority: float) -> tuple[pd.DataFrame, list[str]]:
    """Rows of networks above chance, and a note on those that are not."""
    stuck = pruning["base_accuracy"] <= majority + parameters.margin
    if not stuck.any():
        return pruning, []
    left_out = pruning[stuck].drop_duplicates(["variant", "seed"])["variant"]
    which = listed(map(label, ordered(left_out, VARIANTS)))
    return pruning[~stuck], [f"Left out: {counted(len(left_out), 'network')} at chance before pruning ({which})."]


def _halves(rows: pd.DataFrame, margin: float, parameters: Parameters) -> pd.DataFrame:
    """`half_dropped` of each variant, and of the networks of all variants together."""
    own = rows[["variant", "seed", "target", "percent", "base_accuracy", "accuracy"]]
    together = own.assign(seed=own["variant"] + own["seed"].astype(str), variant=EVERY)
    parts = [own, together] if own["variant"].nunique() > 1 else [own, own.assign(variant=EVERY)]
    return verdicts.half_dropped(pd.concat(parts, ignore_index=True), margin, parameters.confidence)


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
        at = every["first"] if end.startswith("below") else every["last"]
        held = np.asarray(every["held"])
        gone = int((held < at).sum())
        share, low, high = wilson(gone, len(held), parameters.confidence)
        decided = low > 0.5 if end.startswith("below") else high < 0.5
        opening = f"Already at {at:g} %" if end.startswith("below") else f"Even at {at:g} %"
        told = _share({"share": share, "low": low, "high": high})
        text = f"{opening} of {weights} pruned, {told} of networks have {lost}."
        return Answer(question, text, SHOWN if decided else UNDECIDED, _seeds(rows, parameters), table, notes)
    text = f"Half of all networks have {lost} once {every['percent']:.0f} % ({every['low']:.0f} to "
    text += f"{every['high']:.0f} %) of {weights} are pruned."
    reach = np.maximum(own["high"] - own["percent"], own["percent"] - own["low"])
    near = reach.drop(EVERY) <= NEAR
    verdict = SHOWN if near.all() else IN_PART if near.any() or reach[EVERY] <= NEAR else UNDECIDED
    return Answer(question, text, verdict, _seeds(rows, parameters), table, notes)


def _means(rows: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Mean accuracy with its interval, that of the unpruned networks at 0 %."""
    unpruned = rows.drop_duplicates(["variant", "target", "seed"]).assign(
        percent=0.0, accuracy=lambda t: t["base_accuracy"]
    )
    both = pd.concat([unpruned, rows[rows["percent"] > 0]], ignore_index=True)
    return over_seeds(both, ["variant", "target", "percent"], "accuracy", confidence, low=0, high=1)


def _back(recovery: pd.DataFrame, parameters: Parameters) -> pd.DataFrame:
    """Of the networks that had dropped, the share that is back within one epoch, and by the last step."""
    epoch, parts = recovery.loc[np.isclose(recovery["epoch"], 1), "step"].max(), {}
    for (variant, target, share), group in recovery.groupby(["variant", "target", "percent"], sort=False):
        back = events(group, parameters.margin)
        dropped = back[~back["regained"] | (back["step"] > 0)]
        parts.setdefault((variant, target, share), []).append(dropped)
        parts.setdefault((EVERY, target, share), []).append(dropped)
    rows = []
    for (variant, target, share), of in parts.items():
        dropped = pd.concat(of)
        once = int((dropped["regained"] & (dropped["step"] <= epoch)).sum())
        ends = dict(zip(("share", "low", "high"), wilson(once, len(dropped), parameters.confidence), strict=True))
        own = {"variant": variant, "target": target, "percent": share, "dropped": len(dropped), "back": once}
        rows.append(own | ends | {"back_at_last": int(dropped["regained"].sum())})
    return pd.DataFrame(rows)


def _predictions(scores: pd.DataFrame, noise: pd.DataFrame, baseline: str) -> pd.DataFrame:
    """R² of what must be beaten, of all properties, of shuffled accuracies, and of the noise ceiling, by variant."""
    rows = []
    for variant in scores.index.get_level_values("variant").unique():
        every, ceiling = scores.loc[(variant, ALL)], noise.loc[variant]
        beaten = scores.loc[(variant, baseline)]
        for what, values in {
            "noise ceiling": ceiling[["ceiling", "ceiling_low", "ceiling_high"]],
            ALL: every[["r2", "r2_low", "r2_high"]],
            baseline: beaten[["r2", "r2_low", "r2_high"]],
            "shuffled": every[["null_median", "null_median", "null_high"]],
        }.items():
            ends = dict(zip(("r2", "low", "high"), map(float, values), strict=True))
            p = every["p_value"] if what == ALL else np.nan
            rows.append({"variant": variant, "features": what} | ends | {"p": p, "graphs": every["graphs"]})
    return pd.DataFrame(rows)


def _separates(structure: pd.DataFrame, name: str) -> bool:
    """Whether a property's values in each family lie apart from those in any other."""
    spans = structure.groupby("generator")[name].agg(["min", "max"]).sort_values("min")
    return len(spans) > 1 and bool((spans["max"].to_numpy()[:-1] < spans["min"].to_numpy()[1:]).all())


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
    return f"{number(row[name])} ({number(row['low'])} to {number(row['high'])})"


def _points(share: float) -> str:
    return counted(round(100 * share, 6), "point")


def _seeds(rows: pd.DataFrame, parameters: Parameters) -> str:
    return f"{counted(rows['seed'].nunique(), 'seed')}, {100 * parameters.confidence:g} % interval"


def _options(parameters: Parameters) -> dict[str, float]:
    own = {"confidence": parameters.confidence, "permutations": parameters.permutations}
    return own | {"seed": parameters.data_seed}


def _verdicts(rows: pd.DataFrame) -> str:
    """In which variants the interval lies above zero, and below it; the others cannot be told."""
    rows = rows.droplevel([name for name in rows.index.names if name != "variant"])
    rows = rows.loc[ordered(rows.index, VARIANTS)]
    above, below, told = rows["low"] > 0, rows["high"] < 0, []
    for word, clear in (("ahead in", above), ("behind in", below)):
        points = rows.loc[clear, "ahead"].items()
        if own := [f"{label(v)} ({number(100 * ahead, 1, sign=True)})" for v, ahead in points]:
            told.append(f"{word} {listed(own)}")
    if len(others := rows.index[~above & ~below]):
        told.append(f"cannot tell in {listed(map(label, others)) if told else 'any variant'}")
    return ", ".join(told)
