import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ks_2samp
from sklearn.datasets import load_digits

from sparsekit.registry import UnknownName
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import grammars as reber
from sparsekit.tasks.definitions import make, violations
from sparsekit.tasks.grammars import LETTERS, is_valid
from sparsekit.tasks.samples import Rows, Split, Strings, Task, TaskError

SMALL = {"train_size": 60, "test_size": 20}


def contents(task):
    return [Counter(zip(part.strings, part.labels.tolist(), strict=True)) for part in (task.train, task.test)]


@given(
    st.integers(0, 2**40),
    st.integers(20, 90),
    st.integers(20, 60),
    st.floats(0.1, 0.9),
    st.integers(17, 40),
    st.sampled_from(tasks.INVALID),
)
@settings(max_examples=30, deadline=None)
def test_reber_sizes_balance_lengths_and_labels(seed, train_size, test_size, share, longest, invalid):
    split = Split(train_size, test_size, seed)
    task = tasks.TASKS["reber"](split, valid_share=share, shortest=12, longest=longest, invalid=invalid)
    for part, size in ((task.train, train_size), (task.test, test_size)):
        assert len(part) == size
        assert part.labels.sum() == round(size * share)
        assert part.labels.dtype == np.int64
        assert 12 <= part.lengths.min() <= part.lengths.max() <= longest
        assert part.labels.tolist() == [is_valid(s) for s in part.strings]
    assert len({*task.train.strings, *task.test.strings}) == train_size + test_size


def test_reber_is_determined_by_its_arguments():
    first = make("reber", **SMALL)
    tasks._remembered.cache_clear()
    again = make("reber", **SMALL)
    assert first is not again
    assert first.fingerprint == again.fingerprint
    assert make("reber", **SMALL) is again
    others = [{"data_seed": 1}, {"train_size": 61}, {"test_size": 21}, {"valid_share": 0.4}, {"longest": 30}]
    others += [{"invalid": "edit"}]
    prints = {make("reber", **{**SMALL, **other}).fingerprint for other in others}
    assert len(prints | {first.fingerprint}) == 7


@pytest.mark.parametrize(
    ("arguments", "start"),
    [(SMALL, "85aa4879c738"), ({"train_size": 2500, "test_size": 750, "data_seed": 3}, "e6f302160a4d")],
)
def test_published_kind_of_task_stays_what_it_was(arguments, start):
    assert make("reber", **arguments).fingerprint.startswith(start)


def test_edited_strings_stem_from_valid_ones_outside_the_data_set(monkeypatch):
    seen, edited = [], reber.edited
    monkeypatch.setattr(reber, "edited", lambda rng, sources: seen.extend(sources) or edited(rng, sources))
    tasks._remembered.cache_clear()
    task = make("reber", **SMALL, invalid="edit")
    assert len(seen) == 40
    assert not set(seen) & {*task.train.strings, *task.test.strings}
    for string in [s for s, label in zip(task.train.strings, task.train.labels, strict=True) if label == 0]:
        near = {string[:i] + x + string[i + 1 :] for i in range(len(string)) for x in LETTERS}
        assert near & set(seen)


def test_length_tells_edited_strings_from_valid_ones_no_more_than_chance():
    for invalid, alike in (("edit", True), ("automata", False)):
        train = make("reber", train_size=3000, test_size=100, invalid=invalid).train
        groups = (train.lengths[train.labels == label] for label in (0, 1))
        assert (ks_2samp(*groups).pvalue > 0.01) == alike


def test_fingerprint_tells_split_and_labels_apart():
    one, two = (Strings([s], np.array([1])) for s in ("AB", "C"))
    changed = Strings(["C"], np.array([0]))
    prints = {Task("t", a, b).fingerprint for a, b in ((one, two), (two, one), (one, changed))}
    assert len(prints) == 3


def test_fingerprint_tells_features_steps_and_labels_apart():
    zeros = np.zeros((1, 2, 3), np.float32)
    other = zeros.copy()
    other[0, 1, 2] = np.finfo(np.float32).smallest_subnormal
    parts = [
        Rows(zeros, np.array([1])),
        Rows(other, np.array([1])),
        Rows(np.zeros((1, 4, 3), np.float32), np.array([1])),
    ]
    prints = {Task("t", parts[0], part, apart=False).fingerprint for part in [*parts, Rows(zeros, np.array([0]))]}
    assert len(prints) == 4
    assert Task("t", parts[1], parts[0]).fingerprint not in prints


GOOD = Strings(["A", "B"], np.array([0, 1]))
ROWS = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
HOLE = np.array([[[0, 1, np.nan]]], np.float32)


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (GOOD, Strings(["B", "C"], np.array([0, 1])), "samples in both parts: 1, such as 'B'; give each to one"),
        (
            Rows(ROWS, np.array([0, 1])),
            Rows(ROWS[1:], np.array([1])),
            "samples in both parts: 1; give",
        ),
        (GOOD, Strings(["C", "D"], np.array([1])), r"labels are int64, shape \(1,\); give .* of shape \(2,\)"),
        (GOOD, Strings(["C", "D"], [0, 1]), "labels are list; give an int64 array"),
        (GOOD, Strings(["C", "D"], np.array([True, False])), "labels are bool, shape"),
        (GOOD, Strings(["C", "D"], np.array([0.0, 1.0])), "labels are float64, shape"),
        (GOOD, Strings(["C", "D"], np.array([0, 2])), "label 2: allowed are 0 to 1, for the task has 2 classes"),
        (GOOD, Strings(["C", "D"], np.array([-1, 1])), "label -1: allowed are 0 to 1"),
        (GOOD, Strings(["C", ""], np.array([0, 1])), "string '': allowed is at least one character, of codes 1 to 127"),
        (GOOD, Strings(["C", "é"], np.array([0, 1])), "string 'é': allowed is"),
        (GOOD, Strings(["C", "D\0"], np.array([0, 1])), "allowed is at least one character"),
        (GOOD, Strings([], np.array([], np.int64)), "no samples in a part"),
        (Rows(ROWS, np.array([0, 1])), Rows(HOLE, np.array([0])), "sample 0, step 0, feature 2 is no finite number"),
        (Rows(ROWS, np.array([0, 1])), Rows(HOLE.astype(float), np.array([0])), "features are float64, shape"),
        (Rows(ROWS, np.array([0, 1])), Rows(ROWS[:1, :, :2] + 9, np.array([0])), "of different shapes"),
        (GOOD, Rows(ROWS, np.array([0, 1])), "of different shapes"),
    ],
)
def test_a_task_is_checked_when_it_is_made(train, test, said):
    with pytest.raises(TaskError, match=said) as caught:
        Task("mine", train, test)
    assert str(caught.value).startswith("task mine: ")


def test_a_registered_task_makes_a_task_of_two_classes(monkeypatch):
    one_class = Task("mine", GOOD, Strings(["C", "D"], np.array([1, 1])))
    for made, said in ((one_class, "all test samples are of class 1"), (None, "made a NoneType; give a samples.Task")):
        monkeypatch.setitem(tasks.TASKS, "mine", lambda split, made=made: made)
        with pytest.raises(TaskError, match=said):
            make("mine")


def test_classes_are_mixed_in_order():
    labels = make("reber", train_size=400, test_size=100).train.labels
    assert 0.3 < labels[:100].mean() < 0.7


def test_full_size():
    task = make("reber", data_seed=5)
    assert (len(task.train), len(task.test)) == (18750, 6250)


@given(st.lists(st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1, max_size=9), max_size=9))
def test_tokens_are_padded_codes(strings):
    part = Strings(strings, np.zeros(len(strings), np.int64))
    tokens = part.inputs()
    assert tokens.dtype == np.int64
    assert tokens.shape == (len(strings), max(map(len, strings), default=0))
    for string, length, row in zip(strings, part.lengths, tokens, strict=True):
        assert "".join(map(chr, row[:length])) == string
        assert not row[length:].any()


def test_networks_read_rows_as_they_are():
    features = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    rows = Rows(features, np.array([0, 1]))
    assert rows.inputs().dtype == np.float32
    assert np.array_equal(rows.inputs(), features)
    assert (len(rows), rows.lengths.tolist()) == (2, [3, 3])
    assert Task("t", rows, rows, apart=False).features == 4
    assert make("reber", **SMALL).features == 0


@given(st.lists(st.booleans(), min_size=1, max_size=9), st.data())
@settings(max_examples=20)
def test_subsets_are_the_samples_at_these_positions(mask, data):
    n = len(mask)
    index = np.array(data.draw(st.lists(st.integers(0, n - 1), max_size=5)), dtype=int)
    labels = np.arange(n) % 3
    strings = Strings([f"S{i}" for i in range(n)], labels)
    rows = Rows(np.arange(n * 6, dtype=np.float32).reshape(n, 2, 3), labels)
    for chosen, places in ((np.array(mask), [i for i in range(n) if mask[i]]), (index, index.tolist())):
        assert strings.subset(chosen).strings == [f"S{i}" for i in places]
        assert strings.subset(chosen).labels.tolist() == [i % 3 for i in places]
        assert rows.subset(chosen).features[:, 0, 0].tolist() == [6 * i for i in places]
        assert rows.subset(chosen).labels.tolist() == [i % 3 for i in places]
    assert isinstance(rows.subset(index), Rows)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"train_size": 1}, "train_size is 1"),
        ({"test_size": 0}, "test_size is 0"),
        ({"data_seed": -1}, "data_seed is -1"),
        ({"valid_share": 1.0}, "60 of 60 training"),
        ({"valid_share": 0.02}, "0 of 20 test"),
        ({"shortest": 30, "longest": 20}, "shortest=30"),
        ({"shortest": 11, "longest": 11}, "only 24 exist"),
        ({"shortest": 11, "longest": 11, "invalid": "edit"}, "only 24 exist"),
        ({"invalid": "edits"}, "'edits': allowed are automata, edit; did you mean 'edit'"),
    ],
)
def test_impossible_reber(arguments, text):
    with pytest.raises(TaskError, match=text):
        make("reber", **{**SMALL, **arguments})


@given(st.integers(0, 2**40), st.integers(20, 90), st.integers(20, 60), st.floats(0.1, 0.9), st.integers(22, 40))
@settings(max_examples=30, deadline=None)
def test_embedded_reber_sizes_lengths_and_labels(seed, train_size, test_size, share, longest):
    sizes = {"train_size": train_size, "test_size": test_size}
    task = make("embedded_reber", **sizes, data_seed=seed, valid_share=share, longest=longest)
    for part, size in ((task.train, train_size), (task.test, test_size)):
        assert len(part) == size
        assert part.labels.sum() == round(size * share)
        assert 11 <= part.lengths.min() <= part.lengths.max() <= longest
        assert all(s[0] + s[-1] == "BE" and is_valid(s[2:-2]) for s in part.strings)
        assert [s[1] == s[-2] for s in part.strings] == part.labels.astype(bool).tolist()
        first, closing = (np.array([s[place] == "T" for s in part.strings]) for place in (1, -2))
        for label in (0, 1):
            assert abs(first[part.labels == label].sum() - (part.labels == label).sum() / 2) <= 0.5
            assert abs(closing[part.labels == label].sum() - (part.labels == label).sum() / 2) <= 0.5
    assert len({*task.train.strings, *task.test.strings}) == train_size + test_size
    inner = [{s[2:-2] for s in part.strings} for part in (task.train, task.test)]
    assert not inner[0] & inner[1]
    tasks._remembered.cache_clear()
    again = make("embedded_reber", **sizes, data_seed=seed, valid_share=share, longest=longest)
    assert again.fingerprint == task.fingerprint


def test_a_string_and_its_twin_stand_in_the_same_part():
    train = make("embedded_reber", train_size=40, test_size=20).train
    assert set(Counter(string[:-2] for string in train.strings).values()) == {2}
    assert len({string[2:-2] for string in train.strings}) == 20


@pytest.mark.parametrize("inner_length", [12, 20, 60])
def test_inner_length_is_exact(inner_length):
    task = make("embedded_reber", train_size=30, test_size=20, inner_length=inner_length, longest=70)
    assert {*task.train.lengths, *task.test.lengths} == {inner_length + 4}


def test_all_embedded_strings_of_a_length_can_be_had_and_no_more():
    task = make("embedded_reber", train_size=32, test_size=16, inner_length=11)
    assert len({*task.train.strings, *task.test.strings}) == 2 * 24
    with pytest.raises(TaskError, match=r"need 25 different inner .* of 11 to 11 characters; 24 exist, .* 48 strings"):
        make("embedded_reber", train_size=33, test_size=16, inner_length=11)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"inner_length": 50}, "a string has 54, and shortest=11, longest=53"),
        ({"inner_length": 6}, "inner_length is 6"),
        ({"inner_length": -1}, "inner_length is -1"),
        ({"shortest": 30, "longest": 20}, "26 to 16 characters; 0 exist"),
        ({"longest": 3, "shortest": 1}, "0 exist"),
        ({"valid_share": 0.0}, "0 of 60 training"),
    ],
)
def test_impossible_embedded_reber(arguments, text):
    with pytest.raises(TaskError, match=text):
        make("embedded_reber", **{**SMALL, **arguments})


def test_violations_say_where_and_only_for_tasks_with_a_grammar():
    found = violations("reber", ["BTXSE", "BTTE"])
    assert (found.dtype, found.tolist()) == (np.int64, [-1, 2])
    part = make("embedded_reber", **SMALL).train
    assert np.array_equal(violations("embedded_reber", part.strings), np.where(part.labels, -1, part.lengths - 2))
    assert violations("reber", []).shape == (0,)
    with pytest.raises(TaskError, match=r"task csv has no grammar.*: reber, embedded_reber"):
        violations("csv", ["A"])


@given(st.integers(0, 2**63), st.integers(10, 2500), st.integers(10, 2500))
@settings(max_examples=20, deadline=None)
def test_digits_are_the_images_split_by_class(seed, train_size, test_size):
    task = make("digits", data_seed=seed, train_size=train_size, test_size=test_size)
    pixels, labels = load_digits(return_X_y=True)
    known = {image.tobytes(): label for image, label in zip(pixels, labels, strict=True)}
    total = min(train_size + test_size, 1797)
    assert len(task.train) + len(task.test) == total
    assert abs(len(task.test) - total * test_size / (train_size + test_size)) <= 10
    images = []
    for part in (task.train, task.test):
        assert part.features.shape == (len(part), 8, 8)
        assert (part.features.dtype, part.labels.dtype) == (np.float32, np.int64)
        own = [image.tobytes() for image in (part.features.astype(float) * 16).reshape(-1, 64)]
        assert [known[image] for image in own] == part.labels.tolist()
        expected = np.bincount(labels) / 1797 * len(part)
        assert np.abs(np.bincount(part.labels, minlength=10) - expected).max() < 2
        images += own
    assert len(set(images)) == total
    assert (task.features, task.classes) == (8, 10)
    assert task.train.lengths.tolist() == [8] * len(task.train)


def test_digits_are_determined_by_their_arguments():
    first = make("digits", **SMALL)
    tasks._remembered.cache_clear()
    assert make("digits", **SMALL).fingerprint == first.fingerprint
    assert make("digits", **SMALL, data_seed=1).fingerprint != first.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        first.train.features[0] = 0
    with pytest.raises(TaskError, match="train_size=9, test_size=20: task digits has 10 classes"):
        make("digits", train_size=9, test_size=20)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reber", ("valid_share", "shortest", "longest", "invalid")),
        ("embedded_reber", ("valid_share", "shortest", "longest", "inner_length")),
        ("digits", ()),
        ("csv", ("csv_path",)),
    ],
)
def test_options_are_read_off_the_signature(name, expected):
    assert tasks.options(name) == expected


def test_a_registered_task_is_given_the_options_that_it_names_and_no_other(monkeypatch):
    class Log(list):
        """Not part of what the task is, though the task reads it."""

        def __reduce_ex__(self, protocol):
            raise TypeError("no values")

    seen = Log()

    def ruler(split, *, longest=9, ink="blue"):
        seen.append((*split, longest, ink))
        return Task("ruler", *(Strings([a * longest, b * longest], np.array([0, 1])) for a, b in ("AB", "CD")))

    monkeypatch.setitem(tasks.TASKS, "ruler", ruler)
    assert tasks.options("ruler") == ("longest", "ink")
    task = make("ruler", **SMALL, longest=5, shortest=3)
    assert task.train.strings == ["AAAAA", "BBBBB"]
    assert make("ruler", **SMALL, longest=5) is task
    assert make("ruler", **SMALL, longest=9) is make("ruler", **SMALL)
    make("ruler", **SMALL, data_seed=4, ink="red")
    assert seen == [(60, 20, 0, 5, "blue"), (60, 20, 0, 9, "blue"), (60, 20, 4, 9, "red")]


def test_an_option_of_no_task_names_the_nearest():
    with pytest.raises(UnknownName, match=r"'longst'.*did you mean 'longest'"):
        make("reber", **SMALL, longst=20)


def test_unknown_task_names_the_nearest():
    for look_up in (make, tasks.options):
        with pytest.raises(UnknownName, match="did you mean 'reber'"):
            look_up("rebber")
    with pytest.raises(UnknownName, match="did you mean 'reber'"):
        make("rebber")


def written(folder, text, name="strings.csv"):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return str(path)


def table(rows):
    return "string,valid\n" + "".join(f"{string},{label}\n" for string, label in rows)


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 4)), min_size=8, max_size=60),
    st.integers(2, 40),
    st.integers(2, 40),
    st.integers(0, 99),
)
@settings(max_examples=50, deadline=None)
def test_csv_split(tmp_path_factory, drawn, train_size, test_size, seed):
    rows = [(f"S{i}", i % 2) for i, copies in drawn for _ in range(copies)] + [(f"T{i}", i % 2) for i in range(4)]
    path = written(tmp_path_factory.getbasetemp(), table(rows), "drawn.csv")
    task = make("csv", csv_path=path, train_size=train_size, test_size=test_size, data_seed=seed)
    train, test = contents(task)
    assert not train.keys() & test.keys()
    assert all(count == Counter(rows)[row] for row, count in (train + test).items())
    assert {label for _, label in train} == {label for _, label in test} == {0, 1}
    tasks._remembered.cache_clear()
    again = make("csv", csv_path=path, train_size=train_size, test_size=test_size, data_seed=seed)
    assert again.fingerprint == task.fingerprint


def test_csv_split_sizes_and_strata(tmp_path):
    rows = [(f"V{i}", 1) for i in range(30)] + [(f"N{i}", 0) for i in range(70)]
    path = written(tmp_path, table(rows))
    whole = make("csv", csv_path=path)
    assert (len(whole.train), len(whole.test)) == (75, 25)
    assert (whole.train.labels.sum(), whole.test.labels.sum()) == (22, 8)
    part = make("csv", csv_path=path, train_size=30, test_size=10)
    assert (len(part.train), len(part.test)) == (30, 10)
    assert (part.train.labels.sum(), part.test.labels.sum()) == (9, 3)
    assert make("csv", csv_path=path, data_seed=1).fingerprint != whole.fingerprint


def test_csv_with_other_columns_quotes_blank_lines_and_a_byte_order_mark(tmp_path):
    text = '\ufeff,valid,string\r\n1, 1 ,"A,B"\r\n\r\n2,1,C\r\n3,0,D\r\n4,0,E\r\n'
    task = make("csv", csv_path=written(tmp_path, text))
    assert sum(contents(task), Counter()).keys() == {("A,B", 1), ("C", 1), ("D", 0), ("E", 0)}


def test_csv_is_read_again_when_it_has_changed(tmp_path):
    first = make("csv", csv_path=written(tmp_path, table([("A", 1), ("B", 1), ("C", 0), ("D", 0)])))
    same = make("csv", csv_path=written(tmp_path, table([("A", 1), ("B", 1), ("C", 0), ("D", 0)])))
    changed = make("csv", csv_path=written(tmp_path, table([("A", 1), ("B", 1), ("C", 0), ("X", 0)])))
    assert first is same
    assert first.fingerprint != changed.fingerprint


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("\n\n", "the file is empty"),
        (
            "string,label\nA,1\n",
            "line 1: no column 'valid'; needed are .* by a comma; the header has 'string', 'label'",
        ),
        ("text,valid\nA,1\n", "line 1: no column 'string'"),
        ("string;valid\nA;1\n", "line 1: no column 'string'; .*'string;valid'"),
        ("string,valid,string\nA,1,B\n", "line 1: column 'string' stands there 2 times"),
        ("string,valid\nA,1\n,0\n", "line 3: the string is empty"),
        ("string,valid\nA,1\nB,2\n", "line 3: unknown label '2': allowed are 0, 1"),
        ("string,valid\nA,\n", "line 2: unknown label ''"),
        ("string,valid\n\nA,1\nB\n", "line 4: 1 fields where the header has 2"),
        ("string,valid\nA,1\nB,0,\n", "line 3: 3 fields"),
        (b"string,valid\nA,1\nB\xe9,0\n", "line 3: not UTF-8"),
        ("string,valid\nA,1\n".encode("utf-16"), "line 1: not UTF-8"),
        ("string,valid\nA,1\nBé,0\n", "line 3: character 'é' is not allowed"),
        ("string,valid\nA\0,1\n", r"line 2: character '\\x00' is not allowed"),
        ('string,valid\nA,1\n"B,0\n', "line 3: not well-formed CSV"),
        ('string,valid\nA,1\n"B,0\nC,1\nD,0\n', r"line 3: not well-formed CSV \(unexpected end of data\); is a quote"),
        ('string,valid\nA,1\n"B,0\nC,1\n"D",0\n', "line 3: not well-formed CSV"),
        ('string,valid\n"A\nB",1\nC,0\n"A\nB",0\n', "line 5: .* is labelled 0 here and 1 in line 2"),
        ("string,valid\nA,1\nB,0\nA,0\n", "line 4: 'A' is labelled 0 here and 1 in line 2"),
        ("string,valid\nA,1\nB,1\n", "0 different strings with valid = 0"),
        ("string,valid\nA,1\nB,0\nC,0\nA,1\n", "1 different strings with valid = 1"),
        ("string,valid\n", "0 different strings"),
    ],
)
def test_bad_csv(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(TaskError, match=message) as caught:
        make("csv", csv_path=path)
    assert str(caught.value).startswith(path)
    assert "\n" not in str(caught.value)


def test_missing_csv(tmp_path):
    with pytest.raises(TaskError, match="needs csv_path"):
        make("csv")
    with pytest.raises(TaskError, match="no such file"):
        make("csv", csv_path=str(tmp_path / "none.csv"))
    with pytest.raises(TaskError, match=r"cannot be read \(File name too long\)"):
        make("csv", csv_path="n" * 5000)
    os.mkfifo(tmp_path / "pipe.csv")
    os.symlink("loop.csv", tmp_path / "loop.csv")
    for path in (tmp_path, tmp_path / "pipe.csv", "/dev/zero"):
        with pytest.raises(TaskError, match=r"cannot be read \(no file, but a folder or a pipe"):
            make("csv", csv_path=str(path))
    with pytest.raises(TaskError, match="cannot be read"):
        make("csv", csv_path=str(tmp_path / "loop.csv"))
