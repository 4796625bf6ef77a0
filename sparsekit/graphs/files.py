"""A user's own graph, read from a file."""

import csv
import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Hashable
from decimal import Decimal
from difflib import get_close_matches
from itertools import groupby
from pathlib import Path
from string import punctuation
from xml.etree.ElementTree import ParseError

import defusedxml
import networkx as nx
import numpy as np
import pandas as pd
from defusedxml import ElementTree

from sparsekit.graphs.structure import GraphError, check
from sparsekit.registry import beyond, brief

EDGE_LISTS = (".edgelist", ".edges", ".txt")
ENDS = {"source", "target", "from", "to", "src", "dst", "start", "end", "u", "v", "i", "j"}
"""What columns of an edge list are called, which a matrix's are not."""
BESIDE = {"", "id", "label", "type", "weight"}
"""And the columns beside them."""
BYTES, EDGES, LINE, MARKS = 2**26, 500_000, 10_000, 30
"""Most bytes and edges of a file, characters of a line and marks on a letter, unless the environment allows more."""


def read(path: str | Path, directed: bool = False, loops: bool = False, content: str = "") -> nx.Graph:
    """A user's graph from GraphML, a list with one edge a line, or an adjacency matrix (CSV).

    Nodes are renamed 0 … n-1 in the order of their names, in which "n2" comes before "n10"; the former name stays as
    the node attribute ``name``. Everything else, weights too, is left out: a network learns from which edges exist. An
    edge whose weight is 0 or no finite number is refused in a list and in GraphML, for it may stand for no edge.

    A line of a list holds two node names, and maybe a weight or networkx's dict of attributes, parted by commas, by
    tabs or by spaces, the same in all lines; names in quotes may hold any of these. Lines that begin with ``#`` or
    ``%`` are comments, and so is what follows `` #`` where spaces part the names.

    The matrix is square, with or without a header of names, and an index beside it. Every number but 0 is an edge from
    the node of its row to the node of its column, as networkx writes it; without a header the nodes are named 0, 1, ….

    Parameters
    ----------
    path : str or Path
        Ending ``.graphml``, ``.csv``, or one of `EDGE_LISTS`.
    directed : bool
        Whether edges keep their direction, in a list from the first node to the second; undirected ones lead both ways.
    loops : bool
        Whether edges from a node to itself are allowed.
    content : str
        SHA-256, in hexadecimal, of the bytes that the file must have; "": any.

    Raises
    ------
    GraphError
        Where the file is missing, changed, of unknown kind, malformed or ambiguous, or its graph fails `check`.
    """
    path = Path(path)
    readers = {".graphml": _graphml, ".csv": _matrix} | dict.fromkeys(EDGE_LISTS, _edges)
    if path.suffix.lower() not in readers:
        near = get_close_matches(path.suffix, readers, 1, 0.8)  # .tsv or .gexf by another name is no .csv or .edges
        kinds = f".graphml, .csv for a matrix, {', '.join(EDGE_LISTS)} for edges"
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise GraphError(f"{path}: unknown graph file ending {path.suffix!r}: allowed are {kinds}{hint}")
    if not os.path.isfile(path):
        said = "no file, but a folder or a pipe" if os.path.exists(path) else "no such file"
        raise GraphError(brief(f"{path}: {said}"))
    try:
        _check_size(path.stat().st_size, BYTES, "bytes")
        held = path.read_bytes()
        if content and hashlib.sha256(held).hexdigest() != content:
            raise GraphError("the file has changed since the run began; run it again")
        found = readers[path.suffix.lower()](held, nx.DiGraph if directed else nx.Graph)
        check(found, directed, loops)
    except GraphError as error:
        raise GraphError(brief(f"{path}: {error.args[0]}")) from None  # without the Python that would mend a graph
    except OSError as error:
        raise GraphError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        line = held.count(b"\n", 0, error.start) + 1
        raise GraphError(f"{path}: not readable: line {line} is not UTF-8; save the file with that encoding") from None
    except defusedxml.EntitiesForbidden:
        raise GraphError(f"{path}: it defines entities, a few of which can fill any memory; write them out") from None
    except RecursionError:
        raise GraphError(f"{path}: not readable as {path.suffix}: its elements stand in each other too deep") from None
    except (ParseError, ValueError, LookupError) as error:
        raise GraphError(f"{path}: not readable as {path.suffix}: {brief(error)}") from error
    numbers = {name: number for number, name in enumerate(sorted(found, key=natural))}
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from((number, {"name": str(name)}) for name, number in numbers.items())
    edges = found.to_directed().edges if directed else found.edges
    graph.add_edges_from((numbers[u], numbers[v]) for u, v in edges)
    return graph


def _check_size(given: int, most: int, what: str) -> None:
    if refused := beyond(given, most):
        raise GraphError(f"{given:,} {what}; {refused}")


def natural(name: Hashable) -> tuple:
    # Text and digits alternate in the split, so two names never compare a number with a text.
    parts = re.split(r"0*([0-9]+)", str(name))
    return tuple((len(part), part) if i % 2 else part for i, part in enumerate(parts)), str(name)


def _graphml(held: bytes, kind: type[nx.Graph]) -> nx.Graph:
    # networkx reads the first of several graphs, and fails where an attribute is not of its type: none is of use here.
    _check_size(held.count(b"<edge"), EDGES, "edges")
    root = ElementTree.fromstring(held)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    found = root.findall("graph")
    if root.tag != "graphml" or len(found) != 1:
        raise GraphError(f"{len(found)} graphs in a <{root.tag}>; give a <graphml> with one <graph>")
    default = found[0].get("edgedefault")
    if default not in ("directed", "undirected"):
        raise GraphError(f"edgedefault is {default!r}: allowed are directed, undirected")
    graph = nx.DiGraph() if default == "directed" else nx.Graph()
    for holder in found[0].iter():
        if holder.find("graph") is not None:
            name = f"{holder.tag} {holder.get('id')!r}"
            raise GraphError(f"{name} holds a graph of its own, as a group in yEd does; ungroup it")
    for node in found[0].findall("node"):
        if (name := node.get("id")) is None or name in graph:
            raise GraphError(f"two nodes with the id {name!r}" if name else "a node without an id")
        graph.add_node(name)
    if found[0].find("hyperedge") is not None:
        raise GraphError("a hyperedge, which joins several nodes; give edges between two")
    own = {"directed": ("true", "1"), "undirected": ("false", "0")}[default]
    keys = (key for key in root.iter("key") if key.get("for", "all") in ("edge", "all"))
    weight = next((key for key in keys if key.get("attr.name", "").lower() == "weight"), None)
    for edge in found[0].findall("edge"):
        ends = edge.get("source"), edge.get("target")
        for name in ends:
            if name not in graph:
                raise GraphError(f"edge {ends[0]} – {ends[1]}: there is no node {name!r}")
        if (said := edge.get("directed", own[0]).strip()) not in own:
            raise GraphError(f"edge {ends[0]} – {ends[1]} says directed={said!r} in a graph of {default} edges")
        if weight is not None:
            own_weight = edge.findtext(f"data[@key='{weight.get('id')}']", weight.findtext("default", "1"))
            _check_weight(own_weight, f"edge {ends[0]} – {ends[1]}: ")
        _add(graph, *ends)
    return graph


def _add(graph: nx.Graph, u: str, v: str) -> None:
    if graph.has_edge(u, v):
        raise GraphError(f"edge {u} – {v} stands there twice; give each edge once")
    graph.add_edge(u, v)


def _check_weight(weight: str = "1", where: str = "") -> None:
    if _number(weight) and not (float(weight) and np.isfinite(float(weight))):
        raise GraphError(f"{where}weight {weight.strip()}: an edge or none? take the edge out, or the weights")


def _edges(held: bytes, kind: type[nx.Graph]) -> nx.Graph:
    _check_size(max(held.count(b"\n"), held.count(b"\r")), EDGES, "lines")
    lines = {n: line.strip() for n, line in enumerate(io.StringIO(held.decode("utf-8-sig"), newline=None), start=1)}
    lines = {n: _composed(line, n) for n, line in lines.items() if line and line[0] not in "#%"}
    graph, rows, delimiter, n = kind(), {}, "", 0
    try:
        for n, line in lines.items():
            rows[n], own = _fields(line)
            if own != (delimiter := delimiter or own):
                raise GraphError(f"parted by {PARTED[own]}, the lines before by {PARTED[delimiter]}; give all alike")
        n = next(iter(rows), 0)
        _check_first(lines, rows)
        fields = len(rows[n]) if rows else 0
        for n in rows:
            row = rows[n]
            if len(row) > 3 or not all(map(_number, row[2:])):
                one = "give each edge a line: two nodes, maybe a weight (names with spaces: in quotes)"
                raise GraphError(f"{len(row)} fields, the third of them {row[2]!r}; {one}")
            if len(row) != fields:
                raise GraphError(f"{len(row)} fields, where the lines before have {fields}; give all two or all three")
            _add(graph, *row[:2])
    except GraphError as error:
        raise GraphError(f"line {n}: {error}") from None
    except csv.Error as error:
        raise GraphError(f"line {n}: {error} (a name in quotes?)") from None
    _check_names(graph, list(rows.values()))
    for n in rows:
        _check_weight(*rows[n][2:], where=f"line {n}: ")
    return graph


def _composed(line: str, n: int) -> str:
    """A line whose letters are written alike, with their marks; both take long over what nobody writes."""
    _check_size(len(line), LINE, f"characters in line {n}")
    runs = (sum(1 for _ in run) for mark, run in groupby(line, lambda c: bool(unicodedata.combining(c))) if mark)
    _check_size(0 if line.isascii() else max(runs, default=0), MARKS, f"marks on a letter of line {n}")
    return unicodedata.normalize("NFC", line)


PARTED = {",": "commas", "\t": "tabs", " ": "spaces"}


def _fields(line: str) -> tuple[list[str], str]:
    """The fields of a line of an edge list, the first two of them names, and what parts them."""
    if attributes := re.search(r"(?<=[\s,])\{.*\}$", line):  # as networkx writes them
        line = line[: attributes.start()].rstrip(", \t")
        _check_weight(*re.findall(r"['\"]weight['\"]:\s*(?:np\.\w+\()?([^\s,})]+)", attributes[0])[:1])
    bare = re.sub(r'"[^"]*"', lambda quoted: "x" * len(quoted[0]), line)
    delimiter = next((character for character in ",\t" if character in bare), " ")
    if comment := re.search(r"\s#", bare):
        if delimiter != " ":
            raise GraphError("is ' #' part of a name? put the name in quotes, a comment on a line of its own")
        line = line[: comment.start()].rstrip()
    if delimiter == " " and (other := re.search(r"(?<!\S)['‘“„«][^'’”“»]*\s[^'’”“»]*['’”“»](?!\S)", bare[: len(line)])):
        raise GraphError(f'{other[0]!r} is one name? then put it in quotes like "')
    if ";" in bare[: len(line)]:
        raise GraphError("a semicolon; part names by a comma, a tab or a space")
    found = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True))
    found = [field.strip() for field in found]
    if len(found) == 1:
        raise GraphError(f"one node, {found[0]!r}; an edge needs two, parted by a comma, a tab or a space")
    for name in found[:2]:
        if unseen := re.search("[\0-\x08\x0e-\x1f\x7f-\x9f\u200b\u2060\ufeff]", name):
            raise GraphError(f"{name!r} holds a character that cannot be seen, {unseen[0]!r}; is the file UTF-8?")
        unbalanced = any(name.count(left) != name.count(right) for left, right in ("()", "[]", "{}"))
        if unbalanced or not name.strip(punctuation) or (delimiter == " " and name.strip(":|") != name):
            raise GraphError(f"{name!r} is no node name; give each line two names without brackets or signs between")
    return found, delimiter


def _check_first(lines: dict[int, str], rows: dict[int, list[str]]) -> None:
    """Refuse a first line that is no edge: a header, or the numbers of nodes and edges."""
    n, *others = rows or [0]
    if not others:
        return
    first, names = rows[n], {name for k in others for name in rows[k][:2]}
    header = not any(name in names or _number(name) for name in first[:2])
    if header and nx.is_connected(nx.Graph([rows[k][:2] for k in others])):
        raise GraphError(f"{lines[n]!r} looks like a header, for none of its names stands in a later line; take it out")
    if "{" not in lines[n] and all(map(str.isdecimal, [*first, *names])):  # only an edge has attributes
        *nodes, edges = map(float, first)
        enough = min(nodes) >= max(len(names), *map(float, names))
        if enough and edges in (len(others), 2 * len(others)):
            raise GraphError(
                f"{lines[n]!r} looks like the numbers of nodes and edges below it; take it out, or if it is an edge, "
                "put it further down"
            )


def _check_names(graph: nx.Graph, rows: list[list[str]]) -> None:
    numbers: dict[Decimal, str] = {}  # for float, long numbers that differ in their last digit are the same
    for name in filter(_number, graph):
        if numbers.setdefault(Decimal(name), name) != name:
            raise GraphError(f"nodes {numbers[Decimal(name)]!r} and {name!r} are the same number; write it alike")
    seen: dict[str, str] = {}
    for name in graph:
        looks = "".join(c for c in " ".join(name.split()) if unicodedata.category(c) != "Cf")
        if seen.setdefault(looks, name) != name:
            raise GraphError(f"nodes {seen[looks]!r} and {name!r} look the same; write it alike")
    missing = [name for number, name in numbers.items() if number.is_nan()]
    if missing and len(numbers) == len(graph):
        raise GraphError(f"node {missing[0]!r} among numbers: a missing one?")
    heads, ends = [row[0] for row in rows], {row[2] for row in rows if len(row) == 3}
    if ends and {*heads} in ({"e"}, {"a"}):
        raise GraphError(f"every line begins with {heads[0]!r}, as in a DIMACS file; take the first column out")
    if len(ends) > 1 and ends <= set(graph) and len(set(heads)) == len(heads):
        raise GraphError("the third fields are node names too: an adjacency list? give each edge a line, no weights")


def _number(text: str) -> bool:
    try:
        return float(text) is not None
    except ValueError:
        return False


def _matrix(held: bytes, kind: type[nx.Graph]) -> nx.Graph:
    reader = csv.reader(io.StringIO(held.decode("utf-8-sig"), newline=""), strict=True)
    rows, line = [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
            if row and rows and len(row) != len(rows[0]):
                raise GraphError(f"line {line}: {len(row)} cells, where the lines before have {len(rows[0])}")
            line = reader.line_num + 1
    except csv.Error as error:
        raise GraphError(f"line {line}: {error} (a name in quotes?)") from None
    if not rows:
        raise GraphError("the file is empty; give a square matrix, parted by commas")
    cells = pd.DataFrame(rows)
    height, width = cells.shape
    if height not in (width, width + 1):
        asked = "give a square matrix, parted by commas, or one under a header of node names; an edge list ends in"
        raise GraphError(f"{height} rows of {width} cells; {asked} {', '.join(EDGE_LISTS)}")
    names = index = [str(i) for i in range(width)]
    if height > width:
        names = index = cells.iloc[0].tolist()
        cells = cells.iloc[1:]
        if "" in names and not _of_edges(names):
            raise GraphError(f"a column without a name among {_few(names)}")
    elif np.isnan(pd.to_numeric(cells.iat[0, 0], errors="coerce")):
        names, index, cells = cells.iloc[0, 1:].tolist(), cells.iloc[1:, 0].tolist(), cells.iloc[1:, 1:]
    else:
        _check_corner(cells)
    if _of_edges(names) and (height > width or names != index):
        kept = "of a matrix name the rows too"
        raise GraphError(
            f"columns {_few([*filter(None, names)])}, as of an edge list; that ends in {', '.join(EDGE_LISTS)}; {kept}"
        )
    if names != index:
        raise GraphError(f"its columns are named {_few(names)}, its rows {_few(index)}; they must be the same")
    if len(set(names)) < len(names):
        raise GraphError(f"two columns have the same name among {_few(names)}")
    weights = cells.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    if not np.isfinite(weights).all():
        row, column = np.argwhere(~np.isfinite(weights))[0]
        cell = f"row {names[row]}, column {names[column]}: {cells.iat[row, column]!r}"
        raise GraphError(f"{cell} is not a number; write 0 for no edge")
    one_way = (weights != 0) & (weights.T == 0)
    if one_way.any() and kind is nx.Graph:
        u, v = (names[k] for k in np.argwhere(one_way)[0])
        kept = "structure=recurrent, in Python directed=True, keeps directions"
        raise GraphError(f"not symmetric: an edge from {u} to {v}, none back; {kept}")
    return nx.from_numpy_array(weights, create_using=kind, edge_attr=None, nodelist=names)


def _of_edges(names: list[str]) -> bool:
    columns = [name.lower() for name in names]
    return ENDS.issuperset(columns[:2]) or (bool(ENDS & {*columns}) and (ENDS | BESIDE).issuperset(columns))


def _check_corner(cells: pd.DataFrame) -> None:
    """Refuse a matrix whose first row and column may be numbers of nodes; 0 and 1 are edges."""
    row, column = cells.iloc[0, 1:].tolist(), cells.iloc[1:, 0].tolist()
    numbers = pd.to_numeric(pd.Series(row), errors="coerce")
    if row == column and len(row) > 1 and numbers.is_unique and (numbers % 1 == 0).all() and set(numbers) != {0, 1}:
        raise GraphError(
            f"its first row and column are both {_few(row)}: node names or weights? leave the cell in the corner empty "
            "where they are names, else write a header of names"
        )


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
