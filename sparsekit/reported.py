"""What the thesis reports, and how a run's scale stands to the thesis's.

Source: Harshil Darji, *Investigating Sparsity in Recurrent Neural Networks*, arXiv 2407.20601. Its figures are kept in
``reported.yaml``, each group with the chapter it was read from.
"""

from functools import cache
from importlib import resources

import yaml

from sparsekit.parameters import Parameters


@cache
def reported() -> dict:
    """The thesis's reported figures: by group, ``source`` and ``values``; also ``citation`` and ``scale``."""
    return yaml.safe_load(resources.files("sparsekit").joinpath("reported.yaml").read_text(encoding="utf-8"))


def of_its_task(parameters: Parameters) -> bool:
    """Whether a run learns what the thesis's networks did; on another task no figure is the thesis's."""
    return (parameters.task, parameters.invalid) == ("reber", "automata")


def safe_percentages(parameters: Parameters) -> dict[tuple[str, str], float]:
    """The percentages that can "safely" be pruned, by (variant, target), as figures take them; none on another task.

    >>> safe_percentages(Parameters())["lstm", "h2h"]
    90.0
    """
    if not of_its_task(parameters):
        return {}
    values = reported()["safe_pruning_percent"]["values"]
    return {(variant, target): float(p) for target, row in values.items() for variant, p in row.items()}


def scale(parameters: Parameters) -> list[dict]:
    """The sizes that decide how far this run compares with the thesis: label, ours, thesis."""
    thesis = reported()["scale"]["values"]
    words = {
        "train_size": "training strings",
        "test_size": "test strings",
        "seeds": "seeds of each pruning network",
        "base_epochs": "epochs, base network",
        "percentages": "pruning percentages",
        "retrain_epochs": "epochs of retraining",
        "generators": "graph generators",
        "graphs": "graphs of each generator",
        "graph_seeds": "seeds of each graph's network",
        "graph_epochs": "epochs, graph network",
    }
    rows = []
    for name, label in words.items():
        ours = getattr(parameters, name)
        rows.append(
            {"label": label, "ours": len(ours) if isinstance(ours, list | tuple) else ours, "thesis": thesis[name]}
        )
    return rows


def scale_note(parameters: Parameters) -> str:
    """One or two sentences on the scale of a run beside the thesis's."""
    smaller = [
        f"{row['label']} {row['ours']:,} of {row['thesis']:,}"
        for row in scale(parameters)
        if row["ours"] < row["thesis"]
    ]
    note = (
        f"Smaller than the thesis's run ({'; '.join(smaller)}), so a figure that differs may differ by scale alone."
        if smaller
        else "At the thesis's scale or above."
    )
    if parameters.task != "reber":
        note += f" The task is “{parameters.task}”; the thesis's figures are for Reber strings."
    return note
