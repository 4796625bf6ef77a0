"""Parameters as a notebook's cells assign them."""

import ast
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from difflib import get_close_matches
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

from sparsekit.experiments import project
from sparsekit.experiments.parameters import Parameters
from sparsekit.experiments.project import ParameterError


def check(namespace: Mapping[str, Any]) -> Parameters:
    """Check what a notebook's parameters cell, or papermill after it, has assigned in the notebook's ``globals()``.

    Modules, functions, classes and names that begin with an underscore are passed over; any other plain value must be a
    known parameter, else it is a `ParameterError`. When the cell is run again, plain values younger than the first
    `Parameters` are those of later cells: of them, only what may be a parameter's misspelt name is an error. A name
    that only an earlier state of a corrected cell assigned is passed over. What was handed over must be what is found.
    """
    named = {n: v for n, v in namespace.items() if not n.startswith(("_", "PAPERMILL_")) and n not in ("In", "Out")}
    # a dict keeps the order in which its names were first bound
    corrected = _corrected([cell for cell in namespace.get("In", ()) if isinstance(cell, str)])
    first = next((k for k, value in enumerate(named.values()) if isinstance(value, Parameters)), len(named))
    given = {}
    for k, (name, value) in enumerate(named.items()):
        if name in Parameters.model_fields:
            meant = not isinstance(value, ModuleType | FunctionType | BuiltinFunctionType | type)
        else:
            plain = isinstance(value, str | int | float | bool | list | tuple | dict | None) and name not in corrected
            meant = plain and (k < first or _misspelt(name, value))
        if meant:
            given[name] = value
    found, handed = Parameters(**given), _handed(namespace)
    asked = Parameters(**given | handed)
    remedy = "assign parameters in the cell tagged 'parameters' only"
    problems = [
        f"{name}: {getattr(asked, name)!r} was handed over, but a cell assigns {getattr(found, name)!r}; {remedy}"
        for name in handed
        if getattr(asked, name) != getattr(found, name)
    ]
    if problems:
        raise ParameterError(problems)
    return found


def _handed(namespace: Mapping[str, Any]) -> dict[str, Any]:
    """What papermill has put into a notebook's cell, and what `sparsekit run` was asked for."""
    if "In" not in namespace:
        return {}
    handed = {}
    for cell in namespace["In"]:
        if str(cell).startswith("# Parameters\n"):
            with suppress(SyntaxError, ValueError):
                handed |= {node.targets[0].id: ast.literal_eval(node.value) for node in ast.parse(cell).body}
    handed = {name: value for name, value in handed.items() if name in Parameters.model_fields}
    return handed | json.loads(os.environ.get("SPARSEKIT_PARAMETERS", "{}"))


def _corrected(cells: list[str]) -> set[str]:
    """Names assigned only before a check after which a new cell has assigned parameters."""
    names: list[list[str]] = []
    for cell in cells:
        try:
            names.append(project.assigned(cell))
        except SyntaxError:
            names.append([])
    latest = {name: k for k, assigned in enumerate(names) for name in assigned}
    checks = [k for k, cell in enumerate(cells) if "check(globals())" in cell]
    new = [k for k in range(len(cells)) if cells[k] not in cells[:k] and {*names[k]} & Parameters.model_fields.keys()]
    return {name for name, k in latest.items() if any(k < check < n for check in checks for n in new)}


def _misspelt(name: str, value: Any) -> bool:
    """Whether a name is nearly a parameter's; ``variant = "gru"`` in a loop stands for no list of variants."""
    near = get_close_matches(name, Parameters.model_fields, n=1, cutoff=0.8)
    return bool(near) and isinstance(value, list | tuple) == isinstance(Parameters.model_fields[near[0]].default, list)
