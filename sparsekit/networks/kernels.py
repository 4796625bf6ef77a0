"""The recurrent core on a CPU in float32: all steps of all cells of all networks in one compiled call.

A network is small matrices and many steps: what a framework spends between its operations would cost more than they.
"""

from collections.abc import Callable

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core.cgutils import get_or_insert_function
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


# Inference, by weights in a form that the processor likes. What no loop over single numbers would become is said in the
# compiler's own vectors, of which it makes whatever registers there are.

LANES = 16
"""Rows of a matrix that are computed side by side for one sequence; rows are filled up to a multiple of it."""
REACH = 32
"""Columns of a tile: so many states lie in two registers, where one permutation finds any 16 of them."""
BLOCK = 4 * LANES
"""Rows of a block of dense weights."""
WIDTHS = (16, 32)
"""Sequences that are computed side by side: one of these, or a multiple of the last."""
FEW = 4
"""Up to so many sequences are computed one by one."""
NONE, TOKENS, DENSE, SPARSE = range(4)
"""Forms of a matrix: of the products of a token nothing is left to do, they are looked up."""

FAST = np.dtype(
    [(name, np.int64) for name in ("nodes", "inputs", "source", "out", "adds", "bias", "inner")]
    + [("ih", np.int64, 4), ("hh", np.int64, 4)]
)
"""A cell for inference.

`source` and `out` are rows of all states, `GIVEN` what the network is given; `adds` says whether its states are added
to what is there. `bias` and `inner` (of a GRU's hidden gate) are places among the numbers. Of each matrix: its form,
and where its numbers, its columns and its starts begin.
"""

_F, _INT, _LONG = ir.FloatType(), ir.IntType(32), ir.IntType(64)


def _vector(n):
    return ir.VectorType(_F, n)


def _long(n):
    return ir.Constant(_LONG, n)


def _at(context, builder, kind, array, place):
    """Where the numbers of an array lie, from a place on."""
    return builder.gep(context.make_array(kind)(context, builder, array).data, [place])


def _whole(builder, pointer, n, kind=_F):
    """So many numbers at once, wherever they begin."""
    loaded = builder.load(builder.bitcast(pointer, ir.VectorType(kind, n).as_pointer()))
    loaded.align = 1
    return loaded


def _keep(builder, value, pointer):
    builder.store(value, builder.bitcast(pointer, value.type.as_pointer())).align = 1


def _alike(builder, number, n):
    """One number in every place."""
    nothing = ir.Constant(_vector(n), ir.Undefined)
    first = builder.insert_element(nothing, number, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, n), [0] * n))


def _add_product(builder, a, b, c):
    kind = ir.FunctionType(c.type, [c.type] * 3)
    return builder.call(get_or_insert_function(builder.module, kind, f"llvm.fma.v{c.type.count}f32"), [a, b, c])


def _loop(builder, start, end, step, carried, body):
    """``for k in range(start, end, step): carried = body(k, carried)``; gives the last k and what is carried then."""
    before = builder.block
    head, inside, after = (builder.append_basic_block() for _ in range(3))
    builder.branch(head)
    builder.position_at_end(head)
    phis = [builder.phi(value.type) for value in (start, *carried)]
    builder.cbranch(builder.icmp_signed("<", builder.add(phis[0], _long(step - 1)), end), inside, after)
    builder.position_at_end(inside)
    made = [builder.add(phis[0], _long(step)), *body(phis[0], phis[1:])]
    for phi, value, new in zip(phis, (start, *carried), made, strict=True):
        phi.add_incoming(value, before)
        phi.add_incoming(new, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return phis[0], phis[1:]


def _found(context, builder, states, places):
    """Of 32 states those at 16 places: by one permutation of two registers where there is one, else one by one."""
    if "+avx512f" in context.codegen().magic_tuple()[2]:
        low, high = (_whole(builder, builder.gep(states, [_long(at)]), LANES) for at in (0, LANES))
        kind = ir.FunctionType(low.type, [low.type, places.type, low.type])
        permute = get_or_insert_function(builder.module, kind, "llvm.x86.avx512.vpermi2var.ps.512")
        return builder.call(permute, [low, places, high])
    found = ir.Constant(_vector(LANES), ir.Undefined)
    for lane in (ir.Constant(_INT, k) for k in range(LANES)):
        place = builder.zext(builder.extract_element(places, lane), _LONG)
        found = builder.insert_element(found, builder.load(builder.gep(states, [place])), lane)
    return found


_n = types.int64


@intrinsic
def _tiles_row(typing_context, values, v, places, p, starts, s, groups, states, h, out, o):
    """``out[o : o + 16] += ``16 rows of weights, in so many tiles, times the states from h on."""
    kinds = values, _n, places, _n, starts, _n, _n, states, _n, out, _n

    def generate(context, builder, signature, args):
        pointers = [_at(context, builder, kinds[k], args[k], args[k + 1]) for k in (0, 2, 4, 7, 9)]
        value, place, start, state, sums = pointers

        def tile(g, totals):
            own = builder.gep(state, [builder.mul(g, _long(REACH))])
            ends = [builder.sext(builder.load(builder.gep(start, [builder.add(g, _long(j))])), _LONG) for j in (0, 1)]

            def slots(k, totals):
                made = []
                for j, total in enumerate(totals):
                    at = builder.mul(builder.add(k, _long(j)), _long(LANES))
                    byte = _whole(builder, builder.gep(place, [at]), LANES, ir.IntType(8))
                    read = _found(context, builder, own, builder.zext(byte, ir.VectorType(_INT, LANES)))
                    made.append(_add_product(builder, _whole(builder, builder.gep(value, [at]), LANES), read, total))
                return made

            return _loop(builder, *ends, 2, totals, slots)[1]

        totals = _whole(builder, sums, LANES), ir.Constant(_vector(LANES), [0.0] * LANES)
        _keep(builder, builder.fadd(*_loop(builder, _long(0), args[6], 1, totals, tile)[1]), sums)
        return context.get_dummy_value()

    return types.void(*kinds), generate


@intrinsic
def _dense_rows(typing_context, values, v, columns, states, h, out, o):
    """``out[o : o + 64] += `` 64 rows of dense weights, column by column, times the states from h on."""
    kinds = values, _n, _n, states, _n, out, _n

    def generate(context, builder, signature, args):
        value, state, sums = (_at(context, builder, kinds[k], args[k], args[k + 1]) for k in (0, 3, 5))
        parts = [_long(at) for at in range(0, BLOCK, LANES)]

        def column(j, totals):
            read, own = builder.load(builder.gep(state, [j])), builder.gep(value, [builder.mul(j, _long(BLOCK))])
            weights = [_whole(builder, builder.gep(own, [part]), LANES) for part in parts]
            read = _alike(builder, read, LANES)
            return [_add_product(builder, w, read, total) for w, total in zip(weights, totals, strict=True)]

        totals = [_whole(builder, builder.gep(sums, [part]), LANES) for part in parts]
        _, totals = _loop(builder, _long(0), args[2], 1, totals, column)
        for part, total in zip(parts, totals, strict=True):
            _keep(builder, total, builder.gep(sums, [part]))
        return context.get_dummy_value()

    return types.void(*kinds), generate


def _sparse_row(width):
    """For so many sequences side by side: a row of weights, which lie from k to end, times their states."""

    @intrinsic
    def row(typing_context, values, v, columns, c, start, end, states, h, stride, out, o):
        kinds = values, _n, columns, _n, _n, _n, states, _n, _n, out, _n

        def generate(context, builder, signature, args):
            value, column, state, sums = (_at(context, builder, kinds[k], args[k], args[k + 1]) for k in (0, 2, 6, 9))

            def weights(k, totals):
                made = []
                for j, total in enumerate(totals):
                    at = builder.add(k, _long(j))
                    place = builder.mul(builder.sext(builder.load(builder.gep(column, [at])), _LONG), args[8])
                    weight = _alike(builder, builder.load(builder.gep(value, [at])), width)
                    made.append(
                        _add_product(builder, weight, _whole(builder, builder.gep(state, [place]), width), total)
                    )
                return made

            totals = _whole(builder, sums, width), ir.Constant(_vector(width), [0.0] * width)
            k, totals = _loop(builder, args[4], args[5], 2, totals, weights)
            _, totals = _loop(builder, k, args[5], 1, [builder.fadd(*totals)], weights)
            _keep(builder, *totals, sums)
            return context.get_dummy_value()

        return types.void(*kinds), generate

    return row


_sparse_row_16, _sparse_row_32 = map(_sparse_row, WIDTHS)


@compiled
def _one(numbers, places, starts, matrix, states, source, inputs, gates, rows):
    """For one sequence, `gates` (steps, …) += weights (rows, inputs) times its states (steps, …) from `source` on."""
    form, v, p, s = matrix
    sums, read, wide, deep = gates.ravel(), states.ravel(), states.shape[1], gates.shape[1]
    # Rows first, steps then: so the weights of some rows are read once for all steps.
    if form == DENSE:
        for o in range(0, rows, BLOCK):
            for t in range(len(gates)):
                _dense_rows(numbers, v + o * inputs, inputs, read, t * wide + source, sums, t * deep + o)
    elif form == SPARSE:
        groups = -(-inputs // REACH)
        for o in range(0, rows, LANES):
            for t in range(len(gates)):
                at, h = t * deep + o, t * wide + source
                _tiles_row(numbers, v, places, p, starts, s, groups, read, h, sums, at)
            s += groups


@compiled
def _many(numbers, columns, starts, matrix, states, gates):
    """For many sequences side by side, `gates` (rows, width) += weights times their states (inputs, width)."""
    form, v, c, s = matrix
    (rows, width), inputs = gates.shape, len(states)
    if form == DENSE:
        multiply(numbers[v : v + rows * inputs].reshape(rows, inputs), states, gates)
    elif form == SPARSE:
        read, sums = states.ravel(), gates.ravel()
        for i in range(rows):
            k, end, at = starts[s + i], starts[s + i + 1], i * width
            if width == WIDTHS[0]:
                _sparse_row_16(numbers, v, columns, c, k, end, read, 0, width, sums, at)
            else:
                for w in range(0, width, WIDTHS[1]):
                    _sparse_row_32(numbers, v, columns, c, k, end, read, w, width, sums, at + w)


@compiled
def _advance(variant, gates, inner, h, c):
    """The states after a step, from its gates' sums, which are spent; of a GRU `inner` is W_n h + b_n."""
    size = h.size
    if variant == GRU:
        sigmoid_(gates[: 2 * size])
        r, z, new = gates[:size], gates[size : 2 * size], gates[2 * size : 3 * size]
        for k in range(size):
            new[k] = tanh(new[k] + r[k] * inner[k])
        for k in range(size):
            h[k] = new[k] + z[k] * (h[k] - new[k])
    elif variant == LSTM:
        sigmoid_(gates[: 2 * size])
        tanh_(gates[2 * size : 3 * size])
        sigmoid_(gates[3 * size : 4 * size])
        i, f, g, o = gates[:size], gates[size : 2 * size], gates[2 * size : 3 * size], gates[3 * size : 4 * size]
        for k in range(size):
            c[k] = i[k] * g[k] + f[k] * c[k]
        for k in range(size):
            h[k] = o[k] * tanh(c[k])
    elif variant == TANH:
        for k in range(size):
            h[k] = tanh(gates[k])
    else:
        for k in range(size):
            h[k] = np.float32(0) if gates[k] < np.float32(0) else gates[k]


@compiled
def infer_few(variant, gates, cells, numbers, places, starts, tokens, given, positions, states, read):
    """What the readout sees, one sequence after the other, each up to the step at which it is read.

    Parameters
    ----------
    cells : array of `FAST`
        Rows of states begin at multiples of `REACH`.
    numbers, places, starts : float32, uint8 and int32 arrays
        Weights, biases and tables; of the weights of tiles their columns, and where tiles begin.
    tokens : int64 array, shape (sequences, steps), or given : float32 array, shape (sequences, steps, inputs filled up)
    states : float32 array, shape (steps, rows filled up)
        0, and used for all sequences: what fills up stays 0.
    read : float32 array, shape (sequences, rows filled up)
    """
    for b in range(len(read)):
        steps = positions[b] + 1
        for p in range(len(cells)):
            cell = cells[p]
            n, rows = cell.nodes, gates * cell.nodes
            deep = -(-rows // BLOCK) * BLOCK
            products, bias = np.empty((steps, deep), np.float32), numbers[cell.bias : cell.bias + deep]
            for t in range(steps):
                if cell.ih[0] == TOKENS:
                    start = cell.ih[1] + tokens[b, t] * deep
                    products[t] = numbers[start : start + deep]
                else:
                    products[t] = bias
            if cell.source == GIVEN:
                _one(numbers, places, starts, cell.ih, given[b], 0, cell.inputs, products, rows)
            else:
                _one(numbers, places, starts, cell.ih, states, cell.source, cell.inputs, products, rows)
            past, c = np.zeros((1, -(-n // REACH) * REACH), np.float32), np.zeros(n, np.float32)
            h, inner, a = past[0, :n], numbers[cell.inner : cell.inner + deep], np.empty((1, deep), np.float32)
            for t in range(steps):
                if variant == GRU:
                    a[0] = inner
                    if t:
                        _one(numbers, places, starts, cell.hh, past, 0, n, a, rows)
                    add(products[t, : 2 * n], a[0, : 2 * n])
                elif t:
                    _one(numbers, places, starts, cell.hh, past, 0, n, products[t : t + 1], rows)
                _advance(variant, products[t], a[0, 2 * n :], h, c)
                if cell.adds:
                    add(states[t, cell.out : cell.out + n], h)
                else:
                    states[t, cell.out : cell.out + n] = h
        read[b] = states[positions[b]]


@compiled
def infer_many(variant, gates, cells, numbers, columns, starts, tokens, given, steps, states):
    """States of all steps, many sequences side by side; arguments as of `infer_few`, but

    Parameters
    ----------
    columns : int32 array
        Of sparse weights.
    given : float32 array, shape (steps, inputs, width)
    states : float32 array, shape (steps, rows, width)
        Is filled.
    """
    width = states.shape[2]
    for p in range(len(cells)):
        cell = cells[p]
        n, rows = cell.nodes, gates * cell.nodes
        deep = -(-rows // BLOCK) * BLOCK
        sums, a = np.empty((rows, width), np.float32), np.empty((rows, width), np.float32)
        h, c = np.zeros((n, width), np.float32), np.zeros(n * width, np.float32)
        for t in range(steps):
            if cell.ih[0] == TOKENS:
                for i in range(rows):
                    for b in range(width):
                        sums[i, b] = numbers[cell.ih[1] + tokens[t, b] * deep + i]
            else:
                for i in range(rows):
                    sums[i] = numbers[cell.bias + i]
            if cell.source == GIVEN:
                _many(numbers, columns, starts, cell.ih, given[t], sums)
            else:
                _many(numbers, columns, starts, cell.ih, states[t, cell.source : cell.source + cell.inputs], sums)
            if variant == GRU:
                for i in range(rows):
                    a[i] = numbers[cell.inner + i]
                if t:
                    _many(numbers, columns, starts, cell.hh, h, a)
                add(sums[: 2 * n].ravel(), a[: 2 * n].ravel())
            elif t:
                _many(numbers, columns, starts, cell.hh, h, sums)
            _advance(variant, sums.ravel(), a[2 * n :].ravel(), h.ravel(), c)
            if cell.adds:
                add(states[t, cell.out : cell.out + n].ravel(), h.ravel())
            else:
                states[t, cell.out : cell.out + n] = h


@compiled
def layer_few(variant, gates, cells, numbers, places, starts, given, h, c, out, first, back):
    """One direction of a layer over all steps, one sequence after the other, from a state that is given.

    Parameters
    ----------
    cells : array of `FAST`, one of them
    numbers, places, starts : as of `infer_few`
    given : float32 array, shape (sequences, steps, inputs filled up)
    h, c : float32 arrays, shape (sequences, units filled up) and (sequences, units)
        Become the last states; of an LSTM `c`.
    out : float32 array, shape (sequences, steps, …)
        The states of each step are put there from column `first` on.
    back : bool
        Whether it goes from the last step to the first.
    """
    cell, steps = cells[0], given.shape[1]
    n, rows = cell.nodes, gates * cell.nodes
    deep = -(-rows // BLOCK) * BLOCK
    bias, inner = numbers[cell.bias : cell.bias + deep], numbers[cell.inner : cell.inner + deep]
    products, a = np.empty((steps, deep), np.float32), np.empty((1, deep), np.float32)
    for b in range(len(given)):
        for t in range(steps):
            products[t] = bias
        _one(numbers, places, starts, cell.ih, given[b], 0, cell.inputs, products, rows)
        past = h[b : b + 1]
        for k in range(steps):
            t = steps - 1 - k if back else k
            if variant == GRU:
                a[0] = inner
                _one(numbers, places, starts, cell.hh, past, 0, n, a, rows)
                add(products[t, : 2 * n], a[0, : 2 * n])
            else:
                _one(numbers, places, starts, cell.hh, past, 0, n, products[t : t + 1], rows)
            _advance(variant, products[t], a[0, 2 * n :], past[0, :n], c[b])
            out[b, t, first : first + n] = past[0, :n]


@compiled
def layer_many(variant, gates, cells, numbers, columns, starts, given, h, c, out, first, back):
    """The same for many sequences side by side, their axis last: (steps, inputs, width), (units, width), …."""
    cell, (steps, _, width) = cells[0], given.shape
    n, rows = cell.nodes, gates * cell.nodes
    sums, a = np.empty((rows, width), np.float32), np.empty((rows, width), np.float32)
    for k in range(steps):
        t = steps - 1 - k if back else k
        for i in range(rows):
            sums[i], a[i] = numbers[cell.bias + i], numbers[cell.inner + i]
        _many(numbers, columns, starts, cell.ih, given[t], sums)
        if variant == GRU:
            _many(numbers, columns, starts, cell.hh, h, a)
            add(sums[: 2 * n].ravel(), a[: 2 * n].ravel())
        else:
            _many(numbers, columns, starts, cell.hh, h, sums)
        _advance(variant, sums.ravel(), a[2 * n :].ravel(), h.ravel(), c.ravel())
        out[t, first : first + n] = h
