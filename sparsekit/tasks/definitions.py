"""Tasks found by name.

A new task is one function ``(split, *, option=…) -> Task``, decorated with ``@TASKS.register``. The options that its
signature names, and the `samples.Split` that every task is given, are all that makes one task differ from another.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from inspect import Parameter, signature
from typing import Any

import numpy as np

from sparsekit.registry import Registry, UnknownName, digest, unknown
from sparsekit.tasks import grammars, labelled_csv, twins
from sparsekit.tasks.samples import Rows, Split, Strings, Task, TaskError, shared

TASKS = Registry("task")
INVALID = ("automata", "edit")
GRAMMARS = {"reber": grammars.TRANSITIONS, "embedded_reber": grammars.EMBEDDED}
RULES = {name: grammars.Rules(automaton, {max(automaton) + 1: 1}) for name, automaton in GRAMMARS.items()}
RULES["temporal_order"] = grammars.Rules(twins.ORDER, {3: 1, 4: 0}, others=-1)
"""What labels a string of a task, of those that have such rules."""
DISTANCES = {
    "temporal_order": twins.distances,
    "embedded_reber": lambda strings: np.array(list(map(len, strings))) - OUTER,
}
"""Characters across which each string of a task must be remembered, int64, shape (n,), where the task says so."""
OUTER = 4  # symbols of an embedded Reber string around the inner one


def options(name: str) -> tuple[str, ...]:
    """Parameters of a task besides its sizes and its seed, as its function names them.

    >>> options("embedded_reber")
    ('valid_share', 'shortest', 'longest', 'inner_length')
    """
    return tuple(_defaults(name))


def kind(name: str, option: str) -> Any:
    """What type an option of a task has, as its function says or its default shows; any, where neither does."""
    asked = signature(TASKS[name]).parameters[option]
    annotation = asked.annotation
    if isinstance(annotation, str):  # from __future__ import annotations
        annotation = {"int": int, "float": float, "str": str, "bool": bool}.get(annotation, Parameter.empty)
    if annotation is not Parameter.empty:
        return annotation
    return Any if asked.default in (None, Parameter.empty) else type(asked.default)


def _defaults(name: str) -> dict[str, object]:
    own = list(signature(TASKS[name]).parameters.values())[1:]  # after the split
    return {p.name: p.default for p in own if p.kind not in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL)}


def make(
    name: str,
    *,
    train_size: int = 18750,
    test_size: int = 6250,
    data_seed: int = 0,
    content: str = "",
    **given: float | str,
) -> Task:
    """The task of this name. The same arguments give the same task, and in one process the same object.

    Parameters
    ----------
    name : str
        A name in `TASKS`.
    train_size, test_size : int
        Numbers of samples. Of a file or data set that holds fewer, the same share is for testing.
    data_seed : int
        Seed of the samples and of the split, 0 or more.
    content : str
        The `labelled_csv.digest` that the file at ``csv_path`` must have; "": any.
    **given
        Options of the task, see `options`; those of other tasks are passed over.

    Raises
    ------
    TaskError
        If the sizes, the options or the file do not make a task.
    UnknownName
        If no task has this name, or none has an option of that name.
    """
    defaults = _defaults(name)
    known = {option for task in TASKS for option in options(task)}
    for option in given:
        if option not in known:
            raise UnknownName(unknown("option of a task", option, sorted(known)))
    for size, value in (("train_size", train_size), ("test_size", test_size)):
        if value < 2:
            raise TaskError(f"{size} is {value}: give at least 2, one sample for each class")
    if data_seed < 0:
        raise TaskError(f"data_seed is {data_seed}: give 0 or more")
    # Defaults are filled in, so that a task is the same one whether or not they are given.
    arguments = {o: v for o, v in (defaults | given).items() if o in defaults and v is not Parameter.empty}
    # A file may change under its name: what it holds is part of what the task is remembered by.
    content = content or labelled_csv.digest(arguments.get("csv_path", ""))
    _check_unchanged(arguments, content)
    if missing := [option for option in defaults if option not in arguments]:
        raise TaskError(f"task {name}: its function asks for {', '.join(missing)}; give it, or a default there")
    factory, sizes = TASKS[name], Split(train_size, test_size, data_seed)
    return _remembered(name, factory, sizes, tuple(arguments.items()), content, digest(factory))


@lru_cache(maxsize=8)
def _remembered(
    name: str, factory: Callable[..., Task], split: Split, arguments: tuple, content: str, source: str
) -> Task:
    task = factory(split, **dict(arguments))
    _check_unchanged(dict(arguments), content)
    if not isinstance(task, Task):
        raise TaskError(f"task {name}: its function made a {type(task).__name__}; give a samples.Task")
    if task.name != name and task.name in TASKS:
        raise TaskError(f"task {name}: its function made task {task.name}, which is another; name it {name}")
    for part, name in ((task.train, "training"), (task.test, "test")):
        if len(part) > 1 and part.labels.min() == part.labels.max():
            raise TaskError(f"task {task.name}: all {name} samples are of class {part.labels[0]}; give two classes")
    return task


def _check_unchanged(arguments: dict, content: str) -> None:
    if (path := arguments.get("csv_path")) and labelled_csv.digest(path) != content:
        raise TaskError(f"{path}: the file has changed since the run began; run it again")


def violations(task_name: str, strings: Sequence[str]) -> np.ndarray:
    """Where each string first leaves the task's grammar, int64, shape (n,): see `grammars.first_violation`.

    Raises
    ------
    TaskError
        Where the task has no grammar.
    """
    if task_name not in GRAMMARS:
        raise TaskError(f"task {task_name} has no grammar to violate; those that have one: {', '.join(GRAMMARS)}")
    return np.array([grammars.first_violation(string, GRAMMARS[task_name]) for string in strings], dtype=np.int64)


@TASKS.register
def reber(
    split: Split, *, valid_share: float = 0.5, shortest: int = 11, longest: int = 53, invalid: str = "automata"
) -> Task:
    """Reber strings against strings that are none; both classes in the same shares in either part.

    Parameters
    ----------
    valid_share : float
        Share of valid strings in either part.
    shortest, longest : int
        Lengths in characters, both included.
    invalid : str
        Where invalid strings come from, one of `INVALID`: from similar automata, as published, which their first and
        last few letters betray; or from further valid strings, drawn together with those that stay valid, by an edit
        of one letter: then lengths are alike.
    """
    if invalid not in INVALID:
        raise TaskError(unknown("kind of invalid strings", invalid, INVALID))
    (train_valid, train_invalid), (test_valid, test_invalid) = _classes(split, valid_share)
    count, others = train_valid + test_valid, train_invalid + test_invalid
    for_valid, for_invalid, for_order = _streams(split, 3)
    if invalid == "edit":
        drawn = grammars.generate_valid(for_valid, count + others, shortest, longest)
        right, wrong = drawn[:count], grammars.edited(for_invalid, drawn[count:])
    else:
        right = grammars.generate_valid(for_valid, count, shortest, longest)
        wrong = grammars.generate_invalid(for_invalid, others, shortest, longest)
    train = _shuffled(for_order, {1: right[:train_valid], 0: wrong[:train_invalid]})
    test = _shuffled(for_order, {1: right[train_valid:], 0: wrong[train_invalid:]})
    return Task("reber", train, test)


@TASKS.register
def embedded_reber(
    split: Split, *, valid_share: float = 0.5, shortest: int = 11, longest: int = 53, inner_length: int = 0
) -> Task:
    """Embedded Reber strings; in the invalid ones the second-last symbol is not the second.

    An inner string stands in one part only, there in a valid string and in its invalid twin as far as the sizes go, and
    either outer symbol is T in half of each class. So neither the inner string nor one outer symbol alone tells the
    label, and what was learnt of one part by heart is of no use for the other.

    Parameters
    ----------
    valid_share, shortest, longest
        As for `reber`.
    inner_length : int
        Characters of the inner string across which the outer symbol must be remembered, a clean grade of memory; n
        inner strings of that length (24 of 11 characters, 783 of 20, 112,826 of 33) make at most 2 n samples. 0 is any
        length that fits.
    """
    parts = _classes(split, valid_share)
    low, high = max(shortest - OUTER, 1), longest - OUTER
    if inner_length:
        if not low <= inner_length <= high:
            raise TaskError(
                f"inner_length is {inner_length}: with {OUTER} symbols around it a string has {inner_length + OUTER}, "
                f"and shortest={shortest}, longest={longest} do not allow that"
            )
        low = high = inner_length
    needed = [max(part) for part in parts]
    there = grammars.count_distinct(grammars.TRANSITIONS, low, high)
    if sum(needed) > there:
        raise TaskError(
            f"task embedded_reber: {split.train_size} + {split.test_size} strings need {sum(needed)} different inner "
            f"strings of {low} to {high} characters; {there} exist, which make at most {2 * there} strings, half "
            "valid; ask for fewer strings or for longer inner ones"
        )
    for_inner, for_order = _streams(split, 2)
    inner = grammars.generate_valid(for_inner, sum(needed), low, high)
    made = []
    for (valid, invalid), own in zip(parts, (inner[: needed[0]], inner[needed[0] :]), strict=True):
        whole, broken = grammars.embedded(own)
        made.append(_shuffled(for_order, {1: whole[:valid], 0: broken[:invalid]}))
    return Task("embedded_reber", *made)


@TASKS.register
def temporal_order(
    split: Split, *, valid_share: float = 0.5, shortest: int = 11, longest: int = 53, inner_length: int = 0
) -> Task:
    """Strings of filler with one X and one Y; in the valid ones X comes first.

    Valid and invalid strings are `twins`, in one part as far as the sizes go: whoever counts n-grams of up to
    `twins.MATCHED` characters, or sees `twins.ENDS` characters at either end, gives both of a pair the same verdict.

    Parameters
    ----------
    valid_share, shortest, longest
        As for `reber`; no string has fewer than `twins.SHORTEST` characters.
    inner_length : int
        Characters after the later of X and Y, across which the order must be remembered; 0 is any number that fits.
    """
    parts, (for_pairs, for_order) = _classes(split, valid_share), _streams(split, 2)
    needed = [max(part) for part in parts]
    right, wrong = twins.pairs(for_pairs, sum(needed), shortest, longest, inner_length)
    made = []
    for (valid, invalid), start in zip(parts, (0, needed[0]), strict=True):
        strings = {1: right[start : start + valid], 0: wrong[start : start + invalid]}
        made.append(_shuffled(for_order, strings))
    return Task("temporal_order", *made)


@TASKS.register
def digits(split: Split) -> Task:
    """Handwritten digits of 8 × 8 pixels, read row by row: 8 steps of 8 features from 0 to 1, ten classes.

    1,797 images, all different, come with scikit-learn: the test set of Alpaydin and Kaynak, *Optical Recognition of
    Handwritten Digits*, UCI Machine Learning Repository, 1998. Classes have the same shares in either part.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    classes, side = 10, 8
    if min(split.train_size, split.test_size) < classes:
        raise TaskError(
            f"train_size={split.train_size}, test_size={split.test_size}: task digits has {classes} classes; "
            f"give at least {classes} of each, one sample for each class"
        )
    pixels, labels = load_digits(return_X_y=True)
    sizes = split.of(len(labels), classes)
    # A bare number would have to be below 2**32.
    random_state = np.random.RandomState(np.random.PCG64(split.data_seed))
    parts = train_test_split(
        np.arange(len(labels)), train_size=sizes[0], test_size=sizes[1], stratify=labels, random_state=random_state
    )
    features = (pixels / pixels.max()).astype(np.float32).reshape(-1, side, side)
    train, test = (Rows(shared(features[part]), shared(labels[part].astype(np.int64))) for part in parts)
    return Task("digits", train, test, classes=classes)


@TASKS.register
def csv(split: Split, *, csv_path: str = "") -> Task:
    """A file of labelled strings: UTF-8, columns string (ASCII) and valid (0 or 1), others are left alone.

    A string that stands there more than once goes, with all its copies, to one part; classes have the same shares in
    either.
    """
    if not csv_path:
        raise TaskError("task csv needs csv_path: give the path of a CSV file with the columns string and valid")
    rng = np.random.default_rng(split.data_seed)
    parts = labelled_csv.split(rng, labelled_csv.read(csv_path), split)
    return Task("csv", *(_shuffled(rng, part) for part in parts))


def _classes(split: Split, valid_share: float) -> list[tuple[int, int]]:
    """How many training and how many test strings are valid and invalid; either part needs both."""
    counts = []
    for part, size in (("training", split.train_size), ("test", split.test_size)):
        valid = round(size * valid_share)
        if not 0 < valid < size:
            raise TaskError(
                f"valid_share is {valid_share}: it makes {valid} of {size} {part} strings valid; "
                "give a share between 0 and 1 that leaves both classes some"
            )
        counts.append((valid, size - valid))
    return counts


def _streams(split: Split, count: int) -> list[np.random.Generator]:
    return [np.random.default_rng(seed) for seed in np.random.SeedSequence(split.data_seed).spawn(count)]


def _shuffled(rng: np.random.Generator, strings: dict[int, list[str]]) -> Strings:
    texts = [text for members in strings.values() for text in members]
    labels = np.concatenate([np.full(len(members), label, np.int64) for label, members in strings.items()])
    order = rng.permutation(len(texts))
    return Strings([texts[i] for i in order], shared(labels[order]))
