"""Inference from compressed weights equals the network itself, and its forms the matrices that they hold."""

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from torch import nn

from sparsekit.networks import build, export, kernels, processor, sparse
from sparsekit.pruning import prune
from sparsekit.variants import VARIANTS
from tests.networks.test_core import network


def literal(net, inputs, positions):
    """The network in float64, layer by layer."""
    net, given_ = net.double(), inputs if inputs.dtype == torch.int64 else inputs.double()
    return net(given_, positions).detach()


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_logits_equal_those_of_the_network(data):
    variant, form = data.draw(st.sampled_from([*VARIANTS])), data.draw(st.sampled_from(sparse.FORMS))
    kind = data.draw(st.sampled_from(["stacked", "layered", "interface", "recurrent", "features"]))
    hidden, layers = data.draw(st.integers(1, 70)), data.draw(st.integers(1, 2))
    if kind in ("stacked", "features"):
        features = data.draw(st.integers(1, 40)) if kind == "features" else 0
        net = build.stacked(variant, hidden, layers, 5, features=features, vocabulary=9, classes=3)
    else:
        net = network(variant, kind)
    prune.apply(net, data.draw(st.sampled_from([0, 0.3, 0.8, 0.97])))
    batch, steps = data.draw(st.sampled_from([1, 2, 5, 17, 33])), data.draw(st.integers(1, 9))
    x = torch.randn(batch, steps, net.features) if net.features else torch.randint(0, 9, (batch, steps))
    positions = torch.randint(0, steps, (batch,)) if data.draw(st.booleans()) else None
    made = sparse.Compiled(net, form)(x, positions)
    torch.testing.assert_close(made.double(), literal(net, x, positions), rtol=1e-5, atol=1e-5)


MATRICES = st.tuples(st.integers(1, 70), st.integers(1, 70)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0, 0, 0, 1, -2, 0.5]))
)


@settings(max_examples=100, deadline=None)
@given(matrix=MATRICES)
def test_tiles_hold_every_weight_once_in_its_lane(matrix):
    values, places, starts, _ = sparse._tiles(matrix)
    groups = -(-matrix.shape[1] // kernels.REACH)
    again = np.zeros((-(-matrix.shape[0] // kernels.LANES) * kernels.LANES, groups * kernels.REACH), np.float32)
    for tile, (first, last) in enumerate(pairwise(starts)):
        block, group = divmod(tile, groups)
        for slot in range(first, last):
            for lane in range(kernels.LANES):
                at = slot * kernels.LANES + lane
                again[block * kernels.LANES + lane, group * kernels.REACH + places[at]] += values[at]
    np.testing.assert_array_equal(again[: matrix.shape[0], : matrix.shape[1]], matrix)
    assert np.count_nonzero(values) == np.count_nonzero(matrix)
    assert ((starts[1:] - starts[:-1]) % 2 == 0).all()


@settings(max_examples=50, deadline=None)
@given(matrix=MATRICES)
def test_rows_hold_every_weight(matrix):
    values, columns, starts, _ = sparse._rows(matrix)
    again = np.zeros_like(matrix)
    for row, (first, last) in enumerate(pairwise(starts)):
        again[row, columns[first:last]] = values[first:last]
    np.testing.assert_array_equal(again, matrix)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("batch", [1, 32])
def test_it_equals_torchs_own_modules(variant, batch):
    net = build.stacked(variant, 50, 1, features=20, classes=50)
    prune.apply(net, 0.8)
    net.readout.weight.data, net.readout.bias.data = torch.eye(50), torch.zeros(50)
    kind = {"gru": nn.GRU, "lstm": nn.LSTM}.get(variant, nn.RNN)
    extra = {"nonlinearity": variant[4:]} if kind is nn.RNN else {}
    module = kind(20, 50, batch_first=True, **extra)
    module.load_state_dict({f"{name}_l0": p for name, p in net.stages[0].named_parameters()})
    x = torch.randn(batch, 30, 20)
    torch.testing.assert_close(sparse.Compiled(net)(x), module(x)[0][:, -1].detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(("level", "form"), [("x86-64-v4", "sparse"), ("x86-64-v3", "dense"), ("arm64", "dense")])
def test_one_sequence_takes_tiles_where_they_are_fast(monkeypatch, level, form):
    monkeypatch.setattr(processor, "level", lambda: level)
    net = build.stacked("lstm", 64, 1)
    prune.magnitude(net, 0.7)
    assert net.compiled().pack().nbytes == net.compiled(form).pack().nbytes
    prune.magnitude(net, 0.98)
    assert net.compiled().pack().nbytes == net.compiled("sparse").pack().nbytes


def test_a_network_that_is_loaded_runs_compiled(tmp_path):
    net = build.stacked("gru", 50, 2, 8, vocabulary=9)
    prune.apply(net, 0.9)
    export.export(net, tmp_path / "pruned")
    made, tokens = export.load(tmp_path / "pruned").compiled("sparse"), torch.randint(0, 9, (3, 7))
    torch.testing.assert_close(made(tokens), net(tokens).detach(), rtol=0, atol=1e-5)
    assert made(tokens[:0]).shape == (0, 2)
    held = made.nbytes
    assert held < net.compiled("dense").pack().nbytes
    assert made(torch.randint(0, 9, (40, 7))).shape == (40, 2)
    assert made.nbytes > held  # another form for many sequences
    before = made(tokens)
    net.readout.bias.data += 1
    assert made(tokens).equal(before)


def test_what_it_cannot_take_is_said():
    net = build.stacked("gru", 5, 1, 4, vocabulary=9)
    with pytest.raises(ValueError, match="spares"):
        net.compiled("spares")
    with pytest.raises(ValueError, match="given a GRU"):
        sparse.Compiled(nn.GRU(3, 4))
    with pytest.raises(IndexError, match="allowed are 0 to 8"):
        net.compiled()(torch.tensor([[9]]))
    with pytest.raises(ValueError, match="inputs are torch"):
        net.compiled()(torch.randn(1, 2))
    with pytest.raises(ValueError, match="float32 on a CPU"):
        net.double().compiled()


def test_a_diverged_network_stays_diverged():
    net = build.stacked("rnn_relu", 5, 1, 4, vocabulary=9)
    net.stages[0].bias_ih.data[0] = torch.nan
    assert not torch.isfinite(net.compiled()(torch.zeros(1, 3, dtype=torch.int64))).any()


def test_it_computes_the_same_without_wide_registers():
    """On a processor without AVX-512 states are looked up one by one."""
    code = """
import torch
from sparsekit.networks import build
from sparsekit.pruning import prune
net = build.stacked("lstm", 40, 1, 8, vocabulary=9)
prune.apply(net, 0.8)
tokens = torch.randint(0, 9, (2, 7))
torch.testing.assert_close(net.compiled("sparse")(tokens), net(tokens).detach(), rtol=0, atol=1e-5)
"""
    environment = os.environ | {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=300)
