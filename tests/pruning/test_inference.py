"""A torch model whose recurrent layers are compiled gives the model's outputs and states."""

import copy
import io
import re
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune
from torch.nn.utils.rnn import pack_padded_sequence

from sparsekit.networks import build, sparse
from sparsekit.networks.sparse import CompiledLayers
from sparsekit.pruning import prune, structured
from sparsekit.pruning.inference import compiled
from sparsekit.pruning.shrink import Shrunk, shrink
from tests.pruning.test_shrink import KINDS, layer, tensors


def assert_same(model, made, *given_):
    with torch.no_grad():
        expected = tensors(model.eval()(*given_))
    for a, b in zip(expected, tensors(made(*given_)), strict=True):
        assert a.shape == b.shape
        assert not b.requires_grad
        torch.testing.assert_close(b, a, rtol=1e-5, atol=1e-5)


@pytest.mark.filterwarnings("ignore:all weights of")
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_any_torch_layer_gives_the_same_compiled(data):
    kind, units, inputs = (
        data.draw(st.sampled_from([*KINDS])),
        data.draw(st.integers(1, 70)),
        data.draw(st.integers(1, 40)),
    )
    options = {name: data.draw(st.booleans()) for name in ("bidirectional", "batch_first", "bias")}
    options["dropout"] = 0.5 * (many := data.draw(st.booleans()))
    module = layer(kind, inputs, units, num_layers=1 + many, seed=data.draw(st.integers(0, 9)), **options)
    prune.magnitude(module, data.draw(st.sampled_from([0, 0.5, 0.9])), "both")
    made = compiled(module, data.draw(st.sampled_from(sparse.FORMS)))
    steps, batch = data.draw(st.integers(1, 9)), data.draw(st.sampled_from([None, 0, 1, 2, 5, 17, 32, 33]))
    batches = [] if batch is None else [batch]
    x = torch.randn(*([*batches, steps] if options["batch_first"] else [steps, *batches]), inputs)
    states = [torch.randn((1 + many) * (1 + options["bidirectional"]), *batches, units) for _ in range(2)]
    hx = data.draw(st.sampled_from([None, tuple(states) if kind == "lstm" else states[0]]))
    assert_same(module, made, x, hx)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_pieces_is_the_sequence(kind):
    """As a stream is computed: each call goes on from the states of the last one, which it leaves as they are."""
    module, x = layer(kind, 5, 20, num_layers=2), torch.randn(9, 1, 5)
    made = compiled(module)
    whole, first = made(x)[0], made(x[:4])
    before = copy.deepcopy(first)
    torch.testing.assert_close(torch.cat([first[0], made(x[4:], first[1])[0]]), whole, rtol=0, atol=1e-6)
    assert all(a.equal(b) for a, b in zip(tensors(first), tensors(before), strict=True))


class Reader(nn.Module):
    """As users write them."""

    def __init__(self):
        super().__init__()
        self.embedding, self.lstm, self.dropout = (
            nn.Embedding(9, 16),
            nn.LSTM(16, 40, 2, batch_first=True),
            nn.Dropout(),
        )
        self.readout = nn.Linear(40, 2)

    def forward(self, tokens):
        self.lstm.flatten_parameters()
        _, (h, _) = self.lstm(self.embedding(tokens))
        return self.readout(self.dropout(h[-1]))


def test_a_model_after_pruning_masks_and_shrinking():
    torch.manual_seed(0)
    model, tokens = Reader(), torch.randint(0, 9, (3, 7))
    structured.remove(model, 0.5)
    small = shrink(model)
    mask = prune.magnitude(small, 0.8)
    mask.keep(small)
    with torch.no_grad():  # what nobody has held at 0 yet does not count
        small.lstm.parts[0].weight_hh_l0 += 1
    made = compiled(small)
    assert type(made.lstm) is Shrunk
    assert {type(part) for part in made.lstm.parts} == {CompiledLayers}
    expected = small.eval()(tokens).detach()
    torch.testing.assert_close(made(tokens), expected, rtol=0, atol=1e-5)
    with torch.no_grad():
        mask.release(small)
        small.lstm.parts[0].weight_hh_l0 += 1
    assert made(tokens).equal(copy.deepcopy(made)(tokens))
    torch.testing.assert_close(made(tokens), expected, rtol=0, atol=1e-5)
    torch.save(made, file := io.BytesIO())
    file.seek(0)
    assert torch.load(file, weights_only=False)(tokens).equal(made(tokens))
    assert type(small.lstm.parts[0]) is nn.LSTM
    assert type(model.lstm) is nn.LSTM


def test_it_holds_no_zeros_and_no_parameters():
    model = nn.GRU(64, 64)
    prune.magnitude(model, 0.95, "both")
    sizes = {
        form: sum(a.nbytes for p in compiled(model, form)._packed(False) for a in p[1]) for form in ("sparse", "dense")
    }
    assert sizes["sparse"] < 0.2 * sizes["dense"]
    assert not list(compiled(model).parameters())


def hooked():
    module = nn.GRU(3, 4)
    module.register_forward_hook(lambda *_: None)
    return module


def torchs_pruning():
    return torch_prune.l1_unstructured(nn.GRU(3, 4), "weight_hh_l0", 0.5)


class Own(nn.LSTM):
    pass


@pytest.mark.parametrize(
    ("model", "says"),
    [
        (lambda: nn.Sequential(nn.Linear(3, 4)), "Sequential has no nn.RNN, nn.GRU or nn.LSTM inside"),
        (lambda: nn.LSTMCell(3, 4), "LSTMCell has no nn.RNN, nn.GRU or nn.LSTM inside"),
        (lambda: nn.Sequential(nn.LSTM(3, 4, proj_size=2)), "^0: an nn.LSTM with proj_size=2"),
        (lambda: nn.GRU(3, 4).double(), "the model: the layer is of torch.float64 on cpu"),
        (lambda: nn.GRU(3, 4, device="meta"), "torch.float32 on meta"),
        (lambda: Own(3, 4), "given a Own"),
        (hooked, "the model has hooks"),
        (torchs_pruning, "cannot see weights of weight_hh_l0"),
        (lambda: nn.Sequential(build.stacked("gru", 4)), "0 is a Classifier of the kit's"),
    ],
)
def test_what_cannot_be_compiled_is_said(model, says):
    with pytest.raises(ValueError, match=says):
        compiled(model())


def test_what_is_no_model_or_form_is_said():
    with pytest.raises(TypeError, match="give the torch"):
        compiled(nn.GRU(3, 4).state_dict())
    with pytest.raises(ValueError, match="spares"):
        compiled(nn.GRU(3, 4), "spares")


def test_what_cannot_be_read_is_said():
    made = compiled(nn.LSTM(3, 4, batch_first=True))
    x, state = torch.zeros(2, 5, 3), torch.zeros(1, 2, 4)
    for given_, says in (
        ((torch.zeros(2, 5, 4),), r"shape \(2, 5, 4\): give torch.float32 on a CPU of shape \(batch, steps, 3\)"),
        ((torch.zeros(5, 4),), r"shape \(steps, 3\)"),
        ((x.double(),), "input is torch.float64"),
        ((x[:, :0],), "input has no steps"),
        ((pack_padded_sequence(x, [5, 2], batch_first=True),), "given a packed sequence"),
        ((x.numpy(),), "input is ndarray"),
        ((x, state), "hx holds 1 states: give h_0 and c_0"),
        ((x, (state, state[:, :1])), r"c_0 .* shape \(1, 2, 4\)"),
        ((x[0], (state, state)), r"h_0 .* shape \(1, 4\)"),
    ):
        with pytest.raises(ValueError, match=says):
            made(*given_)
    with pytest.raises(RuntimeError, match="neither trained nor traced"):
        torch.jit.trace(made, (x,))
    with pytest.raises(RuntimeError, match="neither trained nor traced"):
        made.train()(x)


def test_torch_compile_goes_round_it():
    model, x = nn.Sequential(nn.Linear(3, 3), nn.GRU(3, 4)), torch.randn(5, 2, 3)
    made = compiled(model)
    torch.testing.assert_close(torch.compile(made, backend="eager")(x)[0], made(x)[0])


def test_the_page_on_own_networks_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "how-to" / "own-network.md").read_text("utf-8")
    names = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code, names)
    assert names["output"].shape == (1, 1, 32)
