"""A graph, the layers and masks that it becomes, and where it falls among the graphs that were trained."""

from collections.abc import Mapping

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from sparsekit.analysis.structure import places_among
from sparsekit.figures import drawings
from sparsekit.figures.axis import ACCURACY
from sparsekit.figures.card import WIDTH, bare
from sparsekit.figures.closeups.parts import MASKS, RING, few_ticks, masks, panels
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import FAINT, GENERATORS, INK, PATH, RULE, SEQUENTIAL, VARIANTS, look
from sparsekit.figures.words import percent, words_of
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask


@drawn
def structure(
    oriented: nx.DiGraph, network: Classifier, measured: Mapping[str, float], population: pd.DataFrame, *, title: str,
    accuracy: float | None = None,
) -> Picture:  # fmt: skip
    """An acyclic graph, the network made from it, and its properties among those of trained networks, a row a graph.

    The accuracy is this network's, once it is trained.
    """
    columns, edges, _ = drawings.of_graph(oriented)
    among = places_among(population, measured)
    note = f"{len(oriented)} nodes, {len(edges)} edges, {len(columns)} layers; {network.size():,} weights and biases."
    places = (10, 66, 210, 200), (225, 66, 465, 200), (150, 306, 190, 16 * max(len(among), 1) + 8)
    places += (410, 306, 272, 150), (0, 520, WIDTH, MASKS)
    figure, (ring, layers, strip, plane, below) = panels(520 + MASKS, title, note, *places)
    _ring(ring, oriented, columns)
    drawings.draw_layers(layers, columns, edges, 465, 200 - drawings.BELOW, plain=True)
    _places(strip, among)
    _plane(plane, population, len(edges), look(VARIANTS, network.variant).colour)
    if accuracy is not None:
        plane.plot(len(edges), accuracy, **RING)
    shares = masks(below, network, Mask.of(network))
    exist = [
        f"{' '.join(filter(None, gate))}: {', '.join(percent(share, 0) for share in own['share'])}"
        for gate, own in shares.groupby(["matrix", "gate"], sort=False)
    ]
    trained = "not trained here" if accuracy is None else f"its accuracy is {percent(accuracy)}"
    where = [f"{words_of(name)} above {percent(above, 0)} of them" for name, above in among["above"].items()]
    alt = f"""{title}: {note} Among {len(population)} trained graphs: {", ".join(where)}; {trained}.
        Share of weights that exist, layer by layer: {"; ".join(exist)}."""
    table = among[["value", "above"]].rename(words_of).rename_axis("property").reset_index()
    return Picture(figure, alt, f"{note[:-1]}; {trained}.", table=table, forms={"above": percent})


def _ring(axes: Axes, oriented: nx.DiGraph, columns: list[list]) -> None:
    """The graph on a circle, its nodes the darker the later their layer."""
    spots = nx.circular_layout(list(oriented))
    lines = [[spots[u], spots[v]] for u, v in oriented.edges]
    axes.add_collection(LineCollection(lines, colors=FAINT, linewidths=0.7, zorder=1))
    shades = np.repeat(SEQUENTIAL(np.linspace(0.08, 0.85, len(columns))), [len(column) for column in columns], axis=0)
    axes.scatter(*np.array([spots[n] for column in columns for n in column]).T, s=26, color=shades, zorder=2)
    bare(axes, (-1.1, 1.1), (-1.1, 1.1))


def _places(axes: Axes, among: pd.DataFrame) -> None:
    """Each property's place between the lowest and the highest of the trained graphs."""
    axes.hlines(range(len(among)), 0, 1, color=RULE, linewidth=4)
    axes.scatter(among["rank"], range(len(among)), color=PATH, s=28, zorder=3)
    axes.set(xlim=(-0.05, 1.05), ylim=(len(among) - 0.5, -0.5), title="Its place among the trained")
    axes.set_xticks([0, 1], ["lowest", "highest"])
    axes.set_yticks(range(len(among)), [f"{words_of(n)} {value:.3g}" for n, value in among["value"].items()])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _plane(axes: Axes, population: pd.DataFrame, edges: int, colour: str) -> None:
    """Accuracy of the trained over their edges, and a line at this graph's."""
    for family, own in population.groupby("generator", sort=False):
        axes.scatter(own["edges"], own["test_accuracy"], s=16, marker=look(GENERATORS, family).marker, color=colour)
    axes.axvline(edges, color=INK, linewidth=1)
    ACCURACY.lay(axes, "y")
    few_ticks(axes, "y")
    axes.set(xlabel="edges", title="Accuracy of the trained; line: this graph")
