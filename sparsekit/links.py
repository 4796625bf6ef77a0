"""What properties of a recurrent graph or mask share: its links as a matrix, its components and its spectrum."""

from functools import cached_property
from math import gcd

import networkx as nx
import numpy as np
import rustworkx as rx
from scipy import sparse
from scipy.sparse.csgraph import breadth_first_order, connected_components
from scipy.sparse.linalg import ArpackNoConvergence, eigs, eigsh

from sparsekit.graphs import GraphError

# rustworkx adds up shares of its threads in any order; one thread gives the same bits every time.
ONE_THREAD = {"parallel_threshold": 2**62}
# Up to here all eigenvalues are computed; above, only the largest, from a fixed start.
DENSE_NODES = 400


class Links:
    """What several properties share, computed once per structure and only when asked for.

    Attributes
    ----------
    structure : networkx.Graph, networkx.DiGraph or matrix
    oriented : networkx.DiGraph, optional
        An undirected graph with its directions, where they are not those of node order.
    matrix : csr_array of float, shape (n, n)
        1 where an edge leads from the row's node to the column's; an undirected edge leads both ways.
    plain : csr_array
        `matrix` without edges from a node to itself.
    either : csr_array
        1 where two nodes are joined in either direction.
    """

    def __init__(self, structure, oriented: nx.DiGraph | None = None):
        self.structure, self.oriented, self.matrix = structure, oriented, _matrix(structure)
        self.n, self.m = self.matrix.shape[0], self.matrix.nnz
        if not self.n:
            raise GraphError("no nodes; properties need at least one")

    @cached_property
    def plain(self) -> sparse.csr_array:
        plain = self.matrix - sparse.diags_array(self.matrix.diagonal(), format="csr")
        plain.eliminate_zeros()
        return plain

    @cached_property
    def either(self) -> sparse.csr_array:
        return self.plain.maximum(self.plain.T).tocsr()

    @cached_property
    def triangles(self) -> np.ndarray:
        """Twice the triangles at each node, directions left out."""
        return closed(self.either, self.either, self.either)

    @cached_property
    def out_degree(self) -> np.ndarray:
        return self.matrix.sum(axis=1)

    @cached_property
    def in_degree(self) -> np.ndarray:
        return self.matrix.sum(axis=0)

    @cached_property
    def mean_distance(self) -> float:
        """Edges on a shortest path, directions left out, over all pairs of two or more nodes that are connected."""
        pairs = self.n * (self.n - 1)
        if _dense(self.either):
            # The mean of a count is the sum, over steps, of the share that is not there yet.
            step, reached, total = self.either.toarray().astype(np.float32), np.eye(self.n, dtype=np.float32), 0
            while not reached.all():
                total += (reached == 0).sum()
                reached = np.minimum(reached @ step + reached, 1)
            return total / pairs
        graph = rx.PyGraph()
        graph.add_nodes_from(range(self.n))
        graph.add_edges_from_no_data(list(map(tuple, np.transpose(sparse.triu(self.either).nonzero()).tolist())))
        return rx.graph_unweighted_average_shortest_path_length(graph, **ONE_THREAD)

    @cached_property
    def component(self) -> np.ndarray:
        """Number of each node's strongly connected component."""
        return connected_components(self.plain, connection="strong")[1]

    @cached_property
    def moduli(self) -> np.ndarray:
        """The two largest moduli of eigenvalues, by component: the mask is block triangular in its components.

        Exact 0 for an acyclic mask, where eigenvalues of the whole would be rounding noise.
        """
        sizes = np.bincount(self.component)
        found = [self.matrix.diagonal()[sizes[self.component] == 1]]
        for number in np.flatnonzero(sizes > 1):
            members = np.flatnonzero(self.component == number)
            found.append(_moduli(self.matrix[members][:, members]))
        return np.sort(np.concatenate(found))[::-1][:2]


def _matrix(structure) -> sparse.csr_array:
    if isinstance(structure, nx.Graph):
        if structure.is_multigraph():
            raise GraphError("several edges between the same two nodes; make it simple: networkx.DiGraph(graph)")
        position = {node: i for i, node in enumerate(structure)}
        ends = np.array([(position[u], position[v]) for u, v in structure.edges], dtype=int).reshape(-1, 2)
        if not structure.is_directed():
            ends = np.unique(np.vstack([ends, ends[:, ::-1]]), axis=0)
        shape = len(position), len(position)
        return sparse.csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape)
    if hasattr(structure, "detach"):
        structure = structure.detach().cpu().numpy()
    mask = sparse.csr_array(structure if sparse.issparse(structure) else np.atleast_2d(structure))
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1]:
        raise GraphError(
            f"a mask of shape {mask.shape}; give a square one, for example one gate's rows of a hidden-to-hidden mask"
        )
    return sparse.csr_array((mask.T != 0).astype(float))


def _dense(matrix: sparse.csr_array) -> bool:
    """Whether products are faster with dense matrices; their float32 counts exactly up to 2**24."""
    return matrix.nnz > 0.05 * matrix.shape[0] ** 2


def closed(a: sparse.csr_array, b: sparse.csr_array, c: sparse.csr_array) -> np.ndarray:
    """Walks of three edges back to their start, one edge of each matrix: how many from each node."""
    if _dense(a):
        first, second, third = (x.toarray().astype(np.float32) for x in (a, b, c))
        return np.einsum("ij,ji->i", first @ second, third, dtype=float)
    return (a @ b).multiply(c.T).sum(axis=1)


def _moduli(block: sparse.csr_array) -> np.ndarray:
    """The two largest moduli of eigenvalues of a strongly connected mask of two or more nodes."""
    n = block.shape[0]
    symmetric = (block != block.T).nnz == 0
    if n > DENSE_NODES:
        rows = block.sum(axis=1)
        if rows.min() == rows.max() and _period(block) > 1:
            # All rows sum to the largest eigenvalue (Perron and Frobenius), which comes once for each phase.
            return rows[:2]
        options = {"v0": np.ones(n), "return_eigenvectors": False, "maxiter": 100 * n}
        try:
            # More than two, so that the second is not missed among many of nearly its modulus.
            found = eigsh(block, 4, **options) if symmetric else eigs(block, 8, ncv=80, **options)
            return np.sort(np.abs(found))[::-1][:2]
        except ArpackNoConvergence:
            pass
    dense = block.toarray()
    return np.sort(np.abs(np.linalg.eigvalsh(dense) if symmetric else np.linalg.eigvals(dense)))[::-1][:2]


def _period(block: sparse.csr_array) -> int:
    """Greatest common divisor of the lengths of all cycles of a strongly connected mask."""
    order, before = breadth_first_order(block, 0)
    level = np.zeros(block.shape[0], dtype=int)
    for node in order[1:]:
        level[node] = level[before[node]] + 1
    source, target = block.nonzero()
    return gcd(*np.unique(np.abs(level[source] + 1 - level[target])).tolist())
