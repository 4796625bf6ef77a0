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

from sparsekit.analysis import correlation, intervals, prediction
from sparsekit.analysis import pruning as analysis_pruning
from sparsekit.analysis import recovery as analysis_recovery
from sparsekit.analysis.tables import one_per_graph
from sparsekit.experiments.parameters import Parameters
from sparsekit.variants import TARGETS

NEVER = math.inf
TARGET = "test_accuracy"
FEWEST_TESTED = 5  # a split that tests fewer networks says nothing of R²
ALONE = "one seed, no interval"
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
    thesis, given = reported()["scale"]["values"], {name: getattr(parameters, name) for name in SCALE}
    ours = {name: len(value) if isinstance(value, list) else value for name, value in given.items()}
    return [{"label": label, "ours": ours[name], "thesis": thesis[name]} for name, label in SCALE.items()]


def scale_note(parameters: Parameters) -> str:
    """One or two sentences on the scale of a run beside the thesis's."""
    rows, note = scale(parameters), "At the thesis's scale or above."
    if smaller := [f"{r['label']} {r['ours']:,} of {r['thesis']:,}" for r in rows if r["ours"] < r["thesis"]]:
        note = f"Smaller than the thesis's run ({'; '.join(smaller)}), "
        note += "so a figure that differs may differ by scale alone."
    if parameters.task != "reber":
        note += f" The task is “{parameters.task}”; the thesis's figures are for Reber strings."
    return note


def _of(ours: float, low: float = math.nan, high: float = math.nan, note: str = "", **more: bool) -> dict:
    return {"ours": ours, "low": low, "high": high, "note": note} | more


def _interval(values: pd.Series, parameters: Parameters, further: int = 1) -> dict:
    ends = {"low": 0.0, "high": 1.0, "further": further}
    span = intervals.prediction_interval(values.to_numpy(float), parameters.confidence, **ends)
    return _of(*span, ALONE if len(values) == 1 else "")


# Each of these takes a group's reported figures, the run's table that they are compared with, and the run's parameters;
# it returns what this run has, by condition.


def base(known: Mapping, base: pd.DataFrame, parameters: Parameters) -> Found:
    """Test accuracy after the last epoch."""
    last = base[base["epoch"] == base.groupby(["variant", "seed"])["epoch"].transform("max")]
    return {(v, "", ""): _interval(values, parameters) for v, values in last.groupby("variant")[TARGET]}


def at_once(known: Mapping, pruning: pd.DataFrame, parameters: Parameters) -> Found:
    """Accuracy at once after pruning, by percentage."""
    by_condition = pruning.groupby(["variant", "target", "percent"])["accuracy"]
    return {(v, target, f"{p:g} %"): _interval(values, parameters) for (v, target, p), values in by_condition}


def safe(known: Mapping, pruning: pd.DataFrame, parameters: Parameters) -> Found:
    """The highest percentage up to which accuracy stays within the margin."""
    found = {}
    table = analysis_pruning.safe_percentage(pruning, parameters.margin, parameters.confidence)
    for (variant, target), row in table.iterrows():
        mean, *ends = intervals.prediction_interval(row["values"], parameters.confidence)
        _, low, high = analysis_pruning.widened((mean, *ends), row)
        open_ended = analysis_pruning.censoring(row)
        note = ", ".join(filter(None, [open_ended, ALONE * (len(row["values"]) == 1)]))
        # The mean of zeros that mean "below the first percentage tested" is no figure.
        ours = math.nan if row["below"] == 1 else mean
        found[variant, target, ""] = _of(ours, low, high, note, censored=bool(open_ended))
    return found


def regain(known: Mapping, recovery: pd.DataFrame, parameters: Parameters) -> Found:
    """Whole epochs of retraining until accuracy is back, by percentage."""
    table = analysis_recovery.regain(recovery, parameters.margin, parameters.confidence)
    ours = {(v, target, f"{p:g} %"): row for (v, target, p), row in table.iterrows()}
    return {at: _regained(ours[at], value, parameters) for at, value in known.items() if at in ours}


def _regained(row: pd.Series, value: float, parameters: Parameters) -> dict:
    """Our whole epochs until regained, beside a reported one, and what stands in the way of comparing them."""
    if row["dropped"] == 0:
        return {"note": "nothing to regain: accuracy had not dropped"}
    never, epochs = np.isnan(row["steps"]), np.array(row["epochs"], dtype=float)
    if between := (np.isnan(epochs) & ~never).sum():
        which = f"{between} of {len(epochs)} seeds " if len(epochs) > 1 else ""
        return {"note": f"{which}back at a step, at no whole epoch"}
    epochs = np.where(never, NEVER, epochs)
    seeds = round(len(epochs) / row["dropped"])
    note = f"{len(epochs)} of {seeds} seeds had dropped" if len(epochs) < seeds else ""
    if len(epochs) == 1:
        return _of(float(epochs[0]), note=f"{note or 'one seed'}, no interval")
    if never.all():
        given, thesis = parameters.retrain_epochs, reported()["scale"]["values"]["retrain_epochs"]
        if math.isinf(value) and given < thesis:
            return _of(NEVER, note=f"retrained for {given} epochs, the thesis for {thesis}")
        if given < value < NEVER:
            return _of(NEVER, note=f"retrained for {given} epochs only")
        return _of(NEVER, NEVER, NEVER, note)
    if never.any():
        return _of(row["epoch"], note=f"{(~never).sum()} of {len(epochs)} seeds regained it, so there is no interval")
    # No accuracy is back before the first whole epoch.
    return _of(*intervals.prediction_interval(epochs, parameters.confidence, low=1.0), note)


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
        options = (parameters.confidence, parameters.bootstrap, parameters.data_seed)
        table = correlation.correlate(rows, TARGET, list(conditions.values()), *options)
        for at, name in conditions.items():
            n, *ours = table.loc[name, ["n", "pearson", "pearson_low", "pearson_high"]]
            found[at] = _of(ours[0], *_for_both(*ours, parameters.confidence), f"over {n:.0f} graphs")
    return found


def r_squared(known: Mapping, structure: pd.DataFrame, parameters: Parameters) -> Found:
    """R² of one split, by model."""
    found, splits = {}, min(SPLITS, parameters.prediction_splits)
    for rows, conditions in _by_variant(known, structure):
        once = prediction.published_prediction(rows, TARGET)
        spread = prediction.split_distribution(rows, TARGET, splits, parameters.data_seed)
        tested = math.ceil(len(rows) / 10)
        for at, model in conditions.items():
            if math.isnan(once[model]):
                found[at] = {"note": f"too few graphs ({len(rows)}) to split"}
            elif tested < FEWEST_TESTED:
                found[at] = _of(once[model], note=f"R² of {tested} tested networks, the thesis's of 20: no interval")
            else:
                ends = spread[model].quantile([0.05, 0.95])
                found[at] = _of(once[model], *ends, f"interval: 5–95 % of {splits} splits")
    return found


def feature_sets(known: Mapping, structure: pd.DataFrame, parameters: Parameters) -> Found:
    """R² of the random forest by set of features."""
    found = {}
    for rows, conditions in _by_variant(known, structure):
        r2 = prediction.importances(rows, TARGET).attrs["r2"]
        found |= {at: _of(r2[name], note="one split, no interval") for at, name in conditions.items()}
    return found


def structure(known: Mapping, structure: pd.DataFrame, parameters: Parameters) -> Found:
    """Mean accuracies. The thesis gives no spread: ours stands for its too, over as many graphs as it had."""
    found = {}
    for rows, conditions in _by_variant(known, structure):
        ours = _interval(rows[TARGET], parameters, _published_graphs())
        found |= {at: ours | {"note": f"over {len(rows)} graphs"} for at in conditions}
    return found
