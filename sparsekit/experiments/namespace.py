"""Parameters as a notebook's cells assign them."""

import ast
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from sparsekit.experiments import project
from sparsekit.experiments.extensions import load_named
from sparsekit.experiments.parameters import Parameters, known
from sparsekit.experiments.project import ParameterError
from sparsekit.registry import Registry, reads


def check(namespace: Mapping[str, Any]) -> Parameters:
    """Check what a notebook's parameters cell, or papermill after it, has assigned in the notebook's ``globals()``.

    Modules, functions, classes, registries, names that begin with an underscore and constants that a user's registered
    function reads are passed over; any other plain value must be a known parameter, else it is a `ParameterError`. When
    the cell is run again, plain values younger than the first `Parameters` are those of later cells: of them, only what
    may be a parameter's misspelt name is an error. A name that only an earlier state of a corrected cell assigned is
    passed over, and so is a later cell's loop variable. A parameter that such a variable has changed, or that only an
    earlier state of a cell assigned, is an error. What was handed over must be what is found.
    """
    load_named()
    names, read = known(namespace.get("task")), reads()
    named = {n: v for n, v in namespace.items() if not n.startswith(("_", "PAPERMILL_")) and n not in ("In", "Out")}
    history = _History([cell for cell in namespace.get("In", ()) if isinstance(cell, str)])
    # a dict keeps the order in which its names were first bound
    first = next((k for k, value in enumerate(named.values()) if isinstance(value, Parameters)), len(named))
    given, problems = {}, []
    for k, (name, value) in enumerate(named.items()):
        if name in names:
            meant = not isinstance(value, ModuleType | FunctionType | BuiltinFunctionType | type)
            if meant and history.taken(name):
                meant = name in history.latest
                problems += [f"{name}: a later cell has left {value!r} in it; {RENAME}"] if meant else []
        else:
            plain = isinstance(value, str | int | float | bool | list | tuple | dict | None)
            plain = plain and not isinstance(value, Registry) and name not in read
            meant = plain and not history.corrected(name) and (k < first or _misspelt(name, value))
        if meant:
            given[name] = value
    if problems:
        raise ParameterError(problems)
    found, handed = Parameters(**given), _handed(namespace)
    asked = Parameters(**given | handed)
    default = {name: one.default for name, one in Parameters.model_fields.items()}
    remedy = "assign parameters in the cell tagged 'parameters' only"
    problems = [
        f"{name}: {getattr(asked, name)!r} was handed over, but a cell assigns {getattr(found, name, None)!r}; {remedy}"
        for name in handed
        if getattr(asked, name) != getattr(found, name, None)
    ] + [
        f"{name}: {value!r} is left from a cell that has been changed since; assign it again, or run `del {name}`"
        for name, value in given.items()
        if history.dropped(name) and getattr(found, name) != default.get(name)
    ]
    if problems:
        raise ParameterError(problems)
    return found


RENAME = "rename that variable, and run the cell tagged 'parameters' again"


def _handed(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """What papermill has put into a notebook's cell, and what `sparsekit run` was asked for."""
    if "In" not in namespace:
        return {}
    handed = {}
    for cell in namespace["In"]:
        if str(cell).startswith("# Parameters\n"):
            with suppress(SyntaxError, ValueError):
                handed |= {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell).body}
    names = known(handed.get("task", namespace.get("task")))
    handed = {name: value for name, value in handed.items() if name in names}
    return handed | json.loads(os.environ.get("SPARSEKIT_PARAMETERS", "{}"))


class _History:
    """Cells as they were run, one after the other; a cell that was changed and run again stands there twice."""

    def __init__(self, cells: list[str]):
        self.assigned: list[list[str]] = []
        self.bound: dict[str, int] = {}
        """The last cell that binds a name in any way."""
        for k, cell in enumerate(cells):
            try:
                self.assigned.append(project.assigned(cell))
                self.bound |= dict.fromkeys(bound(project.python(cell)), k)
            except SyntaxError:
                self.assigned.append([])
        self.latest = {name: k for k, names in enumerate(self.assigned) for name in names}
        """The last cell that assigns to a name, at its top level."""
        self.checks = [k for k, cell in enumerate(cells) if "check(globals())" in cell]
        self.new = [k for k, cell in enumerate(cells) if cell not in cells[:k] and self._parameters(k)]
        """Cells that assign parameters, run for the first time."""
        self.cells = cells

    def _parameters(self, k: int) -> set[str]:
        return {*self.assigned[k]} & Parameters.model_fields.keys()

    def _after_a_check(self, k: int) -> Iterator[int]:
        """New cells of parameters with a check between this cell and them."""
        return (n for n in self.new if any(k < check < n for check in self.checks))

    def corrected(self, name: str) -> bool:
        """Whether a name is assigned only before a check after which a new cell has assigned parameters."""
        return name in self.latest and any(self._after_a_check(self.latest[name]))

    def dropped(self, name: str) -> bool:
        """Whether the cell that assigns a parameter has been changed since, and assigns it no more."""
        k = self.latest.get(name)
        return k is not None and any(self._parameters(n) & self._parameters(k) for n in self._after_a_check(k))

    def taken(self, name: str) -> bool:
        """Whether a later cell than the first check's has bound a name by other means than an assignment."""
        k, first = self.bound.get(name, 0), min(self.checks, default=len(self.cells))
        return k > first and name not in self.assigned[k] and self.cells[k] not in self.cells[:first]


def bound(source: str) -> Iterator[str]:
    """Names that a cell binds, imports and loop variables too, but not within functions, classes and comprehensions."""
    own = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda
    own |= ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
    nodes = [ast.parse(source)]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        if isinstance(node, ast.alias):
            yield node.asname or node.name.partition(".")[0]
        nodes += [child for child in ast.iter_child_nodes(node) if not isinstance(child, own)]


def _misspelt(name: str, value: Any) -> bool:
    """Whether a name is nearly a parameter's; ``variant = "gru"`` in a loop stands for no list of variants."""
    near = get_close_matches(name, Parameters.model_fields, n=1, cutoff=0.8)
    return bool(near) and isinstance(value, list | tuple) == isinstance(Parameters.model_fields[near[0]].default, list)
