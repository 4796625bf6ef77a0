"""Scores: how much each recurrent weight of a network matters. A new one is one function and one registration.

Torch is loaded when a score is computed, not where its name is looked up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from sparsekit.registry import Own, Registry, described
from sparsekit.seeds import derive

if TYPE_CHECKING:
    from torch import Tensor, nn

    from sparsekit.networks.classifier import Classifier

SCORES = Registry("pruning score")
CONTROLS = (("random", "global"), ("random", "layer"))
"""Score and scope that always stand beside a score: as sparse as it in all, and in each layer."""

WITHOUT_DATA = ("magnitude", "random")
"""Scores that look at no data, so that more of it changes nothing."""

CHUNK = 256  # sequences at a time, for what memory holds
FEWEST = 256  # sequences that `settled` begins with


@dataclass(frozen=True, eq=False)
class Evidence:
    """What a score may look at beside the weights.

    `loss` takes the network and gives a scalar to differentiate, for networks that are called in another way or learn
    something else than classes. Without it, it is the cross-entropy of ``network(inputs)`` against the labels.
    """

    inputs: Tensor | None = None  # int64 tokens, (batch, steps), or float32 features, (batch, steps, features)
    labels: Tensor | None = None  # int64, (batch,)
    positions: Tensor | None = None  # int64, (batch,): step at which each sequence is read; the last where not given
    seed: int = 0  # of scores that are random
    loss: Callable[[nn.Module], Tensor] | None = None


def scored(score: str, network: nn.Module, names: Sequence[str], evidence: Evidence) -> dict[str, Tensor]:
    """The scores of these weights.

    Raises
    ------
    OwnError
        Where a user's own gives something else.
    """
    import torch

    own, made = SCORES[score], SCORES[score](network, names, evidence)
    if isinstance(own, Own):
        if not isinstance(made, Mapping):
            raise own.error(f"gave {described(made)}; give {{name: scores}}, a tensor for each of the names")
        if missing := [name for name in names if name not in made]:
            raise own.error(f"gave no scores of {', '.join(missing)}; give some for each of the names")
        for name in names:
            if not isinstance(made[name], torch.Tensor):
                raise own.error(f"gave {described(made[name])} for {name}; give a tensor")
            given, asked = tuple(made[name].shape), tuple(network.get_parameter(name).shape)
            if given != asked:
                raise own.error(f"gave scores of shape {given} for {name}, which has {asked}")
            if made[name].is_complex():
                raise own.error(f"gave complex numbers for {name}; give real ones")
        made = {name: made[name].detach() for name in names}
    return made


@SCORES.register
def magnitude(network: nn.Module, names: Sequence[str], evidence: Evidence) -> dict[str, Tensor]:
    """Absolute value of each weight, the published score."""
    return {name: network.get_parameter(name).detach().abs() for name in names}


@SCORES.register
def random(network: nn.Module, names: Sequence[str], evidence: Evidence) -> dict[str, Tensor]:
    """Uniform random numbers, from the seed and each matrix's name: the control at equal density."""
    import torch

    drawn = {}
    for name in names:
        weight, stream = network.get_parameter(name), np.random.default_rng(derive("random score", evidence.seed, name))
        drawn[name] = torch.from_numpy(stream.random(weight.shape)).to(weight.device)
    return drawn


@SCORES.register
def sensitivity(network: nn.Module, names: Sequence[str], evidence: Evidence) -> dict[str, Tensor]:
    """|gradient × weight|, how much the loss moves as the weight goes, to first order.

    Mozer & Smolensky, *Skeletonization*, 1989, of single weights; the first-order Taylor criterion of Molchanov and
    others, *Pruning convolutional neural networks for resource efficient inference*, 2017. Of a network that is not
    trained yet it is the connection sensitivity of SNIP (Lee, Ajanthan & Torr, 2019). Where a network is trained well
    the gradients of single sequences cancel, and little is left to rank by. ValueError without loss, or inputs and
    labels.
    """
    total = dict.fromkeys(names, 0)
    for share, products in _products(network, names, evidence, "sensitivity", CHUNK):
        total = {name: total[name] + share * products[name] for name in names}
    return {name: summed.abs() for name, summed in total.items()}


@SCORES.register
def fisher(network: nn.Module, names: Sequence[str], evidence: Evidence) -> dict[str, Tensor]:
    """Mean over sequences of (gradient × weight)², each sequence's own gradient: they cannot cancel.

    Half of it is how much the loss rises as the weight goes, to second order, with the diagonal of the empirical Fisher
    information in place of the Hessian (Theis and others, *Faster gaze prediction with dense networks and Fisher
    pruning*, 2018; Molchanov and others, *Importance estimation for neural network pruning*, 2019). ValueError without
    inputs and labels; a loss of its own counts as that of one sequence.
    """
    total = dict.fromkeys(names, 0)
    for share, products in _products(network, names, evidence, "fisher", 1):
        total = {name: total[name] + share * products[name] ** 2 for name in names}
    return total


def _products(
    network: nn.Module, names: Sequence[str], evidence: Evidence, score: str, size: int
) -> Iterator[tuple[float, dict[str, Tensor]]]:
    """Gradient × weight of each part of the evidence, of so many sequences at most, with its share of them."""
    import torch

    if not evidence.loss and (evidence.inputs is None or evidence.labels is None):
        raise ValueError(f"the score {score} needs data: give Evidence(inputs, labels) or Evidence(loss=…)")
    weights = [network.get_parameter(name) for name in names]
    if frozen := [name for name, weight in zip(names, weights, strict=True) if not weight.requires_grad]:
        raise ValueError(f"the score {score} needs gradients, and {', '.join(frozen)} has none: it is frozen")
    n = 1 if evidence.loss else len(evidence.inputs)
    for start in range(0, n, size):
        rows = slice(start, start + size)
        with torch.enable_grad():
            if evidence.loss:
                loss = evidence.loss(network)
            else:
                positions = () if evidence.positions is None else (evidence.positions[rows],)
                logits = network(evidence.inputs[rows], *positions)
                loss = torch.nn.functional.cross_entropy(logits, evidence.labels[rows])
            gradients = torch.autograd.grad(loss, weights, materialize_grads=True)
        products = {k: (g * w).detach() for k, g, w in zip(names, gradients, weights, strict=True)}
        yield min(size, n - start) / n, products


@SCORES.register
def activity(network: nn.Module, names: Sequence[str], evidence: Evidence) -> dict[str, Tensor]:
    """|weight| × root mean square of the unit that it reads, over sequences and steps.

    The product of Sun, Liu, Bair & Kolter, *A simple and effective pruning approach for large language models* (Wanda),
    2023, who rank it within each output: with the scope "row" it is their rule. A hidden-to-hidden weight reads the
    step before, at the first step 0. All steps count that the readout sees: with positions those up to each sequence's
    own, without them all, padding after a string's end among them. ValueError without inputs, or for a network that is
    no Classifier, whose inner states cannot be seen.
    """
    import torch

    from sparsekit.networks.classifier import Classifier

    if not isinstance(network, Classifier):
        kind = type(network).__name__
        raise ValueError(f"the score activity needs hidden states, which a Classifier shows and {kind} not")
    if evidence.inputs is None:
        raise ValueError("the score activity needs data: give Evidence(inputs)")
    squares, steps_seen = dict.fromkeys(names, 0), 0
    for start in range(0, len(evidence.inputs), CHUNK):
        rows, read = slice(start, start + CHUNK), {}
        for k, (x, hidden) in enumerate(states(network, evidence.inputs[rows])):
            before = torch.cat([torch.zeros_like(hidden[:1]), hidden[:-1]])
            read |= {f"stages.{k}.weight_ih": x, f"stages.{k}.weight_hh": before}
        steps = torch.arange(len(x), device=x.device)[:, None]
        last = steps[-1] if evidence.positions is None else evidence.positions[rows]
        seen = (steps <= last).expand(x.shape[:2])  # (steps, batch)
        squares = {name: squares[name] + read[name][seen].square().sum(0) for name in names}
        steps_seen += int(seen.sum())
    return {name: network.get_parameter(name).detach().abs() * (squares[name] / steps_seen).sqrt() for name in names}


@dataclass(frozen=True)
class Agreement:
    """How much evidence a ranking rests on, and the rank correlation of scores of its two halves."""

    sequences: int
    correlation: float


def settled(
    score: str,
    network: nn.Module,
    names: Sequence[str],
    some: Callable[[int], Evidence],
    available: int,
    enough: float = 0.95,
) -> tuple[Evidence, Agreement]:
    """Evidence that grows until a score ranks weights alike by either half of it: from 256 sequences on, fourfold.

    Alike is a Spearman correlation of at least ``enough`` over all weights that exist. Where that is never reached all
    that is available is taken, and the correlation says so; the whole is more stable than its halves.

    Parameters
    ----------
    some : function
        The evidence of the first so many sequences, in an order that is random.
    available : int
        How many there are.
    """
    from scipy.stats import spearmanr

    from sparsekit.pruning.masks import Mask

    exists, count = Mask.of(network), FEWEST
    while True:
        count = min(count, available)
        whole = some(count)
        halves = []
        for rows in (slice(0, count // 2), slice(count // 2, count)):
            parts = {
                k: getattr(whole, k)[rows] for k in ("inputs", "labels", "positions") if getattr(whole, k) is not None
            }
            scores = scored(score, network, names, replace(whole, **parts))
            halves.append(np.concatenate([scores[name][exists[name]].cpu().numpy() for name in names]))
        constant = any(np.ptp(half) == 0 for half in halves)  # says nothing, and no more of it would
        alike = np.nan if constant else float(spearmanr(*halves).statistic)
        if alike >= enough or count == available:
            return whole, Agreement(count, alike)
        count *= 4


def states(network: Classifier, inputs: Tensor) -> list[tuple[Tensor, Tensor]]:
    """What each stage reads and its hidden states, both (steps, batch, units)."""
    import torch

    from sparsekit.networks.core import EMBEDDING
    from sparsekit.networks.recurrence import recur

    states = []
    with torch.no_grad():
        first = inputs if inputs.is_floating_point() else network.embedding(inputs)
        outputs = {EMBEDDING: first.transpose(0, 1)}
        for k, stage in enumerate(network.stages):
            x = torch.cat([outputs[source] for source in stage.reads], -1)
            weights = stage.weight_ih * stage.mask_ih, stage.weight_hh * stage.mask_hh, stage.bias_ih, stage.bias_hh
            hidden = recur(network.variant, x[None], *(weight[None] for weight in weights))[0]
            outputs[k] = hidden.unflatten(-1, (stage.cells, stage.nodes)).sum(-2)
            states.append((x, hidden))
    return states
