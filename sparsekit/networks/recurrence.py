"""One recurrent layer over a whole sequence, for one network or for many of the same shape together.

``recur`` takes torch's own kernels, ``native``, or the same equations for all networks at once, whichever is faster.
"""

from collections.abc import Callable
from functools import wraps

import torch
from torch import Tensor
from torch.autograd import Function


def first_order(backward: Callable) -> Callable:
    """A backward pass by hand, which refuses to be differentiated itself: torch would go on with wrong numbers."""

    @wraps(backward)
    def checked(ctx, *gradients):
        if torch.is_grad_enabled():
            raise RuntimeError("a Classifier has no second derivatives: take gradients without create_graph")
        return backward(ctx, *gradients)

    return checked


def recur(variant: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """Hidden states of one recurrent layer at all steps, for a population of networks.

    They are (networks, steps, batch, hidden), of inputs (networks, steps, batch, inputs) and weights as torch has them,
    stacked by network. Initial hidden (and cell) states are 0.
    """
    kernel = native if _takes_native(x) else batched
    return kernel(variant, x, w_ih, w_hh, b_ih, b_hh)


def recur_tokens(
    variant: str, tokens: Tensor, embedding: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> Tensor:
    """`recur` of tokens, int64 (steps, batch), the same for all networks; `embedding` is (networks, …, inputs)."""
    steps, batch = tokens.shape
    if _takes_native(embedding):
        x = embedding.index_select(1, tokens.flatten()).unflatten(1, (steps, batch))
        return native(variant, x, w_ih, w_hh, b_ih, b_hh)
    # The input product of a token does not depend on where it stands: one row per token, looked up at every step.
    table = torch.baddbmm(_input_bias(variant, b_ih, b_hh), embedding, w_ih.transpose(1, 2))
    products = table.index_select(1, tokens.flatten()).unflatten(1, (steps, batch))
    return _recur_products(variant, products, w_hh, b_hh)


def is_recorded(x: Tensor) -> bool:
    """Whether torch records what is computed, or transforms it (torch.func); neither sees into the compiled core."""
    recorded = torch.compiler.is_compiling() or torch.jit.is_tracing()
    return recorded or torch._C._functorch.is_functorch_wrapped_tensor(x)


def _takes_native(x: Tensor) -> bool:
    """cuDNN for a single network, as it is faster; torch's own kernels where a pass by hand cannot be seen into."""
    return (x.is_cuda and len(x) == 1) or is_recorded(x)


def native(variant: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """`recur` by torch's own kernels (cuDNN on CUDA), one call per network."""
    outs = []
    for network in zip(*(tensor.unbind(0) for tensor in (x, w_ih, w_hh, b_ih, b_hh)), strict=True):
        sequence, *weights = network
        zero = sequence.new_zeros(1, sequence.shape[1], weights[1].shape[1])
        state = (zero, zero) if variant == "lstm" else zero
        kernel = getattr(torch, variant)
        # has_biases, num_layers, dropout, train, bidirectional, batch_first
        outs.append(kernel(sequence, state, weights, True, 1, 0.0, torch.is_grad_enabled(), False, False)[0])
    return torch.stack(outs)


def batched(variant: str, x: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """`recur` for all networks at once: one batched product for all inputs, one each step, a backward pass by hand."""
    products = torch.baddbmm(_input_bias(variant, b_ih, b_hh), x.flatten(1, 2), w_ih.transpose(1, 2))
    return _recur_products(variant, products.unflatten(1, x.shape[1:3]), w_hh, b_hh)


def step(
    variant: str, x: Tensor, a: Tensor, h: Tensor, c: Tensor, dim: int = -1, mix: Callable = torch.lerp
) -> tuple[Tensor, Tensor]:
    """One step of a cell, written out: its new hidden and cell state; only an LSTM's cell state changes.

    Parameters
    ----------
    x, a : Tensor
        What input and hidden state add to the gates, biases included; the gates lie side by side along `dim`.
    h, c : Tensor
        The states that the step carries over past its weights: h in a GRU, c in an LSTM.
    mix : callable
        How a GRU weighs new state and old by its update gate z: ``mix(new, old, z)``.
    """
    if variant == "gru":
        (x_r, x_z, x_n), (a_r, a_z, a_n) = x.chunk(3, dim), a.chunk(3, dim)
        return mix(torch.tanh(x_n + torch.sigmoid(x_r + a_r) * a_n), h, torch.sigmoid(x_z + a_z)), c
    if variant == "lstm":
        i, f, g, o = (x + a).chunk(4, dim)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        return torch.sigmoid(o) * torch.tanh(c), c
    return (torch.tanh if variant == "rnn_tanh" else torch.relu)(x + a), c


def _input_bias(variant: str, b_ih: Tensor, b_hh: Tensor) -> Tensor:
    """The bias that can be added before the loop: both, but for GRU, whose hidden bias a gate multiplies."""
    return (b_ih if variant == "gru" else b_ih + b_hh)[:, None]


def _recur_products(variant: str, products: Tensor, w_hh: Tensor, b_hh: Tensor) -> Tensor:
    """The recurrence itself, from the input products (networks, steps, batch, gates * hidden) of all steps."""
    return _GRU.apply(products, w_hh, b_hh) if variant == "gru" else _CELLS[variant].apply(products, w_hh)


def _weight_gradient(d: Tensor, out: Tensor) -> Tensor:
    """Gradient of the hidden-to-hidden weights, from that of each step's sums and the hidden states before them."""
    return torch.bmm(d[:, 1:].flatten(1, 2).transpose(1, 2), out[:, :-1].flatten(1, 2))


def _tanh(x: Tensor, out: Tensor) -> Tensor:
    """tanh as 2 σ(2x) - 1: equal to float precision, and on CPU torch's σ is some five times faster than its tanh."""
    return torch.mul(x, 2, out=out).sigmoid_().mul_(2).sub_(1)


_derive_sigmoid, _derive_tanh = torch.ops.aten.sigmoid_backward.grad_input, torch.ops.aten.tanh_backward.grad_input


def _simple(activate: Callable, derive: Callable) -> type[Function]:
    """h_t = f(x_t + W h_{t-1}), of f(a, out) and its derivative (gradient, h, out)."""

    class Simple(Function):
        @staticmethod
        def forward(ctx, products, w_hh):
            out, w_t = torch.empty_like(products), w_hh.transpose(1, 2)
            h = activate(products[:, 0], out[:, 0])
            for t in range(1, products.shape[1]):
                h = activate(torch.baddbmm(products[:, t], h, w_t), out[:, t])
            ctx.save_for_backward(out, w_hh)
            return out

        @staticmethod
        @first_order
        def backward(ctx, grad):
            out, w_hh = ctx.saved_tensors
            d, dh = torch.empty_like(out), grad[:, -1]
            for t in range(out.shape[1] - 1, -1, -1):
                if t < out.shape[1] - 1:
                    dh = torch.baddbmm(grad[:, t], d[:, t + 1], w_hh)
                derive(dh, out[:, t], d[:, t])
            return d, _weight_gradient(d, out)

    return Simple


class _LSTM(Function):
    """i, f, o = σ(·), g = tanh(·) of x_t + W h_{t-1}; c_t = f c_{t-1} + i g; h_t = o tanh(c_t)."""

    @staticmethod
    def forward(ctx, products, w_hh):
        networks, steps, batch, width = products.shape
        hidden = width // 4
        w_t = w_hh.transpose(1, 2)
        gates = torch.empty_like(products)
        out, cells, squashed = (products.new_empty(networks, steps, batch, hidden) for _ in range(3))
        h = c = None
        for t in range(steps):
            a = products[:, t] if h is None else torch.baddbmm(products[:, t], h, w_t)
            gate = gates[:, t]
            i, f, g, o = gate.split(hidden, -1)
            torch.sigmoid(a[..., : 2 * hidden], out=gate[..., : 2 * hidden])
            _tanh(a[..., 2 * hidden : 3 * hidden], g)
            torch.sigmoid(a[..., 3 * hidden :], out=o)
            c = torch.mul(i, g, out=cells[:, t]) if c is None else torch.mul(f, c, out=cells[:, t]).addcmul_(i, g)
            h = torch.mul(o, _tanh(c, squashed[:, t]), out=out[:, t])
        ctx.save_for_backward(out, cells, squashed, gates, w_hh)
        return out

    @staticmethod
    @first_order
    def backward(ctx, grad):
        out, cells, squashed, gates, w_hh = ctx.saved_tensors
        hidden, steps = out.shape[-1], out.shape[1]
        d = torch.empty_like(gates)
        dh, dc, f_next = grad[:, -1], None, None
        for t in range(steps - 1, -1, -1):
            if t < steps - 1:
                dh = torch.baddbmm(grad[:, t], d[:, t + 1], w_hh)
            i, f, g, o = gates[:, t].split(hidden, -1)
            di, df, dg, do = d[:, t].split(hidden, -1)
            through = torch.ops.aten.tanh_backward(dh * o, squashed[:, t])
            dc = through if dc is None else through.addcmul_(dc, f_next)
            _derive_sigmoid(dh * squashed[:, t], o, grad_input=do)
            _derive_sigmoid(dc * g, i, grad_input=di)
            _derive_tanh(dc * i, g, grad_input=dg)
            _derive_sigmoid(dc * cells[:, t - 1] if t else torch.zeros_like(dc), f, grad_input=df)
            f_next = f
        return d, _weight_gradient(d, out)


class _GRU(Function):
    """r, z = σ(·); n = tanh(x_n + r (W_n h + b_n)); h_t = (1 - z) n + z h_{t-1}."""

    @staticmethod
    def forward(ctx, products, w_hh, b_hh):
        networks, steps, batch, width = products.shape
        hidden = width // 3
        w_t, b_hh = w_hh.transpose(1, 2), b_hh[:, None]
        gates = torch.empty_like(products)
        out, inner = (products.new_empty(networks, steps, batch, hidden) for _ in range(2))
        h = products.new_zeros(networks, batch, hidden)
        for t in range(steps):
            a = torch.baddbmm(b_hh, h, w_t)
            gate, p = gates[:, t], products[:, t]
            both = a[..., : 2 * hidden].add_(p[..., : 2 * hidden])
            torch.sigmoid(both, out=gate[..., : 2 * hidden])
            r, z, n = gate.split(hidden, -1)
            inner[:, t] = a[..., 2 * hidden :]
            _tanh(torch.addcmul(p[..., 2 * hidden :], r, inner[:, t]), n)
            h = torch.lerp(n, h, z, out=out[:, t])
        ctx.save_for_backward(out, inner, gates, w_hh)
        return out

    @staticmethod
    @first_order
    def backward(ctx, grad):
        out, inner, gates, w_hh = ctx.saved_tensors
        hidden, steps = out.shape[-1], out.shape[1]
        d_x, d_h = torch.empty_like(gates), torch.empty_like(gates)
        dh, z_next, zero = grad[:, -1], None, torch.zeros_like(out[:, 0])
        for t in range(steps - 1, -1, -1):
            if t < steps - 1:
                dh = torch.baddbmm(grad[:, t], d_h[:, t + 1], w_hh).addcmul_(dh, z_next)
            r, z, n = gates[:, t].split(hidden, -1)
            dr, dz, dn = d_x[:, t].split(hidden, -1)
            before = out[:, t - 1] if t else zero
            _derive_sigmoid(dh * (before - n), z, grad_input=dz)
            _derive_tanh(torch.addcmul(dh, dh, z, value=-1), n, grad_input=dn)
            _derive_sigmoid(dn * inner[:, t], r, grad_input=dr)
            d_h[:, t, ..., : 2 * hidden] = d_x[:, t, ..., : 2 * hidden]
            torch.mul(dn, r, out=d_h[:, t, ..., 2 * hidden :])
            z_next = z
        return d_x, _weight_gradient(d_h, out), d_h.sum((1, 2))


_CELLS = {
    "rnn_tanh": _simple(_tanh, lambda dh, h, out: _derive_tanh(dh, h, grad_input=out)),
    "rnn_relu": _simple(
        lambda a, out: torch.clamp_min(a, 0.0, out=out),
        lambda dh, h, out: torch.ops.aten.threshold_backward.grad_input(dh, h, 0.0, grad_input=out),
    ),
    "lstm": _LSTM,
}
