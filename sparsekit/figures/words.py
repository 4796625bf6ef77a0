"""Names and numbers as people read them, the same in figures, tables and answers."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd

from sparsekit.figures.style import GENERATORS, PROTOCOLS, SCHEDULES, SCOPES, SCORES, TARGETS, look, ordered
from sparsekit.variants import MATRICES, VARIANTS


def percent(share: float, digits: int = 1) -> str:
    """A share as people read it; never rounded up to 100 % or down to 0 %.

    >>> percent(0.938), percent(1.0), percent(0.99968)
    ('93.8 %', '100 %', '99.97 %')
    """
    value = 100 * share
    if not np.isfinite(value):
        return "–"
    while 0 < value < 100 and digits < 6 and round(value, digits) in (0, 100):
        digits += 1
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") + " %" if digits else f"{value:.0f} %"


def number(value: float, digits: int = 2, sign: bool = False) -> str:
    """A number with a true minus sign, and no sign at zero.

    >>> number(-0.254), number(0.3, sign=True), number(-0.001, sign=True)
    ('−0.25', '+0.30', '0.00')
    """
    rounded = round(float(value), digits) + 0.0
    return f"{rounded:{'+' if sign and rounded else ''}.{digits}f}".replace("-", "−")


def written(value: object) -> str:
    """A parameter's value as a reader writes it.

    >>> written([0, 0.5, "lstm"]), written(True), written("")
    ('0, 0.5, lstm', 'yes', '–')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(written(v) for v in value) or "–"
    if isinstance(value, float):
        return f"{value:g}"
    return "–" if value in ("", None) else str(value)


def span(mean: float, low: float, high: float, form: Callable[[float], str] = number, without: str = "") -> str:
    """A value with its interval, or with what is said without one; a sign of percent stands once in the brackets.

    >>> span(0.5, 0.25, 0.75), span(0.5, 0.25, 0.75, percent), span(0.5, np.nan, np.nan)
    ('0.50 (0.25 to 0.75)', '50 % (25 to 75 %)', '0.50')
    """
    if np.isnan([low, high]).any():
        return form(mean) + without
    first, last = form(low), form(high)
    return f"{form(mean)} ({first.removesuffix(' %') if last.endswith(' %') else first} to {last})"


def counted(count: float, word: str) -> str:
    """A count with its noun.

    >>> counted(1, "seed"), counted(2.5, "epoch"), counted(1200, "step")
    ('1 seed', '2.5 epochs', '1,200 steps')
    """
    return f"{round(count, 1):,g} {word}{'' if count == 1 else 's'}" if count < 1e5 else f"{count:,.0f} {word}s"


def with_diverged(reading: str, accuracies: Iterable[float]) -> str:
    """A figure's reading, which says how many networks it leaves out: training diverged, so they have no accuracy.

    >>> with_diverged("All learn.", [0.5, 0.75]), with_diverged("Most learn.", [0.5, np.nan])
    ('All learn.', 'Most learn. 1 of 2 is left out, for its training diverged.')
    """
    lost = np.isnan(np.asarray(accuracies, float))
    words = "is left out, for its" if lost.sum() == 1 else "are left out, for their"
    return f"{reading} {lost.sum():,} of {lost.size:,} {words} training diverged." if lost.any() else reading


def listed(words: Iterable[str]) -> str:
    """Words as a list in prose.

    >>> listed(["GRU", "LSTM", "RNN-Tanh"])
    'GRU, LSTM and RNN-Tanh'
    """
    *head, last = list(words)
    return f"{', '.join(head)} and {last}" if head else last


MODELS = {"bayesian_ridge": "Bayesian ridge", "random_forest": "random forest", "adaboost": "AdaBoost"}
PROPERTY_ENDINGS = {"_mean": ", mean", "_var": ", var.", "_std": ", s.d."}


def words_of(name: str) -> str:
    """A graph property's, a model's or a feature set's name as people read it.

    >>> words_of("nodes_betweenness_var"), words_of("random_forest")
    ('node betweenness, var.', 'random forest')
    """
    for ending, word in PROPERTY_ENDINGS.items():
        if name.endswith(ending):
            return words_of(name.removesuffix(ending).replace("nodes_", "node_")) + word
    return MODELS.get(name, name.replace("_", " ").replace("average shortest path length", "mean path length"))


# ---- what tables, answers and the scorecard say

LOOKS = {"score": SCORES, "scope": SCOPES, "recovery": PROTOCOLS, "schedule": SCHEDULES}
"""The looks of the conditions that networks are compared in, by their column."""

ALONE = {
    "recovery": "No other way back was asked for, so nothing stands beside the surviving weights: "
    "`protocols = ['rewind', 'reinitialise', 'random_mask', 'dense']` compares them.",
    "schedule": "No schedule was asked for, so nothing stands beside pruning all at once: "
    "`schedules = ['iterative', 'gradual']` compares them.",
    "scope": "No other score and no other scope was asked for, so nothing stands beside these: "
    "`scores = ['sensitivity']` and `scopes = ['gate']` compare some.",
}
"""What to say of a comparison that holds one condition alone, by its column."""


def label(name: str) -> str:
    """A variant, target, graph family, property or model as people write it.

    >>> label("lstm"), label("i2h"), label("both"), label("degree_var"), label("watts_strogatz")
    ('LSTM', 'input-to-hidden', 'both', 'degree, var.', 'Watts–Strogatz')
    """
    if name in GENERATORS:
        return GENERATORS[name].label
    return {**VARIANTS, "own": "your networks", "i2h": MATRICES["ih"], "h2h": MATRICES["hh"]}.get(name) or words_of(
        name
    )


def each(values: Mapping | pd.Series, form: Callable[..., str] = str) -> list[str]:
    """Variants with what is said of each, in the order of figures.

    >>> each({"lstm": 0.5, "gru": 0.938}, percent)
    ['GRU 93.8 %', 'LSTM 50 %']
    """
    return [f"{label(name)} {form(values[name])}" for name in ordered(values.keys(), VARIANTS)]


def reach(values: Mapping | pd.Series, form: Callable[..., str] = number) -> str:
    """The least and the greatest of the variants' values: of four, a reader takes in two.

    >>> reach({"lstm": 0.5, "gru": 0.25}), reach({"gru": 0.5}), reach({"gru": 0.5, "lstm": 0.501})
    ('0.25 (GRU) to 0.50 (LSTM)', '0.50 (GRU)', '0.50')
    """
    ends = [(min if k == 0 else max)(values.keys(), key=lambda name: values[name]) for k in range(2)]
    low, high = (form(values[name]) for name in ends)
    if low == high:
        return low if len(values) > 1 else f"{low} ({label(ends[0])})"
    return f"{low} ({label(ends[0])}) to {high} ({label(ends[1])})"


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
