"""Removed hidden units: their states are exactly 0, and a network without them computes the same."""

import copy

import networkx as nx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

from sparsekit.networks import build
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning import prune, structured
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.scores import Evidence
from sparsekit.pruning.shrink import Shrunk, shrink
from sparsekit.pruning.unit_scores import UNIT_SCORES
from sparsekit.registry import OwnError
from sparsekit.variants import VARIANTS

KINDS = {"tanh": nn.RNN, "relu": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def layer(kind, *sizes, seed=0, **options):
    torch.manual_seed(seed)
    extra = {"nonlinearity": kind} if KINDS[kind] is nn.RNN else {}
    return KINDS[kind](*sizes, **extra, **options)


def tensors(result):
    """Output and states, one after the other."""
    out, state = result
    return [getattr(out, "data", out), *(state if isinstance(state, tuple) else (state,))]


def assert_same(model, small, *given):
    for a, b in zip(tensors(model(*given)), tensors(small(*given)), strict=True):
        assert a.shape == b.shape
        torch.testing.assert_close(a, b, rtol=0, atol=1e-6)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_torch_layer_made_smaller_computes_the_same(data):
    kind, hidden = data.draw(st.sampled_from([*KINDS])), data.draw(st.integers(2, 6))
    options = {name: data.draw(st.booleans()) for name in ("bidirectional", "batch_first", "bias")}
    if kind == "lstm":
        options["proj_size"] = data.draw(st.integers(0, hidden - 1))
    module = layer(
        kind, 3, hidden, num_layers=data.draw(st.integers(1, 3)), seed=data.draw(st.integers(0, 9)), **options
    )
    module.eval()
    model, total = copy.deepcopy(module), 0
    for own in structured.units(model).values():  # any units, not only the lowest
        gone = torch.tensor(data.draw(st.lists(st.booleans(), min_size=hidden, max_size=hidden)))
        for part in own.into:
            part[gone] = 0
        total += int(gone.sum())
    small = shrink(model)
    sizes = [sum(p.numel() for p in m.parameters()) for m in (model, small)]
    assert sizes[1] <= sizes[0]
    x = torch.randn(4, 5, 3)
    assert_same(model, small, x)
    assert_same(model, small, x[0])  # one sequence, not in a batch
    packed = pack_padded_sequence(
        x,
        torch.tensor([5, 2, 4, 1] if module.batch_first else [4, 1, 3, 2, 4])[: x.shape[not module.batch_first]],
        module.batch_first,
        enforce_sorted=False,
    )
    assert_same(model, small, packed)
    if not total:
        assert type(small) is type(model)


@pytest.mark.parametrize("kind", KINDS)
def test_a_removed_unit_is_exactly_silent_and_the_rest_is_narrower(kind):
    model = layer(kind, 3, 8, num_layers=2)
    gone = structured.remove(model, 0.5)
    assert [int(own.sum()) for own in gone.values()] == [4, 4]
    out, _ = model(torch.randn(7, 2, 3))
    assert (out[..., gone["l1"]] == 0).all()
    small = shrink(model)
    assert isinstance(small, Shrunk)
    assert [part.hidden_size for part in small.parts] == [4]  # both layers, one module
    assert small.parts[0].num_layers == 2


def test_layers_of_different_widths_become_a_module_each_with_dropout_between():
    model = layer("gru", 3, 8, num_layers=2, dropout=0.5)
    first = structured.units(model)["l0"]
    for part in first.into:
        part[:5] = 0
    small = shrink(model)
    assert [part.hidden_size for part in small.parts] == [3, 8]
    x = torch.randn(5, 2, 3)
    assert not small(x)[0].equal(small(x)[0])
    assert_same(model.eval(), small.eval(), x)


def test_a_unit_with_biases_is_no_silent_one():
    model = layer("gru", 3, 4)
    for name in ("weight_ih_l0", "weight_hh_l0"):
        model.get_parameter(name).data.unflatten(0, (3, 4))[:, 1] = 0
    assert shrink(model).hidden_size == 4
    assert type(shrink(model)) is nn.GRU
    assert shrink(model) is not model


def test_states_go_in_and_come_out_as_wide_as_before():
    model = layer("lstm", 3, 6, num_layers=2, bidirectional=True)
    gone = torch.stack([*structured.remove(model, 0.5).values()])
    state = [torch.randn(4, 2, 6).masked_fill(gone[:, None], 0) for _ in range(2)]
    small = shrink(model)
    assert_same(model, small, torch.randn(5, 2, 3), tuple(state))
    state[0] += 1
    with pytest.raises(ValueError, match="not 0 for a unit that was cut out"):
        small(torch.randn(5, 2, 3), tuple(state))


def test_a_model_around_it_need_not_change_and_gradients_agree():
    torch.manual_seed(0)

    class Tagger(nn.Module):
        def __init__(self):
            super().__init__()
            self.embed, self.lstm, self.head = nn.Embedding(9, 4), nn.LSTM(4, 6, bidirectional=True), nn.Linear(12, 3)

        def forward(self, tokens):
            begin = torch.zeros(2, tokens.shape[1], self.lstm.hidden_size)
            return self.head(self.lstm(self.embed(tokens), (begin, begin))[0])

    model, tokens = Tagger(), torch.randint(0, 9, (7, 3))
    structured.remove(model, 0.5)
    small = shrink(model)
    torch.testing.assert_close(small(tokens), model(tokens), rtol=0, atol=1e-6)
    for net in (model, small):
        net(tokens).square().sum().backward()
    torch.testing.assert_close(small.head.weight.grad, model.head.weight.grad)
    torch.testing.assert_close(small.embed.weight.grad, model.embed.weight.grad)
    again = shrink(small)  # nothing is left to cut out
    torch.testing.assert_close(again(tokens), model(tokens), rtol=0, atol=1e-6)


def test_a_mask_that_is_kept_is_kept_on():
    model = nn.Sequential(layer("lstm", 4, 8))
    prune.magnitude(model, 0.5, "h2h").keep(model)
    structured.remove(model, 0.5)
    small = shrink(model)
    mask = Mask.nonzero(small)
    optimizer = torch.optim.Adam(small.parameters(), weight_decay=0.1)
    small(torch.randn(5, 2, 4))[0].sum().backward()
    optimizer.step()
    hh = [name for name in mask if "weight_hh" in name]
    assert 0 < mask[hh[0]].float().mean() < 1
    assert Mask({name: mask[name] for name in hh}).holds(small)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_a_classifier_made_smaller_computes_the_same(data):
    variant = data.draw(st.sampled_from([*VARIANTS]))
    kind = data.draw(st.sampled_from(["stacked", "features", "layered", "interface"]))
    if kind in ("stacked", "features"):
        network = build.stacked(variant, 7, 3, 5, features=4 * (kind == "features"), vocabulary=9, classes=3)
    else:
        graph = nx.gnp_random_graph(11, 0.45, seed=4)
        network = build.layered(variant, graph, interface=6 * (kind == "interface"), vocabulary=9)
    prune.apply(network, data.draw(st.sampled_from([0, 0.5, 0.9])))
    structured.remove(network, data.draw(st.sampled_from([0, 0.3, 1.0])), "random", evidence=Evidence(seed=1))
    small = shrink(network)
    assert isinstance(small, Classifier)
    assert small.size() <= network.size()
    x = torch.randn(4, 6, 4) if network.features else torch.randint(0, 9, (4, 6))
    torch.testing.assert_close(small(x), network(x), rtol=0, atol=1e-6)
    assert Mask.of(small).holds(small)


def test_units_that_nothing_reads_go_from_a_classifier_too():
    network = build.stacked("gru", 6, 2, 4, vocabulary=9)
    for part in structured.units(network)["stages.0"].out:
        part[2] = 0
    assert [stage.nodes for stage in shrink(network).stages] == [5, 6]


def test_what_cannot_be_made_smaller_is_named():
    class Own(nn.LSTM):
        pass

    for model, told in (
        (nn.Sequential(Own(3, 4)), "0 is a Own"),
        (nn.Sequential(nn.Linear(2, 2)), "no nn.RNN, nn.GRU or nn.LSTM"),
        (nn.ModuleDict({"step": nn.LSTMCell(3, 4)}), "step is an LSTMCell"),
    ):
        for p in model.parameters():
            p.data[:] = 0
        with pytest.raises(ValueError, match=told):
            shrink(model)
    twins = nn.ModuleList([layer("gru", 4, 4), layer("gru", 4, 4)])
    twins[1].weight_hh_l0 = twins[0].weight_hh_l0
    structured.remove(twins, 0.5)
    with pytest.raises(ValueError, match="shares weights"):
        shrink(twins)
    hooked = layer("gru", 4, 4)
    hooked.register_forward_hook(lambda *_: None)
    structured.remove(hooked, 0.5)
    with pytest.raises(ValueError, match="hooks"):
        shrink(hooked)
    with pytest.raises(TypeError, match="given a list to shrink"):
        shrink([1])


@pytest.mark.parametrize("score", UNIT_SCORES)
@pytest.mark.parametrize("scope", structured.UNIT_SCOPES)
def test_scores_choose_by_what_they_say(score, scope):
    network = build.stacked("lstm", 6, 2, 4, vocabulary=9)
    tokens, positions = torch.randint(0, 9, (300, 8)), torch.randint(0, 8, (300,))
    evidence = Evidence(inputs=tokens, positions=positions, seed=3)
    found = UNIT_SCORES[score](network, structured.units(network), evidence)
    if score in ("activity", "variance"):
        outs, x = {}, network.embedding(tokens)
        for k, stage in enumerate(network.stages):  # torch's own modules, to the letter
            rnn = nn.LSTM(x.shape[2], 6, batch_first=True)
            rnn.load_state_dict({f"{n}_l0": p for n, p in stage.named_parameters()})
            x = outs[f"stages.{k}"] = rnn(x)[0].detach()
        for name, out in outs.items():
            states = torch.cat([out[b, : positions[b] + 1] for b in range(300)])
            expected = states.abs().mean(0) if score == "activity" else states.var(0, correction=0)
            torch.testing.assert_close(found[name].float(), expected, rtol=1e-4, atol=1e-6)
    gone = structured.remove(network, 0.5, score, scope, evidence)
    assert sum(int(own.sum()) for own in gone.values()) == 6
    if scope == "layer":
        for name, own in gone.items():
            assert found[name][own].max() <= found[name][~own].min()


def test_wrong_asks():
    network = build.stacked("gru", 4, 1, 4, vocabulary=9)
    for options, told in (
        ({"sparsity": 2}, "fraction between 0 and 1"),
        ({"sparsity": 0.5, "score": "nrom"}, "norm"),
        ({"sparsity": 0.5, "scope": "matrix"}, "layer"),
        ({"sparsity": 0.5, "score": "activity"}, "needs data"),
    ):
        with pytest.raises(ValueError, match=told):
            structured.remove(network, **options)
    with pytest.raises(ValueError, match="needs hidden states"):
        structured.remove(nn.GRU(3, 4), 0.5, "activity")


def test_a_unit_score_of_ones_own_is_known_by_its_name_and_told_what_it_lacks(monkeypatch):
    def last_stay(network, units, evidence):
        return {name: torch.arange(len(own)) for name, own in units.items()}

    def too_few(network, units, evidence):
        return {name: torch.arange(3) for name in units}

    network = build.stacked("gru", 4, 1, 4, vocabulary=9)
    monkeypatch.setitem(UNIT_SCORES, "last_stay", last_stay)
    monkeypatch.setitem(UNIT_SCORES, "too_few", too_few)
    assert structured.remove(network, 0.5, "last_stay")["stages.0"].tolist() == [True, True, False, False]
    with pytest.raises(OwnError, match="give a tensor of 4 scores"):
        structured.remove(network, 0.5, "too_few")


def test_a_model_that_asks_its_layer_to_lay_its_weights_side_by_side_still_may():
    """As models do in their forward pass, for cuDNN."""
    module = layer("gru", 3, 6)
    structured.remove(module, 0.5)
    small = shrink(module)
    assert type(small) is Shrunk
    small.flatten_parameters()
