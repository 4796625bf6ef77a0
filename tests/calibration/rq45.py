"""Calibration of the tests, intervals and ceilings of RQ4 and RQ5, on real graphs with planted accuracies.

``python -m tests.calibration.rq45`` makes the tables of docs/calibration again; the tests run a reduced version.
"""

import sys
from functools import cache

import numpy as np
import pandas as pd

from sparsekit.analysis import correlation, cross_validation, structure
from sparsekit.graphs import directed, families, properties

CONTROLS = ("nodes", "edges", "source_nodes", "sink_nodes")
KINDS = ("normal", "bimodal")


@cache
def measured(graphs: int, seed: int = 0) -> pd.DataFrame:
    """The properties of so many graphs of 10 to 30 nodes, half of either published family."""
    rows = []
    for k in range(graphs):
        family = ("barabasi_albert", "watts_strogatz")[k % 2]
        graph = families.sample(family, 1000 * seed + k, 10, 30)
        own = {"variant": "gru", "generator": family, "graph": k, "seed": 0}
        rows.append(own | properties.measure(graph) | directed.measure_more(graph))
    table = pd.DataFrame(rows)
    # A property that some graph lacks is tested from fewer graphs; the planted ones are had by all.
    return table.loc[:, [name for name in table if name in own or table[name].nunique() > 1]]


def names(graphs: int) -> list[str]:
    return [name for name in measured(graphs) if name not in ("variant", "generator", "graph", "seed")]


def errors(kind: str, n: int, rng: np.random.Generator) -> np.ndarray:
    """Errors of unit variance: normal, or of two levels, as where some networks never learn."""
    if kind == "normal":
        return rng.normal(size=n)
    return ((rng.random(n) < 0.5) * 2 - 1 + 0.2 * rng.normal(size=n)) / np.sqrt(1.04)


def standard(values: np.ndarray) -> np.ndarray:
    return (values - values.mean(axis=0)) / values.std(axis=0)


def carriers(graphs: int) -> list[str]:
    """Properties that may carry an effect: every graph has them, and the controls leave something of them."""
    table = measured(graphs)
    return [n for n in names(graphs) if n not in CONTROLS and table[n].notna().all() and left(table, n).std() > 0.2]


def left(table: pd.DataFrame, name: str) -> np.ndarray:
    """What the controls leave of a property that is standardised."""
    given = np.column_stack([np.ones(len(table)), table[list(CONTROLS)]])
    x = standard(table[name].to_numpy(dtype=float))
    return x - given @ np.linalg.lstsq(given, x)[0]


def correlations(graphs: int, kind: str, controls: tuple[str, ...], r: float, runs: int) -> dict[str, float]:
    """Share of runs with any discovery; of a planted correlation how often it is found, and its interval covers it."""
    any_found = power = cover = 0
    tested = [name for name in names(graphs) if name not in CONTROLS]
    table = measured(graphs)
    for run in range(runs):
        rng = np.random.default_rng(run)
        name = rng.choice(carriers(graphs))
        x = standard(left(table, name) if controls else table[name].to_numpy(dtype=float))
        y = r * x + np.sqrt(1 - r**2) * errors(kind, graphs, rng)
        y = y + standard(table[list(controls)].to_numpy(dtype=float)).sum(axis=1)
        row = correlation.correlate(table.assign(y=y), "y", tested, controls, permutations=199, seed=run)
        found = correlation.found(row)
        any_found, power = any_found + found.any(), power + found[name]
        cover += row.pearson_low[name] <= r <= row.pearson_high[name]
    return {"any": any_found / runs, "power": power / runs, "cover": cover / runs}


def prediction(graphs: int, kind: str, share: float, family: float, runs: int, permutations: int = 99) -> dict:
    """Share of runs in which the test of R² finds something, and the median R² out of fold."""
    table, told, scores = measured(graphs), [], []
    for run in range(runs):
        rng = np.random.default_rng(run)
        x = standard(table[rng.choice(carriers(graphs))].to_numpy(dtype=float))
        y = np.sqrt(share) * x + np.sqrt(1 - share) * errors(kind, graphs, rng)
        y = y + family * (table["generator"] == "watts_strogatz")
        options = {"properties": names(graphs), "baselines": {}, "permutations": permutations, "seed": run}
        row = cross_validation.nested_prediction(table.assign(test_accuracy=y), **options).iloc[0]
        told.append(row["p_value"] <= 0.05)
        scores.append(row["r2"])
    return {"found": np.mean(told), "r2": np.median(scores)}


def networks(accuracy: np.ndarray) -> pd.DataFrame:
    """A table of networks from accuracies of shape (graphs, seeds)."""
    graph, seed = np.indices(accuracy.shape).reshape(2, -1)
    own = {"variant": "gru", "generator": "g", "graph": graph, "seed": seed, "test_accuracy": accuracy.ravel()}
    return pd.DataFrame(own)


def ceiling(graphs: int, seeds: int, kind: str, icc: float, runs: int) -> float:
    """Coverage of the noise ceiling's interval; networks of a seed share a shift."""
    inside, true = 0, seeds * icc / (1 + (seeds - 1) * icc)
    for run in range(runs):
        rng = np.random.default_rng(run)
        of_graph = rng.standard_t(5, graphs) / np.sqrt(5 / 3) if kind == "tails" else errors(kind, graphs, rng)
        y = np.sqrt(icc) * of_graph[:, None] + np.sqrt(1 - icc) * rng.normal(size=(graphs, seeds))
        row = structure.intraclass(networks(y + 0.5 * rng.normal(size=seeds))).iloc[0]
        inside += row.ceiling_low <= true <= row.ceiling_high
    return inside / runs


def learning(graphs: int, seeds: int, share: float, runs: int) -> float:
    """Coverage of the latent share of whether networks learn."""
    inside = told = 0
    for run in range(runs):
        rng = np.random.default_rng(run)
        logits = rng.uniform(-1.5, 1.5) + np.sqrt(np.pi**2 / 3 * share / (1 - share)) * rng.normal(size=graphs)
        learns = rng.random((graphs, seeds)) < 1 / (1 + np.exp(-logits[:, None]))
        row = structure.trainability_share(networks(np.where(learns, 0.9, 0.5)), 0.5).iloc[0]
        told += np.isfinite(row.share)
        inside += row.low <= share <= row.high
    return inside / told


def uneven(graphs: int, runs: int) -> float:
    """Share of runs with a discovery where accuracy varies more the further a property is from its mean."""
    hits = 0
    for run in range(runs):
        rng = np.random.default_rng(run)
        x = rng.normal(size=graphs)
        table = pd.DataFrame({"x": x, "y": np.abs(x) ** 1.5 * rng.normal(size=graphs)})
        hits += correlation.correlate(table, "y", ["x"], permutations=199, seed=run).pearson_p.item() <= 0.05
    return hits / runs


def main(part: str) -> None:
    percents = "| {} | {} | {} runs | {} |".format
    for graphs, runs in ((20, 200), (60, 100), (200, 40)):
        for kind in KINDS if part in ("correlations", "prediction") else ():
            if part == "correlations":
                for controls in ((), CONTROLS):
                    null, some = (correlations(graphs, kind, controls, r, runs) for r in (0.0, 0.7))
                    told = null["any"], some["cover"], some["power"]
                    print(percents(graphs, f"{kind}, {len(controls)} controls", runs, _row(told)), flush=True)
            else:
                cases = [(0.0, 0.0), (0.0, 3.0), (0.6, 0.0)]
                told = [prediction(graphs, kind, *case, runs // 2) for case in cases]
                row = f"{_row(one['found'] for one in told)} | {told[2]['r2']:.2f}"
                print(percents(graphs, kind, runs // 2, row), flush=True)
    if part == "uneven":
        print(f"{uneven(60, 400):.3f}")
    for graphs, seeds in ((20, 2), (60, 3), (200, 5)) if part == "ceilings" else ():
        for kind in (*KINDS, "tails"):
            told = [ceiling(graphs, seeds, kind, icc, 400) for icc in (0.2, 0.5, 0.8)]
            print(percents(f"{graphs} × {seeds}", kind, 400, _row(told)), flush=True)
        told = [learning(graphs, seeds, share, 200) for share in (0.2, 0.5, 0.8)]
        print(percents(f"{graphs} × {seeds}", "learns or not", 200, _row(told)), flush=True)


def _row(shares) -> str:
    return " | ".join(f"{100 * share:.0f} %" for share in shares)


if __name__ == "__main__":
    for part in sys.argv[1:] or ("correlations", "prediction", "ceilings", "uneven"):
        main(part)
