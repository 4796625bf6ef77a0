import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sparsekit.tasks.baselines import BAGS, BOTH, baselines, lines
from sparsekit.tasks.definitions import make
from sparsekit.tasks.samples import Rows, Strings, Task

PUBLISHED = os.environ.get("SPARSEKIT_PUBLISHED")
ORDER = [
    "majority",
    "length",
    "character set",
    "first character",
    "first 2 characters",
    "first 3 characters",
    "first 4 characters",
    "last character",
    "last 2 characters",
    "last 3 characters",
    "last 4 characters",
    "both ends, 1",
    "both ends, 2",
    "both ends, 3",
    "bag of characters",
    "bag of bigrams",
    "forest on n-grams",
    "RBF on n-grams",
]


def part(text):
    """Strings from "A1 B0": each word is a string and its label."""
    words = text.split()
    return Strings([word[:-1] for word in words], np.array([int(word[-1]) for word in words]))


def accuracies(train, test):
    table = baselines(Task("t", part(train), part(test), apart=False))
    assert table.index.tolist() == ORDER
    return table


def test_each_classifier_sees_what_its_name_says():
    # Only the last letter tells the classes apart; everything else is alike.
    table = accuracies("ABCDX1 ABCDY0 ABCEX1 ABCEY0 ABCEY0", "ABCDX1 ABCDY0").test_accuracy
    solved = {"last character", "last 2 characters", "last 3 characters", "last 4 characters"}
    bags = {"character set", "bag of characters", *BAGS, *BOTH}
    assert set(table.index[table == 1]) == solved | bags
    assert (table.drop([*solved, *bags]) == 0.5).all()


def test_first_characters():
    table = accuracies("AXBBBB1 AYBBBB0 AXBBBB1 AYBBBB0", "AXBBBB1 AYBBBB0").test_accuracy
    assert table["first character"] == 0.5
    assert (table[["first 2 characters", "first 3 characters", "first 4 characters"]] == 1).all()
    assert (table[["last character", "last 4 characters", "length"]] == 0.5).all()


def test_length():
    table = accuracies("AA1 AAA0 AA1 AAA0", "AA1 AAA0").test_accuracy
    assert table["length"] == 1
    assert table["majority"] == table["character set"] == table["last character"] == 0.5


def test_what_training_has_not_seen_is_taken_for_the_majority():
    table = accuracies("AB1 AB1 AC0", "ZZZ1 ZZZ0 ZZZ0").test_accuracy
    assert (table[["majority", "length", "first character", "last 4 characters"]] == 1 / 3).all()


def test_majority_is_that_of_training():
    table = accuracies("A0 B0 C1", "A1 B1 C0 D1")
    assert table.loc["majority"].tolist() == [2 / 3, 1 / 4]


def test_bags_count():
    # Classes that hold the same letters, three quarters A or a quarter: only how often tells them apart.
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    strings = ["".join(rng.permutation(list("A" * many + "B" * (40 - many)))) for many in 10 + 20 * labels]
    half = Strings(strings[:200], labels[:200]), Strings(strings[200:], labels[200:])
    table = baselines(Task("t", *half)).test_accuracy
    assert table["bag of characters"] == 1
    assert table["character set"] == 0.5


def test_forest_and_rbf_see_what_no_linear_bag_does():
    # Valid strings hold both C and D, or neither; each alone says nothing.
    rng = np.random.default_rng(0)
    labels, with_c = np.arange(400) % 2, rng.integers(0, 2, 400)
    letters = [["A"] * 8 + ["C"] * int(c) + ["D"] * int(c == label) for label, c in zip(labels, with_c, strict=True)]
    strings = ["".join(rng.permutation(one + ["A"] * (10 - len(one)))) for one in letters]
    half = Strings(strings[:200], labels[:200]), Strings(strings[200:], labels[200:])
    table = baselines(Task("t", *half, apart=False)).test_accuracy
    assert table[["forest on n-grams", "RBF on n-grams"]].min() > 0.95
    assert table["bag of characters"] < 0.8


def test_both_ends_see_both_at_once():
    table = accuracies("AXA1 AXB0 BXA0 BXB1", "AYYA1 AYYB0 BYYA0 BYYB1").test_accuracy
    assert table["both ends, 1"] == 1
    assert table[["first character", "last character"]].max() == 0.5


def test_strings_too_short_for_bigrams():
    table = accuracies("A0 A0 B1", "A0 B1")
    assert table.loc["bag of bigrams"].tolist() == [2 / 3, 1 / 2]


def test_lines():
    table = baselines(make("reber", train_size=300, test_size=100))
    drawn = lines(table)
    assert list(drawn)[:2] == ["majority", "length"]
    assert list(drawn)[2].startswith("last ")
    assert drawn[list(drawn)[2]] == table.test_accuracy[table.index.str.startswith("last ")].max()
    assert drawn[list(drawn)[3]] == table.test_accuracy[list(BAGS)].max()
    assert len(drawn) == 4
    assert all(drawn[name] == table.test_accuracy[name] for name in drawn)


@pytest.mark.parametrize("arguments", [{}, {"inner_length": 22}, {"inner_length": 40}, {"valid_share": 0.3}])
def test_embedded_reber_is_chance_to_all_but_who_see_both_outer_symbols(arguments):
    task = make("embedded_reber", train_size=2500, test_size=750, **arguments)
    table = baselines(task)
    assert table.index.tolist() == ORDER
    see_both = ["both ends, 2", "both ends, 3", "forest on n-grams", "RBF on n-grams"]
    assert table.test_accuracy[see_both].min() > 0.98
    others = table.test_accuracy.drop(see_both)
    assert (others - others["majority"]).abs().max() < 4 * np.sqrt(0.25 / 750)
    assert [s[1] == s[-2] for s in task.test.strings] == task.test.labels.astype(bool).tolist()


def test_an_edit_hides_from_both_ends_but_not_from_bigrams():
    tables = {
        invalid: baselines(make("reber", train_size=2500, test_size=750, invalid=invalid)).test_accuracy
        for invalid in ("automata", "edit")
    }
    ends = [name for name in ORDER if name.startswith(("first", "last"))]
    assert tables["automata"][ends].max() > 0.9
    assert tables["edit"][["length", "character set"]].between(0.45, 0.55).all()
    assert tables["edit"][ends].max() < 0.65
    assert 0.9 < tables["edit"]["bag of bigrams"] < tables["automata"]["bag of bigrams"]


def rows_that_differ_in(place, rng):
    """Three classes that only one row tells apart; all other pixels are noise."""
    labels = np.arange(300) % 3
    features = rng.normal(size=(300, 4, 3)).astype(np.float32)
    if place is not None:
        features[:, place] = np.eye(3, dtype=np.float32)[labels] * 50
    return Rows(features, labels)


@pytest.mark.parametrize(
    ("place", "solved"),
    [
        (None, set()),
        (0, {"first row", "mean row", "all pixels"}),
        (2, {"mean row", "all pixels"}),
        (-1, {"last row", "mean row", "all pixels"}),
    ],
)
def test_each_classifier_sees_the_rows_that_its_name_says(place, solved):
    rng = np.random.default_rng(0)
    table = baselines(Task("t", rows_that_differ_in(place, rng), rows_that_differ_in(place, rng), classes=3))
    assert table.index.tolist() == ["majority", "first row", "last row", "mean row", "all pixels"]
    assert set(table.index[table.test_accuracy > 0.99]) == solved
    assert (table.test_accuracy.drop(list(solved)) < 0.5).all()
    assert table.loc["majority"].tolist() == [1 / 3, 1 / 3]


def test_the_mean_row_does_not_see_the_order_of_rows():
    labels = np.arange(200) % 2
    features = np.zeros((200, 2, 1), np.float32)
    features[np.arange(200), labels, 0] = 1
    table = baselines(Task("t", Rows(features, labels), Rows(features, labels), apart=False)).test_accuracy
    assert table["mean row"] == 0.5
    assert table["first row"] == table["last row"] == table["all pixels"] == 1


def test_lines_of_digits():
    table = baselines(make("digits", train_size=900, test_size=300))
    drawn = lines(table)
    assert list(drawn) == ["majority", "last row", "mean row", "all pixels"]
    assert all(drawn[name] == table.test_accuracy[name] for name in drawn)
    assert table.test_accuracy["majority"] < 0.12 < 0.9 < table.test_accuracy["all pixels"]


def test_more_than_two_classes_of_strings():
    table = baselines(
        Task("t", part("AX0 AXX0 BX1 BXX1 CX2 CXX2"), part("AX0 BX1 CX2"), classes=3, apart=False)
    ).test_accuracy
    assert (table[["first character", "character set", "bag of characters", "bag of bigrams"]] == 1).all()
    assert (table[["majority", "length", "last character"]] == 1 / 3).all()


def test_no_baseline_of_the_full_task_is_below_chance():
    assert (baselines(make("reber")) >= 0.5).all(axis=None)


@pytest.mark.skipif(not PUBLISHED, reason="SPARSEKIT_PUBLISHED is not set")
def test_published_split():
    parts = []
    for name in ("train", "test"):
        rows = pd.read_csv(Path(PUBLISHED) / "Implementations" / "dataset" / f"{name}_data.csv")
        parts.append(Strings(rows.string.tolist(), rows.valid.to_numpy()))
    found = baselines(Task("published", *parts, apart=False)).test_accuracy
    expected = {
        "length": 0.777,
        "character set": 0.779,
        "bag of characters": 0.884,
        "first 3 characters": 0.921,
        "last 4 characters": 0.938,
    }
    assert found[list(expected)].round(3).to_dict() == expected
    assert round(found["bag of bigrams"], 4) == 0.9997
    generated = baselines(make("reber")).test_accuracy
    assert (generated - found).abs().max() < 0.02


def test_a_bag_counts_what_it_holds():
    """Three quarters A against three quarters B: both strings hold both letters, only how often tells them apart."""
    rng, labels = np.random.default_rng(0), np.arange(300) % 2
    strings = ["".join(rng.permutation([*("AB"[label] * 30 + "BA"[label] * 10)])) for label in labels]
    task = Task("t", *(Strings(strings[part], labels[part]) for part in (slice(200), slice(200, None))))
    assert baselines(task).test_accuracy["bag of characters"] == 1
