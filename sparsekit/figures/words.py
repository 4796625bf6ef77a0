"""Names and numbers as people read them, the same in figures, tables and answers."""

from collections.abc import Iterable

from sparsekit.figures.style import PROTOCOLS, SCHEDULES, SCOPES, SCORES, TARGETS, listed, look, words_of
from sparsekit.variants import MATRICES, VARIANTS

# ---- what tables, answers and the scorecard say

LOOKS = {"score": SCORES, "scope": SCOPES, "recovery": PROTOCOLS, "schedule": SCHEDULES}
"""The looks of the conditions that networks are compared in, by their column."""

ALONE = {
    "recovery": "No other way back was asked for, so nothing stands beside the surviving weights: "
    "`protocols = ['rewind', 'reinitialise', 'random_mask', 'dense']` compares them.",
    "schedule": "No schedule was asked for, so nothing stands beside pruning all at once: "
    "`schedules = ['iterative', 'gradual']` compares them.",
}
"""What to say of a comparison that holds one condition alone, by its column."""


def label(name: str) -> str:
    """A variant, target, property or model as people write it.

    >>> label("lstm"), label("i2h"), label("both"), label("degree_var")
    ('LSTM', 'input-to-hidden', 'both', 'degree, var.')
    """
    return {**VARIANTS, "i2h": MATRICES["ih"], "h2h": MATRICES["hh"]}.get(name) or words_of(name)


def controls_in_words(controls: Iterable[str]) -> str:
    """What is held fixed.

    >>> controls_in_words(["nodes", "source_nodes"]), controls_in_words([])
    ('nodes and source nodes', 'nothing')
    """
    return listed([words_of(name) for name in controls] or ["nothing"])


def weights_of(target: str) -> str:
    """The weights that a target means.

    >>> weights_of("both"), weights_of("h2h")
    ('all recurrent weights', 'hidden-to-hidden weights')
    """
    return "all recurrent weights" if target == "both" else f"{look(TARGETS, target).label} weights"


def shown_over(seeds: int, confidence: float = 0.95, interval: str = "bands", each: str = "") -> str:
    """What marks and their intervals stand for, for the line under a title; ``each`` says how single seeds are drawn.

    >>> shown_over(3, each="thin"), shown_over(1)
    ('Mean over 3 seeds, bands 95 % intervals, thin: each seed.', 'One seed.')
    """
    each = f", {each}: each seed" if each else ""
    return f"Mean over {seeds} seeds, {interval} {100 * confidence:g} % intervals{each}." if seeds > 1 else "One seed."
