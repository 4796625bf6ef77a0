"""The grammars as finite automata, state by state."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Circle, FancyArrowPatch

from sparsekit.figures.card import bare, card
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import FAINT, INK, PATH, QUIET, TARGETS, VARIANTS
from sparsekit.figures.words import listed
from sparsekit.tasks import grammars as reber

# Places of the Reber grammar's states: the two branches above and below, as the grammar is usually drawn.
PLACES = {0: (0, 0), 1: (1.5, 0), 2: (3, 1), 3: (3, -1), 4: (5, 1), 5: (5, -1), 6: (6.5, 0), 7: (8, 0)}
MIDDLES = {2: 2.3, 10: -2.3}  # of the embedded grammar: first state of each inner automaton, and its middle line
EMBEDDED_PLACES = {0: (0, 0), 1: (1.6, 0), 18: (12.4, 0), 19: (14, 0)} | {
    first + state: (x + 3, y + middle) for first, middle in MIDDLES.items() for state, (x, y) in PLACES.items()
}
RADIUS = 0.3
LETTER, HIGHLIGHT = VARIANTS["rnn_tanh"].colour, TARGETS["i2h"].colour
_arrow = partial(FancyArrowPatch, arrowstyle="-|>", mutation_scale=13, linewidth=1.3, shrinkA=0, shrinkB=0, zorder=2)


@drawn
def automaton(transitions: Mapping[int, Mapping[str, int]] = reber.TRANSITIONS) -> Picture:
    """The Reber grammar as its finite automaton: a valid string spells a path from the start to the accepting state.

    Parameters
    ----------
    transitions : mapping of state to mapping of letter to state
        The Reber grammar's, the embedded Reber grammar's (`reber.EMBEDDED`), or either with other letters.
    """
    embedded = len(transitions) > len(PLACES)
    places = EMBEDDED_PLACES if embedded else PLACES
    accept, name = max(places), "embedded Reber grammar" if embedded else "Reber grammar"
    note = "Orange: the letter to remember across the inner string, and where it is asked for." if embedded else ""
    figure, ((axes,),) = card(470 if embedded else 340, f"The {name} as an automaton", note=note)
    edges = draw(axes, transitions)
    path = "; ".join(f"{s} to {listed(f'{t} by {a}' for a, t in e.items())}" for s, e in transitions.items())
    loops = [f"{s} ({a})" for s, t, a in edges if s == t]
    choices = sum(len(e) > 1 for e in transitions.values())
    memory = "; the letter that leaves state 1 has to come back after the inner string, which says nothing about it"
    return Picture(
        figure,
        f"Automaton with {len(places)} states and {len(edges)} labelled edges: {path}. It starts at {reber.START} and "
        f"accepts at {accept}.",
        f"A valid string spells a path from state {reber.START} to state {accept}; at {choices} states two "
        f"letters are allowed, and the loops at {listed(loops)} let a string grow without end{memory * embedded}.",
    )


def draw(
    axes: Axes, transitions: Mapping[int, Mapping[str, int]], walked: Sequence[tuple[int, str]] | None = None
) -> list[tuple[int, int, str]]:
    """Draw an automaton of either grammar, and return its edges: from, to and letter.

    With `walked`, the states left and the letters read on the way, only the edges among these are strong, and the state
    in which they end is filled.
    """
    embedded = len(transitions) > len(PLACES)
    places, middles = (EMBEDDED_PLACES, MIDDLES.values()) if embedded else (PLACES, [0])
    accept, here = max(places), None
    if walked is not None:
        here = transitions[walked[-1][0]][walked[-1][1]] if walked else reber.START
    for state, spot in places.items():
        face = "#dceaf5" if state in (reber.START, accept) and walked is None else "white"
        face, ink = (PATH, "white") if state == here else (face, INK)
        axes.add_patch(Circle(spot, RADIUS, facecolor=face, edgecolor=INK, linewidth=1.4, zorder=3))
        axes.text(*spot, str(state), ha="center", va="center", size=10 if embedded else 11, zorder=5, color=ink)
    axes.add_patch(Circle(places[accept], RADIUS - 0.06, fill=False, edgecolor=INK, linewidth=1, zorder=4))
    edges = [(source, target, letter) for source, to in transitions.items() for letter, target in to.items()]
    for source, target, letter in edges:
        remembered = embedded and (source == 1 or target == accept - 1)
        colour, line = HIGHLIGHT if remembered and walked is None else LETTER, INK
        if walked is not None:
            line = colour = PATH if (source, letter) in walked else FAINT
        _transition(axes, places[source], places[target], letter, colour, middles, line)
    (x, y), (end, _) = places[reber.START], places[accept]
    axes.add_patch(_arrow((x - 0.9, y), (x - RADIUS - 0.03, y), color=QUIET))
    axes.text(x - 0.62, y + 0.14, "start", ha="center", va="bottom", color=QUIET)
    axes.text(end, y - RADIUS - 0.14, "accept", ha="center", va="top", color=QUIET)
    bare(axes, (-1, end + 0.45), (-max(middles) - 2.15, max(middles) + 2.15))
    return edges


def _transition(
    axes: Axes, start: tuple, end: tuple, letter: str, colour: str, middles: Iterable[float], line: str
) -> None:
    """An arrow with its letter; to the same state a loop, on the side away from the nearest middle line."""
    (x, y), bend = start, 0.0
    if start == end:
        side = 1 if y >= min(middles, key=lambda middle: abs(y - middle)) else -1
        foot, lift = RADIUS * np.sin(0.9), y + side * (RADIUS + 0.03) * np.cos(0.9)
        a, b, at, bend = (x - foot, lift), (x + foot, lift), (x, y + side * 0.99), -3 * side
    else:
        start, end = np.array(start), np.array(end)
        along = (end - start) / np.linalg.norm(end - start)
        a, b = start + along * (RADIUS + 0.03), end - along * (RADIUS + 0.03)
        at = (a + b) / 2 - 0.03 * along
    axes.add_patch(_arrow(a, b, connectionstyle=f"arc3,rad={bend}", color=line))
    box = {"boxstyle": "circle,pad=0.16", "facecolor": "white", "edgecolor": "none"}
    axes.text(*at, letter, ha="center", va="center", size=12, weight="bold", color=colour, zorder=6, bbox=box)
