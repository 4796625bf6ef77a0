"""What the parameters mean: the units of each notebook, and the tables made from their records.

A table function lists the units that the parameters mean, has those without a record computed, and reads the rest.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from sparsekit import execution, graphs, networks, tasks
from sparsekit.parameters import Parameters
from sparsekit.records import Store, default_store
from sparsekit.recurrence import GATES
from sparsekit.training import Recipe
from sparsekit.units import Baselines, BaseNetwork, GraphNetwork, PrunedNetwork, Strings

NOTEBOOKS = ["00_task", "01_pruning", "02_recovery", "03_graph_structured_rnns", "04_correlation_analysis"]


def _strings(p: Parameters) -> Strings:
    content = hashlib.sha256(_content(p.csv_path)).hexdigest() if p.task == "csv" else ""
    path = str(Path(p.csv_path).absolute()) if p.task == "csv" else ""
    # What a file's strings do not depend on is no part of what they are.
    names = ["train_size", "test_size", "data_seed"]
    names += ["valid_share", "shortest", "longest"] if p.task != "csv" else []
    return Strings(p.task, **{name: getattr(p, name) for name in names}, content=content, csv_path=path)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise tasks.TaskError(f"csv_path: {path} cannot be read") from None


def _recipe(p: Parameters, epochs: int, batch_size: int) -> Recipe:
    return Recipe(epochs, batch_size, p.learning_rate, p.gradient_clip, p.readout)


def base_networks(p: Parameters) -> list[BaseNetwork]:
    """The base networks, by variant and seed."""
    recipe = _recipe(p, p.base_epochs, p.batch_size_pruning)
    return [
        BaseNetwork(_strings(p), variant, p.seed + k, recipe, p.hidden_size, p.layers, p.embedding_size)
        for variant in p.variants
        for k in range(p.seeds)
    ]


def pruned_networks(p: Parameters) -> list[PrunedNetwork]:
    """The pruned networks, by base network, target and percentage."""
    recipe = _recipe(p, p.retrain_epochs, p.batch_size_pruning)
    steps = -(-len(_strings(p).make().train) // p.batch_size_pruning)
    measure_at = tuple(sorted(step for step in p.recovery_steps if step < steps))
    return [
        PrunedNetwork(base, target, percent, recipe, measure_at, p.score)
        for base in base_networks(p)
        for target in p.targets
        for percent in sorted(set(p.percentages))
    ]


def graph_networks(p: Parameters) -> list[GraphNetwork]:
    """The graph-structured networks, by variant, graph and seed."""
    strings, recipe = _strings(p), _recipe(p, p.graph_epochs, p.batch_size_structure)
    drawn = [
        {"generator": generator, "graph": k, "nodes_min": p.nodes_min, "nodes_max": p.nodes_max, "draw": p.data_seed}
        for generator in p.generators
        for k in range(p.graphs)
    ]
    for file in p.graph_files:
        graphs.read(file)  # before anything runs: a file that is no graph is an error now
        path = Path(file).absolute()
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        drawn.append({"generator": "file", "graph": digest, "path": str(path)})
    return [
        GraphNetwork(strings, variant, seed=p.seed + k, recipe=recipe, gate_masks=_gate_masks(p, variant), **graph)
        for variant in p.variants
        for graph in drawn
        for k in range(p.graph_seeds)
    ]


def _gate_masks(p: Parameters, variant: str) -> str:
    """The layout of masks; with a single gate there is but one."""
    return p.gate_masks if GATES[variant] > 1 else "blocks"


def units(p: Parameters, notebook: str) -> list:
    """Every unit that a notebook reads, for the command line, which computes them before it runs the notebook."""
    lists = {
        "00_task": lambda: [*base_networks(p)],
        "01_pruning": lambda: [*base_networks(p), *pruned_networks(p)],
        "02_recovery": lambda: [*base_networks(p), *pruned_networks(p)],
        "03_graph_structured_rnns": lambda: graph_networks(p),
        "04_correlation_analysis": lambda: graph_networks(p),
    }
    return [Baselines(_strings(p)), *lists[notebook]()]


def computed(wanted: Iterable, p: Parameters) -> Store:
    """The store, once it holds a record of every unit wanted."""
    store = default_store()
    execution.run(list(wanted), store, workers=p.workers, device=p.device)
    return store


def task(p: Parameters) -> tasks.Task:
    """The strings of the study."""
    return _strings(p).make()


def baselines(p: Parameters) -> pd.DataFrame:
    """Accuracy of classifiers without memory: index classifier; train_accuracy, test_accuracy."""
    unit = Baselines(_strings(p))
    return pd.DataFrame(computed([unit], p).read(unit)["table"]).set_index("classifier")


def base(p: Parameters) -> pd.DataFrame:
    """Training of the base networks: variant, seed, epoch, train_ and test_ loss and accuracy; a row an epoch."""
    wanted = base_networks(p)
    store = computed(wanted, p)
    rows = [
        {"variant": unit.variant, "seed": unit.seed, **row}
        for unit in wanted
        for row in store.read(unit)["history"][1:]
    ]
    columns = ["variant", "seed", "epoch", "train_loss", "train_accuracy", "test_loss", "test_accuracy"]
    return pd.DataFrame(rows)[columns].astype({"epoch": int})


def pruning(p: Parameters) -> pd.DataFrame:
    """Pruned networks before any retraining, one row each: accuracy, base_accuracy, sparsity reached, threshold."""
    columns = ["base_accuracy", "accuracy", "sparsity", "target_sparsity", "threshold"]
    return pd.DataFrame([_condition(unit) | {name: data[name] for name in columns} for unit, data in _pruned(p)])


def recovery(p: Parameters) -> pd.DataFrame:
    """Accuracy of each pruned network after each measured optimizer step of retraining; step 0 is at once."""
    return pd.DataFrame(
        [
            _condition(unit)
            | {"step": row["step"], "epoch": row["epoch"], "accuracy": row["test_accuracy"]}
            | {"base_accuracy": data["base_accuracy"]}
            for unit, data in _pruned(p)
            for row in data["history"]
        ]
    )


def _pruned(p: Parameters) -> list[tuple[PrunedNetwork, dict]]:
    wanted = pruned_networks(p)
    store = computed(wanted, p)
    return [(unit, store.read(unit)) for unit in wanted]


def _condition(unit: PrunedNetwork) -> dict:
    return {
        "variant": unit.base.variant,
        "seed": unit.base.seed,
        "target": unit.target,
        "percent": float(unit.percent),
    }


def structure(p: Parameters) -> pd.DataFrame:
    """Graph-structured networks, one row each: graph, its properties, parameters, accuracies."""
    wanted = graph_networks(p)
    store = computed(wanted, p)
    rows = []
    for unit in wanted:
        data = store.read(unit)
        del data["history"]
        rows.append(
            {"variant": unit.variant, "generator": unit.generator, "graph": unit.name, "seed": unit.seed} | data
        )
    return pd.DataFrame(rows)


def base_network(p: Parameters, variant: str, seed: int | None = None) -> networks.Classifier:
    """One trained base network; of the first seed, where none is given."""
    (unit,) = (u for u in base_networks(p) if (u.variant, u.seed) == (variant, p.seed if seed is None else seed))
    return unit.network(computed([unit], p))
