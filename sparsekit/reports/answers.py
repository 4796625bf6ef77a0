"""The short answer to each research question, computed from a run's tables and worded by what they can tell."""

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from sparsekit.analysis.correlation import by_variant, correlate, correlations, found
from sparsekit.analysis.covariates import controls, graph_properties, only_learned, prediction_baselines
from sparsekit.analysis.cross_validation import ALL, nested_prediction
from sparsekit.analysis.intervals import ROUNDING
from sparsekit.analysis.prediction import published_prediction, split_distribution, spread
from sparsekit.analysis.recovery import events, kaplan_meier
from sparsekit.analysis.structure import intraclass, learned
from sparsekit.analysis.tables import given_graphs, one_per_graph
from sparsekit.analysis.verdicts import end_in_words, half_dropped
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures.card import Picture
from sparsekit.figures.correlation import sizes_in_words
from sparsekit.figures.style import look, ordered
from sparsekit.figures.words import ALONE, LOOKS, controls_in_words, counted, label, listed, number, percent, words_of
from sparsekit.graphs.properties import NAMES
from sparsekit.variants import TARGETS, VARIANTS

QUESTIONS = {
    "RQ1": "What does pruning weights do to the accuracy of a recurrent network?",
    "RQ2": "What share of the weights can go before accuracy drops significantly?",
    "RQ3": "After a significant drop, how many epochs of retraining regain the accuracy?",
    "RQ4": "How does a randomly structured recurrent network's accuracy correlate with the properties of its graph?",
    "RQ5": "Can that accuracy be predicted from the properties of the graph?",
}
TARGET = "test_accuracy"


def rq1(pruning: pd.DataFrame, parameters: Parameters, majority: float | None = None) -> str:
    """What `pruning` does: per variant and target the percentage at which mean accuracy has fallen halfway to chance.

    It is interpolated between the two tested percentages named beside it, and so does not depend on where the grid is
    fine. Networks that learned nothing have nothing to lose and are left out.

    `majority` is the test accuracy of always naming the larger class, which is chance. Without it, task reber takes it
    from its share of valid strings; for any other task the answer tells the way to the lowest accuracy measured
    instead, and says that its networks are not checked.
    """
    learned, chance, floor, note = _learned(pruning, parameters, majority)
    first = ordered(pruning["target"], TARGETS)[0]
    halves = {(v, t): _halfway(own, floor, t == first) for (v, t), own in learned.groupby(["variant", "target"])}
    text = f"Pruned by {parameters.score}, {_pruned(first)}, before any retraining, mean accuracy has fallen halfway "
    text += f"to {'its lowest' if floor is None else f'chance ({floor:.2f})'}: {_told(halves, first, chance)}. "
    last = learned[(learned["percent"] == learned["percent"].max()) & (learned["target"] == first)]
    if len(last):
        ends = last.groupby("variant")["accuracy"].mean()
        text += f"At {last['percent'].iloc[0]:g} % pruned, accuracy is {_range(ends)}. "
    return f"{text}{_others(halves, first)}{note}{_seeds(pruning)}"


def rq2(pruning: pd.DataFrame, parameters: Parameters, majority: float | None = None) -> str:
    """Per variant and target the percentage at which half of the seeds have dropped by more than the margin."""
    learned, chance, _, note = _learned(pruning, parameters, majority)
    table = half_dropped(learned, parameters.margin, parameters.confidence)
    told, first = {key: _dropped(row) for key, row in table.iterrows()}, ordered(pruning["target"], TARGETS)[0]
    text = f"Half of all networks of a kind have dropped by more than {parameters.margin:g}, {_pruned(first)} "
    text += f"({100 * parameters.confidence:g} % interval), at: {_told(told, first, chance)}. {_others(told, first)}"
    text += f"Tested at {', '.join(f'{p:g}' for p in sorted(pruning['percent'].unique()))} %"
    return f"{text}. {note}{_seeds(pruning)}"


def rq3(recovery: pd.DataFrame, parameters: Parameters) -> str:
    """What share of the networks that had dropped is back by the end of the first epoch and of the last."""
    first = ordered(recovery["target"], TARGETS)[0]
    rows = recovery[recovery["target"] == first]
    tested = rows["percent"].unique()
    steps = rows.loc[np.isclose(rows["epoch"], 1), "step"].max(), rows["step"].max()
    text = (
        f"Of the networks that had dropped by more than {parameters.margin:g} ({_pruned(first)}), this share is back "
    )
    text += f"within it by step {' and by step '.join(f'{step:.0f}' for step in dict.fromkeys(steps))} of retraining "
    text += f"({'one epoch' if steps[0] == steps[1] else f'one epoch and {parameters.retrain_epochs}'}; Kaplan–Meier). "
    for percentage in dict.fromkeys(min(tested, key=lambda p: abs(p - at)) for at in parameters.compare_at):
        at = rows[rows["percent"] == percentage]
        back = {variant: _back(own, parameters, dict.fromkeys(steps)) for variant, own in at.groupby("variant")}
        text += f"At {percentage:g} %: {_each(back)}. "
    return text + _seeds(recovery)


def rq4(
    structure: pd.DataFrame,
    parameters: Parameters,
    majority: float | None = None,
    *,
    published: Mapping[str, pd.DataFrame] | None = None,
    held: pd.DataFrame | None = None,
) -> str:
    """Per variant the strongest correlation, tested as the strongest of all; then size and widths, and what they leave.

    Given the `majority` accuracy, what is left without networks at chance is told beside. `published` and `held` are
    for a caller who has them already: `correlate` by variant, with the published properties, and `correlations` of all
    properties that differ given the controls; both as the run's parameters say.
    """
    structure = given_graphs(structure)
    options, properties, given = _options(parameters), graph_properties(structure), controls(structure)
    graphs = _graphs(structure)
    published = published or {v: correlate(rows, TARGET, NAMES, **options) for v, rows in graphs.items()}
    if held is None:
        held = correlations(structure, given, TARGET, properties, **options)
    text = f"As published, each property alone: {_correlated({v: published[v].loc[list(NAMES)] for v in graphs})}. "
    own = held.index.get_level_values("property").isin(given)
    if held["pearson_low"].isna().all():
        text += f"Given {controls_in_words(given)}: cannot tell from {held['n'].max():.0f} graphs."
        return f"{text} {_counted(structure)}"
    if own.any():
        text += f"Of size and widths, each given the others, accuracy goes with: {sizes_in_words(held, given)}. "
    others = by_variant(held[~own])
    text += f"Given {controls_in_words(given)}, of the other properties: {_correlated(others)}."
    if majority is not None and (stuck := len(structure) - len(learned(structure, majority))):
        rest = correlations(only_learned(structure, majority), given, TARGET, properties, **options)
        rest = by_variant(rest[~rest.index.get_level_values("property").isin(given)])
        same = {v: set(t.index[found(t)]) for v, t in rest.items()} == {
            v: set(t.index[found(t)]) for v, t in others.items()
        }
        left = " the same ones are told from zero" if same else f": {_correlated(rest)}"
        text += f" Without {counted(stuck, 'network')} of {len(structure)} at chance{left}."
    text += " Each p and interval is paid for as one of all that are tested beside it in its variant."
    return f"{text} {_counted(structure)}"


def rq5(
    structure: pd.DataFrame,
    parameters: Parameters,
    *,
    once: Mapping[str, pd.DataFrame] | None = None,
    splits: Mapping[str, pd.DataFrame] | None = None,
    scores: pd.DataFrame | None = None,
    noise: pd.DataFrame | None = None,
) -> str:
    """Per variant whether properties predict accuracy out of fold, by a permutation test; first the published split.

    Last the noise ceiling: what no property of a graph can exceed. `once`, `splits`, `scores` and `noise` are for a
    caller who has them already: `published_prediction` and `split_distribution` by variant, `nested_prediction` of all
    properties that differ beside `prediction_baselines`, and `intraclass`; all four as the run's parameters say.
    """
    structure = given_graphs(structure)
    properties, given = graph_properties(structure), controls(structure)
    baselines, repeats, seed = prediction_baselines(structure), parameters.prediction_repeats, parameters.data_seed
    if scores is None:
        many = {"repeats": repeats, "permutations": parameters.permutations, "seed": seed}
        scores = nested_prediction(structure, TARGET, properties, baselines, **many)
    if noise is None:
        noise = intraclass(structure, confidence=parameters.confidence)
    # From the mean to size and widths together, each knows more than the one before; the family is none of them.
    baseline = [name for name in baselines if name != "family"][-1]
    graphs = _graphs(structure)
    once = once or {v: published_prediction(rows, TARGET) for v, rows in graphs.items()}
    splits = splits or {
        v: split_distribution(rows, TARGET, parameters.prediction_splits, seed) for v, rows in graphs.items()
    }
    told = {v: _one_split(once[v], splits[v], len(rows)) for v, rows in graphs.items()}
    folds = {v: _out_of_fold(scores.loc[v], baseline, noise.loc[v], parameters.confidence) for v in graphs}
    against = controls_in_words(given) if given else {"mean": "the mean"}.get(baseline, words_of(baseline))
    text = f"As published, a random forest on one split: {_each(told)}. Out of fold over {repeats} cuts, R² of all "
    text += f"{len(properties)} properties and its gain to {against} (middle 90 % of cuts): {_each(folds)}. "
    if "mean" in baselines and np.isfinite(by_mean := scores.xs("mean", level="features")["r2"]).any():
        low, high = number(by_mean.min()), number(by_mean.max())
        text += f"The mean of the other graphs itself scores {low if low == high else f'{low} to {high}'}. "
    text += "p deals accuracies out anew within each family of graphs. "
    return text + _counted(structure)


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


def _each(told: Mapping[str, str], between: str = "; ") -> str:
    return between.join(f"{label(variant)} {told[variant]}" for variant in ordered(told, VARIANTS))


def _pruned(target: str) -> str:
    return "both kinds of recurrent weights together" if target == "both" else f"{label(target)} weights alone"


def _told(told: Mapping[tuple[str, str], str], target: str, chance: Mapping[str, str]) -> str:
    """What is told of each variant of one target, and of those at chance."""
    return _each(dict(chance) | {v: words for (v, t), words in told.items() if t == target})


def _others(told: Mapping[tuple[str, str], str], first: str) -> str:
    """A sentence for each further target that there is something to tell of, from words by variant and target."""
    others = ordered((t for _, t in told if t != first), TARGETS)
    return "".join(f"{_pruned(target).capitalize()}: {_told(told, target, {})}. " for target in others)


def _learned(
    pruning: pd.DataFrame, parameters: Parameters, majority: float | None
) -> tuple[pd.DataFrame, dict[str, str], float | None, str]:
    """Rows of networks above chance, what to say of variants that have none, chance, and a note on what is left out."""
    if majority is None and parameters.task == "reber":
        # Only generated strings have the share of valid ones that the parameter says.
        majority = max(parameters.valid_share, 1 - parameters.valid_share)
    if majority is None:
        note = f"The majority accuracy of task {parameters.task} was not given: networks at chance are not left out. "
        return pruning, {}, None, note
    stuck = pruning["base_accuracy"] <= majority + parameters.margin
    learned, left_out = pruning[~stuck], pruning[stuck].drop_duplicates(["variant", "seed"])
    none = left_out[~left_out["variant"].isin(learned["variant"])].groupby("variant")["base_accuracy"].mean()
    chance = {v: f"nothing to lose: unpruned it is at chance ({accuracy:.2f})" for v, accuracy in none.items()}
    some = left_out[left_out["variant"].isin(learned["variant"])]
    if some.empty:
        return learned, chance, majority, ""
    note = (
        f"Left out: {counted(len(some), 'network')} at chance before pruning ({listed(map(label, some['variant']))}). "
    )
    return learned, chance, majority, note


def _means(rows: pd.DataFrame) -> pd.Series:
    """Mean accuracy by percentage, that of the unpruned networks at 0."""
    means = rows.groupby("percent")["accuracy"].mean().sort_index()
    return pd.concat([pd.Series({0.0: rows.drop_duplicates("seed")["base_accuracy"].mean()}), means[means.index > 0]])


def _halfway(rows: pd.DataFrame, floor: float | None, whole: bool) -> str:
    """Where mean accuracy first passes halfway from the unpruned networks' to the floor, and what is on either side."""
    means = _means(rows)
    half = (means.iloc[0] + (means.min() if floor is None else floor)) / 2
    under = means < half
    if not under.any():
        return f"not up to {means.index[-1]:g} %" + f" ({means.iloc[-1]:.2f} of {means.iloc[0]:.2f})" * whole
    place = int(under.argmax())
    (start, end), (high, low) = means.index[place - 1 : place + 1], means.iloc[place - 1 : place + 1]
    at = start + (end - start) * (high - half) / (high - low)
    before = "unpruned" if start == 0 else f"at {start:g} %"
    return f"at {at:.0f} %" + f" (from {high:.2f} {before} to {low:.2f} at {end:g} %)" * whole


def _back(rows: pd.DataFrame, parameters: Parameters, steps: Iterable[float]) -> str:
    """Kaplan and Meier's share of one condition's dropped networks that is back by each of the steps."""
    back = events(rows, parameters.margin)
    back = back[~back["regained"] | (back["step"] > 0)]
    if back.empty:
        return "none had dropped"
    out = kaplan_meier(back["step"], back["regained"], parameters.confidence)["share"]
    shares = [percent(1 - out[out.index <= step].min()) if (out.index <= step).any() else "0 %" for step in steps]
    return f"{', '.join(shares)} of {len(back)}"


def _range(values: pd.Series) -> str:
    """Smallest to largest, once where they read the same."""
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low} to {high}"


def _dropped(row: pd.Series) -> str:
    """The percentage at which half have dropped, with its interval, or at which end of the grid that is."""
    return f"{end_in_words(row) or f'{row.percent:.0f} %'} ({row.low:.0f} to {row.high:.0f})"


def _seeds(rows: pd.DataFrame) -> str:
    seeds = listed(map(str, sorted(rows["seed"].unique())))
    one = rows["seed"].nunique() == 1
    return f"Seed {seeds} only: how far this varies cannot be told." if one else f"Seeds {seeds}."


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


def _options(parameters: Parameters) -> dict[str, float]:
    own = {"confidence": parameters.confidence, "permutations": parameters.permutations}
    return own | {"seed": parameters.data_seed}


def _graphs(structure: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {variant: one_per_graph(structure, variant) for variant in structure["variant"].unique()}


def _counted(structure: pd.DataFrame) -> str:
    graphs = len(structure.drop_duplicates(["generator", "graph"]))
    return f"Each of {graphs} graphs a variant counts once, its accuracy the mean over seeds."


def _correlated(tables: Mapping[str, pd.DataFrame]) -> str:
    """Per variant how many coefficients are told from zero, and the strongest with its interval and p."""
    told = {}
    for variant, table in tables.items():
        known = table.dropna(subset=["pearson", "pearson_p"])
        if known.empty:
            told[variant] = f"cannot tell from {table['n'].max():.0f} graphs"
            continue
        row = known.loc[known["pearson"].abs().idxmax()]
        span = _span(number(row["pearson"], sign=True), row["pearson_low"], row["pearson_high"])
        p = number(row["pearson_p"], 3)
        told[variant] = f"{found(known).sum() or 'none'} of {len(known)} told from zero, strongest "
        told[variant] += f"{words_of(row.name)}, r = {span}, p = {p}"
    return _each(told)


def _one_split(once: pd.DataFrame, splits: pd.DataFrame, graphs: int) -> str:
    forest, mean = once.loc["random_forest"], once.loc["mean"]
    if not np.isfinite(forest["rmse"]):
        return f"cannot tell from {graphs} graphs"
    if not np.isfinite(forest["r2"]):
        errors = [number(100 * one["rmse"], 1) for one in (forest, mean)]
        return f"error {errors[0]} points, by the mean {errors[1]} ({forest['tested']:.0f} tested, too few for an R²)"
    many = spread(splits, "r2").loc["random_forest"]
    span = _span(number(forest["r2"]), many["low"], many["high"])
    return f"R² {span.removesuffix(')')}, 5–95 % of {many['splits']:.0f} splits)"


def _out_of_fold(table: pd.DataFrame, against: str, noise: pd.Series, confidence: float) -> str:
    row, base, ceiling = table.loc[ALL], table.loc[against], "unknown"
    if np.isfinite(noise["ceiling"]):
        ceiling = _span(number(noise["ceiling"]), noise["ceiling_low"], noise["ceiling_high"])
    if not np.isfinite(row["p_value"]):
        return f"cannot tell from {row['graphs']:.0f} graphs, noise ceiling {ceiling}"
    word = "in part" if row["p_value"] <= 1 - confidence + ROUNDING and row["r2"] > 0 else "not shown"
    gain = _span(number(base["gain"], sign=True), base["gain_low"], base["gain_high"])
    r2 = _span(number(row["r2"]), row["r2_low"], row["r2_high"])
    return f"{word} (p = {number(row['p_value'], 3)}), R² {r2}, gain {gain}, noise ceiling {ceiling}"


def _span(value: str, low: float, high: float) -> str:
    return f"{value} ({number(low)} to {number(high)})" if np.isfinite(low) else value
