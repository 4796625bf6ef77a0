"""Where the notebooks lie, what they are called, and which are meant by a number or a name."""

import re
from collections.abc import Sequence
from pathlib import Path

import nbformat

from sparsekit.parameter_files import project_root
from sparsekit.registry import unknown


class NotebookError(ValueError):
    """No such notebook, or no notebooks at all; its text is one line."""


def folder() -> Path:
    """The project's notebooks: of the working folder's project, else of the checkout that this package lies in.

    Raises
    ------
    NotebookError
        There is no such folder.
    """
    checkout = project_root(Path(__file__).parent)
    root = project_root() or checkout
    if root is None:
        raise NotebookError("no notebooks here: go to a folder with notebooks/ and params/, such as a clone")
    return root / "notebooks"


def chosen(only: Sequence[str] | None, notebooks: Path) -> list[str]:
    """Names of the notebooks asked for, each once and in order; all where none is named.

    Raises
    ------
    NotebookError
        A name or number stands for none of them.
    """
    stems = [path.stem for path in ordered(notebooks)]
    chosen = set()
    for name in only or stems:
        wanted = name.removesuffix(".ipynb")
        found = [stem for stem in stems if wanted in (stem, stem.partition("_")[0], stem.partition("_")[2])]
        if not found:
            raise NotebookError(unknown("notebook", name, stems))
        chosen.update(found)
    return [stem for stem in stems if stem in chosen]


def ordered(notebooks: Path) -> list[Path]:
    """The numbered notebooks of a folder, in order.

    Raises
    ------
    NotebookError
        There is none.
    """
    found = sorted(notebooks.glob("[0-9]*.ipynb"))
    if not found:
        raise NotebookError(f"no notebooks in {notebooks}")
    return found


def title(notebook: Path) -> str:
    """A notebook's first heading, in plain words; its file name where it has none."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        heading = re.search(r"^#\s+(.+?)\s*#*$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else None
        if heading:
            return re.sub(r"[*`]", "", heading[1])
    return notebook.stem
