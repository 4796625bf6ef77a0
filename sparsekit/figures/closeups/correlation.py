"""A property beside accuracy, what controls leave of both, the coefficients, and one of the graphs."""

from collections.abc import Mapping, Sequence

import networkx as nx
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sparsekit.analysis.correlation import fitted_line, residuals
from sparsekit.figures import drawings
from sparsekit.figures.axis import POINTS
from sparsekit.figures.closeups.parts import RING, few_ticks, panels
from sparsekit.figures.correlation import COEFFICIENT
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import FAMILIES, GENERATORS, INK, look
from sparsekit.figures.words import percent, span, words_of

OUTLINE = RING | {"markersize": 11, "color": "none", "markeredgewidth": 1.6}


@drawn
def correlation(
    graphs: pd.DataFrame, name: str, controls: Sequence[str], found: Mapping[str, Mapping[str, float]],
    oriented: nx.DiGraph, chosen: int, *, title: str,
) -> Picture:  # fmt: skip
    """A row a graph: the property, the controls, generator and test_accuracy; one of them is ringed, and drawn.

    Found are coefficients as `analysis.correlation.correlate` has them, by what is said of them.
    """
    both, rest = graphs[[name, "test_accuracy"]], residuals(graphs, [name, "test_accuracy"], controls)
    told = "; ".join(f"{key} {_coefficient(one)}" for key, one in found.items())
    places = (70, 78, 240, 170), (420, 78, 262, 170), (10, 320, 680, 150)
    figure, (plain, partial, layers) = panels(484, title, f"{told}.", *places)
    for axes, points, words in ((plain, both, "As measured"), (partial, rest, "What the controls leave")):
        _points(axes, points.to_numpy(float), graphs["generator"], chosen)
        axes.set(xlabel=words_of(name), title=words)
    plain.yaxis.set_major_formatter(lambda value, _: percent(value, 0))
    POINTS.lay(partial, "y")
    partial.set(ylabel=POINTS.label)
    columns, edges, _ = drawings.of_graph(oriented)
    drawings.draw_layers(layers, columns, edges, 680, 150 - drawings.BELOW, plain=True)
    one = graphs.iloc[chosen]
    family = look(GENERATORS, one["generator"]).label
    layers.set_title(f"Ringed: graph {one['graph']}, {family}, {percent(one['test_accuracy'])}")
    table = graphs[["generator", "graph", name, "test_accuracy"]]
    table = table.assign(left=rest[name], points_left=rest["test_accuracy"])
    alt, forms = f"{title}, {len(graphs)} graphs: {told}.", {"test_accuracy": percent, "points_left": POINTS.form}
    return Picture(figure, alt, f"{told[0].upper()}{told[1:]}.", table=table, forms=forms)


def _coefficient(one: Mapping[str, float]) -> str:
    if not np.isfinite(one["pearson"]):
        return "determined by what is held"
    return f"r = {span(one['pearson'], one['pearson_low'], one['pearson_high'], COEFFICIENT.form)}"


def _points(axes: Axes, points: np.ndarray, families: pd.Series, chosen: int) -> None:
    """A point a graph, its family told by mark and colour, the line through all, and a ring around the chosen one."""
    for k, family in enumerate(families.unique()):
        style = {"color": FAMILIES[k % len(FAMILIES)], "marker": look(GENERATORS, family).marker, "linewidths": 0}
        axes.scatter(*points[(families == family).to_numpy()].T, s=22, **style)
    axes.plot(*fitted_line(points), color=INK, linewidth=1)
    axes.plot(*points[chosen], **OUTLINE)
    for which in "xy":
        few_ticks(axes, which, 4)
