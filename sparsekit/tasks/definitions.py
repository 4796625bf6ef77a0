"""Tasks found by name.

A new task is one function with keyword parameters ``(*, train_size, test_size, data_seed, …) -> Task``, decorated with
``@TASKS.register``. What else its signature names are its options: nothing but them makes one task differ from another.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from inspect import Parameter, signature

import numpy as np

from sparsekit.registry import Registry, UnknownName, unknown
from sparsekit.tasks import labelled_csv
from sparsekit.tasks.grammars import (
    EMBEDDED,
    TRANSITIONS,
    LanguageError,
    count_distinct,
    edited,
    embedded,
    first_violation,
    generate_invalid,
    generate_valid,
)
from sparsekit.tasks.labelled_csv import TaskError
from sparsekit.tasks.samples import Rows, Strings, Task, shared

TASKS = Registry("task")
INVALID = ("automata", "edit")
GRAMMARS = {"reber": TRANSITIONS, "embedded_reber": EMBEDDED}
OUTER = 4  # symbols of an embedded Reber string around the inner one
SPLIT = ("train_size", "test_size", "data_seed")


def options(name: str) -> tuple[str, ...]:
    """Parameters of a task besides its sizes and its seed, as its function names them.

    >>> options("embedded_reber")
    ('valid_share', 'shortest', 'longest', 'inner_length')
    """
    return tuple(parameter for parameter in _defaults(name) if parameter not in SPLIT)


def _defaults(name: str) -> dict[str, object]:
    parameters = signature(TASKS[name]).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is not Parameter.VAR_KEYWORD}


def make(
    name: str, *, train_size: int = 18750, test_size: int = 6250, data_seed: int = 0, **given: float | str
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
    **given
        Options of the task, see `options`; those of other tasks are passed over.

    Raises
    ------
    TaskError
        If the sizes, the options or the file do not make a task.
    sparsekit.registry.UnknownName
        If no task has this name, or none has an option of that name.
    """
    defaults = _defaults(name)
    known = {option for task in TASKS for option in options(task)}
    for option in given:
        if option not in known:
            raise UnknownName(unknown("option of a task", option, sorted(known)))
    given |= {"train_size": train_size, "test_size": test_size, "data_seed": data_seed}
    for size in SPLIT[:2]:
        if given[size] < 2:
            raise TaskError(f"{size} is {given[size]}: give at least 2, one sample for each class")
    if data_seed < 0:
        raise TaskError(f"data_seed is {data_seed}: give 0 or more")
    # Defaults are filled in, so that a task is the same one whether or not they are given.
    arguments = {o: v for o, v in (defaults | given).items() if o in defaults and v is not Parameter.empty}
    # A file may change under its name: what it holds is part of what the task is remembered by.
    return _remembered(TASKS[name], tuple(arguments.items()), labelled_csv.digest(arguments.get("csv_path", "")))


@lru_cache(maxsize=8)
def _remembered(factory: Callable[..., Task], arguments: tuple, content: str) -> Task:
    return factory(**dict(arguments))


def violations(task_name: str, strings: Sequence[str]) -> np.ndarray:
    """Where each string first leaves the task's grammar, int64, shape (n,): see `grammars.first_violation`.

    Raises
    ------
    TaskError
        If the task has no grammar.
    """
    if task_name not in GRAMMARS:
        raise TaskError(f"task {task_name} has no grammar to violate; those that have one: {', '.join(GRAMMARS)}")
    return np.array([first_violation(string, GRAMMARS[task_name]) for string in strings], dtype=np.int64)


@TASKS.register
def reber(
    *,
    train_size: int,
    test_size: int,
    data_seed: int = 0,
    valid_share: float = 0.5,
    shortest: int = 11,
    longest: int = 53,
    invalid: str = "automata",
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
    train_valid, test_valid = _valid_counts(train_size, test_size, valid_share)
    count, size = train_valid + test_valid, train_size + test_size
    for_valid, for_invalid, for_order = map(np.random.default_rng, np.random.SeedSequence(data_seed).spawn(3))
    try:
        if invalid == "edit":
            drawn = generate_valid(for_valid, size, shortest, longest)
            valid, others = drawn[:count], edited(for_invalid, drawn[count:])
        else:
            valid = generate_valid(for_valid, count, shortest, longest)
            others = generate_invalid(for_invalid, size - count, shortest, longest)
    except LanguageError as error:
        raise TaskError(f"task reber: {error}") from error
    train_invalid = train_size - train_valid
    return Task(
        "reber",
        train=_shuffled(for_order, {1: valid[:train_valid], 0: others[:train_invalid]}),
        test=_shuffled(for_order, {1: valid[train_valid:], 0: others[train_invalid:]}),
    )


@TASKS.register
def embedded_reber(
    *,
    train_size: int,
    test_size: int,
    data_seed: int = 0,
    valid_share: float = 0.5,
    shortest: int = 11,
    longest: int = 53,
    inner_length: int = 0,
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
    counts = _valid_counts(train_size, test_size, valid_share)
    parts = [(valid, size - valid) for valid, size in zip(counts, (train_size, test_size), strict=True)]
    low, high = max(shortest - OUTER, 1), longest - OUTER
    if inner_length:
        if not low <= inner_length <= high:
            raise TaskError(
                f"inner_length is {inner_length}: with {OUTER} symbols around it a string has {inner_length + OUTER}, "
                f"and shortest={shortest}, longest={longest} do not allow that"
            )
        low = high = inner_length
    needed = [max(part) for part in parts]
    there = count_distinct(TRANSITIONS, low, high)
    if sum(needed) > there:
        raise TaskError(
            f"task embedded_reber: {train_size} + {test_size} strings need {sum(needed)} different inner strings of "
            f"{low} to {high} characters; {there} exist, which make at most {2 * there} strings, half valid; "
            "ask for fewer strings or for longer inner ones"
        )
    for_inner, for_order = map(np.random.default_rng, np.random.SeedSequence(data_seed).spawn(2))
    inner = generate_valid(for_inner, sum(needed), low, high)
    split = []
    for (valid, invalid), own in zip(parts, (inner[: needed[0]], inner[needed[0] :]), strict=True):
        whole, broken = embedded(own)
        split.append(_shuffled(for_order, {1: whole[:valid], 0: broken[:invalid]}))
    return Task("embedded_reber", *split)


@TASKS.register
def digits(*, train_size: int, test_size: int, data_seed: int = 0) -> Task:
    """Handwritten digits of 8 × 8 pixels, read row by row: 8 steps of 8 features from 0 to 1, ten classes.

    1,797 images, all different, come with scikit-learn: the test set of Alpaydin and Kaynak, *Optical Recognition of
    Handwritten Digits*, UCI Machine Learning Repository, 1998. Classes have the same shares in either part; the test
    share is ``test_size / (train_size + test_size)``, of all images where there are fewer than that.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    classes, side = 10, 8
    if min(train_size, test_size) < classes:
        raise TaskError(
            f"train_size={train_size}, test_size={test_size}: task digits has {classes} classes; "
            f"give at least {classes} of each, one sample for each class"
        )
    pixels, labels = load_digits(return_X_y=True)
    total = min(len(labels), train_size + test_size)
    test_total = min(max(classes, round(total * test_size / (train_size + test_size))), total - classes)
    parts = train_test_split(
        np.arange(len(labels)),
        train_size=total - test_total,
        test_size=test_total,
        stratify=labels,
        random_state=np.random.RandomState(np.random.PCG64(data_seed)),  # a bare number would have to be below 2**32
    )
    features = (pixels / pixels.max()).astype(np.float32).reshape(-1, side, side)
    train, test = (Rows(shared(features[part]), shared(labels[part].astype(np.int64))) for part in parts)
    return Task("digits", train, test, classes=classes)


@TASKS.register
def csv(*, train_size: int, test_size: int, data_seed: int = 0, csv_path: str = "") -> Task:
    """A file of labelled strings: UTF-8, columns string (ASCII) and valid (0 or 1), others are left alone.

    The test share is ``test_size / (train_size + test_size)``, in each class alike. A string that stands there more
    than once goes, with all its copies, to one side.
    """
    if not csv_path:
        raise TaskError("task csv needs csv_path: give the path of a CSV file with the columns string and valid")
    rng = np.random.default_rng(data_seed)
    train, test = labelled_csv.split(rng, labelled_csv.read(csv_path), train_size, test_size)
    return Task("csv", train=_shuffled(rng, train), test=_shuffled(rng, test))


def _valid_counts(train_size: int, test_size: int, valid_share: float) -> tuple[int, int]:
    """How many training and how many test strings are valid; either part needs both classes."""
    counts = round(train_size * valid_share), round(test_size * valid_share)
    for part, valid, size in zip(("training", "test"), counts, (train_size, test_size), strict=True):
        if not 0 < valid < size:
            raise TaskError(
                f"valid_share is {valid_share}: it makes {valid} of {size} {part} strings valid; "
                "give a share between 0 and 1 that leaves both classes some"
            )
    return counts


def _shuffled(rng: np.random.Generator, strings: dict[int, list[str]]) -> Strings:
    texts = [text for members in strings.values() for text in members]
    labels = np.concatenate([np.full(len(members), label, np.int64) for label, members in strings.items()])
    order = rng.permutation(len(texts))
    return Strings([texts[i] for i in order], shared(labels[order]))
