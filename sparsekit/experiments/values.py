"""What a value of a parameter may be: its type, its bounds, the names to choose from, and these in words."""

import os
from collections.abc import Iterable, Iterator, Sized
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from numbers import Integral, Real
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from sparsekit.experiments import project
from sparsekit.registry import Registry, beyond, shortened, unknown

REGISTRIES = {
    "variant": ("variants", "VARIANTS"),
    "target": ("variants", "TARGETS"),
    "task": ("tasks.definitions", "TASKS"),
    "kind of invalid strings": ("tasks.definitions", "INVALID"),
    "graph generator": ("graphs.families", "GENERATORS"),
    "design": ("graphs.designs", "DESIGNS"),
    "orientation": ("graphs.structure", "ORIENTATIONS"),
    "null model": ("graphs.nulls", "NULLS"),
    "claim": ("graphs.claims", "CLAIMS"),
    "structure": ("variants", "STRUCTURES"),
    "layout of gate masks": ("variants", "GATE_MASKS"),
    "readout": ("variants", "READOUTS"),
    "pruning score": ("pruning.scores", "SCORES"),
    "unit score": ("pruning.unit_scores", "UNIT_SCORES"),
    "scope": ("variants", "SCOPES"),
    "source of variation": ("variants", "SOURCES"),
    "schedule": ("pruning.schedules", "SCHEDULES"),
    "recovery protocol": ("pruning.recovery", "PROTOCOLS"),
    "initial mask": ("pruning.initial", "INITIAL"),
    "initial scale": ("variants", "SCALES"),
    "dynamic update": ("pruning.dynamics", "DYNAMICS"),
    "device": ("experiments.values", "DEVICES"),
}
"""Where the names stand of which a choice is one, by what it is a choice of: a module, and a name in it."""
ALWAYS = {"schedule": "one_shot", "recovery protocol": "retrain", "initial mask": "dense"}
"""What the others of its kind are always compared with, or start from, so that nobody asks for it."""
DEVICES = ("auto", "cpu", "cuda")
BYTES, VALUES = 2**27, 1000
"""Most bytes of a user's file, and most values in a list, unless the environment allows more."""


def say(text: str) -> PydanticCustomError:
    """An error whose text needs no more words about what is allowed."""
    return PydanticCustomError("say", "{text}", {"text": text})


@dataclass(frozen=True)
class Choice:
    """A value that is one of the names in a registry, looked up when needed: its module loads, and others register."""

    kind: str

    def names(self) -> list[str]:
        module, registry = REGISTRIES[self.kind]
        found = getattr(import_module(f"sparsekit.{module}"), registry)
        ordered = sorted(found) if isinstance(found, Registry) else found
        return [name for name in ordered if name != ALWAYS.get(self.kind)]

    def check(self, value: str) -> str:
        if value not in (names := self.names()):
            raise say(unknown(self.kind, value, names))
        return value


def choice(kind: str) -> Any:
    """The type of a parameter that is one of the names of this kind."""
    one = Choice(kind)
    return Annotated[str, AfterValidator(one.check), one]


def _number(value: Any) -> Any:
    # YAML reads 1e-3 as text, and Python counts True as 1: the first is meant as a number, the second is not.
    if isinstance(value, bool):
        raise ValueError("a truth value is no number")
    if isinstance(value, str):
        with suppress(ValueError):  # as a float it would lose digits
            return int(value)
    if isinstance(value, Integral):
        return int(value)
    number = float(value) if isinstance(value, str | Real) else value
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _path(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _file(value: str) -> str:
    if not value:
        return ""
    if (path := project.find_file(value)) is None:
        raise say(f"given {shortened(value)}, but there is no such file in {Path.cwd()} nor in the project's folder")
    if refused := beyond(size := path.stat().st_size, BYTES):
        raise say(f"given {shortened(value)}, a file of {size:,} bytes; {refused}")
    return str(path)


def _some(values: list) -> list:
    if not values:
        raise say("given an empty list, allowed is a list of at least one")
    return values


def _bounded(values: Any) -> Any:
    if isinstance(values, Iterator | set | frozenset):  # which may have no end, or no order of its own
        raise say(f"given a {type(values).__name__}, allowed is a list")
    if isinstance(values, Sized) and not isinstance(values, str) and (refused := beyond(len(values), VALUES)):
        raise say(f"given {len(values):,} values; {refused}")
    return values


def _distinct(values: list) -> list:
    twice = [v for i, v in enumerate(values) if v in values[:i]]
    if twice:
        raise say(f"given {shortened(twice[0])} twice, allowed is each only once")
    return values


Whole = Annotated[int, BeforeValidator(_number), "whole number"]
Number = Annotated[float, BeforeValidator(_number), "number"]
Share = Annotated[Number, Field(gt=0, lt=1)]
Sparsity = Annotated[Number, Field(ge=0, lt=1)]
Percent = Annotated[Number, Field(ge=0, le=100)]
Compression = Annotated[Number, Field(gt=1, le=10_000)]
Size = Annotated[Whole, Field(ge=1, le=20_000)]
Batch = Annotated[Whole, Field(ge=1, le=100_000)]
Step = Annotated[Whole, Field(ge=1)]
File = Annotated[str, BeforeValidator(_path), AfterValidator(_file), "file path"]
Score = choice("pruning score")
Item = TypeVar("Item")
Several = Annotated[list[Item], BeforeValidator(_bounded), AfterValidator(_distinct)]
Some = Annotated[list[Item], BeforeValidator(_bounded), AfterValidator(_some), AfterValidator(_distinct)]


def field(value: Any, meaning: str, **bounds: float) -> Any:
    """The default of a parameter, what it means, and the bounds of what else it may be."""
    return Field(value, description=meaning, **bounds)


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
