"""One plain loop that trains networks of one structure together, and what measures them.

They see the same strings in the same order, each with its own weights, mask, gradient norm and optimizer state.
"""

import math
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from sparsekit.networks.classifier import Classifier, population_logits
from sparsekit.tasks.samples import Rows, Strings, Task

AT_ONCE = {"cpu": 96, "cuda": 4096}
"""Strings in one evaluation call: on a CPU, as many as keep a network's states in its cache."""


Gradient = Callable[[], dict[str, Tensor]]
"""What computes a network's dense gradient, by the weights' names, once it is asked to."""


@dataclass(frozen=True)
class Recipe:
    """How to train: Adam on cross-entropy, gradients clipped by norm, strings shuffled anew every epoch.

    `readout` says at which step a string is read: "last_padded", the last step of its batch, as published, or
    "last_valid", its own last character.
    """

    epochs: int
    batch_size: int = 32
    learning_rate: float = 1e-3
    gradient_clip: float = 5.0
    readout: str = "last_padded"


class Population:
    """Networks of one structure: copies of their weights, `flat`, and masks, `mask`, both (networks, weights)."""

    def __init__(self, networks: Sequence[Classifier], device: str = "cpu"):
        self.networks, self.device, self.layout = list(networks), device, networks[0].layout
        vectors = [self.layout.flat(network.parameters()).detach() for network in networks]
        self.flat = torch.stack(vectors).to(device).requires_grad_()
        self.mask = torch.stack([network.flat_mask() for network in networks]).to(device)

    def __len__(self) -> int:
        return len(self.networks)

    def logits(self, inputs: Tensor, positions: Tensor | None = None) -> Tensor:
        """Shape (networks, batch, classes)."""
        return population_logits(self.layout, self.flat, self.mask, inputs, positions)

    def clip(self, largest: float) -> None:
        """Scale each network's gradient to at most this norm, as ``torch.nn.utils.clip_grad_norm_`` does for one."""
        # One by one, so that a network's norm is rounded the same alone and among others.
        norms = torch.stack([torch.linalg.vector_norm(gradient) for gradient in self.flat.grad])
        self.flat.grad.mul_((largest / (norms + 1e-6)).clamp(max=1.0)[:, None])

    def change(
        self, function: Callable[[Classifier, int], None], optimizer: torch.optim.Optimizer | None = None
    ) -> None:
        """Let a function change each network, given it and its number.

        Of an optimizer that is given, the moments of the weights that it changed become 0: these begin anew.
        """
        self.unstack()
        for k, network in enumerate(self.networks):
            before = self.layout.flat(network.parameters())
            function(network, k)
            after = self.layout.flat(network.parameters())
            self.flat.data[k].copy_(after)
            self.mask[k].copy_(network.flat_mask())
            for moment in optimizer.state[self.flat].values() if optimizer else ():
                if moment.shape == self.flat.shape:
                    moment[k].masked_fill_((before != after).to(moment.device), 0)

    def unstack(self) -> None:
        """Write the weights back into the networks; what a mask removes is 0."""
        weights = self.flat.detach() * self.mask
        weights = torch.where(weights.isnan() & (self.mask == 0), 0, weights)  # of a network that diverged
        for network, vector in zip(self.networks, weights.cpu(), strict=True):
            for parameter, values in zip(network.parameters(), self.layout.named(vector[None]).values(), strict=True):
                parameter.data.copy_(values[0])


class Encoded:
    """Sequences as tensors on a device, cut into batches that are each padded to their own longest sequence."""

    def __init__(self, strings: Strings | Rows, device: str = "cpu"):
        self.inputs = torch.tensor(strings.inputs(), device=device)
        self.labels = torch.tensor(strings.labels, dtype=torch.int64, device=device)
        self.lengths = np.asarray(strings.lengths)

    def batches(self, recipe: Recipe, order: np.ndarray) -> Iterator[tuple[Tensor, Tensor, Tensor | None]]:
        """(inputs, labels, positions) of each batch, in the given order of strings."""
        for start in range(0, len(order), recipe.batch_size):
            rows = order[start : start + recipe.batch_size]
            lengths, index = self.lengths[rows], torch.as_tensor(rows, device=self.inputs.device)
            positions = torch.as_tensor(lengths - 1, device=index.device) if recipe.readout == "last_valid" else None
            yield self.inputs[index, : lengths.max()], self.labels[index], positions

    def positions(self, recipe: Recipe) -> np.ndarray:
        """The step at which each string is read where batches follow the strings' own order."""
        if recipe.readout == "last_valid":
            return self.lengths - 1
        longest = np.maximum.reduceat(self.lengths, range(0, len(self.lengths), recipe.batch_size))
        return np.repeat(longest, recipe.batch_size)[: len(self.lengths)] - 1

    @cached_property
    def alphabetical(self) -> np.ndarray:
        """The strings' order by their tokens; features stay in their own."""
        if self.inputs.dtype != torch.int64:
            return np.arange(len(self.lengths))
        return np.lexsort(self.inputs.cpu().numpy().T[::-1])


def evaluate(population: Population, strings: Encoded, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Mean cross-entropy and accuracy of each network, both of shape (networks,).

    Strings count as read in their own order in batches of the recipe's size. As what follows the step at which a
    string is read cannot change what is read there, they are computed in larger batches, sorted by that step, and
    within it by how they begin: what begins alike is computed once.
    """
    positions, order = strings.positions(recipe), strings.alphabetical
    order, size = order[np.argsort(positions[order], kind="stable")], AT_ONCE[population.device]
    totals = torch.zeros(2, len(population), device=population.device, dtype=torch.float64)
    with torch.no_grad():
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            read, index = torch.as_tensor(positions[rows]), torch.as_tensor(rows)
            inputs = strings.inputs[index.to(population.device), : int(read.max()) + 1]
            logits = population.logits(inputs, read.to(population.device))
            for total, scores in zip(totals, _score(logits, strings.labels[index.to(population.device)]), strict=True):
                total += scores.sum(1)
    return tuple((totals / len(order)).cpu().numpy())


def _score(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Cross-entropy of each string, and whether it was classified rightly; both (networks, batch)."""
    losses = cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)), reduction="none").view(len(logits), -1)
    return losses, logits.argmax(-1) == labels


def adam(population: Population, recipe: Recipe) -> torch.optim.Optimizer:
    """A fresh optimizer of all the population's weights."""
    return torch.optim.Adam([population.flat], lr=recipe.learning_rate, fused=True)


def update(
    population: Population, optimizer: torch.optim.Optimizer, recipe: Recipe, *batch: Tensor | None
) -> tuple[Tensor, Tensor]:
    """One optimizer step on one batch of `Encoded`; cross-entropy before it and hits, both (networks, strings)."""
    inputs, labels, *positions = batch
    losses, hits = _score(population.logits(inputs, *positions), labels)
    optimizer.zero_grad()
    losses.mean(1).sum().backward()
    population.clip(recipe.gradient_clip)
    optimizer.step()
    return losses.detach(), hits


def dense_gradient(network: Classifier, *batch: Tensor | None) -> dict[str, Tensor]:
    """Gradient of the mean cross-entropy on one batch of `Encoded` by every weight, those that a mask removes too.

    These count as 0, as they are; what a mask removes has no gradient in training, and gets none by this.
    """
    inputs, labels, *positions = batch
    flat = network.layout.flat(network.parameters()).detach().to(labels.device)[None].requires_grad_()
    logits = population_logits(network.layout, flat, torch.ones_like(flat, dtype=torch.bool), inputs, *positions)
    (gradient,) = torch.autograd.grad(cross_entropy(logits[0], labels), flat)
    return {name: values[0].cpu() for name, values in network.layout.named(gradient).items()}


def diverged(history: Sequence[Mapping[str, float]]) -> int | None:
    """The step after which training was first found to have diverged: no finite loss; None where it has not.

    >>> diverged([{"step": 0, "test_loss": 0.7}, {"step": 8, "test_loss": float("nan")}])
    8
    """
    losses = ((row["step"], row.get(name, 0.0)) for row in history for name in ("test_loss", "train_loss"))
    return next((step for step, loss in losses if not math.isfinite(loss)), None)


def epoch_seconds(
    networks: Sequence[Classifier], task: Task, recipe: Recipe, *, device: str = "cpu", steps: int = 6
) -> tuple[float, float]:
    """Seconds that an epoch of `train` takes here and that a measurement on the test strings does, from a short probe.

    The median of a few optimizer steps, times steps; and the time of a part of the test strings, scaled.
    """
    population, training, seconds = Population(networks, device), Encoded(task.train, device), []
    optimizer = adam(population, recipe)
    order = np.random.default_rng(0).permutation(len(task.train))
    for batch in islice(training.batches(recipe, order), steps + 1):
        start = time.perf_counter()
        update(population, optimizer, recipe, *batch)
        if population.device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    part = task.test.subset(range(min(512, len(task.test))))
    evaluate(population, Encoded(task.test.subset(range(1)), device), recipe)  # what is compiled, or loaded, at first
    start = time.perf_counter()
    evaluate(population, Encoded(part, device), recipe)
    measuring = (time.perf_counter() - start) * len(task.test) / len(part)
    return float(np.median(seconds[1:] or seconds)) * -(-len(order) // recipe.batch_size), measuring


def train(
    networks: Sequence[Classifier],
    task: Task,
    recipe: Recipe,
    seed: int,
    *,
    measure_at: Collection[int] = (),
    prune_at: Mapping[int, Callable[[Classifier, int], None]] | None = None,
    rewire_at: Mapping[int, Callable[[Classifier, int, Gradient], None]] | None = None,
    stop_at: int | None = None,
    device: str = "cpu",
) -> list[list[dict]]:
    """Train networks of one structure in place, and measure them on the test strings.

    Masks hold: masked weights are 0 before, during and after. The strings' order, from `seed`, is the same for all
    networks: differences between them are not due to it.

    Parameters
    ----------
    measure_at : collection of int
        Optimizer steps after which to measure, besides before the first step and after each epoch.
    prune_at : mapping of int to function, optional
        After so many steps (0: before the first), and before they are measured, the function is called with each
        network and its number, to change its weights and masks.
    rewire_at : mapping of int to function, optional
        The same for masks that move while they train: the function is also given what returns the network's
        `dense_gradient` on the step's batch, and what it changes begins with an optimizer's state of 0.
    stop_at : int, optional
        Stop after so many steps, which are measured where `measure_at` says so.

    Returns
    -------
    list (one a network) of list of dict
        step, epoch (a fraction within an epoch), test_loss, test_accuracy, and after whole epochs train_loss and
        train_accuracy (running means over the epoch). Where a loss is not finite, the accuracy is NaN.
    """
    population = Population(networks, device)
    training, test = Encoded(task.train, device), Encoded(task.test, device)
    optimizer, stream = adam(population, recipe), np.random.default_rng(seed)
    prune_at, rewire_at = prune_at or {}, rewire_at or {}
    histories: list[list[dict]] = [[] for _ in networks]
    steps_per_epoch = -(-len(training.labels) // recipe.batch_size)

    def measure(step: int, **running: Tensor) -> None:
        found = dict(zip(("test_loss", "test_accuracy"), evaluate(population, test, recipe), strict=True))
        found |= {name: total / len(training.labels) for name, total in running.items()}
        for k, history in enumerate(histories):
            values = {name: float(each[k]) for name, each in found.items()}
            for part in ("test", "train"):
                if not math.isfinite(values.get(f"{part}_loss", 0.0)):  # it gives no verdicts, whichever comes first
                    values[f"{part}_accuracy"] = math.nan
            history.append({"step": step, "epoch": step / steps_per_epoch} | values)

    step = 0
    if step == stop_at:
        return histories
    if step in prune_at:
        population.change(prune_at[step])
    measure(step)
    for _ in range(recipe.epochs):
        totals = torch.zeros(2, len(networks), device=device)
        for batch in training.batches(recipe, stream.permutation(len(training.labels))):
            for total, scores in zip(totals, update(population, optimizer, recipe, *batch), strict=True):
                total += scores.sum(1)
            step += 1
            if step in prune_at:
                population.change(prune_at[step])
            if step in rewire_at:
                population.change(_given_gradient(rewire_at[step], batch), optimizer)
            if (step in measure_at or step in prune_at) and (step % steps_per_epoch or step == stop_at):
                measure(step)
            if step == stop_at:
                population.unstack()
                return histories
        measure(step, train_loss=totals[0].double(), train_accuracy=totals[1].double())
    population.unstack()
    return histories


def _given_gradient(
    function: Callable[[Classifier, int, Gradient], None], batch: tuple[Tensor | None, ...]
) -> Callable[[Classifier, int], None]:
    return lambda network, k: function(network, k, lambda: dense_gradient(network, *batch))
