"""What `03_graph_structured_rnns` finds: how well networks of graphs do, and how much of that is their graph's."""

import numpy as np
import pandas as pd

from sparsekit import ceilings
from sparsekit.graph_pairs import NULLS, gate_row_differences, mean_differences, null_differences
from sparsekit.intervals import mean_interval
from sparsekit.parameters import Parameters
from sparsekit.structure_columns import only_learned
from sparsekit.style import VARIANTS, listed, look, number, ordered, percent
from sparsekit.tables import given_graphs, one_per_graph


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
        told.append(f"{_label(variant)} {found}, {stuck:.0f} of {networks:.0f} at chance level")
    return (
        f"**What they reach.** Networks that left chance level reach, mean over graphs: {'; '.join(told)}. "
        "Those at chance are counted, and in no mean."
    )


def _noise(structure: pd.DataFrame, chance: float, parameters: Parameters) -> str:
    noise = ceilings.intraclass(only_learned(given_graphs(structure), chance), confidence=parameters.confidence)
    told = [
        f"{_label(variant)} {number(row['icc'])} ({number(row['icc_low'])} to {number(row['icc_high'])}), ceiling "
        f"{number(row['ceiling'])}"
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
    found = {kind: _verdicts(means.xs(kind, level="against"), "null models") for kind in means.index.unique("against")}
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
    return f"{told} Networks trained with them are{_verdicts(means.droplevel('against'), 'whole masks')}."


def _verdicts(means: pd.DataFrame, others: str) -> str:
    """Variants whose interval lies above zero, below it, or on both sides; how many networks never learned."""
    words: dict[str, list[str]] = {"better": [], "worse": [], "not shown to differ": [], "not to be compared": []}
    for variant, row in means.loc[ordered(means.index, VARIANTS)].iterrows():
        if not row["graphs"]:
            words["not to be compared"].append(f"{_label(variant)} (in no pair both left chance level)")
            continue
        mean, low, high = (number(100 * row[name], 1, sign=True) for name in ("mean", "low", "high"))
        span = f", {low} to {high}" if np.isfinite(row["low"]) else ", no interval"
        verdict = "better" if row["low"] > 0 else "worse" if row["high"] < 0 else "not shown to differ"
        words[verdict].append(f"{_label(variant)} ({mean}{span})")
    told = "; ".join(f"{verdict}: {listed(variants)}" for verdict, variants in words.items() if variants)
    stuck, others_stuck, pairs = (means[name].sum() for name in ("stuck", "stuck_other", "pairs"))
    unit = ", in percentage points," if means["graphs"].any() else ""
    return f"{unit} {told}. At chance level stayed {stuck:.0f} of {pairs:.0f}, of the {others} {others_stuck:.0f}"


def _label(variant: str) -> str:
    return look(VARIANTS, variant).label
