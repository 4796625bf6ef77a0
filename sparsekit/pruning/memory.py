"""What a network remembers: it is run step by step, with its past cut off wherever one asks."""

from collections.abc import Collection, Iterator, Mapping

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from sparsekit.analysis.intervals import wilson
from sparsekit.networks.classifier import Classifier, Stage
from sparsekit.networks.core import EMBEDDING
from sparsekit.networks.recurrence import step
from sparsekit.networks.training import Encoded, Recipe
from sparsekit.registry import check_name
from sparsekit.tasks.samples import Rows, Strings, Task

PATHS = {"rnn_tanh": ("hidden",), "rnn_relu": ("hidden",), "gru": ("hidden", "carry"), "lstm": ("hidden", "carry")}
"""The paths by which each variant's cell takes its past in; a cut sets what a path brings to 0.

*Hidden*: the state before, through the hidden-to-hidden weights, into the gates. *Carry*: the direct path past those
weights, f·c in an LSTM and z·h in a GRU.
"""

AT_ONCE = 512
"""Strings run at once."""


def run(
    network: Classifier, inputs: Tensor, positions: Tensor | None = None, cut: Mapping[str, Tensor | bool] | None = None
) -> Tensor:
    """Logits, as the network itself computes them, but step by step, with paths cut in all layers; without gradients.

    `cut` has a bool Tensor (batch, steps) by path: where true, the step takes in 0 by this path, in place of what the
    step before left. True is all steps. UnknownName for a path that the network's cells do not have.
    """
    for path in cut or ():
        check_name(f"path of {network.variant}", path, PATHS[network.variant])
    batch, steps = inputs.shape[:2]
    kept = {path: ~torch.as_tensor(where).expand(batch, steps) for path, where in (cut or {}).items()}
    outputs: list[Tensor] = []
    with torch.no_grad():
        first = inputs if network.features else network.embedding(inputs)
        for stage in network.stages:
            x = torch.cat([first if source == EMBEDDING else outputs[source] for source in stage.reads], -1)
            outputs.append(_layer(network.variant, stage, x, kept).unflatten(-1, (stage.cells, stage.nodes)).sum(-2))
        seen = torch.cat(outputs if network.reads_all else outputs[-1:], -1)
        return network.readout(seen[torch.arange(batch), -1 if positions is None else positions])


def _layer(variant: str, stage: Stage, x: Tensor, kept: Mapping[str, Tensor]) -> Tensor:
    """Hidden states of a stage, (batch, steps, hidden)."""
    w_hh = (stage.weight_hh * stage.mask_hh).T
    inputs = x @ (stage.weight_ih * stage.mask_ih).T + stage.bias_ih
    h = c = x.new_zeros(len(x), len(w_hh))
    states = []
    for t in range(x.shape[1]):
        past = {"hidden": h, "carry": c if variant == "lstm" else h}
        past |= {path: past[path] * keep[:, t, None] for path, keep in kept.items()}
        recurrent, carried = past["hidden"] @ w_hh + stage.bias_hh, past["carry"]
        # Not torch.lerp, which rounds otherwise: what was recorded stays equal bit by bit.
        h, c = step(variant, inputs[:, t], recurrent, carried, carried, mix=lambda new, old, z: (1 - z) * new + z * old)
        states.append(h)
    return torch.stack(states, 1)


def paths(network: Classifier, part: Strings | Rows, recipe: Recipe) -> pd.DataFrame:
    """Accuracy with no path cut, with each, and with all, in all layers and at all steps.

    With all cut, a network knows the step at which it is read, by the recipe, and nothing else. Columns: cut
    ("nothing", "hidden", "carry", "both"), n, accuracy, low, high; the 95 % Wilson interval is over strings.
    """
    own = PATHS[network.variant]
    cuts = {"nothing": ()} | {path: (path,) for path in own} | ({"both": own} if len(own) > 1 else {})
    inputs, labels, positions = _read(part, recipe)
    rows = [{"cut": name} | _accuracy(_hits(network, inputs, labels, positions, cut)) for name, cut in cuts.items()]
    return pd.DataFrame(rows)


def cut_at(network: Classifier, part: Strings | Rows, recipe: Recipe, seen: Collection[int] = ()) -> pd.DataFrame:
    """Accuracy where the whole state of all layers is set to 0 just before the last characters of each string.

    The network then knows these characters, and the padding after them, and nothing before: compare `last_characters`.

    `seen` is how many are left, each of these numbers; without it, `grades` up to the longest string. Columns: seen,
    cut (strings that are longer; the others are seen whole), n, accuracy, low, high.
    """
    inputs, labels, positions = _read(part, recipe)
    rows, lengths = [], torch.as_tensor(np.asarray(part.lengths))
    hits = _hits(network, inputs, labels, positions)
    for k in sorted(seen) or grades(int(lengths.max())):
        longer = lengths > k
        # From a state of 0, what came before is as good as never read: the rest is run alone.
        gone = (lengths - k)[longer]
        moved = (torch.arange(inputs.shape[1]) + gone[:, None]).clamp(max=inputs.shape[1] - 1)
        rest = inputs[longer][torch.arange(len(gone))[:, None], moved]
        of_k = hits.copy()
        of_k[longer.numpy()] = _hits(network, rest, labels[longer], positions[longer] - gone)
        rows.append({"seen": k, "cut": int(longer.sum())} | _accuracy(of_k))
    return pd.DataFrame(rows)


def grades(longest: int) -> list[int]:
    """Numbers of characters up to the longest string: each up to 8, then in steps of about a quarter.

    >>> grades(21)
    [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 15, 18, 21]
    """
    found = [1]
    while found[-1] < longest:
        found.append(min(longest, found[-1] + max(1, found[-1] // 4)))
    return found


def last_characters(task: Task, seen: Collection[int] = ()) -> pd.DataFrame:
    """What a table of last characters reaches without any memory, for each number of characters.

    It gives a test string the class that its last characters mostly have in training; where these are not known there,
    that of the longest known end. `seen` is as for `cut_at`, up to the longest test string. Columns: seen, known (share
    of the test strings whose last characters occur in training), n, accuracy, low, high; no rows without strings.
    """
    if not isinstance(task.train, Strings):
        return pd.DataFrame(columns=["seen", "known", "n", "accuracy", "low", "high"])
    verdict = pd.Series(np.bincount(task.train.labels).argmax(), index=range(len(task.test)))
    rows = []
    for k in sorted(seen) or grades(int(task.test.lengths.max())):
        votes = pd.DataFrame({"end": [s[-k:] for s in task.train.strings], "label": task.train.labels})
        votes = votes.value_counts().reset_index().sort_values(["count", "label"], ascending=[False, True])
        table = votes.drop_duplicates("end").set_index("end")["label"]
        found = pd.Series([s[-k:] for s in task.test.strings]).map(table)
        verdict = found.fillna(verdict).astype(int)
        known = float(found.notna().mean())
        rows.append({"seen": k, "known": known} | _accuracy(verdict.to_numpy() == task.test.labels))
    return pd.DataFrame(rows)


def by_violation(
    network: Classifier,
    part: Strings | Rows,
    recipe: Recipe,
    violations: np.ndarray,
    counted: str = "start",
    width: int = 4,
) -> pd.DataFrame:
    """Accuracy by where an invalid string first breaks the rules; valid strings apart.

    Parameters
    ----------
    violations : int array, shape (n,)
        Place of each string's first violation, from 0; -1 for a valid string.
    counted : {"start", "end"}
        From which end places are counted; from the end, 1 is the last character, and k says that the network must see
        the last k characters to see the violation.
    width : int
        Places taken together.

    Columns: group ("valid", "invalid"), first and last place (from 1; nan for valid strings), n, accuracy, low, high.
    """
    check_name("counted", counted, ("start", "end"))
    violations, hits = np.asarray(violations), _hits(network, *_read(part, recipe))
    if violations.shape != hits.shape:
        raise ValueError(f"violations has shape {violations.shape}: give one place for each of {len(hits)} strings")
    broken = violations >= 0
    # A string that only stops too early breaks the rules at its end.
    places = violations + 1 if counted == "start" else np.maximum(part.lengths - violations, 1)
    rows = [{"group": "invalid"} | row for row in _binned(places[broken], hits[broken], width)]
    if not broken.all():
        rows.insert(0, {"group": "valid", "first": np.nan, "last": np.nan} | _accuracy(hits[~broken]))
    return pd.DataFrame(rows)


def by_length(network: Classifier, part: Strings | Rows, recipe: Recipe, width: int = 4) -> pd.DataFrame:
    """Accuracy by length of the string, ``width`` lengths together: first and last length, n, accuracy, low, high."""
    return pd.DataFrame(_binned(np.asarray(part.lengths), _hits(network, *_read(part, recipe)), width))


def _read(part: Strings | Rows, recipe: Recipe) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs, labels, and the step at which each string is read."""
    positions = Encoded(part).positions(recipe)
    return tuple(torch.as_tensor(np.array(values)) for values in (part.inputs(), part.labels, positions))


def _hits(
    network: Classifier, inputs: Tensor, labels: Tensor, positions: Tensor, cut: Collection[str] = ()
) -> np.ndarray:
    """Whether each string is classified rightly; strings read at about the same step are run together."""
    found = torch.zeros(len(labels), dtype=torch.bool)
    order = positions.argsort(stable=True)
    for start in range(0, len(order), AT_ONCE):
        rows = order[start : start + AT_ONCE]
        steps = int(positions[rows].max()) + 1
        logits = run(network, inputs[rows, :steps], positions[rows], dict.fromkeys(cut, True))
        found[rows] = logits.argmax(-1) == labels[rows]
    return found.numpy()


def _accuracy(hits: np.ndarray) -> dict[str, float]:
    accuracy, low, high = wilson(int(hits.sum()), len(hits))
    return {"n": len(hits), "accuracy": accuracy, "low": low, "high": high}


def _binned(places: np.ndarray, hits: np.ndarray, width: int) -> Iterator[dict]:
    """Accuracy of each range of places that occurs, counted from 1."""
    bins = (places - 1) // width
    for at in np.unique(bins):
        yield {"first": int(at * width + 1), "last": int((at + 1) * width)} | _accuracy(hits[bins == at])
