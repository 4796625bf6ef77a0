"""What some classifiers without a recurrent state reach: no accuracy of a network says much without them."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pandas as pd

from sparsekit.tasks.samples import Rows, Strings, Task

Part = Strings | Rows
Predict = Callable[[Part], np.ndarray]
Classifier = Callable[[Part], Predict]  # fitted to a training part, it gives its verdicts on any


def baselines(task: Task) -> pd.DataFrame:
    """Accuracies of memoryless classifiers, fitted to the task's training samples.

    On strings: tables that give each length, each set of classes with a foreign character, each first or last k
    characters, and these ends together, the class it mostly has in training (the majority class where it has none
    there); logistic regressions on how often a string holds each character and each bigram; a random forest and radial
    basis functions on the counts of all n-grams up to `ORDER`. On rows: logistic regressions on one row, on the mean of
    all, and on all pixels at once, which have no need of memory: everything is before them at one time.

    Returns
    -------
    pandas.DataFrame
        Index classifier; columns train_accuracy and test_accuracy, as fractions.
    """
    parts = {"train_accuracy": task.train, "test_accuracy": task.test}
    fitted = {name: classifier(task.train) for name, classifier in CLASSIFIERS[type(task.train)].items()}
    rows = [
        {kind: np.mean(predict(part) == part.labels) for kind, part in parts.items()} for predict in fitted.values()
    ]
    return pd.DataFrame(rows, index=pd.Index(fitted, name="classifier"))


def lines(table: pd.DataFrame) -> dict[str, float]:
    """The few baselines that accuracy figures draw: label and test accuracy; the majority first, four at most.

    Of the tables of last characters, and of the bags, it is the best.
    """
    groups = (table.index.intersection(names) for names in DRAWN)
    drawn = [table.loc[names, "test_accuracy"].idxmax() for names in groups if len(names)]
    return table.loc[drawn, "test_accuracy"].to_dict()


def _votes(feature: Callable[[str], Hashable]) -> Classifier:
    """The class that a feature of a string mostly has in training."""

    def fit(train: Strings) -> Predict:
        # At a tie the smallest class wins.
        winners = pd.crosstab(pd.Series([feature(s) for s in train.strings]), train.labels).idxmax(axis=1)
        otherwise = np.bincount(train.labels).argmax()
        return lambda part: np.array([winners.get(feature(string), otherwise) for string in part.strings])

    return fit


def _majority(train: Part) -> Predict:
    return lambda part: np.full(len(part), np.bincount(train.labels).argmax())


def _character_set(train: Strings) -> Predict:
    classes = dict.fromkeys(train.labels.tolist())
    alphabets = [set().union(*train.subset(train.labels == label).strings) for label in classes]
    return _votes(lambda string: str([alphabet.issuperset(string) for alphabet in alphabets]))(train)


def _regression(view: Callable[[Part], np.ndarray]) -> Classifier:
    """Logistic regression on a view of the samples, one row of numbers each."""

    def fit(train: Part) -> Predict:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(max_iter=1000).fit(view(train), train.labels)
        return lambda part: model.predict(view(part))

    return fit


def _bag(n: int) -> Classifier:
    """Logistic regression on how often a string holds each n-gram."""

    def fit(train: Strings) -> Predict:
        return _majority(train) if max(train.lengths) < n else _regression(_counts(train, n))(train)

    return fit


def _forest(train: Strings) -> Predict:
    """A random forest of 30 trees on the counts of all n-grams up to `ORDER`."""
    from sklearn.ensemble import RandomForestClassifier

    view = _counts(train, *range(1, ORDER + 1))
    model = RandomForestClassifier(30, random_state=0).fit(view(train).toarray(), train.labels)
    return lambda part: model.predict(view(part).toarray())


def _rbf(train: Strings) -> Predict:
    """Logistic regression on radial basis functions around 300 training strings, by the same counts, standardised.

    Nyström's approximation of a kernel machine, which on as many strings as the study has would take minutes.
    """
    from sklearn.kernel_approximation import Nystroem
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    view, kernel = _counts(train, *range(1, ORDER + 1)), Nystroem(n_components=min(300, len(train)), random_state=0)
    model = make_pipeline(StandardScaler(with_mean=False), kernel, LogisticRegression(C=100, max_iter=1000))
    model.fit(view(train), train.labels)
    return lambda part: model.predict(view(part))


def _counts(train: Strings, *sizes: int) -> Callable[[Strings], Any]:
    """How often strings hold each n-gram of these sizes, of the 1,000 commonest in training: a sparse matrix."""
    from sklearn.feature_extraction.text import CountVectorizer

    def grams(string: str) -> list[str]:
        return [string[i : i + n] for n in sizes for i in range(len(string) - n + 1)]

    counts = CountVectorizer(analyzer=grams, max_features=1000, dtype=np.float64).fit(train.strings)
    return lambda part: counts.transform(part.strings)


ORDER = 3
ENDS = {1: "character", 2: "2 characters", 3: "3 characters", 4: "4 characters"}
FIRST = {f"first {name}": _votes(lambda string, k=k: string[:k]) for k, name in ENDS.items()}
LAST = {f"last {name}": _votes(lambda string, k=k: string[-k:]) for k, name in ENDS.items()}
BOTH = {f"both ends, {k}": _votes(lambda string, k=k: f"{string[:k]}\0{string[-k:]}") for k in (1, 2, 3)}
BAGS = {"bag of bigrams": _bag(2), "forest on n-grams": _forest, "RBF on n-grams": _rbf}

CLASSIFIERS: dict[type, dict[str, Classifier]] = {
    Strings: {
        "majority": _majority,
        "length": _votes(len),
        "character set": _character_set,
        **FIRST,
        **LAST,
        **BOTH,
        "bag of characters": _bag(1),
        **BAGS,
    },
    Rows: {
        "majority": _majority,
        "first row": _regression(lambda rows: rows.features[:, 0]),
        "last row": _regression(lambda rows: rows.features[:, -1]),
        "mean row": _regression(lambda rows: rows.features.mean(axis=1)),
        "all pixels": _regression(lambda rows: rows.features.reshape(len(rows), -1)),
    },
}
DRAWN = (["majority"], ["length"], list(LAST), list(BAGS), ["last row"], ["mean row"], ["all pixels"])
