"""The types that parameters have, and how they are called in words."""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from sparsekit.parameter_files import find_file
from sparsekit.registry import unknown

VARIANTS = ("rnn_tanh", "rnn_relu", "gru", "lstm")
TARGETS = ("both", "i2h", "h2h")


def say(text: str) -> PydanticCustomError:
    """An error whose text needs no more words about what is allowed."""
    return PydanticCustomError("say", "{text}", {"text": text})


@dataclass(frozen=True)
class Choice:
    """A value that is one of some names; they are asked for when needed, for anyone may register more."""

    kind: str
    names: Callable[[], Iterable[str]]

    def check(self, value: str) -> str:
        if value not in (names := list(self.names())):
            raise say(unknown(self.kind, value, names))
        return value


def _number(value: Any) -> Any:
    # YAML reads 1e-3 as text, and Python counts True as 1: the first is meant as a number, the second is not.
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    if isinstance(value, Integral):
        return int(value)
    number = float(value) if isinstance(value, str | Real) else value
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _path(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _file(value: str) -> str:
    if value and (path := find_file(value)) is None:
        raise say(f"given {value!r}, but there is no such file in {Path.cwd()} nor in the project's folder")
    return str(path) if value else ""


def _some(values: list) -> list:
    if not values:
        raise say("given an empty list, allowed is a list of at least one")
    return values


def _distinct(values: list) -> list:
    twice = [v for i, v in enumerate(values) if v in values[:i]]
    if twice:
        raise say(f"given {twice[0]!r} twice, allowed is each only once")
    return values


def registered(module: str, registry: str) -> Callable[[], list[str]]:
    """Names in a registry, looked up when asked for: loading its module takes longer than reading parameters."""
    return lambda: sorted(getattr(import_module(f"sparsekit.{module}"), registry))


def choice(kind: str, *names: str, found: Callable[[], Iterable[str]] | None = None) -> Any:
    one = Choice(kind, found or (lambda: names))
    return Annotated[str, AfterValidator(one.check), one]


Whole = Annotated[int, BeforeValidator(_number), "whole number"]
Number = Annotated[float, BeforeValidator(_number), "number"]
Share = Annotated[Number, Field(gt=0, lt=1)]
File = Annotated[str, BeforeValidator(_path), AfterValidator(_file), "file path"]
Variant = choice("variant", *VARIANTS)
Target = choice("target", *TARGETS)
Generator = choice("graph generator", found=registered("graphs", "GENERATORS"))
Task = choice("task", found=registered("tasks", "TASKS"))
Score = choice("pruning score", found=registered("scores", "SCORES"))
Scope = choice("scope", "global", "layer", "matrix", "gate")
Schedule = choice("schedule", "iterative", "gradual")
Protocol = choice("recovery protocol", "rewind", "reinitialise", "random_mask", "rewired_mask", "dense")
Invalid = choice("kind of invalid strings", "automata", "edit")
Design = choice("design", found=registered("designs", "DESIGNS"))
Structure = choice("structure", "layered", "recurrent")
Orientation = choice("orientation", found=registered("graphs", "ORIENTATIONS"))
Null = choice("null model", found=registered("nulls", "NULLS"))
Readout = choice("readout", "last_padded", "last_valid")
GateMasks = choice("layout of gate masks", "blocks", "rows")
Device = choice("device", "auto", "cpu", "cuda")
Sparsity = Annotated[Number, Field(ge=0, lt=1)]
Percent = Annotated[Number, Field(ge=0, le=100)]
Step = Annotated[Whole, Field(ge=1)]
Several = AfterValidator(_distinct)
AtLeastOne = AfterValidator(_some)


def words(annotation: Any, metadata: Iterable[Any] = ()) -> str:
    """What a parameter takes, in words."""
    if get_origin(annotation) is Annotated:
        annotation, *inner = get_args(annotation)
        return words(annotation, [*inner, *metadata])
    if get_origin(annotation) is list:
        return "list of: " + words(get_args(annotation)[0]).removeprefix("one of ")
    bounds = {"gt": "above {}", "ge": "of at least {}", "lt": "below {}", "le": "at most {}"}
    limits = []
    noun = "text"
    for item in metadata:
        if isinstance(item, Choice):
            return "one of " + ", ".join(item.names())
        if isinstance(item, str):
            noun = item
        # a Field inside Annotated keeps its bounds in metadata of its own
        for bound in getattr(item, "metadata", [item]):
            limits += [t.format(getattr(bound, b)) for b, t in bounds.items() if getattr(bound, b, None) is not None]
    return f"{noun} {' and '.join(limits)}".strip()
