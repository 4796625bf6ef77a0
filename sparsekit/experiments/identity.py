"""What a unit of work is, in a form that can be hashed, tabulated and named."""

import copy
import dataclasses
import hashlib
import json
import math
import os
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from numbers import Integral, Real
from typing import Any, ClassVar, Protocol

from sparsekit.variants import MATRICES, TARGETS, VARIANTS

NAMES = VARIANTS | {target: MATRICES[parts[0]] for target, parts in TARGETS.items() if len(parts) == 1}
"""What names in a unit's fields are called where people read them."""

SINGLE = {type(None), bool, int, str}
"""Types whose values are as they stand in JSON."""

Result = tuple["Unit", Mapping[str, Any], Mapping[str, Any] | None]
"""A unit, its results, and tensors to keep beside them or None: what `sparsekit.experiments.records.Store` writes."""


class Unit(Protocol):
    """What is computed once and kept as one record: a frozen dataclass that says what it is.

    Its fields may be units themselves. What is not said in a subclass is as it stands here.
    """

    kind: ClassVar[str]  # names its records
    requires: tuple["Unit", ...] = ()  # whose records must be there first
    group: Hashable = None  # units of one type and equal group may be computed together,
    together: ClassVar[int] = 1  # at most so many of them
    cost: float = 1.0  # how long it takes, relative to others
    timed: ClassVar[bool] = False  # what it measures is time, so nothing else may run beside it
    trains: ClassVar[bool] = False  # it computes on the device asked for, and not just on the CPU

    def seconds(self, device: str) -> float:
        """About how long it takes here, as one of those computed together; maybe from a short probe."""
        return self.cost

    def result(self, store: Any, device: str) -> tuple[Mapping[str, Any], Mapping[str, Any] | None]:
        """Its results, and tensors to keep beside them or None; it may read from the store what it requires."""
        ...

    @classmethod
    def compute(cls, units: Sequence[Any], store: Any, device: str) -> Iterable[Result]:
        """Compute several such units, one by one unless they say otherwise; whoever calls keeps the results."""
        for unit in units:
            yield unit, *unit.result(store, device)


def plain(value: Any) -> Any:
    """The value in JSON's own types; NaN and infinities, which JSON lacks, as ``{"$float": "nan"}``."""
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value) if math.isfinite(value) else {"$float": str(float(value))}
    if isinstance(value, Mapping):
        if odd := [name for name in value if not isinstance(name, str)]:
            raise TypeError(f"given the name {odd[0]!r} in a record, allowed are names that are text")
        return {name: plain(v) for name, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if hasattr(value, "tolist"):  # arrays and scalars of numpy, tensors
        return plain(value.tolist())
    allowed = "allowed are numbers, text, lists, dicts, arrays and None"
    raise TypeError(f"given {value!r} ({type(value).__name__}), {allowed}")


def _canonical(value: Any) -> Any:
    """JSON's own types, without defaults, and with equal things equal: 50.0 as 50, for 50.0 == 50."""
    if type(value) in SINGLE:
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        # a base network is a part of thousands of units
        return once(value, "_canonical", lambda: _changed(value))
    if isinstance(value, list | tuple):
        return [_canonical(v) for v in value]
    if isinstance(value, Mapping):
        return {name: _canonical(v) for name, v in value.items()}
    single = plain(value)
    return int(single) if isinstance(single, float) and single.is_integer() else single


def _changed(value: Any) -> dict[str, Any]:
    found = {"kind": value.kind} if hasattr(value, "kind") else {}
    for name, default, field in _compared(type(value)):
        own = getattr(value, name)
        if own is not default and not _default(field, value):  # at most a call for each field of a hundred thousand
            found[name] = own if type(own) in SINGLE else _canonical(own)
    return found


def once(value: Any, name: str, find: Callable[[], Any]) -> Any:
    """What is found of a dataclass, kept with it if it is one that does not change."""
    kept = getattr(value, "__dict__", None) if type(value).__dataclass_params__.frozen else None
    if kept is None:
        return find()
    if name not in kept:
        kept[name] = find()
    return kept[name]


@lru_cache(maxsize=4096)
def _compared(form: type) -> tuple[tuple[str, Any, dataclasses.Field], ...]:
    return tuple((field.name, field.default, field) for field in dataclasses.fields(form) if field.compare)


def _default(field: dataclasses.Field, owner: Any) -> bool:
    """Whether a field of a dataclass holds its default."""
    value = getattr(owner, field.name)
    if value is field.default:
        return True
    if type(value) is type(field.default) in SINGLE:
        return value == field.default
    # by type: a class that travelled to a worker by value, as from a notebook, carries a MISSING of its own
    missing = type(dataclasses.MISSING)
    default = field.default if isinstance(field.default_factory, missing) else field.default_factory()
    if isinstance(default, missing):
        return False
    if type(value) is type(default) in SINGLE:
        return value == default
    # as JSON, so that 1 and True stay apart while (1, 2) and [1, 2] do not
    return _text(_canonical(value)) == _text(_canonical(default))


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def _text(value: Any) -> str:
    return _JSON.encode(value)


def identity(unit: Any) -> dict[str, Any]:
    """What a unit is, in JSON's types: its fields and those of the units in it, without those that hold their default.

    Since defaults are left out, a unit that gains an option (with the old behaviour as default) keeps its results.
    Fields with ``compare=False`` are left out too: where a file lies does not change what is in it.
    """
    fields = copy.deepcopy(_changed(unit))
    fields.pop("kind", None)
    return fields


def key(unit: Any) -> str:
    """The name of a unit's record: the SHA-256 of its kind and identity, 64 hex digits."""
    return once(unit, "_key", lambda: _key(unit))


def _key(unit: Any) -> str:
    fields = _changed(unit)
    fields.pop("kind", None)
    return digest({"kind": unit.kind, "identity": fields})


def digest(value: Any) -> str:
    """The SHA-256, 64 hex digits, of something in JSON's own types, however it is laid out in a file."""
    return hashlib.sha256(_text(value).encode()).hexdigest()


def title(unit: Any) -> str:
    """A unit as people read it, for progress and errors: its kind, and what sets it apart from others of its kind.

    Names stand for themselves and numbers with their field, of the unit and of units in it; groups of settings, which
    are dataclasses without a kind, are left out, as is what a field keeps out of its ``repr``.
    """

    def words(owner: Any) -> list[str]:
        found = []
        for field in dataclasses.fields(owner):
            value, name = getattr(owner, field.name), field.name.replace("_", " ")
            if hasattr(value, "kind"):
                found += words(value)
            elif not field.compare or not field.repr or _default(field, owner):
                continue
            elif isinstance(value, str):
                found.append(NAMES.get(value) or (value if len(value) <= 24 else f"{value[:23]}…"))
            elif isinstance(value, Real):
                found.append(f"{value:g} %" if name == "percent" else f"{name} {value:g}")
        return found

    return ": ".join(filter(None, [unit.kind.replace("_", " "), ", ".join(words(unit))]))
