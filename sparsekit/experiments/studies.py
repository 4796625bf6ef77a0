"""Which units each notebook reads, and the tables that belong to no single study."""

import warnings
from collections.abc import Callable, Iterable

import pandas as pd

from sparsekit.analysis.tables import given_graphs
from sparsekit.experiments import inference, ladder, memory, own_table, pruning, sparse, structure
from sparsekit.experiments.identity import Unit
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.records import default_store
from sparsekit.experiments.shipped import MASKS, WEIGHTS
from sparsekit.experiments.units import Baselines, base_networks, computed, results, strings
from sparsekit.networks import classifier
from sparsekit.pruning.recovery import starts_early
from sparsekit.registry import OwnError
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import labelled_csv, samples

NOTEBOOKS: dict[str, Callable[[Parameters], Iterable[Unit]]] = {
    "00_task": lambda p: [*_task_baselines(p), *base_networks(p)],
    "01_pruning": lambda p: [*_pruned(p), *pruning.scored_networks(p), *memory.probes(p), *_sources(p)],
    "02_recovery": lambda p: [*_pruned(p), *_compared(p)],
    "03_graph_structured_rnns": lambda p: [*_graphs(p), *ladder.ladder_networks(p), *ladder.claim_networks(p)],
    "04_correlation_analysis": lambda p: [*_analysed(p), *_masks(p)],
    "05_what_sparsity_buys": lambda p: [*inference.raced_networks(p), *inference.timed(p)],
    "06_sparse_from_the_start": lambda p: sparse.sparse_units(p),
}
"""The units that each notebook reads, beside the baselines of its task, which all of them read."""


def units(p: Parameters, notebook: str) -> list[Unit]:
    """Every unit that a notebook reads, for the command line, which computes them before it runs the notebook.

    A user's own notebook computes what it reads beyond the baselines.
    """
    return list(dict.fromkeys([Baselines(strings(p)), *NOTEBOOKS.get(notebook, lambda p: [])(p)]))


def drawn(p: Parameters) -> dict[Unit, str]:
    """The units whose weights notebooks and the report's explorable pages read, or just their masks."""
    told = min(p.percentages, key=lambda percent: abs(percent - 80))  # by the string that 01 draws first
    first = [one for one in pruning.pruned(p, p.targets[0], told) if one.base.variant == p.variants[-1]]
    own = [unit for unit in [*base_networks(p), *first] if getattr(unit, "base", unit).seed == p.seed]
    return dict.fromkeys(structure.masked_networks(p), MASKS) | dict.fromkeys(own, WEIGHTS)


def _pruned(p: Parameters) -> list[Unit]:
    return [*base_networks(p), *pruning.pruned_networks(p)]


def _sources(p: Parameters) -> list[Unit]:
    units = dict.fromkeys(unit for _, unit in pruning.source_networks(p))
    return [*dict.fromkeys(unit.base for unit in units), *units]


def _compared(p: Parameters) -> list[Unit]:
    by_protocol = pruning.protocol_networks(p)
    early = [unit.early for unit in by_protocol if starts_early(unit.protocol)]
    return [*early, *pruning.scheduled_networks(p), *by_protocol]


def _graphs(p: Parameters) -> list[Unit]:
    return [*structure.graph_networks(p), *structure.gate_row_networks(p)]


def _analysed(p: Parameters) -> list[Unit]:
    if p.structure_table:
        own_table.read(p.structure_table)  # what is wrong with it is an error before anything runs
        return []
    return [*structure.graph_networks(p), *base_networks(p)]


def _masks(p: Parameters) -> list[Unit]:
    return [*structure.masked_networks(p), *structure.mask_training_networks(p)]


def task(p: Parameters) -> samples.Task:
    """The strings of the study."""
    return strings(p).make()


def baselines(p: Parameters) -> pd.DataFrame:
    """Accuracy of classifiers without memory: index classifier; train_accuracy, test_accuracy."""
    unit = Baselines(strings(p))
    return pd.DataFrame(computed([unit], p).read(unit)["table"]).set_index("classifier")


def networks(p: Parameters) -> tuple[pd.DataFrame, float]:
    """`tables.GRAPHS` of the given graphs, and the accuracy of always naming the larger class.

    They are those of `structure_table`, if it is given, else trained here.
    """
    if p.structure_table:
        table = own_table.read(p.structure_table)
        return table, table.attrs["chance"]
    found = given_graphs(structure.structure(p)).reset_index(drop=True)
    return found, baselines(p).loc["majority", "test_accuracy"]


def task_baselines(p: Parameters) -> pd.DataFrame:
    """`baselines` of every task that the kit makes, and of a file of strings: columns task, invalid, samples, ….

    With `p`'s numbers of strings, lengths and seed; a task that cannot be made with these is left out, and with a
    warning a user's own that fails. `samples` is how many a task is tested on: fewer than asked for where it has fewer.
    """
    parts = []
    names = _task_baselines(p)
    for unit, data in results(names, p):
        task, invalid = names[unit]
        tested = len(unit.strings.make().test)
        parts.append(pd.DataFrame(data["table"]).assign(task=task, invalid=invalid, samples=tested))
    return pd.concat(parts, ignore_index=True)


def _task_baselines(p: Parameters) -> dict[Baselines, tuple[str, str]]:
    wanted, store = {}, default_store()
    kinds = {task: tasks.INVALID if "invalid" in tasks.options(task) else ("",) for task in tasks.TASKS}
    for name, invalid in [(task, kind) for task in kinds for kind in kinds[task] if task != "csv" or p.csv_path]:
        try:
            given = strings(p.model_copy(update={"task": name, "invalid": invalid}))
            if not store.file(Baselines(given)).exists():  # of which it was made before
                given.make()
        except labelled_csv.TaskError:  # too few strings of these lengths, too few samples for ten classes
            continue
        except OwnError as error:
            if name == p.task:
                raise
            warnings.warn(f"left out: {error}", stacklevel=2)  # of another task than the study's
            continue
        wanted[Baselines(given)] = name, invalid
    return wanted


def base_network(p: Parameters, variant: str, seed: int | None = None) -> classifier.Classifier:
    """One trained base network; of the first seed, where none is given."""
    seed = p.seed if seed is None else seed
    (unit,) = (unit for unit in base_networks(p) if (unit.variant, unit.seed) == (variant, seed))
    return unit.network(computed([unit], p, weights=True))


def stages(p: Parameters, variant: str, target: str, percent: float) -> dict[str, classifier.Classifier]:
    """The first seed's network before pruning, at once after it, and retrained, by these names."""
    (unit,) = (
        unit
        for unit in pruning.pruned_networks(p)
        if (unit.base.variant, unit.base.seed, unit.target, unit.percent) == (variant, p.seed, target, percent)
    )
    store = computed([unit], p, weights=True)
    return {"before": unit.base.network(store), "pruned": unit.start(store), "retrained": unit.network(store)}
