"""What the thesis reports, and how a run's scale stands to the thesis's.

Source: Harshil Darji, *Investigating Sparsity in Recurrent Neural Networks*, arXiv 2407.20601. Its figures are kept in
``reported.yaml``, each group with the chapter it was read from.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
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


@cache
def reported() -> dict:
    """The thesis's reported figures: by group, ``source`` and ``values``; also ``citation`` and ``scale``."""
    return yaml.safe_load(resources.files("sparsekit.reports").joinpath("reported.yaml").read_text(encoding="utf-8"))


def of_its_task(parameters: Parameters) -> bool:
    """Whether a run learns what the thesis's networks did; on another task no figure is the thesis's."""
    return (parameters.task, parameters.invalid) == ("reber", "automata")


def safe_percentages(parameters: Parameters) -> dict[tuple[str, str], float]:
    """The percentages that can "safely" be pruned, by (variant, target), as figures take them; none on another task.

    >>> safe_percentages(Parameters())["lstm", "h2h"]
    90.0
    """
    if not of_its_task(parameters):
        return {}
    values = reported()["safe_pruning_percent"]["values"]
    return {(variant, target): float(p) for target, row in values.items() for variant, p in row.items()}


def scale(parameters: Parameters) -> list[dict]:
    """The sizes that decide how far this run compares with the thesis: label, ours, thesis."""
    thesis = reported()["scale"]["values"]
    words = {
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
    rows = []
    for name, label in words.items():
        ours = getattr(parameters, name)
        rows.append(
            {"label": label, "ours": len(ours) if isinstance(ours, list | tuple) else ours, "thesis": thesis[name]}
        )
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


NEVER = math.inf
FEWEST_TESTED = 5  # a split that tests fewer networks says nothing of R²
SPLITS = 20  # enough for a 5–95 % range; the notebook on prediction draws as many as prediction_splits says


@dataclass(frozen=True)
class Figure:
    """One of this run's figures, to stand beside a reported one; nan where there is none.

    From ``low`` to ``high`` one more run like ours would lie. A ``censored`` one is known only as a bound.
    """

    variant: str
    target: str = ""
    detail: str = ""
    reported: float = math.nan
    ours: float = math.nan
    low: float = math.nan
    high: float = math.nan
    note: str = ""
    ran: bool = True
    censored: bool = False


def _interval(values: pd.Series, parameters: Parameters, further: int = 1) -> dict:
    mean, low, high = intervals.prediction_interval(
        values.to_numpy(float), parameters.confidence, low=0.0, high=1.0, further=further
    )
    note = "one seed, no interval" if len(values) == 1 else ""
    return {"ours": mean, "low": low, "high": high, "note": note}


def _absent(what: str) -> dict:
    return {"ran": False, "note": f"{what} not in this run"}


def base(known: dict, base: pd.DataFrame, parameters: Parameters) -> Iterator[Figure]:
    last = base[base["epoch"] == base.groupby(["variant", "seed"])["epoch"].transform("max")]
    for variant, value in known.items():
        values = last.loc[last["variant"] == variant, "test_accuracy"]
        yield Figure(variant, "", "", value, **(_interval(values, parameters) if len(values) else _absent("variant")))


def at_once(known: dict, pruning: pd.DataFrame, parameters: Parameters) -> Iterator[Figure]:
    for target, variant, percent, value in _conditions(known):
        here = (pruning["variant"] == variant) & (pruning["target"] == target) & np.isclose(pruning["percent"], percent)
        values = pruning.loc[here, "accuracy"]
        yield Figure(
            variant,
            target,
            f"{percent} %",
            value,
            **(_interval(values, parameters) if len(values) else _absent("percentage")),
        )


def _conditions(known: dict) -> Iterator[tuple[str, str, int, object]]:
    for target, variants in known.items():
        for variant, percents in variants.items():
            for percent, value in percents.items():
                yield target, variant, percent, value


def safe(known: dict, pruning: pd.DataFrame, parameters: Parameters) -> Iterator[Figure]:
    table = analysis_pruning.safe_percentage(pruning, parameters.margin, parameters.confidence)
    for target, variants in known.items():
        for variant, value in variants.items():
            if (variant, target) not in table.index:
                yield Figure(variant, target, "", value, **_absent("condition"))
                continue
            row = table.loc[(variant, target)]
            mean, low, high = analysis_pruning.widened(
                intervals.prediction_interval(row["values"], parameters.confidence), row
            )
            open_ended = analysis_pruning.censoring(row)
            note = ", ".join(filter(None, [open_ended, "one seed, no interval" if len(row["values"]) == 1 else ""]))
            # The mean of zeros that mean "below the first percentage tested" is no figure.
            ours = math.nan if row["below"] == 1 else mean
            yield Figure(variant, target, "", value, ours, low, high, note, censored=bool(open_ended))


def regain(known: dict, recovery: pd.DataFrame, parameters: Parameters) -> Iterator[Figure]:
    table = analysis_recovery.regain(recovery, parameters.margin, parameters.confidence)
    for target, variant, percent, value in _conditions(known):
        value = NEVER if value == "never" else float(value)
        rows = [row for (v, t, p), row in table.iterrows() if (v, t) == (variant, target) and math.isclose(p, percent)]
        found = _regained(rows[0], value, parameters) if rows else _absent("percentage")
        yield Figure(variant, target, f"{percent} %", value, **found)


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


def pearson(known: dict, structure: pd.DataFrame, parameters: Parameters) -> Iterator[Figure]:
    for variant, values in known.items():
        rows = one_per_graph(structure, variant)
        table = (
            rows
            if rows.empty
            else correlation.correlate(
                rows, "test_accuracy", list(values), parameters.confidence, parameters.bootstrap, parameters.data_seed
            )
        )
        for name, value in values.items():
            if rows.empty:
                yield Figure(variant, "", name, value, **_absent("variant"))
                continue
            row = table.loc[name]
            ours = row["pearson"]
            low, high = _for_both(ours, row["pearson_low"], row["pearson_high"], parameters.confidence)
            yield Figure(variant, "", name, value, ours, low, high, f"over {row['n']:.0f} graphs")


def r_squared(known: dict, structure: pd.DataFrame, parameters: Parameters) -> Iterator[Figure]:
    for variant, values in known.items():
        rows = one_per_graph(structure, variant)
        if not rows.empty:
            ours = prediction.published_prediction(rows, "test_accuracy")
            splits = min(SPLITS, parameters.prediction_splits)
            spread = prediction.split_distribution(rows, "test_accuracy", splits, parameters.data_seed)
        for model, value in values.items():
            if rows.empty:
                yield Figure(variant, "", model, value, **_absent("variant"))
            elif math.isnan(ours[model]):
                yield Figure(variant, "", model, value, note=f"too few graphs ({len(rows)}) to split")
            elif (tested := math.ceil(len(rows) / 10)) < FEWEST_TESTED:
                note = f"R² of {tested} tested networks, the thesis's of 20: no interval"
                yield Figure(variant, "", model, value, ours[model], note=note)
            else:
                low, high = spread[model].quantile([0.05, 0.95])
                yield Figure(variant, "", model, value, ours[model], low, high, f"interval: 5–95 % of {splits} splits")


def feature_sets(known: dict, structure: pd.DataFrame, parameters: Parameters) -> Iterator[Figure]:
    for variant, values in known.items():
        rows = one_per_graph(structure, variant)
        ours = {} if rows.empty else prediction.importances(rows, "test_accuracy").attrs["r2"]
        for name, value in values.items():
            found = {"ours": ours[name], "note": "one split, no interval"} if ours else _absent("variant")
            yield Figure(variant, "", name, value, **found)


def structure(known: dict, structure: pd.DataFrame, parameters: Parameters) -> Iterator[Figure]:
    """Mean accuracies. The thesis gives no spread: ours stands for its too, over as many graphs as it had."""
    for variant, values in known.items():
        accuracy = one_per_graph(structure, variant)["test_accuracy"]
        found = _interval(accuracy, parameters, _published_graphs()) if len(accuracy) else _absent("variant")
        note = f"over {len(accuracy)} graphs" if len(accuracy) else found["note"]
        yield Figure(variant, "", "mean", values["mean"], **found | {"note": note})
