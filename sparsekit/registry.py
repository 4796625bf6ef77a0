"""Things found by name: tasks, graph generators, pruning scores; the kit's, and those that a user registers.

A new one is one function and one registration, in a cell of a notebook or in a module of the user's; parameters,
command line, notebooks and worker processes then know it by its name.
"""

import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from difflib import get_close_matches
from functools import update_wrapper
from importlib import import_module
from types import FrameType

from sparsekit.sources import Source, source


class UnknownName(ValueError):
    """A name that stands for nothing known; its text says what is allowed and what is nearest."""


class OwnError(ValueError):
    """Something that a user has registered does not do what it should; its text names it, in one line."""


def check_name(kind: str, name: object, allowed: Iterable[str]) -> None:
    """Accept a name that is allowed.

    Raises
    ------
    UnknownName
        For any other; it says which are, and the nearest.
    """
    if name not in allowed:
        raise UnknownName(unknown(kind, name, allowed))


def unknown(kind: str, name: object, allowed: Iterable[str]) -> str:
    """One line that says a name is unknown, what is allowed, and the nearest right name.

    >>> unknown("variant", "lstn", ["gru", "lstm"])
    "unknown variant 'lstn': allowed are gru, lstm; did you mean 'lstm'?"
    """
    allowed = [str(a) for a in allowed]
    near = get_close_matches(str(name)[:100], allowed, n=1, cutoff=0.5)  # which takes long over long ones
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return f"unknown {kind} {shortened(name)}: allowed are {', '.join(allowed)}{hint}"


LIMITS = "SPARSEKIT_LIMITS"
"""The environment variable that says how many times more than by default is allowed of anything that has a limit."""


class LimitError(ValueError):
    """`LIMITS` says no number; its text is one line."""


def beyond(given: int, most: int) -> str:
    """What is to be said of a size that is beyond its limit, with what would allow it; "" where it is allowed.

    Raises
    ------
    LimitError
        Where the environment variable `LIMITS` is no number of at least 1.

    Examples
    --------
    >>> beyond(2_500_000, 1_000_000), beyond(3, 5)
    ('allowed are 1,000,000; SPARSEKIT_LIMITS=3 in the environment allows it', '')
    """
    text = os.environ.get(LIMITS) or "1"
    if not re.fullmatch(r"[1-9]\d{0,8}", text):
        raise LimitError(
            f"{LIMITS}: given {text!r}, allowed is a whole number from 1 on, such as 10 for ten times as much"
        )
    remedy = f"{LIMITS}={-(-given // most)} in the environment allows it"
    return f"allowed are {most * int(text):,}; {remedy}" if given > most * int(text) else ""


def shortened(value: object) -> str:
    """A value as it stands in an error: on one line, and of a long one the beginning.

    >>> shortened("a b"), len(shortened("ab" * 400))
    ("'a b'", 78)
    """
    try:
        shown = repr(value)
    except ValueError:
        return "a number of more digits than Python writes"
    shown = " ".join(shown.split()) if "\n" in shown else shown
    return shown if len(shown) <= 80 else f"{shown[:77]}…"


def brief(text: object) -> str:
    """A text on one line; of a long one, such as an error that quotes a file, the beginning and the end."""
    line = " ".join(str(text).split())
    return line if len(line) <= 1000 else f"{line[:500]} … {line[-500:]}"


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
        REGISTRIES[kind] = self

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


REGISTRIES: dict[str, Registry] = {}
"""All of them, by what they hold; `sparsekit.experiments.extensions` fills them with what is a user's."""


def _caller() -> FrameType:
    """The frame outside this file from which something here was called."""
    frame = sys._getframe(1)
    while frame.f_globals.get("__name__") == __name__:
        frame = frame.f_back
    return frame


def _registry(place: str, kind: str) -> Registry:
    import_module(place)
    return REGISTRIES[kind]


def everything_own() -> list[Own]:
    """All that a user has registered."""
    return [own for registry in REGISTRIES.values() for own in registry.own()]


def reads() -> set[str]:
    """Names of the globals that what a user has registered reads: the user's own constants, and no parameters."""
    return set().union(*(own.source().globals for own in everything_own()))


def own_code() -> str:
    """All that a user has registered, as one digest of the sources; "" where that is nothing."""
    return digest(*sorted(everything_own(), key=lambda own: (own.kind, own.name)))


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
