"""Answers: a sentence that a reader takes in, true of the table behind it, whatever the tables are."""

import itertools
import json
import re

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsekit.analysis import covariates, verdicts
from sparsekit.analysis.conditions import ahead, at_the_end
from sparsekit.analysis.correlation import correlations
from sparsekit.experiments.parameters import Parameters
from sparsekit.figures import answers as figures
from sparsekit.figures.correlation import controlled_forest
from sparsekit.figures.style import VARIANTS
from sparsekit.figures.words import ALONE
from sparsekit.graphs.properties import NAMES
from sparsekit.reports import readings
from sparsekit.reports.answer import MIME, UNDECIDED, VERDICTS, WORDS, Answer
from sparsekit.reports.answers import rq1, rq2, rq3, rq4, rq5
from tests import planted
from tests.planted import ways
from tests.reports.tables import pruning, recovery

P = Parameters(permutations=199)
FEW = Parameters(permutations=99)
INTERVAL = r"\(−?\d+(\.\d+)? to −?\d+(\.\d+)?( %)?\)"


def study(*arguments, **options):
    """The planted study with every published property; those that it lacks are the same in all graphs."""
    table = planted.study(*arguments, **options)
    return table.assign(**{name: 1.0 for name in NAMES if name not in table})


def readable(answer: Answer) -> None:
    """What holds of every answer."""
    words = [word for word in answer.sentence.split() if re.search(r"\w", word)]
    assert len(words) <= WORDS, answer.sentence
    assert answer.sentence.endswith(".")
    assert not re.search(r"nan|inf|None|_", answer.sentence), answer.sentence
    assert len(re.findall(r"\d+(?:\.\d+)?", answer.sentence.replace("R²", ""))) <= 5, answer.sentence
    assert len(re.findall(INTERVAL, answer.sentence)) <= 1
    assert answer.verdict in VERDICTS
    if answer.verdict != UNDECIDED:
        assert re.search(INTERVAL, answer.sentence), answer.sentence
    assert len(answer.sure.split()) <= 5
    kept = json.loads(json.dumps(answer.kept(), allow_nan=False))
    assert Answer.read(kept).sentence == answer.sentence
    pd.testing.assert_frame_equal(Answer.read(kept).table, answer.table, check_dtype=False)


def simulated(seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Networks of one to four variants, each with a threshold of its own; back in an epoch, later, or never."""
    rng = np.random.default_rng(seed)
    pruned, retrained = [], []
    names = rng.permutation(list(VARIANTS))[: rng.integers(1, 5)]
    grid = np.sort(rng.choice(np.arange(5, 101, 5), rng.integers(1, 8), replace=False)).astype(float)
    targets = ["both", "i2h", "h2h"][rng.integers(0, 3) :]
    back, middle, width = rng.uniform(size=2), rng.uniform(-20, 140), rng.uniform(0, 30)
    bases = {name: rng.choice([0.5, 0.75, 1.0], p=[0.15, 0.25, 0.6]) for name in names}
    for variant, target in itertools.product(names, targets):
        base = bases[variant]
        for s in range(rng.integers(1, 13)):
            at = middle + width * rng.normal()
            own = {"variant": variant, "seed": s, "target": target, "base_accuracy": base}
            for p in grid:
                accuracy = (
                    0.5 + (base - 0.5) * (p < at) if width > 10 else 0.5 + (base - 0.5) / (1 + np.exp((p - at) / 3))
                )
                pruned.append(own | {"percent": p, "accuracy": accuracy})
                later = np.where(rng.uniform(size=2) < back * (p < 95), base, accuracy)
                for e, a in enumerate([accuracy, *later]):
                    retrained.append(own | {"percent": p, "step": 32 * e, "epoch": float(e), "accuracy": a})
    return pd.DataFrame(pruned), pd.DataFrame(retrained)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_every_sentence_on_pruned_networks_is_short_and_its_numbers_are_the_tables(seed):
    pruned, retrained = simulated(seed)
    first, second, third = rq1(pruned, P, 0.5), rq2(pruned, P, 0.5), rq3(retrained, P)
    for answer in (first, second, third):
        readable(answer)
    if "once" in second.sentence:
        low, high = (float(end) for end in re.search(r"\((\d+) to (\d+) %\)", second.sentence).groups())
        estimate = float(re.search(r"once (\d+) %", second.sentence)[1])
        own = second.table[second.table["target"] == pruned["target"].iloc[0]]
        assert low <= estimate <= high
        # Of all networks together the median lies among those of the variants.
        of_variants = own.loc[own["variant"] != "all", "percent"]
        assert of_variants.min() - 5 <= estimate <= of_variants.max() + 5
        # Half of what was learned is lost no sooner than the margin.
        if (half := re.search(r"once (\d+) %", first.sentence)) and (pruned["base_accuracy"] > 0.6).all():
            assert float(half[1]) >= estimate - 2
    if at := re.search(r"at (\d+) % pruned[^:]*[:,] (?:only )?(\d+) %", third.sentence):
        own = third.table[(third.table["variant"] == "all") & (third.table["percent"] == float(at[1]))]
        assert round(100 * own["share"].iloc[0]) == pytest.approx(int(at[2]), abs=1)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10_000))
def test_every_sentence_on_graphs_is_short_and_names_what_the_notebooks_figure_names(seed):
    rng = np.random.default_rng(seed)
    effects = {"effect": rng.choice([0, 1, 3]), "size": rng.choice([0, 2]), "family": rng.choice([0, 0.1])}
    names = tuple(rng.permutation(list(VARIANTS))[: rng.integers(1, 5)])
    table = study(int(rng.choice([2, 4, 12, 40])), int(rng.integers(1, 3)), variants=names, seed=seed, **effects)
    properties, controls = covariates.graph_properties(table), covariates.controls(table)
    held = correlations(table, controls, properties=properties, permutations=FEW.permutations)
    fourth, fifth = rq4(table, FEW, 0.5, held=held), rq5(table, FEW)
    readable(fourth)
    readable(fifth)
    assert fourth.sentence == rq4(table, FEW).sentence
    told = fourth.table[fourth.table["told"] & ~fourth.table["control"]]
    raw = correlations(table, properties=properties, permutations=FEW.permutations)
    reading = controlled_forest(raw, held, controls).reading
    for variant, own in told.groupby("variant"):
        assert f"{VARIANTS[variant].label} {len(own)} of" in reading
    assert (fourth.verdict == UNDECIDED) == told.empty
    assert bool(re.search(r"goes with \d+ of", fourth.sentence)) != told.empty


def test_an_answer_in_a_notebook_is_its_sentence_over_the_figure_that_answers():
    pruned, retrained = simulated(3)
    graphs = study(12, 2, seed=1)
    for answer in (rq1(pruned, P, 0.5), rq2(pruned, P, 0.5), rq3(retrained, P), rq4(graphs, FEW), rq5(graphs, FEW)):
        shown = answer._repr_mimebundle_()
        assert Answer.read(shown[MIME]).sentence == answer.sentence == shown["text/plain"]
        soup = BeautifulSoup(shown["text/html"], "html.parser")
        assert soup.p.get_text() == answer.sentence
        (figure,) = soup.find_all("figure", class_="sparsekit")
        assert figures.CAPTIONS[answer.question] in figure.figcaption.get_text()
        assert figure.find_previous("p").get_text() == f"{answer.verdict} · {answer.sure}"
        assert [note.get_text() for note in soup.select("details li")] == answer.notes, "folded"


def test_an_answer_of_which_nothing_is_known_has_no_figure():
    """Nothing learned, nothing dropped, too few graphs: each is said, and no notebook or index fails on it."""
    pruned, few = pruning([{50.0: 1.0, 90.0: 1.0}] * 3), study(2, 1)
    nothing = [rq1(pruned.assign(base_accuracy=0.5), P, 0.5), rq3(recovery([[1.0, 1.0]] * 3), P), rq4(few, FEW)]
    for answer in [*nothing, rq5(few, FEW)]:
        assert answer.verdict == UNDECIDED
        assert "<figure" not in answer.html(), answer.question
    assert "<figure" in rq2(pruned, P, 0.5).html()


def test_a_planted_threshold_is_found_by_both_questions():
    curve = {50.0: 1.0, 70.0: 0.99, 80.0: 0.6, 90.0: 0.5}
    table = pd.concat([pruning([curve] * 10, variant) for variant in ("gru", "lstm")])
    first, second = rq1(table, P, 0.5), rq2(table, P, 0.5)
    assert re.match(r"Half of all networks have lost half of what they had learned once 7\d % \(7\d to", first.sentence)
    assert "lost more than 2 points of accuracy once 7" in second.sentence
    assert first.verdict == second.verdict == "shown"
    low, high = verdicts.half_dropped(table, 0.02).loc[("gru", "both"), ["low", "high"]]
    assert second.table.query("variant == 'gru'")[["low", "high"]].iloc[0].tolist() == [low, high]
    assert "hidden-to-hidden weights" in rq1(pruning([curve] * 2, target="h2h"), P, 0.5).sentence


def test_what_the_grid_leaves_open_is_told_as_a_share():
    below, over = ([{40.0: a, 95.0: a}] * 10 for a in (0.5, 1.0))
    assert rq2(pruning(below), P, 0.5).sentence.startswith("Already at 40 % of their recurrent weights pruned, 100 % (")
    assert rq2(pruning(over), P, 0.5).sentence.startswith("Even at 95 % of their recurrent weights pruned, 0 % (0 to ")
    assert rq2(pruning(over), P, 0.5).verdict == rq2(pruning(below), P, 0.5).verdict == "shown"
    assert rq2(pruning(over[:1]), P, 0.5).verdict == UNDECIDED


def test_networks_at_chance_are_left_out_and_said_to_be():
    curve = {50.0: 1.0, 90.0: 0.5}
    table = pruning([curve] * 3)
    stuck = pruning([{50.0: 0.7, 90.0: 0.7}], "gru", base_accuracy=0.71)
    mixed = rq1(pd.concat([table, stuck]), P, 0.7)
    assert mixed.sentence == rq1(table, P, 0.7).sentence
    assert mixed.notes == ["Left out: 1 network at chance before pruning (GRU)."]
    nothing = rq2(stuck, P, 0.7)
    assert nothing.sentence.startswith("Nothing was learned")
    assert nothing.verdict == UNDECIDED


def test_recovery_counts_those_that_had_dropped():
    curves = [[0.5, 1.0, 1.0], [0.5, 0.6, 1.0], [0.5, 0.6, 0.6], [1.0, 0.5, 1.0]]
    answer = rq3(recovery(curves), P)
    # The fourth had not dropped; one of the three others is back in one epoch, two in two.
    every = answer.table[answer.table["variant"] == "all"].iloc[0]
    assert (every["dropped"], every["back"], every["back_at_last"]) == (3, 1, 2)
    assert answer.sentence.startswith("These networks are too few to tell: at 90 % pruned, 33 % (")
    assert "no network lost more than 2 points" in rq3(recovery([[1.0, 1.0]]), P).sentence
    many = pd.concat([recovery([[0.5, 1.0]] * 8, 80.0), recovery([[0.5, 0.5]] * 8, 100.0)])
    assert rq3(many, P).sentence.startswith(
        "One epoch of retraining repairs most networks even at 80 % pruned: 100 % ("
    )
    assert rq3(many, P).sentence.endswith("; at 100 % most are not.")
    assert rq3(many, P).verdict == "shown"
    assert rq3(recovery([[0.5, 0.5]] * 8), P).sentence.startswith(
        "One epoch of retraining is not enough: at 90 % pruned"
    )


def test_control_leaves_the_planted_effect_and_not_the_confounded():
    answer = rq4(study(60, 2, effect=1, size=2, seed=3, variants=("gru",)), P)
    # Two names of the effect that was put there; density, which only goes with nodes, is none.
    assert answer.sentence.startswith("Accuracy goes with 2 of 4 graph properties, most clearly ")
    assert answer.sentence.endswith(" in GRU, given size and widths.")
    assert answer.verdict == "shown"
    assert "Told from zero: GRU: diameter and closeness, mean." in answer.notes


def test_size_and_widths_are_a_finding_and_no_property_given_itself():
    answer = rq4(study(60, 2, size=3, seed=3, variants=("gru",)), P)
    assert answer.sentence.startswith("No graph property of 4 is clear given size and widths: the strongest, ")
    assert any("accuracy goes with: GRU nodes +0." in note for note in answer.notes)


def test_a_property_that_is_the_familys_name_is_said_to_be():
    table = study(40, 2, family=0.3, variants=("gru",))
    table["closeness_mean"] = (table["generator"] == "watts_strogatz") + 0.01 * table["closeness_mean"]
    assert "closeness, mean, which also tells graph families apart: r = " in rq4(table, P).sentence


def test_networks_at_chance_change_what_is_found_or_do_not():
    table = study(40, 2, effect=2, variants=("gru",))
    table.loc[:9, "test_accuracy"] = 0.5
    assert "Without 10 networks of 80 at chance, the same are told from zero." in rq4(table, P, 0.5).notes
    decided = study(40, 2, seed=3, variants=("gru",))
    decided.loc[decided["diameter"] > decided["diameter"].median(), "test_accuracy"] = 0.5
    assert any("at chance, 0 coefficients are told from zero" in note for note in rq4(decided, P, 0.5).notes)


def test_prediction_is_told_by_its_test():
    answer = rq5(study(40, 2, effect=3, variants=("gru",)), P)
    pattern = r"Yes, in every variant: 8 graph properties predict unseen graphs, in GRU with R² 0\.\d\d \(.*\), where "
    assert re.match(pattern, answer.sentence)
    assert answer.verdict == "shown"
    assert {"noise ceiling", "all", "shuffled", "size_and_widths"} == {*answer.table["features"]}
    nothing = rq5(study(20, 2, variants=("gru",)), P)
    assert nothing.sentence.startswith("Not shown: ")
    assert nothing.verdict == UNDECIDED


def test_null_models_change_no_answer():
    table = study(12, 2, effect=1).assign(null="none")
    others = table.assign(null="random", graph=[f"{g} random" for g in table["graph"]], test_accuracy=0.2)
    both = pd.concat([table, others], ignore_index=True)
    assert rq4(both, P).sentence == rq4(table, P).sentence
    assert rq5(both, P).sentence == rq5(table, P).sentence


@pytest.mark.filterwarnings("error")
def test_too_few_graphs_are_said_to_be():
    table = study(4, 2)
    assert rq4(table, P).sentence == "Too few graphs to tell what accuracy goes with: 4 graphs a variant."
    assert rq5(table, P).sentence == "Too few graphs to tell: a prediction takes ten or more, and here are 4."
    same = table.assign(**dict.fromkeys(NAMES, 3.0))
    assert rq4(same, P).verdict == rq5(same.assign(parameters=9, generator="g"), P).verdict == UNDECIDED


def test_sentences_name_who_is_ahead_and_who_cannot_be_told():
    table = pd.concat(
        [
            ways({"dense": [-0.1, -0.101, -0.099], "rewind": [0.001, -0.001, 0.0]}),
            ways({"dense": [0.05, 0.051, 0.049], "rewind": [0.001, -0.001, 0.0]}, variant="lstm"),
            ways({"dense": [0.05, -0.05, 0.01], "rewind": [0.0, 0.0, 0.0]}, variant="rnn_tanh"),
        ]
    )
    ends = ahead(at_the_end(table), "accuracy", recovery="retrain")
    text = readings.paired(ends, "Against retraining the survivors", P.confidence)
    at = text.partition(":")[0]
    assert text == (
        f"{at}: dense ahead in LSTM (+5.0 points), behind in GRU (−10.0 points). The other 4 differences cannot be "
        "told from zero. Of 6, about 0.3 would be told by chance."
    )
    same = ends[ends.index.get_level_values("recovery") == "rewind"]
    assert readings.paired(same, "Against them", P.confidence).endswith(
        "none of 3 differences can be told from zero over 3 seeds."
    )


def test_one_seed_is_no_verdict():
    ends = ahead(at_the_end(ways({"dense": [0.1]})), "accuracy", recovery="retrain")
    assert "one seed, so how far this varies cannot be told." in readings.paired(ends, "Against them", P.confidence)
    for name in ALONE:
        alone = ends.iloc[:0].rename_axis([*ends.index.names[:-1], name])
        assert "asked" in readings.paired(alone, "Against them", P.confidence)
