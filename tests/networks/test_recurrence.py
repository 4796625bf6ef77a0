import pytest
import torch
from torch import nn

from sparsekit.networks.recurrence import batched, native, recur, recur_tokens
from sparsekit.variants import GATES, VARIANTS

NETWORKS, STEPS, BATCH, INPUTS, HIDDEN = 3, 7, 4, 5, 6


def layer(variant, networks=NETWORKS, steps=STEPS, dtype=torch.float64):
    torch.manual_seed(1)
    width = len(GATES[variant]) * HIDDEN
    shapes = [(steps, BATCH, INPUTS), (width, INPUTS), (width, HIDDEN), (width,), (width,)]
    return [torch.randn(networks, *shape, dtype=dtype).mul_(0.5).requires_grad_() for shape in shapes]


def gradients(out, arguments):
    weights = torch.linspace(-1, 1, out.numel(), dtype=out.dtype).view_as(out)
    return torch.autograd.grad((out * weights).sum(), arguments)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("steps", [1, 2, STEPS])
def test_batched_equals_native(variant, steps):
    arguments = layer(variant, steps=steps)
    expected, got = native(variant, *arguments), batched(variant, *arguments)
    torch.testing.assert_close(got, expected)
    for g, e in zip(gradients(got, arguments), gradients(expected, arguments), strict=True):
        torch.testing.assert_close(g, e)


@pytest.mark.parametrize("variant", VARIANTS)
def test_native_equals_torch_module(variant):
    kind = {"rnn_tanh": nn.RNN, "rnn_relu": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[variant]
    options = {"nonlinearity": variant[4:]} if kind is nn.RNN else {}
    x, *weights = layer(variant, networks=1)
    module = kind(INPUTS, HIDDEN, dtype=torch.float64, **options)
    for parameter, weight in zip(module.parameters(), weights, strict=True):
        parameter.data.copy_(weight[0])
    torch.testing.assert_close(recur(variant, x, *weights)[0], module(x[0])[0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_are_the_derivatives(variant):
    arguments = layer(variant, networks=2, steps=3)
    assert torch.autograd.gradcheck(lambda *a: batched(variant, *a), arguments)


@pytest.mark.parametrize("variant", VARIANTS)
def test_tokens_are_their_embeddings(variant):
    _, *weights = layer(variant)
    embedding = torch.randn(NETWORKS, 11, INPUTS, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(0, 11, (STEPS, BATCH))
    got = recur_tokens(variant, tokens, embedding, *weights)
    expected = native(variant, embedding[:, tokens], *weights)
    torch.testing.assert_close(got, expected)
    for g, e in zip(gradients(got, [embedding, *weights]), gradients(expected, [embedding, *weights]), strict=True):
        torch.testing.assert_close(g, e)
