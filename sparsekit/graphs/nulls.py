"""Null models: random graphs and masks that share with a given one what a study wants to hold fixed.

A new one is a function ``(graph, seed) -> graph`` with ``@NULLS.register``; it keeps nodes, and what is connected so.
"""

import networkx as nx
import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from sparsekit.graphs import structure as graphs
from sparsekit.graphs.structure import GraphError
from sparsekit.registry import Registry
from sparsekit.seeds import derive

NULLS = Registry("null model")
MOVES, TRIES, DRAWS = 10, 100, 20
"""How often each edge moves on average, swaps tried for each edge at most, graphs drawn before edges move."""
FREE, TWICE = -1, -2


@NULLS.register
def rewired(graph: nx.Graph, seed: int) -> nx.Graph:
    """Same degrees, in and out, but otherwise random: a → b and c → d become a → d and c → b, again and again.

    Edges from a node to itself count as ordinary ones where the graph has any; otherwise none comes up. Maslov and
    Sneppen, Specificity and stability in topology of protein networks, 2002.
    """
    cells, allowed = cells_of(graph)
    stream = np.random.default_rng(derive("rewired", seed))
    return like(graph, _swapped(cells, allowed, stream, not graph.is_directed(), _is_whole(cells)))


@NULLS.register
def shuffled(graph: nx.Graph, seed: int) -> nx.Graph:
    """The same graph, its nodes' labels permuted: only what follows from the order of nodes, as its layers, changes."""
    cells, _ = cells_of(graph)
    places = np.random.default_rng(derive("shuffled", seed)).permutation(len(cells))
    return like(graph, cells[np.ix_(places, places)])


@NULLS.register
def random(graph: nx.Graph, seed: int) -> nx.Graph:
    """As many nodes and edges, but otherwise random; with edges from a node to itself where the graph has any."""
    cells, allowed = cells_of(graph)
    stream, whole = np.random.default_rng(derive("random", seed)), _is_whole(cells)
    for _ in range(DRAWS):
        drawn = _drawn(cells, allowed, stream)
        if not whole or _is_whole(drawn):
            return like(graph, drawn)
    return like(graph, _moved(cells, allowed, stream))


def mask_like(mask: ArrayLike, null: str, seed: int) -> np.ndarray:
    """A null model of a mask: bool, of the same shape and density.

    Parameters
    ----------
    mask : array or tensor, shape (targets, sources)
        Nonzero where a weight exists; it need not be square for "rewired" and "random".
    null : str
        A name in `NULLS`. "rewired" keeps how many weights each row and each column has. For it and "random" the
        diagonal is as good a place as any other, and a unit may lose touch with the rest.

    Raises
    ------
    GraphError
        Where the mask has not two dimensions, or is not square though the null model needs it.
    """
    mask = np.asarray(mask) != 0
    if mask.ndim != 2:
        raise GraphError(f"a mask of shape {mask.shape}; a null model takes one matrix, (targets, sources)")
    make, stream = NULLS[null], np.random.default_rng(derive("mask", null, seed))
    if make is rewired:
        return _swapped(mask, np.ones_like(mask), stream)
    if make is random:
        return _drawn(mask, np.ones_like(mask), stream)
    if mask.shape[0] != mask.shape[1]:
        raise GraphError(f"a mask of shape {mask.shape}; for {null} give a square one, the gates one by one")
    return graphs.adjacency(make(graphs.from_mask(mask), seed))


def cells_of(graph: nx.Graph) -> tuple[np.ndarray, np.ndarray]:
    """Where edges are, and where they may be: bool, (sources, targets), above the diagonal for undirected graphs."""
    cells = graphs.adjacency(graph).T
    allowed = np.ones_like(cells)
    if not cells.diagonal().any():
        np.fill_diagonal(allowed, False)
    elif not graph.is_directed():
        raise GraphError("an undirected graph with an edge from a node to itself; take such edges out")
    return (cells, allowed) if graph.is_directed() else (np.triu(cells), np.triu(allowed))


def like(graph: nx.Graph, cells: np.ndarray) -> nx.Graph:
    """A graph of the same kind, nodes and graph attributes, whose edges are where the cells are True."""
    new, nodes = type(graph)(**graph.graph), sorted(graph)
    new.add_nodes_from(graph)
    new.add_edges_from((nodes[u], nodes[v]) for u, v in np.argwhere(cells).tolist())
    return new


def _is_whole(cells: np.ndarray) -> bool:
    places, nodes = np.flatnonzero(cells), len(cells)
    rows = np.searchsorted(places, np.arange(nodes + 1) * nodes)  # twice as fast as scipy finds them
    return connected_components(csr_array((np.ones(len(places)), places % nodes, rows), shape=cells.shape))[0] == 1


def _drawn(cells: np.ndarray, allowed: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """As many of the allowed cells, each set as likely as any other."""
    drawn, places = np.zeros_like(cells), np.flatnonzero(allowed)
    drawn.flat[places[stream.choice(len(places), cells.sum(), replace=False, shuffle=False)]] = True
    return drawn


def _swapped(
    cells: np.ndarray, allowed: np.ndarray, stream: np.random.Generator, undirected: bool = False, whole: bool = False
) -> np.ndarray:
    """Cells after many swaps of two at once, which keep the number in each row and column.

    A Markov chain whose every step is as likely as its reverse, so that in the end each matrix is as likely as any
    other. A step tries many swaps; those that would touch one another, or a cell that is taken, are void. A step that
    takes a whole graph apart is undone, and the next one is half as large (Viger and Latapy, Efficient and simple
    generation of random simple connected graphs with prescribed degree sequence, 2005). Where most cells are taken the
    empty ones swap, which comes to the same.
    """
    shape, invert = cells.shape, 2 * cells.sum() > allowed.sum()
    taken = (allowed & ~cells if invert else cells).copy()
    edges, wanted = np.flatnonzero(taken), np.full(cells.size, FREE)
    crowded = 4 * len(edges) / max(1, allowed.sum())  # where it is above 1, fewer swaps at once hit one another less
    largest = int(len(edges) / 2 / max(1, crowded)) or len(edges) // 2
    size, moved, tried, end = largest, 0, 0, TRIES * len(edges)
    while size and tried < end:
        chosen = stream.choice(len(edges), (2, size), replace=False)
        old = edges[chosen]
        (a, c), (b, d) = np.divmod(old, shape[1])
        if undirected:
            turned = stream.random(size) < 0.5
            c, d = np.where(turned, d, c), np.where(turned, c, d)
        ends = np.stack([a, c]), np.stack([d, b])
        new = np.ravel_multi_index((np.minimum(*ends), np.maximum(*ends)) if undirected else ends, shape)
        order = np.arange(new.size).reshape(new.shape)
        wanted[new] = order
        wanted[new[wanted[new] != order]] = TWICE
        void = (wanted[old] != FREE) | (wanted[new] == TWICE) | taken.flat[new] | ~allowed.flat[new]
        wanted[new] = FREE
        good = ~void.any(axis=0)
        old, new, chosen, tried = old[:, good], new[:, good], chosen[:, good], tried + size
        taken.flat[old], taken.flat[new] = False, True
        if whole and not _is_whole(allowed & ~taken if invert else taken):
            taken.flat[new], taken.flat[old] = False, True
            size = max(1, size // 2)
        else:
            edges[chosen] = new
            moved, size = moved + new.size, min(largest, 2 * size)
        if moved >= MOVES / 2 * len(edges):
            # Then as often again: to stop at a number of swaps that came off would favour one parity of permutations.
            moved, end = -np.inf, min(end, 2 * tried)
    return allowed & ~taken if invert else taken


def _moved(cells: np.ndarray, allowed: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Cells of a connected graph after many moves of one edge, each as likely as its reverse.

    An edge whose loss takes the graph apart moves to any place between the two parts, any other to any free place.
    """
    cells, edges, places = cells.copy(), np.argwhere(cells).tolist(), np.argwhere(allowed)
    near = [set(np.flatnonzero(line).tolist()) for line in cells | cells.T]
    for k in stream.integers(len(edges), size=MOVES * len(edges)):
        u, v = edges[k]
        cells[u, v] = False
        if not cells[v, u]:
            near[u].discard(v)
            near[v].discard(u)
        part = _part(near, u, v)
        if part:
            u = v = list(part)[stream.integers(len(part))]
            while v in part:
                v = int(stream.integers(len(near)))
            if not allowed[u, v] or (allowed[v, u] and stream.random() < 0.5):
                u, v = v, u
        else:
            u, v = places[stream.integers(len(places))].tolist()
            while cells[u, v]:
                u, v = places[stream.integers(len(places))].tolist()
        edges[k] = [u, v]
        cells[u, v] = True
        near[u].add(v)
        near[v].add(u)
    return cells


def _part(near: list[set[int]], u: int, v: int) -> set[int]:
    """The nodes that hang together with one of two nodes but not with the other; none where both hang together."""
    search = [({u}, [u]), ({v}, [v])]
    while u != v:
        for (found, ahead), (others, _) in (search, search[::-1]):
            if not ahead:
                return found
            new = near[ahead.pop()] - found
            if not new.isdisjoint(others):
                return set()
            found |= new
            ahead.extend(new)
    return set()
