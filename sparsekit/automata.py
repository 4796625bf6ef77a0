"""Strings of a finite automaton: judged, counted, and drawn at random, distinct, without trial and error."""

import numpy as np

Automaton = dict[int, dict[str, int]]


def first_violation(automaton: Automaton, start: int, string: str) -> int:
    """Where a string first leaves the automaton's language.

    Parameters
    ----------
    automaton : dict of dict
        ``automaton[state][letter]`` is the next state; a state without edges accepts. Every state leads to one.
    start : int
        The state a string begins in.
    string : str

    Returns
    -------
    int
        0-based index of the first character after which no string of the language is possible; the string's length
        where it only ends too early; -1 where it is of the language.
    """
    state = start
    for index, character in enumerate(string):
        edges = automaton.get(state, {})
        if character not in edges:
            return index
        state = edges[character]
    return len(string) if automaton.get(state) else -1


def count_distinct(automaton: Automaton, start: int, accept: int, shortest: int, longest: int) -> int:
    """How many different strings of these lengths, both included, lead from one state to the other."""
    reached, total = {start: 1}, 0
    for length in range(1, longest + 1):
        following: dict[int, int] = {}
        for state, strings in reached.items():
            for target in automaton.get(state, {}).values():
                following[target] = following.get(target, 0) + strings
        reached = following
        total += reached.get(accept, 0) if length >= shortest else 0
    return total


def draw_distinct(
    rng: np.random.Generator, automaton: Automaton, start: int, accept: int, count: int, shortest: int, longest: int
) -> list[str]:
    """The first `count` different strings that a random walk would meet, found in one pass over string positions.

    The walk takes each of a state's edges with equal chance and is conditioned on a length within the range. Walking
    until enough different strings are met is sampling without replacement; that is drawn here exactly, by keeping at
    each position the `count` prefixes with the largest Gumbel-perturbed log-probabilities. So it ends even where the
    range holds hardly more strings than are wanted.

    Parameters
    ----------
    rng : numpy.random.Generator
    automaton : dict of dict
        ``automaton[state][letter]`` is the next state; `accept` has no edges. Letters are ASCII.
    start, accept : int
        The states a string begins and ends in.
    count : int
        How many strings at most.
    shortest, longest : int
        Lengths in characters, both included.

    Returns
    -------
    list of str
        Distinct, in the order the walk would have met them; all there are, where there are fewer than `count`.

    References
    ----------
    Kool, van Hoof and Welling, *Stochastic Beams and Where to Find Them*, arXiv 1903.06059.
    """
    ends = _log_chance_to_end(automaton, accept, shortest, longest)
    if count == 0 or np.isneginf(ends[0, start]):
        return []
    states = np.array([start])
    walked = np.zeros(1)  # log-probability of the walk so far, without that of ending in range
    scores = np.zeros(1)  # the perturbed log-probability of the best string below each prefix
    letters = np.zeros((1, longest), np.uint8)
    done: list[tuple[float, str]] = []
    for position in range(longest):
        parents, next_states, codes, steps = _edges(automaton, states)
        walked_next = walked[parents] + steps
        logs = walked_next + ends[position + 1, next_states]
        possible = ~np.isneginf(logs)
        parents, next_states, codes, walked_next, logs = (
            values[possible] for values in (parents, next_states, codes, walked_next, logs)
        )
        if not len(parents):
            break
        raw = logs + rng.gumbel(size=len(logs))
        scores = _conditioned(raw, scores, parents)
        threshold = sorted((score for score, _ in done), reverse=True)[count - 1] if len(done) >= count else -np.inf
        order = np.argsort(-scores, kind="stable")[:count]
        order = order[scores[order] > threshold]
        letters = letters[parents[order]]
        letters[:, position] = codes[order]
        states, walked, scores = next_states[order], walked_next[order], scores[order]
        ended = states == accept
        texts = letters[ended, : position + 1].tobytes().decode("ascii")
        width = position + 1
        done += [(score, texts[i * width : (i + 1) * width]) for i, score in enumerate(scores[ended].tolist())]
        states, walked, scores, letters = states[~ended], walked[~ended], scores[~ended], letters[~ended]
    done.sort(reverse=True)
    return [text for _, text in done[:count]]


def _log_chance_to_end(automaton: Automaton, accept: int, shortest: int, longest: int) -> np.ndarray:
    """Log-probability, shape (longest + 1, states), that a walk at this position and state ends within the range."""
    logs = np.full((longest + 1, 1 + max(*automaton, accept)), -np.inf)
    logs[shortest:, accept] = 0.0
    for position in reversed(range(longest)):
        for state, edges in automaton.items():
            following = logs[position + 1, list(edges.values())]
            logs[position, state] = np.logaddexp.reduce(following) - np.log(len(edges))
    return logs


def _edges(automaton: Automaton, states: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Every edge out of every prefix: index of the prefix, next state, letter code, log-probability of the edge."""
    parts = []
    for state, edges in automaton.items():
        here = np.flatnonzero(states == state)
        for letter, target in edges.items():
            ones = np.ones(len(here), dtype=np.int64)
            parts.append((here, target * ones, ord(letter) * ones, -np.log(len(edges)) * ones))
    parents, targets, codes, steps = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(parents, kind="stable")
    return parents[order], targets[order], codes[order], steps[order]


def _conditioned(raw: np.ndarray, limits: np.ndarray, parents: np.ndarray) -> np.ndarray:
    """Gumbel values given that the largest of each prefix's children is the prefix's own (their appendix B.3)."""
    first = np.flatnonzero(np.diff(parents, prepend=-1))
    largest = np.repeat(np.maximum.reduceat(raw, first), np.diff(np.append(first, len(raw))))
    limit = limits[parents]
    with np.errstate(divide="ignore"):
        v = limit - raw + np.log1p(-np.exp(raw - largest))
    return limit - np.maximum(v, 0) - np.log1p(np.exp(-np.abs(v)))
