"""Figures of the graphs that a study draws: where they lie, and which possible causes they hold apart."""

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from sparsekit.causes import CAUSES
from sparsekit.pictures import Picture, card, drawn
from sparsekit.style import DIVERGING, INK, QUIET, RULE, SEQUENTIAL, counted, family, listed, number, text_on
from sparsekit.tables import given_graphs, require

APART = 0.3
"""Causes whose rank correlation is no larger, either way, count as told apart."""


@drawn
def sample_plane(structure: pd.DataFrame) -> Picture:
    """Every graph in the plane of clustering and path length, by family; the darker, the more edges.

    Parameters
    ----------
    structure : DataFrame
        As ``studies.structure`` returns it; generator, graph, family, nodes, edges, average_clustering and
        average_shortest_path_length are used.
    """
    x, y = "average_clustering", "average_shortest_path_length"
    require(structure, ["generator", "graph", "family", "nodes", "edges", x, y])
    graphs = given_graphs(structure).drop_duplicates(["generator", "graph"])
    families = {name: family(name) for name in dict.fromkeys(graphs["family"])}
    edges = graphs["edges"]
    fixed = edges.min() == edges.max()
    size = f"{_range(graphs['nodes'])} nodes, {_range(edges)} edges"
    shade = "" if fixed else ", the darker the more edges"
    figure, ((axes,),) = card(380, "The graphs that were drawn", note=f"A point per graph: {size}{shade}.")
    told, key = [], []
    for name, shape in families.items():
        own = graphs[graphs["family"] == name]
        level = 0.6 if fixed else 0.15 + 0.8 * (own["edges"] - edges.min()) / (edges.max() - edges.min())
        colours = SEQUENTIAL(np.broadcast_to(level, len(own)))
        options = {"color": colours, "edgecolor": "white", "linewidth": 0.6}
        axes.scatter(own[x], own[y], s=48, marker=shape.marker, zorder=3, **options)
        key.append(
            Line2D([], [], color=SEQUENTIAL(0.6), linestyle="", marker=shape.marker, markersize=6.5, label=shape.label)
        )
        told.append(
            f"{shape.label}, {counted(len(own), 'graph')}: clustering {_range(own[x], 2)}, path length "
            f"{_range(own[y], 2)}"
        )
    options = {"frameon": False, "fontsize": 9.5, "handletextpad": 0.3, "borderaxespad": 0}
    axes.legend(handles=key, loc="upper left", bbox_to_anchor=(1.02, 1), **options)
    axes.grid(color=RULE, linewidth=0.8)
    axes.set_xlabel("clustering")
    axes.set_ylabel("path length")
    return Picture(
        figure,
        f"Points: graphs in the plane of clustering and path length. {size}. {'; '.join(told)}.",
        f"{counted(len(graphs), 'graph')} of {size}: clustering from {_range(graphs[x], 2)}, path length from "
        f"{_range(graphs[y], 2)}.",
    )


def _range(values: pd.Series, digits: int = 0) -> str:
    low, high = (f"{end:,.{digits}f}" for end in (values.min(), values.max()))
    return low if low == high else f"{low} to {high}"


@drawn
def causes_map(matrix: pd.DataFrame) -> Picture:
    """Which possible causes of accuracy go together over the graphs drawn, and which are held fixed.

    Parameters
    ----------
    matrix : DataFrame
        As :func:`sparsekit.causes.causes` returns it.
    """
    require(matrix, CAUSES)
    names = list(CAUSES)
    held = [name for name in names if np.isnan(matrix.loc[name, name])]
    note = f"Spearman's rank correlation over graphs. Bold: further from 0 than {APART}."
    figure, ((axes,),) = card(120 + 27 * len(names), "Which causes go together in these graphs", note=note)
    for (i, one), (j, other) in combinations(enumerate(names), 2):
        value = matrix.loc[one, other]
        face = to_hex(DIVERGING((value + 1) / 2)) if np.isfinite(value) else "#f3f5f7"
        axes.add_patch(Rectangle((i - 0.49, j - 0.46), 0.98, 0.92, facecolor=face, linewidth=0))
        strong = abs(value) > APART
        text = number(value, sign=True) if np.isfinite(value) else "fixed"
        colour = text_on(face) if strong else QUIET
        axes.text(i, j, text, ha="center", va="center", color=colour, weight="bold" if strong else "normal", size=9)
    axes.set_xticks(range(len(names) - 1), [CAUSES[name].replace(" ", "\n", 1) for name in names[:-1]])
    axes.set_yticks(range(1, len(names)), [CAUSES[name] for name in names[1:]])
    axes.tick_params(length=0, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.set_xlim(-0.5, len(names) - 1.5)
    axes.set_ylim(len(names) - 0.5, 0.5)
    pairs = {pair: matrix.loc[pair] for pair in combinations([n for n in names if n not in held], 2)}
    words = [f"{CAUSES[a]} and {CAUSES[b]} {number(r, sign=True)}" for (a, b), r in pairs.items()]
    reading = f"Held fixed: {listed(CAUSES[name] for name in held)}." if held else "No cause is held fixed."
    if pairs:
        close = sum(abs(r) > APART for r in pairs.values())
        a, b = max(pairs, key=lambda pair: abs(pairs[pair]))
        reading += (
            f" Of the {len(pairs)} pairs of {'the others' if held else 'causes'}, {close} go together (rank "
            f"correlation beyond {APART}), most of all {CAUSES[a]} and {CAUSES[b]} "
            f"({number(pairs[a, b], sign=True)}): what one does to accuracy, the other could have done."
        )
    return Picture(figure, f"Heat map of rank correlations. {reading} {'; '.join(words)}.", reading)
