"""The ladder of controls: how much of a graph's advantage is left the more its null models are like it."""

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.intervals import mean_interval, named
from sparsekit.analysis.tables import LADDER, TableError, fraction, indexed, require

DENSITY = "beyond density"
"""The rung on which a graph stands against what its density alone predicts."""

GRAPH = ["variant", "generator", "graph"]
SCALES = ("radius", "activity")


def places(table: pd.DataFrame) -> pd.DataFrame:
    """Where each graph stands in the ensemble of its null models on each rung, networks averaged over seeds.

    p is (1 + the null models that are at least as accurate) / (1 + null models): exact where the graph is one of them
    by all that the rung leaves free (Phipson and Smyth, 2010). Networks without an accuracy, whose training diverged,
    are left out.

    A row a variant, generator, graph and rung of `tables.LADDER`: accuracy, expected (mean of the null models),
    difference, nulls, at_least (count), place (share of null models below, ties by half), p; radius and activity of the
    graph, radius_null and activity_null (means), unmatched (null models whose scales are not the graph's, though they
    should be); ranks (of all, doubled, the graph's first).
    """
    require(table, LADDER)
    means = table.groupby([*GRAPH, "rung", "member"], sort=False)[["test_accuracy", "density", *SCALES]].mean()
    unmatched = table["matched"].eq(False).groupby([table[name] for name in (*GRAPH, "rung", "member")]).any()
    means = means.assign(unmatched=unmatched).dropna(subset="test_accuracy").reset_index()
    own = means[means["rung"] == ""].set_index(GRAPH)
    rows = []
    for (*graph, rung), nulls in means[means["rung"] != ""].groupby([*GRAPH, "rung"], sort=False):
        if tuple(graph) in own.index:
            rows.append(dict(zip(GRAPH, graph, strict=True)) | {"rung": rung} | _place(own.loc[tuple(graph)], nulls))
    columns = "accuracy expected difference nulls at_least place p radius activity radius_null activity_null unmatched"
    return pd.DataFrame(rows, columns=[*GRAPH, "rung", "density", *columns.split(), "ranks"])


def _place(own: pd.Series, nulls: pd.DataFrame) -> dict:
    # What differs by rounding is a tie.
    values = np.round([own["test_accuracy"], *nulls["test_accuracy"]], 9)
    k, at_least, below = len(nulls), int((values[1:] >= values[0]).sum()), (values[1:] < values[0]).sum()
    row = {"density": own["density"], "accuracy": values[0], "expected": values[1:].mean(), "nulls": k}
    row |= {"difference": values[0] - values[1:].mean(), "at_least": at_least, "p": (1 + at_least) / (1 + k)}
    row |= {"place": (below + (at_least - (values[1:] > values[0]).sum()) / 2) / k}
    row |= {name: own[name] for name in SCALES} | {f"{name}_null": nulls[name].mean() for name in SCALES}
    ranks = (2 * scipy.stats.rankdata(values)).astype(int)
    return row | {"unmatched": int(nulls["unmatched"].sum()), "ranks": tuple(ranks.tolist())}


def beyond_density(placed: pd.DataFrame, rung: str = "as it is") -> pd.DataFrame:
    """What a graph's accuracy is beyond that which density alone predicts: rows as of `places`, of rung `DENSITY`.

    The prediction is a straight line of accuracy on density over the mean null models on a rung, those of all other
    graphs of the variant.
    """
    parts = []
    for _, own in placed[placed["rung"] == rung].groupby("variant", sort=False):
        x, y, told = own["density"].to_numpy(), own["expected"].to_numpy(), np.full(len(own), np.nan)
        for k in range(len(own) if len(own) > 2 else 0):
            others = np.arange(len(own)) != k
            flat = np.ptp(x[others]) <= 1e-9
            told[k] = y[others].mean() if flat else np.polyval(np.polyfit(x[others], y[others], 1), x[k])
        of_density = own[[*GRAPH, "density", "accuracy", "nulls"]].assign(rung=DENSITY, expected=told, unmatched=0)
        parts.append(of_density.assign(difference=own["accuracy"] - told))
    found = pd.concat(parts, ignore_index=True) if parts else placed.iloc[:0]
    return found.reindex(columns=placed.columns)


def summary(placed: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Mean advantage over graphs on each rung, with its Student t interval, and a test of all graphs at once.

    p is two-sided and exact: that of the sum of the graphs' ranks, each among its own null models (`rank_sum_p`).

    Index (variant, generator, rung); graphs, nulls (mean a graph), mean, low, high, place (mean), p, radius,
    radius_null, activity, activity_null (means), unmatched (count of null models). p is nan where a rung has none.
    """
    fraction("confidence", confidence)
    rows = {}
    for name, graphs in placed.groupby(["variant", "generator", "rung"], sort=False):
        known = graphs.dropna(subset="difference")
        row = {"graphs": len(known)} | named("mean low high", mean_interval(known["difference"], confidence, -1, 1))
        row |= known[["nulls", "place", *SCALES, *(f"{of}_null" for of in SCALES)]].mean().to_dict()
        ranks = known["ranks"] if known["ranks"].notna().all() else []
        rows[name] = row | {"unmatched": graphs["unmatched"].sum(), "p": rank_sum_p(ranks)}
    columns = ["graphs", "nulls", "mean", "low", "high", "place", "p", "radius", "radius_null", "activity"]
    return indexed(rows, ["variant", "generator", "rung"], [*columns, "activity_null", "unmatched"])


def rank_sum_p(ranks: Iterable[Sequence[int]]) -> float:
    """Two-sided p of the sum of first ranks, each as likely as any other of its own graph: exact, ties included.

    A Wilcoxon rank sum test stratified by graph, one treated in each (Ph. van Elteren, On the combination of
    independent two-sample tests of Wilcoxon, 1960; of equal ensembles its weights are equal). Its distribution is the
    convolution of the graphs', so that it allows for how few values a rank may take; Fisher's and Stouffer's do not.

    >>> rank_sum_p([(3, 1, 2)] * 2)  # both graphs first of three: 1 of 9, twice
    0.2222222222222222
    """
    chances, total = np.ones(1), 0
    for own in ranks:
        chances = np.convolve(chances, np.bincount(own) / len(own))
        total += own[0]
    if not total:
        return np.nan
    below, above = chances[: total + 1].sum(), chances[total:].sum()
    return float(min(1, 2 * min(below, above)))


def judged(table: pd.DataFrame, expected: dict[str, int], confidence: float = 0.95) -> pd.DataFrame:
    """What the strictest rung says of each claim: `summary`'s rows of it, with a verdict.

    Within a variant p is adjusted for several claims (S. Holm, 1979), ``p_holm``. verdict: "shown", "refuted" (the
    opposite is shown) or "not shown".

    Parameters
    ----------
    table : DataFrame
        Of `summary`; generator is the claim, and rungs ascend.
    expected : mapping of claim to 1 or -1
        Whether it says that its feature helps.
    """
    if missing := {*table.index.get_level_values("generator")} - expected.keys():
        raise TableError(f"nothing says what {sorted(missing)[0]} claims")
    last = table.groupby(["variant", "generator"], sort=False).tail(1)
    parts = []
    for _, own in last.groupby("variant", sort=False):
        ordered = own["p"].rank(method="first").to_numpy()
        raised = (own["p"] * (len(own) + 1 - ordered)).clip(upper=1)
        steps = raised.iloc[np.argsort(ordered)].cummax()
        parts.append(own.assign(p_holm=steps))
    found = pd.concat(parts) if parts else last.assign(p_holm=np.nan)
    signs = found["mean"] * [expected[name] for name in found.index.get_level_values("generator")]
    told = np.where(found["p_holm"] > 1 - confidence, "not shown", np.where(signs > 0, "shown", "refuted"))
    return found.assign(verdict=np.where(found["p_holm"].isna(), "not shown", told))
