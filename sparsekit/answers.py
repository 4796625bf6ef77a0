"""The short answer to each research question, computed from a run's tables and worded by what they can tell."""

import numpy as np
import pandas as pd

from sparsekit import statistics
from sparsekit.parameters import Parameters
from sparsekit.prediction import MODELS
from sparsekit.properties import NAMES
from sparsekit.style import TARGETS, VARIANTS, listed, number, ordered, words_of
from sparsekit.tables import one_per_graph

QUESTIONS = {
    "RQ1": "What does pruning weights do to the accuracy of a recurrent network?",
    "RQ2": "What share of the weights can go before accuracy drops significantly?",
    "RQ3": "After a significant drop, how many epochs of retraining regain the accuracy?",
    "RQ4": "How does a randomly structured recurrent network's accuracy correlate with the properties of its graph?",
    "RQ5": "Can that accuracy be predicted from the properties of the graph?",
}
WIDEST_PERCENT = 40  # an interval of RQ2 wider than this tells next to nothing


def answers(
    pruning: pd.DataFrame | None,
    recovery: pd.DataFrame | None,
    structure: pd.DataFrame | None,
    parameters: Parameters,
) -> dict[str, str]:
    """A few sentences for each research question; "Not run." where its table is missing.

    Parameters
    ----------
    pruning, recovery, structure : DataFrame or None
        Tables as the functions of those names in ``studies`` return them.
    parameters : Parameters
        The run's; margin, confidence, resamples and retraining epochs are used.

    Returns
    -------
    dict
        "RQ1" … "RQ5" to plain text.
    """
    given = ((rq1, pruning), (rq2, pruning), (rq3, recovery), (rq4, structure), (rq5, structure))
    return {
        name: "Not run." if table is None or table.empty else answer(table, parameters)
        for name, (answer, table) in zip(QUESTIONS, given, strict=True)
    }


def rq1(pruning: pd.DataFrame, parameters: Parameters) -> str:
    """What pruning does: per variant the steepest fall of mean accuracy from one percentage to the next."""
    first = ordered(pruning["target"], TARGETS)[0]
    rows = pruning[pruning["target"] == first]
    told = [_fall(rows[rows["variant"] == v], v, parameters) for v in ordered(rows["variant"], VARIANTS)]
    last = rows[rows["percent"] == rows["percent"].max()].groupby("variant")["accuracy"].mean()
    return (
        f"Pruned by magnitude, {_pruned(first)}, before any retraining: {'; '.join(told)}. "
        f"At {rows['percent'].max():g} % pruned, accuracy is {_range(last, '.2f')}. {_seeds(rows)}"
    )


def rq2(pruning: pd.DataFrame, parameters: Parameters) -> str:
    """The highest percentage up to which accuracy stays within the margin of the base, with its interval over seeds."""
    table = statistics.safe_percentage(pruning, parameters.margin, parameters.confidence)
    first, *others = ordered(pruning["target"], TARGETS)
    told = [
        f"{_label(v)} {_chance(pruning[pruning['variant'] == v], parameters) or _safe(table.loc[(v, first)])}"
        for v in ordered(pruning["variant"], VARIANTS)
    ]
    text = f"Within {parameters.margin:g} of the base accuracy, {_pruned(first)}, mean over seeds: {'; '.join(told)}. "
    if others:
        alone = [f"{TARGETS[t].label} {_range(table.xs(t, level='target')['mean'], '.0f')} %" for t in others]
        text += f"Pruned alone, over the variants: {'; '.join(alone)}. "
    tested = ", ".join(f"{p:g}" for p in sorted(pruning["percent"].unique()))
    return text + f"Tested at {tested} %. {_seeds(pruning)}"


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


def rq4(structure: pd.DataFrame, parameters: Parameters) -> str:
    """Per variant the property with the largest Pearson coefficient, and how many intervals leave out zero."""
    told = []
    for variant in ordered(structure["variant"], VARIANTS):
        rows = one_per_graph(structure, variant)
        table = statistics.correlate(
            rows, "test_accuracy", NAMES, parameters.confidence, parameters.bootstrap, parameters.data_seed
        ).dropna(subset=["pearson", "pearson_low", "pearson_high"])
        if table.empty:
            told.append(f"{_label(variant)} cannot tell from {len(rows)} graphs")
            continue
        strongest = table.loc[table["pearson"].abs().idxmax()]
        clear = ((table["pearson_low"] > 0) | (table["pearson_high"] < 0)).sum()
        low, high = strongest["pearson_low"], strongest["pearson_high"]
        found = f"{words_of(strongest.name)}, r = {number(strongest['pearson'])} ({number(low)} to {number(high)})"
        told.append(
            f"{_label(variant)} most with {found}, {clear} of {len(table)} intervals without zero"
            if low > 0 or high < 0
            else f"{_label(variant)} cannot tell, at most {found}"
        )
    chance = (1 - parameters.confidence) * len(NAMES)
    return (
        f"{'; '.join(told)}. By chance alone about {chance:.1g} of {len(NAMES)} intervals would leave out zero, "
        f"and the properties depend on one another. {_graphs(structure)}"
    )


def rq5(structure: pd.DataFrame, parameters: Parameters) -> str:
    """Per variant the out-of-fold R² of the best model, beside what one interface width alone predicts."""
    told = []
    for variant in ordered(structure["variant"], VARIANTS):
        rows = one_per_graph(structure, variant)
        table = statistics.cross_validated(
            rows,
            "test_accuracy",
            seed=parameters.data_seed,
            confidence=parameters.confidence,
            resamples=parameters.bootstrap,
        )
        best = table.loc[list(MODELS)].dropna()
        if best.empty:
            told.append(f"{_label(variant)} cannot tell from {len(rows)} graphs")
            continue
        name = best["r2"].idxmax()
        r2, low, high = best.loc[name]
        word = "in part" if low > 0 else "no" if high <= 0 else "cannot tell"
        told.append(
            f"{_label(variant)} {word}: R² {number(r2)} ({number(low)} to {number(high)}) by {words_of(name)}, "
            f"{number(table.loc['source_nodes alone', 'r2'])} from source nodes alone"
        )
    return (
        f"Cross-validated, best of {len(MODELS)} models: {'; '.join(told)}. "
        f"Zero is what the mean alone predicts. {_graphs(structure)}"
    )


def _label(variant: str) -> str:
    return VARIANTS[variant].label


def _pruned(target: str) -> str:
    return "both kinds of recurrent weights together" if target == "both" else f"{TARGETS[target].label} weights alone"


def _chance(rows: pd.DataFrame, parameters: Parameters) -> str:
    """Why a variant's networks can show no loss: they have learned nothing to lose. Empty where they have."""
    base = rows.drop_duplicates("seed")["base_accuracy"].mean()
    majority = max(parameters.valid_share, 1 - parameters.valid_share)
    return f"cannot tell: unpruned it is at chance ({base:.2f})" if base <= majority + parameters.margin else ""


def _fall(rows: pd.DataFrame, variant: str, parameters: Parameters) -> str:
    if nothing := _chance(rows, parameters):
        return f"{_label(variant)} {nothing}"
    means = rows.groupby("percent")["accuracy"].mean().sort_index()
    means = pd.concat([pd.Series({0.0: rows.drop_duplicates("seed")["base_accuracy"].mean()}), means[means.index > 0]])
    if means.iloc[0] - means.min() <= parameters.margin:
        return f"{_label(variant)} stays at {_range(means, '.2f')} up to {means.index[-1]:g} %"
    falls = -means.diff()
    to = falls.idxmax()
    before = means.index[means.index.get_loc(to) - 1]
    start = "unpruned" if before == 0 else f"at {before:g} % (unpruned {means.iloc[0]:.2f})"
    return f"{_label(variant)} falls most steeply from {means[before]:.2f} {start} to {means[to]:.2f} at {to:g} %"


def _safe(row: pd.Series) -> str:
    if len(row["values"]) == 1:
        return f"{row['mean']:.0f} %"
    if row["high"] - row["low"] > WIDEST_PERCENT:
        return f"cannot tell ({listed(f'{v:g}' for v in row['values'])} % by seed)"
    if row["low"] == row["high"]:
        return f"{row['mean']:.0f} % in each"
    return f"{row['mean']:.0f} % ({row['low']:.0f} to {row['high']:.0f})"


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


def _graphs(structure: pd.DataFrame) -> str:
    graphs = len(structure.drop_duplicates(["generator", "graph"]))
    return f"One network of each of {graphs} graphs a variant."
