"""Drawings of masks: which weights exist, gate block by gate block."""

import numpy as np
from matplotlib.axes import Axes

from sparsekit.figures.card import Picture, card, drawn
from sparsekit.figures.style import FAINT, INK, QUIET, TARGETS, VARIANTS, counted, look, percent

GATE_NAMES = {1: ("",), 3: ("reset", "update", "new"), 4: ("input", "forget", "cell", "output")}


@drawn
def mask(matrix, title: str = "Mask", gates: int = 1) -> Picture:
    """One mask.

    Parameters
    ----------
    matrix : array or tensor, shape (gates * hidden, inputs)
        Nonzero where a weight exists.
    gates : int
        Number of gate blocks among the rows: 1 (RNN), 3 (GRU), 4 (LSTM).

    Raises
    ------
    ValueError
        Where the matrix has not two dimensions, or its rows do not divide into gates.
    """
    array = _plain(matrix)
    rows, columns = array.shape
    if gates < 1 or rows % gates:
        raise ValueError(f"{rows} rows do not divide into {gates} gates")
    cell = min(34.0, 560 / columns, 420 / rows)
    high, wide = max(rows * cell, 24 * gates), max(columns * cell, 60)
    share = percent(array.mean())
    figure, ((axes,),) = card(int(high + 112), title, note=f"{rows} × {columns} weights, {share} of them exist.")
    _draw(axes, array, gates, VARIANTS["rnn_tanh"].colour, cell)
    axes.set_box_aspect(high / wide)
    axes.set_anchor("NW")
    axes.set_xlabel("inputs")
    axes.set_ylabel("gates" if gates > 1 else "hidden units")
    told = ""
    if gates > 1:
        blocks = np.split(array, gates)
        same = all((blocks[0] == block).all() for block in blocks)
        told = f"; all {gates} gates have the same connections" if same else "; the gates' connections differ"
    counts = f"{int(array.sum()):,} of {array.size:,} weights exist ({share}){told}."
    return Picture(figure, f"Mask of {rows} × {columns} weights in {counted(gates, 'gate block')}: {counts}", counts)


@drawn
def masks(classifier, most: int = 8) -> Picture:
    """Both masks of each stage of a network: input-to-hidden above, hidden-to-hidden below.

    Parameters
    ----------
    classifier : Classifier
        Anything with ``variant`` and ``stages``, each with ``mask_ih`` and ``mask_hh``.
    most : int
        At most this many stages are drawn; the text counts all.
    """
    variant = look(VARIANTS, classifier.variant).label
    pairs = [(_plain(s.mask_ih), _plain(s.mask_hh)) for s in classifier.stages]
    rows, columns = pairs[0][1].shape
    gates, shown = rows // columns, pairs[:most]
    left_out = f" The first {most} of {len(pairs)} stages." if len(pairs) > most else ""
    figure, grid = card(
        390,
        f"Masks of the {variant} network, stage by stage",
        2,
        len(shown),
        note=f"Coloured: the weight exists. Under each mask: its size, and the share that exists.{left_out}",
    )
    for k, pair in enumerate(shown):
        grid[0, k].set_title(f"stage {k}")
        for axes, array, target in zip(grid[:, k], pair, ("i2h", "h2h"), strict=True):
            cell = min(580 / len(shown) / array.shape[1], 108 / array.shape[0])
            _draw(axes, array, gates, look(TARGETS, target).colour, cell, names=k == 0)
            size = f"{array.shape[0]}×{array.shape[1]}"
            axes.set_xlabel(f"{size}\n{percent(array.mean(), 0)}", color=QUIET, size=9)
            if k == 0:
                axes.set_ylabel(look(TARGETS, target).label, color=INK)
    ih, hh = (percent(sum(int(p[i].sum()) for p in pairs) / sum(p[i].size for p in pairs)) for i in (0, 1))
    told = f"{ih} of the input-to-hidden and {hh} of the hidden-to-hidden weights exist."
    return Picture(
        figure,
        f"Masks of a {variant} network with {counted(len(pairs), 'stage')} and {counted(gates, 'gate')}: {told}",
        f"Over all {counted(len(pairs), 'stage')} {told}",
    )


def _plain(matrix) -> np.ndarray:
    """A tensor or array, wherever it is kept, as a two-dimensional bool array."""
    array = np.asarray(matrix.detach().cpu() if hasattr(matrix, "detach") else matrix) != 0
    if array.ndim != 2:
        raise ValueError(f"a mask has two dimensions, this has {array.ndim}: shape {array.shape}")
    return array


def _draw(axes: Axes, matrix: np.ndarray, gates: int, colour: str, cell: float, names: bool = True) -> None:
    """The mask with its gate blocks; a line between weights where a cell has more than five pixels."""
    rows, columns = matrix.shape
    palette = np.array([[243, 245, 247], [int(colour[i : i + 2], 16) for i in (1, 3, 5)]], np.uint8)
    pixels = palette[matrix.astype(int)]
    axes.imshow(pixels, interpolation="nearest", extent=(0, columns, rows, 0), aspect="auto", zorder=1)
    if cell > 5:
        axes.vlines(range(1, columns), 0, rows, color="white", linewidth=0.7, zorder=2)
        axes.hlines(range(1, rows), 0, columns, color="white", linewidth=0.7, zorder=2)
    block = rows / gates
    axes.hlines([k * block for k in range(1, gates)], 0, columns, color=INK, linewidth=1.1, zorder=3)
    words = GATE_NAMES.get(gates, tuple(f"gate {k}" for k in range(gates)))
    axes.set_yticks([(k + 0.5) * block for k in range(gates)], words if names else [""] * gates)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, labelcolor=INK)
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.8)
