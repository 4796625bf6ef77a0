import networkx as nx
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import cross_entropy

from sparsekit.networks import build
from sparsekit.pruning import scores as scores_module
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.scores import SCORES, Agreement, Evidence, settled
from sparsekit.variants import VARIANTS
from tests.modules import module
from tests.references import Layered, Stacked, copy_into


def tokens(batch=5, steps=7, seed=0):
    return torch.randint(1, 128, (batch, steps), generator=torch.Generator().manual_seed(seed))


def network(variant="gru", seed=0):
    return build.stacked(variant, hidden_size=4, layers=2, embedding_size=3, seed=seed)


LABELS = torch.tensor([0, 1, 1, 0, 1])


def test_registered():
    assert {"magnitude", "random", "sensitivity", "fisher", "activity"} <= set(SCORES)


@pytest.mark.parametrize("name", ["magnitude", "random", "sensitivity", "fisher", "activity"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_scores_have_the_shape_of_the_weights_and_change_nothing(name, variant):
    net = network(variant)
    before = {n: p.clone() for n, p in net.named_parameters()}
    scores = SCORES[name](net, list(net.masks()), Evidence(tokens(), LABELS))
    assert list(scores) == list(net.masks())
    for weight, values in scores.items():
        assert values.shape == net.get_parameter(weight).shape
        assert (values >= 0).all()
        assert not values.requires_grad
    assert all(torch.equal(p, before[n]) for n, p in net.named_parameters())
    assert all(p.grad is None for p in net.parameters())


def test_random_comes_from_seed_and_name_alone():
    net, other = network(), network(seed=5)
    names = list(net.masks())
    drawn = SCORES["random"](net, names, Evidence())
    torch.manual_seed(0)
    again = SCORES["random"](other, names[::-1][:2], Evidence())
    assert all(torch.equal(values, drawn[name]) for name, values in again.items())
    assert not torch.equal(drawn["stages.0.weight_hh"], drawn["stages.1.weight_hh"])
    assert not torch.equal(drawn[names[0]], SCORES["random"](net, names, Evidence(seed=1))[names[0]])


def test_random_is_uniform():
    wide = nn.LSTM(100, 100)
    (values,) = SCORES["random"](wide, ["weight_hh_l0"], Evidence(seed=3)).values()
    counts = np.histogram(values, bins=10, range=(0, 1))[0]
    assert counts.sum() == 40000
    assert abs(counts - 4000).max() < 4 * (4000 * 0.9) ** 0.5


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("read", [None, torch.tensor([6, 2, 3, 0, 5])])
def test_sensitivity_is_the_slope_of_the_loss_in_a_factor_on_the_weight(variant, read):
    net = network(variant).double()
    scores = SCORES["sensitivity"](net, list(net.masks()), Evidence(tokens(), LABELS, read))
    for name, row, column in [("stages.0.weight_ih", 1, 2), ("stages.0.weight_hh", 3, 0), ("stages.1.weight_hh", 2, 1)]:
        weight, losses = net.get_parameter(name).data, []
        value = float(weight[row, column])
        for factor in (1 - 1e-5, 1 + 1e-5):
            weight[row, column] = value * factor
            losses.append(cross_entropy(net(tokens(), read), LABELS).item())
        weight[row, column] = value
        slope = (losses[1] - losses[0]) / 2e-5
        assert float(scores[name][row, column]) == pytest.approx(abs(slope), rel=1e-4, abs=1e-9)


def test_weights_that_do_not_exist_have_no_sensitivity():
    net = build.layered("lstm", nx.connected_watts_strogatz_graph(12, 4, 0.5, seed=1))
    mask = Mask.of(net)
    scores = SCORES["sensitivity"](net, list(mask), Evidence(tokens(), LABELS))
    assert all((scores[name][~mask[name]] == 0).all() for name in mask)
    assert any((scores[name] > 0).any() for name in mask)


def states(reference, inputs):
    """What each cell of a literal reference reads and its hidden states, both (steps, batch, units)."""
    cells = [*reference.cells] if isinstance(reference, Stacked) else [*reference.main, *reference.skip.values()]
    seen, handles = {}, []
    for cell in cells:
        handles.append(cell.register_forward_hook(lambda cell, given, out: seen.__setitem__(cell, (given[0], out))))
    with torch.no_grad():
        reference(inputs)
    for handle in handles:
        handle.remove()
    return seen


def rms(values, read):
    """Step by step and unit by unit, over what the readout sees."""
    steps, batch, units = values.shape
    seen = [[values[t, b] for t in range(steps) if t <= read[b]] for b in range(batch)]
    flat = [v for string in seen for v in string]
    return torch.tensor([float(np.sqrt(np.mean([float(v[unit]) ** 2 for v in flat]))) for unit in range(units)])


@settings(max_examples=15, deadline=None)
@given(
    variant=st.sampled_from([*VARIANTS]),
    positions=st.none() | st.lists(st.integers(0, 6), min_size=5, max_size=5),
    graph=st.booleans(),
    seed=st.integers(0, 20),
)
def test_activity_is_weight_times_rms_of_what_a_literal_network_reads(variant, positions, graph, seed):
    torch.manual_seed(seed)
    if graph:
        drawn = nx.connected_watts_strogatz_graph(9, 4, 0.7, seed=seed)
        net, reference = build.layered(variant, drawn, seed=seed), Layered(variant, drawn)
    else:
        net, reference = network(variant, seed), Stacked(variant, 4, 2, 3)
    copy_into(net, reference)
    seen = states(reference, tokens(seed=seed))
    read = [6] * 5 if positions is None else positions
    evidence = Evidence(tokens(seed=seed), positions=None if positions is None else torch.tensor(positions))
    scores = SCORES["activity"](net, list(net.masks()), evidence)
    for k, stage in enumerate(net.stages):
        cells = [reference.main[k]] if graph else [reference.cells[k]]
        if graph:
            cells += [reference.skip[f"{s}-{k}"] for s in range(k - 1) if f"{s}-{k}" in reference.skip]
        inputs = torch.cat([rms(seen[cell][0], read) for cell in cells])
        before = [torch.cat([torch.zeros_like(h[:1]), h[:-1]]) for h in (seen[cell][1] for cell in cells)]
        hidden = torch.cat([rms(h, read) for h in before])
        for name, factor in (("weight_ih", inputs), ("weight_hh", hidden)):
            expected = getattr(stage, name).detach().abs() * factor
            torch.testing.assert_close(scores[f"stages.{k}.{name}"], expected, rtol=1e-4, atol=1e-6)


def test_padding_counts_as_the_readout_sees_it():
    net, names = network(), list(network().masks())
    padded = torch.cat([tokens(), torch.zeros(5, 9, dtype=torch.int64)], 1)
    alone = SCORES["activity"](net, names, Evidence(tokens()))
    with_padding = SCORES["activity"](net, names, Evidence(padded))
    at_its_end = SCORES["activity"](net, names, Evidence(padded, positions=torch.full((5,), 6)))
    for name in names:
        torch.testing.assert_close(at_its_end[name], alone[name])
        assert not torch.allclose(with_padding[name], alone[name])


def test_a_silent_unit_gives_its_readers_no_activity():
    net = network("rnn_relu")
    with torch.no_grad():
        for parameter in (net.stages[0].weight_ih, net.stages[0].weight_hh):
            parameter[2] = 0
        for bias in (net.stages[0].bias_ih, net.stages[0].bias_hh):
            bias[2] = -1
    scores = SCORES["activity"](net, list(net.masks()), Evidence(tokens()))
    assert (scores["stages.0.weight_hh"][:, 2] == 0).all()
    assert (scores["stages.1.weight_ih"][:, 2] == 0).all()
    assert (scores["stages.1.weight_hh"] > 0).any()


@pytest.mark.parametrize("name", ["sensitivity", "fisher", "activity"])
@pytest.mark.parametrize("read", [None, torch.tensor([6, 2, 3, 0, 5])])
def test_evidence_is_looked_at_in_parts(name, read, monkeypatch):
    net = network("lstm").double()
    whole = SCORES[name](net, list(net.masks()), Evidence(tokens(), LABELS, read))
    monkeypatch.setattr(scores_module, "CHUNK", 2)
    parts = SCORES[name](net, list(net.masks()), Evidence(tokens(), LABELS, read))
    for weight, values in whole.items():
        torch.testing.assert_close(parts[weight], values)


def test_fisher_is_the_mean_square_of_what_single_strings_say():
    net, names = network().double(), list(network().masks())
    alone = [SCORES["sensitivity"](net, names, Evidence(tokens()[[k]], LABELS[[k]])) for k in range(5)]
    for weight, values in SCORES["fisher"](net, names, Evidence(tokens(), LABELS)).items():
        torch.testing.assert_close(values, torch.stack([one[weight] ** 2 for one in alone]).mean(0))


def test_evidence_grows_until_its_halves_agree():
    """A score of noise that more evidence averages away, and one that never settles."""

    @SCORES.register
    def noisy(net, names, evidence):
        noise = np.random.default_rng(int(evidence.inputs[0])).normal(size=(12, 4)) / len(evidence.inputs) ** 0.5
        return {name: torch.arange(48.0).view(12, 4) + torch.tensor(level * noise) for name in names}

    def some(count):
        return Evidence(torch.arange(count))

    try:
        asked = network(), ["stages.1.weight_hh"], some, 5000
        found = {}
        for level in (0.0, 60.0, 1e6):
            found[level] = settled("noisy", *asked)[1]
        assert found[0.0] == Agreement(256, 1.0)
        assert found[60.0].sequences == 1024
        assert found[60.0].correlation >= 0.95
        assert found[1e6].sequences == 5000
        assert abs(found[1e6].correlation) < 0.5
    finally:
        del SCORES["noisy"]


def test_scores_that_need_data_say_so():
    net, names = network(), list(network().masks())
    for evidence in (Evidence(), Evidence(tokens())):
        with pytest.raises(ValueError, match="sensitivity needs data"):
            SCORES["sensitivity"](net, names, evidence)
    with pytest.raises(ValueError, match="activity needs data"):
        SCORES["activity"](net, names, Evidence(labels=LABELS))
    with pytest.raises(ValueError, match="activity needs hidden states, which a Classifier shows and Reader not"):
        SCORES["activity"](module("nn.LSTM"), ["encoder.recurrent.weight_hh_l0"], Evidence(torch.zeros(1, 2, 4)))
