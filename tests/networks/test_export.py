"""Networks as files: the same outputs after loading, and in plain torch by what the files themselves say."""

import contextlib
import copy
import json
import os

import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file
from torch import nn

from sparsekit.networks import build, export
from sparsekit.networks.export import ExchangeError
from sparsekit.pruning import prune
from sparsekit.variants import GATE_MASKS, VARIANTS
from tests.strategies import connected


def tokens(batch=5, steps=9):
    return torch.randint(0, 128, (batch, steps), generator=torch.Generator().manual_seed(1))


def rows(features, batch=5, steps=9):
    return torch.rand((batch, steps, features), generator=torch.Generator().manual_seed(1))


def pruned(network, sparsity=0.7):
    mask, _ = prune.prune(network, sparsity)
    mask.apply(network)
    return network


def assert_same(one, other):
    assert one.variant == other.variant
    inputs = rows(one.features) if one.features else tokens()
    assert torch.equal(one(inputs), other(inputs))
    for name, mask in one.masks().items():
        assert torch.equal(mask, other.masks()[name])
    assert dict(one.named_parameters()).keys() == dict(other.named_parameters()).keys()


@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    hidden=st.integers(1, 7), layers=st.integers(1, 3), width=st.integers(1, 5), sparsity=st.sampled_from([0, 0.6, 1])
)
def test_stacked_networks_come_back_bit_by_bit(variant, hidden, layers, width, sparsity, tmp_path):
    network = pruned(build.stacked(variant, hidden, layers, width, classes=3, vocabulary=130), sparsity)
    assert_same(network, export.load(export.export(network, tmp_path / "one")))


@pytest.mark.parametrize("gate_masks", GATE_MASKS)
@pytest.mark.parametrize("variant", VARIANTS)
@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(graph=connected(9))
def test_graph_networks_come_back_bit_by_bit(variant, gate_masks, graph, tmp_path):
    graph = nx.convert_node_labels_to_integers(graph)
    network = build.layered(variant, graph, gate_masks=gate_masks)
    assert_same(network, export.load(export.export(network, tmp_path / "one")))


@pytest.mark.parametrize(
    "network",
    [
        build.stacked("gru", 6, 2, features=4, classes=10),
        build.layered("rnn_tanh", nx.complete_graph(5), features=3),
        build.layered("lstm", nx.path_graph(4), interface=7),
        build.recurrent("lstm", nx.DiGraph([(0, 1), (1, 2), (2, 0), (2, 2)]), 5),
        build.recurrent("gru", nx.cycle_graph(4), features=2),
    ],
    ids=["features", "graph of features", "readout of all nodes", "cycles", "cycles of features"],
)
def test_networks_of_every_form_come_back_bit_by_bit(network, tmp_path):
    assert_same(network, export.load(export.export(pruned(network, 0.4), tmp_path / "one")))


@pytest.mark.parametrize("variant", VARIANTS)
def test_features_run_in_plain_torch(variant, tmp_path):
    network = pruned(build.stacked(variant, 6, 2, features=4, classes=10))
    description = json.loads(export.export(network, tmp_path / "one").read_text())
    assert description["inputs"] == "float32 features, (batch, steps, features)"
    names = {"inputs": rows(4)}
    with contextlib.chdir(tmp_path):
        exec("\n".join(description["plain_torch"]), names)
    torch.testing.assert_close(names["logits"], network(rows(4)))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_json_holds_the_code_that_runs_it_in_plain_torch(variant, tmp_path):
    network = pruned(build.stacked(variant, 6, 2, 5))
    lines = json.loads(export.export(network, tmp_path / "one").read_text())["plain_torch"]
    assert [line for line in lines if not line.startswith("from ")] == lines[-3:]
    names = {"inputs": tokens()}
    with contextlib.chdir(tmp_path):
        exec("\n".join(lines), names)
    torch.testing.assert_close(names["logits"], network(tokens()))
    assert {type(module) for module in names["model"].modules()} <= {
        nn.ModuleDict, nn.Embedding, nn.RNN, nn.GRU, nn.LSTM, nn.Linear
    }  # fmt: skip


def test_the_tensors_have_torchs_own_names_and_shapes(tmp_path):
    network = build.stacked("lstm", 6, 2, 5, vocabulary=30)
    export.export(network, tmp_path / "one")
    own = {f"rnn.{name}": weight for name, weight in nn.LSTM(5, 6, 2).named_parameters()}
    own |= {f"embedding.{name}": weight for name, weight in nn.Embedding(30, 5).named_parameters()}
    own |= {f"readout.{name}": weight for name, weight in nn.Linear(6, 2).named_parameters()}
    written = load_file(tmp_path / "one.safetensors")
    assert {name: w.shape for name, w in written.items()} == {name: w.shape for name, w in own.items()}


def test_a_graph_network_says_that_plain_torch_cannot_hold_it(tmp_path):
    network = build.layered("gru", nx.path_graph(4))
    skipping, all_read = (
        build.layered("gru", nx.complete_graph(4)),
        build.layered("gru", nx.path_graph(4), interface=1),
    )
    assert json.loads(export.export(network, tmp_path / "path").read_text())["plain_torch"]
    for network in (skipping, all_read):
        assert not json.loads(export.export(network, tmp_path / "other").read_text())["plain_torch"]


def test_a_weight_that_is_zero_but_not_pruned_stays_free(tmp_path):
    network = pruned(build.stacked("gru", 4, 1, 3))
    where = torch.nonzero(network.stages[0].mask_hh)[2]
    with torch.no_grad():
        network.stages[0].weight_hh[tuple(where)] = 0
    back = export.load(export.export(network, tmp_path / "one"))
    assert_same(network, back)
    assert back.stages[0].mask_hh[tuple(where)]


@pytest.mark.parametrize("value", [3.0, float("nan")])
def test_what_lies_under_a_mask_is_not_exported(value, tmp_path):
    network = pruned(build.stacked("lstm", 4, 1, 3))
    dirty = copy.deepcopy(network)
    with torch.no_grad():
        dirty.stages[0].weight_ih[~dirty.stages[0].mask_ih] = value
    assert_same(network, export.load(export.export(dirty, tmp_path / "one")))


def test_the_json_counts_what_is_there(tmp_path):
    network = pruned(build.stacked("rnn_tanh", 10, 2, 5), 0.8)
    found = json.loads(export.export(network, tmp_path / "deep" / "one", {"accuracy": 0.9}).read_text())
    kept, entries = np.sum(list(found["weights_kept"].values()), axis=0)
    nonzero = sum(int((w != 0).sum()) for n, w in load_file(tmp_path / "deep" / "one.safetensors").items() if ".w" in n)
    assert entries == 10 * 5 + 3 * 10 * 10
    assert found["sparsity"] == pytest.approx(1 - kept / entries)
    assert nonzero == kept + 128 * 5 + 2 * 10
    assert found["about"] == {"accuracy": 0.9}


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_precision_is_kept(dtype, tmp_path):
    network = build.stacked("rnn_relu", 4, 1, 3).to(dtype)
    back = export.load(export.export(network, tmp_path / "one"))
    assert back.readout.weight.dtype == dtype
    assert torch.equal(back.stages[0].weight_hh, network.stages[0].weight_hh)


def test_either_ending_or_none_names_the_pair(tmp_path):
    network = build.stacked("gru", 3, 1, 2)
    export.export(network, tmp_path / "v1.5")
    assert {file.name for file in tmp_path.iterdir()} == {"v1.5.json", "v1.5.safetensors"}
    for name in ("v1.5", "v1.5.json", "v1.5.safetensors"):
        assert_same(network, export.load(tmp_path / name))


def test_loading_leaves_the_random_stream_alone(tmp_path):
    export.export(build.stacked("gru", 3, 1, 2), tmp_path / "one")
    state = torch.random.get_rng_state()
    export.load(tmp_path / "one")
    assert torch.equal(state, torch.random.get_rng_state())


def test_an_export_that_fails_leaves_the_files_before_it_whole(tmp_path, monkeypatch):
    network = build.stacked("gru", 3, 1, 2)
    export.export(network, tmp_path / "one")

    def full(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="disk full"):
        export.export(build.stacked("gru", 4, 1, 2), tmp_path / "one")
    assert {file.name for file in tmp_path.iterdir()} == {"one.json", "one.safetensors"}
    assert_same(network, export.load(tmp_path / "one"))


class TestErrors:
    @pytest.fixture
    def file(self, tmp_path):
        return export.export(build.stacked("gru", 3, 1, 2), tmp_path / "one")

    def change(self, file, **changes):
        file.write_text(json.dumps(json.loads(file.read_text()) | changes))

    def test_a_missing_file_is_named_with_what_is_there(self, file):
        with pytest.raises(ExchangeError, match=r"two\.json does not exist; there are one"):
            export.load(file.with_name("two"))
        file.with_suffix(".safetensors").unlink()
        with pytest.raises(ExchangeError, match=r"one\.safetensors does not exist"):
            export.load(file)

    @pytest.mark.parametrize(
        ("text", "said"), [("{", "is not JSON"), ("[]", "its format is None"), ('{"format": "x"}', "its format is 'x'")]
    )
    def test_a_json_that_is_no_description(self, file, text, said):
        file.write_text(text)
        with pytest.raises(ExchangeError, match=said):
            export.load(file)

    def test_weights_of_another_export(self, file):
        weights = file.with_suffix(".safetensors")
        before = weights.read_bytes()
        export.export(build.stacked("gru", 3, 1, 2, seed=1), file)
        weights.write_bytes(before)
        with pytest.raises(ExchangeError, match=r"does not hold the weights that one\.json describes"):
            export.load(file)

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"variant": "lstn"}, "unknown variant 'lstn'.*did you mean 'lstm'"),
            ({"variant": "lstm"}, r"size mismatch for stages\.0\.weight_ih: .*\[9, 2\].* model is .*\[12, 2\]"),
            ({"classes": 3}, r"size mismatch for readout\.weight: .*\[2, 3\].* model is .*\[3, 3\]"),
            ({"stages": [{"reads": [-1], "nodes": 3, "cells": 1}] * 2}, "lack 'stages.0.weight_ih'"),
            ({"stages": [{"reads": [4], "nodes": 3, "cells": 1}]}, "fit together"),
            ({"vocabulary": "many"}, "fit together"),
        ],
    )
    def test_tensors_that_do_not_fit(self, file, changes, said):
        self.change(file, **changes)
        with pytest.raises(ExchangeError, match=f"(?s){said}"):
            export.load(file)

    def test_a_key_that_is_missing(self, file):
        description = json.loads(file.read_text())
        del description["stages"]
        file.write_text(json.dumps(description))
        with pytest.raises(ExchangeError, match="lack 'stages'"):
            export.load(file)

    def test_a_folder_is_no_name(self, tmp_path):
        with pytest.raises(ExchangeError, match="is a folder: give a name in it"):
            export.export(build.stacked("gru", 3, 1, 2), tmp_path)

    @pytest.mark.parametrize("about", [{"accuracy": float("nan")}, {"network": object()}])
    def test_about_that_json_cannot_hold(self, about, tmp_path):
        with pytest.raises(ExchangeError, match="about: "):
            export.export(build.stacked("gru", 3, 1, 2), tmp_path / "one", about)
        assert not list(tmp_path.iterdir())


def test_what_the_files_cannot_hold_is_refused(tmp_path):
    network = build.stacked("gru", 3, 1, 2)
    network.extra = nn.Linear(2, 2)
    with pytest.raises(ExchangeError, match="holds extra beside"):
        export.export(network, tmp_path / "one")
    with pytest.raises(ExchangeError, match="LSTM is no Classifier"):
        export.export(nn.LSTM(2, 2), tmp_path / "one")
    assert not list(tmp_path.iterdir())
