"""Seeds within graphs: how many networks learn at all, and how much of accuracy any property of a graph can explain."""

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
import scipy.stats

from sparsekit.analysis.correlation import variants_of
from sparsekit.analysis.intervals import ROUNDING, mean_interval, named
from sparsekit.analysis.tables import fraction, given_graphs, graph_ids, indexed, numbers, one_per_graph, require

ALL = "all"
"""Stands for every family at once in the index of `trainability`."""

CHANCE_MARGIN = 0.02
"""How far above chance level, in accuracy, a network has left it."""


def learned(table: pd.DataFrame, chance: float, margin: float = CHANCE_MARGIN) -> pd.DataFrame:
    """The networks that left chance level: accuracy above ``chance + margin``, both fractions.

    Chance is the accuracy of always naming the larger class. What this leaves out is `trainability`; a graph keeps its
    other seeds.
    """
    return table[_left_chance(table, chance, margin)]


def _left_chance(table: pd.DataFrame, chance: float, margin: float, target: str = "test_accuracy") -> np.ndarray:
    fraction("chance", chance)
    fraction("margin", margin)
    require(table, [target])
    # A network without an accuracy, one whose training diverged, has not left chance either.
    return numbers(table, target) > chance + margin


def trainability(
    table: pd.DataFrame, chance: float, margin: float = CHANCE_MARGIN, confidence: float = 0.95
) -> pd.DataFrame:
    """How many networks of `tables.GRAPHS` never left chance level, per variant and family, "all" first.

    Seeds of one graph may share their fate. The Wilson score interval of the share therefore counts networks as n over
    the design effect 1 + (k - 1) ICC (Kish, *Survey Sampling*, 1965), k seeds a graph; where none or all are at chance,
    which hides how alike seeds are, each graph counts once.

    Index (variant, generator); networks, graphs, at_chance (count), share, low, high.
    """
    fraction("confidence", confidence)
    variants_of(table)
    own = table[["variant", "generator", "graph"]].assign(stuck=~_left_chance(table, chance, margin))
    rows = {}
    for variant, networks in own.groupby("variant", sort=False):
        for generator, some in [(ALL, networks), *networks.groupby("generator", sort=False)]:
            rows[variant, generator] = _share(some, confidence)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["variant", "generator"])


def _share(networks: pd.DataFrame, confidence: float) -> dict[str, float]:
    from statsmodels.stats.proportion import proportion_confint  # slow to load

    stuck, graphs = networks["stuck"].to_numpy(dtype=float), graph_ids(networks)
    seeds, alike = np.bincount(graphs), 1.0
    if np.ptp(stuck) > 0:
        alike = np.clip(_variances(stuck, graphs, np.zeros_like(graphs))["icc"], 0, 1)
    effect = 1.0 if seeds.max() == 1 else 1 + ((seeds**2).sum() / seeds.sum() - 1) * alike
    effective = len(stuck) / effect
    low, high = proportion_confint(stuck.mean() * effective, effective, 1 - confidence, method="wilson")
    counts = {"networks": len(stuck), "graphs": len(seeds), "at_chance": int(stuck.sum())}
    # Rounding must not leave the ends a hair beside none and all.
    return counts | {"share": stuck.mean(), "low": low if stuck.any() else 0.0, "high": 1.0 if stuck.all() else high}


def intraclass(table: pd.DataFrame, target: str = "test_accuracy", confidence: float = 0.95) -> pd.DataFrame:
    """How alike the seeds of a graph are, and the noise ceiling that this sets to every R² over graph means.

    The intraclass correlation ICC(C,1) is the share of variance that lies between graphs, from an analysis of variance
    of graphs crossed with seeds: networks of one seed share the order of strings, and what that does to all of them
    alike tells no graph from another (McGraw and Wong, *Forming Inferences*, Psychological Methods 1996). Its interval
    is that of the F distribution, with fewer degrees of freedom where graphs or seeds have heavier tails than a normal
    distribution (Shoemaker, *Fixing the F Test for Equal Variances*, The American Statistician 2003); seeds may differ
    in number, which makes it approximate. The ceiling is ICC(C,k), the reliability of a mean over k seeds: what varies
    between graph means beyond it is seeds, which no property of a graph can predict. A correlation may rise to its
    square root. Networks of `tables.GRAPHS` without an accuracy are left out.

    Index ``variant``; graphs, networks, seeds (harmonic mean over graphs), between_sd, within_sd (in accuracy), icc and
    ceiling with _low and _high. icc may fall below 0, the ceiling is cut off there. All but the counts are nan where no
    graph has two seeds, there are fewer than two graphs, or accuracy is constant.
    """
    fraction("confidence", confidence)
    variants, rows = variants_of(table, ["seed", target]), {}
    known = table[np.isfinite(numbers(table, target))]
    for variant in variants:
        networks = known[known["variant"] == variant]
        seeds = pd.factorize(networks["seed"])[0]
        rows[variant] = _variances(numbers(networks, target), graph_ids(networks), seeds, confidence)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("variant")


def _variances(values: np.ndarray, groups: np.ndarray, crossed: np.ndarray, confidence: float = 0.95) -> dict:
    """Analysis of variance with random groups, numbered from 0, crossed with seeds; without them where all are 0."""
    seeds, n = np.bincount(groups), len(values)
    names = ("between_sd", "within_sd", "icc", "icc_low", "icc_high", "ceiling", "ceiling_low", "ceiling_high")
    row = {"graphs": len(seeds), "networks": n, "seeds": len(seeds) / (1 / seeds).sum() if n else np.nan}
    row |= dict.fromkeys(names, np.nan)
    if len(seeds) < 2 or n == len(seeds) or np.ptp(values) == 0:
        return row
    by_seed = np.linalg.qr(np.eye(crossed.max() + 1)[crossed])[0]
    by_graph = np.eye(len(seeds))[groups]
    by_graph -= by_seed @ (by_seed.T @ by_graph)  # what seeds do to all graphs alike is no graph's
    left = values - by_seed @ (by_seed.T @ values)
    spanned, sizes, _ = np.linalg.svd(by_graph, full_matrices=False)
    spanned = spanned[:, sizes > 1e-9]
    k = spanned.shape[1]  # degrees of freedom between graphs
    freedom = n - k - by_seed.shape[1]
    if freedom < 1:
        return row
    told = spanned.T @ left
    between, within = told @ told / k, (left @ left - told @ told) / freedom
    n0 = (by_graph**2).sum() / k
    row["within_sd"], row["between_sd"] = np.sqrt(max(within, 0)), np.sqrt(max(between - within, 0) / n0)
    freedoms = k / _tails(np.bincount(groups, left) / seeds), freedom / _tails(left - spanned @ told)
    ends = scipy.stats.f.ppf([(1 + confidence) / 2, (1 - confidence) / 2], *freedoms)
    for end, by in zip(("", "_low", "_high"), (1, *ends), strict=True):
        icc = (between - by * within) / (between + (n0 - 1) * by * within)
        row[f"icc{end}"], floor = float(icc), max(icc, 0)
        # Spearman and Brown: of means over unequal seeds, the harmonic mean counts.
        row[f"ceiling{end}"] = float(row["seeds"] * floor / (1 + (row["seeds"] - 1) * floor))
    return row


def _tails(values: np.ndarray) -> float:
    """How many times the variance of a variance is that of normal values, by a kurtosis beyond chance; else 1."""
    n = len(values)
    if n < 4 or not values.any():
        return 1.0
    chance = np.sqrt(24 * n * (n - 1) ** 2 / ((n - 3) * (n - 2) * (n + 3) * (n + 5)))  # its standard error
    excess = scipy.stats.kurtosis(values, bias=False)
    return 1 + excess / 2 if excess > 2 * chance else 1.0


NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(40)
SHARES = np.linspace(0, 0.99, 100)
"""The latent shares of variance that `trainability_share` weighs."""


def trainability_share(
    table: pd.DataFrame, chance: float, margin: float = CHANCE_MARGIN, confidence: float = 0.95
) -> pd.DataFrame:
    """How much of whether a network learns is its graph's: the latent intraclass correlation of a logistic model.

    logit P(learns) = m + u of the graph, u normal with variance v; the share is v / (v + π²/3), that of the graph in
    the variance of what decides (Nakagawa and Schielzeth, Biological Reviews 2010). Median and interval are of its
    distribution given the data, uniform beforehand, m profiled out.

    Index ``variant``; graphs, networks, learned (count), share, low, high. nan where no graph has two seeds, or none
    or all learned.
    """
    fraction("confidence", confidence)
    variants, rows = variants_of(table), {}
    own = table.assign(learned=_left_chance(table, chance, margin))
    for variant in variants:
        networks = own[own["variant"] == variant]
        graphs = graph_ids(networks)
        seeds, learned = np.bincount(graphs), np.bincount(graphs, networks["learned"]).astype(int)
        rows[variant] = {"graphs": len(seeds), "networks": len(networks), "learned": learned.sum()}
        if seeds.max() > 1 and 0 < learned.sum() < len(networks):
            rows[variant] |= named("share low high", _latent_share(seeds, learned, confidence))
    return indexed(rows, ["variant"], ["graphs", "networks", "learned", "share", "low", "high"])


def _latent_share(seeds: np.ndarray, learned: np.ndarray, confidence: float) -> np.ndarray:
    """Median, low and high end of the share."""
    kinds, counts = np.unique(np.column_stack([seeds, learned]), axis=0, return_counts=True)
    deviation = np.sqrt(np.pi**2 / 3 * SHARES / (1 - SHARES))
    middles = np.linspace(-1, 1, 121)[:, None] * (8 + 3 * deviation)  # of each share its own range of m
    logits = (middles[..., None] + deviation[:, None] * NODES).clip(-40, 40)
    learns, fails = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
    fit = np.zeros_like(middles)
    for (n, k), count in zip(kinds, counts, strict=True):
        fit += count * np.log(np.exp(k * learns + (n - k) * fails) @ WEIGHTS)
    best = fit.max(axis=0)
    weight = np.exp(best - best.max())
    weight[[0, -1]] /= 2
    below = np.cumsum(weight) - weight / 2
    tail = (1 - confidence) / 2
    return np.interp(np.array([0.5, tail, 1 - tail]) * weight.sum(), below, SHARES)


NULLS = {"rewired": "same degrees", "shuffled": "other labels", "random": "same density"}
"""What a null model has of its graph, or has not, by its name."""


def null_differences(structure: pd.DataFrame, chance: float, margin: float = CHANCE_MARGIN) -> pd.DataFrame:
    """Accuracy of each graph's networks minus that of its null models', networks of equal seed in pairs.

    The graph is the sample of `tables.GRAPHS` with null and original, so its pairs are averaged. Only pairs of which
    both left chance level have a difference; how many did not is counted, an outcome of its own.

    A row a variant, null model and graph: variant, against (the null model), generator, original, difference (nan where
    no pair has one), pairs, stuck and stuck_other (networks at chance level).
    """
    require(structure, ["null"])
    own = structure["null"] == "none"
    return _differences(structure[own], structure[~own], "null", chance, margin)


def gate_row_differences(layouts: pd.DataFrame, chance: float, margin: float = CHANCE_MARGIN) -> pd.DataFrame:
    """`null_differences` of another kind: under the published mask "rows" minus under whole "blocks" (gate_masks)."""
    require(layouts, ["gate_masks"])
    published = layouts["gate_masks"] == "rows"
    return _differences(layouts[published], layouts[~published], "gate_masks", chance, margin)


def _differences(ones: pd.DataFrame, others: pd.DataFrame, against: str, chance: float, margin: float) -> pd.DataFrame:
    pair, target = ["variant", "generator", "original", "seed"], "test_accuracy"
    require(ones, [*pair, target])
    others = others[[*pair, against, target]].rename(columns={against: "against", target: "other"})
    pairs = others.merge(ones[[*pair, target]], on=pair, validate="many_to_one")
    stuck, stuck_other = (~_left_chance(pairs, chance, margin, name) for name in (target, "other"))
    difference = np.where(stuck | stuck_other, np.nan, numbers(pairs, target) - numbers(pairs, "other"))
    pairs = pairs.assign(difference=difference, stuck=stuck, stuck_other=stuck_other)
    graphs = pairs.groupby(["variant", "against", "generator", "original"], sort=False)
    counts = {"pairs": ("seed", "size"), "stuck": ("stuck", "sum"), "stuck_other": ("stuck_other", "sum")}
    return graphs.agg(difference=("difference", "mean"), **counts).reset_index()


def mean_differences(differences: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Mean over graphs of `null_differences` or `gate_row_differences`, with its Student t interval.

    Index (variant, against); graphs (those with a difference), mean, low, high (nan for a single graph), above and
    below (graphs whose difference is positive, negative), pairs, stuck, stuck_other (counts of networks).
    """
    fraction("confidence", confidence)
    counts, rows = ["pairs", "stuck", "stuck_other"], {}
    require(differences, ["variant", "against", "difference", *counts])
    for name, graphs in differences.groupby(["variant", "against"], sort=False):
        known = graphs["difference"].dropna()
        rows[name] = {"graphs": len(known), "above": int((known > 0).sum()), "below": int((known < 0).sum())}
        rows[name] |= named("mean low high", mean_interval(known, confidence, low=-1, high=1))
        rows[name] |= graphs[counts].sum().to_dict()
    return indexed(rows, ["variant", "against"], ["graphs", "mean", "low", "high", "above", "below", *counts])


def most_by_chance(differences: pd.DataFrame, confidence: float = 0.95, flips: int = 999, seed: int = 0) -> int:
    """How many intervals of `mean_differences` leave out zero where nothing differs, in all but the last few studies.

    The ``confidence`` quantile over random signs of each graph's differences, the same sign for all variants and null
    models, so that what the intervals have in common counts.
    """
    values = differences.pivot_table("difference", ["generator", "original"], ["variant", "against"]).to_numpy()
    n = np.isfinite(values).sum(axis=0)
    values, n = np.nan_to_num(values[:, n > 1]), n[n > 1]
    signs = np.random.default_rng(seed).choice([-1, 1], (flips, len(values)))
    means, squares = signs @ values / n, (values**2).sum(axis=0) / n
    t = np.abs(means) / np.sqrt(np.maximum(squares - means**2, ROUNDING * squares) / (n - 1) + (squares == 0))
    clear = (t > scipy.stats.t.ppf((1 + confidence) / 2, n - 1)).sum(axis=1)
    return int(np.quantile(clear, confidence, method="higher"))


CAUSES = {
    "nodes": "nodes",
    "edges": "edges",
    "recurrent_parameters": "recurrent parameters",
    "depth": "layers of the network",
    "embedding_width": "embedding width",
    "readout_width": "readout width",
    "average_clustering": "clustering",
    "average_shortest_path_length": "path length",
}
"""Measures of `tables.GRAPHS` that could each be what accuracy depends on, as people call them."""

FIXED = 0.05
"""A cause whose range is no larger, as a share of its mean, counts as held fixed."""

APART = 0.3
"""Causes whose rank correlation is no larger, either way, count as told apart."""


def causes(structure: pd.DataFrame) -> pd.DataFrame:
    """Spearman's correlation of `CAUSES` (index and columns) over the graphs of the first variant, each once.

    nan for one that is held fixed: the same in all graphs, or within `FIXED`.
    """
    require(structure, ["variant", *CAUSES])
    graphs = one_per_graph(structure, structure["variant"].iloc[0])
    values = pd.DataFrame({name: numbers(graphs, name) for name in CAUSES})
    fixed = np.ptp(values, axis=0) <= FIXED * values.mean()
    return values.mask(np.broadcast_to(fixed, values.shape)).corr("spearman")


def medians(structure: pd.DataFrame, target: str = "test_accuracy") -> pd.DataFrame:
    """Median accuracy of each variant and family: variant, generator, median."""
    groups = structure.groupby(["variant", "generator"], sort=False)[target]
    return groups.median().rename("median").reset_index()


def drawn_graphs(structure: pd.DataFrame) -> pd.DataFrame:
    """The graphs of a study, each once, with ``shade``: their edges, from 0 (fewest) to 1 (most)."""
    graphs = given_graphs(structure).drop_duplicates(["generator", "graph"])
    fewest, most = graphs["edges"].min(), graphs["edges"].max()
    return graphs.assign(shade=(graphs["edges"] - fewest) / (most - fewest) if most > fewest else 0.6)


def cause_pairs(matrix: pd.DataFrame) -> pd.DataFrame:
    """The lower triangle of `causes`, a row a pair: row, column, value, together (beyond `APART`)."""
    pairs = [(b, a, matrix.loc[a, b]) for a, b in combinations(CAUSES, 2)]
    return pd.DataFrame(pairs, columns=["row", "column", "value"]).assign(together=lambda t: t["value"].abs() > APART)


def separates(structure: pd.DataFrame, name: str) -> bool:
    """Whether a property's values in each family lie apart from those in any other."""
    spans = structure.groupby("generator")[name].agg(["min", "max"]).sort_values("min")
    return len(spans) > 1 and bool((spans["max"].to_numpy()[:-1] < spans["min"].to_numpy()[1:]).all())


def places_among(population: pd.DataFrame, measured: Mapping[str, float]) -> pd.DataFrame:
    """Where a graph's properties fall among those of other graphs.

    Index property, of those that the population has; value, above (share of the others that it is above), rank (0 the
    lowest, 1 the highest; of equals in the middle).
    """
    rows = {
        name: {"value": value, "above": (own := population[name] < value).mean()}
        | {"rank": own.mean() + (population[name] == value).mean() / 2}
        for name, value in measured.items()
        if name in population and len(population)
    }
    return indexed(rows, ["property"], ["value", "above", "rank"])
