"""What classifiers without a recurrent state reach on a task: no accuracy of a network says much without them."""

from collections.abc import Callable, Hashable

import numpy as np
import pandas as pd
import scipy.sparse

from sparsekit.tasks.samples import Rows, Strings, Task

Part = Strings | Rows
Predict = Callable[[Part], np.ndarray]
Classifier = Callable[[Part], Predict]  # fitted to a training part, it gives its verdicts on any


def baselines(task: Task) -> pd.DataFrame:
    """Accuracies of memoryless classifiers, fitted to the task's training samples.

    On strings: tables that give each length, each set of classes with a foreign character, and each first or last k
    characters the class it mostly has in training (the majority class where it has none there), and logistic
    regressions on which characters, or which bigrams, a string holds and how often. On rows: logistic regressions on
    one row, on the mean of all, and on all pixels at once, which have no need of memory: everything is before them at
    one time.

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

    Of the tables of last characters it is the best: what a network reaches that only knows how a string ends.
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
    """Logistic regression on which n-grams a string holds and how often, not on where."""

    def fit(train: Strings) -> Predict:
        from sklearn.feature_extraction.text import CountVectorizer

        if max(train.lengths) < n:
            return _majority(train)
        grams = CountVectorizer(analyzer=lambda s: [s[i : i + n] for i in range(len(s) - n + 1)])
        grams.fit(train.strings)

        def view(part: Strings) -> scipy.sparse.spmatrix:
            counts = grams.transform(part.strings)
            return scipy.sparse.hstack([counts, counts > 0])

        return _regression(view)(train)

    return fit


ENDS = {1: "character", 2: "2 characters", 3: "3 characters", 4: "4 characters"}
FIRST = {f"first {name}": _votes(lambda string, k=k: string[:k]) for k, name in ENDS.items()}
LAST = {f"last {name}": _votes(lambda string, k=k: string[-k:]) for k, name in ENDS.items()}

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
        "first row": _regression(lambda rows: rows.features[:, 0]),
        "last row": _regression(lambda rows: rows.features[:, -1]),
        "mean row": _regression(lambda rows: rows.features.mean(axis=1)),
        "all pixels": _regression(lambda rows: rows.features.reshape(len(rows), -1)),
    },
}
DRAWN = (["majority"], ["length"], list(LAST), ["bag of bigrams"], ["last row"], ["mean row"], ["all pixels"])
