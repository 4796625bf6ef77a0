"""What classifiers without a recurrent state reach on a task: no accuracy of a network says much without them."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence

import numpy as np
import pandas as pd

from sparsekit.tasks.samples import Rows, Strings, Task

Part = Strings | Rows
Predict = Callable[[Part], Sequence[int]]
Classifier = Callable[[Part], Predict]  # fitted to a training part, it gives its verdicts on any


def baselines(task: Task) -> pd.DataFrame:
    """Accuracies of memoryless classifiers, fitted to the task's training samples.

    On strings: the majority class; tables that give each length, each set of classes with a foreign character, and
    each first or last k characters the class it mostly has in training (and the majority class where it has none
    there); logistic regressions on which characters and which bigrams a string holds. On rows: the majority class;
    logistic regressions on the first row, the last, the mean of all (a bag of rows), and on all pixels at once, which
    is no lack of memory but has no need of it: everything is before it at one time.

    Returns
    -------
    pandas.DataFrame
        Index classifier; columns train_accuracy and test_accuracy, as fractions.
    """
    rows = {}
    for name, classifier in CLASSIFIERS[type(task.train)].items():
        predict = classifier(task.train)
        rows[name] = [float(np.mean(np.asarray(predict(part)) == part.labels)) for part in (task.train, task.test)]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["train_accuracy", "test_accuracy"])
    return table.rename_axis("classifier")


def lines(table: pd.DataFrame) -> dict[str, float]:
    """The few baselines that accuracy figures draw: label and test accuracy; the majority first, four at most.

    On strings: length, the best of the tables of last characters (what a network reaches that only knows how a string
    ends), and the bag of bigrams. On rows: the last, the mean, and all pixels.
    """
    groups = (table.index.intersection(names) for names in DRAWN)
    drawn = [table.loc[names, "test_accuracy"].idxmax() for names in groups if len(names)]
    return table.loc[drawn, "test_accuracy"].to_dict()


def _votes(feature: Callable[[str], Hashable]) -> Classifier:
    """The class that a feature of a string mostly has in training."""

    def fit(train: Strings) -> Predict:
        votes: dict[Hashable, Counter] = {}
        for string, label in zip(train.strings, train.labels.tolist(), strict=True):
            votes.setdefault(feature(string), Counter())[label] += 1
        otherwise = _winner(Counter(train.labels.tolist()))
        verdicts = {value: _winner(counts) for value, counts in votes.items()}
        return lambda part: [verdicts.get(feature(string), otherwise) for string in part.strings]

    return fit


def _winner(counts: Counter) -> int:
    """The class with most votes, the smallest of them at a tie."""
    return min(counts, key=lambda label: (-counts[label], label))


def _majority(train: Part) -> Predict:
    winner = _winner(Counter(train.labels.tolist()))
    return lambda part: [winner] * len(part)


def _character_set(train: Strings) -> Predict:
    members: dict[int, set[str]] = {}
    for string, label in zip(train.strings, train.labels.tolist(), strict=True):
        members.setdefault(label, set()).update(string)
    alphabets = list(members.values())
    return _votes(lambda string: tuple(alphabet.issuperset(string) for alphabet in alphabets))(train)


def _bag(n: int) -> Classifier:
    """Logistic regression on which n-grams a string holds, not on how often or where."""

    def grams(string: str) -> list[str]:
        return [string[i : i + n] for i in range(len(string) - n + 1)]

    def fit(train: Strings) -> Predict:
        from sklearn.feature_extraction.text import CountVectorizer
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline

        if not any(map(grams, train.strings)):
            return _majority(train)
        model = make_pipeline(CountVectorizer(analyzer=grams, binary=True), LogisticRegression(max_iter=1000))
        model.fit(train.strings, train.labels)
        return lambda part: model.predict(part.strings)

    return fit


def _regression(view: Callable[[np.ndarray], np.ndarray]) -> Classifier:
    """Logistic regression on a view of the features, of shape (n, steps, features)."""

    def fit(train: Rows) -> Predict:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=1000).fit(view(train.features), train.labels)
        return lambda part: model.predict(view(part.features))

    return fit


def _ends(which: str, cut: Callable[[str, int], str]) -> dict[str, Classifier]:
    """Tables of the first or last one to four characters, by name."""
    names = [f"{which} character", *(f"{which} {k} characters" for k in range(2, 5))]
    return {name: _votes(lambda string, k=k: cut(string, k)) for k, name in enumerate(names, start=1)}


FIRST = _ends("first", lambda string, k: string[:k])
LAST = _ends("last", lambda string, k: string[-k:])

CLASSIFIERS: dict[type, dict[str, Classifier]] = {
    Strings: {
        "majority": _majority,
        "length": _votes(len),
        "character set": _character_set,
        **FIRST,
        **LAST,
        "bag of characters": _bag(1),
        "bag of bigrams": _bag(2),
    },
    Rows: {
        "majority": _majority,
        "first row": _regression(lambda features: features[:, 0]),
        "last row": _regression(lambda features: features[:, -1]),
        "mean row": _regression(lambda features: features.mean(axis=1)),
        "all pixels": _regression(lambda features: features.reshape(len(features), -1)),
    },
}
DRAWN = (["majority"], ["length"], list(LAST), ["bag of bigrams"], ["last row"], ["mean row"], ["all pixels"])
