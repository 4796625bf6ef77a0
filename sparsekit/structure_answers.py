"""The answers to RQ4 and RQ5: as published, then under control, each with its interval."""

import numpy as np
import pandas as pd

from sparsekit.ceilings import intraclass, learned
from sparsekit.control import partial
from sparsekit.control_figures import controls_in_words
from sparsekit.correlation import by_variant, correlate, correlations
from sparsekit.correlation_figures import DISCOVERY
from sparsekit.cross_validation import ALL, nested_prediction
from sparsekit.generalisation_figures import strongest_baseline
from sparsekit.parameters import Parameters
from sparsekit.prediction import published_prediction, split_distribution
from sparsekit.properties import NAMES
from sparsekit.statistics import strongest
from sparsekit.structure_columns import controls, graph_properties, only_learned, prediction_baselines
from sparsekit.style import VARIANTS, counted, look, number, ordered, words_of
from sparsekit.tables import given_graphs, one_per_graph

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
            told.append(f"{_label(variant)} cannot tell from {len(rows)} graphs")
            continue
        clear = ((table["pearson_low"] > 0) | (table["pearson_high"] < 0)).sum()
        found = (
            f"{words_of(name)}, r = {_span(number(r), *table.loc[name, ['pearson_low', 'pearson_high']])}, "
            f"p = {number(p, 3)} for the strongest of {len(table)}"
        )
        word = "cannot tell, at most" if p > 1 - parameters.confidence else "most"
        told.append(f"{_label(variant)} {word} with {found}, {clear} of {len(table)} intervals without zero")
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
    stuck = 0 if majority is None else len(structure) - len(learned(structure, majority))
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
            told.append(f"{_label(variant)} cannot tell from {table['n'].max():.0f} graphs")
            continue
        row = table.loc[name := known.idxmax()]
        before = "" if alone is None else f" (alone {int((alone.loc[variant, 'q_value'] <= DISCOVERY).sum())})"
        count = int((table["q_value"] <= DISCOVERY).sum())
        told.append(
            f"{_label(variant)} {count or 'none'}{before}, strongest {words_of(name)}, "
            f"r = {_span(number(row['pearson'], sign=True), row['pearson_low'], row['pearson_high'])}"
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
        once.append(f"{_label(variant)} {_split(one_per_graph(structure, variant), parameters)}")
        folds.append(f"{_label(variant)} {_out_of_fold(scores.loc[variant], baseline)}")
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
    gain = _span(number(base["gain"], sign=True), base["gain_low"], base["gain_high"])
    return f"{word}, R² {_span(number(row['r2']), row['low'], row['high'])}, gain {gain}"


def _ceiling(row: pd.Series) -> str:
    if not np.isfinite(row["ceiling"]):
        return ", noise ceiling unknown"
    return f", noise ceiling {_span(number(row['ceiling']), row['ceiling_low'], row['ceiling_high'])}"


def _span(value: str, low: float, high: float) -> str:
    return f"{value} ({number(low)} to {number(high)})" if np.isfinite(low) else value


def _label(variant: str) -> str:
    return look(VARIANTS, variant).label


def _graphs(structure: pd.DataFrame) -> str:
    graphs = len(structure.drop_duplicates(["generator", "graph"]))
    return f"Each of {graphs} graphs a variant counts once, its accuracy the mean over seeds."
