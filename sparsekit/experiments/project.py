"""The project's folder: its parameter sets, each one flat YAML mapping without surprises, and its notebooks."""

import ast
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml

from sparsekit.registry import beyond, shortened, unknown

NOTEBOOKS = (
    "00_task", "01_pruning", "02_recovery", "03_graph_structured_rnns", "04_correlation_analysis",
    "05_what_sparsity_buys", "06_sparse_from_the_start",
)  # fmt: skip
"""The kit's own notebooks: by them a folder is known to be a project."""
CHARACTERS, VALUES = 2**16, 20_000
"""Most characters of a parameter set, and most values in it once its aliases stand for what they name."""


class ParameterError(ValueError):
    """Bad parameters: one line for each problem, kept in `problems`."""

    def __init__(self, problems: str | Iterable[str]):
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self):
        return type(self), (self.problems,)

    def _render_traceback_(self) -> list[str]:
        # IPython shows these lines in place of a traceback: the fault is in a value, not in any line of code.
        return [f"ParameterError: {problem}" for problem in self.problems]


class NotebookError(ValueError):
    """No such notebook, or no notebooks at all; its text is one line."""


def project_root(start: str | os.PathLike | None = None) -> Path | None:
    """The nearest folder from `start` (default: the working one) upwards with params/ and one of `NOTEBOOKS`."""
    start = Path(start or Path.cwd()).resolve()
    around = (f for f in (start, *start.parents) if (f / "params").is_dir() and _known(f / "notebooks"))
    return next(around, None)


def _known(notebooks: Path) -> list[Path]:
    return [path for stem in NOTEBOOKS if (path := notebooks / f"{stem}.ipynb").is_file()]


def roots() -> list[Path]:
    """Where notebooks and parameter sets lie: the working folder's project, then the checkout of this package."""
    found = [project_root(), project_root(Path(__file__).parent)]
    return list(dict.fromkeys(root for root in found if root))


def home(path: str | os.PathLike) -> Path:
    """The path, with ``~`` at its start as the home folder; as it is, where there is no such home."""
    return Path(os.path.expanduser(path))


def find_file(path: str | os.PathLike) -> Path | None:
    """The absolute path of a file given from the working folder or from the project's folder; None if there is none."""
    # A notebook opened in Jupyter works in notebooks/, the command line mostly in the folder above: both shall find it.
    for folder in (Path.cwd(), *roots()):
        if os.path.isfile(found := folder / home(path)):  # which a name of too many characters is not
            return found.resolve()
    return None


def sets() -> dict[str, Path]:
    """Name and file of every parameter set of the project, by name; after them those of the kit."""
    found = {}
    for root in roots():
        found = {p.stem: p for p in sorted((root / "params").glob("*.yaml"))} | found
    return found


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which further refuses what it would silently read as something else, and floods of values."""

    def __init__(self, stream):
        super().__init__(stream)
        self.held: dict[int, int] = {}
        """How many values a node holds, each alias counted as all that it stands for."""

    def compose_node(self, parent, index):
        line, alias = self.peek_event().start_mark.line + 1, self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if alias and id(node) not in self.held:
            raise ParameterError(f"an alias in line {line} stands inside of what it names; write the values out")
        if not alias:
            inner = [] if isinstance(node, yaml.ScalarNode) else node.value
            inner = [one for pair in inner for one in pair] if isinstance(node, yaml.MappingNode) else inner
            self.held[id(node)] = 1 + sum(self.held[id(one)] for one in inner)
        if refused := beyond(self.held[id(node)], VALUES):
            raise ParameterError(f"{self.held[id(node)]:,} values by line {line}, aliases written out; {refused}")
        return node

    def construct_mapping(self, node, deep=False):
        for key, _ in node.value:
            if key.tag.endswith(":merge"):
                raise ParameterError(f"<< in line {key.start_mark.line + 1}: write the values out")
        names = [self.construct_object(key, deep=True) for key, _ in node.value]
        for i, name in enumerate(names):
            if name in names[:i]:
                raise ParameterError(f"{name}: given twice (again in line {node.value[i][0].start_mark.line + 1})")
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node):
        plain = re.fullmatch(r"[-+]?(0|[1-9][0-9_]*)", node.value)
        if len(node.value) > 1000:  # from 4,300 digits on Python reads none
            return node.value
        return self._meant(node, super().construct_yaml_int(node), bool(plain))

    def construct_yaml_float(self, node):
        return self._meant(node, super().construct_yaml_float(node), ":" not in node.value)

    def _meant(self, node, value, plain: bool):
        if not plain:
            given = f"given {node.value} in line {node.start_mark.line + 1}"
            raise ParameterError(f"{given}, which YAML reads as {value}; write it as {value}, or in quotes as text")
        return value


_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_yaml_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _Loader.construct_yaml_float)
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _Loader.construct_yaml_str)  # no parameter is a date


def _load(text: str) -> Any:
    if refused := beyond(len(text), CHARACTERS):
        raise ParameterError(f"{len(text):,} characters; {refused}")
    try:
        return yaml.load(text, _Loader)
    except (ValueError, KeyError, RecursionError) as error:  # such as !!bool maybe
        raise error if isinstance(error, ParameterError) else ParameterError(f"a value is none: {error}") from None


def value(text: str) -> Any:
    """A value as a params file would hold it, from the text of a command line.

    >>> value("[10, 50]"), value("lstm"), value("1e-3")
    ([10, 50], 'lstm', '1e-3')
    """
    try:
        return _load(text)
    except yaml.YAMLError:
        raise ParameterError(f"given {shortened(text)}, which is no YAML value") from None


def _where(source: str) -> Path:
    path, named = home(source), sets()
    a_name = path.suffix.lower() not in (".yaml", ".yml") and len(path.parts) == 1
    if a_name and source in named:
        return named[source]
    if os.path.isfile(path):
        if path.suffix == ".ipynb":
            raise ParameterError(f"{source}: a notebook; give a set of parameters, and choose notebooks by --only")
        return path
    if not named:
        raise ParameterError(f"no file {source}, and no sets of parameters here: go to a clone, or give a YAML file")
    if a_name:
        raise ParameterError(unknown("parameter set", source, named) + "; or give the path of a YAML file")
    there = "it is a folder or a pipe, not a file" if os.path.exists(path) else "there is no such file"
    raise ParameterError(f"parameter file {source}: {there}; sets by name are {', '.join(named)}")


def called(source: str | os.PathLike) -> str:
    """How a command names a set: by its name where the file is one of ``params/``, else by its path, as given."""
    path = _where(os.fspath(source)).resolve()
    return next((name for name, own in sets().items() if own.resolve() == path), os.fspath(source))


def read(source: str | os.PathLike) -> dict[str, Any]:
    """The values in a parameter set, by its name, or in any YAML file, by its path; names are not checked here.

    Raises
    ------
    ParameterError
        Where there is no such set or file, or where it is not one flat mapping of names to values.
    """
    path = _where(os.fspath(source))
    try:
        if refused := beyond(size := path.stat().st_size, 4 * CHARACTERS):
            raise ParameterError(f"{size:,} bytes; {refused}")
        text = path.read_text(encoding="utf-8")
        values = _load(text)
    except yaml.MarkedYAMLError as error:
        # an open quote or bracket is noticed lines later, where nobody looks for it
        opened = str(error.context).startswith(("while scanning a quoted", "while parsing a flow"))
        line = (error.context_mark if opened else error.problem_mark).line + 1
        said = f"{error.context}: {error.problem}" if opened else error.problem
        raise ParameterError(f"{path}: not YAML (line {line}: {said})") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ParameterError(f"{path}: not YAML (line {line}: {error.reason})") from None
    except UnicodeDecodeError:
        raise ParameterError(f"{path}: not YAML in UTF-8") from None
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read: {error.strerror}") from None
    except ParameterError as error:
        raise ParameterError(f"{path}: {error}") from None
    values = {} if values is None else values
    if not isinstance(values, dict) or not all(isinstance(name, str) for name in values):
        raise ParameterError(f"{path}: not a flat mapping; allowed are lines such as 'seeds: 2'")
    if nested := [name for name, v in values.items() if isinstance(v, dict)]:
        raise ParameterError(f"{path}: not a flat mapping: {nested[0]} holds names of its own")
    return values


def folder() -> Path:
    """The project's notebooks.

    Raises
    ------
    NotebookError
        Where there is no such folder.
    """
    if found := roots():
        return found[0] / "notebooks"
    raise NotebookError("no notebooks here: go to a folder with notebooks/ and params/, such as a clone")


def chosen(only: Sequence[str] | None, notebooks: Path) -> list[str]:
    """The notebooks asked for by name or number, each once and in order; all of the kit where none is asked for.

    A user's own notebook, or a copy, is run where it is named. Each needs one cell tagged ``parameters``.
    """
    kit, stems = ([path.stem for path in found(notebooks)] for found in (ordered, everything))
    chosen = set()
    for name in only or kit:
        wanted = name.removesuffix(".ipynb")
        found = [stem for stem in stems if wanted in (stem, stem.partition("_")[0], stem.partition("_")[2])]
        if not found:
            raise NotebookError(unknown("notebook", name, stems))
        chosen.update([s for s in found if s == wanted] or [s for s in found if s in kit] or found)
    chosen = [stem for stem in stems if stem in chosen]
    for stem in chosen:
        declared(notebooks / f"{stem}.ipynb")
    return chosen


def ordered(notebooks: Path) -> list[Path]:
    """The kit's notebooks in a folder, in order.

    Raises
    ------
    NotebookError
        Where there is none.
    """
    if found := _known(notebooks):
        return found
    raise NotebookError(f"no notebooks of the kit in {notebooks}")


def everything(notebooks: Path) -> list[Path]:
    """The kit's notebooks in a folder, in order, and then all others by name."""
    return [*(kit := ordered(notebooks)), *sorted({*notebooks.glob("*.ipynb")} - {*kit})]


def python(source: str) -> str:
    """A cell without its magics and its lines for the shell."""
    return re.sub(r"^[ \t]*[%!].*$", "", source, flags=re.MULTILINE)


def assigned(source: str) -> list[str]:
    r"""The names to which a cell assigns, at its top level.

    Raises
    ------
    SyntaxError
        Where it is not Python.

    Examples
    --------
    >>> assigned("%matplotlib inline\nseeds: int = 1  # formerly n=2\npath = 'a=b.csv'")
    ['seeds', 'path']
    """
    found = []
    for node in ast.parse(python(source)).body:
        targets = getattr(node, "targets", [getattr(node, "target", None)])
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value:
            found += [name.id for t in targets for name in ast.walk(t) if isinstance(name, ast.Name)]
    return found


def declared(notebook: Path) -> list[str]:
    """The parameters that a notebook declares, in its cell tagged ``parameters``.

    Raises
    ------
    NotebookError
        Where there is no such cell, or several.
    """
    tagged = [cell for cell in _cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        count = len(tagged) or "no"
        raise NotebookError(f"{notebook.name}: {count} cells tagged 'parameters'; tag the one that assigns them")
    try:
        return assigned(tagged[0].source)
    except SyntaxError as error:
        raise NotebookError(f"{notebook.name}: line {error.lineno} of the parameters cell is not Python") from None


def _cells(notebook: Path) -> list:
    import nbformat  # not above: a slip in a parameter's name shall be answered at once

    try:
        return nbformat.read(notebook, as_version=4).cells
    except Exception:  # nbformat raises whatever its many readers do
        raise NotebookError(f"{notebook.name}: not a notebook") from None


def title(notebook: Path) -> str:
    """A notebook's first heading, in plain words; its file name where it has none."""
    with suppress(NotebookError):
        prose = "\n".join(cell.source for cell in _cells(notebook) if cell.cell_type == "markdown")
        if heading := re.search(r"^#\s+(.+?)\s*#*$", prose, re.MULTILINE):
            return re.sub(r"[*`]", "", heading[1])
    return notebook.stem
