"""A figure function chooses columns and words, and leaves drawing to a mark and computing to the analysis."""

import ast
from pathlib import Path

import pytest

from sparsekit import figures

LONGEST = 25  # lines of a body, the docstring not counted

DRAWINGS = {
    "marks": "the marks themselves",
    "automata": "automata, drawn state by state",
    "drawings": "graphs and layers, drawn node by node",
    "mask_drawings": "masks, drawn weight by weight",
}
"""What is exempt, and why: drawings of things, not of tables."""


def pictures() -> dict[str, int]:
    """Lines in the body of every function that returns a Picture, by module and name."""
    found = {}
    for path in Path(figures.__path__[0]).rglob("*.py"):
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, ast.FunctionDef) and node.returns and ast.unparse(node.returns) == "Picture":
                body = node.body[1:] if ast.get_docstring(node) else node.body
                found[f"{path.stem}.{node.name}"] = body[-1].end_lineno - body[0].lineno + 1
    return found


PICTURES = pictures()
HELD = sorted(name for name in PICTURES if name.split(".")[0] not in DRAWINGS and name not in DRAWINGS)


@pytest.mark.parametrize("name", HELD)
def test_a_figure_function_is_short(name):
    assert PICTURES[name] <= LONGEST


def test_nothing_is_exempt_that_does_not_exist():
    assert not [name for name in DRAWINGS if not any(name in (known, known.split(".")[0]) for known in PICTURES)]
