"""Things found by name: tasks, graph generators, pruning scores.

A new one is one function and one registration; parameters, command line and notebooks then know it by its name.
"""

from collections.abc import Callable, Iterable
from difflib import get_close_matches


class UnknownName(ValueError):
    """A name that stands for nothing known; its text says what is allowed and what is nearest."""


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


class Registry(dict):
    """A dict from name to function, filled by decoration; `kind` says what they are, in words ("graph generator").

    Raises
    ------
    UnknownName
        By ``registry[name]``, where the name is not registered.
    """

    def __init__(self, kind: str):
        super().__init__()
        self.kind = kind

    def register(self, function: Callable | None = None, *, name: str = "") -> Callable:
        """Add a function under its own name or another; returns it unchanged, so it serves as a decorator."""
        if function is None:
            return lambda function: self.register(function, name=name)
        self[name or function.__name__] = function
        return function

    def define(self, name: str, meaning: str, function: Callable) -> Callable:
        """Add a function that is one expression, and say what it gives."""
        function.__name__, function.__doc__ = name, meaning
        return self.register(function)

    def __missing__(self, name: str):
        raise UnknownName(unknown(self.kind, name, sorted(self)))


def measured(registry: Registry, subject: object, names: Iterable[str] | None = None) -> dict[str, float]:
    """The registry's properties of a subject, those named or all; all names are looked up before one is measured."""
    functions = {name: registry[name] for name in (registry if names is None else names)}
    return {name: float(function(subject)) for name, function in functions.items()}
