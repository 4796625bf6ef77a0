"""What a network remembers: whether its verdict follows a past that is exchanged, and where it errs."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import torch

from sparsekit.analysis.intervals import wilson
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Encoded, Recipe
from sparsekit.registry import check_name
from sparsekit.tasks.definitions import RULES
from sparsekit.tasks.samples import Rows, Strings, Task
from sparsekit.tasks.transplants import transplants

AT_ONCE = 512
"""Strings run at once."""


def whole(network: Classifier, part: Strings | Rows, recipe: Recipe) -> pd.DataFrame:
    """Accuracy on the strings as they are, one row: majority (the largest class's share), n, accuracy, low, high."""
    hits, majority = _hits(network, part, recipe), np.bincount(part.labels).max() / len(part)
    return pd.DataFrame([{"majority": majority} | _accuracy(hits)])


def with_another_past(
    network: Classifier, task: Task, recipe: Recipe, strings: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What a network makes of test strings whose first characters are another string's: see `transplants`.

    Where the task has rules, a verdict is right that is the label of the new string. Else nothing tells that label,
    and "accuracy" is how often the verdict is still that on the string as it was.

    Parameters
    ----------
    strings : int
        Test strings that lend their last characters; any may lend its first.

    Returns
    -------
    tuple of DataFrame
        By past: seen (last characters that stay), past ("same", "state", "class"), group ("valid", "invalid": the new
        string's label; "all" without rules), n, accuracy, low, high. Told apart, of a task with rules: seen, past
        ("state", "class"), longer (share of the strings that have more characters), n pairs of the same end after this
        past and after "same", and accuracy, low, high: how many of them got both verdicts right. Whoever sees only the
        end gives both the same verdict, and gets none right.
    """
    count = min(strings, len(task.test))
    part, table = task.test.subset(range(count)), transplants(task, count)
    inputs, positions = task.test.inputs(), Encoded(part).positions(recipe)
    ends = table["sample"].to_numpy(int)
    exchanged = np.arange(inputs.shape[1]) < (task.test.lengths[ends] - table["seen"].to_numpy(int))[:, None]
    exchanged = exchanged[..., None] if task.features else exchanged
    new = np.where(exchanged, inputs[table["donor"].to_numpy(int)], inputs[ends])
    if task.name in RULES:
        right = np.where(table["past"] == "same", part.labels[ends], 1 - part.labels[ends])
        groups = np.where(right == 1, "valid", "invalid")
    else:
        right, groups = _verdicts(network, inputs[:count], positions)[ends], "all"
    table = table.assign(group=groups, hit=_verdicts(network, new, positions[ends]) == right)
    same = table[table["past"] == "same"].set_index(["seen", "sample"])["hit"].rename("kept")
    pairs = table[(table["past"] != "same") & (task.name in RULES)].join(same, ["seen", "sample"])
    pairs["hit"] &= pairs["kept"].astype(bool)
    told = _by(pairs, ["seen", "past"])
    told.insert(2, "longer", [float((part.lengths > seen).mean()) for seen in told["seen"]])
    return _by(table, ["seen", "past", "group"]), told


def _by(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Share of hits of each group, with its interval."""
    rows = [key + tuple(_accuracy(own.to_numpy()).values()) for key, own in table.groupby(columns, sort=False)["hit"]]
    return pd.DataFrame(rows, columns=[*columns, "n", "accuracy", "low", "high"])


def by_violation(
    network: Classifier,
    part: Strings | Rows,
    recipe: Recipe,
    violations: np.ndarray,
    counted: str = "start",
    width: int = 4,
) -> pd.DataFrame:
    """Accuracy by where an invalid string first breaks the rules; valid strings apart.

    Parameters
    ----------
    violations : int array, shape (n,)
        Place of each string's first violation, from 0; -1 for a valid string.
    counted : {"start", "end"}
        From which end places are counted; from the end, 1 is the last character, and k says that the network must see
        the last k characters to see the violation.
    width : int
        Places taken together.

    Columns: group ("valid", "invalid"), first and last place (from 1; nan for valid strings), n, accuracy, low, high.
    """
    check_name("counted", counted, ("start", "end"))
    violations, hits = np.asarray(violations), _hits(network, part, recipe)
    if violations.shape != hits.shape:
        raise ValueError(f"violations has shape {violations.shape}: give one place for each of {len(hits)} strings")
    broken = violations >= 0
    # A string that only stops too early breaks the rules at its end.
    places = violations + 1 if counted == "start" else np.maximum(part.lengths - violations, 1)
    rows = [{"group": "invalid"} | row for row in _binned(places[broken], hits[broken], width)]
    if not broken.all():
        rows.insert(0, {"group": "valid", "first": np.nan, "last": np.nan} | _accuracy(hits[~broken]))
    return pd.DataFrame(rows)


def by_length(network: Classifier, part: Strings | Rows, recipe: Recipe, width: int = 4) -> pd.DataFrame:
    """Accuracy by length of the string, ``width`` lengths together: first and last length, n, accuracy, low, high."""
    return pd.DataFrame(_binned(np.asarray(part.lengths), _hits(network, part, recipe), width))


def by_distance(
    network: Classifier, part: Strings | Rows, recipe: Recipe, distances: np.ndarray, width: int = 4
) -> pd.DataFrame:
    """Accuracy by the characters across which a string must be remembered, ``width`` numbers of them together.

    Columns: first and last number, n, accuracy, low, high.
    """
    return pd.DataFrame(_binned(np.asarray(distances), _hits(network, part, recipe), width))


def _hits(network: Classifier, part: Strings | Rows, recipe: Recipe) -> np.ndarray:
    return _verdicts(network, part.inputs(), Encoded(part).positions(recipe)) == part.labels


def _verdicts(network: Classifier, inputs: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The class that each string is given; strings read at about the same step are run together."""
    found, order = np.zeros(len(inputs), np.int64), np.argsort(positions, kind="stable")
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        read = torch.as_tensor(inputs[rows, : positions[rows].max() + 1])
        with torch.no_grad():
            found[rows] = network(read, torch.as_tensor(positions[rows])).argmax(-1).numpy()
    return found


def _accuracy(hits: np.ndarray) -> dict[str, float]:
    accuracy, low, high = wilson(int(hits.sum()), len(hits))
    return {"n": len(hits), "accuracy": accuracy, "low": low, "high": high}


def _binned(places: np.ndarray, hits: np.ndarray, width: int) -> Iterator[dict]:
    """Accuracy of each range of places that occurs, counted from 1."""
    bins = (places - 1) // width
    for at in np.unique(bins):
        yield {"first": int(at * width + 1), "last": int((at + 1) * width)} | _accuracy(hits[bins == at])
