"""Samples with another past: the last characters stay, and before them stands the start of another sample.

What results is of the task's own kind at every step and as long as before, so only the past has changed.
"""

from functools import lru_cache

import numpy as np
import pandas as pd

from sparsekit.tasks.definitions import RULES
from sparsekit.tasks.grammars import LEFT, Rules, walk
from sparsekit.tasks.samples import Strings, Task


def grades(longest: int) -> list[int]:
    """Numbers of characters up to the longest string: each up to 8, then in steps of about a quarter.

    >>> grades(21)
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 21]
    """
    found = [1]
    while found[-1] < longest:
        found.append(min(longest, found[-1] + max(1, found[-1] // 4)))
    return found


@lru_cache(maxsize=2)
def transplants(task: Task, count: int, seed: int = 0) -> pd.DataFrame:
    """Other pasts for the first test samples, `count` of them, and each number of last characters to keep.

    Past "same" comes from a sample that is in the same state of the task's automaton there, so that the label stays.
    Both others give the end the other label: "state" is the start of any that has not left the language, and fits as
    far into the end as one can; "class" is that of a sample of the other class. A task without rules has no states:
    "same" comes from a sample of the same class. An end without a past "same" is left out.

    Returns
    -------
    DataFrame
        seen (characters kept), sample, past, donor: the number of the test sample whose first characters are the past.
    """
    rng, pool, rules = np.random.default_rng(seed), task.test, RULES.get(task.name)
    inputs, lengths = pool.inputs(), pool.lengths
    states = None if rules is None else _states(rules, pool)
    rows = []
    for seen in grades(int(lengths[:count].max()) - 1):
        for sample in np.flatnonzero(lengths[:count] > seen):
            start, others = lengths[sample] - seen, pool.labels != pool.labels[sample]
            kinds = {"same": ~others, "class": others}
            if rules:
                kinds = _by_state(rules, states[:, start], pool.strings[sample][start:], states[sample, start], others)
            for past, kind in kinds.items():
                candidates = rng.permutation(np.flatnonzero(kind & (lengths > start)))
                differ = (j for j in candidates if (inputs[j, :start] != inputs[sample, :start]).any())
                if (donor := next(differ, None)) is not None:
                    rows.append([seen, sample, past, donor])
                elif past == "same":
                    break
    return pd.DataFrame(rows, columns=["seen", "sample", "past", "donor"])


def _states(rules: Rules, pool: Strings) -> np.ndarray:
    """The automaton's state before each character of each string; left where a string has ended."""
    states = np.full((len(pool), max(pool.lengths) + 1), LEFT)
    for row, string in zip(states, pool.strings, strict=True):
        row[: len(string) + 1] = walk(string, rules.automaton)
    return states


def _by_state(rules: Rules, there: np.ndarray, end: str, own: int, others: np.ndarray) -> dict[str, np.ndarray]:
    """Who may lend each kind of past to an end: by the states where their starts end, and whose class is the other."""
    walks = {state: walk(end, rules.automaton, state) for state in {own, *there.tolist()}}
    labels = {state: rules.label(ahead[-1]) for state, ahead in walks.items()}
    turned = [state for state in walks if labels[state] == 1 - labels[own]]
    fits = {state: -walks[state].count(LEFT) for state in turned if state != LEFT}
    best = [state for state, fit in fits.items() if fit == max(fits.values())]
    return {"same": there == own, "state": np.isin(there, best), "class": others & np.isin(there, turned)}
