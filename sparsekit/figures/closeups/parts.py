"""What close-ups share: panels at fixed places, the ring around what is looked at, and masks gate by gate."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from sparsekit.figures.card import WIDTH, bare, card
from sparsekit.figures.style import INK, QUIET, TARGETS, look
from sparsekit.figures.words import percent
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.survival import survivors
from sparsekit.variants import GATES, MATRICES

MOST = 8  # layers of masks drawn
HIGH = 84  # CSS pixels of a mask
MASKS = 2 * (26 + 96)  # and of both rows of them, with their words
RING = {"marker": "o", "markersize": 10, "color": "white", "markeredgecolor": INK, "markeredgewidth": 2}


def panels(height: float, title: str, note: str, *places: tuple[float, float, float, float]) -> tuple[Figure, list]:
    """A card with panels at fixed places, (left, top, width, height) in CSS pixels.

    To look for places that leave room for all letters takes longer than to draw.
    """
    figure, ((first,),) = card(height, title, note=note)
    figure.set_layout_engine(None)
    where = [(x / WIDTH, 1 - (y + h) / height, w / WIDTH, h / height) for x, y, w, h in places]
    first.set_position(where[0])
    return figure, [first, *map(figure.add_axes, where[1:])]


def few_ticks(axes: Axes, which: str, most: int = 3) -> None:
    """At most so many ticks, and one more, on an axis of a small panel."""
    getattr(axes, f"{which}axis").set_major_locator(mpl.ticker.MaxNLocator(most))


def masks(axes: Axes, network: Classifier, mask: Mask) -> pd.DataFrame:
    """Draw the masks of the first layers, input-to-hidden above hidden-to-hidden, cut into gates.

    Returns the share of weights that exists, by layer, matrix and gate.
    """
    bare(axes, (0, WIDTH), (MASKS, 0))
    axes.set_aspect("auto")
    gates, layers = list(GATES[network.variant].values()), list(network.stages)[:MOST]
    wide = (WIDTH - 124) / len(layers)
    for row, kind in enumerate(MATRICES):
        top, colour = 22 + row * MASKS / 2, look(TARGETS, {"ih": "i2h", "hh": "h2h"}[kind]).colour
        axes.text(14, top - 5, MATRICES[kind], color=INK, size=9)
        for k, gate in enumerate(gates):
            axes.text(14, top + HIGH * (k + 0.5) / len(gates), gate, color=QUIET, size=9, va="center")
        for k in range(len(layers)):
            own, x = mask[f"stages.{k}.weight_{kind}"].numpy(), 116 + k * wide
            _mask(axes, own, (x, x + wide - 16, top + HIGH, top), colour, len(gates))
            words = f"layer {k + 1}: " * (wide > 90) + percent(own.mean(), 0)
            axes.text(x, top - 5, words, color=QUIET, size=9)
    axes.set(xlim=(0, WIDTH), ylim=(MASKS, 0))
    shares = survivors(mask, network.variant).query(f"layer < {MOST}")
    return shares.assign(layer=shares["layer"] + 1, gate=shares["gate"].map(GATES[network.variant]))


def _mask(axes: Axes, mask: np.ndarray, extent: tuple, colour: str, gates: int) -> None:
    left, right, bottom, top = extent
    pixels = np.where(mask[..., None], mpl.colors.to_rgb(colour), mpl.colors.to_rgb("#eef1f4"))
    image = AxesImage(axes, extent=extent, interpolation="antialiased", origin="upper")  # a third of imshow's time
    image.set_data(pixels)
    axes.add_image(image)
    axes.hlines(top + (bottom - top) * np.arange(1, gates) / gates, left, right, color=INK, linewidth=1)
