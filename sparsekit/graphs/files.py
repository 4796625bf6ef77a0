"""A user's own graph, read from a file."""

import re
from collections.abc import Hashable
from pathlib import Path
from xml.etree.ElementTree import ParseError

import networkx as nx
import numpy as np
import pandas as pd

from sparsekit.graphs.structure import GraphError, check
from sparsekit.registry import unknown

EDGE_LISTS = (".edgelist", ".edges", ".txt")


def read(path: str | Path, directed: bool = False, loops: bool = False) -> nx.Graph:
    """A user's graph from GraphML, a list with one edge (two node names) a line, or an adjacency matrix (CSV).

    Nodes are renamed 0 … n-1 in the order of their names, in which "n2" comes before "n10"; the former name stays as
    the node attribute ``name``. Everything else, weights too, is left out: a network learns from which edges exist.

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

    Raises
    ------
    GraphError
        Where the file is missing, of unknown kind, malformed, or its graph fails `check`.
    """
    path = Path(path)
    kind = nx.DiGraph if directed else nx.Graph
    kinds = {".graphml": lambda path, kind: nx.read_graphml(path), ".csv": _matrix} | dict.fromkeys(EDGE_LISTS, _edges)
    if path.suffix not in kinds:
        raise GraphError(f"{path}: {unknown('graph file ending', path.suffix, kinds)}")
    if not path.is_file():
        raise GraphError(f"{path}: no such file")
    try:
        found = kinds[path.suffix](path, kind)
        for _, _, data in found.edges(data=True):
            data.pop("weight", None)
        check(found, directed, loops)
    except GraphError as error:
        raise GraphError(f"{path}: {error}") from None
    except (nx.NetworkXError, ParseError, ValueError, KeyError, TypeError) as error:
        raise GraphError(f"{path}: not readable as {path.suffix}: {' '.join(str(error).split())}") from error
    numbers = {name: number for number, name in enumerate(sorted(found, key=_natural))}
    graph = kind()
    graph.add_nodes_from((number, {"name": str(name)}) for name, number in numbers.items())
    edges = found.to_directed().edges if directed else found.edges
    graph.add_edges_from((numbers[u], numbers[v]) for u, v in edges)
    return graph


def _natural(name: Hashable) -> tuple:
    # Text and digits alternate in the split, so two names never compare a number with a text.
    parts = re.split(r"([0-9]+)", str(name))
    return tuple(int(part) if i % 2 else part for i, part in enumerate(parts)), str(name)


def _edges(path: Path, kind: type[nx.Graph]) -> nx.Graph:
    graph = kind()
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        names = line.partition("#")[0].replace(",", " ").split()[:2]
        if len(names) == 1:
            raise GraphError(f"line {number}: one node, {names[0]!r}; an edge needs two")
        if names and graph.has_edge(*names):
            raise GraphError(f"line {number}: edge {' – '.join(names)} stands there twice; give each edge once")
        graph.add_edges_from([names] if names else [])
    return graph


def _matrix(path: Path, kind: type[nx.Graph]) -> nx.Graph:
    cells = pd.read_csv(path, header=None, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    cells = cells.apply(lambda column: column.str.strip())
    height, width = cells.shape
    if height not in (width, width + 1):
        raise GraphError(f"{height} rows of {width} cells; give a square matrix, or one under a header of node names")
    names = index = [str(i) for i in range(width)]
    if height > width:
        names = index = cells.iloc[0].tolist()
        cells = cells.iloc[1:]
    elif np.isnan(pd.to_numeric(cells.iat[0, 0], errors="coerce")):
        names, index, cells = cells.iloc[0, 1:].tolist(), cells.iloc[1:, 0].tolist(), cells.iloc[1:, 1:]
    if names != index:
        raise GraphError(f"its columns are named {_few(names)}, its rows {_few(index)}; they must be the same")
    if len(set(names)) < len(names):
        raise GraphError(f"two columns have the same name among {_few(names)}")
    weights = cells.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=float)
    if np.isnan(weights).any():
        row, column = np.argwhere(np.isnan(weights))[0]
        cell = f"row {names[row]}, column {names[column]}: {cells.iat[row, column]!r}"
        raise GraphError(f"{cell} is not a number; write 0 for no edge")
    one_way = (weights != 0) & (weights.T == 0)
    if one_way.any() and kind is nx.Graph:
        u, v = (names[k] for k in np.argwhere(one_way)[0])
        raise GraphError(f"not symmetric: an edge from {u} to {v}, none back; read it with directed=True")
    return nx.from_numpy_array(weights, create_using=kind, edge_attr=None, nodelist=names)


def _few(names: list[str]) -> str:
    return ", ".join(names[:4]) + (", …" if len(names) > 4 else "")
