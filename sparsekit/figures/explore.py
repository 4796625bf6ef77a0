"""Explorers: figures with controls, which leave a plain figure where there are no controls."""

import copy
import os
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from html import escape
from io import BytesIO
from typing import Any

import ipywidgets as widgets
import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from IPython.display import HTML, display
from matplotlib.backends.backend_agg import FigureCanvasAgg
from PIL import Image

from sparsekit.figures import closeups, drawings
from sparsekit.figures.card import PIXELS_PER_INCH, Picture, nothing
from sparsekit.figures.style import RC, VARIANTS, look, ordered
from sparsekit.figures.style import SCORES as SCORE_LOOKS
from sparsekit.figures.style import TARGETS as LOOKS
from sparsekit.figures.words import label
from sparsekit.networks.classifier import Classifier
from sparsekit.networks.training import Encoded, Population, Recipe, evaluate
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.prune import prune, targeted
from sparsekit.pruning.scores import SCORES, Evidence, scored
from sparsekit.tasks import definitions as tasks
from sparsekit.tasks.samples import Strings, Task

RUN = "Run this cell to move its controls."
GONE = f"""<style>
.jp-OutputArea-output.jupyter-widgets:not(:has(*)) {{ font-size: 0; color: inherit; }}
.jp-OutputArea-output.jupyter-widgets:not(:has(*))::after {{ content: "{RUN}"; font-size: 13px; }}
</style>"""
"""Of controls whose kernel has gone JupyterLab says that a model was not found; this says what to do about it."""
LIVE = 1.5  # image pixels per CSS pixel of a figure that a control moves
EVIDENCE = 256  # training strings by which scores judge, as many as in the study's records


def explorer(draw: Callable[..., Picture], *buttons: widgets.Widget, **controls: widgets.Widget) -> None:
    """Show the figure that `draw` makes of the controls' values, by their names, and draw it anew when one is moved.

    The figure is an output like any other: it stands in the saved notebook and in every report. The controls do not
    outlive the kernel, so a batch run (environment variable ``SPARSEKIT_BATCH``) shows none.
    """

    def drawn() -> Picture:
        return draw(**{name: control.value for name, control in controls.items()})

    if os.environ.get("SPARSEKIT_BATCH"):
        display(drawn())
        return
    box = widgets.HBox([*controls.values(), *buttons], layout=widgets.Layout(flex_flow="row wrap"))
    display(HTML(GONE))
    # The words are for where nothing may run, as in a notebook from elsewhere.
    display(box._repr_mimebundle_() | {"text/plain": RUN}, raw=True)
    shown = display(_quick(drawn()), display_id=True)
    for control in controls.values():
        control.observe(lambda change: shown.update(_quick(drawn())), names="value")


def _quick(picture: Picture) -> HTML:
    """A figure with its words, as pixels: an SVG of many marks takes a browser longer than a slider may wait."""
    buffer, width = BytesIO(), round(picture.figure.get_figwidth() * PIXELS_PER_INCH)
    with mpl.rc_context(RC):
        picture.figure.set_dpi(LIVE * PIXELS_PER_INCH)
        canvas = FigureCanvasAgg(picture.figure)
        canvas.draw()
    Image.fromarray(np.asarray(canvas.buffer_rgba())).save(buffer, format="png", compress_level=1)
    source = f"data:image/png;base64,{b64encode(buffer.getvalue()).decode()}"
    style = "max-width:100%;background:#fff;border-radius:10px"
    image = f'<img width="{width}" style="{style}" alt="{escape(picture.alt)}" src="{source}">'
    return HTML(f'<figure style="margin:0">{image}<figcaption>{escape(picture.reading)}</figcaption></figure>')


def _choice(names: Sequence, label: Callable[[Any], str], description: str, value: Any = None) -> widgets.Dropdown:
    options = [(label(name), name) for name in names]
    return widgets.Dropdown(options=options, value=names[0] if value is None else value, description=description)


def pruned(networks: Mapping[str, Classifier], task: Task, recipe: Recipe, measured: pd.DataFrame) -> None:
    """Take weights out of a trained network and see at once what is left, and of how many test strings it is right.

    Parameters
    ----------
    networks : mapping of variant to Classifier
        As trained; they stay as they are.
    task, recipe
        What they are tested on, and how strings are read.
    measured : DataFrame
        The study's own accuracies: columns variant, target, seed, percent, accuracy and base_accuracy.
    """
    test, train = Encoded(task.test), Encoded(task.train.subset(np.arange(min(EVIDENCE, len(task.train)))))
    evidence = Evidence(train.inputs, train.labels, torch.as_tensor(train.positions(recipe)))
    chance = float(np.bincount(task.test.labels).max() / len(task.test))

    whole = pd.concat([measured.assign(percent=0.0, accuracy=measured["base_accuracy"]), measured]).drop_duplicates()

    @cache
    def judged(variant: str, target: str, score: str) -> np.ndarray:
        network = networks[variant]
        found = scored(score, network, targeted(Mask.of(network), target), evidence)
        return np.concatenate([scores.flatten().numpy() for scores in found.values()]).astype(float)

    def draw(variant: str, target: str, score: str, percent: float) -> Picture:
        network = networks[variant]
        mask, threshold = prune(network, percent / 100, target, score, evidence=evidence)
        twin = copy.deepcopy(network)
        mask.apply(twin)
        (accuracy,) = evaluate(Population([twin]), test, recipe)[1]
        own = whole[(whole["variant"] == variant) & (whole["target"] == target)]
        options = {"share": percent / 100, "target": target, "score": score, "chance": chance}
        return closeups.pruned(network, mask, judged(variant, target, score), threshold, accuracy, own, **options)

    names, targets = ordered(networks, VARIANTS), list(dict.fromkeys(measured["target"]))
    explorer(
        draw,
        percent=widgets.FloatSlider(value=80, min=0, max=100, step=1, description="percent", readout_format=".0f"),
        target=_choice(targets, lambda name: LOOKS[name].label, "pruned"),
        score=_choice(list(SCORES), lambda name: look(SCORE_LOOKS, name).label, "score"),
        variant=_choice(names, lambda name: VARIANTS[name].label, "network", names[-1]),
    )


def string(networks: Callable[..., Mapping[str, Classifier]], task: Task, recipe: Recipe, **choices: Sequence) -> None:
    """Type a string, or draw a test string: the way it takes, and what a network makes of it letter by letter.

    Parameters
    ----------
    networks : callable
        Takes one of each of `choices` by name, and gives networks by label: before pruning, after it, after recovery.
    task, recipe
        What they were trained on, and how strings are read.
    **choices : sequence
        Values of what can be chosen, by name: variant, target, percent; the first of each is drawn first.
    """
    title = "One string, letter by letter"
    if not isinstance(task.test, Strings) or task.classes != 2:
        display(nothing(title, f"Samples of task {task.name} are not strings of two classes."))
        return
    rules, longest = tasks.RULES.get(task.name), int(max(task.train.lengths.max(), task.test.lengths.max()))
    options = {"rules": rules, "drawable": task.name in tasks.GRAMMARS}
    options["padded"] = longest if recipe.readout == "last_padded" else 0
    found = cache(networks)

    def draw(text: str, **chosen: Any) -> Picture:
        if wrong := [letter for letter in text if not " " < letter < "\x7f"]:
            return nothing(
                "One string, letter by letter", f"{wrong[0]!r} is no letter that a network of this kit reads."
            )
        if not 0 < len(text) <= longest:
            return nothing(
                "One string, letter by letter", f"A string has 1 to {longest} letters here, not {len(text)}."
            )
        return closeups.string(text, found(**chosen), **options)

    def another(button: widgets.Button) -> None:
        typed.value = stream.choice(task.test.strings)

    labels = {"variant": lambda name: VARIANTS[name].label, "target": lambda name: LOOKS[name].label}
    menus = {name: _choice(list(values), labels.get(name, "{:g}".format), name) for name, values in choices.items()}
    first = found(**{name: menu.value for name, menu in menus.items()})
    telling = _telling(task, recipe, list(first.values()))
    typed = widgets.Text(value=telling, description="string", continuous_update=False)
    stream, button = np.random.default_rng(0), widgets.Button(description="a test string")
    button.on_click(another)
    explorer(draw, button, text=typed, **menus)


def _telling(task: Task, recipe: Recipe, networks: Sequence[Classifier]) -> str:
    """A test string to begin with: of those on which networks disagree most, the one nearest 14 letters.

    That is one that pruning gets wrong and retraining right, if there is one.
    """
    test, turns = Encoded(task.test), np.zeros(len(task.test), dtype=int)
    positions, before = torch.as_tensor(test.positions(recipe)), None
    for network in networks:
        with torch.no_grad():
            right = (network(test.inputs, positions).argmax(1) == test.labels).numpy()
        turns += right if before is None else right != before
        before = right
    lengths = np.abs(np.asarray(task.test.lengths) - 14)
    return task.test.strings[np.lexsort([lengths, -turns])[0]]


def drawn(units: Sequence[Any]) -> None:
    """Choose one of the graphs of some graph networks; see it in layers, or with its cycles where it is one layer."""
    graphs = {" ".join(filter(None, [label(unit.generator), str(unit.name), unit.null])): unit for unit in units}

    def structure(graph: str) -> Picture:
        unit = graphs[graph]
        if unit.structure == "recurrent":
            return drawings.recurrent(unit.drawn(), title=graph)
        return drawings.layered(unit.oriented(), title=graph)

    explorer(structure, graph=widgets.Dropdown(options=list(graphs), value=list(graphs)[-1], description="graph"))
