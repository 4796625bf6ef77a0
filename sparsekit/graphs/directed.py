"""What properties of a recurrent graph or mask share: its links as a matrix, its components and its spectrum."""

from collections.abc import Callable, Iterable
from functools import cached_property

import networkx as nx
import numpy as np
import rustworkx as rx
from scipy import sparse
from scipy.sparse.csgraph import connected_components, laplacian
from scipy.sparse.linalg import ArpackNoConvergence, eigs, eigsh

from sparsekit.graphs import structure as graphs
from sparsekit.graphs.structure import GraphError
from sparsekit.registry import Registry, measured

# rustworkx adds up shares of its threads in any order; one thread gives the same bits every time.
ONE_THREAD = {"parallel_threshold": 2**62}
# Up to here all eigenvalues are computed; above, only the largest, from a fixed start.
DENSE_NODES = 400


class Links:
    """What several properties of a structure share, each of them computed once and only when asked for.

    An undirected graph may come with its directions, where they are not those of node order. In `matrix` a 1 is an edge
    from the row's node to the column's; an undirected edge leads both ways. `plain` has none from a node to itself.
    """

    def __init__(self, structure, oriented: nx.DiGraph | None = None):
        self.structure, self.oriented, self.matrix = structure, oriented, _matrix(structure)
        self.plain = self.matrix - sparse.diags_array(self.matrix.diagonal(), format="csr")
        self.plain.eliminate_zeros()
        self.n, self.m = self.matrix.shape[0], self.matrix.nnz

    either = cached_property(lambda self: self.plain.maximum(self.plain.T).tocsr())  # joined in either direction
    mutual = cached_property(lambda self: self.plain.multiply(self.plain.T))  # joined in both
    triangles = cached_property(lambda self: closed(self.either))  # twice as many as there are at each node
    out_degree = cached_property(lambda self: self.matrix.sum(axis=1))
    in_degree = cached_property(lambda self: self.matrix.sum(axis=0))
    component = cached_property(lambda self: connected_components(self.plain, connection="strong")[1])

    @cached_property
    def mean_distance(self) -> float:
        """Edges on a shortest path, directions left out, over all pairs of nodes of a connected structure."""
        if _dense(self.either):
            # The mean of a count is the sum, over steps, of the share that is not there yet.
            step, reached, total = self.either.toarray().astype(np.float32), np.eye(self.n, dtype=np.float32), 0
            while not reached.all():
                total += (reached == 0).sum()
                reached = np.minimum(reached @ step + reached, 1)
            return total / (self.n * (self.n - 1))
        graph = rx.PyGraph()
        graph.extend_from_edge_list(list(map(tuple, np.argwhere(sparse.triu(self.either)).tolist())))
        return rx.graph_unweighted_average_shortest_path_length(graph, **ONE_THREAD)

    @cached_property
    def moduli(self) -> np.ndarray:
        """The two largest moduli of eigenvalues; exact 0 for an acyclic mask, where those of the whole are noise."""
        sizes = np.bincount(self.component)
        # The mask is block triangular in its strongly connected components.
        found = [self.matrix.diagonal()[sizes[self.component] == 1]]
        for number in np.flatnonzero(sizes > 1):
            members = np.flatnonzero(self.component == number)
            found.append(_moduli(self.matrix[members][:, members]))
        return np.sort(np.concatenate(found))[::-1][:2]


def _matrix(structure) -> sparse.csr_array:
    if isinstance(structure, nx.Graph):
        if structure.is_multigraph():
            raise GraphError("several edges between the same two nodes; make it simple: networkx.DiGraph(graph)")
        if not len(structure):
            raise GraphError("no nodes; properties need at least one")
        return nx.to_scipy_sparse_array(structure, dtype=float, weight=None)
    if hasattr(structure, "detach"):
        structure = structure.detach().cpu().numpy()
    mask = sparse.csr_array(structure if sparse.issparse(structure) else np.atleast_2d(structure))
    if mask.ndim != 2 or mask.shape[0] != mask.shape[1] or not mask.shape[0]:
        raise GraphError(f"a mask of shape {mask.shape}; give a square one, n × n with n > 0, such as one gate's rows")
    return sparse.csr_array((mask.T != 0).astype(float))


def _dense(matrix: sparse.csr_array) -> bool:
    """Whether products are faster with dense matrices; their float32 counts exactly up to 2**24."""
    return matrix.nnz > 0.05 * matrix.shape[0] ** 2


def sample_variance(values: np.ndarray) -> float:
    """Sample variance; nan of one value."""
    return values.var(ddof=1) if len(values) > 1 else np.nan


def closed(matrix: sparse.csr_array) -> np.ndarray:
    """Walks of three edges back to their start: how many from each node."""
    if _dense(matrix):
        dense = matrix.toarray().astype(np.float32)
        return np.einsum("ij,ji->i", dense @ dense, dense, dtype=float)
    return (matrix @ matrix).multiply(matrix.T).sum(axis=1)


def _moduli(block: sparse.csr_array) -> np.ndarray:
    """The two largest moduli of eigenvalues of a strongly connected mask of two or more nodes."""
    n = block.shape[0]
    symmetric = (block != block.T).nnz == 0
    if n > DENSE_NODES:
        rows = block.sum(axis=1)
        if rows.min() == rows.max() and not nx.is_aperiodic(nx.from_scipy_sparse_array(block, create_using=nx.DiGraph)):
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


DIRECTED = Registry("directed property")
MORE = Registry("further graph property")


def _both(function: Callable[[Links], float]) -> Callable[[Links], float]:
    """Register a property that directed and undirected structures have."""
    return MORE.register(DIRECTED.register(function))


define = DIRECTED.define
define("directed_edges", "Edges, each direction and each loop counted.", lambda links: links.m)
define("mask_density", "Share of the n² recurrent weights that exist.", lambda links: links.m / links.n**2)
define("self_loops", "Edges from a node to itself.", lambda links: links.matrix.diagonal().sum())
define("in_degree_var", "Sample variance of the edges into a node.", lambda links: sample_variance(links.in_degree))
define("out_degree_var", "Sample variance of the edges out of a node.", lambda links: sample_variance(links.out_degree))


@_both
def degree_inequality(links: Links) -> float:
    """Gini coefficient of the degrees, in and out together: 0 where all are equal; nan without edges."""
    degrees = np.sort(links.in_degree + links.out_degree)
    ranks = 2 * np.arange(1, links.n + 1) - links.n - 1
    return ranks @ degrees / (links.n * degrees.sum()) if links.m else np.nan


@_both
def degree_assortativity(links: Links) -> float:
    """Correlation over edges of the source's out-degree with the target's in-degree; nan where either is constant.

    M. E. J. Newman, "Mixing patterns in networks" (2003); networkx's default for directed graphs.
    """
    source, target = links.matrix.nonzero()
    ends = links.out_degree[source], links.in_degree[target]
    if any(np.ptp(degrees) == 0 for degrees in ends if len(degrees)) or not links.m:
        return np.nan
    return np.corrcoef(*ends)[0, 1]


@_both
def average_clustering(links: Links) -> float:
    """Mean over nodes of the share of possible triangles around a node that exist, of whatever directions.

    G. Fagiolo, "Clustering in complex directed networks" (2007); for undirected graphs the usual coefficient. A node
    without possible triangles counts as 0, as in networkx.
    """
    around = (links.plain + links.plain.T).tocsr()
    degree = around.sum(axis=1)
    possible = degree * (degree - 1) - 2 * links.mutual.sum(axis=1)
    return np.mean(closed(around) / 2 / np.where(possible > 0, possible, 1))


@_both
def transitivity(links: Links) -> float:
    """Share of the pairs of edges with a common end that a third edge closes, directions left out; 0 without pairs."""
    degree = links.either.sum(axis=1)
    return links.triangles.sum() / max((degree * (degree - 1)).sum(), 1)


@_both
def modularity(links: Links) -> float:
    """Newman's modularity of the communities that one seeded Louvain run finds, directions left out; nan without edges.

    V. D. Blondel et al., "Fast unfolding of communities in large networks" (2008), by networkx. A lower bound of the
    largest modularity; the order of nodes can change it a little.
    """
    if not links.either.nnz:
        return np.nan
    graph = nx.from_scipy_sparse_array(links.either)
    return nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=0))


@_both
def small_worldness(links: Links) -> float:
    """Clustering over mean distance, each relative to a random graph of as many nodes and edges, directions left out.

    M. D. Humphries and K. Gurney, "Network 'small-world-ness'" (2008), with expectations for random graphs in place of
    samples: clustering k / (n - 1), and distance (ln n - 0.5772) / ln k + 1/2 of A. Fronczak, P. Fronczak and
    J. A. Hołyst, "Average path length in random networks" (2004). nan where these do not hold: where a node cannot be
    reached, or the mean degree k is at most 2, as in a tree or a ring.
    """
    mean_degree = links.either.nnz / links.n
    if mean_degree <= 2 or connected_components(links.either)[0] > 1:
        return np.nan
    degree = links.either.sum(axis=1)
    clustering = np.mean(links.triangles / np.maximum(degree * (degree - 1), 1))
    expected = (np.log(links.n) - np.euler_gamma) / np.log(mean_degree) + 0.5
    return clustering * (links.n - 1) / mean_degree * expected / links.mean_distance


@DIRECTED.register
def reciprocity(links: Links) -> float:
    """Share of the edges between two nodes whose reverse exists too; nan where there are none."""
    return links.mutual.nnz / links.plain.nnz if links.plain.nnz else np.nan


define("cycles_of_two", "Pairs of nodes with edges both ways.", lambda links: links.mutual.nnz / 2)
define("cycles_of_three", "Directed cycles through three nodes.", lambda links: closed(links.plain).sum() / 3)
define("strong_components", "Strongly connected components.", lambda links: links.component.max() + 1)
define("largest_strong_component", "Its share of nodes.", lambda links: np.bincount(links.component).max() / links.n)


@DIRECTED.register
def longest_path(links: Links) -> float:
    """Edges on the longest path once each strongly connected component is one node; for an acyclic graph, of it."""
    ends = links.component[np.array(links.plain.nonzero())]
    ends = np.unique(ends[:, ends[0] != ends[1]], axis=1)
    condensed = rx.PyDiGraph()
    condensed.extend_from_edge_list(list(map(tuple, ends.T.tolist())))
    return rx.dag_longest_path_length(condensed)


_both(define("spectral_radius", "Largest modulus of an eigenvalue, loops included.", lambda links: links.moduli[0]))


@DIRECTED.register
def spectral_gap(links: Links) -> float:
    """Difference of the two largest moduli of eigenvalues, |λ₁| - |λ₂|; nan for one node.

    How soon a linear state forgets all but one direction. 0 where all edges lead both ways between two sets of nodes.
    """
    return links.moduli[0] - links.moduli[1] if links.n > 1 else np.nan


@MORE.register
def algebraic_connectivity(links: Links) -> float:
    """Second smallest eigenvalue of the Laplacian, 0 where a node cannot be reached; nan for one node.

    M. Fiedler, "Algebraic connectivity of graphs" (1973): an undirected graph's spectral gap, of trees too.
    """
    if links.n < 2:
        return np.nan
    matrix = laplacian(links.either)
    if links.n <= DENSE_NODES:
        return np.linalg.eigvalsh(matrix.toarray())[1].clip(0)
    start = np.random.default_rng(0).random(links.n)
    return np.sort(eigsh(matrix.tocsc(), 2, sigma=-1e-3, v0=start, return_eigenvectors=False))[1].clip(0)


@MORE.register
def skip_edges(links: Links) -> float:
    """Share of the oriented graph's edges that skip a layer, and so need a cell of their own."""
    layers = graphs.layers(links.oriented or links.structure)
    layer = {node: k for k, nodes in enumerate(layers) for node in nodes}
    return np.mean([abs(layer[u] - layer[v]) > 1 for u, v in links.structure.edges])


DIRECTED_NAMES = tuple(DIRECTED)
MORE_NAMES = tuple(MORE)


def measure_directed(structure, names: Iterable[str] | None = None) -> dict[str, float]:
    """Properties of a recurrent graph or of one gate's hidden-to-hidden mask; cycles, loops and parts are allowed.

    Parameters
    ----------
    structure : networkx.DiGraph, networkx.Graph, or matrix, shape (n, n)
        An undirected edge counts both ways. In an array, tensor or sparse matrix, a nonzero at [i, j] is an edge from
        j to i, as in a recurrent weight matrix.
    names : iterable of str, optional
        Which of `DIRECTED`; all by default.

    Raises
    ------
    GraphError, UnknownName
        For a multigraph, a matrix that is not square, or no nodes; where no property has a given name.

    Examples
    --------
    >>> measure_directed(nx.DiGraph([(0, 1), (1, 0), (1, 2)]), ["cycles_of_two", "longest_path"])
    {'cycles_of_two': 1.0, 'longest_path': 1.0}
    """
    return measured(DIRECTED, Links(structure), names)


def measure_more(
    graph: nx.Graph, names: Iterable[str] | None = None, oriented: nx.DiGraph | None = None
) -> dict[str, float]:
    """Further properties of a graph, by the names of `MORE`; takes and refuses what `measure` does.

    Its longest path is not among them: it is the published ``layers`` less 1.

    Examples
    --------
    >>> measure_more(nx.complete_graph(4), ["average_clustering", "spectral_radius", "skip_edges"])
    {'average_clustering': 1.0, 'spectral_radius': 3.0, 'skip_edges': 0.5}
    """
    graphs.check(graph)
    return measured(MORE, Links(graph, oriented), names)
