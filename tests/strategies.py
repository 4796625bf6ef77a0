"""What hypothesis draws in more than one test module."""

import networkx as nx
from hypothesis import strategies as st


@st.composite
def connected(draw, most=14):
    """A connected graph of 2 … most nodes, whose nodes come in any order."""
    n = draw(st.integers(2, most))
    tree = [(draw(st.integers(0, v - 1)), v) for v in range(1, n)]
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] != e[1])
    graph = nx.Graph()
    graph.add_nodes_from(draw(st.permutations(range(n))))
    graph.add_edges_from(tree + draw(st.lists(pairs, max_size=3 * n)))
    return graph
