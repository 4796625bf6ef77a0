import copy
import io
import warnings
from functools import partial

import pytest
import torch
import torch.nn.utils.prune as torch_prune
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from sparsekit.pruning import prune
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.matrices import KEEPER, matrices
from sparsekit.pruning.random_masks import shuffled
from tests.modules import MODULES, batches, module, train

OPTIMIZERS = {
    "SGD": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1),
    "Adam": lambda p: torch.optim.Adam(p, lr=0.02, weight_decay=0.1),
    "AdamW": lambda p: torch.optim.AdamW(p, lr=0.02, weight_decay=0.1, amsgrad=True),
    "RMSprop": lambda p: torch.optim.RMSprop(p, lr=0.02, momentum=0.9),
}
every_module = pytest.mark.parametrize("kind", MODULES)


def kept(kind="nn.LSTM", sparsity=0.7, **how):
    model = module(kind)
    mask = prune.magnitude(model, sparsity, **how)
    mask.keep(model)
    return model, mask


def masked(model, mask):
    """Whether something is masked, and is exactly 0."""
    return 0 < mask.sparsity < 1 and mask.holds(model)


def weights(model):
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def unmoved(model, before):
    return {name for name, p in model.named_parameters() if torch.equal(p, before[name])}


@every_module
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_zeros_stay_zero_in_anybodys_training_loop(kind, optimizer):
    model, mask = kept(kind)
    before = weights(model)
    train(model, OPTIMIZERS[optimizer](model.parameters()), 4)
    assert masked(model, mask)
    assert not unmoved(model, before)
    assert all(torch.equal(exists, mask[name]) for name, exists in Mask.of(model).items())


@pytest.mark.parametrize(
    "kind", ["nn.RNN tanh", "nn.LSTM, 2 layers, bidirectional, projected", "nn.GRU, 2 layers, dropout"]
)
def test_training_equals_masks_multiplied_in_the_forward_pass(kind):
    model, mask = kept(kind)
    reference = module(kind)

    def forward(x):
        parameters = {n: p * mask[n] if n in mask else p for n, p in reference.named_parameters()}
        return torch.func.functional_call(reference, parameters, x)

    losses = train(model, torch.optim.Adam(model.parameters(), lr=0.02), 30, clip=0.1)
    expected = train(reference, torch.optim.Adam(reference.parameters(), lr=0.02), 30, clip=0.1, call=forward)
    assert losses == pytest.approx(expected, abs=1e-6)
    assert len(set(losses)) > 20
    for name, parameter in reference.named_parameters():
        torch.testing.assert_close(model.get_parameter(name), parameter * mask.get(name, 1), rtol=0, atol=1e-5)


def test_without_keeping_training_brings_the_weights_back():
    model = module("nn.LSTM")
    mask = prune.magnitude(model, 0.7)
    assert mask.holds(model)
    train(model, torch.optim.Adam(model.parameters()), 1)
    assert not mask.holds(model)


@every_module
def test_an_optimizer_that_has_stepped_before(kind):
    for told in (True, False):
        model = module(kind)
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
        train(model, optimizer, 3)
        mask = prune.magnitude(model, 0.7)
        mask.keep(model, optimizer if told else None)
        train(model, optimizer, 2)
        assert masked(model, mask)


def test_moments_of_weights_that_exist_stay():
    model = module("nn.LSTM")
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    train(model, optimizer, 3)
    name, weight = "encoder.recurrent.weight_hh_l0", model.encoder["recurrent"].weight_hh_l0
    before = optimizer.state[weight]["exp_avg"].clone()
    mask = prune.magnitude(model, 0.7)
    mask.keep(model, optimizer)
    assert torch.equal(optimizer.state[weight]["exp_avg"], before * mask[name])


@every_module
def test_a_deep_copy_keeps_the_mask_on_its_own(kind):
    model, mask = kept(kind)
    before = weights(model)
    twin = copy.deepcopy(model)
    twin_losses = train(twin, torch.optim.SGD(twin.parameters(), lr=0.1, momentum=0.9), 4)
    assert masked(twin, mask)
    assert not unmoved(twin, before)
    assert unmoved(model, before) == set(before)
    assert twin_losses == train(model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), 4)
    mask.release(twin)
    train(twin, torch.optim.SGD(twin.parameters(), lr=0.1), 1)
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), 1)
    assert masked(model, mask)


@every_module
def test_state_dict_has_its_keys_and_loads_both_ways(kind, tmp_path):
    dense = module(kind, seed=1)
    keys = list(dense.state_dict())
    model, mask = kept(kind)
    assert list(model.state_dict()) == keys
    torch.save(model.state_dict(), tmp_path / "state.pt")
    dense.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert masked(dense, mask)
    if kind != "Classifier":  # whose state holds its masks, so that loading replaces them
        model.load_state_dict(module(kind, seed=2).state_dict())
        assert masked(model, mask)
        assert unmoved(model, weights(module(kind, seed=2))) == set(weights(model)) - set(mask)


@every_module
def test_a_module_saved_whole_keeps_its_mask(kind, tmp_path, monkeypatch):
    model, mask = kept(kind)
    train(model, torch.optim.Adam(model.parameters()), 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        torch.save(model, tmp_path / "model.pt")
    loaded = torch.load(tmp_path / "model.pt", weights_only=False)
    losses = train(loaded, torch.optim.Adam(loaded.parameters(), lr=0.02), 4)
    assert losses == train(model, torch.optim.Adam(model.parameters(), lr=0.02), 4)
    assert masked(loaded, mask)
    mask.release(loaded)
    assert not hooks(loaded)


@every_module
def test_moving_to_another_type_keeps_the_mask(kind):
    model, mask = kept(kind)
    model.double().float()
    train(model, torch.optim.Adam(model.parameters()), 2)
    assert masked(model, mask)
    model.double()
    x = torch.zeros(1, 2, 4, dtype=torch.float64)
    model(x).sum().backward()
    assert masked(model, mask)
    assert matrices(model)[next(iter(mask))].weight.dtype == torch.float64


@pytest.mark.parametrize("replaced", [False, True])
def test_moving_to_a_gpu_and_back_keeps_the_mask(replaced):
    if not torch.cuda.is_available():
        pytest.skip("no GPU here")
    torch.__future__.set_overwrite_module_params_on_conversion(replaced)
    try:
        model, mask = kept()
        for device in ("cuda", "cpu"):
            model.to(device)
            call = partial(lambda device, x: model(x.to(device)).cpu(), device)
            train(model, torch.optim.Adam(model.parameters()), 2, call=call)
            assert masked(model, mask)
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)


def test_parameters_that_a_move_replaces_keep_the_mask():
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        model, mask = kept()
        before = model.encoder["recurrent"].weight_hh_l0
        model.double().float()
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
    assert model.encoder["recurrent"].weight_hh_l0 is not before
    train(model, torch.optim.Adam(model.parameters()), 2)
    assert masked(model, mask)


def test_weights_replaced_by_a_load_keep_the_mask():
    model, mask = kept()
    model.load_state_dict(module("nn.LSTM", seed=3).state_dict(), assign=True)
    assert masked(model, mask)
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), 2)
    assert masked(model, mask)


def test_a_layer_that_was_frozen_keeps_its_mask_when_it_learns_again():
    model = module("nn.LSTM").requires_grad_(False)
    mask = prune.magnitude(model, 0.7)
    mask.keep(model)
    model.requires_grad_(True)
    train(model, torch.optim.SGD(model.parameters(), lr=0.1), 2)
    assert masked(model, mask)


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
@pytest.mark.parametrize("copied", [False, True])
def test_a_compiled_module_keeps_the_mask(backend, copied):
    torch._dynamo.reset()
    model, mask = kept("nn.GRU, 2 layers, dropout")
    model.encoder["recurrent"].dropout = 0.0
    if copied:
        model = copy.deepcopy(model)  # whose hooks on gradients come with its first forward pass
    plain = copy.deepcopy(model)
    compiled = torch.compile(model, backend=backend)
    losses = train(model, torch.optim.Adam(model.parameters(), lr=0.02), 5, call=compiled)
    assert masked(model, mask)
    assert losses == pytest.approx(train(plain, torch.optim.Adam(plain.parameters(), lr=0.02), 5), abs=1e-6)


def hooks(model):
    """Names of everything that a module holds beside weights, and the number of hooks on it."""
    found = [name for name, _ in model.named_buffers() if "classifier" not in name]
    for module_ in model.modules():
        found += [type(h).__name__ for h in module_._forward_pre_hooks.values()]
        found += [type(h).__name__ for h in module_._state_dict_pre_hooks.values()]
        found += [type(h).__name__ for h in module_._load_state_dict_post_hooks.values()]
        found += [KEEPER] * hasattr(module_, KEEPER)
    return found + ["gradient" for p in model.parameters() for _ in p._backward_hooks or ()]


@every_module
def test_keeping_twice_is_keeping_once_and_release_undoes(kind):
    model, mask = kept(kind)
    once = hooks(model)
    mask.keep(model)
    model(torch.zeros(1, 2, 4))
    assert hooks(model) == once
    assert once.count("gradient") == len(mask)
    mask.release(model)
    assert not hooks(model)
    mask.release(model)
    before = weights(model)
    train(model, torch.optim.Adam(model.parameters()), 2)
    assert not unmoved(model, before)
    assert mask.holds(model) == (kind == "Classifier")  # whose masks are part of it


def test_two_masks_on_one_layer_are_kept_and_released_apart():
    model, h2h = kept(target="h2h")
    i2h = prune.magnitude(model, 0.4, target="i2h")
    i2h.keep(model)
    train(model, torch.optim.Adam(model.parameters()), 2)
    assert masked(model, h2h)
    assert masked(model, i2h)
    h2h.release(model)
    train(model, torch.optim.Adam(model.parameters()), 2)
    assert masked(model, i2h)
    assert not h2h.holds(model)


def test_keeping_another_mask_replaces_the_first():
    model, first = kept()
    second = shuffled(first, seed=0)
    second.keep(model)
    train(model, torch.optim.Adam(model.parameters()), 2)
    assert second.holds(model)
    assert not first.holds(model)


def test_a_mask_of_another_model():
    model, mask = kept()
    with pytest.raises(ValueError, match=r"no parameter encoder\.recurrent\.weight_ih_l0 of shape \(20, 3\)"):
        mask.keep(module("nn.LSTMCell"))
    with pytest.raises(ValueError, match="another model"):
        Mask({name: exists[:4] for name, exists in mask.items()}).apply(model)


@settings(max_examples=30, deadline=None)
@given(
    shape=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    gates=st.sampled_from([1, 3, 4]),
    density=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_a_shuffled_mask_has_the_same_number_of_weights_in_every_gate(shape, gates, density, seed):
    generator = torch.Generator().manual_seed(seed)
    rows, columns = shape
    mask = Mask(
        {n: torch.rand(gates * rows, columns, generator=generator) < density for n in ("weight_ih", "weight_hh")}
    )
    for blocks in (1, gates):
        control = shuffled(mask, seed, blocks)
        for name, exists in mask.items():
            counts = [[int(block.sum()) for block in m[name].chunk(blocks)] for m in (control, mask)]
            assert counts[0] == counts[1]
            assert control[name].shape == exists.shape
        again = shuffled(mask, seed, blocks)
        assert all(torch.equal(control[name], again[name]) for name in mask)


def test_shuffled_masks_differ_by_seed_and_matrix_and_every_place_is_as_likely():
    mask = Mask({name: torch.arange(12).view(4, 3) < 3 for name in ("weight_ih", "weight_hh")})
    drawn = [shuffled(mask, seed) for seed in range(400)]
    share = torch.stack([d["weight_ih"] for d in drawn]).double().mean(0)
    assert share.sub(0.25).abs().max() < 4 * (0.25 * 0.75 / 400) ** 0.5
    assert any(not torch.equal(d["weight_ih"], d["weight_hh"]) for d in drawn)
    with pytest.raises(ValueError, match="equal division"):
        shuffled(mask, 0, gates=3)


def test_projections_are_not_masked():
    layer = nn.LSTM(3, 5, proj_size=2, bidirectional=True)
    assert [name for name, _ in layer.named_parameters() if "weight_hr" in name]
    assert list(matrices(layer)) == [f"weight_{kind}_l0{way}" for way in ("", "_reverse") for kind in ("ih", "hh")]


@pytest.mark.parametrize("name", ["Adam", "Muon", "LBFGS", "SGD"])
def test_zeros_hold_right_after_a_step_of_an_optimizer_that_was_not_told(name):
    model = module("nn.LSTM")
    parameters = [p for p in model.parameters() if p.ndim == 2]
    options = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(torch.optim, name)(parameters, lr=0.05, **options)

    def closure():
        optimizer.zero_grad()
        ((x, labels),) = batches(1)
        loss = nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    mask = prune.magnitude(model, 0.7)
    mask.keep(model)
    optimizer.step(closure)
    saved = io.BytesIO()
    torch.save(model, saved)
    saved.seek(0)
    for whole in (model, copy.deepcopy(model), torch.load(saved, weights_only=False)):
        assert masked(whole, mask)
    for parameter in parameters:
        parameter.data.add_(1)  # what is no optimizer is undone by release
    mask.release(model)
    assert masked(model, mask)


def test_a_matrix_in_two_layers_is_pruned_and_counted_once():
    layers = nn.ModuleList([nn.GRU(4, 4), nn.GRU(4, 4)])
    layers[1].weight_hh_l0 = layers[0].weight_hh_l0
    mask = prune.random(layers, 0.5, target="h2h")
    assert list(mask) == ["0.weight_hh_l0"]
    assert (layers[1].weight_hh_l0 == 0).float().mean() == mask.sparsity == 0.5


@pytest.mark.parametrize("hide", [nn.utils.parametrizations.weight_norm, torch_prune.identity])
def test_matrices_that_cannot_be_seen_are_named_and_a_mask_that_ends_says_so(hide):
    model = module("nn.LSTM")
    hide(model.encoder["recurrent"], "weight_hh_l0")
    with pytest.raises(ValueError, match=r"cannot prune encoder\.recurrent\.weight_hh_l0"):
        prune.magnitude(model, 0.5)
    model, _ = kept()
    hide(model.encoder["recurrent"], "weight_hh_l0")
    with pytest.raises(RuntimeError, match="the mask of weight_hh_l0 ended"):
        model(torch.zeros(1, 2, 4))


def test_a_call_that_fails_changes_nothing():
    mask = prune.magnitude(nn.LSTM(4, 8, 2), 0.7)
    for call in (mask.keep, mask.apply):
        layer = nn.LSTM(4, 8)
        before = weights(layer)
        with pytest.raises(ValueError, match="another model"):
            call(layer)
        assert unmoved(layer, before) == set(before)
        assert Mask.of(layer).sparsity == 0
    layer = nn.LSTM(4, 8, 2)
    with pytest.raises(TypeError, match="optimizer is a list"):
        mask.keep(layer, [torch.optim.Adam(layer.parameters())])
    assert Mask.of(layer).sparsity == 0


def test_attributes_of_the_users_own_stay():
    layer = nn.LSTM(4, 8)
    layer.register_buffer("mask_hh_l0", torch.full((32, 8), 0.9))
    mask = prune.magnitude(layer, 0.7)
    mask.keep(layer)
    mask.release(layer)
    assert (layer.mask_hh_l0 == 0.9).all()


def test_functional_call_averaging_inference_mode_and_a_mask_in_a_checkpoint():
    model, mask = kept()
    x = torch.zeros(1, 2, 4)
    given = {name: torch.ones_like(p) for name, p in model.named_parameters()}
    tensors = list(given.values())
    torch.func.functional_call(model, given, (x,))
    assert all((tensor == 1).all() for tensor in tensors)
    averaged = torch.optim.swa_utils.AveragedModel(model, use_buffers=True)
    averaged.update_parameters(model)
    assert masked(averaged.module, mask)
    assert mask.holds(averaged)
    with torch.inference_mode():
        prune.magnitude(model, 0.8).keep(model)
    prune.magnitude(model, 0.9).keep(model)
    saved = io.BytesIO()
    torch.save({"mask": mask}, saved)
    saved.seek(0)
    loaded = torch.load(saved)["mask"]
    assert isinstance(loaded, Mask)
    assert all(torch.equal(loaded[name], exists) for name, exists in mask.items())


class Reader(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)[0]


@pytest.mark.parametrize("strict", [False, True])
def test_a_kept_module_is_exported_with_its_zeros(strict):
    for layer in (nn.LSTM(4, 8), nn.GRUCell(4, 8)):
        model = Reader(layer)
        mask = prune.magnitude(model, 0.7)
        mask.keep(model)
        x = torch.randn(3, 4)
        program = torch.export.export(model, (x,), strict=strict)
        torch.testing.assert_close(program.module()(x), model(x))
        assert all((program.state_dict[name][~exists] == 0).all() for name, exists in mask.items())
        assert masked(model, mask)


def test_a_script_says_to_release_a_copy():
    layer = nn.LSTM(4, 8)
    mask = prune.magnitude(layer, 0.7)
    mask.keep(layer)
    with pytest.raises(RuntimeError, match="release the mask on a copy"):
        torch.jit.script(layer)
    assert masked(layer, mask)


@pytest.mark.parametrize("cell", [nn.LSTM, nn.GRUCell])
@pytest.mark.parametrize("wrap", [nn.Parameter, torch.Tensor.detach])
def test_tensors_in_the_place_of_weights_are_computed_with_as_if_masked_and_stay(cell, wrap):
    model, plain = Reader(cell(4, 8)), Reader(cell(4, 8))
    mask = prune.magnitude(model, 0.7)
    mask.keep(model)
    x = torch.randn(3, 4)
    given = {name: wrap(torch.randn_like(p)) for name, p in model.named_parameters()}
    before = {name: tensor.detach().clone() for name, tensor in given.items()}

    def loss(given):
        return torch.func.functional_call(model, given, (x,)).square().sum()

    found = {name: p * mask.get(name, 1) for name, p in given.items()}
    torch.testing.assert_close(loss(given), torch.func.functional_call(plain, found, (x,)).square().sum())
    gradients = torch.func.grad(loss)({name: tensor.detach() for name, tensor in given.items()})
    for name, exists in mask.items():
        assert (gradients[name][~exists] == 0).all()
    assert any((gradients[name] != 0).any() for name in mask)
    with pytest.raises((RuntimeError, ValueError)):
        torch.func.functional_call(model, given, (x[:, :3],))
    assert all(torch.equal(given[name], tensor) for name, tensor in before.items())
    assert all(isinstance(p, nn.Parameter) for p in model.parameters())
    assert masked(copy.deepcopy(model), mask)


def test_weights_written_by_hand_or_replaced_are_masked_at_the_next_call():
    model, mask = kept()
    layer, x = model.encoder["recurrent"], torch.zeros(1, 2, 4)
    nn.init.ones_(layer.weight_hh_l0)
    model(x)
    assert masked(model, mask)
    expected = model(x)
    layer.weight_hh_l0 = nn.Parameter(torch.ones_like(layer.weight_hh_l0))
    torch.testing.assert_close(model(x), expected)
    model(x).sum().backward()
    assert (layer.weight_hh_l0.grad[~mask["encoder.recurrent.weight_hh_l0"]] == 0).all()
    assert masked(copy.deepcopy(model), mask)


def test_gradients_of_a_copy_are_masked_before_its_first_call():
    model, mask = kept()
    for twin in (copy.deepcopy(model), copy.deepcopy(copy.deepcopy(model))):
        sum(p.sum() for p in twin.parameters()).backward()
        assert all(torch.equal(twin.get_parameter(n).grad, exists.float()) for n, exists in mask.items())


def test_masks_add_up_copy_and_compare_as_masks():
    model = module("nn.LSTM")
    mask, h2h = prune.magnitude(model, 0.7), prune.magnitude(model, 0.8, target="h2h")
    assert isinstance(mask.copy(), Mask)
    assert mask.copy() == mask
    both = mask | h2h
    assert isinstance(both, Mask)
    assert both != mask
    assert all(torch.equal(both[name], exists) for name, exists in h2h.items())
    assert mask != h2h
    assert Mask({}).sparsity == 0
    assert Mask({name: exists.numpy() for name, exists in mask.items()}) == mask
