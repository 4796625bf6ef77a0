"""What parameters mean to every study: which strings, how to train, and units computed where they have no record."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from sparsekit import execution, tasks
from sparsekit.parameters import Parameters
from sparsekit.records import Store, default_store
from sparsekit.training import Recipe
from sparsekit.units import Strings

MATTERS = {
    "reber": ("valid_share", "shortest", "longest", "invalid"),
    "embedded_reber": ("valid_share", "shortest", "longest", "inner_length"),
}
"""Parameters on which a task's strings depend besides their numbers and seed: no other is part of what they are."""


def strings(p: Parameters) -> Strings:
    """The strings that networks learn."""
    content, path = "", ""
    if p.task == "csv":
        content, path = hashlib.sha256(_content(p.csv_path)).hexdigest(), str(Path(p.csv_path).absolute())
    names = ["train_size", "test_size", "data_seed", *MATTERS.get(p.task, ())]
    return Strings(p.task, **{name: getattr(p, name) for name in names}, content=content, csv_path=path)


def _content(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        raise tasks.TaskError(f"csv_path: {path} cannot be read") from None


def recipe(p: Parameters, epochs: int, batch_size: int) -> Recipe:
    """How networks train."""
    return Recipe(epochs, batch_size, p.learning_rate, p.gradient_clip, p.readout)


def computed(wanted: Iterable, p: Parameters) -> Store:
    """The store, once it holds a record of every unit wanted."""
    store = default_store()
    execution.run(list(wanted), store, workers=p.workers, device=p.device)
    return store
