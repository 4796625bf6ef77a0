"""Figure of the two layouts of a graph's mask in the stacked gates of GRU and LSTM."""

import networkx as nx
import numpy as np
from matplotlib.patches import Patch, Rectangle

from sparsekit import networks
from sparsekit.pictures import Picture, card, drawn
from sparsekit.recurrence import GATES
from sparsekit.registry import UnknownName, unknown
from sparsekit.structure_drawings import GATE_LABELS
from sparsekit.style import FAINT, INK, TARGETS, VARIANTS, counted, look, percent

WRONG, RIGHT = TARGETS["i2h"].colour, TARGETS["h2h"].colour


@drawn
def mask_layouts(graph: nx.Graph, variant: str = "gru") -> Picture:
    """Both layouts of one layer's mask side by side, and where the published rows miss the graph.

    Parameters
    ----------
    graph : networkx.Graph or acyclic networkx.DiGraph
        The layer drawn is the one that loses most edges; the one that most lead into, where none does.
    variant : {"gru", "lstm"}
    """
    if GATES.get(variant, 0) < 2:
        raise UnknownName(unknown("variant of several gates", variant, [v for v in GATES if GATES[v] > 1]))
    right, had = (networks.layered(variant, graph, gate_masks=layout).stages for layout in ("blocks", "rows"))
    lost_by_layer = [int((one.mask_ih & ~other.mask_ih).sum()) for one, other in zip(right, had, strict=True)]
    layer = max(range(1, len(right)), key=lambda k: (lost_by_layer[k], int(right[k].mask_ih.sum())))
    nodes, gates = right[layer].nodes, GATES[variant]
    masks = [_cells_side_by_side(stages[layer], gates) for stages in (right, had)]
    rows, columns = masks[0].shape
    cell = min(20.0, 300 / columns, 420 / rows)
    key = [
        Patch(color=RIGHT, label="an edge has its weight"),
        Patch(color=WRONG, label="a weight without an edge"),
        Patch(facecolor="white", edgecolor=WRONG, label="an edge without its weight"),
    ]
    figure, (panels,) = card(
        int(max(rows * cell, 26 * gates) + 150),
        f"One layer's mask in the gates of {look(VARIANTS, variant).label}",
        1,
        2,
        key=key,
    )
    for axes, mask, name in zip(panels, masks, ("blocks: the graph, in each gate", "rows: as published"), strict=True):
        _squares(axes, masks[0], mask)
        axes.set_title(name)
        axes.set_xlabel(f"from {counted(columns, 'node')} of earlier layers")
        for gate in range(1, gates):
            axes.axhline(gate * nodes, color=INK, linewidth=1)
        axes.set_yticks([nodes * (gate + 0.5) for gate in range(gates)], GATE_LABELS[gates])
    panels[1].set_yticks([])
    edges, lost = int(masks[0].sum()), int((masks[0] & ~masks[1]).sum())
    told = (
        f"In layer {layer}, of {counted(nodes, 'node')}, {lost} of {edges} edges ({percent(lost / edges)}), counted in "
        "each gate, have no weight under the published rows, and as many weights stand for no edge"
    )
    return Picture(figure, f"Two masks of {rows} × {columns} weights, by gate. {told}.", f"{told}.")


def _cells_side_by_side(stage: networks.Stage, gates: int) -> np.ndarray:
    """The mask (gates * nodes, inputs), each input's column from the one cell that sees it."""
    return (
        stage.mask_ih.numpy().reshape(gates, stage.cells, stage.nodes, -1).any(axis=1).reshape(gates * stage.nodes, -1)
    )


def _squares(axes, right: np.ndarray, mask: np.ndarray) -> None:
    for y, x in np.argwhere(mask):
        colour = RIGHT if right[y, x] else WRONG
        axes.add_patch(Rectangle((x + 0.08, y + 0.08), 0.84, 0.84, color=colour, linewidth=0))
    for y, x in np.argwhere(right & ~mask):
        axes.add_patch(Rectangle((x + 0.14, y + 0.14), 0.72, 0.72, fill=False, edgecolor=WRONG, linewidth=1.1))
    axes.set(xlim=(0, mask.shape[1]), ylim=(mask.shape[0], 0), xticks=[], aspect="equal", facecolor="#f3f5f7")
    axes.tick_params(axis="y", length=0)
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
