"""Synthetic tables in the studies' schemas, for the figures' tests."""

from types import SimpleNamespace

import numpy as np
import pandas as pd

from sparsekit.graphs.properties import NAMES

VARIANTS = ("rnn_tanh", "rnn_relu", "gru", "lstm")
TARGETS = ("both", "i2h", "h2h")
BASE = {"rnn_tanh": 0.937, "rnn_relu": 0.998, "gru": 1.0, "lstm": 0.9995}
SAFE = {"rnn_tanh": 80, "rnn_relu": 65, "gru": 82, "lstm": 62}


def baselines() -> pd.DataFrame:
    test = {
        "majority": 0.5, "length": 0.777, "character set": 0.779, "first character": 0.5, "first 2 characters": 0.66,
        "first 3 characters": 0.921, "first 4 characters": 0.93, "last character": 0.5, "last 2 characters": 0.71,
        "last 3 characters": 0.86, "last 4 characters": 0.938, "bag of characters": 0.814, "bag of bigrams": 0.9997,
    }  # fmt: skip
    table = pd.DataFrame({"test_accuracy": pd.Series(test)}).rename_axis("classifier")
    table.insert(0, "train_accuracy", (table["test_accuracy"] + 0.004).clip(upper=1))
    return table


def task_baselines() -> pd.DataFrame:
    reber = baselines().reset_index().assign(task="reber", invalid="automata")
    rows = {"majority": 0.1, "first row": 0.42, "last row": 0.5, "mean row": 0.57, "all pixels": 0.96}
    digits = pd.Series(rows, name="test_accuracy").rename_axis("classifier").reset_index()
    chance = reber.assign(task="embedded_reber", invalid="", test_accuracy=0.5)
    tasks = [reber, chance, digits.assign(task="digits", invalid="")]
    return pd.concat(tasks, ignore_index=True).assign(samples=500)


def task(count: int = 4000) -> SimpleNamespace:
    rng = np.random.default_rng(1)
    lengths = np.r_[rng.normal(23.6, 4.3, count).round(), rng.normal(18.7, 3.9, count).round()].clip(11, 53).astype(int)
    labels = np.repeat([1, 0], count)
    strings = ["B" * n for n in lengths]
    return SimpleNamespace(train=SimpleNamespace(strings=strings, labels=labels, lengths=lengths))


def base(variants=VARIANTS, seeds: int = 3, epochs: int = 20) -> pd.DataFrame:
    rng, rows = np.random.default_rng(2), []
    for variant in variants:
        for seed in range(seeds):
            delay = rng.uniform(1.5, 4)
            for epoch in range(1, epochs + 1):
                top = BASE[variant] - 0.42 * np.exp(-epoch / delay)
                test = min(top + rng.normal(0, 0.006), 1)
                rows.append((variant, seed, epoch, 0.1, min(test + 0.008, 1), 0.2, test))
    return pd.DataFrame(
        rows, columns=["variant", "seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    )


def _pruned(variant: str, target: str, percent: float, rng) -> float:
    edge = SAFE[variant] + {"both": 0, "i2h": -3, "h2h": 9}[target] + rng.normal(0, 4)
    return 0.5 + (BASE[variant] - 0.5) / (1 + np.exp((percent - edge) / 3)) + rng.normal(0, 0.002)


def pruning(variants=VARIANTS, seeds: int = 3, targets=TARGETS, percentages=range(10, 101, 10)) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    rows = [
        (v, s, t, float(p), BASE[v], min(_pruned(v, t, p, rng), 1), 0.9 * p / 100, p / 100, 0.1)
        for v in variants for s in range(seeds) for t in targets for p in percentages
    ]  # fmt: skip
    columns = ["variant", "seed", "target", "percent", "base_accuracy", "accuracy"]
    return pd.DataFrame(rows, columns=[*columns, "sparsity", "target_sparsity", "threshold"])


def recovery(variants=VARIANTS, seeds: int = 3, targets=TARGETS, percentages=range(10, 101, 10)) -> pd.DataFrame:
    rng, per_epoch, rows = np.random.default_rng(4), 586, []
    for v in variants:
        for s in range(seeds):
            for t in targets:
                for p in percentages:
                    start = min(_pruned(v, t, p, rng), 1)
                    top, pace = (0.5 if p == 100 else BASE[v]), 15 * (1 + p / 20)
                    for step in (0, 5, 20, 80, 200, *(per_epoch * e for e in (1, 2, 3, 4, 5))):
                        accuracy = top + (start - top) * np.exp(-step / pace) + rng.normal(0, 0.002)
                        rows.append((v, s, t, float(p), step, step / per_epoch, np.clip(accuracy, 0, 1), BASE[v]))
    return pd.DataFrame(
        rows, columns=["variant", "seed", "target", "percent", "step", "epoch", "accuracy", "base_accuracy"]
    )


def structure(variants=VARIANTS, networks: int = 60) -> pd.DataFrame:
    rng, parts = np.random.default_rng(5), []
    for variant in variants:
        table = pd.DataFrame(rng.normal(0, 1, (networks, len(NAMES))), columns=list(NAMES))
        table["source_nodes"] = rng.integers(1, 12, networks)
        table["nodes"] = rng.integers(10, 51, networks)
        score = 0.72 + 0.02 * table["source_nodes"] + 0.002 * table["nodes"] - 0.02 * table["closeness_var"]
        table["test_accuracy"] = (score + rng.normal(0, 0.04, networks)).clip(0.5, 1)
        if variant == "rnn_relu":
            table.loc[rng.random(networks) < 0.35, "test_accuracy"] = 0.5
        table.insert(0, "variant", variant)
        table.insert(1, "generator", np.where(np.arange(networks) % 2, "watts_strogatz", "barabasi_albert"))
        table.insert(2, "graph", np.arange(networks) // 2)
        table.insert(3, "seed", 0)
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def distributions(variants=VARIANTS, splits: int = 100, tested: int = 20) -> dict[str, pd.DataFrame]:
    """Scores of the published split and of many others, R² only where ten networks are tested."""
    rng = np.random.default_rng(6)
    names = ["bayesian_ridge", "random_forest", "adaboost", "mean"]
    index = pd.MultiIndex.from_product([range(splits), names], names=["split", "model"])
    lost = {v: rng.gamma(1.4, 0.35, len(index)) for v in variants}
    tables = {v: pd.DataFrame({"r2": 0.6 - own, "rmse": 0.05 * own}, index) for v, own in lost.items()}
    return {v: table.assign(tested=tested, r2=table["r2"] if tested >= 10 else np.nan) for v, table in tables.items()}


def once(variants=VARIANTS, tested: int = 20) -> dict[str, pd.DataFrame]:
    return {v: table.loc[0] for v, table in distributions(variants, 1, tested).items()}


def importances(variants=VARIANTS) -> dict[str, pd.DataFrame]:
    rng, tables = np.random.default_rng(7), {}
    four = ["nodes", "edges", "source_nodes", "sink_nodes"]
    sets = {
        "all": list(NAMES),
        "only_nodes_and_edges": four,
        "without_nodes_and_edges": [n for n in NAMES if n not in four],
        "only_variances": [n for n in NAMES if n.endswith("_var")],
    }
    for variant in variants:
        rows = {k: dict(zip(v, rng.dirichlet(np.full(len(v), 0.4)), strict=True)) for k, v in sets.items()}
        tables[variant] = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=list(NAMES))
        r2 = dict(zip(sets, (0.61, 0.71, -0.05, 0.06), strict=True))
        tables[variant].attrs["scores"] = {name: {"r2": r2[name], "rmse": 0.1, "tested": 20} for name in sets}
    return tables


def sparse(variants=("rnn_tanh", "gru"), seeds: int = 3, budgets=("steps", "multiply-adds")) -> pd.DataFrame:
    """What ``experiments.sparse.accuracies`` returns."""
    rng, rows = np.random.default_rng(8), []
    worse = {"pruned": 0, "small_dense": 0.08, "erdos_renyi": 0.1, "set": 0.05, "rigl": 0.02, "gradual": 0.01}
    for budget in budgets:
        for variant in variants:
            for seed in range(seeds):
                for compression in (4.0, 16.0):
                    for method, less in worse.items():
                        accuracy = min(BASE[variant] - less * np.log2(compression) / 2 + rng.normal(0, 0.01), 1)
                        spent = 1 if method == "pruned" else 1 / compression
                        cost = (200, 600, 400 / compression, 400)
                        percent = 100 * (1 - 1 / compression)
                        rows.append(
                            (variant, seed, "both", percent, budget, method, compression, accuracy, 12, *cost, spent)
                        )
    columns = ["variant", "seed", "target", "percent", "budget", "method", "compression", "accuracy", "epochs"]
    columns += ["weights", "weights_dense", "multiply_adds", "multiply_adds_dense", "spent"]
    return pd.DataFrame(rows, columns=columns)


def sparse_movements(seeds: int = 3) -> pd.DataFrame:
    """What ``experiments.sparse.movements`` returns."""
    rows = [
        (variant, seed, method, compression, moved * (1 + seed / 50), (1 + moved) / compression, 1 / compression)
        for variant in ("rnn_tanh", "gru") for seed in range(seeds) for compression in (4.0, 16.0)
        for method, moved in {"erdos_renyi": 0, "set": 0.6, "rigl": 0.4}.items()
    ]  # fmt: skip
    columns = ["variant", "seed", "method", "compression", "distance", "ever_alive", "density"]
    return pd.DataFrame(rows, columns=columns)


def sparse_structures(seeds: int = 3) -> pd.DataFrame:
    """What ``experiments.sparse.structures`` returns."""
    rng = np.random.default_rng(9)
    rows = [
        (variant, seed, method, compression, share, 0, "-", name, 0.5 + grown * share + rng.normal(0, 0.01), 0.5)
        for variant in ("rnn_tanh", "gru") for seed in range(seeds) for compression in (4.0, 16.0)
        for method, grown in {"erdos_renyi": 0, "rigl": 0.2}.items() for share in (0.0, 0.5, 1.0)
        for name in ("degree_inequality", "average_clustering", "reciprocity", "balanced_triads")
    ]  # fmt: skip
    columns = ["variant", "seed", "method", "compression", "share", "layer", "gate", "property", "value", "null"]
    return pd.DataFrame(rows, columns=columns)
