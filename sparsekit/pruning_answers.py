"""What `01_pruning` finds beyond RQ1 and RQ2: a short text for each of its sections, computed from its tables."""

import pandas as pd

from sparsekit.answers import learned
from sparsekit.equivalence import VERDICTS, tolerance, tolerated
from sparsekit.looks import SCOPES, SCORES
from sparsekit.looks import look as named
from sparsekit.memory import needed
from sparsekit.parameters import Parameters
from sparsekit.pruning_studies import WITHOUT_H2H
from sparsekit.seed_pairs import ahead
from sparsekit.style import VARIANTS, counted, listed, look, number, ordered, percent
from sparsekit.survival_figures import gate_name, of_target, scope


def kept(pruning: pd.DataFrame, parameters: Parameters, majority: float | None = None) -> str:
    """Up to which percentage accuracy is shown to be kept, and where a drop is first shown.

    Parameters
    ----------
    majority : float, optional
        As for `sparsekit.answers.rq1`: variants at chance have nothing to keep, and are left out.
    """
    if pruning["seed"].nunique() == 1:
        return "One network a variant shows neither that accuracy is kept nor that it drops: give `seeds` above 1."
    above = learned(pruning, parameters, majority)
    if not above:
        return "No variant is above chance: there is no accuracy to keep."
    verdicts = tolerance(pruning[pruning["variant"].isin(above)], parameters.margin, parameters.confidence)
    ends, target, told = tolerated(verdicts), parameters.targets[0], []
    for variant in above:
        held, dropped = ends.loc[(variant, target), ["kept", "dropped"]]
        told.append(f"{_label(variant)} {f'up to {held:g} %' if held else 'at no percentage tested'}")
        told[-1] += f" (a drop is shown at {dropped:g} %)" if dropped > 0 else ""
    counts = verdicts["verdict"].value_counts()
    found = listed(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if verdict in counts)
    text = f"With {scope(target)} pruned, accuracy is shown to be kept within {100 * parameters.margin:g} points: "
    return f"{text}{'; '.join(told)}. Of all {counted(len(verdicts), 'condition')}, {found}."


def against_random(scores: pd.DataFrame, parameters: Parameters) -> str:
    """By how much the run's score is ahead of random pruning of as many weights, at most, per variant."""
    own, told = (parameters.score, "global"), []
    if parameters.score == "random":
        return "Pruning is random itself: there is nothing to set beside it. Give another `score`."
    for variant in ordered(scores["variant"], VARIANTS):
        leads = []
        for control, words in (("global", "anywhere"), ("layer", "layer by layer")):
            rows = scores[(scores["variant"] == variant) & (_is(scores, own) | _is(scores, ("random", control)))]
            gains = ahead(rows, "accuracy", parameters.confidence, score="random", scope=control).reset_index()
            most = gains.loc[gains["ahead"].idxmax()]
            leads.append(f"{_points(most)} {words}, at {most['percent']:g} %")
        told.append(f"{_label(variant)} {listed(leads)}")
    score = named(SCORES, parameters.score).label
    return f"Largest lead of {score} over random pruning of as many weights: {'; '.join(told)}."


def scores_and_scopes(scores: pd.DataFrame, parameters: Parameters) -> str:
    """Which other score and scope is most ahead of the run's own where they are compared, per variant."""
    own, reference = scores[scores["percent"].isin(parameters.compare_at)], (parameters.score, "global")
    pairs = own[["score", "scope"]].drop_duplicates().itertuples(index=False, name=None)
    others = [pair for pair in pairs if pair[0] != "random" and pair != reference]
    if not others:
        return (
            "No other score or scope was asked for: give `scores`, such as `['sensitivity']`, or `scopes`, such as "
            "`['global', 'gate']`."
        )
    score, scope = reference
    gains, told = ahead(own[own["score"] != "random"], "accuracy", parameters.confidence, score=score, scope=scope), []
    gains = gains.reset_index()
    for variant in ordered(gains["variant"], VARIANTS):
        rows = gains[gains["variant"] == variant]
        top = rows.loc[rows["ahead"].idxmax()]
        pair = f"{named(SCORES, top['score']).label} {named(SCOPES, top['scope']).label}"
        told.append(f"{_label(variant)} {_points(top)} by {pair} at {top['percent']:g} %")
    text = f"Against {named(SCORES, parameters.score).label} global, best of the others: {'; '.join(told)}. "
    if gains["n"].max() == 1:
        return f"{text}One seed: no difference has an interval."
    above, below = (gains["low"] > 0).sum(), (gains["high"] < 0).sum()
    chance = number((1 - parameters.confidence) * len(gains), 1)
    return (
        f"{text}Of the intervals of {counted(len(gains), 'difference')}, {above} lie above 0 and {below} below; "
        f"chance alone makes about {chance}."
    )


def _is(scores: pd.DataFrame, pair: tuple[str, str]) -> pd.Series:
    return (scores["score"] == pair[0]) & (scores["scope"] == pair[1])


def survivors(survival: pd.DataFrame, dead: pd.DataFrame, percentage: float, parameters: Parameters) -> str:
    """Where fewest and most weights stay at a percentage pruned, and where the first units die, per variant."""
    target, told = parameters.targets[0], []
    own = of_target(survival, ["percent", "layer", "matrix", "gate", "share"], target).query("percent == @percentage")
    units = of_target(dead, ["percent", "gate", "dead"], target).query("gate == 'all'")
    for variant in ordered(own["variant"], VARIANTS):
        shares = own[own["variant"] == variant].groupby(["gate", "layer", "matrix"])["share"].mean()
        ends = [
            f"{percent(shares[gate, layer, matrix])} ({gate_name(variant, gate)}, layer {layer + 1}, {matrix})"
            for gate, layer, matrix in (shares.idxmin(), shares.idxmax())
        ]
        first = units.loc[(units["variant"] == variant) & (units["dead"] > 0), "percent"].min()
        died = f"the first units die at {first:g} %" if first > 0 else "no unit dies at any percentage tested"
        told.append(f"between {listed(ends)} stay, and {died}")
    return f"With {percentage:g} % of {scope(target)} pruned, {'; '.join(told)}."


def remembered(seen: pd.DataFrame, table: pd.DataFrame, parameters: Parameters) -> str:
    """How many last characters each network needs, and what a table of as many reaches.

    Parameters
    ----------
    seen : DataFrame
        That of ``studies.memory``.
    table : DataFrame
        As `sparsekit.memory.last_characters` returns it.
    """
    told, tables = [], table.set_index("seen")["accuracy"]
    for variant in ordered(seen["variant"], VARIANTS):
        words = []
        for network, rows in seen[seen["variant"] == variant].groupby("network", sort=False):
            mean = rows.groupby("seen")["accuracy"].mean()
            count = needed(mean, parameters.margin)
            beside_it = f", a table {percent(tables[count])}" if count in tables else ""
            words.append(f"{network}, {count} (all give {percent(mean.iloc[-1])}{beside_it})")
        told.append(f"{_label(variant)}: {'; '.join(words)}")
    text = f"Last characters needed to come within {100 * parameters.margin:g} points of what all give: "
    return f"{text}{'. '.join(told)}."


def without_h2h(paths: pd.DataFrame, parameters: Parameters) -> str:
    """Which cells live without hidden-to-hidden weights, and whether the carry is what they live by."""
    own = paths[paths["network"] == WITHOUT_H2H]
    if own.empty:
        return (
            "Whether a cell can do without hidden-to-hidden weights was not asked: that needs `h2h` among the "
            "`targets` and 100 among the `percentages`."
        )
    means = own.groupby(["variant", "cut"])["accuracy"].mean()
    whole = {v: means[v, "nothing"] for v in ordered(own["variant"], VARIANTS)}
    cut = {v: means[v, "carry"] for v in whole if (v, "carry") in means}
    text = f"Retrained without hidden-to-hidden weights: {_accuracies(whole)}. "
    if not cut:
        return f"{text}None of these cells has another path for its past."
    carried = [_label(v) for v in cut if whole[v] - cut[v] > parameters.margin]
    found = "the carry is not what they live by"
    if carried:
        know = "knows" if len(carried) == 1 else "know"
        found = f"what {listed(carried)} still {know} of the past comes by the carry, a path that simple cells lack"
    return f"{text}With the carry cut too: {_accuracies(cut)}. So {found}."


def _label(variant: str) -> str:
    return look(VARIANTS, variant).label


def _accuracies(by_variant: dict[str, float]) -> str:
    return listed(f"{_label(variant)} {percent(accuracy)}" for variant, accuracy in by_variant.items())


def _points(row: pd.Series) -> str:
    """A difference of accuracies with its interval, in points."""
    difference, low, high = (number(100 * row[name], 1, sign=True) for name in ("ahead", "low", "high"))
    return f"{difference} points" + (f" ({low} to {high})" if row["n"] > 1 else "")
