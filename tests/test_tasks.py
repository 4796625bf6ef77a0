import time
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit import tasks
from sparsekit.reber import is_valid
from sparsekit.registry import UnknownName
from sparsekit.tasks import TaskError, make

SMALL = {"train_size": 60, "test_size": 20}


def contents(task):
    return [Counter(zip(part.strings, part.labels.tolist(), strict=True)) for part in (task.train, task.test)]


@given(st.integers(0, 2**40), st.integers(20, 90), st.integers(20, 60), st.floats(0.1, 0.9), st.integers(14, 40))
@settings(max_examples=25, deadline=None)
def test_reber_sizes_balance_lengths_and_labels(seed, train_size, test_size, share, longest):
    task = tasks.TASKS["reber"](
        data_seed=seed,
        train_size=train_size,
        test_size=test_size,
        valid_share=share,
        shortest=12,
        longest=longest,
        csv_path="",
    )
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
    prints = {make("reber", **{**SMALL, **other}).fingerprint for other in others}
    assert len(prints | {first.fingerprint}) == 6


def test_fingerprint_tells_split_and_labels_apart():
    one, two = (tasks.Strings([s], np.array([1])) for s in ("AB", "C"))
    changed = tasks.Strings(["C"], np.array([0]))
    prints = {tasks.Task("t", a, b).fingerprint for a, b in ((one, two), (two, one), (one, changed))}
    assert len(prints) == 3


def test_classes_are_mixed_in_order():
    labels = make("reber", train_size=400, test_size=100).train.labels
    assert 0.3 < labels[:100].mean() < 0.7


def test_full_size_is_made_in_under_three_seconds():
    start = time.perf_counter()
    task = tasks.TASKS["reber"](
        data_seed=5, train_size=18750, test_size=6250, valid_share=0.5, shortest=11, longest=53, csv_path=""
    )
    assert time.perf_counter() - start < 3
    assert (len(task.train), len(task.test)) == (18750, 6250)


@given(st.lists(st.text(st.characters(min_codepoint=1, max_codepoint=127), min_size=1, max_size=9), max_size=9))
def test_tokens_are_padded_codes(strings):
    part = tasks.Strings(strings, np.zeros(len(strings), np.int64))
    tokens = part.tokens()
    assert tokens.dtype == np.int64
    assert tokens.shape == (len(strings), max(map(len, strings), default=0))
    for string, length, row in zip(strings, part.lengths, tokens, strict=True):
        assert "".join(map(chr, row[:length])) == string
        assert not row[length:].any()


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
    ],
)
def test_impossible_reber(arguments, text):
    with pytest.raises(TaskError, match=text):
        make("reber", **{**SMALL, **arguments})


def test_unknown_task_names_the_nearest():
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
        ("string,label\nA,1\n", "line 1: no column 'valid'; .* the header has 'string', 'label'"),
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
    with pytest.raises(TaskError, match="cannot be read"):
        make("csv", csv_path=str(tmp_path))
