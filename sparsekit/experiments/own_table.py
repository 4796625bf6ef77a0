"""A user's own table of networks, trained anywhere: a CSV with a row a network, read with an eye for what is wrong."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

from sparsekit.analysis.tables import TableError
from sparsekit.experiments.structure import TAKEN
from sparsekit.graphs import directed, files, properties
from sparsekit.graphs import structure as graphs
from sparsekit.networks.measures import NETWORK
from sparsekit.registry import brief, unknown
from sparsekit.tasks.labelled_csv import digest
from sparsekit.variants import VARIANTS

OWN = "own"
"""The variant of networks whose table does not name one."""

ALSO = {"test_accuracy": "accuracy", "generator": "family"}
"""What the kit's own tables call a column."""

ABOUT = ("accuracy", "graph", "family", "seed", "variant", "chance")
"""Columns that are no properties; only the first is needed."""

EDGES = re.compile(r"[^\s,;>-]+[->][^\s,;>-]+(?:[\s,;]+[^\s,;>-]+[->][^\s,;>-]+)+")
"""Two or more edges: ``0-1 1-2``, with directions ``0>1 1>2``."""


def read(path: str) -> pd.DataFrame:
    """A CSV of networks as `analysis.tables.GRAPHS`.

    UTF-8 with a header. Columns: ``accuracy`` (a fraction); and as far as there are such ``graph`` (its name, its file,
    from the table's folder, or its edges, ``0-1 1-2 …``), ``family``, ``seed``, ``variant``, ``chance`` (accuracy of
    guessing, 0.5 by default). Every other column is a property of the graph, a number; of a file or of edges they are
    measured. Rows without ``graph`` whose family and properties are equal are networks of one graph.

    ``attrs`` has chance, and properties: the names of those that the kit does not know.

    Raises
    ------
    TableError
        In one line: the file, the line, what was given, what is allowed.
    """
    return _read(path, digest(path)).copy()


@lru_cache(maxsize=4)
def _read(path: str, content: str) -> pd.DataFrame:
    header, rows = _rows(Path(path))
    line = 1
    try:
        names, found = _properties(header), []
        for line, row in rows:
            found.append(_network(dict(zip(header, row, strict=True)), names, line))
        line = 0
        table = _grouped(found, names, Path(path).parent)
    except (TableError, graphs.GraphError) as error:
        where = getattr(error, "line", line)
        raise TableError(brief(f"{path}{f', line {where}' if where else ''}: {error}")) from None
    return table


def _rows(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header by the kit's names, and each row with the number of its first line."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise TableError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise TableError(f"{path}: not UTF-8; save the file with that encoding") from None
    reader, rows, line = csv.reader(io.StringIO(text, newline=""), strict=True), [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append((line, [cell.strip() for cell in row]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(f"{path}, line {line}: not well-formed CSV ({error}); is a quote left open?") from None
    if len(rows) < 2:
        what = "no network" if rows else "the file is empty"
        raise TableError(f"{path}: {what}; it needs a header and a row a network")
    (_, header), *rows = rows
    for line, row in rows:
        if len(row) != len(header):
            raise TableError(f"{path}, line {line}: {len(row)} fields where the header has {len(header)}")
    return [ALSO.get(name, name) for name in header], rows


def _properties(header: Sequence[str]) -> list[str]:
    """The columns that are properties, or measures of the network."""
    for name in header:
        if not name or header.count(name) > 1:
            raise TableError(f"column {name!r} stands there twice" if name else "a column without a name in the header")
    if "accuracy" not in header:
        near = get_close_matches("accuracy", header, 1, 0.7)
        hint = f"did you mean it by {near[0]!r}?" if near else f"the header has {', '.join(map(repr, header))}"
        raise TableError(f"no column 'accuracy'; {hint}{'; part columns by a comma' * (len(header) == 1)}")
    known, found = _known(), []
    for name in header:
        if name in ABOUT:
            continue
        if re.fullmatch(r"(?i)unnamed: \d+|index", name):  # as pandas writes and reads them
            raise TableError(f"column {name!r} numbers the rows; take it out")
        if name in TAKEN - {"family", "graph", "seed", "variant"}:
            raise TableError(f"column {name!r} is an outcome or a label, no property; take it out")
        if name not in known and (near := get_close_matches(name, [*known, *ABOUT], 1, 0.8)):
            raise TableError(f"column {name!r}: did you mean {near[0]!r}? Else give it a name less like it")
        found.append(name)
    return found


def _network(row: Mapping[str, str], names: Iterable[str], line: int) -> dict:
    accuracy, chance = _number(row, "accuracy"), _number(row, "chance", 0.5)
    for name, value in (("accuracy", accuracy), ("chance", chance)):
        if not 0 <= value <= 1:
            hint = f"; for {value:g} % give {value / 100:g}" if 1 < value <= 100 else ""
            raise TableError(f"{name} {row[name]!r}: allowed is a fraction from 0 to 1{hint}")
    if (variant := row.get("variant") or OWN) not in {OWN, *VARIANTS}:
        raise TableError(unknown("variant", variant, VARIANTS))
    if row.get("seed", "0") and not re.fullmatch(r"-?\d+", row.get("seed", "0")):
        raise TableError(f"seed {row['seed']!r}: allowed is a whole number")
    own = {"variant": variant, "generator": row.get("family") or "given", "test_accuracy": accuracy, "line": line}
    own |= {"graph": row.get("graph", ""), "seed": row.get("seed", ""), "chance": chance}
    if "graph" in row and not row["graph"]:
        raise TableError("graph is empty: give its name, its file, or its edges")
    return own | {name: _number(row, name, np.nan) for name in names}


def _number(row: Mapping[str, str], name: str, missing: float | None = None) -> float:
    text = row.get(name, "")
    if not text and missing is not None:
        return missing
    try:
        value = float(text)
    except ValueError:
        comma = "; write a decimal point" if re.fullmatch(r"-?\d+,\d+", text) else ""
        raise TableError(f"{name} {text!r}: allowed is a number{comma}") from None
    if not np.isfinite(value):
        raise TableError(f"{name} {text!r}: allowed is a number, or nothing where it is not known")
    return value


def _grouped(found: list[dict], names: list[str], folder: Path) -> pd.DataFrame:
    """The table, once rows of one graph agree, each network is there once, and graphs are measured."""
    first: dict[tuple, dict] = {}
    seen: dict[tuple, int] = {}
    measured: dict[tuple, dict] = {}
    for row in found:
        values = tuple(row[name] for name in names)
        graph = (row["generator"], row["graph"] or repr(values))
        if graph not in first:
            first[graph], measured[graph] = row, _measured(row["graph"], folder, row["line"])
            for name in measured[graph].keys() & names:
                there = measured[graph][name]
                if abs(row[name] - there) > 0.01 + 0.02 * abs(there):  # what is given may be rounded
                    remedy = "correct it, or take the column out or give it another name"
                    raise _at(row["line"], f"{name} {row[name]:g}, but graph {graph[1]!r} has {there:g}; {remedy}")
        one = first[graph]
        for name, value in zip(names, values, strict=True):
            if not (one[name] == value or np.isnan([one[name], value]).all()):
                was = f"{name} {value:g} here, and {one[name]:g} in line {one['line']}"
                raise _at(row["line"], f"graph {row['graph']!r} has {was}; a graph has one")
        network = (row["variant"], *graph, row["seed"] or sum(key[:3] == (row["variant"], *graph) for key in seen))
        if (line := seen.setdefault(network, row["line"])) != row["line"]:
            raise _at(row["line"], f"graph {row['graph']!r} with seed {row['seed']} stands in line {line} already")
        row["seed"] = int(network[-1])
        row |= {name: value for name, value in measured[graph].items() if name not in names}
        if not row["graph"] or EDGES.fullmatch(row["graph"]):
            row["graph"] = f"of line {one['line']}"
    named, known = ([first[graph] for graph in first if bool(measured[graph]) is own] for own in (False, True))
    if named and known:
        as_what = f"that of line {known[0]['line']} is measured; give edges, 0-1 1-2, or files, or names to all"
        raise _at(named[0]["line"], f"graph {named[0]['graph']!r} is a name, but {as_what}")
    if len({row["chance"] for row in found}) > 1:
        raise TableError("chance differs between rows; give one for all")
    table = pd.DataFrame(found).drop(columns=["line", "chance"])
    own = table.drop(columns=["variant", "generator", "graph", "seed", "test_accuracy"])
    if not (own.notna().all() & (own.nunique() > 1)).any():
        only = (
            f"of graphs such as {named[0]['graph']!r} only the name is known: " if named and named[0]["graph"] else ""
        )
        hint = f"{only}give edges, 0-1 1-2, or columns such as nodes"
        raise TableError(f"no property that every graph has, and that differs; {hint}")
    table.attrs = {"chance": found[0]["chance"], "properties": [name for name in names if name not in _known()]}
    return table


def _known() -> set[str]:
    return {*properties.PROPERTIES, *directed.DIRECTED, *directed.MORE, *NETWORK}


def _measured(graph: str, folder: Path, line: int) -> dict[str, float]:
    """The properties of a graph that is given as its file or its edges; of a name none."""
    try:
        if Path(graph).suffix.lower() in (".graphml", ".csv", *files.EDGE_LISTS):
            made = files.read(folder / graph, directed=True, loops=True)
        elif EDGES.fullmatch(graph):
            made = _from_edges(graph)
            graphs.check(made, directed=True, loops=True)
        else:
            return {}
    except graphs.GraphError as error:
        raise _at(line, error.args[0]) from None
    both = not nx.number_of_selfloops(made) and nx.overall_reciprocity(made) == 1
    plain = graphs.undirected(made)
    return properties.measure(plain) | (directed.measure_more(plain) if both else directed.measure_directed(made))


def _from_edges(text: str) -> nx.DiGraph:
    pairs = [re.split("([->])", edge) for edge in re.split(r"[\s,;]+", text)]
    order = {name: k for k, name in enumerate(sorted({end for a, _, b in pairs for end in (a, b)}, key=files.natural))}
    made = nx.DiGraph()
    made.add_nodes_from(range(len(order)))
    for a, way, b in pairs:
        if made.has_edge(order[a], order[b]):
            raise graphs.GraphError(f"edge {a}{way}{b} stands there twice; give each edge once")
        made.add_edge(order[a], order[b])
        if way == "-":
            made.add_edge(order[b], order[a])
    return made


def _at(line: int, text: str) -> TableError:
    error = TableError(text)
    error.line = line
    return error
