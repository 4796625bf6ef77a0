"""What classifiers without a recurrent state reach on a task: no accuracy of a network says much without them."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sparsekit.tasks import Strings, Task


def baselines(task: Task) -> pd.DataFrame:
    """Accuracies of memoryless classifiers, fitted to the task's training strings.

    The majority class; tables that give each length, each set of classes with a foreign character, and each first
    or last k characters the class it mostly has in training (and the majority class where it has none there); logistic
    regressions on which characters and which bigrams a string holds.

    Parameters
    ----------
    task : Task

    Returns
    -------
    pandas.DataFrame
        Index classifier; columns train_accuracy and test_accuracy, as fractions.
    """
    alphabets = [
        set().union(*(s for s, label in zip(task.train.strings, task.train.labels, strict=True) if label == a_class))
        for a_class in range(task.classes)
    ]
    rows = {
        "majority": _table(task, lambda string: None),
        "length": _table(task, len),
        "character set": _table(task, lambda string: tuple(alphabet.issuperset(string) for alphabet in alphabets)),
    }
    for k in range(1, 5):
        rows[_first(k)] = _table(task, lambda string, k=k: string[:k])
    for k in range(1, 5):
        rows[_last(k)] = _table(task, lambda string, k=k: string[-k:])
    rows["bag of characters"] = _bag(task, 1)
    rows["bag of bigrams"] = _bag(task, 2)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["train_accuracy", "test_accuracy"])
    return table.rename_axis("classifier")


def lines(table: pd.DataFrame) -> dict[str, float]:
    """The few baselines that accuracy figures draw: label and test accuracy.

    Majority, length, the best of the tables of last characters (what a network reaches that only knows how a string
    ends), and the bag of bigrams.
    """
    last = table.loc[[_last(k) for k in range(1, 5)], "test_accuracy"].idxmax()
    return table.loc[["majority", "length", last, "bag of bigrams"], "test_accuracy"].to_dict()


def _first(k: int) -> str:
    return "first character" if k == 1 else f"first {k} characters"


def _last(k: int) -> str:
    return "last character" if k == 1 else f"last {k} characters"


def _table(task: Task, feature: Callable[[str], Hashable]) -> tuple[float, float]:
    votes: dict[Hashable, Counter] = {}
    for string, label in zip(task.train.strings, task.train.labels.tolist(), strict=True):
        votes.setdefault(feature(string), Counter())[label] += 1
    otherwise = _winner(Counter(task.train.labels.tolist()))
    verdicts = {value: _winner(counts) for value, counts in votes.items()}
    return _accuracies(task, lambda strings: [verdicts.get(feature(string), otherwise) for string in strings])


def _winner(counts: Counter) -> int:
    """The class with most votes, the smallest of them at a tie."""
    return min(counts, key=lambda label: (-counts[label], label))


def _bag(task: Task, n: int) -> tuple[float, float]:
    """Logistic regression on which n-grams a string holds, not on how often or where."""

    def grams(string: str) -> list[str]:
        return [string[i : i + n] for i in range(len(string) - n + 1)]

    if not any(map(grams, task.train.strings)):
        return _table(task, lambda string: None)
    model = make_pipeline(CountVectorizer(analyzer=grams, binary=True), LogisticRegression(max_iter=1000))
    return _accuracies(task, model.fit(task.train.strings, task.train.labels).predict)


def _accuracies(task: Task, predict: Callable[[list[str]], Sequence[int]]) -> tuple[float, float]:
    def accuracy(part: Strings) -> float:
        return float(np.mean(np.asarray(predict(part.strings)) == part.labels))

    return accuracy(task.train), accuracy(task.test)
