"""What the thesis reports, how a run's scale stands to the thesis's, and what a run has beside each reported figure.

Source: Harshil Darji, *Investigating Sparsity in Recurrent Neural Networks*, arXiv 2407.20601. Its figures are kept in
``reported.yaml``, each group with the chapter it was read from.

A function of the second half takes a group's reported figures, the run's table that they are compared with, the run's
parameters, and what the caller has computed already; it returns what this run has, by condition.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources

import numpy as np
import pandas as pd
import scipy.stats
import yaml

from sparsekit.analysis import correlation, intervals, prediction
from sparsekit.analysis import pruning as analysis_pruning
from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis.tables import one_per_graph
from sparsekit.experiments.parameters import Parameters
from sparsekit.variants import TARGETS

NEVER = math.inf
FEWEST_TESTED = 5  # a split that tests fewer networks says nothing of R²
SPLITS = 20  # enough for a 5–95 % range; the notebook on prediction draws as many as prediction_splits says

Condition = tuple[str, str, str]
"""Variant, target, and the percentage, property, model or set of features; empty where a figure has none."""

Found = dict[Condition, dict]
"""By condition ours, low, high, note and censored, as `scorecard.Figure` has them."""

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
    """The sizes that decide how far this run compares with the thesis: label, ours, thesis."""
    thesis, rows = reported()["scale"]["values"], []
    for name, label in SCALE.items():
        ours = getattr(parameters, name)
        ours = len(ours) if isinstance(ours, list | tuple) else ours
        rows.append({"label": label, "ours": ours, "thesis": thesis[name]})
    return rows


def scale_note(parameters: Parameters) -> str:
    """One or two sentences on the scale of a run beside the thesis's."""
    smaller = [
        f"{row['label']} {row['ours']:,} of {row['thesis']:,}"
        for row in scale(parameters)
        if row["ours"] < row["thesis"]
    ]
    note = (
        f"Smaller than the thesis's run ({'; '.join(smaller)}), so a figure that differs may differ by scale alone."
        if smaller
        else "At the thesis's scale or above."
    )
    if parameters.task != "reber":
        note += f" The task is “{parameters.task}”; the thesis's figures are for Reber strings."
    return note


def _interval(values: pd.Series, parameters: Parameters, further: int = 1) -> dict:
    mean, low, high = intervals.prediction_interval(
        values.to_numpy(float), parameters.confidence, low=0.0, high=1.0, further=further
    )
    note = "one seed, no interval" if len(values) == 1 else ""
    return {"ours": mean, "low": low, "high": high, "note": note}


def base(known: Mapping, base: pd.DataFrame, parameters: Parameters, computed: Mapping) -> Found:
    """Test accuracy after the last epoch."""
    last = base[base["epoch"] == base.groupby(["variant", "seed"])["epoch"].transform("max")]
    return {(v, "", ""): _interval(values, parameters) for v, values in last.groupby("variant")["test_accuracy"]}


def at_once(known: Mapping, pruning: pd.DataFrame, parameters: Parameters, computed: Mapping) -> Found:
    """Accuracy at once after pruning, by percentage."""
    by_condition = pruning.groupby(["variant", "target", "percent"])["accuracy"]
    return {(v, target, f"{p:g} %"): _interval(values, parameters) for (v, target, p), values in by_condition}


def safe(known: Mapping, pruning: pd.DataFrame, parameters: Parameters, computed: Mapping) -> Found:
    """The highest percentage up to which accuracy stays within the margin."""
    found = {}
    table = analysis_pruning.safe_percentage(pruning, parameters.margin, parameters.confidence)
    for (variant, target), row in table.iterrows():
        mean, *ends = intervals.prediction_interval(row["values"], parameters.confidence)
        _, low, high = analysis_pruning.widened((mean, *ends), row)
        open_ended = analysis_pruning.censoring(row)
        note = ", ".join(filter(None, [open_ended, "one seed, no interval" if len(row["values"]) == 1 else ""]))
        # The mean of zeros that mean "below the first percentage tested" is no figure.
        ours = {"ours": math.nan if row["below"] == 1 else mean, "low": low, "high": high}
        found[variant, target, ""] = ours | {"note": note, "censored": bool(open_ended)}
    return found


def regain(known: Mapping, recovery: pd.DataFrame, parameters: Parameters, computed: Mapping) -> Found:
    """Whole epochs of retraining until accuracy is back, by percentage."""
    table = analysis_recovery.regain(recovery, parameters.margin, parameters.confidence)
    ours = {(v, target, f"{p:g} %"): row for (v, target, p), row in table.iterrows()}
    return {at: _regained(ours[at], value, parameters) for at, value in known.items() if at in ours}


def _regained(row: pd.Series, value: float, parameters: Parameters) -> dict:
    """Our whole epochs until regained, beside a reported one, and what stands in the way of comparing them."""
    if row["dropped"] == 0:
        return {"note": "nothing to regain: accuracy had not dropped"}
    never, epochs = np.isnan(row["steps"]), np.array(row["epochs"], dtype=float)
    between = (np.isnan(epochs) & ~never).sum()
    if between:
        which = f"{between} of {len(epochs)} seeds " if len(epochs) > 1 else ""
        return {"note": f"{which}back at a step, at no whole epoch"}
    epochs = np.where(never, NEVER, epochs)
    seeds = round(len(epochs) / row["dropped"])
    note = f"{len(epochs)} of {seeds} seeds had dropped" if len(epochs) < seeds else ""
    if len(epochs) == 1:
        return {"ours": float(epochs[0]), "note": f"{note or 'one seed'}, no interval"}
    if all(math.isinf(e) for e in epochs):
        thesis = reported()["scale"]["values"]["retrain_epochs"]
        if math.isinf(value) and parameters.retrain_epochs < thesis:
            return {"ours": NEVER, "note": f"retrained for {parameters.retrain_epochs} epochs, the thesis for {thesis}"}
        if parameters.retrain_epochs < value < NEVER:
            return {"ours": NEVER, "note": f"retrained for {parameters.retrain_epochs} epochs only"}
        return {"ours": NEVER, "low": NEVER, "high": NEVER, "note": note}
    if any(math.isinf(e) for e in epochs):
        back = sum(math.isfinite(e) for e in epochs)
        return {"ours": row["epoch"], "note": f"{back} of {len(epochs)} seeds regained it, so there is no interval"}
    # No accuracy is back before the first whole epoch.
    mean, low, high = intervals.prediction_interval(epochs, parameters.confidence, low=1.0)
    return {"ours": mean, "low": low, "high": high, "note": note}


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


def _by_variant(known: Mapping, structure: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, dict[Condition, str]]]:
    """Each variant that the run has: its graphs, and its reported conditions with what they are of."""
    for variant in dict.fromkeys(v for v, _, _ in known):
        rows = one_per_graph(structure, variant)
        if not rows.empty:
            yield variant, rows, {at: at[2] for at in known if at[0] == variant}


def _known(
    computed: Mapping, name: str, variant: str, function: Callable, rows: pd.DataFrame, *arguments: object
) -> pd.DataFrame:
    """What the caller has computed of this name and variant, or else computes now."""
    return computed[name][variant] if computed.get(name) else function(rows, "test_accuracy", *arguments)


def pearson(known: Mapping, structure: pd.DataFrame, parameters: Parameters, computed: Mapping) -> Found:
    """Pearson's r of properties with accuracy; computed: ``correlations``, `correlate` by variant."""
    found = {}
    for variant, rows, conditions in _by_variant(known, structure):
        options = (parameters.confidence, parameters.bootstrap, parameters.data_seed)
        table = _known(
            computed, "correlations", variant, correlation.correlate, rows, list(conditions.values()), *options
        )
        for at, name in conditions.items():
            row = table.loc[name]
            ours = row["pearson"]
            low, high = _for_both(ours, row["pearson_low"], row["pearson_high"], parameters.confidence)
            found[at] = {"ours": ours, "low": low, "high": high, "note": f"over {row['n']:.0f} graphs"}
    return found


def r_squared(known: Mapping, structure: pd.DataFrame, parameters: Parameters, computed: Mapping) -> Found:
    """R² of one split, by model.

    Computed: ``once``, `published_prediction` by variant; ``splits``, `split_distribution` by variant.
    """
    found, splits = {}, min(SPLITS, parameters.prediction_splits)
    for variant, rows, conditions in _by_variant(known, structure):
        once = _known(computed, "once", variant, prediction.published_prediction, rows)
        draw = (prediction.split_distribution, rows, splits, parameters.data_seed)
        spread = _known(computed, "splits", variant, *draw).head(splits)
        tested = math.ceil(len(rows) / 10)
        for at, model in conditions.items():
            if math.isnan(once[model]):
                found[at] = {"note": f"too few graphs ({len(rows)}) to split"}
            elif tested < FEWEST_TESTED:
                note = f"R² of {tested} tested networks, the thesis's of 20: no interval"
                found[at] = {"ours": once[model], "note": note}
            else:
                low, high = spread[model].quantile([0.05, 0.95])
                note = f"interval: 5–95 % of {splits} splits"
                found[at] = {"ours": once[model], "low": low, "high": high, "note": note}
    return found


def feature_sets(known: Mapping, structure: pd.DataFrame, parameters: Parameters, computed: Mapping) -> Found:
    """R² of the random forest by set of features; computed: ``importances``, `importances` by variant."""
    found = {}
    for variant, rows, conditions in _by_variant(known, structure):
        r2 = _known(computed, "importances", variant, prediction.importances, rows).attrs["r2"]
        found |= {at: {"ours": r2[name], "note": "one split, no interval"} for at, name in conditions.items()}
    return found


def structure(known: Mapping, structure: pd.DataFrame, parameters: Parameters, computed: Mapping) -> Found:
    """Mean accuracies. The thesis gives no spread: ours stands for its too, over as many graphs as it had."""
    found = {}
    for _, rows, conditions in _by_variant(known, structure):
        ours = _interval(rows["test_accuracy"], parameters, _published_graphs())
        found |= {at: ours | {"note": f"over {len(rows)} graphs"} for at in conditions}
    return found
