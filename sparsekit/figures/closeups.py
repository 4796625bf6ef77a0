"""One network, string or graph seen from several sides at once: what explorers draw, quick enough for a slider."""

from collections.abc import Mapping

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsekit.figures import automata
from sparsekit.figures.card import WIDTH, Picture, bare, card, drawn
from sparsekit.figures.marks import ACCURACY
from sparsekit.figures.marks import pruned as pruned_axis
from sparsekit.figures.style import (
    DIVERGING,
    FAINT,
    INK,
    QUIET,
    RULE,
    SCORES,
    TARGETS,
    VARIANTS,
    look,
    readable,
)
from sparsekit.figures.words import percent, weights_of
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.prune import targeted
from sparsekit.pruning.scores import states
from sparsekit.tasks.grammars import LEFT, Rules, walk
from sparsekit.variants import GATES, MATRICES

BARS = 48  # of a histogram
MOST = 8  # stages of masks drawn


def panels(height: float, title: str, note: str, *places: tuple[float, float, float, float]) -> tuple[Figure, list]:
    """A card with panels at fixed places, (left, top, width, height) in CSS pixels.

    To look for places that leave room for all letters takes longer than to draw.
    """
    figure, ((first,),) = card(height, title, note=note)
    figure.set_layout_engine(None)
    where = [(x / WIDTH, 1 - (y + h) / height, w / WIDTH, h / height) for x, y, w, h in places]
    first.set_position(where[0])
    return figure, [first, *map(figure.add_axes, where[1:])]


@drawn
def pruned(
    network: Classifier,
    mask: Mask,
    scores: np.ndarray,
    threshold: float,
    accuracy: float,
    measured: pd.DataFrame,
    *,
    share: float,
    target: str,
    score: str,
    chance: float,
) -> Picture:
    """One network with a part of its weights gone: where on the curve it is, what went, and from where.

    Parameters
    ----------
    network, mask : Classifier, Mask
        The network as trained, and which of its recurrent weights are left.
    scores, threshold : array of shape (weights,), and number
        Scores of the targeted weights; those below the threshold are gone.
    accuracy, chance : float
        Of the pruned network on the test strings, and of always naming the larger class.
    measured : DataFrame
        The curve behind it, of this variant and target: columns seed, percent and accuracy.
    share : float
        Of the targeted weights asked to go, 0 to 1.
    """
    one, of_score, of_target = look(VARIANTS, network.variant), look(SCORES, score), look(TARGETS, target)
    left, kept = sum(int(m.sum()) for m in mask.values()), sum(int(mask[n].sum()) for n in targeted(mask, target))
    rows = 2 * (26 + 96)
    title = f"{one.label}: {share:.0%} of {weights_of(target)} pruned by {of_score.label}".replace("%", " %")
    weights = sum(own.numel() for own in mask.values())
    note = f"Now {percent(accuracy)} of the test strings are right; {left:,} of {weights:,} weights are left."
    places = (58, 76, 270, 170), (398, 76, 284, 170), (0, 300, WIDTH, rows)
    figure, (curve, bars, below) = panels(310 + rows, title, note, *places)

    for _, run in measured.groupby("seed"):
        curve.plot(run["percent"], run["accuracy"], color=one.colour, linewidth=0.7, alpha=0.5)
    means = measured.groupby("percent")["accuracy"].mean()
    curve.plot(means.index, means, color=one.colour, marker=one.marker, markersize=4, linewidth=1.6)
    curve.axhline(chance, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    curve.plot(100 * share, accuracy, marker="o", markersize=10, color="white", markeredgecolor=INK, markeredgewidth=2)
    pruned_axis(measured["percent"], limits=(-4, 104), ticks=(0, 50, 100)).lay(curve, "x")
    ACCURACY.lay(curve, "y")
    curve.yaxis.set_major_locator(mpl.ticker.MaxNLocator(3))
    curve.set(xlabel="weights pruned (%)", title="Accuracy: lines as measured, ring now")

    top = float(np.quantile(scores, 0.999)) or 1.0
    edges = np.linspace(0, top, BARS + 1)
    bars.stairs(np.histogram(scores, edges)[0], edges, fill=True, color=readable(of_target.colour))
    gone = scores[scores < threshold]
    bars.stairs(np.histogram(gone, edges)[0], edges, fill=True, facecolor=RULE, edgecolor=FAINT, linewidth=0.6)
    if np.isfinite(threshold):
        bars.axvline(min(threshold, top), color=INK, linewidth=1.2)
    size = "absolute values" if score == "magnitude" else f"scores ({of_score.label})"
    bars.set(xlim=(0, top), yticks=[], title=f"Their {size}: grey goes")
    bars.spines["left"].set_visible(False)
    bars.xaxis.set_major_locator(mpl.ticker.MaxNLocator(3))

    shares = _masks(below, network, mask, rows)
    table = pd.DataFrame(shares, columns=["layer", "matrix", "gate", "weights left", "share left"])
    by_gate = ", ".join(
        f"{gate} {percent(own.mean())}" for gate, own in table.groupby("gate", sort=False)["share left"]
    )
    alt = (
        f"{title}: accuracy {percent(accuracy)}, where chance is {percent(chance)}. Threshold {threshold:.3g}; "
        f"{kept:,} of {scores.size:,} targeted weights are left. Measured means: "
        + ", ".join(f"{at:g} % {percent(value)}" for at, value in means.items())
        + f". Share left by gate: {by_gate}."
    )
    reading = f"{note[:-1]}: of {weights_of(target)} {percent(kept / max(scores.size, 1))}."
    return Picture(figure, alt, reading)


def _masks(axes: Axes, network: Classifier, mask: Mask, height: float) -> list[tuple]:
    """The masks of the first stages, input-to-hidden above hidden-to-hidden, cut into gates; returns their shares."""
    bare(axes, (0, WIDTH), (height, 0))
    axes.set_aspect("auto")
    gates = list(GATES[network.variant].values())
    stages, rows = list(network.stages)[:MOST], []
    room = (WIDTH - 124) / len(stages)
    for r, kind in enumerate(("ih", "hh")):
        top, colour = 22 + r * height / 2, look(TARGETS, {"ih": "i2h", "hh": "h2h"}[kind]).colour
        axes.text(14, top - 5, MATRICES[kind], color=INK, size=9)
        for k, gate in enumerate(gates):
            axes.text(14, top + 84 * (k + 0.5) / len(gates), gate, color=QUIET, size=9, va="center")
        for k in range(len(stages)):
            own = mask[f"stages.{k}.weight_{kind}"].numpy()
            x, wide = 116 + k * room, room - 16
            pixels = np.where(own[..., None], mpl.colors.to_rgb(colour), mpl.colors.to_rgb("#eef1f4"))
            axes.imshow(pixels, extent=(x, x + wide, top + 84, top), aspect="auto", interpolation="antialiased")
            cuts = top + 84 * np.arange(1, len(gates)) / len(gates)
            axes.hlines(cuts, x, x + wide, color=INK, linewidth=1)
            axes.text(x, top - 5, f"layer {k}: {percent(own.mean(), 0)}", color=QUIET, size=9)
            blocks = np.split(own, len(gates))
            rows += [
                (k, kind, gate, int(block.sum()), float(block.mean()))
                for gate, block in zip(gates, blocks, strict=True)
            ]
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    return rows


@drawn
def string(
    text: str,
    networks: Mapping[str, Classifier],
    *,
    rules: Rules | None = None,
    drawable: bool = False,
    padded: int = 0,
) -> Picture:
    """One string as networks read it: the automaton's way, the verdict after each letter, and hidden states.

    Parameters
    ----------
    text : str
        Characters below 128.
    networks : mapping of label to Classifier
        Of two classes; their last layer's states are drawn.
    rules : Rules, optional
        What labels strings of the task.
    drawable : bool
        Whether the rules are a grammar's that `automata` can draw.
    padded : int
        Steps up to which the string is padded before it is read; 0 where it is read at its last letter.
    """
    length, steps = len(text), max(len(text), padded)
    tokens = torch.tensor([[*map(ord, text), *[0] * (steps - length)]])
    says, hidden = {}, {}
    for name, network in networks.items():
        with torch.no_grad():
            logits = network(tokens.expand(steps, -1), torch.arange(steps))
        says[name] = torch.softmax(logits, 1)[:, 1].numpy()
        hidden[name] = states(network, tokens)[-1][1][:length, 0].numpy().T

    automaton = rules.automaton if rules else {}
    visited = walk(text, automaton) if rules else []
    broken = visited.index(LEFT) - 1 if LEFT in visited else -1
    way = list(zip(visited, text, strict=False))[: broken if broken >= 0 else length]
    truth = ""
    if broken >= 0:
        truth = f"letter {broken + 1}, {text[broken]}, breaks the rules"
    elif rules:
        truth = {1: "it is valid", 0: "it is not valid"}.get(rules.label(visited[-1]), "it has no label")
        truth = "it ends too early" if drawable and truth == "it is not valid" else truth
    top, tall = 62 + 196 * drawable, 52
    places = [(10, 62, 680, 190)] * drawable + [(70, top + 26, 500, 110)]
    places += [(70, top + 190 + k * (tall + 24), 500, tall) for k in range(len(networks))]
    height = top + 190 + len(networks) * (tall + 24) + 14
    verdicts = {name: "valid" if p[-1] > 0.5 else "invalid" for name, p in says.items()}
    note = "; ".join(f"{name}: {verdict} ({percent(says[name][-1], 0)})" for name, verdict in verdicts.items())
    figure, found = panels(height, f"{text}: {truth}".rstrip(": "), f"At its end: {note}.", *places)
    if drawable:
        automata.draw(found.pop(0), automaton, way)
    course, *maps = found
    for k, (name, p) in enumerate(says.items()):
        colour, style = STAGES[k % len(STAGES)]
        course.plot(range(length), p[:length], style, color=colour, marker="o", markersize=3, linewidth=1.6, label=name)
    course.axhline(0.5, color=FAINT, linewidth=0.8, linestyle=(0, (1, 2)))
    course.set(ylim=(-0.04, 1.04), title="Probability of valid, after each letter")
    ACCURACY.lay(course, "y")
    course.legend(loc="upper left", bbox_to_anchor=(1.0, 1.04), frameon=False, fontsize=9)
    _letters(course, text, broken)
    most = max(float(np.abs(values).max()) for values in hidden.values()) or 1.0
    for axes, (name, values) in zip(maps, hidden.items(), strict=True):
        box = (-0.5, length - 0.5, len(values), 0)
        axes.imshow(values, cmap=DIVERGING, vmin=-most, vmax=most, aspect="auto", interpolation="nearest", extent=box)
        axes.set(yticks=[], title=f"{name.capitalize()}: the last layer's {len(values)} units")
        axes.set_xticks([])
        if 0 <= broken < length:
            axes.vlines([broken - 0.5, broken + 0.5], 0, len(values), color=INK, linewidth=1)
    _letters(maps[-1], text, -1)
    means = {name: float(np.abs(values).mean()) for name, values in hidden.items()}
    alt = f"{text}: {truth or 'no rules to walk'}. " + " ".join(
        f"{name}: after each letter {', '.join(percent(v, 0) for v in p[:length])}; {verdicts[name]} at its end; "
        f"mean size of a state {means[name]:.2f}."
        for name, p in says.items()
    )
    agreed = "" if not rules else f"{text}: {truth}; "
    return Picture(figure, alt, f"{agreed}{', '.join(f'{name} says {v}' for name, v in verdicts.items())}.")


STAGES = ((INK, "-"), ("#D55E00", "--"), ("#3D94CC", "-."))  # before pruning, after it, after recovery


def _letters(axes: Axes, text: str, broken: int) -> None:
    """Letters along an axis; the one that breaks the rules marked."""
    axes.set_xticks(range(len(text)), list(text))
    axes.set_xlim(-0.5, max(len(text) - 0.5, 0.5))
    axes.tick_params(axis="x", length=0, labelcolor=INK, labelsize=9 if len(text) <= 40 else 7)
    if 0 <= broken < len(text):
        axes.axvspan(broken - 0.5, broken + 0.5, color=TARGETS["i2h"].colour, alpha=0.22, linewidth=0)
        axes.get_xticklabels()[broken].set(color=readable(TARGETS["i2h"].colour), weight="bold")
