"""What classifiers without memory reach on tasks of memory, and what the probe says of who remembers a known number.

``python -m tests.calibration.test_memory`` makes the figures of docs/calibration/memory.md anew; the tests are the same
with fewer strings.
"""

import zlib

import numpy as np
import pandas as pd
import pytest

from sparsekit.networks.training import Recipe
from sparsekit.pruning import memory
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.baselines import baselines
from sparsekit.tasks.grammars import walk

TASKS = {"temporal_order": {"shortest": 22, "longest": 40}, "embedded_reber": {"shortest": 9, "longest": 40}}
KNOWS = (2, 4, 8, 16)


def without_memory(train_size, test_size):
    """Test accuracies of all classifiers without memory, a column a task."""
    sizes = {"train_size": train_size, "test_size": test_size}
    return pd.DataFrame(
        {name: baselines(tasks.make(name, **sizes, **own))["test_accuracy"] for name, own in TASKS.items()}
    )


def remembers(name, seen):
    """A stand-in for a network: it knows the rules, but of a string its last characters alone; None: all of them."""
    rules = tasks.RULES[name]

    def verdict(text):
        if seen is not None and len(text) > seen:
            return zlib.crc32(text[-seen:].encode()) % 2  # any function of the end; the best can do no better on pairs
        return rules.label(walk(text, rules.automaton)[-1])

    def verdicts(_, inputs, positions):
        return np.array(
            [verdict(bytes(row[: k + 1].tolist()).decode()) for row, k in zip(inputs, positions, strict=True)]
        )

    return verdicts


def told(name, seen, strings):
    """Pairs told apart by characters in common, both pasts together, of one who remembers so many characters."""
    task, verdicts = tasks.make(name, train_size=100, test_size=4 * strings, **TASKS[name]), memory._verdicts
    memory._verdicts = remembers(name, seen)
    try:
        _, found = memory.with_another_past(None, task, Recipe(1, readout="last_valid"), strings)
    finally:
        memory._verdicts = verdicts
    hits = (found["accuracy"] * found["n"]).groupby(found["seen"]).sum()
    return hits / found.groupby("seen")["n"].sum()


def test_matched_bags_and_ends_leave_chance():
    found = without_memory(2500, 750)
    assert (found["temporal_order"] - 0.5).abs().max() <= 0.02
    assert found.loc[["forest on n-grams", "RBF on n-grams", "both ends, 2"], "embedded_reber"].min() > 0.98


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("seen", KNOWS)
def test_who_remembers_k_characters_tells_no_pair_with_as_many_in_common(name, seen):
    by_common = told(name, seen, 60)
    assert (by_common[by_common.index >= seen] == 0).all()
    if name == "temporal_order":  # there what stands before differs at once
        assert by_common[by_common.index < seen].gt(0).any()
    assert (told(name, None, 60) == 1).all()


if __name__ == "__main__":
    print(without_memory(18750, 6250).mul(100).round(1).to_string())
    for task in TASKS:
        table = {seen or "all": told(task, seen, 500) for seen in (*KNOWS, None)}
        print(pd.DataFrame(table).mul(100).round(1).to_string())
