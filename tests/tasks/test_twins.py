"""Twins hold the same n-grams and end alike: only the order of X and Y tells the classes apart."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import grammars, twins
from sparsekit.tasks.baselines import CLASSIFIERS, baselines
from sparsekit.tasks.samples import Split, Strings, TaskError

SIZES = st.tuples(st.integers(2, 40), st.integers(0, 30), st.integers(0, 15))


def grams(string, n):
    return Counter(string[i : i + n] for i in range(len(string) - n + 1))


def exchanged(string):
    return string.translate(str.maketrans("XY", "YX"))


@given(st.integers(0, 2**40), SIZES)
@settings(max_examples=60, deadline=None)
def test_twins_are_alike_in_all_but_the_order(seed, sizes):
    count, spare, wide = sizes
    longest = twins.SHORTEST + spare + wide
    right, wrong = twins.pairs(np.random.default_rng(seed), count, longest - wide, longest)
    assert len({*right, *wrong}) == 2 * count
    for valid, invalid in zip(right, wrong, strict=True):
        assert exchanged(valid) == invalid
        assert valid.index("X") < valid.index("Y")
        assert longest - wide <= len(valid) <= longest
        for n in range(1, twins.MATCHED + 1):
            assert grams(valid, n) == grams(invalid, n)
        for end in (slice(twins.ENDS), slice(-twins.ENDS, None)):
            assert valid[end] == invalid[end]
            assert set(valid[end]) <= set(twins.FILLER)


def test_longer_n_grams_and_windows_do_tell_twins_apart():
    right, wrong = twins.pairs(np.random.default_rng(0), 500, 18, 30)
    n, beyond = twins.MATCHED + 1, twins.ENDS + 1
    assert any(grams(valid, n) != grams(invalid, n) for valid, invalid in zip(right, wrong, strict=True))
    assert {"Y"} < {string[-beyond] for string in right}
    assert "Y" not in {string[-beyond] for string in wrong}


def test_lengths_and_distances_take_every_value_that_fits():
    right, _ = twins.pairs(np.random.default_rng(0), 3000, 0, 26)
    assert {len(string) for string in right} == set(range(twins.SHORTEST, 27))
    assert set(twins.distances(right).tolist()) == set(range(twins.ENDS, twins.ENDS + 9))


@given(st.integers(0, 2**40), st.integers(twins.ENDS, 40))
@settings(max_examples=30, deadline=None)
def test_a_distance_asked_for_is_kept_by_all(seed, distance):
    longest = twins.SHORTEST - twins.ENDS + distance + 3
    right, wrong = twins.pairs(np.random.default_rng(seed), 20, 5, longest, distance)
    assert set(twins.distances([*right, *wrong])) == {distance}
    assert max(map(len, right)) <= longest


@given(st.integers(0, 2**40), st.integers(20, 90), st.integers(20, 60), st.floats(0.1, 0.9), st.integers(18, 40))
@settings(max_examples=30, deadline=None)
def test_sizes_labels_and_disjoint_parts(seed, train_size, test_size, share, longest):
    task = tasks.TASKS["temporal_order"](Split(train_size, test_size, seed), valid_share=share, longest=longest)
    known = [set(part.strings) | set(map(exchanged, part.strings)) for part in (task.train, task.test)]
    assert not known[0] & known[1]
    for part, size in ((task.train, train_size), (task.test, test_size)):
        assert (len(part), part.labels.sum()) == (size, round(size * share))
        assert len(set(part.strings)) == size
        assert [s.index("X") < s.index("Y") for s in part.strings] == part.labels.astype(bool).tolist()
        there, valid = set(part.strings), part.labels.sum()
        paired = sum(exchanged(string) in there for string in part.strings)
        assert paired == 2 * min(valid, size - valid)


def test_classes_are_mixed_in_order_and_determined_by_the_seed():
    one, other = (tasks.make("temporal_order", train_size=400, test_size=100, data_seed=k) for k in (0, 1))
    assert 0.3 < one.train.labels[:100].mean() < 0.7
    tasks._remembered.cache_clear()
    assert tasks.make("temporal_order", train_size=400, test_size=100).fingerprint == one.fingerprint
    assert one.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"longest": 17}, "longest=17: strings of task temporal_order have at least 18 characters"),
        ({"inner_length": 5}, "inner_length is 5: give 0, or at least 6"),
        ({"inner_length": -1}, "inner_length is -1: give 0, or at least 6"),
        ({"longest": 40, "inner_length": 29}, "longest=40: .* at least 41 characters with inner_length=29"),
        ({"shortest": 30, "longest": 20}, "shortest=30 to longest=20"),
        ({"valid_share": 1.0}, "60 of 60 training"),
    ],
)
def test_sizes_that_do_not_fit(arguments, text):
    with pytest.raises(TaskError, match=text):
        tasks.make("temporal_order", train_size=60, test_size=20, **arguments)


@given(st.text(st.sampled_from("XYabcd"), max_size=12))
def test_the_automaton_of_the_order_knows_it(string):
    cues = "".join(c for c in string if c in "XY")
    expected = {"": 0, "X": 1, "Y": 2, "XY": 3, "YX": 4}.get(cues, grammars.LEFT)
    assert grammars.walk(string, twins.ORDER)[-1] == expected


@pytest.mark.parametrize("arguments", [{"shortest": 22, "longest": 40}, {"inner_length": 6, "longest": 18}])
def test_no_bag_and_no_window_beats_chance(arguments):
    task = tasks.make("temporal_order", train_size=2500, test_size=750, **arguments)
    found = baselines(task)["test_accuracy"]
    assert set(found.index) == set(CLASSIFIERS[Strings])
    assert (found - 0.5).abs().max() <= 0.02


def test_the_same_classifiers_solve_embedded_reber_strings():
    task = tasks.make("embedded_reber", train_size=2500, test_size=750, shortest=9, longest=40)
    found = baselines(task)["test_accuracy"]
    assert found[["forest on n-grams", "RBF on n-grams", "both ends, 2"]].min() > 0.98
    assert found[["bag of bigrams", "last 4 characters", "first 4 characters"]].max() < 0.56
