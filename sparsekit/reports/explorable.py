"""Pages on which a trained network computes in the reader's browser: without a kernel, without a connection.

One page a variant. It carries the network of the run's first seed, some test strings, and a script of the kit's own,
``templates/explorable.js``, which prunes as `prune.magnitude` does and computes as a `Classifier` does. Weights are
float32, as they are: in fewer bits a network's verdicts, and which weights are the smallest, would be others.
"""

import copy
import json
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
import torch
from markupsafe import Markup

from sparsekit.experiments import studies
from sparsekit.experiments.parameters import ParameterError, Parameters
from sparsekit.experiments.records import Store, default_store
from sparsekit.experiments.units import BaseNetwork, base_networks
from sparsekit.figures.automata import EMBEDDED_PLACES, MIDDLES, PLACES
from sparsekit.figures.words import percent
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Encoded
from sparsekit.pruning import prune
from sparsekit.reports import html
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks import grammars
from sparsekit.tasks.samples import Strings, Task, TaskError
from sparsekit.variants import GATES, TARGETS, VARIANTS

STRINGS = 150
"""Test strings that a page carries: the first ones, which are in random order."""
MEASURED = range(0, 101, 5)
"""Percentages at which the kit computes a page's accuracies, for its curves."""
SHOWN = (0, 20, 40, 50, 60, 70, 80, 90, 95, 100)
"""Percentages of the table for readers without scripts."""
DIGITS = "".join(map(chr, range(40, 125))).translate(str.maketrans("<>\\", "!}~"))
"""Of base 85, five to a float32, where base 64 takes 5.3: letters that neither JSON nor HTML writes as several."""
UNIT, RADIUS = 54, 15
"""Of the automaton's drawing: CSS pixels of one of its places' units, and radius of a state."""

DRAWN: dict[str, tuple[Mapping[int, tuple], Iterable[float]]] = {
    "reber": (PLACES, [0]),
    "embedded_reber": (EMBEDDED_PLACES, list(MIDDLES.values())),
    "temporal_order": ({0: (0, 0), 1: (2.5, 0.9), 2: (2.5, -0.9), 3: (5, 0.9), 4: (5, -0.9)}, [0]),
}
"""Where the states of each task's automaton are drawn, and its middle lines, which loops turn away from."""


@dataclass(frozen=True)
class Links:
    """What another page of the report shows of the explorable ones."""

    sentence: str
    """One sentence: what they are, or why there are none."""
    pages: tuple[tuple[str, str], ...] = ()
    """Label and address of each page, by variant; none where there are no pages."""
    thumbnail: Markup | None = None
    """A small SVG that takes the colours of the page around it; None where the task has no automaton."""


class Edge(NamedTuple):
    """An arrow of the automaton's drawing, from state to state; its letters stand at (x, y)."""

    source: int
    target: int
    letters: str
    path: str
    head: str
    x: float
    y: float


def write(p: Parameters, out: Path, pages: Sequence[html.Page] = ()) -> list[Path]:
    """Write the page of each variant whose first base network is in the store; remove pages of an earlier run.

    They lead to the other pages of the report. Nothing is trained for it. Returns the pages written: none for a task
    without strings of two classes to type.
    """
    store = default_store()
    networks = {} if _unfit(p) else _networks(p, store)
    for variant in VARIANTS:
        if variant not in networks:
            (out / html.explorable_page(variant)).unlink(missing_ok=True)
    neighbours = [(VARIANTS[variant], html.explorable_page(variant)) for variant in VARIANTS if variant in networks]
    for variant, (unit, network) in networks.items():
        around = {"neighbours": neighbours, "pages": pages}
        html.write(out / html.explorable_page(variant), _text(p, store, unit, network, **around))
    return [out / html.explorable_page(variant) for variant in networks]


def links(p: Parameters, out: Path) -> Links:
    """What an index, or the notebook on pruning, shows of the pages that `write` has left in a folder."""
    if why := _unfit(p):
        return Links(f"No network runs in a page of this report: {why}.")
    pages = html.explorable(out)
    if not pages:
        return Links("No network runs in a page of this report: the run has not trained the networks of notebook 01.")
    drawing = _drawing(p.task)
    svg = drawing and html.environment().get_template("automaton.svg.j2").render(
        drawing=drawing | _walked(p.task, _carried(studies.task(p)))
    )
    sentence = "Type a string, take weights away, and watch a trained network change its verdict: it runs in the page."
    return Links(sentence, pages, svg and Markup(svg))


def _unfit(p: Parameters) -> str:
    """Why networks of this task cannot be typed to; empty where they can."""
    task = studies.task(p)
    if not isinstance(task.test, Strings):
        return f"samples of task {p.task} are rows of numbers, which nobody types"
    return f"task {p.task} has {task.classes} classes, and the page tells two apart" if task.classes != 2 else ""


def _networks(p: Parameters, store: Store) -> dict[str, tuple[BaseNetwork, Classifier]]:
    """The first seed's network of each variant that is in the store, with finite weights."""
    units = [unit for unit in base_networks(p) if unit.seed == p.seed and store.has(unit, weights=True)]
    found = {unit.variant: (unit, unit.network(store)) for unit in units}
    return {v: (u, n) for v, (u, n) in found.items() if all(w.isfinite().all() for w in n.parameters())}


def _text(p: Parameters, store: Store, unit: BaseNetwork, network: Classifier, **around: Iterable) -> str:
    task = unit.strings.make()
    carried = data(p, unit, network)
    others = [own for own in base_networks(p) if own.variant == unit.variant and store.has(own)]
    return (
        html.environment()
        .get_template("explorable.html.j2")
        .render(
            data=carried,
            variant=VARIANTS[unit.variant],
            unit=unit,
            here=html.explorable_page(unit.variant),
            letters=" ".join(sorted({a for edges in (carried["automaton"] or {}).values() for a in edges})),
            weights=sum(mask.numel() for mask in network.masks().values()),
            drawing=(drawing := _drawing(p.task)) and drawing | _walked(p.task, _carried(task)),
            table=_table(network, carried),
            accuracies=[percent(store.read(own)["history"][-1]["test_accuracy"]) for own in others],
            tested=len(task.test),
            confidence=percent(p.confidence),
            script=_tight((html.TEMPLATES / "explorable.js").read_text(encoding="utf-8")),
            css=_tight(html.CSS),
            **around,
        )
    )


def _tight(text: str) -> str:
    """A script or a style sheet without indentation and lines of comment: the largest page is to stay below 400 kB."""
    return re.sub(r"\n\s*(//[^\n]*|/\*\*[^\n]*\*/(?=\n))?", "\n", text)


def data(p: Parameters, unit: BaseNetwork, network: Classifier) -> dict:
    """Everything that a page's script reads, as JSON has it.

    ``weights`` are float32, each as five `DIGITS` of its bits: the embedding's rows of padding and of each letter of
    ``alphabet``, then by layer input-to-hidden and hidden-to-hidden weights and both biases as torch stacks them,
    then the readout's weights and biases. ``padded`` is the step up to which a typed string is padded before it is
    read, 0 where it is read at its own last letter.
    """
    task = unit.strings.make()
    test = _carried(task)
    rules = tasks.RULES.get(task.name)
    letters = {*"".join(task.train.strings + task.test.strings)}
    letters |= {letter for edges in rules.automaton.values() for letter in edges} if rules else set()
    alphabet = "".join(sorted(letters))
    rows = network.embedding.weight[[0, *map(ord, alphabet)]]
    weights = [rows, *(w for name, w in network.named_parameters() if not name.startswith("embedding."))]
    flat = torch.cat([w.detach().flatten() for w in weights]).numpy().view(np.uint32)
    digits = np.array([*DIGITS])[flat[:, None] // 85 ** np.arange(4, -1, -1) % 85]
    longest, positions = int(max(task.test.lengths)), Encoded(task.test).positions(unit.recipe)[: len(test)]
    return {
        "variant": unit.variant,
        "gates": len(GATES[unit.variant]),
        "layers": unit.layers,
        "hidden": unit.hidden_size,
        "embedding": unit.embedding_size,
        "alphabet": alphabet,
        "digits": DIGITS,
        "weights": "".join(digits.flat),
        "strings": test.strings,
        "labels": test.labels.tolist(),
        "positions": positions.tolist(),
        "measured": list(MEASURED),
        "curves": _curves(network, test, positions),
        "padded": longest if unit.recipe.readout == "last_padded" else 0,
        "longest": longest,
        "automaton": rules and rules.automaton,
        "ends": rules and rules.labels,
        "grammar": task.name in tasks.GRAMMARS,
        "example": _example(test),
        "z": NormalDist().inv_cdf((1 + p.confidence) / 2),
        "code": _code(p, unit),
    }


def _example(test: Strings) -> str:
    """The longest valid string that has room on a page, or the shortest where none has."""
    valid = sorted((s for s, label in zip(test.strings, test.labels, strict=True) if label), key=len) or test.strings
    return next((s for s in reversed(valid) if len(s) <= 16), valid[0])


def _carried(task: Task) -> Strings:
    """The test strings that a page carries."""
    return task.test.subset(range(min(STRINGS, len(task.test))))


def _walked(task: str, test: Strings) -> dict:
    """The example's path in the automaton, for readers without scripts."""
    states = grammars.walk(_example(test), tasks.RULES[task].automaton)
    return {"taken": set(pairwise(states)), "here": states[-1]}


def _drawing(task: str) -> dict | None:
    """The task's automaton as shapes of an SVG; None where it has none, or none that the kit can place."""
    if task not in DRAWN or task not in tasks.RULES:
        return None
    places, middles = DRAWN[task]
    spots = {state: (round(x * UNIT, 1), round(-y * UNIT, 1)) for state, (x, y) in places.items()}
    joined: dict[tuple[int, int], str] = {}
    for source, edges in tasks.RULES[task].automaton.items():
        for letter, target in edges.items():
            joined[source, target] = joined.get((source, target), "") + letter
    edges = [_edge(spots, source, target, letters, middles) for (source, target), letters in joined.items()]
    high = max(abs(y) for _, y in spots.values()) + 62
    wide = max(x for x, _ in spots.values())
    return {
        "spots": spots,
        "edges": edges,
        "box": f"-46 {-high:g} {wide + 76:g} {2 * high:g}",
        "ends": {state for state, label in tasks.RULES[task].labels.items() if label},
        "radius": RADIUS,
    }


def _edge(spots: Mapping[int, tuple], source: int, target: int, letters: str, middles: Iterable[float]) -> Edge:
    """An arrow with its letters beside it; to the same state a loop, away from the nearest middle line."""
    (x, y), (to_x, to_y) = spots[source], spots[target]
    named = letters if len(letters) < 4 else f"{min(letters)}–{max(letters)}"
    if source == target:
        side = -1 if y <= -UNIT * min(middles, key=lambda middle: abs(y + UNIT * middle)) else 1
        foot, top = y + side * RADIUS * 0.87, y + side * 46
        path = f"M{x - 8:g} {foot:g}C{x - 26:g} {top:g} {x + 26:g} {top:g} {x + 10:g} {foot + side * 6:g}"
        return Edge(
            source, target, named, path, _head(x + 8, foot, -0.42, -side * 0.91), x, round(top + side * 4 + 5, 1)
        )
    away = math.hypot(to_x - x, to_y - y)
    u, v = (to_x - x) / away, (to_y - y) / away
    start, tip = (x + u * (RADIUS + 1), y + v * (RADIUS + 1)), (to_x - u * (RADIUS + 2), to_y - v * (RADIUS + 2))
    path = f"M{start[0]:.1f} {start[1]:.1f}L{tip[0] - u * 6:.1f} {tip[1] - v * 6:.1f}"
    middle = (x + to_x) / 2 + v * 13, (y + to_y) / 2 - u * 13 + 5
    return Edge(source, target, named, path, _head(*tip, u, v), round(middle[0], 1), round(middle[1], 1))


def _head(x: float, y: float, u: float, v: float) -> str:
    """An arrow's head as the points of a polygon: its tip, and the direction in which it points."""
    back = [(x - 9 * u + side * 4.2 * v, y - 9 * v - side * 4.2 * u) for side in (1, -1)]
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in [(x, y), *back])


def _pruned(network: Classifier, share: float, target: str = "both") -> Classifier:
    """A copy without the smallest so many per cent of its weights."""
    twin = copy.deepcopy(network)
    with warnings.catch_warnings():  # that a matrix is empty, where all of it is asked to go
        warnings.simplefilter("ignore", UserWarning)
        prune.magnitude(twin, share / 100, target)
    return twin


def _curves(network: Classifier, test: Strings, positions: np.ndarray) -> dict[str, list[int]]:
    """How many of these strings the kit classifies rightly at each of `MEASURED` per cent pruned, by target."""
    known, read = Encoded(test), torch.tensor(positions)
    inputs = torch.nn.functional.pad(known.inputs, (0, max(0, int(read.max()) + 1 - known.inputs.shape[1])))

    def right(twin: Classifier) -> int:
        with torch.no_grad():
            return int((twin(inputs, read).argmax(-1) == known.labels).sum())

    return {target: [right(_pruned(network, share, target)) for share in MEASURED] for target in TARGETS}


def _table(network: Classifier, carried: Mapping) -> list[dict]:
    """P(valid) after each letter of the example, and accuracy, by percentage pruned, for readers without scripts."""
    right = dict(zip(MEASURED, carried["curves"]["both"], strict=True))
    string, padded = carried["example"], carried["padded"]
    return [
        {
            "percent": share,
            "after": _after_each_letter(_pruned(network, share), string, padded),
            "accuracy": percent(right[share] / len(carried["strings"])),
        }
        for share in SHOWN
    ]


def _after_each_letter(network: Classifier, string: str, padded: int = 0) -> list[float]:
    """P(valid) if the string ended after each of its letters, read there or padded up to so many steps."""
    prefixes = Strings([string[: k + 1] for k in range(len(string))], np.zeros(len(string), np.int64))
    inputs = torch.tensor(prefixes.inputs())
    if padded > inputs.shape[1]:
        inputs = torch.nn.functional.pad(inputs, (0, padded - inputs.shape[1]))
    positions = torch.tensor([max(k, padded - 1) for k in range(len(string))])
    with torch.no_grad():
        return network(inputs, positions).softmax(-1)[:, 1].tolist()


def _code(p: Parameters, unit: BaseNetwork) -> str:
    """Python that gets this network from the records, or trains it: with those parameters alone that it depends on."""
    given = {n: v for n, v in p.model_dump().items() if v != Parameters.model_fields[n].default}
    for name in list(given):
        try:
            rest = Parameters(**{n: v for n, v in given.items() if n != name})
            if unit in base_networks(rest):
                given.pop(name)
        except (ParameterError, TaskError):
            continue  # others given do not go without it
    return "\n".join(
        [
            "import torch",
            "from sparsekit.experiments import studies",
            "from sparsekit.experiments.parameters import Parameters",
            "from sparsekit.pruning import prune",
            "",
            f"p = Parameters({', '.join(f'{n}={v!r}' for n, v in given.items())})",
            f"network = studies.base_network(p, {json.dumps(unit.variant)}, seed={unit.seed})",
        ]
    )
