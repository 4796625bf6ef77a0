"""What a function of a user's is, as a digest: the code that it runs and the values that it reads.

Comments, docstrings, layout and names of files do not count; whatever else it reaches of the user's own code does:
helpers, classes, constants, of its own module, of others beside it, of other cells. Libraries count by name.

It is the compiled code that counts, since this is what runs, wherever its text may be by now. So another minor version
of Python is another digest.
"""

import dis
import hashlib
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from importlib import import_module
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

LIBRARIES = {Path(sysconfig.get_path(name)).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
KIT = Path(__file__).resolve().parent
PLAIN = (type(None), bool, int, float, complex, str, bytes, type(...), range)
UNREAD = {"__doc__", "__module__", "__qualname__", "__dict__", "__weakref__", "__annotations__", "__annotate__"}
UNREAD |= {"__firstlineno__", "__static_attributes__", "__annotations_cache__", "__abstractmethods__", "_abc_impl"}
SILENT = {"NOP", "CACHE", "RESUME", "EXTENDED_ARG", "PRECALL", "NOT_TAKEN"}


@dataclass
class Source:
    """What was reached: a digest, the names of globals that were read, and all names of attributes."""

    digest: str = ""
    globals: set[str] = field(default_factory=set)
    attributes: set[str] = field(default_factory=set)


def source(function: Any) -> Source:
    """What a function of a user's is; any callable will do, such as a lambda, a partial, an instance of a class."""
    if isinstance(function, FunctionType) and not of_user(function.__module__):
        return _of_library(function)  # which nobody changes, and thousands of units ask for
    return _source(function)


def _source(function: Any) -> Source:
    found, seen = Source(), {}
    text = "\n".join(_value(function, found, seen))
    found.digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return found


_of_library = lru_cache(maxsize=1024)(_source)


def of_user(module: str | None) -> bool:
    """Whether a module is the user's own: a notebook, a script, a file outside the kit and the installed libraries."""
    loaded = sys.modules.get(module or "")
    if module == "__main__" or loaded is None:
        return True
    file = getattr(loaded, "__file__", None) or next(iter(getattr(loaded, "__path__", [])), None)
    return bool(file) and _outside(file)


@cache
def _outside(file: str) -> bool:
    parents = Path(file).resolve().parents
    # installed elsewhere than into this environment: the system's, where it is let in, or another's on the path
    installed = any(parent.name in ("site-packages", "dist-packages") for parent in parents)
    return not (installed or {KIT, *LIBRARIES} & {*parents})


def own_modules() -> list[ModuleType]:
    """The user's modules that are loaded, but for a notebook's or script's own."""
    return [m for name, m in list(sys.modules.items()) if isinstance(m, ModuleType) and _is_own(name, m)]


def _is_own(name: str, module: ModuleType) -> bool:
    return name not in ("__main__", "__mp_main__") and bool(getattr(module, "__file__", None)) and of_user(name)


def _value(value: Any, found: Source, seen: dict[int, tuple[int, Any]]) -> Iterator[str]:
    """Lines that say what a value is; what was met before, on the way to itself too, is said by its number."""
    kind = type(value)
    if isinstance(value, PLAIN) and kind in PLAIN:
        yield f"{kind.__name__} {value!r}"
        return
    if id(value) in seen:
        yield f"again {seen[id(value)][0]}"
        return
    seen[id(value)] = len(seen), value  # kept, so that no other value gets its number
    if kind in (tuple, list):
        yield f"{kind.__name__} {len(value)}"
        for item in value:
            yield from _value(item, found, seen)
    elif kind in (set, frozenset):
        yield kind.__name__
        # in an order of their own, for that of a set changes from process to process
        yield from sorted("\n".join(_value(item, found, {})) for item in value)
    elif kind is dict:
        yield f"dict {len(value)}"
        for name, item in value.items():
            yield from _value(name, found, seen)
            yield from _value(item, found, seen)
    elif isinstance(value, FunctionType):
        yield from _function(value, found, seen)
    elif isinstance(value, CodeType):
        yield from code_lines(value)
    elif isinstance(value, ModuleType):
        yield f"module {value.__name__}"
    elif isinstance(value, type):
        yield from _class(value, found, seen)
    elif isinstance(value, BuiltinFunctionType) and isinstance(value.__self__, ModuleType | None):
        yield f"built in {value.__module__} {value.__qualname__}"
    elif isinstance(value, staticmethod | classmethod):
        yield kind.__name__
        yield from _value(value.__func__, found, seen)
    elif isinstance(value, property):
        yield "property"
        yield from _value((value.fget, value.fset, value.fdel), found, seen)
    elif hasattr(value, "dtype") and hasattr(value, "tolist"):  # of numpy, torch, pandas
        yield f"{kind.__qualname__} {value.dtype} {getattr(value, 'shape', '')}"
        yield from _array(value, found, seen)
    elif hasattr(value, "__wrapped__"):  # a cache, a compiled function: it holds more than says what it is
        yield f"wrapped {kind.__qualname__}"
        yield from _value(value.__wrapped__, found, seen)
    else:
        yield from _instance(value, found, seen)


def _array(value: Any, found: Source, seen: dict) -> Iterator[str]:
    import numpy as np  # not above: names are looked up before anything heavy is loaded

    value = value.detach().cpu() if hasattr(value, "detach") else value
    array = np.asarray(value)
    if array.dtype.hasobject:
        yield from _value(array.tolist(), found, seen)
    else:
        yield hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()


def _function(function: FunctionType, found: Source, seen: dict) -> Iterator[str]:
    # what is registered is read even where it stands in a library; what that library holds besides is not
    if len(seen) > 1 and not of_user(function.__module__):
        yield f"function {function.__module__} {function.__qualname__}"
        return
    yield "function"
    yield from code_lines(function.__code__)
    yield from _value((function.__defaults__, function.__kwdefaults__), found, seen)
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield f"closed over {name}"
        try:
            yield from _value(cell.cell_contents, found, seen)
        except ValueError:  # not yet assigned
            yield "nothing"
    names, attributes, imports = reads(function.__code__)
    found.attributes |= attributes
    for name in names:
        if name in function.__globals__ and name != "__file__":  # where a function lies is not what it is
            found.globals.add(name)
            yield f"global {name}"
            value = function.__globals__[name]
            yield from _value(value, found, seen)
            yield from _reached(value, attributes, found, seen)
    for name, level in imports:
        try:
            own = resolve_name("." * level + name, function.__globals__.get("__package__"))
            module = loaded(own)
        except (ImportError, ValueError, TypeError):
            continue  # it says so itself where it is called
        if of_user(module.__name__):
            yield from _reached(module, attributes | {part for part in name.split(".") if part}, found, seen)


def loaded(name: str) -> ModuleType:
    """A user's module, loaded now if it is not yet; of a library, which may be slow to load, an empty one.

    Raises
    ------
    ImportError
        Where there is none of that name.
    """
    root = name.partition(".")[0]  # looked for alone: to find a module in a package loads the package
    spec = None if root in sys.modules else find_spec(root)
    if spec and not _outside(spec.origin or next(iter(spec.submodule_search_locations or [""]))):
        return ModuleType("sparsekit")
    if root in sys.modules and not of_user(root):
        return sys.modules.get(name, ModuleType("sparsekit"))
    return sys.modules.get(name) or import_module(name)


def _reached(module: Any, attributes: set[str], found: Source, seen: dict) -> Iterator[str]:
    """What is read of a module of the user's own, and of others in it."""
    if not (isinstance(module, ModuleType) and of_user(module.__name__)):
        return
    for name in sorted(attributes & vars(module).keys()):
        value = vars(module)[name]
        yield f"of module {module.__name__} {name}"
        first = id(value) not in seen
        yield from _value(value, found, seen)
        if first:
            yield from _reached(value, attributes, found, seen)


def _class(kind: type, found: Source, seen: dict) -> Iterator[str]:
    if not of_user(kind.__module__) or kind.__module__ == "builtins":
        yield f"class {kind.__module__} {kind.__qualname__}"
        return
    yield f"class {kind.__qualname__}"
    yield from _value(kind.__bases__, found, seen)
    for name, value in sorted(vars(kind).items()):
        if name not in UNREAD and not (hasattr(value, "__get__") and hasattr(value, "__objclass__")):
            yield f"has {name}"
            yield from _value(value, found, seen)


def _instance(value: Any, found: Source, seen: dict) -> Iterator[str]:
    yield "instance"
    yield from _value(type(value), found, seen)
    try:
        _, *parts = value.__reduce_ex__(4)[:5]
        parts = [list(part) if hasattr(part, "__next__") else part for part in parts]
    except Exception:  # a lock, an open file, a generator: known by its class alone
        return
    for part in parts:
        # a string is the name of a global, a tuple what it is made of
        yield from _value(part, found, seen)


@lru_cache(maxsize=4096)
def _instructions(code: CodeType) -> tuple[tuple[str, Any], ...]:
    """Name and argument of each instruction; a jump's argument is the place of its target among them."""
    listed = list(dis.get_instructions(code))
    place, places = 0, {}
    for one in listed:
        places[one.offset] = place
        place += one.opname not in SILENT
    jumps = {*dis.hasjrel, *dis.hasjabs}
    return _threaded(
        [
            (re.sub("_(FORWARD|BACKWARD)", "", one.opname), places[one.argval] if one.opcode in jumps else one.argval)
            for one in listed
            if one.opname not in SILENT
        ]
    )


def _threaded(listed: list[tuple[str, Any]]) -> tuple[tuple[str, Any], ...]:
    """Jumps lead where they end. The compiler sees to it itself, but only where both stand on one line of the text."""
    k = 0
    while k < len(listed):
        name, target = listed[k]
        if "JUMP" not in name or target >= len(listed) or listed[target][0] == name == "JUMP":
            k += 1
            continue
        (then, end), short = listed[target], name.replace("JUMP_IF", "POP_JUMP_IF").removesuffix("_OR_POP")
        if then == "JUMP" and end != target:
            listed[k] = name, end
        elif name.endswith("_OR_POP") and then in (name, short):
            listed[k] = then, end
        elif name.endswith("_OR_POP") and "JUMP_IF_" in then:
            listed[k] = short, target + 1
        else:
            k += 1
    return tuple(listed)


@lru_cache(maxsize=4096)
def code_lines(code: CodeType) -> tuple[str, ...]:
    lines = [f"code {code.co_argcount} {code.co_posonlyargcount} {code.co_kwonlyargcount} {code.co_flags & 0x2FF}"]
    lines.append(" ".join(code.co_varnames[: _arguments(code)]))
    for name, argument in _instructions(code):
        if isinstance(argument, CodeType):
            lines += [name, *code_lines(argument)]
        else:
            lines += [name, *_value(argument, Source(), {})]
    for entry in _handlers(code):
        lines.append(f"handler {entry}")
    return tuple(lines)


def _arguments(code: CodeType) -> int:
    return code.co_argcount + code.co_kwonlyargcount + bool(code.co_flags & 4) + bool(code.co_flags & 8)


def _handlers(code: CodeType) -> list[tuple[int, ...]]:
    """Which instructions an exception leads where: places among the instructions."""
    entries = getattr(dis.Bytecode(code), "exception_entries", ())
    listed = list(dis.get_instructions(code))
    before = {one.offset: k for k, one in enumerate(one for one in listed if one.opname not in SILENT)}

    def place(offset: int) -> int:
        return next((k for at, k in before.items() if at >= offset), len(before))

    return [(place(e.start), place(e.end), place(e.target), e.depth) for e in entries]


@lru_cache(maxsize=4096)
def reads(code: CodeType) -> tuple[tuple[str, ...], set[str], tuple[tuple[str, int], ...]]:
    """Globals that a function and those inside it read, in order; names of attributes; modules imported on the way."""
    names, attributes, imports = {}, set(), []
    listed = list(dis.get_instructions(code))
    for k, one in enumerate(listed):
        if one.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            names[one.argval] = None
        elif one.opname == "IMPORT_NAME":
            constants = [o.argval for o in listed[max(0, k - 4) : k] if o.opname.startswith("LOAD_") and o.argval != ""]
            levels = [c for c in constants if type(c) is int]
            imports.append((one.argval, levels[-1] if levels else 0))
        elif one.opname in ("LOAD_ATTR", "LOAD_METHOD", "IMPORT_FROM", "LOAD_SUPER_ATTR"):
            attributes.add(one.argval)
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            inside = reads(inner)
            names |= dict.fromkeys(inside[0])
            attributes |= inside[1]
            imports += inside[2]
    return tuple(names), attributes, tuple(imports)
