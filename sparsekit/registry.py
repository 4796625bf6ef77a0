"""Things found by name: tasks, graph generators, pruning scores; the kit's, and those that a user registers.

A new one is one function and one registration, in a cell of a notebook or in a module of the user's; parameters,
command line, notebooks and worker processes then know it by its name.
"""

import json
import os
import pickle
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from functools import update_wrapper
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FrameType

import cloudpickle

from sparsekit.sources import Source, own_modules, source

MODULES = "SPARSEKIT_MODULES"
"""The environment variable that names a user's modules to a notebook's kernel: a JSON list of absolute paths."""


class UnknownName(ValueError):
    """A name that stands for nothing known; its text says what is allowed and what is nearest."""


class OwnError(ValueError):
    """Something that a user has registered does not do what it should; its text names it, in one line."""


def check_name(kind: str, name: object, allowed: Iterable[str]) -> None:
    """Accept a name that is allowed; for any other an UnknownName says so."""
    if name not in allowed:
        raise UnknownName(unknown(kind, name, allowed))


def unknown(kind: str, name: object, allowed: Iterable[str]) -> str:
    """One line that says a name is unknown, what is allowed, and the nearest right name.

    >>> unknown("variant", "lstn", ["gru", "lstm"])
    "unknown variant 'lstn': allowed are gru, lstm; did you mean 'lstm'?"
    """
    allowed = [str(a) for a in allowed]
    near = get_close_matches(str(name), allowed, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {name!r}: allowed are {', '.join(allowed)}{hint}"


class Own:
    """A user's function as a registry holds it: called like the function itself; what it raises names it."""

    def __init__(self, kind: str, name: str, function: Callable, home: tuple[str, str], carried: Source | None = None):
        # what it is, in words; the module that registered it, by name and file
        self.kind, self.name, self.function, self.home, self._carried = kind, name, function, home, carried
        with suppress(AttributeError, TypeError):
            update_wrapper(self, function, updated=())
        self.__name__, self.__wrapped__ = name, function

    @property
    def title(self) -> str:
        """Its kind, its name, and where it comes from."""
        return f"{self.kind} {self.name!r} ({self.origin})"

    @property
    def origin(self) -> str:
        """Where it was registered, for people: a file from the working folder, or the notebook."""
        if self.home[0] == "__main__" or not self.home[1]:
            return "this notebook or script"
        return min(self.home[1], os.path.relpath(self.home[1]), key=len)

    def source(self) -> Source:
        """What it is now; in a worker process, what it was where it was sent from."""
        return self._carried or source(self.function)

    def __call__(self, *arguments, **options):
        try:
            return self.function(*arguments, **options)
        except Exception as error:
            if type(error).__module__.startswith("sparsekit."):
                raise  # written for people
            raise self.error(f"{type(error).__name__}: {error}") from error

    def error(self, text: str) -> OwnError:
        """An error that names it."""
        return OwnError(f"{self.title}: {' '.join(text.split())}")

    def __reduce__(self):
        return Own, (self.kind, self.name, self.function, self.home, self.source())


class Registry(dict):
    """A dict from name to function, filled by decoration; `kind` says what they are, in words ("graph generator").

    What the kit does not register itself is a user's own: an `Own`. It replaces what the same module, or notebook, has
    registered under that name.

    Raises
    ------
    UnknownName
        By ``registry[name]``, where the name is not registered.
    OwnError
        Where a user registers what cannot be called or has no name, or under a name that the kit or another module has.
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind
        self._kit: set[str] = set()
        self._place = _caller().f_globals["__name__"]
        _REGISTRIES[kind] = self

    def __reduce__(self):
        return _registry, (self._place, self.kind)

    def register(self, function: Callable | None = None, *, name: str = "") -> Callable:
        """Add a function under its own name or another; returns it unchanged, so it serves as a decorator."""
        if function is None:
            return lambda function: self.register(function, name=name)
        self[name or getattr(function, "__name__", "")] = function
        return function

    def define(self, name: str, meaning: str, function: Callable) -> Callable:
        """Add a function that is one expression, and say what it gives."""
        function.__name__, function.__doc__ = name, meaning
        return self.register(function)

    def __setitem__(self, name: str, function: Callable) -> None:
        frame = _caller()
        home = frame.f_globals.get("__name__") or "", frame.f_globals.get("__file__") or ""
        if home[0].partition(".")[0] == "sparsekit":
            self._kit.add(name)
        elif not isinstance(function, Own):
            function = Own(self.kind, name, function, home)
            self._check(name, function)
        super().__setitem__(name, function)

    def _check(self, name: str, own: Own) -> None:
        what = f"{self.kind} {name!r}"
        if not callable(own.function):
            raise OwnError(f"{what}: given a {type(own.function).__name__}; give a function")
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w-]*", name):
            why = "letters, digits, _ and - make a name"
            raise OwnError(f"{self.kind}: given the name {name!r}; {why}: register(function, name='mine')")
        if name in self._kit:
            raise OwnError(f"{what} is the kit's own; give yours another name")
        other = self.get(name)
        if isinstance(other, Own) and other.home[0] != own.home[0]:
            raise OwnError(f"{what}: {other.origin} has registered one of that name; give {own.origin}'s another")

    def update(self, *given, **named) -> None:
        for name, function in dict(*given, **named).items():
            self[name] = function

    def own(self, *names: str) -> list[Own]:
        """Those of a user's, of the names given or all."""
        return [self[name] for name in (names or self) if isinstance(self.get(name), Own)]

    def __missing__(self, name: str):
        raise UnknownName(unknown(self.kind, name, sorted(self)))


_REGISTRIES: dict[str, Registry] = {}


def _caller() -> FrameType:
    """The frame outside this file from which something here was called."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return frame


def _registry(place: str, kind: str) -> Registry:
    import_module(place)
    return _REGISTRIES[kind]


def everything_own() -> list[Own]:
    """All that a user has registered."""
    return [own for registry in _REGISTRIES.values() for own in registry.own()]


def reads() -> set[str]:
    """Names of the globals that what a user has registered reads: the user's own constants, and no parameters."""
    return set().union(*(own.source().globals for own in everything_own()))


def digest(*functions: Callable) -> str:
    """What of these a user has registered, as one digest of their sources; "" where all are the kit's.

    It is part of what a unit is: a corrected function computes anew.
    """
    return " ".join(f.source().digest for f in functions if isinstance(f, Own))


def described(value: object) -> str:
    """What was given, in a few words, for errors.

    >>> described((1, None)), described(None), described("a" * 50)
    ('a tuple of int, NoneType', 'None', 'a str')
    """
    if isinstance(value, tuple) and value:
        return f"a tuple of {', '.join(type(item).__name__ for item in value)}"
    return "None" if value is None else f"a {type(value).__name__}"


def measured(registry: Registry, subject: object, names: Iterable[str] | None = None) -> dict[str, float]:
    """The registry's properties of a subject, those named or all; all names are looked up before one is measured."""
    functions = {name: registry[name] for name in (registry if names is None else names)}
    return {name: _number(function, function(subject)) for name, function in functions.items()}


def _number(function: Callable, value: object) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        if not isinstance(function, Own):
            raise
        raise function.error(f"gave {described(value)}; give a number") from None


_arrived: bytes = b""


def packed() -> bytes:
    """All that a user has registered, for worker processes; `OwnError` where something cannot be sent there."""
    if not (own := everything_own()):
        return b""
    modules = own_modules()
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        parts = [(_REGISTRIES[one.kind], one.name, _dumped(one)) for one in own]
        return pickle.dumps(([os.path.abspath(folder) for folder in sys.path], parts))
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _dumped(own: Own) -> bytes:
    try:
        return cloudpickle.dumps(own)
    except Exception as error:
        remedy = "make what it needs inside the function, or give workers=1"
        raise own.error(f"cannot be sent to worker processes: {type(error).__name__}: {error}; {remedy}") from error


def arrive(sent: bytes) -> None:
    """Register, in a worker process, what was `packed` elsewhere."""
    global _arrived
    if sent == _arrived:
        return
    folders, parts = pickle.loads(sent)
    sys.path += [folder for folder in folders if folder not in sys.path]
    for registry, name, own in parts:
        dict.__setitem__(registry, name, pickle.loads(own))
    _arrived = sent


@contextmanager
def _all_or_nothing() -> Iterator[None]:
    """What is registered inside stays, unless something is raised."""
    before = {kind: dict(registry) for kind, registry in _REGISTRIES.items()}
    try:
        yield
    except BaseException:
        for kind, registry in _REGISTRIES.items():
            for name in [own.name for own in registry.own()]:
                del registry[name]
            dict.update(registry, before.get(kind, {}))
        raise


_LOADED: list[str] = []


def loaded() -> str:
    """The modules that were loaded here, as `MODULES` holds them."""
    return json.dumps(_LOADED)


def load(path: str | os.PathLike) -> None:
    """Run a user's module, which registers what it has; a path is from the working folder.

    Modules beside it are found by it, as by a script. Each is run once.

    Raises
    ------
    OwnError
        Where there is no such file, it does not run, or it registers nothing; nothing of it is then registered.
    """
    file = Path(os.path.expanduser(path)).resolve()
    said, given = f"module {path}", os.fspath(path)
    there = [m for m in own_modules() if m.__file__ == str(file)]
    if str(file) in _LOADED or there:
        return
    if file.is_dir() or not file.exists():
        why = "is a folder" if file.is_dir() else f"there is no such file in {Path.cwd()}"
        raise OwnError(f"{said}: {why}; give the path of a Python file, such as mine.py")
    if file.suffix != ".py":
        raise OwnError(f"{said}: not a Python file; give one that ends in .py")
    before = everything_own()
    with _all_or_nothing():
        try:
            _run(file)
        except SyntaxError as error:
            where = Path(error.filename or given).name
            raise OwnError(f"{said}: {where}, line {error.lineno}, is not Python: {error.msg}") from None
        except (Exception, SystemExit) as error:
            line = _line(error, file)
            told = " ".join(str(error).split())
            named = told if isinstance(error, OwnError) else f"{type(error).__name__}: {told}"
            raise OwnError(f"{said}{line}: {named}") from error
        if not [own for own in everything_own() if own not in before]:
            raise OwnError(f"{said}: it registers nothing; decorate a function, such as with @SCORES.register")
    _LOADED.append(str(file))


def _run(file: Path) -> None:
    folder = str(file.parent)
    name = file.stem if file.stem not in sys.modules else f"{file.stem}_of_{file.parent.name}"
    while name in sys.modules:
        name += "_"
    spec = spec_from_file_location(name, file)
    module = sys.modules[name] = module_from_spec(spec)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(folder)
        if folder not in sys.path:
            sys.path.append(folder)  # last: what it imports later does not stand before the libraries


def _line(error: BaseException, file: Path) -> str:
    """Where in a file an error was raised."""
    lines, trace = [], error.__traceback__
    while trace:
        if trace.tb_frame.f_code.co_filename == str(file):
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f", line {lines[-1]}" if lines else ""


def load_named() -> None:
    """Run the modules that the environment names, as `sparsekit run --module` does for its kernels."""
    for path in json.loads(os.environ.get(MODULES) or "[]"):
        load(path)
