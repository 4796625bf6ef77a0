"""The recurrent core on a CPU in float32: all steps of all cells of all networks in one compiled call.

A network is small matrices and many steps: what a framework spends between its operations would cost more than they.
"""

from collections.abc import Callable

import numba
import numpy as np
from numba import types
from numba.extending import intrinsic

TANH, RELU, GRU, LSTM = range(4)
KEPT = (1, 1, 5, 6)
"""Values that a unit keeps of a step for the way back: its state; GRU: W_n h + b_n, r, z, n; LSTM: c, i, f, g, o."""

GIVEN = -1
"""The source of a cell that reads what the network is given, not another cell's states."""


# No fast mathematics: which sums are fused would depend on what a function was compiled together with, and that differs
# between code just compiled and code read from numba's cache; and a diverged network would not show.
# All compiled code in one module: numba would not notice a change in another file that it has compiled in.
def compiled(function: Callable) -> Callable:
    """The function, compiled; kept in numba's cache where there is a place for one."""
    try:
        return numba.njit(cache=True, error_model="numpy")(function)
    except RuntimeError:  # no folder that can be written, as in a container
        return numba.njit(error_model="numpy")(function)


W_IH, W_HH, B_IH, B_HH = range(4)
_PLACES = [(name, np.int64) for name in ("nodes", "inputs", "source", "out", "first", "apart")]
CELL = np.dtype([*_PLACES, ("parts", np.int64, (4, 4))])
"""Where a cell finds what it needs; the core takes an array of these, in the order of computation.

`source` and `out` are rows of the core's buffer, or `GIVEN`. A stage's stacked matrices and biases have their rows by
gate, cell, node: `first` is the cell's first row within a gate, `apart` the rows of a gate. `parts` says of each, W_IH
to B_HH: its start in a network's flat weights, its width, and the cell's first column in it and number of columns.
"""

_number = types.CPointer(types.float32)
_gemm = types.ExternalFunction(  # numba's own entrance to SciPy's BLAS, which np.dot takes; but np.dot cannot add
    "numba_xxgemm",
    types.intc(
        types.char,
        types.char,
        types.char,
        types.intp,
        types.intp,
        types.intp,
        _number,
        _number,
        types.intp,
        _number,
        types.intp,
        _number,
        _number,
        types.intp,
    ),
)
_ONE = np.ones(1, np.float32)
_LEAST, _MOST = np.float32(-7.90531110763549805), np.float32(7.90531110763549805)
_S, PLAIN, TRANSPOSED = ord("s"), ord("n"), ord("t")


@compiled
def multiply(a, b, out, left=PLAIN, right=PLAIN):
    """out += a b, either of them `TRANSPOSED` where told so."""
    (m, n), k, one = out.shape, b.shape[1] if right == TRANSPOSED else b.shape[0], _ONE.ctypes
    # BLAS counts by columns: it is given out' = b' a'.
    _gemm(_S, right, left, n, m, k, one, b.ctypes, b.shape[1], a.ctypes, a.shape[1], one, out.ctypes, n)


@intrinsic
def fma(typing_context, a, b, c):
    """A b + c, rounded once: said here, since the compiler's own choice would differ from place to place."""
    return types.float32(types.float32, types.float32, types.float32), lambda _, builder, __, args: builder.fma(*args)


@compiled
def tanh(x):
    """Rational approximation of Eigen (``generic_fast_tanh_float``), right to some units in the last place."""
    x = _LEAST if x < _LEAST else x
    x = _MOST if x > _MOST else x
    y = x * x
    p = fma(np.float32(-2.76076847742355e-16), y, np.float32(2.00018790482477e-13))
    p = fma(p, y, np.float32(-8.60467152213735e-11))
    p = fma(p, y, np.float32(5.12229709037114e-08))
    p = fma(p, y, np.float32(1.48572235717979e-05))
    p = fma(p, y, np.float32(6.37261928875436e-04))
    p = fma(p, y, np.float32(4.89352455891786e-03))
    q = fma(np.float32(1.19825839466702e-06), y, np.float32(1.18534705686654e-04))
    q = fma(q, y, np.float32(2.26843463243900e-03))
    q = fma(q, y, np.float32(4.89352518554385e-03))
    return x * p / q


@compiled
def sigmoid(x):
    return fma(np.float32(0.5), tanh(np.float32(0.5) * x), np.float32(0.5))


# Loops over flat arrays, few in each, so that the compiler can show them disjoint and use vector instructions.


@compiled
def tanh_(x):
    for k in range(x.size):
        x[k] = tanh(x[k])


@compiled
def sigmoid_(x):
    for k in range(x.size):
        x[k] = sigmoid(x[k])


@compiled
def add(x, y):
    for k in range(x.size):
        x[k] += y[k]


@compiled
def state(variant, kept, past, first, bias_hh, w_hh, n):
    """One step of a cell: what it keeps, from the input products that lie in its gates and its past, 0 at the first."""
    size = n * kept.shape[1]
    gates = kept[KEPT[variant] * n - w_hh.shape[0] :]
    flat = kept.ravel()
    h = flat[:size]
    if variant == GRU:
        inner = kept[n : 2 * n]
        for i in range(n):
            inner[i] = bias_hh[2 * n + i]
        if not first:
            multiply(w_hh[: 2 * n], past[:n], gates[: 2 * n])
            multiply(w_hh[2 * n :], past[:n], inner)
        values = kept.reshape(5, size)
        m, r, z, new = values[1], values[2], values[3], values[4]
        sigmoid_(flat[2 * size : 4 * size])
        for k in range(size):
            new[k] = tanh(new[k] + r[k] * m[k])
        before = past[:n].ravel()
        for k in range(size):
            h[k] = new[k] + z[k] * (before[k] - new[k])
        return
    if not first:
        multiply(w_hh, past[:n], gates)
    if variant == LSTM:
        sigmoid_(flat[2 * size : 4 * size])
        tanh_(flat[4 * size : 5 * size])
        sigmoid_(flat[5 * size :])
        values = kept.reshape(6, size)
        c, i, f, g, o = values[1], values[2], values[3], values[4], values[5]
        before = past[n:].ravel()
        for k in range(size):
            c[k] = i[k] * g[k] + f[k] * before[k]
        for k in range(size):
            h[k] = o[k] * tanh(c[k])
    elif variant == TANH:
        tanh_(h)
    else:
        for k in range(size):
            h[k] = np.float32(0) if h[k] < np.float32(0) else h[k]


@compiled
def derive(variant, kept, past, dh, dc, d, d_inner, n):
    """The way back through one step: from d loss / d state to the gradient of its gates' sums, and of the past state.

    After it, `dh` holds what reaches the past state beside the weights, and `dc` the gradient of the past cell state.
    """
    one, nought = np.float32(1), np.float32(0)
    size = dh.size
    flat, dz, e = kept.ravel(), d.ravel(), dh.ravel()
    h = flat[:size]
    if variant == TANH:
        for k in range(size):
            dz[k] = e[k] * (one - h[k] * h[k])
        e[:] = nought
    elif variant == RELU:
        for k in range(size):
            dz[k] = nought if h[k] <= nought else e[k]
        e[:] = nought
    elif variant == LSTM:
        values = kept.reshape(6, size)
        c, i, f, g, o = values[1], values[2], values[3], values[4], values[5]
        di, df, dg, do = dz[:size], dz[size : 2 * size], dz[2 * size : 3 * size], dz[3 * size :]
        u = dc.ravel()
        for k in range(size):
            s = tanh(c[k])
            do[k] = e[k] * s * o[k] * (one - o[k])
            u[k] += e[k] * o[k] * (one - s * s)
        for k in range(size):
            di[k] = u[k] * g[k] * i[k] * (one - i[k])
            dg[k] = u[k] * i[k] * (one - g[k] * g[k])
        before = past[n : 2 * n].ravel()
        for k in range(size):
            df[k] = u[k] * before[k] * f[k] * (one - f[k])
        for k in range(size):
            u[k] *= f[k]
        e[:] = nought
    else:
        values = kept.reshape(5, size)
        m, r, z, new = values[1], values[2], values[3], values[4]
        dr, du, dn, dm = dz[:size], dz[size : 2 * size], dz[2 * size :], d_inner.ravel()
        before = past[:n].ravel()
        for k in range(size):
            du[k] = e[k] * (before[k] - new[k]) * z[k] * (one - z[k])
        for k in range(size):
            dn[k] = e[k] * (one - z[k]) * (one - new[k] * new[k])
        for k in range(size):
            dr[k] = dn[k] * m[k] * r[k] * (one - r[k])
            dm[k] = dn[k] * r[k]
        for k in range(size):
            e[k] *= z[k]


@compiled
def _part(flat, cell, gates, which):
    """A cell's part of one of its stage's matrices, as it lies there: (gates, nodes, columns)."""
    start, width, column, columns = cell.parts[which]
    stacked = flat[start : start + gates * cell.apart * width].reshape(gates, cell.apart, width)
    return stacked[:, cell.first : cell.first + cell.nodes, column : column + columns]


@compiled
def _existing(values, exists, out):
    """Into `out` the values that exist, elsewhere 0; all of three axes."""
    for g in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                out[g, i, j] = values[g, i, j] if exists[g, i, j] else np.float32(0)


@compiled
def _own(flat, mask, cell, gates, which):
    """A cell's part by itself, (gates * nodes, columns); what the mask removes is 0."""
    part = _part(flat, cell, gates, which)
    own = np.empty(part.shape, np.float32)
    _existing(part, _part(mask, cell, gates, which), own)
    return own.reshape(gates * cell.nodes, part.shape[2])


@compiled
def _put(flat, mask, cell, gates, which, gradient):
    """The way back from `_own`."""
    part = _part(flat, cell, gates, which)
    _existing(gradient.reshape(part.shape), _part(mask, cell, gates, which), part)


@compiled
def _shaped(flat, rows, columns):
    return flat[: rows * columns].reshape(rows, columns)


@compiled
def _past(own, t, height, carried, batch, out):
    """What the step before left, in the columns of step t; one that begins now gets it from where it parts."""
    before, columns = batch.live[t - 1], batch.live[t]
    past = _shaped(own[(t - 1) % len(own)], height, before)[:carried]
    if columns == before:
        return past
    spread = _shaped(out, carried, columns)
    for i in range(carried):
        spread[i, :before] = past[i]
        for j in range(before, columns):
            spread[i, j] = past[i, batch.parent[j]]
    return spread


@compiled
def _embedding(flat, start, width, tokens):
    """Embeddings, (tokens, width), of some tokens, ascending; all embeddings begin at `start` of the flat weights."""
    return flat[start : start + (tokens[-1] + 1) * width].reshape(-1, width)[tokens]


@compiled
def forward(variant, gates, flat, mask, cells, start, batch, buffer, kept, read):
    """The states of all stages; each network is computed by itself: alone or among others its bits are the same.

    A step's arrays are (units, columns): a unit's states for the whole batch lie side by side. Sequences share a column
    up to where they part, so early steps are narrow, and lie in the first part of a step's memory.

    Parameters
    ----------
    flat, mask : float32 and bool arrays, shape (networks, weights)
    cells : array of `CELL`
    start : int
        Where the embedding begins in the flat weights.
    batch : sparsekit.networks.prefixes.Batch
    buffer : float32 array, shape (networks, steps, rows * columns)
        Is filled, a row a node.
    kept : float32 array, shape (networks, slots * values * columns)
        What cells keep of each step, `values` in all: a slot for each step if there is to be a way back, else two.
    read : float32 array, shape (networks, width, sequences)
        Is filled with the last rows where sequences are read.
    """
    networks, steps, _ = buffer.shape
    widest = len(batch.column)
    rows, height = buffer.shape[2] // widest, batch.given.shape[1] // widest
    full, slots = batch.live[0] == widest, kept.shape[1] // (KEPT[variant] * cells["nodes"].sum() * widest)
    full_buffer = buffer.reshape(networks, steps, rows, widest)
    full_given = batch.given.reshape(steps, height, widest)
    for k in range(networks):
        at = 0
        for p in range(len(cells)):
            cell = cells[p]
            n, inputs, source, out = cell.nodes, cell.inputs, cell.source, cell.out
            w_ih, w_hh = _own(flat[k], mask[k], cell, gates, W_IH), _own(flat[k], mask[k], cell, gates, W_HH)
            b_ih, b_hh = _own(flat[k], mask[k], cell, gates, B_IH), _own(flat[k], mask[k], cell, gates, B_HH)
            if source == GIVEN and len(batch.tokens):
                # What a token adds to the gates is the same wherever it stands.
                table = np.zeros((gates * n, height), np.float32)
                multiply(w_ih, _embedding(flat[k], start, inputs, batch.tokens), table, right=TRANSPOSED)
                w_ih = table
            bias, shared = b_ih.copy(), (2 * n if variant == GRU else gates * n)
            bias[:shared] += b_hh[:shared]
            values, carried = KEPT[variant] * n, (2 * n if variant == LSTM else n)
            own = kept[k, at : at + slots * values * widest].reshape(slots, values * widest)
            at += own.size
            scratch, nothing = np.empty(carried * widest, np.float32), np.zeros((carried, widest), np.float32)
            full_own = own.reshape(slots, values, widest)
            for t in range(steps):
                if full:  # a part of an array costs less than a reshaped one, and small cells have much of that
                    now, states, x = full_own[t % slots], full_buffer[k, t], full_given[t]
                    past = full_own[(t - 1) % slots, :carried] if t else nothing
                else:
                    columns = batch.live[t]
                    now, states = _shaped(own[t % slots], values, columns), _shaped(buffer[k, t], rows, columns)
                    x = _shaped(batch.given[t], height, columns)
                    past = _past(own, t, values, carried, batch, scratch) if t else nothing
                gate = now[values - gates * n :]
                for i in range(gates * n):
                    gate[i] = bias[i, 0]
                multiply(w_ih, x if source == GIVEN else states[source : source + inputs], gate)
                state(variant, now, past, t == 0, b_hh[:, 0], w_hh, n)
                if cell.first:
                    add(states[out : out + n].ravel(), now[:n].ravel())
                else:
                    states[out : out + n] = now[:n]
        width = read.shape[1]
        for b in range(widest):
            t = batch.positions[b]
            read[k, :, b] = _shaped(buffer[k, t], rows, batch.live[t])[rows - width :, batch.column[b]]


@compiled
def backward(variant, gates, flat, mask, cells, start, batch, buffer, kept, d_read, d_flat):
    """Gradients of the weights into `d_flat` (networks, weights), 0 before; the others are as in `forward`.

    Of sequences that each have a column of their own at every step.
    """
    networks, steps, _ = buffer.shape
    columns = len(batch.column)
    rows, height = buffer.shape[2] // columns, batch.given.shape[1] // columns
    given, ones = batch.given.reshape(steps, height, columns), np.ones((columns, 1), np.float32)
    for k in range(networks):
        states, d_states = buffer[k].reshape(steps, rows, columns), np.zeros((steps, rows, columns), np.float32)
        width = d_read.shape[1]
        for b in range(columns):
            d_states[batch.positions[b], rows - width :, b] = d_read[k, :, b]
        at = kept.shape[1]
        for p in range(len(cells) - 1, -1, -1):
            cell = cells[p]
            n, inputs, source, out = cell.nodes, cell.inputs, cell.source, cell.out
            w_ih, w_hh = _own(flat[k], mask[k], cell, gates, W_IH), _own(flat[k], mask[k], cell, gates, W_HH)
            values, nothing = KEPT[variant] * n, np.zeros((2 * n, columns), np.float32)
            at -= steps * values * columns
            own = kept[k, at : at + steps * values * columns].reshape(steps, values, columns)
            d_x = np.zeros((gates * n, height if source == GIVEN else inputs), np.float32)
            d_hh = np.zeros(w_hh.shape, np.float32)
            d_bias, d_bias_inner = np.zeros((gates * n, 1), np.float32), np.zeros((n, 1), np.float32)
            dh, dc = np.zeros((n, columns), np.float32), np.zeros((n, columns), np.float32)
            d, d_inner = np.empty((gates * n, columns), np.float32), np.empty((n, columns), np.float32)
            for t in range(steps - 1, -1, -1):
                past = own[t - 1] if t else nothing
                add(dh.ravel(), d_states[t, out : out + n].ravel())
                derive(variant, own[t], past, dh, dc, d, d_inner, n)
                multiply(d, ones, d_bias)
                multiply(d, given[t] if source == GIVEN else states[t, source : source + inputs], d_x, right=TRANSPOSED)
                if source != GIVEN:
                    multiply(w_ih, d, d_states[t, source : source + inputs], left=TRANSPOSED)
                if variant == GRU:
                    multiply(d_inner, ones, d_bias_inner)
                if t == 0:
                    continue
                if variant == GRU:
                    multiply(d[: 2 * n], past[:n], d_hh[: 2 * n], right=TRANSPOSED)
                    multiply(d_inner, past[:n], d_hh[2 * n :], right=TRANSPOSED)
                    multiply(w_hh[: 2 * n], d[: 2 * n], dh, left=TRANSPOSED)
                    multiply(w_hh[2 * n :], d_inner, dh, left=TRANSPOSED)
                else:
                    multiply(d, past[:n], d_hh, right=TRANSPOSED)
                    multiply(w_hh, d, dh, left=TRANSPOSED)
            d_ih = d_x
            if source == GIVEN and len(batch.tokens):
                d_ih, d_rows = np.zeros(w_ih.shape, np.float32), np.zeros((height, inputs), np.float32)
                multiply(d_x, _embedding(flat[k], start, inputs, batch.tokens), d_ih)
                multiply(d_x, w_ih, d_rows, left=TRANSPOSED)
                for j in range(height):
                    place = start + batch.tokens[j] * inputs
                    d_flat[k, place : place + inputs] += d_rows[j]
            _put(d_flat[k], mask[k], cell, gates, W_IH, d_ih)
            _put(d_flat[k], mask[k], cell, gates, W_HH, d_hh)
            _put(d_flat[k], mask[k], cell, gates, B_IH, d_bias)
            if variant == GRU:
                d_bias[2 * n :] = d_bias_inner
            _put(d_flat[k], mask[k], cell, gates, B_HH, d_bias)
