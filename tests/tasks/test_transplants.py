"""Exchanged pasts: same length, same end, in the task's own rules the label that is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import grammars
from sparsekit.tasks.samples import Strings, Task
from sparsekit.tasks.transplants import transplants


def label_of(name, string):
    """Each task's label from its definition alone."""
    if name == "temporal_order":
        return {"XY": 1, "YX": 0}.get("".join(c for c in string if c in "XY"), -1)
    return int(grammars.first_violation(string, tasks.GRAMMARS[name]) == -1)


@pytest.mark.parametrize("name", ["reber", "edit", "embedded_reber", "temporal_order"])
@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**30), count=st.integers(5, 30))
def test_new_strings_have_the_label_that_their_past_says(name, seed, count):
    kind = {"invalid": "edit"} if name == "edit" else {}
    name = "reber" if name == "edit" else name
    task = tasks.make(name, train_size=100, test_size=60, data_seed=seed, longest=40, **kind)
    pool, labels = task.test.strings, task.test.labels
    table = transplants(task, count)
    assert table["sample"].max() < count
    assert set(table["past"]) == {"same", "state", "class"}
    for row in table.itertuples():
        start = len(pool[row.sample]) - row.seen
        before, own, end = pool[row.donor][:start], pool[row.sample][:start], pool[row.sample][start:]
        assert start > 0
        assert before != own
        assert len(before) == start < len(pool[row.donor])
        label, old = label_of(name, before + end), labels[row.sample]
        assert label == (old if row.past == "same" else 1 - old)
        if row.past == "class":
            assert labels[row.donor] != old
        if row.past == "state" and name != "temporal_order":  # itself grammatical
            assert grammars.first_violation(before, tasks.GRAMMARS[name]) in (-1, start)
    assert not table.duplicated(["seen", "sample", "past"]).any()
    kinds = table.groupby(["seen", "sample"])["past"].first()
    assert (kinds == "same").all()


def test_another_state_fits_as_far_as_one_can():
    # Embedded: with the other outer symbol before it, an end breaks a rule only where the symbols come last.
    task = tasks.make("embedded_reber", train_size=100, test_size=400, longest=30)
    table, pool = transplants(task, 100), task.test
    chosen = table[(table["past"] == "state") & (table["seen"] == 6) & (pool.labels[table["sample"]] == 1)]
    assert len(chosen) > 10
    for row in chosen.itertuples():
        start = len(pool.strings[row.sample]) - 6
        string = pool.strings[row.donor][:start] + pool.strings[row.sample][start:]
        assert grammars.first_violation(string, grammars.EMBEDDED) == len(string) - 2


def test_without_rules_pasts_are_of_the_same_and_of_another_class():
    task = tasks.make("digits", train_size=100, test_size=60)
    table, labels = transplants(task, 20), task.test.labels
    assert set(table["past"]) == {"same", "class"}
    agree = labels[table["sample"]] == labels[table["donor"]]
    assert (agree == (table["past"] == "same")).all()
    assert set(table["seen"]) == set(range(1, 8))


def test_what_nobody_can_lend_is_left_out():
    part = Strings(["ab", "c", "ad"], np.array([1, 0, 0]))
    assert transplants(Task("csv", part, part, apart=False), 3).empty  # no other past of one letter and the same class


@given(st.text(st.sampled_from("BTPSXVE"), max_size=12), st.sampled_from(["reber", "embedded_reber"]))
def test_walks_and_violations_are_one(string, name):
    automaton = tasks.GRAMMARS[name]
    states = grammars.walk(string, automaton)
    assert len(states) == len(string) + 1
    where = grammars.first_violation(string, automaton)
    assert tasks.RULES[name].label(states[-1]) == (where == -1)
    if -1 < where < len(string):
        assert states[where] != grammars.LEFT
        assert set(states[where + 1 :]) == {grammars.LEFT}
