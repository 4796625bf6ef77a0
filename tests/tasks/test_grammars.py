import os
import re
from collections import Counter
from itertools import permutations, product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sparsekit.tasks.grammars import (
    ACCEPT,
    EMBEDDED,
    FOREIGN,
    LETTERS,
    PERMUTED,
    START,
    TRANSITIONS,
    count_distinct,
    draw_distinct,
    edited,
    embedded,
    first_violation,
    generate_invalid,
    generate_valid,
    is_valid,
    relabelled,
)
from sparsekit.tasks.samples import TaskError

# The grammar once more, by other means.
GRAMMAR = re.compile(r"B(?:TS*XS|(?:TS*XX|P)T*V(?:PXT*V)*(?:V|PS))E")
EMBEDDED_GRAMMAR = re.compile(rf"B(?:T{GRAMMAR.pattern}T|P{GRAMMAR.pattern}P)E")
PUBLISHED = os.environ.get("SPARSEKIT_PUBLISHED")
seeds = st.integers(0, 2**32)


def rng(seed=0):
    return np.random.default_rng(seed)


@given(st.text("BEPSTVX", max_size=14).map("B{}E".format) | st.text(max_size=8))
def test_grammar_agrees_with_its_regular_expression(string):
    assert is_valid(string) == bool(GRAMMAR.fullmatch(string))


def test_every_short_string_is_judged_as_by_the_regular_expression():
    inner = ["".join(letters) for n in range(6) for letters in product("PSTVX", repeat=n)]
    assert [s for s in inner if is_valid(f"B{s}E")] == [s for s in inner if GRAMMAR.fullmatch(f"B{s}E")]


@given(seeds, st.integers(0, 60), st.integers(11, 30), st.integers(0, 30))
@settings(max_examples=40, deadline=None)
def test_valid_strings(seed, count, shortest, more):
    assume(more > 2 or count <= 24)
    strings = generate_valid(rng(seed), count, shortest, shortest + more)
    assert len(set(strings)) == len(strings) == count
    assert all(GRAMMAR.fullmatch(s) and shortest <= len(s) <= shortest + more for s in strings)
    assert strings == generate_valid(rng(seed), count, shortest, shortest + more)


@given(seeds, st.integers(0, 100), st.integers(11, 20), st.integers(3, 30))
@settings(max_examples=40, deadline=None)
def test_invalid_strings(seed, count, shortest, more):
    strings = generate_invalid(rng(seed), count, shortest, shortest + more)
    assert len(set(strings)) == len(strings) == count
    assert not any(map(GRAMMAR.fullmatch, strings))
    assert all(s[0] == "B" and s[-1] == "E" and shortest <= len(s) <= shortest + more for s in strings)
    assert sum(set(s) <= set("BEPSTVX") for s in strings) == round(count * 0.44)
    assert strings == generate_invalid(rng(seed), count, shortest, shortest + more)


def test_seeds_differ():
    assert generate_valid(rng(0), 50) != generate_valid(rng(1), 50)
    assert generate_invalid(rng(0), 50) != generate_invalid(rng(1), 50)


# Every string of up to 17 (embedded: 21) characters: any beginning of up to 13 characters can be brought to an end by
# then. Made by the generator, but held against the regular expressions below.
SHORT = draw_distinct(rng(), TRANSITIONS, 10**6, 1, 17)
LANGUAGES = {
    "plain": (TRANSITIONS, GRAMMAR, SHORT),
    "embedded": (EMBEDDED, EMBEDDED_GRAMMAR, [f"B{o}{inner}{o}E" for inner in SHORT for o in "TP"]),
}
BEGINNINGS = {name: {s[:end] for s in strings for end in range(22)} for name, (_, _, strings) in LANGUAGES.items()}


def literal_violation(string, name):
    """The shortest beginning that no string of the language has, found by looking through all of them."""
    if LANGUAGES[name][1].fullmatch(string):
        return -1
    outside = (end - 1 for end in range(1, len(string) + 1) if string[:end] not in BEGINNINGS[name])
    return next(outside, len(string))


@pytest.mark.parametrize("name", LANGUAGES)
def test_first_violation_of_every_string_of_up_to_five_letters(name):
    every = ["".join(letters) for n in range(6) for letters in product(LETTERS, repeat=n)]
    assert [first_violation(s, LANGUAGES[name][0]) for s in every] == [literal_violation(s, name) for s in every]


@pytest.mark.parametrize("name", LANGUAGES)
def test_first_violation_of_every_short_string_with_one_letter_changed_left_out_or_cut_off_after(name):
    automaton, grammar, strings = LANGUAGES[name]
    assert all(map(grammar.fullmatch, strings))
    sources = [string for string in strings if len(string) <= 13]
    changed = {s[:i] + x + s[i + 1 :] for s in sources for i in range(len(s)) for x in ["", "A", *LETTERS]}
    cut = {s[:i] for s in sources for i in range(len(s) + 1)}
    found = {s: first_violation(s, automaton) for s in changed | cut}
    assert found == {s: literal_violation(s, name) for s in changed | cut}
    assert set(range(-1, 13)) == set(found.values())


def test_first_violation_known():
    known = {"BTXSE": -1, "": 0, "X": 0, "BA": 1, "BTTE": 2, "BTXSEE": 5, "BTXS": 4}
    assert {string: first_violation(string) for string in known} == known
    known = {"BPBTXSEPE": -1, "BPBTXSETE": 7, "BPBTXSEP": 8, "BTXSE": 2, "BTBTTSETE": 4, "BTBTXSETEE": 9}
    assert {string: first_violation(string, EMBEDDED) for string in known} == known


@pytest.mark.parametrize("lengths", [(1, 4), (5, 5), (1, 11), (9, 16), (17, 17), (8, 7)])
def test_strings_are_counted_as_often_as_they_exist(lengths):
    shortest, longest = lengths
    inner = sum(shortest <= len(string) <= longest for string in SHORT)
    assert count_distinct(TRANSITIONS, shortest, longest) == inner
    assert count_distinct(EMBEDDED, shortest + 4, longest + 4) == 2 * inner
    assert count_distinct(TRANSITIONS, 11, 11) == 24


@given(seeds, st.integers(0, 80), st.integers(5, 20), st.integers(12, 30))
@settings(max_examples=30, deadline=None)
def test_edited_strings_miss_the_grammar_by_one_letter(seed, count, shortest, more):
    sources = generate_valid(rng(seed), count, shortest, shortest + more)
    strings = edited(rng(seed), sources)
    assert len(set(strings)) == len(strings) == count
    assert not any(map(GRAMMAR.fullmatch, strings))
    for source, string in zip(sources, strings, strict=True):
        assert len(source) == len(string)
        assert sum(a != b for a, b in zip(source, string, strict=True)) == 1
        assert set(string) <= set(LETTERS)
    assert strings == edited(rng(seed), sources)


def test_edits_fall_on_every_place_alike():
    sources = generate_valid(rng(), 5000, 25, 25)
    pairs = zip(sources, edited(rng(1), sources), strict=True)
    places = np.bincount([next(i for i in range(25) if s[i] != e[i]) for s, e in pairs], minlength=25)
    assert np.abs(places - 200).max() < 5 * np.sqrt(200)


def test_edits_of_one_string_differ_until_there_are_no_more():
    possible = {f"{'BTXSE'[:i]}{x}{'BTXSE'[i + 1 :]}" for i in range(5) for x in LETTERS}
    possible = {string for string in possible if not GRAMMAR.fullmatch(string)}
    assert set(edited(rng(), ["BTXSE"] * len(possible))) == possible


def test_embedded_strings_and_twins_that_break_off_at_the_second_last_symbol():
    whole, broken = embedded(SHORT)
    assert all(map(EMBEDDED_GRAMMAR.fullmatch, whole))
    assert [string[2:-2] for string in whole] == SHORT
    assert abs(Counter(string[1] for string in whole)["T"] - len(SHORT) / 2) <= 0.5
    for twin, string in zip(whole, broken, strict=True):
        assert not EMBEDDED_GRAMMAR.fullmatch(string)
        assert [i for i in range(len(twin)) if twin[i] != string[i]] == [len(twin) - 2]
        assert first_violation(string, EMBEDDED) == len(string) - 2


@pytest.mark.parametrize("letters", [*PERMUTED, *FOREIGN])
def test_other_automata_share_no_string_with_the_grammar(letters):
    other = relabelled(letters)
    assert all(len(edges) == len(TRANSITIONS[state]) for state, edges in other.items())
    seen, frontier = set(), {(START, START)}
    while frontier:
        seen |= frontier
        steps = {
            (TRANSITIONS[a][letter], other[b][letter])
            for a, b in frontier
            for letter in TRANSITIONS.get(a, {}).keys() & other.get(b, {}).keys()
        }
        frontier = steps - seen
    assert (ACCEPT, ACCEPT) not in seen


@pytest.mark.parametrize("letters", PERMUTED)
def test_permuted_automata_use_each_reber_letter_twice(letters):
    assert Counter(letters) == Counter("PPSSTTVVXX")


def test_all_strings_of_a_length_can_be_had_and_no_more():
    assert len(set(generate_valid(rng(), 24, 11, 11))) == 24
    with pytest.raises(TaskError, match="only 24 exist"):
        generate_valid(rng(), 25, 11, 11)
    with pytest.raises(TaskError, match=r"invalid strings from one automaton .* only 24 exist"):
        generate_invalid(rng(), 5000, 11, 11)
    with pytest.raises(TaskError, match="only 0 exist"):
        generate_valid(rng(), 1, 1, 4)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"shortest": 20, "longest": 11}, "shortest=20 to longest=11"),
        ({"shortest": 0}, "shortest=0"),
        ({"count": -1}, "-1 strings"),
    ],
)
def test_impossible_requests(arguments, text):
    for generate in (generate_valid, generate_invalid):
        with pytest.raises(TaskError, match=text):
            generate(rng(), **{"count": 5, **arguments})


def test_very_long_strings():
    assert [len(s) for s in generate_valid(rng(), 3, 3000, 3000)] == [3000] * 3


def test_draws_are_those_of_walking_until_enough_different_strings_are_met():
    languages = ["".join(s) for n in range(3, 6) for s in product("PSTVX", repeat=n)]
    chances = {}
    for string in (f"B{s}E" for s in languages if is_valid(f"B{s}E")):
        state, chance = START, 1.0
        for letter in string:
            chance /= len(TRANSITIONS[state])
            state = TRANSITIONS[state][letter]
        chances[string] = chance
    total = sum(chances.values())
    expected = Counter()
    for a, b in permutations(chances, 2):
        expected[a, b] = chances[a] / total * chances[b] / (total - chances[a])
    repeats, stream = 3000, rng(7)
    met = Counter(tuple(draw_distinct(stream, TRANSITIONS, 2, 5, 7)) for _ in range(repeats))
    assert met.keys() <= expected.keys()
    for pair, share in expected.items():
        assert abs(met[pair] / repeats - share) < 5 * np.sqrt(share / repeats), pair


needs_published = pytest.mark.skipif(not PUBLISHED, reason="SPARSEKIT_PUBLISHED is not set")


def published(label):
    table = pd.read_csv(Path(PUBLISHED) / "Implementations" / "dataset" / "reber_sequences.csv")
    return table.string[table.valid == label].tolist()


@needs_published
def test_grammar_labels_the_published_strings_as_the_author_did():
    assert all(map(is_valid, published(1)))
    assert not any(map(is_valid, published(0)))


@needs_published
def test_every_published_invalid_string_comes_from_one_of_the_automata():
    automata = [relabelled(letters) for letters in [*PERMUTED, *FOREIGN]]
    assert all(any(first_violation(s, a) == -1 for a in automata) for s in published(0))


@needs_published
@pytest.mark.parametrize(("label", "generate"), [(1, generate_valid), (0, generate_invalid)])
def test_generated_lengths_are_the_published_ones(label, generate):
    made, theirs = (np.array([len(s) for s in group]) for group in (generate(rng(3), 12500), published(label)))
    assert abs(made.mean() - theirs.mean()) < 0.2
    assert abs(made.std() - theirs.std()) < 0.2
    assert np.quantile(made, [0.05, 0.95]).tolist() == np.quantile(theirs, [0.05, 0.95]).tolist()
    assert made.min() == theirs.min() == 11
    shares = [np.bincount(lengths, minlength=54)[:54] / 12500 for lengths in (made, theirs)]
    assert np.abs(np.subtract(*shares)).sum() / 2 < 0.03  # total variation: two draws of this size differ by that much


@needs_published
def test_generated_letters_and_violations_are_the_published_ones():
    made, theirs = generate_invalid(rng(3), 12500), published(0)
    counts = [Counter(map(first_violation, group)) for group in (made, theirs)]
    assert all(abs(counts[0][i] - counts[1][i]) < 5 * np.sqrt(counts[1][i] + 1) for i in range(12))
    assert [sum(set(s) <= set("BEPSTVX") for s in group) for group in (made, theirs)] == [5500, 5500]
