"""Handwritten digits as rows of pixels: a real data set that comes with scikit-learn.

1,797 images, all different: the test set of Alpaydin and Kaynak, *Optical Recognition of Handwritten Digits*, UCI
Machine Learning Repository, 1998.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from sparsekit.registry import Registry, unknown
from sparsekit.tasks import grammars as automata
from sparsekit.tasks import labelled_csv
from sparsekit.tasks.grammars import (
    ACCEPT,
    EMBEDDED,
    START,
    TRANSITIONS,
    LanguageError,
    edited,
    embedded,
    first_violation,
    generate_invalid,
    generate_valid,
)
from sparsekit.tasks.labelled_csv import TaskError
from sparsekit.tasks.samples import Rows, Strings, Task, shared

CLASSES = 10
SIDE = 8  # pixels


def split(seed: int, train_size: int, test_size: int) -> tuple[Rows, Rows]:
    """Images to train on and to test on, a row of pixels a step; classes in the same shares in either part.

    The test share is ``test_size / (train_size + test_size)``, of all images where there are fewer than that.

    Raises
    ------
    TaskError
        If a part has no room for one image of each class.
    """
    if min(train_size, test_size) < CLASSES:
        raise TaskError(
            f"train_size={train_size}, test_size={test_size}: task digits has {CLASSES} classes; "
            f"give at least {CLASSES} of each, one sample for each class"
        )
    from sklearn.datasets import load_digits  # not above: names of tasks are asked for before anything heavy is loaded
    from sklearn.model_selection import train_test_split

    pixels, labels = load_digits(return_X_y=True)
    total = min(len(labels), train_size + test_size)
    test_total = min(max(CLASSES, round(total * test_size / (train_size + test_size))), total - CLASSES)
    parts = train_test_split(
        np.arange(len(labels)),
        train_size=total - test_total,
        test_size=test_total,
        stratify=labels,
        random_state=np.random.RandomState(np.random.PCG64(seed)),  # a bare number would have to be below 2**32
    )
    features = (pixels / pixels.max()).astype(np.float32).reshape(-1, SIDE, SIDE)
    train, test = (Rows(shared(features[part]), shared(labels[part].astype(np.int64))) for part in parts)
    return train, test


TASKS = Registry("task")
INVALID = ("automata", "edit")
GRAMMARS = {"reber": TRANSITIONS, "embedded_reber": EMBEDDED}
OUTER = 4  # symbols of an embedded Reber string around the inner one


def make(
    name: str,
    *,
    data_seed: int = 0,
    train_size: int = 18750,
    test_size: int = 6250,
    valid_share: float = 0.5,
    shortest: int = 11,
    longest: int = 53,
    invalid: str = "automata",
    inner_length: int = 0,
    csv_path: str = "",
) -> Task:
    """The task of this name. The same arguments give the same task, and in one process the same object.

    Parameters
    ----------
    name : str
        A name in `TASKS`.
    data_seed : int
        Seed of the samples and of the split, 0 or more.
    train_size, test_size : int
        Numbers of samples. Of a file or data set that holds fewer, the same share is for testing.
    valid_share : float
        Share of valid strings in either part (tasks reber and embedded_reber).
    shortest, longest : int
        Lengths in characters, both included (tasks reber and embedded_reber).
    invalid : str
        Where invalid strings come from, one of `INVALID` (task reber): from similar automata, as published, or from
        valid strings by an edit of one letter.
    inner_length : int
        Characters of the inner string across which the outer symbol must be remembered; 0 is any that fits (task
        embedded_reber).
    csv_path : str
        File with the columns string and valid (task csv).

    Raises
    ------
    TaskError
        If the sizes, the lengths or the file do not make a task.
    sparsekit.registry.UnknownName
        If no task has this name.
    """
    factory = TASKS[name]
    sizes = {"train_size": train_size, "test_size": test_size}
    for size, value in sizes.items():
        if value < 2:
            raise TaskError(f"{size} is {value}: give at least 2, one sample for each class")
    if data_seed < 0:
        raise TaskError(f"data_seed is {data_seed}: give 0 or more")
    if invalid not in INVALID:
        raise TaskError(unknown("kind of invalid strings", invalid, INVALID))
    arguments = dict(
        data_seed=data_seed,
        **sizes,
        valid_share=valid_share,
        shortest=shortest,
        longest=longest,
        invalid=invalid,
        inner_length=inner_length,
        csv_path=csv_path,
    )
    # A file may change under its name: what it holds is part of what the task is remembered by.
    return _remembered(factory, tuple(arguments.items()), labelled_csv.digest(csv_path))


@lru_cache(maxsize=8)
def _remembered(factory: Callable[..., Task], arguments: tuple, content: str) -> Task:
    return factory(**dict(arguments))


def options(name: str) -> tuple[str, ...]:
    """Names of the parameters on which a task depends besides its sizes and seed, as its function asks for them."""
    asked = inspect.signature(TASKS[name]).parameters.values()
    own = [parameter.name for parameter in asked if parameter.kind is not parameter.VAR_KEYWORD]
    return tuple(name for name in own if name not in ("train_size", "test_size", "data_seed"))


def violations(task_name: str, strings: Sequence[str]) -> np.ndarray:
    """Where each string first leaves the task's grammar, int64, shape (n,): see `reber.first_violation`.

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
    data_seed: int,
    train_size: int,
    test_size: int,
    valid_share: float,
    shortest: int,
    longest: int,
    invalid: str,
    **_: object,
) -> Task:
    """Reber strings against strings that are none; both classes in the same shares in either part.

    The invalid ones come from similar automata, which the first and last few letters betray, or are edits of further
    valid strings, drawn together with those that stay valid: then lengths are alike.
    """
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
    data_seed: int,
    train_size: int,
    test_size: int,
    valid_share: float,
    shortest: int,
    longest: int,
    inner_length: int,
    **_: object,
) -> Task:
    """Embedded Reber strings; in the invalid ones the second-last symbol is not the second.

    An inner string stands in one part only, there in a valid string and in its invalid twin as far as the sizes go, and
    either outer symbol is T in half of each class. So neither the inner string nor one outer symbol alone tells the
    label, and what was learnt of one part by heart is of no use for the other. ``inner_length`` is exact, a clean grade
    of memory; n inner strings of that length (24 of 11 characters, 783 of 20, 112,826 of 33) make at most 2 n samples.
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
    there = automata.count_distinct(TRANSITIONS, START, ACCEPT, low, high)
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
def digits(*, data_seed: int, train_size: int, test_size: int, **_: object) -> Task:
    """Handwritten digits of 8 × 8 pixels, read row by row: 8 steps of 8 features from 0 to 1, ten classes.

    There are 1,797; see `sparsekit.tasks.definitions`.
    """
    train, test = split(data_seed, train_size, test_size)
    return Task("digits", train, test, classes=CLASSES)


@TASKS.register
def csv(*, csv_path: str, data_seed: int, train_size: int, test_size: int, **_: object) -> Task:
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
