"""Drawings: the grammar's automaton here, and by name graphs, layers and masks, or any structure in one call."""

from collections.abc import Iterable, Mapping
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch, PathPatch
from matplotlib.path import Path

from sparsekit import reber
from sparsekit.graph_drawings import graph, recurrent
from sparsekit.layer_drawings import layered
from sparsekit.mask_drawings import mask, masks
from sparsekit.pictures import Picture, card, drawn
from sparsekit.structure_drawings import gates, structure
from sparsekit.style import INK, QUIET, TARGETS, VARIANTS, listed

__all__ = ["automaton", "gates", "graph", "layered", "mask", "masks", "recurrent", "structure"]

# Places of the Reber grammar's states: the two branches above and below, as the grammar is usually drawn.
PLACES = {0: (0, 0), 1: (1.5, 0), 2: (3, 1), 3: (3, -1), 4: (5, 1), 5: (5, -1), 6: (6.5, 0), 7: (8, 0)}
MIDDLES = {2: 2.3, 10: -2.3}  # of the embedded grammar: first state of each inner automaton, and its middle line
EMBEDDED_PLACES = {
    0: (0, 0),
    1: (1.6, 0),
    **{first + s: (x + 3, y + middle) for first, middle in MIDDLES.items() for s, (x, y) in PLACES.items()},
    18: (12.4, 0),
    19: (14, 0),
}
RADIUS = 0.3
LETTERS = VARIANTS["rnn_tanh"]
_arrow_patch = partial(FancyArrowPatch, arrowstyle="-|>", mutation_scale=13, linewidth=1.3, shrinkA=0, shrinkB=0)


@drawn
def automaton(transitions: Mapping[int, Mapping[str, int]] = reber.TRANSITIONS) -> Picture:
    """The Reber grammar as its finite automaton: a valid string spells a path from the start to the accepting state.

    Parameters
    ----------
    transitions : mapping of state to mapping of letter to state
        The Reber grammar's, the embedded Reber grammar's (`reber.EMBEDDED`), or either with other letters.
    """
    embedded = len(transitions) > len(PLACES)
    places, middles = (EMBEDDED_PLACES, MIDDLES.values()) if embedded else (PLACES, [0])
    accept = max(places)
    name = "embedded Reber grammar" if embedded else "Reber grammar"
    note = "Orange: the letter to remember across the inner string, and where it is asked for." if embedded else ""
    figure, ((axes,),) = card(470 if embedded else 340, f"The {name} as an automaton", note=note)
    for state, (x, y) in places.items():
        face = "#dceaf5" if state in (reber.START, accept) else "white"
        axes.add_patch(Circle((x, y), RADIUS, facecolor=face, edgecolor=INK, linewidth=1.4, zorder=3))
        if state == accept:
            axes.add_patch(Circle((x, y), RADIUS - 0.06, facecolor="none", edgecolor=INK, linewidth=1, zorder=4))
        axes.text(x, y, str(state), ha="center", va="center", size=10 if embedded else 11, zorder=5)
    for source, edges in transitions.items():
        for letter, target in edges.items():
            outer = embedded and (source == 1 or target == accept - 1)
            if source == target:
                _loop(axes, places[source], letter, middles)
            else:
                _arrow(axes, places[source], places[target], letter, (TARGETS["i2h"] if outer else LETTERS).colour)
    (x, y), (end, _) = places[reber.START], places[accept]
    axes.add_patch(_arrow_patch((x - 0.9, y), (x - RADIUS - 0.03, y), color=QUIET))
    axes.text(x - 0.62, y + 0.14, "start", ha="center", va="bottom", color=QUIET)
    axes.text(end, y - RADIUS - 0.14, "accept", ha="center", va="top", color=QUIET)
    height = max(middles) + 2.15
    axes.set(xlim=(-1, end + 0.45), ylim=(-height, height), aspect="equal")
    axes.set_axis_off()
    path = "; ".join(f"{s} to {listed(f'{t} by {a}' for a, t in e.items())}" for s, e in transitions.items())
    loops = [f"{s} ({a})" for s, e in transitions.items() for a, t in e.items() if s == t]
    choices = sum(len(e) > 1 for e in transitions.values())
    memory = "; the letter that leaves state 1 has to come back after the inner string, which says nothing about it"
    return Picture(
        figure,
        f"Automaton with {len(places)} states and {sum(map(len, transitions.values()))} labelled edges: {path}. "
        f"It starts at {reber.START} and accepts at {accept}.",
        f"A valid string spells a path from state {reber.START} to state {accept}; at {choices} states two "
        f"letters are allowed, and the loops at {listed(loops)} let a string grow without end{memory * embedded}.",
    )


def _letter(axes: Axes, x: float, y: float, letter: str, colour: str) -> None:
    box = {"boxstyle": "circle,pad=0.16", "facecolor": "white", "edgecolor": "none"}
    axes.text(x, y, letter, ha="center", va="center", size=12, weight="bold", color=colour, zorder=6, bbox=box)


def _arrow(axes: Axes, start, end, letter: str, colour: str) -> None:
    start, end = np.array(start, float), np.array(end, float)
    along = (end - start) / np.linalg.norm(end - start)
    a, b = start + along * (RADIUS + 0.03), end - along * (RADIUS + 0.03)
    axes.add_patch(_arrow_patch(a, b, color=INK, zorder=2))
    _letter(axes, *(a + b) / 2 - 0.03 * along, letter, colour)


def _loop(axes: Axes, place, letter: str, middles: Iterable[float]) -> None:
    """A drop-shaped loop on a state's side away from the nearest middle line, the letter at its far end."""
    x, y = place
    side = 1 if y >= min(middles, key=lambda middle: abs(y - middle)) else -1
    foot, lift = RADIUS * np.sin(0.55), side * RADIUS * np.cos(0.55)
    points = [(x - foot, y + lift), (x - 0.62, y + side * 1.22), (x + 0.62, y + side * 1.22), (x + foot, y + lift)]
    curve = Path(points, [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    axes.add_patch(PathPatch(curve, facecolor="none", edgecolor=INK, linewidth=1.3, zorder=2))
    tip = np.array([x + foot, y + lift]) + 0.03 * np.array([0.55, side])
    axes.add_patch(_arrow_patch(tip + np.array([0.07, side * 0.16]), tip, color=INK, zorder=3))
    _letter(axes, x, y + side * 0.99, letter, LETTERS.colour)
