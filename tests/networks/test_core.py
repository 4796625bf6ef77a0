"""The compiled core equals the layer-by-layer one, which equals torch's own modules."""

import copy
import os
import pickle
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from sparsekit.experiments import workers
from sparsekit.networks import build, kernels, prefixes
from sparsekit.networks.classifier import population_logits
from sparsekit.networks.training import Population
from sparsekit.pruning import prune
from sparsekit.variants import VARIANTS
from tests.strategies import connected


def network(variant, kind, seed=0):
    if kind == "stacked":
        return build.stacked(variant, 7, 2, 5, vocabulary=9, classes=3, seed=seed)
    graph = nx.gnp_random_graph(11, 0.45, seed=4)
    if kind == "recurrent":
        return build.recurrent(variant, graph, 5, vocabulary=9, classes=3, seed=seed)
    interface = {"layered": 0, "interface": 6}[kind]
    return build.layered(variant, graph, interface=interface, vocabulary=9, classes=3, seed=seed)


def both(nets, inputs, positions):
    """Logits and flat gradients: compiled in float32, and layer by layer in float64."""
    layout, found = nets[0].layout, []
    for dtype in (torch.float32, torch.float64):
        flat = torch.stack([layout.flat(net.parameters()).detach() for net in nets]).to(dtype).requires_grad_()
        mask = torch.stack([net.flat_mask() for net in nets])
        given_ = inputs if inputs.dtype == torch.int64 else inputs.to(dtype)
        logits = population_logits(layout, flat, mask, given_, positions)
        (logits * torch.linspace(-1, 1, logits.numel(), dtype=dtype).view_as(logits)).sum().backward()
        found.append((logits.detach(), flat.grad))
    return found


def assert_same(nets, inputs, positions=None):
    (logits, gradient), (expected, expected_gradient) = both(nets, inputs, positions)
    torch.testing.assert_close(logits.double(), expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(gradient.double(), expected_gradient, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("kind", ["stacked", "layered", "interface", "recurrent"])
@pytest.mark.parametrize("steps", [1, 2, 13])
def test_compiled_equals_layer_by_layer(variant, kind, steps):
    nets = [network(variant, kind, seed) for seed in range(3)]
    prune.prune(nets[1], 0.6)[0].apply(nets[1])
    torch.manual_seed(0)
    tokens = torch.randint(0, 9, (6, steps))
    assert_same(nets, tokens)
    assert_same(nets, tokens, torch.randint(0, steps, (6,)))


@settings(max_examples=25, deadline=None)
@given(graph=connected(), variant=st.sampled_from([*VARIANTS]), rows=st.booleans(), batch=st.integers(1, 5))
def test_compiled_equals_layer_by_layer_on_any_graph(graph, variant, rows, batch):
    net = build.layered(variant, graph, gate_masks="rows" if rows else "blocks", vocabulary=9)
    assert_same([net], torch.randint(0, 9, (batch, 4)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_features_instead_of_tokens(variant):
    nets = [build.stacked(variant, 7, 2, features=4, classes=3, seed=s) for s in range(2)]
    torch.manual_seed(0)
    inputs = torch.randn(5, 6, 4)
    assert_same(nets, inputs)
    kind = {"gru": torch.nn.GRU, "lstm": torch.nn.LSTM}.get(variant, torch.nn.RNN)
    module = kind(4, 7, 2, batch_first=True, **({"nonlinearity": variant[4:]} if kind is torch.nn.RNN else {}))
    values = [p for name, p in nets[0].named_parameters() if name.startswith("stages")]
    for parameter, value in zip(module.parameters(), values, strict=True):
        parameter.data.copy_(value.detach())
    expected = nets[0].readout(module(inputs)[0][:, -1])
    torch.testing.assert_close(nets[0](inputs), expected, rtol=1e-5, atol=1e-6)


few_tokens = arrays(np.int64, st.tuples(st.integers(1, 8), st.integers(1, 7)), elements=st.integers(3, 5))


@settings(max_examples=50, deadline=None)
@given(
    tokens=few_tokens,
    data=st.data(),
    variant=st.sampled_from([*VARIANTS]),
    kind=st.sampled_from(["stacked", "layered"]),
)
def test_without_gradients_the_same(tokens, data, variant, kind):
    """Then what begins alike is computed once."""
    count, steps = tokens.shape
    positions = torch.tensor(data.draw(st.lists(st.integers(0, steps - 1), min_size=count, max_size=count)))
    net, tokens = network(variant, kind), torch.tensor(tokens)
    expected = net(tokens, positions)
    assert expected.requires_grad
    with torch.no_grad():
        torch.testing.assert_close(net(tokens, positions), expected.detach(), rtol=1e-5, atol=1e-6)


@settings(max_examples=100, deadline=None)
@given(tokens=few_tokens, data=st.data())
def test_sequences_share_columns_up_to_where_they_part(tokens, data):
    count, steps = tokens.shape
    positions = np.array(data.draw(st.lists(st.integers(0, steps - 1), min_size=count, max_size=count)))
    symbols = np.unique(tokens)
    for last in (positions, np.full(count, steps - 1)):
        batch = prefixes.share(tokens.T.copy(), symbols, last)
        for b, column in enumerate(batch.column):
            for t in range(last[b], -1, -1):
                assert column < batch.live[t]
                marks = batch.given[t, : len(symbols) * batch.live[t]].reshape(len(symbols), batch.live[t])
                assert list(marks[:, column]) == list(symbols == tokens[b, t])
                column = column if t == 0 or column < batch.live[t - 1] else batch.parent[column]
    assert batch.live[-1] == count  # read at the end, as many columns before it as there are beginnings
    assert list(batch.live[:-1]) == [len(np.unique(tokens[:, : t + 1], axis=0)) for t in range(steps - 1)]


def test_only_the_way_back_keeps_all_steps(monkeypatch):
    kept, forward = [], kernels.forward
    monkeypatch.setattr(kernels, "forward", lambda *a: kept.append(a[8].size) or forward(*a))
    population, tokens = Population([network("lstm", "stacked")]), torch.randint(0, 9, (3, 10))
    population.logits(tokens)
    with torch.no_grad():
        population.logits(tokens)
    assert kept[0] == 5 * kept[1]


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_diverged_network_shows(variant):
    net = network(variant, "stacked")
    net.stages[0].weight_hh.data[0, 0] = float("nan")
    assert net(torch.randint(0, 9, (3, 4))).isnan().all()


def test_large_sums_saturate():
    net = network("lstm", "stacked")
    for parameter in net.stages.parameters():
        parameter.data.mul_(1e4)
    logits = net(torch.randint(0, 9, (3, 4)))
    assert logits.isfinite().all()


def test_weights_changed_before_the_gradient_are_an_error():
    net = network("gru", "stacked")
    flat = net.layout.flat(net.parameters()).detach()[None].requires_grad_()
    logits = population_logits(net.layout, flat, net.flat_mask()[None], torch.randint(0, 9, (3, 4)))
    with torch.no_grad():
        flat.mul_(2)
    with pytest.raises(RuntimeError, match="modified"):
        logits.sum().backward()


def test_flat_weights_are_the_named_ones():
    net = network("lstm", "layered")
    named = net.layout.named(net.layout.flat(net.parameters())[None])
    for name, parameter in net.named_parameters():
        assert torch.equal(named[name][0], parameter)
    assert net.layout.flat(net.parameters()).numel() % 64 == 0
    assert int(net.flat_mask().sum()) == net.size()


def test_networks_copy_and_pickle():
    net, tokens = network("gru", "layered"), torch.randint(0, 9, (3, 4))
    expected = net(tokens)
    for twin in (copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(tokens), expected)


def test_the_approximation_of_tanh_is_as_good_as_float32():
    x = np.linspace(-12, 12, 200_001, dtype=np.float32)
    for function, exact in ((kernels.tanh_, np.tanh), (kernels.sigmoid_, lambda v: 1 / (1 + np.exp(-v)))):
        got = x.copy()
        function(got)
        assert np.abs(got - exact(x.astype(float))).max() < 4e-7


DIGEST = """
import hashlib, torch
from sparsekit.networks import build
from sparsekit.tasks import definitions as tasks
from sparsekit.networks.training import Recipe, train
task = tasks.make("reber", train_size=1200, test_size=50)
for variant in ("rnn_tanh", "gru", "lstm"):
    network = build.stacked(variant)
    train([network], task, Recipe(2, 32), 0)
    print(hashlib.sha256(b"".join(p.detach().numpy().tobytes() for p in network.parameters())).hexdigest())
"""


def test_code_just_compiled_and_code_from_the_cache_give_the_same_bits(tmp_path):
    settings_ = os.environ | workers.ONE_THREAD | {"NUMBA_CACHE_DIR": str(tmp_path)}
    cold, warm = (
        subprocess.run(
            [sys.executable, "-c", DIGEST], env=settings_, capture_output=True, text=True, check=True, timeout=600
        ).stdout
        for _ in range(2)
    )
    assert cold == warm
    assert len(cold.split()) == 3


BAD_INPUTS = {
    "no steps": (lambda t: (t[:, :0],), ValueError, "no steps"),
    "one axis": (lambda t: (t[0],), ValueError, r"of shape \(4,\): give tokens of torch.int64"),
    "floats": (lambda t: (t.float(),), ValueError, "torch.float32"),
    "bools": (lambda t: (t > 3,), ValueError, "torch.bool"),
    "no tensor": (lambda t: (t.tolist(),), ValueError, "a list"),
    "a token too large": (lambda t: (t + 9,), IndexError, "allowed are 0 to 8"),
    "a negative token": (lambda t: (t - 9,), IndexError, "tokens hold -"),
    "too few positions": (lambda t: (t, torch.tensor([1])), ValueError, "positions are"),
    "a position beyond": (lambda t: (t, torch.tensor([0, 0, 4_000_000])), IndexError, "allowed are 0 to 3"),
    "a negative position": (lambda t: (t, torch.tensor([0, 0, -1])), IndexError, "positions hold -1"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("gradients", [True, False])
def test_inputs_that_do_not_fit_are_an_error_in_the_same_words(case, dtype, gradients):
    change, error, says = BAD_INPUTS[case]
    net, tokens = network("gru", "stacked").to(dtype), torch.arange(12).view(3, 4) % 9
    with torch.set_grad_enabled(gradients), pytest.raises(error, match=says):
        net(*change(tokens))
    assert net(tokens[:0]).shape == (0, 3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_reach_the_features_and_second_derivatives_are_refused(dtype):
    net = build.stacked("gru", 5, 1, features=4).to(dtype)
    features = torch.randn(3, 6, 4, dtype=dtype, requires_grad=True)
    net(features).square().sum().backward()
    assert features.grad.abs().sum() > 0
    loss = net(features.detach()).square().sum()
    with pytest.raises(RuntimeError, match="no second derivatives"):
        torch.autograd.grad(loss, list(net.parameters()), create_graph=True)
    with pytest.raises(ValueError, match="give features of"):
        net(features.half())


def test_replaced_parts_are_followed_and_unusual_ones_refused():
    tokens = torch.arange(12).view(3, 4) % 9
    net = network("lstm", "stacked")
    net(tokens)
    net.readout = torch.nn.Linear(7, 10)
    net.embedding = torch.nn.Embedding(300, 5)
    twin = copy.deepcopy(net).double()
    torch.testing.assert_close(net(tokens + 200), twin(tokens + 200).float(), rtol=1e-4, atol=1e-5)
    assert net(tokens).shape == (3, 10)
    for name, part, says in (
        (
            "readout",
            torch.nn.Sequential(torch.nn.Linear(7, 2)),
            r"readout is a \S*Sequential",
        ),
        ("readout", torch.nn.Linear(7, 2, bias=False), "readout.bias is no parameter"),
        ("readout", torch.nn.Linear(6, 2), "readout reads 6"),
        ("embedding", torch.nn.Embedding(9, 5, padding_idx=0), "padding_idx"),
        ("embedding", torch.nn.Embedding(9, 5, max_norm=1.0), "max_norm"),
        ("embedding", torch.nn.Embedding(9, 6), r"stages\.0 reads 5"),
    ):
        net = network("lstm", "stacked")
        net(tokens)
        setattr(net, name, part)
        with pytest.raises(ValueError, match=says):
            net(tokens)
    net = network("lstm", "stacked")
    net.readout.register_forward_hook(lambda *_: None)
    with pytest.raises(ValueError, match="readout has hooks"):
        net(tokens)


@pytest.mark.parametrize("variant", VARIANTS)
def test_torch_records_and_transforms_what_the_compiled_core_computes(variant):
    net = build.classifier(variant, [6, 6], vocabulary=9, embedding_size=4)
    tokens, others = torch.randint(9, (2, 5, 7), generator=torch.Generator().manual_seed(0))
    labels = torch.tensor([0, 1, 0, 1, 1])
    torch.testing.assert_close(torch.export.export(net, (tokens,)).module()(others), net(others))
    with torch.no_grad():
        torch.testing.assert_close(torch.jit.trace(net, tokens)(others), net(others))
    parameters = dict(net.named_parameters())
    gradients = torch.autograd.grad(torch.nn.functional.cross_entropy(net(tokens), labels), list(parameters.values()))

    def loss(given):
        return torch.nn.functional.cross_entropy(torch.func.functional_call(net, given, (tokens,)), labels)

    found = torch.func.grad(loss)({name: p.detach() for name, p in parameters.items()})
    for name, gradient in zip(parameters, gradients, strict=True):
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-5)


def test_a_script_and_a_replica_are_refused_in_one_line():
    net = build.classifier("GRU", 6)
    with pytest.raises(RuntimeError, match=r"a Classifier has no script: take torch\.export"):
        torch.jit.script(net)
    with pytest.raises(ValueError, match=r"does not run in nn\.DataParallel: take DistributedDataParallel"):
        net._replicate_for_data_parallel()(torch.zeros(1, 2, dtype=torch.int64))
