"""Reber strings, embedded ones and strings that are none: finite automata, judged, counted and drawn from at random."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sparsekit.tasks.samples import TaskError

Automaton = dict[int, dict[str, int]]
"""``automaton[state][letter]`` is the next state. Strings begin in state 0 and are accepted in the one after the last,
which has no edges and is reached from every state. Letters are ASCII."""

START, ACCEPT, LEFT = 0, 7, -1
LETTERS = "BTPSXVE"
TRANSITIONS: Automaton = {
    START: {"B": 1},
    1: {"T": 2, "P": 3},
    2: {"S": 2, "X": 4},
    3: {"T": 3, "V": 5},
    4: {"X": 3, "S": 6},
    5: {"P": 4, "V": 6},
    6: {"E": ACCEPT},
}

# B T <Reber string> T E, or B P <Reber string> P E: the inner states once for either outer symbol.
_AFTER = {"T": 2, "P": 2 + ACCEPT + 1}
_CLOSED, _ENDED = _AFTER["P"] + ACCEPT + 1, _AFTER["P"] + ACCEPT + 2
EMBEDDED: Automaton = {
    START: {"B": 1},
    1: _AFTER,
    **{
        first + state: {letter: first + target for letter, target in edges.items()}
        for first in _AFTER.values()
        for state, edges in TRANSITIONS.items()
    },
    **{first + ACCEPT: {outer: _CLOSED} for outer, first in _AFTER.items()},
    _CLOSED: {"E": _ENDED},
}


class Rules(NamedTuple):
    """An automaton, and the labels of strings by the state in which they end; of all others one label, -1 for none."""

    automaton: Automaton
    labels: Mapping[int, int]
    others: int = 0

    def label(self, state: int) -> int:
        """The label of a string that ends in this state."""
        return self.labels.get(state, self.others)


# What the author's invalid strings come from: the same states and edges, other letters on the ten edges between the
# first B and the last E. Both the letters (in the order of TRANSITIONS) and the shares are read off the 12,500
# published invalid strings, which these eight automata produce, every one, and in these numbers.
PERMUTED = {"PTSXTVXSPV": 1500, "TPSXTVPVXS": 1500, "TPXSVTXSPV": 500, "TPTVSXXSPV": 2000}
FOREIGN = {"ACDFJIHGLK": 2000, "MNOQWVURZY": 2000, "MNOQCAURFD": 1500, "QOMNCAURFD": 1500}
PERMUTED_SHARE = 0.44


def relabelled(letters: str) -> Automaton:
    """The Reber automaton with ten other letters on its inner edges.

    >>> relabelled("TPSXTVXSPV") == TRANSITIONS
    True
    """
    inner = iter(letters)
    return {
        state: {letter if letter in "BE" else next(inner): target for letter, target in edges.items()}
        for state, edges in TRANSITIONS.items()
    }


def first_violation(string: str, automaton: Automaton = TRANSITIONS) -> int:
    """Index, from 0, of the first character after which no string of the language is possible.

    The string's length where it only ends too early; -1 for a valid string.

    >>> first_violation("BTXSE"), first_violation("BTTE"), first_violation("BTX")
    (-1, 2, 3)
    >>> first_violation("BTBTXSETE", EMBEDDED), first_violation("BTBTXSEPE", EMBEDDED)
    (-1, 7)
    """
    states = walk(string, automaton)
    if states[-1] == LEFT:
        return states.index(LEFT) - 1
    return len(string) if states[-1] in automaton else -1


def walk(string: str, automaton: Automaton, state: int = START) -> list[int]:
    """The states before and after each character, `LEFT` once the language has been left.

    >>> walk("BTXE", TRANSITIONS)
    [0, 1, 2, 4, -1]
    """
    states = [state]
    for character in string:
        states.append(automaton.get(states[-1], {}).get(character, LEFT))
    return states


def is_valid(string: str) -> bool:
    """Whether the Reber grammar produces this string."""
    return first_violation(string) == -1


def count_distinct(automaton: Automaton, shortest: int, longest: int) -> int:
    """How many different strings of these lengths, both included, the automaton accepts."""
    reached, total = Counter({START: 1}), 0
    for length in range(1, longest + 1):
        following = Counter()
        for state, strings in reached.items():
            for target in automaton.get(state, {}).values():
                following[target] += strings
        reached = following
        total += reached[max(automaton) + 1] if length >= shortest else 0
    return total


def draw_distinct(rng: np.random.Generator, automaton: Automaton, count: int, shortest: int, longest: int) -> list[str]:
    """The first `count` different strings that a random walk would meet, found in one pass over string positions.

    The walk takes each of a state's edges with equal chance and is conditioned on a length, in characters, from
    `shortest` to `longest`, both included. Walking until enough different strings are met is sampling without
    replacement; that is drawn here exactly, by keeping at each position the `count` prefixes with the largest
    Gumbel-perturbed log-probabilities (Kool, van Hoof and Welling, *Stochastic Beams and Where to Find Them*, arXiv
    1903.06059). So it ends even where the range holds hardly more strings than are wanted; then all are returned.
    """
    ends = _log_chance_to_end(automaton, shortest, longest)
    if count == 0 or np.isneginf(ends[0, START]):
        return []
    edges = [
        (state, to, ord(letter), -np.log(len(out))) for state, out in automaton.items() for letter, to in out.items()
    ]
    sources, targets, codes, steps = map(np.array, zip(*edges, strict=True))
    states = np.array([START])
    walked = np.zeros(1)  # log-probability of the walk so far, without that of ending in range
    scores = np.zeros(1)  # the perturbed log-probability of the best string below each prefix
    letters = np.zeros((1, longest), np.uint8)
    done: list[tuple[float, str]] = []
    for width in range(1, longest + 1):
        parents, edge = np.nonzero((states[:, None] == sources) & np.isfinite(ends[width, targets]))
        if not len(parents):
            break
        states, walked = targets[edge], walked[parents] + steps[edge]
        raw = walked + ends[width, states] + rng.gumbel(size=len(edge))
        scores = _conditioned(raw, scores, parents)
        threshold = sorted((score for score, _ in done), reverse=True)[count - 1] if len(done) >= count else -np.inf
        order = np.argsort(-scores, kind="stable")[:count]
        order = order[scores[order] > threshold]
        states, walked, scores, letters = states[order], walked[order], scores[order], letters[parents[order]]
        letters[:, width - 1] = codes[edge[order]]
        ended = states == max(automaton) + 1
        texts = letters[ended, :width].tobytes().decode("ascii")
        done += [(score, texts[i * width : (i + 1) * width]) for i, score in enumerate(scores[ended].tolist())]
        states, walked, scores, letters = (values[~ended] for values in (states, walked, scores, letters))
    done.sort(reverse=True)
    return [text for _, text in done[:count]]


def _log_chance_to_end(automaton: Automaton, shortest: int, longest: int) -> np.ndarray:
    """Log-probability, shape (longest + 1, states), that a walk at this position and state ends within the range."""
    logs = np.full((longest + 1, max(automaton) + 2), -np.inf)
    logs[shortest:, -1] = 0.0
    for position in reversed(range(longest)):
        for state, edges in automaton.items():
            following = logs[position + 1, list(edges.values())]
            logs[position, state] = np.logaddexp.reduce(following) - np.log(len(edges))
    return logs


def _conditioned(raw: np.ndarray, limits: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Gumbel values given that the largest of each prefix's children is the prefix's own (their appendix B.3)."""
    first = np.flatnonzero(np.diff(parents, prepend=-1))
    largest = np.repeat(np.maximum.reduceat(raw, first), np.diff(np.append(first, len(raw))))
    limit = limits[parents]
    with np.errstate(divide="ignore"):
        v = limit - raw + np.log1p(-np.exp(raw - largest))
    return limit - np.maximum(v, 0) - np.log1p(np.exp(-np.abs(v)))


def generate_valid(rng: np.random.Generator, count: int, shortest: int = 11, longest: int = 53) -> list[str]:
    """Distinct Reber strings in random order, as a random walk would first meet them: see `draw_distinct`.

    This gives the published lengths: all the short strings there are, and ever fewer of the long ones. A `TaskError`
    says that the lengths are impossible, or that fewer strings have them.
    """
    strings = _draw(rng, TRANSITIONS, count, shortest, longest, "Reber strings")
    rng.shuffle(strings)
    return strings


def generate_invalid(rng: np.random.Generator, count: int, shortest: int = 11, longest: int = 53) -> list[str]:
    """Distinct strings, in random order, that begin with B, end with E and are no Reber strings; see `generate_valid`.

    A share comes from automata with Reber's own letters on other edges, as published; the rest has foreign letters.
    """
    with_reber_letters = round(count * PERMUTED_SHARE)
    quotas = _quotas(PERMUTED, with_reber_letters) | _quotas(FOREIGN, count - with_reber_letters)
    drawn: dict[str, None] = {}
    for letters, quota in quotas.items():
        automaton = relabelled(letters)
        # Two automata share a few strings: draw as many more as may have been taken already.
        taken = sum(first_violation(string, automaton) == -1 for string in drawn)
        fresh = _draw(rng, automaton, quota + taken, shortest, longest, "invalid strings from one automaton")
        drawn.update(dict.fromkeys([string for string in fresh if string not in drawn][:quota]))
    strings = list(drawn)
    rng.shuffle(strings)
    return strings


def edited(rng: np.random.Generator, sources: Sequence[str]) -> list[str]:
    """For each Reber string one that is none and differs from it in one letter; all of them distinct.

    The place is drawn uniformly from the string's, then the letter from the six others of `LETTERS`, until the
    result is no Reber string and was not made before.
    """
    made: dict[str, None] = {}
    for source in sources:
        candidates = (
            source[:place] + LETTERS[letter] + source[place + 1 :]
            for place in rng.permutation(len(source))
            for letter in rng.permutation(len(LETTERS))
        )
        # There always is one: whatever stands for the first B, no other source gives the same string.
        made[next(string for string in candidates if string not in made and not is_valid(string))] = None
    return list(made)


def embedded(inner: Sequence[str]) -> tuple[list[str], list[str]]:
    """Valid embedded Reber strings and their invalid twins, which close with the other outer symbol.

    Every second opens with T, the others with P.

    >>> embedded(["BTXSE", "BPVVE"])
    (['BTBTXSETE', 'BPBPVVEPE'], ['BTBTXSEPE', 'BPBPVVETE'])
    """
    opened = [f"B{'TP'[i % 2]}{string}" for i, string in enumerate(inner)]
    return [f"{s}{s[1]}E" for s in opened], [f"{s}{'P' if s[1] == 'T' else 'T'}E" for s in opened]


def _quotas(weights: Mapping[str, int], count: int) -> dict[str, int]:
    """Whole numbers in proportion to `weights` that add up to `count`."""
    ends = np.cumsum([0, *weights.values()]) / sum(weights.values()) * count
    return dict(zip(weights, np.diff(np.rint(ends).astype(int)).tolist(), strict=True))


def _draw(
    rng: np.random.Generator, automaton: Automaton, count: int, shortest: int, longest: int, kind: str
) -> list[str]:
    if not 1 <= shortest <= longest:
        raise TaskError(f"lengths from shortest={shortest} to longest={longest}: give 1 <= shortest <= longest")
    if count < 0:
        raise TaskError(f"{count} strings: give a count of 0 or more")
    strings = draw_distinct(rng, automaton, count, shortest, longest)
    if len(strings) < count:
        raise TaskError(
            f"{count} distinct {kind} with {shortest} to {longest} characters: only {len(strings)} exist; "
            "ask for fewer or allow more lengths"
        )
    return strings
