"""The sequences of a batch as columns of the core's matrices: each its own, or one for all that begin alike.

What a network makes of a beginning does not depend on what follows: where no gradient is wanted, it is computed once.
"""

from typing import NamedTuple

import numpy as np

from sparsekit.networks.kernels import compiled


class Batch(NamedTuple):
    """Sequences as the core computes them; steps differ in width, so each step's rows lie in the first part of a row.

    `tokens`, (symbols,): those that occur; none where features are read. `given`, (steps, height * batch): 1 where a
    token stands and 0 elsewhere, or features. `live`, (steps,): columns at each step. `parent`, (batch,): the column
    that holds a column's past at the step at which it begins. `column` and `positions`, (batch,): where and at which
    step each sequence is read.
    """

    tokens: np.ndarray
    given: np.ndarray
    live: np.ndarray
    parent: np.ndarray
    column: np.ndarray
    positions: np.ndarray


@compiled
def apart(tokens, symbols, positions):
    """Sequences of tokens, each with a column of its own from the first step on; as `share`, which narrows it."""
    steps, count = tokens.shape
    own, live = np.arange(count), np.full(steps, count)
    return Batch(symbols, _marks(tokens, symbols, live, own), live, own, own, positions)


@compiled
def share(tokens, symbols, positions):
    """Sequences as a tree: each has a column of its own from the step on at which it parts from all before it.

    `tokens` is (steps, sequences), `symbols` those that occur. `positions`, (sequences,), is the step at which each is
    read: by then it has a column, even where another is equal to it. All are int64.
    """
    steps, count = tokens.shape
    # The tree's nodes: the first that follows, the next that follows the same, its token, the sequence that made it.
    first, following = np.full(steps * count + 1, -1), np.full(steps * count + 1, -1)
    token, owner = np.empty(steps * count + 1, np.int64), np.empty(steps * count + 1, np.int64)
    made = 1
    since, source = np.empty(count, np.int64), np.empty(count, np.int64)
    for b in range(count):
        node, own = 0, False
        for t in range(steps):
            follower = first[node]
            while follower >= 0 and token[follower] != tokens[t, b]:
                follower = following[follower]
            if not own and (follower < 0 or t == positions[b]):
                own, since[b] = True, t
                source[b] = owner[node] if t else b
            if follower < 0:
                follower, made = made, made + 1
                token[follower], owner[follower] = tokens[t, b], b
                first[node], following[follower] = follower, first[node]
            node = follower
    order = np.argsort(since, kind="mergesort")  # which keeps equals in order
    column, parent, live = np.empty(count, np.int64), np.empty(count, np.int64), np.zeros(steps, np.int64)
    for j in range(count):
        column[order[j]] = j
        live[since[order[j]] :] += 1
    for b in range(count):
        parent[column[b]] = column[source[b]]
    return Batch(symbols, _marks(tokens, symbols, live, column), live, parent, column, positions)


@compiled
def _marks(tokens, symbols, live, column):
    """`Batch.given` of tokens."""
    steps, count = tokens.shape
    place = np.empty(symbols.max() + 1, np.int64)
    for j in range(len(symbols)):
        place[symbols[j]] = j
    given = np.zeros((steps, len(symbols) * count), np.float32)
    for t in range(steps):
        now = given[t, : len(symbols) * live[t]].reshape(len(symbols), live[t])
        for b in range(count):
            if column[b] < live[t]:
                now[place[tokens[t, b]], column[b]] = np.float32(1)
    return given
