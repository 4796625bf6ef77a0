"""Which code a unit's results come from: a digest of the functions that computing it may reach.

The walk starts at what computes the unit, and follows names through the kit and the user's own modules: functions,
constants, classes (of these the methods whose names are read anywhere on the way, and what fields hold by default). Of
a table from name to function, such as a registry, it follows the entries that the unit names, or all where it names
none. What a unit requires counts as part of it, for its results are made from those. Libraries count by name only:
records say their versions.

As with a registered function's source (`sparsekit.sources`) it is compiled code that counts, and not its comments,
docstrings and layout. Nor does it count in which of the kit's modules a function stands. So digests made by different
minor versions of Python cannot be compared.
"""

import dataclasses
import hashlib
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property, lru_cache, partial
from importlib import import_module
from importlib.util import resolve_name
from types import FunctionType, ModuleType
from typing import Any

from sparsekit import sources
from sparsekit.experiments.identity import key, once
from sparsekit.registry import Own, everything_own

UNREAD = sources.UNREAD | {"__repr__", "__str__", "__eq__", "__ne__", "__hash__", "__reduce__", "__dir__"}
"""What no result depends on in a class."""
WRAPPERS = ("__wrapped__", "__func__", "py_func", "_defn", "fget")
"""Where caches, methods, numba's functions and properties keep the function itself."""


class _Part:
    """One function, class or table: what it says itself, and what it leads to."""

    def __init__(self, name: str, module: str = ""):
        self.name, self.module, self.lines = name, module, []
        self.reached: list[Any] = []
        self.methods: dict[str, Any] = {}  # of a class: followed where their name is read
        self.choices: dict[str, _Part] = {}  # of a table: followed where the unit names them
        self.attributes: set[str] = set()

    @cached_property
    def text(self) -> tuple[str, str]:
        """Where it stands, and what it is."""
        return self.module, f"{self.name} {_digest(self.lines)}"


@dataclasses.dataclass(frozen=True)
class _Reach:
    """What was found on a walk: a line for each part; all names that can be chosen; whether it is the kit's alone."""

    lines: frozenset[tuple[str, str]]
    choices: frozenset[str]
    kit: bool

    @cached_property
    def digest(self) -> str:
        return _digest(sorted(text if _of_kit(module) else f"{module}.{text}" for module, text in self.lines))


def code(unit: Any, memory: dict | None = None) -> str:
    """The digest of a unit's code, 32 hex digits; it is the same in every process of this minor version of Python.

    What the kit's code is is found once in a process. A user's may change in a notebook at any time; it is found once
    for each `memory`.
    """
    memory = {} if memory is None else memory
    own = _chosen(unit, memory).digest
    required = frozenset(_of_required(one, memory) for one in getattr(unit, "requires", ()))
    if not required:
        return own
    if (own, required) not in memory:
        memory[own, required] = _digest([own, *sorted(required)])
    return memory[own, required]


def _of_required(unit: Any, memory: dict) -> str:
    name = key(unit)
    if name not in memory:
        memory[name] = code(unit, memory)
    return memory[name]


def parts(unit: Any) -> dict[str, str]:
    """Functions and classes that count for a unit, each with its digest; those of units that it requires are not in."""
    lines = [f"{module}.{text}".lstrip(".") for module, text in _chosen(unit, {}).lines]
    return dict(sorted(line.rsplit(" ", 1) for line in lines))


def _chosen(unit: Any, memory: dict) -> _Reach:
    said = types, names = _said_once(unit)
    asked = type(unit), said
    if asked not in memory:
        anything = _walk(type(unit), types, None, memory)
        # a user's own may be younger than what is remembered
        known = anything.choices | {own.name for own in everything_own()}
        memory[asked] = _walk(type(unit), types, names & known, memory)
    return memory[asked]


_MEMORY: dict[tuple, _Reach] = {}


def _walk(form: type, types: frozenset[type], names: frozenset[str] | None, memory: dict) -> _Reach:
    asked = form, types, names
    found = _MEMORY.get(asked) or memory.get(asked)
    if not found:
        found = _reach(form, types, names or ())
        (_MEMORY if found.kit else memory)[asked] = found
    return found


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:32]


Said = tuple[frozenset[type], frozenset[str]]
_SAID: dict[tuple, Said] = {}
"""What was said, by form and content: thousands of units say the same, of each other's dataclasses too."""


def _said(value: Any) -> Said:
    """The types of what is in a dataclass, and all text in its fields: the names by which it chooses."""
    names, inside, left = [], {}, [getattr(value, name) for name in _fields(type(value))]
    for item in left:  # grows while it is walked through
        kind = type(item)
        if kind is str:
            names.append(item)
        elif kind in (int, float, bool, type(None)):
            continue
        elif isinstance(item, tuple | list):
            left += item
        elif isinstance(item, str):
            names.append(str(item))
        elif _fields(kind):
            inside[_said_once(item)] = None
    asked = type(value), *names, *inside
    if asked not in _SAID:
        types = frozenset([type(value)]).union(*(types for types, _ in inside))
        _SAID[asked] = types, frozenset(names).union(*(names for _, names in inside))
    return _SAID[asked]


@lru_cache(maxsize=4096)
def _fields(form: type) -> tuple[str, ...]:
    """The names of a dataclass's fields; none for anything else."""
    return tuple(field.name for field in dataclasses.fields(form)) if dataclasses.is_dataclass(form) else ()


def _said_once(value: Any) -> tuple[frozenset[type], frozenset[str]]:
    return once(value, "_said", lambda: _said(value))


def _reach(form: type, types: Iterable[type], names: Iterable[str]) -> _Reach:
    starts = (getattr(form, "compute", None), getattr(form, "result", None), *types)
    left: list[Any] = [_bare(value) for value in starts if value]
    seen, classes, lines = {}, [], set()
    attributes, choices, named, kit = {"compute", "result"}, set(), set(names), True
    while left:
        while left:
            value = left.pop()
            if id(value) in seen:
                continue
            part = value if isinstance(value, _Part) else _part(value)
            seen[id(value)] = value, part  # kept, so that no other gets its number
            if part.lines:
                lines.add(part.text)
            kit &= not _of_user(value)
            left += part.reached
            attributes |= part.attributes
            if part.methods:
                classes.append(part.methods)
            choices |= part.choices.keys()
            left += [part.choices[name] for name in part.choices.keys() & named or part.choices]
        for methods in classes:
            reached = [method for name, method in methods.items() if name in attributes or name[:2] == "__"]
            left += [method for method in reached if id(method) not in seen]
    return _Reach(frozenset(lines), frozenset(choices), kit)


_PARTS: dict[int, tuple[Any, _Part]] = {}


def _part(value: Any) -> _Part:
    if id(value) in _PARTS:
        return _PARTS[id(value)][1]
    part = (_table if isinstance(value, Mapping) else _class if isinstance(value, type) else _function)(value)
    if isinstance(value, FunctionType | type) and not _of_user(value):
        _PARTS[id(value)] = value, part
    return part


def _of_user(value: Any) -> bool:
    return isinstance(value, FunctionType | type) and sources.of_user(value.__module__)


def _bare(value: Any) -> Any:
    """A function or class without what is wrapped around it; anything else as it is."""
    inner = value.func if isinstance(value, cached_property) else value
    while not isinstance(inner, FunctionType | type):
        inner = next((getattr(inner, name) for name in WRAPPERS if getattr(inner, name, None) is not None), None)
        if inner is None:
            return value
    return inner


def _is_read(module: str | None) -> bool:
    """Whether a module is the kit's or the user's."""
    return module != "sparsekit.sources" and (_of_kit(module) or sources.of_user(module))


def _of_kit(module: str | None) -> bool:
    return (module or "").startswith("sparsekit.")


def _function(function: FunctionType) -> _Part:
    part = _Part(function.__qualname__, function.__module__)
    names, part.attributes, imports = sources.reads(function.__code__)
    part.lines += [line for line in sources.code_lines(function.__code__) if not line.startswith("str 'sparsekit.")]
    _follow(part, "defaults", function.__defaults__)
    for name, value in (function.__kwdefaults__ or {}).items():
        _follow(part, name, value)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            _follow(part, name, cell.cell_contents)
        except ValueError:  # not yet assigned
            continue
    for name in names:
        if name in function.__globals__ and name != "__file__":  # where the kit lies does not count
            _follow(part, name, function.__globals__[name])
    for name, level in imports:
        with suppress(ImportError, ValueError, TypeError):  # it says so itself where it is called
            absolute = resolve_name("." * level + name, function.__globals__.get("__package__"))
            kit = _of_kit(absolute)
            _follow(part, "" if kit else absolute, import_module(absolute) if kit else sources.loaded(absolute))
    return part


def _class(form: type) -> _Part:
    part = _Part(form.__qualname__, form.__module__)
    part.lines.append("class")
    fields = {field.name: field for field in dataclasses.fields(form)} if dataclasses.is_dataclass(form) else {}
    for name, field in fields.items():
        # by type: a class that travelled to a worker by value, as from a notebook, carries a MISSING of its own
        given = [v for v in (field.default, field.default_factory) if not isinstance(v, type(dataclasses.MISSING))]
        part.lines.append(name)
        _follow(part, name, tuple(given))
    _follow(part, "bases", form.__bases__)
    for name, value in sorted(vars(form).items()):
        bare = _bare(value)
        if name in fields or name in UNREAD:
            continue
        if isinstance(bare, FunctionType | type):
            generated = isinstance(bare, FunctionType) and bare.__code__.co_filename.startswith("<string")
            if _is_read(bare.__module__) and not generated:
                part.methods[name] = bare
        elif isinstance(value, sources.PLAIN):
            part.lines += [name, repr(value)]
    return part


def _table(table: Mapping) -> _Part:
    part = _Part("table")
    for name, value in table.items():
        part.choices[str(name)] = entry = _Part(str(name))
        _follow(entry, "entry", value)
    return part


def _leads_on(value: Any) -> bool:
    """Whether it is or holds a function or class."""
    items = value.values() if isinstance(value, Mapping) else value if isinstance(value, tuple | list) else ()
    return callable(value) or any(map(_leads_on, items))


def _follow(part: _Part, name: str, value: Any) -> None:
    """Note what a function or class reads: more of the kind, or data, which count by what they are."""
    bare = _bare(value)
    if isinstance(value, Own) or bare is Own:
        return  # a user's own is by its source part of what the unit is
    if isinstance(value, ModuleType):
        if _is_read(value.__name__):
            for attribute in sorted(part.attributes & vars(value).keys()):
                _follow(part, f"{name}.{attribute}", vars(value)[attribute])
    elif isinstance(bare, FunctionType | type):
        if _is_read(bare.__module__):
            part.reached.append(bare)
    elif isinstance(value, Mapping) and _leads_on(value):
        part.reached.append(value)
    elif isinstance(value, tuple | list) and _leads_on(value):
        for item in value:
            _follow(part, name, item)
    elif isinstance(value, partial):
        _follow(part, name, (value.func, *value.args, *value.keywords.items()))
    else:
        part.lines += [name, _data(value)]
        for item in [value, *(value.values() if isinstance(value, Mapping) else ())]:
            if _is_read(type(item).__module__):
                part.reached.append(type(item))


def _data(value: Any) -> str:
    """What a constant is. A library's object changes as it is used, so that it counts by its text alone."""
    plain = isinstance(value, (*sources.PLAIN, Mapping, tuple, list, set, frozenset)) or hasattr(value, "tolist")
    if plain or _is_read(type(value).__module__):
        try:
            return sources.source(value).digest
        except RecursionError:  # it leads too deep to be read; a result that was computed is not lost for that
            return f"{type(value).__module__}.{type(value).__qualname__}"
    text = f"{value.pattern} {value.flags}" if isinstance(value, re.Pattern) else str(value)
    return f"{type(value).__module__}.{type(value).__qualname__} {re.sub(' at 0x[0-9a-f]+', '', text)}"
