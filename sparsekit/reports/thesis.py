"""What the thesis reports, how a run's scale stands to the thesis's, and what a run has beside each reported figure.

Source: Harshil Darji, *Investigating Sparsity in Recurrent Neural Networks*, arXiv 2407.20601; see ``reported.yaml``.
"""

import math
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
import scipy.stats
import yaml

from sparsekit.analysis import correlation, intervals, prediction, verdicts
from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis.tables import one_per_graph
from sparsekit.experiments import studies
from sparsekit.experiments.parameters import Parameters
from sparsekit.variants import TARGETS

NEVER = math.inf
TARGET = "test_accuracy"
AT_CHANCE = 0.05  # an accuracy no further above that of always naming the larger class has learned nothing
BATCH = 32  # strings in the thesis's optimizer step
ALONE = "one seed"
SPLITS = 20  # enough for a 5–95 % range; the notebook on prediction draws as many as prediction_splits says

Condition = tuple[str, str, str]
"""Variant, target, and the percentage, property, model or set of features; empty where a figure has none."""

Found = dict[Condition, dict]
"""By condition ours, low, high, note and apart, as `scorecard.Figure` has them."""

SCALE = {
    "train_size": "training strings",
    "test_size": "test strings",
    "seeds": "seeds of each pruning network",
    "base_epochs": "epochs, base network",
    "percentages": "pruning percentages",
    "retrain_epochs": "epochs of retraining",
    "generators": "graph generators",
    "graphs": "graphs of each generator",
    "graph_seeds": "seeds of each graph's network",
    "graph_epochs": "epochs, graph network",
}
"""The parameters that decide how far a run compares with the thesis."""


@cache
def reported() -> dict:
    """The thesis's reported figures: by group, ``source`` and ``values``; also ``citation`` and ``scale``."""
    return yaml.safe_load(resources.files("sparsekit.reports").joinpath("reported.yaml").read_text(encoding="utf-8"))


def figures(group: str) -> dict[Condition, float]:
    """A group's reported figures by condition; "never" is infinite.

    >>> figures("epochs_to_regain")["lstm", "both", "100 %"]
    inf
    """
    return dict(_figures(reported()[group]["values"]))


def _figures(values: dict, target: str = "") -> Iterator[tuple[Condition, float]]:
    for name, value in values.items():
        if name in TARGETS:
            yield from _figures(value, name)
        elif not isinstance(value, dict):
            yield (name, target, ""), float(value)
        else:
            # The extremes of 200 networks are no figures of a smaller run.
            for detail in [d for d in value if d not in ("min", "max")]:
                at = f"{detail} %" if isinstance(detail, int) else detail
                yield (name, target, at), NEVER if value[detail] == "never" else float(value[detail])


def steps(epochs: float) -> float:
    """The thesis's epochs as optimizer steps.

    >>> steps(1)
    586.0
    """
    return float(epochs * math.ceil(reported()["scale"]["values"]["train_size"] / BATCH))


def of_its_task(parameters: Parameters) -> bool:
    """Whether a run learns what the thesis's networks did; on another task no figure is the thesis's."""
    return (parameters.task, parameters.invalid) == ("reber", "automata")


def safe_percentages(parameters: Parameters) -> dict[tuple[str, str], float]:
    """The percentages that can "safely" be pruned, by (variant, target), as figures take them; none on another task.

    >>> safe_percentages(Parameters())["lstm", "h2h"]
    90.0
    """
    known = figures("safe_pruning_percent") if of_its_task(parameters) else {}
    return {(variant, target): percent for (variant, target, _), percent in known.items()}


def scale(parameters: Parameters) -> list[dict]:
    """The sizes used that decide how far this run compares with the thesis: label, ours, thesis."""
    thesis, given = reported()["scale"]["values"], {name: getattr(parameters, name) for name in SCALE}
    ours = {name: len(value) if isinstance(value, list) else value for name, value in given.items()}
    made = studies.task(parameters)  # a file or a data set may hold fewer than asked for
    ours |= {"train_size": len(made.train), "test_size": len(made.test)}
    ours |= {} if parameters.generators else {"graphs": 0}
    return [{"label": label, "ours": ours[name], "thesis": thesis[name]} for name, label in SCALE.items()]


def scale_note(parameters: Parameters) -> str:
    """A few sentences on the scale of a run beside the thesis's, and on what else is not as published."""
    rows, note = scale(parameters), "At the thesis's scale or above."
    if smaller := [f"{r['label']} {r['ours']:,} of {r['thesis']:,}" for r in rows if r["ours"] < r["thesis"]]:
        note = f"Smaller than the thesis's run ({'; '.join(smaller)}), "
        note += "so a figure that differs may differ by scale alone."
    form = reported()["form"]["values"]
    if other := [name.replace("_", " ") for name, value in form.items() if getattr(parameters, name) != value]:
        note += f" Not as published, which may alone make a figure differ: {', '.join(other)}."
    if parameters.task != "reber":
        note += f" The task is “{parameters.task}”; the thesis's figures are for Reber strings."
    return note


def _of(ours: float, low: float = math.nan, high: float = math.nan, note: str = "", **more: bool) -> dict:
    return {"ours": ours, "low": low, "high": high, "note": note} | more


def _further_run(known: Mapping, runs: Mapping[Condition, pd.Series], parameters: Parameters) -> Found:
    """Mean accuracies beside the reported ones, and where one further run would lie."""
    found, chance = {}, max(parameters.valid_share, 1 - parameters.valid_share) + AT_CHANCE
    for at, (mean, *ends) in verdicts.further_run(runs, parameters.confidence).items():
        note = ALONE if len(runs[at]) == 1 else ""
        found[at] = _of(mean, *map(float, np.clip(ends, 0, 1)), note)
        if mean <= chance and known.get(at, math.inf) <= chance:
            found[at] |= {"note": "both at chance", "apart": True}
    return found


# Each of these takes a group's reported figures, the run's table that they are compared with, and the run's parameters;
# it returns what this run has, by condition.


def base(known: Mapping, base: pd.DataFrame, parameters: Parameters) -> Found:
    """Test accuracy after the last epoch."""
    last = base[base["epoch"] == base.groupby(["variant", "seed"])["epoch"].transform("max")]
    return _further_run(known, {(v, "", ""): own for v, own in last.groupby("variant")[TARGET]}, parameters)


def at_once(known: Mapping, pruning: pd.DataFrame, parameters: Parameters) -> Found:
    """Accuracy at once after pruning, by percentage."""
    by_condition = pruning.groupby(["variant", "target", "percent"])["accuracy"]
    return _further_run(known, {(v, target, f"{p:g} %"): own for (v, target, p), own in by_condition}, parameters)


def safe(known: Mapping, pruning: pd.DataFrame, parameters: Parameters) -> Found:
    """The percentage at which half of the seeds have dropped, and between which a further seed would."""
    table = verdicts.half_dropped(pruning, parameters.margin, parameters.confidence)
    spans, found = verdicts.further_run(table["held"].to_dict(), parameters.confidence), {}
    for (variant, target), row in table.iterrows():
        mean, low, high = spans[variant, target]
        # A seed drops somewhere up to the next percentage tested.
        high += float(np.mean(np.minimum(row["failed"], 100))) - mean
        ends = np.clip([low, high], 0, 100)
        note = ", ".join(filter(None, [verdicts.end_in_words(row), ALONE * (row["n"] == 1)]))
        found[variant, target, ""] = _of(row["percent"], *map(float, ends), note)
    return found


def regain(known: Mapping, recovery: pd.DataFrame, parameters: Parameters) -> Found:
    """Median step of retraining at which the networks that had dropped are back, by percentage; infinite for never."""
    table = analysis_recovery.regain(recovery, parameters.margin)
    rows = {(v, target, f"{p:g} %"): row for (v, target, p), row in table.iterrows()}
    last = max(recovery["step"].max(), 1)
    # On a logarithmic axis; those that did not come back stand ten times further out than was looked.
    runs = {at: np.log10(np.nan_to_num(row["steps"], nan=10 * last)) for at, row in rows.items() if row["dropped"] > 0}
    spans = verdicts.further_run(runs, parameters.confidence)
    found = {at: {"note": "nothing to regain: accuracy had not dropped"} for at in rows.keys() - runs.keys()}
    for at, (_, *ends) in spans.items():
        low, high = np.round(10 ** np.array(ends), 6)
        dropped, of = len(runs[at]), round(len(runs[at]) / rows[at]["dropped"])
        note = [f"{dropped} of {of} seeds had dropped" * (dropped < of), ALONE * (of == 1)]
        note.append(f"looked for {last:g} steps" * (rows[at]["step"] == NEVER))
        # What lies beyond the last step is not known.
        low, high = float(np.minimum(low, last)), NEVER if high > last else float(high)
        found[at] = _of(rows[at]["step"], low, high, ", ".join(filter(None, note)))
    return found


def _published_graphs() -> int:
    thesis = reported()["scale"]["values"]
    return thesis["generators"] * thesis["graphs"]


def _for_both(r: float, low: float, high: float, confidence: float) -> tuple[float, float]:
    """An interval of our r, widened to where that of as many further graphs as the thesis's would lie.

    On Fisher's scale z = artanh r our distance to either end and the thesis's, t · 1/√(n - 3), add as squares, which
    keeps our interval's lopsidedness (Zou, *Toward Using Confidence Intervals to Compare Correlations*, Psychological
    Methods 12, 2007).
    """
    # A perfect correlation would lie infinitely far out.
    z, below, above = np.arctanh(np.clip([r, low, high], -1 + 1e-12, 1 - 1e-12))
    theirs = scipy.stats.norm.ppf((1 + confidence) / 2) / math.sqrt(_published_graphs() - 3)
    return float(np.tanh(z - math.hypot(z - below, theirs))), float(np.tanh(z + math.hypot(above - z, theirs)))


def _by_variant(known: Mapping, structure: pd.DataFrame) -> Iterator[tuple[pd.DataFrame, dict[Condition, str]]]:
    """Of each variant that the run has its graphs, and its reported conditions with what they are of."""
    for variant in dict.fromkeys(v for v, _, _ in known):
        rows = one_per_graph(structure, variant)
        if not rows.empty:
            yield rows, {at: at[2] for at in known if at[0] == variant}


def pearson(known: Mapping, structure: pd.DataFrame, parameters: Parameters) -> Found:
    """Pearson's r of properties with accuracy."""
    found = {}
    for rows, conditions in _by_variant(known, structure):
        options = {"confidence": parameters.confidence, "permutations": parameters.permutations}
        for at, name in conditions.items():
            # Each figure is judged by itself, so each is a family of one.
            table = correlation.correlate(rows, TARGET, [name], seed=parameters.data_seed, **options)
            n, *ours = table.loc[name, ["n", "pearson", "pearson_low", "pearson_high"]]
            found[at] = _of(ours[0], *_for_both(*ours, parameters.confidence), f"over {n:.0f} graphs")
    return found


def r_squared(known: Mapping, structure: pd.DataFrame, parameters: Parameters) -> Found:
    """R² of one split, by model."""
    found, splits = {}, min(SPLITS, parameters.prediction_splits)
    for rows, conditions in _by_variant(known, structure):
        once = prediction.published_prediction(rows, TARGET)
        many = prediction.split_distribution(rows, TARGET, splits, parameters.data_seed)
        ends = prediction.spread(many, "r2")
        for at, model in conditions.items():
            found[at] = _untested(once.loc[model]) or _of(
                once.loc[model, "r2"],
                *ends.loc[model, ["low", "high"]],
                f"interval: 5–95 % of {ends.loc[model, 'splits']:.0f} splits",
            )
    return found


def _untested(score: Mapping[str, float]) -> dict | None:
    """Why a split has no R², if it has none."""
    few = f"{score['tested']:.0f} tested networks, fewer than {prediction.FEWEST_TESTED}: no R²"
    return {"note": few, "apart": True} if np.isnan(score["r2"]) else None


def feature_sets(known: Mapping, structure: pd.DataFrame, parameters: Parameters) -> Found:
    """R² of the random forest by set of features."""
    found = {}
    for rows, conditions in _by_variant(known, structure):
        scores = prediction.importances(rows, TARGET).attrs["scores"]
        for at, name in conditions.items():
            own = scores[name]
            found[at] = _untested(own) or _of(own["r2"], note="one split")
    return found


def structure(known: Mapping, structure: pd.DataFrame, parameters: Parameters) -> Found:
    """Mean accuracies. The thesis gives no spread: ours stands for its too, over as many graphs as it had."""
    found = {}
    for rows, conditions in _by_variant(known, structure):
        options = {"low": 0.0, "high": 1.0, "further": _published_graphs()}
        span = intervals.prediction_interval(rows[TARGET].to_numpy(float), parameters.confidence, **options)
        found |= {at: _of(*span, f"over {len(rows)} graphs") for at in conditions}
    return found
