"""Drawings of masks: which weights exist, gate by gate, and stage by stage."""

from collections.abc import Sequence

import networkx as nx
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from sparsekit.figures.card import WIDTH, bare, card
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import FAINT, INK, QUIET, TARGETS, VARIANTS, look
from sparsekit.figures.words import counted, listed, percent
from sparsekit.variants import GATES

GATE_LABELS = {
    len(gates): [f"{name} ({letter})" if name else "" for letter, name in gates.items()] for gates in GATES.values()
}


@drawn
def gates(x, title: str | None = None, count: int | None = None) -> Picture:
    """A mask as one matrix a gate, side by side; of a graph, the mask that it becomes.

    Parameters
    ----------
    x : array or tensor, networkx.Graph, or Classifier of one stage
        A mask, (gates * hidden, inputs) or (gates, hidden, inputs), in torch's order of gates; nonzero where a weight
        exists. Of a network its hidden-to-hidden mask.
    count : int, optional
        Gates of a mask that is not of hidden-to-hidden weights, 1, 3 or 4 square blocks.

    Raises
    ------
    ValueError
        Where `x` is nothing of the kind, or its rows do not divide into gates.
    """
    matrix, name = mask_of(x, count), "Mask" if count else "Hidden-to-hidden mask"
    count = count or len(matrix) // matrix.shape[1]
    blocks, labels = np.split(matrix, count), _labels(count)
    (rows, columns), wide, high = blocks[0].shape, 680 / count - 20, 400
    cell, step = min(wide / columns, high / rows), int(np.ceil(max(columns / wide, rows / high)))
    scale = f"a square is {step} × {step} weights, the darker the more exist" if step > 1 else "coloured: it exists"
    note = f"A row is a hidden unit, a column what it reads; {scale}."
    figure, grid = card(int(rows * cell + 130), title or name + ", gate by gate" * (count > 1), 1, count, note=note)
    shades = [_coarse(block, step) for block in blocks]
    for axes, block, shade, label in zip(grid[0], blocks, shades, labels, strict=True):
        _cells(axes, shade / (np.max(shades) or 1), TARGETS["h2h"].colour, cell)
        axes.set(aspect="equal", title=label)
        axes.set_xlabel(f"{int(block.sum()):,} of {block.size:,}\n{percent(block.mean())}", size=9)
    told = f"{int(matrix.sum()):,} of {matrix.size:,} weights exist ({percent(matrix.mean())})"
    if count > 1:
        shares = [f"{label} {percent(block.mean())}" for label, block in zip(labels, blocks, strict=True)]
        same = all((block == blocks[0]).all() for block in blocks)
        told += f": all {count} gates have the same connections" if same else f": by gate {listed(shares)}"
    size = f"{counted(rows, 'unit')} in {counted(count, 'gate block')}"
    return Picture(figure, f"{name} of {size}: {told}.", f"Of the {name.lower()} {told}.")


@drawn
def masks(classifier, most: int = 8) -> Picture:
    """Input-to-hidden and hidden-to-hidden masks of a network's stages, at most so many drawn; the text counts all."""
    if not hasattr(classifier, "stages"):
        raise ValueError(f"a {type(classifier).__name__} has no stages; give a network, or take kind='gates'")
    variant, labels = look(VARIANTS, classifier.variant).label, _labels(len(GATES[classifier.variant]))
    pairs = [[stage.mask_ih.cpu().numpy(), stage.mask_hh.cpu().numpy()] for stage in classifier.stages]
    stages, shown = counted(len(pairs), "layer"), pairs[:most]
    note = "Coloured: the weight exists. Under each mask: its size, and the share that exists."
    note += f"\nThe first {most} of {stages}." if len(pairs) > most else ""
    figure, grid = card(390, f"Masks of the {variant} network, layer by layer", 2, len(shown), note=note)
    for k, pair in enumerate(shown):
        grid[0, k].set_title(f"layer {k + 1}")
        for axes, mask, target in zip(grid[:, k], pair, ("i2h", "h2h"), strict=True):
            (rows, columns), block = mask.shape, len(mask) / len(labels)
            _cells(axes, mask, look(TARGETS, target).colour, min(580 / len(shown) / columns, 108 / rows))
            axes.hlines(block * np.arange(1, len(labels)), 0, columns, color=INK, linewidth=1.1, zorder=3)
            axes.set_xlabel(f"{rows}×{columns}\n{percent(mask.mean(), 0)}", color=QUIET, size=9)
            if k == 0:
                axes.set_yticks(block * (np.arange(len(labels)) + 0.5), labels)
                axes.set_ylabel(look(TARGETS, target).label, color=INK)
    ih, hh = (percent(np.concatenate([mask.ravel() for mask in of]).mean()) for of in zip(*pairs, strict=True))
    told = f"{ih} of the input-to-hidden and {hh} of the hidden-to-hidden weights exist."
    gates = counted(len(labels), "gate")
    alt = f"Masks of a {variant} network with {stages} and {gates}: {told}"
    return Picture(figure, alt, f"Over all {stages} {told}")


STEPS = {
    "rnn_tanh": ("tanh", ""),
    "rnn_relu": ("ReLU", ""),
    "gru": ("gates\nr, z, n", "z ⊙ h"),
    "lstm": ("gates\ni, f, g, o", "f ⊙ c"),
}
"""What a variant makes of its sums, and the carry, on which its old state passes them by."""


@drawn
def cell(classifier, stage: int = 0) -> Picture:
    """One step of a recurrent layer, with its two weight matrices as their masks leave them."""
    if not hasattr(classifier, "stages"):
        raise ValueError(f"a {type(classifier).__name__} has no recurrent layers; give a network")
    layer, variant = classifier.stages[stage], look(VARIANTS, classifier.variant).label
    (makes, carry), gates = STEPS[classifier.variant], GATES[classifier.variant]
    several, states = len(gates) > 1, ("$h_{t-1}, c_{t-1}$", "$h_t, c_t$") if "c" in carry else ("$h_{t-1}$", "$h_t$")
    blocks = " of each gate" if several else ""
    note = f"Coloured: the weight exists. A row is a unit{blocks}, a column is what it reads."
    figure, ((axes,),) = card(440, f"One step of a recurrent layer: {variant}", note=note)
    bare(axes, (0, WIDTH - 20), (0, 362))
    box = {"boxstyle": "round,pad=.5", "facecolor": "#f3f5f7", "edgecolor": FAINT}
    middle = {"ha": "center", "va": "center"}
    shares = []
    for y, reads, target, mask in ((60, "$x_t$", "i2h", layer.mask_ih), (210, states[0], "h2h", layer.mask_hh)):
        matrix, (name, colour, *_) = mask.cpu().numpy(), look(TARGETS, target)
        (rows, columns), block = matrix.shape, len(matrix) / len(gates)
        inside = axes.inset_axes((180, y - 55, 160, 110), transform=axes.transData)
        _cells(inside, matrix, colour, min(160 / columns, 110 / rows))
        inside.hlines(block * np.arange(1, len(gates)), 0, columns, color=INK, linewidth=1.1, zorder=3)
        if several:
            inside.set_yticks(block * (np.arange(len(gates)) + 0.5), gates)
        axes.text(260, y + 67, f"{name}, {rows} × {columns}", **middle)
        axes.text(44, y, reads, size=14, **middle)
        _arrow(axes, (108, y), (162, y))
        _arrow(axes, (346, y), (424, 135 + 0.15 * (y - 135)))
        shares.append(f"{percent(matrix.mean())} of its {name} weights")
    for x, words in ((446, "sum\n+ b"), (546, makes)):
        axes.text(x, 135, words, size=10.5, bbox=box, **middle)
    axes.text(650, 135, states[1], size=14, **middle)
    _arrow(axes, (474, 135), (506, 135))
    _arrow(axes, (588, 135), (618, 135))
    if carry:
        _arrow(axes, (40, 232), (40, 306), (546, 306), (546, 172))
        told = f"the carry, {carry}: no weight on it, so nothing of it can be pruned"
        axes.text(260, 316, told, color=QUIET, **middle)
    _arrow(axes, (650, 158), (650, 342), (24, 342), (24, 232))
    axes.text(340, 352, "the next step's old state", color=QUIET, **middle)
    told = f"Of the layer drawn, {listed(shares)} exist."
    passed = f", and a carry, {carry}, that passes both by" if carry else ""
    alt = f"""Drawing of one step of a recurrent layer, {variant}: the input goes through the input-to-hidden matrix,
        the old state through the hidden-to-hidden matrix, and their sum makes the new state{passed}. {told}"""
    return Picture(figure, alt, told)


def _arrow(axes: Axes, *stops: tuple[float, float]) -> None:
    """Straight lines from stop to stop, the last of them with a head."""
    axes.plot(*zip(*stops[:-1], strict=True), color=QUIET, linewidth=1.2)
    head = {"arrowstyle": "-|>", "color": QUIET, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", stops[-1], stops[-2], arrowprops=head)


def mask_of(x, count: int | None = None) -> np.ndarray:
    """A graph's, a one-stage network's, or the given mask, as bool (gates * hidden, inputs)."""
    if isinstance(x, nx.Graph):
        x = nx.to_numpy_array(x, weight=None).T
    if hasattr(x, "stages") and len(x.stages) > 1:
        raise ValueError(
            f"a network of {len(x.stages)} stages has as many hidden-to-hidden masks; give one of them, for "
            "example network.stages[0].mask_hh, or take kind='masks'"
        )
    x = x.stages[0].mask_hh if hasattr(x, "stages") else x
    array = np.asarray(x.detach().cpu() if hasattr(x, "detach") else x)
    array = array.reshape(-1, array.shape[2]) if array.ndim == 3 else array
    if array.ndim != 2 or not array.size or array.dtype.kind not in "biuf":
        said = f"an array of shape {x.shape}" if hasattr(x, "shape") else f"a {type(x).__name__}"
        raise ValueError(f"draws a networkx graph, a network or a two-dimensional mask, not {said}")
    rows, columns = array.shape
    if count is None and rows not in [gates * columns for gates in GATE_LABELS]:
        raise ValueError(
            f"a mask of {rows} × {columns} is not 1, 3 or 4 square gate blocks, as hidden-to-hidden ones are; of "
            "others, say how many gates: mask_drawings.gates(matrix, count=…)"
        )
    if count is not None and (count < 1 or rows % count):
        raise ValueError(f"{rows} rows do not divide into {count} gates")
    return array != 0


def _labels(count: int) -> Sequence[str]:
    return GATE_LABELS.get(count) or [f"gate {k}" for k in range(count)]


def _coarse(block: np.ndarray, step: int) -> np.ndarray:
    """Shares of weights that exist, by squares of `step` × `step`."""
    padded = np.pad(block.astype(float), [(0, -size % step) for size in block.shape], constant_values=np.nan)
    return np.nanmean(padded.reshape(len(padded) // step, step, -1, step), axis=(1, 3))


def _cells(axes: Axes, shades: np.ndarray, colour: str, cell: float) -> None:
    """Pale where nothing exists, else the colour, from a quarter of its strength on; lines between cells over 5 px."""
    strength = np.where(shades > 0, 0.25 + 0.75 * shades, 0)[..., None]
    pixels = np.array(to_rgb("#f3f5f7")) * (1 - strength) + np.array(to_rgb(colour)) * strength
    rows, columns = shades.shape
    axes.imshow(pixels, interpolation="nearest", extent=(0, columns, rows, 0), aspect="auto")
    if cell > 5:
        axes.vlines(range(1, columns), 0, rows, color="white", linewidth=0.7)
        axes.hlines(range(1, rows), 0, columns, color="white", linewidth=0.7)
    axes.set(xticks=[], yticks=[])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
