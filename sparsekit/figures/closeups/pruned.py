"""One network with a part of its weights gone: where on the curve it is, what went, and from where."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from sparsekit.analysis.pruning import mean_accuracy, score_histogram
from sparsekit.figures.axis import ACCURACY, percent_pruned
from sparsekit.figures.card import WIDTH, baseline_lines
from sparsekit.figures.closeups.parts import MASKS, RING, few_ticks, masks, panels
from sparsekit.figures.picture import Picture, drawn
from sparsekit.figures.style import FAINT, INK, RULE, SCORES, TARGETS, VARIANTS, Look, look, readable
from sparsekit.figures.words import percent, weights_of
from sparsekit.networks.classifier import Classifier
from sparsekit.pruning.masks import Mask
from sparsekit.pruning.prune import targeted


@drawn
def pruned(
    network: Classifier, mask: Mask, scores: np.ndarray, threshold: float, accuracy: float, measured: pd.DataFrame, *,
    share: float, target: str, score: str, chance: float,
) -> Picture:  # fmt: skip
    """A network as trained, the mask of what is left, and the accuracy that this has.

    Scores are those of the targeted weights, shape (weights,), of which a share from 0 to 1 was asked to go: what lies
    below the threshold. Measured is the curve behind it: columns seed, percent and accuracy.
    """
    one, rule, means = look(VARIANTS, network.variant), look(SCORES, score).label, mean_accuracy(measured, "percent")
    left, kept = (sum(int(mask[name].sum()) for name in names) for names in (mask, targeted(mask, target)))
    weights = sum(own.numel() for own in mask.values())
    title = f"{one.label}: {percent(share, 0)} of {weights_of(target)} pruned by {rule}"
    note = f"Now {percent(accuracy)} of the test strings are right; {left:,} of {weights:,} weights are left."
    places = (58, 76, 270, 170), (398, 76, 284, 170), (0, 300, WIDTH, MASKS)
    figure, (curve, bars, below) = panels(310 + MASKS, title, note, *places)
    _curve(curve, measured, means, one, chance)
    curve.plot(100 * share, accuracy, **RING)
    _scores(bars, scores, threshold, look(TARGETS, target).colour)
    bars.set(title=f"Their {'absolute values' if score == 'magnitude' else f'scores ({rule})'}: grey goes")
    shares = masks(below, network, mask)
    by_gate = shares.groupby("gate", sort=False)["share"].mean()
    alt = f"""{title}: accuracy {percent(accuracy)}, where chance is {percent(chance)}. Threshold {threshold:.3g};
        {kept:,} of {scores.size:,} targeted weights are left. Measured means:
        {", ".join(f"{at:g} % {percent(value)}" for at, value in means.items())}. Share left by gate:
        {", ".join(f"{gate} {percent(value)}" for gate, value in by_gate.items())}."""
    reading = f"{note[:-1]}: of {weights_of(target)} {percent(kept / max(scores.size, 1))}."
    table = shares.rename(columns={"survivors": "left", "share": "share left"})
    return Picture(figure, alt, reading, table=table, forms={"share left": percent})


def _curve(axes: Axes, measured: pd.DataFrame, means: pd.Series, one: Look, chance: float) -> None:
    """Accuracy as the study measured it, each seed thin."""
    for _, run in measured.groupby("seed"):
        axes.plot(run["percent"], run["accuracy"], color=one.colour, linewidth=0.7, alpha=0.5)
    axes.plot(means.index, means, color=one.colour, marker=one.marker, markersize=4, linewidth=1.6)
    percent_pruned(measured["percent"], limits=(-4, 104), ticks=(0, 50, 100)).lay(axes, "x")
    ACCURACY.lay(axes, "y")
    baseline_lines(axes, {"chance": chance})
    few_ticks(axes, "y")
    axes.set(xlabel="weights pruned (%)", title="Accuracy: lines as measured, ring now")


def _scores(axes: Axes, scores: np.ndarray, threshold: float, colour: str) -> None:
    """How many weights have which score, those that go in grey."""
    edges, every, gone = score_histogram(scores, threshold)
    axes.stairs(every, edges, fill=True, color=readable(colour))
    axes.stairs(gone, edges, fill=True, facecolor=RULE, edgecolor=FAINT, linewidth=0.6)
    if np.isfinite(threshold):
        axes.axvline(min(threshold, edges[-1]), color=INK, linewidth=1.2)
    axes.set(xlim=(0, edges[-1]), yticks=[])
    axes.spines["left"].set_visible(False)
    few_ticks(axes, "x")
