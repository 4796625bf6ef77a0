"""Explorers: figures with controls, which leave a plain figure where there are no controls."""

import copy
import os
from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as widgets
from IPython.display import display

from sparsekit.figures import drawings, mask_drawings
from sparsekit.figures.card import Picture
from sparsekit.figures.style import TARGETS as LOOKS
from sparsekit.figures.words import label
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.prune import TARGETS, prune


def explorer(draw: Callable[..., Picture], **controls: widgets.Widget) -> None:
    """Show the figure that `draw` makes of the controls' values, by their names, and draw it anew when one is moved.

    The figure is an output like any other: it stands in the saved notebook and in every report. The controls do not
    outlive the kernel, so a batch run (environment variable ``SPARSEKIT_BATCH``) shows none.
    """

    def drawn() -> Picture:
        return draw(**{name: control.value for name, control in controls.items()})

    if not os.environ.get("SPARSEKIT_BATCH"):
        display(widgets.HBox(list(controls.values()), layout=widgets.Layout(flex_flow="row wrap")))
    shown = display(drawn(), display_id=True)
    for control in controls.values():
        control.observe(lambda change: shown.update(drawn()), names="value")


def pruned(network: Classifier) -> None:
    """Choose how much of a network to prune, and where; see the masks. The network itself stays as it is."""

    def masks(percent: float, target: str) -> Picture:
        twin = copy.deepcopy(network)
        mask, _ = prune(twin, percent / 100, target)
        mask.apply(twin)
        return mask_drawings.masks(twin)

    steps, targets = range(0, 101, 5), [(LOOKS[t].label, t) for t in TARGETS]
    explorer(
        masks,
        percent=widgets.SelectionSlider(options=steps, value=95, description="percent", continuous_update=False),
        target=widgets.Dropdown(options=targets, value="both", description="pruned"),
    )


def drawn(units: Sequence[Any]) -> None:
    """Choose one of the graphs of some graph networks; see it in layers, or with its cycles where it is one layer."""
    graphs = {" ".join(filter(None, [label(unit.generator), str(unit.name), unit.null])): unit for unit in units}

    def structure(graph: str) -> Picture:
        unit = graphs[graph]
        if unit.structure == "recurrent":
            return drawings.recurrent(unit.drawn(), title=graph)
        return drawings.layered(unit.oriented(), title=graph)

    explorer(structure, graph=widgets.Dropdown(options=list(graphs), value=list(graphs)[-1], description="graph"))
