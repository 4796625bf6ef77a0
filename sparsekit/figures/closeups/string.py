"""One string as networks read it: the automaton's way, the verdict after each letter, and hidden states."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes

from sparsekit.figures import automata
from sparsekit.figures.axis import ACCURACY
from sparsekit.figures.card import baseline_lines
from sparsekit.figures.closeups.parts import panels
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import DIVERGING, INK, SERIES, TARGETS, readable
from sparsekit.figures.words import percent
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.scores import states
from sparsekit.tasks.grammars import LEFT, Rules, walk

TALL = 52  # CSS pixels of a network's states


class Read(NamedTuple):
    """What a network makes of a string."""

    valid: np.ndarray  # probability after each letter, and after each padded step
    states: np.ndarray  # of the last layer's units, shape (units, letters)

    @property
    def verdict(self) -> str:
        return "valid" if self.valid[-1] > 0.5 else "invalid"


class Way(NamedTuple):
    """What the rules say of a string."""

    truth: str
    broken: int  # the letter that breaks the rules, or -1
    taken: list[tuple[int, str]]  # states left, and the letters read there


@drawn
def string(
    text: str, networks: Mapping[str, Classifier], *, rules: Rules | None = None, drawable: bool = False,
    padded: int = 0,
) -> Picture:  # fmt: skip
    """A string of ASCII as networks of two classes read it, each by its name; rules label it, if there are any.

    Drawable are the rules of a grammar whose states have places. Padded is the step up to which the string is padded
    before it is read; 0 where it is read at its last letter.
    """
    read = {name: _read(text, network, padded) for name, network in networks.items()}
    way, top = _walked(text, rules, drawable), 62 + 196 * drawable
    below = [(70, top + 190 + k * (TALL + 24), 500, TALL) for k in range(len(read))]
    places = [(10, 62, 680, 190)] * drawable + [(70, top + 26, 500, 110), *below]
    note = "; ".join(f"{name}: {own.verdict} ({percent(own.valid[-1], 0)})" for name, own in read.items())
    height = top + 204 + len(read) * (TALL + 24)
    figure, found = panels(height, f"{text}: {way.truth}".rstrip(": "), f"At its end: {note}.", *places)
    if drawable:
        automata.draw(found.pop(0), rules.automaton, way.taken)
    course, *maps = found
    _course(course, text, read, way.broken)
    _states(maps, text, read, way.broken)
    told = [
        f"{name}: after each letter {', '.join(percent(v, 0) for v in own.valid[: len(text)])}; {own.verdict} at its "
        f"end; mean size of a state {np.abs(own.states).mean():.2f}."
        for name, own in read.items()
    ]
    reading = f"{', '.join(f'{name} says {own.verdict}' for name, own in read.items())}."
    table = {"letter": list(text)} | {f"valid, {name}": own.valid[: len(text)] for name, own in read.items()}
    forms = dict.fromkeys([*table][1:], percent)
    alt = f"{text}: {way.truth or 'no rules to walk'}. {' '.join(told)}"
    return Picture(figure, alt, reading[0].upper() + reading[1:], table=pd.DataFrame(table), forms=forms)


def _read(text: str, network: Classifier, padded: int) -> Read:
    steps = max(len(text), padded)
    tokens = torch.tensor([[*map(ord, text), *[0] * (steps - len(text))]])
    with torch.no_grad():
        logits = network(tokens.expand(steps, -1), torch.arange(steps))
    last = states(network, tokens)[-1][1]
    return Read(torch.softmax(logits, 1)[:, 1].numpy(), last[: len(text), 0].numpy().T)


def _walked(text: str, rules: Rules | None, grammar: bool) -> Way:
    """A string's way by the rules, as far as it goes; of a grammar, what is not accepted ends too early."""
    if rules is None:
        return Way("", -1, [])
    visited = walk(text, rules.automaton)
    if LEFT in visited:
        broken = visited.index(LEFT) - 1
        truth = f"letter {broken + 1}, {text[broken]}, breaks the rules"
        return Way(truth, broken, list(zip(visited, text, strict=False))[:broken])
    names = {1: "it is valid", 0: "it ends too early" if grammar else "it is not valid"}
    taken = list(zip(visited, text, strict=False))
    return Way(names.get(rules.label(visited[-1]), "it has no label"), -1, taken)


def _course(axes: Axes, text: str, read: Mapping[str, Read], broken: int) -> None:
    """The probability of valid, after each letter."""
    for k, (name, own) in enumerate(read.items()):
        colour, _, line = SERIES[k % len(SERIES)]
        style = {"color": colour, "linestyle": line, "marker": "o", "markersize": 3, "linewidth": 1.6}
        axes.plot(range(len(text)), own.valid[: len(text)], label=name, **style)
    baseline_lines(axes, {"as likely as not": 0.5})
    axes.set(ylim=(-0.04, 1.04), title="Probability of valid, after each letter")
    ACCURACY.lay(axes, "y")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.04), frameon=False, fontsize=9)
    _letters(axes, text)
    if broken >= 0:
        axes.axvspan(broken - 0.5, broken + 0.5, color=TARGETS["i2h"].colour, alpha=0.22, linewidth=0)
        axes.get_xticklabels()[broken].set(color=readable(TARGETS["i2h"].colour), weight="bold")


def _states(panels: list[Axes], text: str, read: Mapping[str, Read], broken: int) -> None:
    """The last layer's states of each network, a column a letter."""
    most = max(float(np.abs(own.states).max()) for own in read.values()) or 1.0
    for axes, (name, (_, values)) in zip(panels, read.items(), strict=True):
        box = (-0.5, len(text) - 0.5, len(values), 0)
        axes.imshow(values, cmap=DIVERGING, vmin=-most, vmax=most, aspect="auto", interpolation="nearest", extent=box)
        axes.set(xticks=[], yticks=[], title=f"{name.capitalize()}: the last layer's {len(values)} units")
        if broken >= 0:
            axes.vlines([broken - 0.5, broken + 0.5], 0, len(values), color=INK, linewidth=1)
    _letters(panels[-1], text)


def _letters(axes: Axes, text: str) -> None:
    """Letters along an axis."""
    axes.set_xticks(range(len(text)), list(text))
    axes.set_xlim(-0.5, max(len(text) - 0.5, 0.5))
    axes.tick_params(axis="x", length=0, labelcolor=INK, labelsize=9 if len(text) <= 40 else 7)
