"""A user's own graph, read from a file."""

import csv
import re
from collections.abc import Hashable, Iterable
from pathlib import Path
from xml.etree.ElementTree import ParseError

import networkx as nx

from sparsekit.graphs.structure import GraphError, check
from sparsekit.registry import unknown

EDGE_LISTS = (".edgelist", ".edges", ".txt")


def read(path: str | Path, directed: bool = False, loops: bool = False) -> nx.Graph:
    """A user's graph from GraphML, a list with one edge (two node names) a line, or an adjacency matrix (CSV).

    Nodes are renamed 0 … n-1 in the order of their names, in which "n2" comes before "n10"; the former name stays as
    the node attribute ``name``. Everything else about nodes and edges, weights too, is left out: only which edges exist
    matters to a network.

    The matrix is square, with or without a header of names, and an index beside it. Every number but 0 is an edge from
    the node of its row to the node of its column, as networkx writes it; without a header the nodes are named 0, 1, ….

    Parameters
    ----------
    path : str or Path
        Ending ``.graphml``, ``.csv``, or one of `EDGE_LISTS`.
    directed : bool
        Whether edges keep the direction that they have in the file: in a list from the first node to the second.
        An undirected edge then leads both ways.
    loops : bool
        Whether edges from a node to itself are allowed.

    Returns
    -------
    networkx.Graph, or networkx.DiGraph where `directed`

    Raises
    ------
    GraphError
        Where the file is missing, of unknown kind, malformed, or its graph fails `check`.
    """
    path = Path(path)
    kinds = {".graphml": _graphml, ".csv": _matrix} | dict.fromkeys(EDGE_LISTS, _edges)
    if path.suffix not in kinds:
        raise GraphError(f"{path}: {unknown('graph file ending', path.suffix, kinds)}")
    if not path.is_file():
        raise GraphError(f"{path}: no such file")
    try:
        found = kinds[path.suffix](path, directed)
    except (nx.NetworkXError, ParseError, UnicodeDecodeError, KeyError, TypeError, csv.Error) as error:
        raise GraphError(f"{path}: not readable as {path.suffix}: {error}") from error
    for _, _, data in found.edges(data=True):
        data.pop("weight", None)
    try:
        check(found, directed, loops)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None
    names = sorted(found, key=_natural)
    numbers = {name: number for number, name in enumerate(names)}
    graph = nx.DiGraph() if directed else nx.Graph()
    graph.add_nodes_from((number, {"name": str(name)}) for name, number in numbers.items())
    edges = found.to_directed().edges if directed else found.edges
    graph.add_edges_from((numbers[u], numbers[v]) for u, v in edges)
    return graph


def _natural(name: Hashable) -> tuple:
    # Text and digits alternate in the split, so two names never compare a number with a text.
    parts = re.split(r"([0-9]+)", str(name))
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), str(name)


def _graphml(path: Path, directed: bool) -> nx.Graph:
    return nx.read_graphml(path)


def _edges(path: Path, directed: bool) -> nx.Graph:
    graph = nx.DiGraph() if directed else nx.Graph()
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        names = line.partition("#")[0].replace(",", " ").split()
        if not names:
            continue
        if len(names) < 2:
            raise GraphError(f"{path}, line {number}: one node, {names[0]!r}; an edge needs two")
        u, v = names[:2]
        if graph.has_edge(u, v):
            raise GraphError(f"{path}, line {number}: edge {u} – {v} stands there twice; give each edge once")
        graph.add_edge(u, v)
    return graph


def _matrix(path: Path, directed: bool) -> nx.Graph:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = [[cell.strip() for cell in row] for row in csv.reader(file) if row]
    width = len(rows[0]) if rows else 0
    if any(len(row) != width for row in rows) or len(rows) not in (width, width + 1):
        shape = f"{len(rows)} rows of {' or '.join(str(n) for n in sorted({len(row) for row in rows}))} cells"
        raise GraphError(f"{path}: {shape}; give a square matrix, or one under a header of node names")
    names = [str(i) for i in range(width)]
    if len(rows) == width + 1:
        names, *rows = rows
    elif rows and not _is_number(rows[0][0]):
        names, index, rows = rows[0][1:], [row[0] for row in rows[1:]], [row[1:] for row in rows[1:]]
        if names != index:
            raise GraphError(
                f"{path}: its columns are named {_few(names)}, its rows {_few(index)}; they must be the same"
            )
    if len(set(names)) < len(names):
        raise GraphError(f"{path}: two columns have the same name among {_few(names)}")
    for name, row in zip(names, rows, strict=True):
        for other, cell in zip(names, row, strict=True):
            if not _is_number(cell):
                raise GraphError(f"{path}: row {name}, column {other}: {cell!r} is not a number; write 0 for no edge")
    graph = nx.DiGraph()
    graph.add_nodes_from(names)
    for name, row in zip(names, rows, strict=True):
        graph.add_edges_from((name, other) for other, cell in zip(names, row, strict=True) if float(cell))
    one_way = next(((u, v) for u, v in graph.edges if not graph.has_edge(v, u)), None)
    if one_way and not directed:
        raise GraphError(
            f"{path}: not symmetric: an edge from {one_way[0]} to {one_way[1]}, none back; read it with directed=True"
        )
    return graph if directed else graph.to_undirected()


def _is_number(cell: str) -> bool:
    try:
        return float(cell) == float(cell)  # NaN is none
    except ValueError:
        return False


def _few(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
